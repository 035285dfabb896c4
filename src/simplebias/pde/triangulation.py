"""Triangles for any domain of two inputs, and finer ones where they are asked for.

Points are set along the outline at even distances, corners included, and inside on a triangular lattice; SciPy joins
them by Delaunay's rule, and points inside move to the middle of their neighbours a few times.
"""

import dataclasses
import itertools

import numpy as np
from scipy.spatial import Delaunay, KDTree

from simplebias.core.errors import InputError
from simplebias.pde.geometry import Domain

CORNER = np.cos(np.deg2rad(20.0))
"""Cosine of the turn of the outline from which on it is a corner."""
FINE = 4000
"""Points of each curve of the outline, on which vertices are set."""
LEAST_SIDES = 12
"""Of a closed curve without corners."""
ROUNDS = 4
"""Times that points inside move."""


@dataclasses.dataclass(frozen=True)
class Triangles:
    """Triangles that fill a domain.

    Args:
        points: `(points, 2)`.
        corners: `(triangles, 3)`, rows of points.
    """

    points: np.ndarray
    corners: np.ndarray

    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """All edges `(edges, 2)`, each once, and of how many triangles each is a side."""
        sides = np.sort(np.concatenate([self.corners[:, pair] for pair in ([0, 1], [1, 2], [0, 2])]), axis=1)
        return np.unique(sides, axis=0, return_counts=True)

    def areas(self) -> np.ndarray:
        """`(triangles,)`."""
        a, b, c = (self.points[self.corners[:, number]] for number in range(3))
        return 0.5 * np.abs((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])


class Outline:
    """The boundary of a domain as fine polygons, to set points on and to draw points onto.

    Args:
        domain: of two inputs.
    """

    def __init__(self, domain: Domain):
        curves = _joined(domain.outline(FINE))
        self.arcs = [arc for curve in curves for arc in _arcs(curve)]
        self.starts = np.concatenate([arc[:-1] for arc in self.arcs])
        self.ends = np.concatenate([arc[1:] for arc in self.arcs])
        self.tree = KDTree(self.starts)

    def vertices(self, size: float) -> np.ndarray:
        """Points along the outline at a distance of at most a size, each once, `(points, 2)`."""
        found = []
        for arc in self.arcs:
            lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(arc, axis=0), axis=1))])
            least = LEAST_SIDES if (arc[0] == arc[-1]).all() else 1
            places = np.linspace(0, lengths[-1], max(int(np.ceil(lengths[-1] / size)), least) + 1)[:-1]
            found.append(np.stack([np.interp(places, lengths, column) for column in arc.T], axis=1))
        return np.concatenate(found)

    def nearest(self, points: np.ndarray) -> np.ndarray:
        """The point of the outline that is nearest to each, `(points, 2)`."""
        near = self.tree.query(points, k=min(4, len(self.starts)))[1].reshape(len(points), -1)
        near = np.concatenate([near, near - 1], axis=1) % len(self.starts)
        start, along = self.starts[near], self.ends[near] - self.starts[near]
        length = np.maximum(np.sum(along**2, axis=2), 1e-300)
        share = np.clip(np.sum((points[:, None] - start) * along, axis=2) / length, 0, 1)
        feet = start + share[..., None] * along
        best = np.argmin(np.sum((feet - points[:, None]) ** 2, axis=2), axis=1)
        return feet[np.arange(len(points)), best]


def triangulate(domain: Domain, size: float, outline: Outline) -> Triangles:
    """Triangles of about a size.

    Args:
        domain: of two inputs.
        size: length of an edge.
        outline: of the domain.

    Returns:
        The triangles; vertices on the outline come first.

    Raises:
        InputError: where they do not follow the outline: two parts of it are nearer to one another than the size.
    """
    edge = outline.vertices(size)
    inner = _hexagonal(domain, size)
    inner = inner[KDTree(outline.starts).query(inner)[0] > 0.6 * size]
    triangles = _joined_up(domain, edge, inner, size)
    for _ in range(ROUNDS):
        sides, _ = triangles.edges()
        total = np.zeros_like(triangles.points)
        count = np.zeros(len(triangles.points))
        for one, other in ((0, 1), (1, 0)):
            np.add.at(total, sides[:, one], triangles.points[sides[:, other]])
            np.add.at(count, sides[:, one], 1)
        moved = total[len(edge) :] / np.maximum(count[len(edge) :], 1)[:, None]
        triangles = _joined_up(domain, edge, np.where(count[len(edge) :, None] > 0, moved, inner), size)
        inner = triangles.points[len(edge) :]
    sides, times = triangles.edges()
    bound = sides[times == 1]
    if len(bound) != len(edge) or (bound >= len(edge)).any():
        got = f"size {size:.3g} on {type(domain).__name__}"
        raise InputError("triangles that follow the outline", got, "Take a smaller size= than the gaps of the domain.")
    return triangles


def _joined_up(domain: Domain, edge: np.ndarray, inner: np.ndarray, size: float) -> Triangles:
    points = np.concatenate([edge, inner])
    triangles = Triangles(points, Delaunay(points).simplices)
    keep = domain._inside(points[triangles.corners].mean(axis=1)) & (triangles.areas() > 1e-6 * size**2)
    return Triangles(points, triangles.corners[keep])


def _hexagonal(domain: Domain, size: float) -> np.ndarray:
    low, high = domain.bounds
    rows = np.arange(low[1], high[1] + size, size * np.sqrt(3) / 2)
    columns = np.arange(low[0], high[0] + size, size)
    x, y = np.meshgrid(columns, rows)
    x = x + np.where(np.arange(len(rows)) % 2, size / 2, 0.0)[:, None]
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    return points[domain._inside(points)]


def _joined(pieces: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    """Closed curves from pieces: an end is joined to the start or end of another that is nearest to it."""
    closed = [one for one in pieces if (one[0] == one[-1]).all()]
    pieces_left = [one for one in pieces if not (one[0] == one[-1]).all()]
    while pieces_left:
        chain = [pieces_left.pop(0)]
        while True:
            end, start = chain[-1][-1], chain[0][0]
            away = [min(np.linalg.norm(end - one[0]), np.linalg.norm(end - one[-1])) for one in pieces_left]
            if not away or np.linalg.norm(end - start) <= min(away):
                break
            following = pieces_left.pop(int(np.argmin(away)))
            forward = np.linalg.norm(end - following[0]) <= np.linalg.norm(end - following[-1])
            chain.append(following if forward else following[::-1])
        corners = [_corner(one[-2:], other[1::-1]) for one, other in zip(chain, [*chain[1:], chain[0]], strict=True)]
        parts = [part for one, corner in zip(chain, corners, strict=True) for part in (one, corner[None])]
        closed.append(np.concatenate([*parts, chain[0][:1]]))
    return closed


def _corner(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Where the last segment of a piece and the first of the next meet when they are made longer."""
    directions = np.stack([before[1] - before[0], -(after[1] - after[0])], axis=1)
    middle = (before[1] + after[1]) / 2
    if abs(np.linalg.det(directions)) < 0.1 * np.prod(np.linalg.norm(directions, axis=0)):
        return middle
    point = before[0] + np.linalg.solve(directions, after[0] - before[0])[0] * directions[:, 0]
    step = np.linalg.norm(directions, axis=0).max()
    return point if np.linalg.norm(point - middle) < 4 * step else middle


def _arcs(curve: np.ndarray) -> list[np.ndarray]:
    """A closed curve cut at its corners."""
    steps = np.linalg.norm(np.diff(curve, axis=0), axis=1)
    ring = curve[:-1][steps > 0.1 * np.median(steps)]  # the end of a piece may lie on the corner, to rounding
    ahead = np.roll(ring, -1, axis=0) - ring
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    corners = np.flatnonzero(np.sum(ahead * np.roll(ahead, 1, axis=0), axis=1) < CORNER)
    if len(corners) == 0:
        return [np.concatenate([ring, ring[:1]])]
    ring = np.roll(ring, -corners[0], axis=0)
    cuts = [*(corners - corners[0]), len(ring)]
    ring = np.concatenate([ring, ring[:1]])
    return [ring[start : end + 1] for start, end in itertools.pairwise(cuts)]


__all__ = ["Outline", "Triangles", "triangulate"]
