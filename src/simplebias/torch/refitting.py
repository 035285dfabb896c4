"""A module with fewer channels whose layers are fitted, one after the other, to what they gave before."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from simplebias.condensation.refitting import fit_columns
from simplebias.torch.editing import Cut, mix_columns, put, shift_bias
from simplebias.torch.looking import rows_of, takes_constants
from simplebias.torch.spaces import Graph, Part
from simplebias.torch.windows import Given, fit_windows


class Refit(fx.Interpreter):
    """One run of a cut module in which each layer is fitted to what it was fed before, and only then applied.

    Fewer channels need larger weights after them. Where the activation allows it, some of that is moved to the weights
    before them, so that the two are to each other as they were: the outputs stay, and gradient descent takes the rates
    that it took before.

    What a layer read of the old channels is told by least squares from what it reads of those that are left, errors of
    the layers before it included; its weights follow from that. Where a layer reads several values of a channel, such
    as the pixels under a kernel, each weight is then fitted to what the layer gave. No labels are used.

    Args:
        graph: of the module before.
        small: the module after the cuts.
        cuts: by space.
        targets: by step and first column `(places, old)`, what was read before.
    """

    def __init__(self, graph: Graph, small: nn.Module, cuts: Mapping[int, Cut], targets: Mapping[Any, Any]):
        fx.Interpreter.__init__(self, small, graph=graph.graph)
        self.before, self.cuts, self.targets = graph, cuts, targets
        self.given = Given(graph)

    def refit(self, inputs: tuple[torch.Tensor, ...]) -> None:
        """Fit all layers, in place."""
        with torch.no_grad():
            self.given.run(*inputs)
            self.run(*inputs)
            for space in self.cuts:
                self._balance(space)

    def run_node(self, n: fx.Node) -> Any:
        """Fit a layer, then apply it."""
        if n.name in self.before.reads:
            self._fit(n, self.fetch_args_kwargs_from_env(n)[0][0])
        return fx.Interpreter.run_node(self, n)

    def _fit(self, node: fx.Node, value: torch.Tensor) -> None:
        layout, name = self.before.layouts[node.all_input_nodes[0]], str(node.target)
        layer: Any = self.module.get_submodule(name)  # pyright: ignore[reportAttributeAccessIssue]
        weight, bias = self._old(name)
        if bias is not None:
            put(layer, "bias", bias)
        start, pieces = 0, []
        for part in layout.parts if layout else ():
            root = self.before.root(part.space)
            count, cut = self.before.spaces[root].count, self.cuts.get(root)
            mixing = None
            if cut is not None:
                rows = rows_of(value, Part(root, start, part.repeats), len(cut.kept), layout.axis if layout else 1)
                key = (node.name, part.start)
                mixing, constants = self._mixing(rows.double(), cut, key, takes_constants(layer))
                shift_bias(layer, weight, part, count, constants)
            pieces.append(mix_columns(weight, part, count, mixing))
            start += (count if cut is None else len(cut.kept)) * part.repeats
        put(layer, "weight", torch.cat(pieces, dim=1))
        parts = layout.parts if layout else ()
        some = any(self.before.root(part.space) in self.cuts for part in parts)
        if some and (layer.weight[0, 0].numel() > 1 or any(part.repeats > 1 for part in parts)):
            rows, wanted = self._rows(name), self.given.kept[node.name]
            fit_windows(layer, value, self.given.places[node.name], wanted if rows is None else wanted[:, rows])

    def _balance(self, space: int) -> None:
        """Scale channels, and what reads them by the inverse, where no normalisation or shortcut is in between."""
        names = self._neighbours(space)
        if not names:
            return
        (old, before), (new, after) = [_norms(of, names) for of in (self.before.module, self.module)]
        if min(old, before, new, after) == 0:
            return
        scale = float(np.sqrt(after / new * old / before))
        for place, name in enumerate(names):
            layer: Any = self.module.get_submodule(name)  # pyright: ignore[reportAttributeAccessIssue]
            layer.weight.mul_(1 / scale if place else scale)
            if place == 0 and layer.bias is not None:
                layer.bias.mul_(scale)

    def _neighbours(self, space: int) -> list[str]:
        """The layer that gives the channels of a space, and those that read them; none where they cannot be scaled."""
        one = self.before.spaces[space]
        readers = [self.before.reads[name] for name in dict.fromkeys(one.readers)]
        layouts = [self.before.layouts[node.all_input_nodes[0]] for node in readers]
        bound = any(
            self.before.root(part.space) == space
            for name, parts in self.before.bound.items()
            if not isinstance(self.before.module.get_submodule(name), nn.PReLU)
            for part in parts
        )
        mixed = len(one.producers) != 1 or any(layout is None or len(layout.parts) != 1 for layout in layouts)
        if mixed or bound or one.rule not in {"linear", "homogeneous"}:
            return []
        return [one.producers[0], *(str(node.target) for node in readers)]

    def _old(self, name: str) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Weights and bias of a layer before, of the rows that are left."""
        layer: Any = self.before.module.get_submodule(name)
        weight, bias = layer.weight.detach(), None if layer.bias is None else layer.bias.detach()
        rows = self._rows(name)
        if rows is None:
            return weight, bias
        return weight[rows], None if bias is None else bias[rows]

    def _rows(self, name: str) -> np.ndarray | None:
        """Rows of a layer that are left; None for all."""
        return next((cut.kept for root, cut in self.cuts.items() if name in self.before.spaces[root].producers), None)

    def _mixing(
        self, rows: torch.Tensor, cut: Cut, key: tuple[str, int], shifted: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Old channels from those that are left `(new, old)`, and what is added to each."""
        wanted = self.targets[key].double()
        level, means = wanted.mean(dim=0) * shifted, rows.mean(dim=0) * shifted
        off, goal = rows - means, wanted - level
        gram, cross = (off.T @ one / len(off) for one in (off, goal))
        every = np.arange(len(cut.kept))
        mixing = fit_columns(gram.cpu().numpy(), cross.cpu().numpy(), every, cut.mixing[key])
        return mixing, level.cpu().numpy() - means.cpu().numpy() @ mixing


def _norms(module: Any, names: Sequence[str]) -> tuple[float, float]:
    """Norms of the weights of the first layer, and of those of all others together."""
    first, *others = [float(module.get_submodule(name).weight.norm()) for name in names]
    return first, float(np.linalg.norm(others))
