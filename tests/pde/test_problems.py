"""Equations by hand, and what is wrong with a problem said when it is made."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core import InputError
from simplebias.pde import Ball, Box, Elliptic, Helmholtz, PLaplacian, Poisson, PoissonBoltzmann

LINE, PLANE = Box(0, 1), Box([0, 0], [1, 1])
POINT, SLOPE = jnp.array([0.5, 2.0]), jnp.array([3.0, -4.0])
HESSIAN = jnp.array([[1.0, 2.0], [2.0, -5.0]])


def flat(value):
    return lambda x: value + 0 * x[0]


def test_operators_are_those_of_their_equations(float64):
    """At (½, 2) with u = 7, ∇u = (3, -4), Δu = -4; a = 1 + x y has the value 2 and the gradient (2, ½)."""
    value = jnp.array(7.0)
    grows = lambda x: 1 + x[0] * x[1]
    divergence = 2 * -4 + 2 * 3 + 0.5 * -4
    for problem, expected in (
        (Poisson(PLANE, flat(1.0)), 4 - 1),
        (Elliptic(PLANE, flat(1.0), diffusion=grows, reaction=3), -divergence + 21 - 1),
        (PoissonBoltzmann(PLANE, flat(1.0), permittivity=5, screening=lambda x: x[1]), 20 + 28 - 1),
        (Helmholtz(PLANE, flat(1.0), wavenumber=2), 4 - 28 - 1),
    ):
        assert problem.second == "laplacian"
        assert problem.linear
        assert float(problem.residual(POINT, value, SLOPE, jnp.trace(HESSIAN))) == pytest.approx(expected)
    for exponent in (1.5, 2, 3, 5):
        problem = PLaplacian(PLANE, flat(1.0), exponent=exponent, diffusion=grows)
        along = float(SLOPE @ HESSIAN @ SLOPE) / 25
        expected = -(5 ** (exponent - 2)) * (divergence + 2 * (exponent - 2) * along) - 1
        assert float(problem.residual(POINT, value, SLOPE, HESSIAN)) == pytest.approx(expected)
        assert problem.linear == (exponent == 2)


@pytest.mark.parametrize(
    "problem",
    [
        Elliptic(PLANE, lambda x: x[0], diffusion=lambda x: 1 + x[0] * x[1], reaction=2),
        PoissonBoltzmann(PLANE, lambda x: x[0], permittivity=3, screening=lambda x: x[1]),
        PLaplacian(PLANE, lambda x: x[0], exponent=4, diffusion=lambda x: 1 + x[0]),
    ],
)
def test_the_residual_is_what_makes_the_energy_stationary(float64, problem):
    """Euler and Lagrange: `∂E/∂u - ∇·(∂E/∂∇u)`, differentiated along a function."""
    u = lambda x: jnp.sin(x[0] + 2 * x[1]) + x[0] ** 2
    flux = lambda x: jax.grad(problem.energy, argnums=2)(x, u(x), jax.grad(u)(x))
    at = jnp.array([0.3, 0.8])
    weak = jax.grad(problem.energy, argnums=1)(at, u(at), jax.grad(u)(at)) - jnp.trace(jax.jacfwd(flux)(at))
    hessian = jax.hessian(u)(at)
    second = jnp.trace(hessian) if problem.second == "laplacian" else hessian
    np.testing.assert_allclose(problem.residual(at, u(at), jax.grad(u)(at), second), weak, rtol=1e-12)
    assert problem.has_energy


def test_a_p_laplacian_has_finite_derivatives_where_u_is_flat(float64):
    for exponent in (1.5, 3, 5):
        problem = PLaplacian(PLANE, flat(1.0), exponent=exponent)
        rest = jnp.zeros(2)
        assert np.isfinite(jax.grad(problem.energy, argnums=2)(POINT, jnp.array(0.0), rest)).all()
        assert np.isfinite(jax.grad(problem.residual, argnums=2)(POINT, jnp.array(0.0), rest, HESSIAN)).all()


def test_equal_coefficients_make_equal_problems():
    """Static parts are compared when a compiled program is looked for."""
    zero = flat(0.0)
    assert Elliptic(PLANE, zero, diffusion=2) == Elliptic(PLANE, zero, diffusion=2.0)
    assert Elliptic(PLANE, zero, diffusion=2) != Elliptic(PLANE, zero, diffusion=3)
    one, same = (PoissonBoltzmann(PLANE, zero, screening=2) for _ in range(2))
    assert one == same
    assert one.reaction_values([[0.5, 0.5]]).tolist() == [[4.0]]
    assert one.name == "Poisson Boltzmann"


def test_a_negative_reaction_has_no_energy():
    assert not Elliptic(LINE, flat(1.0), reaction=lambda x: x[0] - 0.5).has_energy
    assert not Helmholtz(LINE, flat(1.0), wavenumber=1).has_energy
    assert Elliptic(LINE, flat(1.0), reaction=lambda x: x[0]).has_energy


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Poisson(LINE, lambda x: jnp.log(x[0] - 3)), "source with finite values inside.*nan"),
        (lambda: Poisson(LINE, lambda x: x), r"source that gives one number.*shape \(1,\)"),
        (lambda: Poisson(LINE, flat(1.0), boundary=lambda x: 1 / x[0]), "boundary with finite values.*inf.*division"),
        (lambda: Poisson(LINE, flat(1.0), boundary=lambda x: jnp.ones(2)), "boundary that gives one number"),
        (lambda: Poisson(LINE, flat(0.0), exact=lambda x: x[0]), r"boundary values that are those.*0 where it is 1"),
        (lambda: Poisson(LINE, flat(0.0), exact=lambda x: jnp.sqrt(x[0] - 0.1)), "exact with finite values"),
        (lambda: Elliptic(LINE, flat(1.0), diffusion=lambda x: x[0] - 0.5), "diffusion above zero.*not elliptic"),
        (lambda: Elliptic(LINE, flat(1.0), diffusion=0), "diffusion above zero"),
        (lambda: Elliptic(LINE, flat(1.0), diffusion=np.nan), "diffusion as a finite number"),
        (lambda: PoissonBoltzmann(LINE, flat(1.0), permittivity=-1), "permittivity above zero"),
        (lambda: PLaplacian(LINE, flat(1.0), exponent=1), "exponent above 1.*convex"),
        (lambda: Helmholtz(LINE, flat(1.0), wavenumber=0), "wavenumber as a number > 0"),
        (lambda: PLANE - Ball([0.5, 0.5], 1), "a domain with an interior"),
        (lambda: Poisson(Ball([0, 0], 1), flat(1.0)).box, "a problem on a box.*Ball"),
    ],
)
def test_bad_input_is_named_at_the_door(make, words):
    with pytest.raises(InputError, match=words):
        make()
