"""Coordinates of the phase diagram against the table of the literature, and regimes on either side of each line."""

import math

import jax
import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.networks import MLP, AntiSymmetric, Phase, Regime, ResNet, TwoLayer


@pytest.mark.parametrize(
    ("rule", "gamma", "gamma_prime", "regime"),
    [
        ("lecun", 0.5, 0.5, Regime.LINEAR),
        ("he", 0.5, 0.5, Regime.LINEAR),
        ("ntk", 0.5, 0.0, Regime.LINEAR),
        ("xavier", 1.0, 0.0, Regime.CRITICAL),
        ("mean-field", 1.0, 0.0, Regime.CRITICAL),
        ("phase:1.3,0.3", 1.3, 0.3, Regime.CRITICAL),
        ("power:1.5", 3.0, 0.0, Regime.CONDENSED),
    ],
)
def test_named_schemes_lie_where_the_literature_has_them(rule, gamma, gamma_prime, regime):
    point = Phase.of_initialisation(rule, inputs=5)
    assert (point.gamma, point.gamma_prime) == pytest.approx((gamma, gamma_prime), abs=1e-6)
    assert point.regime is regime


@pytest.mark.parametrize(
    ("gamma", "gamma_prime", "regime", "slope"),
    [
        (0.5, 0.0, Regime.LINEAR, -0.5),
        (0.7, -0.3, Regime.LINEAR, -0.3),
        (1.2, 0.4, Regime.LINEAR, -0.2),
        (1.0, -0.3, Regime.CRITICAL, 0.0),
        (1.3, 0.3, Regime.CRITICAL, 0.0),
        (1.75, 0.0, Regime.CONDENSED, 0.375),
        (1.3, -0.3, Regime.CONDENSED, 0.3),
        (1.5, 0.3, Regime.CONDENSED, 0.1),
        (1.1, -0.5, Regime.CONDENSED, 0.1),
    ],
)
def test_regimes_and_slopes(gamma, gamma_prime, regime, slope):
    point = Phase(gamma, gamma_prime)
    assert point.regime is regime
    assert point.predicted_slope == pytest.approx(slope, abs=1e-9)
    assert point.slope_is_bound is (regime is Regime.LINEAR and gamma_prime > 0)


@pytest.mark.parametrize("weight_std", [1.0, 0.01])
def test_scales_and_coordinates_are_inverse(weight_std):
    alpha, beta1, beta2 = Phase(1.3, -0.2).scales(500, weight_std=weight_std)
    assert beta2 == weight_std
    assert beta1 * beta2 / alpha == pytest.approx(500**-1.3)
    assert beta1 / beta2 == pytest.approx(500**0.2)
    back = Phase.of_scales(alpha, beta1, beta2, width=500)
    assert (back.gamma, back.gamma_prime) == pytest.approx((1.3, -0.2))


def test_a_drawn_network_is_found_within_its_sampling_error():
    width = 3000
    network = TwoLayer(2, 1, width, initialisation="phase:1.2,-0.3", key=jax.random.key(0))
    point = Phase.of(network)
    # the std of n draws has a relative error of 1/√(2n); log m divides it
    bound = 4 / math.sqrt(2 * width) / math.log(width) * 2
    assert abs(point.gamma - 1.2) < bound
    assert abs(point.gamma_prime + 0.3) < bound
    layer = MLP(2, 3, 50, 2, key=jax.random.key(1)).neurons()[1]
    assert Phase.of(layer).regime is Regime.LINEAR


def test_networks_of_one_hidden_layer_are_placed_alike():
    network = TwoLayer(2, 1, 300, initialisation="ntk", key=jax.random.key(0))
    plain = MLP(2, 1, 300, 1, initialisation="ntk", key=jax.random.key(0))
    assert Phase.of(plain) == Phase.of(network) == Phase.of(AntiSymmetric(network))
    (neurons,) = network.neurons()
    # multipliers are in the weights that neurons show: κ is the same, κ' is not
    assert Phase.of(neurons).gamma == pytest.approx(Phase.of(network).gamma, abs=1e-6)
    assert Phase.of(neurons).gamma_prime == pytest.approx(Phase.of(network).gamma_prime + 0.5, abs=1e-6)


def test_layers_of_a_deep_network_are_placed_pair_by_pair():
    network = MLP(2, 1, 200, 3, initialisation="mean-field", key=jax.random.key(0))
    points = Phase.of_layers(network)
    for point, gamma in zip(points, (0.5, 1.0, 1.5), strict=True):  # multipliers 1, m^-½, m^-½, 1/m; all std 1
        assert point.gamma == pytest.approx(gamma, abs=0.03)
        assert point.gamma_prime == pytest.approx(0, abs=0.03)


def test_what_has_no_place_is_refused():
    network = TwoLayer(1, 1, 10, key=jax.random.key(0))
    for bad, words in [
        (np.ones(3), "a TwoLayer or an MLP, or Neurons"),
        (MLP(1, 1, 5, 2, key=jax.random.key(0)), r"2 hidden layers. Phase.of_layers\(network\)"),
        (ResNet(1, 1, 5, 2, key=jax.random.key(0)), "a ResNet"),
        (jax.tree.map(lambda x: 0 * x, network), "not all 0"),
        (jax.tree.map(lambda x: np.nan * x, network), "NaN"),
        (TwoLayer(1, 1, 1, key=jax.random.key(0)), "at least 2"),
    ]:
        with pytest.raises(InputError, match=words):
            Phase.of(bad)
    with pytest.raises(InputError, match="gamma as a finite number"):
        Phase(math.nan)
    with pytest.raises(InputError, match="alpha"):
        Phase.of_scales(-1, 1, 1, width=5)
