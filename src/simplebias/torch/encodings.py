"""Encodings of the inputs by sines and cosines, as PyTorch modules to stand before a model."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from simplebias.core.errors import InputError, check_positive
from simplebias.core.types import ArrayLike
from simplebias.networks.encodings import _pairs, _stds


def _phases(x: Tensor, frequencies: Tensor) -> Tensor:
    """`2π B x` in the precision of the frequencies, under autocast too: a phase needs all its digits."""
    if x.shape[-1] != frequencies.shape[-1]:
        raise InputError(f"points of shape (..., {frequencies.shape[-1]})", f"shape {tuple(x.shape)}")
    with torch.autocast(x.device.type, enabled=False):
        return 2 * math.pi * nn.functional.linear(x.to(frequencies.dtype), frequencies)


class FourierFeatures(nn.Module):
    """Random Fourier features, `γ(x) = (cos 2πBx, sin 2πBx)` with frequencies B drawn once and not trained.

    The same as `simplebias.networks.FourierFeatures`. The frequencies are a buffer: saved and moved with the model, and
    no optimiser sees them.

    Args:
        inputs: number of inputs.
        size: number of features, two for each frequency.
        frequency_std: standard deviation of the frequencies, one for all inputs or one for each, in cycles per unit;
            `scales_from(points, values).feature_std`.
        generator: of the random frequencies; PyTorch's own if None.
        device: of the frequencies.
        dtype: of the frequencies.

    Raises:
        InputError: for sizes or stds that cannot be used.

    References:
        Tancik et al., Fourier features let networks learn high frequency functions in low dimensional domains,
        arXiv:2006.10739.

    Example:
        >>> model = nn.Sequential(FourierFeatures(2, 64, frequency_std=4.0), nn.Linear(64, 1))
        >>> model(torch.rand(5, 2)).shape
        torch.Size([5, 1])
    """

    frequencies: Tensor

    def __init__(
        self,
        inputs: int,
        size: int,
        *,
        frequency_std: ArrayLike,
        generator: torch.Generator | None = None,
        device: Any = None,
        dtype: Any = None,
    ):
        nn.Module.__init__(self)
        check_positive(inputs, "inputs", integer=True)
        stds, pairs = _stds(frequency_std, inputs), _pairs(size)
        drawn = torch.randn(pairs, inputs, generator=generator, device=device, dtype=dtype)
        self.register_buffer("frequencies", drawn * torch.as_tensor(stds, device=drawn.device, dtype=drawn.dtype))

    @property
    def size(self) -> int:
        """Number of features."""
        return 2 * self.frequencies.shape[0]

    def forward(self, x: Tensor) -> Tensor:
        """Features `(..., size)` of points `(..., inputs)`: all cosines, then all sines."""
        phases = _phases(x, self.frequencies)
        return torch.cat([torch.cos(phases), torch.sin(phases)], dim=-1)

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.frequencies.shape[1]}, {self.size}"


class PositionalEncoding(nn.Module):
    """The positional encoding of NeRF, `sin(2^j π x_i)` and `cos(2^j π x_i)` for each input and octave j from 0.

    The same as `simplebias.networks.PositionalEncoding`.

    Args:
        inputs: number of inputs.
        octaves: how many j; the highest frequency is `2^(octaves - 2)` cycles per unit.
        with_inputs: whether the inputs themselves come first.

    Raises:
        InputError: for numbers that are not whole and positive.

    References:
        Mildenhall et al., NeRF: representing scenes as neural radiance fields for view synthesis, arXiv:2003.08934.

    Example:
        >>> PositionalEncoding(3, 4)(torch.rand(5, 3)).shape
        torch.Size([5, 24])
    """

    def __init__(self, inputs: int, octaves: int = 10, *, with_inputs: bool = False):
        nn.Module.__init__(self)
        check_positive(inputs, "inputs", integer=True)
        check_positive(octaves, "octaves", integer=True)
        self.inputs, self.octaves, self.with_inputs = int(inputs), int(octaves), with_inputs

    @property
    def size(self) -> int:
        """Number of features."""
        return self.inputs * (2 * self.octaves + self.with_inputs)

    def forward(self, x: Tensor) -> Tensor:
        """Features `(..., size)` of points `(..., inputs)`: all sines, octave after octave, then all cosines."""
        if x.shape[-1] != self.inputs:
            raise InputError(f"points of shape (..., {self.inputs})", f"shape {tuple(x.shape)}")
        octaves = math.pi * 2.0 ** torch.arange(self.octaves, device=x.device, dtype=x.dtype)
        phases = (octaves[:, None] * x[..., None, :]).flatten(-2)
        parts = [torch.sin(phases), torch.cos(phases)]
        return torch.cat([x, *parts] if self.with_inputs else parts, dim=-1)

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.inputs}, octaves={self.octaves}, with_inputs={self.with_inputs}"
