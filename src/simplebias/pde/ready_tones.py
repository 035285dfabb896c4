"""Two problems on (-1, 1) on which networks were compared with classical methods."""

import functools

import jax.numpy as jnp

from simplebias.core.types import Point, Scalar
from simplebias.pde.domains import Box
from simplebias.pde.problems_elliptic import Poisson


@functools.cache
def poisson_tones() -> Poisson:
    """The problem with which networks and Jacobi iteration are compared: four tones on (-1, 1).

    `-u'' = sin x + 4 sin 4x - 8 sin 8x + 16 sin 24x`, `u(±1) = 0`, solved by
    `u = sin x + sin(4x)/4 - sin(8x)/8 + sin(24x)/36` plus the straight line that makes it vanish at both ends. As u is
    odd, only even sine modes are in it.

    Returns:
        The problem with its exact solution.

    References:
        Xu, Zhang, Luo, Xiao, Ma, arXiv:1901.06523.

    Example:
        >>> [f"{value:.4f}" for value in poisson_tones().exact_values([0.0, 0.5]).ravel()]
        ['0.0000', '0.5347']
    """
    return Poisson(Box(-1, 1), _tones_source, exact=_tones_exact)


@functools.cache
def poisson_bump() -> Poisson:
    """The problem on which Ritz-Galerkin with few samples is compared with a network: a bump's source on (-1, 1).

    `-u'' = -(4x³ - 6x) exp(-x²)`, `u(±1) = 0`, solved by `u = x (exp(-x²) - exp(-1))`.

    Returns:
        The problem with its exact solution.

    References:
        Wang, Xu, Zhang, Zhang, arXiv:2002.07989.

    Example:
        >>> [f"{value:.4f}" for value in poisson_bump().exact_values([0.0, 0.5, 1.0]).ravel()]
        ['0.0000', '0.2055', '0.0000']
    """
    return Poisson(Box(-1, 1), _bump_source, exact=_bump_exact)


def _tones_source(point: Point) -> Scalar:
    x = point[0]
    return jnp.sin(x) + 4 * jnp.sin(4 * x) - 8 * jnp.sin(8 * x) + 16 * jnp.sin(24 * x)


def _tones(x: Scalar) -> Scalar:
    return jnp.sin(x) + jnp.sin(4 * x) / 4 - jnp.sin(8 * x) / 8 + jnp.sin(24 * x) / 36


def _tones_exact(point: Point) -> Scalar:
    return _tones(point[0]) - _tones(jnp.ones_like(point[0])) * point[0]  # odd: the line goes through zero


def _bump_source(point: Point) -> Scalar:
    x = point[0]
    return -(4 * x**3 - 6 * x) * jnp.exp(-(x**2))


def _bump_exact(point: Point) -> Scalar:
    x = point[0]
    return x * (jnp.exp(-(x**2)) - jnp.exp(-jnp.ones_like(x)))
