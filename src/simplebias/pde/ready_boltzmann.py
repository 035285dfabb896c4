"""Poisson–Boltzmann problems: layers, charges, dielectrics that jump, bumpy balls; a ball in ten dimensions."""

import functools
import math

import jax.numpy as jnp
import numpy as np

from simplebias.core.trigonometry import sin, sincos
from simplebias.core.types import Point, Scalar
from simplebias.pde.combinations import Difference, Union
from simplebias.pde.domains import Box
from simplebias.pde.geometry import safe_norm
from simplebias.pde.holed_squares import square_with_ellipse
from simplebias.pde.problems_elliptic import Poisson, PoissonBoltzmann
from simplebias.pde.shapes import Ball

PI = math.pi
CHARGE, SHELL, OUTSIDE = 0.5, 0.7, 5.0
"""Radius of a charge, of a ball of permittivity 1 around it, and the permittivity outside."""
WIDTH = 0.03
"""Standard deviation of a concentrated source."""


@functools.cache
def boltzmann_1d() -> PoissonBoltzmann:
    """`-u'' + λ²u = (λ² + μ²) sin μx` on (0, 1), λ = 20, μ = 50: a wave and a layer at the right end."""
    return PoissonBoltzmann(Box(0, 1), _layer_source, screening=20, exact=_layer_exact)


def _layer_source(point: Point) -> Scalar:
    return 2900 * sin(50 * point[0])


def _layer_exact(point: Point) -> Scalar:
    """`sin μx - sin μ sinh λx / sinh λ`, without large numbers."""
    x = point[0]
    layer = jnp.exp(20 * (x - 1)) * jnp.expm1(-40 * x) / math.expm1(-40)
    return sin(50 * x) - math.sin(50) * layer


@functools.cache
def dielectric_ball() -> PoissonBoltzmann:
    """`-∇·(ε∇u) = f` in (-1, 1)³: a charge of radius ½ in a ball of radius 0.7 with ε = 1, 5 outside it.

    `f = (9r - 3)/(π/16)` in the charge, else 0; u and `ε ∂_r u` are continuous everywhere (arXiv:2007.11207).

    Returns:
        The problem.
    """
    cube = Box((-1, -1, -1), (1, 1, 1))
    options = {"permittivity": _ball_permittivity, "boundary": _ball_exact, "exact": _ball_exact}
    return PoissonBoltzmann(cube, _ball_source, smooth=False, **options)


def _ball_permittivity(point: Point) -> Scalar:
    return jnp.where(safe_norm(point) < SHELL, 1.0, OUTSIDE).astype(point.dtype)


def _ball_source(point: Point) -> Scalar:
    r = safe_norm(point)
    return jnp.where(r < CHARGE, (9 * r - 6 * CHARGE) / (PI * CHARGE**4), 0.0)


def _ball_exact(point: Point) -> Scalar:
    r = safe_norm(point)
    safe = jnp.maximum(r, CHARGE)
    shift = (1 - 1 / OUTSIDE) / (4 * PI * SHELL)
    inner = r**2 * (4 - 3 * r / CHARGE) / (4 * PI * CHARGE**3) - shift
    outer = jnp.where(r < SHELL, 1 / (4 * PI * safe) - shift, 1 / (4 * PI * OUTSIDE * safe))
    return jnp.where(r < CHARGE, inner, outer)


@functools.cache
def bumpy_ball() -> PoissonBoltzmann:
    """`-Δu + u/25 = f` in the unit ball less a ball of radius ½ with 20 balls of radius 0.1 to 0.2 on its surface.

    `u = exp(Σ_i sin μx_i) (|x|² - 1)/(|x|² + 1)`, μ = 15; where the 20 are is not known, here they
    are spread evenly along a spiral.

    Returns:
        The problem.
    """
    rank = (np.arange(20) + 0.5) / 20
    height, angle = 1 - 2 * rank, np.pi * (1 + 5**0.5) * 20 * rank
    round_ = np.sqrt(1 - height**2)
    centres = 0.5 * np.stack([round_ * np.cos(angle), round_ * np.sin(angle), height], axis=1)
    radii = 0.1 + 0.1 * np.argsort(np.sin(7.0 * np.arange(20))) / 19
    bumps = (Ball(centre, float(radius)) for centre, radius in zip(centres, radii, strict=True))
    domain = Difference(Ball((0, 0, 0), 1), Union(Ball((0, 0, 0), 0.5), *bumps))
    return PoissonBoltzmann(domain, _bumpy_source, screening=0.2, boundary=_bumpy_exact, exact=_bumpy_exact)


def _bumpy_exact(point: Point) -> Scalar:
    square = point @ point
    return jnp.exp(jnp.sum(sin(15 * point))) * (square - 1) / (square + 1)


def _bumpy_source(point: Point) -> Scalar:
    """With `E = exp(Σ sin μx)` and `q = 1 - 2/(r² + 1)`: `-(q ΔE + 2 ∇E·∇q + E Δq) + κ² E q`."""
    sine, cosine = sincos(15 * point)
    square = point @ point
    wave, low = jnp.exp(jnp.sum(sine)), square + 1
    quotient = 1 - 2 / low
    bent = quotient * 225 * jnp.sum(cosine**2 - sine) + 2 * 15 * cosine @ point * 4 / low**2
    curved = 12 / low**2 - 16 * square / low**3
    return wave * (0.04 * quotient - bent - curved)


@functools.cache
def concentrated() -> PoissonBoltzmann:
    """`-Δu + 4u = f` on the square less three discs and an ellipse, f a charge of 1 spread by 0.03 at the centre.

    Zero on all boundaries; no solution is known. It is that of a screened charge among conductors.

    Returns:
        The problem.
    """
    return PoissonBoltzmann(square_with_ellipse(), _charge, screening=2)


def _charge(point: Point) -> Scalar:
    return jnp.exp(-(point @ point) / (2 * WIDTH**2)) / (2 * PI * WIDTH**2)


@functools.cache
def poisson_10d_ball() -> Poisson:
    """`-Δu = f` in the unit ball of ten dimensions, `u = (1 - |x|²) (1 + ½ sin Σ_i x_i)`, zero on its boundary."""
    return Poisson(Ball((0.0,) * 10, 1), _hill_source, exact=_hill)


def _hill(point: Point) -> Scalar:
    return (1 - point @ point) * (1 + 0.5 * sin(jnp.sum(point)))


def _hill_source(point: Point) -> Scalar:
    total, height = jnp.sum(point), 1 - point @ point
    sine, cosine = sincos(total)
    return 20 * (1 + 0.5 * sine) + 2 * total * cosine + 5 * height * sine
