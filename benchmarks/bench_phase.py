"""The phase diagram of two-layer networks: a whole grid on one machine, against its cells one after another.

    python benchmarks/bench_phase.py [--small]

The grid is that of `simplebias phase`: 9 × 9 points (γ, γ′) in [0.6, 1.4] × [−0.4, 0.4], widths 1000 to 16,000 (5), 2
seeds, each training to a mean squared error below 1e-6. Measured in a process of its own, without a cache of compiled
programs: time, peak of memory, compilations of the program that steps, trainings per second by width, and what a bundle
takes beside its trainings (opening and writing the store, waiting for the next one). Then a sample of its cells, 9 of
the 81 points with every width and one seed, twice, each in a process of its own: as a sweep, and as one calls `train`
for one cell after another. Exit status 1 unless the grid is done within 15 minutes and 4 GiB, every width is compiled
once, a bundle takes at most 5 % of 5 s beside its trainings, both ways agree, and the sweep is the faster one.
`--small` is for trying the benchmark itself: a grid of 4 × 3 points and widths of 100 to 400.
"""

import argparse
import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import jax
import numpy as np

from simplebias.core import Regression
from simplebias.networks import AntiSymmetric, TwoLayer
from simplebias.sweeps import Specification, executors, sweep
from simplebias.training import NormalisedFlow, train

GIB = 2**30
MINUTES, MEMORY, OVERHEAD, BUNDLE_SECONDS, APART = 15, 4 * GIB, 0.05, 5.0, 0.01
UNTIL, STEPS = 1e-6, 20_000
GRIDS = {
    False: {"gamma": (0.6, 1.4, 9), "gamma_prime": (-0.4, 0.4, 9), "width": [1000, 2000, 4000, 8000, 16_000]},
    True: {"gamma": (0.8, 1.4, 4), "gamma_prime": (-0.2, 0.2, 3), "width": [100, 200, 400]},
}


def axes(*, small: bool, sample: bool) -> dict:
    grid = GRIDS[small]
    points = {
        name: np.round(np.linspace(low, high, 3 if sample else count), 10).tolist()
        for name, (low, high, count) in ((name, grid[name]) for name in ("gamma", "gamma_prime"))
    }
    return points | {"width": grid["width"], "seed": 1 if sample else 2}


def peak() -> int:
    """Of this process alone: what `getrusage` calls the peak is inherited from the parent."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024


class Watch:
    """When the bundles of a sweep were computed, by which thread, and how much of that was training."""

    def __init__(self):
        self.bundles: list[dict] = []
        self.compiled: list[str] = []
        self.trained = threading.local()
        self.compute, self.run_bundle = executors.compute, executors.run_bundle
        executors.compute, executors.run_bundle = self._compute, self._run_bundle
        jax.monitoring.register_event_duration_secs_listener(self._heard)

    def _heard(self, event: str, duration_secs: float, **about: str | int) -> None:
        if event.endswith("backend_compile_duration"):
            self.compiled.append(str(about.get("fun_name")))

    def _compute(self, *task):
        began = time.perf_counter()
        result = self.compute(*task)
        kept = {"thread": threading.get_ident(), "began": began, "ended": time.perf_counter()}
        self.bundles.append(kept | self.trained.last)
        return result

    def _run_bundle(self, specification, bundle, **options):
        began = time.perf_counter()
        values = self.run_bundle(specification, bundle, **options)
        spent, width = time.perf_counter() - began, specification.cell(bundle.cells[0])["width"]
        self.trained.last = {"trained": spent, "cells": len(bundle.cells), "width": width}
        return values

    def beside(self) -> list[float]:
        """Seconds that bundles took beside their trainings, with the wait for the next one."""
        found = []
        for thread in {one["thread"] for one in self.bundles}:
            own = sorted((one for one in self.bundles if one["thread"] == thread), key=lambda one: one["began"])
            for one, following in itertools.zip_longest(own, own[1:]):
                wait = following["began"] - one["ended"] if following else 0.0
                found.append(one["ended"] - one["began"] - one["trained"] + wait)
        return found


def bundled(*, small: bool, sample: bool) -> dict:
    """A sweep over the grid or the sample of it."""
    watch = Watch()
    grid = axes(small=small, sample=sample)
    asked = Specification(grid, measures=["relative_change"], steps=STEPS, until=UNTIL, experiment="phase")
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        data = sweep(asked, out=Path(folder) / "sweep", progress=False)
    spent = time.perf_counter() - began
    rates = {}
    for width in grid["width"]:
        own = [one for one in watch.bundles if one["width"] == width]
        rates[str(width)] = sum(one["cells"] for one in own) / sum(one["trained"] for one in own)
    return {
        "seconds": spent,
        "peak": peak(),
        "stepping": sum("go" in name.replace("(", " ").replace(")", " ").split() for name in watch.compiled),
        "programs": len(watch.compiled),
        "rates": rates,
        "bundle_seconds": [one["trained"] for one in watch.bundles],
        "beside": watch.beside(),
        "stopped": int((data["outcome"] == 1).sum()),
        "change": data["relative_change"].values.ravel().tolist(),
    }


def one_by_one(*, small: bool) -> dict:
    """The sample, a call of `train` for each cell."""
    x = np.array([-1 / 2, -1 / 6, 1 / 6, 1 / 2])
    task, change = Regression(x, x**2), []
    grid = axes(small=small, sample=True)
    began = time.perf_counter()
    for gamma, prime, width in itertools.product(grid["gamma"], grid["gamma_prime"], grid["width"]):
        key = jax.random.key(0)
        network = TwoLayer(1, 1, width, activation="relu", initialisation=f"phase:{gamma},{prime}", key=key)
        done = train(
            AntiSymmetric(network), task, updater=NormalisedFlow(), steps=STEPS, until=UNTIL, key=key, progress=False
        )
        before, after = (np.asarray(one.neurons()[0].extended) for one in (done.initial, done.network))
        change.append(float(np.linalg.norm(after - before) / np.linalg.norm(before)))
    return {"seconds": time.perf_counter() - began, "change": change}


def child(name: str, *, small: bool) -> dict:
    command = [sys.executable, __file__, "--child", name, *(["--small"] if small else [])]
    apart = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=apart)
    return json.loads(answer.stdout.splitlines()[-1])


def whole_grid(*, small: bool) -> bool:
    found, widths = child("grid", small=small), GRIDS[small]["width"]
    cells = len(found["change"])
    beside = float(np.mean(found["beside"]))
    print(
        f"grid: {cells} trainings, {found['stopped']} to the end, {found['seconds']:.0f} s, peak "
        f"{found['peak'] / GIB:.2f} GiB; the program that steps was compiled {found['stepping']} times for "
        f"{len(widths)} widths, {found['programs']} programs in all"
    )
    rates = ", ".join(f"{width}: {rate:.2f}" for width, rate in found["rates"].items())
    print(f"trainings per second of one worker, compilation included, by width: {rates}")
    print(
        f"a bundle ({np.median(found['bundle_seconds']):.1f} s, {min(found['bundle_seconds']):.1f} to "
        f"{max(found['bundle_seconds']):.1f}) took {1e3 * beside:.0f} ms beside its trainings: "
        f"{100 * beside / BUNDLE_SECONDS:.2f} % of {BUNDLE_SECONDS:g} s"
    )
    return (
        found["seconds"] <= 60 * MINUTES
        and found["peak"] <= MEMORY
        and found["stepping"] == len(widths)
        and beside <= OVERHEAD * BUNDLE_SECONDS
        and found["stopped"] == cells
    )


def sampled(*, small: bool) -> bool:
    together, apart = child("sample", small=small), child("one-by-one", small=small)
    ratio = apart["seconds"] / together["seconds"]
    off = float(np.abs(np.divide(together["change"], apart["change"]) - 1).max())
    print(
        f"sample of {len(apart['change'])} cells, compilation included: as a sweep {together['seconds']:.1f} s, one "
        f"after another {apart['seconds']:.1f} s, {ratio:.1f} times as long; relative changes differ by at most "
        f"{100 * off:.2f} %"
    )
    return ratio > 1 and off < APART


def main() -> int:
    parser = argparse.ArgumentParser(description="A phase diagram on one machine, against its cells one by one.")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--child", choices=["grid", "sample", "one-by-one"])
    options = parser.parse_args()
    if options.child == "one-by-one":
        print(json.dumps(one_by_one(small=options.small)))
        return 0
    if options.child:
        print(json.dumps(bundled(small=options.small, sample=options.child == "sample")))
        return 0
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python "
        f"{platform.python_version()}, JAX {jax.__version__}: four points, ReLU, float32"
    )
    good = whole_grid(small=options.small)
    good = sampled(small=options.small) and good
    print(
        f"bounds: {MINUTES} minutes, {MEMORY / GIB:g} GiB, one compilation for each width, {100 * OVERHEAD:g} % "
        f"beside a bundle of {BUNDLE_SECONDS:g} s, the sweep faster, {100 * APART:g} % apart: "
        f"{'met' if good else 'MISSED'}"
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
