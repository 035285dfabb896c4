"""Laws that every Task keeps; a new one is found by itself and needs a case here."""

import importlib
import inspect
import pkgutil

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simplebias
from simplebias.condensation import LastLayerDropout
from simplebias.core.sobolev import Sobolev
from simplebias.core.task import Classification, Regression, Task
from simplebias.networks import Affine
from simplebias.pde import Box, Poisson, Residual, Ritz

POINTS = np.linspace(-1, 1, 12, dtype=np.float32).reshape(6, 2)
PROBLEM = Poisson(Box([-1, -1], [1, 1]), lambda x: jnp.sin(x[0]) * x[1])
CASES = {
    Regression: lambda: (Regression(POINTS, POINTS[:, :1] ** 2), 1),
    LastLayerDropout: lambda: (LastLayerDropout(Regression(POINTS, POINTS[:, :1] ** 2), "L1", rate=0.2), 1),
    Classification: lambda: (Classification(POINTS, [0, 1, 2, 0, 1, 2]), 3),
    Sobolev: lambda: (Sobolev(POINTS, POINTS[:, :1] ** 2, [None, np.ones((6, 2, 2))], weights=0.3), 1),
    Ritz: lambda: (Ritz(PROBLEM, POINTS, boundary_weight=2.0), 1),
    Residual: lambda: (Residual(PROBLEM, POINTS, boundary_weight=2.0), 1),
}

OF_SEVERAL = {"fitting.updating.Both", "claims.p07_oscillating_coefficient.Separated"}
"""Losses of several networks at once, which no single network of these laws fits; their own tests are with them."""


def subclasses(kind: type) -> set[type]:
    return {kind} | {inner for outer in kind.__subclasses__() for inner in subclasses(outer)}


@pytest.fixture(params=CASES, ids=lambda kind: kind.__name__)
def case(request):
    return CASES[request.param]()


def test_no_task_is_forgotten():
    for module in pkgutil.walk_packages(simplebias.__path__, "simplebias."):
        if not module.name.startswith("simplebias.cli"):
            importlib.import_module(module.name)
    tasks = {kind for kind in subclasses(Task) if kind.__module__.startswith("simplebias.")}
    concrete = {kind for kind in tasks if not inspect.isabstract(kind)}
    names = {f"{kind.__module__.removeprefix('simplebias.')}.{kind.__name__}" for kind in concrete - CASES.keys()}
    assert concrete >= CASES.keys()
    assert names == OF_SEVERAL, f"add a case to {__file__}"


class Line(eqx.Module):
    """Affine in the sum of the inputs, with the parts that tasks may ask for."""

    layers: tuple

    def features(self, point):
        return (point.sum()[None],)

    def __call__(self, point):
        return self.layers[-1](self.features(point)[-1])


def network(outputs: int):
    return Line((Affine(jnp.arange(1.0, outputs + 1)[:, None], jnp.arange(0.0, outputs)),))


def test_whole_data_are_a_batch_of_all_rows(case, key):
    task, outputs = case
    whole = task.loss(network(outputs), task.batch(None, key=key), key=key)
    rows = task.loss(network(outputs), task.batch(jnp.arange(task.size), key=key), key=key)
    assert whole.shape == ()
    assert jnp.isfinite(whole)
    np.testing.assert_allclose(whole, rows, rtol=1e-6)


def test_the_loss_is_the_mean_over_rows(case, key):
    task, outputs = case
    each = [
        float(task.loss(network(outputs), task.batch(jnp.array([row]), key=key), key=key)) for row in range(task.size)
    ]
    whole = float(task.loss(network(outputs), task.batch(None, key=key), key=key))
    assert whole == pytest.approx(np.mean(each), rel=1e-5)


def test_a_task_goes_through_jit_and_its_rows_may_be_traced(case, key):
    task, outputs = case

    @jax.jit
    def loss(task, rows):
        return task.loss(network(outputs), task.batch(rows, key=key), key=key)

    rows = jnp.array([0, task.size - 1])
    np.testing.assert_allclose(
        loss(task, rows), task.loss(network(outputs), task.batch(rows, key=key), key=key), rtol=1e-6
    )


def test_the_probe_is_where_a_look_is_taken(case):
    task, outputs = case
    assert jax.vmap(network(outputs))(task.probe).shape == (len(task.probe), outputs)
    assert jnp.isfinite(task.probe).all()
