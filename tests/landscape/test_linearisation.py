"""Linearisation scores against closed forms, and networks made shallower without a change where that is exact."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.landscape import linearisation_scores, reduce_depth
from simplebias.networks import MLP, ResNet, TwoLayer

X = np.random.default_rng(0).uniform(-1, 1, (80, 2))


def outputs(network, points=X):
    return np.asarray(jax.vmap(network)(jnp.asarray(points)))


def shifted(network, layer, shift):
    """The network with a constant added to the biases of a layer."""
    bias = network.layers[layer].bias
    return eqx.tree_at(lambda one: one.layers[layer].bias, network, bias + shift)


@pytest.fixture
def deep(float64, key):
    """ReLU, the second hidden layer always active, so that it is affine."""
    network = shifted(MLP(2, 1, (6, 5, 7), activation="relu", key=key), 1, 10.0)
    return shifted(network, 2, -10.0 * network.layers[2].weight.sum(axis=1))


def test_the_score_is_the_share_that_no_affine_map_explains(float64):
    network = TwoLayer(1, 1, 1, activation="relu", key=jax.random.key(0))
    network = eqx.tree_at(
        lambda one: (one.layers[0].weight, one.layers[0].bias), network, (jnp.ones((1, 1)), jnp.zeros(1))
    )
    x = np.linspace(-1, 1, 4001)
    # relu on [-1, 1] is x/2 + |x|/2: what is left of |x|/2 after a line is its deviation, of variance 1/48, in all 5/48
    assert linearisation_scores(network, x)[0] == pytest.approx(np.sqrt(1 / 5), rel=1e-3)


def test_an_active_layer_has_score_0_and_goes_without_a_change(deep):
    scores = linearisation_scores(deep, X)
    assert scores[1] < 1e-12 < 0.05 < scores[[0, 2]].min()
    done = reduce_depth(deep, X)
    assert done.layers == (2,)
    assert [layer.weight.shape for layer in done.network.layers] == [(6, 2), (7, 6), (1, 7)]
    np.testing.assert_allclose(outputs(done.network), outputs(deep), atol=1e-12)
    assert done.largest_change < 1e-12


def test_layers_go_until_the_tolerance_is_used_up_and_one_stays(float64, key):
    network = MLP(2, 1, (9, 8, 7), activation="tanh", initialisation="weight-std:0.1", key=key)
    done = reduce_depth(network, X, tolerance=0.5, score=1.0)
    assert sorted(done.layers) in ([1, 2], [1, 3], [2, 3])
    assert len(done.network.neurons()) == 1
    before, after = outputs(network), outputs(done.network)
    assert done.output_change == pytest.approx(np.linalg.norm(after - before) / np.linalg.norm(before - before.mean()))
    strict = reduce_depth(network, X, tolerance=1e-12, score=1.0)
    assert strict.layers == ()
    assert strict.network is network
    assert strict.output_change == 0


def test_the_score_keeps_layers(float64, key):
    network = MLP(2, 1, (9, 8), activation="tanh", initialisation="weight-std:1", key=key)
    assert reduce_depth(network, X, tolerance=100, score=1e-6).layers == ()


def test_the_last_layer_of_a_resnet_can_go(float64, key):
    network = shifted(ResNet(2, 1, 5, 3, activation="relu", key=key), 2, 20.0)
    done = reduce_depth(network, X)
    assert done.layers == (3,)
    np.testing.assert_allclose(outputs(done.network), outputs(network), atol=1e-11)


def test_a_constant_layer_has_score_0(float64, key):
    network = shifted(MLP(2, 1, (6, 5), activation="relu", key=key), 0, -100.0)
    np.testing.assert_array_equal(linearisation_scores(network, X), [0, 0])


def test_float32_networks_keep_their_type(key):
    network = shifted(MLP(2, 1, (6, 5), activation="relu", key=key), 1, 10.0)
    done = reduce_depth(network, X.astype(np.float32))
    assert done.layers == (2,)
    assert done.network.layers[0].weight.dtype == jnp.float32


@pytest.mark.parametrize(
    ("make", "points", "words"),
    [
        (lambda key: TwoLayer(2, 1, 5, key=key), X, "two hidden layers"),
        (lambda key: MLP(2, 1, (5, 5), key=key), X[:11], "at least 12 points"),
        (lambda key: MLP(3, 1, (5, 5), key=key), X, "3 columns"),
        (lambda key: "network", X, "a TwoLayer, MLP"),
    ],
)
def test_what_cannot_be_judged_is_refused(make, points, words, key):
    with pytest.raises(InputError, match=words):
        reduce_depth(make(key), points)
