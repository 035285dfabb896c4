"""Filtering of 20,000 × 784 points against a tiled PyTorch version: time and memory beyond the data, in one run.

    python benchmarks/bench_filtering.py [--points 20000] [--widths 3] [--rounds 3]
    python benchmarks/bench_filtering.py --points 60000 --widths 5 --rounds 1 --against product

Each side runs in processes of its own, in turn, so that peaks of memory do not mix and load falls on both. Both filter
10 outputs in tiles of 512 rows, all variances in one pass, in float32. The first call, in which JAX compiles, is stated
apart. With `--against product` the other side is the bare product `X Xᵀ` of the same size, tile by tile, by NumPy's
BLAS: the least that distances cost. Exit status 1 unless simplebias is faster than PyTorch, and stays within 1 GiB
(2 GiB for more than 20,000 points) beyond the data.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

INPUTS, OUTPUTS, TILE = 784, 10, 512
GIB = 2**30


def data(points: int, widths: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clustered points, one-hot outputs, and variances from about m/20 to m/4."""
    random = np.random.default_rng(0)
    labels = random.integers(0, OUTPUTS, points)
    centres = random.standard_normal((OUTPUTS, INPUTS), dtype=np.float32)
    where = random.standard_normal((points, INPUTS), dtype=np.float32)
    where += centres[labels]
    median = np.float32(4 * INPUTS)
    return where, np.eye(OUTPUTS, dtype=np.float32)[labels], (median / np.geomspace(20, 4, widths)).astype(np.float32)


def simplebias_side(where, values, variances):
    import jax
    import jax.numpy as jnp

    from simplebias.frequency import low_pass

    arrays = [jnp.asarray(array) for array in (where, values, variances)]
    return f"jax {jax.__version__}", lambda: np.asarray(low_pass(*arrays))


def torch_side(where, values, variances):
    import torch

    points, wanted = torch.from_numpy(where), torch.from_numpy(values)

    @torch.no_grad()
    def low_pass():
        centred = points - points.mean(0)
        norms = (centred**2).sum(1)
        low = torch.empty((len(variances), *wanted.shape))
        for start in range(0, len(points), TILE):
            rows = slice(start, start + TILE)
            distances = torch.addmm(norms, centred[rows], centred.T, alpha=-2)
            distances.add_(norms[rows, None]).clamp_(min=0)
            distances[torch.arange(len(distances)), torch.arange(start, start + len(distances))] = 0
            for index, variance in enumerate(variances.tolist()):
                kernel = (distances * (-0.5 / variance)).exp_()
                low[index, rows] = kernel @ wanted / kernel.sum(1, keepdim=True)
        return low.numpy()

    return f"torch {torch.__version__}", low_pass


def product_side(where, values, variances):
    def product():
        largest = np.empty((1, len(where), 1), np.float32)
        for start in range(0, len(where), TILE):
            rows = slice(start, start + TILE)
            largest[0, rows, 0] = (where[rows] @ where.T)[:, 0]  # something to keep of the tile
        return largest

    return f"numpy {np.__version__}", product


SIDES = {"simplebias": simplebias_side, "torch": torch_side, "product": product_side}


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def one_process(side: str, points: int, widths: int, calls: int) -> dict:
    """Time and memory of one side. The peak before the call counts against it, so the figure is an upper bound."""
    version, function = SIDES[side](*data(points, widths))
    before = resident()
    times, cpu = [], []
    for _ in range(calls):
        start, spent = time.perf_counter(), time.process_time()
        low = function()
        times.append(time.perf_counter() - start)
        cpu.append(time.process_time() - spent)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    sample = low[:, :: max(1, points // 50)].tolist()
    return {
        "version": version, "first": times[0], "time": min(times[1:] or times), "cpu": min(cpu[1:] or cpu),
        "extra": peak - before, "sample": sample,
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description="Filtering against a tiled PyTorch version, or a bare product.")
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--widths", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--against", choices=("torch", "product"), default="torch")
    parser.add_argument("--side", choices=SIDES)
    options = parser.parse_args()
    large = options.points > 20_000
    if options.side:
        print(json.dumps(one_process(options.side, options.points, options.widths, 1 if large else 3)))
        return 0
    sides = ("simplebias", options.against)
    found: dict[str, list[dict]] = {side: [] for side in sides}
    for _ in range(options.rounds):
        for side in sides:
            command = [sys.executable, __file__, "--side", side]
            command += ["--points", str(options.points), "--widths", str(options.widths)]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            found[side].append(json.loads(output.splitlines()[-1]))
    print(
        f"filtering {options.points} × {INPUTS} points, {OUTPUTS} outputs, {options.widths} variances, float32, "
        f"{os.cpu_count()} cores"
    )
    for side, runs in found.items():
        seconds, apart = min(r["time"] for r in runs), " (with compilation)" if large else ""
        rate = 2 * INPUTS * options.points**2 / seconds / 1e9
        print(
            f"{side:>10} ({runs[0]['version']}): {seconds:.2f} s{apart}, {min(r['cpu'] for r in runs):.2f} CPU-s, "
            f"first call {min(r['first'] for r in runs):.2f} s, {rate:.0f} GFLOP/s of the product alone, "
            f"at most {max(r['extra'] for r in runs) / GIB:.2f} GiB beyond the data"
        )
    return judge(found["simplebias"], found[options.against], options.against, 2 if large else 1)


def judge(ours: list[dict], theirs: list[dict], other: str, limit: int) -> int:
    ratio, cpu_ratio = (min(r[key] for r in theirs) / min(r[key] for r in ours) for key in ("time", "cpu"))
    print(f"simplebias is {ratio:.2f} times as fast as {other} ({cpu_ratio:.2f} in CPU time)")
    within = max(r["extra"] for r in ours) <= limit * GIB
    if other == "product":
        return 0 if within else 1
    apart = np.abs(np.array(ours[0]["sample"]) - np.array(theirs[0]["sample"])).max()
    print(f"results differ by {apart:.1e}")
    return 0 if ratio > 1 and within and apart < 1e-3 else 1


if __name__ == "__main__":
    sys.exit(main())
