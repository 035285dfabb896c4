"""What is to be solved: a domain, an operator with its source, values on the boundary, the solution where it is known.

A `Problem` says how its operator and its energy are made from value, gradient and second derivatives at one point;
losses and solvers know no equation. A new equation is a new subclass.
"""

import abc
import dataclasses
import re
from collections.abc import Callable
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.compilation import quick_jit
from simplebias.core.errors import InputError, as_points, as_values, check_positive, is_traced
from simplebias.core.laplacian import value_gradient_laplacian, values_gradients_laplacians
from simplebias.core.sobolev import derivatives
from simplebias.core.types import Array, ArrayLike, Point, Points, Scalar, Values
from simplebias.pde.domains import Box
from simplebias.pde.geometry import Domain
from simplebias.pde.sampling import Proposal

Field = Callable[[Point], Scalar]
"""A function of one point `(inputs,)` that gives one number, written with jax.numpy."""

LOOKS = 64
"""Points inside and on the boundary at which the functions of a problem are tried at the door."""
BLOCK = 2048
"""Points at which a function is computed at a time."""
AGREEMENT = 1e-3
"""Difference of boundary values from the exact solution that is let pass, by the largest value of the latter."""


class Problem(eqx.Module):
    """Base of all problems: an equation for one function u on a domain with given values on its boundary.

    A subclass has the fields below, each a field or a property, and says what `residual` and `energy` are. Functions
    are static: they are compiled in.

    Attributes:
        domain: where.
        source: right side of the equation, of one point.
        boundary: values on the boundary, of one point.
        exact: the solution, of one point, or None.
        linear: whether the residual is affine in u, its gradient and its second derivatives together.
        second: what of the second derivatives the residual gets, the `laplacian` or the `hessian`.
        has_energy: whether the solution makes the integral of `energy` smallest.
        smooth: whether the strong form holds everywhere; False where coefficients jump.
    """

    domain: eqx.AbstractVar[Domain]
    source: eqx.AbstractVar[Field]
    boundary: eqx.AbstractVar[Field]
    exact: eqx.AbstractVar[Field | None]
    linear: eqx.AbstractVar[bool]
    second: eqx.AbstractVar[Literal["laplacian", "hessian"]]
    has_energy: eqx.AbstractVar[bool]
    smooth: eqx.AbstractVar[bool]

    @abc.abstractmethod
    def residual(self, point: Point, value: Scalar, gradient: Array, second: Array) -> Scalar:
        """Left side minus right side of the equation at one point.

        Args:
            point: `(inputs,)`.
            value: u there.
            gradient: `∇u` there, `(inputs,)`.
            second: `Δu` there, or the matrix of second derivatives where `self.second` is "hessian".
        """

    def parts(self, function: Callable[[Point], Array], point: Point) -> tuple[Array, Array, Array]:
        """Value, gradient and second derivatives of a function at one point, as `residual` takes them.

        Args:
            function: of one point, with outputs `(outputs,)`.
            point: `(inputs,)`.

        Returns:
            All three, each with a leading axis of outputs.
        """
        if self.second == "laplacian":
            return value_gradient_laplacian(function, point)
        value, gradient, hessian = derivatives(function, point, 2)
        return value, gradient, hessian

    def parts_at(self, function: Callable[..., Array], points: Points, *beside: Array) -> tuple[Array, ...]:
        """The same at many points, which is faster than mapping over them.

        Args:
            function: of one point, and what is beside it, with outputs `(outputs,)`.
            points: `(points, inputs)`.
            *beside: what else the function takes for each point, such as a random key, `(points, ...)`.

        Returns:
            All three, each with leading axes of points and of outputs.
        """
        if self.second == "laplacian":
            return values_gradients_laplacians(function, points, *beside)
        at = lambda point, *more: self.parts(lambda x: function(x, *more), point)
        return jax.vmap(at)(points, *beside)

    @abc.abstractmethod
    def energy(self, point: Point, value: Scalar, gradient: Array) -> Scalar:
        """Density of the energy that the solution makes smallest, from u and `∇u` at one point."""

    @property
    def name(self) -> str:
        """The class in words."""
        return re.sub(r"(?<!^)(?=[A-Z])", " ", type(self).__name__)

    @property
    def box(self) -> Box:
        """The domain where it is a box, for lattices; an `InputError` where it is another."""
        if not isinstance(self.domain, Box):
            got = f"one on a {type(self.domain).__name__}"
            raise InputError("a problem on a box", got, "Lattices do not fit it: take finite elements or a network.")
        return self.domain

    def source_values(self, points: ArrayLike) -> Values:
        """The source at points.

        Args:
            points: `(points, inputs)`, or `(points,)` for one input.

        Returns:
            `(points, 1)`.

        Raises:
            InputError: if the source is not one finite number for each point.
        """
        return field_values(self.source, points, self.domain, "source")

    def boundary_values(self, points: ArrayLike) -> Values:
        """The values on the boundary at points.

        Args:
            points: `(points, inputs)`, on the boundary.

        Returns:
            `(points, 1)`.

        Raises:
            InputError: if the function is not one finite number for each point.
        """
        return field_values(self.boundary, points, self.domain, "boundary")

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
            raise InputError("a problem with exact=", "none", "Compute a reference, by solve_direct for one.")
        return field_values(self.exact, points, self.domain, "exact")


@dataclasses.dataclass(frozen=True)
class Constant:
    """A field that is one number everywhere; two of the same number are equal.

    Args:
        value: the number.

    Example:
        >>> float(Constant(2.0)(jnp.ones(3)))
        2.0
    """

    value: float

    def __call__(self, point: Point) -> Scalar:
        """The number, of the type of the point."""
        return jnp.asarray(self.value, point.dtype)


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


def field_values(function: Field, points: ArrayLike, domain: Domain, name: str) -> Values:
    """A function of one point at many points.

    Args:
        function: of one point.
        points: `(points, inputs)`, or `(points,)` for one input.
        domain: of the problem, for the number of inputs.
        name: what to call the function in an error.

    Returns:
        `(points, 1)`.

    Raises:
        InputError: for points of another number of inputs, or values that are not one finite number each.

    Example:
        >>> from simplebias.pde import Box
        >>> field_values(lambda x: x[0] ** 2, [1.0, 2.0], Box(0, 3), "source").tolist()
        [[1.0], [4.0]]
    """
    where = as_points(points)
    if where.shape[1] != domain.inputs:
        raise InputError(f"points with {domain.inputs} inputs, as the domain", f"{where.shape[1]}")
    check_field(function, domain, name)
    found = at_points(function, where)
    return as_values((found if is_traced(found) else np.asarray(found)).reshape(-1, 1), where.shape[0], name)


def at_points(function: Field, points: Points) -> Array:
    """A function of one point at many, compiled as a whole and once: always for as many points at a time.

    Compiling its operations one by one, or anew for each number of points, takes far longer than the numbers do.

    Args:
        function: of one point.
        points: `(points, inputs)`.

    Returns:
        `(points, ...)`.

    Example:
        >>> at_points(lambda x: x[0] * x[1], jnp.array([[2.0, 3.0], [1.0, 5.0]])).tolist()
        [6.0, 5.0]
    """
    count = points.shape[0]
    if is_traced(points) or count == 0:
        return jax.vmap(function)(points)
    filled = np.resize(np.asarray(points), (-(-count // BLOCK) * BLOCK, points.shape[1]))
    parts = [_at_block(function, jax.device_put(filled[start : start + BLOCK])) for start in range(0, count, BLOCK)]
    if any(is_traced(part) for part in parts):  # a function of something that is traced
        return jnp.concatenate(parts)[:count]
    return jax.device_put(np.concatenate([np.asarray(part) for part in parts])[:count])


@quick_jit
def _at_block(function: Field, points: Points) -> Array:
    return jax.vmap(function)(points)


def as_field(value: float | int | Field, name: str) -> Field:
    """A coefficient as a function of one point: a number is one that is the same everywhere.

    Args:
        value: a finite number or a function.
        name: what to call it in an error.

    Returns:
        The function.

    Raises:
        InputError: for anything else.

    Example:
        >>> as_field(2, "diffusion")
        Constant(value=2.0)
    """
    if callable(value):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InputError(f"{name} as a number or a function of one point", repr(value)) from None
    if not np.isfinite(number):
        raise InputError(f"{name} as a finite number", repr(value))
    return Constant(number)


def check_field(function: Field, domain: Domain, name: str) -> None:
    """Refuse what is not a function of one point that gives one number, without computing any.

    Args:
        function: to be checked.
        domain: for the number of inputs.
        name: what to call it in an error.

    Raises:
        InputError: naming what it gives.
    """
    if not callable(function):
        raise InputError(f"{name} as a function of one point", repr(function), "Write lambda x: ….")
    try:
        shape = jax.eval_shape(function, jax.ShapeDtypeStruct((domain.inputs,), jnp.result_type(float)))
    except Exception as error:
        remedy = "It gets one point of shape (inputs,) and is to be written with jax.numpy."
        raise InputError(f"{name} as a function of one point", f"{type(error).__name__}: {error}", remedy) from error
    if getattr(shape, "shape", None) != ():
        got = f"an output of shape {getattr(shape, 'shape', None)}"
        raise InputError(f"{name} that gives one number for one point", got, "Return x[0] and the like, not x.")


def check_problem(domain: Domain, boundary: Field, exact: Field | None, **inside: Field) -> None:
    """Try the functions of a problem at a few points: what is wrong with them is said here, not in a training.

    Args:
        domain: where.
        boundary: values on the boundary.
        exact: the solution, or None.
        **inside: the other functions by name, looked at inside the domain; a diffusion is to be above zero.

    Raises:
        InputError: for what is no domain, a function that does not give one finite number at each point, a diffusion
            that is not above zero, or an exact solution with other values on the boundary.
    """
    if not isinstance(domain, Domain):
        raise InputError("a domain", repr(domain), "Take a Box, a Ball, a Difference ….")
    check_field(boundary, domain, "boundary")
    edge, points = some_points(domain.boundary), some_points(domain.interior)
    given = _try(boundary, edge, "boundary", "on the boundary")
    for name, function in inside.items():
        check_field(function, domain, name)
        values = _try(function, points, name, "inside the domain")
        if name in ("diffusion", "permittivity") and not is_traced(values) and np.asarray(values).min() <= 0:
            got = f"{float(values.min()):g} at {points[int(values.argmin())].tolist()}"
            raise InputError(f"{name} above zero everywhere", got, "The equation is not elliptic where it is not.")
    if exact is not None:
        check_field(exact, domain, "exact")
        known, within = _try(exact, edge, "exact", "on the boundary"), _try(exact, points, "exact", "inside the domain")
        _check_agreement(edge, given, known, within)


def _check_agreement(edge: Array, given: Array, known: Array, within: Array) -> None:
    if is_traced(known):
        return
    distance = np.abs(np.asarray(given) - np.asarray(known))
    largest = float(max(np.abs(np.asarray(known)).max(), np.abs(np.asarray(within)).max()))
    if float(distance.max()) > AGREEMENT * largest:
        worst = int(distance.argmax())
        raise InputError(
            "boundary values that are those of the exact solution",
            f"{float(given[worst]):g} where it is {float(known[worst]):g}, at {edge[worst].tolist()}",
            "Give boundary=, the function exact itself for one.",
        )


def some_points(proposal: Proposal) -> Points:
    """As many points of a domain or a boundary as are looked at at the door, the same every time."""
    generator = np.random.default_rng(0)
    for count in (LOOKS, 16 * LOOKS, 1024 * LOOKS):
        placed = proposal.place(generator.uniform(1e-9, 1 - 1e-9, size=(count, proposal.coordinates)))
        if placed.kept.any():
            kept = placed.points[placed.kept]
            return jnp.asarray(np.resize(kept[:LOOKS], (LOOKS, kept.shape[1])), dtype=float)
    raise InputError("a domain with an interior and a boundary", "none of 65536 points in it", "Check its members.")


def _try(function: Field, points: Points, name: str, place: str) -> Array:
    """Values at a few points, refused where they are not finite."""
    values = at_points(function, points)
    if is_traced(values):
        return values
    bad = ~np.isfinite(np.asarray(values))
    if bad.any():
        got = f"{float(values[int(bad.argmax())])} at {points[int(bad.argmax())].tolist()}"
        raise InputError(f"{name} with finite values {place}", got, "Write it without a division by zero there.")
    return values


def check_exponent(exponent: float | int) -> float:
    """The exponent of a p-Laplacian, above one.

    Args:
        exponent: p.

    Returns:
        p.

    Raises:
        InputError: unless it is.
    """
    check_positive(exponent, "exponent")
    if not exponent > 1:
        raise InputError("an exponent above 1", repr(exponent), "The energy is convex for p > 1 only.")
    return float(exponent)
