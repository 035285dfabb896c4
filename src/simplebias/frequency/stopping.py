"""When to stop a training on noisy data, from the spectrum of the data alone: no points are held out.

A network learns low frequencies first, where the target is, and noise last. On the way it comes close to the clean
target; the step at which it is nearest to the data without noise is proposed.
"""

import dataclasses

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax.tree_util import Partial

from simplebias.core.errors import InputError
from simplebias.core.snapshot import Measure, Snapshot
from simplebias.core.types import MIRROR_FREQUENCY, OUTPUT, RECORD, Array, ArrayLike
from simplebias.frequency.noise import NoiseFloor, noise_floor
from simplebias.frequency.sampling import host_array


@dataclasses.dataclass(frozen=True)
class SpectralStop:
    """A proposed step, from `spectral_stop`.

    No example: see `spectral_stop`, which makes it.

    Args:
        step: the proposed step.
        index: its record.
        steps: of all records, `(records,)`.
        error: estimated mean squared error against the clean target at each record, `(records,)`: the distance to the
            data without noise, so what was wrongly taken out or left in is not counted.
        band_error: the same split by bands, which add up to it, `(records, bands)`.
        edge: `"first"` or `"last"` if the proposed record is at an end, where a better one may lie outside; else "".
        floor: the noise of the data.
        coefficients: of the network at each record, `(records, coefficients, outputs)`.
    """

    step: int
    index: int
    steps: np.ndarray
    error: np.ndarray
    band_error: np.ndarray
    edge: str
    floor: NoiseFloor
    coefficients: np.ndarray

    @property
    def words(self) -> str:
        """What is proposed and why."""
        lead = self.floor.words
        if not self.floor.found.any() or not self.floor.signal.any():
            return lead
        if self.edge == "last":
            return f"{lead} The estimated error still falls at step {self.step:,}: train longer."
        worse = self.error[-1] / self.error[self.index]
        return f"{lead} Stop at step {self.step:,}: at the end the estimated error is {worse:.2g} times as high."

    def dataset(self) -> xr.Dataset:
        """Everything as labelled data, which `simplebias.Run(...).report(path)` draws."""
        dims = (RECORD, MIRROR_FREQUENCY, OUTPUT)
        look = {"target": "mirror_target", "description": _SPECTRUM_WORDS}
        error = {"panel": "loss", "scale": "log", "long_name": "estimated clean error", "description": _ERROR_WORDS}
        recorded = xr.Dataset(
            {"mirror_spectrum": (dims, self.coefficients, look), "clean_error": ((RECORD,), self.error, error)},
            coords={"step": (RECORD, self.steps)},
        )
        return self.floor.dataset().merge(recorded).assign(stop_step=((), self.step))


_ERROR_WORDS = "Distance to the data without noise: estimates the mean squared error against the clean target."
_SPECTRUM_WORDS = "Cosine transform of the data and of the network's output, and the noise floor of the data."


def spectral_stop(points: ArrayLike, values: ArrayLike, outputs: ArrayLike, steps: ArrayLike) -> SpectralStop:
    """Propose the step to stop at, from noisy 1-D data and what a network gave at them during training.

    The data without noise `ŷ` come from `noise_floor`; the step is the one of the least `mean |h_t - ŷ|²`. By
    Parseval this is a sum over bands: where the data are noise alone, what the network has there is error, `|ĥ|²`;
    where they are signal, its distance to the data is.

    If no noise was found, the last step is proposed; if there is nothing but noise, the first.

    Weights are those of a training with `steps=stop.step`, which repeats the first one exactly.

    Args:
        points: `(points,)` or `(points, 1)`, at least 16.
        values: noisy, `(points,)` or `(points, outputs)`.
        outputs: of the network at these points, `(records, points)` or `(records, points, outputs)`; NaN where it
            diverged.
        steps: of the records, rising, `(records,)`.

    Returns:
        The proposal, with the estimated error and the noise.

    Raises:
        InputError: for what `noise_floor` refuses, fewer than two records, shapes that do not fit, steps that do not
            rise, or outputs that are nowhere finite.

    References:
        arXiv:1807.01251, arXiv:1901.06523: low frequencies first, and early stopping.

    Example:
        >>> x = np.linspace(-10, 10, 200)
        >>> noise = 0.3 * np.random.default_rng(0).standard_normal(200)
        >>> looks = np.outer([0, 0.5, 1, 1, 1], np.sin(x)) + np.outer([0, 0, 0.1, 0.5, 1], noise)
        >>> spectral_stop(x, np.sin(x) + noise, looks, [0, 100, 1000, 3000, 9000]).step
        1000
    """
    floor = noise_floor(points, values)
    when = host_array(steps)
    looks = host_array(outputs)
    looks = looks[..., None] if looks.ndim == 2 else looks
    if when.ndim != 1 or len(when) < 2 or (np.diff(when) <= 0).any():
        raise InputError("steps of at least two records, rising", f"{when.tolist()}"[:80])
    if looks.shape != (len(when), *floor.denoised.shape):
        raise InputError(f"outputs of shape {(len(when), *floor.denoised.shape)}", f"{looks.shape}")
    coefficients = floor.transform(looks)
    difference = np.mean((coefficients - floor.share * floor.coefficients) ** 2, axis=2) / len(floor.order)
    inside = np.asarray(floor.bands.membership) > 0
    band_error = difference @ inside.T
    error = band_error.sum(axis=1)
    index = stop_record(error, floor)
    edge = {0: "first", len(when) - 1: "last"}.get(index, "")
    return SpectralStop(int(when[index]), index, when.astype(int), error, band_error, edge, floor, coefficients)


def stop_record(errors: ArrayLike, floor: NoiseFloor) -> int:
    """The record to stop at: of the least estimated error; the last without noise, the first without signal.

    Args:
        errors: estimated clean errors, `(records,)`, NaN where the network diverged.
        floor: of the data.

    Returns:
        Its index.

    Raises:
        InputError: if no error is finite.

    Example:
        >>> x = np.arange(100.0)
        >>> stop_record([3.0, 1.0, 2.0], noise_floor(x, x))
        2
    """
    array = host_array(errors)
    known = np.flatnonzero(np.isfinite(array))
    if array.ndim != 1 or not len(known):
        raise InputError("estimated errors (records,) of which some are finite", f"{array}"[:80])
    if not floor.found.any():
        return int(known[-1])
    return int(known[0]) if not floor.signal.any() else int(known[array[known].argmin()])


def clean_error_measure(floor: NoiseFloor, *, unit: str = "") -> Measure:
    """The estimated error against the clean target, to record during a training at the points of the floor.

    Args:
        floor: from `noise_floor` of the data; the snapshot's points are its points.
        unit: of the error, that of the values squared.

    Returns:
        A scalar measure, `mean |h - ŷ|²`.

    Example:
        >>> x = np.linspace(0, 1, 100)
        >>> floor = noise_floor(x, x + 0.1 * np.random.default_rng(0).standard_normal(100))
        >>> measure = clean_error_measure(floor)
        >>> float(measure(Snapshot(0, jnp.asarray(floor.denoised, jnp.float32)))) < 1e-12
        True
    """
    return Measure(
        Partial(_distance, jnp.asarray(floor.denoised, float)),
        unit=unit,
        description=_ERROR_WORDS,
        attributes={"panel": "loss", "scale": "log", "long_name": "estimated clean error"},
        references=("xu2018training",),
    )


def mirror_spectrum_measure(floor: NoiseFloor) -> Measure:
    """Coefficients of the network's outputs in the transform of `NoiseFloor`, `(mirror_frequency, output)`.

    Args:
        floor: from `noise_floor` of the data; the snapshot's points are its points.

    Returns:
        The measure.

    Example:
        >>> x = np.linspace(0, 1, 100)
        >>> measure = mirror_spectrum_measure(noise_floor(x, np.sin(9 * x)))
        >>> measure(Snapshot(0, jnp.ones((100, 1))))[0].tolist()
        [10.0]
    """
    return Measure(
        Partial(_mirror, jnp.asarray(floor.order)),
        dims=(MIRROR_FREQUENCY, OUTPUT),
        coords={MIRROR_FREQUENCY: floor.frequencies},
        description=_SPECTRUM_WORDS,
        attributes={"target": "mirror_target"},
    )


def _distance(denoised: Array, snapshot: Snapshot) -> Array:
    return jnp.mean((snapshot.outputs - denoised.astype(snapshot.outputs.dtype)) ** 2)


def _mirror(order: Array, snapshot: Snapshot) -> Array:
    import jax.scipy.fft

    return jax.scipy.fft.dct(snapshot.outputs[order], norm="ortho", axis=0)
