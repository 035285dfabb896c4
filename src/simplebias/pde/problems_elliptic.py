"""Elliptic equations, by name: linear ones with any coefficients, and the p-Laplacian."""

import dataclasses
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp

from simplebias.core.errors import InputError, check_positive, is_traced
from simplebias.core.types import Array, ArrayLike, Point, Scalar, Values
from simplebias.pde.geometry import Domain
from simplebias.pde.problems import (
    Constant,
    Field,
    Problem,
    as_field,
    at_points,
    check_exponent,
    check_problem,
    field_values,
    some_points,
    zero,
)


class Elliptic(Problem):
    """`-∇·(a∇u) + c u = f` in a domain, `u = g` on its boundary; the energy is `½ a|∇u|² + ½ c u² - f u`.

    Args:
        domain: where.
        source: f, of one point, written with jax.numpy; a plain function, since it is compiled in.
        diffusion: a > 0, a number or a function of one point.
        reaction: c, a number or a function of one point; there is no energy to minimise where it is below zero.
        boundary: g, of one point; zero by default.
        exact: the solution, of one point, where it is known.
        smooth: False where a jumps, so that the equation holds as an energy only.

    Raises:
        InputError: if a function does not give one finite number for one point, a is not above zero, or the exact
            solution is another on the boundary.

    Example:
        >>> from simplebias.pde import Box
        >>> source = lambda x: -2 - 4 * x[0]  # of u = x² with a = 1 + x: (a u')' = 2 + 4 x
        >>> problem = Elliptic(Box(0, 1), source, diffusion=lambda x: 1 + x[0], boundary=lambda x: x[0])
        >>> float(problem.residual(jnp.array([0.5]), jnp.array(0.25), jnp.array([1.0]), jnp.array(2.0)))
        0.0
    """

    domain: Domain
    source: Field = eqx.field(static=True)
    diffusion: Field = eqx.field(static=True)
    reaction: Field = eqx.field(static=True)
    boundary: Field = eqx.field(static=True)
    exact: Field | None = eqx.field(static=True)
    smooth: bool = eqx.field(static=True)
    has_energy: bool = eqx.field(static=True)

    def __init__(
        self,
        domain: Domain,
        source: Field,
        *,
        diffusion: float | int | Field = 1.0,
        reaction: float | int | Field = 0.0,
        boundary: Field = zero,
        exact: Field | None = None,
        smooth: bool = True,
    ):
        self.domain, self.source, self.boundary, self.exact, self.smooth = domain, source, boundary, exact, smooth
        self.diffusion, self.reaction = as_field(diffusion, "diffusion"), as_field(reaction, "reaction")
        check_problem(domain, boundary, exact, source=source, diffusion=self.diffusion, reaction=self.reaction)
        self.has_energy = _not_below_zero(self.reaction, domain)

    @property
    def linear(self) -> bool:
        """Yes."""
        return True

    @property
    def second(self) -> Literal["laplacian", "hessian"]:
        """The Laplacian."""
        return "laplacian"

    def residual(self, point: Point, value: Scalar, gradient: Array, second: Array) -> Scalar:
        """`-a Δu - ∇a·∇u + c u - f` at one point."""
        left = -_divergence(self.diffusion, point, gradient, second)
        if self.reaction != Constant(0.0):
            left = left + self.reaction(point) * value
        return left - self.source(point)

    def energy(self, point: Point, value: Scalar, gradient: Array) -> Scalar:
        """`½ a|∇u|² + ½ c u² - f u` at one point."""
        quadratic = self.diffusion(point) * jnp.sum(gradient**2)
        if self.reaction != Constant(0.0):
            quadratic = quadratic + self.reaction(point) * value**2
        return 0.5 * quadratic - self.source(point) * value

    def diffusion_values(self, points: ArrayLike) -> Values:
        """The coefficient a at points.

        Args:
            points: `(points, inputs)`, or `(points,)` for one input.

        Returns:
            `(points, 1)`.

        Raises:
            InputError: if it is not one finite number for each point.
        """
        return field_values(self.diffusion, points, self.domain, "diffusion")

    def reaction_values(self, points: ArrayLike) -> Values:
        """The coefficient c at points.

        Args:
            points: `(points, inputs)`, or `(points,)` for one input.

        Returns:
            `(points, 1)`.

        Raises:
            InputError: if it is not one finite number for each point.
        """
        return field_values(self.reaction, points, self.domain, "reaction")


class Poisson(Elliptic):
    """`-Δu = f` in a domain, `u = g` on its boundary; the energy is `½|∇u|² - f u`.

    Args:
        domain: where.
        source: f, of one point, written with jax.numpy; a plain function, since it is compiled in.
        boundary: g, of one point; zero by default.
        exact: the solution, of one point, where it is known.

    Raises:
        InputError: if a function does not give one finite number for one point, or the exact solution is another on
            the boundary.

    Example:
        >>> from simplebias.pde import Box
        >>> problem = Poisson(Box(0, 1), lambda x: 2.0 + 0 * x[0], exact=lambda x: x[0] * (1 - x[0]))
        >>> float(problem.residual(jnp.array([0.5]), jnp.array(0.25), jnp.zeros(1), jnp.array(-2.0)))
        0.0
    """

    def __init__(self, domain: Domain, source: Field, *, boundary: Field = zero, exact: Field | None = None):
        self.domain, self.source, self.boundary, self.exact = domain, source, boundary, exact
        self.diffusion, self.reaction, self.smooth, self.has_energy = Constant(1.0), Constant(0.0), True, True
        check_problem(domain, boundary, exact, source=source)


class PoissonBoltzmann(Elliptic):
    """`-∇·(ε∇u) + κ²u = f` in a domain, `u = g` on its boundary: the linear Poisson–Boltzmann equation.

    Args:
        domain: where.
        source: f, of one point, written with jax.numpy.
        permittivity: ε > 0, a number or a function of one point.
        screening: κ, the inverse of the Debye length, a number or a function of one point.
        boundary: g, of one point; zero by default.
        exact: the solution, of one point, where it is known.
        smooth: False where ε jumps, so that the equation holds as an energy only.

    Raises:
        InputError: as for `Elliptic`.

    Example:
        >>> from simplebias.pde import Box
        >>> problem = PoissonBoltzmann(Box(0, 1), lambda x: x[0], screening=3)
        >>> float(problem.reaction(jnp.array([0.5])))
        9.0
    """

    screening: Field = eqx.field(static=True)

    def __init__(
        self,
        domain: Domain,
        source: Field,
        *,
        permittivity: float | int | Field = 1.0,
        screening: float | int | Field = 0.0,
        boundary: Field = zero,
        exact: Field | None = None,
        smooth: bool = True,
    ):
        self.domain, self.source, self.boundary, self.exact, self.smooth = domain, source, boundary, exact, smooth
        self.diffusion, self.screening = as_field(permittivity, "permittivity"), as_field(screening, "screening")
        inside = {"source": source, "permittivity": self.diffusion, "screening": self.screening}
        check_problem(domain, boundary, exact, **inside)
        self.reaction, self.has_energy = _squared(self.screening), True


class Helmholtz(Elliptic):
    """`-Δu - k²u = f` in a domain, `u = g` on its boundary: waves of one frequency. It has no energy to minimise.

    Where k² is an eigenvalue of `-Δ` with zero boundary there is no one solution; near one, small errors of the
    residual are large errors of u.

    Args:
        domain: where.
        source: f, of one point, written with jax.numpy.
        wavenumber: k, radians per unit of the input, a number above zero or a function of one point.
        boundary: g, of one point; zero by default.
        exact: the solution, of one point, where it is known.

    Raises:
        InputError: as for `Elliptic`, or if the wave number is a number that is not above zero.

    Example:
        >>> from simplebias.pde import Box
        >>> problem = Helmholtz(Box(0, 1), lambda x: x[0], wavenumber=3)
        >>> float(problem.reaction(jnp.array([0.5]))), problem.has_energy
        (-9.0, False)
    """

    wavenumber: Field = eqx.field(static=True)

    def __init__(
        self,
        domain: Domain,
        source: Field,
        *,
        wavenumber: float | int | Field,
        boundary: Field = zero,
        exact: Field | None = None,
    ):
        if not callable(wavenumber):
            check_positive(wavenumber, "wavenumber")
        self.domain, self.source, self.boundary, self.exact = domain, source, boundary, exact
        self.wavenumber, self.diffusion = as_field(wavenumber, "wavenumber"), Constant(1.0)
        check_problem(domain, boundary, exact, source=source, wavenumber=self.wavenumber)
        self.reaction, self.smooth, self.has_energy = _squared(self.wavenumber, -1.0), True, False


class PLaplacian(Problem):
    """`-∇·(a|∇u|^(p-2) ∇u) = f` in a domain, `u = g` on its boundary; the energy is `(1/p) a|∇u|^p - f u`.

    Args:
        domain: where.
        source: f, of one point, written with jax.numpy.
        exponent: p > 1; for 2 the equation is linear.
        diffusion: a > 0, a number or a function of one point.
        boundary: g, of one point; zero by default.
        exact: the solution, of one point, where it is known.
        smooth: False where a jumps, so that the equation holds as an energy only.

    Raises:
        InputError: as for `Elliptic`, or for an exponent that is not above one.

    Example:
        >>> from simplebias.pde import Box
        >>> problem = PLaplacian(Box(0, 1), lambda x: -2.0 + 0 * x[0], exponent=4)
        >>> slope, curvature = jnp.array([1.0]), jnp.array([[2.0]])
        >>> float(problem.residual(jnp.array([0.5]), jnp.array(0.0), slope, curvature))  # -(u'³)' = -3 u'² u''
        -4.0
    """

    domain: Domain
    source: Field = eqx.field(static=True)
    exponent: float = eqx.field(static=True)
    diffusion: Field = eqx.field(static=True)
    boundary: Field = eqx.field(static=True)
    exact: Field | None = eqx.field(static=True)
    smooth: bool = eqx.field(static=True)

    def __init__(
        self,
        domain: Domain,
        source: Field,
        *,
        exponent: float | int,
        diffusion: float | int | Field = 1.0,
        boundary: Field = zero,
        exact: Field | None = None,
        smooth: bool = True,
    ):
        self.domain, self.source, self.boundary, self.exact, self.smooth = domain, source, boundary, exact, smooth
        self.exponent, self.diffusion = check_exponent(exponent), as_field(diffusion, "diffusion")
        check_problem(domain, boundary, exact, source=source, diffusion=self.diffusion)

    @property
    def linear(self) -> bool:
        """Whether the exponent is 2."""
        return self.exponent == 2

    @property
    def second(self) -> Literal["laplacian", "hessian"]:
        """The Hessian."""
        return "hessian"

    @property
    def has_energy(self) -> bool:
        """Yes."""
        return True

    def residual(self, point: Point, value: Scalar, gradient: Array, second: Array) -> Scalar:
        """`-|∇u|^(p-2) (a Δu + ∇a·∇u) - a (p-2) |∇u|^(p-4) ∇u·∇²u ∇u - f` at one point."""
        square = jnp.sum(gradient**2)
        safe = jnp.where(square > 0, square, 1.0)
        power = jnp.where(square > 0, safe ** (self.exponent / 2 - 1), 1.0 if self.exponent == 2 else 0.0)
        along = gradient @ second @ gradient / safe
        inner = _divergence(self.diffusion, point, gradient, jnp.trace(second))
        inner = inner + (self.exponent - 2) * self.diffusion(point) * along
        return -power * inner - self.source(point)

    def energy(self, point: Point, value: Scalar, gradient: Array) -> Scalar:
        """`(1/p) a|∇u|^p - f u` at one point."""
        square = jnp.sum(gradient**2)
        power = jnp.where(square > 0, jnp.where(square > 0, square, 1.0) ** (self.exponent / 2), 0.0)
        return self.diffusion(point) * power / self.exponent - self.source(point) * value

    def diffusion_values(self, points: ArrayLike) -> Values:
        """The coefficient a at points.

        Args:
            points: `(points, inputs)`, or `(points,)` for one input.

        Returns:
            `(points, 1)`.

        Raises:
            InputError: if it is not one finite number for each point.
        """
        return field_values(self.diffusion, points, self.domain, "diffusion")


@dataclasses.dataclass(frozen=True)
class _Multiple:
    """A square of a field times a number; equal where both are."""

    field: Field
    factor: float

    def __call__(self, point: Point) -> Scalar:
        return self.factor * self.field(point) ** 2


def _squared(field: Field, factor: float = 1.0) -> Field:
    return Constant(factor * field.value**2) if isinstance(field, Constant) else _Multiple(field, factor)


def _divergence(diffusion: Field, point: Point, gradient: Array, laplacian: Array) -> Scalar:
    """`∇·(a∇u) = a Δu + ∇a·∇u`."""
    if isinstance(diffusion, Constant):
        return laplacian if diffusion.value == 1 else diffusion.value * laplacian
    coefficient, slope = jax.value_and_grad(diffusion)(point)
    return coefficient * laplacian + slope @ gradient


def _not_below_zero(reaction: Field, domain: Domain) -> bool:
    values = at_points(reaction, some_points(domain.interior))
    if is_traced(values):
        raise InputError("a problem made outside of jit", "one made inside", "Make it before.")
    return bool((values >= 0).all())


__all__ = ["Elliptic", "Helmholtz", "PLaplacian", "Poisson", "PoissonBoltzmann"]
