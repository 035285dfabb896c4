"""Initial condensation of convolutions: the direction to which kernels of a two-layer network turn.

While weights are small and `σ′(0) ≠ 0`, `f_c(x) = Σ a_cuβ σ(w_β · P_u(x))`, with P_u the patch at place u and a 1 for
the bias, follows for every kernel β the linear flow

    ȧ_β = Z w_β,   ẇ_β = Zᵀ a_β,   Z_(c,u) = -(1/n) Σ_i e_ic P_u(x_i),

of `1/(2n) Σ e²`, times σ′(0). Its fastest solution grows at the largest singular value of Z, with w along ± the top
right singular vector, so kernels turn there if the second singular value is smaller. With `Regression`, whose loss is
the mean square over points and outputs, all this is `2 / outputs` times as fast and the direction is the same.
"""

from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, as_points, as_values, is_traced
from simplebias.core.types import Array, ArrayLike, Float
from simplebias.networks import Patches


class KernelDirection(NamedTuple):
    """Where kernels turn at the initial stage.

    Args:
        line: `(1, patch + 1)`: the unit vector ± which kernels turn, the bias as its last entry; fits
            `compare_directions`.
        rates: singular values of Z, largest first: kernels along the i-th right singular vector grow as
            `exp(rate t)`, t as for the loss `1/(2n) Σ e²`.
        vectors: `(rates, patch + 1)`: all right singular vectors.

    No example: returned by `predicted_kernel_direction`.
    """

    line: Float[Array, "1 features"]
    rates: Float[Array, " rates"]
    vectors: Float[Array, "rates features"]


def predicted_kernel_direction(
    points: ArrayLike,
    residuals: ArrayLike,
    image_shape: Sequence[int],
    *,
    kernel: int | Sequence[int] = 3,
    padded: bool = False,
    bias: bool = True,
) -> KernelDirection:
    """Direction of all kernels of a two-layer convolutional network at small weights, for any activation with p = 1.

    It is the top right singular vector of `Z_(c,u) = -(1/n) Σ_i e_ic P_u(x_i)`, a row for each output c and place u,
    a column for each number of a patch: the mean patch of each place, weighted by the residuals of each output. How
    sharply kernels turn depends on the gap between the first two rates.

    Args:
        points: `(points, pixels)` flat pictures, see `simplebias.networks.Patches`.
        residuals: `(points,)` or `(points, outputs)`: outputs minus targets, `-values` where outputs are still small;
            of a softmax cross-entropy, probabilities minus targets.
        image_shape: `(height, width)` or `(height, width, channels)`; `(1, length)` for one dimension.
        kernel: pixels along each side of a kernel, or `(height, width)`.
        padded: whether zeros stand around the picture.
        bias: whether kernels have a bias.

    Returns:
        The line, its rate, and all others. The largest entry of each vector is positive.

    Raises:
        InputError: for bad data, pictures of another shape, or residuals that are zero or cancel.

    References:
        Zhou, Zhou, Li, Xu, Understanding the initial condensation of convolutional neural networks, arXiv:2305.09947.

    Example:
        >>> found = predicted_kernel_direction([[0.0, 3.0, 0.0]], [-1.0], (1, 3), kernel=(1, 2), bias=False)
        >>> found.rates.tolist()
        [3.0, 3.0]
        >>> found = predicted_kernel_direction([[4.0, 3.0]], [-1.0], (1, 2), kernel=(1, 2), bias=False)
        >>> [f"{weight:.2f}" for weight in found.line[0]]
        ['0.80', '0.60']
    """
    layout, inputs = Patches(image_shape, kernel, padded=padded), as_points(points)
    errors = as_values(residuals, len(inputs), "residuals")
    if is_traced(inputs) or is_traced(errors):
        raise InputError("data with known numbers", "data traced by jit or vmap", "Predict outside of jit.")
    pull, size = map(np.asarray, _pull(layout, inputs, errors, bias))
    _, rates, vectors = np.linalg.svd(pull, full_matrices=False)
    if not rates[0] > np.finfo(rates.dtype).eps * size:
        raise InputError("residuals that pull kernels somewhere", "none: they are zero, or cancel")
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=1)[:, None], axis=1)
    vectors *= np.sign(largest)
    return KernelDirection(*map(jnp.asarray, (vectors[:1], rates, vectors)))


@eqx.filter_jit
def _pull(layout: Patches, points: Array, errors: Array, bias: bool) -> tuple[Array, Array]:
    """Z, and how large it would be if nothing cancelled."""
    patches = jax.vmap(layout.of)(points)
    if bias:
        patches = jnp.concatenate([patches, jnp.ones_like(patches[..., :1])], axis=2)
    rows = patches.reshape(len(points), -1)
    size = jnp.mean(jnp.linalg.norm(errors, axis=1) * jnp.linalg.norm(rows, axis=1))
    return -(errors.T @ rows).reshape(-1, patches.shape[2]) / len(points), size


__all__ = ["KernelDirection", "predicted_kernel_direction"]
