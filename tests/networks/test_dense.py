"""What each dense network computes, against NumPy by hand."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.networks import MLP, AntiSymmetric, ResNet, TwoLayer, build, ensemble


def numpy_layers(network):
    return [(np.asarray(one.weight), None if one.bias is None else np.asarray(one.bias)) for one in network.layers]


def test_two_layer_by_hand_from_its_neurons(key, float64):
    network = TwoLayer(3, 2, 40, activation="tanh", initialisation="phase:1.3,0.4", key=key)
    points = np.random.default_rng(0).normal(size=(7, 3))
    (neurons,) = network.neurons()
    hidden = np.tanh(points @ np.asarray(neurons.input_weights).T + np.asarray(neurons.bias))
    assert np.allclose(
        jax.vmap(network)(jnp.asarray(points)), hidden @ np.asarray(neurons.output_weights).T, rtol=1e-12
    )
    assert neurons.activation == "tanh"


def test_multipliers_of_ntk_by_hand(key, float64):
    network = MLP(2, 1, (50, 60), activation="relu", initialisation="ntk", key=key)
    network = eqx.tree_at(lambda n: n.layers[-1].bias, network, jnp.array([0.7]))
    (w1, b1), (w2, b2), (w3, b3) = numpy_layers(network)
    x = np.array([0.3, -1.2])
    h = np.maximum(w1 @ x + b1, 0)
    h = np.maximum((w2 @ h + b2) / np.sqrt(50), 0)
    assert np.allclose(network(jnp.asarray(x)), w3 @ h / np.sqrt(60) + b3, rtol=1e-12)


def test_residual_by_hand(key, float64):
    network = ResNet(2, 2, 30, 3, activation="sin", initialisation="weight-std:0.4", key=key)
    (w1, b1), (w2, b2), (w3, b3), (w4, b4) = numpy_layers(network)
    x = np.array([0.3, -1.2])
    h1 = np.sin(w1 @ x + b1)
    h2 = h1 + np.sin(w2 @ h1 + b2)
    h3 = h2 + np.sin(w3 @ h2 + b3)
    assert np.allclose(network(jnp.asarray(x)), w4 @ h3 + b4, rtol=1e-12)
    for ours, twin in zip(network.features(jnp.asarray(x)), (h1, h2, h3), strict=True):
        assert np.allclose(ours, twin, rtol=1e-12)


def test_deep_neurons_chain(key, float64):
    network = MLP(2, 1, 9, 3, initialisation="mean-field", key=key)
    neurons = network.neurons()
    x = jnp.array([0.3, -1.2])
    h = np.asarray(x)
    for layer, feature in zip(neurons, network.features(x), strict=True):
        h = np.tanh(np.asarray(layer.input_weights) @ h + np.asarray(layer.bias))
        assert np.allclose(h, feature, rtol=1e-12)
    assert np.allclose(np.asarray(neurons[-1].output_weights) @ h, network(x), rtol=1e-12)
    assert np.array_equal(neurons[0].output_weights, neurons[1].input_weights)


def test_output_bias_defaults(key):
    assert TwoLayer(1, 1, 3, key=key).layers[-1].bias is None
    assert TwoLayer(1, 2, 3, output_bias=True, key=key).layers[-1].bias.shape == (2,)
    assert MLP(1, 1, 3, 2, key=key).layers[-1].bias.shape == (1,)
    assert MLP(1, 1, 3, 2, output_bias=False, key=key).layers[-1].bias is None
    assert build("two-layer", 1, 1, width=3, output_bias=True, key=key).layers[-1].bias is not None


def test_output_bias_is_free_of_the_multiplier(key):
    network = TwoLayer(1, 1, 100, initialisation="mean-field", output_bias=True, key=key)
    raised = eqx.tree_at(lambda n: n.layers[-1].bias, network, jnp.ones(1))
    assert float(raised(jnp.ones(1))[0] - network(jnp.ones(1))[0]) == pytest.approx(1, abs=1e-6)


def test_widths(key):
    assert [one.bias.shape[0] for one in MLP(1, 1, (5, 6, 7), key=key).neurons()] == [5, 6, 7]
    assert [one.bias.shape[0] for one in MLP(1, 1, 4, 2, key=key).neurons()] == [4, 4]
    assert len(MLP(1, 1, [5, 6], 2, key=key).neurons()) == 2


@pytest.mark.parametrize(
    "make",
    [
        lambda key: TwoLayer(0, 1, 3, key=key),
        lambda key: TwoLayer(1, 0, 3, key=key),
        lambda key: TwoLayer(1, 1, 0, key=key),
        lambda key: TwoLayer(1, 1, 3, activation="tahn", key=key),
        lambda key: TwoLayer(1, 1, 3, initialisation="phase:1", key=key),
        lambda key: TwoLayer(1, 1, 3, dropout=1.0, key=key),
        lambda key: TwoLayer(1, 1, 3, dropout=-0.1, key=key),
        lambda key: TwoLayer(1, 1, 3, dtype="int32", key=key),
        lambda key: TwoLayer(1, 1, 3, dtype="float64", key=key),
        lambda key: MLP(1, 1, 3, key=key),
        lambda key: MLP(1, 1, 3, 0, key=key),
        lambda key: MLP(1, 1, (), key=key),
        lambda key: MLP(1, 1, (3, 4), 3, key=key),
        lambda key: MLP(1, 1, 3, 2, initialisation="phase:1,0", key=key),
        lambda key: build("two-layer", 1, 1, width=3, depth=2, key=key),
        lambda key: build("two-layer", 1, 1, width=(3,), key=key),
        lambda key: build("resnet", 1, 1, width=3, key=key),
        lambda key: build("resnet", 1, 1, width=(3, 3), depth=2, key=key),
        lambda key: build("mpl", 1, 1, width=3, depth=2, key=key),
        lambda key: ensemble(lambda k: TwoLayer(1, 1, 3, key=k), key),
        lambda key: AntiSymmetric(jnp.sin),
    ],
)
def test_refusals(make, key):
    with pytest.raises(InputError):
        make(key)


def test_the_two_halves_share_no_buffer(key):
    network = build("mlp", 1, 1, width=3, depth=2, antisymmetric=True, key=key)
    first, second = (jax.tree.leaves(eqx.filter(half, eqx.is_array)) for half in (network.first, network.second))
    pointers = [leaf.unsafe_buffer_pointer() for leaf in (*first, *second)]
    assert len(set(pointers)) == len(pointers)


def test_both_halves_get_gradients(key):
    network = build("two-layer", 1, 1, width=4, antisymmetric=True, key=key)
    gradient = eqx.filter_grad(lambda n: (n(jnp.ones(1))[0] - 1) ** 2)(network)
    for half in (gradient.first, gradient.second):
        assert all(float(jnp.abs(leaf).max()) > 0 for leaf in jax.tree.leaves(half) if eqx.is_inexact_array(leaf))


def test_ensemble_members_are_the_networks_of_their_keys(key):
    keys = jax.random.split(key, 3)

    def make(one):
        return build("mlp", 2, 1, width=5, depth=2, antisymmetric=True, dropout=0.2, key=one)

    members = ensemble(make, keys)
    alone = make(keys[1])
    for stacked, single in zip(jax.tree.leaves(members), jax.tree.leaves(alone), strict=True):
        if eqx.is_array(single):
            assert np.allclose(stacked[1], single, rtol=1e-6)


@pytest.mark.parametrize("name", ["two-layer", "mlp", "resnet"])
def test_dropout_by_hand_and_the_output_reads_the_features(name, key):
    depth = None if name == "two-layer" else 2
    network = build(name, 2, 2, width=200, depth=depth, dropout=0.25, key=key)
    x = jnp.array([0.3, -1.2])
    features, quiet = network.features(x, key=key), eqx.nn.inference_mode(network).features(x)
    first = np.asarray(features[0])
    assert np.allclose(first[first != 0], np.asarray(quiet[0])[first != 0] / 0.75, rtol=1e-5)
    assert 0.6 < (first != 0).mean() < 0.9
    assert np.allclose(network(x, key=key), network.layers[-1](features[-1]), rtol=1e-4, atol=1e-6)
    if depth:
        assert not np.array_equal(np.asarray(features[1]) == 0, first == 0)
    assert network.keep_probability == pytest.approx(0.75)
    assert eqx.nn.inference_mode(network).keep_probability == pytest.approx(0.75)
