"""p03: from few samples of the source Ritz-Galerkin tends to a polygon, a network to something smooth and better."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr

from simplebias.claims.claim import Claim, Criterion, Evidence, Scale, Verdict
from simplebias.claims.experiment import SEED_WORDS, output_measure, run_ensemble
from simplebias.claims.judge import compare
from simplebias.core.schedule import log_steps
from simplebias.core.snapshot import Record, evaluate
from simplebias.core.types import INPUT, OUTPUT, POINT, RECORD, Key, Network
from simplebias.networks import TwoLayer
from simplebias.pde import Residual, poisson_bump, ritz_galerkin, ritz_galerkin_limit
from simplebias.training import loss_measure

SAMPLES = (5, 10)
"""Numbers of samples of the source."""
FUNCTIONS = (1, 2, 5, 10, 20, 50, 200, 1000)
"""Numbers of sine functions."""
GAPS = {50: 0.03, 200: 0.01, 1000: 0.001}
"""Largest distance from the limit that is accepted, as a share of it, by number of functions, for 5 samples."""
ACTIVATIONS = ("tanh", "sin")
LOOK = np.linspace(-1, 1, 2001)


def galerkin(samples: int) -> str:
    """Name of the experiment."""
    return f"Ritz–Galerkin, {samples} samples"


def trained(activation: str, samples: int) -> str:
    """Name of the experiment."""
    return f"network ({activation}), {samples} samples"


def run(scale: Scale) -> Evidence:
    """Ritz-Galerkin with more and more functions, and networks that see the source at the same points."""
    evidence, steps = {}, scale.choose(2000, 10_000, 10_000)
    for samples in scale.choose(SAMPLES[:1], SAMPLES, SAMPLES):
        with jax.enable_x64(True):
            evidence[galerkin(samples)] = _more_functions(samples)
        for activation in scale.choose(ACTIVATIONS[:1], ACTIVATIONS, ACTIVATIONS):
            evidence[trained(activation, samples)] = _learn(activation, samples, steps)
    return evidence


def check(evidence: Evidence) -> Verdict:
    """The gap to the limit falls as the table says, and the network errs less than half as much as the limit."""
    criteria: list[Criterion] = []
    if (data := evidence.get(galerkin(SAMPLES[0]))) is not None:
        for count, bound in GAPS.items():
            gap = data["gap"].values[data["step"].values == count]
            what = f"{SAMPLES[0]} samples, {count} functions: distance from the piecewise linear limit"
            criteria.append(compare(what, gap, "<", bound))
        criteria.append(compare(f"{SAMPLES[0]} samples: bend of the limit between samples", data["bend"], "<", 1e-9))
    for samples in SAMPLES:
        limit = evidence.get(galerkin(samples))
        for activation in ACTIVATIONS if limit is not None else ():
            network = evidence.get(trained(activation, samples))
            if limit is not None and network is not None:
                share = network["final_error"].values / limit["limit_error"].values
                what = f"{activation}, {samples} samples: error of the network over that of the limit"
                criteria.append(compare(what, share, "<", 0.5))
    return Verdict(tuple(criteria))


def _places(samples: int) -> np.ndarray:
    """Evenly spaced inside (-1, 1)."""
    return np.linspace(-1, 1, samples + 2)[1:-1]


def _truth() -> np.ndarray:
    return np.asarray(poisson_bump().exact_values(LOOK), float)


def _more_functions(samples: int) -> xr.Dataset:
    problem, places = poisson_bump(), _places(samples)
    source, look = problem.source_values(places), jnp.asarray(LOOK)[:, None]
    found = [ritz_galerkin(problem.box, places, source, count=count) for count in FUNCTIONS]
    values = np.stack([np.asarray(evaluate(one, look)) for one in found])
    limit = np.asarray(evaluate(ritz_galerkin_limit(problem.box, places, source), look))
    gap = np.abs(values - limit).max(axis=(1, 2)) / np.abs(limit).max()
    truth = _truth()
    error = {"units": "", "description": "largest error of the limit, as a share of the solution"}
    said = "Ritz–Galerkin; the slider's steps count its basis functions."
    return _constants(samples, truth).assign(
        outputs=((RECORD, POINT, OUTPUT), values, {"target": "target", "long_name": "u", "description": said}),
        gap=(RECORD, gap, {"panel": "distance from the limit", "scale": "log", "description": said, "section": "Loss"}),
        limit=((POINT, OUTPUT), limit),
        limit_error=((), np.abs(limit - truth).max() / np.abs(truth).max(), error),
        bend=((), _bend(limit[:, 0], places)),
    ).assign_coords(step=(RECORD, np.array(FUNCTIONS)))  # fmt: skip


def _bend(values: np.ndarray, places: np.ndarray) -> float:
    """Largest change of slope away from the samples, as a share of the largest one at them."""
    bends, inner = np.abs(np.diff(values, 2)), LOOK[1:-1]
    near = np.abs(inner[:, None] - places).min(axis=1) < 1.001 * (LOOK[1] - LOOK[0])
    return float(bends[~near].max() / bends[near].max())


def _learn(activation: str, samples: int, steps: int) -> xr.Dataset:
    places, truth = _places(samples), _truth()
    task = Residual(poisson_bump(), places, boundary_weight=10)
    look = log_steps(40)
    done = run_ensemble(
        _network(activation),
        task,
        updater=optax.adam(optax.cosine_decay_schedule(1e-3, steps)),
        steps=steps,
        measures={
            "outputs": Record(output_measure("Output of the network.", long_name="u"), at=look),
            "loss": Record(loss_measure(task, description="squared residual at the samples"), at=look),
        },
        constants=_constants(samples, truth),
        points=LOOK[:, None],
    )
    error = abs(done.data["outputs"].isel({RECORD: -1}) - truth).max((POINT, OUTPUT)) / np.abs(truth).max()
    words = {"description": "largest error at the end, as a share of the solution"}
    return done.data.assign(final_error=error.drop_vars("step").assign_attrs(words))


def _network(activation: str) -> Callable[[Key], Network]:
    def make(key: Key) -> Network:
        drawn = TwoLayer(1, 1, 500, activation=activation, key=key)  # std 1 and 1/√500
        return eqx.tree_at(lambda network: network.layers[-1].weight, drawn, replace_fn=lambda weight: 0.1 * weight)

    return make


def _constants(samples: int, truth: np.ndarray) -> xr.Dataset:
    values = {
        "points": ((POINT, INPUT), LOOK[:, None]),
        "target": ((POINT, OUTPUT), truth, {"description": "the solution"}),
        "samples": (("sample",), _places(samples), {"description": "where the source is known"}),
    }
    return xr.Dataset(values, coords={OUTPUT: ["u"], INPUT: ["x"], "input_unit": (INPUT, [""])})


CLAIM = Claim(
    id="p03",
    title="Few samples: a polygon and a smooth solution",
    sentence=(
        "With the source known at a few points only, Ritz–Galerkin tends to a piecewise linear function with kinks at "
        "the samples as its basis grows, while a network that meets the equation at the same points is smooth and "
        "much nearer to the true solution."
    ),
    source=("wang2020implicit",),
    setting=(
        "−u'' = −(4x³ − 6x) exp(−x²) on (−1, 1), u(±1) = 0, solved by u = x (exp(−x²) − exp(−1)); n = 5 (and 10) "
        "samples evenly spaced inside. Ritz–Galerkin: sine basis, right side (2/n) Σ f(x_j) ψ_i(x_j). Network "
        "1-500-1, tanh (and sin), input weights of std 1, output weights of std 0.1/√500, mean squared residual at "
        "the samples plus 10 (u(−1)² + u(1)²), full-batch Adam 1e-3 with cosine decay to 0 in 10 000 steps (2000 at "
        f"smoke scale). Errors are the largest over 2001 points, as shares of the largest |u|. Seeds {SEED_WORDS}."
    ),
    fails_when=(
        "The condition is only that u'' is right at the samples: nothing but initialisation and optimiser picks the "
        "smooth solution, and a network that starts at high frequencies need not. At a constant learning rate Adam's "
        "last steps jump about, and errors of single networks come to half of Ritz–Galerkin's."
    ),
    run=run,
    check=check,
    cover=(galerkin(5), "The fit"),
)
