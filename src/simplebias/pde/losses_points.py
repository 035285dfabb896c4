"""Where a loss looks: points of the domain and of its boundary, fixed, or in blocks of a pool that is drawn once."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, as_array, as_points
from simplebias.core.types import Array, ArrayLike, Key, Points, Values
from simplebias.pde.geometry import Domain
from simplebias.pde.problems import Problem

BLOCKS = 64
"""Blocks in a pool."""
COUNT = 2048
"""Points inside where it is not said how many: a power of two, of which a Sobol sequence is most even."""
ENDS = 256
"""Draws that find all ends of a domain of one input."""


class Edge(eqx.Module):
    """Points of the boundary, evenly spread.

    Attributes:
        points: `(points, inputs)`.
        normals: out of the domain, `(points, inputs)`.
        values: the given ones, `(points, 1)`.
    """

    points: Points
    normals: Points
    values: Values


class Batch(eqx.Module):
    """What a loss is taken at.

    Attributes:
        points: inside, `(points, inputs)`.
        edge: on the boundary; None where the network meets its values by itself.
        weights: how much each point inside counts in a mean, `(points,)`; None for all alike.
    """

    points: Points
    edge: Edge | None
    weights: Array | None = None


class Pool(eqx.Module):
    """Points in rows; where they are drawn anew, many blocks of `count` rows of which each step takes one.

    Attributes:
        points: `(rows, inputs)`.
        edge: rows on the boundary, or None.
        count: points in a block inside.
        edge_count: points in a block on the boundary.
        resample: whether there are several blocks.
        weights: of the points inside in a mean, 1 on the average; None for all alike.
    """

    points: Points
    edge: Edge | None
    count: int = eqx.field(static=True)
    edge_count: int = eqx.field(static=True)
    resample: bool = eqx.field(static=True)
    weights: Array | None = None

    def batch(self, rows: Array | None, key: Key | None) -> Batch:
        """The given rows, or all of a block; from a pool a block of as many rows, drawn by the key."""
        if not self.resample:
            chosen = (self.points, self.weights)
            points, weights = chosen if rows is None else jax.tree.map(lambda one: one[rows], chosen)
            return Batch(points, self.edge, weights)
        assert key is not None
        inside, outside = jax.random.split(key)
        points = block(self.points, self.count if rows is None else len(rows), inside)
        return Batch(points, None if self.edge is None else block(self.edge, self.edge_count, outside))


def block(rows: Any, count: int, key: Key) -> Any:
    """One of the blocks of as many rows, each as likely."""
    blocks = len(jax.tree.leaves(rows)[0]) // count
    start = count * jax.random.randint(key, (), 0, blocks)
    return jax.tree.map(lambda leaf: jax.lax.dynamic_slice_in_dim(leaf, start, count), rows)


def make_pool(
    problem: Problem,
    points: ArrayLike,
    *,
    count: int | None,
    boundary_count: int | None,
    soft: bool,
    key: Key | None,
    resample: bool,
) -> Pool:
    """Points as a user asks for them, checked.

    Args:
        problem: where they are.
        points: inside, or None for evenly spread ones.
        count: how many to draw.
        boundary_count: how many on the boundary.
        soft: whether any are needed there.
        key: random key; needed where points are drawn.
        resample: whether each step has others.

    Returns:
        The points.

    Raises:
        InputError: for points outside, points to be drawn without a key, or given ones that are to be drawn anew.
    """
    if points is not None and (resample or count is not None):
        got = "points= and " + ("resample=True" if resample else "count=")
        raise InputError("either points or what to draw", got, "Leave points out to have them drawn.")
    if points is None and key is None:
        raise InputError("a key, to draw points", "none", "Give key=jax.random.key(0), or points=.")
    size = COUNT if count is None else count
    blocks = BLOCKS if resample else 1
    if points is None:
        assert key is not None
        inside = problem.domain.sample(size * blocks, key=key)
        problem.source_values(inside)
    else:
        inside = interior(problem, points)
        size = len(inside)
    if not soft:
        return Pool(inside, None, size, 0, resample)
    number = max(64, size // 5) if boundary_count is None else boundary_count
    edge = draw_edge(problem, number, blocks, key, inside.dtype)
    return Pool(inside, edge, size, len(edge.points) if problem.domain.inputs == 1 else number, resample)


def weighted(pool: Pool, weights: ArrayLike, *, given: bool) -> Pool:
    """The pool with weights of its points in a mean.

    Args:
        pool: of points that were given.
        weights: above zero, `(points,)`, in any unit.
        given: whether the points were.

    Returns:
        The pool, its weights 1 on the average.

    Raises:
        InputError: for weights of points that are drawn, another number of them, or not above zero.
    """
    if not given:
        raise InputError("weights of given points", "weights= without points=", "Give both, or neither.")
    array = as_array(weights, "weights")
    if array.shape != (len(pool.points),):
        raise InputError(f"{len(pool.points)} weights, one for each point", f"shape {tuple(array.shape)}")
    if not bool(jnp.all(jnp.isfinite(array) & (array > 0))):
        raise InputError("finite weights above zero", "others", "Leave points of weight zero out.")
    found = (array / jnp.mean(array)).astype(pool.points.dtype)
    return dataclasses.replace(pool, weights=found)


def interior(problem: Problem, points: ArrayLike) -> Points:
    """Points given for the interior, checked."""
    array, domain = as_points(points), problem.domain
    if array.shape[1] != domain.inputs:
        raise InputError(f"points with {domain.inputs} inputs, as the domain", f"{array.shape[1]}")
    outside = array[np.flatnonzero(~domain.contains(array))]
    if len(outside):  # rounding may have put points of the boundary there
        low, high = domain.bounds
        depth = -jax.vmap(domain.signed_distance)(outside)
        count = int((depth > 1e-5 * float(np.linalg.norm(high - low))).sum())
        if count:
            raise InputError("points inside the domain", f"{count} outside", f"It is {domain}.")
    problem.source_values(array)
    return array


def draw_edge(problem: Problem, count: int, blocks: int, key: Key | None, dtype: Any) -> Edge:
    """Points of the boundary: all ends of intervals, even steps along curves, else a Sobol sequence.

    Args:
        problem: with the domain and the values.
        count: points in a block.
        blocks: how many.
        key: random key; without one they are the same every time.
        dtype: of the points.

    Returns:
        As many points as ends, or `count * blocks`.
    """
    domain, key = problem.domain, jax.random.key(0) if key is None else key
    placed = _ends(domain) if domain.inputs == 1 else _steps(domain, count, blocks, key)
    if placed is None:
        found = domain.sample_boundary(count * blocks, key=jax.random.fold_in(key, 1))
        placed = found.points, found.normals
    points, normals = (jnp.asarray(one, dtype) for one in placed)
    return Edge(points, normals, problem.boundary_values(points).astype(dtype))


def _ends(domain: Domain) -> tuple[np.ndarray, np.ndarray]:
    """Each end of a domain of one input once."""
    proposal = domain.boundary
    placed = proposal.place(np.random.default_rng(0).uniform(size=(ENDS, proposal.coordinates)))
    points, first = np.unique(placed.points[placed.kept, 0].round(12), return_index=True)
    return points[:, None], placed.normals[placed.kept][first]


def _steps(domain: Domain, count: int, blocks: int, key: Key) -> tuple[np.ndarray, np.ndarray] | None:
    """Even steps along the curves that bound a domain, in each block begun elsewhere; None where there are no such."""
    proposal = domain.boundary
    if proposal.coordinates != 1:
        return None
    begin = np.asarray(jax.random.uniform(jax.random.fold_in(key, 2), (blocks,)), float) if blocks > 1 else [0.5]
    numbers = (np.arange(count) + np.reshape(begin, (-1, 1))) / count
    placed = proposal.place(np.clip(numbers, 1e-12, 1 - 1e-12).reshape(-1, 1))
    return (placed.points, placed.normals) if placed.kept.all() else None
