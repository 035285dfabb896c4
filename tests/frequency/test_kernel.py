"""Tests of simplebias.frequency: tangent kernels layer by layer and by Jacobians, what they take, and bad input."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core import InputError
from simplebias.frequency import empirical_kernel, kernel_memory
from simplebias.frequency.kernel import _layerwise
from simplebias.networks import MLP, AntiSymmetric, ResNet, SmallCNN, TwoLayer

DENSE = {
    "two-layer": lambda key: TwoLayer(3, 2, 6, initialisation="phase:1.2,0.3", key=key),
    "mlp": lambda key: MLP(3, 2, (5, 4), initialisation="ntk", dropout=0.3, activation="relu", key=key),
    "resnet": lambda key: ResNet(3, 1, 5, 2, initialisation="mean-field", output_bias=False, key=key),
    "anti-symmetric": lambda key: AntiSymmetric(TwoLayer(3, 1, 4, initialisation="ntk", key=key)),
    "equinox": lambda key: eqx.nn.MLP(3, 2, 5, 2, key=key, dtype=jnp.float64),
}


class Odd(eqx.Module):
    """Three layers, the second used in some way; all but one of the ways are none of a chain of layers."""

    layers: tuple
    way: str = eqx.field(static=True)

    def __init__(self, way, key):
        self.layers, self.way = MLP(3, 2, (4, 4), key=key).layers, way

    def __call__(self, x):
        first, second, third = self.layers
        h, way = jnp.tanh(first(x)), self.way
        if way == "shortcut":
            h = h + jnp.sin(second(h)) * x[0]
        elif way == "twice":
            h = second(second(h))
        elif way == "tied":
            h = second(h) @ second.weight
        elif way == "loop":
            h = jax.lax.scan(lambda h, _: (jnp.tanh(second(h)), None), h, None, length=2)[0]
        elif way == "mapped":
            h = jax.vmap(second)(jnp.stack([h, 2 * h])).sum(axis=0)
        elif way == "branch":
            h = jax.lax.cond(x[0] > 0, lambda h: second(h), lambda h: h, h)
        elif way == "frozen":
            h = jax.lax.stop_gradient(second)(h)
        elif way == "changed":
            h = jax.tree.map(jnp.tanh, second)(h)
        return third(h)


def cloud(rows, inputs=3, seed=0):
    return jnp.asarray(np.random.default_rng(seed).standard_normal((rows, inputs)))


def jacobians(network, points):
    """Whole Jacobians at every point, `(points, outputs, parameters)`."""
    parameters, static = eqx.partition(eqx.nn.inference_mode(network), eqx.is_inexact_array)
    function = jax.vmap(jax.jacfwd(lambda p, x: eqx.combine(p, static)(x)), in_axes=(None, 0))
    leaves = jax.tree.leaves(jax.jit(function)(parameters, points))
    return np.concatenate([np.asarray(leaf).reshape(*leaf.shape[:2], -1) for leaf in leaves], axis=2)


def twin(left, right):
    return np.einsum("iop,jop->ij", left, right)


@pytest.mark.parametrize("name", DENSE)
def test_layer_by_layer_it_is_the_contraction_of_jacobians(name, key, float64):
    network = DENSE[name](key)
    network = jax.tree.map(lambda leaf: leaf + 0.1 if eqx.is_inexact_array(leaf) else leaf, network)  # biases too
    points, whole = cloud(7), jacobians(network, cloud(7))
    found = empirical_kernel(network, points, method="layerwise", tile=3)
    assert found.dtype == jnp.float64
    np.testing.assert_allclose(found, twin(whole, whole), rtol=1e-10)
    if name not in {"mlp", "anti-symmetric"}:
        return
    last = whole[:, -1:]
    rectangle = empirical_kernel(network, points[:2], points, output=whole.shape[1] - 1, method="layerwise")
    np.testing.assert_allclose(rectangle, twin(last[:2], last), rtol=1e-10)


def test_in_single_precision_it_is_within_1e_5(key):
    network, points = MLP(3, 2, 30, 2, initialisation="ntk", activation="relu", key=key), cloud(20)
    found = empirical_kernel(network, points)
    expected = empirical_kernel(network, points, method="jacobian")
    assert found.dtype == jnp.float32
    assert float(jnp.abs(found - expected).max() / jnp.abs(expected).max()) < 1e-5


def test_by_jacobians_in_tiles_it_is_the_same(key, float64):
    network, points = TwoLayer(3, 2, 4, key=key), cloud(7)
    whole = jacobians(network, points)
    found = empirical_kernel(network, points, method="jacobian", tile=3)
    np.testing.assert_allclose(found, twin(whole, whole), rtol=1e-12)
    assert (found == found.T).all()
    rectangle = empirical_kernel(network, points, points[1:5], method="jacobian", tile=3)
    np.testing.assert_allclose(rectangle, twin(whole, whole[1:5]), rtol=1e-12)


def test_a_chain_of_layers_may_have_shortcuts_and_be_used_with_other_functions(key, float64):
    network, points = Odd("shortcut", key), cloud(4)
    whole = jacobians(network, points)
    np.testing.assert_allclose(empirical_kernel(network, points, method="layerwise"), twin(whole, whole), rtol=1e-10)


@pytest.mark.parametrize("way", ["twice", "tied", "loop", "mapped", "branch", "frozen", "changed", "unused"])
def test_a_network_that_is_no_chain_of_layers_is_found_out(way, key):
    with pytest.raises(InputError, match=r"called once.*jacobian"):
        empirical_kernel(Odd(way, key), cloud(4), method="layerwise")


def test_convolutions_and_scalar_outputs_go_by_jacobians(key):
    network, points = SmallCNN((3, 2), 2, channels=(2,), width=3, key=key), cloud(3, 6)
    found = empirical_kernel(network, points)
    whole = jacobians(network, points)
    np.testing.assert_allclose(found, twin(whole, whole), rtol=1e-5)
    scalar = empirical_kernel(eqx.Partial(lambda a, x: jnp.sin(a @ x), jnp.arange(3.0)), cloud(2))
    slopes = np.cos(np.asarray(cloud(2)) @ np.arange(3.0))[:, None] * np.asarray(cloud(2))
    np.testing.assert_allclose(scalar, slopes @ slopes.T, rtol=1e-5)


def test_of_a_linear_layer_it_is_known(float64):
    x = cloud(5)
    network = eqx.nn.Linear(3, 4, key=jax.random.key(0), dtype=jnp.float64)
    np.testing.assert_allclose(empirical_kernel(network, x, output=2), x @ x.T + 1, rtol=1e-12)
    np.testing.assert_allclose(empirical_kernel(network, x), 4 * (x @ x.T + 1), rtol=1e-12)


def test_an_anti_symmetric_pair_has_twice_the_kernel(key, float64):
    network, points = TwoLayer(3, 1, 8, key=key), cloud(6)
    np.testing.assert_allclose(
        empirical_kernel(AntiSymmetric(network), points), 2 * empirical_kernel(network, points), rtol=1e-10
    )


def test_it_is_symmetric_and_has_no_negative_eigenvalues(key, float64):
    found = np.asarray(empirical_kernel(MLP(3, 1, 4, 2, key=key), cloud(60), tile=13))
    assert (found == found.T).all()
    rising = np.linalg.eigvalsh(found)
    assert rising[0] > -1e-12 * rising[-1]
    parameters = 4 * 4 + 5 * 4 + 5
    assert (rising > 1e-12 * rising[-1]).sum() <= parameters, "the rank is at most the number of parameters"


def test_it_works_inside_jit_and_vmap(key):
    network, points = TwoLayer(3, 1, 5, key=key), cloud(4)
    expected = empirical_kernel(network, points)
    np.testing.assert_allclose(eqx.filter_jit(empirical_kernel)(network, points), expected, rtol=1e-5)
    many = jax.vmap(lambda x: empirical_kernel(network, x, method="jacobian"))(jnp.stack([points, points + 1]))
    np.testing.assert_allclose(many[0], expected, rtol=1e-5)


@pytest.mark.parametrize("outputs", [1, 3])
def test_the_estimate_of_memory_is_at_least_what_is_compiled(outputs, key):
    network, points = MLP(3, outputs, 40, 2, key=key), cloud(600)
    compiled = _layerwise.lower(network, points, None, tuple(range(outputs)), 200).compile()
    sizes = compiled.compiled.memory_analysis()
    taken = sizes.temp_size_in_bytes + sizes.output_size_in_bytes
    estimate = kernel_memory(network, points, tile=200)
    assert taken <= estimate <= 5 * taken


def test_memory_is_said_and_limited_before_anything_is_computed(key):
    network, points = MLP(1, 1, 1000, 2, key=key), np.linspace(0, 1, 5000)
    assert kernel_memory(network, points) < 2 * 2**30
    assert kernel_memory(network, points, method="jacobian") < 2 * 2**30
    with pytest.raises(InputError, match=r"at most 4.00 GiB.*100000 × 100000 points that takes about .* Take fewer"):
        empirical_kernel(network, np.linspace(0, 1, 100_000))
    with pytest.raises(InputError, match="a smaller tile"):
        empirical_kernel(network, points[:10], method="jacobian", tile=10, memory_limit=2**20)


def test_bad_input_is_named(key):
    network = TwoLayer(2, 2, 4, key=key)
    points = np.ones((3, 2))
    with pytest.raises(InputError, match="finite points"):
        empirical_kernel(network, points * np.nan)
    with pytest.raises(InputError, match="at least one entry"):
        empirical_kernel(network, np.zeros((0, 2)))
    with pytest.raises(InputError, match="other points with 2 inputs"):
        empirical_kernel(network, points, np.ones((3, 1)))
    with pytest.raises(InputError, match=r"one point of shape \(2,\)"):
        empirical_kernel(network, np.ones((3, 5)))
    for output in (2, -1, True):
        with pytest.raises(InputError, match="output as a whole number 0 … 1"):
            empirical_kernel(network, points, output=output)
    with pytest.raises(InputError, match="Did you mean 'jacobian'"):
        empirical_kernel(network, points, method="jacobien")
    with pytest.raises(InputError, match="tile as a whole number"):
        empirical_kernel(network, points, tile=0)
    with pytest.raises(InputError, match=r"parameters.*closes over"):
        empirical_kernel(lambda x: x, points)
    with pytest.raises(InputError, match="real parameters"):
        empirical_kernel(eqx.Partial(lambda a, x: jnp.abs(a @ x), jnp.ones(2) * 1j), points)
