"""Drop-in modules for PyTorch: multi-scale networks, encodings, activations; conversion, and where a module stands."""

from simplebias.core.errors import InputError

try:
    import torch as _torch  # ruff: ignore[unused-import] - told here with its remedy, whichever name is asked for first
except ModuleNotFoundError as error:
    _missing = InputError("the package torch", "an environment without it", "pip install simplebias[torch]")
    raise _missing from error

from simplebias.torch.activations import (
    Cosine,
    Phi,
    Ricker,
    S2ReLU,
    Sine,
    SineCosine,
    SReLU,
    X2Tanh,
    XTanh,
    activation,
    name_of,
)
from simplebias.torch.chains import chain
from simplebias.torch.conversion import from_torch, to_torch
from simplebias.torch.encodings import FourierFeatures, PositionalEncoding
from simplebias.torch.layers import Affine
from simplebias.torch.multiscale import MultiScale
from simplebias.torch.phases import phase_, where
from simplebias.torch.reduction import ReducedModule, reduce
from simplebias.torch.residual import ResNet
from simplebias.torch.scales import scales_from
from simplebias.torch.subspace import SubspaceNet, orthogonality

__all__ = [
    "Affine",
    "Cosine",
    "FourierFeatures",
    "MultiScale",
    "Phi",
    "PositionalEncoding",
    "ReducedModule",
    "ResNet",
    "Ricker",
    "S2ReLU",
    "SReLU",
    "Sine",
    "SineCosine",
    "SubspaceNet",
    "X2Tanh",
    "XTanh",
    "activation",
    "chain",
    "from_torch",
    "name_of",
    "orthogonality",
    "phase_",
    "reduce",
    "scales_from",
    "to_torch",
    "where",
]
