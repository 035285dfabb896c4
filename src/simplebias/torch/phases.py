"""Where a PyTorch module stands in the phase diagram, and how to put it elsewhere."""

from typing import Any

import torch
from torch import nn

from simplebias.core.errors import InputError
from simplebias.networks import Phase
from simplebias.sweeps.places import place_network
from simplebias.torch.chains import chain
from simplebias.torch.conversion import from_torch
from simplebias.torch.layers import Affine, draw_


def where(module: nn.Module) -> list[str]:
    """Tell where a dense module lies in the phase diagram, by its weights, which are to be those before training.

    Args:
        module: Linear layers with activations between, one hidden layer or more; see `from_torch`.

    Returns:
        Sentences: the coordinates, the regime of each hidden layer, and how to get into another.

    Raises:
        InputError: for another module, fewer than two neurons, or weights that are not finite or all 0.

    References:
        Luo, Xu, Ma, Zhang, Phase diagram for two-layer ReLU neural networks at infinite-width limit, arXiv:2007.07497.

        Zhou, Zhou, Jin, Luo, Zhang, Xu, Empirical phase diagram for three-layer neural networks with infinite width,
        arXiv:2205.12101.

    Example:
        >>> module = nn.Sequential(nn.Linear(1, 2000), nn.ReLU(), nn.Linear(2000, 1))
        >>> where(phase_(module, 1.8))[1]
        'Regime: condensed: input weights move without bound and gather on a few directions.'
    """
    return place_network(from_torch(module))


def phase_(
    module: Any, gamma: float | int, gamma_prime: float | int = 0.0, *, generator: torch.Generator | None = None
) -> Any:
    """Draw the weights of a module with one hidden layer anew, at a point of the phase diagram, in place.

    With `κ = β1 β2 / α = m^-γ` and `κ' = β1 / β2 = m^-γ'` for width m, α = 1 of a plain module (with `Affine` layers
    the inverse of their multipliers) leaves `β2 = (α m^(γ' - γ))^½` for the input weights and biases, and
    `β1 = β2 m^-γ'` for the output weights. The output bias becomes 0.

    Args:
        module: Linear, activation, Linear; see `from_torch`.
        gamma: γ; above 1 and above γ' + 1 the module condenses.
        gamma_prime: γ'.
        generator: of the random weights; PyTorch's own if None.

    Returns:
        The module itself.

    Raises:
        InputError: for a module with another number of hidden layers, or coordinates that are not finite.

    References:
        Luo, Xu, Ma, Zhang, Phase diagram for two-layer ReLU neural networks at infinite-width limit, arXiv:2007.07497.

    Example:
        >>> module = nn.Sequential(nn.Linear(1, 100, bias=False), nn.ReLU(), nn.Linear(100, 1))
        >>> round(phase_(module, 1.0)[0].weight.std().item(), 1)
        0.1
    """
    point = Phase(gamma, gamma_prime)
    layers: list[Any] = [link for link in chain(module) if isinstance(link, nn.Linear | Affine | nn.Conv2d)]
    if len(layers) != 2 or isinstance(layers[1], nn.Conv2d):
        raise InputError(
            "a module with one hidden layer", f"{len(layers)} layers with weights",
            "The phase diagram is that of two-layer networks; draw the layers of deeper ones with "
            "torch.nn.init.normal_ and look where() they are.",
        )  # fmt: skip
    first, last = layers
    width = len(first.weight)
    if width < 2:
        raise InputError("a hidden layer of at least two neurons", f"{width}", "One neuron has no exponent.")
    alpha = 1 / abs(getattr(first, "multiplier", 1.0) * getattr(last, "multiplier", 1.0))
    spread = (alpha * width ** (point.gamma_prime - point.gamma)) ** 0.5
    draw_(first, spread, bias=True, generator=generator)
    draw_(last, spread * width**-point.gamma_prime, bias=False, generator=generator)
    return module
