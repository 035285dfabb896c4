"""Least squares on random waves against exact solutions, on boxes and domains with holes, and its own account of it."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core import InputError
from simplebias.networks import MLP, Affine, SubspaceNet
from simplebias.pde import (
    Ball,
    Box,
    Elliptic,
    HardBoundary,
    PLaplacian,
    Poisson,
    last_layer,
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


def test_many_inputs_are_taken_by_few_at_a_time_and_together(key):
    """Sums of functions of few inputs, and one of all: waves that are drawn evenly miss 0.09 and more of either."""
    pairs = lambda x: x[0] * x[1] + jnp.sin(2 * x[2] * x[3]) + jnp.sum(jnp.cos(2 * x))
    ridge = lambda x: jnp.sin(jnp.sum(x))
    for exact, limit in ((pairs, 0.03), (ridge, 0.1)):
        source = lambda x, exact=exact: -jnp.trace(jax.hessian(exact)(x))
        problem = Poisson(Box((-1.0,) * 6, (1.0,) * 6), source, boundary=exact, exact=exact)
        found = random_features(problem, features=400, key=key)
        error = relative(problem, found, key)
        assert error < limit
        assert error / 5 < max(found.residual, found.boundary_residual)  # it is not better than it says by much
        again = random_features(problem, features=400, bandwidth=found.bandwidth, key=key)
        np.testing.assert_array_equal(again.coefficients, found.coefficients)


def test_less_time_is_fewer_waves_unless_they_are_asked_for(key):
    problem = sines(Box([-1, -1], [1, 1]), 4)
    short = random_features(problem, seconds=1e-3, key=key)
    assert 400 <= len(short.coefficients) < 800
    assert relative(problem, short, key) < 10 * max(short.residual, short.boundary_residual)
    assert len(random_features(problem, features=500, seconds=1e-3, key=key).coefficients) == 500
    long, any_time = (random_features(two_scale(), key=key, seconds=seconds) for seconds in (60.0, None))
    np.testing.assert_array_equal(long.coefficients, any_time.coefficients)


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
        (two_scale(), {"seconds": 0}, "seconds"),
    ],
)
def test_bad_input_is_named(problem, options, named, key):
    with pytest.raises(InputError, match=named):
        random_features(problem, **options, key=key)


@pytest.mark.parametrize("kind", ["hard", "several", "added"])
def test_a_last_layer_is_exact_where_the_solution_is_in_reach(kind, key):
    """Features among which are those that the solution is made of."""
    exact = lambda x: jnp.sin(3 * x[0] + 1) - 0.5 * jnp.sin(2 * x[0])
    problem = Poisson(
        Box(0, 2), lambda x: 9 * jnp.sin(3 * x[0] + 1) - 2 * jnp.sin(2 * x[0]), boundary=exact, exact=exact
    )
    one, other = jax.random.split(key)
    network = MLP(1, 1, 6, 1, activation="sin", key=one)
    known = Affine(jnp.array([[3.0], [2.0], [1.0], [0.5], [4.0], [5.0]]), jnp.array([1.0, 0, 0, 0, 0, 0]))
    network = eqx.tree_at(lambda one: one.layers[0], network, known)
    if kind == "several":
        network = SubspaceNet(MLP(1, 1, 4, 1, activation="sin", key=other), network)
    if kind == "added":
        network = HardBoundary(MLP(1, 1, 30, 1, activation="sin", key=other), factor=lambda x: x[0] * (2 - x[0]))
        network = eqx.tree_at(lambda one: one.network.layers[0].weight, network, 4 * network.network.layers[0].weight)
        problem = Poisson(Box(0, 2), lambda x: 9 * jnp.sin(3 * x[0]))
    finished = last_layer(network, problem, points=200, key=key)
    with jax.enable_x64(True):
        points = jnp.linspace(0, 2, 50)[:, None]
        found = jax.vmap(finished)(points)[:, 0]
        if kind == "added":
            line = jnp.sin(6.0) * points[:, 0] / 2
            np.testing.assert_allclose(found, jnp.sin(3 * points[:, 0]) - line, atol=1e-5)
        else:
            np.testing.assert_allclose(found, jax.vmap(exact)(points), atol=1e-9)


@pytest.mark.parametrize(
    ("network", "problem", "named"),
    [
        (lambda x: x, two_scale(), "layers"),
        (MLP(1, 1, 4, 1, activation="relu", key=jax.random.key(0)), two_scale(), "derivative"),
        (MLP(1, 1, 4, 1, key=jax.random.key(0)), PLaplacian(Box(0, 1), lambda x: x[0], exponent=3), "linear"),
        (MLP(1, 2, 4, 1, key=jax.random.key(0)), two_scale(), "one output"),
    ],
)
def test_a_last_layer_that_cannot_be_solved_for_is_refused(network, problem, named, key):
    with pytest.raises(InputError, match=named):
        last_layer(network, problem, key=key)
    with pytest.raises(InputError, match="affine"):
        last_layer(MLP(1, 1, 4, 1, key=key), two_scale(), where=lambda one: one.layers[0], key=key)
