"""Non-uniform spectra: does `method="auto"` take the faster of finufft and the plain sum?

    python benchmarks/bench_spectrum.py [--points 100000] [--rounds 3]

For 1, 2 and 3 inputs and growing numbers of frequencies both methods and `auto` are timed in turn, in one process.
Exit status 1 if `auto` ever takes more than twice as long as the faster one (and 20 ms more), or results differ.
"""

import argparse
import os
import sys
import time

import finufft
import jax
import numpy as np

from simplebias.frequency import spectrum

METHODS = ("direct", "nufft", "auto")
REACH = {1: 50.0, 2: 10.0, 3: 5.0}


def timed(arguments: tuple, method: str) -> tuple[float, np.ndarray]:
    start = time.perf_counter()
    result = np.asarray(spectrum(*arguments, method=method, allow_aliased=True))
    return time.perf_counter() - start, result


def main() -> int:
    parser = argparse.ArgumentParser(description="Non-uniform spectra: the faster of finufft and the plain sum.")
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    random, good = np.random.default_rng(0), True
    print(
        f"{options.points} scattered points, 1 output; jax {jax.__version__}, finufft {finufft.__version__}, "
        f"{os.cpu_count()} cores; milliseconds, the best of {options.rounds}"
    )
    for inputs, reach in REACH.items():
        x, y = random.random((options.points, inputs)), random.standard_normal(options.points)
        for count in (1, 3, 10, 30, 100):
            arguments = (x, y, reach * (2 * random.random((count, inputs)) - 1))
            rounds = [[timed(arguments, method) for method in METHODS] for _ in range(options.rounds + 1)][1:]
            best = {name: min(one[index][0] for one in rounds) for index, name in enumerate(METHODS)}
            apart = np.abs(rounds[0][0][1] - rounds[0][1][1]).max()
            faster = min(best["direct"], best["nufft"])
            right = best["auto"] <= 2 * faster + 0.02 and apart < 1e-5
            good &= right
            times = ", ".join(f"{name} {1e3 * best[name]:.1f}" for name in METHODS)
            print(f"{inputs} inputs, {count:>4} frequencies: {times}{'' if right else '   <- not the faster one'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
