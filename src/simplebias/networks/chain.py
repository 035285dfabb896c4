"""A dense network as a chain of affine layers, in NumPy: what its neurons get and give, and which stand together."""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError
from simplebias.networks.activations import Activation
from simplebias.networks.activations import activation as find_activation
from simplebias.networks.dense import MLP, Affine, ResNet, TwoLayer

BLOCK = 2**15
"""Numbers an activation is applied to at once, so that it is compiled once whatever the width."""


@dataclasses.dataclass(frozen=True)
class NeuronGroup:
    """Neurons that can only be edited together.

    In a TwoLayer or an MLP each hidden layer is a group. In a ResNet the shortcuts tie neuron k of every hidden layer
    to neuron k of the others, so that there is one group.

    Args:
        producers: indices of the layers whose rows are the neurons.
        consumers: indices of the layers whose columns read them.
        count: number of neurons.
    """

    producers: tuple[int, ...]
    consumers: tuple[int, ...]
    count: int


@dataclasses.dataclass(frozen=True)
class Chain:
    """Effective weights of a dense network as NumPy arrays of float64.

    Args:
        weights: of each layer, `(targets, sources)`, the output layer last, multipliers included.
        biases: of each layer, zeros where there is none.
        activation: of the hidden layers.
        shortcut: whether every hidden layer but the first adds to what it reads.

    Example:
        >>> chain = chain_of(TwoLayer(2, 1, 5, key=jax.random.key(0)))
        >>> before, after, outputs = chain.look(np.ones((3, 2)))
        >>> after[0].shape, outputs.shape
        ((3, 5), (3, 1))
    """

    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    activation: Activation
    shortcut: bool

    @property
    def groups(self) -> tuple[NeuronGroup, ...]:
        """Neurons that are edited together, from the input."""
        depth = len(self.weights) - 1
        if self.shortcut:
            return (NeuronGroup(tuple(range(depth)), tuple(range(1, depth + 1)), len(self.biases[0])),)
        return tuple(NeuronGroup((layer,), (layer + 1,), len(self.biases[layer])) for layer in range(depth))

    def apply(self, values: np.ndarray) -> np.ndarray:
        """The activation of each number."""
        if self.activation.name == "relu":
            return np.maximum(values, 0)
        return _blockwise(self.activation, values)

    def slope(self, values: np.ndarray) -> np.ndarray:
        """The derivative of the activation at each number; 0 where there is none."""
        if self.activation.name == "relu":
            return (values > 0).astype(values.dtype)
        ones = jnp.ones(BLOCK, "float32")
        return np.nan_to_num(_blockwise(lambda x: jax.jvp(self.activation, (x,), (ones.astype(x.dtype),))[1], values))

    def look(self, points: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
        """Run the network.

        Args:
            points: `(points, inputs)`.

        Returns:
            For each hidden layer the input of σ and what the next layer reads, each `(points, neurons)`; the outputs.
        """
        before, after, h = [], [], points
        for layer, (weight, bias) in enumerate(zip(self.weights[:-1], self.biases[:-1], strict=True)):
            z = h @ weight.T + bias
            h = self.apply(z) + (h if self.shortcut and layer else 0)
            before.append(z)
            after.append(h)
        return before, after, h @ self.weights[-1].T + self.biases[-1]

    def astype(self, dtype: Any) -> "Chain":
        """The chain in another precision, in which it is looked at faster."""
        weights, biases = ([part.astype(dtype) for part in parts] for parts in (self.weights, self.biases))
        return Chain(tuple(weights), tuple(biases), self.activation, self.shortcut)

    def edit(self, group: NeuronGroup, combination: Any, expansion: Any, constants: Any = None) -> "Chain":
        """Put other neurons in a group's place, as `merge` does.

        Args:
            group: the neurons.
            combination: `(new, old)`, dense or sparse.
            expansion: `(old, new)`, dense or sparse.
            constants: for each consumer `(old,)`, or None for none.

        Returns:
            The chain with these neurons.
        """
        weights, biases = list(self.weights), list(self.biases)
        for place, layer in enumerate(group.consumers):
            if constants is not None:
                biases[layer] = biases[layer] + weights[layer] @ constants[place]
            weights[layer] = weights[layer] @ expansion
        for layer in group.producers:
            weights[layer], biases[layer] = combination @ weights[layer], combination @ biases[layer]
        return Chain(tuple(weights), tuple(biases), self.activation, self.shortcut)


def _blockwise(function: Callable, values: np.ndarray) -> np.ndarray:
    """A function of single numbers, on blocks of one size."""
    flat = values.ravel()
    padded = np.zeros(-(-max(flat.size, 1) // BLOCK) * BLOCK, values.dtype)
    padded[: flat.size] = flat
    with jax.enable_x64(True):
        parts = [np.asarray(function(jnp.asarray(part))) for part in padded.reshape(-1, BLOCK)]
    return np.concatenate(parts)[: flat.size].reshape(values.shape)


def chain_of(network: Any) -> Chain:
    """The chain of a network.

    Args:
        network: a TwoLayer, MLP or ResNet.

    Returns:
        Its effective weights, and how they hang together.

    Raises:
        InputError: for another network, or weights that are not finite.

    Example:
        >>> network = MLP(2, 1, (5, 4), key=jax.random.key(0))
        >>> [group.count for group in chain_of(network).groups]
        [5, 4]
    """
    if not isinstance(network, TwoLayer | MLP | ResNet):
        raise InputError(
            "a TwoLayer, MLP or ResNet",
            f"a {type(network).__name__}",
            "Build the network from simplebias.networks; of an AntiSymmetric one take first and second.",
        )
    weights = tuple(np.asarray(layer.effective_weight, np.float64) for layer in network.layers)
    biases = tuple(
        np.zeros(len(weight)) if layer.bias is None else np.asarray(layer.effective_bias, np.float64)
        for layer, weight in zip(network.layers, weights, strict=True)
    )
    for layer, parts in enumerate(zip(weights, biases, strict=True), start=1):
        bad = sum(int((~np.isfinite(part)).sum()) for part in parts)
        if bad:
            name = "output layer" if layer == len(weights) else f"layer {layer}"
            raise InputError("finite weights", f"{bad} NaN or infinite weights in {name}", "The training diverged.")
    return Chain(weights, biases, find_activation(network.activation), isinstance(network, ResNet))


def with_weights(network: Any, chain: Chain) -> Any:
    """A network of the same kind with the weights of a chain, which may have other widths.

    Args:
        network: the network that the chain came from.
        chain: effective weights.

    Returns:
        The network; a layer without bias gets one where the chain needs it.

    Example:
        >>> network = TwoLayer(2, 1, 5, key=jax.random.key(0))
        >>> chain = chain_of(network)
        >>> narrow = chain.edit(chain.groups[0], np.eye(3, 5), np.eye(5, 3))
        >>> with_weights(network, narrow).layers[0].weight.shape
        (3, 2)
    """
    layers = []
    for old, weight, bias in zip(network.layers, chain.weights, chain.biases, strict=True):
        dtype, multiplier = old.weight.dtype, old.multiplier
        divided = jnp.asarray((weight / multiplier).astype(dtype))
        factor = old.bias_multiplier if old.bias is not None else 1.0
        needless = old.bias is None and not np.any(bias)
        layers.append(
            Affine(divided, None if needless else jnp.asarray((bias / factor).astype(dtype)), multiplier, factor)
        )
    return eqx.tree_at(lambda one: one.layers, network, tuple(layers))
