"""Edits of networks that keep what they compute: split a neuron, add null neurons, merge neurons."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from simplebias.core.errors import InputError, as_array, check_finite, check_positive
from simplebias.core.types import ArrayLike
from simplebias.networks.chain import Chain, NeuronGroup, chain_of, with_weights
from simplebias.networks.widening import split_embedding


def split(network: Any, layer: int, neuron: int, shares: Sequence[float | int] = (0.5, 0.5)) -> Any:
    """Replace a neuron by copies that share its output weights: the output stays the same.

    The network of `split_embedding`, without the map that leads to it. A critical point stays critical.

    Args:
        network: a TwoLayer, MLP, ResNet, SmallCNN, VGG or TwoLayerCNN; in a ResNet the neuron is split in every hidden
            layer, a kernel is the neuron of a convolution, and a normalisation is folded into the weights.
        layer: hidden layer, counted from 1.
        neuron: index in the layer, from 0.
        shares: of each copy; their sum is 1. The first copy stands in the neuron's place, the others at the end.

    Returns:
        The wider network.

    Raises:
        InputError: for another network, a layer or neuron that is not there, or shares whose sum is not 1.

    References:
        Zhang, Zhang, Luo, Xu, Embedding principle of loss landscape of deep neural networks, arXiv:2105.14573.

    Example:
        >>> import jax; from simplebias.networks import MLP
        >>> network = MLP(2, 1, (5, 4), key=jax.random.key(0))
        >>> wide = split(network, layer=2, neuron=0, shares=(0.5, 2.0, -1.5))
        >>> [len(one.input_weights) for one in wide.neurons()]
        [5, 6]
    """
    return split_embedding(network, layer, neuron, shares).network


def add_null(network: Any, layer: int, count: int = 1, *, bias: float | int = 0.0) -> Any:
    """Add neurons with zero input weights and zero output weights: the output stays the same.

    `null_embedding` does the same where a critical point stays critical too, and refuses it elsewhere.

    Args:
        network: a TwoLayer, MLP, ResNet, SmallCNN or VGG; in a ResNet they are added to every hidden layer.
        layer: hidden layer, counted from 1.
        count: how many.
        bias: of the new neurons. Where the next layer has a bias and is no convolution, any value keeps a critical
            point critical; elsewhere those with σ(bias) = 0.

    Returns:
        The wider network.

    Raises:
        InputError: for another network, a layer that is not there, or a count or bias that cannot be used.

    References:
        Zhang, Zhang, Luo, Xu, Embedding principle of loss landscape of deep neural networks, arXiv:2105.14573.

    Example:
        >>> import jax; from simplebias.networks import TwoLayer
        >>> wide = add_null(TwoLayer(1, 1, 5, key=jax.random.key(0)), layer=1, count=3, bias=0.5)
        >>> len(wide.neurons()[0].input_weights)
        8
    """
    chain, group = _find(network, layer)
    check_positive(count, "count", integer=True)
    check_positive(abs(bias) if isinstance(bias, float | int) else bias, "bias", zero=True)
    more = np.zeros((int(count), group.count))
    identity = np.eye(group.count)
    wide = chain.edit(group, np.concatenate([identity, more]), np.concatenate([identity, more.T], axis=1))
    for producer in group.producers:
        wide.biases[producer][group.count :] = bias
    return with_weights(network, wide)


def merge(
    network: Any,
    layer: int,
    combination: ArrayLike,
    expansion: ArrayLike,
    constants: ArrayLike | None = None,
) -> Any:
    """Put neurons with rows `R (w, b)` in the place of a layer's, where their outputs obey `h = M h′ + c`.

    The next layer's weights become `W M` and its bias `b + W c`. Where `h = M h′ + c` holds for all inputs, the output
    stays the same; elsewhere it changes by what `W (h - M h′ - c)` causes. Splitting is a merge too. Of a convolution
    h is what the next layer reads at each pixel, after max-pooling, which only positive multiples pass.

    Args:
        network: a TwoLayer, MLP, ResNet, SmallCNN or VGG; in a ResNet the neurons of every hidden layer are replaced
            alike.
        layer: hidden layer, counted from 1.
        combination: R, `(new, old)`: each new neuron's input weights and bias as a combination of the old ones.
        expansion: M, `(old, new)`: each old neuron's output from the new ones.
        constants: c, `(old,)`; zeros if None. Not for a ResNet, whose layers would need one each, nor where a
            convolution follows, which reads zeros around its picture.

    Returns:
        The network with the new neurons.

    Raises:
        InputError: for another network, a layer that is not there, or matrices that do not fit or are not finite.

    References:
        Zhang, Zhang, Luo, Xu, Embedding principle of loss landscape of deep neural networks, arXiv:2105.14573.

    Example:
        >>> import jax, jax.numpy as jnp; from simplebias.networks import TwoLayer
        >>> network = TwoLayer(1, 1, 1, activation="relu", key=jax.random.key(0))
        >>> wide = merge(network, 1, [[2.0], [1.0]], [[0.25, 0.5]])  # relu(2z) / 4 + relu(z) / 2 = relu(z)
        >>> bool(jnp.allclose(wide(jnp.ones(1)), network(jnp.ones(1))))
        True
    """
    chain, group = _find(network, layer)
    rows, columns = (_matrix(given, name) for given, name in ((combination, "combination"), (expansion, "expansion")))
    new = len(rows)
    if rows.shape != (new, group.count) or columns.shape != (group.count, new):
        raise InputError(
            f"combination of shape (new, {group.count}) and expansion of shape ({group.count}, new)",
            f"shapes {rows.shape} and {columns.shape}",
        )
    fixed = None
    if constants is not None:
        given = as_array(constants, "constants")
        check_finite(given, "constants")
        fixed = np.asarray(given, np.float64)
        if fixed.shape != (group.count,) or chain.shortcut:
            raise InputError(f"constants of shape ({group.count},), and none for a ResNet", f"shape {fixed.shape}")
        if max(group.consumers) < len(chain.pictures):
            raise InputError(f"no constants for layer {layer}", "some", "A convolution follows: its border sees less.")
    return with_weights(network, chain.edit(group, rows, columns, None if fixed is None else [fixed]))


def _find(network: Any, layer: int) -> tuple[Chain, NeuronGroup]:
    chain = chain_of(network)
    check_positive(layer, "layer", integer=True)
    for group in chain.groups:
        if layer - 1 in group.producers:
            return chain, group
    raise InputError(f"layer from 1 to {len(chain.weights) - 1}", repr(layer))


def _matrix(given: ArrayLike, name: str) -> np.ndarray:
    matrix = as_array(given, name)
    if matrix.ndim != 2 or matrix.size == 0:
        raise InputError(f"{name} of two dimensions", f"shape {matrix.shape}")
    check_finite(matrix, name)
    return np.asarray(matrix, np.float64)
