"""What the channels of a module give on data, and how its outputs hang on them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from simplebias.core.errors import InputError
from simplebias.torch.spaces import Graph, Part

NUMBERS = 2**24
"""Most numbers kept of all steps that are looked at; of large modules fewer points are taken."""
SEARCHED = 512
"""Most points on which channels are compared; the change that is reported is measured on all."""
ROWS = 4096
"""Most places (points, and pixels of maps) at which channels are compared."""
PROBES = 3
"""Most directions of the output along which sensitivities are taken; more outputs are mixed at random."""
TOGETHER = 256
"""Points that a module is evaluated on at once."""


@dataclasses.dataclass(frozen=True)
class Read:
    """What one step reads of the channels of one space.

    Args:
        values: `(places, channels)`.
        means: `(channels,)`, what can stand for a dropped channel: its mean, or 0 where nothing can be added.
        gram: `(channels, channels)`, mean products of the values less these means.
        shares: `(channels,)`, what each varies in the output, `√E |∂f/∂h|² (h - means)²`, summed over the places.
    """

    values: torch.Tensor
    means: np.ndarray
    gram: np.ndarray
    shares: np.ndarray


def rows_of(value: torch.Tensor, part: Part, count: int, axis: int) -> torch.Tensor:
    """Values of the channels of a part of a tensor, `(places, channels)`."""
    last = value.movedim(axis, -1)
    cut = last[..., part.start : part.start + count * part.repeats]
    return cut.reshape(-1, count, part.repeats).transpose(1, 2).reshape(-1, count)


def takes_constants(layer: nn.Module) -> bool:
    """Whether what a layer reads can be shifted by a change of its bias: not where zeros are read around a picture."""
    padding = getattr(layer, "padding", 0)
    padded = padding == "same" or (isinstance(padding, tuple) and any(padding))
    return getattr(layer, "bias", None) is not None and not padded


def as_inputs(points: Any, module: nn.Module) -> tuple[torch.Tensor, ...]:
    """Points as tensors where the module is, in its precision."""
    if points is None:
        raise InputError("points", "None", "Give inputs like those the module is for, as it takes them.")
    some = points if isinstance(points, tuple) else (points,)
    first = next(iter(module.parameters()), torch.zeros(()))
    made = []
    for one in some:
        tensor = one.detach() if isinstance(one, torch.Tensor) else torch.as_tensor(np.asarray(one))
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise InputError("finite points", "NaN or infinite values")
        made.append(tensor.to(first.device, first.dtype if tensor.is_floating_point() else None))
    lengths = {len(one) if one.ndim else 0 for one in made}
    if len(lengths) != 1 or not min(lengths):
        raise InputError("points with one length of at least 1", f"{sorted(lengths)}")
    return tuple(made)


def first_tensor(outputs: Any) -> torch.Tensor:
    """The first tensor of numbers in what a module gives, such as the logits."""
    if isinstance(outputs, torch.Tensor) and outputs.is_floating_point():
        return outputs
    parts = outputs.values() if isinstance(outputs, Mapping) else outputs if isinstance(outputs, tuple | list) else ()
    for one in parts:
        if isinstance(one, torch.Tensor) and one.is_floating_point():
            return one
    raise InputError("a module that gives a tensor, or a tuple or mapping of them", f"a {type(outputs).__name__}")


def outputs_of(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> np.ndarray:
    """Outputs as the module evaluates, `(points, outputs)` in float64."""
    parts = []
    with torch.no_grad():
        for start in range(0, len(inputs[0]), TOGETHER):
            outputs = first_tensor(module(*[one[start : start + TOGETHER] for one in inputs]))
            parts.append(outputs.flatten(1).double().cpu().numpy())
    return np.concatenate(parts)


def some_inputs(graph: Graph, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """Evenly spaced points, at most so many, fewer where each gives many numbers."""
    nodes = {node.name: node for node in graph.graph.nodes}
    numbers = sum(np.prod(graph.shapes[nodes[name]][1:]) for name in _looked_at(graph))
    most = min(SEARCHED, max(16, int(NUMBERS / max(numbers, 1))))
    return tuple(one[:: -(-len(one) // most)] for one in inputs)


def _looked_at(graph: Graph) -> set[str]:
    names = {name for space in graph.free() for name in graph.spaces[space].compared}
    return names | {node.all_input_nodes[0].name for node in graph.reads.values()}


class Look(fx.Interpreter):
    """One run of a module that keeps what its steps give, and how the outputs hang on that.

    Args:
        graph: of the module.
        inputs: the points.
    """

    def __init__(self, graph: Graph, inputs: tuple[torch.Tensor, ...]):
        fx.Interpreter.__init__(self, graph.module, graph=graph.graph)
        self.read_graph, self.kept, self.wanted = graph, {}, _looked_at(graph)
        self.squares: dict[str, torch.Tensor] = {}
        self.count = len(inputs[0])
        with torch.enable_grad():
            outputs = first_tensor(self.run(*inputs)).flatten(1)
        self._probe(outputs)
        self.kept = {name: value.detach() for name, value in self.kept.items()}

    def run_node(self, n: fx.Node) -> Any:
        """Keep what a step gives; the next one gets a copy, which it may change in place."""
        value = fx.Interpreter.run_node(self, n)
        if n.name in self.wanted:
            if not value.requires_grad:
                value = value.requires_grad_(True)
            self.kept[n.name] = value
            return value.clone()
        return value

    def _probe(self, outputs: torch.Tensor) -> None:
        """Σ_o (∂f_o / ∂h)² of all values that are kept."""
        count = outputs.shape[1]
        names = list(self.kept)
        for index in range(min(count, PROBES)):
            probe = torch.zeros_like(outputs)
            if count <= PROBES:
                probe[:, index] = 1
            else:
                signs = np.random.default_rng(index).integers(0, 2, tuple(outputs.shape))  # fixed: repeatable
                probe += torch.as_tensor((2.0 * signs - 1) / np.sqrt(PROBES), dtype=probe.dtype, device=probe.device)
            parts = torch.autograd.grad(
                outputs, [self.kept[name] for name in names], probe, retain_graph=True, allow_unused=True
            )
            for name, gradient in zip(names, parts, strict=True):
                square = torch.zeros_like(self.kept[name]) if gradient is None else gradient**2
                self.squares[name] = self.squares[name] + square if name in self.squares else square

    def parts(self, space: int, name: str) -> list[tuple[Part, int]]:
        """Where the channels of a space are in what a step gives, and along which axis."""
        layout = next(lay for node, lay in self.read_graph.layouts.items() if node.name == name)
        assert layout is not None
        return [(part, layout.axis) for part in layout.parts if self.read_graph.root(part.space) == space]

    def compared(self, space: int) -> tuple[np.ndarray, np.ndarray]:
        """What must be alike of the channels of a space `(places, channels)`, and how the outputs hang on it."""
        count, vectors, pulls = self.read_graph.spaces[space].count, [], []
        for name in dict.fromkeys(self.read_graph.spaces[space].compared):
            for part, axis in self.parts(space, name):
                rows = rows_of(self.kept[name], part, count, axis)
                squares = rows_of(self.squares[name], part, count, axis)
                pulls.append(squares.double().sum(dim=0).cpu().numpy() / self.count)
                if len(rows) > ROWS:
                    kept = np.sort(np.random.default_rng(0).choice(len(rows), ROWS, replace=False))  # repeatable
                    rows = rows[torch.as_tensor(kept, device=rows.device)]
                vectors.append(rows.double().cpu().numpy() / np.sqrt(len(rows)))
        return np.concatenate(vectors), np.sqrt(np.max(pulls, axis=0))

    def reads(self, space: int) -> dict[tuple[str, int], Read]:
        """What is read of the channels of a space, by the step and the first column."""
        found, count = {}, self.read_graph.spaces[space].count
        for name in dict.fromkeys(self.read_graph.spaces[space].readers):
            node = self.read_graph.reads[name]
            layer, source = self.read_graph.module.get_submodule(str(node.target)), node.all_input_nodes[0].name
            for part, axis in self.parts(space, source):
                rows = rows_of(self.kept[source], part, count, axis)
                values = rows.double()
                means = values.mean(dim=0) * takes_constants(layer)
                off = values - means
                squares = rows_of(self.squares[source], part, count, axis).double()
                shares = np.sqrt((squares * off**2).sum(dim=0).cpu().numpy() / self.count)
                gram = (off.T @ off / len(off)).cpu().numpy()
                found[name, part.start] = Read(rows, means.cpu().numpy(), gram, shares)
        return found
