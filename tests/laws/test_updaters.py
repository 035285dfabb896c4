"""Laws that every optimiser of `optimiser_names()` keeps: fifty steps on a convex quadratic."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from simplebias.core.task import Regression
from simplebias.training import Gradient, optimiser, optimiser_names, train

RANDOM = np.random.default_rng(11)
POINTS = RANDOM.normal(size=(20, 3))
VALUES = POINTS @ [[1.0], [-2.0], [0.5]]


def linear(parameters, x):
    return parameters["weights"] @ x + parameters["bias"]


def members(dtype):
    start = np.random.default_rng(5).normal(size=(2, 1, 3)).astype(dtype)
    return Partial(linear, {"weights": jnp.asarray(start), "bias": jnp.zeros((2, 1), dtype)})


def go(transformation, key):
    task = Regression(POINTS, VALUES)
    return train(members("float32"), task, updater=transformation, steps=50, key=key, seeds=[0, 1])


@pytest.mark.parametrize("name", optimiser_names())
def test_fifty_steps_of_an_ensemble(name, key):
    transformation = optimiser(name, 1e-2)
    run, again = (go(transformation, key) for _ in range(2))
    assert run.outcome.name == "COMPLETED"
    assert np.isfinite(run.data["loss"]).all()
    assert (run.data["loss"][:, -1] < run.data["loss"][:, 0]).all()
    assert {leaf.dtype.name for leaf in jax.tree.leaves(run.network)} == {"float32"}
    assert run.data.identical(again.data)
    assert all(jax.tree.leaves(jax.tree.map(np.array_equal, run.network, again.network)))


@pytest.mark.parametrize("name", optimiser_names())
def test_double_precision_stays_double(name, key, float64):
    updater, task = Gradient(optimiser(name, 1e-2)), Regression(POINTS, VALUES)
    parameters, static = eqx.partition(jax.tree.map(lambda x: x[0], members("float64")), eqx.is_inexact_array)
    state = updater.init(parameters, task, key=key)
    step = lambda p, s: updater.update(p, static, task, s, step=jnp.asarray(0), key=key)
    after, state_after, loss = jax.eval_shape(step, parameters, state)
    assert loss.dtype == jnp.float64
    assert {leaf.dtype.name for leaf in jax.tree.leaves(after)} == {"float64"}
    assert [leaf.dtype for leaf in jax.tree.leaves(state_after)] == [jnp.result_type(x) for x in jax.tree.leaves(state)]
