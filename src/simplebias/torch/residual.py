"""The residual fully connected network of `simplebias.networks` as a PyTorch module."""

from typing import Any

import torch
from torch import Tensor, nn

from simplebias.core.errors import check_positive
from simplebias.networks.dropping import make_dropout
from simplebias.networks.initialisation import Initialisation
from simplebias.torch.activations import activation as make_activation
from simplebias.torch.layers import make_layers


class ResNet(nn.Module):
    """A residual fully connected network, `h ← h + σ(W h + b)` from the second hidden layer on.

    Args:
        inputs: number of inputs.
        outputs: number of outputs.
        width: neurons of every hidden layer.
        depth: number of hidden layers, the first (without a shortcut) included.
        activation: name of σ, see `activation`.
        initialisation: text or Initialisation.
        output_bias: whether the output layer has a bias.
        dropout: share of entries of h dropped after each hidden layer in training.
        generator: of the random weights; PyTorch's own if None.
        device: of the weights.
        dtype: of the weights.

    Raises:
        InputError: for sizes, names or rates that cannot be used.

    Example:
        >>> ResNet(3, 1, 18, 5)(torch.rand(4, 3)).shape
        torch.Size([4, 1])
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        width: int,
        depth: int,
        *,
        activation: str = "tanh",
        initialisation: str | Initialisation = "lecun",
        output_bias: bool = True,
        dropout: float | int = 0.0,
        generator: torch.Generator | None = None,
        device: Any = None,
        dtype: Any = None,
    ):
        nn.Module.__init__(self)
        for name, size in {"inputs": inputs, "outputs": outputs, "width": width, "depth": depth}.items():
            check_positive(size, name, integer=True)
        sizes = (int(inputs), *[int(width)] * int(depth), int(outputs))
        self.activation_name = activation
        self.layers = make_layers(
            sizes, initialisation, output_bias=output_bias, parts=None, generator=generator, device=device, dtype=dtype,
        )  # fmt: skip
        self.activation, self.dropout = make_activation(activation), nn.Dropout(float(make_dropout(dropout).p))

    def forward(self, x: Tensor) -> Tensor:
        """Outputs `(..., outputs)` at points `(..., inputs)`."""
        first, *others, last = self.layers
        h = self.dropout(self.activation(first(x)))
        for layer in others:
            h = self.dropout(h + self.activation(layer(h)))
        return last(h)
