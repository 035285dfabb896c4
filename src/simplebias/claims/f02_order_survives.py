"""f02: the order survives a larger amplitude at high frequency, other frequencies, and plain gradient descent."""

from collections.abc import Callable

import optax
import xarray as xr

from simplebias.claims.claim import Claim, Criterion, Evidence, Scale, Verdict
from simplebias.claims.experiment import SEED_WORDS
from simplebias.claims.judge import compare, fitted, ratio
from simplebias.claims.tones import Tones, fit_tones, harmonic
from simplebias.core.types import Key, Network
from simplebias.networks import MLP

AMPLITUDE, DESCENT = "large high frequency", "gradient descent"
SWEEP = {k: f"high frequency k = {k}" for k in (3, 6, 8)}


def run(scale: Scale) -> Evidence:
    """Four times the amplitude at k = 4; a weak second frequency k = 3, 6, 8; gradient descent instead of Adam."""
    narrow, wide = _mlp("weight-std:0.1"), _mlp("weight-std:0.3")
    three = Tones({1: 1.0, 3: 1.0, 5: 1.0}, 64)
    evidence = {
        AMPLITUDE: fit_tones(Tones({1: 1.0, 4: 4.0}, 64), narrow, optax.adam(1e-3), steps=1500),
        DESCENT: fit_tones(three, wide, optax.sgd(0.02), steps=scale.choose(3000, 12_000, 40_000), interval=10),
    }
    if scale != Scale.SMOKE:
        for k, name in SWEEP.items():
            tones = Tones({1: 1.0, k: 0.2}, 64)
            evidence[name] = fit_tones(tones, narrow, optax.adam(1e-3), steps=scale.choose(0, 9000, 20_000))
    return evidence


def check(evidence: Evidence) -> Verdict:
    """Low before high in every seed. What is not fitted within the run counts as later than its last step."""
    criteria: list[Criterion] = []
    if AMPLITUDE in evidence:
        first, fourth = _steps(evidence[AMPLITUDE], 1, 4)
        criteria.append(compare("sin x + 4 sin 4x: steps for k = 4 over those for k = 1", ratio(fourth, first), ">", 3))
    if SWEEP[3] in evidence:
        first, third = _steps(evidence[SWEEP[3]], 1, 3)
        sixth, eighth = (_steps(evidence[SWEEP[k]], k)[0] for k in (6, 8))
        what = "sin x + 0.2 sin kx: steps for k = {} over those for k = {}"
        criteria.append(compare(what.format(3, 1), ratio(third, first), ">", 5))
        criteria.append(compare(what.format(6, 3), ratio(sixth, third), ">", 1))
        criteria.append(compare(what.format(8, 6), ratio(eighth, sixth), "≥", 1))
    if DESCENT in evidence:
        first, third, fifth = _steps(evidence[DESCENT], 1, 3, 5, threshold=0.2)
        fifth = fifth.clip(max=_last(evidence[DESCENT]) + 1)
        criteria.append(compare("gradient descent: steps for k = 3 over those for k = 1", ratio(third, first), ">", 3))
        criteria.append(compare("gradient descent: steps for k = 5 over those for k = 3", ratio(fifth, third), ">", 10))
    return Verdict(tuple(criteria))


def _steps(data: xr.Dataset, *harmonics: int, threshold: float = 0.1) -> list[xr.DataArray]:
    return [fitted(harmonic(data["relative_error"], k), threshold=threshold) for k in harmonics]


def _last(data: xr.Dataset) -> float:
    return float(data["step"].max())


def _mlp(initialisation: str) -> Callable[[Key], Network]:
    return lambda key: MLP(1, 1, (100, 100), activation="tanh", initialisation=initialisation, key=key)


CLAIM = Claim(
    id="f02",
    title="The order survives",
    sentence=(
        "Low frequencies come first also when the high one has four times the amplitude, when it is another one, "
        "and under plain gradient descent."
    ),
    source=("xu2018training", "xu2019frequency"),
    setting=(
        "1-100-100-1 tanh networks, 64 evenly spaced points of [−π, π), mean squared error on the full batch. sin x"
        " + 4 sin 4x and sin x + 0.2 sin kx (k = 3, 6, 8): std of weights and biases 0.1, Adam 1e-3, relative error"
        " below 0.1. sin x + sin 3x + sin 5x: std 0.3, gradient descent 0.02, relative error below 0.2. Errors must"
        f" stay below for 10 records, one every 5 steps (10 under gradient descent). Seeds {SEED_WORDS}."
    ),
    fails_when=(
        "The amplitude of the high frequency is much larger still, or weights start so large (he initialisation "
        "under gradient descent: k = 3 before k = 1 in one of three seeds) that the initial function hides the "
        "target's order."
    ),
    run=run,
    check=check,
    cover=(AMPLITUDE, "What was learned when"),
)
