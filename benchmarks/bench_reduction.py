"""Reduction of an MLP of two hidden layers of 1000 neurons, condensed or not, within 2 s.

    python benchmarks/bench_reduction.py [--width 1000] [--points 2000] [--rounds 3]

The condensed network is one of two hidden layers of 8 whose neurons were split, each copy with a multiple of its own;
the other is as it was drawn. No rival: no packaged tool merges neurons by what they say. The first call, in which JAX
compiles, is told apart. Exit status 1 unless the medians are within 2 s and the condensed network is back at 8 and 8.
"""

import argparse
import os
import platform
import statistics
import sys
import time

import jax
import numpy as np

import simplebias
from simplebias.networks import MLP, chain_of, with_weights

BOUND = 2.0
CORE = 8


def condensed(width: int) -> MLP:
    """A network of `CORE` neurons in each hidden layer, its neurons split until there are `width`."""
    network, draw = MLP(10, 3, CORE, 2, activation="relu", key=jax.random.key(0)), np.random.default_rng(0)
    chain = chain_of(network)
    for group in chain.groups:
        own = np.concatenate([np.arange(CORE), draw.integers(0, CORE, width - CORE)])
        factors, shares = draw.uniform(0.3, 3, width), draw.uniform(0.2, 1, width)
        shares /= np.bincount(own, shares)[own]
        copies = np.eye(CORE)[own]
        chain = chain.edit(group, factors[:, None] * copies, (shares / factors) * copies.T)
    return with_weights(network, chain)


def measure(name: str, network: MLP, points: jax.Array, rounds: int) -> tuple[float, tuple[int, ...]]:
    times = []
    for _ in range(rounds + 1):
        begun = time.perf_counter()
        small = simplebias.reduce(network, points)
        times.append(time.perf_counter() - begun)
    median = statistics.median(times[1:])
    print(f"{name}: {median:.2f} s ({min(times[1:]):.2f}–{max(times[1:]):.2f}), first call {times[0]:.2f} s")
    print(f"  {small.verdict}")
    return median, small.widths[1]


def main() -> int:
    parser = argparse.ArgumentParser(description="Time of a reduction.")
    parser.add_argument("--width", type=int, default=1000)
    parser.add_argument("--points", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python "
        f"{platform.python_version()}, JAX {jax.__version__}, NumPy {np.__version__}: {options.points} points, two "
        f"hidden layers of {options.width}, ReLU, float32"
    )
    points = jax.random.normal(jax.random.key(1), (options.points, 10))
    drawn = MLP(10, 3, options.width, 2, activation="relu", key=jax.random.key(2))
    one, widths = measure("condensed", condensed(options.width), points, options.rounds)
    other, _ = measure("as drawn", drawn, points, options.rounds)
    good = max(one, other) <= BOUND and widths == (CORE, CORE)
    print(f"bound: {BOUND:g} s, and {CORE} and {CORE} neurons again: {'met' if good else 'MISSED'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
