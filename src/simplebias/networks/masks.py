"""Which neurons dropout keeps: random masks that cost little beside a training step.

Entry j of a mask is kept if `r c_j mod 2^32` is below a threshold: r an odd random number of 32 bits, one for each mask
and drawn by `jax.random`, c_j odd numbers that never change. One product and one comparison for each neuron, which the
compiler merges into what uses the mask; the generator of `jax.random`, asked for every entry, would take most of a
training step. Each entry is kept with the wanted probability to 2^-31, and masks are independent of each other. Within
a mask two entries are as good as independent, but for about one pair in a million whose correlation may reach a few
hundredths; of each layer there are 2^31 masks. Enough for dropout, not for other random numbers.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError
from simplebias.core.types import Array, Bool, Int, Key

STORED = 2**20
"""Longest mask whose numbers c_j are stored in the program; those of longer ones are computed in it."""
APART = 0x9E3779B1
"""How far the c_j of one layer start from those of the next, before they are mixed."""


def mask_words(key: Key, masks: int) -> Int[Array, " masks"]:
    """The random number r of each of several masks, odd.

    Args:
        key: random key.
        masks: how many.

    Returns:
        `(masks,)` whole numbers of 32 bits.

    Example:
        >>> bool((mask_words(jax.random.key(0), 3) % 2 == 1).all())
        True
    """
    drawn = jax.random.bits(key, (masks,), jnp.uint32) | jnp.uint32(1)
    return jax.lax.bitcast_convert_type(drawn, jnp.int32)


def kept(word: Int[Array, ""], keep_probability: float | int, size: int, *, layer: int = 0) -> Bool[Array, " size"]:
    """One mask from its random number.

    Args:
        word: from `mask_words`.
        keep_probability: above 0, up to 1.
        size: number of entries.
        layer: masks of one layer share their c_j.

    Returns:
        `(size,)` booleans.

    Raises:
        InputError: if the mask has more than 2^32 entries.

    Example:
        >>> kept(mask_words(jax.random.key(0), 1)[0], 1.0, 3).tolist()
        [True, True, True]
    """
    if size > 2**32:
        raise InputError("a mask of at most 2^32 entries", f"{size}")
    largest = max(round(keep_probability * 2**32) - 1, 0) - 2**31
    return word * _numbers(size, layer) <= jnp.int32(largest)


def keep_mask(key: Key, keep_probability: float | int, shape: tuple[int, ...]) -> Bool[Array, "..."]:
    """Draws that are True with a probability, in any two of them independent: the mask of one key.

    For a mask for each of many points map it over as many keys.

    Args:
        key: random key.
        keep_probability: above 0, up to 1.
        shape: of the mask, of at most 2^32 entries.

    Returns:
        Booleans of that shape.

    Raises:
        InputError: if the mask is too large.

    Example:
        >>> masks = jax.vmap(lambda key: keep_mask(key, 0.9, (1000,)))(jax.random.split(jax.random.key(0), 100))
        >>> bool(abs(masks.mean() - 0.9) < 0.01)
        True
    """
    return kept(mask_words(key, 1)[0], keep_probability, math.prod(shape)).reshape(shape)


def _numbers(size: int, layer: int) -> Array:
    start = layer * APART % 2**32
    if size <= STORED:
        return jnp.asarray(_stored(size, start))
    mixed = _mix(jnp.arange(size, dtype=jnp.uint32) + jnp.uint32(start)) | jnp.uint32(1)
    return jax.lax.bitcast_convert_type(mixed, jnp.int32)


@functools.lru_cache(maxsize=64)
def _stored(size: int, start: int) -> np.ndarray:
    places = np.arange(size, dtype=np.uint32) + np.uint32(start)  # wraps around, as it does in the program
    return (_mix(places) | np.uint32(1)).view(np.int32)


def _mix(x):
    """A bijection of 32 bits with little bias, of NumPy or JAX arrays: xor-shifts and odd factors."""
    one = np.uint32
    x = (x ^ (x >> one(16))) * one(0x7FEB352D)
    x = (x ^ (x >> one(15))) * one(0x846CA68B)
    return x ^ (x >> one(16))


__all__ = ["keep_mask", "kept", "mask_words"]
