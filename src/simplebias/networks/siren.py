"""Networks of sines (SIREN), whose first layer has high frequencies from the start."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from simplebias.core.errors import check_positive
from simplebias.core.types import Key
from simplebias.networks.activations import activation
from simplebias.networks.dense import MLP, Affine, _default_dtype, _widths
from simplebias.networks.dropping import make_dropout


class Siren(MLP):
    """A SIREN, `h ← sin(ω (W h + b))` for each hidden layer, then an affine output layer.

    Weights of the first layer are uniform within `±1/inputs`, all others within `±√(6/m)/ω` with m the neurons that
    are read; biases within `±1/√m`, times ω as well. For points in [-1, 1] a neuron of the first layer has angular
    frequencies up to ω.

    Without biases the variance v of what goes into a sine follows `v ← 1 - exp(-2v)` in wide networks: 1 in the second
    layer, where the phases of the first are spread over whole turns, then 0.86, 0.82 and on to 0.797, not 1 as is often
    said; biases add `ω²/3m`.

    Args:
        inputs: number of inputs.
        outputs: number of outputs.
        width: neurons of every hidden layer, or a sequence of them.
        depth: number of hidden layers; not needed with a sequence of widths.
        angular_frequency: ω, in radians.
        first_angular_frequency: ω of the first layer, if it is another one.
        key: random key of the weights.
        dtype: of the weights; JAX's default float if None.

    Raises:
        InputError: for sizes or frequencies that cannot be used.

    References:
        Sitzmann, Martel, Bergman, Lindell, Wetzstein, Implicit neural representations with periodic activation
        functions, arXiv:2006.09661.

    Example:
        >>> network = Siren(2, 1, 64, 3, key=jax.random.key(0))
        >>> jax.vmap(network)(jnp.ones((5, 2))).shape, network.layers[1].multiplier
        ((5, 1), 30.0)
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        width: int | Sequence[int],
        depth: int | None = None,
        *,
        angular_frequency: float | int = 30.0,
        first_angular_frequency: float | int | None = None,
        key: Key,
        dtype: Any = None,
    ):
        first = angular_frequency if first_angular_frequency is None else first_angular_frequency
        sizes, dtype = (inputs, *_widths(width, depth), outputs), _default_dtype(dtype)
        for index, size in enumerate(sizes):
            check_positive(size, {0: "inputs", len(sizes) - 1: "outputs"}.get(index, "width"), integer=True)
        check_positive(angular_frequency, "angular_frequency")
        check_positive(first, "first_angular_frequency")
        self.activation, self.dropout = activation("sin").name, make_dropout(0)
        layers, keys = [], jax.random.split(key, len(sizes) - 1)
        for index, (sources, targets) in enumerate(itertools.pairwise(sizes)):
            bound = 1 / sources if index == 0 else math.sqrt(6 / sources) / angular_frequency
            # in float32 first, so that a key means one network in every precision
            drawn = jax.random.uniform(keys[index], (targets, sources + 1), jnp.float32, -1, 1).astype(dtype)
            weight, bias = bound * drawn[:, :-1], drawn[:, -1] / math.sqrt(sources)
            factor = 1.0 if index == len(sizes) - 2 else float(angular_frequency if index else first)
            layers.append(Affine(weight, bias, factor, factor))
        self.layers = tuple(layers)


__all__ = ["Siren"]
