"""Value, gradient and Laplacian of a network in one sweep forward: the three are pushed through the layers together."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from simplebias.core.carrying import Carried, Operand, carried
from simplebias.core.types import Array, Point, Points

Triple = tuple[Array, Array, Array]


def value_gradient_laplacian(function: Callable[[Point], Any], point: Point) -> Triple:
    """A function, its gradient and its Laplacian at one point, in forward mode, all three layer by layer.

    With `h` the input of a layer, `J` its derivatives by the inputs and `L` its Laplacian, an affine layer maps all
    three by its weights and an activation maps them to `σ(h)`, `σ'(h) J` and `σ'(h) L + σ''(h) Σ J²`: `inputs + 2`
    columns go through each layer instead of those of nested derivatives, and training (reverse mode in the parameters)
    never nests reverse in reverse. Of operations without a rule it takes what JAX knows of their derivatives; a
    function that cannot be traced alone is differentiated forward twice along each input.

    Args:
        function: maps one point `(inputs,)` to one output `(outputs,)`, or to a number.
        point: `(inputs,)`.

    Returns:
        The output `(outputs,)`, its gradient `(outputs, inputs)`, and its Laplacian `(outputs,)`.

    Example:
        >>> value, gradient, laplacian = value_gradient_laplacian(lambda x: jnp.sum(x**3), jnp.array([1.0, 2.0]))
        >>> value.tolist(), gradient.tolist(), laplacian.tolist()
        ([9.0], [[3.0, 12.0]], [18.0])
    """
    flat = lambda x: jnp.atleast_1d(function(x))
    try:
        found = carried(flat, point, many=False)
    except Exception:  # an operation that is not known; an error of the function itself comes again below
        return twice_forward(flat, point)
    return _triple(found, point.shape[0])


def values_gradients_laplacians(function: Callable[..., Any], points: Points, *beside: Array) -> Triple:
    """A function, its gradient and its Laplacian at many points: the same as mapping over them, and faster.

    The points are the columns of all products, which on a processor are then as fast as they get, there and back.

    Args:
        function: maps one point `(inputs,)`, and what is beside it, to one output `(outputs,)`, or to a number.
        points: `(points, inputs)`.
        *beside: what else the function takes for each point, such as a random key, `(points, ...)`.

    Returns:
        The outputs `(points, outputs)`, gradients `(points, outputs, inputs)`, and Laplacians `(points, outputs)`.

    Example:
        >>> points = jnp.array([[1.0, 2.0], [0.0, 1.0]])
        >>> _, gradients, laplacians = values_gradients_laplacians(lambda x: jnp.sum(x**3), points)
        >>> gradients.tolist(), laplacians.tolist()
        ([[[3.0, 12.0]], [[0.0, 3.0]]], [[18.0], [6.0]])
    """
    flat = lambda x, *more: jnp.atleast_1d(function(x, *more))
    try:
        found = carried(flat, points.T, *(jnp.moveaxis(one, 0, -1) for one in beside), many=True)
    except Exception:  # as above
        return jax.vmap(lambda x, *more: twice_forward(lambda at: flat(at, *more), x))(points, *beside)
    if not isinstance(found, Carried):
        found = Carried(jnp.asarray(found)[..., None])
    found = jax.tree.map(lambda one: jnp.broadcast_to(one, (*one.shape[:-1], len(points))), found)
    value, gradient, laplacian = (jnp.moveaxis(one, found.value.ndim - 1, 0) for one in _triple(found, points.shape[1]))
    return value, gradient, laplacian


def twice_forward(function: Callable[[Point], Array], point: Point) -> Triple:
    """The same by differentiating forward twice along each input, for functions of any operations.

    Args:
        function: maps one point `(inputs,)` to one output `(outputs,)`.
        point: `(inputs,)`.

    Returns:
        As `value_gradient_laplacian`.

    Example:
        >>> value, gradient, laplacian = twice_forward(lambda x: x**3, jnp.array([2.0]))
        >>> value.tolist(), gradient.tolist(), laplacian.tolist()
        ([8.0], [[12.0]], [12.0])
    """

    def along(direction: Array) -> Triple:
        once = lambda x: jax.jvp(function, (x,), (direction,))
        (value, slope), (_, curvature) = jax.jvp(once, (point,), (direction,))
        return value, slope, curvature

    values, slopes, curvatures = jax.vmap(along, out_axes=(None, 1, 0))(jnp.eye(point.shape[0], dtype=point.dtype))
    return values, slopes, curvatures.sum(axis=0)


def _triple(found: Operand, inputs: int) -> Triple:
    """All three as arrays, the gradient with its axis of inputs last."""
    if not isinstance(found, Carried):
        found = Carried(jnp.asarray(found))
    value, slopes, laplacian = found
    if slopes is None:
        gradient = jnp.zeros((*value.shape, inputs), value.dtype)
    elif isinstance(slopes, tuple):
        gradient = jnp.stack(slopes, axis=-1)
    else:
        gradient = jnp.moveaxis(slopes, 0, -1)
    return value, gradient, jnp.zeros_like(value) if laplacian is None else laplacian


__all__ = ["twice_forward", "value_gradient_laplacian", "values_gradients_laplacians"]
