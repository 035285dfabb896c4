"""Ways out of a strict saddle: the directions in which the loss curves down, and networks moved along them."""

from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, check_positive
from simplebias.core.task import Task
from simplebias.core.types import Array, Key, Network, PyTree
from simplebias.landscape.hessian import direction_vector, hessian, in_precision
from simplebias.landscape.inertia import TOLERANCE
from simplebias.landscape.spectrum import extreme_eigenvalues
from simplebias.landscape.surface import BLOCK, Surface, open_surface, parameter_tree, parameter_vector, with_parameters

DENSE = 2000
"""Most parameters for which all eigenvectors are taken; of more, Lanczos' method takes the lowest."""
LADDER = tuple(float(one) for one in np.geomspace(1e-5, 1.0, 41))
"""Distances that are tried, as shares of the length of all parameters."""


class EscapeDirection(NamedTuple):
    """A direction in which the loss curves down, and how much. Made by `escape_directions`.

    No example: see `escape_directions`.

    Args:
        eigenvalue: of the Hessian, negative: the loss changes by half of it times the squared distance.
        direction: its eigenvector of length 1, a tree of the network's shapes.
    """

    eigenvalue: float
    direction: PyTree


def escape_directions(
    network: Network,
    task: Task,
    *,
    count: int | None = None,
    tolerance: float = TOLERANCE,
    block: int = BLOCK,
    key: Key | None = None,
) -> Sequence[EscapeDirection]:
    """Eigenvectors of the negative eigenvalues of the Hessian, the most negative first.

    Up to 2000 parameters all are found. Of larger networks Lanczos' method finds the lowest ones, and a negative
    eigenvalue counts if its bound says that it is one.

    Args:
        network: any callable PyTree with a smooth activation.
        task: any task whose loss is a mean over points.
        count: at most so many; None for all of a small network, and for one of a large one.
        tolerance: share of the largest modulus that a negative eigenvalue has to have.
        block: points taken at a time.
        key: of tasks that draw their points, and of the random vector that Lanczos' method begins with.

    Returns:
        The directions; none at a minimum.

    Raises:
        InputError: as `hessian`.

    Example:
        >>> from simplebias.landscape import manufactured
        >>> from simplebias.networks import MLP
        >>> network, points = MLP(2, 1, (2, 2), key=jax.random.key(0)), np.random.default_rng(0).normal(size=(60, 2))
        >>> task = manufactured(network, points, key=jax.random.key(1))
        >>> [found.eigenvalue < 0 for found in escape_directions(network, task, count=2)]
        [True, True]
    """
    if count is not None:
        check_positive(count, "count", integer=True)
    size = parameter_vector(network).size
    if size <= DENSE:
        values, vectors = np.linalg.eigh(hessian(network, task, block=block, key=key))
        rows, bounds = vectors.T, np.zeros(size)
    else:
        key = jax.random.key(0) if key is None else key
        found = extreme_eigenvalues(network, task, count=count or 1, block=block, key=key)
        values, rows, bounds = found.values, found.vectors, found.bounds
    down = values + bounds < -tolerance * np.abs(values).max()
    pairs = [(float(value), row) for value, row, good in zip(values, rows, down, strict=True) if good]
    return [EscapeDirection(value, parameter_tree(network, row)) for value, row in pairs[:count]]


def escape(network: Network, direction: PyTree, distance: float | int) -> Network:
    """The network moved along a direction, to be trained from there; a negative distance is the other side.

    Args:
        network: any PyTree.
        direction: a tree of its shapes, such as `EscapeDirection.direction`.
        distance: factor of the direction.

    Returns:
        The network with parameters `θ + distance · direction` in the precision of its own.

    Raises:
        InputError: for a direction of other shapes, or a distance that is no finite number.

    Example:
        >>> from simplebias.networks import TwoLayer
        >>> network = TwoLayer(1, 1, 3, key=jax.random.key(0))
        >>> moved = escape(network, parameter_tree(network, np.eye(9)[0]), 0.5)
        >>> round(float(moved.layers[0].weight[0, 0] - network.layers[0].weight[0, 0]), 6)
        0.5
    """
    if isinstance(distance, bool) or not isinstance(distance, float | int) or not np.isfinite(distance):
        raise InputError("distance as a finite number", repr(distance))
    moved = parameter_vector(network) + distance * direction_vector(network, direction)
    return with_parameters(network, moved)


def escape_distances(
    network: Network,
    task: Task,
    direction: PyTree,
    *,
    block: int = BLOCK,
    key: Key | None = None,
) -> tuple[float, float]:
    """How far to go along a direction to either side, by the loss: to where it stops falling.

    On each side 41 distances from 1e-5 to 1 times the length of all parameters are tried.

    Args:
        network: any callable PyTree.
        task: any task whose loss is a mean over points.
        direction: a tree of its shapes.
        block: points taken at a time.
        key: of tasks that draw their points.

    Returns:
        A distance ≥ 0 forward and one ≤ 0 backward, 0 where the loss rises from the start; for `escape`.

    Raises:
        InputError: for bad networks, tasks or directions.

    Example:
        >>> from simplebias.core import Regression
        >>> from simplebias.networks import TwoLayer
        >>> network, task = TwoLayer(1, 1, 3, key=jax.random.key(0)), Regression([0.0, 1.0], [0.0, 1.0])
        >>> forward, backward = escape_distances(network, task, parameter_tree(network, np.eye(9)[-1]))
        >>> forward >= 0 >= backward
        True
    """
    along = direction_vector(network, direction)
    with in_precision("float64"):
        surface = open_surface(network, task, key=key, block=block, second=False)
        length = float(np.linalg.norm(surface.vector)) / (float(np.linalg.norm(along)) or 1.0) or 1.0
        distances = length * np.r_[0.0, LADDER]
        both = np.concatenate([distances, -distances])
        losses = np.asarray(_along(surface, jnp.asarray(along), jnp.asarray(both))).reshape(2, -1)
    ends = [distances[_lowest_before_rising(found)] for found in losses]
    return float(ends[0]), -float(ends[1])


def _lowest_before_rising(losses: np.ndarray) -> int:
    """Index of the lowest loss before the first rise that is more than rounding, 0 if it never falls by more."""
    rounding = 4 * np.finfo(float).eps * abs(losses[0])
    rising = np.flatnonzero(~(np.diff(losses) <= rounding))
    lowest = int(losses[: rising[0] + 1 if rising.size else None].argmin())
    return lowest if losses[0] - losses[lowest] > rounding else 0


@eqx.filter_jit
def _along(surface: Surface, direction: Array, distances: Array) -> Array:
    return jax.lax.map(lambda distance: surface.loss(surface.vector + distance * direction), distances)


__all__ = ["EscapeDirection", "escape", "escape_directions", "escape_distances"]
