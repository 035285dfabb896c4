"""Flatness of a minimum: the loss along random directions as long as the weights, filter by filter."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from simplebias.core.errors import InputError, as_array, check_choice, check_finite, check_positive
from simplebias.core.task import Task
from simplebias.core.types import Array, ArrayLike, Float, Key, Network, PyTree


def filter_normalised_direction(network: Network, *, per: str = "filter", key: Key) -> PyTree:
    """A random direction in the space of parameters in which every filter is as long as that of the network.

    Gaussian numbers, rescaled filter by filter: without that a network of large weights would look flat and its twin
    with small weights, the same function, would not. A filter is what makes one neuron: a row of a weight matrix or a
    kernel with all its input channels. Biases of a layer count as one filter.

    Args:
        network: its arrays of floats are the parameters.
        per: "filter", or "layer" for one length per array.
        key: of the random numbers.

    Returns:
        The parameters' tree, None elsewhere; zero filters have the direction zero.

    Raises:
        InputError: for another `per`, or a network without parameters.

    References:
        Filters as in Zhang, Xu, Implicit regularization of dropout, arXiv:2207.05952.

    Example:
        >>> from simplebias.networks import TwoLayer
        >>> network = TwoLayer(3, 1, 5, key=jax.random.key(0))
        >>> direction = filter_normalised_direction(network, key=jax.random.key(1))
        >>> pairs = [jnp.linalg.norm(one.layers[0].weight, axis=1) for one in (direction, network)]
        >>> bool(jnp.allclose(*pairs))
        True
    """
    check_choice(per, "per", ("filter", "layer"))
    leaves, shape = jax.tree.flatten(eqx.filter(network, eqx.is_inexact_array))
    if not leaves:
        raise InputError("a network with parameters", f"a {type(network).__name__} without arrays of floats")
    keys = jax.random.split(key, len(leaves))
    return shape.unflatten([_like(leaf, per, one) for leaf, one in zip(leaves, keys, strict=True)])


def _like(leaf: Array, per: str, key: Key) -> Array:
    axes = tuple(range(1, leaf.ndim)) if per == "filter" and leaf.ndim > 1 else None
    drawn = jax.random.normal(key, leaf.shape, leaf.dtype)
    norms = [jnp.sqrt(jnp.sum(one**2, axis=axes, keepdims=True)) for one in (leaf, drawn)]
    return drawn * (norms[0] / jnp.where(norms[1] > 0, norms[1], 1))


def loss_along_directions(
    network: Network,
    task: Task,
    distances: ArrayLike,
    *,
    directions: int = 1,
    per: str = "filter",
    key: Key,
) -> Float[Array, "directions distances"]:
    """Loss at `θ + α d` for random filter-normalised directions d: the wider its valley the flatter the minimum.

    Args:
        network: used without dropout.
        task: its loss on all data is taken.
        distances: `(distances,)` values of α; 1 moves each filter by its own length.
        directions: how many directions to draw.
        per: "filter" or "layer", see `filter_normalised_direction`.
        key: of the directions, and of a task that draws its data.

    Returns:
        `(directions, distances)` losses.

    Raises:
        InputError: for distances that are not a list of finite numbers, or bad options.

    References:
        Zhang, Xu, Implicit regularization of dropout, arXiv:2207.05952.

    Example:
        >>> from simplebias.core import Regression
        >>> from simplebias.networks import TwoLayer
        >>> network, task = TwoLayer(1, 1, 5, key=jax.random.key(0)), Regression([0.0, 1.0], [0.0, 1.0])
        >>> loss_along_directions(network, task, [-0.1, 0.0, 0.1], directions=4, key=jax.random.key(1)).shape
        (4, 3)
    """
    where = as_array(distances, "distances")
    check_finite(where, "distances")
    if where.ndim != 1 or not where.size:
        raise InputError("distances of shape (distances,)", f"shape {tuple(where.shape)}")
    check_positive(directions, "directions", integer=True)
    check_choice(per, "per", ("filter", "layer"))
    return _losses(network, task, where, jax.random.split(key, int(directions) + 1), per)


@eqx.filter_jit
def _losses(network: Any, task: Task, distances: Array, keys: Array, per: str) -> Array:
    parameters, rest = eqx.partition(eqx.nn.inference_mode(network), eqx.is_inexact_array)
    batch = task.batch(None, key=keys[0])

    def one(key):
        direction = filter_normalised_direction(parameters, per=per, key=key)

        def at(distance):
            moved = jax.tree.map(lambda w, d: w + distance.astype(w.dtype) * d, parameters, direction)
            return task.loss(eqx.combine(moved, rest), batch, key=keys[0])

        return jax.lax.map(at, distances)

    return jax.lax.map(one, keys[1:])


__all__ = ["filter_normalised_direction", "loss_along_directions"]
