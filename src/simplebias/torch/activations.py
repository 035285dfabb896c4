"""The activations of `simplebias.networks` as PyTorch modules, and their names back."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from simplebias.core.errors import InputError, check_choice, check_positive
from simplebias.networks import activation as find_activation


class Sine(nn.Module):
    """`σ(x) = sin(frequency · x)`.

    Args:
        frequency: angular frequency, radians per unit of the neuron's input.

    Raises:
        InputError: if it is not positive.

    Example:
        >>> Sine(2.0)(torch.tensor(math.pi / 4))
        tensor(1.)
    """

    def __init__(self, frequency: float | int = 1.0):
        nn.Module.__init__(self)
        check_positive(frequency, "frequency")
        self.frequency = float(frequency)

    def forward(self, x: Tensor) -> Tensor:
        """Apply it."""
        return torch.sin(x if self.frequency == 1 else self.frequency * x)

    def extra_repr(self) -> str:
        """The frequency."""
        return f"{self.frequency:g}"


class Cosine(nn.Module):
    """`σ(x) = cos x`.

    Example:
        >>> Cosine()(torch.zeros(1)).tolist()
        [1.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Apply it."""
        return torch.cos(x)


class SineCosine(nn.Module):
    """`σ(x) = ½ (sin x + cos x)`.

    Example:
        >>> SineCosine()(torch.zeros(1)).tolist()
        [0.5]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Apply it."""
        return 0.5 * (torch.sin(x) + torch.cos(x))


class SReLU(nn.Module):
    """`σ(x) = x₊ (1 - x)₊`, of bounded support, for multi-scale networks.

    References:
        Liu, Cai, Xu, Multi-scale deep neural network (MscaleDNN) for solving Poisson-Boltzmann equation in complex
        domains, arXiv:2007.11207.

    Example:
        >>> SReLU()(torch.tensor([-1.0, 0.5, 2.0])).tolist()
        [0.0, 0.25, 0.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Apply it."""
        return torch.relu(x) * torch.relu(1 - x)


class S2ReLU(nn.Module):
    """`σ(x) = sin(2πx) x₊ (1 - x)₊`, of bounded support, for multi-scale networks.

    References:
        arXiv:2009.14597.

    Example:
        >>> S2ReLU()(torch.tensor([0.25])).tolist()
        [0.1875]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Apply it."""
        return torch.sin(2 * math.pi * x) * (torch.relu(x) * torch.relu(1 - x))


class Phi(nn.Module):
    """The quadratic B-spline on [0, 3], `x₊² - 3 (x-1)₊² + 3 (x-2)₊² - (x-3)₊²`, for multi-scale networks.

    References:
        Liu, Cai, Xu, Multi-scale deep neural network (MscaleDNN) for solving Poisson-Boltzmann equation in complex
        domains, arXiv:2007.11207.

    Example:
        >>> Phi()(torch.tensor([-1.0, 1.5, 4.0])).tolist()
        [0.0, 1.5, 0.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Apply it."""
        x = torch.clamp(x, 0, 3)  # beyond its support the squares cancel only up to rounding
        return x**2 - 3 * torch.relu(x - 1) ** 2 + 3 * torch.relu(x - 2) ** 2


class XTanh(nn.Module):
    """`σ(x) = x tanh x`, of multiplicity 2.

    References:
        arXiv:2105.11686.

    Example:
        >>> XTanh()(torch.zeros(1)).tolist()
        [0.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Apply it."""
        return x * torch.tanh(x)


class X2Tanh(nn.Module):
    """`σ(x) = x² tanh x`, of multiplicity 3.

    References:
        arXiv:2105.11686.

    Example:
        >>> X2Tanh()(torch.zeros(1)).tolist()
        [0.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Apply it."""
        return x**2 * torch.tanh(x)


class Ricker(nn.Module):
    """The Ricker wavelet `σ(x) = π^¼ / (15 a) · (1 - (x/a)²) · exp(-x² / (2a²))`.

    Args:
        a: width of the wavelet, in units of the neuron's input.

    Raises:
        InputError: if it is not positive.

    Example:
        >>> round(float(Ricker(0.3)(torch.zeros(()))), 4)
        0.2959
    """

    def __init__(self, a: float | int = 1.0):
        nn.Module.__init__(self)
        check_positive(a, "a")
        self.a = float(a)

    def forward(self, x: Tensor) -> Tensor:
        """Apply it."""
        square = (x / self.a) ** 2
        return math.pi**0.25 / (15 * self.a) * (1 - square) * torch.exp(-square / 2)

    def extra_repr(self) -> str:
        """The width."""
        return f"{self.a:g}"


_MAKERS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softplus": lambda: nn.Softplus(threshold=40),  # from where on the rest is below rounding in float64 too
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "elu": nn.ELU,
    "leaky_relu": nn.LeakyReLU,
    "sin": Sine,
    "sincos": SineCosine,
    "cos": Cosine,
    "identity": nn.Identity,
    "srelu": SReLU,
    "phi": Phi,
    "s2relu": S2ReLU,
    "xtanh": XTanh,
    "x2tanh": X2Tanh,
    "ricker": Ricker,
}
_FAMILIES: dict[str, Callable[[float], nn.Module]] = {"sin": Sine, "ricker": Ricker}


def activation(name: str) -> nn.Module:
    """An activation of `simplebias.networks` as a PyTorch module.

    Args:
        name: one of `simplebias.networks.ACTIVATIONS`, or a family with its parameter, such as "sin:10".

    Returns:
        PyTorch's own module where it has one.

    Raises:
        InputError: for an unknown name or a bad parameter.

    Example:
        >>> activation("tanh"), activation("sin:10")
        (Tanh(), Sine(10))
    """
    find_activation(name)
    family, colon, parameter = name.partition(":")
    if colon:
        return _FAMILIES[family](float(parameter))
    check_choice(name, "activation", _MAKERS)
    return _MAKERS[name]()


def name_of(module: nn.Module) -> str | None:
    """The name of an activation module, None for any other module.

    Args:
        module: any.

    Returns:
        A name that `activation` reads.

    Raises:
        InputError: for an activation with parameters that no name has.

    Example:
        >>> name_of(Sine(10)), name_of(nn.ReLU()), name_of(nn.Linear(1, 1))
        ('sin:10', 'relu', None)
    """
    if isinstance(module, Sine | Ricker):
        family, parameter = ("sin", module.frequency) if isinstance(module, Sine) else ("ricker", module.a)
        return family if parameter == 1 else f"{family}:{repr(parameter).removesuffix('.0')}"
    for name, maker in _MAKERS.items():
        plain = maker()
        if type(plain) is type(module) and name != "identity":
            own, usual = vars(module), vars(plain)
            if any(own[key] != usual[key] for key in PARAMETERS if key in own):
                raise InputError(f"{name} with its usual parameters", repr(module))
            return name
    return None


PARAMETERS = ("alpha", "beta", "negative_slope", "approximate")
"""What changes an activation of PyTorch."""
