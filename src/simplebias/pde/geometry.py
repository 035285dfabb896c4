"""What every domain can be asked: what lies inside, how far the boundary is, and points inside and on the boundary.

A new shape is a subclass that says its bounds, what is inside, two distances, and how uniform numbers are spread over
it (`simplebias.pde.sampling`); drawing, measures and combinations with others follow.
"""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, as_array, check_positive
from simplebias.core.types import Array, ArrayLike, Key, Point, Points, Scalar
from simplebias.pde.sampling import BoundaryPoints, Placed, Proposal, draw, draw_by, host_points


class Domain(eqx.Module):
    """Base of all domains: an open set of points with a boundary, in any number of inputs.

    Distances are positive inside, negative outside and zero on the boundary, so `∇distance = -normal` there. They are
    written for one point, for use in `jit`, `vmap` and `grad`; everything else happens on the host in float64.
    """

    @property
    @abc.abstractmethod
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Low and high ends along each input of a box that the domain lies in, `(inputs,)` each."""

    @property
    @abc.abstractmethod
    def volume(self) -> float:
        """Length, area, volume … of the interior."""

    @property
    @abc.abstractmethod
    def boundary_measure(self) -> float:
        """Number of ends, length, area … of the boundary, holes included."""

    @property
    @abc.abstractmethod
    def interior(self) -> Proposal:
        """How uniform numbers are spread over the interior."""

    @property
    @abc.abstractmethod
    def boundary(self) -> Proposal:
        """How uniform numbers are spread over the boundary."""

    @abc.abstractmethod
    def _inside(self, points: np.ndarray) -> np.ndarray:
        """Which of `(points, inputs)` are inside, in float64 on the host."""

    @abc.abstractmethod
    def _signed(self, point: Point) -> Scalar:
        """Signed distance, of a point that was checked."""

    @abc.abstractmethod
    def _smooth(self, point: Point) -> Scalar:
        """Smooth distance, of a point that was checked."""

    @abc.abstractmethod
    def _curves(self, count: int) -> tuple[np.ndarray, ...]:
        """The boundary of a domain of two inputs as curves of about so many points."""

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        return len(self.bounds[0])

    def contains(self, points: ArrayLike) -> np.ndarray:
        """Which points lie inside; a point on the boundary may count as either, by a rounding error.

        Args:
            points: `(points, inputs)`, or `(points,)` for one input.

        Returns:
            `(points,)`, of bool. Inside `jit` ask `signed_distance(point) > 0` instead.

        Raises:
            InputError: for points of another number of inputs, or not finite ones.
        """
        return self._inside(host_points(points, self.inputs))

    def signed_distance(self, point: ArrayLike) -> Scalar:
        """Distance to the boundary, positive inside and negative outside.

        Exact for boxes, balls, ellipsoids and polygons, inside differences and intersections and outside unions of
        them; elsewhere about combinations its sign is right and its modulus at most the distance. Not differentiable
        where two points of the boundary are equally near; for a factor of a network take `smooth_distance`.

        Args:
            point: `(inputs,)`.

        Returns:
            A scalar, in units of the input.

        Raises:
            InputError: for a point of another shape.
        """
        return self._signed(self._point(point))

    def smooth_distance(self, point: ArrayLike) -> Scalar:
        """A smooth function that vanishes exactly on the boundary with slope one, positive inside, negative outside.

        For a hard boundary condition, `HardBoundary(network, factor=domain.smooth_distance)`. It equals the signed
        distance to first order at the boundary, farther inside it does not. It is infinitely often differentiable but
        at corners, where several smooth pieces of the boundary meet and second derivatives grow without bound; along a
        face that members of a combination share its slope is another.

        Args:
            point: `(inputs,)`.

        Returns:
            A scalar, in units of the input.

        Raises:
            InputError: for a point of another shape.
        """
        return self._smooth(self._point(point))

    def sample(self, count: int, *, key: Key, method: str = "halton") -> Points:
        """Points of the interior, evenly spread.

        Args:
            count: how many, exactly.
            key: random key; the same key gives the same points.
            method: `halton` or `sobol`, scrambled low-discrepancy sequences, or `uniform`, independent points.

        Returns:
            `(count, inputs)`.

        Raises:
            InputError: for an unknown method, or more points than can be found by rejection.
        """
        return _out(draw(self.interior, count, key=key, method=method).points)

    def sample_boundary(self, count: int, *, key: Key, method: str = "halton") -> BoundaryPoints:
        """Points of the boundary, evenly spread over its length or area, with the normals out of the domain.

        Args:
            count: how many, exactly.
            key: random key; the same key gives the same points.
            method: as in `sample`.

        Returns:
            Points, normals, and the part of the boundary that each lies on.

        Raises:
            InputError: for an unknown method, or more points than can be found by rejection.
        """
        placed = draw(self.boundary, count, key=key, method=method)
        return BoundaryPoints(_out(placed.points), _out(placed.normals), jnp.asarray(placed.parts, dtype=int))

    def sample_by(
        self,
        density: Callable[[Array], ArrayLike],
        count: int,
        *,
        key: Key,
        power: float | int = 1,
        floor: float | int = 1,
        candidates: int = 10,
        method: str = "halton",
    ) -> Points:
        """Points of the interior, denser where a density such as the modulus of a residual is large.

        They are drawn without repetition from evenly spread candidates with chances `d^power / mean(d^power) + floor`.
        A mean over them is no integral over the domain.

        Args:
            density: function of `(points, inputs)` that gives `(points,)` numbers not below zero.
            count: how many points, exactly.
            key: random key; the same key gives the same points.
            power: how strongly the density counts; 0 for not at all.
            floor: chance where the density is zero, against the mean of the others.
            candidates: how many times `count` candidates the density is asked at; the more, the nearer to the density.
            method: of the candidates, as in `sample`.

        Returns:
            `(count, inputs)`.

        Raises:
            InputError: for a density that is not finite, negative or zero nearly everywhere, and as in `sample`.

        References:
            Wu, Zhu, Tan, Kartha, Lu, arXiv:2207.10289.
        """
        check_positive(candidates, "candidates", integer=True)
        check_positive(count, "count", integer=True)
        pool = draw(self.interior, count * candidates, key=key, method=method).points
        return _out(pool[draw_by(density, pool, count, key=key, power=power, floor=floor)])

    def outline(self, count: int = 400) -> tuple[np.ndarray, ...]:
        """Curves along the boundary of a domain of two inputs, to be drawn.

        Args:
            count: points of each curve, about; the ends of a piece of a combination are right to one step.

        Returns:
            Curves `(points, 2)`, float64; the first point of a closed curve is its last again.

        Raises:
            InputError: unless the domain has two inputs.
        """
        check_positive(count, "count", integer=True)
        if self.inputs != 2:
            raise InputError("a domain of two inputs to draw", f"{self.inputs}", "Draw a section of it.")
        return self._curves(max(count, 8))

    def _point(self, point: ArrayLike) -> Array:
        array = as_array(point, "point")
        if array.shape != (self.inputs,):
            remedy = "Take jax.vmap for many points."
            raise InputError(f"one point of shape ({self.inputs},)", f"shape {array.shape}", remedy)
        return array

    def __or__(self, other: "Domain") -> Any:
        """The union."""
        return _combinations().Union(self, other)

    def __and__(self, other: "Domain") -> Any:
        """The intersection."""
        return _combinations().Intersection(self, other)

    def __sub__(self, other: "Domain") -> Any:
        """The domain with another as a hole."""
        return _combinations().Difference(self, other)


def closed(placed: Placed) -> np.ndarray:
    """The points of a closed curve, with the first again at the end."""
    return np.concatenate([placed.points, placed.points[:1]])


def safe_norm(vector: Array) -> Scalar:
    """Euclidean norm with the derivative zero at the origin, where it has none."""
    square = jnp.sum(vector**2)
    positive = square > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1.0)), 0.0)


def numbers(values: ArrayLike, name: str) -> tuple[float, ...]:
    """One finite number for each input, checked."""
    try:
        array = np.atleast_1d(np.asarray(values, float))
    except (TypeError, ValueError):
        raise InputError(f"{name} as numbers", repr(values)) from None
    if array.ndim != 1 or not np.isfinite(array).all():
        raise InputError(f"{name} as finite numbers, one for each input", repr(values))
    return tuple(array.tolist())


def _out(points: np.ndarray) -> Array:
    return jnp.asarray(points, dtype=float)


def _combinations() -> Any:
    from simplebias.pde import combinations  # it is made of domains

    return combinations
