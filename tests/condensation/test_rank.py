"""Model ranks agree with closed forms, and recovery with what linear algebra says of given samples."""

import functools
import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.condensation import (
    Rank,
    convolution_sample_size,
    deep_sample_size_bound,
    empirical_rank,
    local_linear_recovery,
    matrix_sample_size,
    model_rank,
    recovering_samples,
    two_layer_sample_size,
)
from simplebias.core.errors import InputError
from simplebias.networks import MatrixFactorisation, TwoLayer, TwoLayerCNN

WIDTH = 10


@functools.cache
def drawn():
    key = jax.random.key(0)
    return TwoLayer(3, 1, WIDTH, initialisation="weight-std:1", key=key), MatrixFactorisation(4, 4, key=key)


def condensed(lines=2):
    """A network without bias, of which all neurons have one of a few weights or its opposite."""
    network, count = drawn()[0], np.arange(WIDTH)
    kept = np.asarray(network.layers[0].weight)[count % lines]
    sign = np.where(count % (2 * lines) < lines, 1, -1)[:, None].astype(np.float32)
    return eqx.tree_at(lambda n: (n.layers[0].weight, n.layers[0].bias), network, (jnp.asarray(kept * sign), None))


def factors(rank):
    """Wide factors of a matrix of low rank."""
    network, kept = drawn()[1], np.arange(4) < rank
    parts = np.asarray(network.left) * kept, np.asarray(network.right) * kept[:, None]
    return eqx.tree_at(lambda n: (n.left, n.right), network, tuple(map(jnp.asarray, parts)))


@pytest.mark.parametrize("lines", [1, 2, WIDTH])
def test_networks_have_the_rank_of_their_lines_whatever_their_width(lines, key):
    rank = model_rank(condensed(lines), 3, key=key)
    assert rank.value == two_layer_sample_size(lines, 3, bias=False) == 4 * lines
    assert (rank.parameters, rank.points) == (4 * WIDTH, 4 * WIDTH + 10)
    assert not rank.doubtful


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_factorisations(rank):
    network = factors(rank)
    assert model_rank(network, network.places).value == matrix_sample_size(rank, 4)


def test_a_convolution_counts_a_kernel_once(key):
    make = functools.partial(TwoLayerCNN, (1, 5), 1, 1, kernel=(1, 3), initialisation="weight-std:1")
    found = model_rank(eqx.filter_jit(make)(key=key), 5, key=key)
    assert found.value == convolution_sample_size(1, 3, 3) == 7
    assert convolution_sample_size(1, 3, 3, shared=False) == 15
    assert two_layer_sample_size(3, 5) == 21


class Chosen(eqx.Module):
    """Two outputs of four weights; the table of integers is no parameter."""

    weight: jax.Array
    which: jax.Array

    def __call__(self, point):
        return self.weight[self.which] * point


CHOSEN = Chosen(np.ones(4, np.float32), np.array([1, 3]))


def test_all_outputs_count_and_integer_arrays_are_no_parameters():
    rank = model_rank(CHOSEN, np.ones((3, 2)))
    assert (rank.value, rank.parameters, rank.points) == (2, 4, 3)


def test_the_rank_by_an_independent_jacobian():
    network = condensed(WIDTH)
    points = np.random.default_rng(0).normal(size=(9, 3))
    weight, out = (np.asarray(layer.weight, float) for layer in network.layers)
    rows = []
    for x in points.astype(np.float32).astype(float):
        slope = out[0] * (1 - np.tanh(weight @ x) ** 2)
        rows.append(np.concatenate([np.outer(slope, x).ravel(), np.tanh(weight @ x)]))
    values = np.linalg.svd(np.array(rows), compute_uv=False)
    assert np.allclose(empirical_rank(network, points).singular_values, values / values[0], rtol=1e-10)


def test_a_doubtful_rank_warns():
    points = np.array([[1.0, 3e-11]])
    with pytest.warns(UserWarning, match="doubtful"):
        assert empirical_rank(CHOSEN, points).value == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert empirical_rank(CHOSEN, points, tolerance=1e-6).value == 1
    assert not Rank(1, np.array([1.0, 1e-16]), 1e-11, 2, 2).doubtful


def test_nearly_alike_neurons_are_one_at_a_coarse_tolerance(key):
    network = condensed(1)
    near = eqx.tree_at(lambda n: n.layers[0].weight, network, network.layers[0].weight.at[1].multiply(1 + 1e-4))
    assert model_rank(near, 3, key=key, tolerance=1e-3).value == 4
    assert model_rank(near, 3, key=key, tolerance=1e-7).value > 4


def test_recovery_from_enough_samples_only(key):
    network, samples = condensed(), np.random.default_rng(0).normal(size=(9, 3))
    for count in (7, 8, 9):
        recovery = local_linear_recovery(network, samples[:count], key=key)
        assert (recovery.model.value, recovery.empirical.value) == (8, min(count, 8))
        assert recovery.holds is (count >= 8)
    twice = np.concatenate([samples[:4]] * 2)  # eight samples of which four are new
    assert not local_linear_recovery(network, twice, key=key).holds


def test_seven_entries_fix_a_matrix_of_rank_one_if_they_connect_all_sides():
    network = factors(1)
    cross = np.array([[i, j] for i in range(4) for j in range(4) if i == 0 or j == 0], float)
    block = np.array([[i, j] for i in range(4) for j in range(2) if (i, j) != (3, 1)], float)
    assert len(cross) == len(block) == 7
    assert local_linear_recovery(network, cross, network.places).holds
    assert not local_linear_recovery(network, block, network.places).holds


def test_samples_are_chosen_so_that_each_counts():
    network = factors(2)
    chosen, rank = recovering_samples(network, network.places)
    assert len(chosen) == rank.value == matrix_sample_size(2, 4) == len(set(chosen.tolist()))
    for count in (1, 6, 12):
        assert empirical_rank(network, network.places[chosen[:count]]).value == count
    with pytest.raises(InputError, match="one output"):
        recovering_samples(CHOSEN, np.ones((3, 2)))


def test_formulas_of_the_literature():
    assert [convolution_sample_size(2, 9, 676, shared=one, bias=False) for one in (True, False)] == [1370, 13520]
    assert two_layer_sample_size(676, 784, bias=False) == 530660
    assert [matrix_sample_size(1, 4), matrix_sample_size(2, 4), matrix_sample_size(4, 4)] == [7, 12, 16]
    for length, patch in ((5, 3), (9, 2)):  # one dimension, bias aside: k (d + 1)
        assert convolution_sample_size(3, patch, length - patch + 1, bias=False) == 3 * (length + 1)
    assert deep_sample_size_bound(5, (3,)) == two_layer_sample_size(3, 5, output_bias=True)


def test_bad_input_is_refused(key):
    network = condensed()
    with pytest.raises(InputError, match="a key"):
        model_rank(network, 3)
    with pytest.raises(InputError, match="parameters"):
        model_rank(jnp.tanh, 2, key=key)
    with pytest.raises(InputError, match="finite"):
        model_rank(eqx.tree_at(lambda n: n.layers[0].weight, network, jnp.full((WIDTH, 3), jnp.nan)), 3, key=key)
    with pytest.raises(InputError, match="tolerance"):
        empirical_rank(network, np.ones((2, 3)), tolerance=0.0)
    with pytest.raises(InputError, match="outside of jit"):
        jax.jit(lambda x: empirical_rank(network, x).value)(jnp.ones((3, 3)))
    with pytest.raises(InputError, match="rank of at most 3"):
        matrix_sample_size(4, 3)
    with pytest.raises(InputError, match="one hidden layer"):
        deep_sample_size_bound(3, ())
    with pytest.raises(InputError, match="whole number"):
        two_layer_sample_size(2, 0)
