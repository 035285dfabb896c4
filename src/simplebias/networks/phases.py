"""Where a two-layer network stands in the phase diagram: coordinates, regime, and what to change to get elsewhere."""

import dataclasses
import enum
import itertools
import math
from typing import Any

import numpy as np

from simplebias.core.errors import InputError, check_positive
from simplebias.core.snapshot import Neurons
from simplebias.networks.antisymmetric import AntiSymmetric
from simplebias.networks.dense import MLP, TwoLayer
from simplebias.networks.initialisation import Initialisation, LayerScale
from simplebias.networks.initialisation import initialisation as find_initialisation

TOLERANCE = 1e-9
"""Distance from the boundary that is still on it: `1.3 - 1 < 0.3` in floating point."""
SMALL, LARGE = 2**20, 2**40
"""Widths between which a rule's exponents are taken."""


class Regime(enum.Enum):
    """What becomes of the input weights as the width grows."""

    LINEAR = "linear"
    """They stay where they were: the network is linear in its parameters."""
    CRITICAL = "critical"
    """They move by as much as they were."""
    CONDENSED = "condensed"
    """They move without bound, and gather on a few directions."""


@dataclasses.dataclass(frozen=True)
class Phase:
    """A point of the phase diagram of two-layer networks `f = (1/α) Σ a_k σ(w_k·x̃)`, `a ~ N(0, β1²)`, `w ~ N(0, β2²)`.

    `γ = -log κ / log m` with `κ = β1 β2 / α`, and `γ' = -log κ' / log m` with `κ' = β1 / β2`, in the limit of large
    width m. Only these two matter to the gradient flow, in its own unit of time.

    Args:
        gamma: γ.
        gamma_prime: γ'.

    Raises:
        InputError: if a coordinate is not a finite number.

    References:
        Luo, Xu, Ma, Zhang, Phase diagram for two-layer ReLU neural networks at infinite-width limit, arXiv:2007.07497.

    Example:
        >>> Phase(1.75).regime.value, Phase(1.2, 0.4).regime.value, Phase.of_initialisation("xavier")
        ('condensed', 'linear', Phase(gamma=1.0, gamma_prime=0.0))
    """

    gamma: float
    gamma_prime: float = 0.0

    def __post_init__(self):
        for name in ("gamma", "gamma_prime"):
            try:
                value = float(getattr(self, name))
            except (TypeError, ValueError):
                value = math.nan
            if not math.isfinite(value):
                raise InputError(f"{name} as a finite number", repr(getattr(self, name)))
            object.__setattr__(self, name, value)

    @property
    def boundary(self) -> float:
        """The γ at which the linear regime ends and the condensed one begins: the larger of 1 and 1 + γ'."""
        return 1 + max(self.gamma_prime, 0.0)

    @property
    def distance(self) -> float:
        """How far inside the condensed regime, negative in the linear one."""
        return self.gamma - self.boundary

    @property
    def regime(self) -> Regime:
        """Linear for γ < 1 or γ' > γ - 1, condensed for γ > 1 and γ' < γ - 1, critical between."""
        if abs(self.distance) <= TOLERANCE:
            return Regime.CRITICAL
        return Regime.CONDENSED if self.distance > 0 else Regime.LINEAR

    @property
    def predicted_slope(self) -> float:
        """S_w, the exponent with which the relative change of the input weights grows with the width.

        `γ - 1` where output weights stay (γ' ≤ 0 in the linear regime, and γ - 1 < -γ'), `(γ - 1 - γ') / 2` in the
        rest of the condensed regime, where the growth of both layers is balanced. For γ' > 0 in the linear regime only
        an upper bound is known, `γ - 1 - γ'`, or γ - 1 where that is less; it is what is given.
        """
        lead, prime = self.gamma - 1, self.gamma_prime
        if self.regime is Regime.CONDENSED:
            return lead if lead < -prime else (lead - prime) / 2
        return self.distance

    @property
    def slope_is_bound(self) -> bool:
        """Whether `predicted_slope` is an upper bound only."""
        return self.regime is Regime.LINEAR and self.gamma_prime > 0

    def scales(self, width: int, *, weight_std: float | int = 1.0) -> tuple[float, float, float]:
        """The scales (α, β1, β2) of a network of a width at this point.

        Args:
            width: m.
            weight_std: β2, the std of the input weights and biases, which is free.

        Returns:
            α, which divides the output; β1, the std of the output weights; β2.

        Raises:
            InputError: if a size is not positive.

        Example:
            >>> Phase(0.5).scales(10_000)
            (100.0, 1.0, 1.0)
        """
        check_positive(width, "width", integer=True)
        check_positive(weight_std, "weight_std")
        first = float(weight_std) * width**-self.gamma_prime
        return first * float(weight_std) * width**self.gamma, first, float(weight_std)

    @classmethod
    def of_scales(cls, alpha: float | int, beta1: float | int, beta2: float | int, *, width: int) -> "Phase":
        """The point of a network of finite width with these scales, `-log κ / log m` and `-log κ' / log m`.

        Args:
            alpha: α, which divides the output.
            beta1: β1, the std of the output weights.
            beta2: β2, the std of the input weights.
            width: m, at least 2.

        Returns:
            The point.

        Raises:
            InputError: if a scale is not positive, or the width less than 2.

        Example:
            >>> Phase.of_scales(100, 1, 1, width=10_000)
            Phase(gamma=0.5, gamma_prime=0.0)
        """
        for name, value in (("alpha", alpha), ("beta1", beta1), ("beta2", beta2)):
            check_positive(value, name)
        check_positive(width, "width", integer=True)
        if width < 2:
            raise InputError("a width of at least 2", repr(width), "One neuron has no exponent.")
        log = math.log(width)
        small, ratio = math.log(beta1) + math.log(beta2) - math.log(alpha), math.log(beta1) - math.log(beta2)
        return cls(-small / log + 0.0, -ratio / log + 0.0)

    @classmethod
    def of_initialisation(
        cls, rule: str | Initialisation, *, inputs: int = 1, outputs: int = 1, width: int | None = None
    ) -> "Phase":
        """The point of a rule, in the limit of large width with the numbers of inputs and outputs held fast.

        Args:
            rule: text or Initialisation, for example "lecun", "ntk", "power:1.5".
            inputs: number of inputs, with the bias' own 1 not counted.
            outputs: number of outputs.
            width: for the point at this width instead, see `of_scales`.

        Returns:
            The point; in the limit to 1e-6: exponents are those between widths 2^20 and 2^40.

        Raises:
            InputError: for an unknown rule, or sizes that are not positive.

        Example:
            >>> Phase.of_initialisation("he").regime, Phase.of_initialisation("power:1.5")
            (<Regime.LINEAR: 'linear'>, Phase(gamma=3.0, gamma_prime=0.0))
        """
        check_positive(inputs, "inputs", integer=True)
        check_positive(outputs, "outputs", integer=True)
        if width is not None:
            return cls._drawn_by(rule, inputs, width, outputs)
        narrow, wide = (cls._drawn_by(rule, inputs, one, outputs) for one in (SMALL, LARGE))
        pairs = ((narrow.gamma, wide.gamma), (narrow.gamma_prime, wide.gamma_prime))
        return cls(*(limit_exponent(a, b) for a, b in pairs))

    @classmethod
    def _drawn_by(cls, rule: str | Initialisation, inputs: int, width: int, outputs: int) -> "Phase":
        layer, reader = find_initialisation(rule).scales((inputs, width, outputs))
        return phase_of_layers(layer, reader, width)

    @classmethod
    def of(cls, weights: Any) -> "Phase":
        """The point of a network at its own width, from the weights that were drawn.

        Standard deviations are taken about 0 over all weights of a layer, biases included where they are not all 0.

        Args:
            weights: a TwoLayer before training, or an MLP with one hidden layer; an AntiSymmetric of one, which is
                placed as one of its copies; or the Neurons of a hidden layer with their output weights (multipliers
                are in the weights then, and count as trained).

        Returns:
            The point.

        Raises:
            InputError: for anything else, fewer than two neurons, or a layer of which all weights are zero.

        Example:
            >>> import jax
            >>> network = TwoLayer(1, 1, 4000, initialisation="phase:1.5,0.2", key=jax.random.key(0))
            >>> point = Phase.of(network)
            >>> abs(point.gamma - 1.5) < 0.01, abs(point.gamma_prime - 0.2) < 0.01
            (True, True)
        """
        if isinstance(weights, Neurons):
            if weights.output_weights is None:
                raise InputError("a TwoLayer, or Neurons with output weights", "Neurons without output weights")
            incoming, outgoing = (weights.input_weights, weights.bias), weights.output_weights
            return cls._measured(incoming, outgoing, 1.0)
        first, *others = cls.of_layers(weights)
        if others:
            raise InputError(
                "a network with one hidden layer", f"{1 + len(others)} hidden layers",
                "Phase.of_layers(network) places each of them with the weights that read it.",
            )  # fmt: skip
        return first

    @classmethod
    def of_layers(cls, network: Any) -> "tuple[Phase, ...]":
        """The point of every hidden layer with the weights that read it, as if the two were a network of their own.

        The theory is that of few inputs. From the second hidden layer on there are as many inputs as neurons, and input
        weights move less than the point says: see `simplebias.sweeps.place`.

        Args:
            network: a TwoLayer or MLP before training, or an AntiSymmetric of one.

        Returns:
            The points, from the input.

        Raises:
            InputError: for anything else, fewer than two neurons, or a layer of which all weights are zero.

        Example:
            >>> import jax
            >>> network = MLP(1, 1, 1000, 2, initialisation="ntk", key=jax.random.key(0))
            >>> [f"{point.gamma:.1f}" for point in Phase.of_layers(network)]
            ['0.5', '1.0']
        """
        one = network.first if isinstance(network, AntiSymmetric) else network
        if not isinstance(one, (TwoLayer, MLP)):
            got = f"a {type(network).__name__}"
            raise InputError("a TwoLayer or an MLP, or Neurons with output weights", got)
        return tuple(
            cls._measured((layer.weight, layer.bias), reader.weight, 1 / abs(layer.multiplier * reader.multiplier))
            for layer, reader in itertools.pairwise(one.layers)
        )

    @classmethod
    def _measured(cls, incoming: tuple[Any, Any], outgoing: Any, alpha: float) -> "Phase":
        return cls.of_scales(
            alpha,
            weight_spread(outgoing, None, "output weights"),
            weight_spread(*incoming, "input weights"),
            width=len(incoming[0]),
        )


def limit_exponent(narrow: float, wide: float) -> float:
    """What an exponent becomes as the width grows, from those at the widths `SMALL` and `LARGE`, to 1e-6.

    Args:
        narrow: `-log x / log m` at `SMALL`.
        wide: the same at `LARGE`.

    Returns:
        The exponent between the two, in which constant factors fall out.
    """
    small, large = math.log(SMALL), math.log(LARGE)
    return round((wide * large - narrow * small) / (large - small), 6) + 0.0


def phase_of_layers(layer: LayerScale, reader: LayerScale, width: int) -> Phase:
    """The point of a layer with the one that reads it, from their stds and multipliers.

    Args:
        layer: of the hidden layer.
        reader: of the layer after it.
        width: neurons between them.

    Returns:
        The point at this width.
    """
    return Phase.of_scales(1 / abs(layer.multiplier * reader.multiplier), reader.std, layer.std, width=width)


def weight_spread(weights: Any, bias: Any, name: str) -> float:
    """Standard deviation about 0 of all weights of a layer, with its biases where they are not all 0.

    Args:
        weights: of the layer.
        bias: of the layer, or None.
        name: what to call them.

    Returns:
        The std.

    Raises:
        InputError: for weights that are not finite, or all 0.
    """
    array = np.asarray(weights, np.float64).ravel()
    if bias is not None and np.any(np.asarray(bias)):
        array = np.concatenate([array, np.asarray(bias, np.float64).ravel()])
    if not np.all(np.isfinite(array)):
        raise InputError(f"finite {name}", "NaN or infinite ones")
    spread = float(np.sqrt(np.mean(array**2)))
    if spread == 0:
        raise InputError(f"{name} that are not all 0", "zeros", "Coordinates are logarithms: 0 lies at infinity.")
    return spread
