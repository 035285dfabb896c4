"""The public verbs: networks embedded in given widths and depth, and what they keep, looked at in float64."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simplebias
from simplebias.core.errors import InputError
from simplebias.core.task import Regression
from simplebias.landscape import embed, manufactured, verify
from simplebias.networks import MLP, ResNet, TwoLayer, chain_of, split_embedding


@pytest.fixture
def x():
    return np.random.default_rng(3).normal(size=(60, 2))


def change(found, x):
    """Largest difference of an output at the points."""
    return np.abs(chain_of(found.network).look(x)[2] - chain_of(found.narrow).look(x)[2]).max()


@pytest.mark.parametrize("method", ["random", "split", "null"])
def test_given_widths_are_reached(method, key, x):
    found = embed(MLP(2, 1, (2, 3), key=key), widths=(4, 3), method=method, key=key)
    assert found.widths == (4, 3)
    assert found.degeneracy == (4 if method == "null" else 2)
    assert change(found, x) < 1e-5
    moved = np.abs(np.asarray(found.network.layers[0].weight[2:])).max()
    assert (moved == 0) == (method == "null")


def test_given_depth_is_reached(key, x):
    assert simplebias.embed is embed
    network = MLP(2, 1, (3,), activation="relu", key=key)
    deep = embed(network, depth=3, points=x, key=key)
    assert deep.widths == (3, 3, 3)
    assert deep.degeneracy == 2 * 12
    both = embed(network, widths=(5, 2), points=x, key=key)
    assert both.widths == (5, 2)
    tied = embed(ResNet(2, 1, 2, 2, key=key), widths=4, depth=3, points=x, key=key)
    assert tied.widths == (4, 4, 4)
    assert all(change(found, x) < 1e-4 for found in (deep, both, tied))
    again = [np.asarray(leaf) for leaf in jax.tree.leaves(both(network)) if eqx.is_array(leaf)]
    assert all(map(np.array_equal, again, filter(eqx.is_array, jax.tree.leaves(both.network))))


def test_the_minimum_of_two_neurons_becomes_a_saddle_of_three_and_four(key):
    """Counts of the published Hessians: each neuron more gives one eigenvalue of each kind."""
    points = np.linspace(-15, 15, 50)
    task = Regression(points, np.tanh(points - 6) + np.tanh(points) + np.tanh(points + 6))
    first, last = [[0.18450334966254392], [1.3049743083651923]], [[2.3123925073682323, 0.7795996989239473]]
    with jax.enable_x64(True):  # found by critical_point, with way="descend"
        weights = tuple(jnp.asarray(part) for part in (first, [-0.4217476672218475, 8.021230917445882], last))
    places = lambda n: (n.layers[0].weight, n.layers[0].bias, n.layers[1].weight)
    narrow = eqx.tree_at(places, TwoLayer(1, 1, 2, key=key), weights)
    once = verify(split_embedding(narrow, 1, 0, (2.0, -1.0)), task)
    assert once.output_change < 1e-14
    assert max(once.gradient_before, once.gradient_after) < 1e-13
    assert (once.before.counts, once.after.counts) == ((6, 0, 0), (7, 1, 1))
    assert once.inertia_kept
    thrice = verify(split_embedding(narrow, 1, 0, np.full(3, 1 / 3)), task)
    assert thrice.after.counts == (8, 2, 2)
    assert "2 of 2 zeros predicted" in str(thrice)


def test_single_precision_is_not_seen_and_a_broken_map_is(key, x):
    network = MLP(2, 1, (2, 2), key=key)
    assert network.layers[0].weight.dtype == jnp.float32
    task = manufactured(network, x, key=key)
    good = embed(network, widths=(3, 3), key=key)
    found = verify(good, task, with_inertia=False)
    assert found.before is found.inertia_kept is None
    assert found.output_change < 1e-13
    assert max(found.gradient_before, found.gradient_after) < 1e-13

    def louder(narrow):
        wide = good.function(narrow)
        return eqx.tree_at(lambda n: n.layers[1].weight, wide, 1.01 * wide.layers[1].weight)

    broken = verify(dataclasses.replace(good, function=louder), task, with_inertia=False)
    assert broken.output_change > 1e-4
    assert broken.gradient_after > 1e-6


def test_what_cannot_be_embedded_is_refused(key, x):
    network = MLP(2, 1, (3,), activation="relu", key=key)
    with pytest.raises(InputError, match="neither"):
        embed(network, key=key)
    with pytest.raises(InputError, match=r"widths of at least \(3,\)"):
        embed(network, widths=(2,), key=key)
    with pytest.raises(InputError, match="the same"):
        embed(network, depth=1, key=key)
    with pytest.raises(InputError, match="points, the inputs"):
        embed(network, depth=2, key=key)
    with pytest.raises(InputError, match="2 widths and depth=3"):
        embed(network, widths=(3, 3), depth=3, points=x, key=key)
    with pytest.raises(InputError, match="method"):
        embed(network, widths=(4,), method="clone", key=key)
