"""Where a problem lives: boxes, and the evenly spaced lattices on them. Other shapes: `simplebias.pde.shapes`."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, check_positive
from simplebias.core.types import Array, ArrayLike, Point, Points, Scalar
from simplebias.pde.geometry import Domain, numbers, safe_norm
from simplebias.pde.rfunctions import both, fold
from simplebias.pde.sampling import LARGEST, Placed, Proposal, choose, inside


class Box(Domain):
    """An interval, a rectangle, a cube …: all points with `low < x < high` along each input.

    Args:
        low: lower end along each input; one number for an interval.
        high: upper end along each input.

    Raises:
        InputError: unless both have as many finite numbers, and every low end is below its high end.

    Example:
        >>> box = Box([0, 0], [1, 2])
        >>> box.inputs, box.volume, box.boundary_measure
        (2, 2.0, 6.0)
    """

    low: tuple[float, ...] = eqx.field(static=True)
    high: tuple[float, ...] = eqx.field(static=True)

    def __init__(self, low: ArrayLike, high: ArrayLike):
        self.low, self.high = numbers(low, "low"), numbers(high, "high")
        if len(self.low) != len(self.high) or not self.low:
            raise InputError("as many low as high ends, at least one", f"{len(self.low)} and {len(self.high)}")
        for a, b in zip(self.low, self.high, strict=True):
            if not a < b:
                raise InputError("a box with an interior, low < high", f"low={a}, high={b}", "Swap the ends.")

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Low and high ends along each input."""
        return np.array(self.low), np.array(self.high)

    @property
    def sides(self) -> tuple[float, ...]:
        """Length along each input."""
        return tuple(b - a for a, b in zip(self.low, self.high, strict=True))

    @property
    def volume(self) -> float:
        """Length, area, volume … of the interior."""
        return math.prod(self.sides)

    @property
    def boundary_measure(self) -> float:
        """Number of ends of an interval (2), perimeter of a rectangle, area of a surface …."""
        return 2 * sum(self.volume / side for side in self.sides)

    def boundary_points(self, count: int = 1) -> Points:
        """Points of the boundary: the two ends of an interval, else centres of even cells on each face.

        Args:
            count: cells along each input of a face; faces count alike, so for a mean over the boundary of a box that
                is not a cube each would need its own weight (`boundary_weights`).

        Returns:
            `(points, inputs)`, in units of the input.

        Raises:
            InputError: if count is not a whole number > 0.
        """
        check_positive(count, "count", integer=True)
        faces = []
        for axis, (a, b) in enumerate(zip(self.low, self.high, strict=True)):
            for end in (a, b):
                along = [
                    np.array([end]) if other == axis else low + side * (np.arange(count) + 0.5) / count
                    for other, (low, side) in enumerate(zip(self.low, self.sides, strict=True))
                ]
                faces.append(np.stack(np.meshgrid(*along, indexing="ij"), axis=-1).reshape(-1, self.inputs))
        return jnp.asarray(np.concatenate(faces), dtype=float)

    def boundary_weights(self, count: int = 1) -> Array:
        """Share of the boundary that each of `boundary_points(count)` stands for; they sum to 1.

        Args:
            count: as in `boundary_points`.

        Returns:
            `(points,)`, pure numbers.
        """
        faces = np.repeat([self.volume / side for side in self.sides], 2) / self.boundary_measure
        cells = count ** (self.inputs - 1)
        return jnp.asarray(np.repeat(faces / cells, cells), dtype=float)

    def vanishing(self, point: Point) -> Scalar:
        """A smooth function above zero inside that vanishes on the boundary, `Π (x - low)(high - x)`.

        Args:
            point: `(inputs,)`.

        Returns:
            A scalar, in units of the input to the power `2 inputs`; for (-1, 1) it is `1 - x²`.
        """
        factors = [(point[i] - a) * (b - point[i]) for i, (a, b) in enumerate(zip(self.low, self.high, strict=True))]
        return math.prod(factors[1:], start=factors[0])

    @property
    def interior(self) -> Proposal:
        """Uniform numbers stretched to the sides."""
        return Proposal(self.inputs, self.volume, lambda numbers: inside(self.low + np.array(self.sides) * numbers))

    @property
    def boundary(self) -> Proposal:
        """A face by its area, and a point on it."""
        return Proposal(max(self.inputs - 1, 1), self.boundary_measure, self._on_faces)

    def _on_faces(self, numbers: np.ndarray) -> Placed:
        face, left = choose(numbers[:, 0], np.repeat([self.volume / side for side in self.sides], 2))
        rows, axis, end = np.arange(len(face)), face // 2, face % 2
        within = np.concatenate([left[:, None], numbers[:, 1:]], axis=1)
        places = np.empty((len(face), self.inputs))
        normals = np.zeros_like(places)
        for other in range(self.inputs):  # the faces of an axis take the others in turn
            column = np.clip(np.where(other < axis, other, other - 1), 0, within.shape[1] - 1)
            places[:, other] = self.low[other] + self.sides[other] * within[rows, column]
        places[rows, axis] = np.stack(self.bounds, axis=1)[axis, end]
        normals[rows, axis] = 2.0 * end - 1
        return Placed(places, np.ones(len(face), bool), normals, face)

    def _inside(self, points: np.ndarray) -> np.ndarray:
        return np.all((points > self.low) & (points < self.high), axis=1)

    def _signed(self, point: Point) -> Scalar:
        low, high = (jnp.asarray(end, point.dtype) for end in (self.low, self.high))
        depth = jnp.minimum(point - low, high - point)  # to the nearer face of each axis
        nearest = jnp.min(depth)
        return jnp.where(nearest < 0, -safe_norm(jnp.minimum(depth, 0)), nearest)

    def _smooth(self, point: Point) -> Scalar:
        ends = zip(self.low, self.high, strict=True)
        return fold(both, [(point[i] - a) * (b - point[i]) / (b - a) for i, (a, b) in enumerate(ends)])

    def _curves(self, count: int) -> tuple[np.ndarray, ...]:
        (a, c), (b, d) = self.low, self.high
        corners, steps = np.array([[a, c], [b, c], [b, d], [a, d]]), np.arange(-(-count // 4))[:, None] / -(-count // 4)
        edges = [
            start + (end - start) * steps for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True)
        ]
        return (np.concatenate([*edges, corners[:1]]),)


class Lattice(eqx.Module):
    """Evenly spaced points on a box, its faces included; unknowns live at the interior ones.

    On it the sine modes `Π sin(k_a π i_a / N_a)` with `1 ≤ k_a < N_a` are all functions that vanish on the boundary.
    Mode k on an interval of length L has frequency `k / 2L` cycles per unit of the input.

    Args:
        box: the domain.
        intervals: N along each input, at least 2; one number for all.

    Raises:
        InputError: for another number of intervals than inputs, fewer than 2, or more points than fit in memory.

    Example:
        >>> lattice = Lattice(Box(-1, 1), 4)
        >>> lattice.points.ravel().tolist(), lattice.frequencies().tolist()
        ([-0.5, 0.0, 0.5], [0.25, 0.5, 0.75])
    """

    box: Box
    intervals: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, box: Box, intervals: ArrayLike):
        counts = tuple(intervals) if isinstance(intervals, Sequence) else (intervals,) * box.inputs
        for count in counts:
            check_positive(count, "intervals", integer=True)
        if len(counts) != box.inputs or min(counts) < 2:
            raise InputError(f"at least 2 intervals along each of {box.inputs} inputs", f"{counts}")
        if math.prod(counts) > LARGEST:
            raise InputError(f"at most {LARGEST} points", f"{math.prod(counts)}", "Take fewer intervals.")
        self.box, self.intervals = box, tuple(int(count) for count in counts)

    @property
    def shape(self) -> tuple[int, ...]:
        """Interior points along each input."""
        return tuple(count - 1 for count in self.intervals)

    @property
    def spacing(self) -> tuple[float, ...]:
        """Distance of neighbours along each input."""
        return tuple(side / count for side, count in zip(self.box.sides, self.intervals, strict=True))

    @property
    def ticks(self) -> tuple[np.ndarray, ...]:
        """Places along each input, both ends included, in float64 on the host."""
        ends = zip(self.box.low, self.box.high, self.intervals, strict=True)
        return tuple(np.linspace(a, b, count + 1) for a, b, count in ends)

    @property
    def points(self) -> np.ndarray:
        """Interior points, the last input running fastest, `(points, inputs)` in float64 on the host."""
        inner = np.meshgrid(*(ticks[1:-1] for ticks in self.ticks), indexing="ij")
        return np.stack(inner, axis=-1).reshape(-1, self.box.inputs)

    @property
    def modes(self) -> np.ndarray:
        """All sine modes, sorted by frequency, `(modes, inputs)` whole numbers `1 … N - 1`."""
        every = np.array(list(itertools.product(*(range(1, count) for count in self.intervals))))
        return every[np.argsort(self.frequencies(every), kind="stable")]

    def frequencies(self, modes: Any = None) -> np.ndarray:
        """Frequency of sine modes, `½ (Σ (k_a / L_a)²)^½`.

        Args:
            modes: `(modes,)` for one input or `(modes, inputs)`; all by default.

        Returns:
            `(modes,)`, cycles per unit of the input.

        Raises:
            InputError: for modes that the lattice does not have.
        """
        rows = self.modes if modes is None else self.as_modes(modes)
        return 0.5 * np.sqrt(np.sum((rows / np.array(self.box.sides)) ** 2, axis=1))

    def as_modes(self, modes: Any) -> np.ndarray:
        """Modes as `(modes, inputs)` whole numbers, checked.

        Args:
            modes: `(modes,)` for one input or `(modes, inputs)`.

        Returns:
            `(modes, inputs)`.

        Raises:
            InputError: for modes that the lattice does not have.
        """
        rows = np.asarray(modes)
        rows = rows[:, None] if rows.ndim == 1 else rows
        whole = rows.dtype.kind in "iu" and rows.ndim == 2 and rows.size > 0
        if not whole or rows.shape[1] != self.box.inputs or (rows < 1).any() or (rows >= self.intervals).any():
            raise InputError(f"modes as whole numbers from 1 to below {self.intervals}", repr(modes))
        return rows
