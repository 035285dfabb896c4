"""Squares and a cube with many holes: their areas by hand, holes that lie apart, and the problems on them."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core import twice_forward
from simplebias.pde import READY, ready
from simplebias.pde.holed_squares import cube_with_balls, square_with_seven_discs, square_with_twenty_discs
from simplebias.pde.ready_pores import boltzmann_pores, pores, pores_3d
from simplebias.pde.shapes import Ball

DOMAINS = {
    square_with_seven_discs: (1 - 0.0438875 * np.pi, 4 + 1.06 * np.pi),
    square_with_twenty_discs: (4 - 0.1315625 * np.pi, 8 + 2.85 * np.pi),
    cube_with_balls: (
        8 - 4 / 3 * np.pi * (27 * 0.125**3 + 98 * 0.075**3),
        24 + 4 * np.pi * (27 * 0.125**2 + 98 * 0.075**2),
    ),
}
"""Volumes and measures of the boundary by closed forms."""


@pytest.mark.parametrize("make", DOMAINS)
def test_measures_are_those_of_holes_that_lie_apart(make, key):
    domain, (volume, boundary) = make(), DOMAINS[make]
    balls = [hole for hole in domain.holes if isinstance(hole, Ball)]
    assert len(balls) == len(domain.holes)
    for one, other in itertools.combinations(balls, 2):
        assert np.linalg.norm(np.subtract(one.centre, other.centre)) > one.radius + other.radius + 0.03
    low, high = domain.bounds
    clear = [min(np.min(ball.centre - low), np.min(high - ball.centre)) - ball.radius for ball in balls]
    touching = np.count_nonzero(np.array(clear) < 1e-12)
    assert min(clear) > -1e-12
    assert touching == (make is square_with_twenty_discs)
    # where a disc touches the side, measures are estimates that say how good they are
    assert abs(domain.volume - volume) <= 5 * domain.volume_error + 1e-12
    assert abs(domain.boundary_measure - boundary) <= 5 * domain.boundary_error + 1e-12
    assert max(domain.volume_error, domain.boundary_error) < (0.02 if touching else 1e-15)
    edge = domain.sample_boundary(200, key=key)
    radii, centres = np.array([ball.radius for ball in balls]), np.array([ball.centre for ball in balls])
    parts = np.asarray(edge.parts)
    inner = parts > 0
    away = np.asarray(edge.points)[inner] - centres[parts[inner] - 1]
    np.testing.assert_allclose(np.linalg.norm(away, axis=1), radii[parts[inner] - 1], rtol=1e-5)
    np.testing.assert_allclose(edge.normals[inner], -away / radii[parts[inner] - 1][:, None], atol=1e-5)


def test_the_large_balls_hold_the_small_ones_around_their_centres():
    """The source takes out 125 small balls and 27 large ones."""
    domain = cube_with_balls()
    grid = np.array(list(itertools.product((-0.8, -0.4, 0.0, 0.4, 0.8), repeat=3)))
    coarse = np.array(list(itertools.product((-0.8, 0.0, 0.8), repeat=3)))
    points = np.random.default_rng(0).uniform(-1, 1, (4000, 3))
    away = lambda centres: np.linalg.norm(points[:, None] - centres, axis=2).min(axis=1)
    np.testing.assert_array_equal(domain.contains(points), (away(grid) > 0.075) & (away(coarse) > 0.125))


@pytest.mark.parametrize("make", [lambda: pores(20), lambda: boltzmann_pores(20), pores_3d])
def test_the_solutions_solve_the_equations(float64, make):
    problem = make()
    points = problem.domain.sample(64, key=jax.random.key(1))

    @jax.jit
    @jax.vmap
    def look(point):
        value, gradient, second = (one[0] for one in twice_forward(lambda x: jnp.atleast_1d(problem.exact(x)), point))
        return problem.residual(point, value, gradient, second), problem.source(point)

    residual, source = look(points)
    assert float(jnp.abs(residual).max()) < 1e-12 * float(jnp.abs(source).max())
    assert problem.boundary == problem.exact  # given on holes too


def test_the_equations_differ_and_the_solution_is_one():
    poisson, boltzmann = pores(20), boltzmann_pores(20)
    assert poisson.exact == boltzmann.exact
    assert poisson.domain == boltzmann.domain == square_with_twenty_discs()
    assert poisson.diffusion != boltzmann.diffusion
    assert boltzmann.source == ready("boltzmann-two-scale").source
    assert READY["pores-7"].args == READY["boltzmann-pores-7"].args == (7,)
