"""From a network and data to candidates of every size: which neurons merge at which cost, and the merged network."""

import dataclasses

import numpy as np
import scipy.sparse

from simplebias.condensation.bounds import Edit, slope_bound
from simplebias.condensation.hierarchy import Hierarchy, build_hierarchy
from simplebias.networks import Activation, Chain, NeuronGroup

ROWS = 4096
"""Most places (points, and pixels where a kernel slides) at which neurons are compared."""
PROBES = 3
"""Most directions of the output along which sensitivities are taken; more outputs are mixed at random."""


def merge_rule(activation: Activation) -> str:
    """Which neurons of an activation say the same: what their extended input weights must be to each other.

    Args:
        activation: of the neurons.

    Returns:
        "homogeneous" (positive multiples), "linear" (multiples), "odd" or "even" (the same up to sign), "identical", or
        "outputs" where nothing is known of the activation, so that outputs are compared instead.
    """
    if activation.degree == 1:
        return "linear" if activation.parity == "odd" else "homogeneous"
    if activation.parity is not None:
        return activation.parity
    return "identical" if np.isfinite(slope_bound(activation)) else "outputs"


def rule_of_group(chain: Chain, group: NeuronGroup, rule: str) -> str:
    """The rule where max-pooling follows, which only positive factors pass.

    Args:
        chain: the network.
        group: the neurons.
        rule: see `merge_rule`.

    Returns:
        The rule for these neurons.
    """
    pooled = any(chain.pools(layer) for layer in group.producers)
    return {"linear": "homogeneous", "odd": "identical"}.get(rule, rule) if pooled else rule


@dataclasses.dataclass(frozen=True)
class Plan:
    """All that is known for merging before it is decided how far to go.

    Args:
        chain: the network.
        rules: of each group of neurons, see `merge_rule`.
        hierarchies: of each group.
        norms: of each group `(neurons,)`, of what is compared.
        means: of each group, for each consumer, what stands for dropped neurons: their mean, but zero before a
            convolution, which reads zeros around the picture.
        levels: costs at which something changes, sorted.
    """

    chain: Chain
    rules: tuple[str, ...]
    hierarchies: tuple[Hierarchy, ...]
    norms: tuple[np.ndarray, ...]
    means: tuple[tuple[np.ndarray, ...], ...]
    levels: np.ndarray

    def merged(self, height: float) -> tuple[Chain, tuple[Edit, ...]]:
        """The network after all merges that cost no more than `height`."""
        chain, edits = self.chain, []
        for place, group in enumerate(self.chain.groups):
            edit, rows = self._edit(place, group, height)
            kept = np.flatnonzero(edit.assignment >= 0)
            columns = scipy.sparse.csr_array(
                (edit.coefficients[kept], (kept, edit.assignment[kept])), shape=(group.count, edit.count)
            )
            chain = chain.edit(group, rows, columns, edit.constants)
            edits.append(edit)
        return chain, tuple(edits)

    def _edit(self, place: int, group: NeuronGroup, height: float) -> tuple[Edit, scipy.sparse.csr_array]:
        hierarchy, norms, rule = self.hierarchies[place], self.norms[place], self.rules[place]
        assignment, signs = hierarchy.cut(height)
        kept, new = np.flatnonzero(assignment >= 0), int(assignment.max()) + 1
        places = assignment[kept]
        scaled = rule in {"homogeneous", "linear"}
        lengths = np.where(norms > 0, norms, 1.0) if scaled else np.ones(group.count)
        lead = _lead(places, kept, hierarchy.shares, new)
        totals = np.bincount(places, hierarchy.shares[kept], new)
        alone = totals <= 0  # a network that does nothing keeps one neuron
        weights = np.where(alone[places], 1.0, hierarchy.shares[kept] / np.where(alone, 1.0, totals)[places])
        factors = np.ones(group.count)
        turned = signs * signs[lead[np.maximum(assignment, 0)]]
        factors[kept] = turned[kept] * lengths[kept] / lengths[lead][places]
        rows = scipy.sparse.csr_array((weights / factors[kept], (places, kept)), shape=(new, group.count))
        if rule == "outputs":
            rows = scipy.sparse.csr_array((np.ones(new), (np.arange(new), lead)), shape=(new, group.count))
        coefficients = np.abs(factors) if rule in {"even", "homogeneous"} else factors
        dropped = assignment < 0
        constants = tuple(np.where(dropped, mean, 0.0) for mean in self.means[place])
        return Edit(group, assignment, factors, coefficients, constants, rule != "outputs"), rows


def _lead(places: np.ndarray, kept: np.ndarray, shares: np.ndarray, new: int) -> np.ndarray:
    """The neuron of each cluster that does most."""
    order = np.argsort(shares[kept], kind="stable")
    lead = np.zeros(new, int)
    lead[places[order]] = kept[order]
    return lead


def plan_merges(chain: Chain, points: np.ndarray, epsilon: float, rule: str) -> Plan:
    """Look at the neurons on points and order their merges by cost.

    Args:
        chain: the network.
        points: `(points, inputs)`.
        epsilon: rounding unit of the weights: what differs by less is the same.
        rule: see `merge_rule`.

    Returns:
        The plan.
    """
    before, after, _ = chain.look(points)
    given, read = _pulls(chain, before, len(points))
    rules, hierarchies, all_norms, all_means = [], [], [], []
    for group in chain.groups:
        own = rule_of_group(chain, group, rule)
        seen = [after[consumer - 1] for consumer in group.consumers]
        slides = [consumer < len(chain.pictures) for consumer in group.consumers]
        means = tuple(one.mean(axis=0) * (not slid) for one, slid in zip(seen, slides, strict=True))
        pulls = read if own == "outputs" else given
        pull = _largest([pulls[layer].sum(axis=0) / len(points) for layer in group.producers])
        varied = [read[c - 1] * (one - mean) ** 2 for c, one, mean in zip(group.consumers, seen, means, strict=True)]
        shares = _largest([one.sum(axis=0) / len(points) for one in varied])
        sizes = _largest([np.mean(one**2, axis=0) for one in seen])
        shares = np.where(shares <= 16 * epsilon * pull * sizes, 0.0, shares)
        vectors = _some_rows(seen if own == "outputs" else [before[layer] for layer in group.producers])
        norms = np.linalg.norm(vectors, axis=0)
        if own in {"homogeneous", "linear"}:
            vectors, pull = vectors / np.where(norms > 0, norms, 1), pull * norms
        signed = own in {"linear", "odd", "even"}
        hierarchies.append(build_hierarchy(vectors, pull, shares, signed=signed, floor=(16 * epsilon) ** 2))
        rules.append(own)
        all_norms.append(norms)
        all_means.append(means)
    levels = np.unique(np.concatenate([one.levels() for one in hierarchies]))
    return Plan(chain, tuple(rules), tuple(hierarchies), tuple(all_norms), tuple(all_means), levels)


def _largest(squares: list[np.ndarray]) -> np.ndarray:
    return np.sqrt(np.max(squares, axis=0))


def _some_rows(values: list[np.ndarray]) -> np.ndarray:
    """Values of neurons at some places, of a size that is their root mean square."""
    rows = len(values[0])
    if rows > ROWS:
        kept = np.sort(np.random.default_rng(0).choice(rows, ROWS, replace=False))  # fixed: the result is repeatable
        values = [one[kept] for one in values]
    return np.concatenate(values) / np.sqrt(len(values[0]))


def sensitivity_of_inputs(chain: Chain, points: np.ndarray) -> list[np.ndarray]:
    """Root mean square of `∂f / ∂z` for the input z of each neuron of each hidden layer.

    Args:
        chain: the network.
        points: `(points, inputs)`.

    Returns:
        For each hidden layer `(neurons,)`.
    """
    before, _, _ = chain.look(points)
    given, _ = _pulls(chain, before, len(points))
    return [np.sqrt(np.mean(pull * chain.slope(z) ** 2, axis=0)) for pull, z in zip(given, before, strict=True)]


def _pulls(chain: Chain, before: list[np.ndarray], points: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Σ_o (∂f_o / ∂h)² at each place, for each hidden layer's outputs and for what is read of them."""
    slopes, last = [chain.slope(z) for z in before], len(before) - 1
    outputs = chain.weights[-1].shape[0]
    if outputs <= PROBES:
        probes = np.eye(outputs)[:, None, :].repeat(points, axis=1)
    else:
        signs = np.random.default_rng(0).integers(0, 2, (PROBES, points, outputs))  # fixed: the result is repeatable
        probes = (2.0 * signs - 1) / np.sqrt(PROBES)
    firsts = {layer: chain.apply(z) for layer, z in enumerate(before) if chain.pools(layer)}
    given = [np.zeros_like(one) for one in slopes]
    read = [np.zeros(()) if layer in firsts else one for layer, one in enumerate(given)]  # the same but for pooling
    for probe in probes:
        back = chain.feed_back(last + 1, probe)
        for layer in range(last, -1, -1):
            inner = back
            if layer in firsts:
                read[layer] = read[layer] + back**2
                inner = chain.hand_back(layer, back, firsts[layer])
            given[layer] += inner**2
            if layer:
                through = chain.feed_back(layer, inner * slopes[layer])
                back = through + back if chain.shortcut else through
    return given, read
