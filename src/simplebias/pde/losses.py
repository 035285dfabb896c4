"""What a network minimises to solve a problem: the Ritz energy or the squared residual, boundary hard or soft.

The third loss, the squared distance from known values, is `simplebias.core.Regression` at `problem.exact_values`.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, as_points, check_positive
from simplebias.core.snapshot import Neurons, ShowsNeurons, wants_key
from simplebias.core.sobolev import ShowsSmoothness, check_derivative, derivatives
from simplebias.core.task import Task, predict
from simplebias.core.types import Array, ArrayLike, Float, Int, Key, Network, Output, Point, Points, Scalar, Values
from simplebias.pde.domains import Box
from simplebias.pde.geometry import Domain
from simplebias.pde.problems import Field, Problem


class HardBoundary(eqx.Module):
    """A network that meets values on the boundary exactly, `u(x) = lift(x) + B(x) N(x)`, with B zero on the boundary.

    Args:
        network: N, with one output.
        domain: where. B is its `smooth_distance`; for a box `Π (x - low)(high - x)`, divided by its largest value.
        factor: another B, of one point: zero on the boundary and nowhere else inside.
        lift: a function with the values on the boundary, of one point; zero by default.

    Raises:
        InputError: unless the domain is one, or if there is neither a domain nor a factor.

    Example:
        >>> from simplebias.pde import Box
        >>> solution = HardBoundary(lambda x: jnp.ones(1), Box(-1, 1))
        >>> [float(solution(jnp.array([x]))[0]) for x in (-1.0, 0.0, 0.5)]
        [0.0, 1.0, 0.75]
    """

    network: Network
    domain: Domain | None
    factor: Field | None = eqx.field(static=True)
    lift: Field | None = eqx.field(static=True)

    def __init__(
        self, network: Network, domain: Domain | None = None, *, factor: Field | None = None, lift: Field | None = None
    ):
        if domain is None and factor is None:
            raise InputError("a domain or a factor", "neither", "Write HardBoundary(network, problem.domain).")
        if domain is not None and not isinstance(domain, Domain):
            raise InputError("a domain", repr(domain), "Take a Box, a Ball, a Difference ….")
        self.network, self.domain, self.factor, self.lift = network, domain, factor, lift

    def __call__(self, point: Point, *, key: Key | None = None) -> Output:
        """Output at one point; `key` is for a network that drops neurons."""
        inner = self.network(point, key=key) if wants_key(self.network) else self.network(point)
        product = self._factor(point) * inner
        return product if self.lift is None else product + self.lift(point)

    def _factor(self, point: Point) -> Scalar:
        if self.factor is not None:
            return self.factor(point)
        if isinstance(self.domain, Box):
            return self.domain.vanishing(point) / math.prod((side / 2) ** 2 for side in self.domain.sides)
        assert self.domain is not None
        return self.domain.smooth_distance(point)

    @property
    def largest_derivative(self) -> int | None:
        """That of the network; None where it does not say."""
        return self.network.largest_derivative if isinstance(self.network, ShowsSmoothness) else None

    @property
    def activation(self) -> Any:
        """That of the network, for messages."""
        return getattr(self.network, "activation", None)

    def neurons(self) -> tuple[Neurons, ...]:
        """Neurons of the network, its last output weights before the factor."""
        return tuple(self.network.neurons()) if isinstance(self.network, ShowsNeurons) else ()


class _Boundary(eqx.Module):
    """`β ∫ (u - g)²` over the boundary, as `β |∂Ω| Σ_j w_j (u(y_j) - g(y_j))²`."""

    points: Points
    values: Values
    shares: Float[Array, " points"]
    weight: Float[Array, ""]

    def __call__(self, network: Network, key: Key) -> Scalar:
        outputs = predict(network, self.points, key)
        _check_one(outputs)
        return self.weight * jnp.sum(self.shares * (outputs - self.values)[:, 0] ** 2)


class Ritz(Task):
    """The Ritz energy: `|Ω| mean energy(u, ∇u) + β ∫_∂Ω (u - g)²`; for Poisson the density is `½|∇u|² - f u`.

    It has one derivative in it, squared: in Fourier space a frequency ξ is weighted by `(2π|ξ|)²`. The mean over
    points times the volume is the integral: take points evenly spread. The energy of the solution is not zero and
    may be below it. A soft boundary has an exact floor, `-∂_n u / 2β` on the boundary (operator `-Δ`); a hard one has
    none.

    Args:
        problem: what to solve.
        points: interior points, `(points, inputs)` or `(points,)` for one input.
        boundary_weight: β of a soft boundary, in units of the energy; 0 for a network that meets the boundary values
            by itself (`HardBoundary`).
        boundary_count: points along each input of a face; an interval has two ends whatever it is.

    Raises:
        InputError: for bad points, a negative weight; in training for a network without a first derivative.

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

    problem: Problem
    points: Points
    soft: _Boundary | None

    def __init__(
        self,
        problem: Problem,
        points: ArrayLike,
        *,
        boundary_weight: float | int = 0.0,
        boundary_count: int = 32,
    ):
        self.problem, self.points = problem, _interior(problem, points)
        self.soft = _soft(problem, boundary_weight, boundary_count, self.points.dtype)

    @property
    def size(self) -> int:
        """Number of interior points."""
        return self.points.shape[0]

    @property
    def probe(self) -> Points:
        """The interior points."""
        return self.points

    def batch(self, rows: Int[Array, " rows"] | None, *, key: Key) -> Points:
        """The given rows of the interior points."""
        return self.points if rows is None else self.points[rows]

    def loss(self, network: Network, batch: Points, *, key: Key) -> Scalar:
        """The energy, as a mean over the batch, with the boundary term."""
        check_derivative(network, 1)
        density = _each(network, batch, 1, key, self.problem.energy)
        return self.problem.domain.volume * jnp.mean(density) + _of(self.soft, network, key)


class Residual(Task):
    """The squared residual: `mean residual(u, ∇u, ∇²u)² + β ∫_∂Ω (u - g)²`; for Poisson the residual is `-Δu - f`.

    It has two derivatives in it, squared: in Fourier space a frequency ξ is weighted by `(2π|ξ|)⁴`, which may turn the
    order of learning round. A network without a second derivative (ReLU) is refused: differentiation would give 0.

    Args:
        problem: what to solve.
        points: interior points, `(points, inputs)` or `(points,)` for one input.
        boundary_weight: β of a soft boundary; 0 for a network that meets the boundary values by itself
            (`HardBoundary`).
        boundary_count: points along each input of a face; an interval has two ends whatever it is.

    Raises:
        InputError: for bad points, a negative weight; in training for a network without a second derivative.

    References:
        Wang, Xu, Zhang, Zhang, arXiv:2002.07989.

    Example:
        >>> from simplebias.pde import Box, Poisson
        >>> task = Residual(Poisson(Box(0, 1), lambda x: 2.0 + 0 * x[0]), [0.2, 0.7], boundary_weight=1.0)
        >>> float(task.loss(lambda x: x * (1 - x), task.batch(None, key=None), key=None))
        0.0
    """

    problem: Problem
    points: Points
    soft: _Boundary | None

    def __init__(
        self,
        problem: Problem,
        points: ArrayLike,
        *,
        boundary_weight: float | int = 0.0,
        boundary_count: int = 32,
    ):
        self.problem, self.points = problem, _interior(problem, points)
        self.soft = _soft(problem, boundary_weight, boundary_count, self.points.dtype)

    @property
    def size(self) -> int:
        """Number of interior points."""
        return self.points.shape[0]

    @property
    def probe(self) -> Points:
        """The interior points."""
        return self.points

    def batch(self, rows: Int[Array, " rows"] | None, *, key: Key) -> Points:
        """The given rows of the interior points."""
        return self.points if rows is None else self.points[rows]

    def loss(self, network: Network, batch: Points, *, key: Key) -> Scalar:
        """Mean squared residual over the batch, with the boundary term."""
        check_derivative(network, 2)
        residual = _each(network, batch, 2, key, self._residual)
        return jnp.mean(residual**2) + _of(self.soft, network, key)

    def _residual(self, point: Point, value: Scalar, gradient: Array, hessian: Array) -> Scalar:
        second = jnp.trace(hessian) if self.problem.second == "laplacian" else hessian
        return self.problem.residual(point, value, gradient, second)


def _interior(problem: Problem, points: ArrayLike) -> Points:
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


def _soft(problem: Problem, weight: float | int, count: int, dtype: Any) -> _Boundary | None:
    check_positive(weight, "boundary_weight", zero=True)
    if weight == 0:
        return None
    domain = problem.domain
    if not isinstance(domain, Box):
        raise InputError("a box", repr(domain))
    points = domain.boundary_points(count).astype(dtype)
    shares = domain.boundary_weights(count).astype(dtype)
    values = problem.boundary_values(points).astype(dtype)
    return _Boundary(points, values, shares, jnp.asarray(weight * problem.domain.boundary_measure, dtype))


def _of(soft: _Boundary | None, network: Network, key: Key) -> Scalar | float:
    return 0.0 if soft is None else soft(network, key)


def _check_one(outputs: Array) -> None:
    if outputs.shape[-1] != 1:
        raise InputError("a network with one output, the solution", f"{outputs.shape[-1]}", "Change its width.")


def _each(network: Network, points: Points, order: int, key: Key, function: Callable[..., Scalar]) -> Array:
    """A function of point, value and derivatives up to an order at every point."""

    def at(point: Point, key: Key | None) -> Scalar:
        called = network if key is None else functools.partial(network, key=key)
        found = derivatives(lambda x: jnp.atleast_1d(called(x)), point, order)
        _check_one(found[0])
        return function(point, *(one[0] for one in found))

    if wants_key(network):
        return jax.vmap(at)(points, jax.random.split(key, points.shape[0]))
    return jax.vmap(lambda point: at(point, None))(points)
