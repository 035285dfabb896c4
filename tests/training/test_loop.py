import logging

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.tree_util import Partial

from simplebias.core.errors import InputError
from simplebias.core.snapshot import Measure, Record, evaluate
from simplebias.core.task import Regression
from simplebias.networks import TwoLayer, ensemble
from simplebias.training import Gradient, train

POINTS = np.linspace(-1, 1, 10, dtype=np.float32)
TASK = Regression(POINTS, np.sin(4 * POINTS))
SGD = Gradient(optax.sgd(0.1), batch_size=4)


def leaves(network):
    return jax.tree.leaves(eqx.filter(network, eqx.is_array))


def map_arrays(function, network):
    return jax.tree.map(lambda leaf: function(leaf) if eqx.is_array(leaf) else leaf, network)


def equal(one, other):
    return all(np.array_equal(a, b) for a, b in zip(leaves(one), leaves(other), strict=True))


def some_ensemble(key, members):
    return ensemble(lambda k: TwoLayer(1, 1, 5, key=k), jax.random.split(key, members))


def test_a_member_trains_as_it_would_alone(key):
    networks, seeds = some_ensemble(key, 3), [5, 0, 12]
    together = train(networks, TASK, updater=SGD, steps=30, key=key, seeds=seeds)
    for i, seed in enumerate(seeds):
        one = map_arrays(lambda x, i=i: x[i : i + 1], networks)
        alone = train(one, TASK, updater=SGD, steps=30, key=key, seeds=[seed])
        assert np.allclose(together.data["loss"].sel(seed=seed), alone.data["loss"][0], rtol=1e-4, atol=1e-6)
        pairs = zip(leaves(together.network), leaves(alone.network), strict=True)
        assert all(np.allclose(a[i], b[0], atol=1e-5) for a, b in pairs)
    losses = together.data["loss"].values
    assert not np.allclose(losses[0], losses[1], rtol=1e-2)


def test_the_same_key_repeats_and_another_seed_or_key_does_not(key):
    network = TwoLayer(1, 1, 5, key=key)
    one = map_arrays(lambda x: x[None], network)
    run = train(network, TASK, updater=SGD, steps=30, key=key)
    again = train(network, TASK, updater=SGD, steps=30, key=key)
    labelled = train(one, TASK, updater=SGD, steps=30, key=key, seeds=[0])
    assert equal(run.network, again.network)
    assert run.data.identical(again.data)
    assert np.array_equal(run.data["loss"], labelled.data["loss"][0])
    assert labelled.data["loss"].dims == ("seed", "record")
    other_seed = train(one, TASK, updater=SGD, steps=30, key=key, seeds=[1])
    other_key = train(network, TASK, updater=SGD, steps=30, key=jax.random.key(3))
    assert not np.array_equal(run.data["loss"], other_seed.data["loss"][0])
    assert not np.array_equal(run.data["loss"], other_key.data["loss"])


def test_the_network_given_stays_as_it_was(key):
    network = TwoLayer(1, 1, 5, key=key)
    copy = map_arrays(np.array, network)
    run = train(network, TASK, updater=SGD, steps=5, key=key)
    assert equal(network, copy)
    assert equal(run.initial, copy)
    assert not equal(run.network, copy)


def test_an_equinox_mlp_trains(key):
    network = eqx.nn.MLP(1, 1, 16, 2, activation=jnp.tanh, key=key)
    run = train(network, TASK, updater=optax.adam(1e-2), steps=300, key=key)
    assert run.data["loss"][-1] < 0.1 * run.data["loss"][0]
    assert float(run.data["loss"][-1]) == pytest.approx(
        float(np.mean((evaluate(run.network, TASK.points) - TASK.values) ** 2)), rel=1e-4
    )


def test_a_function_with_its_numpy_parameters_trains(key):
    network = Partial(
        lambda p, x: p["a"] * jnp.tanh(x) + p["b"], {"a": np.zeros(1, np.float32), "b": np.ones(1, np.float32)}
    )
    run = train(network, Regression(POINTS, 2 * np.tanh(POINTS)), updater=optax.sgd(0.5), steps=200, key=key)
    assert np.allclose(run.network.args[0]["a"], 2, atol=1e-3)
    assert np.allclose(run.network.args[0]["b"], 0, atol=1e-3)


class WithDropout(eqx.Module):
    first: eqx.nn.Linear
    dropout: eqx.nn.Dropout
    last: eqx.nn.Linear

    def __init__(self, key):
        self.first, self.last = eqx.nn.Linear(1, 20, key=key), eqx.nn.Linear(20, 1, key=key)
        self.dropout = eqx.nn.Dropout(0.5)

    def __call__(self, x, *, key=None):
        return self.last(self.dropout(jnp.tanh(self.first(x)), key=key))


def test_dropout_is_drawn_while_training_and_off_when_looked_at(key):
    network = WithDropout(key)
    measures = {"outputs": Record(Measure(lambda s: s.outputs, dims=("point", "output")), at=[0, 20])}
    updater = Gradient(optax.sgd(0.1))  # the full batch: nothing else is random
    runs = [train(network, TASK, updater=updater, steps=20, key=k, measures=measures)
            for k in (key, key, jax.random.key(1))]  # fmt: skip
    assert equal(runs[0].network, runs[1].network)
    assert not equal(runs[0].network, runs[2].network)
    quiet = eqx.nn.inference_mode(network)
    assert np.allclose(runs[0].data["outputs"][0], jax.vmap(quiet)(TASK.points), atol=1e-6)
    assert np.allclose(runs[0].data["outputs"][1], evaluate(runs[0].network, TASK.points), atol=1e-6)
    assert not runs[0].network.dropout.inference


class Permuted(eqx.Module):
    order: jax.Array
    flags: jax.Array
    weights: jax.Array

    def __call__(self, x):
        return jnp.where(self.flags, self.weights * x[self.order], 0).sum(keepdims=True)


def permuted(order):
    return Permuted(jnp.asarray(order), jnp.asarray([True, True, False]), jnp.zeros(3))


def test_arrays_that_are_not_floating_stay_with_their_member(key):
    points = np.random.default_rng(0).normal(size=(30, 3))
    task = Regression(points, points @ [1.0, 2.0, 0.0])
    updater = Gradient(optax.sgd(0.2))
    orders = ([0, 1, 2], [1, 0, 2])
    alone = [train(permuted(order), task, updater=updater, steps=100, key=key).network for order in orders]
    assert [network.order.tolist() for network in alone] == [list(order) for order in orders]
    assert np.allclose(alone[0].weights, [1, 2, 0], atol=1e-3)
    assert np.allclose(alone[1].weights, [2, 1, 0], atol=1e-3)
    stacked = jax.tree.map(lambda *members: jnp.stack(members), *map(permuted, orders))
    together = train(stacked, task, updater=updater, steps=100, key=key, seeds=[0, 1]).network
    assert np.allclose(together.weights, [network.weights for network in alone], atol=1e-5)
    assert together.order.tolist() == [list(order) for order in orders]


@pytest.mark.parametrize(
    "network", [lambda x: x, Partial(lambda n, x: n * x, 3), Partial(lambda n, x: n * x, np.arange(2))]
)
def test_a_network_without_floating_arrays_is_refused(key, network):
    with pytest.raises(InputError, match="floating-point arrays"):
        train(network, TASK, steps=1, key=key)


def test_an_ensemble_of_the_wrong_size_is_refused(key):
    with pytest.raises(InputError, match="leading axis of 3 members"):
        train(some_ensemble(key, 2), TASK, steps=1, key=key, seeds=[0, 1, 2])


@pytest.mark.parametrize("seeds", [[], [1, 1], [0.5, 1.5], [[0, 1]], [-1, 0], ["a", "b"]])
def test_seeds_that_are_no_labels_are_refused(key, seeds):
    with pytest.raises(InputError, match="seeds"):
        train(some_ensemble(key, 2), TASK, steps=1, key=key, seeds=seeds)


@pytest.mark.parametrize("options", [{"steps": -1}, {"until": float("nan")}, {"resume": True}])
def test_options_out_of_range_are_refused(key, options):
    with pytest.raises(InputError):
        train(TwoLayer(1, 1, 3, key=key), TASK, key=key, **options)


def dtypes(tree):
    return {leaf.dtype.name for leaf in leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.inexact)}


def test_single_precision_stays_single(key):
    run = train(TwoLayer(1, 1, 5, key=key), Regression(np.linspace(-1, 1, 9), np.ones(9)), steps=3, key=key)
    assert dtypes(run.network) == {"float32"}
    assert run.data["loss"].dtype == np.float32


def test_double_precision_stays_double_and_is_precise(key, float64, least_squares, linear_network):
    points, values, start, _, best = least_squares
    run = train(linear_network(start), Regression(points, values), updater=optax.sgd(0.3), steps=800, key=key)
    assert dtypes(run.network) == {"float64"}
    assert run.data["loss"].dtype == np.float64
    assert np.allclose(run.network.args[0], best, rtol=0, atol=1e-12)


def test_a_second_training_of_the_same_shapes_compiles_nothing(key, caplog):
    updaters = [Gradient(optax.adam(1e-2)), optax.sgd(0.1), None]
    measures = {"mean": Record(Measure(lambda s: s.outputs.mean()), at=[0, 5, 10])}

    def go(seed, updater, steps):
        points = np.linspace(0, seed + 1, 10)
        network = TwoLayer(1, 1, 5, key=jax.random.key(seed))
        train(network, Regression(points, points**2), updater=updater, steps=steps, key=key, measures=measures)

    for updater in updaters:
        go(0, updater, 10)
        with caplog.at_level(logging.WARNING), jax.log_compiles():
            go(1, updater, 400)
        assert [r.message for r in caplog.records if "compilation of" in r.message] == []
    with caplog.at_level(logging.WARNING), jax.log_compiles():  # that it can fail
        go(1, Gradient(optax.adam(1e-2)), 10)
    assert any("run_block" in r.message for r in caplog.records)
