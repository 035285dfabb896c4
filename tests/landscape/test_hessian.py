"""Hessians against JAX's own, differences of gradients, closed forms; Lanczos against all eigenvalues."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from simplebias.condensation import LastLayerDropout
from simplebias.core import Classification, InputError, Regression, Sobolev
from simplebias.core.task import Task
from simplebias.landscape import (
    PARTS,
    extreme_eigenvalues,
    hessian,
    hessian_operator,
    hessian_product,
    loss_gradient,
    parameter_tree,
    parameter_vector,
    spectral_density,
)
from simplebias.landscape.spectrum import density_of, extremes_of
from simplebias.landscape.surface import block_size, widened
from simplebias.networks import MLP, TwoLayer

POINTS = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
NETWORK = MLP(2, 2, (3, 2), dropout=0.3, key=jax.random.key(0))
TASKS = {
    "regression": Regression(POINTS, np.stack([POINTS[:, 0] * POINTS[:, 1], POINTS[:, 0]], axis=1)),
    "classification": Classification(POINTS, (POINTS[:, 0] > POINTS[:, 1] ** 2).astype(int)),
}


def whole_by_jax(network, task):
    """Dumb twin: the loss of the whole task as a function of a vector."""
    with jax.enable_x64(True):
        parameters, rest = eqx.partition(widened(eqx.nn.inference_mode(network)), eqx.is_inexact_array)
        flat, unravel = ravel_pytree(parameters)
        wide = widened(task)
        batch, any_key = wide.batch(None, key=jax.random.key(0)), jax.random.key(0)
        loss = lambda v: wide.loss(eqx.combine(unravel(v), rest), batch, key=any_key)
        return np.asarray(jax.jit(jax.hessian(loss))(flat))


def first_part_by_hand(network, task):
    """Jᵀ (∇²ℓ) J with the second derivative of the loss in the outputs written down."""
    with jax.enable_x64(True):
        parameters, rest = eqx.partition(widened(eqx.nn.inference_mode(network)), eqx.is_inexact_array)
        flat, unravel = ravel_pytree(parameters)
        outputs = lambda v: jax.vmap(eqx.combine(unravel(v), rest))(jnp.asarray(POINTS, jnp.float64))
        slopes, count = np.asarray(jax.jit(jax.jacrev(outputs))(flat)), len(POINTS)
        if isinstance(task, Regression):
            curved = np.broadcast_to(np.eye(2) * 2 / (2 * count), (count, 2, 2))
        else:
            p = np.asarray(jax.nn.softmax(outputs(flat)))
            curved = (np.einsum("ni,ij->nij", p, np.eye(2)) - np.einsum("ni,nj->nij", p, p)) / count
    return np.einsum("nip,nij,njq->pq", slopes, curved, slopes)


@pytest.mark.parametrize("name", TASKS)
def test_dense_and_first_part_agree_with_twins(name):
    task = TASKS[name]
    whole, first = (hessian(NETWORK, task, part=part) for part in PARTS[:2])
    assert np.abs(whole).max() > 0.05
    assert np.allclose(whole, whole_by_jax(NETWORK, task), atol=1e-14)
    assert np.allclose(first, first_part_by_hand(NETWORK, task), atol=1e-14)
    assert np.abs(whole - first).max() > 1e-3
    assert np.array_equal(whole, whole.T)


def test_blocks_change_nothing_and_parts_add_up():
    assert block_size(30, 7) == 6
    assert block_size(29, 7) == 7  # 4 blocks and a rest of 1
    direction = np.random.default_rng(2).normal(size=parameter_vector(NETWORK).size)
    task = Regression(POINTS[:29], TASKS["regression"].values[:29])
    whole, blocked = (hessian_operator(NETWORK, task, block=block) @ direction for block in (512, 7))
    assert np.allclose(whole, blocked, atol=1e-13)
    first, second = (hessian_operator(NETWORK, task, part=part) @ direction for part in PARTS[1:])
    assert np.allclose(first + second, whole, atol=1e-13)


def test_product_is_the_derivative_of_the_gradient():
    task = TASKS["regression"]
    rng = np.random.default_rng(1)
    vector, direction = parameter_vector(NETWORK), rng.normal(size=parameter_vector(NETWORK).size)
    step = 1e-5

    def gradient(at):
        with jax.enable_x64(True):
            rest = eqx.filter(NETWORK, eqx.is_inexact_array, inverse=True)
            moved = eqx.combine(jax.tree.map(jnp.asarray, parameter_tree(NETWORK, at)), rest)
        return parameter_vector(loss_gradient(moved, task))

    slope = (gradient(vector + step * direction) - gradient(vector - step * direction)) / (2 * step)
    found = parameter_vector(hessian_product(NETWORK, task, parameter_tree(NETWORK, direction)))
    assert np.allclose(found, slope, atol=1e-8)


class Quadratic(eqx.Module):
    """f(x) = A x with a loss whose Hessian is known."""

    weight: jax.Array

    def __call__(self, x):
        return self.weight @ x


def test_closed_form_of_linear_least_squares():
    task = Regression(POINTS, POINTS[:, :1] * 3)
    expected = 2 * POINTS.astype(np.float64).T @ POINTS.astype(np.float64) / len(POINTS)
    network = Quadratic(jnp.zeros((1, 2)))
    assert np.allclose(hessian(network, task), expected, atol=1e-14)
    assert not np.abs(hessian(network, task, part="remainder")).max() > 1e-14
    gradient = loss_gradient(network, task).weight
    assert np.allclose(gradient, -expected[0] * 3, atol=1e-14)


def test_a_loss_of_derivatives_has_its_parts_too():
    """Values and slopes of A x are linear in A, so all of the Hessian is its first part, known in closed form."""
    task = Sobolev(POINTS, POINTS[:, :1], [np.ones((30, 1, 2))], weights=0.3)
    network = Quadratic(jnp.ones((1, 2)))
    rows = POINTS.astype(np.float64)
    expected = 2 * rows.T @ rows / len(rows) + 0.6 * np.eye(2)
    for part in PARTS[:2]:
        assert np.allclose(hessian(network, task, part=part), expected, atol=1e-7)  # 0.3 in float32


def test_float32_operator_is_near_and_of_float32():
    task, ones = TASKS["regression"], np.ones(parameter_vector(NETWORK).size)
    single = hessian_operator(NETWORK, task, precision="float32")
    assert (single @ ones).dtype == np.float32
    assert np.allclose(single @ ones, hessian(NETWORK, task) @ ones, atol=1e-5)
    both = single @ np.stack([ones, 2 * ones], axis=1)
    assert np.allclose(both[:, 1], 2 * (single @ ones), atol=1e-5)


def test_extremes_are_eigenvalues_within_their_bounds(key):
    values, vectors = np.linalg.eigh(hessian(NETWORK, TASKS["regression"]))
    found = extreme_eigenvalues(NETWORK, TASKS["regression"], count=2, tolerance=1e-8, key=key)
    assert np.allclose(found.values, values[[0, 1, -2, -1]], atol=1e-12 + found.bounds.max())
    assert found.bounds.max() <= 1e-8 * np.abs(values).max()
    assert np.allclose(np.abs(found.vectors[-1] @ vectors[:, -1]), 1, atol=1e-6)
    assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1)


def spread_operator(size=400):
    from scipy.sparse.linalg import LinearOperator

    diagonal = np.linspace(-1, 3, size)
    return diagonal, LinearOperator((size, size), matvec=lambda v: diagonal * v.reshape(-1), dtype=np.float64)


def test_unconverged_extremes_say_so_and_bound_truly(key):
    diagonal, operator = spread_operator()
    with pytest.warns(UserWarning, match="have not converged within 16 products"):
        found = extremes_of(operator, count=1, tolerance=1e-12, steps=16, key=key)
    for value, bound in zip(found.values, found.bounds, strict=True):
        assert np.abs(diagonal - value).min() <= bound


def test_density_integrates_to_one_and_has_the_moments(key):
    diagonal, operator = spread_operator()
    found = density_of(operator, steps=20, vectors=6, key=key)
    assert found.products == 120
    assert np.isclose(np.trapezoid(found.density, found.places), 1, atol=1e-6)
    for power in (1, 2, 3, 4):  # of a diagonal matrix vectors of ±1 have the moments exactly
        assert np.isclose(found.trace(power)[0], (diagonal**power).sum(), rtol=1e-9, atol=1e-7)
    inner = (found.places > -0.3) & (found.places < 2.3)
    wide = density_of(operator, steps=60, vectors=6, width=0.2, places=found.places, key=key)
    assert np.allclose(wide.density[inner], 0.25, atol=0.01)  # evenly spread over [-1, 3]


def test_density_of_a_network_has_its_traces(key):
    """With steps as many as parameters quadrature is exact: each vector's moments are v·Hᵏv."""
    matrix = hessian(NETWORK, TASKS["regression"])
    found = spectral_density(NETWORK, TASKS["regression"], steps=10, vectors=40, key=key)
    for power in (1, 2):
        trace, error = found.trace(power)
        assert abs(trace - np.trace(np.linalg.matrix_power(matrix, power))) < 4 * error
    single = spectral_density(NETWORK, TASKS["regression"], vectors=1, steps=10, key=key)
    assert np.isnan(single.error).all()


def test_gauss_newton_has_no_negative_eigenvalue(key):
    found = extreme_eigenvalues(NETWORK, TASKS["classification"], part="gauss-newton", tolerance=1e-9, key=key)
    assert found.values[0] > -1e-9 * found.values[-1]


class Worst(Task):
    """A loss that is no mean over points."""

    inner: Regression

    @property
    def size(self):
        return self.inner.size

    @property
    def probe(self):
        return self.inner.probe

    def batch(self, rows, *, key):
        return self.inner.batch(rows, key=key)

    def loss(self, network, batch, *, key):
        return jnp.max((jax.vmap(network)(batch[0]) - batch[1]) ** 2)


def test_refusals():
    task = TASKS["regression"]
    with pytest.raises(InputError, match=r"dense Hessian that takes at most 0.00 GiB.*hessian_operator"):
        hessian(NETWORK, task, memory_limit=1000)
    with pytest.raises(InputError, match=r"mean over its points.*Set block=30"):
        hessian(NETWORK, Worst(task), block=5)
    with pytest.raises(InputError, match="part as one of"):
        hessian(NETWORK, task, part="fisher")
    with pytest.raises(InputError, match="NaN or infinite"):
        hessian(eqx.tree_at(lambda n: n.layers[0].bias, NETWORK, jnp.full(3, jnp.nan)), task)
    with pytest.raises(InputError, match="floating arrays in its PyTree"):
        hessian(lambda x: x, task)
    with pytest.raises(InputError, match=r"looks at nothing of a network but its outputs.*Take part='whole'"):
        hessian(NETWORK, LastLayerDropout(task, "L1", rate=0.2), part="gauss-newton")
    with pytest.raises(InputError, match="direction of the network's shapes"):
        hessian_product(NETWORK, task, {"weight": np.ones(3)})
    with pytest.raises(InputError, match=r"shape \(25,\)|shape \(19,\)|one number per parameter"):
        parameter_tree(NETWORK, np.ones(3))
    with pytest.raises(InputError, match="count of at most"):
        extreme_eigenvalues(NETWORK, task, count=50, key=jax.random.key(0))
    with pytest.raises(InputError, match="vectors that take at most"):
        spectral_density(NETWORK, task, memory_limit=10, key=jax.random.key(0))
    with pytest.warns(UserWarning, match="smooth only piece by piece"):
        hessian_operator(TwoLayer(2, 2, 3, activation="relu", key=jax.random.key(0)), task)
    with jax.enable_x64(True):
        double = MLP(2, 2, (3, 2), key=jax.random.key(0))
    with pytest.raises(InputError, match="precision='float64'"):
        hessian_operator(double, task, precision="float32")
