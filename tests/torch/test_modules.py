"""Drop-in modules: the same functions as the networks of the package, and good citizens of PyTorch."""

import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch import nn

import simplebias.torch as st
from simplebias import networks
from simplebias.core.errors import InputError
from simplebias.frequency import suggest_scales


@pytest.mark.parametrize("name", [*networks.ACTIVATIONS, "sin:10", "ricker:0.3"])
def test_activations_are_the_same_functions(name, float64):
    x = np.linspace(-6, 6, 1201)
    module = st.activation(name)
    given = module(torch.from_numpy(x)).numpy()
    assert np.allclose(given, networks.activation(name)(jnp.asarray(x)), rtol=1e-12, atol=1e-12)
    assert st.name_of(module) == (None if name == "identity" else name)


def test_an_activation_of_other_parameters_has_no_name():
    with pytest.raises(InputError, match="usual parameters"):
        st.name_of(nn.LeakyReLU(0.2))
    with pytest.raises(InputError, match="Did you mean"):
        st.activation("tanhh")


MAKERS = {
    "parallel": lambda: st.MultiScale(2, 3, 12, 2, scales=(1, 4), amplitudes=(2.0, 0.5)),
    "one": lambda: st.MultiScale(2, 3, 13, 2, scales=(1, 4, 8), version=1, trainable=True, activation="s2relu"),
    "features": lambda: nn.Sequential(st.FourierFeatures(2, 8, frequency_std=(1.0, 3.0)), nn.Linear(8, 3)),
    "nerf": lambda: nn.Sequential(st.PositionalEncoding(2, 3, with_inputs=True), nn.Linear(14, 3)),
    "subspace": lambda: st.SubspaceNet(
        nn.Linear(2, 3), [st.MultiScale(2, 3, 4, 1, scales=(9, 20)), nn.Linear(2, 3)], contributions=(0.1, -2.0)
    ),
    "residual": lambda: st.ResNet(2, 3, 8, 3, activation="ricker:0.5"),
}


@pytest.fixture(params=MAKERS)
def module(request):
    torch.manual_seed(4)
    return MAKERS[request.param]()


def test_state_dict_brings_everything_back(module):
    x = torch.randn(7, 2)
    memory = io.BytesIO()
    torch.save(module.state_dict(), memory)
    memory.seek(0)
    torch.manual_seed(5)
    other = type(module)(*module) if isinstance(module, nn.Sequential) else module
    for weight in other.parameters():
        nn.init.zeros_(weight)
    before = other(x)
    other.load_state_dict(torch.load(memory, weights_only=True))
    assert not torch.equal(before, other(x))
    assert other(x.reshape(7, 1, 2)).shape == (7, 1, 3)


def test_compiled_whole_and_the_same(module):
    torch._dynamo.reset()
    x = torch.randn(7, 2)
    compiled = torch.compile(module, backend="eager", fullgraph=True)
    assert torch.equal(compiled(x), module(x))
    compiled(x).square().sum().backward()
    assert all(weight.grad is not None for weight in module.parameters())


def test_autocast_keeps_the_digits_of_phases(module):
    """Outputs move by the rounding of bfloat16 (2⁻⁸ of their size) and not by that of phases of many turns."""
    x = 3 * torch.randn(200, 2)
    plain = module(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = module(x).float()
    assert (cast - plain).abs().max() < 0.05 * plain.abs().max()
    cast.square().mean().backward()
    assert all(torch.isfinite(weight.grad).all() for weight in module.parameters())


def test_moves_and_changes_precision_whole(module):
    double = module.double()
    assert double(torch.randn(4, 2).double()).dtype == torch.float64
    kinds = {one.dtype for one in (*double.parameters(), *double.buffers()) if one.is_floating_point()}
    assert kinds == {torch.float64}


def test_weights_are_drawn_as_the_rule_says():
    generator = torch.Generator().manual_seed(1)
    model = st.MultiScale(3, 2, 600, 2, scales=(1, 2, 4), initialisation="he", generator=generator)
    for layer, inputs in zip(model.layers, (3, 200, 200), strict=True):
        drawn = layer.weight.detach().flatten()
        std = np.sqrt(2 / inputs)
        assert abs(float(drawn.std()) - std) < 5 * std / np.sqrt(2 * len(drawn))
    assert not model.layers[-1].bias.any()
    again = st.MultiScale(3, 2, 600, 2, scales=(1, 2, 4), initialisation="he", generator=generator.manual_seed(1))
    assert torch.equal(model.layers[0].weight, again.layers[0].weight)
    encoding = st.FourierFeatures(2, 40_000, frequency_std=(2.0, 0.5))
    assert np.allclose(encoding.frequencies.std(dim=0), (2.0, 0.5), rtol=0.03)


def test_neurons_are_shown_with_their_scales():
    model = st.MultiScale(2, 1, 6, 2, scales=(1, 10), version=2)
    rows, bias = model.neuron_rows()["layer 1"]
    x = torch.randn(5, 2)
    by_hand = torch.sin(x @ rows.T + bias)
    h = torch.sin(torch.bmm(by_hand.reshape(5, 2, 3).transpose(0, 1), model.layers[1].weight.mT)
                  + model.layers[1].bias[:, None])  # fmt: skip
    last = model.layers[2]
    assert torch.allclose((torch.bmm(h, last.weight.mT) + last.bias[:, None]).sum(0), model(x), atol=1e-5)


def test_scales_come_from_tensors():
    x = torch.linspace(-1, 1, 201)[:-1]
    y = torch.sin(20 * torch.pi * x)
    advice = st.scales_from(x.requires_grad_(), y)
    assert advice.scales == suggest_scales(x.detach().double().numpy(), y.detach().double().numpy()).scales
    assert advice.bandwidth == pytest.approx([10.0], rel=1e-5)
    assert st.MultiScale(1, 1, 60, 2, scales=advice.scales)(x[:, None]).shape == (200, 1)


@pytest.mark.parametrize("kind", ["mean", "pointwise", "gradients"])
def test_orthogonality_is_that_of_the_networks(kind, float64):
    keys = jax.random.split(jax.random.key(1), 3)
    parts = [networks.MLP(2, 2, 5, 1, key=key, dtype=jnp.float64) for key in keys]
    network = networks.SubspaceNet(parts[0], parts[1:], contributions=(0.3, 2.0))
    points = np.random.default_rng(0).normal(size=(9, 2))
    expected = float(networks.orthogonality(network, jnp.asarray(points), kind=kind))
    found = st.orthogonality(st.to_torch(network), torch.from_numpy(points), kind=kind)
    assert float(found.detach()) == pytest.approx(expected, rel=1e-12)
    found.backward()


def test_what_cannot_be_used_is_refused_with_its_remedy():
    cases = {
        "scales that differ": lambda: st.MultiScale(1, 1, 4, 1, scales=(1, 1)),
        "share out evenly": lambda: st.MultiScale(1, 1, 7, 1, scales=(1, 2)),
        "version 1 or 2": lambda: st.MultiScale(1, 1, 4, 1, scales=(1, 2), version=3),
        "depth as a whole number": lambda: st.MultiScale(1, 1, 4, 0, scales=(1, 2)),
        "even size": lambda: st.FourierFeatures(1, 7, frequency_std=1.0),
        "frequency_std": lambda: st.FourierFeatures(3, 8, frequency_std=(1.0, 2.0)),
        "points of shape": lambda: st.FourierFeatures(3, 8, frequency_std=1.0)(torch.ones(4, 2)),
        "contributions": lambda: st.SubspaceNet(nn.Linear(1, 1), nn.Linear(1, 1), contributions=(1.0, 2.0)),
    }
    for words, make in cases.items():
        with pytest.raises(InputError, match=words):
            make()


@pytest.mark.parametrize("gamma_prime", [0.0, 0.4])
@pytest.mark.parametrize("gamma", [0.5, 1.75])
@pytest.mark.parametrize("multiplied", [False, True])
def test_phase_puts_a_module_where_it_says(gamma, gamma_prime, multiplied):
    torch.manual_seed(2)
    network = networks.TwoLayer(2, 1, 4000, activation="relu", initialisation="ntk", key=jax.random.key(0))
    plain = nn.Sequential(nn.Linear(2, 4000), nn.ReLU(), nn.Linear(4000, 1))
    module = st.to_torch(network) if multiplied else plain
    assert st.phase_(module, gamma, gamma_prime) is module
    point = networks.Phase.of(st.from_torch(module))
    assert abs(point.gamma - gamma) < 0.01
    assert abs(point.gamma_prime - gamma_prime) < 0.01
    assert st.where(module)[1].startswith("Regime: " + networks.Phase(gamma, gamma_prime).regime.value)


def test_phase_is_for_one_hidden_layer():
    deep = nn.Sequential(nn.Linear(1, 5), nn.ReLU(), nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 1))
    with pytest.raises(InputError, match="one hidden layer"):
        st.phase_(deep, 1.0)
    assert "2 hidden layers" in st.where(deep)[0]
    with pytest.raises(InputError, match="finite"):
        st.phase_(deep, float("nan"))
