"""f09: derivatives in the loss speed high frequencies up: Ritz energy, residual, Sobolev loss, a change of the loss."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr

from simplebias.claims.claim import Claim, Criterion, Evidence, Scale, Verdict
from simplebias.claims.equations import DATA, NETWORK, RESIDUAL, RITZ, TURN_STD, mode_error, solve_tones, turn_order
from simplebias.claims.experiment import SEED_WORDS, SEEDS, run_ensemble
from simplebias.claims.judge import compare, fitted, within
from simplebias.claims.tones import Tones, fit_tones, harmonic
from simplebias.core.schedule import every
from simplebias.core.snapshot import Record
from simplebias.core.task import Regression
from simplebias.core.types import RECORD, SEED, Key, Network, Point, Scalar
from simplebias.networks import MLP
from simplebias.pde import Box, Lattice, Poisson, Residual
from simplebias.training import loss_measure, train

PLAIN, SOBOLEV = "values only, λ = 0", "values and slopes, λ = 1"
JUMP = "a change of the loss"
TURNED = {DATA: "fast sines: values", RESIDUAL: "fast sines: squared residual"}
JUMP_STEPS = 600
"""Steps taken after the change of the loss."""
BOUNDS = {DATA: (40, np.inf), RITZ: (5, 40), RESIDUAL: (0, 10)}
"""What is accepted for the steps to learn sine mode 16 over those for mode 2."""


def derivatives_in(loss: str) -> str:
    """Name of the experiment."""
    return {DATA: "no derivative: ", RITZ: "one derivative: ", RESIDUAL: "two derivatives: "}[loss] + loss


def run(scale: Scale) -> Evidence:
    """One equation by three losses; a sum of sines with and without slopes; and a loss that is changed."""
    losses = {RESIDUAL: scale.choose(250, 1000, 3000)}
    if scale != Scale.SMOKE:
        losses = {DATA: scale.choose(0, 4000, 6000), RITZ: scale.choose(0, 1500, 3000)} | losses
    with jax.enable_x64(scale != Scale.SMOKE):
        evidence = {derivatives_in(loss): solve_tones(loss, intervals=200, steps=n) for loss, n in losses.items()}
    three, adam = Tones({1: 1.0, 3: 1.0, 5: 1.0}, 64), optax.adam(1e-3)
    evidence[PLAIN] = fit_tones(three, _small, adam, steps=scale.choose(1400, 2500, 4000))
    evidence[SOBOLEV] = fit_tones(three, _small, adam, steps=scale.choose(700, 2500, 4000), slope_weight=1)
    if scale != Scale.SMOKE:
        evidence[TURNED[DATA]] = turn_order(DATA, rate=1e-3, steps=800)
        evidence[TURNED[RESIDUAL]] = turn_order(RESIDUAL, rate=1e-9, steps=800)
        with jax.enable_x64(True):
            evidence[JUMP] = _jump(steps=scale.choose(0, 10_000, 20_000))
    return evidence


def check(evidence: Evidence) -> Verdict:
    """Each derivative brings high frequencies nearer in time to low ones; one never learned counts as late."""
    criteria: list[Criterion] = []
    for loss, (low, high) in BOUNDS.items():
        if (data := evidence.get(derivatives_in(loss))) is not None:
            times, last = _ratio(data), float(data["step"].max())
            what = f"{loss}: steps for frequency 4 over those for 0.5"
            if np.isinf(high):
                second = _counted(fitted(mode_error(data, 2)))
                criteria.append(compare(what, np.minimum(times, (last + 1) / second), ">", low))
            elif low:
                criteria.append(within(what, times, low, high))
            else:
                criteria.append(compare(what, times, "<", high))
    if PLAIN in evidence and SOBOLEV in evidence:
        plain, both = (fitted(harmonic(evidence[name]["relative_error"], 5)) for name in (PLAIN, SOBOLEV))
        last = float(evidence[PLAIN]["step"].max())
        share = both.values / plain.clip(max=last + 1).values
        criteria.append(compare("steps for k = 5 with slopes over those without", share, "<", 0.5))
    for loss, (ahead, behind) in {DATA: (2, 40), RESIDUAL: (40, 2)}.items():
        if (data := evidence.get(TURNED[loss])) is not None:
            share = (mode_error(data, ahead) < mode_error(data, behind)).mean(RECORD)
            what = f"fast sines, {loss}: share of records in which frequency {ahead / 4:g} is ahead of {behind / 4:g}"
            criteria.append(compare(what, share, "≥", 0.95))
    if JUMP in evidence:
        control, model = (_rise(evidence[JUMP][name]) for name in ("control", "changed"))
        criteria.append(compare("the same loss with a new Adam: rise of the distance", control, "<", 10, "times"))
        criteria.append(compare("the residual instead: its rise over that one", model / control, ">", 5, "times"))
    return Verdict(tuple(criteria))


def _counted(steps: xr.DataArray) -> np.ndarray:
    """Steps of the lower mode: at least 10, as the first records are coarse; NaN where it never came."""
    return np.where(np.isinf(steps.values), np.nan, np.maximum(steps.values, 10))


def _ratio(data: xr.Dataset) -> np.ndarray:
    return fitted(mode_error(data, 16)).values / _counted(fitted(mode_error(data, 2)))


def _rise(distance: xr.DataArray) -> np.ndarray:
    """Largest value over the first one, for each seed; NaN if one is missing."""
    first = distance.transpose(SEED, RECORD).values
    return first.max(axis=1) / first[:, 0]


def _jump(steps: int) -> xr.Dataset:
    """Networks fitted to values go on with the same loss or with the squared residual, both from a new Adam."""
    problem = Poisson(Box(-np.pi, np.pi), _source, exact=_exact)
    points = Lattice(problem.box, 100).points
    values = Regression(points, problem.exact_values(points))
    distance = {"distance": Record(loss_measure(values), at=every(5))}
    fitted_first = run_ensemble(_deep, values, updater=optax.adam(1e-3), steps=steps, measures=distance)
    found = {}
    for name, task in {"control": values, "changed": Residual(problem, points, boundary_weight=1)}.items():
        done = train(
            fitted_first.network,
            task,
            key=jax.random.key(0),
            updater=optax.adam(1e-5),
            steps=JUMP_STEPS,
            measures=distance,
            seeds=SEEDS,
            progress=False,
            throw=False,
        )
        title = {"control": "the same loss, Adam started anew", "changed": "the squared residual instead"}[name]
        words = {"panel": "mean squared distance from the solution", "scale": "log", "long_name": title}
        found[name] = done.data["distance"].assign_attrs(words)
    return xr.Dataset(found)


def _source(point: Point) -> Scalar:
    return 4 * jnp.sin(2 * point[0]) + 6.4 * jnp.sin(8 * point[0])


def _exact(point: Point) -> Scalar:
    return jnp.sin(2 * point[0]) + 0.1 * jnp.sin(8 * point[0])


def _small(key: Key) -> Network:
    return MLP(1, 1, (64, 64), activation="tanh", initialisation="weight-std:0.125", key=key)


def _deep(key: Key) -> Network:
    return MLP(1, 1, (80, 80, 80), activation="tanh", key=key)


CLAIM = Claim(
    id="f09",
    title="Derivatives in the loss speed high frequencies up",
    sentence=(
        "Each derivative in the loss multiplies the pace of a frequency by its square, so that a network learns high "
        "frequencies sooner by the Ritz energy, sooner still by the squared residual, and by values with slopes; where "
        "a network is not slow at them anyway, the order turns round."
    ),
    source=("xu2019frequency", "xu2018frequency", "wang2024loss"),
    setting=(
        f"Three losses: −u'' = sin x + 4 sin 4x − 8 sin 8x + 16 sin 24x on (−1, 1), u(±1) = 0; network {NETWORK}; "
        "values, Ritz energy or squared residual (this alone, in float32, at smoke scale) on a lattice of 200 "
        "intervals in float64, full-batch Adam 1e-3; sine modes 2 and 16, of frequencies 0.5 and 4; a first step "
        "below 10 counts as 10. Slopes: sin x + sin 3x + sin 5x, 64 points, 1-64-64-1 tanh of std 1/8, Adam 1e-3, "
        "mean squared error of values plus λ times that of slopes. Errors stay below 0.1 for 10 records, one every 5 "
        "steps. Order turned round (not at smoke scale): three equal tones of frequencies 0.5, 2.5 and 10, one hidden "
        f"layer of 400 sines with angular frequencies of std {TURN_STD:g}, gradient descent 1e-3 on values and 1e-9 on "
        "the residual, 800 steps; ahead is the smaller error. Change of the loss (not at smoke scale): −u'' = 4 sin "
        "2x + 6.4 sin 8x on (−π, π), 1-80-80-80-1 tanh fitted to values, then "
        f"{JUMP_STEPS} steps of a new Adam at 1e-5 on values again or on the residual. "
        f"Seeds {SEED_WORDS}."
    ),
    fails_when=(
        "λ is small: slopes act only where λ(2πξ)² is about 1 or more, and λ = 0.01 changes nothing. The size of the "
        "jump after a change of the loss says nothing alone: at learning rate 1e-3 a new Adam on the same loss makes "
        "the solution jump as far."
    ),
    run=run,
    check=check,
    cover=(derivatives_in(RESIDUAL), "What was learned when"),
)
