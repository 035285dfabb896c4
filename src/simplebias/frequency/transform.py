"""The one Fourier convention of simplebias: ordinary frequency, amplitude-like, on any points.

    f̂(ξ) = Σ_j w_j y_j exp(-2πi ξ·x_j),      w_j = 1/n unless said otherwise.

A frequency `ξ` counts cycles per unit of the input, so `a sin(2π ξ x)` has modulus `a / 2` at `±ξ`. Every spectrum in
simplebias is made here, by measures of convergence, by the projection method and by the reports.
"""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, as_array, as_points, as_values, check_choice, check_positive, is_traced
from simplebias.core.types import Array, ArrayLike, Complex, Float
from simplebias.frequency.nonuniform import is_installed, nufft, nufft_pays
from simplebias.frequency.sampling import (
    check_aliasing,
    highest_frequencies,
    host_array,
    host_frequencies,
    host_points,
    periods,
    quadrature,
)

METHODS = ("auto", "direct", "fft", "nufft")
BLOCK = 10_000_000
"""Entries of the cosine matrix up to which it is built in one piece."""
LARGEST_BASIS = 5 * BLOCK
"""Entries of the largest matrices that a `FourierBasis` may hold."""


def natural_frequencies(
    points: ArrayLike, count: int | None = None, *, period: float | Sequence[float] | None = None
) -> np.ndarray:
    """Frequencies that fit the domain a whole number of times: `0, 1/L, 2/L, …`.

    For `n` points (at distinct places, evenly spaced or not) the period is `L = n / (n - 1) (max - min)`: the sample
    is taken to go on periodically, one step after its last point. Points cannot tell whether the last one repeats the
    first (`linspace(-π, π, n)`), which leaks into all frequencies: sample with `endpoint=False`, or give `period`.

    For two inputs the frequencies are the half plane `ξ₁ > 0, or ξ₁ = 0 and ξ₂ ≥ 0` of the lattice
    `(k₁/L₁, k₂/L₂)`; the other half is the complex conjugate.

    Args:
        points: `(points,)`, `(points, 1)` or `(points, 2)`.
        count: number of frequencies, for two inputs along each half axis. By default all below half the sampling rate
            and in 1-D, as `numpy.fft.rfft`, half the rate itself for an even number of points.
        period: the period along each input, where it is known better, in units of the points.

    Returns:
        `(frequencies,)`, or `(frequencies, 2)` for two inputs, in float64 on the host, cycles per unit of the input.

    Raises:
        InputError: for one point, points at a single place, more than two inputs, a count or period that is not
            positive.

    Example:
        >>> import numpy as np
        >>> natural_frequencies(np.arange(6) / 3.0)
        array([0. , 0.5, 1. , 1.5])
    """
    where = host_points(points)
    inputs = where.shape[1]
    if inputs > 2:
        raise InputError("one or two inputs", f"{inputs} inputs", "Use projection_frequencies or the filtering method.")
    lengths = periods(where) if period is None else np.broadcast_to(np.asarray(period, float), (inputs,))
    for length in lengths:
        check_positive(length, "period")
    if count is not None:
        check_positive(count, "count", integer=True)
    reach = highest_frequencies(where) * lengths
    if inputs == 1:
        return np.arange(int(reach[0] + 1e-9) + 1 if count is None else int(count)) / lengths[0]
    first, second = np.ceil(reach - 1e-9).astype(int) if count is None else (int(count), int(count))
    lattice = [(a, b) for a in range(first) for b in range(-second + 1, second) if a > 0 or b >= 0]
    return np.array(lattice, dtype=float) / lengths


def radial_frequency(frequencies: ArrayLike) -> np.ndarray:
    """Length `|ξ|` of each frequency, in cycles per unit of the input.

    Args:
        frequencies: `(frequencies,)` or `(frequencies, inputs)`.

    Returns:
        `(frequencies,)` on the host.

    Raises:
        InputError: for anything but finite numbers in one or two dimensions.

    Example:
        >>> radial_frequency([[3.0, 4.0], [0.0, 1.0]])
        array([5., 1.])
    """
    shape = as_points(frequencies, "frequencies").shape
    return np.linalg.norm(host_array(frequencies).reshape(shape), axis=1)


def spectrum(
    points: ArrayLike,
    values: ArrayLike,
    frequencies: ArrayLike,
    *,
    weights: ArrayLike | str | None = None,
    window: str | None = None,
    method: str = "auto",
    allow_aliased: bool = False,
) -> Complex[Array, "frequencies outputs"]:
    """Spectrum `f̂(ξ) = Σ_j w_j y_j exp(-2πi ξ·x_j)` of values at points, evenly spaced or not.

    Under `jit` or `vmap` values may be traced at no cost in precision. Traced points are transformed directly, with
    phases in their own precision, and without the check for aliasing.

    Args:
        points: `(points, inputs)` or `(points,)`.
        values: `(points, outputs)` or `(points,)`.
        frequencies: `(frequencies,)` or `(frequencies, inputs)`, cycles per unit of the input.
        weights: `w_j` as an array `(points,)`; `"cells"` for the share of the period that a 1-D point stands for
            (points at one place share it); None for `1/n`.
        window: `"hann"` tapers by position, so that data which are not periodic do not leak; amplitudes are kept. Use
            the same for target and output.
        method: `"direct"` (sums in blocks), `"fft"` (evenly spaced 1-D points in rising order and whole multiples of
            `1/L`), `"nufft"` (needs the extra `nufft`), or `"auto"`: the FFT where it applies, else the faster of
            the direct sum and, where it is installed, finufft.
        allow_aliased: whether to accept frequencies above half the sampling rate (not evenly spaced: mean rate).

    Returns:
        `(frequencies, outputs)`, complex, in the precision of the values.

    Raises:
        InputError: for one point, mis-shaped or non-finite data, aliased frequencies, unknown names, or a method that
            does not apply.

    References:
        Convention F[f](ξ) of arXiv:1905.10264; the sum over samples is that of arXiv:1901.06523 in cycles.

    Example:
        >>> import numpy as np
        >>> x = np.arange(8) / 8
        >>> abs(spectrum(x, 3 * np.cos(2 * np.pi * x), [0.0, 1.0]))[:, 0].round(1)
        Array([0. , 1.5], dtype=float32)
    """
    check_choice(method, "method", METHODS)
    if is_traced(points) or is_traced(frequencies) or is_traced(weights):
        return _traced(points, values, frequencies, weights, window, method)
    where = host_points(points)
    what = _working(as_values(values, len(where)))
    asked = host_frequencies(frequencies, where.shape[1])
    if not allow_aliased:
        check_aliasing(where, asked)
    share = quadrature(where, weights, window)
    bins = _bins(where, asked) if method in {"auto", "fft"} else None
    if method == "fft" and bins is None:
        raise InputError(
            "evenly spaced 1-D points in rising order and multiples of 1/L", "others", "Use method='auto'."
        )
    if bins is not None:
        return _fft(where, what, asked, share, bins)
    fast = method == "auto" and not is_traced(what) and nufft_pays(where, asked) and is_installed()
    if method == "nufft" or fast:
        return nufft(where, what, asked, share)
    return _direct(where, what, asked, share)


class FourierBasis(eqx.Module):
    """Precomputed sums of `spectrum`: calling it on values is two matrix products, made for `jit` and `vmap`.

    The matrices `w_j cos(2π ξ·x_j)` and `w_j sin(2π ξ·x_j)` are built in float64 and kept in the working precision.

    Args:
        points: `(points, inputs)` or `(points,)`, known values.
        frequencies: `(frequencies,)` or `(frequencies, inputs)`.
        weights: as in `spectrum`.
        window: as in `spectrum`.
        allow_aliased: as in `spectrum`.

    Raises:
        InputError: as in `spectrum`, and beyond 5·10⁷ points × frequencies.

    Example:
        >>> import numpy as np
        >>> x = np.arange(8) / 8
        >>> basis = FourierBasis(x, natural_frequencies(x))
        >>> abs(basis(np.cos(2 * np.pi * x))).round(3)[:, 0].tolist()
        [0.0, 0.5, 0.0, 0.0, 0.0]
    """

    cosine: Float[Array, "frequencies points"]
    sine: Float[Array, "frequencies points"]

    def __init__(
        self,
        points: ArrayLike,
        frequencies: ArrayLike,
        *,
        weights: ArrayLike | str | None = None,
        window: str | None = None,
        allow_aliased: bool = False,
    ):
        where = host_points(points)
        asked = host_frequencies(frequencies, where.shape[1])
        if not allow_aliased:
            check_aliasing(where, asked)
        if len(where) * len(asked) > LARGEST_BASIS:
            raise InputError(
                f"at most {LARGEST_BASIS:.0e} points × frequencies in a basis",
                f"{len(where)} × {len(asked)}",
                "Take fewer points or frequencies, or call `spectrum` outside of jit.",
            )
        cosine, sine = _matrices(where, asked, quadrature(where, weights, window), jnp.result_type(float))
        self.cosine, self.sine = jnp.asarray(cosine), jnp.asarray(sine)

    def __call__(self, values: ArrayLike) -> Complex[Array, "frequencies outputs"]:
        """Spectrum of `values`.

        Args:
            values: `(points, outputs)` or `(points,)`.

        Returns:
            `(frequencies, outputs)`, complex, in the precision of the values.

        Raises:
            InputError: if there is not one row for each point of the basis.
        """
        return _product(self.cosine, self.sine, _working(as_values(values, self.cosine.shape[1])))


def peaks(
    spectrum: ArrayLike, *, minimum: float = 0.0, endpoints: bool = False, extra: Sequence[int] = ()
) -> np.ndarray:
    """Frequencies at which a spectrum over rising 1-D frequencies has a peak: strict interior maxima of `|f̂|`.

    Args:
        spectrum: `(frequencies,)` or `(frequencies, outputs)`; moduli of several outputs are joined in the root of the
            sum of squares.
        minimum: share of the largest modulus that a peak must reach, 0 to 1.
        endpoints: whether the first and last frequency count when they exceed their one neighbour.
        extra: further indices to keep whatever their modulus (a smooth target may have no interior peak).

    Returns:
        Indices of the peaks, rising, `(peaks,)`: on the host, for their number depends on the values.

    Raises:
        InputError: for a mis-shaped or non-finite spectrum, a minimum outside 0 to 1, or an extra index out of range.

    References:
        Evaluating relative errors only at peaks: arXiv:1807.01251, arXiv:1901.06523.

    Example:
        >>> peaks([5.0, 1.0, 3.0, 1.0, 0.1, 0.2, 0.1], minimum=0.1).tolist()
        [2]
    """
    as_array(spectrum, "spectrum")
    array = np.asarray(spectrum)
    if array.ndim not in {1, 2} or array.size == 0 or not np.isfinite(array).all():
        raise InputError("a finite spectrum of shape (frequencies,) or (frequencies, outputs)", f"shape {array.shape}")
    check_positive(minimum, "minimum", zero=True)
    size = np.abs(array) if array.ndim == 1 else np.linalg.norm(array, axis=1)
    if minimum > 1 or any(not -len(size) <= index < len(size) for index in extra):
        raise InputError(f"a minimum up to 1 and indices below {len(size)}", f"minimum={minimum}, extra={extra}")
    outside = -np.inf if endpoints else np.inf
    padded = np.concatenate([[outside], size, [outside]])
    found = (padded[1:-1] > padded[:-2]) & (padded[1:-1] > padded[2:]) & (size >= minimum * size.max())
    found[[index % len(size) for index in extra]] = True
    return np.flatnonzero(found)


def _working(values: Array) -> Array:
    """Values in float32 at least: half precision has no complex numbers."""
    return values.astype(jnp.promote_types(values.dtype, jnp.float32))


@jax.jit
def _product(cosine: Array, sine: Array, values: Array) -> Array:
    real = jnp.matmul(cosine.astype(values.dtype), values, precision="highest")
    imaginary = jnp.matmul(sine.astype(values.dtype), values, precision="highest")
    return jax.lax.complex(real, -imaginary)


def _matrices(where: np.ndarray, asked: np.ndarray, share: np.ndarray, dtype) -> tuple[np.ndarray, np.ndarray]:
    cosine, sine = (np.empty((len(asked), len(where)), dtype) for _ in range(2))
    rows = max(1, BLOCK // 10 // len(where))
    for start in range(0, len(asked), rows):
        phase = 2 * np.pi * (asked[start : start + rows] @ where.T)
        cosine[start : start + rows] = np.cos(phase) * share
        sine[start : start + rows] = np.sin(phase) * share
    return cosine, sine


def _direct(where: np.ndarray, what: Array, asked: np.ndarray, share: np.ndarray) -> Array:
    rows = max(1, BLOCK // len(where))
    dtype = np.dtype(what.dtype)
    blocks = []
    for start in range(0, len(asked), rows):
        cosine, sine = _matrices(where, asked[start : start + rows], share, dtype)
        blocks.append(_product(jnp.asarray(cosine), jnp.asarray(sine), what))
    return jnp.concatenate(blocks)


def _bins(where: np.ndarray, asked: np.ndarray) -> np.ndarray | None:
    """Bins of the FFT at which the frequencies lie, or None where the FFT does not apply."""
    if where.shape[1] != 1:
        return None
    count, spacing = len(where), (where[-1, 0] - where[0, 0]) / (len(where) - 1)
    if spacing <= 0 or np.abs(where[:, 0] - where[0, 0] - spacing * np.arange(count)).max() > 1e-9 * spacing:
        return None
    bins = asked[:, 0] * spacing * count
    whole = np.round(bins)
    return whole.astype(int) if np.abs(bins - whole).max() < 1e-9 * count else None


def _fft(where: np.ndarray, what: Array, asked: np.ndarray, share: np.ndarray, bins: np.ndarray) -> Array:
    shift = jnp.asarray(np.exp(-2j * np.pi * np.remainder(asked * where[0, 0], 1)), complex)
    return _fft_bins(what, jnp.asarray(share, what.dtype), shift, jnp.asarray(bins % len(where)))


@jax.jit
def _fft_bins(what: Array, share: Array, shift: Array, bins: Array) -> Array:
    transformed = jnp.fft.fft(what * share[:, None], axis=0)[bins]
    return transformed * shift.astype(transformed.dtype)


def _traced(points, values, frequencies, weights, window, method) -> Array:
    if window is not None or isinstance(weights, str) or method not in {"auto", "direct"}:
        raise InputError("known points for a window, cells or a fast method", "traced points", "Use a FourierBasis.")
    where = as_points(points)
    what = _working(as_values(values, where.shape[0]))
    asked = as_points(frequencies, "frequencies").astype(where.dtype)
    if asked.shape[1] != where.shape[1]:
        raise InputError(f"frequencies with {where.shape[1]} components", f"shape {asked.shape}")
    count = where.shape[0]
    share = jnp.full(count, 1 / count, what.dtype) if weights is None else as_array(weights).astype(what.dtype)
    return _sum(where, what, asked, share)


@jax.jit
def _sum(where: Array, what: Array, asked: Array, share: Array) -> Array:
    cycles = jnp.matmul(asked, where.T, precision="highest")
    phase = 2 * jnp.pi * (cycles - jnp.round(cycles)).astype(what.dtype)
    return _product(jnp.cos(phase) * share, jnp.sin(phase) * share, what)
