"""Networks to PyTorch and back give the same outputs, and what is no such network is refused."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch import nn

import simplebias.torch as st
from simplebias import networks
from simplebias.core.errors import InputError

KEY = jax.random.key(7)
FLAT = {
    "two-layer": lambda **o: networks.TwoLayer(3, 2, 9, initialisation="phase:1.75,0.3", activation="relu", **o),
    "mlp": lambda **o: networks.MLP(3, 2, (7, 5), initialisation="ntk", activation="x2tanh", **o),
    "no bias": lambda **o: networks.MLP(3, 2, 7, 2, output_bias=False, activation="gelu", **o),
    "residual": lambda **o: networks.ResNet(3, 2, 6, 3, initialisation="mean-field", **o),
    "parallel": lambda **o: networks.MultiScale(3, 2, 12, 2, scales=(1, 2, 4), amplitudes=(1.0, 0.5, 2.0), **o),
    "one scaled": lambda **o: networks.MultiScale(
        3, 2, 13, 2, scales=(1, 2, 4), version=1, trainable=True, activation="phi", initialisation="ntk", **o
    ),
    "features": lambda **o: networks.Encoded(
        networks.FourierFeatures(3, 10, frequency_std=0.7, **o), networks.MLP(10, 2, 6, 1, **o)
    ),
    "nerf": lambda **o: networks.Encoded(networks.PositionalEncoding(3, 2), networks.TwoLayer(12, 2, 6, **o)),
    "subspace": lambda **o: networks.SubspaceNet(
        networks.MLP(3, 2, 6, 1, **o), networks.MultiScale(3, 2, 6, 1, scales=(3, 5), **o), contributions=0.3
    ),
}  # fmt: skip
SHAPE = (9, 8, 2)
PICTURES = {
    "small": lambda **o: networks.SmallCNN(SHAPE, 3, channels=(4, 5), width=6, **o),
    "normalised": lambda **o: networks.SmallCNN(SHAPE, 3, channels=(4,), width=6, normalise=True, **o),
    "vgg": lambda **o: networks.VGG(SHAPE, 3, blocks=((4, 3), (5,)), widths=(6, 4), activation="tanh", **o),
    "two-layer": lambda **o: networks.TwoLayerCNN(SHAPE, 3, 4, kernel=(3, 2), initialisation="ntk", **o),
    "padded": lambda **o: networks.TwoLayerCNN(SHAPE, 3, 4, kernel=3, padded=True, output_bias=True, **o),
}


@eqx.filter_jit
def mapped(network, points):
    return jax.vmap(network)(points)


def bounds(double):
    return ({"rtol": 1e-12, "atol": 1e-12}, jnp.float64) if double else ({"rtol": 1e-6, "atol": 1e-6}, jnp.float32)


@pytest.mark.parametrize(("name", "double"), [*((name, True) for name in FLAT), ("mlp", False), ("parallel", False)])
def test_dense_networks_there_and_back(name, double):
    bound, kind = bounds(double)
    with jax.enable_x64(double):
        network = FLAT[name](key=KEY, dtype=kind)
        points = np.random.default_rng(0).uniform(-1, 1, (20, 3)).astype(kind)
        expected = np.asarray(mapped(network, points))
        module = st.to_torch(network)
        given = module(torch.from_numpy(points)).detach().numpy()
        assert given.dtype == expected.dtype
        bound["atol"] *= max(np.abs(expected).max(), 1)
        assert np.allclose(given, expected, **bound)
        again = st.from_torch(module)
        assert np.allclose(mapped(again, points), expected, **bound)
        whole = [np.sort(np.asarray(leaf).ravel()) for leaf in jax.tree.leaves(eqx.filter(again, eqx.is_array))]
        own = [np.sort(np.asarray(leaf).ravel()) for leaf in jax.tree.leaves(eqx.filter(network, eqx.is_array))]
        assert all(np.array_equal(one, two) for one, two in zip(whole, own, strict=True))


@pytest.mark.parametrize(("name", "double"), [*((name, True) for name in PICTURES), ("normalised", False)])
def test_convolutional_networks_there_and_back(name, double):
    bound, kind = bounds(double)
    with jax.enable_x64(double):
        network = PICTURES[name](key=KEY, dtype=kind)
        pictures = np.random.default_rng(0).normal(size=(6, *SHAPE)).astype(kind)
        flat = pictures.reshape(6, -1)
        network = network.calibrated(jnp.asarray(flat)) if name == "normalised" else network
        expected = np.asarray(mapped(network, flat))
        module = st.to_torch(network)
        first = torch.from_numpy(pictures.transpose(0, 3, 1, 2).copy())
        assert np.allclose(module(first).detach().numpy(), expected, **bound)
        again = st.from_torch(module, image_shape=SHAPE[:2])
        assert type(again) is type(network)
        assert np.allclose(mapped(again, flat), expected, **bound)


class OfOnesOwn(nn.Module):
    """As people write them: layers as attributes, functions in forward."""

    def __init__(self, shortcut=False):
        nn.Module.__init__(self)
        self.conv1, self.conv2 = nn.Conv2d(1, 3, 3, padding=1), nn.Conv2d(3, 4, 3, padding=1)
        self.norm, self.drop = nn.BatchNorm2d(3), nn.Identity()
        self.fc1, self.fc2 = nn.Linear(4 * 4 * 3, 5), nn.Linear(5, 2)
        self.shortcut = shortcut

    def forward(self, x):
        x = torch.relu(self.norm(self.conv1(x)))
        x = nn.functional.relu(self.conv2(x))
        x = nn.functional.max_pool2d(x, 2)
        h = torch.flatten(x, 1)
        out = self.fc2(self.drop(self.fc1(h).relu()))
        return out + out if self.shortcut else out


def test_a_module_of_ones_own_is_followed():
    torch.manual_seed(0)
    module = OfOnesOwn()
    module(torch.randn(40, 1, 8, 6))  # statistics
    module.eval()
    network = st.from_torch(module, image_shape=(8, 6))
    pictures = torch.randn(5, 1, 8, 6)
    given = mapped(network, pictures.reshape(5, -1).numpy())
    assert np.allclose(given, module(pictures).detach(), rtol=1e-5, atol=1e-6)
    assert [len(one.input_weights) for one in network.neurons()] == [3, 4, 5]


@pytest.mark.parametrize(("module", "words"), [
    (nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1)), "one activation"),
    (nn.Sequential(nn.Linear(1, 2), nn.LayerNorm(2), nn.Linear(2, 1)), "LayerNorm"),
    (nn.Linear(2, 1), "chain of Linear"),
    (OfOnesOwn(shortcut=True), "one layer after another"),
    (nn.LSTM(1, 2), "chain of Linear"),
])  # fmt: skip
def test_what_is_no_chain_is_refused(module, words):
    with pytest.raises(InputError, match=words):
        st.from_torch(module, image_shape=(8, 6))


def test_a_picture_needs_its_shape():
    with pytest.raises(InputError, match="image_shape"):
        st.from_torch(OfOnesOwn())
    with pytest.raises(InputError, match="numbers reach"):
        st.from_torch(OfOnesOwn(), image_shape=(8, 8))
    unshared = networks.TwoLayerCNN((4, 4), 1, 2, shared=False, key=KEY)
    with pytest.raises(InputError, match="shared kernels"):
        st.to_torch(unshared)
    with pytest.raises(InputError, match="a TwoLayer, MLP"):
        st.to_torch(lambda x: x)


def test_training_goes_on_alike():
    """A gradient step changes a converted network as it changes the network: multipliers are kept."""
    network = networks.TwoLayer(1, 1, 10, initialisation="ntk", key=KEY)
    module = st.to_torch(network)
    x, y = np.linspace(-1, 1, 8, dtype=np.float32)[:, None], np.ones((8, 1), np.float32)
    gradient = eqx.filter_grad(lambda one: jnp.mean((jax.vmap(one)(x) - y) ** 2))(network)
    network = eqx.apply_updates(network, jax.tree.map(lambda one: -0.1 * one, gradient))
    ((module(torch.from_numpy(x)) - torch.from_numpy(y)) ** 2).mean().backward()
    with torch.no_grad():  # an optimiser of torch loads its compiler, which takes seconds
        for weight in module.parameters():
            weight -= 0.1 * weight.grad
    assert np.allclose(module(torch.from_numpy(x)).detach(), jax.vmap(network)(x), atol=1e-6)


def test_dropout_comes_along():
    network = networks.MLP(2, 1, 8, 2, dropout=0.4, key=KEY)
    module = st.to_torch(network)
    assert [one.p for one in module if isinstance(one, nn.Dropout)] == [0.4, 0.4]
    assert st.from_torch(module).keep_probability == pytest.approx(0.6)
    quiet = st.to_torch(eqx.nn.inference_mode(network))
    assert not quiet.training
