"""Linear problems as least squares: the equation at points inside, the values at points of the boundary.

Any function that is affine in its parameters, `u_0(x) + Σ_j w_j ψ_j(x)`, is fitted by it in one step. What a problem's
residual does to value, gradient and second derivatives at a point is read off once, by differentiating the residual in
them; all else is NumPy and SciPy in float64.
"""

import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg

from simplebias.core.errors import InputError, check_positive
from simplebias.core.types import Array, ArrayLike, Key, Point
from simplebias.pde.domains import Box
from simplebias.pde.problems import Problem
from simplebias.pde.sampling import host_points

BOUNDARY_WEIGHT = 10.0
"""How much a row of the boundary counts against one inside, both of about size one; 1 to 100 do about as well."""
CUTOFF = 1e-14
"""Directions below this, against the largest, are left out of a least-squares solution."""


class Derivatives(NamedTuple):
    """Functions at points: values and Laplacians `(points, functions)`, gradients `(points, inputs, functions)`.

    Where the problem asks for the matrix of second derivatives, `second` is `(points, inputs, inputs, functions)`.
    """

    value: np.ndarray
    gradient: np.ndarray
    second: np.ndarray


@dataclasses.dataclass(frozen=True)
class Operator:
    """The residual at points, `start + value·u + gradient·∇u + second·(second derivatives)`.

    Args:
        start: `(points,)`, the residual of u = 0: minus the source, mostly.
        value: `(points,)`.
        gradient: `(points, inputs)`.
        second: `(points,)`, or `(points, inputs, inputs)`.
    """

    start: np.ndarray
    value: np.ndarray
    gradient: np.ndarray
    second: np.ndarray

    def at(self, rows: slice) -> "Operator":
        """The same at some of the points."""
        return Operator(self.start[rows], self.value[rows], self.gradient[rows], self.second[rows])

    def apply(self, functions: Derivatives) -> np.ndarray:
        """What the operator makes of functions, the start left out, `(points, functions)`."""
        rows = self.value[:, None] * functions.value + self.leading(functions)
        if self.gradient.any():
            rows += np.einsum("pa,paf->pf", self.gradient, functions.gradient)
        return rows

    def leading(self, functions: Derivatives) -> np.ndarray:
        """The terms with second derivatives alone."""
        if self.second.ndim == 1:
            return self.second[:, None] * functions.second
        return np.einsum("pab,pabf->pf", self.second, functions.second)


def read_operator(problem: Problem, points: np.ndarray) -> Operator:
    """The residual of a linear problem as numbers at points, in float64.

    Args:
        problem: linear, with a strong form.
        points: `(points, inputs)`.

    Returns:
        The operator.
    """
    with jax.enable_x64(True):
        found = _read(problem, jnp.asarray(points, float))
        return Operator(*(np.asarray(one, float) for one in found))


@eqx.filter_jit
def _read(problem: Problem, points: Array) -> tuple[Array, ...]:
    """Compiled once for each problem and number of points."""
    inputs = points.shape[1]
    shape = () if problem.second == "laplacian" else (inputs, inputs)

    def read(point: Point) -> tuple[Array, ...]:
        zeros = (jnp.zeros((), point.dtype), jnp.zeros(inputs, point.dtype), jnp.zeros(shape, point.dtype))
        start, slopes = jax.value_and_grad(problem.residual, argnums=(1, 2, 3))(point, *zeros)
        return start, *slopes

    return jax.vmap(read)(points)


def check_linear(problem: Problem, name: str) -> None:
    """Refuse what least squares cannot solve in one step.

    Args:
        problem: to be solved.
        name: what is to solve it, for the message.

    Raises:
        InputError: for a nonlinear problem, or one whose strong form does not hold everywhere.
    """
    if not isinstance(problem, Problem):
        raise InputError("a problem", repr(problem), "Take a Poisson, an Elliptic, … or a name out of READY.")
    if not problem.linear:
        remedy = "Train a network by the Ritz energy or the residual instead."
        raise InputError(f"a linear problem for {name}", f"a nonlinear one, {problem.name}", remedy)
    if not problem.smooth:
        remedy = "Take finite_elements, or train a network by the Ritz energy."
        raise InputError(f"a problem with a strong form for {name}", "one whose coefficients jump", remedy)


class Rows(NamedTuple):
    """Points of a least-squares problem, inside and on the boundary, `(points, inputs)` each, and boundary values."""

    inside: np.ndarray
    edge: np.ndarray
    given: np.ndarray


def choose_rows(problem: Problem, points: int | ArrayLike, boundary_points: int, key: Key) -> Rows:
    """Evenly spread points of the domain and of its boundary, in float64.

    Args:
        problem: where.
        points: how many inside, or which.
        boundary_points: how many on the boundary, about; an interval has two ends.
        key: random key.

    Returns:
        The points, and the boundary values at those of the boundary.

    Raises:
        InputError: for bad points or counts.
    """
    domain = problem.domain
    inner, outer = jax.random.split(key)
    check_positive(boundary_points, "boundary_points", integer=True)
    with jax.enable_x64(True):
        if np.ndim(points):
            inside = host_points(points, domain.inputs)
        else:
            check_positive(points, "points", integer=True)
            inside = np.asarray(domain.sample(int(points), key=inner))
        if isinstance(domain, Box) and domain.inputs <= 2:
            faces = 2 * domain.inputs
            edge = np.asarray(domain.boundary_points(-(-boundary_points // faces)))
        else:
            edge = np.asarray(domain.sample_boundary(boundary_points, key=outer).points)
        return Rows(inside, edge, np.asarray(problem.boundary_values(edge), float)[:, 0])


def least_squares(
    operator: Operator, functions: Derivatives, edge: np.ndarray, given: np.ndarray, offset: np.ndarray | None = None
) -> np.ndarray:
    """The parameters with the least squared residual, `(functions,)`.

    Rows inside are scaled to about size one by the root mean square over all of them, rows of the boundary count
    `BOUNDARY_WEIGHT` times as much; each kind is a mean over its points.

    Args:
        operator: of the problem, at the points inside.
        functions: ψ_j and derivatives there.
        edge: ψ_j at the points of the boundary, `(points, functions)`.
        given: the boundary values less what is fixed there, `(points,)`.
        offset: what the operator makes of the fixed part u_0, `(points,)`.

    Returns:
        The parameters.

    Raises:
        InputError: where all functions or the result are not finite numbers.
    """
    inside = operator.apply(functions)
    right = -operator.start - (0 if offset is None else offset)
    typical = float(np.sqrt(np.mean(inside**2))) or 1.0
    size, share = typical * np.sqrt(len(inside)), BOUNDARY_WEIGHT / np.sqrt(len(edge))
    matrix = np.concatenate([inside / size, edge * share])
    target = np.concatenate([right / size, given * share])
    if not (np.isfinite(matrix).all() and np.isfinite(target).all()):
        raise InputError("a finite residual at all points", "NaN or infinite values", "Check source and coefficients.")
    found = scipy.linalg.lstsq(
        matrix, target, cond=CUTOFF, lapack_driver="gelsy", check_finite=False, overwrite_a=True, overwrite_b=True
    )
    return np.asarray(found[0])  # pyright: ignore[reportOptionalSubscript]


__all__ = ["Derivatives", "Operator", "Rows", "check_linear", "choose_rows", "least_squares", "read_operator"]
