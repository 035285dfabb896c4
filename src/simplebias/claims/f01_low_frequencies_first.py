"""f01: in one dimension a network fits low frequencies first, seen in the spectrum and in the fit."""

from collections.abc import Callable

import optax

from simplebias.claims.claim import Claim, Criterion, Evidence, Scale, Verdict
from simplebias.claims.experiment import SEED_WORDS
from simplebias.claims.judge import compare, fitted, ratio, within
from simplebias.claims.tones import Tones, fit_tones, harmonic
from simplebias.core.types import Key, Network
from simplebias.networks import MLP

_THREE = {1: 1.0, 3: 1.0, 5: 1.0}
_WINDOWS = {
    "notebook network": ((25, 60), (250, 450), (700, 1500)),
    "book's heat map": ((20, 60), (400, 800), (1300, 2300)),
}
"""Steps at which k = 1, 3, 5 must be fitted in the two settings of the authors."""


def run(scale: Scale) -> Evidence:
    """A small network always, the authors' networks where there is time."""
    evidence = {
        "small network": fit_tones(
            Tones(_THREE, 64),
            _mlp((64, 64), "weight-std:0.125"),
            optax.adam(1e-3),
            steps=scale.choose(2500, 4000, 4000),
        )
    }
    deep = _mlp((200, 200, 200, 100), "power:0.5")
    if scale != Scale.SMOKE:
        evidence["notebook network"] = fit_tones(Tones(_THREE, 101), deep, optax.adam(2e-4), steps=2000)
    if scale == Scale.FULL:
        evidence["book's heat map"] = fit_tones(Tones(_THREE, 600), deep, optax.adam(1e-4), steps=3000, views=100)
    return evidence


def check(evidence: Evidence) -> Verdict:
    """Low before high in every seed; in the authors' settings also when."""
    criteria: list[Criterion] = []
    for name, data in evidence.items():
        first, third, fifth = (fitted(harmonic(data["relative_error"], k)) for k in (1, 3, 5))
        if name in _WINDOWS:
            for k, steps, bounds in zip((1, 3, 5), (first, third, fifth), _WINDOWS[name], strict=True):
                criteria.append(within(f"{name}: step at which k = {k} is fitted", steps, *bounds))
        else:
            criteria += [
                compare(f"{name}: step at which k = 1 is fitted", first, "<", 100),
                compare(f"{name}: steps for k = 3 over those for k = 1", ratio(third, first), ">", 8),
                compare(f"{name}: steps for k = 5 over those for k = 3", ratio(fifth, third), ">", 1.2),
            ]
    return Verdict(tuple(criteria))


def _mlp(widths: tuple[int, ...], initialisation: str) -> Callable[[Key], Network]:
    return lambda key: MLP(1, 1, widths, activation="tanh", initialisation=initialisation, key=key)


CLAIM = Claim(
    id="f01",
    title="Low frequencies first",
    sentence=(
        "A network that fits a function of one variable by gradient descent learns its frequencies from low to high."
    ),
    source=("xu2018training", "xu2019frequency"),
    setting=(
        "Target sin x + sin 3x + sin 5x on evenly spaced points of [−π, π); tanh networks; mean squared error, "
        "full-batch Adam. Small network 1-64-64-1, std of weights and biases 1/8, 64 points, learning rate 1e-3. "
        "The authors' notebook: 1-200-200-200-100-1, std 1/√200, 101 points, 2e-4; their book: the same network, "
        "600 points, 1e-4. A frequency is fitted from the first step at which its relative error stays below 0.1 "
        f"for 10 records, one every 5 steps. Seeds {SEED_WORDS}."
    ),
    fails_when=(
        "Weights start large (std 1 in a 1-200-200-1 network: all three are fitted at about the same step), the "
        "activation itself is of high frequency (sin 10x, a narrow Ricker wavelet), or derivatives are in the loss."
    ),
    run=run,
    check=check,
    cover=("small network", "What was learned when"),
)
