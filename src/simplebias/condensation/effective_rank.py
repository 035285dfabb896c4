"""Effective rank: how many directions a matrix of weights really uses, without a threshold."""

import jax
import jax.numpy as jnp
from jax.scipy.special import entr

from simplebias.condensation.features import extend
from simplebias.core.snapshot import Neurons
from simplebias.core.types import Array, ArrayLike, Float


def effective_rank(weights: Neurons | ArrayLike) -> Float[Array, ""]:
    """Effective rank `exp(-Σ p log p)` of a matrix, with `p = σ / Σσ` its singular values as shares.

    Neurons of k orientations have a rank of at most k, but a matrix can be of low rank without any two rows alike, as
    the embeddings of a transformer of small initial weights are: compare `effective_neurons`.

    Args:
        weights: `(neurons, inputs)`, or Neurons, of which the extended input weights are taken.

    Returns:
        A number from 1 to the rank; 0 if all weights are zero.

    Raises:
        InputError: for empty, mis-shaped or non-finite weights.

    References:
        Roy, Vetterli, The effective rank: a measure of effective dimensionality, EUSIPCO 2007 (`roy2007effective`).
        Embeddings of low rank: arXiv:2405.05409.

    Example:
        >>> float(effective_rank([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]).round(4))
        2.0
    """
    return _effective_rank(extend(weights, "weights"))


@jax.jit
def _effective_rank(rows: Array) -> Array:
    largest = jnp.max(jnp.abs(rows))
    sizes = jnp.linalg.svd(rows / jnp.where(largest > 0, largest, 1), compute_uv=False)
    total = jnp.sum(sizes)
    number = jnp.exp(jnp.sum(entr(sizes / jnp.where(total > 0, total, 1))))
    return jnp.where(total > 0, number, jnp.zeros_like(number))


__all__ = ["effective_rank"]
