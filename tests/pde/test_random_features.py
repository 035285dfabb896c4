"""Least squares on random waves against exact solutions, on boxes and domains with holes, and its own account of it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core import InputError
from simplebias.pde import (
    Ball,
    Box,
    Elliptic,
    PLaplacian,
    Poisson,
    random_features,
    square_with_ellipse,
)
from simplebias.pde.collocation import read_operator


def two_tones(x):
    return jnp.sin(2 * jnp.pi * x[0]) + 0.1 * jnp.sin(50 * jnp.pi * x[0])


def two_scale():
    source = lambda x: jnp.pi**2 * (4 * jnp.sin(2 * jnp.pi * x[0]) + 250 * jnp.sin(50 * jnp.pi * x[0]))
    return Poisson(Box(0, 1), source, exact=two_tones)


def sines(domain, frequency):
    exact = lambda x: jnp.prod(jnp.sin(frequency * x))
    source = lambda x: domain.inputs * frequency**2 * exact(x)
    return Poisson(domain, source, boundary=exact, exact=exact)


def drifting():
    """Diffusion and reaction vary: solved by sin 3x cos 2y."""
    exact = lambda x: jnp.sin(3 * x[0]) * jnp.cos(2 * x[1])

    def source(x):
        slope = 3 * jnp.cos(3 * x[0]) * jnp.cos(2 * x[1])
        return (13 * (1 + x[0] ** 2) + x[1]) * exact(x) - 2 * x[0] * slope

    options = {"diffusion": lambda x: 1 + x[0] ** 2, "reaction": lambda x: x[1], "boundary": exact, "exact": exact}
    return Elliptic(Ball([0, 0.5], 0.7), source, **options)


def relative(problem, solution, key):
    points = np.asarray(problem.domain.sample(500, key=key), float)
    with jax.enable_x64(True):
        exact = np.asarray(problem.exact_values(points))
    return np.linalg.norm(solution.values(points) - exact) / np.linalg.norm(exact)


def test_two_scales_are_exact_to_rounding(key):
    """Row 18."""
    solution = random_features(two_scale(), key=key)
    assert relative(two_scale(), solution, key) < 1e-10
    assert solution.residual < 1e-10
    assert solution.boundary_residual < 1e-12
    assert 25 < solution.bandwidth[0] < 60


def test_two_inputs_with_holes(key):
    problem = sines(square_with_ellipse(), 7)
    solution = random_features(problem, features=300, bandwidth=1.5, key=key)
    error = relative(problem, solution, key)
    assert error < 1e-5
    assert error / 20 < solution.residual < 1e4 * error  # a residual weighs high frequencies more
    again = random_features(problem, features=300, bandwidth=(1.5, 1.5), key=key)
    np.testing.assert_array_equal(again.coefficients, solution.coefficients)


def test_coefficients_that_vary_and_the_same_equation_with_a_hessian(key):
    problem = drifting()
    found = random_features(problem, features=200, bandwidth=1.0, key=key)
    assert relative(problem, found, key) < 1e-8
    box, exact = Box([0, 0], [1, 1]), lambda x: jnp.sin(3 * x[0]) * jnp.cos(2 * x[1])
    source = lambda x: 13 * exact(x)
    forms = [
        form(box, source, boundary=exact, exact=exact, **more)
        for form, more in ((Poisson, {}), (PLaplacian, {"exponent": 2}))
    ]
    one, other = (random_features(form, features=120, bandwidth=1.0, key=key) for form in forms)
    np.testing.assert_allclose(one.values([[0.3, 0.4]]), other.values([[0.3, 0.4]]), rtol=1e-7)
    assert relative(forms[1], other, key) < 1e-7


def test_the_operator_is_read_as_it_is_written(key):
    problem = drifting()
    points = np.asarray(problem.domain.sample(5, key=key), float)
    operator = read_operator(problem, points)
    x, y = points.T
    np.testing.assert_allclose(operator.value, y)
    np.testing.assert_allclose(operator.second, -(1 + x**2))
    np.testing.assert_allclose(operator.gradient, np.stack([-2 * x, 0 * x], axis=1))
    with jax.enable_x64(True):
        np.testing.assert_allclose(operator.start, -jax.vmap(problem.source)(points))


def test_too_few_waves_say_so_and_calls_agree_with_values(key):
    problem = sines(Box([-1, -1], [1, 1]), 15)
    solution = random_features(problem, features=60, bandwidth=3.0, key=key)
    assert solution.residual > 0.1
    good = random_features(problem, features=400, bandwidth=3.0, key=key)
    assert good.residual < solution.residual
    points = np.array([[0.1, 0.2], [-0.3, 0.9]])
    called = jax.vmap(good)(jnp.asarray(points))
    assert called.shape == (2, 1)
    np.testing.assert_allclose(called, good.values(points), atol=1e-3 * np.abs(good.coefficients).max())
    with jax.enable_x64(True):
        np.testing.assert_allclose(jax.vmap(good)(jnp.asarray(points)), good.values(points), rtol=1e-9)


@pytest.mark.parametrize(
    ("problem", "options", "named"),
    [
        (PLaplacian(Box(0, 1), lambda x: x[0], exponent=3), {}, "linear"),
        (Elliptic(Box(0, 1), lambda x: x[0], diffusion=2, smooth=False), {}, "strong form"),
        (two_scale(), {"features": 0}, "features"),
        (two_scale(), {"bandwidth": -1.0}, "bandwidth"),
        (two_scale(), {"bandwidth": (1.0, 2.0)}, "bandwidth"),
        (two_scale(), {"points": np.ones((3, 2)), "bandwidth": 1.0}, "points"),
        (two_scale(), {"boundary_points": 0}, "boundary_points"),
    ],
)
def test_bad_input_is_named(problem, options, named, key):
    with pytest.raises(InputError, match=named):
        random_features(problem, **options, key=key)
