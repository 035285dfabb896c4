"""What source and coefficient of an equation look like at points: how large, how concentrated, how fine."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.types import Key, Points
from simplebias.pde import Problem
from simplebias.pde.problems import Constant, at_points

FINE = 50.0
"""Variation of a coefficient across the domain, four for a wave, from which on it may hide the rest in a residual."""


def sizes(problem: Problem, *, key: Key) -> tuple[float, float, float]:
    """How large source and boundary values are, and how concentrated the source is.

    Args:
        problem: what is solved.
        key: random key of the points looked at.

    Returns:
        Mean squares of the source and of the values on the boundary; mean fourth power of the source over its square.
    """
    inside = np.asarray(problem.source_values(problem.domain.sample(8192, key=key)), float)
    edge = np.asarray(problem.boundary_values(problem.domain.sample_boundary(256, key=key).points), float)
    square = float(np.mean(inside**2))
    return square, float(np.mean(edge**2)), float(np.mean(inside**4)) / (square**2 or 1.0)


def near_source(problem: Problem, count: int, *, key: Key) -> Points:
    """Points of which half are even and half as dense as the source is strong.

    Args:
        problem: with a source that is large in a small part of the domain.
        count: how many.
        key: random key.

    Returns:
        `(count, inputs)`.
    """
    strength = lambda points: jnp.abs(jax.vmap(problem.source)(points))
    return problem.domain.sample_by(strength, count, key=key, power=1.0, floor=1.0)


def finer_than_source(problem: Problem, *, key: Key) -> bool:
    """Whether the coefficient has many waves of which the source has none.

    The solution then has a large part without them, and small waves that keep the flux even. The residual of either
    alone is that of no solution at all or more, where a training rests; the energy of the large part is below zero.

    Args:
        problem: with a source, and a coefficient where its equation has one.
        key: random key of the points looked at.

    Returns:
        Whether it is so; False without an energy or where the coefficient jumps.
    """
    diffusion: Any = getattr(problem, "diffusion", None)
    if diffusion is None or isinstance(diffusion, Constant) or not (problem.smooth and problem.has_energy):
        return False
    points = problem.domain.sample(2048, key=key)
    wave = _variation(diffusion, problem, points)
    return wave > FINE and wave > _variation(problem.source, problem, points)


def _variation(field: Any, problem: Problem, points: Points) -> float:
    """Mean size of the slope over the mean size, times the longest side: four for each wave of full amplitude."""
    if isinstance(field, Constant):
        return 0.0
    low, high = problem.domain.bounds
    values, slopes = (np.asarray(at_points(one, points), float) for one in (field, jax.grad(field)))
    mean = np.linalg.norm(slopes, axis=1).mean() / (np.sqrt(np.mean(values**2)) or 1.0)
    return float((high - low).max() * mean)
