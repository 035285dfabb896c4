"""Steps per second of `simplebias.train` against an eager PyTorch loop, cost of records, and time to the first step.

    python benchmarks/bench_training.py [--rounds 5] [--only speed|records|start]

Same network, first weights, data and optimiser on both sides, and the losses after 200 steps are compared first. The
sides take turns in one process; figures are medians over rounds. A time of simplebias is that of a whole second call of
`train`, its preparation included; of PyTorch, that of the bare loop, with as many threads as make it fastest. Exit
status 1 if a figure misses its bound.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time

import jax
import numpy as np
import optax

from simplebias.condensation import feature_measure
from simplebias.core.schedule import log_steps
from simplebias.core.snapshot import Record
from simplebias.core.task import Regression
from simplebias.frequency import FourierBasis, spectrum_measure
from simplebias.networks import TwoLayer, ensemble
from simplebias.training import Gradient, loss_measure, train

RATE = 1e-3
CASES = {  # name: width, points, members, optimiser, steps of simplebias, steps of PyTorch, least ratio
    "width 100, 80 points, Adam": (100, 80, 1, "adam", 40_000, 600, 10),
    "width 100, 80 points, SGD": (100, 80, 1, "sgd", 40_000, 600, 10),
    "width 1000, 500 points, Adam": (1000, 500, 1, "adam", 3_000, 300, 5),
    "width 1000, 500 points, SGD": (1000, 500, 1, "sgd", 3_000, 300, 5),
    "64 of width 100, 80 points, Adam": (100, 80, 64, "adam", 3_000, 200, 3),
    "64 of width 100, 80 points, SGD": (100, 80, 64, "sgd", 3_000, 200, 3),
}
RECORDS_BOUND, FIRST_STEP_BOUND, IMPORT_BOUND, HELP_BOUND = 0.10, 3.0, 1.0, 1.0


def data(points: int) -> tuple[np.ndarray, np.ndarray]:
    """A sum of sines on [-1, 1]."""
    x = np.linspace(-1, 1, points, dtype=np.float32)[:, None]
    return x, np.sin(2 * np.pi * x) + 0.5 * np.sin(6 * np.pi * x)


def networks(width: int, members: int):
    make = lambda key: TwoLayer(1, 1, width, activation="tanh", key=key)
    if members == 1:
        return make(jax.random.key(0))
    return ensemble(make, jax.random.split(jax.random.key(0), members))


class Simplebias:
    """The same call of `train` again and again."""

    def __init__(self, width: int, points: int, members: int, name: str):
        x, y = data(points)
        self.network, self.task = networks(width, members), Regression(x, y)
        self.updater = Gradient(getattr(optax, name)(RATE))
        self.seeds = None if members == 1 else range(members)

    def train(self, steps: int, measures=None):
        """The whole call, by default without records."""
        return train(self.network, self.task, key=jax.random.key(1), updater=self.updater, steps=steps,
                     seeds=self.seeds, measures=measures or {})  # fmt: skip

    def loss(self, steps: int) -> float:
        """Mean loss of the members after some steps."""
        run = self.train(steps, {"loss": Record(loss_measure(self.task), at=[steps])})
        return float(run.data["loss"].mean())


class Torch:
    """The eager loop that one writes first; an ensemble with stacked weights and batched products."""

    def __init__(self, width: int, points: int, members: int, name: str):
        import torch

        self.x, self.y = map(torch.from_numpy, data(points))
        first, last = networks(width, members).layers
        take = lambda array: torch.nn.Parameter(torch.from_numpy(np.array(array)))
        self.w, self.b, self.a = (take(x) for x in (first.weight, first.bias, last.weight))
        self.parameters = [self.w, self.b, self.a]
        if last.bias is not None:
            self.parameters.append(take(last.bias))
        self.multipliers, self.members = (first.multiplier, first.bias_multiplier, last.multiplier), members
        self.optimiser = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[name](self.parameters, lr=RATE)

    def outputs(self):
        """Of the network at the points."""
        import torch

        assert self.multipliers == (1.0, 1.0, 1.0)
        if self.members == 1:
            hidden = torch.tanh(torch.nn.functional.linear(self.x, self.w, self.b))
            return torch.nn.functional.linear(hidden, self.a, *self.parameters[3:])
        points = self.x.expand(self.members, *self.x.shape)
        hidden = torch.tanh(torch.baddbmm(self.b[:, None], points, self.w.mT))
        outputs = torch.bmm(hidden, self.a.mT)
        return outputs + self.parameters[3][:, None] if len(self.parameters) > 3 else outputs

    def train(self, steps: int) -> float:
        """The bare loop; it returns the mean loss of the members after it."""
        for _ in range(steps):
            self.optimiser.zero_grad()
            squares = (self.outputs() - self.y) ** 2
            loss = squares.mean() if self.members == 1 else squares.mean((1, 2)).sum()
            loss.backward()
            self.optimiser.step()
        return ((self.outputs() - self.y) ** 2).mean().item()


def timed(function, *arguments) -> float:
    began = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - began


def fastest_threads(rival: Torch, steps: int) -> int:
    import torch

    times = {}
    for threads in range(1, (torch.get_num_threads() if torch.get_num_threads() > 1 else 2) + 1):
        torch.set_num_threads(threads)
        rival.train(10)
        times[threads] = min(timed(rival.train, steps // 4) for _ in range(2))
    best = min(times, key=times.__getitem__)
    torch.set_num_threads(best)
    return best


def speed(rounds: int) -> bool:
    print(f"\n{'case':34}{'simplebias':>12}{'PyTorch':>10}{'threads':>9}{'ratio':>8}{'spread':>14}{'bound':>7}")
    good = True
    for case, (*shape, steps, rival_steps, bound) in CASES.items():
        ours, rival = Simplebias(*shape), Torch(*shape)
        losses = ours.loss(200), rival.train(200)
        assert np.isclose(*losses, rtol=1e-2), f"{case}: not the same training, losses {losses}"
        ours.train(steps)
        threads = fastest_threads(rival, rival_steps)
        pairs = [(timed(ours.train, steps), timed(rival.train, rival_steps)) for _ in range(rounds)]
        rates = [(steps / one, rival_steps / other) for one, other in pairs]
        ratios = [one / other for one, other in rates]
        ratio = statistics.median(ratios)
        ours_rate, rival_rate = (statistics.median(side) for side in zip(*rates, strict=True))
        spread = f"{min(ratios):.1f}–{max(ratios):.1f}"
        print(f"{case:34}{ours_rate:>10,.0f}/s{rival_rate:>8,.0f}/s{threads:>9}{ratio:>8.1f}{spread:>14}{bound:>6}×"
              f"{'' if ratio >= bound else '  MISSED'}", flush=True)  # fmt: skip
        good &= ratio >= bound
    return good


def records(rounds: int) -> bool:
    x, _ = data(80)
    ours = Simplebias(100, 80, 1, "adam")
    frequencies = np.arange(40) * 0.25
    basis = FourierBasis(x, frequencies)
    measures = {
        "loss": Record(loss_measure(ours.task), at=log_steps(100)),
        "spectrum": Record(spectrum_measure(basis, frequencies), at=log_steps(100)),
        "features": Record(feature_measure(limit=None), at=log_steps(100)),
    }
    title = "100 log-spaced records of loss, spectrum, features"
    print(f"\n{title:56}{'without':>9}{'with':>9}{'cost':>8}{'bound':>7}")
    good = True
    for steps in (20_000, 100_000):
        for kept in (None, measures):
            ours.train(steps, kept)
        pairs = [(timed(ours.train, steps), timed(ours.train, steps, measures)) for _ in range(2 * rounds + 1)]
        bare, full = (statistics.median(side) for side in zip(*pairs, strict=True))
        cost = statistics.median(b / a - 1 for a, b in pairs)
        case = f"width 100, 80 points, Adam, {steps:,} steps"
        print(f"{case:56}{bare:>8.3f}s{full:>8.3f}s{cost:>8.1%}{RECORDS_BOUND:>7.0%}"
              f"{'' if cost <= RECORDS_BOUND else '  MISSED'}", flush=True)  # fmt: skip
        good &= cost <= RECORDS_BOUND
    return good


FIRST_STEP = """
import json, time
import jax, numpy as np, optax
from simplebias.core.task import Regression
from simplebias.networks import TwoLayer
from simplebias.training import train
x = np.linspace(-1, 1, 80, dtype=np.float32)
network, task = TwoLayer(1, 1, 100, key=jax.random.key(0)), Regression(x, np.sin(6 * x))
began = time.perf_counter()
train(network, task, updater=optax.adam(1e-3), steps=1, key=jax.random.key(1))
print(json.dumps(time.perf_counter() - began))
"""
IMPORT = """
import json, time
import jax
began = time.perf_counter()
{}
print(json.dumps(time.perf_counter() - began))
"""


def in_fresh_process(code: str) -> float:
    return json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def start(rounds: int) -> bool:
    def ask_for_help() -> None:
        subprocess.run([sys.executable, "-m", "simplebias.cli", "--help"], capture_output=True, check=True)

    figures = {
        "first step, from the call of train (fresh process)": (lambda: in_fresh_process(FIRST_STEP), FIRST_STEP_BOUND),
        "import simplebias, beyond import jax": (
            lambda: in_fresh_process(IMPORT.format("import simplebias")), IMPORT_BOUND),
        "import simplebias.training, beyond import jax": (
            lambda: in_fresh_process(IMPORT.format("import simplebias.training")), None),
        "simplebias --help": (lambda: timed(ask_for_help), HELP_BOUND),
    }  # fmt: skip
    print(f"\n{'seconds':56}{'median':>9}{'most':>9}{'bound':>7}")
    good = True
    for name, (measure, bound) in figures.items():
        values = [measure() for _ in range(max(rounds, 3))]
        median = statistics.median(values)
        met = bound is None or median <= bound
        print(f"{name:56}{median:>8.2f}s{max(values):>8.2f}s{f'{bound:.0f}s' if bound else '':>7}"
              f"{'' if met else '  MISSED'}", flush=True)  # fmt: skip
        good &= met
    return good


def main() -> int:
    import torch

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=["speed", "records", "start"])
    options = parser.parse_args()
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{platform.platform()}, {platform.machine()}, {os.cpu_count()} cores, {load}")
    print(f"python {platform.python_version()}, jax {jax.__version__}, optax {optax.__version__}, "
          f"torch {torch.__version__}, rounds {options.rounds}, command: {' '.join(sys.argv)}")  # fmt: skip
    parts = {"speed": speed, "records": records, "start": start}
    wanted = parts if options.only is None else {options.only: parts[options.only]}
    results = [part(options.rounds) for part in wanted.values()]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
