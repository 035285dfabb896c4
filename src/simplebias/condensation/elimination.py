"""Which neurons to do without: those from whose absence the targets of a least-squares fit suffer least, one by one."""

from collections.abc import Sequence

import numpy as np

from simplebias.networks import Chain

PROBES = (16, 8)
"""Most outputs along which derivatives are taken one by one; how many random mixtures are taken of more."""
TINY = 1e-8
"""Added to the Gram matrix, in units of its mean diagonal, so that columns told exactly by others do no harm."""


def eliminate(gram: np.ndarray, cross: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rank columns by taking away, one by one, the one whose loss raises the error of the best fit least.

    The best fit of targets y by the columns x that are left has weights `W = G⁻¹ C`, `G = ⟨x xᵀ⟩`, `C = ⟨x yᵀ⟩`;
    without column j its mean square error is larger by `‖W_j‖² / (G⁻¹)_jj`. The inverse is followed by updates of rank
    one, so that all takes some `n³` operations.

    Args:
        gram: `(columns, columns)`, G.
        cross: `(columns, targets)`, C.

    Returns:
        The columns `(columns,)`, the last to go first; and for each, in this order, the error that its going costs,
        or that of one that went before it, if that is more.

    References:
        Reeves, Backward greedy algorithm for sparse signal reconstruction, IEEE Signal Processing Letters 6 (1999).

    Example:
        >>> x = np.random.default_rng(0).normal(size=(100, 3))
        >>> x[:, 1] = x[:, 0] + x[:, 2]
        >>> ranked, costs = eliminate(x.T @ x / 100, x.T @ x @ np.diag([3.0, 1.0, 2.0]) / 100)
        >>> int(ranked[-1]), bool(costs[-1] < 1e-6), bool(costs[1] > 0.1)
        (1, True, True)
    """
    columns, size = np.arange(len(gram)), np.trace(gram) / len(gram)
    costs = np.zeros(len(gram))
    if size == 0:
        return columns, costs
    inverse = np.linalg.inv(gram + TINY * size * np.eye(len(gram)))
    weights = inverse @ cross
    for last in range(len(gram) - 1, -1, -1):
        each = np.sum(weights[: last + 1] ** 2, axis=1) / np.diag(inverse)[: last + 1]
        least = int(np.argmin(each))
        costs[last] = each[least]
        pair, swapped = [least, last], [last, least]
        columns[pair], weights[pair], inverse[pair] = columns[swapped], weights[swapped], inverse[swapped]
        inverse[:, pair] = inverse[:, swapped]
        shares = inverse[:last, last] / inverse[last, last]
        inverse[:last, :last] -= np.outer(shares, inverse[last, :last])
        weights[:last] -= np.outer(shares, weights[last])
    return columns, np.maximum.accumulate(costs[::-1])[::-1]


def unexplained(gram: np.ndarray, cross: np.ndarray, chosen: np.ndarray) -> float:
    """Mean square of the targets' best fit by some columns, negative: the least is the best choice."""
    inner = gram[np.ix_(chosen, chosen)]
    size = np.trace(inner) / len(chosen)
    if size == 0:
        return 0.0
    return -float(np.sum(cross[chosen] * np.linalg.solve(inner + TINY * size * np.eye(len(chosen)), cross[chosen])))


def spread(costs: Sequence[np.ndarray], total: int) -> tuple[int, ...]:
    """How many columns to keep of each of several sets, so that those that go cost least.

    Args:
        costs: of each set, as from `eliminate`, all in one unit.
        total: how many to keep in all; at least one of each.

    Returns:
        The numbers.

    Example:
        >>> spread([np.array([9.0, 5.0, 1.0]), np.array([4.0, 3.0, 2.0])], 4)
        (2, 2)
    """
    sets = np.repeat(np.arange(len(costs)), [len(one) - 1 for one in costs])
    ranked = np.argsort(-np.concatenate([one[1:] for one in costs]), kind="stable")
    kept = np.bincount(sets[ranked[: max(total - len(costs), 0)]], minlength=len(costs))
    return tuple(int(one) + 1 for one in kept)


def output_factors(chain: Chain, before: Sequence[np.ndarray]) -> list[np.ndarray]:
    """How the outputs hang on what is fed to neurons: R with `R Rᵀ = ⟨Jᵀ J⟩` over the points, `J = ∂f / ∂z`.

    To first order an error e of z is one of `‖Rᵀ e‖` in the output, so that errors of all layers are in one unit.

    Args:
        chain: the network.
        before: input z of σ of each hidden layer, `(points, neurons)`.

    Returns:
        For each dense hidden layer but the first `(neurons, directions)`.
    """
    first, last, outputs = len(chain.pictures) + 1, len(before) - 1, len(chain.weights[-1])
    points, count = len(before[-1]), outputs
    mixtures = np.eye(outputs)[:, None, :]
    if outputs > PROBES[0]:
        count = PROBES[1]
        signs = np.random.default_rng(0).integers(0, 2, (count, points, outputs))  # fixed: the result is repeatable
        mixtures = (2.0 * signs - 1) / np.sqrt(count)
    slopes = [chain.slope(before[layer]) for layer in range(first, last + 1)]
    sums = [np.zeros((one.shape[1],) * 2) for one in slopes]
    for mixture in mixtures:
        back = mixture @ chain.weights[-1]
        for layer in range(last, first - 1, -1):
            back = (back if layer == last else back @ chain.weights[layer + 1]) * slopes[layer - first]
            sums[layer - first] += back.T @ back / points
    return [_root(one) for one in sums]


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    some = values > 1e-8 * max(values[-1], 0)
    return vectors[:, some] * np.sqrt(values[some])
