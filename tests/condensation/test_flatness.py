"""Losses along filter-normalised directions against a plain loop and the invariance they are made for."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.condensation import filter_normalised_direction, loss_along_directions
from simplebias.core.errors import InputError
from simplebias.core.task import Regression
from simplebias.networks import MLP, SmallCNN, TwoLayer

POINTS = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
TASK = Regression(POINTS, np.sin(POINTS.sum(axis=1)))


def arrays(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_inexact_array))]


@pytest.mark.parametrize("per", ["filter", "layer"])
@pytest.mark.parametrize("make", [lambda k: MLP(3, 2, (7, 5), key=k), lambda k: SmallCNN((8, 8, 1), 3, key=k)])
def test_each_filter_is_as_long_as_that_of_the_network(make, per, key):
    network = make(key)
    direction = filter_normalised_direction(network, per=per, key=key)
    for weights, drawn in zip(arrays(network), arrays(direction), strict=True):
        rows = len(weights) if per == "filter" and weights.ndim > 1 else 1
        lengths = [np.linalg.norm(one.reshape(rows, -1), axis=1) for one in (weights, drawn)]
        assert np.allclose(*lengths, rtol=1e-4)
        if weights.size > 30:
            assert abs(np.corrcoef(weights.ravel(), drawn.ravel())[0, 1]) < 0.6


def test_losses_against_a_loop(key):
    network = TwoLayer(3, 1, 6, dropout=0.5, key=key)
    distances = np.array([-0.5, 0.0, 1.0])
    found = np.asarray(loss_along_directions(network, TASK, distances, directions=2, key=key))
    for row, one in zip(found, jax.random.split(key, 3)[1:], strict=True):
        direction = filter_normalised_direction(network, key=one)
        for loss, distance in zip(row, distances, strict=True):
            (w, b, a), (dw, db, da) = (
                (n.layers[0].weight, n.layers[0].bias, n.layers[1].weight) for n in (network, direction)
            )
            w, b, a = (np.asarray(p + distance * d, float) for p, d in ((w, dw), (b, db), (a, da)))
            outputs = np.tanh(POINTS @ w.T + b) @ a.T
            assert loss == pytest.approx(np.mean((outputs - np.asarray(TASK.values)) ** 2), rel=1e-4)
    assert found[0, 1] == pytest.approx(found[1, 1])
    assert found[0, 2] != pytest.approx(found[1, 2])


def test_rescaled_relu_networks_are_as_flat(key):
    network = MLP(3, 1, 8, 1, activation="relu", key=key)
    first, last = network.layers
    scaled = eqx.tree_at(
        lambda n: (n.layers[0].weight, n.layers[0].bias, n.layers[1].weight),
        network,
        (100 * first.weight, 100 * first.bias, last.weight / 100),
    )
    distances = jnp.linspace(-1, 1, 5)
    one, two = (loss_along_directions(n, TASK, distances, directions=3, key=key) for n in (network, scaled))
    assert np.allclose(one, two, rtol=1e-3)
    assert float(one[:, 2].std()) < 1e-6 < float(one[:, 0].std())


def test_zero_filters_do_not_move(key):
    network = TwoLayer(3, 1, 4, key=key)
    network = eqx.tree_at(lambda n: n.layers[0].weight, network, replace_fn=lambda w: w.at[2].set(0))
    direction = filter_normalised_direction(network, key=key)
    assert not direction.layers[0].weight[2].any()
    assert direction.layers[0].weight[1].all()


def test_float64_and_bad_input(key, float64):
    network = TwoLayer(3, 1, 4, key=key)
    assert loss_along_directions(network, TASK, [0.5], key=key).dtype == jnp.float64
    for distances in ([], [[0.1]], [np.nan]):
        with pytest.raises(InputError):
            loss_along_directions(network, TASK, distances, key=key)
    with pytest.raises(InputError, match="per"):
        loss_along_directions(network, TASK, [0.5], per="neuron", key=key)
    with pytest.raises(InputError, match="directions"):
        loss_along_directions(network, TASK, [0.5], directions=0, key=key)
    with pytest.raises(InputError, match="parameters"):
        filter_normalised_direction(lambda x: x, key=key)
