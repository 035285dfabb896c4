"""f16: a bound on the error of generalisation from the FP-norm of the target holds, and is far from sharp."""

import numpy as np
import xarray as xr

from simplebias.claims.claim import Claim, Criterion, Evidence, Scale, Verdict
from simplebias.claims.experiment import SEEDS
from simplebias.claims.judge import compare, within
from simplebias.core.types import SEED
from simplebias.frequency import fp_norm, generalisation_bound

DRAWS = "random targets and samples"
EXPONENTS, COUNTS = np.array([1.0, 1.5, 2.0]), np.array([10, 20, 40, 80])
TOP = 400
"""Highest whole frequency of a target."""
PLACES = 2000
"""Points at which errors are averaged."""
FAILURE = 0.05


def run(scale: Scale) -> Evidence:
    """Random targets of FP-norm 1, each through the samples of every size, by the function of least norm."""
    return {DRAWS: _draws(scale.choose(40, 200, 1000))}


def check(evidence: Evidence) -> Verdict:
    """No error above its bound, and errors that fall as `n^-(s - ½)`, faster than the bound."""
    if DRAWS not in evidence:
        return Verdict()
    data = evidence[DRAWS]
    share = (data["error"] / data["bound"]).values
    criteria: list[Criterion] = [
        compare("error over bound, largest of all draws", [share.max()] if share.size else [], "≤", 1),
        compare("number of draws", [data["error"].size], "≥", 300),
    ]
    square = (data["mean_square"].mean(SEED)).transpose("exponent", "count").values
    for exponent, row in zip(data["exponent"].values, square, strict=True):
        slope = np.polyfit(np.log(data["count"].values), np.log(row) / 2, 1)[0] if np.isfinite(row).all() else np.nan
        expected = -(exponent - 0.5)
        what = f"s = {exponent:g}: slope of the root mean square error over n"
        criteria.append(within(what, [slope], expected - 0.2, expected + 0.2))
    return Verdict(tuple(criteria))


def _draws(draws: int) -> xr.Dataset:
    frequencies = np.arange(-TOP, TOP + 1)
    places = (np.arange(PLACES) + 0.5) / PLACES
    shape = (draws, len(EXPONENTS), len(COUNTS))
    error, square, bound = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for draw in range(draws):
        rng = np.random.default_rng((SEEDS[0], draw))
        noise = rng.normal(size=TOP + 1) + 1j * rng.normal(size=TOP + 1)
        noise[0] = noise[0].real * np.sqrt(2)
        for row, exponent in enumerate(EXPONENTS):
            gamma = np.maximum(np.abs(frequencies), 1.0) ** -exponent
            spectrum = gamma[TOP:] * noise
            both = np.concatenate([spectrum[:0:-1].conj(), spectrum])
            norm = fp_norm(both, gamma**2)
            for column, count in enumerate(COUNTS):
                samples = rng.uniform(size=int(count))
                difference = _interpolated(samples, both / norm, gamma, places)
                error[draw, row, column] = np.abs(difference).mean()
                square[draw, row, column] = (difference**2).mean()
                bound[draw, row, column] = generalisation_bound(1.0, gamma**2, int(count), failure=FAILURE)
    return _labelled(error, square, bound)


def _interpolated(samples: np.ndarray, spectrum: np.ndarray, gamma: np.ndarray, places: np.ndarray) -> np.ndarray:
    """What is missing at `places` to a target in the function of least FP-norm through its values at `samples`."""
    frequencies = np.arange(-TOP, TOP + 1)
    waves = np.exp(2j * np.pi * np.outer(samples, frequencies))
    kernel = np.real(waves * gamma**2 @ waves.conj().T)
    eigenvalues, vectors = np.linalg.eigh(kernel)
    kept = eigenvalues > len(samples) * np.finfo(float).eps * eigenvalues[-1]
    weights = vectors[:, kept] @ (vectors[:, kept].T @ np.real(waves @ spectrum) / eigenvalues[kept])
    change = spectrum - gamma**2 * (waves.conj().T @ weights)
    folded = np.zeros(len(places), complex)
    folded[frequencies] = change * np.exp(1j * np.pi * frequencies / len(places))
    return len(places) * np.real(np.fft.ifft(folded))


def _labelled(error: np.ndarray, square: np.ndarray, bound: np.ndarray) -> xr.Dataset:
    dims = (SEED, "exponent", "count")
    attributes = {"over": "count", "scale": "log", "panel": "bound and error", "axis": "mean absolute error"}
    attributes |= {"references": "zhang2019explicitizing luo2020exact"}
    text = "Upper lines: the bound. Lower lines: what is measured. Targets of FP-norm 1, γ = |k|^−s."
    rms = {"over": "count", "scale": "log", "long_name": "root mean square error over all draws"}
    return xr.Dataset(
        {
            "bound": (dims[1:], bound[0], attributes | {"description": text}),
            "error": (dims, error, attributes),
            "mean_square": (dims, square),
            "rms": (dims[1:], np.sqrt(square.mean(axis=0)), rms),
        },
        {
            "exponent": ("exponent", EXPONENTS, {"symbol": "s"}),
            "count": ("count", COUNTS, {"long_name": "number of samples n", "scale": "log"}),
        },
    )


CLAIM = Claim(
    id="f16",
    title="A bound from the FP-norm",
    sentence=(
        "With probability 1 − δ the function of least FP-norm through n random samples errs by no more than a bound"
        " that follows from the target's FP-norm and falls as 1/√n in any dimension."
    ),
    source=("zhang2019explicitizing", "luo2020exact"),
    setting=(
        "One input in [0, 1], frequencies k = −400 … 400, γ = max(|k|, 1)^−s with s = 1, 1.5, 2. Targets with Gaussian"
        " coefficients times γ, scaled to FP-norm 1; n = 10, 20, 40, 80 samples, uniform; δ = 0.05; float64; all"
        f" random numbers from ({SEEDS[0]}, draw)."
    ),
    fails_when=(
        "It is a certificate and no estimate: the bound is hundreds of times above the error, so it says nothing of how"
        " large the error is; and it needs Σ γ² < ∞, a decay faster than the critical one (f08)."
    ),
    run=run,
    check=check,
    cover=(DRAWS, "Bound"),
)
