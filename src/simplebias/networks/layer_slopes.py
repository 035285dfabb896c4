"""How far the layers of a deep network move as the width grows: the exponents of scaling, and where they are 0."""

import math
from collections.abc import Sequence

from simplebias.core.errors import InputError, check_positive


def layer_exponents(stds: Sequence[float], multipliers: float) -> tuple[float, ...]:
    """Exponents with which the relative changes of the hidden layers' input weights grow with the width.

    A scaling argument. Weights of layer l are drawn with std `m^-b_l`, all multipliers together are `m^-μ`. A signal
    passes a layer as drawn with a factor `m^O_l`, `O_l = 1/2 - b_l`. If all of them give at least an output of order 1,
    `Σ O_l ≥ μ`, training is lazy. Otherwise the layers that are least grow, in balance, along one direction, to `m^S`
    with `Σ max(S, O_l) = μ`. Against the norm as drawn, `m^(1/2 - b_1)` of the first layer and `m^(1 - b_l)` of
    others, that is the relative change. For one hidden layer it gives the regimes and slopes of the phase diagram; for
    two and three it was checked by training. An upper bound where a layer stays linear.

    Args:
        stds: `b_l` of every layer, the output layer among them.
        multipliers: `μ`.

    Returns:
        For each hidden layer the exponent: positive where it condenses, 0 where it is critical.

    Example:
        >>> [round(one, 3) for one in layer_exponents([0.75, 0.75, 0.75], 0.0)]
        [0.25, -0.25]
    """
    passed = sorted(0.5 - std for std in stds)
    missing = multipliers - sum(passed)
    level = passed[0] + min(missing, 0.0)
    for count in range(1, len(passed) + 1):
        if missing <= 0:
            break
        level = (multipliers - sum(passed[count:])) / count
        if count == len(passed) or level <= passed[count]:
            break
    return tuple(level - ((0.5 if index == 0 else 1.0) - std) for index, std in enumerate(stds[:-1]))


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
    check_positive(depth, "depth", integer=True)
    if not math.isfinite(gamma):
        raise InputError("gamma as a finite number", repr(gamma))
    return layer_exponents([0.0] * (depth + 1), float(gamma))


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
    check_positive(depth, "depth", integer=True)
    return ((depth + 1) / 2, *[depth + 1.0] * (depth - 1))
