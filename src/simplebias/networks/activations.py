"""Activations by name, each with what theory asks of it: multiplicity, decay of its spectrum, homogeneity, parity."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp

from simplebias.core.errors import InputError, check_choice, check_positive
from simplebias.core.trigonometry import cos, sin
from simplebias.core.types import Array

EXPONENTIAL = "exponential or faster"
POINT_SPECTRUM = "no spectrum but at single frequencies"


@dataclasses.dataclass(frozen=True)
class Activation:
    """A function applied to each neuron, with its properties.

    Args:
        name: the text that finds it again with `activation(name)`; two of the same name are equal.
        function: acts component-wise.
        multiplicity: order p of the first derivative of σ at 0 that does not vanish; at small initial weights neurons
            condense on at most p lines (arXiv:2105.11686). None where that derivative does not exist.
        fourier_decay: exponent q of `|σ̂(ξ)| ~ |ξ|^-q` at high frequency ξ; None where `decay` says why there is none.
        decay: the decay in words.
        degree: degree of positive homogeneity, `σ(cx) = c^degree σ(x)` for c > 0, or None.
        parity: "odd", "even" or None.
        smooth: whether σ has derivatives of every order everywhere.

    Example:
        >>> function = lambda x: jax.nn.relu(1 - jnp.abs(x))
        >>> hat = Activation("hat", function, None, 2, "|ξ|^-2", parity="even", smooth=False)
        >>> hat(jnp.array([-0.5, 2.0])).tolist()
        [0.5, 0.0]
    """

    name: str
    function: Callable[[Array], Array] = dataclasses.field(compare=False)
    multiplicity: int | None
    fourier_decay: int | None = None
    decay: str = EXPONENTIAL
    degree: int | None = None
    parity: Literal["odd", "even"] | None = None
    smooth: bool = True

    def __call__(self, x: Array) -> Array:
        """Apply the function."""
        return self.function(x)

    @property
    def largest_derivative(self) -> int | None:
        """Highest order of which the derivative is a function, with jumps at most; None where every order is.

        Each order costs one power of the decay of the spectrum, and a jump is left when one power is: q - 1.
        """
        return None if self.smooth or self.fourier_decay is None else self.fourier_decay - 1


def _rough(name: str, function: Callable, multiplicity: int | None, exponent: int, degree: int | None = None):
    decay = f"|ξ|^-{exponent}"
    return Activation(name, function, multiplicity, exponent, decay, degree, smooth=False)


def _label(family: str, parameter: float | int) -> str:
    return family if parameter == 1 else f"{family}:{repr(float(parameter)).removesuffix('.0')}"


def _srelu(x):
    return jax.nn.relu(x) * jax.nn.relu(1 - x)


def _phi(x):
    x = jnp.clip(x, 0, 3)  # beyond its support the squares cancel only up to rounding
    r1, r2 = jax.nn.relu(x - 1), jax.nn.relu(x - 2)
    return x**2 - 3 * r1**2 + 3 * r2**2


def _s2relu(x):
    return sin(2 * math.pi * x) * _srelu(x)


@functools.cache
def ricker(a: float | int = 1.0) -> Activation:
    """The Ricker wavelet `σ(x) = π^¼ / (15 a) · (1 - (x/a)²) · exp(-x² / (2a²))`.

    Its spectrum peaks at `√2 / (2πa)` cycles per unit length, so a small `a` favours high frequencies and breaks the
    Frequency Principle.

    Args:
        a: width of the wavelet, in units of the neuron's input.

    Returns:
        The activation, named `ricker:a`.

    Raises:
        InputError: if `a` is not positive.

    Example:
        >>> round(float(ricker(0.3)(jnp.zeros(()))), 4)
        0.2959
    """
    check_positive(a, "a")
    name = _label("ricker", a)

    def function(x):
        square = (x / a) ** 2
        return math.pi**0.25 / (15 * a) * (1 - square) * jnp.exp(-square / 2)

    return Activation(name, function, 2, parity="even")


@functools.cache
def sine(frequency: float | int = 1.0) -> Activation:
    """`σ(x) = sin(frequency · x)`; a high angular frequency breaks the Frequency Principle.

    Args:
        frequency: angular frequency ω, radians per unit of the neuron's input.

    Returns:
        The activation, named `sin` or `sin:frequency`.

    Raises:
        InputError: if `frequency` is not positive.

    Example:
        >>> sine(10).name
        'sin:10'
    """
    check_positive(frequency, "frequency")
    name = _label("sin", frequency)
    return Activation(name, lambda x: sin(frequency * x), 1, decay=POINT_SPECTRUM, parity="odd")


_ALL = (
    _rough("relu", jax.nn.relu, None, 2, degree=1),
    Activation("tanh", jnp.tanh, 1, parity="odd"),
    Activation("sigmoid", jax.nn.sigmoid, 1),
    Activation("softplus", jax.nn.softplus, 1),
    Activation("gelu", lambda x: jax.nn.gelu(x, approximate=False), 1),
    Activation("silu", jax.nn.silu, 1),
    _rough("elu", jax.nn.elu, 1, 3),
    _rough("leaky_relu", jax.nn.leaky_relu, None, 2, degree=1),
    sine(),
    Activation("sincos", lambda x: 0.5 * (sin(x) + cos(x)), 1, decay=POINT_SPECTRUM),
    Activation("cos", cos, 2, decay=POINT_SPECTRUM, parity="even"),
    Activation("identity", lambda x: x, 1, decay=POINT_SPECTRUM, degree=1, parity="odd"),
    _rough("srelu", _srelu, None, 2),
    _rough("phi", _phi, None, 3),
    _rough("s2relu", _s2relu, None, 3),
    Activation("xtanh", lambda x: x * jnp.tanh(x), 2, parity="even"),
    Activation("x2tanh", lambda x: x**2 * jnp.tanh(x), 3, parity="odd"),
    ricker(),
)
ACTIVATIONS: dict[str, Activation] = {one.name: one for one in _ALL}
"""All activations by name.

`srelu` is `x₊(1-x)₊`, `phi` the quadratic B-spline on [0, 3] and `s2relu` is `sin(2πx) srelu(x)`, all three from
multi-scale networks (arXiv:2007.11207, arXiv:2009.14597); `xtanh` is `x tanh x` and `x2tanh` is `x² tanh x`
(arXiv:2105.11686). `sincos` is `½ (sin x + cos x)`. `gelu` is the exact one, `leaky_relu` has slope 0.01 for x < 0.
"""

_FAMILIES: dict[str, Callable[[float], Activation]] = {"ricker": ricker, "sin": sine}


def activation(name: str) -> Activation:
    """Find an activation by name; `"ricker:0.3"` and `"sin:10"` give the parameter after a colon.

    Args:
        name: one of `ACTIVATIONS`, or a family and its parameter.

    Returns:
        The activation.

    Raises:
        InputError: for an unknown name or a bad parameter.

    Example:
        >>> activation("x2tanh").multiplicity
        3
        >>> activation("sin:10").name
        'sin:10'
    """
    family, colon, parameter = name.partition(":")
    if not colon:
        check_choice(name, "activation", ACTIVATIONS)
        return ACTIVATIONS[name]
    check_choice(family, "activation with a parameter", _FAMILIES)
    try:
        value = float(parameter)
    except ValueError:
        raise InputError(f"a number after '{family}:'", repr(parameter)) from None
    return _FAMILIES[family](value)
