"""Normalisation by stored statistics (batch normalisation as it is evaluated), and how it folds into the layer."""

import equinox as eqx
import jax
import jax.numpy as jnp

from simplebias.core.errors import InputError, as_array, check_finite, check_positive, is_traced
from simplebias.core.types import Array, ArrayLike, Float, Int
from simplebias.networks.dense import Affine

EPSILON = 1e-5
"""Added to variances, so that a neuron that never varies does no harm."""


def fold_normalisation(
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    mean: ArrayLike,
    variance: ArrayLike,
    multiplier: ArrayLike | None = None,
    shift: ArrayLike | None = None,
    epsilon: float | int = EPSILON,
) -> tuple[Array, Array]:
    """Weights and bias of a layer that does alone what it did with the normalisation after it.

    `γ (W x + b - μ) / √(v + ε) + β = W′ x + b′` with `W′ = γ W / √(v + ε)` and `b′ = γ (b - μ) / √(v + ε) + β`: an
    identity in x, exact but for rounding, as long as the statistics μ and v are stored and not taken of the batch.

    Args:
        weight: W, the outputs (neurons or kernels) along the first axis, any axes after it.
        bias: b, `(outputs,)`, or None for none.
        mean: stored mean μ of each output of the layer, `(outputs,)`, in their units.
        variance: stored variance v of each, `(outputs,)`, ≥ 0.
        multiplier: γ, `(outputs,)`, the scale that is trained; ones if None.
        shift: β, `(outputs,)`; zeros if None.
        epsilon: ε ≥ 0, added to the variance.

    Returns:
        W′ of the shape of W, and b′ `(outputs,)`.

    Raises:
        InputError: for shapes that do not fit, numbers that are not finite, a negative variance, or `v + ε = 0`.

    References:
        Ioffe, Szegedy, Batch normalization: accelerating deep network training by reducing internal covariate shift,
        arXiv:1502.03167.

    Example:
        >>> weight, bias = fold_normalisation([[2.0]], [1.0], mean=[3.0], variance=[4.0], shift=[0.5], epsilon=0)
        >>> weight.tolist(), bias.tolist()
        ([[1.0]], [-0.5])
    """
    given = as_array(weight, "weight")
    if given.ndim < 2 or given.size == 0:
        raise InputError("weights with outputs along the first of at least two axes", f"shape {tuple(given.shape)}")
    check_finite(given, "weight")
    check_positive(epsilon, "epsilon", zero=True)
    none = jnp.zeros(given.shape[0], given.dtype)
    parts = {"bias": bias, "mean": mean, "variance": variance, "multiplier": multiplier, "shift": shift}
    arrays = {name: _of_outputs(part, name, none) for name, part in parts.items()}
    spread = arrays["variance"] + epsilon
    if not is_traced(spread) and bool(jnp.any(arrays["variance"] < 0) | jnp.any(spread == 0)):
        raise InputError("variances ≥ 0, above 0 with epsilon", f"the least is {float(arrays['variance'].min())}")
    factor = jnp.ones_like(none) if multiplier is None else arrays["multiplier"]
    return _fold(given, arrays["bias"], arrays["mean"], spread, factor, arrays["shift"])


def _fold(weight: Array, bias: Array, mean: Array, spread: Array, scale: Array, shift: Array) -> tuple[Array, Array]:
    factor = scale / jnp.sqrt(spread)
    return weight * factor.reshape(-1, *[1] * (weight.ndim - 1)), factor * (bias - mean) + shift


def _of_outputs(part: ArrayLike | None, name: str, none: Array) -> Array:
    if part is None:
        return none
    array = as_array(part, name)
    if array.shape != none.shape:
        raise InputError(f"{name} of shape {tuple(none.shape)}, one for each output", f"shape {tuple(array.shape)}")
    check_finite(array, name)
    return array.astype(none.dtype)


class Normalised(eqx.Module):
    """An affine layer whose outputs are standardised by stored statistics, then scaled and shifted.

    `γ (W x - μ) / √(v + ε) + β`: W, γ and β are trained. The statistics are kept as bits, integers of the size of the
    weights, so that no training, no weight decay and no noise takes them for parameters.

    Args:
        affine: W, without bias.
        scale: γ, `(outputs,)`, trained.
        shift: β, `(outputs,)`, trained.
        statistics: bits of mean and variance, `(2, outputs)`.
        epsilon: ε.

    Example:
        >>> layer = normalise(Affine(jnp.ones((2, 3)), None)).with_statistics(jnp.full(2, 3.0), jnp.ones(2))
        >>> layer(jnp.ones(3)).tolist()
        [0.0, 0.0]
    """

    affine: Affine
    scale: Float[Array, " outputs"]
    shift: Float[Array, " outputs"]
    statistics: Int[Array, "2 outputs"]
    epsilon: float = eqx.field(static=True, default=EPSILON)

    def with_statistics(self, mean: Float[Array, " outputs"], variance: Float[Array, " outputs"]) -> "Normalised":
        """The layer with other statistics."""
        return eqx.tree_at(lambda one: one.statistics, self, _as_bits(jnp.stack([mean, variance])))

    @property
    def mean(self) -> Float[Array, " outputs"]:
        """Stored mean of each output before normalisation."""
        return self._stored[0]

    @property
    def variance(self) -> Float[Array, " outputs"]:
        """Stored variance of each output before normalisation."""
        return self._stored[1]

    @property
    def _stored(self) -> Array:
        return jax.lax.bitcast_convert_type(self.statistics, self.scale.dtype)

    @property
    def weight(self) -> Float[Array, "outputs sources"]:
        """W as it is trained."""
        return self.affine.weight

    @property
    def folded(self) -> Affine:
        """The same map without normalisation."""
        mean, variance = self._stored
        none = jnp.zeros_like(mean)
        return Affine(*_fold(self.affine.effective_weight, none, mean, variance + self.epsilon, self.scale, self.shift))

    @property
    def effective_weight(self) -> Float[Array, "outputs sources"]:
        """Weights with the multiplier and the normalisation."""
        return self.folded.weight

    @property
    def effective_bias(self) -> Float[Array, " outputs"] | None:
        """Bias with the normalisation."""
        return self.folded.bias

    def __call__(self, x: Float[Array, " sources"]) -> Float[Array, " outputs"]:
        """Map one vector."""
        return self.folded(x)


def normalise(affine: Affine) -> Normalised:
    """A layer's weights, without its bias, and a normalisation of mean 0, variance 1, scale 1 and shift 0 after them.

    Returns:
        The layer.
    """
    outputs, dtype = affine.weight.shape[0], affine.weight.dtype
    one, zero = jnp.ones(outputs, dtype), jnp.zeros(outputs, dtype)
    bare = Affine(affine.weight, None, affine.multiplier)
    return Normalised(bare, one, zero, _as_bits(jnp.stack([zero, one])))


def _as_bits(values: Array) -> Array:
    return jax.lax.bitcast_convert_type(values, jnp.dtype(f"int{8 * values.dtype.itemsize}"))


__all__ = ["EPSILON", "Normalised", "fold_normalisation", "normalise"]
