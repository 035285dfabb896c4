"""Exponents of deep networks: that of one hidden layer is the phase diagram's, rules meet, and gradients scale so."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.networks import MLP, Phase, layer_boundaries, layer_slopes


@pytest.mark.parametrize("gamma", [0.5, 0.8, 1.0, 1.3, 1.75])
def test_one_hidden_layer_is_the_phase_diagram(gamma):
    assert layer_slopes(gamma, 1) == pytest.approx((Phase(gamma).predicted_slope,))
    assert layer_boundaries(1) == (Phase(gamma).boundary,)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_slopes_are_continuous_and_0_on_the_boundaries(depth):
    ends = layer_boundaries(depth)
    for layer, end in enumerate(ends):
        assert layer_slopes(end, depth)[layer] == pytest.approx(0)
    near = [layer_slopes(ends[0] + shift, depth) for shift in (-1e-9, 1e-9)]
    np.testing.assert_allclose(*near, atol=1e-8)
    rising = [layer_slopes(gamma, depth) for gamma in np.linspace(0, depth + 2, 20)]
    assert all((np.array(b) > np.array(a)).all() for a, b in itertools.pairwise(rising))


def test_lazy_slopes_are_those_of_gradients_at_the_start():
    """A layer that hardly moves moves by 1 over its gradient, relative to its own size."""
    widths, depth, gamma = np.array([40, 120, 360]), 3, 0.7

    @eqx.filter_jit
    def moved(network, kappa):
        slopes = eqx.filter_grad(lambda one: kappa * one(jnp.ones(1))[0])(network)
        pairs = zip(network.layers[:-1], slopes.layers[:-1], strict=True)
        return jnp.stack([1 / jnp.linalg.norm(slope.weight) / jnp.linalg.norm(layer.weight) for layer, slope in pairs])

    def at(width, seed):
        key = jax.random.key(seed)
        network = MLP(1, 1, int(width), depth, activation="relu", initialisation="weight-std:1", key=key)
        return np.asarray(moved(network, float(width) ** -gamma))

    logs = np.log([np.mean([at(width, seed) for seed in range(8)], axis=0) for width in widths])
    slopes = np.polyfit(np.log(widths), logs, 1)[0]
    np.testing.assert_allclose(slopes, layer_slopes(gamma, depth), atol=0.15)


@pytest.mark.parametrize(("gamma", "depth"), [(float("nan"), 2), (1.0, 0), (1.0, -1)])
def test_bad_numbers_are_refused(gamma, depth):
    with pytest.raises(InputError):
        layer_slopes(gamma, depth)
