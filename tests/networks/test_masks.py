"""Masks of dropout against the binomial law."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.networks.masks import keep_mask


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_shares_and_pairs_are_those_of_independent_draws(p, key):
    keys = jax.random.split(key, 200)
    masks = np.asarray(jax.jit(jax.vmap(lambda one: keep_mask(one, p, (8, 125))))(keys), float)
    assert abs(masks.mean() - p) < 4 * np.sqrt(p * (1 - p) / masks.size)
    z = (masks - p) / np.sqrt(p * (1 - p))
    for pairs in (z[:, :, 1:] * z[:, :, :-1], z[:, 1:] * z[:, :-1], z[1:] * z[:-1], z[:, 1:, :-1] * z[:, :-1, 1:]):
        assert abs(pairs.mean()) < 4 / np.sqrt(pairs.size)  # neurons, points, steps, and across
    counts = masks.sum(axis=(1, 2))
    assert 0.7 < counts.var(ddof=1) / (1000 * p * (1 - p)) < 1.4  # of 200 draws: five standard errors
    neurons = masks.reshape(-1, 125).sum(axis=0)
    assert 0.4 < neurons.var(ddof=1) / (1600 * p * (1 - p)) < 1.7


def test_keys_and_shapes(key):
    one, other = keep_mask(key, 0.5, (64,)), keep_mask(jax.random.fold_in(key, 1), 0.5, (64,))
    assert one.dtype == bool
    assert np.array_equal(one, keep_mask(key, 0.5, (64,)))
    assert not np.array_equal(one, other)
    assert keep_mask(key, 1.0, (3, 4, 5)).all()
    assert keep_mask(key, 0.5, ()).shape == ()
    assert jnp.array_equal(keep_mask(key, 0.5, (8, 8)).ravel(), one)
    with pytest.raises(InputError, match="2\\^32"):
        keep_mask(key, 0.5, (2**20, 2**20))
