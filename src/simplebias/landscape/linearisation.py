"""How close to affine each layer is on the data, and networks made shallower where a layer is."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, as_points, check_positive
from simplebias.core.types import ArrayLike, Float
from simplebias.networks import MLP, VGG, Affine, Chain, ResNet, TwoLayer, chain_of
from simplebias.networks.chain import layers_of, with_layers

ENOUGH = 2
"""Points for each coefficient of an affine fit, at least: with as many as coefficients any layer would be affine."""


@dataclasses.dataclass(frozen=True)
class _Fit:
    """The best affine map `A h + c` from what a layer reads to what it gives, and the share it leaves."""

    weight: Float[np.ndarray, "neurons sources"]
    bias: Float[np.ndarray, " neurons"]
    score: float


def linearisation_scores(network: Any, points: ArrayLike) -> Float[np.ndarray, " layers"]:
    """The linearisation score of each hidden layer: how much of its output no affine map of its input explains.

    `‖h′ - (A h + c)‖ / ‖h′ - mean h′‖` over the points, with the best A and c by least squares, where h is what the
    layer reads and h′ what it gives, with the shortcut of a residual layer. 0 for a layer that is affine on the points,
    or constant; at most 1.

    Args:
        network: a TwoLayer, MLP, ResNet or VGG, of which dense layers are judged.
        points: inputs `(points, inputs)`, at least twice as many as a layer reads numbers, and two more.

    Returns:
        Scores from the input to the output, pure numbers; NaN for convolutions.

    Raises:
        InputError: for another network, or too few points.

    References:
        Bai, Luo, Xu, Zhang, Embedding principle in depth for the loss landscape analysis of deep neural networks,
        arXiv:2205.13283.

    Example:
        >>> import jax
        >>> from simplebias.networks import MLP
        >>> network = MLP(1, 1, (20, 20), initialisation="weight-std:0.01", key=jax.random.key(0))
        >>> bool((linearisation_scores(network, np.linspace(-1, 1, 99)) < 1e-3).all())
        True
    """
    chain, values = _looked(network, points)
    return np.array([_fit(chain, layer, values).score for layer in range(len(chain.weights) - 1)])


@dataclasses.dataclass(frozen=True)
class DepthReduction:
    """A network made shallower, and what that changed. Made by `reduce_depth`.

    No example: see `reduce_depth`.

    Args:
        original: the network as it was.
        network: the shallower network; the original if no layer could go.
        layers: hidden layers that went, numbered from 1 as in the original, in the order in which they went.
        scores: linearisation score of each of them when it went.
        output_change: `‖Δf‖ / ‖f - mean f‖` at the points.
        largest_change: largest `|Δf|` at a point.
    """

    original: Any
    network: Any
    layers: tuple[int, ...]
    scores: tuple[float, ...]
    output_change: float
    largest_change: float


def reduce_depth(
    network: Any, points: ArrayLike, *, tolerance: float | int = 1e-2, score: float | int = 0.1
) -> DepthReduction:
    """Take linearised hidden layers out, one after another, as long as the output hardly changes at the points.

    A layer that is nearly `A h + c` on the points is joined with the next one, `W h′ + b` becoming
    `(W A) h + (W c + b)`. The layer of the smallest score goes first; a layer whose going would change the output by
    more than the tolerance stays. What a network does elsewhere may change more: retrain, and look at data of your own.

    Args:
        network: an MLP; a ResNet, of which the last hidden layer can go, then the one before; a VGG, of which dense
            layers can go. One hidden layer is left.
        points: inputs `(points, inputs)`, see `linearisation_scores`.
        tolerance: largest change of the output, relative to its variation, `‖Δf‖ / ‖f - mean f‖`.
        score: layers of a larger linearisation score are left alone.

    Returns:
        The shallower network with the measured change.

    Raises:
        InputError: for another network, too few points, or limits that are not positive.

    References:
        Bai, Luo, Xu, Zhang, Embedding principle in depth for the loss landscape analysis of deep neural networks,
        arXiv:2205.13283.

    Example:
        >>> import jax
        >>> from simplebias.networks import MLP
        >>> network = MLP(1, 1, (20, 20, 20), initialisation="weight-std:0.01", key=jax.random.key(0))
        >>> done = reduce_depth(network, np.linspace(-1, 1, 99))
        >>> len(done.layers), done.output_change < 1e-2
        (2, True)
    """
    check_positive(tolerance, "tolerance")
    check_positive(score, "score")
    if isinstance(network, TwoLayer):
        raise InputError(
            "a network of two hidden layers or more", "a TwoLayer", "Without its layer it would be linear."
        )
    _, values = _looked(network, points)
    target = chain_of(network).look(values)[2]
    size = float(np.linalg.norm(target - target.mean(axis=0))) or 1.0
    small, gone, scores, change = network, [], [], np.zeros_like(target)
    names = list(range(1, len(chain_of(network).weights)))
    tried = True
    while tried:
        tried = False
        for place, fit in _candidates(small, values, float(score)):
            shallow = _without(small, place, fit)
            moved = chain_of(shallow).look(values)[2] - target
            if np.linalg.norm(moved) <= tolerance * size:
                small, change, tried = shallow, moved, True
                gone.append(names.pop(place))
                scores.append(fit.score)
                break
    largest = float(np.abs(change).max())
    return DepthReduction(network, small, tuple(gone), tuple(scores), float(np.linalg.norm(change)) / size, largest)


def _candidates(network: Any, values: np.ndarray, score: float) -> list[tuple[int, _Fit]]:
    """Layers that may go, from 0, with their fits, the most nearly affine first."""
    chain = chain_of(network)
    depth = len(chain.weights) - 1
    first = depth - 1 if chain.shortcut else len(chain.pictures)
    if depth - first < 1 or depth < 2:
        return []
    fits = [(layer, _fit(chain, layer, values)) for layer in range(first, depth)]
    return sorted((one for one in fits if one[1].score <= score), key=lambda one: one[1].score)


def _without(network: Any, place: int, fit: _Fit) -> Any:
    """The network without a hidden layer, the next one reading the affine map instead."""
    layers = list(layers_of(network))
    next_layer = layers[place + 1]
    weight = np.asarray(next_layer.effective_weight, np.float64)
    bias = 0.0 if next_layer.effective_bias is None else np.asarray(next_layer.effective_bias, np.float64)
    dtype = next_layer.effective_weight.dtype
    joined = Affine(jnp.asarray(weight @ fit.weight, dtype), jnp.asarray(weight @ fit.bias + bias, dtype))
    return with_layers(network, (*layers[:place], joined, *layers[place + 2 :]))


def _looked(network: Any, points: ArrayLike) -> tuple[Chain, np.ndarray]:
    if not isinstance(network, TwoLayer | MLP | ResNet | VGG):
        raise InputError("a TwoLayer, MLP, ResNet or VGG", f"a {type(network).__name__}")
    chain, values = chain_of(network), np.asarray(as_points(points), np.float64)
    if values.shape[1] != chain.inputs:
        raise InputError(f"points with {chain.inputs} columns", f"{values.shape[1]}")
    first = len(chain.pictures)
    most = max(weight.shape[1] for weight in chain.weights[first:])
    if len(values) < ENOUGH * (most + 1):
        raise InputError(
            f"at least {ENOUGH * (most + 1)} points, as a layer reads {most} numbers", f"{len(values)}",
            "With fewer any layer looks affine.",
        )  # fmt: skip
    return chain, values


def _fit(chain: Chain, layer: int, values: np.ndarray) -> _Fit:
    if layer < len(chain.pictures):
        return _Fit(np.zeros((0, 0)), np.zeros(0), float("nan"))
    _, after, _ = chain.look(values)
    reads = np.concatenate(list(chain.reads(layer, after[layer - 1] if layer else values)))
    centre, middle = reads.mean(axis=0), after[layer].mean(axis=0)
    spread = after[layer] - middle
    weight = np.linalg.lstsq(reads - centre, spread, rcond=None)[0].T
    size, left = np.linalg.norm(spread), np.linalg.norm(spread - (reads - centre) @ weight.T)
    tiny = 1e-13 * np.linalg.norm(after[layer])
    return _Fit(weight, middle - weight @ centre, float(left / size) if size > tiny else 0.0)
