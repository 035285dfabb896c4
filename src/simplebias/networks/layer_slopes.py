"""How far the layers of a deep network move as the width grows: the exponents of scaling, and where they are 0."""

import math

from simplebias.core.errors import InputError, check_positive


def layer_slopes(gamma: float | int, depth: int = 2) -> tuple[float, ...]:
    """Exponents with which the relative change of each hidden layer's weights grows with the width.

    Of `f = κ aᵀσ(W_d … σ(W_1 x))` with d hidden layers of width m, ReLU, all weights `N(0, 1)` and `κ = m^-γ`, along
    its gradient flow. Every layer has a gradient of size `κ m^(d/2)`, so as long as weights hardly move they move by
    `1 / (κ m^(d/2))`, with `‖W_1‖ ~ m^½` and `‖W_l‖ ~ m`:

        S_1 = γ - (d + 1)/2,   S_l = γ - (d + 2)/2     for γ ≤ (d + 1)/2.

    Beyond, each layer grows by a matrix of rank one, all by the same singular value s, as what goes out of a neuron
    and what comes in are balanced, with `κ s^(d + 1) ~ 1`:

        S_1 = γ/(d + 1) - 1/2,   S_l = γ/(d + 1) - 1   for γ ≥ (d + 1)/2.

    So the first layer condenses from `γ = (d + 1)/2` on and the others from `γ = d + 1` on; between, layers of one
    network are in different regimes, and all move by the second rule. These are arguments of scaling, not theorems.

    Args:
        gamma: γ.
        depth: d, the number of hidden layers.

    Returns:
        The exponent of each hidden layer; for one it is `Phase(gamma).predicted_slope`.

    Raises:
        InputError: if γ is not finite or the depth not a whole number > 0.

    References:
        Zhou, Zhou, Jin, Luo, Zhang, Xu, Empirical phase diagram for three-layer neural networks with infinite width,
        arXiv:2205.12101.

    Example:
        >>> layer_slopes(1), layer_slopes(3, 2), layer_slopes(0.5, 3)
        ((-0.5, -1.0), (0.5, 0.0), (-1.5, -2.0, -2.0))
    """
    first, _ = _ends(depth)
    if not math.isfinite(gamma):
        raise InputError("gamma as a finite number", repr(gamma))
    moved = gamma - depth / 2 if gamma <= first else gamma / (depth + 1)
    return (moved - 1 / 2, *[moved - 1.0] * (depth - 1))


def layer_boundaries(depth: int = 2) -> tuple[float, ...]:
    """The γ at which each hidden layer goes from linear to condensed, see `layer_slopes`.

    Args:
        depth: number d of hidden layers.

    Returns:
        `(d + 1)/2` for the first layer, `d + 1` for all others.

    Raises:
        InputError: if the depth is not a whole number > 0.

    Example:
        >>> layer_boundaries(2)
        (1.5, 3.0)
    """
    first, other = _ends(depth)
    return (first, *[other] * (depth - 1))


def _ends(depth: int) -> tuple[float, float]:
    check_positive(depth, "depth", integer=True)
    return (depth + 1) / 2, depth + 1.0
