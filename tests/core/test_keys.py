"""Numbered keys: all different, independent in what is drawn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.keys import numbered_key


@pytest.mark.parametrize("make", [jax.random.key, jax.random.PRNGKey, lambda seed: jax.random.key(seed, impl="rbg")])
def test_steps_and_points_have_keys_of_their_own(make):
    steps, points = jnp.arange(20), jnp.arange(30)
    keys = jax.vmap(lambda step: numbered_key(numbered_key(make(5), step), points, word=0))(steps)
    words = np.asarray(jax.random.key_data(keys)).reshape(600, -1)
    assert len(np.unique(words, axis=0)) == 600
    assert numbered_key(make(5), jnp.asarray(0)).dtype == make(5).dtype
    assert np.array_equal(jax.random.key_data(numbered_key(make(5), jnp.asarray(0))), jax.random.key_data(make(5)))


def test_draws_of_numbered_keys_are_independent(key):
    drawn = np.asarray(jax.vmap(lambda one: jax.random.normal(one, (50,)))(numbered_key(key, jnp.arange(200), word=0)))
    pairs = drawn @ drawn.T / np.sqrt(50)
    off = pairs[np.triu_indices(200, 1)]
    assert np.abs(off).max() < 6
    assert abs(off.mean()) < 4 / np.sqrt(off.size)
