"""Domains made of domains: unions, intersections, and domains with holes.

Points are drawn in members and kept where the combination has them. A point of a member's boundary is one of the
combination's where a step to one side lies in it and a step to the other does not, which also gives its normal.
"""

import abc
import functools
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError
from simplebias.core.types import Point, Scalar
from simplebias.pde.domains import Box
from simplebias.pde.geometry import Domain
from simplebias.pde.rfunctions import both, either, fold
from simplebias.pde.sampling import LEAST, Measured, Placed, Proposal, choose, cube, inside, keeps_any, measure
from simplebias.pde.shapes import Ball, Ellipsoid

STEP = 1e-8
"""Step to both sides of a boundary that tells where the domain lies, in parts of its size."""


class Combination(Domain):
    """Base of domains made of others. Measures are exact where members do not meet, else estimates with errors."""

    members: eqx.AbstractVar[tuple[Domain, ...]]

    @property
    @abc.abstractmethod
    def exact(self) -> tuple[float, float] | None:
        """Volume and measure of the boundary where they follow from those of the members."""

    @abc.abstractmethod
    def _join(self, masks: Sequence[np.ndarray]) -> np.ndarray:
        """What is inside, from what is inside each member."""

    @property
    def volume(self) -> float:
        """Exact where members do not meet, else an estimate from 32768 points; `volume_error` says how good."""
        return _measures(self)[0].value

    @property
    def volume_error(self) -> float:
        """Standard error of the volume, 0 where it is exact."""
        return _measures(self)[0].error

    @property
    def boundary_measure(self) -> float:
        """Exact where members do not meet, else an estimate from 32768 points; `boundary_error` says how good."""
        return _measures(self)[1].value

    @property
    def boundary_error(self) -> float:
        """Standard error of the measure of the boundary, 0 where it is exact."""
        return _measures(self)[1].error

    @property
    def boundary(self) -> Proposal:
        """The boundaries of the members, of which the parts that bound the combination are kept."""
        proposals = [member.boundary for member in self.members]
        weights = [one.measure for one in proposals]

        def place(numbers: np.ndarray) -> Placed:
            which, placed = _place_in(proposals, weights, numbers)
            kept, outward = self._bounding(placed.points, placed.normals, which)
            return Placed(placed.points, placed.kept & kept, outward, which)

        return Proposal(max(one.coordinates for one in proposals), sum(weights), place)

    def _bounding(
        self, points: np.ndarray, normals: np.ndarray, which: np.ndarray, *, first: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """Which points of members' boundaries bound the combination, each once, and the normals out of it."""
        low, high = self.bounds
        step = STEP * float(np.linalg.norm(high - low)) * normals
        behind = [member._inside(points - step) for member in self.members]
        ahead = [member._inside(points + step) for member in self.members]
        inner, outer = self._join(behind), self._join(ahead)
        kept = inner != outer
        for number in range(len(self.members) - 1 if first else 0):  # a face that members share belongs to the first
            kept &= (which <= number) | (behind[number] == ahead[number])
        return kept, np.where(outer[:, None], -normals, normals)

    def _inside(self, points: np.ndarray) -> np.ndarray:
        return self._join([member._inside(points) for member in self.members])

    def _curves(self, count: int) -> tuple[np.ndarray, ...]:
        curves = []
        for number, member in enumerate(self.members):
            for curve in member._curves(count):
                curves += self._cut(curve, number)
        return tuple(curves)

    def _cut(self, curve: np.ndarray, number: int) -> list[np.ndarray]:
        """The pieces of a curve along a member's boundary that bound the combination."""
        ring = bool((curve[0] == curve[-1]).all())
        points = curve[:-1] if ring else curve
        tangents = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
        if not ring:
            tangents[0], tangents[-1] = points[1] - points[0], points[-1] - points[-2]
        normals = np.stack([tangents[:, 1], -tangents[:, 0]], axis=1)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), LEAST)
        kept = self._bounding(points, normals, np.full(len(points), number))[0]
        if kept.all():
            return [curve]
        if ring:  # begin where something is left out, so that no piece goes over the end
            turn = int(np.argmin(kept))
            points, kept = np.roll(points, -turn, axis=0), np.roll(kept, -turn)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], kept, [False]]).astype(int))).reshape(-1, 2)
        return [points[start:end] for start, end in edges if end - start > 1]


class Union(Combination):
    """All points that lie in at least one of the members.

    Members are to overlap or to lie apart: where they only touch along a face, `smooth_distance` would vanish on it.

    Args:
        members: domains of as many inputs.

    Raises:
        InputError: unless all are domains of as many inputs, or where two only touch along a face.

    Example:
        >>> dumbbell = Union(Ball([-1, 0], 0.5), Ball([1, 0], 0.5), Box([-1, -0.1], [1, 0.1]))
        >>> dumbbell.contains([[0, 0], [0, 0.2]]).tolist()
        [True, False]
    """

    members: tuple[Domain, ...]

    def __init__(self, *members: Domain):
        self.members = _members(members)
        _refuse_touching(self)

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and greatest of those of the members."""
        lows, highs = zip(*(member.bounds for member in self.members), strict=True)
        return np.min(lows, axis=0), np.max(highs, axis=0)

    @property
    def exact(self) -> tuple[float, float] | None:
        """The sums, where the bounds of the members do not meet."""
        return _sums(self.members) if _apart(self.members) else None

    @property
    def interior(self) -> Proposal:
        """A member by its volume and a point in it, kept unless an earlier member has it too."""
        proposals = [member.interior for member in self.members]
        weights = [one.measure for one in proposals]

        def place(numbers: np.ndarray) -> Placed:
            which, placed = _place_in(proposals, weights, numbers)
            kept = placed.kept
            for number, member in enumerate(self.members[:-1]):
                kept = kept & ((which <= number) | ~member._inside(placed.points))
            return inside(placed.points, kept)

        return Proposal(max(one.coordinates for one in proposals), sum(weights), place)

    def _join(self, masks: Sequence[np.ndarray]) -> np.ndarray:
        return np.any(masks, axis=0)

    def _signed(self, point: Point) -> Scalar:
        return fold(jnp.maximum, [member._signed(point) for member in self.members])

    def _smooth(self, point: Point) -> Scalar:
        return fold(either, [member._smooth(point) for member in self.members])


class Intersection(Combination):
    """All points that lie in all of the members.

    Args:
        members: domains of as many inputs.

    Raises:
        InputError: unless all are domains of as many inputs that have points in common.

    Example:
        >>> lens = Intersection(Ball([-0.5, 0], 1), Ball([0.5, 0], 1))
        >>> float(lens.signed_distance([0.0, 0.0])), abs(lens.volume - 1.2284) < 5 * lens.volume_error
        (0.5, True)
    """

    members: tuple[Domain, ...]

    def __init__(self, *members: Domain):
        self.members = _members(members)
        low, high = self.bounds
        _check_interior(self if (low < high).all() else None)

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Greatest low and least high ends of the members."""
        lows, highs = zip(*(member.bounds for member in self.members), strict=True)
        return np.max(lows, axis=0), np.min(highs, axis=0)

    @property
    def exact(self) -> tuple[float, float] | None:
        """None: an estimate is made."""
        return _sums(self.members) if len(self.members) == 1 else None

    @property
    def interior(self) -> Proposal:
        """The smallest member, or the box that the bounds have in common where that is smaller."""
        low, high = self.bounds
        proposals = [Box(low, high).interior, *(member.interior for member in self.members)]
        smallest = min(proposals, key=lambda one: one.measure)

        def place(numbers: np.ndarray) -> Placed:
            placed = smallest.place(numbers)
            return inside(placed.points, placed.kept & self._inside(placed.points))

        return Proposal(smallest.coordinates, smallest.measure, place)

    def _join(self, masks: Sequence[np.ndarray]) -> np.ndarray:
        return np.all(masks, axis=0)

    def _signed(self, point: Point) -> Scalar:
        return fold(jnp.minimum, [member._signed(point) for member in self.members])

    def _smooth(self, point: Point) -> Scalar:
        return fold(both, [member._smooth(point) for member in self.members])


class Difference(Combination):
    """A domain less holes; normals on their boundaries point into the holes, out of the domain.

    Args:
        outer: the domain.
        holes: what is taken out of it; holes may meet, and may reach over the boundary.

    Raises:
        InputError: unless all are domains of as many inputs and something is left.

    Example:
        >>> import jax
        >>> ring = Difference(Ball([0, 0], 2), Ball([0, 0], 1))
        >>> edge = ring.sample_boundary(64, key=jax.random.key(0))
        >>> inner = edge.parts == 1
        >>> bool(jnp.allclose(edge.normals[inner], -edge.points[inner], atol=1e-6))
        True
    """

    outer: Domain
    holes: tuple[Domain, ...]

    def __init__(self, outer: Domain, *holes: Domain):
        self.outer, *rest = _members((outer, *holes))
        self.holes = tuple(rest)
        _check_interior(self)

    @property
    def members(self) -> tuple[Domain, ...]:
        """The outer domain and its holes."""
        return (self.outer, *self.holes)

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Those of the outer domain."""
        return self.outer.bounds

    @property
    def exact(self) -> tuple[float, float] | None:
        """From those of outer domain and holes, where the bounds of holes lie apart and in the outer box or ball."""
        if not _apart(self.holes) or not all(_encloses(self.outer, hole) for hole in self.holes):
            return None
        within, sums = _sums((self.outer,)), _sums(self.holes)
        return None if within is None or sums is None else (within[0] - sums[0], within[1] + sums[1])

    @property
    def interior(self) -> Proposal:
        """The outer domain, of which what lies in no hole is kept."""
        proposal = self.outer.interior

        def place(numbers: np.ndarray) -> Placed:
            placed = proposal.place(numbers)
            kept = placed.kept
            for hole in self.holes:
                kept = kept & ~hole._inside(placed.points)
            return inside(placed.points, kept)

        return Proposal(proposal.coordinates, proposal.measure, place)

    def _join(self, masks: Sequence[np.ndarray]) -> np.ndarray:
        return masks[0] & ~np.any(masks[1:], axis=0) if len(masks) > 1 else masks[0]

    def _signed(self, point: Point) -> Scalar:
        return fold(jnp.minimum, [self.outer._signed(point), *(-hole._signed(point) for hole in self.holes)])

    def _smooth(self, point: Point) -> Scalar:
        return fold(both, [self.outer._smooth(point), *(-hole._smooth(point) for hole in self.holes)])


@functools.lru_cache(maxsize=64)
def _measures(domain: Combination) -> tuple[Measured, Measured]:
    if domain.exact is not None:
        return Measured(domain.exact[0], 0.0), Measured(domain.exact[1], 0.0)
    return measure(domain.interior), measure(domain.boundary)


def _place_in(
    proposals: Sequence[Proposal], weights: Sequence[float], numbers: np.ndarray
) -> tuple[np.ndarray, Placed]:
    """A member by its weight, and a place in it from what is left of the uniform numbers."""
    which, left = choose(numbers[:, 0], weights)
    rest = np.concatenate([left[:, None], numbers[:, 1:]], axis=1)
    rows = [np.flatnonzero(which == number) for number in range(len(proposals))]
    pieces = [one.place(rest[at, : one.coordinates]) for one, at in zip(proposals, rows, strict=True)]
    order = np.argsort(np.concatenate(rows), kind="stable")
    return which, Placed(*(np.concatenate(fields)[order] for fields in zip(*pieces, strict=True)))


def _members(members: Sequence[Any]) -> tuple[Domain, ...]:
    for member in members:
        if not isinstance(member, Domain):
            raise InputError("domains as members", repr(member), "Take a Box, a Ball, a Polygon ….")
    if not members or len({member.inputs for member in members}) != 1:
        got = f"{[member.inputs for member in members]} inputs"
        raise InputError("domains of as many inputs, at least one", got)
    return tuple(members)


def _check_interior(domain: Combination | None) -> None:
    if domain is None or keeps_any(domain.interior) == 0:
        got = "members whose bounds do not meet" if domain is None else "none of 65536 points inside"
        raise InputError("a domain with an interior", got, "Move the members, or make the holes smaller.")


def _refuse_touching(domain: Union) -> None:
    """Faces that two members share from both sides, of points that no member has."""
    for number, member in enumerate(domain.members):
        boundary = member.boundary
        placed = boundary.place(cube(boundary.coordinates, 128))
        bounding = domain._bounding(placed.points, placed.normals, np.full(128, number), first=False)[0]
        within = placed.kept & ~bounding & ~domain._inside(placed.points)
        if np.count_nonzero(within) > 1:  # one may be a point where boundaries cross
            remedy = "Let them overlap, or take one polygon around both."
            raise InputError("members that overlap or lie apart", f"member {number} that touches another", remedy)


def _apart(members: Sequence[Domain]) -> bool:
    bounds = [member.bounds for member in members]
    pairs = [(one, two) for number, one in enumerate(bounds) for two in bounds[:number]]
    return all(bool(((one[1] < two[0]) | (two[1] < one[0])).any()) for one, two in pairs)


def _encloses(outer: Domain, hole: Domain) -> bool:
    """Whether an outer box, ball or ellipsoid surely has the whole hole inside, by the bounds of the hole."""
    low, high = hole.bounds
    if isinstance(outer, Box):
        return bool((low > outer.bounds[0]).all() and (high < outer.bounds[1]).all())
    if isinstance(outer, Ball | Ellipsoid):  # the corner farthest from the centre
        corner = np.maximum(np.abs(low - outer.centre), np.abs(high - outer.centre))
        return bool(outer._inside((outer.centre + corner)[None])[0])
    return False


def _sums(members: Sequence[Domain]) -> tuple[float, float] | None:
    if any(isinstance(member, Combination) and member.exact is None for member in members):
        return None
    return sum(member.volume for member in members), sum(member.boundary_measure for member in members)
