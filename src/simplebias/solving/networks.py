"""Small networks of sines for Gauss-Newton, with the frequencies that an equation needs from the start."""

import math
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.compilation import quick_jit
from simplebias.core.errors import check_choice, check_positive
from simplebias.core.types import Key, Network
from simplebias.networks import MLP, MultiScale
from simplebias.solving.spectrum import Spectrum, with_waves

NETWORKS = ("multi-scale", "plain")
"""Networks by name."""
PARAMETERS = {1: 450, 2: 1200}
"""Most parameters by the number of inputs, where none are asked for; 1400 for three and more."""
PLANE = 2
"""Most inputs for which waves that are known are put into the first layer: in more it gained nothing."""
BASE, EACH = 350, 4.5
"""Parameters of two inputs for a solution without waves, and for each half wave that fits in both directions."""


def default_parameters(inputs: int, bandwidth: np.ndarray | None = None, sides: np.ndarray | None = None) -> int:
    """About how many parameters a network has where none are asked for.

    A step takes as long as the cube of the parameters, so a solution of few waves is found sooner by fewer of them, and
    more precisely in the same time. Where its highest frequencies are known, two inputs get 350, and 4.5 for each
    product of half waves that fits in the domain, up to 1200.

    Args:
        inputs: number of inputs.
        bandwidth: highest frequency along each input, in cycles per unit, if it is known.
        sides: lengths of the domain's box.

    Returns:
        The number.

    Example:
        >>> default_parameters(2), default_parameters(2, np.array([1.0, 1.0]), np.array([2.0, 2.0]))
        (1200, 422)
    """
    most = PARAMETERS.get(inputs, 1400)
    if inputs != 2 or bandwidth is None or sides is None:
        return most
    waves = float(np.prod(np.maximum(2 * sides * bandwidth, 1)))
    return int(min(BASE + EACH * waves, most))


def small_network(
    inputs: int,
    scales: Sequence[float],
    *,
    kind: str = "multi-scale",
    parameters: int | None = None,
    spectrum: Spectrum | None = None,
    key: Key,
) -> Network:
    """A network of two hidden layers, small enough for a matrix of all parameters.

    `multi-scale`: sines, `MultiScale` of version 1, whose phases are spread over a whole turn in every layer, so that
    it has no parity. With one input and two the first layer has the waves known of the solution (`with_waves`).
    `plain`: tanh without scales, of the same size.

    Args:
        inputs: number of inputs.
        scales: factors of the inputs, each for as many neurons of the first layer.
        kind: `multi-scale` or `plain`.
        parameters: about how many; by default 450, 1200 and 1400 for one, two and more inputs.
        spectrum: waves that what is sought is known to have, if any are.
        key: random key of the weights.

    Returns:
        The network, with one output.

    Raises:
        InputError: for an unknown kind or a size that is not above zero.

    Example:
        >>> network = small_network(1, (1.0, 4.0, 16.0), parameters=300, key=jax.random.key(0))
        >>> from simplebias.core.snapshot import count_parameters
        >>> count_parameters(network)
        286
    """
    check_choice(kind, "network", NETWORKS)
    count = default_parameters(inputs) if parameters is None else parameters
    check_positive(count, "parameters", integer=True)
    linear = inputs + 3  # width² + (inputs + 3) width + 1 parameters
    width = max(round((-linear + math.sqrt(linear**2 + 4 * max(count - 1, 0))) / 2), 2)
    kept = None if kind == "plain" else tuple(scales)[-width:]
    made = _drawn(inputs, width, kept, key)
    if kept is None or inputs > PLANE:
        return made
    return with_waves(made, spectrum, key=jax.random.fold_in(key, 1))


@quick_jit
def _drawn(inputs: int, width: int, scales: tuple[float, ...] | None, key: Key) -> MLP | MultiScale:
    """A plain network, or one with scales and with phases all round: one program for all that is drawn."""
    drawn, *turned = jax.random.split(key, 3)
    if scales is None:
        return MLP(inputs, 1, width, 2, activation="tanh", key=drawn)
    network = MultiScale(inputs, 1, width, 2, scales=scales, version=1, activation="sin", key=drawn)
    places = lambda one: [layer.bias for layer in one.inner.layers[:-1]]
    phases = [
        jax.random.uniform(key, bias.shape, bias.dtype, -jnp.pi, jnp.pi)
        for key, bias in zip(turned, places(network), strict=True)
    ]
    return eqx.tree_at(places, network, phases)
