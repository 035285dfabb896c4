"""What is to be solved: a domain, an operator with its source, values on the boundary, the solution where it is known.

A `Problem` says how its operator and its energy are made from value, gradient and second derivatives at one point;
losses and solvers know no equation. A new equation is a new subclass.
"""

import abc
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp

from simplebias.core.errors import InputError, as_points, as_values
from simplebias.core.types import Array, ArrayLike, Point, Scalar, Values
from simplebias.pde.domains import Box

Field = Callable[[Point], Scalar]
"""A function of one point `(inputs,)` that gives one number, written with jax.numpy."""


class Problem(eqx.Module):
    """Base of all problems: an equation for one function u on a domain with given values on its boundary."""

    box: eqx.AbstractVar[Box]
    source: eqx.AbstractVar[Field]
    boundary: eqx.AbstractVar[Field]
    exact: eqx.AbstractVar[Field | None]

    @abc.abstractmethod
    def residual(self, point: Point, value: Scalar, gradient: Array, curvature: Array) -> Scalar:
        """Left side minus right side of the equation at one point, from u, `∇u` and `∇²u` there."""

    @abc.abstractmethod
    def energy(self, point: Point, value: Scalar, gradient: Array) -> Scalar:
        """Density of the energy that the solution makes smallest, from u and `∇u` at one point."""

    def source_values(self, points: ArrayLike) -> Values:
        """The source at points.

        Args:
            points: `(points, inputs)`, or `(points,)` for one input.

        Returns:
            `(points, 1)`.

        Raises:
            InputError: if the source is not one finite number for each point.
        """
        return field_values(self.source, points, self.box, "source")

    def boundary_values(self, points: ArrayLike) -> Values:
        """The values on the boundary at points.

        Args:
            points: `(points, inputs)`, on the boundary.

        Returns:
            `(points, 1)`.

        Raises:
            InputError: if the function is not one finite number for each point.
        """
        return field_values(self.boundary, points, self.box, "boundary")

    def exact_values(self, points: ArrayLike) -> Values:
        """The exact solution at points.

        Args:
            points: `(points, inputs)`, or `(points,)` for one input.

        Returns:
            `(points, 1)`.

        Raises:
            InputError: if no exact solution is known, or it is not one finite number for each point.
        """
        if self.exact is None:
            raise InputError("a problem with exact=", "none", "Use solve_direct for a reference.")
        return field_values(self.exact, points, self.box, "exact")


def zero(point: Point) -> Scalar:
    """The function that is zero, the usual values on a boundary.

    Args:
        point: `(inputs,)`.

    Returns:
        0, of the type of the point.

    Example:
        >>> float(zero(jnp.ones(2)))
        0.0
    """
    return 0 * point[0]


class Poisson(Problem):
    """`-Δu = f` in a box, `u = g` on its boundary; the energy is `½|∇u|² - f u`.

    Args:
        box: the domain.
        source: f, of one point, written with jax.numpy; a plain function, since it is compiled in.
        boundary: g, of one point; zero by default.
        exact: the solution, of one point, where it is known.

    Raises:
        InputError: if one of the functions does not give one number for one point.

    Example:
        >>> problem = Poisson(Box(0, 1), lambda x: 2.0 + 0 * x[0], exact=lambda x: x[0] * (1 - x[0]))
        >>> float(problem.residual(jnp.array([0.5]), jnp.array(0.25), jnp.zeros(1), jnp.array([[-2.0]])))
        0.0
    """

    box: Box
    source: Field = eqx.field(static=True)
    boundary: Field = eqx.field(static=True)
    exact: Field | None = eqx.field(static=True)

    def __init__(self, box: Box, source: Field, *, boundary: Field = zero, exact: Field | None = None):
        self.box, self.source, self.boundary, self.exact = box, source, boundary, exact
        for name, function in (("source", source), ("boundary", boundary), ("exact", exact)):
            if function is not None:
                _check_field(function, box, name)

    def residual(self, point: Point, value: Scalar, gradient: Array, curvature: Array) -> Scalar:
        """`-Δu - f` at one point, from the trace of the second derivatives."""
        return -jnp.trace(curvature) - self.source(point)

    def energy(self, point: Point, value: Scalar, gradient: Array) -> Scalar:
        """`½|∇u|² - f u` at one point."""
        return 0.5 * jnp.sum(gradient**2) - self.source(point) * value


def poisson_tones() -> Poisson:
    """The problem with which networks and Jacobi iteration are compared: four tones on (-1, 1).

    `-u'' = sin x + 4 sin 4x - 8 sin 8x + 16 sin 24x`, `u(±1) = 0`, solved by
    `u = sin x + sin(4x)/4 - sin(8x)/8 + sin(24x)/36` plus the straight line that makes it vanish at both ends. As u is
    odd, only even sine modes are in it.

    Returns:
        The problem with its exact solution.

    References:
        Xu, Zhang, Luo, Xiao, Ma, arXiv:1901.06523.

    Example:
        >>> [f"{value:.4f}" for value in poisson_tones().exact_values([0.0, 0.5]).ravel()]
        ['0.0000', '0.5347']
    """
    return Poisson(Box(-1, 1), _tones_source, exact=_tones_exact)


def poisson_bump() -> Poisson:
    """The problem on which Ritz-Galerkin with few samples is compared with a network: a bump's source on (-1, 1).

    `-u'' = -(4x³ - 6x) exp(-x²)`, `u(±1) = 0`, solved by `u = x (exp(-x²) - exp(-1))`.

    Returns:
        The problem with its exact solution.

    References:
        Wang, Xu, Zhang, Zhang, arXiv:2002.07989.

    Example:
        >>> [f"{value:.4f}" for value in poisson_bump().exact_values([0.0, 0.5, 1.0]).ravel()]
        ['0.0000', '0.2055', '0.0000']
    """
    return Poisson(Box(-1, 1), _bump_source, exact=_bump_exact)


def _tones_source(point: Point) -> Scalar:
    x = point[0]
    return jnp.sin(x) + 4 * jnp.sin(4 * x) - 8 * jnp.sin(8 * x) + 16 * jnp.sin(24 * x)


def _tones(x: Scalar) -> Scalar:
    return jnp.sin(x) + jnp.sin(4 * x) / 4 - jnp.sin(8 * x) / 8 + jnp.sin(24 * x) / 36


def _tones_exact(point: Point) -> Scalar:
    return _tones(point[0]) - _tones(jnp.ones_like(point[0])) * point[0]  # odd: the line goes through zero


def _bump_source(point: Point) -> Scalar:
    x = point[0]
    return -(4 * x**3 - 6 * x) * jnp.exp(-(x**2))


def _bump_exact(point: Point) -> Scalar:
    x = point[0]
    return x * (jnp.exp(-(x**2)) - jnp.exp(-jnp.ones_like(x)))


def field_values(function: Field, points: ArrayLike, box: Box, name: str) -> Values:
    """A function of one point at many points.

    Args:
        function: of one point.
        points: `(points, inputs)`, or `(points,)` for one input.
        box: of the problem, for the number of inputs.
        name: what to call the function in an error.

    Returns:
        `(points, 1)`.

    Raises:
        InputError: for points of another number of inputs, or values that are not one finite number each.

    Example:
        >>> field_values(lambda x: x[0] ** 2, [1.0, 2.0], Box(0, 3), "source").tolist()
        [[1.0], [4.0]]
    """
    where = as_points(points)
    if where.shape[1] != box.inputs:
        raise InputError(f"points with {box.inputs} inputs, as the domain", f"{where.shape[1]}")
    _check_field(function, box, name)
    return as_values(jax.vmap(function)(where).reshape(-1, 1), where.shape[0], name)


def _check_field(function: Field, box: Box, name: str) -> None:
    if not callable(function):
        raise InputError(f"{name} as a function of one point", repr(function), "Write lambda x: ….")
    try:
        shape = jax.eval_shape(function, jax.ShapeDtypeStruct((box.inputs,), jnp.result_type(float)))
    except Exception as error:
        remedy = "It gets one point of shape (inputs,) and is to be written with jax.numpy."
        raise InputError(f"{name} as a function of one point", f"{type(error).__name__}: {error}", remedy) from error
    if getattr(shape, "shape", None) != ():
        got = f"an output of shape {getattr(shape, 'shape', None)}"
        raise InputError(f"{name} that gives one number for one point", got, "Return x[0] and the like, not x.")
