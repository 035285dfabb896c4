"""f06: why low frequencies come first: activations have little of high ones, and so has every gradient."""

import jax
import numpy as np
import xarray as xr

from simplebias.claims.claim import Claim, Criterion, Evidence, Scale, Verdict
from simplebias.claims.experiment import SEED_WORDS, SEEDS
from simplebias.claims.judge import compare, within
from simplebias.core.types import FREQUENCY, SEED
from simplebias.frequency import activation_spectrum, gradient_dominance

SPECTRA, THEOREM = "spectra of activations", "gradients in a ball of parameters"
NAMES = ("relu", "tanh", "ricker:0.3")
FALL = np.arange(0.25, 1.6, 0.25)
"""Frequencies at which tanh is judged; beyond them its windowed spectrum is rounding."""
RADII = np.array([0.5, 0.7, 1.0, 2.0, 5.0])
LOWEST = 1e-12
"""Amplitude below which a windowed spectrum is rounding."""


def run(scale: Scale) -> Evidence:
    """Spectra of activations, summed within a window and by formula; and the theorem by random draws."""
    return {SPECTRA: _spectra(), THEOREM: _dominance(scale.choose(5000, 20_000, 200_000))}


def check(evidence: Evidence) -> Verdict:
    """ReLU falls as a power, tanh exponentially; the smaller the ball, the surer does the low frequency rule."""
    criteria: list[Criterion] = []
    if SPECTRA in evidence:
        measured = evidence[SPECTRA]["measured"]
        relu, tanh = (np.log(measured.sel(activation=name).values) for name in ("relu", "tanh"))
        eta = measured[FREQUENCY].values
        judged = np.isin(eta, FALL)
        power = np.polyfit(np.log(eta), relu, 1)[0] if np.isfinite(relu).all() else np.nan
        rate = np.polyfit(eta[judged], tanh[judged], 1)[0] if np.isfinite(tanh[judged]).all() else np.nan
        criteria += [
            within("ReLU: slope of the spectrum on double logarithmic axes", [power], -2.1, -1.9),
            within("tanh: slope of the logarithm of the spectrum over π² η", [rate / np.pi**2], -1.05, -0.95),
        ]
    if THEOREM in evidence:
        fraction = evidence[THEOREM]["fraction"].transpose(SEED, "radius")
        at = lambda radius: fraction.sel(radius=radius).values
        steps = fraction.sel(radius=[0.5, 1.0, 2.0, 5.0]).values
        rises = (steps[:, :-1] - steps[:, 1:]).min(axis=1) if steps.size else steps
        criteria += [
            compare("share of the ball in which k = 1 rules every gradient, δ = 0.5", at(0.5), "≥", 0.99),
            compare("the same at δ = 5", at(5.0), "≤", 0.8),
            compare("least rise from δ = 5 over 2 and 1 to 0.5", rises, ">", 0),
        ]
    return Verdict(tuple(criteria))


def _spectra() -> xr.Dataset:
    eta = np.unique(np.concatenate([np.geomspace(0.25, 8, 16), FALL]))
    closed = np.stack([activation_spectrum(name, eta) for name in NAMES])
    windowed = np.stack([activation_spectrum(name, eta, method="windowed") for name in NAMES])
    attributes = {"panel": "spectra of activations", "scale": "log", "axis": "|F[σ](η)|"}
    attributes |= {"references": "xu2019frequency"}
    shown = lambda values: np.where(closed > LOWEST, values, np.nan)
    text = "Lines: by formula; points: summed within a window. Sin has a single frequency, 1/2π, the upright line."
    dims = ("activation", FREQUENCY)
    sine = np.full(2, 1 / (2 * np.pi))
    return xr.Dataset(
        {
            "formula": (dims, shown(closed), attributes | {"over": FREQUENCY, "description": text}),
            "measured": (dims, shown(windowed), attributes | {"over": FREQUENCY, "marks": "points"}),
            "sine": ("end", np.array([LOWEST, 1.0]), attributes | {"over": "end", "long_name": "sin"}),
        },
        {
            "activation": list(NAMES),
            FREQUENCY: (FREQUENCY, eta, {"units": "cycles per unit of the neuron's input", "scale": "log"}),
            "end": sine,
        },
    )


def _dominance(draws: int) -> xr.Dataset:
    found = [gradient_dominance(RADII, key=jax.random.key(seed), draws=draws) for seed in SEEDS]
    fraction = np.stack([one.fraction for one in found])
    attributes = {"over": "radius", "references": "xu2019frequency", "long_name": "share of the ball"}
    text = "Share of draws in which |∂L(k = 1)/∂θ| > |∂L(k = 3)/∂θ| for all nine parameters θ of three tanh neurons."
    return xr.Dataset(
        {
            "fraction": (
                (SEED, "radius"),
                fraction,
                attributes | {"description": text, "long_name": "share of the ball"},
            )
        },
        {SEED: list(SEEDS), "radius": ("radius", RADII, {"long_name": "radius δ of the ball", "scale": "log"})},
    )


CLAIM = Claim(
    id="f06",
    title="Why low frequencies come first",
    sentence=(
        "The spectrum of an activation falls with frequency, so that at small weights the gradient of a low frequency's"
        " loss dominates that of a high one's in every parameter, but for an exponentially small share of cases."
    ),
    source=("xu2019frequency",),
    setting=(
        "Spectra of ReLU, tanh and Ricker (0.3) by a sum within a window of ±96 units and by their formulas. Three tanh"
        " neurons, target amplitude 1 at the angular frequencies k = 1 and 3, parameters uniform in a ball of radius δ"
        f" over all nine of them, at least 5000 draws for each seed; seeds {SEED_WORDS}."
    ),
    fails_when=(
        "Weights are large: at δ = 5 the low frequency does not rule in a third of the ball. And where the activation's"
        " spectrum does not fall from the start: Ricker of width 0.3 peaks at η = 0.75, sin has no other frequency than"
        " 1/2π."
    ),
    run=run,
    check=check,
    cover=(SPECTRA, "Spectra"),
)
