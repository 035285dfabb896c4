"""The losses of a problem taken apart into terms, row by row, for training that knows the curvature."""

import jax
import jax.numpy as jnp

from simplebias.core.sobolev import derivatives
from simplebias.core.terms import Term
from simplebias.core.types import Array, Network, Point, Scalar
from simplebias.pde.losses_points import Batch, Edge
from simplebias.pde.problems import Problem


def residual_terms(problem: Problem, boundary_weight: Scalar, batch: Batch) -> tuple[Term, ...]:
    """The squared residual at each point and, with a soft boundary, the squared miss there.

    Args:
        problem: what is solved.
        boundary_weight: β.
        batch: points.

    Returns:
        One or two terms, that add up to the loss.
    """
    flat = lambda network: lambda point: jnp.atleast_1d(network(point))

    def residual(network: Network, point: Point) -> Array:
        return problem.residual(point, *(one[0] for one in problem.parts(flat(network), point)))[None]

    share = 1 / len(batch.points)
    inside = Term(residual, lambda point, missed: share * missed[0] ** 2, batch.points)
    if batch.edge is None:
        return (inside,)
    return inside, _penalty(boundary_weight * problem.domain.boundary_measure, batch.edge)


def ritz_terms(problem: Problem, boundary_weight: Scalar, boundary: str, batch: Batch) -> tuple[Term, ...]:
    """The energy at each point, as a function of value and gradient, and what is asked for on the boundary.

    Args:
        problem: what is solved.
        boundary_weight: β.
        boundary: `penalty` or `nitsche`; not looked at where the batch has no boundary.
        batch: points.

    Returns:
        One or two terms, that add up to the loss.
    """
    share, edge = problem.domain.volume / len(batch.points), batch.edge
    weights = jnp.ones(len(batch.points), batch.points.dtype) if batch.weights is None else batch.weights

    def energy(row: tuple[Point, Scalar], found: Array) -> Scalar:
        return share * row[1] * problem.energy(row[0], found[0], found[1:])

    inside = Term(lambda network, row: _value_and_gradient(network, row[0]), energy, (batch.points, weights))
    if edge is None:
        return (inside,)
    if boundary == "penalty":
        return inside, _penalty(boundary_weight * problem.domain.boundary_measure, edge)
    part = problem.domain.boundary_measure / len(edge.points)

    def nitsche(row: Edge, found: Array) -> Scalar:
        missed = found[0] - row.values[0]
        flux = jax.grad(problem.energy, argnums=2)(row.points, found[0], found[1:])
        return part * (boundary_weight * missed - flux @ row.normals) * missed

    return inside, Term(lambda network, row: _value_and_gradient(network, row.points), nitsche, edge)


def _value_and_gradient(network: Network, point: Point) -> Array:
    value, gradient = derivatives(lambda x: jnp.atleast_1d(network(x)), point, 1)
    return jnp.concatenate([value, gradient[0]])


def _penalty(weight: Scalar, edge: Edge) -> Term:
    share = weight / len(edge.points)
    missed = lambda network, row: jnp.atleast_1d(network(row.points)) - row.values
    return Term(missed, lambda row, found: share * found[0] ** 2, edge)
