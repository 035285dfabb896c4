"""Round domains: balls and ellipsoids in any number of inputs, with all measures in closed form or by one integral."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import quad
from scipy.special import ellipe, elliprg, gammaln

from simplebias.core.errors import InputError, check_positive
from simplebias.core.types import Array, ArrayLike, Point, Scalar
from simplebias.pde.geometry import Domain, closed, numbers, safe_norm
from simplebias.pde.sampling import Placed, Proposal, in_ball, inside, on_sphere, sphere_coordinates


class Ball(Domain):
    """An interval, a disc, a ball …: all points nearer to the centre than the radius.

    Args:
        centre: one number for each input.
        radius: above zero.

    Raises:
        InputError: unless the centre is finite and the radius a finite number above zero.

    Example:
        >>> disc = Ball([0, 0], 1)
        >>> round(disc.volume, 4), round(disc.boundary_measure, 4), float(disc.signed_distance([0.0, 3.0]))
        (3.1416, 6.2832, -2.0)
        >>> import jax
        >>> disc.sample(100, key=jax.random.key(0)).shape
        (100, 2)
    """

    centre: tuple[float, ...] = eqx.field(static=True)
    radius: float = eqx.field(static=True)

    def __init__(self, centre: ArrayLike, radius: float | int):
        check_positive(radius, "radius")
        self.centre, self.radius = numbers(centre, "centre"), float(radius)
        _check_inputs(self.centre, "centre")

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Centre less and plus radius."""
        return np.array(self.centre) - self.radius, np.array(self.centre) + self.radius

    @property
    def volume(self) -> float:
        """`π^(d/2) r^d / Γ(d/2 + 1)`."""
        return _unit_ball(self.inputs) * self.radius**self.inputs

    @property
    def boundary_measure(self) -> float:
        """`2 π^(d/2) r^(d-1) / Γ(d/2)`."""
        return self.inputs * _unit_ball(self.inputs) * self.radius ** (self.inputs - 1)

    @property
    def interior(self) -> Proposal:
        """By the share of the volume within a radius, and a direction."""
        coordinates = 1 if self.inputs == 1 else 1 + sphere_coordinates(self.inputs)
        return Proposal(
            coordinates, self.volume, lambda numbers: inside(self.centre + self.radius * in_ball(numbers, self.inputs))
        )

    @property
    def boundary(self) -> Proposal:
        """By directions."""
        return Proposal(sphere_coordinates(self.inputs), self.boundary_measure, self._on_boundary)

    def _on_boundary(self, numbers: np.ndarray) -> Placed:
        normals = on_sphere(numbers, self.inputs)
        flags, parts = np.ones(len(normals), bool), np.zeros(len(normals), int)
        return Placed(self.centre + self.radius * normals, flags, normals, parts)

    def _inside(self, points: np.ndarray) -> np.ndarray:
        return np.sum((points - self.centre) ** 2, axis=1) < self.radius**2

    def _signed(self, point: Point) -> Scalar:
        return self.radius - safe_norm(point - jnp.asarray(self.centre, point.dtype))

    def _smooth(self, point: Point) -> Scalar:
        square = jnp.sum((point - jnp.asarray(self.centre, point.dtype)) ** 2)
        return (self.radius**2 - square) / (2 * self.radius)

    def _curves(self, count: int) -> tuple[np.ndarray, ...]:
        return (closed(self._on_boundary(np.arange(count)[:, None] / count)),)


class Ellipsoid(Domain):
    """An ellipse, an ellipsoid …: `Σ ((x_i - c_i) / a_i)² < 1`, with axes along the inputs.

    Args:
        centre: c, one number for each input.
        semi_axes: a, as many numbers above zero.

    Raises:
        InputError: unless the centre is finite and there are as many finite semi-axes above zero.

    Example:
        >>> ellipse = Ellipsoid([0, 0], [2, 1])
        >>> round(ellipse.volume, 4), round(ellipse.boundary_measure, 4)
        (6.2832, 9.6884)
        >>> round(float(ellipse.signed_distance([3.0, 0.0])), 4)
        -1.0
    """

    centre: tuple[float, ...] = eqx.field(static=True)
    semi_axes: tuple[float, ...] = eqx.field(static=True)

    def __init__(self, centre: ArrayLike, semi_axes: ArrayLike):
        self.centre, self.semi_axes = numbers(centre, "centre"), numbers(semi_axes, "semi_axes")
        _check_inputs(self.centre, "centre")
        if len(self.semi_axes) != len(self.centre) or min(self.semi_axes) <= 0:
            raise InputError(f"{len(self.centre)} semi_axes above zero, as many as the centre has", f"{self.semi_axes}")

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Centre less and plus semi-axes."""
        return np.array(self.centre) - self.semi_axes, np.array(self.centre) + self.semi_axes

    @property
    def volume(self) -> float:
        """`π^(d/2) Π a_i / Γ(d/2 + 1)`."""
        return _unit_ball(self.inputs) * math.prod(self.semi_axes)

    @property
    def boundary_measure(self) -> float:
        """By complete elliptic integrals for two and three inputs, else by one integral to 1e-10 (`surface_area`)."""
        axes = sorted(self.semi_axes)
        if self.inputs == 1:
            return 2.0
        if self.inputs == 2:
            return float(4 * axes[1] * ellipe(1 - (axes[0] / axes[1]) ** 2))
        if self.inputs == 3:
            a, b, c = axes
            return float(4 * np.pi * elliprg((a * b) ** 2, (a * c) ** 2, (b * c) ** 2))
        return surface_area(self.semi_axes)

    @property
    def interior(self) -> Proposal:
        """A ball, stretched."""
        coordinates = 1 if self.inputs == 1 else 1 + sphere_coordinates(self.inputs)
        axes = np.array(self.semi_axes)
        return Proposal(
            coordinates, self.volume, lambda numbers: inside(self.centre + axes * in_ball(numbers, self.inputs))
        )

    @property
    def boundary(self) -> Proposal:
        """A sphere, stretched: of the points of s the share `a_min |s / a|` is kept, by which the area grows there."""
        sphere = self.inputs * _unit_ball(self.inputs)
        spread = sphere * math.prod(self.semi_axes) / min(self.semi_axes)
        return Proposal(1 + sphere_coordinates(self.inputs), spread, self._on_boundary)

    def _on_boundary(self, numbers: np.ndarray) -> Placed:
        unit = on_sphere(numbers[:, 1:], self.inputs)
        across = unit / self.semi_axes
        growth = np.linalg.norm(across, axis=1)
        kept = numbers[:, 0] < growth * min(self.semi_axes)
        points = self.centre + np.array(self.semi_axes) * unit
        return Placed(points, kept, across / growth[:, None], np.zeros(len(unit), int))

    def _inside(self, points: np.ndarray) -> np.ndarray:
        return np.sum(((points - self.centre) / self.semi_axes) ** 2, axis=1) < 1

    def _signed(self, point: Point) -> Scalar:
        axes = jnp.asarray(self.semi_axes, point.dtype)
        return ellipsoid_distance(point - jnp.asarray(self.centre, point.dtype), axes, int(np.argmin(self.semi_axes)))

    def _smooth(self, point: Point) -> Scalar:
        axes = jnp.asarray(self.semi_axes, point.dtype)
        local = (point - jnp.asarray(self.centre, point.dtype)) / axes
        level = 1 - jnp.sum(local**2)
        slope = 4 * jnp.sum((local / axes) ** 2)  # of the level, squared; zero at the centre
        return level / jnp.sqrt((level / min(self.semi_axes)) ** 2 + slope)

    def _curves(self, count: int) -> tuple[np.ndarray, ...]:
        return (closed(self._on_boundary(np.stack([np.zeros(count), np.arange(count) / count], axis=1))),)


def ellipsoid_distance(local: Array, axes: Array, smallest: int) -> Scalar:
    """Exact signed distance of a point from the centre of an ellipsoid, with exact first and second derivatives.

    The nearest point of the boundary is `a_i² x_i / (t + a_i²)` with the largest root t of
    `G(t) = Σ (a_i x_i / (t + a_i²))² - 1`, and the distance is `-t |x_i / (t + a_i²)|`, which is smooth through the
    boundary at t = 0. With s = t + a_min², G is convex and falls for s > 0, and a bisection finds its root; two steps
    of Newton after it, through which derivatives go, have the first three of them right.

    Args:
        local: point less centre, `(inputs,)`.
        axes: semi-axes a, `(inputs,)`.
        smallest: which of them is smallest.

    Returns:
        The distance, positive inside.
    """
    unit = axes[smallest]
    shift = ((axes / unit) ** 2) - 1
    scaled = local / unit
    # The plane through the centre that has two nearest points is stepped off by less than rounding can tell.
    square = (scaled**2).at[smallest].add(jnp.finfo(local.dtype).eps ** 2)
    weighted = square * (axes / unit) ** 2

    def level(root: Scalar, weighted: Array) -> Scalar:
        return jnp.sum(weighted / (root + shift) ** 2) - 1

    def halve(_: Any, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        middle = jnp.sqrt(ends[0] * ends[1])
        low = level(middle, held) >= 0
        return jnp.where(low, middle, ends[0]), jnp.where(low, ends[1], middle)

    held = jax.lax.stop_gradient(weighted)
    start = jnp.sqrt(held[smallest]), jnp.sqrt(jnp.sum(held))
    root = jax.lax.fori_loop(0, 40, halve, start)[0]
    for _ in range(2):
        root = root + level(root, weighted) / (2 * jnp.sum(weighted / (root + shift) ** 3))
    return -unit * (root - 1) * jnp.sqrt(jnp.sum(square / (root + shift) ** 2))


def surface_area(semi_axes: ArrayLike) -> float:
    """Area of an ellipsoid in any number of inputs, `Π a_i |S^(d-1)| E|s / a|` over the unit sphere.

    With Gaussian g in place of s, `E|g / a| = ∫ (1 - Π (1 + 2t/a_i²)^(-½)) t^(-3/2) dt / (2 π^½)` and
    `E|g| = 2^½ Γ((d+1)/2) / Γ(d/2)`: one integral, whatever the number of inputs.

    Args:
        semi_axes: a, numbers above zero.

    Returns:
        The area, in units of the input to the power d - 1.
    """
    axes = np.asarray(semi_axes, float)
    count, unit = len(axes), float(np.exp(np.mean(np.log(axes))))
    rates = 2 * (unit / axes) ** 2

    def integrand(logarithm: float) -> float:  # t = exp(logarithm)
        return -math.expm1(-0.5 * float(np.sum(np.log1p(rates * math.exp(logarithm))))) * math.exp(-0.5 * logarithm)

    ends = -60 - math.log(rates.max()), 60 - math.log(rates.min())
    breaks = sorted({-math.log(rate) for rate in rates.tolist()})[:20]
    integral = quad(integrand, *ends, points=breaks, limit=1000, epsabs=0, epsrel=1e-11)[0]
    mean = integral / (2 * math.sqrt(math.pi))
    radial = math.sqrt(2) * math.exp(gammaln((count + 1) / 2) - gammaln(count / 2))
    return float(count * _unit_ball(count) * math.prod(axes / unit) * unit ** (count - 1) * mean / radial)


def _unit_ball(inputs: int) -> float:
    return math.exp(0.5 * inputs * math.log(math.pi) - math.lgamma(inputs / 2 + 1))


def _check_inputs(values: tuple[float, ...], name: str) -> None:
    if not values:
        raise InputError(f"{name} with at least one number", "none")
