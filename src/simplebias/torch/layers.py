"""Layers of PyTorch with the multipliers and scales of `simplebias.networks`, alone or many side by side."""

import math
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import torch
from torch import Tensor, nn

from simplebias import networks
from simplebias.networks.initialisation import Initialisation
from simplebias.networks.initialisation import initialisation as find_initialisation


class Affine(nn.Module):
    """One layer's map `x -> multiplier · W x + bias_multiplier · b`, as a Linear with fixed factors.

    The factors matter to training: a gradient step on W changes the map by the square of the multiplier.

    Args:
        inputs: number of inputs.
        outputs: number of outputs.
        bias: whether there is a b.
        multiplier: fixed factor of the weights.
        bias_multiplier: fixed factor of the bias.
        parts: None for one layer; a number for so many side by side, each with weights of its own.
        device: of the weights.
        dtype: of the weights.

    Example:
        >>> layer = Affine(3, 2, multiplier=0.5)
        >>> _ = nn.init.ones_(layer.weight), nn.init.zeros_(layer.bias)
        >>> layer(torch.ones(3)).tolist()
        [1.5, 1.5]
    """

    weight: nn.Parameter
    bias: nn.Parameter | None

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        bias: bool = True,
        multiplier: float = 1.0,
        bias_multiplier: float = 1.0,
        parts: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ):
        nn.Module.__init__(self)
        lead = () if parts is None else (parts,)
        self.multiplier, self.bias_multiplier = float(multiplier), float(bias_multiplier)
        self.weight = nn.Parameter(torch.empty(*lead, outputs, inputs, device=device, dtype=dtype))
        self.bias = nn.Parameter(torch.zeros(*lead, outputs, device=device, dtype=dtype)) if bias else None
        nn.init.normal_(self.weight, std=1 / math.sqrt(inputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map `(..., inputs)`, or `(parts, points, inputs)` where there are parts."""
        x = x if self.multiplier == 1 else self.multiplier * x
        bias = self.effective_bias
        if self.weight.ndim == 2:
            return nn.functional.linear(x, self.weight, bias)
        mapped = torch.bmm(x, self.weight.transpose(1, 2))
        return mapped if bias is None else mapped + bias[:, None]

    @property
    def effective_weight(self) -> Tensor:
        """Weights with the multiplier."""
        return self.weight if self.multiplier == 1 else self.multiplier * self.weight

    @property
    def effective_bias(self) -> Tensor | None:
        """Bias with its multiplier."""
        return self.bias if self.bias is None or self.bias_multiplier == 1 else self.bias_multiplier * self.bias

    def neuron_rows(self) -> dict[str, tuple[Tensor, Tensor | None]]:
        """Effective weights and biases as `simplebias.watch` shows them, of all parts below one another."""
        bias = self.effective_bias
        weight = self.effective_weight
        return {"": (weight.reshape(-1, weight.shape[-1]), None if bias is None else bias.reshape(-1))}

    def extra_repr(self) -> str:
        """Sizes and factors."""
        factor = "" if self.multiplier == 1 else f", multiplier={self.multiplier:.3g}"
        return f"{', '.join(map(str, self.weight.shape))}, bias={self.bias is not None}{factor}"


def draw_(layer: Any, std: float, *, bias: bool, generator: torch.Generator | None = None) -> None:
    """Draw the weights of a layer anew, Gaussian with a std; its bias too, or it becomes 0."""
    with torch.no_grad():
        layer.weight.normal_(0.0, std, generator=generator)
        if layer.bias is not None:
            layer.bias.normal_(0.0, std, generator=generator) if bias else layer.bias.zero_()


def make_layers(
    sizes: Sequence[int],
    initialisation: str | Initialisation,
    *,
    output_bias: bool,
    parts: int | None,
    generator: torch.Generator | None,
    device: Any,
    dtype: Any,
) -> nn.ModuleList:
    """Layers from the inputs to the outputs, drawn as `simplebias.networks` draws them."""
    layers, scales = [], find_initialisation(initialisation).scales(sizes)
    for place, (inputs, outputs, scale) in enumerate(zip(sizes[:-1], sizes[1:], scales, strict=True)):
        last = place == len(sizes) - 2
        layer = Affine(
            inputs, outputs, bias=output_bias or not last, multiplier=scale.multiplier,
            bias_multiplier=1.0 if last else scale.multiplier, parts=parts, device=device, dtype=dtype,
        )  # fmt: skip
        draw_(layer, scale.std, bias=not last, generator=generator)
        layers.append(layer)
    return nn.ModuleList(layers)


def tensor(values: Any) -> torch.Tensor:
    """A copy of an array as a tensor on the host."""
    return torch.tensor(np.asarray(values))


def array(values: torch.Tensor | None) -> Any:
    """A copy of a tensor as a JAX array, None for None."""
    if values is None:
        return None
    host = values.detach().cpu()
    return jnp.asarray((host if host.dtype == torch.float64 else host.float()).numpy().copy(), float)


def affine(layer: Any) -> networks.Affine:
    """A Linear or Affine as the layer of a network."""
    factors = (getattr(layer, "multiplier", 1.0), getattr(layer, "bias_multiplier", 1.0))
    make = lambda weight, bias: networks.Affine(weight, bias, *factors)
    weight, bias = array(layer.weight), array(layer.bias)
    return make(weight, bias) if weight.ndim == 2 else eqx.filter_vmap(make)(weight, bias)
