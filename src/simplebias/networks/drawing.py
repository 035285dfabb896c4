"""How the weights of all networks are drawn: in one draw, which compiles fastest, and first in float32.

So a key means one network in every precision.
"""

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from simplebias.core.types import Array, Key

Shapes = tuple[tuple[int, int], ...]


@functools.partial(jax.jit, static_argnames=("shapes", "dtype"))
def draw_matrices(key: Key, shapes: Shapes, stds: Sequence[Any], dtype: Any) -> list[Array]:
    """Gaussian matrices of these shapes and standard deviations."""
    ends = list(itertools.accumulate(rows * columns for rows, columns in shapes))
    parts = jnp.split(jax.random.normal(key, (ends[-1],), jnp.float32).astype(dtype), ends[:-1])
    return [part.reshape(shape) * std for part, shape, std in zip(parts, shapes, stds, strict=True)]


@functools.partial(jax.jit, static_argnames=("shapes", "dtype"))
def draw_affine(key: Key, shapes: Shapes, stds: Sequence[Any], dtype: Any) -> list[tuple[Array, Array]]:
    """Weights and biases of layers of shapes `(targets, sources)`, the bias drawn as one more source."""
    extended = draw_matrices(key, tuple((rows, columns + 1) for rows, columns in shapes), stds, dtype)
    return [(one[:, :-1], one[:, -1]) for one in extended]


__all__ = ["draw_affine", "draw_matrices"]
