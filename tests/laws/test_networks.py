"""Laws that every network in NETWORKS keeps, alone and doubled by anti-symmetric initialisation."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.core.snapshot import ShowsNeurons, take_snapshot, wants_key
from simplebias.networks import NETWORKS, build

CASES = [(name, doubled) for name in NETWORKS for doubled in (False, True)]
INPUTS, OUTPUTS, WIDTH = 3, 2, 24


def make(name, key, *, doubled=False, width=WIDTH, **options):
    depth = None if name == "two-layer" else 3
    return build(name, INPUTS, OUTPUTS, width=width, depth=depth, antisymmetric=doubled, key=key, **options)


def map_points(network, points):
    return jax.vmap(network)(points)


def arrays(network):
    return jax.tree.leaves(eqx.filter(network, eqx.is_array))


@pytest.fixture
def points(key):
    return jax.random.normal(jax.random.fold_in(key, 1), (6, INPUTS))


@pytest.mark.parametrize(("name", "doubled"), CASES)
def test_shape_jit_and_vmap(name, doubled, key, points):
    network = make(name, key, doubled=doubled)
    alone = jnp.stack([network(point) for point in points])
    assert alone.shape == (6, OUTPUTS)
    assert np.allclose(eqx.filter_jit(map_points)(network, points), alone, atol=1e-5)
    assert all(jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in arrays(network))


@pytest.mark.parametrize(("name", "doubled"), CASES)
def test_precisions_agree(name, doubled, key, points):
    single = make(name, key, doubled=doubled)
    with jax.enable_x64(True):
        double = make(name, key, doubled=doubled)
        forced = make(name, key, doubled=doubled, dtype="float32")
        wide = jax.vmap(double)(jnp.asarray(np.asarray(points), jnp.float64))
        narrow = jax.vmap(forced)(points)
    assert {leaf.dtype.name for leaf in arrays(single)} == {"float32"}
    assert {leaf.dtype.name for leaf in arrays(double)} == {"float64"}
    assert wide.dtype == jnp.float64
    assert narrow.dtype == jnp.float32
    outputs = jax.vmap(single)(points)
    assert outputs.dtype == jnp.float32
    assert np.allclose(outputs, wide, atol=1e-5)
    assert np.array_equal(narrow, outputs)


@pytest.mark.parametrize(("name", "doubled"), CASES)
def test_gradients_reach_every_weight(name, doubled, key, points):
    network = make(name, key, doubled=doubled)
    gradient = eqx.filter_grad(lambda n: jnp.mean((jax.vmap(n)(points) - 1) ** 2))(network)
    assert all(float(jnp.abs(leaf).max()) > 0 for leaf in arrays(gradient))


@pytest.mark.parametrize(("name", "doubled"), CASES)
def test_neurons_have_the_shapes_of_the_features(name, doubled, key, points):
    network = make(name, key, doubled=doubled)
    assert isinstance(network, ShowsNeurons)
    neurons, features = network.neurons(), network.features(points[0])
    assert len(neurons) == len(features) == (1 if name == "two-layer" else 3)
    for layer, feature in zip(neurons, features, strict=True):
        assert layer.bias.shape == feature.shape == (WIDTH * (2 if doubled else 1),)
        assert layer.output_weights.shape[1] == feature.shape[0]
    assert neurons[0].input_weights.shape[1] == INPUTS
    assert neurons[-1].output_weights.shape[0] == OUTPUTS
    by_hand = neurons[-1].output_weights @ features[-1]  # output biases start at zero
    assert np.allclose(network(points[0]), by_hand, atol=1e-5)
    assert np.allclose(take_snapshot(network, points).outputs[0], by_hand, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    ("activation", "initialisation"), [("tanh", "lecun"), ("relu", "ntk"), ("sin:10", "mean-field")]
)
def test_antisymmetric_starts_at_exactly_zero(name, activation, initialisation, key, points):
    network = make(name, key, doubled=True, activation=activation, initialisation=initialisation)
    half = jax.vmap(network.first)(points)
    assert float(jnp.abs(half).max()) > 1e-3
    assert not jax.vmap(network)(points).any()
    assert not eqx.filter_jit(map_points)(network, points).any()
    assert np.array_equal(network.second.layers[-1].weight, -network.first.layers[-1].weight)


@pytest.mark.parametrize("name", NETWORKS)
def test_drawn_std(name, key):
    network = make(name, key, width=300, initialisation="weight-std:0.3")
    for layer in network.layers[:-1]:
        drawn = np.concatenate([np.asarray(layer.weight), np.asarray(layer.bias)[:, None]], axis=1).ravel()
        error = 0.3 / np.sqrt(2 * drawn.size)  # std of the std of a Gaussian sample
        assert abs(drawn.std() - 0.3) < 5 * error
        assert abs(drawn.mean()) < 5 * 0.3 / np.sqrt(drawn.size)
        bias = np.asarray(layer.bias)
        assert abs(bias.std() - 0.3) < 5 * 0.3 / np.sqrt(2 * bias.size)
    assert network.layers[-1].bias is None or not network.layers[-1].bias.any()


@pytest.mark.parametrize("name", NETWORKS)
def test_another_key_is_another_network(name, key):
    one, same, other = make(name, key), make(name, key), make(name, jax.random.fold_in(key, 9))
    assert all(np.array_equal(a, b) for a, b in zip(arrays(one), arrays(same), strict=True))
    assert not np.allclose(one.layers[0].weight, other.layers[0].weight)


@pytest.mark.parametrize(("name", "doubled"), CASES)
def test_dropout_wants_a_key_only_in_training(name, doubled, key, points):
    plain = make(name, key, doubled=doubled)
    dropping = make(name, key, doubled=doubled, dropout=0.5)
    assert wants_key(dropping)
    with pytest.raises(InputError, match="key for dropout"):
        dropping(points[0])
    assert np.array_equal(eqx.nn.inference_mode(dropping)(points[0]), plain(points[0]))
    assert np.array_equal(plain(points[0], key=key), plain(points[0]))
    assert take_snapshot(dropping, points).outputs.shape == (6, OUTPUTS)


@pytest.mark.parametrize("name", NETWORKS)
def test_dropout_share_and_mean(name, key, points):
    rate, draws = 0.3, 4000
    network = make(name, key, dropout=rate)
    quiet = eqx.nn.inference_mode(network).features(points[0])
    keys = jax.random.split(key, draws)
    noisy = jax.vmap(lambda k: network.features(points[0], key=k)[0])(keys)
    dropped = np.asarray(noisy == 0).mean()
    assert abs(dropped - rate) < 5 * np.sqrt(rate * (1 - rate) / noisy.size)
    spread = np.abs(np.asarray(quiet[0])) * np.sqrt(rate / (1 - rate) / draws)
    assert (np.abs(np.asarray(noisy).mean(axis=0) - np.asarray(quiet[0])) < 6 * spread + 1e-6).all()
    if name == "two-layer":  # linear after the mask: the mean output is the output of the mean
        outputs = np.asarray(jax.vmap(lambda k: network(points[0], key=k))(keys))
        error = outputs.std(axis=0) / np.sqrt(draws)
        assert (np.abs(outputs.mean(axis=0) - np.asarray(eqx.nn.inference_mode(network)(points[0]))) < 5 * error).all()


@pytest.mark.parametrize(("name", "doubled"), CASES)
def test_many_points_at_once_are_refused(name, doubled, key, points):
    with pytest.raises(InputError, match=r"jax\.vmap"):
        make(name, key, doubled=doubled)(points)


@pytest.mark.parametrize(("name", "doubled"), CASES)
def test_survives_a_round_trip_to_disk(name, doubled, key, points, tmp_path):
    network = make(name, key, doubled=doubled, dropout=0.1)
    eqx.tree_serialise_leaves(tmp_path / "weights.eqx", network)
    other = make(name, jax.random.fold_in(key, 3), doubled=doubled, dropout=0.1)
    read = eqx.tree_deserialise_leaves(tmp_path / "weights.eqx", other)
    assert all(np.array_equal(a, b) for a, b in zip(arrays(read), arrays(network), strict=True))
