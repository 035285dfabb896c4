"""The rule for concentrated functions against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.pde import Ball, Box, Poisson, Ritz, graded_points

WIDTH = 0.02


def bump(point):
    return jnp.exp(-(point @ point) / (2 * WIDTH**2)) / (2 * jnp.pi * WIDTH**2) ** (point.shape[0] / 2)


@pytest.mark.parametrize("inputs", [1, 2, 3])
@pytest.mark.usefixtures("float64")
def test_a_polynomial_of_degree_three_is_integrated_exactly(inputs):
    box = Box([-1.0] * inputs, [2.0] * inputs)
    points, weights = graded_points(box, bump, 3000)
    x = np.asarray(points)
    exact = 3.0 ** (inputs - 1) * (2.0**4 - 1) / 4
    np.testing.assert_allclose(weights @ x[:, 0] ** 3, exact, rtol=1e-12)
    assert box.contains(points).all()


@pytest.mark.usefixtures("float64")
def test_a_concentrated_charge_is_whole_and_points_are_near_it():
    rules = [graded_points(Ball((0.0, 0.0), 1.0), bump, count) for count in (4000, 16000)]
    coarse, fine = (abs(float(weights @ jax.vmap(bump)(points)) - 1) for points, weights in rules)
    assert fine < 1e-3
    assert fine < coarse / 4  # order 4 in a size that is halved
    near = np.linalg.norm(rules[1][0], axis=1) < 3 * WIDTH
    assert near.mean() > 0.1  # in a disc of 0.4 % of the area


@pytest.mark.usefixtures("float64")
def test_the_volume_of_a_ball_converges_at_second_order():
    flat = lambda point: jnp.ones(())
    counts = np.array([500, 8000])
    errors = [abs(graded_points(Ball((0.0, 0.0), 1.0), flat, int(n))[1].sum() - np.pi) for n in counts]
    assert errors[1] < 1e-3
    assert errors[1] < errors[0]


def test_many_inputs_are_refused():
    with pytest.raises(InputError, match="at most 3 inputs"):
        graded_points(Ball((0.0,) * 4, 1.0), bump, 100)


@pytest.mark.usefixtures("float64")
def test_a_weighted_energy_is_the_integral(key):
    problem = Poisson(Box(0, 1), lambda x: 2.0 + 0 * x[0])
    points, weights = graded_points(problem.domain, problem.source, 64)
    task = Ritz(problem, points, weights=weights, boundary="hard")
    found = task.loss(lambda x: x * (1 - x), task.batch(None, key=key), key=key)
    np.testing.assert_allclose(found, -1 / 6, rtol=1e-12)
    assert len(task.terms(task.batch(None, key=key))) == 1


@pytest.mark.parametrize(
    ("weights", "words"),
    [([1.0, 2.0], "3 weights"), ([1.0, 0.0, 1.0], "above zero"), ([1.0, np.nan, 1.0], "above zero")],
)
def test_weights_that_do_not_fit_are_refused(weights, words):
    problem = Poisson(Box(0, 1), lambda x: 2.0 + 0 * x[0])
    with pytest.raises(InputError, match=words):
        Ritz(problem, [0.2, 0.5, 0.7], weights=weights)


def test_weights_without_points_are_refused(key):
    problem = Poisson(Box(0, 1), lambda x: 2.0 + 0 * x[0])
    with pytest.raises(InputError, match="without points"):
        Ritz(problem, count=3, weights=[1.0, 1.0, 1.0], key=key)


def test_random_points_of_cells_that_a_hole_cuts_are_in_the_domain():
    domain = Box((-1.0, -1.0), (1.0, 1.0)) - Ball((0.3, 0.2), 0.4)
    for seed in range(3):
        points, weights = graded_points(domain, lambda x: jnp.exp(-100 * x @ x), 4000, key=jax.random.key(seed))
        assert np.asarray(domain.contains(np.asarray(points))).all()
        assert abs(float(weights.sum()) - (4 - 0.16 * np.pi)) < 1e-2
