"""Where an initialisation lies in the phase diagram, in words, and what to change to get into another regime."""

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from simplebias.core.errors import InputError, check_positive
from simplebias.networks import AntiSymmetric, Initialisation, Phase, Regime, layer_boundaries, layer_exponents
from simplebias.networks import initialisation as find_initialisation
from simplebias.networks.phases import LARGE, SMALL, TOLERANCE, limit_exponent, phase_of_layers, weight_spread

MEANING = {
    Regime.LINEAR: "input weights hardly move as the width grows; the network is linear in its parameters",
    Regime.CRITICAL: "input weights move by about as much as they were",
    Regime.CONDENSED: "input weights move without bound and gather on a few directions",
}
INSIDE = 0.5
"""How far inside a regime a suggestion leads, in γ."""
MARGIN = 0.15
"""Exponent of the relative change by which a factor of all weights leads inside a regime."""
FACTORS = np.arange(0.0, 4.0, 0.01)
"""Exponents of a factor of all weights that are tried, both ways."""
ALIKE = 0.05
"""Difference of the exponents of two layers' std up to which they count as equal."""


def place(rule: str | Initialisation, *, width: int, inputs: int = 1, outputs: int = 1, depth: int = 1) -> list[str]:
    """Tell where a network with an initialisation lies, at its width and as the width grows.

    With one hidden layer this is the phase diagram of two-layer networks. With more, every hidden layer has a regime of
    its own, by the scaling argument of `layer_exponents`: where all layers have the same std and their product with
    all multipliers is `m^-γ`, the first of L layers is critical at `γ = (L + 1)/2` (3/2 in the empirical diagram of
    three-layer networks) and the others at `γ = L + 1`.

    Args:
        rule: of the initialisation.
        width: neurons of each hidden layer.
        inputs: number of inputs.
        outputs: number of outputs.
        depth: number of hidden layers.

    Returns:
        Sentences: the coordinates, the regime of each layer, and initialisations of the other regimes.

    Raises:
        InputError: for an unknown rule, or sizes that cannot be used.

    References:
        Luo, Xu, Ma, Zhang, Phase diagram for two-layer ReLU neural networks at infinite-width limit, arXiv:2007.07497.

        Zhou, Zhou, Jin, Luo, Zhang, Xu, Empirical phase diagram for three-layer neural networks with infinite width,
        arXiv:2205.12101.

    Example:
        >>> place("ntk", width=1000)[1]
        'Regime: linear: input weights hardly move as the width grows; the network is linear in its parameters.'
        >>> place("power:0.75", width=1000, depth=2)[1]
        'Layer 1 is condensed, layer 2 is linear.'
    """
    check_positive(depth, "depth", integer=True)
    if depth == 1:
        limit = Phase.of_initialisation(rule, inputs=inputs, outputs=outputs)
        here = Phase.of_initialisation(rule, inputs=inputs, outputs=outputs, width=width)
        return _two_layer(str(rule), limit, here, width)
    for size, name in ((width, "width"), (inputs, "inputs"), (outputs, "outputs")):
        check_positive(size, name, integer=True)
    narrow, wide, here = (_Deep.of_rule(rule, (inputs, *[one] * depth, outputs)) for one in (SMALL, LARGE, width))
    return _deep(str(rule), _limit(narrow, wide), here)


def place_network(network: Any) -> list[str]:
    """Tell where a network lies by the weights it has, which are to be those before training.

    Args:
        network: a TwoLayer or an MLP, or an AntiSymmetric of one, which is placed as one of its copies.

    Returns:
        Sentences, as `place` gives them, for its own width alone: one network says nothing of others.

    Raises:
        InputError: for another network, or weights that are not finite or all 0.

    Example:
        >>> import jax
        >>> from simplebias.networks import TwoLayer
        >>> place_network(TwoLayer(1, 1, 4000, initialisation="phase:1.8,0", key=jax.random.key(0)))[1]
        'Regime: condensed: input weights move without bound and gather on a few directions.'
    """
    one = network.first if isinstance(network, AntiSymmetric) else network
    pairs = Phase.of_layers(one)
    widths = [len(layer.weight) for layer in one.layers[:-1]]
    if len(pairs) == 1:
        return _two_layer("These weights", None, pairs[0], widths[0])
    stds = []
    for index, layer in enumerate(one.layers, 1):
        bias = None if layer is one.layers[-1] else layer.bias
        stds.append(weight_spread(layer.weight, bias, f"weights of layer {index}"))
    width = round(math.exp(sum(map(math.log, widths)) / len(widths)))
    here = _Deep.of_scales(stds, [layer.multiplier for layer in one.layers], width, pairs)
    lines = _deep("These weights", None, here)
    if len(set(widths)) > 1:
        lines.insert(1, f"The layers have {', '.join(map(str, widths))} neurons: {width} is their geometric mean.")
    return lines


def _two_layer(name: str, limit: Phase | None, here: Phase, width: int) -> list[str]:
    """Sentences on a two-layer network; without a limit it is only known at its width."""
    lead = f"γ = {limit.gamma:g}, γ′ = {limit.gamma_prime:g} as the width grows; " if limit else ""
    shown = limit or here
    lines = [
        f"{name}: {lead}at width {width:,} γ = {here.gamma:.3f}, γ′ = {here.gamma_prime:.3f}.",
        f"Regime: {shown.regime.value}: {MEANING[shown.regime]}.",
    ]
    if here.regime is not shown.regime:
        lines.append(f"At width {width:,} the point is still in the {here.regime.value} regime.")
    return lines + [_way(shown, here, regime, width) for regime in Regime if regime is not shown.regime]


def _way(limit: Phase, here: Phase, regime: Regime, width: int) -> str:
    """How to get into a regime: by a factor of all weights that keeps their ratio."""
    distance = {Regime.LINEAR: -INSIDE, Regime.CRITICAL: 0.0, Regime.CONDENSED: INSIDE}[regime]
    gamma = limit.boundary + distance
    factor = width ** ((here.gamma - gamma) / 2)
    return (
        f"To be {regime.value}: γ = {gamma:.4g} with the same γ′, initialisation phase:{gamma:.4g},"
        f"{limit.gamma_prime:.4g}; or multiply all initial weights by {_number(factor)} at width {width:,}."
    )


@dataclasses.dataclass(frozen=True)
class _Deep:
    """A network with several hidden layers: exponents of its layers' std and of its multipliers, points of pairs."""

    width: int
    stds: tuple[float, ...]
    multipliers: float
    pairs: tuple[Phase, ...]

    @classmethod
    def of_scales(
        cls, stds: Sequence[float], multipliers: Sequence[float], width: int, pairs: tuple[Phase, ...]
    ) -> "_Deep":
        exponent = lambda value: -math.log(abs(value)) / math.log(width)
        return cls(width, tuple(map(exponent, stds)), sum(map(exponent, multipliers)), pairs)

    @classmethod
    def of_rule(cls, rule: str | Initialisation, sizes: Sequence[int]) -> "_Deep":
        width = sizes[1]
        if width < 2:
            raise InputError("a width of at least 2", repr(width), "One neuron has no exponent.")
        scales = find_initialisation(rule).scales(sizes)
        pairs = tuple(phase_of_layers(layer, reader, width) for layer, reader in itertools.pairwise(scales))
        return cls.of_scales([one.std for one in scales], [one.multiplier for one in scales], width, pairs)

    @property
    def depth(self) -> int:
        return len(self.pairs)

    @property
    def gamma(self) -> float:
        return sum(self.stds) + self.multipliers

    def exponents(self, factor: float = 0.0) -> tuple[float, ...]:
        """Of the relative changes, with all weights times `m^-factor`."""
        return layer_exponents([one + factor for one in self.stds], self.multipliers)

    @property
    def regimes(self) -> tuple[Regime, ...]:
        return tuple(map(_regime, self.exponents()))


def _limit(narrow: _Deep, wide: _Deep) -> _Deep:
    """Exponents as the width grows, from two widths: constant factors fall out."""
    pairs = zip(narrow.pairs, wide.pairs, strict=True)
    points = tuple(
        Phase(limit_exponent(a.gamma, b.gamma), limit_exponent(a.gamma_prime, b.gamma_prime)) for a, b in pairs
    )
    stds = tuple(map(limit_exponent, narrow.stds, wide.stds))
    return _Deep(wide.width, stds, limit_exponent(narrow.multipliers, wide.multipliers), points)


def _regime(exponent: float) -> Regime:
    if abs(exponent) <= max(TOLERANCE, 1e-5):
        return Regime.CRITICAL
    return Regime.CONDENSED if exponent > 0 else Regime.LINEAR


def _deep(name: str, limit: _Deep | None, here: _Deep) -> list[str]:
    """Sentences on a deep network; without a limit it is only known at its width."""
    shown = limit or here
    lead = f"m^{_power(limit.gamma)} as the width grows, " if limit else ""
    lines = [
        f"{name}, {here.depth} hidden layers: all std and multipliers multiply to {lead}"
        f"m^{_power(here.gamma)} at width {here.width:,}.",
        f"{_named(shown.regimes)}.",
    ]
    if here.regimes != shown.regimes:
        lines.append(f"At width {here.width:,} {_named(here.regimes, first='layer')}.")
    first, *_, others = layer_boundaries(here.depth)
    inner = "layer 2" if here.depth == 2 else "the others"
    lines.append(f"With all std equal and m^−γ, layer 1 is critical at γ = {first:g}, {inner} at γ = {others:g}.")
    if max(shown.stds) - min(shown.stds) > ALIKE:
        powers = ", ".join(f"m^{_power(std)}" for std in shown.stds)
        lines.append(f"Here the std go as {powers}; that they differ is taken into account.")
    points = [f"layer {k} at ({one.gamma:.3g}, {one.gamma_prime:.3g})" for k, one in enumerate(shown.pairs, 1)]
    points = ", ".join(points).replace("-", "−")
    lines.append(f"Each layer alone with the next, in the plane (γ, γ′) of two-layer networks: {points}.")
    return lines + _ways(shown.regimes, here)


def _number(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def _power(value: float) -> str:
    """An exponent -value, in words of few digits."""
    return f"{-value + 0.0:.3g}".replace("-", "−")


def _named(regimes: Sequence[Regime], first: str = "Layer") -> str:
    parts = [f"layer {index} is {regime.value}" for index, regime in enumerate(regimes, 1)]
    return first + ", ".join(parts)[len("layer") :]


def _ways(regimes: tuple[Regime, ...], here: _Deep) -> list[str]:
    """How to get into other regimes: weights of one std, or a factor of all weights if there is one that does it."""
    first, *_, others = layer_boundaries(here.depth)
    condensed = Regime.CONDENSED
    wishes = {
        "all layers linear": (first - INSIDE, (Regime.LINEAR,) * here.depth),
        "layer 1 condensed and the others linear": (
            (first + others) / 2, (condensed, *[Regime.LINEAR] * (here.depth - 1)),
        ),
        "all layers condensed": (others + INSIDE, (condensed,) * here.depth),
    }  # fmt: skip
    lines = []
    for wish, (gamma, wanted) in wishes.items():
        if wanted == regimes:
            continue
        power = f"{gamma / (here.depth + 1):.4g}"
        words = f"To have {wish}: initialisation power:{power}, std m^−{power} in every layer and γ = {gamma:g}"
        factor = _factor(here, wanted)
        if factor is not None:
            words += f"; or multiply all initial weights by {_number(factor)} at width {here.width:,}"
        lines.append(words + ".")
    return lines


def _factor(here: _Deep, wanted: tuple[Regime, ...]) -> float | None:
    """The factor of all weights nearest to 1 that leads inside the wanted regimes; None if none does."""
    signs = np.array([1.0 if regime is Regime.CONDENSED else -1.0 for regime in wanted])
    for size in FACTORS:
        for exponent in (size, -size):
            if (signs * np.array(here.exponents(exponent)) >= MARGIN).all():
                return float(here.width**-exponent)
    return None
