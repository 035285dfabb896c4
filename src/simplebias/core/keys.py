"""Random keys without what drawing them costs: time for each of many steps and points, a program for each few."""

import jax
import jax.numpy as jnp

from simplebias.core.types import Array, Int, Key


def numbered_key(key: Key, number: Int[Array, "*numbers"], *, word: int = -1) -> Array:
    """The key with a number added to one of its words, modulo 2^32: as many different keys as there are numbers.

    `jax.random.fold_in` and `split` hash the key, which on a CPU takes as long as a good part of a small training step.
    Here nothing is hashed: what is drawn with the keys is independent, as the generator hashes key and place, but their
    words are not random numbers themselves.

    Args:
        key: random key.
        number: whole numbers of any shape, below 2^32.
        word: which word of the key is changed; keys numbered in two words, by step and by point, are all different.

    Returns:
        Keys, an array of the shape of `number`.

    Example:
        >>> keys = numbered_key(jax.random.key(7), jnp.arange(3))
        >>> jax.random.key_data(keys).tolist()
        [[0, 7], [0, 8], [0, 9]]
    """
    words = jax.random.key_data(key)
    count = words.shape[-1]
    place = (jnp.arange(count) == word % count).astype(jnp.uint32)
    changed = words + place * jnp.asarray(number).astype(jnp.uint32)[..., None]
    typed = jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    return jax.random.wrap_key_data(changed, impl=jax.random.key_impl(key)) if typed else changed


def apart(key: Key, count: int) -> list[Key]:
    """Several keys from one, whatever their number by one program, where `split` compiles one for each number.

    Args:
        key: random key.
        count: how many.

    Returns:
        The keys.

    Example:
        >>> one, other = apart(jax.random.key(0), 2)
        >>> bool(jnp.all(jax.random.key_data(one) == jax.random.key_data(other)))
        False
    """
    return [jax.random.fold_in(key, number) for number in range(count)]


__all__ = ["apart", "numbered_key"]
