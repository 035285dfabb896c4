"""p04: a multi-scale network learns high frequencies at the pace of low ones, a plain one thousands of steps later."""

from collections.abc import Callable, Mapping

import numpy as np
import optax
import xarray as xr

from simplebias.claims.claim import Claim, Criterion, Evidence, Scale, Verdict
from simplebias.claims.experiment import SEED_WORDS
from simplebias.claims.judge import compare, fitted, ratio
from simplebias.claims.tones import Tones, fit_tones, harmonic
from simplebias.core.types import SEED, Key, Network, Point
from simplebias.networks import MLP, AntiSymmetric, Encoded, MultiScale

TONES = {1: 1.0, 5: 1.0, 20: 1.0}
PLAIN, PARALLEL, SINGLE = "plain network", "MscaleDNN-2", "MscaleDNN-1"
OCTAVES = (1, 2, 4, 8, 16, 32, 64)
"""Tones by which the cost is measured against the highest frequency."""
EVEN, LOW, COST = "scales 2, 4, 6, …, 200", "plain network, tones 1 to 64", "Cost against the highest frequency"
TOGETHER, ALONE, SLOW = "multi-scale, all at once", "multi-scale, each alone", "plain, all at once"
HOLD = 50
"""Steps for which an error stays below 0.1 where a tone counts as fitted."""


def run(scale: Scale) -> Evidence:
    """Three tones, plain and multi-scale; then seven octaves of tones."""
    points, between = scale.choose((64, 1), (256, 2), (512, 2))
    plain, scaled = scale.choose((2000, 350), (8000, 2000), (20_000, 8000))
    makers = {PLAIN: (_plain, plain), PARALLEL: (_parallel, scaled), SINGLE: (_single, scaled)}
    evidence = {
        name: fit_tones(Tones(TONES, points), makers[name][0], optax.adam(1e-3), steps=makers[name][1], between=between)
        for name in scale.choose([PLAIN, PARALLEL], list(makers), list(makers))
    }
    sizes = scale.choose((160, 1), (512, 2), (512, 2))
    evidence[EVEN] = _on_octaves(_even, OCTAVES, sizes, scale.choose(120, 600, 2000), 1)
    steps = {TOGETHER: _steps(evidence[EVEN], OCTAVES)}
    if scale != Scale.SMOKE:
        evidence[LOW] = _on_octaves(_low, OCTAVES, sizes, scale.choose(0, 4000, 12_000), 5)
        steps[SLOW] = _steps(evidence[LOW], OCTAVES)
        alone = [_steps(_on_octaves(_even, (k,), sizes, 150, 1), (k,)) for k in OCTAVES]
        steps[ALONE] = np.concatenate(alone, axis=1)
    return evidence | {COST: _cost(steps, evidence[EVEN][SEED].values)}


def check(evidence: Evidence) -> Verdict:
    """Plain: high long after low. Multi-scale: all tones in a quarter of the time, and as soon at 64 as at 1."""
    criteria: list[Criterion] = []
    if (plain := evidence.get(PLAIN)) is not None:
        last = float(plain["step"].max())
        first, highest = (fitted(harmonic(plain["relative_error"], k)).clip(max=last + 1) for k in (1, 20))
        what = "plain: steps for k = 20 over those for k = 1"
        criteria.append(compare(what, ratio(highest, first), ">", 10))
        for name in (PARALLEL, SINGLE):
            if name in evidence:
                each = [fitted(harmonic(evidence[name]["relative_error"], k)).values for k in TONES]
                slowest = highest.copy(data=np.max(each, axis=0))
                what = f"{name}: steps until all three are fitted over those of the plain network for k = 20"
                criteria.append(compare(what, ratio(slowest, highest), "<", 0.25))
                what = f"error of the plain network over that of {name}, at the end of each"
                criteria.append(compare(what, _error(plain) / _error(evidence[name]), "≥", 3))
    return Verdict((*criteria, *_growths(evidence)))


def _growths(evidence: Evidence) -> list[Criterion]:
    """Steps for k = 64 over those for k = 1; a plain network that is not there at the end counts a step later."""
    criteria: list[Criterion] = []
    if EVEN in evidence:
        first, highest = (fitted(harmonic(evidence[EVEN]["relative_error"], k), hold=HOLD) for k in (1, 64))
        what = f"{EVEN}: steps for k = 64 over those for k = 1, seven tones at once"
        criteria.append(compare(what, ratio(highest, first), "<", 4))
    if LOW in evidence:
        error, last = evidence[LOW]["relative_error"], float(evidence[LOW]["step"].max())
        first, highest = (fitted(harmonic(error, k)).clip(max=last + 1) for k in (1, 64))
        what = "plain: steps for k = 64 (or all there were) over those for k = 1, seven tones at once"
        criteria.append(compare(what, ratio(highest, first), ">", 30))
    cost = evidence.get(COST)
    if cost is not None and ALONE in cost:
        first, highest = (cost[ALONE].sel(highest=k) for k in (1, 64))
        what = f"{EVEN}: steps for sin 64x alone over those for sin x alone"
        criteria.append(compare(what, ratio(highest, first), "<", 4))
    return criteria


def _error(data: xr.Dataset) -> np.ndarray:
    """Relative error at the end, between the samples where it is known: of a target of power 3/2, and all seeds."""
    return np.sqrt(data["unseen_loss" if "unseen_loss" in data else "loss"].values[:, -1] / (len(TONES) / 2))


def _on_octaves(
    make: Callable[[Key], Network], tones: tuple[int, ...], sizes: tuple[int, int], steps: int, interval: int
) -> xr.Dataset:
    target = Tones(dict.fromkeys(tones, 1.0), sizes[0])
    return fit_tones(target, make, optax.adam(1e-3), steps=steps, interval=interval, between=sizes[1])


def _steps(data: xr.Dataset, tones: tuple[int, ...]) -> np.ndarray:
    """First step from which each tone is fitted, `(seeds, tones)`, infinite where it is not."""
    hold = HOLD // int(data["step"].values[1])
    return np.stack([fitted(harmonic(data["relative_error"], k), hold=hold).values.ravel() for k in tones], axis=1)


def _cost(steps: Mapping[str, np.ndarray], seeds: np.ndarray) -> xr.Dataset:
    """Curves of steps over tones, one for each way of counting; what is never fitted has none."""
    attributes = {"over": "highest", "panel": "steps until a tone is fitted", "axis": "steps", "scale": "log"}
    attributes |= {"section": "Frequencies"}
    attributes["description"] = "From here on its relative error stays below 0.1; curves end where that never comes."
    values = {
        name: ((SEED, "highest"), np.where(np.isinf(one), np.nan, one), attributes) for name, one in steps.items()
    }
    places = ("highest", np.array(OCTAVES), {"long_name": "tone k of sin kx", "scale": "log"})
    return xr.Dataset(values, {SEED: seeds, "highest": places})


def _to_unit(x: Point) -> Point:
    """The points from [-π, π) to [-1, 1), for which the scales are made."""
    return x / np.pi


def _plain(key: Key) -> Network:
    return Encoded(_to_unit, MLP(1, 1, 50, 3, activation="tanh", key=key))


def _parallel(key: Key) -> Network:
    return Encoded(_to_unit, MultiScale(1, 1, 120, 3, key=key))


def _single(key: Key) -> Network:
    return Encoded(_to_unit, MultiScale(1, 1, 50, 3, version=1, key=key))


def _even(key: Key) -> Network:
    scales = 2 * np.arange(1, 101)
    return AntiSymmetric(Encoded(_to_unit, MultiScale(1, 1, 128, 2, version=1, scales=scales, key=key)))


def _low(key: Key) -> Network:
    return AntiSymmetric(Encoded(_to_unit, MLP(1, 1, 128, 2, activation="tanh", key=key)))


CLAIM = Claim(
    id="p04",
    title="Multi-scale networks learn high frequencies early",
    sentence=(
        "A network whose inputs are multiplied by several scales learns a frequency twenty times as high within some "
        "hundred steps, while a plain network of as many weights takes thousands; with scales evenly spread over "
        "frequency it learns sin 64x in about the steps of sin x."
    ),
    source=("cai2019multiscale", "liu2020multiscale"),
    setting=(
        "Target sin x + sin 5x + sin 20x on evenly spaced points of [−π, π), which networks read as x/π; mean squared "
        "error, full-batch Adam 1e-3, LeCun initialisation. Plain: 1-50-50-50-1 tanh, 5251 weights. MscaleDNN-2: for "
        "each of the scales 1, 2, 4, …, 32 a network 1-20-20-20-1 of sines, 5406 weights; MscaleDNN-1 (standard and "
        "full scale): 1-50-50-50-1 of sines, the first layer scaled, 5251 weights. 64 points and 2000 or 350 steps at "
        "smoke scale, 256 and 8000 or 2000 at standard scale, where errors are those between the points. A frequency "
        "is fitted from the first step at which its relative error stays below 0.1 for 10 records, one every 5 steps; "
        "one that is not fitted counts as fitted a step after the last. Cost against frequency: sin kx for k = 1, 2, "
        "4, …, 64 at once (160 points at smoke scale, 512 else), and each alone. MscaleDNN-1 of sines 1-128-128-1, a "
        "scale 2, 4, 6, …, 200 for each neuron of the first layer; plain: tanh of the same widths; both twice with "
        "opposite signs, so that the first function is zero, 33 794 weights. Errors stay below 0.1 for 50 steps. "
        f"Seeds {SEED_WORDS}."
    ),
    fails_when=(
        "The activation is tanh or ReLU: with these MscaleDNN-2 has not fitted sin 20x in 2000 steps either. "
        "Scales above what the target needs fit the samples and swing between them. A squared residual of a "
        "differential equation turns the order round whatever the network. With scales by octaves, 1, 2, 4, …, as "
        "many neurons share each octave, so that a unit of frequency has fewer the higher it is: sin 20x takes four to "
        "six times the steps of sin x, sin 64x alone four to twelve times those of sin x alone, whatever the factors "
        "of the parts' outputs. In a network half as wide, with tones at once, single seeds come to 4.2."
    ),
    run=run,
    check=check,
    cover=(PARALLEL, "What was learned when"),
)
