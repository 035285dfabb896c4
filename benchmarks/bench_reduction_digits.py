"""Reduction of networks trained on the shipped digits: condensed ones at least 4 times smaller, at a change of 1 %.

    python benchmarks/bench_reduction_digits.py [--seeds 0 1 2] [--show]

Networks of ReLU that start small (weights of std m^-t), so that they condense, and one of the linear regime ("ntk"),
which hardly shrinks: for it, what `reduce` says is printed (for the first seed, with `--show` for every network). Of
the 1797 pictures 500 are held out, the same for every seed; the change that counts is that on them, and `reduce` sees
the others, without their labels, with a tolerance of 0.009. Exit status 1 unless every condensed network has at least 4
times fewer neurons at a relative change of at most 0.01, the mean test accuracy is not lower, and every other is called
not condensed.
"""

import argparse
import os
import platform
import sys
import time

import jax
import numpy as np
import optax

import simplebias
from simplebias.core.task import Classification
from simplebias.data import read
from simplebias.networks import MLP
from simplebias.training import train

HELD_OUT = 500
TIMES, CHANGE = 4.0, 0.01
CASES = {"condensed, 1 layer": (1, "power:3"), "condensed, 2 layers": (2, "power:2"), "linear, 1 layer": (1, "ntk")}
WIDTH, STEPS, RATE = 400, 1000, 1e-3


def held_out() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    sample = read("digits")
    order = np.random.default_rng(0).permutation(len(sample.points))
    points, labels = sample.points[order].astype(np.float32), np.asarray(sample.labels)[order]
    return points[HELD_OUT:], labels[HELD_OUT:], points[:HELD_OUT], labels[:HELD_OUT]


def measure(name: str, seed: int, show: bool) -> tuple[float, float, float, float, bool]:
    depth, rule = CASES[name]
    points, labels, test, test_labels = held_out()
    network = MLP(64, 10, WIDTH, depth, activation="relu", initialisation=rule, key=jax.random.key(seed))
    task, begun = Classification(points, labels), time.process_time()
    network = train(network, task, updater=optax.adam(RATE), steps=STEPS, key=jax.random.key(seed + 100)).network
    trained = time.process_time() - begun
    small = simplebias.reduce(network, points, tolerance=0.9 * CHANGE)
    old, new = (np.asarray(jax.vmap(one)(test)) for one in (network, small.network))
    before, after = (100 * float(np.mean(one.argmax(axis=1) == test_labels)) for one in (old, new))
    change = float(np.linalg.norm(new - old) / np.linalg.norm(old))
    times = sum(small.widths[0]) / sum(small.widths[1])
    widths = " and ".join(str(width) for width in small.widths[1])
    print(
        f"{name:20}{seed:>5}{widths:>12}{times:>8.1f}{small.change:>9.4f}{change:>10.4f}{before:>10.1f}{after:>7.1f}"
        f"{trained:>9.0f} s",
        flush=True,
    )
    if show:
        print(small)
    return times, change, before, after, small.condensed


def main() -> int:
    parser = argparse.ArgumentParser(description="Reduction on digits.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python "
        f"{platform.python_version()}, JAX {jax.__version__}, NumPy {np.__version__}: width {WIDTH}, ReLU, Adam at "
        f"{RATE}, {STEPS} steps on {1797 - HELD_OUT} digits, tested on {HELD_OUT}"
    )
    print("network              seed     neurons   times   change   on test  accuracy  after  training")
    good = True
    for name in CASES:
        rows = [
            measure(name, seed, options.show or ("linear" in name and not at)) for at, seed in enumerate(options.seeds)
        ]
        times, change, before, after, condensed = np.transpose(rows)
        if "linear" in name:
            good &= not condensed.any()
        else:
            good &= bool(min(times) >= TIMES and max(change) <= CHANGE and np.mean(after) >= np.mean(before))
    print(f"bound: {TIMES:g} times at {CHANGE:g}, no loss of accuracy; not condensed: {'met' if good else 'MISSED'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
