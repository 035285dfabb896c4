"""Noise in 1-D data: what is recorded to tell when a network begins to learn it, and what was found."""

import dataclasses
from typing import Any

import numpy as np
import xarray as xr

from simplebias.core.snapshot import Record
from simplebias.core.types import MIRROR_FREQUENCY, RECORD, SEED, Schedule
from simplebias.frequency import NoiseFloor, clean_error_measure, mirror_spectrum_measure, noise_floor
from simplebias.frequency.noise import LEAST_POINTS
from simplebias.observation.preparation import Prepared

LONGEST = 4096
"""Points up to which the network's coefficients are kept for the figure."""


@dataclasses.dataclass(frozen=True)
class NoiseRecords:
    """What `observe` adds for noisy data.

    Args:
        records: measures with their schedules.
        variables: constants as xarray variables.
        coords: their coordinates.
    """

    records: dict[str, Record] = dataclasses.field(default_factory=dict)
    variables: dict[str, Any] = dataclasses.field(default_factory=dict)
    coords: dict[str, Any] = dataclasses.field(default_factory=dict)


def noise_records(prepared: Prepared, often: Schedule, rarely: Schedule, unit: str) -> NoiseRecords:
    """The estimated error against the clean target, and coefficients with their floor, where noise is found.

    Args:
        prepared: what is trained.
        often: when the error is recorded.
        rarely: when the coefficients are.
        unit: of frequencies.

    Returns:
        Nothing for several inputs, classes, fewer than 16 points, or data without noise.
    """
    one_input = prepared.points.shape[1] == 1 and np.ptp(prepared.points) > 0
    if not one_input or prepared.labels is not None or len(prepared.points) < LEAST_POINTS:
        return NoiseRecords()
    floor = noise_floor(prepared.sample.points, prepared.targets)
    if not floor.found.any():
        return NoiseRecords()
    records = {"estimated_error": Record(clean_error_measure(floor), at=often)}
    if len(floor.order) > LONGEST:
        return NoiseRecords(records, _stds(floor))
    records["mirror_spectrum"] = Record(mirror_spectrum_measure(floor), at=rarely)
    constants = floor.dataset()
    variables = {str(name): (array.dims, array.values, array.attrs) for name, array in constants.data_vars.items()}
    coords = {MIRROR_FREQUENCY: (MIRROR_FREQUENCY, floor.frequencies, {"units": unit})}
    return NoiseRecords(records, _stds(floor) | variables, coords)


def _stds(floor: NoiseFloor) -> dict[str, Any]:
    whole = floor.dataset()
    stds = {
        name: (whole[name].dims, whole[name].values, whole[name].attrs) for name in ("noise_std", "noise_std_error")
    }
    text = "whether the data hold anything but noise: 1 or 0"
    return stds | {"beyond_noise": ((), int(floor.signal.any()), {"description": text})}


@dataclasses.dataclass(frozen=True)
class NoiseFindings:
    """What the summary says of noise.

    Args:
        std: of the noise in each output, in units of the target's std, 0 where none was found.
        signal: whether there is anything else.
        step: median over seeds of the step of the least estimated error.
        regret: median ratio of the last estimated error to the least.
    """

    std: np.ndarray
    signal: bool
    step: float
    regret: float


def find_noise(data: xr.Dataset) -> NoiseFindings | None:
    """Read off the data when noise began to be learned, None where no noise was found.

    Args:
        data: of a run.

    Returns:
        The findings.
    """
    if "estimated_error" not in data or not data.sizes[RECORD]:
        return None
    errors = data["estimated_error"].transpose(SEED, RECORD).values
    finite = np.where(np.isfinite(errors), errors, np.inf)
    signal = bool(data["beyond_noise"])
    best = finite.argmin(axis=1) if signal else np.zeros(len(finite), int)
    lowest = finite[np.arange(len(finite)), best]
    regret = float(np.median(finite[:, -1] / np.maximum(lowest, np.finfo(np.float32).tiny)))
    step = float(np.median(data["step"].values[best]))
    return NoiseFindings(data["noise_std"].values, signal, step, regret)
