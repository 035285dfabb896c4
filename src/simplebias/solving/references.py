"""What a trained solution is held against: the exact solution or a reference, and methods that need no training."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from simplebias.core.errors import InputError
from simplebias.core.types import ArrayLike, Key, Network
from simplebias.pde import Box, Elliptic, Problem, finite_differences, finite_elements, random_features
from simplebias.pde.problems import at_points

INTERVALS = {1: 4000, 2: 384, 3: 64}
"""Intervals of a lattice along each input, by the number of inputs."""
SECONDS = 10.0
"""About how long random features may take beside a training; in one and two inputs they take a second."""


@dataclasses.dataclass(frozen=True)
class Reference:
    """A solution to be held against.

    Args:
        solution: of one point; None where there is none.
        kind: `exact`, `finite elements`, `finite differences`, or what the user gave; None without one.
        seconds: what it took.
        note: why there is none, or "".
    """

    solution: Network | None
    kind: str | None
    seconds: float = 0.0
    note: str = ""


def find_reference(problem: Problem, wanted: Any = "auto") -> Reference:
    """The exact solution where it is known, else one by a classical method where there is one.

    Finite differences on boxes of up to three inputs, finite elements on other domains of two.

    Args:
        problem: what is solved.
        wanted: `auto`, None for the exact one only, a function of one point, or a reference that was found before.

    Returns:
        The reference, without a solution where none can be had.

    Raises:
        InputError: for a reference that is no function.
    """
    if isinstance(wanted, Reference):
        return wanted
    if callable(wanted):
        return Reference(wanted, "given")
    if wanted not in ("auto", None):
        raise InputError("reference='auto', None, or a function of one point", repr(wanted))
    if problem.exact is not None:
        exact = problem.exact
        return Reference(lambda point: exact(point)[None], "exact")
    if wanted is None:
        return Reference(None, None)
    began, inputs = time.monotonic(), problem.domain.inputs
    if isinstance(problem.domain, Box) and isinstance(problem, Elliptic) and inputs in INTERVALS:
        kind, make = "finite differences", lambda: finite_differences(problem, INTERVALS[inputs])
    elif inputs == 2:
        kind, make = "finite elements", lambda: finite_elements(problem)
    else:
        return Reference(None, None, note="No reference: no classical method here for this problem.")
    try:
        return Reference(make(), kind, time.monotonic() - began)
    except InputError as error:
        return Reference(None, None, time.monotonic() - began, note=f"No reference: {error}")


@dataclasses.dataclass(frozen=True)
class Baseline:
    """A method without training.

    Args:
        method: its name.
        error: relative L2.
        seconds: what it took.
        parameters: unknowns.
    """

    method: str
    error: float
    seconds: float
    parameters: int


def baselines(
    problem: Problem, points: ArrayLike, values: np.ndarray, reference: Reference, *, key: Key
) -> list[Baseline]:
    """Random features with least squares, and finite differences, on the same problem.

    Args:
        problem: what is solved.
        points: where errors are measured, `(points, inputs)`.
        values: of the reference there, `(points,)`.
        reference: with its kind; a method is not held against itself.
        key: random key of the features.

    Returns:
        Those methods that can be used for the problem.
    """
    found = []
    if problem.linear and problem.smooth:
        made = lambda: random_features(problem, seconds=SECONDS, key=key)
        found.append(_timed("random features", made, points, values, lambda one: len(one.coefficients)))
    inputs = problem.domain.inputs
    boxed = isinstance(problem.domain, Box) and isinstance(problem, Elliptic) and inputs <= 3
    if boxed and reference.kind != "finite differences":
        intervals = INTERVALS[inputs] // 2
        made = lambda: finite_differences(problem, intervals)
        unknowns = (intervals - 1) ** inputs
        found.append(_timed("finite differences", made, points, values, lambda _: unknowns))
    elif inputs == 2 and not boxed and isinstance(problem, Elliptic) and reference.kind != "finite elements":
        made = lambda: finite_elements(problem)
        found.append(_timed("finite elements", made, points, values, lambda one: one.unknowns))
    return [one for one in found if one is not None]


def _timed(
    name: str, make: Callable[[], Any], points: ArrayLike, values: np.ndarray, count: Callable[[Any], int]
) -> Baseline | None:
    began = time.monotonic()
    try:
        solution = make()
    except InputError:
        return None
    seconds = time.monotonic() - began
    known = solution.values(points) if hasattr(solution, "values") else at_points(solution, points)
    miss = np.asarray(known, float).ravel() - values
    size = float(np.linalg.norm(values))
    return Baseline(name, float(np.linalg.norm(miss)) / (size or 1.0), seconds, count(solution))
