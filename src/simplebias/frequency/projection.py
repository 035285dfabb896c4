"""The projection method: the spectrum of high-dimensional data along one direction, usually the first principal one.

Points are projected onto a unit vector `p`, `z_j = p·(x_j - x̄)`, and the values are transformed along `z`. Only the
leading few peaks are usable in practice.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, as_array, as_points, check_finite, check_positive, is_traced
from simplebias.core.types import Array, ArrayLike, Complex, Float
from simplebias.frequency.sampling import highest_frequencies, host_points
from simplebias.frequency.transform import spectrum

CYCLES_PER_STD = 2.5
"""Highest frequency looked at by default, in cycles per standard deviation of the projected points."""


def principal_directions(points: ArrayLike, count: int = 1) -> Float[Array, "directions inputs"]:
    """Directions of largest variance: leading eigenvectors of the covariance of the centred points.

    The sign is fixed by making the component of largest modulus positive. Directions of equal variance are not
    determined, only the space that they span.

    Args:
        points: `(points, inputs)`.
        count: number of directions.

    Returns:
        Unit vectors, largest variance first, `(count, inputs)`.

    Raises:
        InputError: for bad points, more directions than inputs or than points less one, or points that do not vary.

    References:
        First step of the projection method, arXiv:1901.06523.

    Example:
        >>> principal_directions([[0.0, 0.0], [3.0, -4.0], [-3.0, 4.0]]).round(3).tolist()
        [[-0.6000000238418579, 0.800000011920929]]
    """
    where = as_points(points)
    size, inputs = where.shape
    check_positive(count, "count", integer=True)
    if count > min(inputs, size - 1):
        raise InputError(f"at most {min(inputs, size - 1)} directions for {size} × {inputs} points", f"count={count}")
    if not is_traced(where) and not np.ptp(np.asarray(where), axis=0).any():
        raise InputError("points that vary", f"{size} equal points")
    return _leading(where, int(count))


@functools.partial(jax.jit, static_argnames="count")
def _leading(points: Array, count: int) -> Array:
    size, inputs = points.shape
    centred = points - jnp.mean(points, axis=0)
    centred = centred / jnp.max(jnp.abs(centred))
    if inputs <= size:
        _, vectors = jnp.linalg.eigh(jnp.matmul(centred.T, centred, precision="highest"))
        leading = vectors[:, ::-1][:, :count].T
    else:
        _, vectors = jnp.linalg.eigh(jnp.matmul(centred, centred.T, precision="highest"))
        leading = jnp.matmul(vectors[:, ::-1][:, :count].T, centred, precision="highest")
    leading = leading / jnp.linalg.norm(leading, axis=1, keepdims=True)
    largest = jnp.take_along_axis(leading, jnp.argmax(jnp.abs(leading), axis=1, keepdims=True), axis=1)
    return leading * jnp.sign(largest)


def project(points: ArrayLike, direction: ArrayLike) -> Float[Array, "points *directions"]:
    """Coordinate of each point along a direction, from the mean of the points: `z_j = p·(x_j - x̄)`.

    Args:
        points: `(points, inputs)`.
        direction: `(inputs,)`, or several as `(directions, inputs)`; normalised here.

    Returns:
        `(points,)`, or `(points, directions)`, in the unit of the points.

    Raises:
        InputError: for bad points, or a direction that is zero or of the wrong length.

    Example:
        >>> project([[0.0, 0.0], [2.0, 4.0]], [0.0, 3.0]).tolist()
        [-2.0, 2.0]
    """
    where = as_points(points)
    array = as_array(direction, "direction").astype(where.dtype)
    check_finite(array, "direction")
    if array.ndim not in {1, 2} or array.shape[-1] != where.shape[1]:
        raise InputError(f"a direction of shape ({where.shape[1]},)", f"shape {array.shape}")
    if not is_traced(array) and not np.asarray(array).any(axis=-1).all():
        raise InputError("a direction that is not zero", "a zero vector")
    return _project(where, array)


@jax.jit
def _project(points: Array, direction: Array) -> Array:
    unit = direction / jnp.linalg.norm(direction, axis=-1, keepdims=True)
    return jnp.matmul(points - jnp.mean(points, axis=0), unit.T, precision="highest")


def projection_frequencies(
    points: ArrayLike, direction: ArrayLike, count: int = 100, *, highest: float | None = None
) -> np.ndarray:
    """Evenly spaced frequencies from 0 for the spectrum along a direction.

    The default range follows from the spread of the projected points: up to 2.5 cycles per standard deviation of `z`,
    or half the mean sampling rate of `z` if that is less. They lie closer than `1 / (max z - min z)`, so neighbouring
    frequencies are not independent: look at peaks.

    Args:
        points: `(points, inputs)`.
        direction: `(inputs,)`.
        count: number of frequencies.
        highest: the last frequency, in cycles per unit of the inputs.

    Returns:
        `(count,)` in float64 on the host, in cycles per unit of the inputs.

    Raises:
        InputError: for bad points or direction, fewer than two frequencies, or points that project onto one place.

    Example:
        >>> projection_frequencies([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0], [3.0, 1.0]], [1.0, 0.0], 3).tolist()
        [0.0, 0.25, 0.5]
    """
    check_positive(count, "count", integer=True)
    if count < 2:
        raise InputError("at least two frequencies", f"count={count}")
    along = host_points(project(points, direction))
    if highest is None:
        highest = float(min(highest_frequencies(along)[0], CYCLES_PER_STD / along.std()))
    check_positive(highest, "highest")
    return np.linspace(0, highest, int(count))


def projection_spectrum(
    points: ArrayLike, values: ArrayLike, direction: ArrayLike, frequencies: ArrayLike, *, allow_aliased: bool = False
) -> Complex[Array, "frequencies outputs"]:
    """Spectrum along a direction, `f̂(ξ) = (1/n) Σ_j y_j exp(-2πi ξ z_j)` with `z_j = p·(x_j - x̄)`.

    Centring the points only turns the phase: moduli are those of the uncentred projection.

    Args:
        points: `(points, inputs)`.
        values: `(points, outputs)`.
        direction: `(inputs,)`, normalised here.
        frequencies: `(frequencies,)`, in cycles per unit of the inputs.
        allow_aliased: whether to accept frequencies above half the mean sampling rate along the direction.

    Returns:
        `(frequencies, outputs)`, complex.

    Raises:
        InputError: for what `project` and `spectrum` refuse.

    References:
        The projection method of arXiv:1901.06523.

    Example:
        >>> points = np.array([[0.0, 5.0], [1.0, 6.0], [2.0, 5.0], [3.0, 6.0]])
        >>> abs(projection_spectrum(points, [1.0, -1.0, 1.0, -1.0], [1.0, 0.0], [0.0, 0.5]))[:, 0].round(3).tolist()
        [0.0, 1.0]
    """
    where = as_points(points)
    vector = as_array(direction, "direction")
    if vector.ndim != 1:
        raise InputError(f"one direction of shape ({where.shape[1]},)", f"shape {vector.shape}")
    return spectrum(project(where, vector), values, frequencies, allow_aliased=allow_aliased)
