"""Effective rank of matrices whose singular values are known, its bounds and invariances."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simplebias.condensation import effective_rank
from simplebias.core.errors import InputError
from simplebias.core.snapshot import Neurons

DRAW = np.random.default_rng(2)
LEFT, RIGHT = (np.linalg.qr(DRAW.normal(size=(size, 4)))[0] for size in (6, 5))


def matrix(sizes):
    return jnp.asarray((LEFT * sizes) @ RIGHT.T, jnp.float32)


@given(st.lists(st.floats(0.01, 10), min_size=4, max_size=4), st.floats(1e-20, 1e20))
def test_it_is_the_entropy_of_the_singular_values(sizes, factor):
    shares = np.array(sizes) / np.sum(sizes)
    expected = np.exp(-np.sum(shares * np.log(shares)))
    assert float(effective_rank(matrix(sizes) * factor)) == pytest.approx(expected, rel=1e-3)


def test_equal_singular_values_count_and_one_direction_is_one():
    assert float(effective_rank(matrix([2, 2, 2, 0]))) == pytest.approx(3, rel=1e-4)
    assert float(effective_rank(jnp.outer(jnp.arange(6.0), jnp.arange(1.0, 6)))) == pytest.approx(1, rel=1e-4)
    assert not effective_rank(jnp.zeros((6, 5)))


def test_low_rank_is_not_condensed():
    """Rows spread over a plane: rank 2, and no two of them alike."""
    angles = np.linspace(0, np.pi, 6, endpoint=False)
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1) @ RIGHT.T[:2]
    assert float(effective_rank(rows)) == pytest.approx(2, rel=1e-3)


def test_neurons_count_with_their_bias_and_many_at_once():
    neurons = Neurons(jnp.ones((6, 4)), jnp.arange(6.0), None)
    together = jnp.concatenate([jnp.ones((6, 4)), jnp.arange(6.0)[:, None]], axis=1)
    np.testing.assert_array_equal(effective_rank(neurons), effective_rank(together))
    many = jnp.stack([matrix([1, 1, 0, 0]), matrix([3, 3, 3, 3])])
    np.testing.assert_allclose(jax.vmap(effective_rank)(many), [2, 4], rtol=1e-3)


@pytest.mark.parametrize("bad", [[[np.nan, 1.0]], [], np.ones((2, 2, 2))])
def test_what_is_no_matrix_is_refused(bad):
    with pytest.raises(InputError):
        effective_rank(bad)
