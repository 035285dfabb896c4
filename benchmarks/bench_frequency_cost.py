"""Error and cost of solving an equation against its highest frequency: plain and multi-scale network of one size.

    python benchmarks/bench_frequency_cost.py [--budget 15] [--seeds 1] [--out curve.html]

`-u'' = f` on (0, 1) with `u = sin 2πx + sin 2πkx`, k = 1, 2, 4, … 64, by `solve(network="plain")` and by its defaults:
the same number of parameters, points and seconds, the same optimiser. Printed are processor seconds and iterations
until the relative L2 error stays below 0.1, and the error at the end; one process on one core. With `--out` both are
drawn over k. Exit status 1 unless the multi-scale network takes at most 4 times as long for k = 64 as for k = 1, and
the plain one does not get there, or takes 10 times as long.
"""

import argparse
import math
import os
import platform
import statistics
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

import simplebias
from simplebias.pde import Box, Poisson

HIGHEST = (1, 2, 4, 8, 16, 32, 64)
NETWORKS = ("plain", "multi-scale")
ENOUGH, FLAT, STEEP = 0.1, 4.0, 10.0


def problem(k: int) -> Poisson:
    """Two sines, one period and k periods on the interval."""
    low, high = 2 * math.pi, 2 * math.pi * k
    exact = lambda x: jnp.sin(low * x[0]) + jnp.sin(high * x[0])
    return Poisson(Box(0, 1), lambda x: low**2 * jnp.sin(low * x[0]) + high**2 * jnp.sin(high * x[0]), exact=exact)


def cost(k: int, network: str, budget: float, seed: int) -> tuple[float, float, float]:
    """Seconds and iterations until the error is and stays low, or infinite, and the error at the end."""
    options = {"baselines": False, "progress": False, "throw": False}
    run = simplebias.solve(problem(k), network=network, budget=budget, key=jax.random.key(seed), **options)
    error = run.data["error"].values
    high = np.flatnonzero(~(error < ENOUGH))
    first = high[-1] + 1 if len(high) else 0
    if first == len(error):
        return math.inf, math.inf, float(error[-1])
    return float(run.data["seconds"][first]), float(run.data["step"][first]), float(error[-1])


def draw(found: dict, file: str) -> None:
    """Seconds and last errors over k, on one page."""
    from plotly.subplots import make_subplots

    page = make_subplots(1, 2, subplot_titles=("processor seconds to an error of 0.1", "error at the end"))
    for network, colour in zip(NETWORKS, ("#d55e00", "#0072b2"), strict=True):
        for column, which in ((1, 0), (2, 2)):
            values = [found[network, k][which] for k in HIGHEST]
            line = {"x": HIGHEST, "y": [one if np.isfinite(one) else None for one in values], "name": network}
            style = {"line_color": colour, "mode": "lines+markers", "showlegend": column == 1}
            page.add_scatter(**line, **style, row=1, col=column)
    page.update_xaxes(type="log", title="highest frequency, periods on the interval", tickvals=HIGHEST)
    page.update_yaxes(type="log", exponentformat="power")
    page.write_html(file, include_plotlyjs=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Cost against the highest frequency, plain and multi-scale.")
    parser.add_argument("--budget", type=float, default=15.0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python "
        f"{platform.python_version()}, JAX {jax.__version__}: {' '.join(sys.argv)}"
    )
    time.time = time.monotonic = time.process_time  # the clock of `solve`, and of its budget
    found = {}
    for k in HIGHEST:
        for network in NETWORKS:
            costs = [cost(k, network, options.budget, seed) for seed in range(1, options.seeds + 1)]
            found[network, k] = tuple(statistics.median(one) for one in zip(*costs, strict=True))
            seconds, steps, error = found[network, k]
            print(f"k = {k:2d} {network:>11}: {seconds:6.1f} s, {steps:5.0f} iterations, then {error:.1e}", flush=True)
    if options.out:
        draw(found, options.out)
    growth = {network: found[network, 64][0] / found[network, 1][0] for network in NETWORKS}
    good = growth["multi-scale"] <= FLAT and not growth["plain"] < STEEP
    print(f"k = 64 over k = 1: plain {growth['plain']:.1f}, multi-scale {growth['multi-scale']:.1f}")
    print(f"bounds: at most {FLAT:g} and at least {STEEP:g}: {'met' if good else 'MISSED'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
