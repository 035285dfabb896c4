"""The theorem behind the Frequency Principle, sampled: at small weights low frequencies rule every gradient.

A sum of neurons `h(x) = Σ_j a_j tanh(w_j x + b_j)` has at the angular frequency `k = 2πξ`

    ĥ(k) = Σ_j -πi a_j / |w_j| · exp(i b_j k / w_j) / sinh(πk / 2w_j),   L(k) = ½ |ĥ(k) - f̂(k)|²,

so that its gradients fall as `exp(-π|k| / 2|w_j|)`. They are compared by their logarithms: nothing overflows.
"""

import dataclasses
import math

import jax
import numpy as np

from simplebias.core.errors import InputError, check_positive
from simplebias.core.types import ArrayLike, Key
from simplebias.frequency.sampling import host_positive

LOW, HIGH = 1 / (2 * math.pi), 3 / (2 * math.pi)
"""Angular frequencies 1 and 3."""


@dataclasses.dataclass(frozen=True)
class GradientDominance:
    """How often the low frequency rules all gradients.

    Args:
        radii: δ, `(radii,)`, of the ball of parameters.
        fraction: `(radii,)`, share of the ball in which the low frequency rules.
        standard_error: `(radii,)`, of the fraction, from the number of draws (Wilson's, not zero at 0 and 1).
    """

    radii: np.ndarray
    fraction: np.ndarray
    standard_error: np.ndarray


def gradient_dominance(
    radii: ArrayLike,
    *,
    key: Key,
    low: float | int = LOW,
    high: float | int = HIGH,
    neurons: int = 3,
    targets: tuple[complex | float | int, complex | float | int] = (1.0, 1.0),
    draws: int = 20_000,
) -> GradientDominance:
    """Share of a ball of parameters in which `|∂L(low)/∂θ| > |∂L(high)/∂θ|` for every parameter θ of tanh neurons.

    The theorem says that this share is at least `1 - C exp(-c/δ)`, in weight space, for any two frequencies at which
    the target does not vanish. It speaks of small weights, one hidden layer, tanh, and a moment of training; not of
    whole trainings. The ball is about the origin, over all `3 neurons` parameters `(a, w, b)`; the same draws are
    taken for all radii, each blown up.

    Args:
        radii: δ, `(radii,)`, above zero.
        key: for the draws.
        low: the lower frequency, cycles per unit of the input.
        high: the higher one.
        neurons: number of neurons.
        targets: `f̂` at the two frequencies, as integrals, not zero.
        draws: number of parameters drawn.

    Returns:
        Fractions and their standard errors.

    Raises:
        InputError: for radii that are not positive, frequencies out of order, or a target that is zero.

    References:
        Theorem 1 of Xu, Zhang, Luo, Xiao, Ma, arXiv:1901.06523.

    Example:
        >>> found = gradient_dominance([0.5, 5.0], key=jax.random.key(0), draws=2000)
        >>> bool(found.fraction[0] > 0.99), bool(found.fraction[1] < 0.8)
        (True, True)
    """
    sizes = host_positive(radii, "radii")
    for name, value in (("low", low), ("high", high)):
        check_positive(value, name)
    for name, value in (("neurons", neurons), ("draws", draws)):
        check_positive(value, name, integer=True)
    if low >= high:
        raise InputError("low below high", f"low={low:.4g}, high={high:.4g}")
    if len(targets) != 2 or not all(np.isfinite(target) and target != 0 for target in targets):
        raise InputError("two finite targets that are not zero", f"{targets}", "There the theorem says nothing.")
    ball = _unit_ball(key, int(draws), 3 * int(neurons)).reshape(int(draws), 3, int(neurons))
    found = [
        (log_gradients(size * ball, low, targets[0]) > log_gradients(size * ball, high, targets[1]))
        .all(axis=(1, 2))
        .mean()
        for size in sizes
    ]
    fraction = np.array(found)
    error = np.sqrt(fraction * (1 - fraction) / draws + 1 / (4 * draws**2)) / (1 + 1 / draws)
    return GradientDominance(sizes, fraction, error)


def log_gradients(parameters: np.ndarray, frequency: float | int, target: complex | float | int) -> np.ndarray:
    """`log |∂L(k)/∂θ|` for sums of tanh neurons, with the large exponents taken out.

    Args:
        parameters: `(draws, 3, neurons)`, rows a, w, b.
        frequency: ξ, cycles per unit of the input.
        target: `f̂(ξ)`.

    Returns:
        `(draws, 3, neurons)`, natural logarithms; `-inf` where a gradient is zero.
    """
    k = 2 * np.pi * frequency
    a, w, b = parameters[:, 0], parameters[:, 1], parameters[:, 2]
    z = np.pi * k / (2 * np.abs(w))
    log_sinh = z - np.log(2) + np.log1p(-np.exp(-2 * z))
    # -i exp(ibk/w) sign(w): one neuron is a π/|w| exp(-log_sinh) times this
    wave = -1j * np.sign(w) * np.exp(1j * (b * k / w))
    outputs = (a * np.pi / np.abs(w) * np.exp(-log_sinh) * wave).sum(axis=1)
    residual = np.conj(outputs - target)[:, None] * wave
    by_w = residual * a * (z / np.tanh(z) - 1 - 1j * b * k / w) / w
    by_b = residual * a * 1j * k / w
    with np.errstate(divide="ignore"):
        sizes = np.log(np.abs(np.stack([residual.real, by_w.real, by_b.real], axis=1)))
    return sizes + (np.log(np.pi / np.abs(w)) - log_sinh)[:, None]


def _unit_ball(key: Key, draws: int, dimensions: int) -> np.ndarray:
    """Uniform draws from the unit ball, `(draws, dimensions)`, float64."""
    direction_key, length_key = jax.random.split(key)
    directions = np.asarray(jax.random.normal(direction_key, (draws, dimensions)), np.float64)
    lengths = np.asarray(jax.random.uniform(length_key, (draws, 1)), np.float64) ** (1 / dimensions)
    return directions / np.linalg.norm(directions, axis=1, keepdims=True) * lengths
