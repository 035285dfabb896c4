"""Multi-scale networks: the sum and the scaled layer by hand, and what their spectra say."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.core.snapshot import ShowsNeurons
from simplebias.core.sobolev import ShowsSmoothness
from simplebias.networks import (
    MLP,
    AntiSymmetric,
    Encoded,
    MultiScale,
    PositionalEncoding,
    ResNet,
    ScaledAffine,
    Scales,
    TwoLayer,
    build,
    chain_of,
)

SCALES = (1, 3, 10)


def weights(network):
    return jax.tree.leaves(eqx.filter(network, eqx.is_inexact_array))


def count(**options):
    shapes = eqx.filter_eval_shape(lambda key: MultiScale(2, 1, key=key, **options), jax.random.key(0))
    return sum(leaf.size for leaf in jax.tree.leaves(shapes) if isinstance(leaf, jax.ShapeDtypeStruct))


def by_hand(layers, x, factors):
    """A tanh network in NumPy whose first layer multiplies `W x`, not the bias, with factors."""
    (first, *hidden, last), h = layers, x
    h = np.tanh(factors * (np.asarray(first.weight) @ h) + np.asarray(first.bias))
    for layer in hidden:
        h = np.tanh(np.asarray(layer.weight) @ h + np.asarray(layer.bias))
    return np.asarray(last.weight) @ h + np.asarray(last.bias)


def shaken(network):
    """The same with output biases that are not zero, so that a lost bias is seen."""
    leaves, tree = jax.tree.flatten(eqx.filter(network, eqx.is_inexact_array))
    draw = np.random.default_rng(3)
    leaves = [leaf + jnp.asarray(0.1 * draw.normal(size=leaf.shape), leaf.dtype) for leaf in leaves]
    return eqx.combine(jax.tree.unflatten(tree, leaves), network)


@pytest.fixture
def x():
    return np.array([0.3, -0.7])


def test_version_2_is_the_sum_of_networks_of_scaled_points(key, x, float64):
    network = shaken(MultiScale(2, 2, 12, 2, scales=SCALES, amplitudes=[1.0, -0.5, 2.0], activation="tanh", key=key))
    total = 0
    for place, (scale, amplitude) in enumerate(zip(SCALES, (1.0, -0.5, 2.0), strict=True)):
        part = jax.tree.map(lambda leaf, at=place: leaf[at] if eqx.is_array(leaf) else leaf, network.inner)
        total = total + amplitude * by_hand(part.layers, scale * x, 1)
    assert np.allclose(network(jnp.asarray(x)), total, atol=1e-12)


def test_version_1_multiplies_the_first_weights_and_not_the_bias(key, x, float64):
    network = shaken(MultiScale(2, 1, 11, 2, scales=SCALES, version=1, activation="tanh", key=key))
    factors = np.array([1] * 3 + [3] * 3 + [10] * 5)  # what is left over goes to the highest
    assert np.allclose(network(jnp.asarray(x)), by_hand(network.layers, x, factors), atol=1e-12)


@pytest.mark.parametrize("version", [1, 2])
def test_one_scale_of_1_is_the_plain_network(version, key, x, float64):
    network = MultiScale(2, 1, 6, 2, scales=[1], version=version, key=key)
    plain = MLP(2, 1, 6, 2, activation="sin", key=key if version == 1 else jax.random.split(key, 1)[0])
    assert np.allclose(network(jnp.asarray(x)), plain(jnp.asarray(x)), atol=1e-14)


@pytest.mark.parametrize(("version", "inner"), [(1, MLP), (2, MLP), (1, ResNet), (2, ResNet)])
def test_joined_is_a_plain_network_of_the_same_outputs(version, inner, key, x, float64):
    amplitudes = [2.0, 1.0, 0.5] if version == 2 else None
    made = MultiScale(
        2, 2, 6, 2, scales=SCALES, version=version, inner=inner, amplitudes=amplitudes, initialisation="ntk", key=key
    )
    network, point = shaken(made), jnp.asarray(x)
    plain = network.joined()
    assert type(plain) is inner
    assert np.allclose(plain(point), network(point), atol=1e-12)
    assert chain_of(plain).widths == (6, 6)
    for own, other, seen in zip(network.neurons(), plain.neurons(), network.features(point), strict=True):
        assert np.allclose(own.bias, other.bias)
        assert seen.shape == own.bias.shape
    assert np.allclose(network.neurons()[0].input_weights, plain.neurons()[0].input_weights)
    assert np.allclose(network.neurons()[-1].output_weights, plain.neurons()[-1].output_weights)
    doubled = AntiSymmetric(network).joined()
    assert np.allclose(doubled(point), 0, atol=1e-12)
    assert chain_of(doubled).widths == (12, 12)


@pytest.mark.parametrize(("width", "depth", "parts"), [(12, 3, 3), (20, 2, 4)])
def test_number_of_weights(width, depth, parts):
    own = width // parts
    blocks = parts * ((2 + 1) * own + (depth - 1) * (own + 1) * own + own + 1)
    full = (2 + 1) * width + (depth - 1) * (width + 1) * width + width + 1
    options = {"width": width, "depth": depth, "scales": range(1, parts + 1)}
    assert count(**options) == blocks
    assert count(**options, version=1) == full
    assert count(**options, trainable=True) == blocks + parts


def test_the_start_is_wider_by_the_root_of_the_number_of_scales(key, float64):
    """Independent parts add in variance, which amplitudes 1/√N undo: ratio 2 for four parts without them."""
    point, keys = jnp.zeros(1), jax.random.split(key, 800)  # at 0 every part has the same distribution

    def spread(**options):
        def output(key):
            return MultiScale(1, 1, depth=1, output_bias=False, key=key, **options)(point)[0]

        return float(jnp.std(jax.vmap(output)(keys)))

    one = spread(scales=(1,), width=4)
    four = spread(scales=(1, 2, 4, 8), width=16, amplitudes=[0.5] * 4)
    assert four / one == pytest.approx(1, rel=0.15)  # 4 stds of the std of 800 draws, of both


@pytest.mark.parametrize("version", [1, 2])
def test_a_tone_in_a_scaled_input_is_a_tone_of_the_scaled_frequency(version, key, float64):
    """One sine neuron of weight 1 and scale a has its whole spectrum at a / 2π cycles per unit."""
    network = MultiScale(1, 1, 2, 1, scales=(3, 7), version=version, activation="sin", output_bias=False, key=key)
    network = jax.tree.map(lambda leaf: jnp.ones_like(leaf) if eqx.is_inexact_array(leaf) else leaf, network)
    network = eqx.tree_at(lambda n: n.inner.layers[0].bias, network, jnp.zeros_like(network.inner.layers[0].bias))
    x = 2 * np.pi * np.arange(32) / 32
    power = np.abs(np.fft.rfft(np.asarray(jax.vmap(network)(jnp.asarray(x[:, None])))[:, 0])) / 16
    assert np.allclose(power, np.isin(np.arange(17), (3, 7)), atol=1e-10)


@pytest.mark.parametrize("version", [1, 2])
def test_only_trained_scales_are_trained(version, key, x):
    def gradient(trainable):
        network = MultiScale(2, 1, 6, 1, scales=SCALES, version=version, trainable=trainable, key=key)
        return eqx.filter_grad(lambda n: n(jnp.asarray(x, "float32"))[0])(network)

    assert gradient(False).scales.trained is None
    found = gradient(True).scales.trained
    assert found is not None
    assert bool((jnp.abs(found) > 0).all())


def test_scale_gradient_is_that_of_differences(key, x, float64):
    network = MultiScale(2, 1, 6, 2, scales=SCALES, trainable=True, key=key)

    def at(scales):
        return eqx.tree_at(lambda n: n.scales.trained, network, scales)(jnp.asarray(x))[0]

    start, steps = network.scales.trained, 1e-6 * jnp.eye(3)
    differences = [(at(start + step) - at(start - step)) / 2e-6 for step in steps]
    assert np.allclose(jax.grad(at)(start), differences, atol=1e-7)


def test_any_inner_network(key, x):
    def encoded(inputs, outputs, width, depth, *, key, **_):
        encoding = PositionalEncoding(inputs, 2)
        return Encoded(encoding, MLP(encoding.size, outputs, width, depth, key=key))

    network = MultiScale(2, 1, 6, 2, scales=SCALES, inner=encoded, key=key)
    assert network(jnp.asarray(x, "float32")).shape == (1,)
    assert network.neurons() == ()  # those of the parts read an encoding, not the points
    assert MultiScale(2, 1, 6, scales=SCALES, inner=TwoLayer, key=key).neurons()[0].extended.shape == (6, 3)
    with pytest.raises(InputError, match="first is an Affine"):
        MultiScale(2, 1, 6, 2, scales=SCALES, inner=encoded, version=1, key=key)


def test_says_how_often_it_can_be_differentiated(key):
    network = MultiScale(1, 1, 6, 1, scales=SCALES, activation="phi", dropout=0.1, key=key)
    assert isinstance(network, ShowsNeurons)
    assert isinstance(network, ShowsSmoothness)
    assert (network.largest_derivative, network.keep_probability, network.activation) == (2, 0.9, "phi")


def test_precision_and_integer_points(key):
    network = MultiScale(2, 1, 6, 1, scales=(0.5, 1.5), trainable=True, key=key)
    assert {leaf.dtype.name for leaf in weights(network)} == {"float32"}
    assert np.allclose(network(jnp.array([1, 2])), network(jnp.array([1.0, 2.0])))
    with jax.enable_x64(True):
        wide = MultiScale(2, 1, 6, 1, scales=(0.5, 1.5), trainable=True, dtype="float32", key=key)
        assert wide(jnp.ones(2, "float32")).dtype == jnp.float32


@pytest.mark.parametrize(
    "scales", [[], [1, 0], [1, -2], [1, float("nan")], [float("inf")], ["1"], "12", [1, 2, 2], [[1, 2]], None]
)
def test_bad_scales(scales, key):
    with pytest.raises(InputError, match="scale"):
        MultiScale(1, 1, 12, 1, scales=scales, key=key)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"width": 13}, "Take 12 or 16"),
        ({"width": 3}, "one neuron for each scale"),
        ({"width": 3, "version": 1}, "one neuron for each scale"),
        ({"version": 3}, "version 1 or 2"),
        ({"amplitudes": [1, 2]}, "4 finite amplitudes"),
        ({"amplitudes": [1, 2, 3, float("nan")]}, "4 finite amplitudes"),
        ({"amplitudes": [1, 2, 3, 4], "version": 1}, "version 2"),
        ({"width": 0}, "width"),
        ({"depth": None}, "depth"),
    ],
)
def test_bad_options(options, words, key):
    with pytest.raises(InputError, match=words):
        MultiScale(1, 1, **{"width": 12, "depth": 1, "scales": (1, 2, 3, 4), **options}, key=key)


def test_repeats_are_meant(key):
    assert MultiScale(1, 1, 12, 1, scales=[32] * 6, repeats=True, key=key).scales.count == 6
    with pytest.raises(InputError, match="one neuron for each"):
        ScaledAffine(jnp.ones((1, 1)), None, scales=Scales((1, 2)))


def test_build_takes_scales(key):
    network = build("multiscale", 1, 1, width=6, depth=1, scales=(2, 5), key=key)
    assert np.allclose(network.scales.values, [2, 5])
    with pytest.raises(InputError, match="multiscale network"):
        build("mlp", 1, 1, width=6, depth=1, scales=(2, 5), key=key)
    with pytest.raises(InputError, match="depth"):
        build("multiscale", 1, 1, width=6, key=key)


def test_parts_are_drawn_apart(key):
    first = MultiScale(1, 1, 6, 1, scales=SCALES, key=key).inner.layers[0].weight
    assert all(not np.allclose(one, other) for one, other in itertools.combinations(first, 2))


def test_each_neuron_has_a_scale_of_its_own_to_train(float64):
    options = {"scales": (1, 4), "version": 1, "key": jax.random.key(2)}
    shared, own = MultiScale(2, 1, 7, 2, **options), MultiScale(2, 1, 7, 2, trainable="neuron", **options)
    assert own.scales.trained.tolist() == [1, 1, 1, 4, 4, 4, 4]
    point = jnp.array([0.3, -0.8])
    assert jnp.allclose(own(point), shared(point))
    slopes = jax.grad(lambda one: one(point)[0], allow_int=True)(own).scales.trained
    assert len(set(np.round(np.asarray(slopes), 12))) == 7
    with pytest.raises(InputError, match="version 1"):
        MultiScale(2, 1, 8, 2, scales=(1, 4), trainable="neuron", key=jax.random.key(0))
