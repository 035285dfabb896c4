"""Which channels of a module can only be edited together: its graph, by torch.fx, read from layer to layer."""

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import fx, nn
from torch.nn.utils import parametrize

from simplebias.core.errors import InputError
from simplebias.torch.activations import Sine
from simplebias.torch.chains import Tracer

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
_LINEAR = (
    nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d,
    nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d, nn.Upsample, nn.ZeroPad2d,
)  # fmt: skip
_POSITIVE = (
    nn.ReLU, nn.LeakyReLU, nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d,
    nn.AdaptiveMaxPool3d,
)  # fmt: skip
_ODD = (nn.Tanh, nn.Hardtanh, nn.Softsign, nn.Tanhshrink, nn.Softshrink, nn.Hardshrink, Sine)
_SINGLE = (
    nn.ReLU6, nn.Sigmoid, nn.Softplus, nn.GELU, nn.SiLU, nn.ELU, nn.SELU, nn.CELU, nn.Mish, nn.Hardswish,
    nn.Hardsigmoid, nn.LogSigmoid,
)  # fmt: skip
_FUNCTIONS = {
    "linear": {
        "dropout", "dropout2d", "avg_pool1d", "avg_pool2d", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "interpolate",
        "contiguous", "neg", "clone", "float",
    },
    "homogeneous": {"relu", "relu_", "leaky_relu", "max_pool1d", "max_pool2d", "adaptive_max_pool2d", "abs"},
    "odd": {"tanh", "sin", "hardtanh", "softsign"},
    "identical": {
        "relu6", "sigmoid", "softplus", "gelu", "silu", "elu", "selu", "mish", "hardswish", "hardsigmoid", "cos", "exp",
        "square",
    },
}  # fmt: skip
"""Functions and methods of one tensor, value by value or place by place, by what they keep."""
_SHAPE = {"size", "getattr", "getitem", "dim", "floordiv", "floor_divide"}


@dataclasses.dataclass(frozen=True)
class Part:
    """A run of channels of a tensor.

    Args:
        space: which channels.
        start: first column.
        repeats: columns of each channel, one after another, as flattening leaves them.
    """

    space: int
    start: int
    repeats: int


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where the channels of a tensor are.

    Args:
        parts: runs that fill the axis.
        axis: of the tensor.
    """

    parts: tuple[Part, ...]
    axis: int


@dataclasses.dataclass
class Space:
    """Channels that can only be edited together: shortcuts and depthwise convolutions tie those of several layers.

    Args:
        count: number of channels.
        producers: layers whose rows they are.
        readers: names of the steps whose columns read them.
        compared: steps at which two channels must be alike to say the same.
        rule: what they must be to each other there, see `simplebias.condensation`'s merging.
        frozen: why they cannot be edited, None if they can.
    """

    count: int
    producers: list[str] = dataclasses.field(default_factory=list)
    readers: list[str] = dataclasses.field(default_factory=list)
    compared: list[str] = dataclasses.field(default_factory=list)
    rule: str = "linear"
    frozen: str | None = None


class Graph:
    """A module's steps, the channels each gives, and what ties them.

    Args:
        module: any that torch.fx can follow, in evaluation mode.
        inputs: a few points, as the module takes them.
    """

    def __init__(self, module: nn.Module, inputs: tuple[torch.Tensor, ...]):
        self.module, self.graph = module, trace(module)
        self.shapes = _shapes(module, self.graph, inputs)
        self.spaces: list[Space] = []
        self.parents: list[int] = []
        self.layouts: dict[fx.Node, Layout | None] = {}
        self.reads: dict[str, fx.Node] = {}
        """Steps that read channels by columns, by their names."""
        self.bound: dict[str, tuple[Part, ...]] = {}
        """Of layers with parameters of their own for each channel (normalisation, depthwise), by name: the channels."""
        self.barred = _barred(module, self.graph)
        for node in self.graph.nodes:
            self.layouts[node] = self._step(node)

    def root(self, space: int) -> int:
        """The space that stands for one that was tied to others."""
        while self.parents[space] != space:
            space = self.parents[space]
        return space

    def free(self) -> list[int]:
        """Spaces that can be edited, in the order of the graph."""
        return [k for k, one in enumerate(self.spaces) if self.parents[k] == k and not one.frozen and one.readers]

    def frozen(self) -> dict[str, str]:
        """Layers whose channels cannot be edited, with the reason."""
        found = {}
        for place, one in enumerate(self.spaces):
            if self.parents[place] == place and (one.frozen or not one.readers):
                found |= dict.fromkeys(one.producers, one.frozen or "nothing reads its channels by columns")
        return found

    def _new(self, count: int, producer: str) -> int:
        self.spaces.append(Space(count, [producer]))
        self.parents.append(len(self.parents))
        return len(self.parents) - 1

    def _freeze(self, nodes: Iterable[fx.Node], reason: str) -> None:
        for node in nodes:
            layout = self.layouts.get(node)
            for part in layout.parts if layout else ():
                space = self.spaces[self.root(part.space)]
                space.frozen = space.frozen or reason

    def _tie(self, one: int, other: int) -> None:
        one, other = sorted((self.root(one), self.root(other)))
        if one == other:
            return
        first, second = self.spaces[one], self.spaces[other]
        for name in ("producers", "readers", "compared"):
            getattr(first, name).extend(getattr(second, name))
        first.rule = combine(first.rule, second.rule)
        first.frozen = first.frozen or second.frozen
        self.parents[other] = one

    def _pass(self, layout: Layout | None, rule: str) -> Layout | None:
        for part in layout.parts if layout else ():
            space = self.spaces[self.root(part.space)]
            space.rule = combine(space.rule, rule)
        return layout

    def _step(self, node: fx.Node) -> Layout | None:
        if node.op in {"placeholder", "get_attr"}:
            return None
        if node.op == "output":
            self._freeze(node.all_input_nodes, "its channels are outputs")
            return None
        if node.op == "call_module":
            return self._layer(node, str(node.target), self.module.get_submodule(str(node.target)))
        name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
        return self._function(node, str(name).removeprefix("_"))

    def _layer(self, node: fx.Node, name: str, layer: nn.Module) -> Layout | None:
        source = node.all_input_nodes[0] if len(node.all_input_nodes) == 1 else None
        layout = self.layouts.get(source) if source is not None else None
        if isinstance(layer, (nn.Linear, *CONVOLUTIONS)):
            return self._weights(node, name, layer, layout)
        if isinstance(layer, NORMS) or (isinstance(layer, nn.PReLU) and layer.num_parameters > 1):
            if not isinstance(layer, nn.PReLU) and layer.affine is False and not layer.track_running_stats:
                return self._pass(layout, "identical")
            return self._follow(node, name, layout, norm=not isinstance(layer, nn.PReLU))
        if isinstance(layer, nn.Flatten):
            return self._flatten(node)
        for rule, kinds in (("linear", _LINEAR), ("homogeneous", _POSITIVE), ("odd", _ODD), ("identical", _SINGLE)):
            if isinstance(layer, kinds):
                return self._pass(layout, rule)
        if isinstance(layer, nn.PReLU):
            return self._pass(layout, "homogeneous")
        self._freeze(node.all_input_nodes, f"{name}, a {type(layer).__name__}, reads all channels at once")
        return None

    def _weights(self, node: fx.Node, name: str, layer: Any, layout: Layout | None) -> Layout | None:
        """A linear layer or a convolution."""
        dense = isinstance(layer, nn.Linear)
        axis = len(self.shapes[node]) - 1 if dense else 1
        depthwise = not dense and 1 < layer.groups == layer.in_channels == layer.out_channels
        fits = layout is None or layout.axis == axis
        reason = self.barred.get(name)
        if not dense and layer.groups > 1 and not depthwise:
            reason = reason or f"{name} is a convolution in {layer.groups} groups"
        if not fits:
            reason = reason or f"{name} reads along another axis than that of the channels"
        if reason:
            self._freeze(node.all_input_nodes, reason)
        elif depthwise and layout is not None:
            return self._follow(node, name, layout)
        elif layout is not None:
            self.reads[node.name] = node
            for part in layout.parts:
                self.spaces[self.root(part.space)].readers.append(node.name)
        space = self._new(len(layer.weight), name)
        self.spaces[space].frozen = reason or ("it is depthwise on the inputs" if depthwise else None)
        self._compare(node, (Part(space, 0, 1),))
        return Layout((Part(space, 0, 1),), axis)

    def _follow(self, node: fx.Node, name: str, layout: Layout | None, *, norm: bool = False) -> Layout | None:
        if layout is None:
            return None
        if name in self.barred:
            self._freeze(node.all_input_nodes, self.barred[name])
        for part in layout.parts:
            space = self.spaces[self.root(part.space)]
            if norm and len(node.all_input_nodes[0].users) == 1:  # what is before it is told by what is after
                space.compared = [one for one in space.compared if one != node.all_input_nodes[0].name]
        self.bound[name] = layout.parts
        self._compare(node, layout.parts)
        return layout

    def _compare(self, node: fx.Node, parts: tuple[Part, ...]) -> None:
        for part in parts:
            self.spaces[self.root(part.space)].compared.append(node.name)

    def _function(self, node: fx.Node, name: str) -> Layout | None:
        tensors = [one for one in node.all_input_nodes if one in self.shapes]
        layout = self.layouts.get(tensors[0]) if tensors else None
        name = name.rstrip("_") if name in {"add_", "mul_"} else name
        if name in {"add", "iadd", "sub", "isub", "mul", "imul", "truediv"}:
            return self._arithmetic(node, name, tensors)
        if name in {"flatten", "view", "reshape"}:
            return self._flatten(node)
        if name in {"cat", "concat"}:
            return self._concatenate(node, tensors)
        if name == "mean" and layout and layout.axis == 1:
            before, after = self.shapes[tensors[0]], self.shapes[node]
            if len(before) > 2 and after[:2] == before[:2]:
                return self._pass(layout, "linear")
        if name in _SHAPE and node not in self.shapes:
            return None
        if len(tensors) == 1:
            for rule, names in _FUNCTIONS.items():
                if name in names:
                    return self._pass(layout, rule)
        self._freeze(tensors, f"a step {name!r} reads all channels at once")
        return None

    def _arithmetic(self, node: fx.Node, name: str, tensors: list[fx.Node]) -> Layout | None:
        layouts = [self.layouts.get(one) for one in tensors]
        scales = name in {"mul", "imul", "truediv"}
        if len(tensors) == 1:
            both = tensors[0] is node.args[0] and len(node.args) > 1 and tensors[0] is node.args[1]
            return self._pass(layouts[0], "identical" if both or not scales else "linear")
        one, other = layouts if len(layouts) == 2 else (None, None)
        same = one is not None and other is not None and one.axis == other.axis
        same = same and [self._size(part) for part in one.parts] == [self._size(part) for part in other.parts]  # pyright: ignore[reportOptionalMemberAccess]
        if one is None or other is None or not same:
            self._freeze(tensors, f"a step {name!r} joins it with what has no such channels")
            return None
        for first, second in zip(one.parts, other.parts, strict=True):
            self._tie(first.space, second.space)
        return self._pass(one, "identical" if scales else "linear")

    def _size(self, part: Part) -> tuple[int, int]:
        return self.spaces[self.root(part.space)].count, part.repeats

    def _concatenate(self, node: fx.Node, tensors: list[fx.Node]) -> Layout | None:
        listed: Any = node.args[0]
        layouts = [self.layouts.get(one) for one in listed]
        axis = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0)
        rank = len(self.shapes[node])
        axis = int(axis) % rank if isinstance(axis, int) else -1
        known = [one for one in layouts if one is not None]
        if len(known) < len(layouts) or any(one.axis != axis for one in known):
            self._freeze(tensors, "it is concatenated with what has no channels, or along another axis")
            return None
        parts, start = [], 0
        for one in known:
            for part in one.parts:
                parts.append(Part(part.space, start, part.repeats))
                count, repeats = self._size(part)
                start += count * repeats
        return Layout(tuple(parts), axis)

    def _flatten(self, node: fx.Node) -> Layout | None:
        source = node.all_input_nodes[0]
        layout, before, after = self.layouts.get(source), self.shapes[source], self.shapes[node]
        if layout is None:
            return None
        if before == after:
            return layout
        sizes = [one for one in node.args[2:] if isinstance(one, int)] if node.op != "call_module" else []
        fixed = getattr(node.target, "__name__", node.target) in {"view", "reshape"} and any(one > 0 for one in sizes)
        places = math.prod(before[2:])
        if fixed or layout.axis != 1 or len(before) < 3 or after != (before[0], before[1] * places):
            reason = "its channels are put into " + ("a shape of fixed size" if fixed else "another shape")
            self._freeze([source], reason)
            return None
        return Layout(tuple(Part(p.space, p.start * places, p.repeats * places) for p in layout.parts), 1)


def combine(one: str, other: str) -> str:
    """What two channels must be to each other to say the same after two steps."""
    if one == other or other == "linear":
        return one
    return other if one == "linear" else "identical"


def trace(module: nn.Module) -> fx.Graph:
    """The steps of a module.

    Args:
        module: any.

    Returns:
        Its graph, down to the layers of PyTorch.

    Raises:
        InputError: if torch.fx cannot follow it.
    """
    try:
        return Tracer().trace(module)
    except Exception as error:
        raise InputError(
            f"a {type(module).__name__} whose steps torch.fx can follow", f"one that it cannot ({error})",
            "Give the part that has no branches that depend on the data, such as the backbone.",
        ) from error  # fmt: skip


class _Shapes(fx.Interpreter):
    def __init__(self, module: nn.Module, graph: fx.Graph):
        fx.Interpreter.__init__(self, module, graph=graph)
        self.found: dict[fx.Node, tuple[int, ...]] = {}

    def run_node(self, n: fx.Node) -> Any:
        value = fx.Interpreter.run_node(self, n)
        if isinstance(value, torch.Tensor):
            self.found[n] = tuple(value.shape)
        return value


def _shapes(module: nn.Module, graph: fx.Graph, inputs: tuple[torch.Tensor, ...]) -> dict[fx.Node, tuple[int, ...]]:
    interpreter = _Shapes(module, graph)
    try:
        with torch.no_grad():
            interpreter.run(*inputs)
    except Exception as error:
        raise InputError(
            f"points that {type(module).__name__} takes", f"{[tuple(one.shape) for one in inputs]}: {error}"
        ) from error
    return interpreter.found


def _barred(module: nn.Module, graph: fx.Graph) -> dict[str, str]:
    """Layers that cannot be edited by themselves, with the reason."""
    calls = [str(node.target) for node in graph.nodes if node.op == "call_module"]
    found = {name: f"{name} is used at {calls.count(name)} places" for name in calls if calls.count(name) > 1}
    owners: dict[int, list[str]] = {}
    for name, layer in module.named_modules(remove_duplicate=False):
        for parameter in layer.parameters(recurse=False):
            owners.setdefault(id(parameter), []).append(name)
        if parametrize.is_parametrized(layer) or hasattr(layer, "weight_g"):
            found[name] = f"the weights of {name} are made of others (a parametrisation)"
    for names in owners.values():
        if len(names) > 1:
            found |= {name: f"{' and '.join(names)} share their weights" for name in names}
    used = {str(node.target).rpartition(".")[0] for node in graph.nodes if node.op == "get_attr"}
    return found | {name: f"the weights of {name or 'the module'} are used outside of it" for name in used}
