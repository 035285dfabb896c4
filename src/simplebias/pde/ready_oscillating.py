"""Problems with coefficients that oscillate: a p-Laplacian in one input, and coefficients of many scales in two."""

import functools
import math

import jax.numpy as jnp

from simplebias.core.trigonometry import cos, sin, sincos
from simplebias.core.types import Point, Scalar
from simplebias.pde.domains import Box
from simplebias.pde.problems import Constant, Field
from simplebias.pde.problems_elliptic import Elliptic, PLaplacian, Poisson

PI = math.pi
PERIODS = (1 / 5, 1 / 13, 1 / 17, 1 / 31, 1 / 65)
"""Of the coefficient of five scales."""


@functools.cache
def oscillating(exponent: float | int = 2, period: float = 0.1) -> Elliptic | PLaplacian:
    """`-(a|u'|^(p-2) u')' = f` on (0, 1) with `a = 1/(2 + cos(2πx/ε))` and one u for every p (arXiv:2009.14597).

    `u = x - x² + ε ((1/π) sin(2πx/ε) (¼ - x/2) - (ε/4π²) cos(2πx/ε) + ε/4π²)`; for p = 2 the source is 1.

    Returns:
        The problem.
    """
    turn = 2 * PI / period

    def diffusion(point: Point) -> Scalar:
        return 1 / (2 + cos(turn * point[0]))

    def exact(point: Point) -> Scalar:
        x = point[0]
        sine, cosine = sincos(turn * x)
        return x - x**2 + period * (sine * (0.25 - x / 2) / PI + period / (4 * PI**2) * (1 - cosine))

    def source(point: Point) -> Scalar:
        x, power = point[0], exponent - 2
        sine, cosine = sincos(turn * x)
        inner = (exponent - 1) * (2 + cosine) - PI / period * power * (2 * x - 1) * sine
        return jnp.abs(0.5 - x) ** power * (2 + cosine) ** (exponent - 3) * inner

    if exponent == 2:
        return Elliptic(Box(0, 1), Constant(1.0), diffusion=diffusion, exact=exact)
    return PLaplacian(Box(0, 1), source, exponent=exponent, diffusion=diffusion, exact=exact)


@functools.cache
def three_scale() -> Elliptic:
    """`-(a u')' = f` on (0, 1), `u = x - x² + (ε/4π) sin(2πx/ε) + (δ/4π) sin(2πx/δ)`, ε = 0.1, δ = 0.01.

    `a = (2 + cos(2πx/ε)) (2 + cos(2πx/δ))` (arXiv:2112.06660).

    Returns:
        The problem.
    """
    return Elliptic(Box(0, 1), _three_source, diffusion=lambda x: _three(x)[0], exact=_three_exact)


def _three(point: Point) -> tuple[Scalar, Scalar, Scalar, Scalar]:
    """A and its derivative, and the first two derivatives of u."""
    turns = 2 * PI / jnp.asarray([0.1, 0.01], point.dtype)
    sine, cosine = sincos(turns * point[0])
    factors, slopes = 2 + cosine, -turns * sine
    slope = slopes[0] * factors[1] + factors[0] * slopes[1]
    return factors[0] * factors[1], slope, 1 - 2 * point[0] + 0.5 * cosine.sum(), -2 + 0.5 * slopes.sum()


def _three_source(point: Point) -> Scalar:
    coefficient, slope, first, second = _three(point)
    return -(slope * first + coefficient * second)


def _three_exact(point: Point) -> Scalar:
    periods, x = jnp.asarray([0.1, 0.01], point.dtype), point[0]
    return x - x**2 + jnp.sum(periods * sin(2 * PI / periods * x)) / (4 * PI)


@functools.cache
def coefficients(number: int) -> Elliptic | PLaplacian:
    """`-∇·(a∇u) = 1`, zero on the boundary, with a of one scale or many (arXiv:2009.14597); no solution is known.

    On (-1, 1)²: 1, `a = 1`; 2, `2 + sin 3πx cos 5πy`; 3, five quotients of sines and cosines with periods from 1/5 to
    1/65; 4, a product of waves of periods 1 to 1/32. On (0, 1)²: 5, that of 3 in a 3-Laplacian; 6, that of 3.

    Returns:
        The problem.
    """
    large, small, one = Box((-1, -1), (1, 1)), Box((0, 0), (1, 1)), Constant(1.0)
    fields: dict[int, Field] = {2: _plain, 3: _quotients, 4: _product, 6: _quotients}
    if number == 1:
        return Poisson(large, one)
    if number == 5:
        return PLaplacian(small, one, exponent=3, diffusion=_quotients)
    return Elliptic(small if number == 6 else large, one, diffusion=fields[number])


def _plain(point: Point) -> Scalar:
    return 2 + sin(3 * PI * point[0]) * cos(5 * PI * point[1])


def _quotients(point: Point) -> Scalar:
    turns = 2 * PI / jnp.asarray(PERIODS, point.dtype)
    (sine, cosine), (other, _) = sincos(turns * point[0]), sincos(turns * point[1])
    above = jnp.stack([sine[0], other[1], cosine[2], other[3], cosine[4]])
    below = jnp.stack([other[0], cosine[1], other[2], cosine[3], other[4]])
    return (jnp.sum((1.1 + above) / (1.1 + below)) + sin(4 * (point[0] * point[1]) ** 2) + 1) / 6


def _product(point: Point) -> Scalar:
    turns = PI * 2.0 ** jnp.arange(1, 7, dtype=point.dtype)
    x, y = point
    return jnp.prod((1 + 0.5 * cos(turns * (x + y))) * (1 + 0.5 * sin(turns * (y - 3 * x))))
