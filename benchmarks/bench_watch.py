"""What watching a PyTorch training costs: the same training with and without `simplebias.watch`, in turn.

A small MLP takes 10,000 steps; a ResNet-18 (11.2 million weights, pictures of 32 × 32 pixels) takes few, from which the
cost of a step and of a look are told, and with them the overhead of a training of any length at the default schedule.
The seconds before the first step and after the last (imports of JAX, compilation, the report) are told apart: they are
the same for any length.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

import simplebias
from simplebias.integrations.timing import plan

STEPS = 10_000
ROUNDS = 3
PICTURES, BATCH = 256, 128
LARGE_STEPS = 8
LENGTHS = (1_000, 10_000, 100_000)


def small() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(1, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))


def train(model: nn.Module, x: torch.Tensor, y: torch.Tensor, loss_of, steps: int, watching=None) -> np.ndarray:
    """Seconds of the loop alone: by the clock, and of all processors, which a busy machine does not lengthen."""
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    began = np.array([time.perf_counter(), time.process_time()])
    for _ in range(steps):
        optimiser.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimiser.step()
        if watching is not None:
            watching.step(loss)
    return np.array([time.perf_counter(), time.process_time()]) - began


def bench_small() -> None:
    x = torch.linspace(-1, 1, 200)[:, None]
    y = torch.sin(3 * x) + 0.3 * torch.sin(20 * x)
    plain, watched, entries, exits = [], [], [], []
    for _ in range(ROUNDS):
        plain.append(train(small(), x, y, nn.functional.mse_loss, STEPS))
        model = small()
        with (
            tempfile.TemporaryDirectory() as folder,
            simplebias.watch(model, x, y, out=Path(folder) / "run") as watching,
        ):
            watched.append(train(model, x, y, nn.functional.mse_loss, STEPS, watching))
        entries.append(watching.seconds["entry"])
        exits.append(watching.seconds["exit"])
    alone, seen = np.median(plain, axis=0), np.median(watched, axis=0)
    print(f"MLP 1-64-64-1, {STEPS:,} steps on 200 points, {len(watching.run.data['step'])} looks at outputs")
    for name, one, two in zip(("clock", "processors"), alone, seen, strict=True):
        print(f"  by the {name}: loop alone {one:.2f} s, watched {two:.2f} s, {100 * (two / one - 1):+.1f} %")
    print(f"  before the loop {entries[0]:.2f} s, {min(entries):.2f} s again; after it {min(exits):.2f} s")


class Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        nn.Module.__init__(self)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm1, self.norm2 = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pictures to pictures."""
        h = self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x)))))
        return torch.relu(h + self.shortcut(x))


def large() -> nn.Module:
    """ResNet-18 for pictures of 32 × 32 pixels."""
    torch.manual_seed(0)
    blocks: list[nn.Module] = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    inputs = 64
    for outputs, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        blocks += [Block(inputs, outputs, stride), Block(outputs, outputs, 1)]
        inputs = outputs
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


def bench_large() -> None:
    generator = torch.Generator().manual_seed(0)
    pictures = torch.rand(PICTURES, 3, 32, 32, generator=generator)
    labels = torch.randint(10, (PICTURES,), generator=generator)
    x, y = pictures[:BATCH], labels[:BATCH]
    model = large()
    step = train(model, x, y, nn.functional.cross_entropy, 3)[0] / 3
    with simplebias.watch(model, pictures, labels, report=False) as watching:
        train(model, x, y, nn.functional.cross_entropy, LARGE_STEPS, watching)
    looked = [len(watching.run.data[name]) for name in ("step", "step_effective_neurons")]
    often = plan(None)[0]
    spent = watching.seconds["loop"] + watching.seconds["exit"]
    look = spent / looked[0]
    weights = sum(weight.numel() for weight in model.parameters())
    print(f"ResNet-18, {weights / 1e6:.1f} million weights, batches of {BATCH}, {PICTURES} probe pictures")
    print(f"  a step {step:.2f} s; a look {look:.2f} s, weights and measures of {looked[1]} in {looked[0]} included")
    for steps in LENGTHS:
        count = len(often(steps))
        print(f"  {steps:,} steps: {count} looks, {100 * count * look / (steps * step):.2f} %")
    print(f"  before the loop {watching.seconds['entry']:.1f} s")


if __name__ == "__main__":
    bench_small()
    bench_large()
