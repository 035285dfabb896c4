"""The chain of a convolutional network: it computes the same, carries gradients back, and its kernels can be edited."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import correlate2d

from simplebias.core.errors import InputError
from simplebias.networks import MLP, VGG, SmallCNN, add_null, chain_of, merge, split
from simplebias.networks.pictures import patches, pool, unpool


def small(key, **options):
    return SmallCNN((5, 7, 2), 2, channels=(3, 4), width=5, initialisation="he", key=key, **options)


def deep(key, **options):
    return VGG((4, 6), 2, blocks=((3, 2), (2,)), widths=(4, 3), key=key, **options)


def random(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape)


def outputs(network, points):
    """Through the chain, which the first test compares with the network."""
    return chain_of(network).look(points)[2]


@pytest.mark.parametrize(("make", "options"), [(small, {"activation": "tanh"}), (deep, {"normalise": True})])
def test_the_chain_computes_what_the_network_does(make, options, key, float64):
    network = make(key, **options)
    points = random(9, network.pixels)
    chain = chain_of(network)
    assert chain.inputs == network.pixels
    before, after, found = chain.look(points)
    assert np.allclose(found, jax.jit(jax.vmap(network))(jnp.asarray(points)), rtol=0, atol=1e-12)
    assert [z.shape[1] for z in before] == [h.shape[1] for h in after] == list(chain.widths)
    assert len(before[1]) == 9 * (35 if make is small else 24)
    assert len(after[1]) == 9 * 6


def test_gradients_are_the_transposed_maps(key, float64):
    chain = chain_of(small(key, activation="gelu"))  # without ties between pixels
    for layer in (1, 2, 3):
        before, after, _ = chain.look(random(6, 70))
        read = random(*after[layer - 1].shape)
        fed = chain.feed(layer, read) - chain.biases[layer]
        gradient = random(*fed.shape)
        assert np.sum(gradient * fed) == pytest.approx(np.sum(chain.feed_back(layer, gradient) * read), rel=1e-12)
    given = chain.apply(before[1])
    step = 1e-7 * random(*given.shape)
    change = chain.hand_on(1, given + step) - chain.hand_on(1, given)
    weights = random(*change.shape)
    assert np.sum(weights * change) == pytest.approx(np.sum(chain.hand_back(1, weights, given) * step), rel=1e-4)


def test_pooling_and_patches_by_hand():
    pictures = np.array([[3.0, 3.0, 1.0], [0.0, 3.0, 2.0], [9.0, 9.0, 9.0]])[None, :, :, None]
    assert pool(pictures).ravel().tolist() == [3.0]
    shares = unpool(np.full((1, 1, 1, 1), 6.0), pictures)[0, :, :, 0]
    assert shares.tolist() == [[2.0, 2.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.0]]
    kernel = random(3, 3)
    twin = correlate2d(pictures[0, :, :, 0], kernel, mode="same")
    assert np.allclose((patches(pictures) @ kernel.ravel())[0], twin)


@pytest.mark.parametrize("make", [small, deep])
def test_split_and_null_kernels_keep_the_function(make, key, float64):
    network = make(key, activation="tanh")
    points = random(9, network.pixels)
    wide = split(split(network, 1, 2, (0.4, -1.0, 1.6)), 2, 1, (1.7, -0.7))  # the second is pooled: copies are alike
    wide = add_null(add_null(wide, 1, 2, bias=0.7), 3, bias=0.2)
    added = [a - b for a, b in zip(chain_of(wide).widths, chain_of(network).widths, strict=True)]
    assert added[:3] == [4, 1, 1]
    assert np.allclose(outputs(wide, points), outputs(network, points), rtol=0, atol=1e-12)
    assert type(wide) is type(network)


def test_signs_pass_a_convolution_but_no_pooling(key, float64):
    network = small(key, activation="tanh")
    points = random(9, network.pixels)
    flip = np.diag([1.0, -1.0, 1.0])
    assert np.allclose(outputs(merge(network, 1, flip, flip), points), outputs(network, points), rtol=0, atol=1e-12)
    flip = np.diag([1.0, -1.0, 1.0, 1.0])
    assert not np.allclose(outputs(merge(network, 2, flip, flip), points), outputs(network, points), rtol=0, atol=1e-2)


def test_constants_fold_behind_the_pictures_alone(key, float64):
    network = small(key, activation="sigmoid")
    points = random(9, network.pixels)
    fixed = eqx.tree_at(lambda n: n.layers[1].weight, network, network.layers[1].weight.at[0].set(0.0))
    constant = 1 / (1 + np.exp(-float(fixed.layers[1].bias[0])))
    less = merge(fixed, 2, np.eye(4)[1:], np.eye(4)[:, 1:], [constant, 0, 0, 0])
    assert [len(one.input_weights) for one in less.neurons()] == [3, 3, 5]
    assert np.allclose(outputs(less, points), outputs(fixed, points), rtol=0, atol=1e-12)
    with pytest.raises(InputError, match="A convolution follows"):
        merge(network, 1, np.eye(3), np.eye(3), np.ones(3))


def test_what_cannot_be_edited_is_refused(key):
    network = small(key)
    with pytest.raises(InputError, match="layer from 1 to 3"):
        split(network, 4, 0)
    with pytest.raises(InputError, match="NaN or infinite weights in layer 2"):
        chain_of(eqx.tree_at(lambda n: n.layers[1].weight, network, jnp.full((4, 27), jnp.nan)))
    with pytest.raises(InputError, match="TwoLayer, MLP, ResNet, SmallCNN or VGG"):
        chain_of(object())
    assert chain_of(MLP(2, 1, 3, 1, key=key)).pictures == ()
