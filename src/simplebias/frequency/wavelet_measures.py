"""Measures of a wavelet view to record during a training, and the labels that belong beside them."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, as_values, check_choice, check_positive
from simplebias.core.snapshot import Measure, Snapshot
from simplebias.core.types import LOCAL_FREQUENCY, OUTPUT, POSITION, Array, ArrayLike
from simplebias.frequency.measures import TRANSFORMS
from simplebias.frequency.wavelets import WaveletBasis, wavelet_modulus


class _Wavelet(eqx.Module):
    basis: WaveletBasis
    transform: str = eqx.field(static=True)

    def __call__(self, snapshot: Snapshot) -> Array:
        return self.basis(TRANSFORMS[self.transform](snapshot.outputs))


class _WaveletError(eqx.Module):
    basis: WaveletBasis
    target: Array
    size: Array
    transform: str = eqx.field(static=True)

    def __call__(self, snapshot: Snapshot) -> Array:
        output = self.basis(TRANSFORMS[self.transform](snapshot.outputs))
        return wavelet_modulus(output - self.target.astype(output.dtype)) / self.size.astype(output.real.dtype)


def wavelet_measure(basis: WaveletBasis, *, transform: str = "identity", unit: str = "") -> Measure:
    """The wavelet coefficients of the network's outputs, `(local_frequency, position, output)`, complex.

    Args:
        basis: at the points of the snapshot.
        transform: of the outputs, `"identity"` or `"softmax"`.
        unit: of the outputs.

    Returns:
        The measure; it expects the target's coefficients beside it as `target_wavelet`.

    Raises:
        InputError: for an unknown transform.

    Example:
        >>> wavelet_measure(WaveletBasis(np.arange(40), [0.2])).dims
        ('local_frequency', 'position', 'output')
    """
    check_choice(transform, "transform", TRANSFORMS)
    return Measure(
        function=_Wavelet(basis, transform),
        dims=(LOCAL_FREQUENCY, POSITION, OUTPUT),
        coords=_labels(basis),
        unit=unit,
        description="Which frequency sits where: wavelet coefficients of the network's output.",
        references=("torrence1998practical", "lee2019pywavelets"),
        attributes={"target": "target_wavelet", "long_name": "wavelet amplitude"},
    )


def wavelet_error_measure(
    basis: WaveletBasis, target: ArrayLike, *, floor: float = 0.1, transform: str = "identity"
) -> Measure:
    """Relative error of each place and frequency, `|W_h - W_f| / |W_f|`, `(local_frequency, position)`.

    Outputs are joined in the root of the sum of squares. Cells in which the target has next to nothing are NaN: there
    is nothing to learn there.

    Args:
        basis: at the points of the snapshot.
        target: values at the points, `(points, outputs)` or `(points,)`.
        floor: share of the target's largest modulus below which a cell is NaN, between 0 and 1.
        transform: of the outputs, `"identity"` or `"softmax"`.

    Returns:
        The measure.

    Raises:
        InputError: for an unknown transform, a floor out of range, or a target that does not fit or is zero (with
            edges other than zero: or constant) everywhere.

    Example:
        >>> x = np.arange(100) / 100
        >>> basis = WaveletBasis(x, [5.0, 10.0, 20.0])
        >>> measure = wavelet_error_measure(basis, np.sin(2 * np.pi * 10 * x))
        >>> np.round(measure(Snapshot(step=0, outputs=jnp.zeros((100, 1))))[:, 50], 3).tolist()
        [nan, 1.0, nan]
    """
    check_choice(transform, "transform", TRANSFORMS)
    check_positive(floor, "floor")
    if floor >= 1:
        raise InputError("floor below 1", repr(floor))
    wanted = as_values(target, basis.order.shape[0], "target")
    coefficients = basis(wanted)
    size = wavelet_modulus(coefficients)
    largest, level = float(size.max()), float(jnp.abs(wanted).max())
    if largest <= 1e-5 * level:
        raise InputError(
            "a target that varies at these frequencies", "one without power there", "Ask for other frequencies."
        )
    size = jnp.where(size < floor * largest, jnp.nan, size)
    return Measure(
        function=_WaveletError(basis, coefficients, size, transform),
        dims=(LOCAL_FREQUENCY, POSITION),
        coords=_labels(basis),
        description="Relative error of the network's wavelet coefficients, where the target has some.",
        references=("torrence1998practical", "xu2019frequency"),
        attributes={"long_name": "relative error"},
    )


def wavelet_coordinates(basis: WaveletBasis, *, unit: str = "") -> dict[str, Any]:
    """Coordinates that belong beside the measures: places, frequencies with their unit, and the cone of influence.

    Args:
        basis: the transform.
        unit: of the input.

    Returns:
        `local_frequency`, `position` and, along the former, `reach`, as xarray takes coordinates.

    Example:
        >>> wavelet_coordinates(WaveletBasis(np.arange(40), [0.2]), unit="s")["local_frequency"][2]
        {'units': 'cycles/s'}
    """
    rate = {"units": f"cycles/{unit}" if unit else "cycles per unit"}
    return {
        LOCAL_FREQUENCY: (LOCAL_FREQUENCY, np.array(basis.frequencies), rate),
        POSITION: (POSITION, np.array(basis.positions), {"units": unit}),
        "reach": (LOCAL_FREQUENCY, np.array(basis.reach), {"units": unit}),
    }


def _labels(basis: WaveletBasis) -> dict[str, np.ndarray]:
    return {LOCAL_FREQUENCY: np.array(basis.frequencies), POSITION: np.array(basis.positions)}
