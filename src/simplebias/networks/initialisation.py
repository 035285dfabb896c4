"""How weights are drawn: std of each layer's Gaussian and multiplier in the forward pass, by name or by coordinate.

The bias is absorbed, as in the condensation literature: a layer maps `(x, 1)`, so its biases have the std and the
multiplier of its weights. The output bias, where there is one, starts at zero and has no multiplier.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence

from simplebias.core.errors import InputError, check_choice, check_positive

Sizes = Sequence[int]


@dataclasses.dataclass(frozen=True)
class LayerScale:
    """Scales of one layer.

    Args:
        std: standard deviation (not variance) of the weights and biases when drawn.
        multiplier: fixed factor in the forward pass, not trained.
    """

    std: float
    multiplier: float = 1.0


def _lecun(sizes: Sizes) -> list[LayerScale]:
    return [LayerScale(1 / math.sqrt(fan_in)) for fan_in in sizes[:-1]]


def _he(sizes: Sizes) -> list[LayerScale]:
    return [LayerScale(math.sqrt(2 / fan_in)) for fan_in in sizes[:-1]]


def _xavier(sizes: Sizes) -> list[LayerScale]:
    return [LayerScale(math.sqrt(2 / sum(pair))) for pair in itertools.pairwise(sizes)]


def _ntk(sizes: Sizes) -> list[LayerScale]:
    return [LayerScale(1.0), *(LayerScale(1.0, 1 / math.sqrt(fan_in)) for fan_in in sizes[1:-1])]


def _mean_field(sizes: Sizes) -> list[LayerScale]:
    return [*_ntk(sizes)[:-1], LayerScale(1.0, 1 / sizes[-2])]


def _weight_std(sizes: Sizes, std: float) -> list[LayerScale]:
    return [LayerScale(std)] * (len(sizes) - 1)


def _power(sizes: Sizes, t: float) -> list[LayerScale]:
    return _weight_std(sizes, sizes[1] ** -t)


def _fan_in(sizes: Sizes, gamma: float) -> list[LayerScale]:
    return [LayerScale(fan_in**-gamma) for fan_in in sizes[:-1]]


def _phase(sizes: Sizes, gamma: float, gamma_prime: float) -> list[LayerScale]:
    if len(sizes) != 3:
        raise InputError("a two-layer network for phase coordinates", f"{len(sizes) - 2} hidden layers")
    width = sizes[1]
    return [LayerScale(1.0), LayerScale(width**-gamma_prime, width ** (gamma_prime - gamma))]


_NAMED: dict[str, Callable[..., list[LayerScale]]] = {
    "ntk": _ntk,
    "lecun": _lecun,
    "he": _he,
    "xavier": _xavier,
    "mean-field": _mean_field,
}
_PARAMETRIC: dict[str, tuple[Callable[..., list[LayerScale]], tuple[str, ...]]] = {
    "weight-std": (_weight_std, ("std",)),
    "power": (_power, ("t",)),
    "fan-in": (_fan_in, ("gamma",)),
    "phase": (_phase, ("gamma", "gamma_prime")),
}
INITIALISATIONS = (*_NAMED, *_PARAMETRIC)
"""Names that `initialisation` knows."""


@dataclasses.dataclass(frozen=True)
class Initialisation:
    """A rule that gives each layer its scales. `str()` of it is text that `initialisation` reads back.

    Args:
        name: one of `INITIALISATIONS`.
        parameters: its parameters, in order.

    Raises:
        InputError: for an unknown name, a wrong number of parameters, or values that are not finite numbers.

    Example:
        >>> Initialisation("lecun").scales((4, 100, 1))[1]
        LayerScale(std=0.1, multiplier=1.0)
    """

    name: str
    parameters: tuple[float | int, ...] = ()

    def __post_init__(self):
        check_choice(self.name, "initialisation", INITIALISATIONS)
        wanted = _PARAMETRIC[self.name][1] if self.name in _PARAMETRIC else ()
        if len(self.parameters) != len(wanted):
            raise InputError(
                f"{self.name} with parameters ({', '.join(wanted)})" if wanted else f"{self.name} without parameters",
                f"{len(self.parameters)} parameters",
                f"Write it as {':'.join([self.name, ','.join(wanted)])}." if wanted else "",
            )
        for name, value in zip(wanted, self.parameters, strict=True):
            if not math.isfinite(value):
                raise InputError(f"{name} as a finite number", repr(value))
        if self.name == "weight-std":
            check_positive(self.parameters[0], "std")

    def __str__(self) -> str:
        return ":".join(
            [self.name, ",".join(f"{value!r}" for value in self.parameters)] if self.parameters else [self.name]
        )

    def scales(self, sizes: Sizes) -> tuple[LayerScale, ...]:
        """Scales of every layer, input to output.

        Args:
            sizes: `(inputs, first width, …, last width, outputs)`.

        Returns:
            One LayerScale for each of the `len(sizes) - 1` layers.

        Raises:
            InputError: if the rule is not defined for so many layers.
        """
        rule = _PARAMETRIC[self.name][0] if self.name in _PARAMETRIC else _NAMED[self.name]
        return tuple(rule(tuple(sizes), *self.parameters))


def named(name: str) -> Initialisation:
    """A scheme of the literature.

    With m the width of a layer's input: `lecun` draws with std `m^-½`, `he` with `(2/m)^½`, `xavier` with
    `(2/(m + m_next))^½`, all without multipliers. `ntk` draws everything with std 1 and multiplies every layer but the
    first by `m^-½`, so that a two-layer network has `(α, β1, β2) = (√m, 1, 1)`. `mean-field` differs from `ntk` in the
    output layer alone, multiplied by `1/m`: `(m, 1, 1)` for two layers, and a last layer as weak as that for more. In
    the phase diagram of two-layer networks these are the points (½, ½), (½, ½), (1, 0), (½, 0) and (1, 0).

    Args:
        name: "lecun", "he", "xavier", "ntk" or "mean-field".

    Returns:
        The rule.

    Raises:
        InputError: for an unknown name.

    References:
        Luo, Xu, Ma, Zhang, Phase diagram for two-layer ReLU neural networks, arXiv:2007.07497.

    Example:
        >>> named("ntk").scales((2, 100, 1))[1]
        LayerScale(std=1.0, multiplier=0.1)
    """
    check_choice(name, "initialisation", _NAMED)
    return Initialisation(name)


def weight_std(std: float | int) -> Initialisation:
    """The same std for every weight and bias, as in the code of most experiments on the Frequency Principle.

    Args:
        std: standard deviation (not variance).

    Returns:
        The rule.

    Raises:
        InputError: if `std` is not positive.

    Example:
        >>> str(weight_std(0.1))
        'weight-std:0.1'
    """
    check_positive(std, "std")
    return Initialisation("weight-std", (float(std),))


def power(t: float | int) -> Initialisation:
    """The same std `m^-t` for every weight and bias, with m the width of the first hidden layer.

    Args:
        t: exponent; ½ is near LeCun's, larger ones are smaller weights and condense.

    Returns:
        The rule.

    Raises:
        InputError: if `t` is not finite.

    Example:
        >>> power(0.5).scales((1, 100, 100, 1))[0].std
        0.1
    """
    return Initialisation("power", (float(t),))


def fan_in(gamma: float | int) -> Initialisation:
    """The std `d^-γ` for every layer, with d the number of inputs of a neuron of that layer.

    It is the initial scale of the papers on transformers. γ = ½ is LeCun's; larger γ are smaller weights, which
    condense.

    Args:
        gamma: exponent γ.

    Returns:
        The rule.

    Raises:
        InputError: if `gamma` is not finite.

    References:
        Zhang, Lin, Wang, Zhang, Xu, Initialization is critical to whether transformers fit composite functions by
        reasoning or memorizing, arXiv:2405.05409.

    Example:
        >>> [scale.std for scale in fan_in(1).scales((4, 100, 1))]
        [0.25, 0.01]
    """
    return Initialisation("fan-in", (float(gamma),))


def phase(gamma: float | int, gamma_prime: float | int = 0.0) -> Initialisation:
    """Coordinates in the phase diagram of two-layer networks `f = (1/α) Σ a σ(w·x)`, std of a and w `β1` and `β2`.

    `β1 β2 / α = m^-γ` and `β1 / β2 = m^-γ'`; of the triples that satisfy it, `β2 = 1`, `β1 = m^-γ'`,
    `α = β1 β2 m^γ` is taken (only γ and γ' matter to the gradient flow).

    Args:
        gamma: γ; above 1 and above γ' + 1 the network condenses.
        gamma_prime: γ'.

    Returns:
        The rule, for two-layer networks only.

    Raises:
        InputError: if a coordinate is not finite.

    References:
        Luo, Xu, Ma, Zhang, Phase diagram for two-layer ReLU neural networks, arXiv:2007.07497.

    Example:
        >>> phase(0.5, 0).scales((2, 100, 1)) == named("ntk").scales((2, 100, 1))
        True
    """
    return Initialisation("phase", (float(gamma), float(gamma_prime)))


def initialisation(rule: str | Initialisation) -> Initialisation:
    """Find an initialisation by text: a name, or a name and its parameters after a colon.

    Args:
        rule: such as "lecun", "weight-std:0.1", "power:0.5", "phase:1.75,0", or an Initialisation, returned as it is.

    Returns:
        The rule.

    Raises:
        InputError: for an unknown name or bad parameters.

    Example:
        >>> initialisation("phase:1.75,0") == phase(1.75)
        True
    """
    if isinstance(rule, Initialisation):
        return rule
    name, colon, text = rule.partition(":")
    check_choice(name, "initialisation", INITIALISATIONS)
    try:
        parameters = tuple(float(part) for part in text.split(",")) if colon else ()
    except ValueError:
        raise InputError(f"numbers after '{name}:'", repr(text)) from None
    return Initialisation(name, parameters)
