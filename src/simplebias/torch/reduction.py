"""Reduction of PyTorch modules: channels that say the same are merged, the change of the output measured."""

import copy
import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from simplebias.condensation.elimination import eliminate, unexplained
from simplebias.condensation.hierarchy import Hierarchy, build_hierarchy
from simplebias.condensation.reduced import compare_outputs
from simplebias.condensation.reduction import CONDENSED, FAITHFUL
from simplebias.condensation.refitting import choose_columns
from simplebias.core.errors import InputError, check_positive
from simplebias.torch.editing import Cut, narrowed
from simplebias.torch.looking import Look, Read, as_inputs, outputs_of, some_inputs
from simplebias.torch.refitting import Refit
from simplebias.torch.spaces import Graph

TRIED = 256
"""Most points on which a size is tried; what is reported is measured on all."""


@dataclasses.dataclass(frozen=True)
class ReducedModule:
    """A smaller module, where its channels came from, and by how much the output changed.

    Args:
        module: the small module, of the same class, trainable and with a state_dict of its own; as before in training
            or evaluation mode.
        change: `‖f′ - f‖ / ‖f‖` over the points, both in evaluation mode; where f is zero, `‖f′‖`'s mean square root.
        largest_change: largest |f′ - f|, in units of the output.
        widths: of each layer that could be reduced, channels before and after.
        assignment: of each such layer, for each old channel the new one that speaks for it, -1 where it was dropped.
        groups: layers, the channels of which were tied to each other, such as by a shortcut.
        frozen: layers that could not be reduced, with the reason.
        parameters: weights before and after.
        condensed: whether there are two times fewer channels at least where any could go, at a change of 0.01 or less.
        refitted: whether channels were chosen and the layers after them refitted, at a loss.

    No example: `reduce` shows it.
    """

    module: Any
    change: float
    largest_change: float
    widths: Mapping[str, tuple[int, int]]
    assignment: Mapping[str, np.ndarray]
    groups: tuple[tuple[str, ...], ...]
    frozen: Mapping[str, str]
    parameters: tuple[int, int]
    condensed: bool
    refitted: bool

    @property
    def verdict(self) -> str:
        """A sentence: condensed or not, and what that rests on."""
        before, after = (sum(self.widths[group[0]][side] for group in self.groups) for side in (0, 1))
        words = "Refitted" if self.refitted else "Condensed" if self.condensed else "Not condensed"
        return f"{words}: {before} channels became {after} at a relative change of the output of {self.change:.2g}."

    def __str__(self) -> str:
        lines = [self.verdict, "parameters: {:,} → {:,}".format(*self.parameters)]
        for group in self.groups:
            before, after = self.widths[group[0]]
            lines.append(f"{', '.join(group)}: {before} → {after}")
        return "\n".join([*lines, *[f"{name} was left as it is: {reason}" for name, reason in self.frozen.items()]])


def reduce(
    module: nn.Module,
    points: Any,
    *,
    tolerance: float | int = 0.01,
    keep: float | int | Mapping[str, int] | None = None,
) -> ReducedModule:
    """Make a condensed module small: merge channels that say the same, and drop those that say nothing.

    Neurons of Linear layers and kernels of convolutions are its channels. They say the same if what they feed to
    activations is, on the points, a positive multiple (ReLU and the like), equal up to sign (odd activations) or equal
    (any other), normalisation included; the weights that read them are then summed with these factors. Nearly equal
    ones merge too, those first whose merge changes the output least, in all layers at once, as long as the change on
    the points, `‖f′ - f‖ / ‖f‖`, stays within the tolerance. Channels tied by shortcuts, products or depthwise
    convolutions are merged together. Layers are followed by `torch.fx`; those that cannot be reduced are named.

    Args:
        module: any that torch.fx can follow; it is left as it is.
        points: inputs like those it is for, a tensor `(points, ...)`, or a tuple of tensors for several inputs.
        tolerance: most relative change of the output; 0 for channels without any effect alone.
        keep: a lossy refit instead, for modules that are not condensed: the share of the channels to keep in each
            group, or the number by the name of a layer. The channels are kept without which the next layers can be
            told worst; these are fitted by least squares to what they gave before. No labels are used.

    Returns:
        The small module, an ordinary one of the same class, with the measured change. Train it on as any other.

    Raises:
        InputError: for a module that torch.fx cannot follow, weights or points that are not finite, points it does not
            take, or numbers to keep that cannot be.

    References:
        Zhang, Zhang, Luo, Xu, Embedding principle of loss landscape of deep neural networks, arXiv:2105.14573.

    Example:
        >>> wide = nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, 1))
        >>> with torch.no_grad():
        ...     for one in (wide[0].weight, wide[0].bias):
        ...         _ = one[3:].copy_(2 * one[:3])
        >>> small = reduce(wide, torch.rand(50, 2) - 0.5, tolerance=1e-5)
        >>> small.module[0].out_features <= 3, small.change < 1e-5
        (True, True)
    """
    check_positive(tolerance, "tolerance", zero=True)
    if not isinstance(module, nn.Module):
        raise InputError("a torch.nn.Module", f"a {type(module).__name__}", "Use simplebias.condensation.reduce.")
    _check_weights(module)
    inputs = as_inputs(points, module)
    quiet = copy.deepcopy(module).eval()
    graph = Graph(quiet, tuple(one[:2] for one in inputs))
    if not graph.free():
        reasons = "; ".join(f"{name}: {reason}" for name, reason in graph.frozen().items())
        raise InputError("a module with channels that can be reduced", reasons or "none", "Give a part of it.")
    outputs = outputs_of(quiet, inputs)
    some = some_inputs(graph, inputs)
    look = Look(graph, some)
    if keep is None:
        plan = _Plan(graph, look, some)
        cuts = plan.finish(inputs, outputs, float(tolerance))
        small, condensed = narrowed(graph, cuts), plan.condensed(min(float(tolerance), FAITHFUL))
    else:
        counts = _counts(graph, keep)
        reads = {space: look.reads(space) for space in counts}
        cuts = {space: _choose(graph, reads[space], count) for space, count in counts.items()}
        small, condensed = narrowed(graph, cuts), False
        targets = {key: read.values for one in reads.values() for key, read in one.items()}
        Refit(graph, small, cuts, targets).refit(some)
    change, largest = compare_outputs(outputs, outputs_of(small, inputs))
    _as_it_was(small, module)
    return _told(graph, cuts, module, small, (change, largest), condensed=condensed, refitted=keep is not None)


def _check_weights(module: nn.Module) -> None:
    for name, one in module.named_parameters():
        if not bool(torch.isfinite(one).all()):
            raise InputError("finite weights", f"NaN or infinite weights in {name}", "The training diverged.")


def _as_it_was(small: nn.Module, module: nn.Module) -> None:
    modes = {name: one.training for name, one in module.named_modules()}
    for name, one in small.named_modules():
        one.training = modes[name]


class _Plan:
    """Merges of all spaces by their cost, and sizes that were tried."""

    def __init__(self, graph: Graph, look: Look, inputs: tuple[torch.Tensor, ...]):
        self.graph, self.reads, self.trees = graph, {}, {}
        epsilon = torch.finfo(next(graph.module.parameters()).dtype).eps
        for space in graph.free():
            self.reads[space] = look.reads(space)
            self.trees[space] = self._tree(space, look, float(epsilon))
        self.levels = np.unique(np.concatenate([one.levels() for one in self.trees.values()]))
        self.inputs = tuple(one[:: -(-len(one) // TRIED)] for one in inputs)
        self.outputs, self.tried = outputs_of(graph.module, self.inputs), {}

    def _tree(self, space: int, look: Look, epsilon: float) -> Hierarchy:
        rule = self.graph.spaces[space].rule
        vectors, pull = look.compared(space)
        shares = np.max([read.shares for read in self.reads[space].values()], axis=0)
        sizes = np.max([np.sqrt(np.diag(one.gram) + one.means**2) for one in self.reads[space].values()], axis=0)
        shares = np.where(shares <= 16 * epsilon * pull * sizes, 0.0, shares)
        norms = np.linalg.norm(vectors, axis=0)
        if rule in {"linear", "homogeneous"}:
            vectors, pull = vectors / np.where(norms > 0, norms, 1), pull * norms
        signed = rule in {"linear", "odd"}
        return build_hierarchy(vectors, pull, shares, signed=signed, floor=(16 * epsilon) ** 2)

    def cuts(self, height: float) -> dict[int, Cut]:
        return {space: self._cut(space, *tree.cut(height)) for space, tree in self.trees.items()}

    def _cut(self, space: int, assignment: np.ndarray, signs: np.ndarray) -> Cut:
        shares = self.trees[space].shares
        order = np.argsort(shares, kind="stable")
        order = order[assignment[order] >= 0]
        leads = np.zeros(int(assignment.max()) + 1, int)
        leads[assignment[order]] = order  # the channel of each cluster that does most
        kept = np.sort(leads)
        lead = np.where(assignment >= 0, leads[np.maximum(assignment, 0)], -1)
        mixing, constants = {}, {}
        for key, read in self.reads[space].items():
            mixing[key], constants[key] = _merge(read, lead, kept)
        return Cut(kept, mixing, constants)

    def change(self, place: int) -> float:
        if place not in self.tried:
            cuts = self.cuts(self.levels[place])
            found = outputs_of(narrowed(self.graph, cuts), self.inputs)
            size = sum(len(cut.kept) for cut in cuts.values())
            self.tried[place] = (size, compare_outputs(self.outputs, found)[0])
        return self.tried[place][1]

    def largest(self, tolerance: float) -> int:
        """Find a place within the tolerance whose next is not, the farthest of those looked at all over."""
        last = len(self.levels) - 1
        for place in np.unique(last - np.round(np.geomspace(1, last + 1, 8)).astype(int) + 1):
            self.change(int(place))
        low = max([one for one in self.tried if self.tried[one][1] <= tolerance], default=0)
        high = min([one for one in self.tried if one > low], default=last + 1)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.change(middle) <= tolerance else (low, middle)
        return low

    def condensed(self, tolerance: float) -> bool:
        """Whether half of the channels can go within a tolerance."""
        place = self.largest(tolerance)
        self.change(place)
        return sum(self.graph.spaces[one].count for one in self.trees) >= CONDENSED * self.tried[place][0]

    def finish(self, inputs: tuple[torch.Tensor, ...], outputs: np.ndarray, tolerance: float) -> dict[int, Cut]:
        """The cuts of the smallest module that keeps the tolerance on all points."""
        place = self.largest(tolerance)
        while place:
            cuts = self.cuts(self.levels[place])
            if compare_outputs(outputs, outputs_of(narrowed(self.graph, cuts), inputs))[0] <= tolerance:
                return cuts
            place = int(0.97 * place)
        return self.cuts(self.levels[0])


def _merge(read: Read, lead: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each channel as a multiple of the one that speaks for it, nearest on the data; a dropped one as its mean."""
    count = len(lead)
    spoken = np.flatnonzero(lead >= 0)
    mixing, squares = np.zeros((len(kept), count)), np.diag(read.gram)
    sizes = squares[lead[spoken]]
    factors = np.where(sizes > 0, read.gram[lead[spoken], spoken] / np.where(sizes > 0, sizes, 1), 0.0)
    mixing[np.searchsorted(kept, lead[spoken]), spoken] = factors
    mixing[np.arange(len(kept)), kept] = 1.0
    return mixing, read.means - read.means[kept] @ mixing


def _counts(graph: Graph, keep: float | int | Mapping[str, int]) -> dict[int, int]:
    spaces = {name: space for space in graph.free() for name in graph.spaces[space].producers}
    if isinstance(keep, Mapping):
        for name, count in keep.items():
            check_positive(count, f"keep[{name!r}]", integer=True)
            if name not in spaces:
                why = graph.frozen().get(name, "there is no such layer")
                raise InputError(f"layers that can be reduced: {', '.join(spaces)}", f"{name}: {why}")
            if count > graph.spaces[spaces[name]].count:
                raise InputError(f"at most {graph.spaces[spaces[name]].count} channels of {name}", repr(count))
        return {spaces[name]: int(count) for name, count in keep.items()}
    check_positive(keep, "keep")
    if keep > 1:
        raise InputError("keep as a share of at most 1, or numbers by layer", repr(keep))
    return {space: max(1, round(keep * graph.spaces[space].count)) for space in graph.free()}


def _choose(graph: Graph, reads: Mapping[tuple[str, int], Read], count: int) -> Cut:
    """The channels of a space to keep: those from which what the next layers are fed can be told best."""
    gram, led = _products(graph, reads)
    sizes = np.argsort(-np.max([one.shares for one in reads.values()], axis=0), kind="stable")[:count]
    candidates = (eliminate(gram, led)[0][:count], choose_columns(gram, led, count), sizes)
    kept = np.sort(min(candidates, key=lambda columns: unexplained(gram, led, columns)))
    start, zeros = np.eye(len(gram))[kept], np.zeros(len(gram))
    return Cut(kept, dict.fromkeys(reads, start), dict.fromkeys(reads, zeros))


def _products(graph: Graph, reads: Mapping[tuple[str, int], Read]) -> tuple[np.ndarray, np.ndarray]:
    """Mean products of channels, and of these with what the layers that read them are fed, by their effect."""
    gram, led = 0.0, []
    for (name, start), read in reads.items():
        layer: Any = graph.module.get_submodule(str(graph.reads[name].target))
        count = len(read.gram)
        layout = graph.layouts[graph.reads[name].all_input_nodes[0]]
        assert layout is not None
        repeats = next(part.repeats for part in layout.parts if part.start == start)
        columns = layer.weight.detach()[:, start : start + count * repeats].double()
        flat = columns.reshape(len(columns), count, -1).transpose(0, 1).reshape(count, -1).cpu().numpy()
        sizes = np.sqrt(np.trace(read.gram))
        weight = np.mean(read.shares / np.where(np.diag(read.gram) > 0, np.sqrt(np.diag(read.gram)), np.inf))
        weight = weight / max(np.linalg.norm(flat), 1e-300) if sizes > 0 else 0.0
        values, vectors = np.linalg.eigh(flat @ flat.T)
        root = vectors * np.sqrt(np.maximum(values, 0))
        gram = gram + read.gram
        led.append(weight * read.gram @ root)
    return np.asarray(gram), np.concatenate(led, axis=1)


def _told(
    graph: Graph, cuts: Mapping[int, Cut], module: nn.Module, small: nn.Module, changes: tuple[float, float], *,
    condensed: bool, refitted: bool,
) -> ReducedModule:  # fmt: skip
    widths, assignment = {}, {}
    for space, cut in cuts.items():
        places = np.full(graph.spaces[space].count, -1)
        for mixing in cut.mixing.values():
            spoken = np.any(mixing != 0, axis=0)
            places[spoken] = np.argmax(np.abs(mixing), axis=0)[spoken]
        for name in graph.spaces[space].producers:
            widths[name] = (graph.spaces[space].count, len(cut.kept))
            assignment[name] = places
    sizes = tuple(sum(parameter.numel() for parameter in one.parameters()) for one in (module, small))
    groups = tuple(tuple(graph.spaces[space].producers) for space in cuts)
    return ReducedModule(
        small, *changes, widths, assignment, groups, graph.frozen(), (sizes[0], sizes[1]), condensed, refitted
    )
