"""Polygons in the plane, convex or not."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError
from simplebias.core.types import Array, ArrayLike, Point, Scalar
from simplebias.pde.geometry import Domain, closed, safe_norm
from simplebias.pde.sampling import Placed, Proposal, choose, inside

MOST_VERTICES = 2000
"""Vertices of the largest polygon; each pair of edges is tested once."""


class Polygon(Domain):
    """The points inside a closed line of straight edges that does not cross itself.

    Args:
        vertices: `(vertices, 2)` in order, either way round; the first may be repeated at the end.

    Raises:
        InputError: for fewer than three vertices, an edge of no length, edges that cross or touch, or no area.

    Example:
        >>> arrow = Polygon([[0, 0], [2, 1], [0, 2], [1, 1]])
        >>> arrow.volume, arrow.contains([[0.5, 1.0], [1.5, 1.0]]).tolist()
        (1.0, [False, True])
    """

    vertices: tuple[tuple[float, float], ...] = eqx.field(static=True)

    def __init__(self, vertices: ArrayLike):
        corners = _corners(vertices)
        _check_simple(corners)
        area = _area(corners)
        if abs(area) <= 1e-14 * float(np.prod(np.ptp(corners, axis=0))):
            raise InputError("a polygon with an interior", f"area {area:.3g}", "Take vertices that are not on a line.")
        ordered = corners if area > 0 else corners[::-1]
        self.vertices = tuple((float(x), float(y)) for x, y in ordered)

    @property
    def _corners(self) -> np.ndarray:
        return np.array(self.vertices)

    @property
    def _edges(self) -> np.ndarray:
        return np.roll(self._corners, -1, axis=0) - self._corners

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and greatest of the vertices."""
        return self._corners.min(axis=0), self._corners.max(axis=0)

    @property
    def volume(self) -> float:
        """Area, by half the sum of cross products of neighbouring vertices."""
        return abs(_area(self._corners))

    @property
    def boundary_measure(self) -> float:
        """Sum of the lengths of the edges."""
        return float(np.linalg.norm(self._edges, axis=1).sum())

    @property
    def interior(self) -> Proposal:
        """The rectangle around it, of which the points inside are kept."""
        low, high = self.bounds

        def place(numbers: np.ndarray) -> Placed:
            points = low + (high - low) * numbers
            return inside(points, self._inside(points))

        return Proposal(2, float(np.prod(high - low)), place)

    @property
    def boundary(self) -> Proposal:
        """Along the edges, by length."""
        return Proposal(1, self.boundary_measure, self._along)

    def _along(self, numbers: np.ndarray) -> Placed:
        lengths = np.linalg.norm(self._edges, axis=1)
        edge, left = choose(numbers[:, 0], lengths)
        points = self._corners[edge] + left[:, None] * self._edges[edge]
        outward = np.stack([self._edges[:, 1], -self._edges[:, 0]], axis=1) / lengths[:, None]
        return Placed(points, np.ones(len(edge), bool), outward[edge], edge)

    def _inside(self, points: np.ndarray) -> np.ndarray:
        odd = np.zeros(len(points), bool)
        x, y = points.T
        for (a, b), (c, d) in zip(self._corners, np.roll(self._corners, -1, axis=0), strict=True):
            spans = (b > y) != (d > y)  # a ray to the right meets the edge, if it is there
            odd ^= spans & (x < a + (y - b) * (c - a) / (d - b if d != b else 1.0))
        return odd

    def _signed(self, point: Point) -> Scalar:
        start, edges = (jnp.asarray(one, point.dtype) for one in (self._corners, self._edges))
        lengths = jnp.linalg.norm(edges, axis=1)
        local = point - start
        along = jnp.sum(local * edges, axis=1) / lengths**2
        offsets = local - jnp.clip(along, 0, 1)[:, None] * edges
        nearest = jnp.argmin(jax.lax.stop_gradient(jnp.sum(offsets**2, axis=1)))
        within = (along[nearest] > 0) & (along[nearest] < 1)
        across = _cross(edges[nearest], local[nearest]) / lengths[nearest]  # left of the edge is inside
        to_vertex = safe_norm(offsets[nearest]) * jnp.where(self._holds(point), 1, -1)
        return jnp.where(within, across, to_vertex)

    def _holds(self, point: Point) -> Array:
        """Whether a point is inside, in `jit`."""
        (a, b), (c, d) = self._corners.T, np.roll(self._corners, -1, axis=0).T
        slope = jnp.asarray((c - a) / np.where(d == b, 1.0, d - b), point.dtype)
        a, b, d = (jnp.asarray(one, point.dtype) for one in (a, b, d))
        meets = ((b > point[1]) != (d > point[1])) & (point[0] < a + (point[1] - b) * slope)
        return jnp.sum(meets) % 2 == 1

    def _smooth(self, point: Point) -> Scalar:
        # 2 / Σ (1/r_i + 1/r_(i+1)) tan(α_i / 2), r from the vertices, α the angles that edges are seen at. The sum is
        # the integral of the reciprocal distance over all directions, nearer walls counting more: positive inside and
        # negative outside any simple polygon (Belyaev, Fayolle, Pasko, Signed Lp-distance fields, 2013).
        away = jnp.asarray(self._corners, point.dtype) - point
        following = jnp.roll(away, -1, axis=0)
        radius = jax.vmap(safe_norm)(away)
        radius_next = jnp.roll(radius, -1)
        product, inner = radius * radius_next, jnp.sum(away * following, axis=1)
        cross = _cross(away, following)
        # tan(α/2) = cross / (product + inner) = (product - inner) / cross: take the one that does not cancel.
        wide = inner < 0
        upper = jnp.where(wide, cross, jnp.where(wide, 1.0, product + inner)) * product
        lower = jnp.where(wide, product - inner, cross) * (radius + radius_next)
        # The term is lower / upper; the largest one is divided out, so nothing is divided by zero on an edge.
        size = jnp.abs(lower) / jnp.maximum(jnp.abs(upper), jnp.finfo(point.dtype).tiny)
        largest = jnp.argmax(jax.lax.stop_gradient(size))
        others = jnp.arange(len(self.vertices)) != largest
        rest = jnp.sum(jnp.where(others, lower / jnp.where(others & (upper != 0), upper, 1.0), 0.0))
        bottom = lower[largest] + upper[largest] * rest
        return jnp.where(bottom == 0, 0.0, 2 * upper[largest] / jnp.where(bottom == 0, 1.0, bottom))

    def _curves(self, count: int) -> tuple[np.ndarray, ...]:
        steps = max(count // len(self.vertices), 1)
        places = np.arange(steps)[:, None] / steps
        edges = [start + edge * places for start, edge in zip(self._corners, self._edges, strict=True)]
        return (closed(inside(np.concatenate(edges))),)


def _cross(first: Array, second: Array) -> Array:
    return first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]


def _area(corners: np.ndarray) -> float:
    local = corners - corners.mean(axis=0)
    following = np.roll(local, -1, axis=0)
    return float(0.5 * np.sum(local[:, 0] * following[:, 1] - local[:, 1] * following[:, 0]))


def _corners(vertices: ArrayLike) -> np.ndarray:
    try:
        corners = np.asarray(vertices, float)
    except (TypeError, ValueError):
        raise InputError("vertices as numbers of shape (vertices, 2)", repr(vertices)) from None
    if corners.ndim != 2 or corners.shape[1] != 2 or not np.isfinite(corners).all():
        raise InputError("vertices of shape (vertices, 2), finite", f"shape {corners.shape}, or NaN or infinity")
    if len(corners) > 1 and (corners[0] == corners[-1]).all():
        corners = corners[:-1]
    if not 3 <= len(corners) <= MOST_VERTICES:
        raise InputError(f"from 3 to {MOST_VERTICES} vertices", f"{len(corners)}")
    return corners


def _check_simple(corners: np.ndarray) -> None:
    """Refuse edges of no length, and edges that meet anywhere but at a common vertex."""
    count, following = len(corners), np.roll(corners, -1, axis=0)
    same = np.flatnonzero((corners == following).all(axis=1))
    if len(same):
        raise InputError("vertices that differ from the one before", f"vertex {same[0]} twice", "Leave one out.")
    a, b = corners[:, None], following[:, None]
    c, d = corners[None], following[None]
    sides = [np.sign(_turn(a, b, c)), np.sign(_turn(a, b, d)), np.sign(_turn(c, d, a)), np.sign(_turn(c, d, b))]
    cross = (sides[0] * sides[1] < 0) & (sides[2] * sides[3] < 0)
    touch = ((sides[0] == 0) & _within(a, b, c)) | ((sides[1] == 0) & _within(a, b, d))
    touch |= ((sides[2] == 0) & _within(c, d, a)) | ((sides[3] == 0) & _within(c, d, b))
    gap = (np.arange(count)[None] - np.arange(count)[:, None]) % count
    met = np.argwhere((cross | touch) & (gap > 1) & (gap < count - 1))
    back = np.flatnonzero(
        (_turn(corners, following, np.roll(corners, -2, axis=0)) == 0)
        & (np.sum((following - corners) * (np.roll(corners, -2, axis=0) - following), axis=1) < 0)
    )
    if len(met) or len(back):
        first = met[0] if len(met) else (back[0], (back[0] + 1) % count)
        remedy = "Order the vertices along the boundary; edges may meet at their ends only."
        raise InputError("a polygon whose edges do not cross", f"edges {first[0]} and {first[1]} that meet", remedy)


def _turn(start: np.ndarray, end: np.ndarray, other: np.ndarray) -> np.ndarray:
    one, two = end - start, other - start
    return one[..., 0] * two[..., 1] - one[..., 1] * two[..., 0]


def _within(start: np.ndarray, end: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.all((np.minimum(start, end) <= other) & (other <= np.maximum(start, end)), axis=-1)
