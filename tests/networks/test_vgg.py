"""VGG against SciPy's correlation, its likeness to SmallCNN, and what it refuses."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import correlate2d

from simplebias.core.errors import InputError
from simplebias.networks import VGG, SmallCNN


def convolved(layer, picture):
    """By loops: correlation with zeros outside, bias, ReLU."""
    kernels = np.asarray(layer.weight).reshape(layer.weight.shape[0], 3, 3, picture.shape[2])
    channels = range(picture.shape[2])
    maps = [sum(correlate2d(picture[..., c], kernel[..., c], mode="same") for c in channels) for kernel in kernels]
    return np.maximum(np.stack(maps, axis=2) + np.asarray(layer.bias), 0)


def halved(picture):
    rows, columns = picture.shape[0] // 2, picture.shape[1] // 2
    cell = lambda i, j: picture[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max(axis=(0, 1))
    return np.array([[cell(i, j) for j in range(columns)] for i in range(rows)])


def twin(network, picture):
    for block in network.convolutions:
        for layer in block:
            picture = convolved(layer, picture)
        picture = halved(picture)
    hidden = picture.ravel()
    for layer in network.layers[:-1]:
        hidden = np.maximum(np.asarray(layer.weight) @ hidden + np.asarray(layer.bias), 0)
    return np.asarray(network.layers[-1].weight) @ hidden + np.asarray(network.layers[-1].bias)


@pytest.mark.parametrize("shape", [(8, 8), (9, 6, 3)])
def test_outputs_are_those_of_the_twin(key, shape):
    network = VGG(shape, 4, blocks=((3,), (4, 5)), widths=(7, 6), key=key)
    pictures = np.random.default_rng(0).normal(size=(3, *shape)).astype(np.float32)
    outputs = jax.vmap(network)(jnp.asarray(pictures.reshape(3, -1)))
    expected = [twin(network, picture.reshape(*shape[:2], -1).astype(float)) for picture in pictures]
    np.testing.assert_allclose(outputs, expected, rtol=2e-5, atol=2e-5)


def test_one_block_is_the_small_network(key):
    small = SmallCNN((6, 6), 3, channels=(2, 4), width=5, initialisation="he", key=key)
    large = VGG((6, 6), 3, blocks=((2, 4),), widths=(5,), initialisation="he", key=key)
    point = jax.random.normal(key, (36,))
    np.testing.assert_array_equal(small(point), large(point))
    for a, b in zip(small.neurons(), large.neurons(), strict=True):
        np.testing.assert_array_equal(a.input_weights, b.input_weights)


def test_neurons_and_features_belong_together(key):
    network = VGG((8, 8), 4, blocks=((3, 3), (5,)), widths=(7, 6), key=key)
    assert [neurons.input_weights.shape for neurons in network.neurons()] == [(3, 9), (3, 27), (5, 27), (7, 20), (6, 7)]
    features = network.features(jnp.ones(64))
    assert [one.shape for one in features] == [(8, 8, 3), (8, 8, 3), (4, 4, 5), (7,), (6,)]
    assert network.neurons()[-1].output_weights.shape == (4, 6)


def test_negated_starts_as_the_opposite_and_shares_nothing(key):
    network = VGG((4, 4), 2, blocks=((2,),), widths=(3,), key=key)
    opposite = network.negated()
    point = jax.random.normal(key, (16,))
    np.testing.assert_allclose(opposite(point), -network(point))
    leaves = zip(*(jax.tree.leaves(eqx.filter(one, eqx.is_array)) for one in (network, opposite)), strict=True)
    assert all(a is not b for a, b in leaves)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"blocks": ()}, "blocks"),
        ({"blocks": ((2,), ())}, "blocks"),
        ({"blocks": ((0,),)}, "blocks"),
        ({"widths": ()}, "width"),
        ({"blocks": ((2,),) * 3}, "8 × 8"),
        ({"activation": "none"}, "activation"),
    ],
)
def test_sizes_that_cannot_be_used_are_named(key, options, message):
    with pytest.raises(InputError, match=message):
        VGG((6, 6), 2, key=key, **options)


def test_wrong_points_are_named(key):
    with pytest.raises(InputError, match="flat picture"):
        VGG((6, 6), 2, key=key)(jnp.ones(35))


def test_float64(key, float64):
    network = VGG((4, 4), 2, blocks=((2,),), widths=(3,), key=key, dtype="float64")
    assert network(jnp.ones(16)).dtype == jnp.float64
