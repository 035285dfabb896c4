"""Whatever can be set can be an axis: labelled in the result, compiled once per shape, each cell what it is alone."""

import equinox as eqx
import jax
import numpy as np
import optax
import pytest

from simplebias.core.errors import Outcome
from simplebias.core.task import Regression
from simplebias.networks import build
from simplebias.sweeps import Specification, lay_out, sweep
from simplebias.training import Gradient, train
from simplebias.training.slots import go

COMMON = {"width": 3, "depth": 1, "learning_rate": 0.05}
AXES = {
    "seed": ([0, 1], 1),
    "learning_rate": ([0.01, 0.1], 1),
    "init": (["lecun", "he"], 1),
    "weight_std": ([0.1, 0.5], 1),
    "width": ([3, 5], 2),
    "depth": ([1, 2], 2),
    "dropout": ([0.0, 0.5], 2),
    "optimiser": (["adam", "gd"], 2),
    "activation": (["tanh", "relu"], 2),
    "batch_size": ([0, 2], 2),
    "label_noise": ([0.0, 0.5], 2),
    "data": (["four-points", "co2"], 2),
}


@pytest.mark.parametrize("name", AXES)
def test_it_is_an_axis(name):
    values, shapes = AXES[name]
    settings = {one: value for one, value in COMMON.items() if one != name} | {"limit": 4}
    grid = Specification({name: values}, settings, steps=5)
    assert len(lay_out(grid).shapes) == shapes
    before = go._cached._cache_size()
    data = sweep(grid)
    assert go._cached._cache_size() - before <= shapes
    assert data["loss"].dims == (name,)
    assert data[name].values.tolist() == values
    assert (data["outcome"] == Outcome.COMPLETED).all()
    first, last = (float(data["loss"].sel({name: value})) for value in values)
    assert np.isfinite([first, last]).all()
    assert first != last  # the axis does something


def test_a_cell_of_many_axes_is_what_training_it_alone_gives():
    axes = {"init": ["lecun", "he"], "label_noise": [0.1, 0.3], "learning_rate": [0.01, 0.1], "seed": [0, 7]}
    settings = {"width": 6, "depth": 2, "dropout": 0.25, "optimiser": "rmsprop", "batch_size": 3}
    cell = sweep(Specification(axes, settings, measures=["outputs"], steps=40)).sel(
        init="he", label_noise=0.3, learning_rate=0.1, seed=7
    )
    draw, key, noise = jax.random.split(jax.random.key(7), 3)
    network = build("mlp", 1, 1, width=6, depth=2, activation="tanh", dropout=0.25, initialisation="he", key=draw)
    x = np.array([-1 / 2, -1 / 6, 1 / 6, 1 / 2], np.float32)[:, None]
    y = x**2 + 0.3 * jax.random.normal(noise, (4, 1))
    run = train(network, Regression(x, y), updater=Gradient(optax.rmsprop(0.1), 3), steps=40, key=key)
    before, alone = (jax.vmap(eqx.nn.inference_mode(one))(x) for one in (network, run.network))
    np.testing.assert_allclose(cell["outputs"], alone, rtol=1e-3, atol=1e-5)
    assert np.abs(alone - before).max() > 0.1  # it was trained
