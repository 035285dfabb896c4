"""Embeddings in width whose free factors are drawn among all that keep critical points critical."""

import itertools
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from simplebias.core.errors import InputError, check_positive
from simplebias.core.types import Key
from simplebias.networks.chain import layers_of
from simplebias.networks.compatible import compatible_embedding
from simplebias.networks.embedding import NULL, Embedding, Frame
from simplebias.networks.widening import named, unchanged


def random_embedding(
    network: Any, widths: int | Sequence[int] | None = None, *, indices: Sequence[Any] | None = None, key: Key
) -> Embedding:
    """Embed a network in given widths, with factors drawn among all that keep critical points critical.

    Shares β and factors α of `compatible_embedding` are Gaussian, projected onto its conditions: with β drawn,
    `α = 1 βᵀ + N` for copies of k that read copies of s, where the rows of N sum to 0 and so do its columns weighted by
    β.

    Args:
        network: a TwoLayer, MLP, ResNet, SmallCNN, VGG or TwoLayerCNN.
        widths: of each hidden layer, or one number. The neurons that are added are copies of random ones.
        indices: instead of widths the index maps, -1 for null neurons, see `compatible_embedding`.
        key: random key.

    Returns:
        The embedding.

    Raises:
        InputError: for both or none of widths and indices, or those that do not fit.

    References:
        Zhang, Li, Zhang, Luo, Xu, Embedding principle: a hierarchical structure of loss landscape of deep neural
        networks, arXiv:2111.15527.

    Example:
        >>> from simplebias.networks import MLP
        >>> random_embedding(MLP(2, 1, (5, 4), key=jax.random.key(0)), (8, 4), key=jax.random.key(1)).widths
        (8, 4)
    """
    frame, draw = Frame.of(network), _generator(key)
    if indices is not None and widths is None:
        maps = [np.asarray(one) for one in indices]
    elif widths is not None and indices is None:
        maps = _drawn_maps(frame, widths, draw)
    else:
        raise InputError("either widths or indices", "both" if indices is not None else "neither")
    compatible_embedding(network, indices=maps)  # refuses maps that do not fit
    beta = [_drawn_shares(index, draw) for index in maps]
    outputs = len(layers_of(network)[-1].weight)
    layers, shares = [*frame.spread(maps), np.arange(outputs)], [*frame.spread(beta), np.ones(outputs)]
    pairs = itertools.pairwise(zip(layers, shares, strict=True))
    alpha = [_drawn_factors(target, source, draw) for source, target in pairs]
    null_biases = _drawn_biases(frame, layers[:-1], draw)
    found = compatible_embedding(network, indices=maps, alpha=alpha, beta=beta, null_biases=null_biases)
    return named(found, f"random factors, widths {frame.widths} → {found.widths}")


def global_null_embedding(network: Any, widths: int | Sequence[int] | None = None, *, key: Key) -> Embedding:
    """Embed a network beside neurons in every layer that read only each other and that no other neuron reads.

    Args:
        network: a TwoLayer, MLP, ResNet, SmallCNN, VGG or TwoLayerCNN.
        widths: of each hidden layer, or one number; twice those of the network if None, the two-fold null embedding.
        key: random key of the new neurons' biases and of the weights between them.

    Returns:
        The embedding.

    Raises:
        InputError: for another network or smaller widths.

    References:
        Zhang, Li, Zhang, Luo, Xu, Embedding principle: a hierarchical structure of loss landscape of deep neural
        networks, arXiv:2111.15527.

    Example:
        >>> from simplebias.networks import MLP
        >>> global_null_embedding(MLP(2, 1, (2, 3), key=jax.random.key(0)), key=jax.random.key(1)).widths
        (4, 6)
    """
    frame = Frame.of(network)
    indices, _ = unchanged(frame)
    sizes = [2 * len(index) for index in indices] if widths is None else _checked_widths(frame, widths)
    maps = [np.concatenate([one, np.full(size - len(one), NULL)]) for one, size in zip(indices, sizes, strict=True)]
    found = random_embedding(network, indices=maps, key=key)
    return named(found, f"null neurons in every layer, widths {frame.widths} → {found.widths}")


def _checked_widths(frame: Frame, given: int | Sequence[int]) -> list[int]:
    least = [frame.widths[group[0]] for group in frame.groups]
    widths = [given] * len(least) if isinstance(given, int | np.integer) else given
    if len(widths) != len(least):
        remedy = "The hidden layers of a ResNet have one width." if frame.shortcut else ""
        raise InputError(f"{len(least)} widths", f"{len(widths)}", remedy)
    for width, low in zip(widths, least, strict=True):
        check_positive(width, "widths", integer=True)
        if width < low:
            raise InputError(
                f"widths of at least {tuple(least)}", f"{tuple(widths)}", "An embedding only adds neurons."
            )
    return [int(width) for width in widths]


def _drawn_maps(frame: Frame, widths: int | Sequence[int], draw: np.random.Generator) -> list[np.ndarray]:
    """Every neuron, then copies of random ones."""
    indices, _ = unchanged(frame)
    sizes = zip(indices, _checked_widths(frame, widths), strict=True)
    return [np.concatenate([one, draw.integers(0, len(one), size - len(one))]) for one, size in sizes]


def _drawn_shares(index: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Gaussian shares that sum to 1 over the copies of each neuron; 0 of null neurons."""
    shares = np.zeros(len(index))
    for neuron in np.unique(index[index != NULL]):
        copies = index == neuron
        drawn = draw.normal(size=copies.sum())
        shares[copies] = drawn + (1 - drawn.sum()) / len(drawn)
    return shares


def _drawn_factors(
    after: tuple[np.ndarray, np.ndarray], before: tuple[np.ndarray, np.ndarray], draw: np.random.Generator
) -> np.ndarray:
    """α between two layers, of each the index map and the shares."""
    (targets, above), (sources, below) = after, before
    noise = draw.normal(size=(len(targets), len(sources)))
    for neuron in np.unique(targets[targets != NULL]):  # sums weighted by the shares of the copies of a target
        rows = targets == neuron
        noise[rows] -= above[rows] @ noise[rows]
    for neuron in np.unique(sources[sources != NULL]):  # sums over the copies of a source
        columns = sources == neuron
        noise[:, columns] -= noise[:, columns].mean(axis=1, keepdims=True)
    return np.outer(targets != NULL, below) + noise


def _drawn_biases(frame: Frame, layers: list[np.ndarray], draw: np.random.Generator) -> list[np.ndarray | None]:
    """Biases of null neurons; None where what they give must be as small as it can."""
    readers = [frame.biased[place + 1] and not frame.sliding[place + 1] for place in range(len(layers))]
    free = [all(readers)] * len(layers) if frame.shortcut else readers
    return [draw.normal(size=(one == NULL).sum()) if may else None for one, may in zip(layers, free, strict=True)]


def _generator(key: Key) -> np.random.Generator:
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel().tolist())


__all__ = ["global_null_embedding", "random_embedding"]
