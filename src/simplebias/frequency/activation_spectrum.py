"""The spectrum of an activation, `|F[σ](η)|`: what gives two-layer networks their bias towards low frequencies."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import erfc

from simplebias.core.errors import InputError, check_choice, check_positive
from simplebias.core.types import ArrayLike
from simplebias.frequency.sampling import host_positive
from simplebias.networks.activations import POINT_SPECTRUM, activation

METHODS = ("closed", "windowed")
"""By formula, or by a numerical transform within a window."""
HALF_WIDTH = 96.0
"""Half of the window, in units of the neuron's input."""
LOWEST = 24.0
"""Least number of cycles within half a window, below which the window is seen instead of the activation."""
LARGEST = 2**22
"""Most samples within a window."""


def _csch(z: np.ndarray) -> np.ndarray:
    return 2 * np.exp(-z) / -np.expm1(-2 * z)


def _relu(eta: np.ndarray) -> np.ndarray:
    return 1 / (4 * math.pi**2 * eta**2)


def _tanh(eta: np.ndarray) -> np.ndarray:
    return math.pi * _csch(math.pi**2 * eta)


def _sigmoid(eta: np.ndarray) -> np.ndarray:
    return _tanh(2 * eta)  # σ(x) = ½ + ½ tanh(x/2)


def _xtanh(eta: np.ndarray) -> np.ndarray:
    z = math.pi**2 * eta
    return math.pi**2 / 2 * _csch(z) / np.tanh(z)


def _x2tanh(eta: np.ndarray) -> np.ndarray:
    z = math.pi**2 * eta
    return math.pi**3 / 4 * _csch(z) * (np.tanh(z) ** -2 + _csch(z) ** 2)


def _gelu(eta: np.ndarray) -> np.ndarray:
    square = (2 * math.pi * eta) ** 2
    return (1 + square) * np.exp(-square / 2) / square


def _elu(eta: np.ndarray) -> np.ndarray:
    square = (2 * math.pi * eta) ** 2
    return 1 / (square * np.sqrt(1 + square))


def _bump(eta: np.ndarray) -> np.ndarray:
    """Transform of `x₊(1-x)₊` about its middle, `(sin θ - θ cos θ) / 2θ³`, real, even, with `θ = πη`."""
    theta = math.pi * eta
    near = np.abs(theta) < 1e-2
    safe = np.where(near, 1, theta)
    return np.where(near, 1 / 6 - theta**2 / 60, (np.sin(safe) - safe * np.cos(safe)) / (2 * safe**3))


_CLOSED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": _relu,
    "leaky_relu": lambda eta: 0.99 * _relu(eta),
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "softplus": lambda eta: _sigmoid(eta) / (2 * math.pi * eta),
    "gelu": _gelu,
    "silu": lambda eta: 2 * _xtanh(2 * eta),  # x/2 + (x/2) tanh(x/2)
    "elu": _elu,
    "srelu": lambda eta: np.abs(_bump(eta)),
    "phi": lambda eta: 2 * np.abs(np.sinc(eta)) ** 3,
    "s2relu": lambda eta: np.abs(_bump(eta - 1) - _bump(eta + 1)) / 2,
    "xtanh": _xtanh,
    "x2tanh": _x2tanh,
}


def _ricker(eta: np.ndarray, width: float) -> np.ndarray:
    square = (2 * math.pi * width * eta) ** 2
    return math.pi**0.25 / 15 * math.sqrt(2 * math.pi) * square * np.exp(-square / 2)


def activation_spectrum(
    name: str, frequencies: ArrayLike, *, method: str = "closed", half_width: float | int = HALF_WIDTH
) -> np.ndarray:
    """Modulus of an activation's transform `F[σ](η) = ∫ σ(x) exp(-2πi η x) dx` at frequencies above zero.

    Activations that grow have a transform at `η ≠ 0` only, in the sense of distributions: constants and lines sit at
    zero. ReLU has `1 / (4π²η²)`, tanh `π csch(π²η)`; the argument `πη` of some texts is wrong in this convention. A
    jump of the derivative of order `q - 1` gives `η^-q`, an analytic function falls exponentially. `"windowed"` sums
    over a window with soft ends, for activations by any name; at a kink it errs by up to about 10⁻³ of the spectrum,
    and what is below about 10⁻¹³ is rounding.

    Args:
        name: of an activation, as `simplebias.networks.activation` knows it.
        frequencies: `(frequencies,)`, positive, cycles per unit of the neuron's input.
        method: "closed" or "windowed".
        half_width: half of the window, in units of the neuron's input.

    Returns:
        `(frequencies,)`, float64 on the host, in units of the activation times that of its input.

    Raises:
        InputError: for an activation that has a spectrum at single frequencies only (sin, cos, identity), or
            frequencies that are not positive or too low or too high for the window.

    References:
        Xu, Zhang, Luo, Xiao, Ma, Frequency Principle, arXiv:1901.06523; Zhang, Xu, Luo, Ma, arXiv:1905.10264.

    Example:
        >>> activation_spectrum("relu", [1.0, 10.0]) * 4 * np.pi**2
        array([1.  , 0.01])
        >>> closed, summed = (activation_spectrum("tanh", [0.5], method=method) for method in ("closed", "windowed"))
        >>> bool(np.allclose(closed, summed, rtol=1e-6))
        True
    """
    check_choice(method, "method", METHODS)
    found = activation(name)
    if found.decay == POINT_SPECTRUM:
        raise InputError(
            "an activation with a spectrum", f"{name!r}, with {POINT_SPECTRUM}", "For sin, see sine_atoms."
        )
    eta = host_positive(frequencies, "frequencies")
    if method == "windowed":
        return _windowed(found.function, eta, half_width)
    family, _, parameter = name.partition(":")
    if family == "ricker":
        return _ricker(eta, float(parameter or 1))
    if name not in _CLOSED:
        raise InputError("an activation with a known closed form", repr(name), "Use method='windowed'.")
    return _CLOSED[name](eta)


def _windowed(function: Callable, eta: np.ndarray, half_width: float) -> np.ndarray:
    check_positive(half_width, "half_width")
    if eta.min() * half_width < LOWEST:
        raise InputError(
            f"frequencies from {LOWEST / half_width:.3g} on within this window",
            f"{eta.min():.3g}",
            f"Use half_width={math.ceil(LOWEST / eta.min())} or the closed form.",
        )
    step = 2.0 ** -max(9, math.ceil(math.log2(64 * eta.max())))
    count = math.ceil(half_width / step)
    if 2 * count > LARGEST:
        raise InputError(f"at most {LARGEST} samples within the window", f"{2 * count}", "Take lower frequencies.")
    x = step * np.arange(-count + 1, count)
    with jax.enable_x64(True):
        samples = np.asarray(function(jnp.asarray(x))) * _taper(np.abs(x) / half_width)
    waves = (samples @ np.exp(-2j * np.pi * frequency * x) for frequency in eta)
    return step * np.abs(np.fromiter(waves, complex, len(eta)))


def _taper(distance: np.ndarray) -> np.ndarray:
    """1 at 0 and 0 at 1 up to rounding, with a Gaussian slope about ½, whose transform falls as a Gaussian."""
    return erfc(12 * distance - 6) / 2
