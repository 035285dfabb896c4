"""A network as a chain of affine layers, in NumPy: what its neurons get and give, and which stand together."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError
from simplebias.networks.activations import Activation
from simplebias.networks.activations import activation as find_activation
from simplebias.networks.convolution import KERNEL, POOL, SmallCNN
from simplebias.networks.dense import MLP, Affine, ResNet, TwoLayer
from simplebias.networks.normalisation import Normalised
from simplebias.networks.pictures import Picture, blocks, convolve, patches, pool, transposed, unpool
from simplebias.networks.vgg import VGG

BLOCK = 2**15
"""Numbers an activation is applied to at once, so that it is compiled once whatever the width."""


@dataclasses.dataclass(frozen=True)
class NeuronGroup:
    """Neurons that can only be edited together.

    In most networks each hidden layer is a group; a kernel is a neuron. In a ResNet the shortcuts tie neuron k of every
    hidden layer to neuron k of the others, so that there is one group.

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
    """Effective weights of a network as NumPy arrays of float64.

    A kernel that slides over pictures is a neuron with a value at each pixel. A layer that reads several values of each
    neuron, a convolution or a dense layer after one, has a column for each, the neuron running fastest.

    Args:
        weights: of each layer, `(targets, sources)`, the output layer last, multipliers and normalisation included.
        biases: of each layer, zeros where there is none.
        activation: of the hidden layers.
        shortcut: whether every hidden layer but the first adds to what it reads.
        pictures: what the convolutions read, which are the first layers; empty for a dense network.

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
    pictures: tuple[Picture, ...] = ()

    @property
    def inputs(self) -> int:
        """Numbers in one input."""
        if not self.pictures:
            return self.weights[0].shape[1]
        return self.pictures[0].pixels * (self.weights[0].shape[1] // KERNEL**2)

    @property
    def widths(self) -> tuple[int, ...]:
        """Neurons of each hidden layer."""
        return tuple(len(bias) for bias in self.biases[:-1])

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
            For each hidden layer the input of σ and what the next layer reads, each `(points, neurons)`; of kernels one
            row for each point and pixel, what is read after pooling. And the outputs.
        """
        before, after, h = [], [], points
        for layer in range(len(self.weights) - 1):
            z = self.feed(layer, h)
            h = self.hand_on(layer, self.apply(z)) + (h if self.shortcut and layer else 0)
            before.append(z)
            after.append(h)
        return before, after, self.feed(-1, h)

    def feed(self, layer: int, h: np.ndarray) -> np.ndarray:
        """What a layer makes of what it reads, before σ: `(points × pixels, targets)`."""
        weight, bias = self.weights[layer], self.biases[layer]
        parts = [columns @ weight.T + bias for columns in self.reads(layer, h)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def reads(self, layer: int, h: np.ndarray) -> Iterator[np.ndarray]:
        """What the columns of a layer's weights read at each place, `(points × pixels, sources)`, in parts."""
        sources = self.weights[layer].shape[1]
        if not 0 <= layer < len(self.pictures):
            yield h.reshape(-1, sources)
            return
        pictures = self.as_pictures(layer, h.reshape(-1, sources // KERNEL**2))
        for some in blocks(pictures):
            yield patches(pictures[some]).reshape(-1, sources)

    def as_pictures(self, layer: int, values: np.ndarray) -> np.ndarray:
        """What a convolution reads or gives, `(points × pixels, channels)`, as pictures."""
        picture = self.pictures[layer]
        return values.reshape(-1, picture.height, picture.width, values.shape[1])

    def hand_on(self, layer: int, outputs: np.ndarray) -> np.ndarray:
        """What is read of a hidden layer's outputs, each `(points × pixels, neurons)`: pooled if pooling follows."""
        if not self.pools(layer):
            return outputs
        return pool(self.as_pictures(layer, outputs)).reshape(-1, outputs.shape[1])

    def hand_back(self, layer: int, gradient: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        """The gradient of a hidden layer's outputs from that of what is read of them."""
        if not self.pools(layer):
            return gradient
        picture, count = self.pictures[layer], gradient.shape[1]
        shape = (-1, picture.height // POOL, picture.width // POOL, count)
        return unpool(gradient.reshape(shape), self.as_pictures(layer, outputs)).reshape(-1, count)

    def feed_back(self, layer: int, gradient: np.ndarray) -> np.ndarray:
        """The gradient of what a layer reads, `(points × pixels, neurons)`, from that of what it feeds to σ."""
        sources = len(self.biases[layer - 1])
        if layer < len(self.pictures):
            back = convolve(self.as_pictures(layer, gradient), transposed(self.weights[layer], sources))
            return back.reshape(-1, sources)
        return (gradient @ self.weights[layer]).reshape(-1, sources)

    def pools(self, layer: int) -> bool:
        """Whether max-pooling follows a hidden layer."""
        return layer < len(self.pictures) and self.pictures[layer].pooled

    def slices(self, layer: int) -> np.ndarray:
        """Weights that read the layer before, `(targets, values, neurons)`: several values of a kernel, else one."""
        weight = self.weights[layer]
        return weight.reshape(len(weight), -1, len(self.biases[layer - 1]))

    def astype(self, dtype: Any) -> "Chain":
        """The chain in another precision, in which it is looked at faster."""
        weights, biases = ([part.astype(dtype) for part in parts] for parts in (self.weights, self.biases))
        return dataclasses.replace(self, weights=tuple(weights), biases=tuple(biases))

    def edit(self, group: NeuronGroup, combination: Any, expansion: Any, constants: Any = None) -> "Chain":
        """Put other neurons in a group's place, as `merge` does.

        Args:
            group: the neurons.
            combination: `(new, old)`, dense or sparse.
            expansion: `(old, new)`, dense or sparse.
            constants: for each consumer `(old,)`, or None for none; zero before a convolution, whose border sees less.

        Returns:
            The chain with these neurons.
        """
        weights, biases = list(self.weights), list(self.biases)
        for place, layer in enumerate(group.consumers):
            read = self.slices(layer)
            if constants is not None and np.any(constants[place]):
                biases[layer] = biases[layer] + read.sum(axis=1) @ constants[place]
            weights[layer] = (read.reshape(-1, group.count) @ expansion).reshape(len(read), -1)
        for layer in group.producers:
            weights[layer], biases[layer] = combination @ weights[layer], combination @ biases[layer]
        return dataclasses.replace(self, weights=tuple(weights), biases=tuple(biases))


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
        network: a TwoLayer, MLP, ResNet, SmallCNN or VGG.

    Returns:
        Its effective weights, normalisation folded into them, and how they hang together.

    Raises:
        InputError: for another network, or weights that are not finite.

    Example:
        >>> network = MLP(2, 1, (5, 4), key=jax.random.key(0))
        >>> [group.count for group in chain_of(network).groups]
        [5, 4]
    """
    if not isinstance(network, TwoLayer | MLP | ResNet | SmallCNN | VGG):
        raise InputError(
            "a TwoLayer, MLP, ResNet, SmallCNN or VGG",
            f"a {type(network).__name__}",
            "Build the network from simplebias.networks; of an AntiSymmetric one take first and second.",
        )
    layers = layers_of(network)
    weights = tuple(np.asarray(layer.effective_weight, np.float64) for layer in layers)
    biases = tuple(
        np.zeros(len(weight)) if layer.effective_bias is None else np.asarray(layer.effective_bias, np.float64)
        for layer, weight in zip(layers, weights, strict=True)
    )
    for layer, parts in enumerate(zip(weights, biases, strict=True), start=1):
        bad = sum(int((~np.isfinite(part)).sum()) for part in parts)
        if bad:
            name = "output layer" if layer == len(weights) else f"layer {layer}"
            raise InputError("finite weights", f"{bad} NaN or infinite weights in {name}", "The training diverged.")
    activation, shortcut = find_activation(network.activation), isinstance(network, ResNet)
    return Chain(weights, biases, activation, shortcut, _pictures(network))


def layers_of(network: Any) -> tuple[Affine | Normalised, ...]:
    """All layers of a network, from the input, the output layer last."""
    convolutions = itertools.chain(*network.convolutions) if isinstance(network, VGG) else ()
    return (*convolutions, *network.layers)


def _pictures(network: Any) -> tuple[Picture, ...]:
    if not isinstance(network, SmallCNN | VGG):
        return ()
    convolutions = network.convolutions if isinstance(network, VGG) else (network.layers[:-2],)
    (height, width, _), pictures = network.image_shape, []
    for block in convolutions:
        pictures += [Picture(height, width, pooled=place == len(block) - 1) for place in range(len(block))]
        height, width = height // POOL, width // POOL
    return tuple(pictures)


def with_weights(network: Any, chain: Chain) -> Any:
    """A network of the same kind with the weights of a chain, which may have other widths.

    Args:
        network: the network that the chain came from.
        chain: effective weights.

    Returns:
        The network, without normalisation; a layer without bias gets one where the chain needs it.

    Example:
        >>> network = TwoLayer(2, 1, 5, key=jax.random.key(0))
        >>> chain = chain_of(network)
        >>> narrow = chain.edit(chain.groups[0], np.eye(3, 5), np.eye(5, 3))
        >>> with_weights(network, narrow).layers[0].weight.shape
        (3, 2)
    """
    return with_layers(network, tuple(map(_refilled, layers_of(network), chain.weights, chain.biases)))


def with_layers(network: Any, layers: tuple[Affine | Normalised, ...]) -> Any:
    """A network with other layers in the place of its own, as `layers_of` lists them; more dense ones may follow."""
    first = len(layers_of(network)) - len(network.layers)
    network = eqx.tree_at(lambda one: one.layers, network, layers[first:])
    if not isinstance(network, VGG):
        return network
    left, ends = layers[:first], itertools.accumulate(len(block) for block in network.convolutions)
    blocks = tuple(left[end - len(block) : end] for block, end in zip(network.convolutions, ends, strict=True))
    return eqx.tree_at(lambda one: one.convolutions, network, blocks)


def _refilled(old: Affine | Normalised, weight: np.ndarray, bias: np.ndarray) -> Affine:
    old = old.affine if isinstance(old, Normalised) else old
    dtype, multiplier = old.weight.dtype, old.multiplier
    divided = jnp.asarray((weight / multiplier).astype(dtype))
    factor = old.bias_multiplier if old.bias is not None else 1.0
    needless = old.bias is None and not np.any(bias)
    return Affine(divided, None if needless else jnp.asarray((bias / factor).astype(dtype)), multiplier, factor)
