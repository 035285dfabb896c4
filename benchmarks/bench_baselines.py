"""What needs no training: errors and times of lattices, triangles and random features on the problems of the catalogue.

    python benchmarks/bench_baselines.py [--rounds 3]

Each method solves each problem in turn, after one call that compiles; times are the best of the rounds. Exit status 1
if random features err by more than 1e-10 on `two-scale` or 1e-7 on `sines-15`, or take more than 2 s.
"""

import argparse
import os
import sys
import time

import jax
import numpy as np

from simplebias.pde import finite_differences, finite_elements, random_features, ready

KEY = jax.random.key(11)
BANDWIDTH = {"two-scale": 180, "sines-7": 12, "sines-15": 22, "holes-15": 22}  # radians per unit
ROWS = {
    "two-scale": [("lattice", n) for n in (200, 1000, 4000)] + [("waves", m) for m in (100, 200)],
    "sines-7": [("lattice", n) for n in (64, 256)] + [("waves", m) for m in (400, 800)],
    "sines-15": [("lattice", n) for n in (64, 256)] + [("waves", m) for m in (400, 800, 1600)] + [("found", 800)],
    "holes-15": [("triangles", 1e-3), ("waves", 800), ("waves", 1600)],
}
BOUNDS = {("two-scale", "waves", 200): 1e-10, ("sines-15", "waves", 800): 1e-7}
SECONDS = 2.0


def solve(name, method, size):
    problem = ready(name)
    if method == "lattice":
        return finite_differences(problem, size)
    if method == "triangles":
        return finite_elements(problem, tolerance=size)
    bandwidth = BANDWIDTH[name] / (2 * np.pi) if method == "waves" else None
    return random_features(problem, features=size, bandwidth=bandwidth, key=KEY)


def main() -> int:
    parser = argparse.ArgumentParser(description="Errors and times of methods that need no training.")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    words = {"lattice": "intervals", "waves": "random features", "triangles": "change, finite elements"}
    words["found"] = "random features, bandwidth found"
    print(f"relative L2 error at 4000 points; jax {jax.__version__}, {os.cpu_count()} cores; best of {options.rounds}")
    good = True
    for name, rows in ROWS.items():
        problem = ready(name)
        points = np.asarray(problem.domain.sample(4000, key=KEY), float)
        with jax.enable_x64(True):
            exact = np.asarray(problem.exact_values(points))
        for method, size in rows:
            times, solution = [], solve(name, method, size)
            for _ in range(options.rounds):
                began = time.perf_counter()
                solution = solve(name, method, size)
                times.append(time.perf_counter() - began)
            error = np.linalg.norm(solution.values(points) - exact) / np.linalg.norm(exact)
            bound = BOUNDS.get((name, method, size))
            met = bound is None or (error <= bound and min(times) <= SECONDS)
            good &= met
            said = "" if met else f"   <- above {bound:g} or {SECONDS:g} s"
            print(
                f"{name:>10}, {size:>6} {words[method]:<34} {error:9.1e}  {1e3 * min(times):8.1f} ms{said}", flush=True
            )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
