"""The predicted direction of kernels is that of an independent matrix, and that to which a network turns."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.condensation import compare_directions, predicted_directions, predicted_kernel_direction
from simplebias.core.errors import InputError
from simplebias.networks import TwoLayerCNN


def by_loops(points, residuals, height, width, kernel, bias):
    rows = []
    for c in range(residuals.shape[1]):
        for i in range(height - kernel + 1):
            for j in range(width - kernel + 1):
                row = np.zeros(kernel**2 + bias)
                for point, error in zip(points, residuals, strict=True):
                    patch = point.reshape(height, width)[i : i + kernel, j : j + kernel].ravel()
                    row -= error[c] * np.append(patch, 1.0)[: len(row)] / len(points)
                rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize("bias", [True, False])
def test_it_is_the_top_right_singular_vector(bias):
    rng = np.random.default_rng(0)
    points, residuals = rng.normal(size=(7, 20)), rng.normal(size=(7, 3))
    found = predicted_kernel_direction(points, residuals, (4, 5), kernel=2, bias=bias)
    _, rates, right = np.linalg.svd(by_loops(points, residuals, 4, 5, 2, bias))
    assert np.allclose(found.rates, rates, rtol=1e-5)
    assert np.allclose(np.abs(found.line @ right[0]), 1, atol=1e-5)
    assert found.line.shape == (1, 4 + bias)


def test_a_kernel_as_large_as_the_picture_is_a_neuron():
    rng = np.random.default_rng(1)
    points, residuals = rng.normal(size=(9, 6)), rng.normal(size=(9, 2))
    kernel = predicted_kernel_direction(points, residuals, (2, 3), kernel=(2, 3))
    dense = predicted_directions(points, residuals, "tanh")
    assert np.allclose(kernel.line, dense.lines, atol=1e-5)
    assert np.allclose(kernel.rates[0], dense.rates[0], rtol=1e-5)


def test_kernels_turn_there_in_the_flow_of_a_network(key):
    """At small weights all velocities are the linear map that Z makes of the weights; along it kernels turn."""
    make = functools.partial(TwoLayerCNN, (3, 4), 2, 30, kernel=2, initialisation="weight-std:1e-6")
    network = eqx.filter_jit(make)(key=key)
    rng = np.random.default_rng(2)
    points, values = rng.uniform(size=(6, 12)).astype(np.float32), rng.normal(size=(6, 2)).astype(np.float32)
    loss = lambda n: jnp.sum((jax.vmap(n)(points) - values) ** 2) / (2 * len(points))
    slope = jax.jit(jax.grad(loss))(network)
    z = by_loops(points, -values, 3, 4, 2, bias=True)
    (neurons,) = network.neurons()
    kernels, outgoing = np.asarray(neurons.extended, float), np.asarray(neurons.output_weights, float)
    velocity = -np.concatenate([slope.layers[0].weight, slope.layers[0].bias[:, None]], axis=1)
    assert np.allclose(velocity, outgoing.T @ z, rtol=1e-3, atol=1e-9)
    assert np.allclose(-slope.layers[1].weight.reshape(12, 30), z @ kernels.T, rtol=1e-3, atol=1e-9)
    found = predicted_kernel_direction(points, -values, (3, 4), kernel=2)
    assert compare_directions(neurons, found.line).within < 0.2
    turned = kernels
    for _ in range(400):  # the linear flow by Euler steps
        turned, outgoing = turned + 0.05 * outgoing.T @ z, outgoing + 0.05 * z @ turned.T
    assert compare_directions(turned, found.line).within > 0.9


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="zero, or cancel"):
        predicted_kernel_direction(np.ones((2, 9)), [1.0, -1.0], (3, 3))
    with pytest.raises(InputError, match="flat picture"):
        predicted_kernel_direction(np.ones((2, 8)), [1.0, -1.0], (3, 3))
    with pytest.raises(InputError, match="2 rows"):
        predicted_kernel_direction(np.ones((2, 9)), [1.0], (3, 3))
    with pytest.raises(InputError, match="outside of jit"):
        jax.eval_shape(lambda x: predicted_kernel_direction(x, [1.0, 2.0], (3, 3)), jnp.ones((2, 9)))
