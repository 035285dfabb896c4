"""The filtering method: split high-dimensional data into a low and a high part with a Gaussian in the space of inputs.

    y_i^low = Σ_j y_j G(x_i - x_j) / Σ_j G(x_i - x_j),   G(x) = exp(-|x|² / (2 δ)),   y^high = y - y^low.

`δ` is a *variance*, and the sums include `j = i`. In Fourier space the kernel is a low pass of ordinary width
`1 / (2π √δ)`. Distances are computed in tiles of rows, once for all variances, so memory is linear in the points.
"""

import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, as_array, as_points, as_values, check_finite, is_traced
from simplebias.core.types import Array, ArrayLike, Float, Key, Points, Scalar

TILE = 512
"""Rows of the kernel matrix that are in memory at a time."""
HELD = 20_000_000
"""Entries up to which a `GaussianFilter` keeps its kernel matrices."""
NEARLY_NOTHING = 0.05
"""Share of a target below which one of its parts is warned of."""
SUBSAMPLE = 2000
"""Points from which the median of distances is taken."""


def median_squared_distance(points: ArrayLike, *, key: Key | None = None) -> Scalar:
    """Median over pairs of different points of `|x_i - x_j|²`, the yardstick for the variance of a filter.

    Of more than 2000 points, 2000 are taken: evenly spread over the rows, or at random with a key.

    Args:
        points: `(points, inputs)`.
        key: for a random subsample.

    Returns:
        A scalar, in the square of the unit of the points.

    Raises:
        InputError: for bad or fewer than two points, or if half of all pairs coincide.

    Example:
        >>> float(median_squared_distance([0.0, 1.0, 3.0]))
        4.0
    """
    where = as_points(points)
    count = where.shape[0]
    if count < 2:
        raise InputError("at least two points", "one point", "One point has no distances.")
    if count > SUBSAMPLE:
        rows = jnp.arange(SUBSAMPLE) * count // SUBSAMPLE
        if key is not None:
            rows = jax.random.choice(key, count, (SUBSAMPLE,), replace=False)
        where = where[rows]
    pairs = np.triu_indices(where.shape[0], 1)
    distances = _squared_distances(_centred(where))
    if is_traced(distances):
        return jnp.median(distances[pairs])
    median = np.median(np.asarray(distances)[pairs])
    if not median > 0:
        raise InputError("points most of which differ", "half of all pairs at one place", "Remove duplicates.")
    return jnp.asarray(median, where.dtype)


def filter_variances(
    points: ArrayLike, fractions: tuple[float, ...] = (1 / 20, 1 / 10, 1 / 4), *, key: Key | None = None
) -> Float[Array, " filter_widths"]:
    """Variances `δ` for the filter, as fractions of the median squared distance `m`.

    At `δ ≥ m` the low part is hardly more than the mean; at very small `δ` it is the data themselves.

    Args:
        points: `(points, inputs)`.
        fractions: of `m`.
        key: for a random subsample in `median_squared_distance`.

    Returns:
        `(filter_widths,)`, in the square of the unit of the points.

    Raises:
        InputError: for what `median_squared_distance` refuses, or fractions that are not positive.

    Example:
        >>> filter_variances([0.0, 1.0, 3.0], (0.25, 0.5)).tolist()
        [1.0, 2.0]
    """
    return median_squared_distance(points, key=key) * _variances(fractions, "fractions")


def low_pass(
    points: ArrayLike, values: ArrayLike, variances: ArrayLike
) -> Float[Array, "filter_widths points outputs"]:
    """Low part of values for each variance, in one pass over tiles of the kernel matrix.

    Memory beyond the data is linear in the number of points. A constant is its own low part, and the filter is linear
    in the values.

    Args:
        points: `(points, inputs)`.
        values: `(points, outputs)`.
        variances: `δ`, `(filter_widths,)`, in the square of the unit of the points.

    Returns:
        `(filter_widths, points, outputs)`.

    Raises:
        InputError: for bad data, or variances that are not positive.

    References:
        The filtering method of arXiv:1901.06523; squared distances as |a|² + |b|² - 2 a·b of centred points.

    Example:
        >>> low_pass([0.0, 1.0, 9.0], [1.0, 1.0, 4.0], [0.5]).round(3)[0, :, 0].tolist()
        [1.0, 1.0, 4.0]
    """
    where = as_points(points)
    what = as_values(values, where.shape[0])
    return _filter_tiles(_centred(where), what, _variances(variances).astype(where.dtype))


def filtering_errors(
    points: ArrayLike, target: ArrayLike, output: ArrayLike, variances: ArrayLike
) -> Float[Array, "filter_widths 2"]:
    """Relative errors of the low and of the high part, `e = (Σ_i |y_i - h_i|² / Σ_i |y_i|²)^½` of each part.

    Outputs are joined by summing squares. A part of the target that is zero has error NaN. Where one part is nearly
    zero (`low_share` near 0 or 1) its error says nothing: choose another variance. One-hot labels have a mean, which
    dominates the low part: filter centred labels as well.

    Args:
        points: `(points, inputs)`.
        target: `(points, outputs)`.
        output: of the network, `(points, outputs)`.
        variances: `(filter_widths,)`.

    Returns:
        `(filter_widths, 2)`, pure numbers: low, high.

    Raises:
        InputError: as `low_pass`, or if target and output differ in shape.

    Warns:
        Names variances for which one part of the target is nearly nothing; not under `jit`.

    References:
        e_low and e_high of arXiv:1901.06523.

    Example:
        >>> filtering_errors([0.0, 9.0, 9.1], [1.0, 2.0, 3.0], [0.0, 0.0, 0.0], [0.5]).round(3).tolist()
        [[1.0, 1.0]]
    """
    where = as_points(points)
    wanted = as_values(target, where.shape[0], "target")
    got = as_values(output, where.shape[0], "output")
    difference = _difference(wanted, got)
    both = low_pass(where, jnp.concatenate([wanted, difference], axis=1), variances)
    low, low_difference = jnp.split(both, 2, axis=2)
    warn_of_empty_parts(_variances(variances), wanted, low)
    return _errors(part_sizes(wanted, low), part_sizes(difference, low_difference))


def low_share(
    points: ArrayLike, values: ArrayLike, variances: ArrayLike, *, centre: bool = False
) -> Float[Array, " filter_widths"]:
    """Share of the low part, `‖y^low‖² / ‖y‖²`. Useful variances lie between 0.05 and 0.95.

    Args:
        points: `(points, inputs)`.
        values: `(points, outputs)`.
        variances: `(filter_widths,)`.
        centre: whether to take each output's mean away first, which otherwise counts as low.

    Returns:
        `(filter_widths,)`, pure numbers; NaN for values that are zero everywhere.

    Raises:
        InputError: as `low_pass`.

    Example:
        >>> low_share([0.0, 9.0], [1.0, -1.0], [0.5]).tolist()
        [1.0]
    """
    where = as_points(points)
    what = as_values(values, where.shape[0])
    what = _centred(what) if centre else what
    return _quotient(jnp.sum(low_pass(where, what, variances) ** 2, axis=(1, 2)), jnp.sum(what**2))


class GaussianFilter(eqx.Module):
    """The filter for fixed points and variances, made to be applied often, under `jit` and `vmap`.

    While points² × variances ≤ 2·10⁷ the normalised kernel matrices are kept, and a call is a matrix product. Above,
    tiles are computed anew in each call, in memory linear in the points.

    Args:
        points: `(points, inputs)`.
        variances: `δ`, `(filter_widths,)`, in the square of the unit of the points.

    Raises:
        InputError: for bad points, or variances that are not positive.

    Example:
        >>> smooth = GaussianFilter([0.0, 1.0, 9.0], [0.5])
        >>> smooth([1.0, 1.0, 4.0]).round(3)[0, :, 0].tolist()
        [1.0, 1.0, 4.0]
    """

    points: Points
    variances: Float[Array, " filter_widths"]
    kernels: Float[Array, "filter_widths points points"] | None

    def __init__(self, points: ArrayLike, variances: ArrayLike):
        where = as_points(points)
        self.points = _centred(where)
        self.variances = _variances(variances).astype(where.dtype)
        count = where.shape[0]
        held = count**2 * self.variances.shape[0] <= HELD
        self.kernels = _kernels(self.points, self.variances) if held else None

    def __call__(self, values: ArrayLike) -> Float[Array, "filter_widths points outputs"]:
        """Low part of `values` for each variance.

        Args:
            values: `(points, outputs)` or `(points,)`.

        Returns:
            `(filter_widths, points, outputs)`.
        """
        what = as_values(values, self.points.shape[0])
        if self.kernels is None:
            return _filter_tiles(self.points, what, self.variances)
        return jnp.matmul(self.kernels.astype(what.dtype), what, precision="highest")

    def errors(self, target: ArrayLike, output: ArrayLike) -> Float[Array, "filter_widths 2"]:
        """Relative errors of the low and the high part, as `filtering_errors`.

        Args:
            target: `(points, outputs)`.
            output: `(points, outputs)`.

        Returns:
            `(filter_widths, 2)`, pure numbers: low, high.
        """
        wanted = as_values(target, self.points.shape[0], "target")
        return self.errors_given(self.sizes(wanted), wanted, output)

    def sizes(self, values: ArrayLike) -> Float[Array, "filter_widths 2"]:
        """`Σ_i |y_i|²` of the low and of the high part, summed over outputs, `(filter_widths, 2)`.

        Args:
            values: `(points, outputs)`.

        Returns:
            `(filter_widths, 2)`, in the square of the unit of the values.
        """
        what = as_values(values, self.points.shape[0])
        return part_sizes(what, self(what))

    def errors_given(self, sizes: Array, target: ArrayLike, output: ArrayLike) -> Float[Array, "filter_widths 2"]:
        """Errors as in `errors` where the target has been filtered before: only the difference is filtered now.

        Args:
            sizes: `sizes(target)`.
            target: `(points, outputs)`.
            output: `(points, outputs)`.

        Returns:
            `(filter_widths, 2)`, pure numbers: low, high.
        """
        count = self.points.shape[0]
        difference = _difference(as_values(target, count, "target"), as_values(output, count, "output"))
        return _errors(sizes, self.sizes(difference))


def warn_of_empty_parts(variances: Array, target: Array, low: Array) -> None:
    """Warn of variances for which the low part, or the high part of the centred target, is nearly nothing.

    Args:
        variances: `(filter_widths,)`.
        target: `(points, outputs)`; nothing is said of a traced one.
        low: its low parts, `(filter_widths, points, outputs)`.
    """
    if is_traced(variances) or is_traced(target) or is_traced(low):
        return
    mean = jnp.mean(target, axis=0)  # a constant is its own low part
    raw, varying = (
        _quotient(part_sizes(values, part)[:, 0], jnp.sum(values**2))
        for values, part in ((target, low), (target - mean, low - mean))
    )
    for variance, share, centred in zip(variances.tolist(), raw.tolist(), varying.tolist(), strict=True):
        if share < NEARLY_NOTHING or centred > 1 - NEARLY_NOTHING:
            part, advice = ("low", "smaller") if share < NEARLY_NOTHING else ("high", "larger")
            warnings.warn(
                f"with variance {variance:.3g} the {part} part of the target is nearly nothing, its error says little; "
                f"choose a {advice} variance (filter_variances with other fractions)",
                stacklevel=3,
            )


def part_sizes(values: Array, low: Array) -> Float[Array, "filter_widths 2"]:
    """`Σ |y|²` of the low part and of what it leaves, for each filter width; rounding errors count as zero.

    Args:
        values: `(points, outputs)`.
        low: their low parts, `(filter_widths, points, outputs)`.

    Returns:
        `(filter_widths, 2)`.
    """
    return _part_sizes(values, low)


@jax.jit
def _part_sizes(values: Array, low: Array) -> Array:
    sizes = jnp.stack([jnp.sum(low**2, axis=(1, 2)), jnp.sum((values - low) ** 2, axis=(1, 2))], axis=1)
    rounding = (10 * jnp.finfo(values.dtype).eps) ** 2 * jnp.sum(values**2)
    return jnp.where(sizes > rounding, sizes, 0)


@jax.jit
def _centred(rows: Array) -> Array:
    return rows - jnp.mean(rows, axis=0)


@jax.jit
def _errors(target: Array, difference: Array) -> Array:
    return jnp.sqrt(_quotient(difference, target))


@jax.jit
def _quotient(numerator: Array, denominator: Array) -> Array:
    empty = denominator == 0
    return jnp.where(empty, jnp.nan, numerator / jnp.where(empty, 1, denominator))


def _difference(target: Array, output: Array) -> Array:
    if target.shape != output.shape:
        raise InputError(f"output of the target's shape {target.shape}", f"shape {output.shape}")
    return target - output


def _variances(values: ArrayLike, name: str = "variances") -> Array:
    array = as_array(values, name)
    array = array[None] if array.ndim == 0 else array
    check_finite(array, name)
    if array.ndim != 1 or array.size == 0 or (not is_traced(array) and bool((np.asarray(array) <= 0).any())):
        raise InputError(f"{name} > 0 of shape (filter_widths,)", f"shape {array.shape} or values ≤ 0")
    return array


@jax.jit
def _squared_distances(points: Array) -> Array:
    """`|a|² + |b|² - 2 a·b` between centred points, clamped at zero, zero to themselves, `(points, points)`."""
    return _tile_distances(points, jnp.sum(points**2, axis=1), 0, points.shape[0])


def _tile_distances(points: Array, norms: Array, start: ArrayLike, tile: int) -> Array:
    """Rows `start … start + tile` of the squared distances."""
    rows = jax.lax.dynamic_slice_in_dim(points, start, tile)
    sizes = jax.lax.dynamic_slice_in_dim(norms, start, tile)
    distances = sizes[:, None] + norms - 2 * jnp.matmul(rows, points.T, precision="highest")
    itself = (start + jnp.arange(tile))[:, None] == jnp.arange(points.shape[0])
    return jnp.where(itself, 0, jnp.maximum(distances, 0))


@jax.jit
def _kernels(points: Array, variances: Array) -> Array:
    kernels = jnp.exp(_squared_distances(points) * (-0.5 / variances[:, None, None]))
    return kernels / jnp.sum(kernels, axis=2, keepdims=True)


@jax.jit
def _filter_tiles(points: Array, values: Array, variances: Array) -> Array:
    """Low parts `(filter_widths, points, outputs)`, `TILE` rows of the kernel at a time; the last tile may overlap."""
    count = points.shape[0]
    tile = min(TILE, count)
    starts = jnp.minimum(jnp.arange(0, count, tile), count - tile)
    norms = jnp.sum(points**2, axis=1)
    summed = jnp.concatenate([values, jnp.ones((count, 1), values.dtype)], axis=1)

    def one_tile(result: Array, start: Array) -> tuple[Array, None]:
        distances = _tile_distances(points, norms, start, tile)

        def one_width(variance: Array) -> Array:
            kernel = jnp.exp(distances * (-0.5 / variance)).astype(values.dtype)
            sums = jnp.matmul(kernel, summed, precision="highest")
            return sums[:, :-1] / sums[:, -1:]

        low = jax.lax.map(one_width, variances)
        return jax.lax.dynamic_update_slice_in_dim(result, low, start, axis=1), None

    blank = jnp.zeros((variances.shape[0], *values.shape), values.dtype)
    return jax.lax.scan(one_tile, blank, starts)[0]
