"""Laws that every optimiser of `optimiser_names()` keeps: fifty steps on a convex quadratic."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from simplebias.core.task import Regression
from simplebias.training import optimiser, optimiser_names, train

RANDOM = np.random.default_rng(11)
POINTS = RANDOM.normal(size=(20, 3))
VALUES = POINTS @ [[1.0], [-2.0], [0.5]]


def linear(parameters, x):
    return parameters["weights"] @ x + parameters["bias"]


def members(dtype):
    start = np.random.default_rng(5).normal(size=(2, 1, 3)).astype(dtype)
    return Partial(linear, {"weights": jnp.asarray(start), "bias": jnp.zeros((2, 1), dtype)})


def go(name, key, dtype="float32", transformation=None):
    transformation = optimiser(name, 1e-2) if transformation is None else transformation
    return train(members(dtype), Regression(POINTS, VALUES), updater=transformation, steps=50, key=key, seeds=[0, 1])


@pytest.mark.parametrize("name", optimiser_names())
def test_fifty_steps_of_an_ensemble(name, key):
    transformation = optimiser(name, 1e-2)
    run, again = (go(name, key, transformation=transformation) for _ in range(2))
    assert run.outcome.name == "COMPLETED"
    assert np.isfinite(run.data["loss"]).all()
    assert (run.data["loss"][:, -1] < run.data["loss"][:, 0]).all()
    assert {leaf.dtype.name for leaf in jax.tree.leaves(run.network)} == {"float32"}
    assert run.data.identical(again.data)
    assert all(jax.tree.leaves(jax.tree.map(np.array_equal, run.network, again.network)))


@pytest.mark.parametrize("name", optimiser_names())
def test_double_precision_stays_double(name, key, float64):
    run = go(name, key, "float64")
    assert {leaf.dtype.name for leaf in jax.tree.leaves(run.network)} == {"float64"}
    assert np.isfinite(run.data["loss"]).all()
