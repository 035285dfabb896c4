"""Gradient flow by Diffrax: a flow known in closed form, the order of the normalised flow, and errors at the door."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.errors import DivergenceError, InputError
from simplebias.core.snapshot import member
from simplebias.core.task import Regression
from simplebias.networks import MLP, TwoLayer
from simplebias.training import NormalisedFlow, gradient_flow

X = np.array([-0.5, -1 / 6, 1 / 6, 0.5])
Y = X**2


class Line(eqx.Module):
    """A slope, of which the flow is `w(t) = w* + (w0 - w*) exp(-t mean(x²))`."""

    slope: jax.Array
    name: str = "line"

    def __call__(self, point):
        return self.slope * point


def test_a_line_moves_as_the_formula_says():
    times = np.array([0.0, 0.5, 3.0, 20.0])
    lines = gradient_flow(Line(jnp.array([2.0])), Regression(X, 0.5 * X), times=times)
    exact = 0.5 + 1.5 * np.exp(-times * np.mean(X**2))
    np.testing.assert_allclose(lines.slope[:, 0], exact, rtol=1e-3)
    assert lines.slope.dtype == np.float32
    assert lines.name == "line"


def flat(network):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(eqx.filter(network, eqx.is_inexact_array))])


def follow(network, finer, steps=150):
    """Network and time after steps of the normalised flow."""
    parameters, static = eqx.partition(network, eqx.is_inexact_array)
    task, updater, key = Regression(X, Y), NormalisedFlow(0.2 / finer, 0.05 / finer), jax.random.key(0)

    def go(carry, _):
        moved, time, _ = updater.update(carry[0], static, task, carry[1], step=jnp.asarray(0), key=key)
        return (moved, time), None

    start = parameters, updater.init(parameters, task, key=key)
    (parameters, time), _ = jax.lax.scan(go, start, length=steps * finer)
    return eqx.combine(parameters, static), float(time)


@pytest.mark.usefixtures("float64")
def test_the_normalised_flow_is_of_first_order(key):
    """The error halves with η₁ and η₂, of three layers in the middle of their growth."""
    network = MLP(1, 1, (9, 7), activation="tanh", initialisation="weight-std:0.1", output_bias=False, key=key)
    ends = [follow(network, finer) for finer in (1, 2)]
    times = np.array([time for _, time in ends])
    order = np.argsort(times)
    exact = gradient_flow(network, Regression(X, Y), times=times[order])
    errors = np.zeros(2)
    for place, index in enumerate(order):
        there = flat(member(exact, place))
        errors[index] = np.linalg.norm(flat(ends[index][0]) - there) / np.linalg.norm(there - flat(network))
    assert np.linalg.norm(there - flat(network)) > 0.1 * np.linalg.norm(flat(network))
    assert errors[0] < 0.03
    assert errors[0] / errors[1] == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize(
    "options",
    [
        {"times": []},
        {"times": [0.0]},
        {"times": [1.0, 1.0]},
        {"times": [-1.0, 1.0]},
        {"times": [0.0, np.nan]},
        {"times": [[1.0]]},
        {"times": [1.0], "tolerance": 0},
        {"times": [1.0], "steps": 0},
        {"times": [1.0], "solver": "euler"},
    ],
)
def test_bad_options_are_refused(options, key):
    with pytest.raises(InputError):
        gradient_flow(TwoLayer(1, 1, 3, key=key), Regression(X, Y), **options)


def test_a_time_that_is_not_reached_is_said():
    with pytest.raises(DivergenceError, match="did not reach t = 1000 in 3 steps"):
        gradient_flow(Line(jnp.array([2.0])), Regression(X, 0.5 * X), times=[1e3], steps=3)
