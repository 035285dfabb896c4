"""p04: a multi-scale network learns a high frequency soon after low ones, a plain one thousands of steps later."""

import numpy as np
import optax
import xarray as xr

from simplebias.claims.claim import Claim, Criterion, Evidence, Scale, Verdict
from simplebias.claims.experiment import SEED_WORDS
from simplebias.claims.judge import compare, fitted, ratio
from simplebias.claims.tones import Tones, fit_tones, harmonic
from simplebias.core.types import Key, Network, Point
from simplebias.networks import MLP, Encoded, MultiScale

TONES = {1: 1.0, 5: 1.0, 20: 1.0}
PLAIN, PARALLEL, SINGLE = "plain network", "MscaleDNN-2", "MscaleDNN-1"


def run(scale: Scale) -> Evidence:
    """The plain network and MscaleDNN-2 of as many weights; MscaleDNN-1 where there is time."""
    points, between = scale.choose((64, 1), (256, 2), (512, 2))
    plain, scaled = scale.choose((2000, 400), (8000, 2000), (20_000, 8000))
    makers = {PLAIN: (_plain, plain), PARALLEL: (_parallel, scaled), SINGLE: (_single, scaled)}
    chosen = scale.choose([PLAIN, PARALLEL], list(makers), list(makers))
    return {
        name: fit_tones(Tones(TONES, points), makers[name][0], optax.adam(1e-3), steps=makers[name][1], between=between)
        for name in chosen
    }


def check(evidence: Evidence) -> Verdict:
    """Plain: high long after low. Multi-scale: all tones in a quarter of the time, and a third of the error."""
    criteria: list[Criterion] = []
    if (plain := evidence.get(PLAIN)) is None:
        return Verdict(())
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
    return Verdict(tuple(criteria))


def _error(data: xr.Dataset) -> np.ndarray:
    """Relative error at the end, between the samples where it is known: of a target of power 3/2, and all seeds."""
    return np.sqrt(data["unseen_loss" if "unseen_loss" in data else "loss"].values[:, -1] / (len(TONES) / 2))


def _to_unit(x: Point) -> Point:
    """The points from [-π, π) to [-1, 1), for which the scales are made."""
    return x / np.pi


def _plain(key: Key) -> Network:
    return Encoded(_to_unit, MLP(1, 1, 50, 3, activation="tanh", key=key))


def _parallel(key: Key) -> Network:
    return Encoded(_to_unit, MultiScale(1, 1, 120, 3, key=key))


def _single(key: Key) -> Network:
    return Encoded(_to_unit, MultiScale(1, 1, 50, 3, version=1, key=key))


CLAIM = Claim(
    id="p04",
    title="Multi-scale networks learn high frequencies early",
    sentence=(
        "A network whose inputs are multiplied by several scales learns a frequency twenty times as high within some "
        "hundred steps, while a plain network of as many weights takes thousands."
    ),
    source=("cai2019multiscale", "liu2020multiscale"),
    setting=(
        "Target sin x + sin 5x + sin 20x on evenly spaced points of [−π, π), which networks read as x/π; mean squared "
        "error, full-batch Adam 1e-3, LeCun initialisation. Plain: 1-50-50-50-1 tanh, 5251 weights. MscaleDNN-2: for "
        "each of the scales 1, 2, 4, …, 32 a network 1-20-20-20-1 of sines, 5406 weights; MscaleDNN-1 (standard and "
        "full scale): 1-50-50-50-1 of sines, the first layer scaled, 5251 weights. 64 points and 2000 or 400 steps at "
        "smoke scale, 256 and 8000 or 2000 at standard scale, where errors are those between the points. A frequency "
        "is fitted from the first step at which its relative error stays below 0.1 for 10 records, one every 5 steps; "
        f"one that is not fitted counts as fitted a step after the last. Seeds {SEED_WORDS}."
    ),
    fails_when=(
        "The activation is tanh or ReLU: with these MscaleDNN-2 has not fitted sin 20x in 2000 steps either. "
        "Scales above what the target needs fit the samples and swing between them. A squared residual of a "
        "differential equation turns the order round whatever the network. The pace is not equal: sin 20x takes four "
        "to six times the steps of sin x, and from sin x alone to sin 64x alone (scales up to 128) the steps grow "
        "five- to twelvefold."
    ),
    run=run,
    check=check,
    cover=(PARALLEL, "What was learned when"),
)
