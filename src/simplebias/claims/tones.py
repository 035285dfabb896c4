"""The common experiment of the Frequency Principle in one dimension: fit a sum of sines and follow its spectrum."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import optax
import xarray as xr

from simplebias.claims.experiment import SEEDS, output_measure, run_ensemble
from simplebias.core.schedule import every, log_steps
from simplebias.core.snapshot import Record
from simplebias.core.task import Regression
from simplebias.core.types import FREQUENCY, INPUT, OUTPUT, POINT, Key, Network
from simplebias.frequency import (
    FourierBasis,
    natural_frequencies,
    power,
    relative_error_measure,
    spectrum_measure,
)
from simplebias.training import Updater, loss_measure


class Tones(NamedTuple):
    """A target `Σ_k amplitude_k sin(k x)` on evenly spaced points of `[-π, π)`.

    Args:
        amplitudes: of each harmonic k; harmonic k has frequency `k / 2π` cycles per unit.
        points: how many; the right end, which would repeat the left one, is left out.
    """

    amplitudes: dict[int, float]
    points: int


def harmonic(error: xr.DataArray, k: int) -> xr.DataArray:
    """The entries of harmonic k, that is of frequency `k / 2π`."""
    return error.sel({FREQUENCY: k / (2 * np.pi)}, method="nearest")


def fit_tones(
    tones: Tones,
    make: Callable[[Key], Network],
    updater: Updater | optax.GradientTransformation | str,
    *,
    steps: int,
    seeds: Sequence[int] = SEEDS,
    interval: int = 5,
    views: int = 32,
) -> xr.Dataset:
    """Train an ensemble on tones.

    Args:
        tones: the target.
        make: gives the network of one key.
        updater: an optimiser, on the full batch, or the name of a method of `minimise`.
        steps: of training.
        seeds: a member of the ensemble each.
        interval: steps between two records of the relative error.
        views: about how many looks at output and whole spectrum are kept.

    Returns:
        `relative_error`, `loss`, `outputs`, `spectrum` over seeds and records, beside points and target.
    """
    x = -np.pi + 2 * np.pi * np.arange(tones.points) / tones.points
    y = np.sum([a * np.sin(k * x) for k, a in tones.amplitudes.items()], axis=0)
    frequencies = natural_frequencies(x, min(tones.points // 2, 2 * max(tones.amplitudes) + 2), period=2 * np.pi)
    basis = FourierBasis(x, frequencies)
    target = basis(y)
    task = Regression(x, y)
    look = log_steps(views)
    measures = {
        "relative_error": Record(relative_error_measure(basis, target, frequencies), at=every(interval)),
        "loss": Record(loss_measure(task), at=every(interval)),
        "outputs": Record(output_measure(), at=look),
        "spectrum": Record(spectrum_measure(basis, frequencies), at=look),
    }
    constants = xr.Dataset(
        {
            "points": ((POINT, INPUT), x[:, None]),
            "target": ((POINT, OUTPUT), y[:, None], {"description": "sum of sines"}),
            "target_spectrum": ((FREQUENCY, OUTPUT), np.asarray(target)),
        },
        coords={
            OUTPUT: ["y"],
            INPUT: ["x"],
            "input_unit": (INPUT, [""]),
            FREQUENCY: (FREQUENCY, frequencies, {"units": "cycles per unit"}),
            "power": (FREQUENCY, np.asarray(power(target)), {"description": "power of the target"}),
        },
    )
    run = run_ensemble(make, task, updater=updater, steps=steps, seeds=seeds, measures=measures, constants=constants)
    return run.data
