"""The deep frequency principle: how low the target's frequencies are as a function of each hidden layer's features.

The layers above layer `l` learn the *effective target* `(f^[l](x_i), y_i)`. With the Gaussian filter of `filtering` on
the features,

    LFR(k₀) = Σ_i |y_i^low|² / Σ_i |y_i|²,   y_i^low = Σ_j y_j G(f_i - f_j) / Σ_j G(f_i - f_j),
    G(f) = exp(-k₀ |f|² / 2),   RDF(k₀) = ∂LFR/∂k₀.

The cutoff `k₀ = 1/δ` is an inverse variance in the space of features, no response frequency: the filter passes
about `√k₀ / (2π)` cycles per unit of the features. Where `LFR` reaches one half at a small `k₀`, the effective target
is of low frequency. Much of this is the features' *size*: with `normalised` distances are divided by their median.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, as_array, as_points, as_values, check_finite, check_positive, is_traced
from simplebias.core.snapshot import Measure, Snapshot
from simplebias.core.types import CUTOFF, LAYER, Array, ArrayLike, Float, Points, Scalar
from simplebias.frequency.filtering import low_share

CUTOFFS = tuple(float(cutoff) for cutoff in np.geomspace(1e-3, 1e4, 29))
"""Cutoffs `k₀` by default, four a decade."""
SUBSAMPLE = 512
"""Points from which the median distance of features is taken, evenly spread over the rows."""


def low_frequency_ratio(
    features: ArrayLike, values: ArrayLike, cutoffs: ArrayLike, *, normalised: bool = False, centre: bool = True
) -> Float[Array, " cutoffs"]:
    """Share of the target that a low pass over the features keeps, LFR(k₀) = Σ_i |y_i^low|² / Σ_i |y_i|².

    It goes from 0 (from the share of the mean, without `centre`) for `k₀ → 0` to 1 for `k₀ → ∞`, where no two points
    have the same features. Memory beyond the data is linear in the points.

    Args:
        features: of one layer, `(points, features)`; more dimensions, as of pictures, are flattened.
        values: the target, `(points, outputs)`.
        cutoffs: `k₀`, `(cutoffs,)`, in the inverse square of the unit of the features; pure numbers if normalised.
        normalised: whether to divide distances by their median over pairs (of at most 512 points), so that the size of
            the features says nothing.
        centre: whether to take each output's mean away first, which otherwise counts as low.

    Returns:
        `(cutoffs,)`, pure numbers. Inside `jit` constant features give 0 when centred, and NaN when normalised, as do
        features of which half of all pairs coincide.

    Raises:
        InputError: for bad data, cutoffs that are not positive, features that are the same at all points (a dead
            layer), values that are constant though centred, or normalised features most of which coincide.

    References:
        Xu, Zhou, Deep frequency principle towards understanding why deeper learning is faster, arXiv:2007.14313;
        centred values and normalised distances are ours.

    Example:
        >>> low_frequency_ratio([0.0, 0.1, 5.0, 5.1], [1.0, 1.0, -1.0, -1.0], [1e-4, 1.0]).round(2).tolist()
        [0.0, 1.0]
    """
    inner = _as_features(features)
    wanted = as_values(values, inner.shape[0])
    variances = 1 / _as_cutoffs(cutoffs)
    _check_varies(inner, wanted, centre)
    where = _without_rounding(inner)
    if normalised:
        median = _median_squared_distance(where)
        if not is_traced(median) and not median > 0:
            raise InputError(
                "features most of which differ", "half of all pairs at one place", "Use normalised=False here."
            )
        where = where / jnp.sqrt(jnp.where(median > 0, median, 1))
        ratios = low_share(where, wanted, variances, centre=centre)
        return jnp.where(median > 0, ratios, jnp.nan)
    return low_share(where, wanted, variances, centre=centre)


def ratio_density(ratios: ArrayLike, cutoffs: ArrayLike) -> Float[Array, "*others cutoffs"]:
    """Ratio density function RDF(k₀) = ∂LFR/∂k₀, by finite differences over the cutoffs as they are spaced.

    Inside the range the slope of the parabola through three neighbours, at the ends that of the last two points.

    Args:
        ratios: from `low_frequency_ratio` or a record of `depth_measure`, `(…, cutoffs)`.
        cutoffs: `k₀`, `(cutoffs,)`, ascending.

    Returns:
        `(…, cutoffs)`, in the inverse of the unit of the cutoffs.

    Raises:
        InputError: if there are fewer than two cutoffs, they do not ascend, or the shapes do not fit.

    References:
        The ratio density function of arXiv:2007.14313.

    Example:
        >>> ratio_density([0.0, 0.5, 1.0, 1.0], [1.0, 2.0, 3.0, 4.0]).tolist()
        [0.5, 0.5, 0.25, 0.0]
    """
    return _density(*_as_ratios(ratios, cutoffs))


def half_cutoff(ratios: ArrayLike, cutoffs: ArrayLike) -> Float[Array, "*others"]:
    """The cutoff `k_half` at which LFR first reaches one half, interpolated linearly in `log k₀`.

    Args:
        ratios: from `low_frequency_ratio` or a record of `depth_measure`, `(…, cutoffs)`.
        cutoffs: `k₀`, `(cutoffs,)`, positive and ascending.

    Returns:
        `(…)`, in the unit of the cutoffs; 0 if LFR is above one half at the lowest cutoff already, infinity if no
        cutoff reaches it, NaN if a ratio is NaN.

    Raises:
        InputError: if there are fewer than two cutoffs, they do not ascend, or the shapes do not fit.

    References:
        A summary of our own of the ratio density function of arXiv:2007.14313: the median of that density.

    Example:
        >>> print(half_cutoff([[0.0, 0.25, 0.75], [0.6, 0.7, 0.9], [0.0, 0.1, 0.2]], [1.0, 10.0, 1000.0]).round(2))
        [100.   0.  inf]
    """
    return _half(*_as_ratios(ratios, cutoffs))


def depth_measure(
    points: ArrayLike, values: ArrayLike, depth: int, cutoffs: ArrayLike = CUTOFFS, *, normalised: bool = False
) -> Measure:
    """LFR of each hidden layer and cutoff, `(layer, cutoff)`, with centred values.

    Reads `snapshot.network.features(point)`, the tuple of hidden features that every network of
    `simplebias.networks` shows. Dear: each look costs about points² × cutoffs × depth; give it a rare schedule and at
    most about 1000 points, which need not be those of the snapshot.

    Args:
        points: inputs to look at, `(points, inputs)`.
        values: the target there, `(points, outputs)`.
        depth: number of hidden layers.
        cutoffs: `k₀`, `(cutoffs,)`, ascending.
        normalised: whether to divide distances by their median in each layer.

    Returns:
        The measure. Constant features of a layer (dead neurons) give 0, and NaN if normalised.

    Raises:
        InputError: for bad data or cutoffs, a constant target, and, when it is applied, for a network that shows no
            features or not so many layers.

    References:
        Xu, Zhou, Deep frequency principle towards understanding why deeper learning is faster, arXiv:2007.14313.

    Example:
        >>> from simplebias.core.snapshot import take_snapshot
        >>> from simplebias.networks import MLP
        >>> x = jnp.linspace(-1, 1, 20)[:, None]
        >>> measure = depth_measure(x, jnp.sin(9 * x), depth=3)
        >>> measure(take_snapshot(MLP(1, 1, 8, 3, key=jax.random.key(0)), x)).shape
        (3, 29)
    """
    check_positive(depth, "depth", integer=True)
    where = as_points(points)
    wanted = as_values(values, where.shape[0])
    levels = _as_cutoffs(cutoffs)
    _as_ratios(levels, levels)
    _check_varies(where, wanted, True)
    words = "distances divided by their median" if normalised else "of the features' own size"
    return Measure(
        function=_Ratios(where, wanted, levels, int(depth), normalised),
        dims=(LAYER, CUTOFF),
        coords={LAYER: tuple(range(1, int(depth) + 1)), CUTOFF: np.asarray(levels)},
        description=f"Share of the target that is of low frequency as a function of each layer's features, {words}.",
        references=("xu2020deep",),
        attributes={"long_name": "low-frequency ratio"},
    )


def half_cutoff_measure(
    points: ArrayLike, values: ArrayLike, depth: int, cutoffs: ArrayLike = CUTOFFS, *, normalised: bool = False
) -> Measure:
    """The cutoff `k_half` at which LFR first reaches one half, for each hidden layer, `(layer,)`.

    Costs as much as `depth_measure`, and keeps one number of each layer.

    Args:
        points: inputs to look at, `(points, inputs)`.
        values: the target there, `(points, outputs)`.
        depth: number of hidden layers.
        cutoffs: `k₀`, `(cutoffs,)`, ascending.
        normalised: whether to divide distances by their median in each layer.

    Returns:
        The measure. Constant features of a layer (dead neurons) give infinity, and NaN if normalised.

    Raises:
        InputError: as `depth_measure`.

    References:
        A summary of our own of the ratio density function of arXiv:2007.14313.

    Example:
        >>> from simplebias.core.snapshot import take_snapshot
        >>> from simplebias.networks import MLP
        >>> x = jnp.linspace(-1, 1, 20)[:, None]
        >>> measure = half_cutoff_measure(x, jnp.sin(9 * x), depth=3)
        >>> measure(take_snapshot(MLP(1, 1, 8, 3, key=jax.random.key(0)), x)).shape
        (3,)
    """
    ratios = depth_measure(points, values, depth, cutoffs, normalised=normalised)
    words = ", distances divided by their median" if normalised else ""
    return Measure(
        function=_Halves(ratios.function, _as_cutoffs(cutoffs)),
        dims=(LAYER,),
        coords={LAYER: ratios.coords[LAYER]},
        description=(
            f"Cutoff at which half of the target is of low frequency as a function of each layer's features{words}: "
            "small where the layers above have an easy task."
        ),
        references=("xu2020deep",),
        attributes={"long_name": f"cutoff of one half{', normalised' if normalised else ''}", "scale": "log"},
    )


_compiled = jax.jit(low_frequency_ratio, static_argnames="normalised")


class _Halves(eqx.Module):
    ratios: Callable[[Snapshot], Array]
    cutoffs: Array

    def __call__(self, snapshot: Snapshot) -> Array:
        ratios = self.ratios(snapshot)
        return _half(ratios, self.cutoffs.astype(ratios.dtype))


class _Ratios(eqx.Module):
    points: Points
    values: Array
    cutoffs: Array
    depth: int = eqx.field(static=True)
    normalised: bool = eqx.field(static=True)

    def __call__(self, snapshot: Snapshot) -> Array:
        layers = self._features(snapshot.network)
        if len({layer.shape for layer in layers}) == 1:  # one compiled program serves all layers
            return jax.lax.map(self._ratios, jnp.stack(layers))
        return jnp.stack([self._ratios(layer) for layer in layers])

    def _features(self, network: object) -> list[Array]:
        quiet = eqx.nn.inference_mode(network)
        show = getattr(quiet, "features", None)
        if show is None:
            raise InputError(
                "a network that shows its hidden features",
                f"a {type(network).__name__} without them",
                "Give it a method features(point) that returns a tuple of arrays, one for each hidden layer.",
            )
        layers = jax.vmap(show)(self.points)
        if len(layers) != self.depth:
            raise InputError(f"features of {self.depth} hidden layers", f"{len(layers)}", f"Say depth={len(layers)}.")
        return [layer.reshape(self.points.shape[0], -1) for layer in layers]

    def _ratios(self, features: Array) -> Array:
        finite = jnp.all(jnp.isfinite(features))
        safe = jnp.where(finite, features, 0)
        ratios = _compiled(safe, self.values, self.cutoffs, normalised=self.normalised)
        return jnp.where(finite, ratios, jnp.nan)


@jax.jit
def _density(shares: Array, places: Array) -> Array:
    steps = jnp.diff(places)
    slopes = jnp.diff(shares, axis=-1) / steps
    before, after = steps[:-1], steps[1:]
    inside = (after * slopes[..., :-1] + before * slopes[..., 1:]) / (before + after)
    return jnp.concatenate([slopes[..., :1], inside, slopes[..., -1:]], axis=-1)


@jax.jit
def _half(shares: Array, places: Array) -> Array:
    reached = shares >= 0.5
    last = jnp.clip(jnp.argmax(reached, axis=-1), 1)
    high, low = (jnp.take_along_axis(shares, index[..., None], axis=-1)[..., 0] for index in (last, last - 1))
    at = jnp.log(places)
    rise = jnp.where(high > low, high - low, 1)
    crossing = jnp.exp(at[last - 1] + (0.5 - low) / rise * (at[last] - at[last - 1]))
    result = jnp.where(reached.any(axis=-1), crossing, jnp.inf)
    result = jnp.where(shares[..., 0] > 0.5, 0, result)
    return jnp.where(jnp.isnan(shares).any(axis=-1), jnp.nan, result)


def _as_features(features: ArrayLike) -> Array:
    array = as_array(features, "features")
    return as_points(array.reshape(array.shape[0], -1) if array.ndim > 2 else array, "features")


def _as_cutoffs(cutoffs: ArrayLike) -> Array:
    array = jnp.atleast_1d(as_array(cutoffs, "cutoffs"))
    check_finite(array, "cutoffs")
    if array.ndim != 1 or array.size == 0 or (not is_traced(array) and bool((np.asarray(array) <= 0).any())):
        raise InputError("cutoffs > 0 of shape (cutoffs,)", f"shape {array.shape} or values ≤ 0")
    return array


def _as_ratios(ratios: ArrayLike, cutoffs: ArrayLike) -> tuple[Array, Array]:
    shares, places = as_array(ratios, "ratios"), _as_cutoffs(cutoffs)
    if places.size < 2 or (not is_traced(places) and bool((np.diff(np.asarray(places)) <= 0).any())):
        raise InputError("at least two cutoffs, ascending", f"shape {places.shape} or another order", "Sort them.")
    if shares.ndim == 0 or shares.shape[-1] != places.size:
        raise InputError(f"ratios of shape (…, {places.size}), one per cutoff", f"shape {shares.shape}")
    return shares, places.astype(shares.dtype)


def _check_varies(features: Array, values: Array, centre: bool) -> None:
    if not is_traced(features) and not bool(jnp.any(jnp.ptp(features, axis=0) > 0)):
        remedy = "A layer like this is dead: its neurons are saturated, or zero at all points."
        raise InputError("features that differ between points", "the same features at all points", remedy)
    if centre and not is_traced(values) and not bool(jnp.any(jnp.ptp(values, axis=0) > 0)):
        raise InputError("values that vary", "the same value at all points", "Nothing is left when it is centred.")


@jax.jit
def _without_rounding(features: Array) -> Array:
    """Centred features; zero where they differ by nothing but rounding errors."""
    centred = features - jnp.mean(features, axis=0)
    rounding = 4 * jnp.finfo(features.dtype).eps * jnp.max(jnp.abs(features), axis=0)
    return jnp.where(jnp.max(jnp.abs(centred), axis=0) > rounding, centred, 0)


def _median_squared_distance(features: Array) -> Scalar:
    """Median of `|f_i - f_j|²` over pairs of different rows of a subsample; works with unknown values."""
    count = min(features.shape[0], SUBSAMPLE)
    rows = features[np.arange(count) * features.shape[0] // count]
    norms = jnp.sum(rows**2, axis=1)
    sums = norms[:, None] + norms
    distances = sums - 2 * jnp.matmul(rows, rows.T, precision="highest")
    distances = jnp.where(distances > 4 * jnp.finfo(rows.dtype).eps * sums, distances, 0)
    distances = jnp.where(jnp.eye(count, dtype=bool), -1, distances)
    middle = count * (count - 1) // 2 + count  # the diagonal comes first, then each pair twice
    ordered = jnp.sort(distances.ravel())
    return (ordered[middle - 1] + ordered[middle]) / 2


__all__ = ["CUTOFFS", "depth_measure", "half_cutoff", "half_cutoff_measure", "low_frequency_ratio", "ratio_density"]
