"""Values on a boundary by frequency along it, and which frequencies of a spectrum stand out."""

import dataclasses
import itertools
import math

import numpy as np

from simplebias.core.types import Key
from simplebias.pde import Problem
from simplebias.solving.views import evaluate, hann

AROUND = 1024
"""Places around each curve of the boundary of a domain of two inputs, and on each of its pieces."""
SCATTERED = 2048
"""Points of the boundary of a domain of more inputs."""
CORNER = math.cos(math.radians(30))
"""Cosine of the turn from which on a curve has a corner, at which values on it may have a kink."""
FLANK = 3.0
"""How much more power one or two frequencies below make a frequency the flank of a tapered wave there."""


@dataclasses.dataclass(frozen=True)
class Ring:
    """A piece of the boundary.

    Args:
        frequencies: along it, cycles per unit of length.
        power: of the gradient that its values make in the domain, at these frequencies.
        tangent: largest component of its direction along each input, `(inputs,)`.
    """

    frequencies: np.ndarray
    power: np.ndarray
    tangent: np.ndarray


def around_boundary(problem: Problem, *, key: Key) -> list[Ring]:
    """The values on the boundary by frequency along it.

    A wave along the boundary reaches into the domain by about its length, so of its gradient `|2πξ ĝ|` a share of
    `1 / |2πξ L|` counts by power, L the longest side. For two inputs the outline is cut at its corners. For more, all
    waves are taken to have the root-mean-square frequency that nearest neighbours show.

    Args:
        problem: what is to be solved.
        key: random key of the points, for more than two inputs.

    Returns:
        The pieces; none for one input, or where the values do not vary.
    """
    domain = problem.domain
    longest = float(np.max(np.subtract(*domain.bounds[::-1])))
    if domain.inputs == 1:
        return []
    if domain.inputs > 2:
        return _scattered(problem, longest, key)
    found = []
    pieces = [_evenly(piece) for curve in domain.outline(AROUND) for piece in _pieces(curve)]
    values = evaluate(problem.boundary, np.concatenate([places for places, _, _ in pieces])).reshape(len(pieces), -1)
    for (_, length, tangent), along in zip(pieces, values, strict=True):
        if np.ptp(along) > 1e-6 * np.abs(along).max():
            waves = 2 * np.abs(np.fft.rfft((along - along.mean()) * hann(AROUND))[1:]) ** 2
            frequencies = np.arange(1, len(waves) + 1) / length
            found.append(Ring(frequencies, 2 * np.pi * frequencies / longest * waves, tangent))
    return found


def _evenly(piece: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Places evenly along a piece, its length, and the largest component of its direction along each input."""
    steps = np.diff(piece, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    length = np.concatenate([[0.0], np.cumsum(lengths)])
    even = np.arange(AROUND) * length[-1] / AROUND
    places = np.stack([np.interp(even, length, column) for column in piece.T], axis=1)
    return places, float(length[-1]), np.abs(steps / lengths[:, None]).max(axis=0)


def _pieces(curve: np.ndarray) -> list[np.ndarray]:
    """A curve cut at its corners."""
    steps = np.diff(curve, axis=0)
    kept = np.linalg.norm(steps, axis=1) > 0
    curve = np.concatenate([curve[:1], curve[1:][kept]])
    units = steps[kept] / np.linalg.norm(steps[kept], axis=1, keepdims=True)
    corners = 1 + np.flatnonzero(np.sum(units[:-1] * units[1:], axis=1) < CORNER)
    ends = [0, *corners.tolist(), len(curve) - 1]
    return [curve[a : b + 1] for a, b in itertools.pairwise(ends) if b > a + 1]


def _scattered(problem: Problem, longest: float, key: Key) -> list[Ring]:
    from scipy.spatial import KDTree

    inputs = problem.domain.inputs
    points = np.asarray(problem.domain.sample_boundary(SCATTERED, key=key).points, float)
    values = evaluate(problem.boundary, points)
    if np.ptp(values) <= 1e-6 * np.abs(values).max():
        return []
    distances, nearest = map(np.asarray, KDTree(points).query(points, k=2))
    squares = np.mean(distances[:, 1] ** 2)
    slopes = np.mean((values - values[nearest[:, 1]]) ** 2) / squares * (inputs - 1) if squares > 0 else 0.0
    angular = np.array([math.sqrt(slopes / values.var())])
    return [Ring(angular / (2 * np.pi), angular / longest * values.var(), np.ones(inputs) / math.sqrt(inputs - 1))]


def stands_out(power: np.ndarray, least: float) -> np.ndarray:
    """Which frequencies have enough power and are not the falling flank of a tapered wave.

    Args:
        power: over evenly spaced frequencies.
        least: power.

    Returns:
        A mask.

    Example:
        >>> stands_out(np.array([0.0, 1.0, 4.0, 1.0, 0.0]), 0.5).tolist()
        [False, True, True, False, False]
    """
    ahead = np.concatenate([[0.0, 0.0], power])
    before = np.maximum(ahead[:-2], ahead[1:-1])
    return (power > 0) & (power >= least) & (before <= FLANK * power)


def peaked(frequencies: np.ndarray, power: np.ndarray, least: float) -> np.ndarray:
    """Frequencies that stand out, each moved by up to one step to the peak that a tapered wave has between two.

    Args:
        frequencies: evenly spaced.
        power: at these.
        least: power.

    Returns:
        Frequencies, in no order.

    Example:
        >>> peaked(np.arange(5.0), np.array([0.0, 1.0, 4.0, 1.0, 0.0]), 2.0).tolist()
        [2.0]
    """
    found = np.flatnonzero(stands_out(power, least))
    sizes = np.sqrt(np.concatenate([[0.0], power, [0.0]]))
    before, here, after = sizes[found], sizes[found + 1], sizes[found + 2]
    low, high = np.where(before > after, before, here), np.where(before > after, here, after)
    part = np.clip((2 * high / low - 1) / (1 + high / low), 0, 1)
    step = frequencies[1] - frequencies[0] if len(frequencies) > 1 else 0.0
    return frequencies[found] + step * (part - (before > after))
