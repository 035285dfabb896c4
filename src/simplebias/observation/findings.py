"""The figures of a run that its summary and its advice follow from."""

import dataclasses
from typing import Any

import numpy as np
import xarray as xr

from simplebias.core.types import BAND, FILTER_WIDTH, PART, RECORD, SEED, SIZE
from simplebias.frequency import convergence_step
from simplebias.observation.noise import NoiseFindings, find_noise
from simplebias.observation.options import Options

LEARNED, HOLD = 0.1, 10
"""Relative error below which, for so many records, a part of the target counts as learned."""
NOTICEABLE = 0.005
"""Share of the target's power below which a band is not worth advice."""


@dataclasses.dataclass(frozen=True)
class Findings:
    """The figures that the advice follows from.

    Args:
        learned: for each part of the target the step at which each seed learned it, NaN if not, `(parts, seeds)`.
        shares: of the target's power in each part; NaN where unknown.
        labels: of the parts.
        bands: whether the parts are frequency bands, whose shares add to one, and not pairs of low and high parts.
        ahead: share of records in which low parts were fitted better than high ones, NaN for bands.
        cycles: periods of the middle of each band that the data hold; NaN for parts that are no bands.
        best_step: median over seeds of the step of lowest validation loss, NaN without validation.
        regret: median ratio of the last validation loss to the lowest.
        last_step: the last step recorded.
        effective: effective neurons at cosine similarity 0.95 in each layer at the end, medians.
        effective_before: the same before training; with one input there are few directions from the start.
        widths: neurons in each layer.
        change: relative change of the input weights of each layer, medians.
        noise: what was found of noise in 1-D data, None if nothing.
        left: neurons that are left within a relative change of the output of 0.01, median; NaN where not looked at.
        curve: least relative change of the output over numbers of neurons, `(sizes,)` each, medians; empty if none.
    """

    learned: np.ndarray
    shares: np.ndarray
    labels: tuple[str, ...]
    bands: bool
    ahead: float
    cycles: np.ndarray
    best_step: float
    regret: float
    last_step: int
    effective: np.ndarray
    effective_before: np.ndarray
    widths: np.ndarray
    change: np.ndarray
    noise: NoiseFindings | None = None
    left: float = float("nan")
    curve: tuple[np.ndarray, np.ndarray] = (np.empty(0), np.empty(0))


def find(data: xr.Dataset, options: Options) -> Findings:
    """Read the figures off the data."""
    learned, shares, labels = _learned(data)
    best, regret = _best_step(data)
    last = int(data["step"].values[-1])
    neurons = (
        data["effective_neurons"]
        .sel(threshold=0.95, method="nearest")
        .isel({record_dimension(data, "effective_neurons"): -1})
    )
    change = data["relative_change"].isel({record_dimension(data, "relative_change"): -1})
    factor = 2 if options.antisymmetric else 1
    return Findings(
        learned=learned,
        shares=shares,
        labels=labels,
        bands="band_error" in data,
        ahead=_ahead(data),
        cycles=_cycles(data, len(labels)),
        best_step=best,
        regret=regret,
        last_step=last,
        effective=neurons.values[-1],
        effective_before=neurons.values[0],
        widths=np.full(options.depth or 1, factor * (options.width or 1)),
        change=np.asarray(change.median(SEED)),
        noise=find_noise(data),
        **_reduced(data),
    )


def _reduced(data: xr.Dataset) -> dict[str, Any]:
    """How small the networks can be; nothing where none was looked at."""
    if "neurons_left" not in data or not np.isfinite(data["neurons_left"]).any():
        return {}
    changes = data["reduction"].transpose(SEED, SIZE).values
    known = np.isfinite(changes).any(axis=0)
    curve = (data[SIZE].values[known], np.nanmedian(changes[:, known], axis=0))
    return {"left": float(np.nanmedian(data["neurons_left"])), "curve": curve}


def record_dimension(data: xr.Dataset, name: str) -> str:
    """The record dimension of a variable."""
    return next(str(dim) for dim in data[name].dims if str(dim).startswith(RECORD))


def _learned(data: xr.Dataset) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Steps at which each part of the target was learned by each seed."""
    if "band_error" in data:
        errors = data["band_error"].transpose(RECORD, BAND, SEED)
        shares, labels = data["share"].values, tuple(map(str, data[BAND].values))
    else:
        errors = data["filter_error"].stack(piece=(FILTER_WIDTH, PART)).transpose(RECORD, "piece", SEED)
        kept = data["filter_share"].values
        shares = np.array([
            kept[i] if part == "low" else 1 - kept[i] for i in range(len(kept)) for part in ("low", "high")
        ])
        labels = tuple(f"{part} part, filter variance {width:.3g}" for width, part in errors["piece"].values)
    steps = convergence_step(errors.values, data["step"].values, threshold=LEARNED, hold=HOLD)
    return np.asarray(steps), np.asarray(shares), labels


def _ahead(data: xr.Dataset) -> float:
    """Share of records in which the low part of the target was fitted better than the high part."""
    if "filter_error" not in data:
        return float("nan")
    low, high = (data["filter_error"].sel({PART: part}).values for part in ("low", "high"))
    known = np.isfinite(low) & np.isfinite(high)
    return float((low < high)[known].mean()) if known.any() else float("nan")


def _cycles(data: xr.Dataset, parts: int) -> np.ndarray:
    """Periods of the middle of each band within the longest side of the data."""
    if "band_error" not in data:
        return np.full(parts, np.nan)
    middle = (data["band_low"].values + data["band_high"].values) / 2
    return middle * np.ptp(data["points"].values, axis=0).max()


def _best_step(data: xr.Dataset) -> tuple[float, float]:
    """Step of lowest validation loss and how much worse the end is, medians over seeds."""
    if "validation_loss" not in data:
        return float("nan"), float("nan")
    losses = data["validation_loss"].transpose(SEED, RECORD).values
    finite = np.where(np.isfinite(losses), losses, np.inf)
    best = finite.argmin(axis=1)
    lowest = finite[np.arange(len(finite)), best]
    regret = np.where(lowest > 0, finite[:, -1] / np.where(lowest > 0, lowest, 1), 1.0)
    return float(np.median(data["step"].values[best])), float(np.median(regret))


def spectral_stop(found: Findings) -> float:
    """The step by which every noticeable part that was ever learned had been learned by the median seed.

    Training beyond it only changes parts that carry little of the target or are never learned.

    Args:
        found: the figures.

    Returns:
        The step, NaN if nothing noticeable was learned.
    """
    medians = medians_over_seeds(found.learned)
    wanted = np.isfinite(medians) & (found.shares >= NOTICEABLE)
    return float(medians[wanted].max()) if wanted.any() else float("nan")


def medians_over_seeds(learned: np.ndarray) -> np.ndarray:
    """Median step over seeds; NaN where half the seeds or more never learned it."""
    filled = np.where(np.isnan(learned), np.inf, learned)
    middle = np.median(filled, axis=1)
    return np.where(np.isfinite(middle), middle, np.nan)
