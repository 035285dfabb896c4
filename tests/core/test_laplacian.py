"""The Laplacian pushed forward is that of nested reverse mode, whatever the network."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core import laplacian, twice_forward, value_gradient_laplacian
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


@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_that_of_nested_reverse_mode(float64, monkeypatch, name):
    monkeypatch.setattr(laplacian, "twice_forward", None)  # no network needs the slow way
    network, points = doubled(NETWORKS[name]()), jnp.array([[0.1, 0.8], [-0.7, -0.3]])
    found = jax.jit(jax.vmap(lambda x: value_gradient_laplacian(network, x)))(points)
    expected = jax.jit(jax.vmap(lambda x: nested(network, x)))(points)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10 * float(jnp.abs(other).max()))


def test_it_is_twice_forward_for_operations_that_are_unknown(float64):
    sort = lambda x: jax.lax.while_loop(lambda s: s[1] < 3, lambda s: (s[0] * x[0], s[1] + 1), (x**2, 0))[0]
    point = jnp.array([0.5, 2.0])  # x^5 and x³ y²
    for way in (value_gradient_laplacian, twice_forward):
        value, gradient, second = way(sort, point)
        np.testing.assert_allclose(value, [0.5**5, 0.5])
        np.testing.assert_allclose(gradient, [[5 * 0.5**4, 0], [3.0, 0.5]], atol=1e-15)
        np.testing.assert_allclose(second, [20 * 0.5**3, 12 + 0.25])


PRODUCTS = {
    "the matrix first": lambda matrix, x: matrix @ x**2,
    "the matrix last": lambda matrix, x: x**2 @ matrix,
    "transposed": lambda matrix, x: matrix.T @ jnp.tanh(x),
    "a vector": lambda matrix, x: matrix[0] @ x**3,
    "with itself": lambda matrix, x: (x**2) @ x**3,
    "of a matrix": lambda matrix, x: (matrix @ jnp.outer(x, jnp.tanh(x))).ravel(),
    "a matrix that depends on the point": lambda matrix, x: (matrix * x) @ jnp.tanh(x),
    "none": lambda matrix, x: jnp.tanh(matrix[0]) @ matrix + x,
}


@pytest.mark.parametrize("inputs", [1, 2, 5])
@pytest.mark.parametrize("product", PRODUCTS)
def test_products_of_every_kind(float64, monkeypatch, product, inputs):
    monkeypatch.setattr(laplacian, "twice_forward", None)
    matrix, point = jax.random.normal(KEY, (inputs, inputs)), jnp.linspace(0.3, -0.8, inputs)
    function = lambda x: PRODUCTS[product](matrix, x)
    for one, other in zip(value_gradient_laplacian(function, point), nested(function, point), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_a_constant_has_no_derivatives():
    value, gradient, second = value_gradient_laplacian(lambda x: jnp.ones(1), jnp.ones(3))
    assert value.tolist() == [1]
    assert gradient.tolist() == [[0, 0, 0]]
    assert second.tolist() == [0]
