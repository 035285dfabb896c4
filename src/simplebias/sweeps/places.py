"""Where an initialisation lies in the phase diagram, in words, and what to change to get into another regime."""

from simplebias.networks import Initialisation, Phase, Regime

MEANING = {
    Regime.LINEAR: "input weights hardly move as the width grows; the network is linear in its parameters",
    Regime.CRITICAL: "input weights move by about as much as they were",
    Regime.CONDENSED: "input weights move without bound and gather on a few directions",
}
INSIDE = 0.5
"""How far inside a regime a suggestion leads."""


def place(rule: str | Initialisation, *, width: int, inputs: int = 1, outputs: int = 1) -> list[str]:
    """Tell where a two-layer network with an initialisation lies, at its width and as the width grows.

    Args:
        rule: of the initialisation.
        width: neurons of the hidden layer.
        inputs: number of inputs.
        outputs: number of outputs.

    Returns:
        Sentences: the coordinates, the regime, and initialisations of the other regimes.

    Raises:
        InputError: for an unknown rule, or sizes that cannot be used.

    References:
        Luo, Xu, Ma, Zhang, Phase diagram for two-layer ReLU neural networks at infinite-width limit, arXiv:2007.07497.

    Example:
        >>> place("ntk", width=1000)[1]
        'Regime: linear: input weights hardly move as the width grows; the network is linear in its parameters.'
    """
    limit = Phase.of_initialisation(rule, inputs=inputs, outputs=outputs)
    here = Phase.of_initialisation(rule, inputs=inputs, outputs=outputs, width=width)
    lines = [
        f"{rule}: γ = {limit.gamma:g}, γ′ = {limit.gamma_prime:g} as the width grows; "
        f"at width {width} γ = {here.gamma:.3f}, γ′ = {here.gamma_prime:.3f}.",
        f"Regime: {limit.regime.value}: {MEANING[limit.regime]}.",
    ]
    if here.regime is not limit.regime:
        lines.append(f"At width {width} the point is still in the {here.regime.value} regime.")
    return lines + [_way(limit, here, regime, width) for regime in Regime if regime is not limit.regime]


def _way(limit: Phase, here: Phase, regime: Regime, width: int) -> str:
    """How to get into a regime: by a factor of all weights that keeps their ratio."""
    distance = {Regime.LINEAR: -INSIDE, Regime.CRITICAL: 0.0, Regime.CONDENSED: INSIDE}[regime]
    gamma = limit.boundary + distance
    factor = width ** ((here.gamma - gamma) / 2)
    return (
        f"To be {regime.value}: γ = {gamma:g} with the same γ′, initialisation phase:{gamma:g},{limit.gamma_prime:g}; "
        f"or multiply all initial weights by {factor:.3g} at width {width}."
    )
