"""Where networks lie: the scaling argument against theory, and suggestions followed lead where they say."""

import re

import jax
import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.networks import MLP, AntiSymmetric, Phase, Regime, ResNet, TwoLayer
from simplebias.sweeps import place, place_network
from simplebias.sweeps.places import layer_exponents


def test_with_one_hidden_layer_the_argument_is_the_phase_diagram():
    for gamma in np.linspace(0.3, 2.2, 20):
        for prime in np.linspace(-0.6, 0.6, 13):
            for alpha in (0.0, 0.7):  # only γ and γ' matter, however they are shared out
                incoming = (gamma - alpha - prime) / 2
                (found,) = layer_exponents([incoming, incoming + prime], alpha)
                assert found == pytest.approx(Phase(gamma, prime).predicted_slope, abs=1e-9)


@pytest.mark.parametrize("depth", [2, 3])
def test_layers_of_equal_std_have_the_exponents_of_deep_networks(depth):
    for gamma in (0.5, 1.0, (depth + 1) / 2):  # lazy: all weights move by the same
        first, *others = layer_exponents([gamma / (depth + 1)] * (depth + 1), 0.0)
        assert first == pytest.approx(gamma - (depth + 1) / 2)
        assert others == pytest.approx([gamma - depth / 2 - 1] * (depth - 1))
    for gamma in ((depth + 1) / 2, depth, depth + 1.0, depth + 2.5):  # growth along one direction
        first, *others = layer_exponents([gamma / (depth + 1)] * (depth + 1), 0.0)
        assert first == pytest.approx(gamma / (depth + 1) - 1 / 2)
        assert others == pytest.approx([gamma / (depth + 1) - 1] * (depth - 1))


def test_unequal_layers_as_measured():
    # stds m^-φ, m^-(φ + ½), m^-(φ + ½): trained at widths 64 to 512 the slopes were -0.19, -0.09 at φ = 0.4 and
    # 0.28, 0.27 at φ = 0.75; the boundary of equal layers, γ = 3φ + 1 = 3/2, would have the first positive at 0.4
    assert all(one < -0.05 for one in layer_exponents([0.4, 0.9, 0.9], 0.0))
    assert layer_exponents([0.5, 1.0, 1.0], 0.0) == pytest.approx([0, 0])
    assert layer_exponents([0.75, 1.25, 1.25], 0.0) == pytest.approx([0.25, 0.25])


def regimes_told(lines):
    """Regimes of the layers as a text tells them."""
    (line,) = (one for one in lines if one.startswith("Layer 1 is"))
    return re.findall(r"is (\w+)", line)


def times(factor, network):
    return jax.tree.map(lambda leaf: factor * leaf if isinstance(leaf, jax.Array) else leaf, network)


WANTED = {
    "all layers linear": ["linear", "linear"],
    "layer 1 condensed and the others linear": ["condensed", "linear"],
    "all layers condensed": ["condensed", "condensed"],
}


@pytest.mark.parametrize("rule", ["ntk", "mean-field", "lecun", "power:1.3"])
def test_suggestions_for_a_deep_network_lead_where_they_say(rule):
    network = MLP(1, 1, 300, 2, initialisation=rule, key=jax.random.key(0))
    lines = place_network(network)
    ways = [line for line in lines if line.startswith("To have")]
    assert len(ways) >= 2
    for line in ways:
        wanted = WANTED[re.match(r"To have (.*?):", line)[1]]
        assert wanted != regimes_told(lines)
        name = re.search(r"initialisation (power:[\d.]+)", line)[1]
        assert regimes_told(place(name, width=300, depth=2)) == wanted
        drawn = MLP(1, 1, 300, 2, initialisation=name, key=jax.random.key(1))
        assert regimes_told(place_network(drawn)) == wanted
        factor = re.search(r"by ([\d.e-]+) at", line)
        if factor:
            assert regimes_told(place_network(times(float(factor[1]), network))) == wanted


def test_a_factor_is_left_out_where_there_is_none():
    # the layers of LeCun's rule condense together
    (line,) = (one for one in place("lecun", width=1000, depth=2) if "others linear" in one)
    assert "multiply" not in line


@pytest.mark.parametrize("rule", ["ntk", "xavier", "power:1.2"])
def test_suggestions_for_a_two_layer_network_lead_where_they_say(rule):
    network = TwoLayer(1, 1, 2000, initialisation=rule, key=jax.random.key(0))
    ways = [line for line in place(rule, width=2000) if line.startswith("To be")]
    for line in ways:
        wanted = Regime(re.match(r"To be (\w+)", line)[1])
        name = re.search(r"initialisation (phase:[-\d.,]+);", line)[1]
        assert Phase.of_initialisation(name).regime is wanted
        drawn = Phase.of(TwoLayer(1, 1, 2000, initialisation=name, key=jax.random.key(1)))
        factor = float(re.search(r"by ([\d.e-]+) at", line)[1])
        for point in (drawn, Phase.of(times(factor, network))):
            sign = {Regime.LINEAR: -0.5, Regime.CRITICAL: 0.0, Regime.CONDENSED: 0.5}[wanted]
            assert point.distance == pytest.approx(sign, abs=0.1)  # as drawn, and at this width


def test_a_network_is_told_as_its_rule_is():
    network = AntiSymmetric(MLP(1, 1, 400, 3, initialisation="power:0.6", key=jax.random.key(0)))
    told, drawn = place("power:0.6", width=400, depth=3), place_network(network)
    assert regimes_told(told) == regimes_told(drawn) == ["condensed", "linear", "linear"]
    shown = float(re.search(r"m\^−([\d.]+) at width 400", drawn[0])[1])
    assert shown == pytest.approx(2.4, abs=0.02)
    uneven = place_network(MLP(1, 1, [400, 100], initialisation="power:0.6", key=jax.random.key(0)))
    assert "400, 100 neurons: 200 is their geometric mean" in uneven[1]


def test_what_has_no_place_is_refused():
    network = MLP(1, 1, 5, 2, key=jax.random.key(0))
    for bad, words in [
        (3, "a TwoLayer or an MLP"),
        (ResNet(1, 1, 5, 2, key=jax.random.key(0)), "a ResNet"),
        (times(0, network), "not all 0"),
    ]:
        with pytest.raises(InputError, match=words):
            place_network(bad)
    with pytest.raises(InputError, match="two-layer network for phase coordinates"):
        place("phase:1,0", width=100, depth=2)
    with pytest.raises(InputError, match="width of at least 2"):
        place("lecun", width=1, depth=2)
    with pytest.raises(InputError, match="depth"):
        place("lecun", width=10, depth=0)
