"""Parity: labels that no low frequency carries, with their exact transform and samples without repetition.

`f(x) = Π_j x_j` on the corners `{-1, 1}^n`. Over all corners, along `k · (1, …, 1)` with k the angular frequency,

    (1/2^n) Σ_x f(x) exp(-i k Σ_j x_j) = Π_j (e^{-ik} - e^{ik})/2 = (-i)^n sin(k)^n,

so the amplitude is about zero at low k and one at k = π/2. Here the direction is the unit vector `(1, …, 1)/√n`
and the frequency `√n k / (2π)` cycles per unit length.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, as_array, check_finite, check_positive
from simplebias.core.types import Array, ArrayLike, Complex

MOST = 20
"""Largest number of inputs of which all corners are listed."""


class ParitySplit(NamedTuple):
    """Corners that are trained on and all the others.

    Args:
        points: `(samples, inputs)` of -1 and 1.
        labels: their parity, `(samples,)` of -1 and 1.
        unseen_points: all other corners, `(2^inputs - samples, inputs)`.
        unseen_labels: their parity.

    Example:
        >>> split = parity_split(4, 10, seed=0)
        >>> split.points.shape, split.unseen_points.shape
        ((10, 4), (6, 4))
    """

    points: np.ndarray
    labels: np.ndarray
    unseen_points: np.ndarray
    unseen_labels: np.ndarray


def parity_corners(inputs: int) -> np.ndarray:
    """All corners of the cube `{-1, 1}^inputs`, each once.

    Args:
        inputs: n, at most 20.

    Returns:
        `(2^n, n)`.

    Raises:
        InputError: if n is no whole number from 1 to 20.

    Example:
        >>> parity_corners(2).tolist()
        [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]
    """
    check_positive(inputs, "inputs", integer=True)
    if inputs > MOST:
        raise InputError(f"at most {MOST} inputs", repr(inputs), "All 2^inputs corners are listed.")
    bits = np.arange(2**inputs)[:, None] >> np.arange(inputs)[::-1] & 1
    return 2.0 * bits - 1.0


def parity_split(inputs: int, samples: int, *, seed: int) -> ParitySplit:
    """Corners drawn without repetition, and all the others, with their parity.

    Args:
        inputs: n.
        samples: how many to draw, fewer than 2^n.
        seed: of the draw.

    Returns:
        Both sets; none is in both, so that an accuracy on the unseen ones is one.

    Raises:
        InputError: if the numbers do not fit.

    Example:
        >>> split = parity_split(3, 5, seed=0)
        >>> split.points.shape, split.unseen_points.shape
        ((5, 3), (3, 3))
    """
    corners = parity_corners(inputs)
    check_positive(samples, "samples", integer=True)
    if samples >= len(corners):
        raise InputError(f"fewer than 2^{inputs} = {len(corners)} samples, so that some are unseen", repr(samples))
    order = np.random.default_rng(seed).permutation(len(corners))
    seen, unseen = corners[order[:samples]], corners[order[samples:]]
    return ParitySplit(seen, seen.prod(axis=1), unseen, unseen.prod(axis=1))


def parity_transform(inputs: int, frequencies: ArrayLike) -> Complex[Array, " frequencies"]:
    """Exact transform of parity over all corners along the diagonal, `(-i)^n sin(2πξ/√n)^n`.

    Args:
        inputs: n.
        frequencies: ξ along `(1, …, 1)/√n`, `(frequencies,)`, cycles per unit length; the amplitude is one at `√n/4`.

    Returns:
        `(frequencies,)`, as `FourierBasis` gives it of all projected corners with even weights.

    Raises:
        InputError: if n is not a whole number above 0, or a frequency is not finite.

    References:
        Xu, Zhang, Luo, Xiao, Ma, Frequency principle: Fourier analysis sheds light on deep neural networks,
        arXiv:1901.06523.

    Example:
        >>> abs(parity_transform(4, [0.0, 0.5])).round(3).tolist()
        [0.0, 1.0]
    """
    check_positive(inputs, "inputs", integer=True)
    where = as_array(frequencies, "frequencies")
    check_finite(where, "frequencies")
    return (-1j) ** (inputs % 4) * jnp.sin(2 * math.pi / math.sqrt(inputs) * where) ** inputs


__all__ = ["ParitySplit", "parity_corners", "parity_split", "parity_transform"]
