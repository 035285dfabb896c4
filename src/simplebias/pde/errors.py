"""How far a solution is from the exact one, or from a reference: in the mean, at worst, in slope, on the boundary."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.compilation import quick_jit
from simplebias.core.errors import InputError, check_positive
from simplebias.core.types import ArrayLike, Network
from simplebias.pde.problems import Field, Problem

COUNT = 10_000
"""Points at which a solution is looked at."""


class Errors(eqx.Module):
    """Errors of a solution u against a reference r, as pure numbers.

    Attributes:
        relative_l2: `(∫(u - r)² / ∫r²)^½`.
        relative_max: `max|u - r| / max|r|`.
        relative_h1: `((∫(u - r)² + ∫|∇(u - r)|²) / (∫r² + ∫|∇r|²))^½`.
        boundary: `max|u - g| / max|r|` on the boundary, g the values given there.
    """

    relative_l2: float
    relative_max: float
    relative_h1: float
    boundary: float


def solution_errors(
    solution: Network, problem: Problem, *, reference: Field | Network | None = None, count: int = COUNT
) -> Errors:
    """All errors of a solution at once, in float64, at evenly spread points.

    Args:
        solution: a function of one point that gives `(1,)`, such as a network; its precision is that of its weights.
        problem: with the domain and the exact solution.
        reference: what it is held against, of one point; the exact solution by default.
        count: points inside, and on the boundary at most 4096 of them.

    Returns:
        The errors.

    Raises:
        InputError: where there is neither an exact solution nor a reference, or a solution of several outputs.

    Example:
        >>> from simplebias.pde import Box, Poisson
        >>> problem = Poisson(Box(0, 1), lambda x: 2.0 + 0 * x[0], exact=lambda x: x[0] * (1 - x[0]))
        >>> errors = solution_errors(lambda x: 1.01 * x * (1 - x), problem)
        >>> round(errors.relative_l2, 6), round(errors.relative_max, 6), round(errors.relative_h1, 6), errors.boundary
        (0.01, 0.01, 0.01, 0.0)
    """
    with jax.enable_x64(True):
        points, known = _points(problem, count), _reference(problem, reference)
        u, r = _values(solution, points), _values(known, points)
        du, dr = _slopes(solution, points), _slopes(known, points)
        worst = _boundary(solution, problem, min(count, 4096))
    slope, steep = np.mean(np.sum((du - dr) ** 2, axis=1)), np.mean(np.sum(dr**2, axis=1))
    h1 = (np.mean((u - r) ** 2) + slope) / _above_zero(np.mean(r**2) + steep)
    edge = worst / _above_zero(np.abs(r).max())
    return Errors(_mean_square(u, r), _worst(u, r), float(np.sqrt(h1)), float(edge))


def relative_l2(
    solution: Network, problem: Problem, *, reference: Field | Network | None = None, count: int = COUNT
) -> float:
    """The relative error in the mean square, `(∫(u - r)² / ∫r²)^½`, in float64, at evenly spread points.

    Some papers on multi-scale networks print its square as the error.

    Args:
        solution: a function of one point that gives `(1,)`.
        problem: with the domain and the exact solution.
        reference: what it is held against; the exact solution by default.
        count: points.

    Returns:
        A pure number.

    Raises:
        InputError: as in `solution_errors`.

    Example:
        >>> from simplebias.pde import poisson_bump
        >>> round(relative_l2(lambda x: 0 * x, poisson_bump()), 6)
        1.0
    """
    return _mean_square(*_pair(solution, problem, reference, count))


def relative_max(
    solution: Network, problem: Problem, *, reference: Field | Network | None = None, count: int = COUNT
) -> float:
    """The largest error by the largest value, `max|u - r| / max|r|`, in float64, at evenly spread points.

    Args:
        solution: a function of one point that gives `(1,)`.
        problem: with the domain and the exact solution.
        reference: what it is held against; the exact solution by default.
        count: points.

    Returns:
        A pure number.

    Raises:
        InputError: as in `solution_errors`.

    Example:
        >>> from simplebias.pde import poisson_bump
        >>> round(relative_max(lambda x: 0 * x, poisson_bump()), 6)
        1.0
    """
    return _worst(*_pair(solution, problem, reference, count))


def relative_h1(
    solution: Network, problem: Problem, *, reference: Field | Network | None = None, count: int = COUNT
) -> float:
    """The relative error with slopes, `((∫(u - r)² + ∫|∇(u - r)|²) / (∫r² + ∫|∇r|²))^½`.

    Args:
        solution: a function of one point that gives `(1,)`.
        problem: with the domain and the exact solution.
        reference: what it is held against; the exact solution by default.
        count: points.

    Returns:
        A pure number; the unit of length of the inputs is in it.

    Raises:
        InputError: as in `solution_errors`.

    Example:
        >>> from simplebias.pde import poisson_bump
        >>> round(relative_h1(lambda x: 0 * x, poisson_bump()), 6)
        1.0
    """
    return solution_errors(solution, problem, reference=reference, count=count).relative_h1


def boundary_error(solution: Network, problem: Problem, *, count: int = 4096) -> float:
    """The largest error on the boundary, `max|u - g|`, in the unit of u.

    Args:
        solution: a function of one point that gives `(1,)`.
        problem: with the domain and the values g on its boundary.
        count: points on the boundary.

    Returns:
        The error.

    Raises:
        InputError: for a solution of several outputs.

    Example:
        >>> from simplebias.pde import poisson_bump
        >>> boundary_error(lambda x: 0 * x + 0.5, poisson_bump())
        0.5
    """
    check_positive(count, "count", integer=True)
    with jax.enable_x64(True):
        return _boundary(solution, problem, count)


def _mean_square(u: np.ndarray, r: np.ndarray) -> float:
    return float(np.sqrt(np.mean((u - r) ** 2) / _above_zero(np.mean(r**2))))


def _worst(u: np.ndarray, r: np.ndarray) -> float:
    return float(np.abs(u - r).max() / _above_zero(np.abs(r).max()))


def _pair(solution: Network, problem: Problem, reference: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
    with jax.enable_x64(True):
        points = _points(problem, count)
        return _values(solution, points), _values(_reference(problem, reference), points)


def _boundary(solution: Network, problem: Problem, count: int) -> float:
    edge = problem.domain.sample_boundary(count, key=jax.random.key(0)).points
    return float(np.abs(_values(solution, edge) - _values(problem.boundary, edge)).max())


def _points(problem: Problem, count: int) -> Any:
    check_positive(count, "count", integer=True)
    return problem.domain.sample(count, key=jax.random.key(0))


def _reference(problem: Problem, reference: Any) -> Any:
    if reference is None and problem.exact is None:
        raise InputError("a problem with exact=, or a reference", "neither", "Compute one by finite elements.")
    return problem.exact if reference is None else reference


def _values(function: Any, points: ArrayLike) -> np.ndarray:
    """One number for each point; by `values` where a solution has it, else one point at a time."""
    if hasattr(function, "values"):
        found = np.asarray(function.values(points), float)
    else:
        found = np.asarray(_mapped(function, points), float)
    if found.size != len(points):
        raise InputError("a solution with one output", f"values of shape {found.shape}", "Change its width.")
    return found.reshape(-1)


def _slopes(function: Any, points: ArrayLike) -> np.ndarray:
    return np.asarray(_mapped(function, points, True), float).reshape(np.shape(points))


@quick_jit
def _mapped(function: Callable[..., Any], points: ArrayLike, differentiate: bool = False) -> Any:
    one = lambda x: jnp.asarray(function(x)).reshape(-1)
    return jax.vmap(jax.jacfwd(one) if differentiate else one)(points)


def _above_zero(number: Any) -> float:
    return float(number) if number > 0 else 1.0


__all__ = ["Errors", "boundary_error", "relative_h1", "relative_l2", "relative_max", "solution_errors"]
