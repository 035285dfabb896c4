"""The networks of a fit: sines whose first layer has the scales, grown where asked, and a plain network beside them."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError
from simplebias.core.snapshot import Neurons
from simplebias.core.types import Array, ArrayLike, Key, Output
from simplebias.networks import MLP, Affine, MultiScale

GAIN = math.sqrt(2)
"""Factor on the weights between hidden layers: the mean square of a sine is a half."""
EPSILON, RIDGE = 0.1, 1e-6
"""Size at which a value passes a sine nearly unchanged; share of the mean square added where least squares are."""


class Beside(eqx.Module):
    """Two networks trained at once, each as if alone: the fitted one, which is shown, and the one it is held against.

    Args:
        fitted: the network that the outputs and neurons are those of.
        plain: the other; None without a comparison.

    Example:
        >>> both = Beside(lambda x: 2 * x, lambda x: 3 * x)
        >>> both(jnp.ones(1)).tolist(), both.plain(jnp.ones(1)).tolist()
        ([2.0], [3.0])
    """

    fitted: Any
    plain: Any

    def __call__(self, point: Array) -> Output:
        """Output of the fitted network at one point."""
        return self.fitted(point)

    def neurons(self) -> tuple[Neurons, ...]:
        """Neurons of the fitted network."""
        return tuple(self.fitted.neurons())


def sines_at(frequencies: ArrayLike, outputs: int, widths: tuple[int, ...], *, key: Key, dtype: Any = None) -> MLP:
    """A network of sines whose first layer has given frequencies: MscaleDNN-1 with a scale for each neuron.

    `h = sin(K ⊙ (W x) + b)` with rows of W of length one and K the size of `2πξ`, multiplied out; phases b are drawn
    from a whole turn. The layers that follow are drawn by LeCun's rule times √2. All weights are trained.

    Args:
        frequencies: `(first width, inputs)`, cycles per unit of the inputs.
        outputs: number of outputs.
        widths: of the hidden layers after the first; may be empty.
        key: random key of phases and further layers.
        dtype: of the weights; JAX's default float if None.

    Returns:
        The network, a plain MLP of sines.

    References:
        The scaled first layer of Liu, Cai, Xu, Multi-scale deep neural network (MscaleDNN) for solving
        Poisson-Boltzmann equation in complex domains, arXiv:2007.11207.

    Example:
        >>> network = sines_at([[1.0], [5.0], [20.0]], 1, (8,), key=jax.random.key(0))
        >>> (network.layers[0].weight[:, 0] / (2 * jnp.pi)).round(3).tolist()
        [1.0, 5.0, 20.0]
    """
    wanted = np.asarray(frequencies, float)
    phase_key, key = jax.random.split(key)
    network = MLP(wanted.shape[1], outputs, (len(wanted), *widths), activation="sin", key=key, dtype=dtype)
    kind = network.layers[0].weight.dtype
    phases = jax.random.uniform(phase_key, (len(wanted),), jnp.float32, -math.pi, math.pi).astype(kind)
    first = Affine(jnp.asarray(2 * math.pi * wanted, kind), phases)
    middle = [
        Affine(GAIN * layer.effective_weight, jnp.zeros(len(layer.weight), kind)) for layer in network.layers[1:-1]
    ]
    return eqx.tree_at(lambda one: one.layers, network, (first, *middle, network.layers[-1]))


def sines_of_scales(inputs: int, outputs: int, width: int, depth: int, scales: ArrayLike, *, key: Key) -> MLP:
    """A network of sines with scales given by hand: MscaleDNN-1, the scales multiplied into the first layer.

    Args:
        inputs: number of inputs.
        outputs: number of outputs.
        width: neurons of each hidden layer.
        depth: hidden layers.
        scales: factors of the inputs, shared out among the neurons of the first layer.
        key: random key.

    Returns:
        The network.

    Example:
        >>> sines_of_scales(1, 1, 8, 2, (1, 4), key=jax.random.key(0)).layers[0].weight.shape
        (8, 1)
    """
    drawn = MultiScale(inputs, outputs, width, depth, scales=scales, version=1, repeats=True, key=key).joined()
    rows = np.asarray(drawn.layers[0].effective_weight, float)
    return sines_at(rows / (2 * math.pi), outputs, (width,) * (depth - 1), key=key)


def begun(network: MLP, points: ArrayLike, values: ArrayLike) -> MLP:
    """The network as it is when its first layer is read by least squares: training begins from there.

    The fit `f₀` of the values by the first layer, a trace of ridge in it, passes each further hidden layer as
    `sin(ε f₀) ≈ ε f₀` in one neuron for each output; all others are read with weights of zero at first.

    Args:
        network: of sines, with fewer outputs than neurons in every hidden layer.
        points: `(points, inputs)`.
        values: `(points, outputs)`, of size about one.

    Returns:
        A network of the same shape.

    Example:
        >>> x = jnp.linspace(-1, 1, 50)[:, None]
        >>> network = begun(sines_at([[1.0]] * 4, 1, (8,), key=jax.random.key(0)), x, jnp.sin(2 * jnp.pi * x))
        >>> bool(jnp.abs(jax.vmap(network)(x) - jnp.sin(2 * jnp.pi * x)).max() < 0.01)
        True
    """
    layers = network.layers
    kind = layers[0].weight.dtype
    as_before = lambda array: jnp.asarray(array, kind)
    x, y = np.asarray(points, float), np.asarray(values, float)
    first = np.sin(x @ np.asarray(layers[0].effective_weight, float).T + _offsets(layers[0]))
    columns = np.hstack([first, np.ones((len(x), 1))])
    gram = columns.T @ columns + RIDGE * len(x) * np.eye(columns.shape[1])
    fitted = np.linalg.solve(gram, columns.T @ y).T
    weight, bias = fitted[:, :-1], fitted[:, -1]
    outputs = len(fitted)
    if len(layers) == 2:
        return eqx.tree_at(lambda one: one.layers, network, (layers[0], Affine(as_before(weight), as_before(bias))))
    passing = []
    for index, layer in enumerate(layers[1:-1]):
        rows, offsets = np.array(layer.effective_weight, float), _offsets(layer)
        rows[:outputs], offsets[:outputs] = EPSILON * weight if index == 0 else np.eye(outputs, rows.shape[1]), 0.0
        passing.append(Affine(as_before(rows), as_before(offsets)))
    read = np.eye(outputs, layers[-1].weight.shape[1]) / EPSILON
    last = Affine(as_before(read), as_before(bias))
    return eqx.tree_at(lambda one: one.layers, network, (layers[0], *passing, last))


def _offsets(layer: Affine) -> np.ndarray:
    bias = layer.effective_bias
    return np.zeros(len(layer.weight)) if bias is None else np.array(bias, float)


def grown(network: MLP, frequencies: ArrayLike, *, key: Key) -> MLP:
    """The network with neurons of more frequencies in its first layer, and the same function for the time being.

    Args:
        network: of sines.
        frequencies: `(more, inputs)`, cycles per unit of the inputs.
        key: random key of the phases.

    Returns:
        The wider network: what follows reads the new neurons with weights of zero, which training moves at once.

    Raises:
        InputError: for frequencies of another number of inputs.

    Example:
        >>> network = sines_at([[1.0], [5.0]], 1, (8,), key=jax.random.key(0))
        >>> wider, point = grown(network, [[20.0]], key=jax.random.key(1)), jnp.ones(1)
        >>> wider.layers[0].weight.shape, bool(jnp.allclose(wider(point), network(point)))
        ((3, 1), True)
    """
    first, second = network.layers[0], network.layers[1]
    wanted = np.atleast_2d(np.asarray(frequencies, float))
    if wanted.shape[1] != first.weight.shape[1]:
        raise InputError(f"frequencies of {first.weight.shape[1]} inputs", f"{wanted.shape[1]}")
    kind = first.weight.dtype
    phases = jax.random.uniform(key, (len(wanted),), jnp.float32, -math.pi, math.pi).astype(kind)
    rows = jnp.concatenate([first.effective_weight, jnp.asarray(2 * math.pi * wanted, kind)])
    wider = Affine(rows, jnp.concatenate([jnp.asarray(_offsets(first), kind), phases]))
    blank = jnp.zeros((second.weight.shape[0], len(wanted)), kind)
    reader = Affine(jnp.hstack([second.effective_weight, blank]), second.effective_bias)
    return eqx.tree_at(lambda one: one.layers[:2], network, (wider, reader))


def plain_width(weights: int, inputs: int, outputs: int, depth: int) -> int:
    """The width at which a plain network of some depth has about so many weights.

    Args:
        weights: wanted.
        inputs: number of inputs.
        outputs: number of outputs.
        depth: hidden layers.

    Returns:
        The width, rounded.

    Example:
        >>> plain_width(4353, 1, 1, 2)
        64
    """
    square, linear, rest = depth - 1, inputs + depth + outputs, outputs - weights
    if square == 0:
        return max(1, round(-rest / linear))
    return max(1, round((-linear + math.sqrt(linear**2 - 4 * square * rest)) / (2 * square)))


__all__ = ["Beside", "begun", "grown", "plain_width", "sines_at", "sines_of_scales"]
