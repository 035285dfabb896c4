"""Embeddings of a network in a wider one: affine maps of weights that keep the outputs and every critical point."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from simplebias.core.errors import InputError, is_traced
from simplebias.networks.activations import Activation
from simplebias.networks.activations import activation as find_activation
from simplebias.networks.chain import chain_of, layers_of, with_layers
from simplebias.networks.dense import Affine
from simplebias.networks.normalisation import Normalised
from simplebias.networks.two_layer_cnn import TwoLayerCNN

NULL = -1
"""In an index map: a neuron that is no copy of any."""


@dataclasses.dataclass(frozen=True, repr=False)
class Embedding:
    """A narrower or shallower network inside a larger one.

    The weights of the larger network are an affine function `θ_wide = A θ + b` of those of the smaller one, with fixed
    A and b: call the embedding with any network of the smaller shape. In width the output stays the same for every θ
    and all inputs, and where θ is a critical point of a loss, `A θ + b` is one of the same loss.

    Args:
        narrow: the network that was embedded, normalisation folded into its weights.
        network: the larger network.
        function: A θ + b, from network to network; it can be traced and differentiated by JAX.
        steps: what was done, in words.
        degeneracy: zero eigenvalues of the Hessian that are predicted to be added at a critical point, see
            `Frame.degeneracy`.
        indices: of each hidden layer the neuron that each is a copy of, or -1; None where there are more layers.
        chosen: the free parameters by name, with the values they have here.

    Example:
        >>> from simplebias.networks import MLP, split_embedding
        >>> found = split_embedding(MLP(1, 1, (2, 2), key=jax.random.key(0)), 1, 0, shares=(0.3, 0.7))
        >>> found.widths, found.degeneracy, found.matrix()[0].shape
        ((3, 2), 1, (17, 13))
    """

    narrow: Any
    network: Any
    function: Callable[[Any], Any]
    steps: tuple[str, ...]
    degeneracy: int
    indices: tuple[np.ndarray, ...] | None = None
    chosen: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __call__(self, narrow: Any) -> Any:
        """The larger network of another network of the smaller shape.

        Returns:
            A θ + b.

        Raises:
            InputError: for a network of another shape.
        """
        given = folded(narrow)
        if _shapes(given) != _shapes(self.narrow):
            raise InputError(f"a network of widths {Frame.of(self.narrow).widths} as it was embedded", "another shape")
        return self.function(given)

    @property
    def widths(self) -> tuple[int, ...]:
        """Neurons of each hidden layer of the larger network."""
        return Frame.of(self.network).widths

    def __repr__(self) -> str:
        """Steps, widths and degeneracy; the networks and factors would fill pages."""
        sizes = f"{Frame.of(self.narrow).widths} → {self.widths}"
        return f"<Embedding of widths {sizes}: {'; '.join(self.steps)}; {self.degeneracy} more zeros>"

    def linear(self, narrow: Any) -> Any:
        """A θ, the linear part: what a change of the small network's weights becomes."""
        arrays, rest = eqx.partition(folded(narrow), eqx.is_inexact_array)
        zeros = jax.tree.map(lambda leaf: jnp.asarray(np.zeros(leaf.shape, leaf.dtype)), arrays)
        moved, fixed = self(narrow), self.function(eqx.combine(zeros, rest))
        return jax.tree.map(lambda a, b: a - b if eqx.is_inexact_array(a) else a, moved, fixed)

    def matrix(self) -> tuple[np.ndarray, np.ndarray]:
        """A, `(larger, smaller)`, and b, `(larger,)`, over all weights in the order of `ravel_pytree`."""
        arrays, rest = eqx.partition(self.narrow, eqx.is_inexact_array)
        flat, unravel = ravel_pytree(arrays)

        def wide(theta):
            found = self.function(eqx.combine(unravel(jnp.asarray(theta, flat.dtype)), rest))
            return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(found) if eqx.is_inexact_array(leaf)])

        fixed = wide(np.zeros(flat.size))
        return np.stack([wide(row) - fixed for row in np.eye(flat.size)], axis=1), fixed

    def then(self, operator: Callable[[Any], "Embedding"]) -> "Embedding":
        """This embedding and, of the larger network, another: the composition of two.

        Args:
            operator: from a network to an embedding of it.

        Returns:
            The embedding of the smallest network in the largest. Steps of one depth are counted together, for all
            neurons they added; those of different depth one after another.

        Example:
            >>> from simplebias.networks import MLP, split_embedding
            >>> first = split_embedding(MLP(1, 1, (2, 2), key=jax.random.key(0)), 1, 0)
            >>> both = first.then(lambda network: split_embedding(network, 2, 1))
            >>> both.widths, both.degeneracy
            ((3, 3), 3)
        """
        more = operator(self.network)
        indices, degeneracy = None, self.degeneracy + more.degeneracy
        if self.indices is not None and more.indices is not None:
            pairs = zip(self.indices, more.indices, strict=True)
            indices = tuple(np.where(second == NULL, NULL, first[second]) for first, second in pairs)
            degeneracy = Frame.of(self.narrow).degeneracy(indices)
        chosen = {**self.chosen, **{f"{name} {len(self.steps) + 1}": value for name, value in more.chosen.items()}}
        function, steps = jax.tree_util.Partial(_composed, self.function, more.function), self.steps + more.steps
        return Embedding(self.narrow, more.network, function, steps, degeneracy, indices, chosen)


def _composed(first: Callable, second: Callable, network: Any) -> Any:
    return second(first(network))


def folded(network: Any) -> Any:
    """The network with normalisation folded into the weights, so that it is affine layers only."""
    if not any(isinstance(layer, Normalised) for layer in layers_of(network)):
        return network
    return with_layers(network, tuple(affine_layers(network)))


def affine_layers(network: Any) -> list[Affine]:
    """The layers of a network, from the input, with normalisation folded into them."""
    return [one.folded if isinstance(one, Normalised) else one for one in layers_of(network)]


def _shapes(network: Any) -> Any:
    return type(network), [leaf.shape for leaf in jax.tree.leaves(network) if eqx.is_inexact_array(leaf)]


@dataclasses.dataclass(frozen=True)
class Frame:
    """How the neurons of a network hang together, whatever their weights.

    Args:
        sizes: neurons, or kernels, of each layer, the outputs last.
        fans: of each layer, how many weights a neuron has.
        places: of each layer, how many values of one neuron before it reads: taps of a kernel, pixels, or 1.
        sliding: of each layer, whether its kernels slide over what other kernels gave, with zeros around it.
        pooled: of each hidden layer, whether max-pooling follows.
        biased: of each layer, whether it has a bias.
        shortcut: whether the neurons of all hidden layers are tied by shortcuts.
        activation: of the hidden layers.
    """

    sizes: tuple[int, ...]
    fans: tuple[int, ...]
    places: tuple[int, ...]
    sliding: tuple[bool, ...]
    pooled: tuple[bool, ...]
    biased: tuple[bool, ...]
    shortcut: bool
    activation: Activation

    @staticmethod
    def of(network: Any) -> "Frame":
        """The frame of a network.

        Returns:
            The frame.

        Raises:
            InputError: for a network whose neurons cannot be copied, or weights that are not finite.
        """
        if isinstance(network, TwoLayerCNN):
            if not network.shared:
                raise InputError(
                    "kernels with the same weights at every place", "shared=False", "Without sharing none is a neuron."
                )
            slides, pooled, shortcut = 0, (False,), False
            if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(network) if eqx.is_array(leaf)):
                raise InputError("finite weights", "NaN or infinite ones", "The training diverged.")
        else:
            chain = chain_of(network)
            slides, shortcut = len(chain.pictures), chain.shortcut
            pooled = tuple(chain.pools(layer) for layer in range(len(chain.weights) - 1))
        layers = layers_of(network)
        sizes, fans = zip(*(layer.weight.shape for layer in layers), strict=True)
        places = [fan // size for fan, size in zip(fans[1:], sizes, strict=False)]
        sliding = (0 < layer < slides for layer in range(len(layers)))
        biased = (isinstance(layer, Normalised) or layer.bias is not None for layer in layers)
        kind = find_activation(network.activation)
        return Frame(sizes, fans, (1, *places), tuple(sliding), pooled, tuple(biased), shortcut, kind)

    @property
    def widths(self) -> tuple[int, ...]:
        """Neurons, or kernels, of each hidden layer."""
        return self.sizes[:-1]

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Indices of hidden layers whose neurons are tied together, from the input."""
        hidden = range(len(self.widths))
        return (tuple(hidden),) if self.shortcut else tuple((layer,) for layer in hidden)

    def spread(self, parts: Sequence[Any]) -> list[Any]:
        """What belongs to each group as a list over hidden layers."""
        return [part for part, group in zip(parts, self.groups, strict=True) for _ in group]

    def degeneracy(self, indices: Sequence[np.ndarray]) -> int:
        """Zeros that index maps of the hidden layers add to the Hessian of a generic critical point, σ being smooth.

        One for each pair of neurons added to neighbouring layers and each tap or pixel between them. For each neuron,
        of `i` weights and a bias and `o` values that read it: `max(1, o - i - 1)` of a copy, for the dimensions of the
        shares of output weights with which its gradient stays zero; `1 + |i - o|` of a null one. Where `o ≤ i + 2` and
        none is null this is `K + Σ_l K_l K_{l-1}`, K neurons being added, K_l of them in layer l.

        Args:
            indices: of each hidden layer, -1 for a null neuron.

        Returns:
            Their number.
        """
        added = [len(index) - width for index, width in zip(indices, self.widths, strict=True)]
        total = sum(a * b * many for a, b, many in zip(added, added[1:], self.places[1:], strict=False))
        for group in self.groups:
            null = int((indices[group[0]] == NULL).sum())
            copy_zeros, null_zeros = self._zeros_of_a_neuron(group)
            total += (added[group[0]] - null) * copy_zeros + null * null_zeros
        return total

    def _zeros_of_a_neuron(self, group: tuple[int, ...]) -> tuple[int, int]:
        """Zeros that a copy and a null neuron add alone: what reads it is coupled to the weights of layers before."""
        felt = any(self.sliding[layer + 1] or not self.biased[layer + 1] for layer in group)
        reading = [self.fans[layer] for layer in group]
        read = [self.sizes[layer + 1] * self.places[layer + 1] for layer in group]
        ranks = []
        for biases in (1, int(felt)):
            free, rank = 0, 0
            for rows, columns in zip(reading, read, strict=True):
                free += rows + biases
                rank, free = rank + min(free, columns), free - min(free, columns)
            ranks.append(rank)
        return max(1, sum(read) - ranks[0]), sum(reading) + len(group) + sum(read) - 2 * ranks[1]


@dataclasses.dataclass(frozen=True)
class Plan:
    """Where each neuron of a wide network comes from, and with which factors it is read.

    Args:
        indices: of each hidden layer `(wide,)`: the neuron each is a copy of, or `NULL`.
        alpha: of each layer after the first `(wide targets, wide sources)`: factor of the copied weight, the weight
            itself where target or source is null.
        biases: of each layer `(wide targets,)`: added to the copied bias.
    """

    indices: tuple[np.ndarray, ...]
    alpha: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]

    def __call__(self, network: Any) -> Any:
        """The wide network: `W′_ij = α_ij W_I(i)I(j)`, `b′_i = b_I(i) + γ_i`."""
        layers, wide = affine_layers(network), []
        for place, layer in enumerate(layers):
            last = place == len(self.indices)
            rows = np.arange(len(layer.weight)) if last else self.indices[place]
            xp = jnp if is_traced(layer.weight) else np  # NumPy compiles nothing
            weight, bias = xp.asarray(layer.weight), layer.bias
            if place == 0:
                weight = xp.pad(weight, ((0, 1), (0, 0)))[rows]
            else:
                columns, count = self.indices[place - 1], len(layers[place - 1].weight)
                read = weight.reshape(len(weight), -1, count)
                ones = xp.pad(read, ((0, 1), (0, 0), (0, 1)), constant_values=1 / layer.multiplier)
                factors = self.alpha[place - 1].astype(weight.dtype)[:, None, :]
                weight = (ones[rows][:, :, columns] * factors).reshape(len(rows), -1)
            if bias is not None:
                offset = (self.biases[place] / layer.bias_multiplier).astype(bias.dtype)
                bias = jnp.asarray(xp.pad(xp.asarray(bias), (0, 1))[rows] + offset)
            wide.append(Affine(jnp.asarray(weight), bias, layer.multiplier, layer.bias_multiplier))
        return with_layers(network, tuple(wide))


__all__ = ["NULL", "Embedding", "Frame", "Plan", "affine_layers", "folded"]
