"""Fitting values and derivatives at once: the loss of a Sobolev norm, which makes high frequencies learn faster."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from simplebias.core.errors import InputError, as_array, as_points, as_values, check_finite, check_positive, is_traced
from simplebias.core.snapshot import wants_key
from simplebias.core.task import Task, check_outputs
from simplebias.core.types import Array, ArrayLike, Float, Int, Key, Network, Output, Point, Points, Scalar, Values

Batch = tuple[Points, Values, tuple[Any, ...]]


@runtime_checkable
class ShowsSmoothness(Protocol):
    """A network that says how often it can be differentiated in its inputs.

    `largest_derivative` is the highest order of which the derivative is still a function (with jumps at most, as the
    first derivative of ReLU), so that its values at points describe it; None where every order is.
    """

    @property
    def largest_derivative(self) -> int | None:
        """The highest order, None for all."""
        ...


def check_derivative(network: Network, order: int) -> None:
    """Refuse a network of which the derivative of an order does not exist, where the network says so.

    Where the derivative does not exist automatic differentiation is silently wrong: it gives 0 for the second
    derivative of ReLU, of which it drops the jumps of the first.

    Args:
        network: any; one that does not show its smoothness (see `ShowsSmoothness`) passes.
        order: of the derivative.

    Raises:
        InputError: naming the highest order that exists.

    Example:
        >>> from simplebias.networks import TwoLayer
        >>> network = TwoLayer(1, 1, 4, activation="relu", key=jax.random.key(0))
        >>> check_derivative(network, 1)
        >>> check_derivative(network, 2)
        Traceback (most recent call last):
        simplebias.core.errors.InputError: expected a network with a derivative of order 2; got TwoLayer, whose \
activation 'relu' has derivatives up to order 1. Use a smooth activation such as 'tanh'.
    """
    largest = network.largest_derivative if isinstance(network, ShowsSmoothness) else None
    if largest is not None and order > largest:
        name = getattr(network, "activation", None)
        cause = f"activation {name!r} has" if isinstance(name, str) else "activation has"
        raise InputError(
            f"a network with a derivative of order {order}",
            f"{type(network).__name__}, whose {cause} derivatives up to order {largest}",
            "Use a smooth activation such as 'tanh'.",
        )


def derivatives(function: Callable[[Point], Output], point: Point, order: int) -> tuple[Array, ...]:
    """A function and all its derivatives up to an order at one point, in forward mode only.

    Each order pushes the lower ones forward once more along every input, so that training (reverse mode in the
    parameters) never nests reverse in reverse. Costs grow as `inputs^order`, for one input as `2^order`.

    Args:
        function: maps one point `(inputs,)` to one output `(outputs,)`.
        point: `(inputs,)`.
        order: the highest order, ≥ 0.

    Returns:
        `order + 1` arrays: the output `(outputs,)`, the gradient `(outputs, inputs)`, then `(outputs, inputs, inputs)`
        and so on, in the unit of the output per power of the unit of the inputs.

    Raises:
        InputError: if the order is not a whole number ≥ 0.

    Example:
        >>> value, slope, curvature = derivatives(lambda x: x**3, jnp.asarray([2.0]), 2)
        >>> value.tolist(), slope.tolist(), curvature.tolist()
        ([8.0], [[12.0]], [[[12.0]]])
    """
    check_positive(order, "order", integer=True, zero=True)
    tower = lambda x: (function(x), ())
    for _ in range(int(order)):
        tower = _pushed(tower, alone=point.shape[0] == 1)
    highest, lower = tower(point)
    return (*lower, highest)


def _pushed(tower: Callable[[Point], Any], *, alone: bool) -> Callable[[Point], Any]:
    """The tower of derivatives that ends one order higher; what it ended with joins the lower ones."""
    kept = lambda x: (lambda top, lower: (top, (*lower, top)))(*tower(x))
    if not alone:
        return jax.jacfwd(kept, has_aux=True)

    def along(x: Point) -> Any:  # a plain tangent, where a batch of one would cost slower matrix products
        _, slope, lower = jax.jvp(kept, (x,), (jnp.ones_like(x),), has_aux=True)
        return slope[..., None], lower

    return along


class Sobolev(Task):
    """Fit values and derivatives at points: `mean (f - y)² + Σ_p λ_p mean ‖∇^p f - y^(p)‖²`.

    Means are over points and outputs; `‖·‖²` sums the squares of all entries of the derivative tensor, so that in
    Fourier space order p weighs the squared error of a frequency ξ by `λ_p (2π|ξ|)^{2p}`: it acts on frequencies with
    `λ_p (2π|ξ|)^{2p} ≳ 1` and lets them be learned sooner.

    Args:
        points: `(points, inputs)`, or `(points,)` for one input.
        values: `(points, outputs)`, or `(points,)` for one output.
        derivatives: targets of order 1, 2, …; None for an order that is left out. Order p has the shape
            `(points, outputs, inputs, …, inputs)` with p axes of inputs; axes of length one may be left out.
        weights: λ_p ≥ 0 for each order, in squared units of input to the power p; one number for all. Weights of
            orders left out are not looked at.

    Raises:
        InputError: for empty, non-numeric, non-finite or mis-shaped data, no derivative at all, negative weights or
            their number; in training for a network that has no such derivative (ReLU and the second order).

    References:
        Xu, Frequency Principle in deep learning with general loss functions, arXiv:1811.10146.

    Example:
        >>> import numpy as np
        >>> x = np.linspace(-1, 1, 5)
        >>> task = Sobolev(x, x**2, [2 * x], weights=0.5)
        >>> float(task.loss(lambda x: x**2 + 1, task.batch(None, key=None), key=None))  # slopes are right
        1.0
    """

    points: Points
    values: Values
    derivatives: tuple[Array | None, ...]
    weights: Float[Array, " orders"]

    def __init__(
        self,
        points: ArrayLike,
        values: ArrayLike,
        derivatives: Any,
        weights: ArrayLike = 1.0,
    ):
        self.points = as_points(points)
        self.values = as_values(values, self.points.shape[0])
        if isinstance(derivatives, str) or not isinstance(derivatives, Sequence):
            got = f"{type(derivatives).__name__}"
            raise InputError("derivatives as a list, one array for each order", got, "Write [first, second, …].")
        if all(one is None for one in derivatives):
            raise InputError("at least one derivative", "none", "Use Regression to fit values alone.")
        sizes = (self.size, self.values.shape[1], self.points.shape[1])
        self.derivatives = tuple(_as_derivative(one, sizes, p) for p, one in enumerate(derivatives, start=1))
        self.weights = _as_weights(weights, len(self.derivatives), self.values.dtype)

    @property
    def size(self) -> int:
        """Number of points."""
        return self.points.shape[0]

    @property
    def probe(self) -> Points:
        """The training points."""
        return self.points

    @property
    def order(self) -> int:
        """The highest order of a derivative in the loss."""
        return max(order for order, one in enumerate(self.derivatives, start=1) if one is not None)

    def batch(self, rows: Int[Array, " rows"] | None, *, key: Key) -> Batch:
        """The given rows of points, values and derivatives."""
        whole = (self.points, self.values, self.derivatives)
        return whole if rows is None else jax.tree.map(lambda one: one[rows], whole)

    def loss(self, network: Network, batch: Batch, *, key: Key) -> Scalar:
        """Mean squared error of values and derivatives."""
        points, values, targets = batch
        check_derivative(network, self.order)
        found = _towers(network, points, self.order, key)
        check_outputs(found[0], values.shape)
        loss = jnp.mean((found[0] - values) ** 2)
        for weight, got, target in zip(self.weights, found[1:], targets, strict=False):
            if target is not None:
                loss = loss + weight.astype(loss.dtype) * jnp.sum((got - target) ** 2) / values.size
        return loss


def _towers(network: Network, points: Points, order: int, key: Key) -> tuple[Array, ...]:
    """Outputs and derivatives at all points; a network that drops neurons drops the same ones in all orders."""
    if wants_key(network):
        keyed = lambda x, k: derivatives(_flat(functools.partial(network, key=k)), x, order)
        return jax.vmap(keyed)(points, jax.random.split(key, points.shape[0]))
    return jax.vmap(lambda x: derivatives(_flat(network), x, order))(points)


def _flat(network: Network) -> Callable[[Point], Output]:
    """The network with a scalar output made an output of one entry."""
    return lambda x: jnp.atleast_1d(network(x))


def _as_derivative(target: ArrayLike | None, sizes: tuple[int, int, int], order: int) -> Array | None:
    """A checked derivative of the full shape, or None."""
    if target is None:
        return None
    name = f"derivative of order {order}"
    count, outputs, inputs = sizes
    array, shape = as_array(target, name), (count, outputs, *(inputs,) * order)
    long = [size for size in shape[1:] if size > 1]
    if array.shape[:1] != (count,) or [size for size in array.shape[1:] if size > 1] != long:
        raise InputError(f"{name} of shape {shape}", f"shape {tuple(array.shape)}")
    if jnp.iscomplexobj(array):
        raise InputError(f"{name} as real numbers", f"complex values of type {array.dtype}")
    check_finite(array, name)
    return array.reshape(shape)


def _as_weights(weights: ArrayLike, orders: int, dtype: Any) -> Array:
    """One checked weight for each order."""
    array = as_array(weights, "weights")
    if array.shape not in {(), (1,), (orders,)}:
        raise InputError(f"one weight, or {orders} of them, one for each order", f"shape {tuple(array.shape)}")
    for weight in [] if is_traced(array) else array.ravel():
        check_positive(float(weight), "weights", zero=True)
    return jnp.broadcast_to(array, (orders,)).astype(dtype)
