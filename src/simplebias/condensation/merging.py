"""From a network and data to candidates of every size: which neurons merge at which cost, and the merged network."""

import dataclasses

import numpy as np
import scipy.sparse

from simplebias.condensation.bounds import Edit, slope_bound
from simplebias.condensation.hierarchy import Hierarchy, build_hierarchy
from simplebias.networks import Activation, Chain, NeuronGroup

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


@dataclasses.dataclass(frozen=True)
class Plan:
    """All that is known for merging before it is decided how far to go.

    Args:
        chain: the network.
        rule: see `merge_rule`.
        hierarchies: of each group of neurons.
        norms: of each group `(neurons,)`, of what is compared.
        means: of each group, for each consumer, mean output of the neurons.
        levels: costs at which something changes, sorted.
    """

    chain: Chain
    rule: str
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
        hierarchy, norms = self.hierarchies[place], self.norms[place]
        assignment, signs = hierarchy.cut(height)
        kept, new = np.flatnonzero(assignment >= 0), int(assignment.max()) + 1
        places = assignment[kept]
        scaled = self.rule in {"homogeneous", "linear"}
        lengths = np.where(norms > 0, norms, 1.0) if scaled else np.ones(group.count)
        lead = _lead(places, kept, hierarchy.shares, new)
        totals = np.bincount(places, hierarchy.shares[kept], new)
        alone = totals <= 0  # a network that does nothing keeps one neuron
        weights = np.where(alone[places], 1.0, hierarchy.shares[kept] / np.where(alone, 1.0, totals)[places])
        factors = np.ones(group.count)
        turned = signs * signs[lead[np.maximum(assignment, 0)]]
        factors[kept] = turned[kept] * lengths[kept] / lengths[lead][places]
        rows = scipy.sparse.csr_array((weights / factors[kept], (places, kept)), shape=(new, group.count))
        if self.rule == "outputs":
            rows = scipy.sparse.csr_array((np.ones(new), (np.arange(new), lead)), shape=(new, group.count))
        coefficients = np.abs(factors) if self.rule in {"even", "homogeneous"} else factors
        dropped = assignment < 0
        constants = tuple(np.where(dropped, mean, 0.0) for mean in self.means[place])
        return Edit(group, assignment, factors, coefficients, constants, self.rule != "outputs"), rows


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
    slopes = [chain.slope(z) for z in before]
    pulls = _pulls(chain, slopes, len(points))
    hierarchies, all_norms, all_means = [], [], []
    for group in chain.groups:
        seen = [after[consumer - 1] for consumer in group.consumers]
        means = tuple(one.mean(axis=0) for one in seen)
        pull = np.sqrt(np.max([np.mean(pulls[layer], axis=0) for layer in group.producers], axis=0))
        varied = [pulls[c - 1] * (one - mean) ** 2 for c, one, mean in zip(group.consumers, seen, means, strict=True)]
        shares = np.sqrt(np.max([one.mean(axis=0) for one in varied], axis=0))
        sizes = np.max([np.sqrt(np.mean(one**2, axis=0)) for one in seen], axis=0)
        shares = np.where(shares <= 16 * epsilon * pull * sizes, 0.0, shares)
        if rule == "outputs":
            vectors = np.concatenate(seen) / np.sqrt(len(points))
        else:
            vectors = np.concatenate([before[layer] for layer in group.producers]) / np.sqrt(len(points))
        norms = np.linalg.norm(vectors, axis=0)
        if rule in {"homogeneous", "linear"}:
            vectors, pull = vectors / np.where(norms > 0, norms, 1), pull * norms
        signed = rule in {"linear", "odd", "even"}
        hierarchies.append(build_hierarchy(vectors, pull, shares, signed=signed, floor=(16 * epsilon) ** 2))
        all_norms.append(norms)
        all_means.append(means)
    levels = np.unique(np.concatenate([one.levels() for one in hierarchies]))
    return Plan(chain, rule, tuple(hierarchies), tuple(all_norms), tuple(all_means), levels)


def sensitivity_of_inputs(chain: Chain, points: np.ndarray) -> list[np.ndarray]:
    """Root mean square of `∂f / ∂z` for the input z of each neuron of each hidden layer.

    Args:
        chain: the network.
        points: `(points, inputs)`.

    Returns:
        For each hidden layer `(neurons,)`.
    """
    before, _, _ = chain.look(points)
    slopes = [chain.slope(z) for z in before]
    pulls = _pulls(chain, slopes, len(points))
    return [np.sqrt(np.mean(pull * slope**2, axis=0)) for pull, slope in zip(pulls, slopes, strict=True)]


def _pulls(chain: Chain, slopes: list[np.ndarray], points: int) -> list[np.ndarray]:
    """Σ_o (∂f_o / ∂h)² at each point, for what each hidden layer hands on."""
    outputs = chain.weights[-1].shape[0]
    if outputs <= PROBES:
        probes = np.eye(outputs)[:, None, :].repeat(points, axis=1)
    else:
        signs = np.random.default_rng(0).integers(0, 2, (PROBES, points, outputs))  # fixed: the result is repeatable
        probes = (2.0 * signs - 1) / np.sqrt(PROBES)
    pulls = [np.zeros_like(one) for one in slopes]
    for probe in probes:
        back = probe @ chain.weights[-1]
        for layer in range(len(slopes) - 1, -1, -1):
            pulls[layer] += back**2
            if layer:
                through = (back * slopes[layer]) @ chain.weights[layer]
                back = through + back if chain.shortcut else through
    return pulls
