"""Two-layer convolutional networks and matrix factorisations compute what dumb loops compute."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.networks import MatrixFactorisation, Patches, TwoLayerCNN


@functools.cache
def make(shape, outputs, channels, kernel, **options):
    """A network, and its output and gradient, each compiled as a whole."""
    build = functools.partial(TwoLayerCNN, shape, outputs, channels, kernel=kernel, **options)
    return eqx.filter_jit(build)(key=jax.random.key(1))


@eqx.filter_jit
def look(network, point):
    return network(point), network.features(point)[0], eqx.filter_grad(lambda n: n(point)[0])(network)


def by_loops(network, image, kernel, padded):
    """The output of one picture `(height, width, channels)`, place by place and kernel by kernel."""
    first, last = network.layers
    weight, bias = np.asarray(first.effective_weight), np.asarray(first.effective_bias)
    out = np.asarray(last.effective_weight)
    if padded:
        low = [(side - 1) // 2 for side in kernel]
        image = np.pad(image, [(a, side - 1 - a) for a, side in zip(low, kernel, strict=True)] + [(0, 0)])
    rows, columns = image.shape[0] - kernel[0] + 1, image.shape[1] - kernel[1] + 1
    kernels = len(weight) if network.shared else len(weight) // (rows * columns)
    total, place = np.zeros(len(out)), 0
    for i in range(rows):
        for j in range(columns):
            patch = image[i : i + kernel[0], j : j + kernel[1]].ravel()
            for k in range(kernels):
                own = k if network.shared else place * kernels + k
                total += out[:, place * kernels + k] * np.tanh(weight[own] @ patch + bias[own])
            place += 1
    return total


SHARED = make((4, 5, 2), 2, 3, (3, 2), padded=True, output_bias=True)
APART = make((1, 5), 2, 2, (1, 3), shared=False, output_bias=True)


@pytest.mark.parametrize(("network", "shape"), [(SHARED, (4, 5, 2)), (APART, (1, 5, 1))])
def test_it_is_the_sum_over_places_and_kernels(network, shape):
    point = np.random.default_rng(0).normal(size=int(np.prod(shape))).astype(np.float32)
    output, features, gradient = look(network, point)
    by_hand = by_loops(network, point.reshape(shape), network.patches.kernel, network.patches.padded)
    assert np.allclose(output, by_hand, atol=1e-5)
    assert features.shape == (network.patches.places, 3 if network.shared else 2)
    first, last = gradient.layers
    assert all(np.abs(leaf).min() > 0 for leaf in (first.weight, first.bias, last.weight[0]))


def test_neurons_are_kernels_with_all_their_output_weights():
    point = np.linspace(-1, 1, 40, dtype=np.float32)
    output, features, _ = look(SHARED, point)
    (neurons,) = SHARED.neurons()
    assert neurons.extended.shape == (3, 13)
    by_hand = np.einsum("opk,pk->o", np.asarray(neurons.output_weights).reshape(2, 20, 3), features)
    assert np.allclose(output, by_hand, atol=1e-6)
    alone = APART.neurons()[0]
    assert alone.extended.shape == (6, 4)
    assert alone.output_weights.shape == (2, 6)


def test_drawn_std_and_precision():
    drawn = np.asarray(make((3, 3), 1, 400, 3, initialisation="weight-std:0.3").neurons()[0].extended)
    assert abs(drawn.std() - 0.3) < 5 * 0.3 / np.sqrt(2 * drawn.size)
    with jax.enable_x64(True):
        wide = make((1, 2), 1, 1, (1, 2))
        assert {leaf.dtype for leaf in jax.tree.leaves(wide)} == {jnp.dtype("float64")}
        assert jax.eval_shape(wide, jnp.ones(2)).dtype == jnp.float64


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((8,), 3), "image_shape"),
        (((2, 8), 3), "at least 3 × 3 pixels"),
        (((8, 8), (3, 3, 3)), "kernel"),
        (((8, 8), 0), "kernel as a whole number"),
    ],
)
def test_patches_that_cannot_be(arguments, message):
    with pytest.raises(InputError, match=message):
        Patches(*arguments)


def test_a_picture_of_another_size_is_refused():
    for wrong in (jnp.ones(4), jnp.ones((2, 5))):
        with pytest.raises(InputError, match="one flat picture"):
            APART(wrong)
    with pytest.raises(InputError, match="finite"):
        APART.patches.of_all(np.full((2, 5), np.nan))


def test_a_factorisation_gives_the_entries_of_its_matrix(key):
    network = MatrixFactorisation(3, 5, 2, std=0.1, key=key)
    entries = np.asarray(jax.jit(jax.vmap(network))(network.places))
    assert np.allclose(entries.reshape(3, 5), np.asarray(network.left) @ np.asarray(network.right), atol=1e-6)
    wide = np.asarray(MatrixFactorisation(40, 40, std=0.1, key=key).left)
    assert abs(wide.std() - 0.1) < 5 * 0.1 / np.sqrt(2 * wide.size)
    with pytest.raises(InputError, match="one place"):
        network(jnp.ones(3))
    with pytest.raises(InputError, match="rank"):
        MatrixFactorisation(3, 3, 0, key=key)
