"""Steps per second of training on Poisson's equation, against DeepXDE (PyTorch), jinns and PINA.

    python -m venv PEERS && PEERS/bin/pip install torch deepxde jinns pina-mathlab
    python benchmarks/bench_pde_steps.py --peers PEERS/bin/python [--rounds 3] [--only 1-D|2-D] [--threads 2 1]

`-u'' = f` on (0, 1), 1280 points and both ends, and `-Δu = f` on (-1, 1)², 2000 points and 400 on the boundary; three
hidden layers of 100 tanh, or the multi-scale Fourier network of DeepXDE with two scales; squared residual with a soft
boundary, Adam at 1e-3. Points, first weights and loss are the same on all sides, and losses after as many steps are
printed. Every side is a process of its own, in turns; compilation is left out. Each has as many threads as there are
cores, and steps per second are by the clock, so that nothing else may run; then one thread on the last core, and steps
per processor second. Peers that are missing are named and left out. Exit status 1 unless simplebias makes 3 times the
steps of DeepXDE in every case with the first number of threads.
"""

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

import simplebias
from simplebias.core import Record
from simplebias.networks import MLP, FourierFeatures
from simplebias.pde import Problem, Residual
from simplebias.pde.ready import ready
from simplebias.training import Gradient, loss_measure

WIDTH, DEPTH, RATE, BOUND = 100, 3, 1e-3, 3.0
CASES = {  # name: problem, points, points on the boundary, stds of the features, steps of ours, of a peer
    "1-D, tanh": ("two-scale", 1280, 2, (), 400, 100),
    "1-D, Fourier": ("two-scale", 1280, 2, (1, 10), 200, 50),
    "2-D, tanh": ("sines-7", 2000, 400, (), 150, 40),
    "2-D, Fourier": ("sines-7", 2000, 400, (1, 3), 100, 20),
}
PEERS = ("deepxde", "jinns", "pina")
HERE = Path(__file__).parent
CLOCK = time.process_time if os.environ.get("OMP_NUM_THREADS", "1") == "1" else time.perf_counter
"""That of a child; its parent says how many threads it has."""


class MultiScaleFourier(eqx.Module):
    """Random features of several scales through the same hidden layers, whose outputs are read together."""

    encodings: tuple[FourierFeatures, ...]
    network: MLP
    weight: jax.Array
    bias: jax.Array

    def __init__(self, inputs: int, stds: tuple[float, ...], seed: int = 0):
        hidden, read, *keys = jax.random.split(jax.random.key(seed), 2 + len(stds))
        self.encodings = tuple(
            FourierFeatures(inputs, WIDTH, frequency_std=std / (2 * math.pi), key=key)
            for std, key in zip(stds, keys, strict=True)
        )
        self.network = MLP(WIDTH, 1, WIDTH, DEPTH, initialisation="xavier", key=hidden)
        drawn = jax.random.normal(read, (1, WIDTH * len(stds)))
        self.weight, self.bias = drawn * math.sqrt(2 / (WIDTH * len(stds) + 1)), jnp.zeros(1)

    def __call__(self, point):
        """Output at one point."""
        hidden = [self.network.features(encoding(point))[-1] for encoding in self.encodings]
        return self.weight @ jnp.concatenate(hidden) + self.bias


def network_of(inputs: int, stds: tuple[float, ...]):
    """The network of a case as drawn."""
    if stds:
        return MultiScaleFourier(inputs, stds)
    return MLP(inputs, 1, WIDTH, DEPTH, initialisation="xavier", key=jax.random.key(0))


def task_of(problem: Problem, count: int, edge: int) -> Residual:
    """The squared residual, its mean over the boundary weighted like that over the domain."""
    weight = 1 / problem.domain.boundary_measure
    return Residual(problem, count=count, boundary_count=edge, boundary_weight=weight, key=jax.random.key(3))


def written(file: Path, problem: Problem, task: Residual, network, **more) -> None:
    """All that a peer needs to begin with the same loss."""
    batch = task.batch(None, key=jax.random.key(0))
    layers = network.network.layers if isinstance(network, MultiScaleFourier) else network.layers
    weights, biases = [one.weight for one in layers], [one.bias for one in layers]
    arrays = {}
    if isinstance(network, MultiScaleFourier):
        weights[-1], biases[-1] = network.weight, network.bias
        arrays = {f"features{i}": 2 * math.pi * each.frequencies for i, each in enumerate(network.encodings)}
    for number, (layer, weight, bias) in enumerate(zip(layers, weights, biases, strict=True)):
        assert (layer.multiplier, layer.bias_multiplier) == (1.0, 1.0)
        arrays |= {f"w{number}": weight, f"b{number}": bias}
    waves = problem.exact
    arrays |= {"points": batch.points, "edge": batch.edge.points, "edge_values": batch.edge.values}
    arrays |= {"amplitudes": waves.amplitudes, "frequencies": waves.frequencies}
    arrays |= {"boundary_weight": 1.0, "residual_weight": 1.0}
    np.savez(file, **{name: np.asarray(value, np.float32) for name, value in (arrays | more).items()})


def ours(case: str) -> dict:
    """Seconds of a second call of `train`, and the losses that peers print too."""
    name, count, edge, stds, steps, fewer = CASES[case]
    task, network = task_of(ready(name), count, edge), network_of(ready(name).domain.inputs, stds)
    updater = Gradient(optax.adam(RATE))  # the same in both calls, so that nothing is compiled again

    def train(steps: int, measures=None):
        return simplebias.train(
            network, task, updater=updater, steps=steps, measures=measures or {}, key=jax.random.key(4)
        )

    train(steps)
    began = CLOCK()
    train(steps)
    spent = CLOCK() - began
    losses = train(fewer + 10, {"loss": Record(loss_measure(task), at=[0, fewer + 10])}).data["loss"].values
    words = f"simplebias {simplebias.__version__}, JAX {jax.__version__}"
    return {"seconds": spent, "steps": steps, "losses": losses.tolist(), "version": words}


def child(command: list[str], core: int, threads: int = 1) -> dict | str:
    """What a process prints in its last line, or why it could not; with one thread it is held to a core."""
    env = {**os.environ, **{f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "MKL", "OPENBLAS")}}
    if threads == 1:
        command = ["taskset", "--cpu-list", str(core), *command]
        env["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines() or ["it ended without a word"]
    return json.loads(lines[-1]) if done.returncode == 0 else lines[-1]


def compare(case: str, peers: str | None, rounds: int, core: int, threads: int) -> bool:
    """Steps of every side in turns, and whether ours are enough of them."""
    name, count, edge, stds, _, fewer = CASES[case]
    problem = ready(name)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "case.npz"
        written(file, problem, task_of(problem, count, edge), network_of(problem.domain.inputs, stds))
        commands = {"simplebias": [sys.executable, __file__, "--child", case]}
        for peer in PEERS if peers else ():
            if not stds or peer == "deepxde":
                commands[peer] = [peers, str(HERE / "pde_peers.py"), peer, str(file), "steps", str(fewer)]
        found = {side: [] for side in commands}
        for _ in range(rounds):
            for side in list(found):
                answer = child(commands[side], core, threads)
                if isinstance(answer, str):
                    print(f"{case:>13} {side:>10}: left out, {answer}", flush=True)
                    del found[side]
                else:
                    found[side].append(answer)
    speeds = {side: [one["steps"] / one["seconds"] for one in all_] for side, all_ in found.items()}
    for side, all_ in speeds.items():
        pairs = [mine / theirs for mine, theirs in zip(speeds["simplebias"], all_, strict=True)]
        first, last = found[side][0]["losses"]
        print(
            f"{case:>13} {side:>10}: {statistics.median(all_):7.1f} steps/s ({min(all_):.1f}–{max(all_):.1f}), ours "
            f"{statistics.median(pairs):.1f}× ({min(pairs):.1f}–{max(pairs):.1f}); loss {first:.5g} → {last:.5g} "
            f"after {fewer + 10} steps; {found[side][0]['version']}",
            flush=True,
        )
    if "deepxde" not in speeds:
        return False
    return statistics.median(speeds["simplebias"]) >= BOUND * statistics.median(speeds["deepxde"])


def main() -> int:
    parser = argparse.ArgumentParser(description="Steps per second on Poisson's equation, against other packages.")
    parser.add_argument("--peers", help="a Python that has the other packages")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--core", type=int, default=(os.cpu_count() or 1) - 1, help="of the processes with one thread")
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({os.cpu_count() or 1, 1}, reverse=True))
    parser.add_argument("--only", default="")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(ours(options.child)))
        return 0
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python "
        f"{platform.python_version()}: {' '.join(sys.argv)}"
    )
    good = {}
    for threads in options.threads:
        print(f"{threads} threads, by the clock" if threads > 1 else "one thread, by processor time", flush=True)
        cases = [case for case in CASES if options.only in case]
        good[threads] = [compare(case, options.peers, options.rounds, options.core, threads) for case in cases]
    if not options.peers:
        print("no --peers: nothing to compare with")
        return 0
    verdicts = [f"with {n} {'met' if all(met) else 'MISSED'}" for n, met in good.items()]
    print(f"bound: {BOUND:g} times the steps of DeepXDE, by number of threads: {', '.join(verdicts)}")
    return 0 if all(good[options.threads[0]]) else 1


if __name__ == "__main__":
    sys.exit(main())
