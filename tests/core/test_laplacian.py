"""The Laplacian pushed forward is that of nested reverse mode, whatever the network."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core import laplacian, twice_forward, value_gradient_laplacian, values_gradients_laplacians
from simplebias.core.carrying import SINCOS, carried
from simplebias.core.compilation import quick_jit
from simplebias.core.trigonometry import simplebias_sincos, sincos
from simplebias.networks import MLP, Encoded, FourierFeatures, MultiScale, ResNet, Siren, SubspaceNet
from simplebias.pde import Box, HardBoundary, square_with_discs

KEY = jax.random.key(0)
PLAIN = MLP(2, 1, 8, 1, key=KEY)
WAVES = MultiScale(2, 1, 12, 1, scales=(1, 4), key=KEY)
NETWORKS = {
    "MLP": lambda: PLAIN,
    "ResNet of two outputs": lambda: ResNet(2, 2, 8, 2, activation="gelu", key=KEY),
    "MultiScale 1": lambda: MultiScale(2, 1, 12, 1, scales=(1, 4), version=1, activation="s2relu", key=KEY),
    "MultiScale 2": lambda: WAVES,
    "SubspaceNet": lambda: SubspaceNet(PLAIN, WAVES, contributions=0.1),
    "FourierFeatures": lambda: Encoded(FourierFeatures(2, 8, frequency_std=2.0, key=KEY), MLP(8, 1, 8, 1, key=KEY)),
    "Siren": lambda: Siren(2, 1, 8, 2, key=KEY),
    "HardBoundary": lambda: HardBoundary(PLAIN, Box([-1, -1], [1, 1]), lift=lambda x: x[0] * x[1]),
    "HardBoundary, holes": lambda: HardBoundary(PLAIN, square_with_discs()),
}


def doubled(network):
    return jax.tree.map(lambda leaf: leaf.astype("float64") if isinstance(leaf, jax.Array) else leaf, network)


def nested(function, point):
    """Reverse in reverse, the usual way, which is never used in training."""
    flat = lambda x: jnp.atleast_1d(function(x))
    hessian = jax.jacrev(jax.jacrev(flat))(point)
    return flat(point), jax.jacrev(flat)(point), jnp.trace(hessian, axis1=1, axis2=2)


def mapped(function, points):
    return jax.vmap(lambda x: value_gradient_laplacian(function, x))(points)


WAYS = {"mapped": mapped, "at all points": values_gradients_laplacians}


@pytest.fixture(params=WAYS)
def way(request):
    return WAYS[request.param]


def check(way, function, points, tolerance=1e-12):
    found = quick_jit(lambda x: way(function, x))(points)
    expected = quick_jit(jax.vmap(lambda x: nested(function, x)))(points)
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * max(1, float(jnp.abs(other).max())))


@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_that_of_nested_reverse_mode(float64, monkeypatch, name, way):
    monkeypatch.setattr(laplacian, "twice_forward", None)  # no network needs the slow way
    points = jnp.array([[0.1, 0.8], [-0.7, -0.3], [0.2, -0.1]])
    check(way, doubled(NETWORKS[name]()), points, 1e-10)


FUNCTIONS = {
    "one point put beside numbers": lambda x: jnp.concatenate([jnp.ones(2), x, x**2]),
    "stacked": lambda x: jnp.stack([x[0], x[-1] ** 3, 2.0]).ravel(),
    "padded": lambda x: jnp.pad(x**2, 1, constant_values=3.0),
    "split": lambda x: jnp.split(jnp.concatenate([x, x**3]), 2)[1],
    "chosen": lambda x: jnp.where(x > 0, x**2, jnp.sin(x)),
    "the largest": lambda x: jnp.maximum(x, 0.5 * x**2),
    "divided by itself": lambda x: jnp.sum(x) / (1 + x**2),
    "divided by a number": lambda x: jnp.tanh(x) / jnp.arange(1.0, len(x) + 1),
    "a number by it": lambda x: 1 / (2 + x),
    "less than numbers": lambda x: jnp.arange(1.0, len(x) + 1) - x**2,
    "a power of itself": lambda x: (1.5 + jnp.abs(x)) ** x,
    "a root": lambda x: jnp.sqrt(1 + jnp.sum(x**2)),
    "a norm": lambda x: jnp.linalg.norm(x),
    "whole numbers": lambda x: jnp.round(x) * x + jnp.sign(x),
    "sums of many": lambda x: jnp.cumsum(jnp.exp(x)),
    "from the end": lambda x: jnp.flip(x) * jnp.log(2 + x),
    "rows by numbers": lambda x: (x**3)[jnp.array([0, -1, 0])],
    "one row, not known before": lambda x: jax.lax.dynamic_slice(x**3, (jnp.argmax(x),), (1,)),
    "sorted": lambda x: jnp.sort(jnp.sin(3 * x)),
    "a matrix": lambda x: (jnp.outer(x, x).T @ jnp.ones(len(x))).reshape(-1, 1)[:, 0],
    "two axes": lambda x: jnp.transpose(jnp.outer(x, x)[:, :, None] * jnp.ones(2), (2, 0, 1)).sum((0, 2)),
    "a strided slice": lambda x: jnp.concatenate([x, x**2])[::2],
    "a solution": lambda x: jnp.linalg.solve(jnp.eye(len(x)) * 3 + jnp.outer(x, x), jnp.ones(len(x))),
    "a rule of its own": lambda x: jax.nn.softplus(x) + jax.nn.silu(x) + jax.nn.relu(x),
    "a rectified cube": lambda x: jax.nn.relu(x) ** 3,
    "waves": lambda x: jnp.concatenate(sincos(3 * x)),
    "a function that is compiled": lambda x: jax.jit(jnp.cosh)(x),
    "remembered": lambda x: jax.checkpoint(lambda y: jnp.tanh(y) ** 2)(x),
    "a loop": lambda x: jax.lax.fori_loop(0, 3, lambda _, y: y * jnp.tanh(x), x),
    "a scan": lambda x: jax.lax.scan(lambda y, a: (jnp.sin(a * y), y.sum()), x, jnp.arange(1.0, 4))[0],
    "a branch": lambda x: jax.lax.cond(x[0] > 0, jnp.tanh, lambda y: y**2, x),
    "what does not move": lambda x: jax.lax.stop_gradient(x**2) * x,
    "numbers alone": lambda x: jnp.arange(3.0),
    "a number": lambda x: jnp.sum(x**2),
    "the point": lambda x: x,
}


@pytest.mark.parametrize("inputs", [2, 5])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_operations_of_every_kind(float64, monkeypatch, name, inputs, way):
    monkeypatch.setattr(laplacian, "twice_forward", None)
    points = jax.random.uniform(KEY, (4, inputs), minval=-1.0)
    check(way, FUNCTIONS[name], points)


def test_loops_of_unknown_length(float64, way):
    power = lambda x: jax.lax.while_loop(lambda s: s[1] < 3, lambda s: (s[0] * x[0], s[1] + 1), (x**2, 0))[0]
    value, gradient, second = way(power, jnp.array([[0.5, 2.0]]))  # x^5 and x³ y²
    np.testing.assert_allclose(value, [[0.5**5, 0.5]])
    np.testing.assert_allclose(gradient, [[[5 * 0.5**4, 0], [3.0, 0.5]]], atol=1e-15)
    np.testing.assert_allclose(second, [[20 * 0.5**3, 12 + 0.25]])


def test_twice_forward(float64):
    found = twice_forward(lambda x: jnp.array([x[0] ** 5, x[0] ** 3 * x[1] ** 2]), jnp.array([0.5, 2.0]))
    np.testing.assert_allclose(found[1], [[5 * 0.5**4, 0], [3.0, 0.5]])
    np.testing.assert_allclose(found[2], [20 * 0.5**3, 12 + 0.25])


def test_what_cannot_be_traced_alone_goes_twice_forward(monkeypatch, way):
    def refuse(*_, **__):
        raise NotImplementedError

    monkeypatch.setattr(laplacian, "carried", refuse)
    found = way(lambda x: x**3, jnp.array([[2.0], [1.0]]))
    assert [one.tolist() for one in found] == [[[8], [1]], [[[12]], [[3]]], [[12], [6]]]


def test_an_error_of_the_function_is_its_own(way):
    def wrong(x):
        raise ValueError("not so")

    with pytest.raises(ValueError, match="not so"):
        way(wrong, jnp.ones((2, 1)))


PRODUCTS = {
    "the matrix first": lambda matrix, x: matrix @ x**2,
    "the matrix last": lambda matrix, x: x**2 @ matrix,
    "transposed": lambda matrix, x: matrix.T @ jnp.tanh(x),
    "a vector": lambda matrix, x: matrix[0] @ x**3,
    "with itself": lambda matrix, x: (x**2) @ x**3,
    "of a matrix": lambda matrix, x: (matrix @ jnp.outer(x, jnp.tanh(x))).ravel(),
    "of a matrix, from the right": lambda matrix, x: (jnp.outer(x, jnp.tanh(x)) @ matrix).ravel(),
    "of many": lambda matrix, x: jnp.einsum(
        "bij,bj->bi", jnp.stack([matrix, 2 * matrix]), jnp.stack([x, x**2])
    ).ravel(),
    "a matrix that depends on the point": lambda matrix, x: (matrix * x) @ jnp.tanh(x),
    "none": lambda matrix, x: jnp.tanh(matrix[0]) @ matrix + x,
    "of two precisions": lambda matrix, x: jnp.dot(x**2, matrix, precision=("highest", "default")),
}


@pytest.mark.parametrize("inputs", [1, 5])
@pytest.mark.parametrize("product", PRODUCTS)
def test_products_of_every_kind(float64, monkeypatch, product, inputs, way):
    monkeypatch.setattr(laplacian, "twice_forward", None)
    matrix, points = jax.random.normal(KEY, (inputs, inputs)), jnp.linspace(0.3, -0.8, 2 * inputs).reshape(2, inputs)
    check(way, lambda x: PRODUCTS[product](matrix, x), points)


def test_random_keys_beside_the_points(float64):
    """Each point has its own dropped neurons, the same as when points are mapped over."""
    network = doubled(MLP(2, 1, 16, 1, dropout=0.5, key=KEY))
    points, keys = jax.random.normal(KEY, (5, 2)), jax.random.split(KEY, 5)
    found = values_gradients_laplacians(lambda x, key: network(x, key=key), points, keys)
    one = lambda x, key: value_gradient_laplacian(lambda at: network(at, key=key), x)
    for ours, theirs in zip(found, jax.vmap(one)(points, keys), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_many_networks_and_their_parameters_slopes(float64):
    """Members are mapped over outside, and reverse mode in the parameters goes through."""
    members = eqx.filter_vmap(lambda key: doubled(MLP(2, 1, 8, 1, key=key)))(jax.random.split(KEY, 3))
    points = jax.random.normal(KEY, (5, 2))
    loss = lambda way: lambda network: jnp.sum(way(network, points)[2] ** 2)
    ours, theirs = (
        eqx.filter_vmap(eqx.filter_grad(loss(way)))(members) for way in (values_gradients_laplacians, mapped)
    )
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12), ours, theirs)


def test_it_costs_inputs_and_two_products():
    """No more matrix products than value, slopes and Laplacian need, of which all have the points as columns."""
    network, points = MLP(2, 1, 16, 2, key=KEY), jnp.zeros((64, 2))
    traced = jax.make_jaxpr(lambda x: values_gradients_laplacians(network, x))(points)
    wide = [one for one in traced.eqns if one.primitive.name == "dot_general" and one.outvars[0].aval.shape == (16, 64)]
    assert len(wide) == 1 + 4  # of the first layer the value alone: slopes are its weights, its Laplacian is zero
    assert not [one for one in traced.eqns if one.primitive.name == "transpose" and one.outvars[0].aval.size == 16 * 64]


def test_fast_sine_and_cosine_are_known():
    assert simplebias_sincos.__name__ == SINCOS
    names = [one.params.get("name") for one in jax.make_jaxpr(sincos)(jnp.ones(2)).eqns]
    assert SINCOS in names


def test_what_does_not_depend_on_the_point_is_a_plain_array():
    assert carried(lambda x: jnp.ones(2), jnp.ones((2, 3)), many=True).shape == (2,)
