"""p02: a network first and sweeps or cycles after it, against sweeps alone and the network alone."""

import functools
import time
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr

from simplebias.claims.claim import Claim, Criterion, Evidence, Scale, Verdict
from simplebias.claims.equations import NETWORK
from simplebias.claims.experiment import SEED_WORDS, SEEDS
from simplebias.claims.judge import compare
from simplebias.core.run import Run
from simplebias.core.task import Task
from simplebias.core.types import FREQUENCY, SEED
from simplebias.networks import MLP
from simplebias.pde import (
    HardBoundary,
    Lattice,
    Problem,
    Ritz,
    jacobi,
    multigrid,
    poisson_tones,
    ready,
    solve_direct,
)
from simplebias.pde.finite_differences import as_lattice
from simplebias.solving.choices import choose
from simplebias.solving.hybrid import hybrid
from simplebias.solving.hybrid_costs import Sweeps
from simplebias.training import GaussNewton

INTERVALS, CROSSOVER, ERROR = 200, 400, 0.01
"""Of the lattice; step of training at which the network is handed over; largest error to be reached."""
MOST = 20_000
"""Sweeps after which Jacobi counts as not arrived."""
SHARE = 0.2
FIRST = "network, then Jacobi"
COUNTS = "sweeps, by seed"
SQUARE, FINE, PARAMETERS, HANDED, NEAR = "sines-15", 512, 500, 25, 1e-4
"""Of the second part: problem, lattice, about how large a network, step of Gauss-Newton at which it is handed over."""
ALONE = 3.0
"""Times the total cost after which the network counts as not arrived."""
TIMES = "times, by seed"
CYCLES = "network, then multigrid"


def run(scale: Scale) -> Evidence:
    """Sweeps from zero, and from networks of several seeds that were trained for 400 steps."""
    looks = scale.choose(100, 20, 20)
    seeds = scale.choose(SEEDS, (*SEEDS, 104, 105), (*SEEDS, *range(104, 111)))
    with jax.enable_x64(scale != Scale.SMOKE):
        problem = poisson_tones()
        points = jnp.asarray(Lattice(problem.box, INTERVALS).points, dtype=float)
        task = Ritz(problem, points, boundary="hard")  # one for all seeds, so that they are compiled together
        runs = [_one(seed, looks, task) for seed in seeds]
    evidence = {FIRST: runs[0], COUNTS: _counts(seeds, runs)}
    if scale != Scale.SMOKE:
        timed = scale.choose(SEEDS, SEEDS, seeds)
        with jax.enable_x64(True):
            evidence |= _timed(timed)
    return evidence


def check(evidence: Evidence) -> Verdict:
    """At most a fifth of the sweeps, of every seed; with multigrid at most half the time of Jacobi or network alone."""
    criteria: list[Criterion] = []
    if (data := evidence.get(COUNTS)) is not None:
        alone = float(data["sweeps_from_zero"])
        what = f"to {ERROR:g}: sweeps after {CROSSOVER} steps of training, over those from zero"
        criteria.append(compare(what, data["sweeps"].values / alone, "≤", SHARE))
        criteria.append(
            compare(
                "sweeps from zero over those foretold from the error per frequency, off by",
                np.abs(alone / float(data["foretold_from_zero"]) - 1),
                "<",
                0.15,
            )
        )
        criteria.append(compare("largest error at the end", data["end"].values, "≤", ERROR * 1.0001))
        what = "relative error at the crossing, frequency 0.5 over frequency 4"
        criteria.append(compare(what, data["low"].values / data["high"].values, "<", 0.5))
    if (data := evidence.get(TIMES)) is not None:
        what = "time of network and multigrid over that of"
        total = data["total"].values
        criteria.append(compare(f"{what} Jacobi from zero", total / data["jacobi"].values, "≤", 0.5))
        criteria.append(compare(f"{what} the network alone", total / data["alone"].values, "≤", 0.5))
        criteria.append(compare("largest error after the cycles, of the solution's", data["end"].values, "≤", NEAR))
    return Verdict(tuple(criteria))


def _one(seed: int, looks: int, task: Task) -> xr.Dataset:
    problem = poisson_tones()
    network = MLP(1, 1, (200, 100, 100), activation="tanh", key=jax.random.key(seed))
    options: dict[str, Any] = {"crossover": CROSSOVER, "look": looks, "cost": "operations"}
    largest = float(np.abs(solve_direct(problem, INTERVALS)).max())
    done = hybrid(
        problem,
        INTERVALS,
        HardBoundary(network, problem.domain),
        task=task,
        updater=_adam(),
        tolerance=ERROR / largest,
        key=jax.random.key(seed),
        **options,
    )
    return done.data


@functools.cache
def _adam() -> optax.GradientTransformation:
    return optax.adam(1e-3)


def _counts(seeds: Sequence[int], runs: Sequence[xr.Dataset]) -> xr.Dataset:
    alone = jacobi(poisson_tones(), INTERVALS, sweeps=MOST, until=ERROR, at=[MOST], modes=[2])
    arrived = int(alone["stopped_at"])
    each = {
        "sweeps": ("sweeps after the network", [float(one["sweeps"]) for one in runs]),
        "end": ("largest error at the end", [float(one["error"][-1]) for one in runs]),
        "low": ("relative error at the crossing, frequency 0.5", [_crossing(one, 0.5) for one in runs]),
        "high": ("relative error at the crossing, frequency 4", [_crossing(one, 4.0) for one in runs]),
    }
    variables: dict[str, Any] = {name: (SEED, values, {"description": text}) for name, (text, values) in each.items()}
    variables["sweeps_from_zero"] = ((), float(arrived) if arrived >= 0 else np.inf)
    variables["foretold_from_zero"] = ((), float(runs[0]["sweeps_from_zero"]))
    return xr.Dataset(variables, {SEED: list(seeds)})


def _timed(seeds: Sequence[int]) -> dict[str, xr.Dataset]:
    """Seconds of processors to the same error: network and multigrid, each classical method and the network alone."""
    problem = ready(SQUARE)
    target = solve_direct(problem, FINE).reshape(Lattice(problem.box, FINE).shape)
    sweeps = Sweeps(as_lattice(problem, FINE)[0], Lattice(problem.box, FINE), "jacobi", 1.0, NEAR)
    rows, runs = [], []
    for seed in seeds:
        run = _cycled(seed)
        runs.append(run.data)
        sweeps.measure(target, np.array([[2, 2]]))
        left = jax.lax.map(run.network, jnp.asarray(sweeps.lattice.points), batch_size=4096).reshape(target.shape)
        of = {name: float(run.data[f"{name}_cost"]) for name in ("total", "network", "sweeps", "alone")}
        from_zero = sweeps.needed(np.zeros_like(target))
        rows.append(
            of
            | {
                "jacobi": from_zero * sweeps.price,
                "multigrid": _multigrid_alone(problem, target),
                "share": sweeps.needed(np.asarray(left)) / from_zero,
                "cycles": float(run.data["sweeps"]),
                "end": float(run.data["error"][-1]) / np.abs(target).max(),
            }
        )
    variables = {name: (SEED, [row[name] for row in rows], _words(name)) for name in rows[0]}
    return {CYCLES: runs[0], TIMES: xr.Dataset(variables, {SEED: list(seeds)})}


def _cycled(seed: int) -> Run:
    """A small network by the means of `solve`, multigrid after it, and the network trained on."""
    problem, (drawn, placed, key) = ready(SQUARE), jax.random.split(jax.random.key(seed), 3)
    auto: dict[str, Any] = dict.fromkeys(("scales", "loss", "boundary", "method"), "auto")
    chosen = choose(problem, network=None, parameters=PARAMETERS, **auto, key=drawn)
    return hybrid(
        problem,
        FINE,
        chosen.solution,
        method="multigrid",
        tolerance=NEAR,
        task=chosen.task(None, key=placed),
        updater=GaussNewton(),
        look=HANDED,
        crossover=HANDED,
        alone=ALONE,
        key=key,
    )


def _multigrid_alone(problem: Problem, target: np.ndarray) -> float:
    began = time.process_time()
    until = NEAR * float(np.abs(target).max())
    multigrid(problem, FINE, cycles=30, until=until, modes=[[2, 2]], solution=target)
    return time.process_time() - began


def _words(name: str) -> dict[str, str]:
    text, unit = {
        "total": ("Time of network and multigrid", "s"),
        "network": ("Time of training until it was handed over", "s"),
        "sweeps": ("Time of multigrid after it", "s"),
        "alone": ("Time of the network trained on until it arrives, infinite where it was given up", "s"),
        "jacobi": (
            "Time of Jacobi from zero: sweeps foretold from the error per frequency, time of a sweep measured",
            "s",
        ),
        "multigrid": ("Time of multigrid from zero", "s"),
        "share": ("Sweeps of Jacobi from the network's values, over those from zero", ""),
        "cycles": ("Cycles of multigrid after the network", ""),
        "end": ("Largest error at the end over the solution's largest value", ""),
    }[name]
    return {"description": text, "units": unit}


def _crossing(data: xr.Dataset, frequency: float) -> float:
    place = int(np.searchsorted(data["step"].values, CROSSOVER))
    return float(data["relative_error"].sel({FREQUENCY: frequency}, method="nearest")[place])


CLAIM = Claim(
    id="p02",
    title="A network first, sweeps after it",
    sentence=(
        "A network trained for a few hundred steps leaves to Jacobi iteration what it is quick at: from its values a "
        "fifth of the sweeps, and fewer, come as near to the solution as all of them do from zero. In two dimensions "
        "a coarse network and multigrid take half the time, or less, of Jacobi from zero and of the network alone."
    ),
    source=("xu2019frequency",),
    setting=(
        "−u'' = sin x + 4 sin 4x − 8 sin 8x + 16 sin 24x on (−1, 1), u(±1) = 0, on 200 intervals. Network "
        f"{NETWORK}, Ritz energy at the points of the lattice, full-batch Adam 1e-3, {CROSSOVER} steps; then Jacobi "
        f"from its values until the largest error from the discrete solution is {ERROR:g}. Sweeps are counted, not "
        f"timed. Seeds {SEED_WORDS} (standard and full: up to 105 and 110). At these scales also −Δu = f with "
        f"u = sin 15x sin 15y on (−1, 1)², on {FINE}² intervals, to {NEAR:g} of the discrete solution: {HANDED} steps "
        f"of Gauss-Newton by the defaults of `solve` on about {PARAMETERS} parameters, then V-cycles. Times are "
        "of processors in one run; the network alone may be as near to the exact solution instead, and is given up "
        f"after {ALONE:g} times the total; sweeps of Jacobi are foretold, and the time of one is measured."
    ),
    fails_when=(
        "Multigrid alone is the quickest of all: the network spares it a cycle of four or so, and costs many times "
        "what it spares, so that it is worth its time only beside a slow method, which Jacobi is. From a network that "
        "was trained on the squared residual, which leaves low modes to last as Jacobi does, Jacobi needs more sweeps "
        "than from zero. On 256² intervals Jacobi from zero takes a second, less than training does. On 200 "
        "points the network never pays by operations: it costs as much as a hundred thousand "
        "sweeps. At an error of 1e-3 Adam's last steps leave an offset of the lowest mode that again takes thousands."
    ),
    run=run,
    check=check,
    cover=(FIRST, ""),
)
