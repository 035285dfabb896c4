"""Linear problems solved without training: random sine waves, their amplitudes by least squares.

In few dimensions nothing that is trained comes near it, so it is what trained networks are held against.
"""

import math
import time
from collections.abc import Iterator
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, check_positive
from simplebias.core.types import Array, ArrayLike, Key, Output, Point
from simplebias.pde.collocation import (
    Derivatives,
    Operator,
    Rows,
    check_linear,
    choose_rows,
    least_squares,
    read_operator,
)
from simplebias.pde.problems import Problem
from simplebias.pde.sampling import host_points

FEATURES = {1: 200, 2: 800}
"""Waves by the number of inputs, where none are asked for; 1600 for three and more."""
TRIED = 400
"""Waves with which bandwidths are tried."""
FIRST = 0.25
"""The first bandwidth that is tried, in cycles along each side."""
LADDER = 1.4
"""Ratio of one bandwidth that is tried to the next."""
MANY = 4
"""Inputs from which on a box of frequencies has too many modes for any number of waves."""
WITH_FEW = 3
"""Inputs, at most, of every second wave where there are many."""
NEAR = 3.0
"""A way of drawing waves that misses this many times as much as the other with few of them is not tried with all."""
LAST = 1.5
"""No bandwidth above this is tried where inputs are many, in cycles along each side."""


class RandomFeatures(eqx.Module):
    """A sum of sine waves, `u(x) = Σ_j c_j sin(2π ω_j·x + b_j)`.

    Amplitudes may be large and of both signs, so precision counts: `values` is in float64 whatever JAX is set to, a
    call is in JAX's precision, in float32 good to about 1e-5.

    Attributes:
        frequencies: ω, `(features, inputs)`, cycles per unit of the input.
        phases: b, `(features,)`, radians.
        coefficients: c, `(features,)`, in the unit of u.
        bandwidth: largest frequency along each input, in cycles per unit.
        residual: root mean square of the residual at points that were not fitted, as a share of that of the source or
            of the terms with second derivatives, whichever is larger.
        boundary_residual: largest error at points of the boundary that were not fitted, as a share of the largest |u|.

    No example: see `random_features`, which makes it.
    """

    frequencies: Array | np.ndarray
    phases: Array | np.ndarray
    coefficients: Array | np.ndarray
    bandwidth: tuple[float, ...] = eqx.field(static=True)
    residual: float = eqx.field(static=True)
    boundary_residual: float = eqx.field(static=True)

    def __call__(self, point: Point) -> Output:
        """U at one point, `(1,)`."""
        waves = jnp.sin(2 * jnp.pi * (jnp.asarray(self.frequencies) @ point) + jnp.asarray(self.phases))
        return (jnp.asarray(self.coefficients) @ waves)[None]

    def values(self, points: ArrayLike) -> np.ndarray:
        """U at points, in float64 on the host.

        Args:
            points: `(points, inputs)`, or `(points,)` for one input.

        Returns:
            `(points, 1)`.

        Raises:
            InputError: for points of another number of inputs.
        """
        frequencies = np.asarray(self.frequencies)
        where = host_points(points, frequencies.shape[1])
        return (_sines(where, frequencies, np.asarray(self.phases)) @ np.asarray(self.coefficients))[:, None]


def random_features(
    problem: Problem,
    *,
    features: int | None = None,
    bandwidth: ArrayLike = None,
    points: ArrayLike = None,
    boundary_points: int | None = None,
    seconds: float | int | None = None,
    key: Key,
) -> RandomFeatures:
    """Solve a linear problem by random sine waves and least squares, on any domain.

    Frequencies are drawn uniformly up to a bandwidth along each input, phases uniformly, and amplitudes make the
    squared residual inside and the squared error on the boundary least, in float64, by a factorisation that leaves
    out what rounding would decide. The waves' derivatives are known, nothing is differentiated. A bandwidth is to
    cover the frequencies of u with little to spare, and waves are to be two to four times as many as it has modes in
    the domain, `Π 2 bandwidth × side`; then the error falls faster than any power of their number. Left out, the
    bandwidth is that of several with the least residual at points that are not fitted. The cost is of order
    `points × features²`.

    From four inputs on no number of waves covers a box of frequencies, and waves drawn evenly from it are nearly all
    about as rough as they can be. So others are tried too, and the better are kept: each with a size of its own, evenly
    between none and the bandwidth, and every second one of one to three inputs only, since smooth functions of many
    inputs mostly are sums of functions of few. Most of the volume is near the boundary then, and most points are on it.

    Args:
        problem: linear, with a strong form; on any domain of any number of inputs.
        features: number of waves; 200, 800 and 1600 for one, two and more inputs.
        bandwidth: largest frequency, cycles per unit of the input; one number or one for each input.
        points: how many points inside, or which; twice as many as features by default, as many from four inputs on.
        boundary_points: how many on the boundary; half as many as features by default, twice as many from four inputs
            on; an interval has two ends.
        seconds: about how long it may take where the bandwidth is left open: fewer bandwidths are tried and, unless
            `features` says how many, fewer waves are taken, by the time that small systems took. Any time by default.
        key: random key of the waves and of the points.

    Returns:
        The solution, to be called at a point, with its residual at points that were not fitted.

    Raises:
        InputError: for a nonlinear problem or one whose coefficients jump, and for options out of range.

    References:
        The random feature method of Chen, Chi, E and Yang (2022), without its partition of unity.

    Example:
        >>> from simplebias.pde import Box, Poisson
        >>> turns = 2 * jnp.pi
        >>> problem = Poisson(Box(0, 1), lambda x: turns**2 * jnp.sin(turns * x[0]))
        >>> solution = random_features(problem, features=40, bandwidth=3.0, key=jax.random.key(0))
        >>> bool(abs(solution.values([0.25])[0, 0] - 1) < 1e-9), solution.residual < 1e-9
        (True, True)
    """
    began = time.monotonic()
    check_linear(problem, "random features")
    inputs = problem.domain.inputs
    count = FEATURES.get(inputs, 1600) if features is None else features
    check_positive(count, "features", integer=True)
    if seconds is not None:
        check_positive(seconds, "seconds")
    drawn, placed, tested = jax.random.split(key, 3)
    inner, outer = (count, 2 * count) if inputs >= MANY else (2 * count, max(count // 2, 8))
    rows = choose_rows(
        problem, inner if points is None else points, outer if boundary_points is None else boundary_points, placed
    )
    system = _System(problem, rows, choose_rows(problem, 1000, 200, tested), _waves_drawn(drawn, count, inputs))
    if bandwidth is not None:
        given = _as_bandwidth(bandwidth, inputs)
        return min((system.solve(given, way=way) for way in system.ways), key=_missed)
    end = math.inf if seconds is None else began + seconds
    return system.best(end, fixed=features is not None)


class _Tried(NamedTuple):
    """What was missed with a bandwidth, in cycles along each side, by which of the ways of drawing waves."""

    missed: float
    cycles: float
    way: int


class _System:
    """The points of a problem with the operator at them, and waves to be spread over any bandwidth."""

    def __init__(self, problem: Problem, rows: Rows, others: Rows, drawn: tuple[list[np.ndarray], np.ndarray]):
        self.rows, self.others = rows, others
        self.numbers, self.phases = drawn
        both = read_operator(problem, np.concatenate([rows.inside, others.inside]))
        cut = len(rows.inside)
        self.operator, self.tested = both.at(slice(cut)), both.at(slice(cut, None))
        low, high = problem.domain.bounds
        self.sides = high - low
        self.ways = range(len(self.numbers))
        self.pace = 0.0

    def solve(self, bandwidth: np.ndarray, *, way: int = 0, features: int | None = None) -> RandomFeatures:
        """The best of so many waves, fitted at a fitting share of the points."""
        began = time.monotonic()
        count = len(self.phases) if features is None else features
        share = count / len(self.phases)
        inner, outer = (max(int(len(one) * share), 2) for one in (self.rows.inside, self.rows.edge))
        order = np.linspace(0, len(self.rows.edge) - 1, outer).astype(int)  # of a box, some of every face
        edge, given = self.rows.edge[order], self.rows.given[order]
        frequencies, phases = self.numbers[way][:count] * bandwidth, self.phases[:count]
        operator = self.operator.at(slice(inner))
        waves = _waves(self.rows.inside[:inner], frequencies, phases, operator)
        coefficients = least_squares(operator, waves, _sines(edge, frequencies, phases), given)
        residual, off = self._test(frequencies, phases, coefficients)
        self.pace = (time.monotonic() - began) / count**3  # rows are as many as waves, times a number
        return RandomFeatures(frequencies, phases, coefficients, tuple(bandwidth.tolist()), residual, off)

    def _test(self, frequencies: np.ndarray, phases: np.ndarray, coefficients: np.ndarray) -> tuple[float, float]:
        waves = _waves(self.others.inside, frequencies, phases, self.tested)
        error = self.tested.apply(waves) @ coefficients + self.tested.start
        mean_square = [np.mean(one**2) for one in (self.tested.start, self.tested.leading(waves) @ coefficients)]
        edge = _sines(self.others.edge, frequencies, phases) @ coefficients
        largest = max(np.abs(waves.value @ coefficients).max(), np.abs(edge).max(), 1e-300)
        size = max(*mean_square, 1e-300)
        return float(np.sqrt(np.mean(error**2) / size)), float(np.abs(edge - self.others.given).max() / largest)

    def best(self, end: float, *, fixed: bool) -> RandomFeatures:
        """With the bandwidth of the least residual at other points, tried with fewer waves first.

        At most half of the time is for trying; then so many waves as the rest is enough for, unless `fixed`.

        Returns:
            The best that was found.
        """
        count, middle = len(self.phases), (time.monotonic() + end) / 2
        few = min(count, max(TRIED, count // 4)) if len(self.sides) > 1 else count
        found = self._climb(few, middle)
        if min(found).missed > 0.03 and few < count and len(self.sides) < MANY:
            found += self._climb(count, middle, above=found[-1].cycles)
        each = [min(one for one in found if one.way == way) for way in {one.way for one in found}]
        near = [one for one in each if one.missed <= NEAR * min(found).missed]
        if not fixed and end < math.inf:
            left = max(end - time.monotonic(), 0.0)
            count = max(min(count, int((left / len(near) / self.pace) ** (1 / 3))), few)
        return min((self.solve(one.cycles / self.sides, way=one.way, features=count) for one in near), key=_missed)

    def _climb(self, features: int, end: float, above: float = 0.0) -> list[_Tried]:
        """What is missed with one bandwidth and larger ones, one at least, while there is time."""
        found: list[_Tried] = []
        for cycles in self._bandwidths(features, above):
            for way in self.ways:
                if found and time.monotonic() + self.pace * features**3 > end:
                    return found
                tried = self.solve(cycles / self.sides, way=way, features=features)
                found.append(_Tried(_missed(tried), cycles, way))
        return found

    def _bandwidths(self, features: int, above: float) -> Iterator[float]:
        """Cycles along each side: while waves suffice for their modes; up to `LAST` where inputs are many."""
        inputs = len(self.sides)
        many = inputs >= MANY
        cycles = above * LADDER or (FIRST / math.sqrt(inputs) if many else FIRST)
        yield cycles
        while (cycles := cycles * LADDER) <= LAST if many else (2 * (cycles := cycles * LADDER)) ** inputs <= features:
            yield cycles


def _missed(solution: RandomFeatures) -> float:
    """The larger of what is missed inside and on the boundary, at points that were not fitted."""
    return max(solution.residual, solution.boundary_residual)


def _sines(points: np.ndarray, frequencies: np.ndarray, phases: np.ndarray) -> np.ndarray:
    """Sine waves at points, `(points, features)`."""
    return np.sin(2 * np.pi * (points @ frequencies.T) + phases)


def _waves(points: np.ndarray, frequencies: np.ndarray, phases: np.ndarray, operator: Operator) -> Derivatives:
    """Sine waves at points with the derivatives that the operator looks at."""
    angular = 2 * np.pi * frequencies
    angle = points @ angular.T + phases
    value = np.sin(angle)
    slopes = operator.gradient.any()
    gradient = np.cos(angle)[:, None, :] * angular.T if slopes else np.zeros((len(points), 0, 0))
    if operator.second.ndim == 3:
        second = -value[:, None, None, :] * (angular.T[:, None, :] * angular.T[None, :, :])
    else:
        second = -value * np.sum(angular**2, axis=1)
    return Derivatives(value, gradient, second)


def _waves_drawn(key: Key, count: int, inputs: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Frequencies in units of the bandwidth, `(count, inputs)` in (-1, 1), in one way or two, and phases `(count,)`."""
    generator = np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel())
    even, phases = 2 * generator.random((count, inputs)) - 1, 2 * np.pi * generator.random(count)
    if inputs < MANY:
        return [even], phases
    order = generator.random((count, inputs)).argsort(axis=1).argsort(axis=1)
    kept = order < generator.integers(1, WITH_FEW + 1, (count, 1))
    kept[::2] = True
    return [even, even * kept * generator.random((count, 1))], phases


def _as_bandwidth(bandwidth: ArrayLike, inputs: int) -> np.ndarray:
    try:
        numbers = np.broadcast_to(np.asarray(bandwidth, float), (inputs,))
    except (TypeError, ValueError):
        raise InputError(f"a bandwidth as one number or {inputs}", repr(bandwidth)) from None
    if not (np.isfinite(numbers).all() and (numbers > 0).all()):
        raise InputError("bandwidths above 0, in cycles per unit", repr(bandwidth))
    return numbers.copy()


__all__ = ["RandomFeatures", "random_features"]
