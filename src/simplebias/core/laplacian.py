"""Value, gradient and Laplacian of a network in one sweep forward: the three are pushed through the layers together."""

import functools
import importlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from simplebias.core.trigonometry import simplebias_sincos
from simplebias.core.types import Array, Point

Triple = tuple[Array, Array, Array]

FEW = 3
"""Inputs up to which derivatives are multiplied one after another, which is faster than all in one product."""


def value_gradient_laplacian(function: Callable[[Point], Any], point: Point) -> Triple:
    """A function, its gradient and its Laplacian at one point, in forward mode, all three layer by layer.

    With `h` the input of a layer, `J` its derivatives by the inputs and `L` its Laplacian, an affine layer maps all
    three by its weights and an activation maps them to `σ(h)`, `σ'(h) J` and `σ'(h) L + σ''(h) Σ J²`: one matrix
    product of `inputs + 2` columns instead of those of nested derivatives. Done by the library folx; what it cannot do
    is differentiated forward twice along each input. Training (reverse mode in the parameters) never nests reverse in
    reverse.

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
        return _together(flat, point)
    except Exception:  # an operation that is not known; an error of the function itself comes again below
        return twice_forward(flat, point)


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


def _together(function: Callable[[Point], Array], point: Point) -> Triple:
    found = _forward_laplacian()(function)(point)
    if not hasattr(found, "laplacian"):  # a function that does not depend on the point
        return found, jnp.zeros((*found.shape, point.shape[0]), found.dtype), jnp.zeros_like(found)
    return found.x, jnp.moveaxis(found.jacobian.dense_array, 0, -1), found.laplacian


@functools.cache
def _forward_laplacian() -> Callable[..., Any]:
    """That of folx, with faster rules for what networks mostly do; the fast sine and cosine are made known to it."""
    folx: Any = importlib.import_module("folx")
    rules: Any = importlib.import_module("folx.wrapped_functions")

    general = rules.get_laplacian(lax.dot_general_p, True)
    folx.register_function(lax.dot_general_p, functools.partial(_of_product, general=general))
    folx.register_function(lax.tanh_p, _of_tanh)
    folx.register_function("simplebias_sincos", _of_sincos)
    return folx.forward_laplacian


def _of_product(args: Any, kwargs: Any, sparsity_threshold: int, general: Callable[..., Any]) -> Any:
    """A matrix of numbers and one vector of the three; the rest is left to the general rule."""
    # The vector is put first: points, which are its rows when they are many, need not be transposed then, and training
    # takes 0.7 to 0.8 of the time.
    last = hasattr(args[1], "laplacian")
    matrix, inner = args if last else args[::-1]
    contracted, batched = kwargs["dimension_numbers"]
    known = not hasattr(matrix, "laplacian") and matrix.ndim == 2 and inner.x.ndim == 1 and batched == ((), ())
    if not known or isinstance(kwargs["precision"], tuple) or kwargs.get("out_sharding") is not None:
        return general(args, kwargs, sparsity_threshold=sparsity_threshold)
    (axis,) = contracted[0] if last else contracted[1]
    precision, result = kwargs["precision"], kwargs["preferred_element_type"]

    def product(rows: Array) -> Array:
        dimensions = (((rows.ndim - 1,), (axis,)), ((), ()))
        return lax.dot_general(rows, matrix, dimensions, precision=precision, preferred_element_type=result)

    jacobian = inner.jacobian.data
    found = jnp.stack([product(row) for row in jacobian]) if len(jacobian) <= FEW else product(jacobian)
    return type(inner)(product(inner.x), inner.jacobian._replace(data=found), product(inner.laplacian))


def _of_tanh(args: Any, kwargs: Any, sparsity_threshold: int) -> Any:
    """`σ(h), σ' J, σ' (L - 2 σ Σ J²)` with `σ' = 1 - σ²`, which is shorter than what differentiation makes of it."""
    (inner,) = args
    value, jacobian = jnp.tanh(inner.x), inner.jacobian.data
    slope = 1 - value * value
    laplacian = slope * (inner.laplacian - 2 * value * jnp.sum(jacobian**2, axis=0))
    return type(inner)(value, inner.jacobian._replace(data=slope * jacobian), laplacian)


def _of_sincos(args: Any, kwargs: Any, sparsity_threshold: int) -> list[Any]:
    """`sin(h), cos(h) J, cos(h) L - sin(h) Σ J²`, and the same a quarter later."""
    (inner,) = args
    sine, cosine = simplebias_sincos(inner.x)
    jacobian, found = inner.jacobian.data, []
    square = jnp.sum(jacobian**2, axis=0)
    for value, slope in ((sine, cosine), (cosine, -sine)):
        laplacian = slope * inner.laplacian - value * square
        found.append(type(inner)(value, inner.jacobian._replace(data=slope * jacobian), laplacian))
    return found


__all__ = ["twice_forward", "value_gradient_laplacian"]
