"""PyTorch modules made small, against magnitude pruning of Torch-Pruning at equal widths, on digits.

    python benchmarks/bench_reduce_torch.py [--data FOLDER] [--epochs 3] [--seeds 0 1] [--points 10000]

FOLDER holds MNIST's four idx files; by default the environment's SIMPLEBIAS_MNIST. Two networks, an MLP with one hidden
layer of 256 and a small CNN with normalisation (16 and 32 kernels), each drawn in two ways: as PyTorch does, and small
(the MLP by `simplebias.torch.phase_` at γ = 4, deep in the condensed regime; the CNN's weights divided by 10). All are
trained by Adam at 1e-3. Each is reduced by `simplebias.torch.reduce` at a tolerance of 1 % (what that leaves tells how
condensed it is), and to a half, a quarter and an eighth of the channels of every layer by its refit on 1,000 training
pictures without labels; and by Torch-Pruning's MagnitudePruner (L2, `pip install torch-pruning`) to the same shares,
skipped where it is missing. Test accuracy is told before retraining and after one more epoch of Adam at 1e-3.
Exit status 1 unless the refit has the higher mean accuracy before retraining at every share.
"""

import argparse
import copy
import importlib.util
import os
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from simplebias.data import read
from simplebias.torch import phase_, reduce

KEPT = (0.5, 0.25, 0.125)
BATCH, FITTED = 128, 1000


def pictures(folder: Path, part: str, most: int) -> tuple[torch.Tensor, torch.Tensor]:
    sample = read(folder / f"{part}-images-idx3-ubyte.gz", limit=most)
    return torch.tensor(sample.points, dtype=torch.float32).reshape(-1, 1, 28, 28), torch.tensor(sample.labels)


def dense(small: bool) -> nn.Module:
    hidden = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
    return nn.Sequential(nn.Flatten(), *(phase_(hidden, 4.0) if small else hidden))


def convolutional(small: bool) -> nn.Module:
    module = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(32 * 49, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip
    with torch.no_grad():
        for layer in module:
            if small and isinstance(layer, nn.Linear | nn.Conv2d):
                layer.weight /= 10
    return module


def train(module: nn.Module, points: torch.Tensor, labels: torch.Tensor, epochs: int) -> None:
    optimiser = torch.optim.Adam(module.parameters(), 1e-3)
    module.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(points)).split(BATCH):
            optimiser.zero_grad()
            nn.functional.cross_entropy(module(points[rows]), labels[rows]).backward()
            optimiser.step()


def accuracy(module: nn.Module, points: torch.Tensor, labels: torch.Tensor) -> float:
    module.eval()
    with torch.no_grad():
        found = torch.cat([module(some).argmax(dim=1) for some in points.split(500)])
    return 100 * float((found == labels).float().mean())


def pruned(module: nn.Module, points: torch.Tensor, share: float) -> nn.Module:
    import torch_pruning  # pyright: ignore[reportMissingImports]

    small = copy.deepcopy(module).eval()
    last = [layer for layer in small.modules() if isinstance(layer, nn.Linear)][-1]
    torch_pruning.pruner.MagnitudePruner(
        small, points[:2], importance=torch_pruning.importance.MagnitudeImportance(p=2), pruning_ratio=1 - share,
        ignored_layers=[last],
    ).step()  # fmt: skip
    return small


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("SIMPLEBIAS_MNIST"))
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--points", type=int, default=10_000)
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("--data FOLDER with MNIST's files, or SIMPLEBIAS_MNIST")
    points, labels = pictures(Path(arguments.data), "train", arguments.points)
    held, truth = pictures(Path(arguments.data), "t10k", 10_000)
    rival = importlib.util.find_spec("torch_pruning") is not None
    if not rival:
        print("torch-pruning is missing (pip install torch-pruning): its columns are left out")
    behind = 0
    for name, make in (("MLP", dense), ("CNN", convolutional)):
        for small in (False, True):
            rows: dict[tuple[float, str], list[tuple[float, float]]] = {}
            for seed in arguments.seeds:
                torch.manual_seed(seed)
                module = make(small)
                train(module, points, labels, arguments.epochs)
                merged = reduce(module, points[:FITTED], tolerance=0.01)
                print(f"{name}, {'small' if small else 'usual'} weights at first, seed {seed}: "
                      f"test accuracy {accuracy(module, held, truth):.2f} %. {merged.verdict} "
                      f"Accuracy {accuracy(merged.module, held, truth):.2f} %.", flush=True)  # fmt: skip
                for share in KEPT:
                    made = {"refit": reduce(module, points[:FITTED], keep=share).module}
                    if rival:
                        made["magnitude"] = pruned(module, points, share)
                    for rule, one in made.items():
                        before, state = accuracy(one, held, truth), torch.get_rng_state()
                        torch.manual_seed(seed + 100)
                        train(one, points, labels, 1)
                        torch.set_rng_state(state)
                        size = sum(value.numel() for value in one.parameters())
                        rows.setdefault((share, f"{rule} ({size:,})"), []).append((before, accuracy(one, held, truth)))
            best: dict[float, dict[str, float]] = {}
            for (share, rule), found in rows.items():
                first, then = np.mean(found, axis=0)
                best.setdefault(share, {})[rule.split()[0]] = first
                print(f"  kept {share:.3g}, {rule}: {first:.2f} % before retraining, {then:.2f} % after", flush=True)
            behind += sum(one["refit"] < one.get("magnitude", 0) for one in best.values())
    return int(behind > 0)


if __name__ == "__main__":
    sys.exit(main())
