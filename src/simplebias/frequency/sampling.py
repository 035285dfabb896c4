"""Where a function was sampled: period, rate, cells and window of a set of points.

All of this is computed once, on the host, in float64: phases of high frequencies need the digits.
"""

import numpy as np

from simplebias.core.errors import InputError, as_array, as_points, check_choice, check_finite, is_traced
from simplebias.core.types import ArrayLike

WINDOWS = ("hann",)
WEIGHTS = ("cells",)


def host_array(array: ArrayLike) -> np.ndarray:
    """What the user gave, in float64 on the host, without passing through JAX's float32."""
    if hasattr(array, "detach"):
        array = array.detach().cpu().double().numpy()
    return np.asarray(array, dtype=np.float64)


def host_positive(numbers: ArrayLike, name: str) -> np.ndarray:
    """Numbers above zero in one dimension, in float64 on the host.

    Returns:
        `(numbers,)`, at least one.

    Raises:
        InputError: for anything else, or while traced.
    """
    if is_traced(numbers):
        raise InputError(f"{name} with known values", f"{name} traced by jit or vmap", "Compute this outside of jit.")
    shape = as_array(numbers, name).shape
    array = host_array(numbers)
    wrong = len(shape) != 1 or not array.size or not np.isfinite(array).all() or bool((array <= 0).any())
    if wrong:
        least = f", the least {np.nanmin(array):.4g}" if array.size and not np.isnan(array).all() else ""
        raise InputError(f"finite {name} above zero of shape ({name},)", f"shape {shape}{least}")
    return array


def host_points(points: ArrayLike) -> np.ndarray:
    """Points as `(points, inputs)` in float64 on the host.

    Returns:
        `(points, inputs)`.

    Raises:
        InputError: for a single point, and for what `as_points` refuses.
    """
    if is_traced(points):
        raise InputError("points with known values", "points traced by jit or vmap", "Build this outside of jit.")
    shape = as_points(points).shape
    if shape[0] < 2:
        raise InputError("at least two points", "one point", "One sample has no frequencies.")
    return host_array(points).reshape(shape)


def host_frequencies(frequencies: ArrayLike, inputs: int) -> np.ndarray:
    """Frequencies as `(frequencies, inputs)` in float64 on the host.

    Returns:
        `(frequencies, inputs)`.

    Raises:
        InputError: if empty, not finite, or not one component for each input.
    """
    array = as_array(frequencies, "frequencies")
    check_finite(array, "frequencies")
    shape = array.shape if array.ndim == 2 else (array.size, 1)
    if array.ndim not in {1, 2} or array.size == 0 or shape[1] != inputs:
        wanted = "(frequencies,)" if inputs == 1 else f"(frequencies, {inputs})"
        raise InputError(f"frequencies of shape {wanted}, one component for each input", f"shape {array.shape}")
    return host_array(frequencies).reshape(shape)


def distinct_counts(points: np.ndarray) -> np.ndarray:
    """Number of distinct coordinates along each input, `(inputs,)`.

    Returns:
        `(inputs,)`, whole numbers.

    Raises:
        InputError: if all points share a coordinate.
    """
    counts = np.array([np.unique(column).size for column in points.T])
    if (counts < 2).any():
        column = int(np.argmin(counts))
        raise InputError(
            f"at least two distinct coordinates in input {column}",
            f"{len(points)} points at {points[0, column]:g}",
            "Leave this input out.",
        )
    return counts


def periods(points: np.ndarray) -> np.ndarray:
    """Period along each input: `c / (c - 1) (max - min)` with `c` distinct coordinates, `(inputs,)`."""
    counts = distinct_counts(points)
    return counts / (counts - 1) * np.ptp(points, axis=0)


def is_lattice(points: np.ndarray) -> bool:
    """Whether points fill a rectangular lattice (in 1-D they always do), duplicates aside."""
    distinct = len(np.unique(points, axis=0))
    return points.shape[1] == 1 or int(np.prod(distinct_counts(points))) == distinct


def highest_frequencies(points: np.ndarray) -> np.ndarray:
    """Half the sampling rate along each input, `(inputs,)`; the mean rate where points are not evenly spaced."""
    if is_lattice(points):
        return distinct_counts(points) / (2 * periods(points))
    inputs = points.shape[1]
    density = len(np.unique(points, axis=0)) / np.prod(periods(points))
    return np.full(inputs, density ** (1 / inputs) / 2)


def check_aliasing(points: np.ndarray, frequencies: np.ndarray) -> None:
    """Refuse frequencies above half the sampling rate, for one or two inputs.

    Raises:
        InputError: naming the highest frequency that the points can tell.
    """
    if points.shape[1] > 2:
        return
    highest = highest_frequencies(points)
    excess = np.abs(frequencies) / highest
    if (excess > 1 + 1e-6).any():
        row, column = np.unravel_index(np.argmax(excess), excess.shape)
        raise InputError(
            f"frequencies up to {highest[column]:.6g}, half the (mean) sampling rate",
            f"{abs(frequencies[row, column]):.6g}",
            "Higher ones are aliased: sample more densely, ask for lower ones, or say allow_aliased=True.",
        )


def cell_weights(points: np.ndarray) -> np.ndarray:
    """Share of the period that each 1-D point stands for: half the gaps to its two neighbours.

    The circle is closed with a gap of the mean spacing, so evenly spaced points get `1/n` each. Points at the same
    place share one cell equally. The shares sum to 1.

    Returns:
        `(points,)`.

    Raises:
        InputError: for more than one input.
    """
    if points.shape[1] != 1:
        raise InputError("one input for weights='cells'", f"{points.shape[1]} inputs", "Give the weights as an array.")
    places, inverse, copies = np.unique(points[:, 0], return_inverse=True, return_counts=True)
    period = periods(points)[0]
    gaps = np.diff(places, append=places[0] + period)
    cells = (gaps + np.roll(gaps, 1)) / 2
    return (cells / copies / period)[inverse]


def hann_window(points: np.ndarray) -> np.ndarray:
    """Hann window by position, a product over inputs, not normalised; zero half a cell beyond the ends, `(points,)`."""
    counts, lengths = distinct_counts(points), periods(points)
    place = (points - points.min(axis=0)) / lengths + 0.5 / counts
    return np.prod(np.sin(np.pi * place) ** 2, axis=1)


def quadrature(points: np.ndarray, weights: ArrayLike | None, window: str | None) -> np.ndarray:
    """The weight `w_j` of each point in `f̂(ξ) = Σ_j w_j y_j exp(-2πi ξ·x_j)`, `(points,)`.

    Returns:
        `(points,)`.

    Raises:
        InputError: for an unknown name, or weights that are not one finite number for each point.
    """
    if window is not None:
        check_choice(window, "window", WINDOWS)
    if weights is None:
        result = np.full(len(points), 1 / len(points))
    elif isinstance(weights, str):
        check_choice(weights, "weights", WEIGHTS)
        result = cell_weights(points)
    else:
        array = as_array(weights, "weights")
        check_finite(array, "weights")
        if array.shape != (len(points),):
            raise InputError(f"weights of shape ({len(points)},)", f"shape {array.shape}")
        result = host_array(weights)
    if window is None:
        return result
    tapered = result * hann_window(points)
    return tapered * (result.sum() / tapered.sum())
