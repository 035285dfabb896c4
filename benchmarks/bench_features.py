"""Features, order and effective neurons of a layer of 10,000, within a second each and without a matrix of all pairs.

    python benchmarks/bench_features.py [--width 10000] [--columns 785] [--rounds 5]

Random weights, among which no two are alike, and condensed ones, on five directions. Each is taken once before, so that
nothing is compiled in what is timed. The memory is the largest of the process beyond that before the first call, its
compilation included; a matrix of all pairs alone would take 381 MiB in float32. Exit status 1 unless the medians are
within a second and the memory is less than that matrix.
"""

import argparse
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable

import jax
import numpy as np

from simplebias.condensation import amplitude, effective_neurons, leading_order, orientation
from simplebias.core.snapshot import Neurons

BOUND = 1.0
MEBI = 2**20


def weights(kind: str, width: int, columns: int) -> np.ndarray:
    draw = np.random.default_rng(0)
    random = draw.normal(size=(width, columns)).astype(np.float32)
    if kind == "random":
        return random
    centres = draw.normal(size=(5, columns))[draw.integers(0, 5, width)]
    return (centres * draw.uniform(0.5, 2, (width, 1)) + 1e-3 * random).astype(np.float32)


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(function: Callable, rounds: int) -> tuple[list[float], list[float]]:
    walls, cores = [], []
    for _ in range(rounds + 1):
        wall, core = time.perf_counter(), time.process_time()
        jax.block_until_ready(function())
        walls.append(time.perf_counter() - wall)
        cores.append(time.process_time() - core)
    return walls[1:], cores[1:]


def main() -> int:
    parser = argparse.ArgumentParser(description="Time and memory of features of a wide layer.")
    parser.add_argument("--width", type=int, default=10_000)
    parser.add_argument("--columns", type=int, default=785)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python "
        f"{platform.python_version()}, JAX {jax.__version__}, NumPy {np.__version__}: {options.width} neurons"
    )
    good = True
    for columns in (options.columns, 2):
        for kind in ("random", "condensed"):
            rows = jax.numpy.asarray(weights(kind, options.width, columns))
            layer = Neurons(rows[:, :-1], rows[:, -1], jax.numpy.ones((1, options.width)), "relu")
            before = peak()
            cases = {
                "features": lambda layer=layer: (orientation(layer), amplitude(layer)),
                "order": lambda rows=rows: leading_order(rows),
                "effective neurons": lambda rows=rows: effective_neurons(rows),
            }
            for name, function in cases.items():
                walls, cores = timed(function, options.rounds)
                wall = statistics.median(walls)
                good &= wall <= BOUND
                print(
                    f"{columns} columns, {kind}, {name}: {wall:.2f} s ({min(walls):.2f}–{max(walls):.2f}), "
                    f"{statistics.median(cores):.2f} CPU-s"
                )
            grown = peak() - before
            allowed = options.width**2 * 4 / MEBI
            good &= grown < allowed
            print(f"{columns} columns, {kind}: memory grew by {grown:.0f} MiB, all pairs would take {allowed:.0f}")
    print(f"bound: {BOUND:g} s each, and the memory: {'met' if good else 'MISSED'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
