"""The general compatible embedding in width, with its conditions checked."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError
from simplebias.networks.chain import layers_of
from simplebias.networks.embedding import NULL, Embedding, Frame, Plan, folded


def compatible_embedding(
    network: Any,
    *,
    indices: Sequence[Any],
    alpha: Sequence[Any] | None = None,
    beta: Sequence[Any] | None = None,
    null_biases: Sequence[Any] | None = None,
    tolerance: float | int = 1e-9,
) -> Embedding:
    """Embed a network in a wider one by the most general rule known: `W′_ij = α_ij W_I(i)I(j)`.

    Neuron i of the wide layer l is a copy of neuron `I_l(i)`, or null. With β the share of a copy in the gradient of
    its original, 1 at the outputs, these conditions are checked:

    - index: every neuron of the network has a copy;
    - forward: `Σ_{j copies s} α_ij = 1` for each copy i and each s, and 0 for each null i;
    - backward: `Σ_{i copies k} β_i α_ij = β_j` for each copy j and each k, and 0 for each null j;
    - bias: null neurons give constants, which are taken off the bias of what reads them, and the layer that reads a
      null neuron with a constant other than 0 has a bias and is no convolution, whose border sees zeros.

    Under them the wide network computes the same, and a critical point stays one, for all data and every loss.

    Args:
        network: a TwoLayer, MLP, ResNet, SmallCNN, VGG or TwoLayerCNN; a kernel is the neuron of a convolution.
        indices: I_l for each hidden layer, each `(wide,)`, with -1 for a null neuron. Of a ResNet one for all layers,
            whose neurons are tied by the shortcuts.
        alpha: α for each layer after the first, each `(wide targets, wide sources)`; the weight itself where the target
            or the source is null. `α_ij = β_j`, and 0 where one is null, if None.
        beta: β, like `indices`; if None what α makes it, equal shares where that is None too.
        null_biases: biases of the null neurons of each hidden layer, in their order; if None, for all or for a layer,
            those with which they give σ(0).
        tolerance: largest residual of a condition, relative to the largest of 1, α and β.

    Returns:
        The embedding.

    Raises:
        InputError: for a network or shapes that do not fit; or the name of a condition that does not hold, where it
            does not, and by how much.

    References:
        Zhang, Li, Zhang, Luo, Xu, Embedding principle: a hierarchical structure of loss landscape of deep neural
        networks, arXiv:2111.15527.

    Example:
        >>> from simplebias.networks import MLP
        >>> network = MLP(1, 1, (2, 1), key=jax.random.key(0))
        >>> found = compatible_embedding(network, indices=[[0, 1, 1], [0, 0]], beta=[[1, 0.5, 0.5], [3, -2]])
        >>> found.widths, bool(jnp.allclose(found.network(jnp.ones(1)), network(jnp.ones(1)), atol=1e-6))
        ((3, 2), True)
    """
    frame = Frame.of(network)
    maps = _index_maps(frame, indices)
    wide = [len(one) for one in frame.spread(maps)]
    outputs = len(layers_of(network)[-1].weight)
    shapes = list(zip([*wide[1:], outputs], wide, strict=True))
    shares = None if beta is None else _arrays(beta, "beta", [(len(one),) for one in maps])
    if alpha is None:
        shares = [_equal_shares(one) for one in maps] if shares is None else shares
        factors = _shared_factors(frame.spread(maps), frame.spread(shares), outputs)
    else:
        factors = _arrays(alpha, "alpha", shapes)
    layers = [*frame.spread(maps), np.arange(outputs)]
    copies = [np.eye(index.max() + 1)[index] * (index != NULL)[:, None] for index in layers]
    bound = tolerance * max(1.0, *(float(np.abs(part).max()) for part in [*factors, *(shares or [])]))
    _check_forward(layers, copies, factors, bound)
    found = _check_backward(frame, layers, copies, factors, shares, bound)
    biases = _biases(frame, layers, factors, _constants(null_biases, layers[:-1]), bound)
    plan, small = Plan(tuple(layers[:-1]), tuple(factors), tuple(biases)), folded(network)
    constants = tuple(bias[index == NULL] for bias, index in zip(biases[:-1], layers[:-1], strict=True))
    chosen = {"indices": tuple(maps), "alpha": plan.alpha, "beta": tuple(found), "null_biases": constants}
    steps = (f"widths {frame.widths} → {tuple(wide)}",)
    return Embedding(small, plan(small), plan, steps, frame.degeneracy(plan.indices), plan.indices, chosen)


def _constants(null_biases: Sequence[Any] | None, layers: list[np.ndarray]) -> list[np.ndarray | None]:
    if null_biases is None:
        return [None] * len(layers)
    if len(null_biases) != len(layers):
        raise InputError(f"null_biases for {len(layers)} hidden layers", f"for {len(null_biases)}")
    counts = [int((index == NULL).sum()) for index in layers]
    pairs = zip(null_biases, counts, strict=True)
    return [None if one is None else _arrays([one], "null_biases", [(count,)])[0] for one, count in pairs]


def _index_maps(frame: Frame, indices: Sequence[Any]) -> list[np.ndarray]:
    if len(indices) != len(frame.groups):
        remedy = "The hidden layers of a ResNet share one." if frame.shortcut else ""
        raise InputError(f"{len(frame.groups)} index maps, one for each hidden layer", f"{len(indices)}", remedy)
    maps = []
    for number, (given, group) in enumerate(zip(indices, frame.groups, strict=True), start=1):
        found, width = np.asarray(given), frame.widths[group[0]]
        whole = found.ndim == 1 and found.size and found.dtype.kind in "iu"
        if not whole or found.min() < NULL or found.max() >= width:
            raise InputError(f"index map {number} of whole numbers from -1 (null) to {width - 1}", repr(given))
        missing = sorted({*range(width)} - {*found.tolist()})
        if missing:
            raise InputError(
                f"the index condition in layer {number}: every neuron has a copy", f"none of neuron {missing[0]}"
            )
        maps.append(found.astype(np.int64))
    return maps


def _arrays(given: Sequence[Any], name: str, shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    try:
        arrays = [np.asarray(one, np.float64) for one in given]
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} as arrays of numbers", f"others ({error})") from error
    found = [array.shape for array in arrays]
    if found != list(shapes):
        raise InputError(f"{name} of shapes {list(shapes)}", f"{found}")
    bad = [number for number, array in enumerate(arrays) if not np.isfinite(array).all()]
    if bad:
        raise InputError(f"finite {name}", f"NaN or infinity in part {bad[0] + 1}")
    return arrays


def _equal_shares(index: np.ndarray) -> np.ndarray:
    counts = np.bincount(index[index != NULL])
    return np.where(index == NULL, 0.0, 1 / counts[index])


def _shared_factors(maps: Sequence[np.ndarray], shares: Sequence[np.ndarray], outputs: int) -> list[np.ndarray]:
    """α_ij = β_j between copies, 0 at null neurons: each copy is read by its share."""
    real = [*[index != NULL for index in maps[1:]], np.ones(outputs, bool)]
    return [np.outer(rows, share * (index != NULL)) for rows, share, index in zip(real, shares, maps, strict=True)]


def _biases(
    frame: Frame,
    layers: list[np.ndarray],
    alpha: list[np.ndarray],
    constants: list[np.ndarray | None],
    bound: float,
) -> list[np.ndarray]:
    """What is added to the bias of every neuron, so that null neurons are not noticed; refuses where that cannot be."""
    biases, h = [], np.zeros(len(layers[0]))
    for place, index in enumerate(layers):
        given = frame.places[place] * alpha[place - 1] @ h if place else np.zeros(len(index))
        null, biases = index == NULL, [*biases, -given]
        chosen = constants[place] if place < len(constants) else None
        if chosen is not None:
            biases[place][null] = chosen
        if not frame.biased[place]:
            _refuse("bias", place, "no constant, for the layer has no bias", biases[place], bound)
        if place == len(layers) - 1:
            break
        following = _activated(frame, biases[place] + given) if null.any() else 0.0
        h = np.where(null, following + (h if frame.shortcut and place else 0), 0.0)
        if frame.sliding[place + 1]:
            _refuse("bias", place + 1, "null neurons give 0, for a convolution's border reads zeros", h, bound)
        elif not frame.biased[place + 1]:
            _refuse("bias", place + 1, "null neurons give 0, for the layer has no bias", h, bound)
    return biases


def _check_forward(layers: list[np.ndarray], copies: list[np.ndarray], alpha: list[np.ndarray], bound: float) -> None:
    for place in range(1, len(layers)):
        wanted = (layers[place] != NULL)[:, None]
        off = alpha[place - 1] @ copies[place - 1] - wanted
        _refuse("forward", place, "factors of the copies of each neuron sum to 1, to 0 for a null target", off, bound)


def _check_backward(
    frame: Frame,
    layers: list[np.ndarray],
    copies: list[np.ndarray],
    alpha: list[np.ndarray],
    beta: list[np.ndarray] | None,
    bound: float,
) -> list[np.ndarray]:
    """β of each group, from the outputs down where it is not given."""
    known = None if beta is None else frame.spread(beta)
    above, found = np.ones(len(layers[-1])), []
    for place in range(len(layers) - 1, 0, -1):
        pulled = copies[place].T @ (above[:, None] * alpha[place - 1])
        null = layers[place - 1] == NULL
        if known is not None:
            share = known[place - 1]
        else:
            share = above if frame.shortcut and place < len(layers) - 1 else pulled.mean(axis=0)
        share = np.where(null, 0.0, share)
        words = "shares of the copies of each target sum to that of the source, to 0 for a null source"
        _refuse("backward", place, words, pulled - share, bound)
        found.append(share)
        above = share
    return found[-1:] if frame.shortcut else found[::-1]


def _refuse(condition: str, place: int, words: str, residual: np.ndarray, bound: float) -> None:
    worst = float(np.abs(residual).max(initial=0))
    if not worst <= bound:
        raise InputError(f"the {condition} condition in layer {place + 1}: {words}", f"residual {worst:.2g}")


def _activated(frame: Frame, values: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(frame.activation(jnp.asarray(values)))


__all__ = ["compatible_embedding"]
