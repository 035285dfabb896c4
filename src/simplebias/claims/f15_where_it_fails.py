"""f15: where the Frequency Principle fails, by the activation or by the initial weights, and what that costs."""

from collections.abc import Callable

import numpy as np
import optax
import xarray as xr

from simplebias.claims.claim import Claim, Criterion, Evidence, Scale, Verdict
from simplebias.claims.experiment import SEED_WORDS
from simplebias.claims.judge import compare, fitted, ratio
from simplebias.claims.tones import Tones, fit_tones, harmonic
from simplebias.core.types import Key, Network
from simplebias.networks import MLP, AntiSymmetric

WIDE, NARROW, FAST = "Ricker 0.3: it holds", "Ricker 0.1: it fails", "sin(10x): it fails"
SMALL, LARGE = "tanh, initial std 0.1: it holds", "tanh, initial std 1: it fails"
HARMONICS = (1, 3, 5)


def run(scale: Scale) -> Evidence:
    """Two wavelets and a fast sine as activations; one network from small and from large weights."""
    points, rate = scale.choose(64, 64, 600), scale.choose(5e-5, 5e-5, 1e-5)
    evidence = {}
    for name, activation, steps, faster in (
        (WIDE, "ricker:0.3", scale.choose(600, 3000, 6000), scale.choose(4, 1, 1)),
        (NARROW, "ricker:0.1", scale.choose(200, 1000, 3000), 1),
        (FAST, "sin:10", scale.choose(300, 1000, 3000), 1 / 5),  # so fast that a step must be short
    ):
        interval = max(1, round(faster))
        evidence[name] = _fit(points, _zero_at_first(activation, scale), faster * rate, steps, interval=interval)
    for name, std, steps in (
        (SMALL, 0.1, scale.choose(2000, 4000, 6000)),
        (LARGE, 1.0, scale.choose(300, 4000, 6000)),
    ):
        evidence[name] = _fit(64, _from_std(std), 1e-3, steps, interval=5)
    return evidence


def check(evidence: Evidence) -> Verdict:
    """On each side of each pair: in order or all at once, and how far off between the samples."""
    criteria: list[Criterion] = []
    for name, bound in ((WIDE, 5), (SMALL, 10)):
        if name in evidence:
            first, _, fifth = _steps(evidence[name])
            criteria.append(compare(f"{name}: steps for k = 5 over those for k = 1", ratio(fifth, first), ">", bound))
    for name, error in ((NARROW, 0.2), (FAST, 0.5)):
        if name in evidence:
            steps = np.stack([each.values for each in _learned(evidence[name])])
            never = np.isinf(steps).any(axis=0)
            slowest = np.where(never, np.inf, steps.max(axis=0) / np.where(never, 1, steps.min(axis=0)))
            criteria.append(compare(f"{name}: slowest of k = 1, 3, 5 over fastest, in steps", slowest, "<", 3))
            last = evidence[name]["unseen_loss"].isel(record_unseen_loss=-1)
            criteria.append(compare(f"{name}: mean squared error between the samples", last, ">", error))
    if LARGE in evidence:
        first, _, fifth = _learned(evidence[LARGE])
        criteria.append(compare(f"{LARGE}: steps for k = 5 over those for k = 1", ratio(fifth, first), "<", 3))
    return Verdict(tuple(criteria))


def _steps(data: xr.Dataset) -> list[xr.DataArray]:
    return [fitted(harmonic(data["relative_error"], k)) for k in HARMONICS]


def _learned(data: xr.Dataset) -> list[xr.DataArray]:
    """Steps of each harmonic; undefined if it is there before training, so that nothing was learned."""
    return [steps.where(steps > 0) for steps in _steps(data)]


def _fit(points: int, make: Callable[[Key], Network], rate: float, steps: int, *, interval: int) -> xr.Dataset:
    tones = Tones(dict.fromkeys(HARMONICS, 1.0), points)
    return fit_tones(tones, make, optax.adam(rate), steps=steps, interval=interval, views=20, between=4)


def _zero_at_first(activation: str, scale: Scale) -> Callable[[Key], Network]:
    widths = scale.choose((64, 64, 64), (64, 64, 64), (200, 200, 200, 100))
    return lambda key: AntiSymmetric(MLP(1, 1, widths, activation=activation, initialisation="power:0.5", key=key))


def _from_std(std: float) -> Callable[[Key], Network]:
    return lambda key: MLP(1, 1, (200, 200), initialisation=f"weight-std:{std}", key=key)


CLAIM = Claim(
    id="f15",
    title="Where the principle fails",
    sentence=(
        "An activation whose spectrum peaks at high frequency (a narrow Ricker wavelet, sin 10x) or large initial "
        "weights make a network learn all frequencies at once; with such an activation it fits its samples at once, "
        "and is wrong between them."
    ),
    source=("xu2019frequency", "zhang2019type", "xu2022overview"),
    setting=(
        "sin x + sin 3x + sin 5x on 64 evenly spaced points of [−π, π), looked at also at three points between each "
        "two of them; relative errors at the samples below 0.1 for 10 records. Activations: 1-64-64-64-1, std of "
        "weights and biases 64^-½, anti-symmetric initialisation, so that the first function is zero, Adam 5e-5 (1e-5 "
        "for the sine, whose times would else be a few steps), a record every step (2e-4 and every 4 steps for Ricker "
        "0.3 at smoke scale); at full scale 1-200-200-200-100-1, 600 points and rates of a fifth. Initial weights: "
        "1-200-200-1 tanh, std 0.1 and 1 for weights and biases, Adam "
        f"1e-3, a record every 5 steps. Seeds {SEED_WORDS}."
    ),
    fails_when=(
        "This page is itself the counter-example to f01: what fails here is the Frequency Principle, beside a setting "
        "of the same kind in which it holds. Large initial weights cost little off these samples, which are dense "
        "for the target; the error that the narrow wavelets make between samples falls with more samples."
    ),
    run=run,
    check=check,
    cover=(NARROW, "The fit"),
)
