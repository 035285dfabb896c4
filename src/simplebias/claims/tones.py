"""The common experiment of the Frequency Principle in one dimension: fit a sum of sines and follow its spectrum."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr

from simplebias.claims.experiment import SEEDS, output_measure, run_ensemble
from simplebias.core.schedule import every, log_steps
from simplebias.core.snapshot import Measure, Record, Snapshot, evaluate
from simplebias.core.sobolev import Sobolev
from simplebias.core.task import Regression
from simplebias.core.types import FREQUENCY, INPUT, OUTPUT, POINT, Array, Key, Network
from simplebias.frequency import (
    FourierBasis,
    natural_frequencies,
    power,
    relative_error_measure,
    spectrum_measure,
)
from simplebias.training import Updater, error_measure, loss_measure


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
    slope_weight: float | int = 0,
    between: int = 1,
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
        slope_weight: λ of the squared error of slopes beside that of values; 0 for values alone.
        between: look at so many points for each one that is trained on; from 2 on the error off the samples,
            `unseen_loss`, is recorded too.

    Returns:
        `relative_error`, `loss`, `outputs`, `spectrum` over seeds and records, beside points and target. Spectra and
        relative errors are those of the samples.
    """
    finer = -np.pi + 2 * np.pi * np.arange(tones.points * between) / (tones.points * between)
    truth = np.sum([a * np.sin(k * finer) for k, a in tones.amplitudes.items()], axis=0)
    x, y = finer[::between], truth[::between]
    frequencies = natural_frequencies(x, min(tones.points // 2, 2 * max(tones.amplitudes) + 2), period=2 * np.pi)
    basis = FourierBasis(x, frequencies)
    target = basis(y)
    slope = np.sum([a * k * np.cos(k * x) for k, a in tones.amplitudes.items()], axis=0)
    task = Sobolev(x, y, [slope], weights=slope_weight) if slope_weight else Regression(x, y)
    look = log_steps(views)
    measures = {
        "relative_error": Record(
            _at(task.points, relative_error_measure(basis, target, frequencies)), at=every(interval)
        ),
        "loss": Record(loss_measure(task), at=every(interval)),
        "outputs": Record(output_measure(), at=look),
        "spectrum": Record(_at(task.points, spectrum_measure(basis, frequencies)), at=look),
    }
    held_out = np.arange(len(finer)) % between != 0
    if between > 1:
        rows = np.flatnonzero(held_out).tolist()
        words = "mean squared error between the samples"
        unseen = error_measure("mean-squared-error", jnp.asarray(truth[:, None], float), rows, description=words)
        measures["unseen_loss"] = Record(unseen, at=log_steps(80))
    constants = xr.Dataset(
        {
            "points": ((POINT, INPUT), finer[:, None]),
            "target": ((POINT, OUTPUT), truth[:, None], {"description": "sum of sines"}),
            "split": ((POINT,), held_out.astype(np.int8), {"description": "0: trained on, 1: looked at only"}),
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
    run = run_ensemble(
        make,
        task,
        updater=updater,
        steps=steps,
        seeds=seeds,
        measures=measures,
        constants=constants,
        points=finer[:, None],
    )
    return run.data


class _At(eqx.Module):
    """A measure of other points than those of the snapshot, whose outputs are then not computed."""

    function: Any
    points: Array

    def __call__(self, snapshot: Snapshot) -> Array:
        return self.function(dataclasses.replace(snapshot, outputs=evaluate(snapshot.network, self.points)))


def _at(points: Array, measure: Measure) -> Measure:
    return dataclasses.replace(measure, function=_At(measure.function, jnp.asarray(points, float)))
