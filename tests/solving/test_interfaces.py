"""Surfaces on which a coefficient jumps, against a sphere and a circle."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.types import Array
from simplebias.pde import Ball, Box, Poisson, PoissonBoltzmann, Ritz, graded_points, ready
from simplebias.pde.jumps import close_in
from simplebias.solving.choices import choose
from simplebias.solving.interfaces import Kinked, find_interface

OPTIONS = {"network": None, "scales": "auto", "loss": "auto", "boundary": "auto", "method": "auto"}


def jumping(inputs: int) -> PoissonBoltzmann:
    inside = lambda point: jnp.where(point @ point < 0.49, 1.0, 5.0)
    cube = Box([-1.0] * inputs, [1.0] * inputs)
    return PoissonBoltzmann(cube, lambda point: 1 + 0 * point[0], permittivity=inside, smooth=False)


@pytest.mark.parametrize("inputs", [2, 3])
@pytest.mark.usefixtures("float64")
def test_the_distance_from_a_sphere_is_found(inputs, key):
    surface = find_interface(jumping(inputs), key=key)
    assert surface is not None
    directions = np.random.default_rng(0).normal(size=(500, inputs))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    for radius, bound in ((0.65, 1e-2), (0.7, 6e-3), (0.75, 1e-2)):
        found = np.asarray(jax.vmap(surface)(jnp.asarray(radius * directions)))
        np.testing.assert_allclose(found, radius - 0.7, atol=bound)
        assert abs(found.mean() - (radius - 0.7)) < 1e-3


def test_a_smooth_coefficient_has_no_surface(key):
    smooth = lambda point: 2 + jnp.sin(9 * point[0])
    square = Box([0.0, 0.0], [1.0, 1.0])
    said = PoissonBoltzmann(square, lambda point: 1 + 0 * point[0], permittivity=smooth, smooth=False)
    assert find_interface(said, key=key) is None
    assert find_interface(Poisson(square, lambda point: 1 + 0 * point[0]), key=key) is None


@pytest.mark.usefixtures("float64")
def test_a_network_has_a_kink_on_the_surface_and_no_jump(key):
    surface = find_interface(jumping(2), key=key)
    network = Kinked(lambda seen: seen[3:], surface)  # the unsigned distance
    along = lambda radius: network(jnp.array([radius, 0.0]))[0]
    slopes = [float(jax.grad(along)(radius)) for radius in (0.68, 0.72)]
    np.testing.assert_allclose(slopes, [-1, 1], atol=0.1)
    assert abs(float(along(0.7 - 1e-6)) - float(along(0.7 + 1e-6))) < 1e-5


def test_a_steep_slope_is_no_jump():
    steep = lambda points: np.tanh(50 * points[:, 0])
    assert close_in(steep, np.array([[-1.0]]), np.array([[1.0]]))[1].tolist() == [False]


@pytest.mark.usefixtures("float64")
def test_a_charge_that_ends_within_cells_is_counted_and_so_is_the_energy(key):
    problem: Any = ready("dielectric-ball")
    jumps = (problem.source, problem.diffusion)
    points, weights = graded_points(problem.domain, problem.source, 8000, jumps=jumps, key=key)
    assert problem.domain.contains(points).all()
    np.testing.assert_allclose(weights.sum(), 8, rtol=1e-6)
    np.testing.assert_allclose(weights @ jax.vmap(problem.source)(points), 1, atol=2e-2)
    permittivity = 40 - 4 * 4 / 3 * np.pi * 0.7**3
    np.testing.assert_allclose(weights @ jax.vmap(problem.diffusion)(points), permittivity, rtol=2e-3)
    task = Ritz(problem, points, weights=weights, boundary="nitsche", key=key)
    exact = lambda point: jnp.atleast_1d(problem.exact(point))
    energy = task.loss(exact, task.batch(None, key=key), key=key)
    np.testing.assert_allclose(energy, -0.0702764, rtol=2e-2)  # by Gauss's rule along the radius


@pytest.mark.usefixtures("float64")
def test_without_a_key_the_rule_of_a_disc_in_a_square_converges(key):
    disc = lambda point: jnp.where(point @ point < 0.49, 1.0, 0.0)
    flat: Array = jnp.ones(())
    errors = []
    for count in (500, 8000):
        points, weights = graded_points(Box((-1, -1), (1, 1)), lambda point: flat, count, jumps=(disc,))
        errors.append(abs(float(weights @ jax.vmap(disc)(points)) - np.pi * 0.49))
    assert errors[1] < 2e-3
    assert errors[1] < errors[0]


def test_a_problem_that_jumps_gets_a_kink_and_low_scales(key):
    with jax.enable_x64(True):
        chosen = choose(ready("dielectric-ball"), parameters=None, **OPTIONS, key=key)
        assert isinstance(chosen.solution, Kinked)
        assert max(chosen.scales) <= 8
        other = choose(Poisson(Ball((0.0, 0.0), 1), lambda point: 1 + 0 * point[0]), parameters=60, **OPTIONS, key=key)
    assert not isinstance(other.solution.network, Kinked)
