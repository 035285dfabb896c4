"""Time to accuracy on Poisson's equation: the defaults of `solve` against a tuned network of DeepXDE (PyTorch).

    python -m venv PEERS && PEERS/bin/pip install torch deepxde
    python benchmarks/bench_pde_accuracy.py --peers PEERS/bin/python [--seeds 1] [--seconds 120] [--only NAME]

`u = sin 2πx + 0.1 sin 50πx` on (0, 1), and `sin μx sin μy` on (-1, 1)² with μ = 7 and 15. DeepXDE has its multi-scale
Fourier network (three hidden layers of 100 tanh) with the best of the scales that were tried by hand, a residual over
the root mean square of the source, and Adam at 1e-3 that falls with time; the defaults of `solve` are told nothing but
the equation. Each is a process of its own, held to one core and one thread; what is counted are processor seconds, of
`solve` from its call on, with all that it computes and compiles, of DeepXDE the training alone. Exit status 1 unless
the median over seeds of `solve` is 5 times sooner at a relative L2 error of 1e-2 in each case, 1e-3 is reached in all
and 1e-6 in 1-D within 60 seconds.
"""

import argparse
import json
import math
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from bench_pde_steps import HERE, MultiScaleFourier, child, task_of, written

import simplebias
from simplebias.pde.ready import ready

ACCURACY, BOUND, BUDGET = 1e-2, 5.0, 60.0
CASES = {  # problem: points, points on the boundary, stds of DeepXDE's features, accuracy within the budget
    "two-scale": (1280, 2, (1, 10), 1e-6),
    "sines-7": (2000, 400, (1, 3), 1e-3),
    "sines-15": (2000, 400, (1, 5), 1e-3),
}


def ours(name: str, seed: int, budget: float) -> dict:
    """Errors over processor seconds from the call of `solve`."""
    time.time = time.monotonic = time.process_time  # the clock of `solve`, and of its budget
    run = simplebias.solve(name, budget=budget, baselines=False, progress=False, key=jax.random.key(seed))
    curve = np.stack([run.data["seconds"].values, run.data["error"].values], axis=1)
    words = f"simplebias {simplebias.__version__}, JAX {jax.__version__}"
    return {"curve": curve.tolist(), "version": words}


def theirs(name: str, seed: int, peers: str, seconds: float, core: int) -> dict | str:
    """The same of DeepXDE, till the accuracy is reached."""
    count, edge, stds, _ = CASES[name]
    problem = ready(name)
    task, network = task_of(problem, count, edge), MultiScaleFourier(problem.domain.inputs, stds, seed=seed)
    low, high = problem.domain.bounds
    ticks = [np.linspace(a, b, 2001 if len(low) == 1 else 101) for a, b in zip(low, high, strict=True)]
    tests = np.stack(np.meshgrid(*ticks, indexing="ij"), axis=-1).reshape(-1, len(low))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "case.npz"
        more = {"test_points": tests, "test_values": problem.exact_values(jnp.asarray(tests)), "accuracy": ACCURACY}
        more |= {"residual_weight": 1 / float(jnp.mean(problem.source_values(task.probe) ** 2))}
        written(file, problem, task, network, **more)
        return child([peers, str(HERE / "pde_peers.py"), "deepxde", str(file), "accuracy", str(seconds)], core)


def reached(curve: list, accuracy: float) -> float:
    """Seconds when the error was first below an accuracy, or infinite."""
    return next((seconds for seconds, error in curve if error < accuracy), math.inf)


def told(name: str, side: str, seed: int, answer: dict | str) -> None:
    """One line about one run."""
    if isinstance(answer, str):
        print(f"{name:>10} {side:>10} seed {seed}: left out, {answer}", flush=True)
        return
    times = ", ".join(f"{one:g} after {reached(answer['curve'], one):.1f} s" for one in (1e-1, 1e-2, 1e-3, 1e-6))
    lowest = min(error for _, error in answer["curve"])
    last = answer["curve"][-1][0]
    print(
        f"{name:>10} {side:>10} seed {seed}: {times}; lowest {lowest:.1e} in {last:.0f} s; {answer['version']}",
        flush=True,
    )


def compare(name: str, options: argparse.Namespace) -> bool:
    """Whether all bounds of one problem are met, by medians over seeds."""
    mine, others = [], []
    for seed in range(1, options.seeds + 1):
        answer = child(
            [sys.executable, __file__, "--child", name, "--seed", str(seed), "--budget", str(options.budget)],
            options.core,
        )
        told(name, "simplebias", seed, answer)
        mine.append(answer)
        if options.peers:
            answer = theirs(name, seed, options.peers, options.seconds, options.core)
            told(name, "deepxde", seed, answer)
            others.append(answer)
    if any(isinstance(one, str) for one in mine + others):
        return False
    accuracy = CASES[name][3]
    good = statistics.median(reached(one["curve"], accuracy) for one in mine) <= BUDGET
    print(f"{name:>10} {accuracy:g} within {BUDGET:g} s: {'met' if good else 'MISSED'}")
    if not others:
        return good
    ours_, theirs_ = (statistics.median(reached(one["curve"], ACCURACY) for one in side) for side in (mine, others))
    sooner = min(theirs_, options.seconds) / ours_
    least = "at least " if theirs_ > options.seconds else ""
    print(
        f"{name:>10} {ACCURACY:g}: {ours_:.1f} s against {theirs_:.1f} s, {least}{sooner:.1f} times sooner", flush=True
    )
    return good and sooner >= BOUND


def main() -> int:
    parser = argparse.ArgumentParser(description="Time to accuracy on Poisson's equation, against DeepXDE.")
    parser.add_argument("--peers", help="a Python that has DeepXDE")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--budget", type=float, default=BUDGET, help="seconds that `solve` gets")
    parser.add_argument("--core", type=int, default=(os.cpu_count() or 1) - 1)
    parser.add_argument("--only", choices=CASES)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=1, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(ours(options.child, options.seed, options.budget)))
        return 0
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python "
        f"{platform.python_version()}: {' '.join(sys.argv)}"
    )
    good = [compare(name, options) for name in CASES if options.only in {None, name}]
    print(f"bounds: {BOUND:g} times sooner, accuracy within {BUDGET:g} s: {'met' if all(good) else 'MISSED'}")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
