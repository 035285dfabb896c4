"""How smooth a function of one input is: its total variation, and how often its convexity changes."""

import jax
import jax.numpy as jnp

from simplebias.core.errors import InputError, as_points, as_values, check_positive, is_traced
from simplebias.core.types import Array, ArrayLike, Float, Int


def _in_order(points: ArrayLike, values: ArrayLike, least: int) -> tuple[Array, Array]:
    inputs = as_points(points)
    if inputs.shape[1] != 1:
        raise InputError("points of one input", f"{inputs.shape[1]} inputs", "Take values along a line.")
    outputs = as_values(values, len(inputs))
    if len(inputs) < least:
        raise InputError(f"at least {least} points", f"{len(inputs)}")
    order = jnp.argsort(inputs[:, 0])
    rising = inputs[order, 0]
    if not is_traced(rising) and bool(jnp.any(jnp.diff(rising) == 0)):
        raise InputError("points that differ", "some that repeat", "Average their values.")
    return rising, outputs[order]


def total_variation(points: ArrayLike, values: ArrayLike) -> Float[Array, " outputs"]:
    """Total variation of a function of one input at the points, `Σ_i |f(x_{i+1}) - f(x_i)|` in the order of x.

    Divided by that of the target it tells how much more a network goes up and down than it must: 1 for a monotone fit
    of a monotone target. Take points much closer to each other than the data.

    Args:
        points: `(points,)` or `(points, 1)`, different, in any order.
        values: `(points, outputs)` or `(points,)`.

    Returns:
        `(outputs,)` in units of the values; 0 for a single point.

    Raises:
        InputError: for more than one input, repeated points, or bad arrays.

    Example:
        >>> total_variation([0.0, 2.0, 1.0], [0.0, 1.0, 3.0]).tolist()
        [5.0]
    """
    _, outputs = _in_order(points, values, 1)
    return jnp.sum(jnp.abs(jnp.diff(outputs, axis=0)), axis=0)


def convexity_changes(points: ArrayLike, values: ArrayLike, *, tolerance: float | int = 1e-3) -> Int[Array, " outputs"]:
    """How often a function of one input turns from convex to concave or back between the first and last point.

    Changes of sign of the differences of neighbouring slopes, those of at most `tolerance` times the largest slope left
    out as straight. Dropout makes it as small as the data allow (two-layer ReLU networks of one input).

    Args:
        points: `(points,)` or `(points, 1)`, different, in any order.
        values: `(points, outputs)` or `(points,)`.
        tolerance: share of the largest slope below which two slopes count as equal; rounding and slow bends would
            count otherwise. Smooth functions on fine points bend little from point to point: lower it there.

    Returns:
        `(outputs,)` counts.

    Raises:
        InputError: for fewer than three points, more than one input, repeated points, or bad arrays.

    References:
        Zhang, Xu, Implicit regularization of dropout, arXiv:2207.05952.

    Example:
        >>> x = jnp.linspace(0, 3, 31)
        >>> convexity_changes(x, jnp.sin(2 * jnp.pi * x)).tolist()
        [5]
    """
    check_positive(tolerance, "tolerance", zero=True)
    rising, outputs = _in_order(points, values, 3)
    return _count_bends(rising, outputs, tolerance)


@jax.jit
def _count_bends(rising: Array, outputs: Array, tolerance: Array | float | int) -> Array:
    slopes = jnp.diff(outputs, axis=0) / jnp.diff(rising)[:, None]
    bends = jnp.diff(slopes, axis=0)
    signs = jnp.where(jnp.abs(bends) > tolerance * jnp.max(jnp.abs(slopes), axis=0), jnp.sign(bends), 0)
    last = jax.lax.associative_scan(lambda old, new: jnp.where(new == 0, old, new), signs, axis=0)
    return jnp.sum(last[1:] * last[:-1] < 0, axis=0)


__all__ = ["convexity_changes", "total_variation"]
