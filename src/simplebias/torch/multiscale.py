"""Multi-scale networks (MscaleDNN) as a PyTorch module."""

from typing import Any

import torch
from torch import Tensor, nn

from simplebias.core.errors import InputError, check_positive
from simplebias.core.types import ArrayLike
from simplebias.networks.dropping import make_dropout
from simplebias.networks.initialisation import Initialisation
from simplebias.networks.multiscale import SCALES, _check_amplitudes, _check_scales, _check_version, _owners
from simplebias.torch.activations import activation as make_activation
from simplebias.torch.layers import Affine, make_layers


class MultiScale(nn.Module):
    """A multi-scale network, `f(x) = Σ_i A_i N_i(a_i x)` or one net with a scaled first layer, for any PyTorch loop.

    The same as `simplebias.networks.MultiScale`: each part learns frequencies near those of its scale, all at about one
    pace. The parts of version 2 are computed side by side, in as few calls as one network. The scaled first layer is
    computed in the precision of its weights under autocast too: phases of large scales need all digits.

    Args:
        inputs: number of inputs.
        outputs: number of outputs.
        width: neurons of every hidden layer, of all scales together.
        depth: number of hidden layers.
        scales: the factors a_i of the inputs, such as those of `scales_from`.
        version: 2 for parallel networks, 1 for one network.
        trainable: whether the scales are trained, one number for each.
        repeats: whether a scale may occur more than once.
        amplitudes: fixed factors A_i of the outputs in version 2; 1 by default.
        activation: name of σ, see `activation`.
        initialisation: text or Initialisation, of each part.
        output_bias: whether the output layers have a bias.
        dropout: share of neurons dropped in training.
        generator: of the random weights; PyTorch's own if None.
        device: of the weights.
        dtype: of the weights.

    Raises:
        InputError: for scales, sizes, names or rates that cannot be used.

    References:
        Cai, Xu, Multi-scale deep neural networks for solving high dimensional PDEs, arXiv:1910.11710; Liu, Cai, Xu,
        Multi-scale deep neural network (MscaleDNN) for solving Poisson-Boltzmann equation in complex domains,
        arXiv:2007.11207.

    Example:
        >>> model = MultiScale(2, 1, 60, 3, scales=(1, 2, 4))
        >>> model(torch.rand(5, 2)).shape, sorted(model.state_dict())[:2]
        (torch.Size([5, 1]), ['layers.0.bias', 'layers.0.weight'])
    """

    scales: Tensor
    owner: Tensor
    output_factors: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        width: int,
        depth: int,
        *,
        scales: ArrayLike = SCALES,
        version: int = 2,
        trainable: bool = False,
        repeats: bool = False,
        amplitudes: ArrayLike = None,
        activation: str = "sin",
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
        if isinstance(scales, Tensor):
            scales = scales.tolist()
        chosen = _check_scales(scales, repeats)
        count = len(chosen)
        _check_version(version, width, count)
        made = torch.tensor(chosen, device=device, dtype=dtype or torch.get_default_dtype())
        self.version, self.activation_name = version, activation
        self.amplitudes = _check_amplitudes(amplitudes, version, count)
        if self.amplitudes is not None:
            self.register_buffer("output_factors", torch.tensor(self.amplitudes).to(made), persistent=False)
        if trainable:
            self.scales = nn.Parameter(made)
        else:
            self.register_buffer("scales", made)
        each = width // count if version == 2 else width
        self.register_buffer("owner", torch.as_tensor(_owners(width, count), device=device), persistent=False)
        sizes = (int(inputs), *[int(each)] * int(depth), int(outputs))
        self.layers = make_layers(
            sizes, initialisation, output_bias=output_bias, parts=count if version == 2 else None, generator=generator,
            device=device, dtype=dtype,
        )  # fmt: skip
        self.activation, self.dropout = make_activation(activation), nn.Dropout(float(make_dropout(dropout).p))

    def forward(self, x: Tensor) -> Tensor:
        """Outputs `(..., outputs)` at points `(..., inputs)`."""
        layers: Any = self.layers
        first, *others = layers
        inputs = first.weight.shape[-1]
        if x.shape[-1] != inputs:
            raise InputError(f"points of shape (..., {inputs})", f"shape {tuple(x.shape)}")
        flat = x.reshape(-1, inputs)
        with torch.autocast(x.device.type, enabled=False):
            flat = flat.to(first.weight.dtype)
            h = self._first(first, flat)
        for layer in others:
            h = layer(self.dropout(self.activation(h)))
        if self.version == 2:
            h = (h if self.amplitudes is None else self.output_factors[:, None, None] * h).sum(dim=0)
        return h.reshape(*x.shape[:-1], h.shape[-1])

    def _first(self, layer: Any, x: Tensor) -> Tensor:
        if self.version == 2:
            return layer(self.scales[:, None, None] * x)
        mapped = self.factors * nn.functional.linear(layer.multiplier * x, layer.weight)
        bias = layer.effective_bias
        return mapped if bias is None else mapped + bias

    @property
    def factors(self) -> Tensor:
        """The scale of each neuron of the first layer, `(neurons,)`."""
        return self.scales[self.owner]

    def neuron_rows(self) -> dict[str, tuple[Tensor, Tensor | None]]:
        """Effective weights and biases of the hidden layers, scales included, as `simplebias.watch` shows them."""
        shown = {}
        for place, layer in enumerate(self.layers[:-1]):
            assert isinstance(layer, Affine)
            weight, bias = layer.neuron_rows()[""]
            shown[f"layer {place + 1}"] = (self.factors[:, None] * weight if place == 0 else weight, bias)
        return shown
