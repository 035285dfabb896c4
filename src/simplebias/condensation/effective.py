"""How many neurons there effectively are: an entropy of orientations, and a cover by representatives."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import entr

from simplebias.condensation.covering import cover
from simplebias.condensation.features import extend, row_norms, unit_rows
from simplebias.core.errors import InputError, as_array, check_finite, check_positive, is_traced
from simplebias.core.snapshot import Neurons
from simplebias.core.types import Array, ArrayLike, Float, Int

THRESHOLDS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999)
"""Cosine similarities above which two neurons count as one. Always report the curve: counts change with it."""

BLOCK = 128
"""Neurons of which the cosines with all others are taken at once, to cover them."""


def effective_features(
    angles: ArrayLike, amplitudes: ArrayLike, *, bins: int = 90, odd: bool = False
) -> Float[Array, ""]:
    """Effective number of orientations of neurons with one input, `N_eff = exp(-Σ q log q)`.

    q is the histogram of angles, weighted by amplitude. Uniform angles give about the number of bins, k sharp
    orientations about k (up to 2k where they lie on an edge between bins).

    Args:
        angles: `(neurons,)` in radians, see `angle`.
        amplitudes: `(neurons,)`, ≥ 0, see `amplitude`.
        bins: number of equal bins on [-π, π), or on [0, π) if `odd`.
        odd: whether opposite orientations count as one, as suits an odd or even activation.

    Returns:
        A number from 1 to `bins`; 0 if all amplitudes are zero.

    Raises:
        InputError: for empty, mis-shaped or non-finite arrays, negative amplitudes, or bins that are not ≥ 1.

    Example:
        >>> float(effective_features([0.5, 0.5, -2.0, -2.0], [1.0, 3.0, 2.0, 2.0]).round(4))
        2.0
    """
    check_positive(bins, "bins", integer=True)
    angles, amplitudes = as_array(angles, "angles"), as_array(amplitudes, "amplitudes")
    if angles.ndim != 1 or angles.size == 0 or amplitudes.shape != angles.shape:
        raise InputError("angles and amplitudes of shape (neurons,)", f"shapes {angles.shape} and {amplitudes.shape}")
    check_finite(angles, "angles")
    check_finite(amplitudes, "amplitudes")
    if not is_traced(amplitudes) and bool(jnp.any(amplitudes < 0)):
        raise InputError("amplitudes ≥ 0", "negative ones", "Give |a| ‖w‖.")
    return _entropy_number(angles, amplitudes, int(bins), odd)


@functools.partial(jax.jit, static_argnames=("bins", "odd"))
def _entropy_number(angles: Array, amplitudes: Array, bins: int, odd: bool) -> Array:
    circle = np.pi if odd else 2 * np.pi
    turned = jnp.mod(angles if odd else angles + np.pi, circle)
    places = jnp.clip(jnp.floor(turned / circle * bins).astype(jnp.int32), 0, bins - 1)
    largest = jnp.max(amplitudes)
    weights = amplitudes / jnp.where(largest == 0, 1, largest)
    mass = jnp.zeros(bins, weights.dtype).at[places].add(weights)
    number = jnp.exp(jnp.sum(entr(mass / jnp.sum(weights))))
    return jnp.where(largest == 0, jnp.zeros_like(number), number)


def effective_neurons(
    extended: Neurons | ArrayLike,
    thresholds: ArrayLike = THRESHOLDS,
    *,
    minimum: float | int = 0.0,
    absolute: bool = False,
) -> Int[Array, " *thresholds"]:
    """Effective number of neurons: how many representatives cover all orientations, for each threshold.

    Neurons are taken from the largest norm down; each joins a representative with cosine similarity above the
    threshold, or else becomes one. With one input (weights in a plane) and a threshold of 0.95 there can never be more
    than about 20: prefer `effective_features` there.

    Args:
        extended: `(neurons, inputs + 1)`, or Neurons.
        thresholds: cosine similarities in [-1, 1]; several give a curve, one number gives one count.
        minimum: neurons with a norm of at most `minimum` times the largest do not count; zero neurons never do.
        absolute: whether opposite orientations count as one (`|cos|`), as suits an odd or even activation.

    Returns:
        Counts with the shape of `thresholds`; 0 where all weights are zero.

    Raises:
        InputError: for empty or non-finite weights, thresholds outside [-1, 1], or a minimum outside [0, 1).

    References:
        Zhang, Xu, Implicit regularization of dropout, arXiv:2207.05952.

    Example:
        >>> effective_neurons([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [-1.0, 0.0]], (0.9, 0.9999)).tolist()
        [3, 4]
    """
    rows, levels = extend(extended), check_cover(thresholds, minimum)
    some = jnp.atleast_1d(levels)
    if is_traced(rows) or is_traced(some):
        return _cover(rows, some, minimum, absolute).reshape(levels.shape)
    units, null = _sorted_units(rows, minimum)
    counts = cover(np.asarray(units), np.asarray(null), np.asarray(some), absolute=absolute)
    return jnp.asarray(counts, jnp.int32).reshape(levels.shape)


def effective_ratio(
    extended: Neurons | ArrayLike,
    thresholds: ArrayLike = 0.95,
    *,
    minimum: float | int = 0.0,
    absolute: bool = False,
) -> Float[Array, " *thresholds"]:
    """Effective number of neurons over the number of neurons, `m_eff / m`: small in a condensed layer.

    Args:
        extended: `(neurons, inputs + 1)`, or Neurons.
        thresholds: as of `effective_neurons`; one number gives one ratio.
        minimum: as of `effective_neurons`.
        absolute: as of `effective_neurons`.

    Returns:
        Ratios in [0, 1] with the shape of `thresholds`; all neurons count in m.

    Raises:
        InputError: as `effective_neurons`.

    References:
        Zhang, Xu, Implicit regularization of dropout, arXiv:2207.05952.

    Example:
        >>> float(effective_ratio([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [-1.0, 0.0]]))
        0.75
    """
    rows = extend(extended)
    return effective_neurons(rows, thresholds, minimum=minimum, absolute=absolute) / jnp.asarray(len(rows), rows.dtype)


def check_cover(thresholds: ArrayLike, minimum: float | int) -> Array:
    """Thresholds as an array, after a check of the options of `effective_neurons`."""
    levels = as_array(thresholds, "thresholds")
    if levels.ndim > 1 or levels.size == 0:
        raise InputError("thresholds as one number or a list of them", f"shape {tuple(levels.shape)}")
    check_finite(levels, "thresholds")
    if not is_traced(levels) and bool(jnp.any(jnp.abs(levels) > 1)):
        raise InputError("thresholds in [-1, 1]", str(np.asarray(levels).tolist()))
    check_positive(minimum, "minimum", zero=True)
    if minimum >= 1:
        raise InputError("minimum as a share of the largest norm below 1", repr(minimum))
    return levels


@jax.jit
def _sorted_units(rows: Array, minimum: Array | float | int) -> tuple[Array, Array]:
    """Unit rows in the order of their norms, largest first, and which of them do not count."""
    norms = row_norms(rows)
    order = jnp.argsort(-norms)
    return unit_rows(rows)[order], norms[order] <= minimum * jnp.max(norms)


@functools.partial(jax.jit, static_argnames="absolute")
def _cover(rows: Array, levels: Array, minimum: Array | float | int, absolute: bool) -> Array:
    """Greedy cover in the order of norms, `BLOCK` candidates at a time: a product of matrices instead of many rows."""
    units, null = _sorted_units(rows, minimum)
    block = min(BLOCK, len(null))

    def similar(some, others):
        cosines = some @ others.T
        return jnp.abs(cosines) if absolute else cosines

    def unfinished(state):
        return ~jnp.all(state[0])

    def represent(state):
        covered, counts = state
        (some,) = jnp.nonzero(~jnp.all(covered, axis=0), size=block, fill_value=len(null) - 1)
        cosines = similar(units[some], units[some])

        def join(place, inner):
            inside, founds = inner
            new = ~inside[:, place]
            return inside | (new[:, None] & (cosines[place] > levels[:, None])), founds.at[:, place].set(new)

        free = ~covered[:, some] & (jnp.arange(block) < jnp.sum(~jnp.all(covered, axis=0)))
        _, founds = jax.lax.fori_loop(0, block, join, (~free, jnp.zeros_like(free)))
        cosines = similar(units[some], units)
        nearest = jax.lax.map(lambda one: jnp.max(jnp.where(one[:, None], cosines, -2), axis=0), founds)
        taken = jnp.zeros(len(null), bool).at[some].set(True)
        return covered | (nearest > levels[:, None]) | taken, counts + jnp.sum(founds, axis=1, dtype=jnp.int32)

    start = jnp.broadcast_to(null, (len(levels), len(null))), jnp.zeros(len(levels), jnp.int32)
    return jax.lax.while_loop(unfinished, represent, start)[1]
