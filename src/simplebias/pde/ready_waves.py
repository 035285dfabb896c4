"""Problems whose solutions are sums of products of sines, on boxes and on squares with holes."""

import dataclasses
import functools
import math

import jax.numpy as jnp

from simplebias.core.trigonometry import sin, sincos
from simplebias.core.types import Array, Point, Scalar
from simplebias.pde.domains import Box
from simplebias.pde.geometry import Domain
from simplebias.pde.holed_squares import square_with_discs, square_with_ellipse
from simplebias.pde.problems import Field, zero
from simplebias.pde.problems_elliptic import Elliptic, Helmholtz, Poisson, PoissonBoltzmann

PI = math.pi
SQUARE = ((-1.0, -1.0), (1.0, 1.0))
QUARTER = PI / 2
"""Phase of a cosine."""


@dataclasses.dataclass(frozen=True)
class Waves:
    """A sum of products of sines `c + Σ_j A_j Π_i sin(ω_ji x_i + φ_j)` with its derivatives in closed form.

    Args:
        amplitudes: A, one for each term.
        frequencies: ω, for each term one for each input, in radians per unit.
        phases: φ, one for each term: 0 for sines, π/2 for cosines.
        constant: c.

    Example:
        >>> wave = Waves((2.0,), ((3.0, 4.0),))
        >>> value, gradient, laplacian = wave.parts(jnp.array([0.1, 0.2]))
        >>> bool(jnp.allclose(laplacian, -25 * value))
        True
    """

    amplitudes: tuple[float, ...]
    frequencies: tuple[tuple[float, ...], ...]
    phases: tuple[float, ...] | None = None
    constant: float = 0.0

    def __call__(self, point: Point) -> Scalar:
        """The sum at one point."""
        return self.parts(point)[0]

    def parts(self, point: Point) -> tuple[Scalar, Array, Scalar]:
        """Value, gradient and Laplacian at one point."""
        turns = jnp.asarray(self.frequencies, point.dtype)
        amplitudes = jnp.asarray(self.amplitudes, point.dtype)
        phases = jnp.asarray(self.phases or (0.0,) * len(self.amplitudes), point.dtype)
        sine, cosine = sincos(turns * point + phases[:, None])
        products = jnp.prod(sine, axis=1)
        slopes = [
            jnp.prod(jnp.where(jnp.arange(len(point)) == axis, turns[:, axis : axis + 1] * cosine, sine), axis=1)
            for axis in range(len(point))
        ]
        gradient = jnp.stack([amplitudes @ slope for slope in slopes])
        return self.constant + amplitudes @ products, gradient, -(amplitudes * jnp.sum(turns**2, axis=1)) @ products


@dataclasses.dataclass(frozen=True)
class WavesSource:
    """The source of waves, `-a Δu - ∇a·∇u + c u`.

    Args:
        solution: u.
        diffusion: a; 1 where there is none.
        reaction: c.
    """

    solution: Waves
    diffusion: Waves | None = None
    reaction: float = 0.0

    def __call__(self, point: Point) -> Scalar:
        """The source at one point."""
        value, gradient, laplacian = self.solution.parts(point)
        divergence = laplacian
        if self.diffusion is not None:
            coefficient, slope, _ = self.diffusion.parts(point)
            divergence = coefficient * laplacian + slope @ gradient
        return self.reaction * value - divergence


@functools.cache
def two_scale() -> Poisson:
    """`-u'' = f` on (0, 1) with `u = sin 2πx + 0.1 sin 50πx`: what a plain network does not learn."""
    waves = Waves((1.0, 0.1), ((2 * PI,), (50 * PI,)))
    return Poisson(Box(0, 1), WavesSource(waves), exact=waves)


@functools.cache
def sines(frequency: float | int, domain: Domain | None = None) -> Poisson:
    """`-Δu = f` with `u = sin μx sin μy`, not zero on the boundary; on the square (-1, 1)² if no domain is given."""
    waves = Waves((1.0,), ((float(frequency), float(frequency)),))
    return Poisson(Box(*SQUARE) if domain is None else domain, WavesSource(waves), boundary=waves, exact=waves)


TWO_SCALES = Waves((0.5, 0.025), ((PI, PI), (10 * PI, 10 * PI)))
"""The solution of the problem with two scales in two inputs, zero on the boundary of the unit square."""


@functools.cache
def boltzmann_two_scale() -> PoissonBoltzmann:
    """`-∇·(a∇u) + π²u = f` on (0, 1)², `u = ½ sin πx sin πy + 0.025 sin 10πx sin 10πy`, a wave of two scales too.

    `a = ½ + ⅛ cos 5πx cos 10πy + ⅛ cos 15πx cos 20πy` (arXiv:2112.06660).

    Returns:
        The problem.
    """
    return boltzmann_waves(Box((0, 0), (1, 1)), zero)


def boltzmann_waves(domain: Domain, boundary: Field) -> PoissonBoltzmann:
    """The equation of `boltzmann_two_scale` on any domain, with the values on its boundary."""
    coefficient = Waves((0.125, 0.125), ((5 * PI, 10 * PI), (15 * PI, 20 * PI)), (QUARTER, QUARTER), 0.5)
    source = WavesSource(TWO_SCALES, coefficient, PI**2)
    return PoissonBoltzmann(domain, source, permittivity=coefficient, screening=PI, boundary=boundary, exact=TWO_SCALES)


@functools.cache
def waves_3d() -> Elliptic:
    """`-∇·(a∇u) = f` in (0, 1)³, `u = sin πx sin πy sin πz + 0.05 sin 10πx sin 25πy sin 50πz` (arXiv:2112.06660).

    `a = ¼ (2 + cos πx cos πy cos πz + cos 10πx cos 25πy cos 50πz)`, zero at one corner.

    Returns:
        The problem.
    """
    turns = ((PI, PI, PI), (10 * PI, 25 * PI, 50 * PI))
    waves, coefficient = Waves((1.0, 0.05), turns), Waves((0.25, 0.25), turns, (QUARTER, QUARTER), 0.5)
    cube = Box((0, 0, 0), (1, 1, 1))
    return Elliptic(cube, WavesSource(waves, coefficient), diffusion=coefficient, exact=waves)


@functools.cache
def waves_4d() -> Elliptic:
    """`-∇·(a∇u) = f` in (0, 1)⁴, `u = Π sin πx_i + 0.05 sin 5πx sin 10πy sin 10πz sin 5πt` (arXiv:2112.06660).

    `a = ¼ (2 + Π cos πx_i + cos 5πx cos 10πy cos 10πz cos 5πt)`, above zero inside and zero at some corners. As in
    the published code.

    Returns:
        The problem.
    """
    turns = ((PI,) * 4, (5 * PI, 10 * PI, 10 * PI, 5 * PI))
    waves, coefficient = Waves((1.0, 0.05), turns), Waves((0.25, 0.25), turns, (QUARTER, QUARTER), 0.5)
    return Elliptic(Box((0,) * 4, (1,) * 4), WavesSource(waves, coefficient), diffusion=coefficient, exact=waves)


@functools.cache
def waves_5d() -> Elliptic:
    """`-∇·(a∇u) = f` in (0, 1)⁵, `u = Π sin πx_i + 0.05 Π sin 10πx_i`, `a = 0.5 + 0.45 Π cos 10πx_i`.

    That of arXiv:2112.06660 has `a = ½ + ½ Π cos 10πx_i`, which is zero at many points inside, at (0.1, 0.2, 0.2, 0.2,
    0.2) for one: there the equation degenerates. The factor 0.45 is ours; a is between 0.05 and 0.95.

    Returns:
        The problem.
    """
    slow, fast = (PI,) * 5, (10 * PI,) * 5
    waves, coefficient = Waves((1.0, 0.05), (slow, fast)), Waves((0.45,), (fast,), (QUARTER,), 0.5)
    return Elliptic(Box((0,) * 5, (1,) * 5), WavesSource(waves, coefficient), diffusion=coefficient, exact=waves)


@functools.cache
def poisson_3d() -> Poisson:
    """`-Δu = f` in (0, 1)³ with `u = sin πx sin πy sin πz + 0.1 sin 6πx sin 6πy sin 6πz`."""
    waves = Waves((1.0, 0.1), ((PI,) * 3, (6 * PI,) * 3))
    return Poisson(Box((0, 0, 0), (1, 1, 1)), WavesSource(waves), exact=waves)


WAVENUMBER = 13.8
"""Of the ready Helmholtz problem: its square, 77.2 in units of (π/2)², lies midway between eigenvalues, 74 and 80."""


@functools.cache
def helmholtz() -> Helmholtz:
    """`-Δu - k²u = f` on (-1, 1)², k = 13.8: a plane wave `cos k(0.6x + 0.8y)` and `0.1 sin 5πx sin 3πy`."""
    return Helmholtz(
        Box(*SQUARE), _helmholtz_source, wavenumber=WAVENUMBER, boundary=_helmholtz_exact, exact=_helmholtz_exact
    )


_RIPPLE = Waves((0.1,), ((5 * PI, 3 * PI),))


def _helmholtz_source(point: Point) -> Scalar:
    return (34 * PI**2 - WAVENUMBER**2) * _RIPPLE(point)


def _helmholtz_exact(point: Point) -> Scalar:
    return jnp.cos(WAVENUMBER * (0.6 * point[0] + 0.8 * point[1])) + _RIPPLE(point)


@functools.cache
def poisson_10d_cube() -> Poisson:
    """`-Δu = f` in (0, 1)¹⁰ with `u = Σ_k x_(2k-1) x_(2k) + (1/10) Σ_i sin πx_i`, given on the boundary."""
    return Poisson(Box((0.0,) * 10, (1.0,) * 10), _cube_source, boundary=_cube_exact, exact=_cube_exact)


def _cube_exact(point: Point) -> Scalar:
    return point[::2] @ point[1::2] + jnp.sum(sin(PI * point)) / 10


def _cube_source(point: Point) -> Scalar:
    return PI**2 / 10 * jnp.sum(sin(PI * point))


@functools.cache
def exponentials() -> Poisson:
    """`-Δu = f` on (-1, 1)², `u = N⁻² Σ_(m, n ≤ N) exp(sin πmx + cos πny)`, N = 20 (arXiv:2501.09987)."""
    return Poisson(Box(*SQUARE), _sums_source, boundary=_sums_exact, exact=_sums_exact)


def _sums(point: Point) -> tuple[Scalar, Scalar, Scalar, Scalar]:
    """Both factors of u and their second derivatives."""
    turns = PI * jnp.arange(1, 21, dtype=point.dtype)
    (sine, cosine), (other, along) = sincos(turns * point[0]), sincos(turns * point[1])
    first, second = jnp.exp(sine), jnp.exp(along)
    bent = turns**2 * (cosine**2 - sine) * first, turns**2 * (other**2 - along) * second
    return jnp.mean(first), jnp.mean(second), jnp.mean(bent[0]), jnp.mean(bent[1])


def _sums_exact(point: Point) -> Scalar:
    first, second, _, _ = _sums(point)
    return first * second


def _sums_source(point: Point) -> Scalar:
    first, second, bent, curved = _sums(point)
    return -(bent * second + first * curved)


def holes(frequency: float | int) -> Poisson:
    """`-Δu = f` with `u = sin μx sin μy` on the square less three discs and an ellipse."""
    return sines(frequency, square_with_ellipse())


def discs(frequency: float | int) -> Poisson:
    """`-Δu = f` with `u = sin μx sin μy` on the square less five discs."""
    return sines(frequency, square_with_discs())
