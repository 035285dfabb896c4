"""Embeddings in width by name: split and null neurons, copies of the whole, and the symmetries of a network."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, as_array, check_positive, is_traced
from simplebias.core.types import ArrayLike
from simplebias.networks.chain import layers_of, with_layers
from simplebias.networks.compatible import compatible_embedding
from simplebias.networks.dense import Affine
from simplebias.networks.embedding import NULL, Embedding, Frame, affine_layers, folded


def split_embedding(network: Any, layer: int, neuron: int, shares: ArrayLike = (0.5, 0.5)) -> Embedding:
    """Embed a network by copies of one neuron that share its output weights: `T^α` with α any real number.

    Args:
        network: a TwoLayer, MLP, ResNet, SmallCNN, VGG or TwoLayerCNN; in a ResNet the neuron is split in every hidden
            layer, for shortcuts tie them.
        layer: hidden layer, counted from 1.
        neuron: index in the layer, from 0.
        shares: of each copy, `(1 - α, α)` for two; their sum is 1, negative ones and more than 1 allowed. The first
            copy stands in the neuron's place, the others at the end.

    Returns:
        The embedding.

    Raises:
        InputError: for another network, a layer or neuron that is not there, or shares whose sum is not 1.

    References:
        Zhang, Zhang, Luo, Xu, Embedding principle of loss landscape of deep neural networks, arXiv:2105.14573.

    Example:
        >>> import jax; from simplebias.networks import MLP
        >>> split_embedding(MLP(2, 1, (5, 4), key=jax.random.key(0)), 2, 0, shares=(0.5, 2.0, -1.5)).widths
        (5, 6)
    """
    frame, place = find_group(network, layer)
    width = frame.widths[layer - 1]
    check_positive(neuron, "neuron", integer=True, zero=True)
    if neuron >= width:
        raise InputError(f"neuron below {width}, the width of layer {layer}", repr(neuron))
    parts = _shares(shares)
    indices, beta = unchanged(frame)
    indices[place] = np.concatenate([indices[place], np.full(len(parts) - 1, neuron)])
    beta[place] = np.concatenate([beta[place], parts[1:]])
    beta[place][neuron] = parts[0]
    found = compatible_embedding(network, indices=indices, beta=beta)
    return named(found, f"neuron {neuron} of layer {layer} split into {len(parts)}", {"shares": parts})


def null_embedding(network: Any, layer: int, count: int = 1, *, bias: float | int = 0.0) -> Embedding:
    """Embed a network by neurons with zero input weights, zero output weights and any bias.

    Zero output weights alone keep the outputs but not a critical point. Nor does a bias with `σ(bias) ≠ 0` where the
    next layer has no bias, or is a convolution, whose border reads zeros: that is refused.

    Args:
        network: a TwoLayer, MLP, ResNet, SmallCNN, VGG or TwoLayerCNN; in a ResNet they are added to every layer.
        layer: hidden layer, counted from 1.
        count: how many.
        bias: of the new neurons.

    Returns:
        The embedding.

    Raises:
        InputError: for another network, a layer that is not there, or the bias condition, with its residual σ(bias).

    References:
        Zhang, Zhang, Luo, Xu, Embedding principle of loss landscape of deep neural networks, arXiv:2105.14573.

    Example:
        >>> import jax; from simplebias.networks import MLP
        >>> null_embedding(MLP(2, 1, (5, 4), key=jax.random.key(0)), 1, 2, bias=0.7).widths
        (7, 4)
    """
    frame, place = find_group(network, layer)
    check_positive(count, "count", integer=True)
    if not isinstance(bias, float | int) or not np.isfinite(bias):
        raise InputError("bias as a finite number", repr(bias))
    indices, beta = unchanged(frame)
    indices[place] = np.concatenate([indices[place], np.full(int(count), NULL)])
    beta[place] = np.concatenate([beta[place], np.zeros(int(count))])
    biases = [np.full((index == NULL).sum(), float(bias)) for index in frame.spread(indices)]
    found = compatible_embedding(network, indices=indices, beta=beta, null_biases=biases)
    return named(found, f"{int(count)} null neurons in layer {layer}", {"bias": float(bias)})


def global_split_embedding(network: Any, shares: ArrayLike = (1, 1, -1)) -> Embedding:
    """Embed a network as copies of the whole side by side, whose outputs are added with shares.

    The first layer is stacked, those between are block-diagonal, the last is `[s₁ W, s₂ W, …]`.

    Args:
        network: a TwoLayer, MLP, ResNet, SmallCNN, VGG or TwoLayerCNN.
        shares: of each copy of the network, of sum 1.

    Returns:
        The embedding.

    Raises:
        InputError: for another network, or shares whose sum is not 1.

    References:
        Zhang, Li, Zhang, Luo, Xu, Embedding principle: a hierarchical structure of loss landscape of deep neural
        networks, arXiv:2111.15527.

    Example:
        >>> import jax; from simplebias.networks import MLP
        >>> found = global_split_embedding(MLP(2, 1, (2, 2), key=jax.random.key(0)))
        >>> found.widths, found.degeneracy
        ((6, 6), 24)
    """
    frame, parts = Frame.of(network), _shares(shares)
    outputs, count = len(layers_of(network)[-1].weight), len(parts)
    indices, _ = unchanged(frame)
    maps = [np.tile(index, count) for index in indices]
    sizes = zip(frame.widths[1:], frame.widths, strict=False)
    alpha = [np.kron(np.eye(count), np.ones(size)) for size in sizes]
    alpha.append(np.kron(parts, np.ones((outputs, frame.widths[-1]))))
    found = compatible_embedding(network, indices=maps, alpha=alpha)
    return named(found, f"{count} copies of the whole", {"shares": parts})


def symmetry_embedding(
    network: Any, layer: int, *, order: Sequence[int] | None = None, factors: ArrayLike | None = None
) -> Embedding:
    """The same network with its neurons in another order, rescaled or with other signs: no neuron is added.

    A factor c multiplies the input weights and bias of a neuron, and `σ(c z) = r σ(z)` says by what its output weights
    are divided: `r = c^q` for c > 0 and an activation homogeneous of degree q; for c = -1, r = -1 if σ is odd, 1 if it
    is even.

    Args:
        network: a TwoLayer, MLP, ResNet, SmallCNN, VGG or TwoLayerCNN; in a ResNet the neurons of every layer.
        layer: hidden layer, counted from 1.
        order: the old index of each neuron; as it is if None.
        factors: c of each old neuron, `(width,)`; ones if None.

    Returns:
        The embedding, of degeneracy 0.

    Raises:
        InputError: for an order that is none, or a factor that the activation, or max-pooling, does not pass.

    References:
        Zhang, Zhang, Luo, Xu, Embedding principle of loss landscape of deep neural networks, arXiv:2105.14573.

    Example:
        >>> import jax; from simplebias.networks import MLP
        >>> network = MLP(2, 1, (2, 3), activation="relu", key=jax.random.key(0))
        >>> found = symmetry_embedding(network, 1, order=(1, 0), factors=(2, 0.5))
        >>> bool(jnp.allclose(found.network(jnp.ones(2)), network(jnp.ones(2)), atol=1e-6))
        True
    """
    frame, place = find_group(network, layer)
    width, group = frame.widths[layer - 1], frame.groups[place]
    before = np.ones(width) if factors is None else np.asarray(as_array(factors, "factors"), np.float64)
    if before.shape != (width,):
        raise InputError(f"factors of shape ({width},)", f"shape {before.shape}")
    after = _passed(frame, before, any(frame.pooled[one] for one in group))
    given = np.arange(width) if order is None else np.asarray(order)
    if sorted(given.tolist()) != list(range(width)):
        raise InputError(f"order of the {width} neurons of layer {layer}, each once", repr(order))
    function, small = functools.partial(_moved, group, given, before, after), folded(network)
    steps, chosen = (f"neurons of layer {layer} moved by a symmetry",), {"order": given, "factors": before}
    maps = [np.arange(size) for size in frame.widths]
    maps = tuple(given if place in group else one for place, one in enumerate(maps))
    return Embedding(small, function(small), function, steps, 0, maps, chosen)


def _moved(group: tuple[int, ...], order: np.ndarray, before: np.ndarray, after: np.ndarray, network: Any) -> Any:
    """Rows of a group's neurons times one factor, the columns that read them divided by another, in another order."""
    layers = affine_layers(network)
    for place in range(len(layers)):
        layer = layers[place]
        xp = jnp if is_traced(layer.weight) else np  # NumPy compiles nothing
        weight, bias = xp.asarray(layer.weight), layer.bias
        if place in group:
            factors = before.astype(weight.dtype)
            weight = (weight * factors[:, None])[order]
            bias = None if bias is None else jnp.asarray((xp.asarray(bias) * factors)[order])
        if place - 1 in group:
            read = weight.reshape(len(weight), -1, len(after)) / after.astype(weight.dtype)
            weight = read[:, :, order].reshape(weight.shape)
        layers[place] = Affine(jnp.asarray(weight), bias, layer.multiplier, layer.bias_multiplier)
    return with_layers(network, tuple(layers))


def _passed(frame: Frame, factors: np.ndarray, pooled: bool) -> np.ndarray:
    """The r of each factor c, `σ(c z) = r σ(z)`."""
    kind = frame.activation
    if not np.isfinite(factors).all() or not factors.all():
        raise InputError("finite factors other than 0", repr(factors))
    size, passed = np.abs(factors), np.ones(len(factors))
    if kind.degree is not None:
        passed = size**kind.degree
    elif (size != 1).any():
        raise InputError("factors ±1", repr(factors), f"{kind.name} is not homogeneous: its neurons have one size.")
    if (factors > 0).all():
        return passed
    if kind.parity is None or (pooled and kind.parity == "odd"):
        why = "max-pooling follows" if kind.parity else f"{kind.name} is neither odd nor even"
        raise InputError("factors > 0", repr(factors), f"The sign cannot be moved, for {why}.")
    return np.where(factors < 0, -passed if kind.parity == "odd" else passed, passed)


def find_group(network: Any, layer: int) -> tuple[Frame, int]:
    """The frame of a network, and the number of the group of a layer."""
    frame = Frame.of(network)
    check_positive(layer, "layer", integer=True)
    for place, group in enumerate(frame.groups):
        if layer - 1 in group:
            return frame, place
    raise InputError(f"layer from 1 to {len(frame.widths)}", repr(layer))


def named(found: Embedding, step: str, chosen: dict[str, Any] | None = None) -> Embedding:
    """An embedding with another description."""
    free = found.chosen if chosen is None else chosen
    return dataclasses.replace(found, steps=(step,), chosen=free)


def unchanged(frame: Frame) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Index maps and shares of every group as it is."""
    widths = [frame.widths[group[0]] for group in frame.groups]
    return [np.arange(width) for width in widths], [np.ones(width) for width in widths]


def _shares(given: Any) -> np.ndarray:
    try:
        parts = np.asarray(given, np.float64).copy()
    except (TypeError, ValueError) as error:
        raise InputError("shares as numbers", repr(given)) from error
    if parts.ndim != 1 or not parts.size or not abs(parts.sum() - 1) <= 1e-6 * max(1.0, np.abs(parts).sum()):
        raise InputError("shares of sum 1", repr(given), "They divide the output weights among the copies.")
    parts[0] = 1 - parts[1:].sum()
    return parts


__all__ = ["global_split_embedding", "null_embedding", "split_embedding", "symmetry_embedding"]
