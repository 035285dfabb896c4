"""Tangent kernel of a dense network, layer by layer, against the contraction of its Jacobian; and 5000 points in 2 GiB.

    python benchmarks/bench_kernel.py [--points 500] [--width 1000] [--rounds 3]

The rival is what one writes first: `vmap(jacrev)` over all points and `J Jᵀ` summed over the parameters, compiled as a
whole, in float32. Both sides run in one process in turn, after a call in which JAX compiles. Then, each in a process of
its own, kernels of 5000 points, of that network and of a small one by blocked Jacobians: time, peak of memory and the
estimate made beforehand. Exit status 1 unless layer by layer is at least 100 times as fast and within 1e-5, and both
kernels of 5000 points stay within 2 GiB.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp

from simplebias.frequency import empirical_kernel, kernel_memory
from simplebias.networks import MLP

GIB = 2**30
RATIO, APART = 100, 1e-5


def make(width: int) -> MLP:
    return MLP(1, 1, width, 2, initialisation="ntk", key=jax.random.key(0))


@eqx.filter_jit
def contraction(network, points):
    parameters, static = eqx.partition(network, eqx.is_inexact_array)
    jacobian = jax.vmap(jax.jacrev(lambda p, x: eqx.combine(p, static)(x)[0]), in_axes=(None, 0))(parameters, points)
    flat = [leaf.reshape(len(points), -1) for leaf in jax.tree.leaves(jacobian)]
    return sum(leaf @ leaf.T for leaf in flat)


def timed(function) -> tuple[float, jax.Array]:
    start = time.perf_counter()
    result = jax.block_until_ready(function())
    return time.perf_counter() - start, result


def compare(points: int, width: int, rounds: int) -> tuple[float, float]:
    network, where = make(width), jnp.linspace(-1, 1, points)[:, None]
    sides = {
        "layerwise": lambda: empirical_kernel(network, where),
        "jacobian": lambda: contraction(network, where),
    }
    first = {name: timed(side) for name, side in sides.items()}
    times = {name: [] for name in sides}
    for _ in range(rounds):
        times["layerwise"] += [timed(sides["layerwise"])[0] for _ in range(10)]
        times["jacobian"].append(timed(sides["jacobian"])[0])
    ours, theirs = first["layerwise"][1], first["jacobian"][1]
    apart = float(jnp.abs(ours - theirs).max() / jnp.abs(theirs).max())
    for name, found in times.items():
        print(
            f"{name:>10}: median {statistics.median(found):.4f} s ({min(found):.4f}–{max(found):.4f}), "
            f"first call {first[name][0]:.2f} s"
        )
    ratio = statistics.median(times["jacobian"]) / statistics.median(times["layerwise"])
    print(f"layer by layer is {ratio:.0f} times as fast; kernels differ by {apart:.1e} of the largest entry")
    return ratio, apart


def memory(name: str) -> int:
    """A line of this process alone: what `getrusage` calls the peak is inherited from the parent."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024


def large(method: str) -> dict:
    """One kernel of 5000 points: by Jacobians that of a small network, as any network that is no chain of layers."""
    network, where = make(1000 if method == "layerwise" else 100), jnp.linspace(-1, 1, 5000)[:, None]
    jax.block_until_ready(where)
    before = memory("VmRSS")
    spent = timed(lambda: empirical_kernel(network, where, method=method))[0]
    return {"time": spent, "beyond": memory("VmHWM") - before, "estimate": kernel_memory(network, where, method=method)}


def main() -> int:
    parser = argparse.ArgumentParser(description="Tangent kernel against the contraction of Jacobians.")
    parser.add_argument("--points", type=int, default=500)
    parser.add_argument("--width", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", choices=["layerwise", "jacobian"])
    options = parser.parse_args()
    if options.large:
        print(json.dumps(large(options.large)))
        return 0
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python "
        f"{platform.python_version()}, JAX {jax.__version__}: {options.points} points, two hidden layers of "
        f"{options.width}, float32"
    )
    ratio, apart = compare(options.points, options.width, options.rounds)
    good = ratio >= RATIO and apart <= APART
    for method, width in (("layerwise", 1000), ("jacobian", 100)):
        command = [sys.executable, __file__, "--large", method]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        print(
            f"5000 points, width {width}, {method}: {found['time']:.1f} s with compilation, "
            f"{found['beyond'] / GIB:.2f} GiB beyond the network (estimated {found['estimate'] / GIB:.2f})"
        )
        good = good and found["beyond"] <= 2 * GIB
    print(f"bounds: {RATIO} times as fast, {APART:g} apart, 2 GiB for 5000 points: {'met' if good else 'MISSED'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
