"""Masks of dropout against the binomial law."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.networks import masks
from simplebias.networks.masks import keep_mask, kept, mask_words


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_shares_and_pairs_are_those_of_independent_draws(p, key):
    keys = jax.random.split(key, 200)
    drawn = np.asarray(jax.jit(jax.vmap(lambda one: keep_mask(one, p, (8, 125))))(keys), float)
    assert abs(drawn.mean() - p) < 4 * np.sqrt(p * (1 - p) / drawn.size)
    z = (drawn - p) / np.sqrt(p * (1 - p))
    for pairs in (z[:, :, 1:] * z[:, :, :-1], z[:, 1:] * z[:, :-1], z[1:] * z[:-1], z[:, 1:, :-1] * z[:, :-1, 1:]):
        assert abs(pairs.mean()) < 4 / np.sqrt(pairs.size)  # neurons, points, steps, and across
    counts = drawn.sum(axis=(1, 2))
    assert 0.7 < counts.var(ddof=1) / (1000 * p * (1 - p)) < 1.4  # of 200 draws: five standard errors
    neurons = drawn.reshape(-1, 125).sum(axis=0)
    assert 0.4 < neurons.var(ddof=1) / (1600 * p * (1 - p)) < 1.7


def test_no_two_neurons_of_a_network_are_dropped_together(key):
    draws, width, p = 20_000, 500, 0.9
    words = mask_words(key, 2 * draws).reshape(draws, 2)

    @jax.jit
    def normalised(words):
        rows = jax.vmap(lambda pair: jnp.concatenate([kept(pair[i], p, width, layer=i) for i in (0, 1)]))(words)
        return (rows - p) / jnp.sqrt(p * (1 - p))

    z = np.asarray(normalised(words))
    pairs = z.T @ z / draws
    off = pairs[np.triu_indices(2 * width, 1)] * np.sqrt(draws)
    assert np.abs(off).max() < 8  # 4.9 expected of half a million independent pairs; a few share 0.02
    assert (np.abs(off) > 5.5).sum() <= 5
    assert 0.98 < off.std() < 1.02
    assert abs(off.mean()) < 5 / np.sqrt(off.size)
    triples = z[:, :-2] * z[:, 1:-1] * z[:, 2:]
    assert abs(triples.mean()) < 5 / np.sqrt(triples.size)
    assert abs((z.sum(axis=1) ** 4).mean() / (2 * width) ** 2 - 3) < 0.3  # as normal: neither all nor none at once


def test_neighbouring_keys_give_other_masks():
    keys = jax.vmap(jax.random.key)(jnp.arange(400))  # keys of little entropy
    drawn = np.asarray(jax.vmap(lambda one: keep_mask(one, 0.5, (500,)))(keys), float) * 2 - 1
    pairs = drawn @ drawn.T / np.sqrt(500)
    assert np.abs(pairs[np.triu_indices(400, 1)]).max() < 6
    assert abs(drawn.mean()) < 4 / np.sqrt(drawn.size)


def test_numbers_differ_and_are_the_same_stored_or_computed(monkeypatch):
    stored = [np.asarray(masks._numbers(4096, layer)) for layer in range(4)]
    assert len(np.unique(np.concatenate(stored))) == 4 * 4096
    assert (np.concatenate(stored) % 2 == 1).all()
    monkeypatch.setattr(masks, "STORED", 0)
    assert np.array_equal(masks._numbers(4096, 3), stored[3])


def test_keys_and_shapes(key):
    one, other = keep_mask(key, 0.5, (64,)), keep_mask(jax.random.fold_in(key, 1), 0.5, (64,))
    assert one.dtype == bool
    assert np.array_equal(one, keep_mask(key, 0.5, (64,)))
    assert not np.array_equal(one, other)
    assert keep_mask(key, 1.0, (3, 4, 5)).all()
    assert keep_mask(key, 0.5, ()).shape == ()
    assert jnp.array_equal(keep_mask(key, 0.5, (8, 8)).ravel(), one)
    assert not keep_mask(key, 1e-12, (1000,)).any()
    with pytest.raises(InputError, match="2\\^32"):
        keep_mask(key, 0.5, (2**20, 2**20))
