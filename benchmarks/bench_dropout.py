"""Training with dropout against the same training without: at most 1.3 times the work.

    python benchmarks/bench_dropout.py [--rounds 9] [--cores 1]

Both sides take turns in one process and call `simplebias.train` after a first call that compiles. What counts is the
time of the processor, as others may use the machine; by default on one core (Linux), where it is the work that is
compared. With more, XLA's threads wait for each other in steps of some 20 µs, which costs either side and counts as
time of the processor. Exit status 1 if the median ratio of a case is above the bound.
"""

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable

import jax
import numpy as np
import optax

from simplebias.core.task import Classification, Regression, Task
from simplebias.networks import MLP, TwoLayer
from simplebias.training import Gradient, train

BOUND, RATE = 1.3, 0.1


def cases() -> dict[str, tuple[Callable, Task, int | None, int]]:
    """Maker of a network with a rate, task, batch size and steps, by name."""
    key, draw = jax.random.key(0), np.random.default_rng(0)
    line = np.linspace(-1, 1, 500, dtype=np.float32)[:, None]
    few = np.linspace(-11.5, 11.5, 13, dtype=np.float32)[:, None]
    many, fits = Regression(line, np.sin(6 * line)), Regression(few, np.tanh(few - 6) + np.tanh(few + 6))
    pictures = draw.normal(size=(2000, 784)).astype(np.float32)
    digits = Classification(pictures, draw.integers(0, 10, 2000))
    return {
        "tanh, width 1000, 13 points": (lambda rate: TwoLayer(1, 1, 1000, dropout=rate, key=key), fits, None, 10_000),
        "tanh, width 1000, 500 points": (lambda rate: TwoLayer(1, 1, 1000, dropout=rate, key=key), many, None, 400),
        "ReLU, width 1000, 500 points": (
            lambda rate: TwoLayer(1, 1, 1000, activation="relu", dropout=rate, key=key), many, None, 400),
        "tanh, 2 layers of 200, 500 points": (lambda rate: MLP(1, 1, 200, 2, dropout=rate, key=key), many, None, 200),
        "ReLU, 784-1024-1024-10, batch 128": (
            lambda rate: MLP(784, 10, 1024, 2, activation="relu", dropout=rate, key=key), digits, 128, 10),
    }  # fmt: skip


def timed(network, task: Task, updater: Gradient, steps: int) -> float:
    began = time.process_time()
    train(network, task, updater=updater, steps=steps, measures={}, key=jax.random.key(1))
    return (time.process_time() - began) / steps


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--cores", type=int, default=1)
    options = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, {options.cores} used, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, JAX {jax.__version__}; rate {RATE}, Adam; command: {' '.join(sys.argv)}"
    )
    print(f"{'processor time of a step':36}{'without':>11}{'with':>11}{'ratio':>7}{'spread':>12}{'bound':>7}")
    good = True
    for name, (make, task, batch, steps) in cases().items():
        updater = Gradient(optax.adam(1e-3), batch_size=batch)
        sides = make(0.0), make(RATE)
        pairs = [[timed(side, task, updater, steps) for side in sides] for _ in range(options.rounds + 1)][1:]
        plain, dropping = (statistics.median(side) for side in zip(*pairs, strict=True))
        ratios = [b / a for a, b in pairs]
        ratio = statistics.median(ratios)
        spread = f"{min(ratios):.2f}–{max(ratios):.2f}"
        print(f"{name:36}{plain * 1e6:>9.1f}µs{dropping * 1e6:>9.1f}µs{ratio:>7.2f}{spread:>12}{BOUND:>6}×"
              f"{'' if ratio <= BOUND else '  MISSED'}", flush=True)  # fmt: skip
        good &= ratio <= BOUND
    return 0 if good else 1


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):  # before JAX makes its threads
        wanted = int(sys.argv[sys.argv.index("--cores") + 1]) if "--cores" in sys.argv else 1
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-wanted:])
    sys.exit(main())
