"""SmallCNN against SciPy's correlation, and what it refuses."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import correlate2d

from simplebias.core.errors import InputError
from simplebias.networks import SmallCNN


def twin(network, picture):
    """The same by loops: correlation with zeros outside, bias, ReLU; maxima of 2 × 2; dense."""
    for layer in network.layers[:-2]:
        kernels = np.asarray(layer.weight).reshape(layer.weight.shape[0], 3, 3, picture.shape[2])
        maps = [
            sum(correlate2d(picture[..., c], kernel[..., c], mode="same") for c in range(picture.shape[2])) + bias
            for kernel, bias in zip(kernels, np.asarray(layer.bias), strict=True)
        ]
        picture = np.maximum(np.stack(maps, axis=2), 0)
    rows, columns = picture.shape[0] // 2, picture.shape[1] // 2
    pooled = np.array([
        [picture[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max(axis=(0, 1)) for j in range(columns)] for i in range(rows)
    ])
    dense, last = network.layers[-2:]
    hidden = np.maximum(np.asarray(dense.weight) @ pooled.ravel() + np.asarray(dense.bias), 0)
    return np.asarray(last.weight) @ hidden + np.asarray(last.bias)


@pytest.mark.parametrize("shape", [(8, 8), (5, 7), (6, 4, 3)])
def test_outputs_are_those_of_the_twin(key, shape):
    network = SmallCNN(shape, 4, channels=(3, 5), width=7, key=key)
    pictures = np.random.default_rng(0).normal(size=(3, *shape)).astype(np.float32)
    outputs = jax.vmap(network)(jnp.asarray(pictures.reshape(3, -1)))
    expected = [twin(network, picture.reshape(*shape[:2], -1).astype(float)) for picture in pictures]
    np.testing.assert_allclose(outputs, expected, rtol=2e-5, atol=2e-5)


def test_neurons_are_the_kernels_and_the_hidden_layer(key):
    network = SmallCNN((8, 8), 4, channels=(3, 5), width=7, key=key)
    first, second, dense = network.neurons()
    assert first.input_weights.shape == (3, 9)
    assert second.input_weights.shape == (5, 27)
    assert dense.input_weights.shape == (7, 4 * 4 * 5)
    assert dense.output_weights.shape == (4, 7)


@pytest.mark.parametrize("rule", ["lecun", "he", "xavier", "weight-std:0.05"])
def test_std_of_the_weights_follows_the_fan_in(key, rule):
    network = SmallCNN((8, 8), 4, channels=(40, 60), width=100, initialisation=rule, key=key)
    fan_in, fan_out = 9 * 40, 60
    wanted = {"lecun": fan_in**-0.5, "he": (2 / fan_in) ** 0.5, "xavier": (2 / (fan_in + fan_out)) ** 0.5}
    std = float(jnp.std(network.layers[1].weight))
    assert std == pytest.approx(wanted.get(rule, 0.05), rel=0.03)


def test_negated_starts_as_the_opposite_and_shares_nothing(key):
    network = SmallCNN((4, 4), 2, channels=(2,), width=3, key=key)
    point = jnp.arange(16.0)
    np.testing.assert_array_equal(network(point), -network.negated()(point))
    assert network.negated().layers[0].weight is not network.layers[0].weight


def test_double_precision_stays_double(key, float64):
    network = SmallCNN((4, 4), 2, channels=(2,), width=3, key=key)
    assert {leaf.dtype.name for leaf in jax.tree.leaves(eqx.filter(network, eqx.is_array))} == {"float64"}
    assert network(jnp.ones(16)).dtype == jnp.float64


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((8,), {}),
        ((1, 8), {}),
        ((8, 0), {}),
        ((8, 8), {"channels": ()}),
        ((8, 8), {"channels": (0,)}),
        ((8, 8), {"width": 0}),
        ((8, 8), {"activation": "nope"}),
        ((8, 8), {"initialisation": "nope"}),
    ],
)
def test_bad_options_are_refused(key, shape, options):
    with pytest.raises(InputError):
        SmallCNN(shape, 3, key=key, **options)


def test_a_point_of_the_wrong_length_is_refused(key):
    with pytest.raises(InputError, match="64"):
        SmallCNN((8, 8), 3, key=key)(jnp.ones(63))
