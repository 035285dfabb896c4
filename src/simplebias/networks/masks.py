"""Which neurons dropout keeps: random masks that cost little beside a training step."""

import math

import jax
import jax.numpy as jnp

from simplebias.core.errors import InputError
from simplebias.core.types import Array, Bool, Key


def keep_mask(key: Key, keep_probability: float, shape: tuple[int, ...]) -> Bool[Array, "..."]:
    """Independent draws that are True with a probability: a hash of place and key, below a threshold.

    Two rounds of a multiply-and-shift hash of 32 bits, which the compiler merges into what uses the mask: a fraction of
    the work of the counter-based generator of `jax.random`, which would take most of the time of a training step. Good
    enough for masks, not for other random numbers.

    Args:
        key: random key; its numbers seed the hash.
        keep_probability: above 0, up to 1.
        shape: of the mask, of at most 2^32 entries.

    Returns:
        Booleans of that shape.

    Raises:
        InputError: if the mask is too large.

    Example:
        >>> bool(abs(keep_mask(jax.random.key(0), 0.9, (100, 1000)).mean() - 0.9) < 0.01)
        True
    """
    if math.prod(shape) > 2**32:
        raise InputError("a mask of at most 2^32 entries", f"shape {shape}")
    words = jax.random.key_data(key)
    places, stride = jnp.zeros(shape, jnp.uint32), 1
    for axis in reversed(range(len(shape))):
        places += jax.lax.broadcasted_iota(jnp.uint32, shape, axis) * jnp.uint32(stride)
        stride *= shape[axis]
    bits = _mix(_mix(places ^ words[0]) + words[-1])
    return bits <= jnp.uint32(max(round(keep_probability * 2**32) - 1, 0))


def _mix(x: Array) -> Array:
    """A bijection of 32 bits with little bias: xor-shifts and odd factors."""
    x = (x ^ (x >> 16)) * jnp.uint32(0x7FEB352D)
    x = (x ^ (x >> 15)) * jnp.uint32(0x846CA68B)
    return x ^ (x >> 16)


__all__ = ["keep_mask"]
