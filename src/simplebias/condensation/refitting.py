"""Lossy reduction: keep the neurons from which the others can be told best, and refit the next layer to the old one."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from simplebias.condensation.elimination import eliminate, output_factors, spread, unexplained
from simplebias.condensation.merging import merge_rule, sensitivity_of_inputs
from simplebias.condensation.reduced import (
    Reduction,
    compare_outputs,
    data_points,
    measure_outputs,
    some_points,
    task_losses,
    twin_shares,
)
from simplebias.core.errors import InputError, check_positive
from simplebias.core.task import Task
from simplebias.core.types import ArrayLike
from simplebias.networks import Chain, chain_of, with_weights

FITTED = 10_000
"""Most points the next layer is fitted on; the change that is reported is measured on all."""
RIDGE = 1e-5
"""Pull towards the old weights, in units of the mean square of the kept neurons."""
FREE = 2048
"""Most weights of one neuron that are fitted one by one; where there are more, kernels are only mixed."""


def refit(network: Any, data: Task | ArrayLike, *, keep: float | int | Sequence[int] = 0.5) -> Reduction:
    """Make any network without shortcuts smaller, at a loss that is measured: choose neurons, refit what they feed.

    For networks that are not condensed, where `reduce` hardly shrinks anything. The next layer's weights and bias are
    fitted by least squares to what it was fed before; layers are taken from the input on, so that a layer makes up for
    what was lost before it. Of each layer those neurons are kept without which that fit is worst, in units of the
    output: they are taken away one by one, each time the cheapest. The same set chosen by adding, and the neurons of
    the largest input weights, are kept instead where they leave less. No labels are used. Kernels are chosen by adding
    those that tell the others best, weighted by the weights that read them.

    Args:
        network: a TwoLayer, MLP, SmallCNN or VGG.
        data: points `(points, inputs)` like those the network is for, more than it has neurons in a layer; or a task,
            whose loss is then told too.
        keep: share of the hidden neurons in (0, 1], spread over the dense layers so that those that go cost least, and
            the same in each layer of kernels; or the number to keep in each hidden layer.

    Returns:
        The smaller network with its measured change; `bound` is infinite, for a fit holds on the data alone.

    Raises:
        InputError: for a ResNet, whose shortcuts tie its layers, another network, weights that are not finite, data
            that do not fit, or numbers to keep that cannot be.

    References:
        Nothing of the literature on condensation: backward and forward selection of columns, and least squares.

    Example:
        >>> import jax
        >>> from simplebias.networks import MLP
        >>> network = MLP(2, 1, 40, 2, key=jax.random.key(0))
        >>> small = refit(network, jax.random.normal(jax.random.key(1), (200, 2)), keep=0.5)
        >>> small.widths[1], small.change < 0.05
        ((20, 20), True)
    """
    chain = chain_of(network)
    if chain.shortcut:
        raise InputError("a TwoLayer, MLP, SmallCNN or VGG", "a ResNet, whose shortcuts tie its layers", "Use reduce.")
    if data is None:
        raise InputError("data", "None", "Give points like those the network is for.")
    counts, given = _counts(keep, chain.widths), isinstance(keep, Sequence)
    points = data_points(data, chain.inputs, 1.0, network.layers[0].weight.dtype)
    fitted, kept = _refit(chain, some_points(points, chain, FITTED), counts, given)
    small = with_weights(network, fitted)
    relative, largest = compare_outputs(*(measure_outputs(one, points) for one in (network, small)))
    known = merge_rule(chain.activation)
    note = "Lossy: neurons were chosen and the layers after them refitted on the data; elsewhere nothing is promised."
    return Reduction(
        network=small,
        original=network,
        assignment=tuple(_places(one, len(bias)) for one, bias in zip(kept, chain.biases, strict=False)),
        change=relative,
        largest_change=largest,
        tolerance=float("inf"),
        condensed=False,
        rule="refit",
        similarity=tuple(twin_shares(chain, layer, known) for layer in range(len(kept))),
        losses=task_losses(network, small, data),
        notes=(note,),
        curve=None,
        edits=(),
        data=None,
    )


def _counts(keep: float | int | Sequence[int], widths: tuple[int, ...]) -> tuple[int, ...]:
    if isinstance(keep, Sequence):
        for count in keep:
            check_positive(count, "keep", integer=True)
        if len(keep) != len(widths) or any(count > width for count, width in zip(keep, widths, strict=False)):
            raise InputError(f"numbers to keep of at most {widths}, one for each hidden layer", repr(tuple(keep)))
        return tuple(int(count) for count in keep)
    check_positive(keep, "keep")
    if keep > 1:
        raise InputError("keep as a share of at most 1, or a number for each layer", repr(keep))
    return tuple(max(1, round(keep * width)) for width in widths)


def _places(kept: np.ndarray, width: int) -> np.ndarray:
    places = np.full(width, -1)
    places[kept] = np.arange(len(kept))
    return places


def _refit(chain: Chain, points: np.ndarray, counts: tuple[int, ...], given: bool) -> tuple[Chain, list[np.ndarray]]:
    before, after, outputs = chain.look(points)
    targets, kernels = [*before[1:], outputs], len(chain.pictures)
    importance: list[np.ndarray] = [*output_factors(chain, before), np.eye(outputs.shape[1])]
    if not given:
        counts = counts[:kernels] + _spread(after[kernels:], targets[kernels:], importance, sum(counts[kernels:]))
    if kernels:
        ends = [np.ones(outputs.shape[1])] if kernels == len(before) else importance
        importance = [*sensitivity_of_inputs(chain, points)[1 : kernels + 1], *ends]
    kept, h = [], points
    for layer, count in enumerate(counts):
        features = chain.hand_on(layer, chain.apply(chain.feed(layer, h)))
        several = layer < len(chain.pictures)
        fit = _fit_kernels if several else _fit_neurons
        chosen, weight, bias = fit(chain, layer, features, targets[layer], importance[layer], count)
        chain = _with(chain, layer, chain.weights[layer][chosen], chain.biases[layer][chosen])
        chain = _with(chain, layer + 1, weight, bias)
        h = features[:, chosen]
        kept.append(chosen)
    return chain, kept


def _spread(
    features: Sequence[np.ndarray], targets: Sequence[np.ndarray], factors: Sequence[np.ndarray], total: int
) -> tuple[int, ...]:
    """How many of some neurons to keep in each dense layer, so that those that go cost the output least."""
    costs = []
    for columns, target, factor in zip(features, targets, factors, strict=True):
        gram, cross = _products(columns - columns.mean(axis=0), target - target.mean(axis=0))
        costs.append(eliminate(gram, cross @ factor)[1])
    return spread(costs, total) if costs else ()


def _with(chain: Chain, layer: int, weight: np.ndarray, bias: np.ndarray) -> Chain:
    weights, biases = list(chain.weights), list(chain.biases)
    weights[layer], biases[layer] = weight, bias
    return dataclasses.replace(chain, weights=tuple(weights), biases=tuple(biases))


def _fit_neurons(chain, layer, features, target, importance, count) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Neurons to keep, and weights and bias of the next layer."""
    means, level = features.mean(axis=0), target.mean(axis=0)
    gram, cross = _products(features - means, target - level)
    led = cross @ importance
    longest = np.argsort(-np.abs(chain.weights[layer]).sum(axis=1), kind="stable")[:count]
    chosen = min(
        (eliminate(gram, led)[0][:count], choose_columns(gram, led, count), longest),
        key=lambda columns: unexplained(gram, led, columns),
    )
    chosen = np.sort(chosen)
    weight = fit_columns(gram, cross, chosen, chain.weights[layer + 1].T).T
    return chosen, weight, level - weight @ means[chosen]


def _fit_kernels(chain, layer, features, target, importance, count) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same for kernels, of which the next layer reads several values."""
    means, read = features.mean(axis=0), chain.slices(layer + 1)
    gram, _ = _products(features - means, features[:, :0])
    sizes = np.sqrt(np.einsum("t,tvn->n", importance**2, read**2))
    chosen = choose_columns(gram, gram * sizes, count)
    # what the others give is told from what the kept give, pixel by pixel; then each weight is fitted, if there are few
    mixing = fit_columns(gram, gram, chosen, np.eye(len(gram)))
    weight = (read @ mixing.T).reshape(len(read), -1)
    bias = chain.biases[layer + 1] + read.sum(axis=1) @ (means - means[chosen] @ mixing)
    if weight.shape[1] <= FREE:
        narrow = _with(chain, layer + 1, weight, bias)
        middle, level, gram, cross = _of_what_is_read(narrow, layer + 1, features[:, chosen], target)
        everything = np.arange(len(gram))
        weight = fit_columns(gram, cross, everything, weight.T).T
        bias = level - weight @ middle
    return chosen, weight, bias


def _of_what_is_read(chain: Chain, layer: int, h: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, ...]:
    """Means of what a layer reads and of what it is to give, and their products."""
    level, done = target.mean(axis=0), 0
    sums, gram, cross = np.zeros((3, 1, 1))
    for columns in chain.reads(layer, h):
        goals = target[done : done + len(columns)] - level
        sums, gram, cross = (
            sums + columns.sum(axis=0, keepdims=True),
            gram + columns.T @ columns,
            cross + columns.T @ goals,
        )
        done += len(columns)
    middle = sums[0] / done
    return middle, level, gram / done - np.outer(middle, middle), cross / done


def _products(columns: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return columns.T @ columns / len(columns), columns.T @ target / len(columns)


def choose_columns(gram: np.ndarray, cross: np.ndarray, count: int) -> np.ndarray:
    """Columns that explain the targets best, chosen one by one, each given those before it.

    A Cholesky factor of the Gram matrix with the column of the largest gain as pivot: what is left of the columns'
    squares and of their products with the targets is followed without writing the matrices anew.

    Args:
        gram: `(columns, columns)`, mean products of the columns.
        cross: `(columns, targets)`, mean products of the columns with the targets.
        count: how many to choose.

    Returns:
        `(count,)`: the columns, sorted.
    """
    left, explained = np.diag(gram).copy(), np.sum(cross**2, axis=1)
    least = 1e-10 * np.max(left, initial=0)
    factor, rows = np.zeros((len(gram), count)), np.zeros((count, cross.shape[1]))
    chosen: list[int] = []
    for step in range(count):
        gains = np.where(left > least, np.maximum(explained, 0) / np.maximum(left, least or 1), -1.0)
        gains[chosen] = -2
        best = int(np.argmax(gains))
        chosen.append(best)
        if left[best] <= least:
            continue
        done, root = factor[:, :step], np.sqrt(left[best])
        column = (gram[:, best] - done @ done[best]) / root
        row = (cross[best] - done[best] @ rows[:step]) / root
        products = cross @ row - done @ (rows[:step] @ row)
        explained += column**2 * (row @ row) - 2 * column * products
        left -= column**2
        factor[:, step], rows[step] = column, row
    return np.sort(np.asarray(chosen))


def fit_columns(gram: np.ndarray, cross: np.ndarray, chosen: np.ndarray, old: np.ndarray) -> np.ndarray:
    """Weights of the kept columns: least squares, pulled to the old where the data do not say.

    Args:
        gram: `(columns, columns)`, mean products of the columns.
        cross: `(columns, targets)`, mean products of the columns with the targets.
        chosen: `(kept,)`, columns that are kept.
        old: `(columns, targets)`, the weights before.

    Returns:
        `(kept, targets)`.
    """
    inner, start = gram[np.ix_(chosen, chosen)], old[chosen]
    size = np.trace(inner) / len(chosen)
    if size == 0:
        return start
    return start + np.linalg.solve(inner + RIDGE * size * np.eye(len(chosen)), cross[chosen] - inner @ start)
