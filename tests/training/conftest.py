"""Small tasks and networks whose training is known in closed form."""

import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from simplebias.core.snapshot import Measure, Record
from simplebias.core.task import Regression


def linear(weights, x):
    return weights @ x


@pytest.fixture
def least_squares():
    """Points, values, first weights, and the Hessian and minimum of the mean square, in NumPy's float64."""
    random = np.random.default_rng(7)
    points, values = random.normal(size=(12, 3)), random.normal(size=(12, 1))
    hessian = 2 / 12 * points.T @ points
    best = np.linalg.solve(hessian, 2 / 12 * points.T @ values).T
    return points, values, random.normal(size=(1, 3)), hessian, best


@pytest.fixture
def linear_network():
    """Makes `x -> weights @ x` with trained weights."""
    return lambda weights: Partial(linear, jnp.asarray(weights))


@pytest.fixture
def square():
    """A task whose loss is w² for a linear network with the single weight w."""
    return Regression([1.0], [0.0])


def _weights(snapshot):
    return snapshot.network.args[0].ravel()


@pytest.fixture
def weights_record():
    """Keeps the weights of a linear network."""
    return lambda at: Record(Measure(_weights, dims=("feature",)), at=at)
