"""Which neurons merge first: a tree of merges, each with what it is expected to cost in the output."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Hierarchy:
    """A tree of merges of the neurons of one group.

    Args:
        pairs: `(merges, 2)`: cluster kept and cluster that joins it, each named by one of its neurons.
        signs: `(merges,)`: -1 where the second joins with opposite orientation.
        heights: `(merges,)`: expected square of the change of the output, never below that of a merge it rests on.
        shares: `(neurons,)`: what the neuron varies in the output, `√E |∂f/∂h|² (h - E h)²`; 0 for null neurons.
    """

    pairs: np.ndarray
    signs: np.ndarray
    heights: np.ndarray
    shares: np.ndarray

    def levels(self) -> np.ndarray:
        """All heights at which something changes, sorted, 0 first."""
        total, drops = self.shares.copy(), [self.shares**2]
        for kept, joins in self.pairs:
            total[kept] += total[joins]
            drops.append(total[[kept]] ** 2)
        return np.unique(np.concatenate([[0.0], self.heights, *drops]))

    def cut(self, height: float) -> tuple[np.ndarray, np.ndarray]:
        """Clusters when everything is done that costs no more than `height`.

        Returns:
            For each neuron the cluster, -1 where it is dropped, and its sign in it. At least one cluster is left.
        """
        count = len(self.shares)
        roots, signs = np.arange(count), np.ones(count)
        for index in range(len(self.pairs) - 1, -1, -1):  # the last merges first, so that each root is final
            if self.heights[index] <= height:
                kept, joins = self.pairs[index]
                roots[joins], signs[joins] = roots[kept], signs[kept] * self.signs[index]
        totals = np.bincount(roots, self.shares, count)
        dropped = totals**2 <= height
        dropped[np.argmax(totals)] = False
        places = np.full(count, -1)
        left = np.unique(roots[~dropped[roots]])
        places[left] = np.arange(len(left))
        return places[roots], signs


def build_hierarchy(
    vectors: np.ndarray, sensitivities: np.ndarray, shares: np.ndarray, *, signed: bool, floor: float
) -> Hierarchy:
    """Merge neurons pair by pair, always two that are each other's nearest.

    Two clusters with sensitivities `a, b` and centres `u, v` cost `(ab / (a + b))² ‖u ∓ v‖²` to merge: what the output
    changes by where their errors do not cancel.

    Args:
        vectors: `(points, neurons)`: what is to be alike.
        sensitivities: `(neurons,)`: root mean square of the change of the output by a unit change of the vector.
        shares: see Hierarchy.
        signed: whether opposite vectors are alike too.
        floor: square of the relative distance below which vectors are the same.

    Returns:
        The tree. Neurons with a share of 0 are left out: they are dropped at no cost.
    """
    active = (shares > 0) & (sensitivities > 0)
    weights = np.where(active, sensitivities, 1.0)
    centres = np.ascontiguousarray(vectors.T)
    gram = centres @ centres.T
    squares, heights = gram.diagonal().copy(), np.zeros(len(weights))
    pairs, signs, costs, trail = [], [], [], []
    for _ in range(max(int(active.sum()) - 1, 0)):
        a, b = _nearest_pair(trail, gram, squares, weights, active, signed)
        sign = -1.0 if signed and gram[a, b] < 0 else 1.0
        share = weights[a] / (weights[a] + weights[b])
        distance = np.sum((centres[a] - sign * centres[b]) ** 2)  # the Gram matrix is too rough for near twins
        cost = (share * weights[b]) ** 2 * (distance if distance > floor * max(squares[a], squares[b]) else 0.0)
        heights[a] = max(cost, heights[a], heights[b])
        pairs.append((a, b))
        signs.append(sign)
        costs.append(heights[a])
        row = share * gram[a] + (1 - share) * sign * gram[b]
        centres[a] = share * centres[a] + (1 - share) * sign * centres[b]
        gram[a], gram[:, a] = row, row
        squares[a] = gram[a, a] = centres[a] @ centres[a]
        weights[a] += weights[b]
        active[b] = False
    return Hierarchy(np.asarray(pairs, int).reshape(-1, 2), np.asarray(signs), np.asarray(costs), shares)


def _nearest_pair(
    trail: list[int], gram: np.ndarray, squares: np.ndarray, weights: np.ndarray, active: np.ndarray, signed: bool
) -> tuple[int, int]:
    """Follow nearest neighbours until two are each other's; what was followed stays in `trail`."""
    if not trail:
        trail.append(int(np.argmax(active)))
    while True:
        a = trail[-1]
        products = np.abs(gram[a]) if signed else gram[a]
        costs = (weights[a] * weights / (weights[a] + weights)) ** 2 * np.maximum(
            squares[a] + squares - 2 * products, 0
        )
        costs[~active], costs[a] = np.inf, np.inf
        b = int(np.argmin(costs))
        if len(trail) > 1 and costs[trail[-2]] <= costs[b]:
            b = trail[-2]
        if b in trail:  # each other's nearest, or a circle of ties
            del trail[trail.index(b) :]
            return a, b
        trail.append(b)
