"""Edits keep what a network computes, and keep a critical point critical."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.networks import MLP, AntiSymmetric, ResNet, TwoLayer, add_null, chain_of, merge, split


def networks(key):
    options = {"initialisation": "ntk", "key": key}
    return {
        "two-layer": TwoLayer(3, 2, 6, activation="tanh", **options),
        "mlp": MLP(3, 2, (5, 4), activation="gelu", **options),
        "resnet": ResNet(3, 2, 5, 3, activation="relu", **options),
    }


def outputs(network, points):
    return np.asarray(jax.vmap(network)(points))


@pytest.fixture
def points(key, float64):
    return jax.random.normal(jax.random.fold_in(key, 1), (20, 3), jnp.float64)


@pytest.mark.parametrize("name", ["two-layer", "mlp", "resnet"])
def test_split_and_null_keep_the_function(name, key, points):
    network = networks(key)[name]
    wide = split(network, 1, 2, (0.4, -1.0, 1.6))
    wide = add_null(wide, len(network.layers) - 1, 2, bias=0.7)
    assert sum(len(one.input_weights) for one in wide.neurons()) > sum(len(o.input_weights) for o in network.neurons())
    assert np.allclose(outputs(wide, points), outputs(network, points), rtol=0, atol=1e-13)
    moved = eqx.tree_at(lambda n: n.layers[-1].weight, wide, wide.layers[-1].weight * 1.1)
    assert not np.allclose(outputs(moved, points), outputs(network, points), rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", ["two-layer", "mlp", "resnet"])
def test_the_chain_computes_what_the_network_does(name, key, points):
    network = networks(key)[name]
    assert np.allclose(chain_of(network).look(np.asarray(points))[2], outputs(network, points), rtol=0, atol=1e-13)


def test_merge_undoes_a_split_and_folds_a_constant(key, points):
    network = networks(key)["mlp"]
    wide = add_null(split(network, 2, 1, (0.3, 0.7)), 2, bias=1.5)
    constant = float(jax.nn.gelu(1.5, approximate=False))
    heavy = eqx.tree_at(lambda n: n.layers[-1].weight, wide, wide.layers[-1].weight.at[:, -1].set(2.0))
    columns = np.zeros((6, 4))
    columns[:4], columns[4, 1] = np.eye(4), 1
    small = merge(heavy, 2, np.eye(4, 6), columns, [0, 0, 0, 0, 0, constant])
    assert np.allclose(outputs(small, points), outputs(heavy, points), rtol=0, atol=1e-13)
    assert not np.allclose(outputs(small, points), outputs(network, points), rtol=0, atol=1e-2)
    bare = TwoLayer(3, 2, 4, key=key)
    assert bare.layers[-1].bias is None
    assert merge(bare, 1, np.eye(4), np.eye(4), np.ones(4)).layers[-1].bias is not None


@pytest.mark.parametrize("shares", [(0.5, 0.5), (1.7, -0.7)])
def test_a_split_keeps_a_critical_point_critical(shares, key, float64):
    """Targets y = f - e with e in the kernel of Jᵀ make any parameters critical (manufactured critical point)."""
    network = MLP(2, 1, (3, 3), initialisation="ntk", key=key)
    points = jax.random.normal(key, (40, 2), jnp.float64)
    arrays, rest = eqx.partition(network, eqx.is_array)

    def values(arrays):
        return jax.vmap(eqx.combine(arrays, rest))(points)[:, 0]

    jacobian = np.concatenate([np.asarray(j).reshape(40, -1) for j in jax.tree.leaves(jax.jacobian(values)(arrays))], 1)
    noise = np.random.default_rng(0).normal(size=40)
    for _ in range(2):  # the second time takes off the rounding of the first
        noise = noise - jacobian @ np.linalg.lstsq(jacobian, noise, rcond=None)[0]
    targets = values(arrays) - jnp.asarray(noise)

    def loss(network):
        return jnp.mean((jax.vmap(network)(points)[:, 0] - targets) ** 2)

    def largest(network):
        return max(float(jnp.max(jnp.abs(leaf))) for leaf in jax.tree.leaves(eqx.filter_grad(loss)(network)))

    wide = split(network, 2, 0, shares)
    assert largest(network) < 1e-13
    assert largest(wide) < 1e-13
    assert largest(eqx.tree_at(lambda n: n.layers[-1].weight, wide, wide.layers[-1].weight * 1.01)) > 1e-6


def test_what_cannot_be_edited_is_refused(key):
    network = MLP(1, 1, 4, 2, key=key)
    with pytest.raises(InputError, match="layer from 1 to 2"):
        split(network, 3, 0)
    with pytest.raises(InputError, match="neuron below 4"):
        split(network, 1, 4)
    with pytest.raises(InputError, match="sum 1"):
        split(network, 1, 0, (0.5, 0.6))
    with pytest.raises(InputError, match="shape"):
        merge(network, 1, np.eye(3), np.eye(3))
    with pytest.raises(InputError, match="count"):
        add_null(network, 1, 0)
    with pytest.raises(InputError, match="AntiSymmetric"):
        split(AntiSymmetric(network), 1, 0)
    with pytest.raises(InputError, match="NaN or infinite weights in layer 2"):
        split(eqx.tree_at(lambda n: n.layers[1].weight, network, jnp.full((4, 4), jnp.nan)), 1, 0)
