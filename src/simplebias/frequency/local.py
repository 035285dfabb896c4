"""Local frequency: relative errors within windows of the inputs, and how fast the target varies in each.

A global Fourier transform does not say where a frequency sits. A function that is slow here and fast there is learned
here first: `local_errors` follows each window on its own.
"""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, as_array, as_values, check_choice, is_traced
from simplebias.core.snapshot import Measure, Snapshot
from simplebias.core.types import WINDOW, Array, ArrayLike, Float
from simplebias.frequency.measures import TRANSFORMS
from simplebias.frequency.sampling import cell_weights, host_array, host_points, periods

FINENESS = 4
"""Frequencies of `local_frequency` for each whole period that a window holds."""
LARGEST = 4096
"""Frequencies at most along one input of a window (an eighth of it for two inputs)."""


class Windows(eqx.Module):
    """Regions of the inputs. Make them with `box_windows` or `mask_windows`.

    Args:
        weights: how much each point counts in each window, `(windows, points)`, at least 0.
        labels: a name for each window.
        low: lower bounds `(windows, inputs)` of the points that count, in the unit of the inputs.
        high: upper bounds, likewise.
    """

    weights: Float[Array, "windows points"]
    labels: tuple[str, ...] = eqx.field(static=True)
    low: tuple[tuple[float, ...], ...] = eqx.field(static=True)
    high: tuple[tuple[float, ...], ...] = eqx.field(static=True)


class LocalFrequency(NamedTuple):
    """How fast a function varies in each window, in cycles per unit of the input.

    Args:
        dominant: frequency with the most power, `(windows,)`; of two inputs the radial frequency.
        mean: mean frequency, weighted by power, `(windows,)`.

    No example: `local_frequency` returns it.
    """

    dominant: np.ndarray
    mean: np.ndarray


def box_windows(points: ArrayLike, boxes: ArrayLike, *, smooth: bool = False, unit: str = "") -> Windows:
    """Intervals of one input, or boxes of several: which points count in which, and how much.

    A sharp window counts each point in `[low, high]` once (a point on a shared edge counts in both windows). A smooth
    one weighs it by a Hann taper, `Π_i sin²(π (x_i - low_i) / (high_i - low_i))`. Points that share a place count as
    often as they are there.

    Args:
        points: `(points, inputs)` or `(points,)`.
        boxes: `(windows, 2)` with low and high for one input, or `(windows, inputs, 2)`.
        smooth: whether windows fade towards their edges.
        unit: of the inputs, put behind the labels.

    Returns:
        The windows.

    Raises:
        InputError: for mis-shaped boxes, a low end that is not below the high one, a window without points, or two
            windows that are the same.

    Example:
        >>> box_windows([0.0, 1.0, 2.0, 3.0], [[0, 1], [2, 3]]).weights.tolist()
        [[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]
    """
    where = host_points(points)
    inputs = where.shape[1]
    shape = as_array(boxes, "boxes").shape
    bounds = host_array(boxes).reshape(-1, 1, 2) if len(shape) == 2 and inputs == 1 else host_array(boxes)
    if bounds.ndim != 3 or bounds.shape[1:] != (inputs, 2) or not bounds.size or len(shape) not in {2, 3}:
        wanted = "(windows, 2)" if inputs == 1 else f"(windows, {inputs}, 2)"
        raise InputError(f"boxes of shape {wanted}, low and high ends", f"shape {tuple(shape)}")
    low, high = bounds[..., 0], bounds[..., 1]
    if not np.isfinite(bounds).all() or (low >= high).any():
        row = int(np.argwhere(~(low < high) | ~np.isfinite(low) | ~np.isfinite(high))[0][0])
        raise InputError("finite low ends below their high ends", f"{bounds[row].tolist()} in window {row}")
    place = (where - low[:, None]) / (high - low)[:, None]
    inside = ((place >= 0) & (place <= 1)).all(axis=2)
    weights = np.where(inside, np.prod(np.sin(np.pi * place) ** 2, axis=2) if smooth else 1.0, 0.0)
    weights[weights < 1e-12] = 0  # the taper's zeros at the edges, up to rounding
    labels = [_label(*ends, unit) for ends in zip(low, high, strict=True)]
    return _windows(weights, labels, where, low, high)


def mask_windows(points: ArrayLike, masks: ArrayLike, labels: Sequence[str] | None = None) -> Windows:
    """Windows of any form, for any number of inputs: a mask, or weights, over the points for each.

    Args:
        points: `(points, inputs)` or `(points,)`.
        masks: `(windows, points)`, true or false, or weights at least 0.
        labels: names of the windows; their numbers by default.

    Returns:
        The windows. Their bounds are those of the points that count.

    Raises:
        InputError: for mis-shaped or negative masks, a window without points, two windows that are the same, or
            labels that do not fit.

    Example:
        >>> mask_windows([0.0, 1.0, 2.0, 3.0], np.array([[True, False, False, True]]), ["ends"]).high
        ((3.0,),)
    """
    where = host_points(points)
    shape = as_array(masks, "masks").shape
    weights = host_array(masks)
    if len(shape) != 2 or shape[1] != len(where) or not weights.size:
        raise InputError(f"masks of shape (windows, {len(where)})", f"shape {tuple(shape)}")
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise InputError("masks of finite weights, at least 0", f"{np.min(weights):g}")
    names = [str(number) for number in range(len(weights))] if labels is None else [str(name) for name in labels]
    if len(names) != len(weights):
        raise InputError(f"{len(weights)} labels, one per window", f"{len(names)}")
    _check_filled(weights, names)
    chosen = [where[row > 0] for row in weights]
    low, high = (np.stack([end(each, axis=0) for each in chosen]) for end in (np.min, np.max))
    return _windows(weights, names, where, low, high)


def local_errors(
    target: ArrayLike, output: ArrayLike, windows: Windows, *, centred: bool = False
) -> Float[Array, "*batch windows"]:
    """Relative error in each window, `(Σ_j w_j |h_j - f_j|² / Σ_j w_j |f_j|²)^½`, outputs summed.

    Args:
        target: values `f` of the target at the points, `(points,)` or `(points, outputs)`.
        output: values `h` of the network, `(points,)`, or `(..., points, outputs)`.
        windows: from `box_windows` or `mask_windows` at the same points.
        centred: whether the denominator holds the target against its mean in the window. Without it a target with a
            large mean counts as learned as soon as the mean is.

    Returns:
        Errors `(..., windows)`, pure numbers. Under `jit` a window in which the target is zero gives NaN.

    Raises:
        InputError: if shapes do not fit, or the target is zero (with `centred`: constant) in a window.

    References:
        The windowed form of Δ_F of arXiv:1901.06523; local frequency is an open question of arXiv:2201.07395.

    Example:
        >>> windows = box_windows([0.0, 1.0, 2.0, 3.0], [[0, 1], [2, 3]])
        >>> local_errors([1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 1.0, 1.0], windows).tolist()
        [0.0, 0.5]
    """
    wanted = as_values(target, windows.weights.shape[1], "target")
    given = as_array(output, "output")
    given = given[:, None] if given.ndim == 1 else given
    if given.shape[-2:] != wanted.shape:
        raise InputError(f"output of shape (..., {wanted.shape[0]}, {wanted.shape[1]})", f"shape {given.shape}")
    if not is_traced(wanted):
        _check_sizes(wanted, windows, centred=centred)
    return _local_errors(wanted, given, windows.weights, centred)


def local_frequency(points: ArrayLike, values: ArrayLike, windows: Windows) -> LocalFrequency:
    """Dominant and mean frequency of a function in each window, for one or two inputs.

    In each window the weighted mean is taken off and the rest tapered (sharp windows by a Hann taper between their
    bounds), then transformed at multiples of a quarter of one cycle per window, up to half the sampling rate there.
    Points of one input are weighed by the share of the window that they stand for, so points at one place count once.
    Nothing slower than one cycle per window can be told; the taper blurs by about twice that.

    Args:
        points: `(points, inputs)` or `(points,)`.
        values: `(points,)` or `(points, outputs)`; powers are summed over outputs.
        windows: at the same points.

    Returns:
        Frequencies in cycles per unit of the input; NaN in a window where the values are constant.

    Raises:
        InputError: for more than two inputs, or a window with fewer than four points.

    Example:
        >>> x = np.arange(400) / 100
        >>> y = np.where(x < 2, np.sin(2 * np.pi * x), np.sin(2 * np.pi * 5 * x))
        >>> np.round(local_frequency(x, y, box_windows(x, [[0, 1.99], [2, 4]])).dominant, 1).tolist()
        [1.0, 5.0]
    """
    where = host_points(points)
    if where.shape[1] > 2:
        raise InputError("one or two inputs", f"{where.shape[1]} inputs", "Project them onto one direction first.")
    shape = as_values(values, len(where)).shape
    what = host_array(values).reshape(shape)
    if windows.weights.shape[1] != len(where):
        raise InputError(f"windows over {len(where)} points", f"{windows.weights.shape[1]}")
    found = [
        _frequency_of(where, what, row, np.array(low), np.array(high), name)
        for row, low, high, name in zip(
            host_array(windows.weights), windows.low, windows.high, windows.labels, strict=True
        )
    ]
    dominant, mean = np.array(found).T
    return LocalFrequency(dominant, mean)


def window_coordinates(
    windows: Windows, *, points: ArrayLike | None = None, target: ArrayLike | None = None, unit: str = ""
) -> dict[str, Any]:
    """Coordinates that belong beside `local_error_measure`: bounds, and how fast the target varies in each window.

    Args:
        windows: the windows.
        points: those of the windows; None to leave the frequencies out.
        target: values at the points; None to leave the frequencies out.
        unit: of the inputs.

    Returns:
        `window_low`, `window_high` (of the first input; with more inputs also `window_low_2`, … ), and for one or two
        inputs `dominant_frequency` and `mean_frequency`, as xarray takes coordinates.

    Raises:
        InputError: for what `local_frequency` refuses.

    Example:
        >>> sorted(window_coordinates(box_windows([0.0, 1.0], [[0, 1]])))
        ['window_high', 'window_low']
    """
    coordinates: dict[str, Any] = {}
    for name, bounds in (("window_low", windows.low), ("window_high", windows.high)):
        for column, values in enumerate(np.array(bounds).T):
            suffix = f"_{column + 1}" if column else ""
            coordinates[name + suffix] = (WINDOW, values, {"units": unit})
    if points is not None and target is not None and len(windows.low[0]) <= 2:
        rate = {"units": f"cycles/{unit}" if unit else "cycles per unit"}
        found = local_frequency(points, target, windows)
        coordinates["dominant_frequency"] = (WINDOW, found.dominant, rate)
        coordinates["mean_frequency"] = (WINDOW, found.mean, rate)
    return coordinates


class _LocalErrors(eqx.Module):
    target: Array
    windows: Windows
    centred: bool = eqx.field(static=True)
    transform: str = eqx.field(static=True)

    def __call__(self, snapshot: Snapshot) -> Array:
        outputs = TRANSFORMS[self.transform](snapshot.outputs)
        return _local_errors(self.target, outputs, self.windows.weights, self.centred)


def local_error_measure(
    target: ArrayLike, windows: Windows, *, centred: bool = False, transform: str = "identity"
) -> Measure:
    """Relative error in each window, `(window,)`. Keep `window_coordinates` beside it.

    Args:
        target: `(points, outputs)` or `(points,)`, at the points of the snapshot.
        windows: at the points of the snapshot.
        centred: see `local_errors`.
        transform: of the outputs, `"identity"` or `"softmax"`.

    Returns:
        The measure.

    Raises:
        InputError: for an unknown transform, or what `local_errors` refuses.

    Example:
        >>> measure = local_error_measure([1.0, 2.0], box_windows([0.0, 1.0], [[0, 0.5], [0.5, 1]]))
        >>> measure.dims, measure.coords["window"]
        (('window',), ['0–0.5', '0.5–1'])
    """
    check_choice(transform, "transform", TRANSFORMS)
    wanted = as_values(target, windows.weights.shape[1], "target")
    if not is_traced(wanted):
        _check_sizes(wanted, windows, centred=centred)
    return Measure(
        function=_LocalErrors(wanted, windows, centred, transform),
        dims=(WINDOW,),
        coords={WINDOW: list(windows.labels)},
        description="Relative error of the network's output within each window of the inputs.",
        references=("xu2019frequency",),
        attributes={"long_name": "relative error", "scale": "log"},
    )


@functools.partial(jax.jit, static_argnames=("centred",))
def _local_errors(target: Array, output: Array, weights: Array, centred: bool) -> Array:
    wanted, share = target.astype(output.dtype), weights.astype(output.dtype)
    miss = jnp.sum((output - wanted) ** 2, axis=-1)
    size = _sizes(wanted, share, centred)
    error = jnp.sqrt(jnp.matmul(miss, share.T, precision="highest") / jnp.where(size == 0, 1, size))
    return jnp.where(size == 0, jnp.nan, error)


def _sizes(target: Array, weights: Array, centred: bool) -> Array:
    """Weighted sum of squares in each window, `(windows,)`."""
    means = jnp.zeros((weights.shape[0], target.shape[1]), target.dtype)
    if centred:
        total = jnp.matmul(weights, target, precision="highest")
        means = total / jnp.sum(weights, axis=1, keepdims=True)
    apart = jnp.sum((target - means[:, None]) ** 2, axis=-1)
    return jnp.sum(weights * apart, axis=1)


def _check_sizes(target: Array, windows: Windows, *, centred: bool) -> None:
    """Refuse windows in which a relative error would be 0/0, on the host in float64.

    Raises:
        InputError: naming the first such window.
    """
    what, weights = host_array(target), host_array(windows.weights)
    for row, name in zip(weights, windows.labels, strict=True):
        chosen = what[row > 0]
        if not (np.ptp(chosen, axis=0) > 0).any() if centred else not chosen.any():
            raise InputError(
                f"a target that {'varies' if centred else 'is not zero'} in each window",
                f"{'one value' if centred else 'zero'} everywhere in window {name}",
                "Its relative error would be 0/0: leave this window out.",
            )


def _windows(
    weights: np.ndarray, labels: Sequence[str], where: np.ndarray, low: np.ndarray, high: np.ndarray
) -> Windows:
    _check_filled(weights, labels)
    _, first = np.unique(weights, axis=0, return_index=True)
    if len(first) < len(weights):
        again = min(set(range(len(weights))) - set(first.tolist()))
        raise InputError(
            "windows that differ", f"window {again} ({labels[again]}) over the same points as another", "Leave it out."
        )
    ends = (tuple(tuple(map(float, row)) for row in bound) for bound in (low, high))
    return Windows(jnp.asarray(weights, float), tuple(labels), *ends)


def _check_filled(weights: np.ndarray, labels: Sequence[str]) -> None:
    """Refuse windows without points.

    Raises:
        InputError: naming the first.
    """
    empty = np.flatnonzero(~(weights > 0).any(axis=1))
    if len(empty):
        raise InputError("a point in each window", f"none in window {empty[0]} ({labels[empty[0]]})", "Widen it.")


def _label(low: np.ndarray, high: np.ndarray, unit: str) -> str:
    sides = [f"{a:.4g}–{b:.4g}" if a >= 0 else f"{a:.4g} … {b:.4g}" for a, b in zip(low, high, strict=True)]
    return f"{' × '.join(sides)} {unit}".rstrip().replace("-", "−")


def _frequency_of(
    where: np.ndarray, what: np.ndarray, weights: np.ndarray, low: np.ndarray, high: np.ndarray, name: str
) -> tuple[float, float]:
    """Dominant and mean frequency in one window."""
    chosen = weights > 0
    points, values, share = where[chosen], what[chosen], weights[chosen]
    distinct = [len(np.unique(column)) for column in points.T]
    if min(distinct) < 4:
        raise InputError("at least four places along each input in a window", f"{min(distinct)} in {name}", "Widen it.")
    if np.ptp(share) == 0:  # a sharp window is tapered half a cell beyond its points, so that all of them count
        width = np.maximum(high - low, periods(points))
        share = np.prod(np.sin(np.pi * ((points - (low + high) / 2) / width + 0.5)) ** 2, axis=1) + 1e-9
    share = share * (cell_weights(points) if points.shape[1] == 1 else 1.0)
    share = share / share.sum()
    values = values - share @ values
    if not np.abs(values).max() > 1e-12 * max(float(np.abs(what).max()), 1e-300):
        return np.nan, np.nan
    frequencies = _asked(points)
    size = np.linalg.norm(frequencies, axis=1)
    # in float64 on the host whatever JAX is set to: windows are few and this is done once
    turns = -2j * np.pi * (points - points.mean(axis=0)).T
    blocks = np.array_split(frequencies, 1 + frequencies.size * len(points) // 2**22)
    power = np.concatenate([(np.abs(np.exp(each @ turns) @ (share[:, None] * values)) ** 2).sum(1) for each in blocks])
    return float(size[power.argmax()]), float(power @ size / power.sum())


def _asked(points: np.ndarray) -> np.ndarray:
    """Frequencies at which a window is looked at: multiples of a share of one cycle per window, zero left out."""
    lengths, counts = periods(points), np.array([len(np.unique(column)) for column in points.T])
    steps = 1 / (FINENESS * lengths)
    reach = np.minimum(FINENESS * counts // 2, LARGEST // (1 if points.shape[1] == 1 else 8))
    if points.shape[1] == 1:
        return (np.arange(1, reach[0] + 1) * steps[0])[:, None]
    first, second = np.meshgrid(np.arange(reach[0] + 1), np.arange(-reach[1], reach[1] + 1), indexing="ij")
    half = (first > 0) | (second > 0)
    return np.stack([first[half], second[half]], axis=1) * steps
