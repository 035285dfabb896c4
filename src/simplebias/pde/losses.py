"""What a network minimises to solve a problem: the Ritz energy or the squared residual, boundary hard or soft.

The third loss, the squared distance from known values, is `simplebias.core.Regression` at `problem.exact_values`.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, check_choice, check_positive
from simplebias.core.laplacian import values_gradients_laplacians
from simplebias.core.snapshot import wants_key
from simplebias.core.sobolev import check_derivative
from simplebias.core.task import Task, predict
from simplebias.core.terms import Term
from simplebias.core.types import Array, ArrayLike, Float, Int, Key, Network, Point, Points, Scalar
from simplebias.pde.losses_points import Batch, Pool, make_pool, weighted
from simplebias.pde.losses_terms import residual_terms, ritz_terms
from simplebias.pde.problems import Problem

RITZ_WEIGHT = 1000.0
"""β of a soft boundary of the energy, where none is given."""
STAGES = ((0.75, 500.0), (0.5, 200.0), (0.25, 100.0), (0.2, 50.0), (0.1, 10.0), (0.0, 1.0))
"""Shares of a training and the factors of β from there on."""


Loss = TypeVar("Loss", bound="_AtPoints")


class _AtPoints(Task):
    """A loss of a problem at points inside and, where the boundary is soft, on the boundary."""

    problem: Problem
    pool: Pool
    boundary: str = eqx.field(static=True)
    boundary_weight: Float[Array, ""]

    @property
    def size(self) -> int:
        """Number of interior points in a step."""
        return self.pool.count

    @property
    def probe(self) -> Points:
        """The interior points, of the first block where there are several."""
        return self.pool.points[: self.pool.count]

    def batch(self, rows: Int[Array, " rows"] | None, *, key: Key) -> Batch:
        """The given rows of the interior points, or as many fresh ones, and points of the boundary."""
        return self.pool.batch(rows, key)

    def reweighted(self: Loss, boundary_weight: ArrayLike) -> Loss:
        """The same with another β, such as that of `staged_weight`; nothing is compiled again."""
        return eqx.tree_at(lambda task: task.boundary_weight, self, jnp.asarray(boundary_weight, self.probe.dtype))


class Ritz(_AtPoints):
    """The Ritz energy: `|Ω| mean energy(u, ∇u) + β ∫_∂Ω (u - g)²`; for Poisson the density is `½|∇u|² - f u`.

    It has one derivative in it, squared: in Fourier space a frequency ξ is weighted by `(2π|ξ|)²`. The mean over
    points times the volume is the integral: take points evenly spread. The energy of the solution is not zero and
    may be below it.

    With a penalty the solution of least energy is wrong by `-a ∂_n u / 2β` on the boundary, however good the network.
    Nitsche's term `- ∫_∂Ω a ∂_n u (u - g)` takes that away; β must be above about half the largest angular frequency
    that the network can have at the boundary, and above the inverse of the distance of points, else the energy has no
    minimum. A hard boundary has no such error.

    Args:
        problem: what to solve.
        points: interior points, `(points, inputs)` or `(points,)` for one input; drawn where there are none.
        count: how many to draw; 2048 by default.
        boundary: `penalty`, `nitsche`, or `hard` for a network that meets the boundary values by itself
            (`HardBoundary`).
        boundary_weight: β, in units of the energy; 1000 by default, with Nitsche's term at least 4 by the distance of
            points.
        boundary_count: points on the boundary; an interval has two whatever it is. A fifth of the others by default.
        weights: of the given points in the integral, `(points,)`, such as those of `graded_points`; all alike by
            default.
        key: random key of the points, needed where they are drawn.
        resample: whether each step has fresh points, a block of a large low-discrepancy sequence.

    Raises:
        InputError: for a problem without an energy, bad points or weights, a negative weight; in training for a
            network without a first derivative.

    References:
        The energy of arXiv:1901.06523 (β = 10, the sum over points times their distance).

    Example:
        >>> from simplebias.pde import Box, Poisson
        >>> problem = Poisson(Box(0, 1), lambda x: 2.0 + 0 * x[0])
        >>> points = (jnp.arange(1000) + 0.5) / 1000
        >>> task = Ritz(problem, points)
        >>> solved = task.loss(lambda x: x * (1 - x), task.batch(None, key=None), key=None)
        >>> round(float(solved), 4)  # ∫ ½(1 - 2x)² - 2x(1 - x) = 1/6 - 1/3
        -0.1667
    """

    def __init__(
        self,
        problem: Problem,
        points: ArrayLike = None,
        *,
        count: int | None = None,
        boundary: Literal["penalty", "nitsche", "hard"] = "penalty",
        boundary_weight: float | int | None = None,
        boundary_count: int | None = None,
        weights: ArrayLike = None,
        key: Key | None = None,
        resample: bool = False,
    ):
        if not problem.has_energy:
            raise InputError("a problem with an energy to minimise", problem.name, "Use the loss Residual.")
        check_choice(boundary, "boundary", ("penalty", "nitsche", "hard"))
        _check_numbers(boundary, boundary_weight, count, boundary_count)
        options: Any = {"count": count, "boundary_count": boundary_count, "key": key, "resample": resample}
        self.problem, self.boundary = problem, boundary
        pool = make_pool(problem, points, soft=boundary != "hard", **options)
        self.pool = pool if weights is None else weighted(pool, weights, given=points is not None)
        weight = boundary_weight
        if weight is None:  # a slope between the boundary and the nearest points must not pay
            apart = (problem.domain.volume / self.pool.count) ** (1 / problem.domain.inputs)
            weight = max(RITZ_WEIGHT, 4 / apart if boundary == "nitsche" else 0.0)
        self.boundary_weight = jnp.asarray(weight, self.pool.points.dtype)

    def loss(self, network: Network, batch: Batch, *, key: Key) -> Scalar:
        """The energy, as a mean over the batch, with the boundary term."""
        check_derivative(network, 1)
        domain = self.problem.domain
        energies = _each(network, batch.points, _first, key, self.problem.energy)
        total = domain.volume * jnp.mean(energies if batch.weights is None else batch.weights * energies)
        edge = batch.edge
        if edge is None:
            return total
        if self.boundary == "penalty":
            outputs = predict(network, edge.points, key)
            _check_one(outputs)
            on_edge = self.boundary_weight * (outputs - edge.values) ** 2
        else:
            values, fluxes = _each(network, edge.points, _first, key, self._value_and_flux)
            miss = values - edge.values[:, 0]
            on_edge = (self.boundary_weight * miss - jnp.sum(fluxes * edge.normals, axis=1)) * miss
        return total + domain.boundary_measure * jnp.mean(on_edge)

    def _value_and_flux(self, point: Point, value: Scalar, gradient: Array) -> tuple[Scalar, Array]:
        """U and `∂ energy / ∂∇u`, for linear equations `a ∇u`."""
        return value, jax.grad(self.problem.energy, argnums=2)(point, value, gradient)

    def terms(self, batch: Batch) -> tuple[Term, ...]:
        """Energy and boundary row by row, for Gauss-Newton."""
        return ritz_terms(self.problem, self.boundary_weight, self.boundary, batch)


class Residual(_AtPoints):
    """The squared residual: `mean residual(u, ∇u, Δu)² + β ∫_∂Ω (u - g)²`; for Poisson the residual is `-Δu - f`.

    It has two derivatives in it, squared: in Fourier space a frequency ξ is weighted by `(2π|ξ|)⁴`, which may turn the
    order of learning round. A network without a second derivative (ReLU, sReLU) is refused: differentiation would give
    0. Value, gradient and Laplacian go forward through the network together (`value_gradient_laplacian`).

    Args:
        problem: what to solve.
        points: interior points, `(points, inputs)` or `(points,)` for one input; drawn where there are none.
        count: how many to draw; 2048 by default.
        boundary: `penalty`, or `hard` for a network that meets the boundary values by itself (`HardBoundary`).
        boundary_weight: β; by default such that means over domain and boundary weigh alike when the residual is
            measured by the root mean square of the source.
        boundary_count: points on the boundary; an interval has two whatever it is. A fifth of the others by default.
        key: random key of the points, needed where they are drawn.
        resample: whether each step has fresh points, a block of a large low-discrepancy sequence.

    Raises:
        InputError: for a problem whose coefficients jump, bad points, a negative weight; in training for a network
            without a second derivative.

    References:
        Wang, Xu, Zhang, Zhang, arXiv:2002.07989.

    Example:
        >>> from simplebias.pde import Box, Poisson
        >>> task = Residual(Poisson(Box(0, 1), lambda x: 2.0 + 0 * x[0]), [0.2, 0.7], boundary_weight=1.0)
        >>> float(task.loss(lambda x: x * (1 - x), task.batch(None, key=None), key=None))
        0.0
    """

    def __init__(
        self,
        problem: Problem,
        points: ArrayLike = None,
        *,
        count: int | None = None,
        boundary: Literal["penalty", "hard"] = "penalty",
        boundary_weight: float | int | None = None,
        boundary_count: int | None = None,
        key: Key | None = None,
        resample: bool = False,
    ):
        if not problem.smooth:
            remedy = "Use the loss Ritz: automatic differentiation would leave out what the jumps add."
            raise InputError("a problem whose coefficients do not jump", problem.name, remedy)
        check_choice(boundary, "boundary of Residual", ("penalty", "hard"))
        _check_numbers(boundary, boundary_weight, count, boundary_count)
        options: Any = {"count": count, "boundary_count": boundary_count, "key": key, "resample": resample}
        self.problem, self.boundary = problem, boundary
        self.pool = make_pool(problem, points, soft=boundary != "hard", **options)
        if boundary_weight is None:
            square = float(np.mean(np.asarray(problem.source_values(self.probe), float) ** 2))
            boundary_weight = (square or 1.0) / problem.domain.boundary_measure
        self.boundary_weight = jnp.asarray(boundary_weight, self.pool.points.dtype)

    def loss(self, network: Network, batch: Batch, *, key: Key) -> Scalar:
        """Mean squared residual over the batch, with the boundary term."""
        return jnp.sum(self.residuals(network, batch, key=key) ** 2)

    def residuals(self, network: Network, batch: Batch, *, key: Key) -> Float[Array, " rows"]:
        """What the loss is the sum of squares of: rows of the interior, then of the boundary, with their weights.

        Args:
            network: maps one point to one output.
            batch: points.
            key: for a network that drops neurons.

        Returns:
            `(points + boundary points,)`.
        """
        check_derivative(network, 2)
        found = _each(network, batch.points, self.problem.parts_at, key, self.problem.residual)
        inside = found / jnp.sqrt(len(batch.points) * 1.0)
        edge = batch.edge
        if edge is None:
            return inside
        outputs = predict(network, edge.points, key)
        _check_one(outputs)
        share = self.boundary_weight * self.problem.domain.boundary_measure / len(edge.points)
        return jnp.concatenate([inside, jnp.sqrt(share) * (outputs - edge.values)[:, 0]])

    def terms(self, batch: Batch) -> tuple[Term, ...]:
        """Residual and boundary row by row, for Gauss-Newton."""
        return residual_terms(self.problem, self.boundary_weight, batch)


def staged_weight(initial: float | int, progress: float | int) -> float:
    """The weight β of a soft boundary as a training goes on: 1, 10, 50, 100, 200 and 500 times the first.

    The factor changes after a share 0.1, 0.2, 0.25, 0.5 and 0.75 of the training.

    Args:
        initial: β at the beginning.
        progress: steps taken as a share of all, from 0 to 1.

    Returns:
        β now.

    Raises:
        InputError: for numbers out of range.

    References:
        Li, Xu, Zhang, arXiv:2112.06660, its published code.

    Example:
        >>> [staged_weight(100, progress) for progress in (0, 0.1, 0.3, 1)]
        [100.0, 1000.0, 10000.0, 50000.0]
    """
    check_positive(initial, "initial")
    check_positive(progress, "progress", zero=True)
    return float(initial) * next(factor for begin, factor in STAGES if progress >= begin)


def _check_numbers(boundary: str, weight: Any, count: Any, boundary_count: Any) -> None:
    if weight is not None:
        check_positive(weight, "boundary_weight", zero=True)
        if boundary == "hard" and weight:
            raise InputError("no boundary_weight with a hard boundary", repr(weight), "Take boundary='penalty'.")
    for number, name in ((count, "count"), (boundary_count, "boundary_count")):
        if number is not None:
            check_positive(number, name, integer=True)


def _check_one(outputs: Array) -> None:
    if outputs.shape[-1] != 1:
        raise InputError("a network with one output, the solution", f"{outputs.shape[-1]}", "Change its width.")


def _first(function: Callable[..., Array], points: Points, *beside: Array) -> tuple[Array, ...]:
    """Values and gradients at points; what is made for the Laplacian too is not computed."""
    return values_gradients_laplacians(function, points, *beside)[:2]


def _each(network: Network, points: Points, parts: Callable[..., Any], key: Key, function: Callable[..., Any]) -> Any:
    """A function of point, value and derivatives at every point; `parts` gives the derivatives that it takes."""
    if wants_key(network):
        keyed = lambda point, key: jnp.atleast_1d(network(point, key=key))
        found = parts(keyed, points, jax.random.split(key, points.shape[0]))
    else:
        found = parts(lambda point: jnp.atleast_1d(network(point)), points)
    _check_one(found[0])
    return jax.vmap(function)(points, *(one[:, 0] for one in found))
