"""The exact finish of a trained network on a linear problem: its last layer by least squares, the rest as it is."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from simplebias.core.errors import InputError, check_positive
from simplebias.core.laplacian import twice_forward
from simplebias.core.sobolev import check_derivative, derivatives
from simplebias.core.types import Array, ArrayLike, Key, Network, Point
from simplebias.pde.collocation import Derivatives, check_linear, choose_rows, least_squares, read_operator
from simplebias.pde.problems import Problem

ROWS = 256
"""Points at which features are differentiated together."""
AFFINE = 1e-6
"""Share of the output by which it may differ from an affine function of the layer."""


def last_layer(
    network: Network,
    problem: Problem,
    *,
    where: Callable[[Any], Any] | None = None,
    points: ArrayLike = None,
    boundary_points: int | None = None,
    key: Key,
) -> Network:
    """A network with the last layer that solves a linear problem best, all other layers as they were trained.

    The output is affine in the last layer, `u_0(x) + Σ_j w_j ψ_j(x)`, and so is the residual of a linear problem: the
    weights with the least squared residual inside and on the boundary follow in one step, in float64. What the
    features ψ_j can express, training no longer has to find.

    Args:
        network: trained, with one output; also within `HardBoundary`, anti-symmetric, multi-scale or of subspaces.
        problem: linear, with a strong form.
        where: gives the last layer (or layers) of the network; found by itself by default.
        points: how many points inside, or which; three times as many as there are weights by default.
        boundary_points: how many on the boundary; as many as weights by default.
        key: random key of the points.

    Returns:
        The network, all its arrays in float64: look at it under `jax.enable_x64`.

    Raises:
        InputError: for a nonlinear problem, a network without a last layer or second derivatives, or one whose output
            is not affine in the layer.

    Example:
        >>> from simplebias.networks import MLP
        >>> from simplebias.pde import Box, HardBoundary, Poisson
        >>> problem = Poisson(Box(0, 1), lambda x: jnp.pi**2 * jnp.sin(jnp.pi * x[0]))
        >>> network = HardBoundary(MLP(1, 1, 40, 1, activation="sin", key=jax.random.key(0)), problem.domain)
        >>> finished = last_layer(network, problem, key=jax.random.key(1))
        >>> with jax.enable_x64(True):
        ...     error = abs(float(finished(jnp.array([0.5]))[0]) - 1)
        >>> error < 1e-6
        True
    """
    check_linear(problem, "the last layer by least squares")
    check_derivative(network, 2)
    chosen = find_last_layer if where is None else where
    with jax.enable_x64(True):
        double = jax.tree.map(lambda leaf: leaf.astype(float) if eqx.is_inexact_array(leaf) else leaf, network)
        layer = chosen(double)
        start, unravel = ravel_pytree(eqx.filter(layer, eqx.is_inexact_array))
        if start.size == 0:
            raise InputError("a last layer with weights", f"{type(layer).__name__}", "Say which by where=.")
        static = eqx.filter(layer, eqx.is_inexact_array, inverse=True)
        refill = lambda weights: eqx.tree_at(chosen, double, eqx.combine(unravel(weights), static))
        opened = _Opened(refill, start.size)
        rows = choose_rows(
            problem,
            3 * start.size if points is None else points,
            _count(boundary_points, start.size),
            key,
        )
        _check_affine(opened, start, rows.inside[:16])
        fixed, features = _split(opened, jnp.asarray(rows.inside), problem.second)
        operator = read_operator(problem, rows.inside)
        edge_fixed, edge = (np.asarray(one) for one in opened.values(jnp.asarray(rows.edge)))
        given = rows.given - edge_fixed
        found = least_squares(operator, features, edge, given, operator.apply(fixed)[:, 0])
        return refill(jnp.asarray(found))


def find_last_layer(network: Any) -> Any:
    """The layer or layers that the output of a network is affine in, as far as networks of `simplebias` go.

    Args:
        network: plain, or made of others.

    Returns:
        A layer, or a tuple of those of its parts.

    Raises:
        InputError: for a network of another kind.

    Example:
        >>> from simplebias.networks import MLP
        >>> find_last_layer(MLP(1, 1, 8, 2, key=jax.random.key(0))).weight.shape
        (1, 8)
    """
    for name in ("network", "inner"):
        if hasattr(network, name):
            return find_last_layer(getattr(network, name))
    for one, other in (("first", "second"), ("coarse", "fine")):
        if hasattr(network, one) and hasattr(network, other):
            parts = getattr(network, other)
            parts = parts if isinstance(parts, tuple) else (parts,)
            return tuple(find_last_layer(part) for part in (getattr(network, one), *parts))
    if hasattr(network, "parts"):
        return tuple(find_last_layer(part) for part in network.parts)
    layers: Any = getattr(network, "layers", ())
    if not len(layers):
        raise InputError("a network with layers", type(network).__name__, "Say which layer is the last by where=.")
    return layers[-1]


class _Opened:
    """The output as a function of the last layer's weights."""

    def __init__(self, refill: Callable[[Array], Any], count: int):
        self.refill, self.count = refill, count

    def output(self, weights: Array, point: Point) -> Array:
        found = self.refill(weights)(point)
        if found.shape != (1,):
            raise InputError("a network with one output", f"{found.shape}")
        return found[0]

    def at(self, point: Point) -> tuple[Array, Array]:
        """u_0 and all ψ_j at one point."""
        return jax.value_and_grad(self.output)(jnp.zeros(self.count), point)

    def values(self, points: Array) -> tuple[Array, Array]:
        """At points, `(points,)` and `(points, weights)`."""
        return jax.jit(lambda rows: jax.lax.map(self.at, rows, batch_size=ROWS))(points)


def _split(opened: _Opened, points: Array, second: str) -> tuple[Derivatives, Derivatives]:
    """u_0 and the features, with derivatives in the inputs by forward mode."""
    joined = lambda point: jnp.concatenate([jnp.atleast_1d(one) for one in opened.at(point)])
    look = lambda point: twice_forward(joined, point) if second == "laplacian" else derivatives(joined, point, 2)
    found = jax.jit(lambda rows: jax.lax.map(look, rows, batch_size=ROWS))(points)
    arrays = [np.moveaxis(np.asarray(one), 1, -1) for one in found]  # functions last
    return tuple(Derivatives(*(one[..., part] for one in arrays)) for part in (slice(0, 1), slice(1, None)))  # pyright: ignore[reportReturnType]


def _check_affine(opened: _Opened, start: Array, points: np.ndarray) -> None:
    """Refuse what is not affine in the layer, by its curvature along the weights it has."""
    looks = jnp.asarray(points)
    zero, one, two = (
        jax.vmap(lambda x, share=share: opened.output(share * start, x))(looks) for share in (0.0, 1.0, 2.0)
    )
    size = float(jnp.abs(one - zero).max()) or 1.0
    if float(jnp.abs(two - 2 * one + zero).max()) > AFFINE * size:
        raise InputError("an output that is affine in the last layer", "another", "Say which layer it is by where=.")


def _count(boundary_points: int | None, weights: int) -> int:
    if boundary_points is None:
        return max(weights, 8)
    check_positive(boundary_points, "boundary_points", integer=True)
    return boundary_points


__all__ = ["find_last_layer", "last_layer"]
