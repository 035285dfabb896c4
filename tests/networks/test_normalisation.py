"""Normalisation: folded it is the same map, calibrated it standardises, and its statistics are never trained."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from simplebias.core.errors import InputError
from simplebias.networks import VGG, SmallCNN, chain_of, fold_normalisation, split
from simplebias.networks.normalisation import Normalised, normalise

OUTPUTS = {"mean": [0.3, -1.0], "variance": [4.0, 0.25], "multiplier": [2.0, -0.5], "shift": [0.1, 7.0]}


def small(key, **options):
    return SmallCNN((4, 6), 2, channels=(3, 2), width=3, normalise=True, key=key, **options)


def test_folded_weights_do_what_normalisation_did(float64):
    draw = np.random.default_rng(0)
    weight, bias, x = draw.normal(size=(2, 3, 3, 3)), draw.normal(size=2), draw.normal(size=(20, 3, 3, 3))
    folded, shifted = fold_normalisation(weight, bias, **OUTPUTS, epsilon=1e-3)
    mean, variance, scale, shift = (np.array(OUTPUTS[name]) for name in ("mean", "variance", "multiplier", "shift"))
    given = np.einsum("ncij,ocij->no", x, weight) + bias
    wanted = scale * (given - mean) / np.sqrt(variance + 1e-3) + shift
    assert np.allclose(np.einsum("ncij,ocij->no", x, np.asarray(folded)) + shifted, wanted, rtol=0, atol=1e-13)
    bare, zero = fold_normalisation(weight, mean=[0.0, 0.0], variance=[1.0, 1.0], epsilon=0)
    assert np.array_equal(bare, weight)
    assert not zero.any()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"variance": [1.0, -0.1]}, "variances ≥ 0"),
        ({"variance": [1.0, 0.0], "epsilon": 0}, "above 0 with epsilon"),
        ({"mean": [1.0]}, r"mean of shape \(2,\)"),
        ({"multiplier": [np.nan, 1.0]}, "multiplier"),
        ({"epsilon": -1.0}, "epsilon"),
        ({"weight": [1.0, 2.0]}, "outputs along the first"),
        ({"weight": [[np.inf], [1.0]]}, "weight"),
    ],
)
def test_what_cannot_be_folded_is_refused(change, words):
    with pytest.raises(InputError, match=words):
        fold_normalisation(**{"weight": np.ones((2, 1)), **OUTPUTS, **change})


@pytest.mark.parametrize("deep", [False, True])
def test_calibrated_layers_are_standardised_on_the_points(deep, key, float64):
    network = small(key)
    if deep:
        network = VGG((4, 6), 2, blocks=((3,), (2,)), widths=(3,), normalise=True, key=key)
    points = 2 + 3 * np.random.default_rng(1).normal(size=(50, 24))
    ready = network.calibrated(jnp.asarray(points))
    before, _, outputs = chain_of(ready).look(points)
    for z in before[:2]:
        assert np.allclose(z.mean(axis=0), 0, atol=1e-12)
        assert np.allclose(z.var(axis=0), 1, atol=1e-3)  # but for epsilon, which is 1e-5
    assert not np.allclose(chain_of(network).look(points)[0][0].var(axis=0), 1, atol=0.1)
    assert type(ready) is type(network)
    wide = split(ready, 1, 0)
    assert not any(isinstance(layer, Normalised) for layer in wide.layers)
    assert np.allclose(chain_of(wide).look(points)[2], outputs, rtol=0, atol=1e-12)


def test_statistics_are_stored_and_not_trained(key):
    """As every updater takes a network apart: parameters are its floating arrays."""
    network = small(key)
    parameters = eqx.filter(network, eqx.is_inexact_array)
    assert parameters.layers[0].statistics is None
    assert len(jax.tree.leaves(parameters)) == 2 * 3 + 2 * 2
    layer = network.layers[0].with_statistics(jnp.ones(3), jnp.full(3, 4.0))
    parameters, rest = eqx.partition(layer, eqx.is_inexact_array)
    points = jax.random.normal(key, (20, 9))
    loss = lambda given: jnp.mean(jax.vmap(lambda x: eqx.combine(given, rest)(x))(points) ** 2)
    optimiser = optax.adamw(0.1, weight_decay=0.5)
    change, _ = optimiser.update(jax.grad(loss)(parameters), optimiser.init(parameters), parameters)
    trained = eqx.combine(optax.apply_updates(parameters, change), rest)
    assert trained.mean.tolist() == [1.0] * 3
    assert trained.variance.tolist() == [4.0] * 3
    for new, old in ((trained.scale, layer.scale), (trained.shift, layer.shift), (trained.weight, layer.weight)):
        assert (np.abs(np.asarray(new) - np.asarray(old)) > 1e-3).all()


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_every_precision_keeps_its_statistics(dtype, key, float64):
    network = small(key, dtype=dtype)
    layer = network.layers[0]
    mean, variance = jnp.array([0.1, -2.0, 3.0], dtype), jnp.array([1.0, 0.3, 2.0], dtype)
    stored = layer.with_statistics(mean, variance)
    assert np.array_equal(stored.mean, mean)
    assert np.array_equal(stored.variance, variance)
    assert {stored.effective_weight.dtype.name, stored.effective_bias.dtype.name, layer.mean.dtype.name} == {dtype}
    assert normalise(layer.affine).scale.tolist() == [1.0, 1.0, 1.0]


def test_what_cannot_be_calibrated_is_refused(key):
    with pytest.raises(InputError, match="normalise=True"):
        SmallCNN((4, 4), 2, channels=(2,), width=2, key=key).calibrated(jnp.ones((3, 16)))
    with pytest.raises(InputError, match="24 numbers"):
        small(key).calibrated(jnp.ones((3, 25)))
    with pytest.raises(InputError, match="NaN"):
        small(key).calibrated(jnp.full((3, 24), jnp.nan))
