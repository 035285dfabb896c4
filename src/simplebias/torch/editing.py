"""A module with fewer channels: rows and columns of its layers taken, in the layers themselves."""

import copy
import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from simplebias.torch.spaces import CONVOLUTIONS, NORMS, Graph, Part


@dataclasses.dataclass(frozen=True)
class Cut:
    """What becomes of the channels of a space.

    Args:
        kept: `(new,)`, channels that stay, sorted.
        mixing: by step and first column `(new, old)`: old channels from the new, as that step reads them.
        constants: by step and first column `(old,)`, what is added to that.
    """

    kept: np.ndarray
    mixing: Mapping[tuple[str, int], np.ndarray]
    constants: Mapping[tuple[str, int], np.ndarray]


def narrowed(graph: Graph, cuts: Mapping[int, Cut]) -> nn.Module:
    """A copy of a module with the channels of its spaces cut.

    Args:
        graph: of the module.
        cuts: by space.

    Returns:
        A module of the same class, its layers smaller.
    """
    module = copy.deepcopy(graph.module)
    for name, node in graph.reads.items():
        layout = graph.layouts[node.all_input_nodes[0]]
        layer: Any = module.get_submodule(str(node.target))
        roots = [graph.root(part.space) for part in layout.parts] if layout else []
        if layout is None or not any(root in cuts for root in roots):
            continue
        pieces = []
        for part, root in zip(layout.parts, roots, strict=True):
            key, count = (name, part.start), graph.spaces[root].count
            cut = cuts.get(root)
            pieces.append(mix_columns(layer.weight.detach(), part, count, cut.mixing[key] if cut else None))
            if cut is not None:
                shift_bias(layer, layer.weight.detach(), part, count, cut.constants[key])
        put(layer, "weight", torch.cat(pieces, dim=1))
        setattr(layer, "in_features" if isinstance(layer, nn.Linear) else "in_channels", layer.weight.shape[1])
    for root, cut in cuts.items():
        for name in graph.spaces[root].producers:
            _take_rows(module.get_submodule(name), cut.kept)
    for name, parts in graph.bound.items():
        if any(graph.root(part.space) in cuts for part in parts):
            _take_rows(module.get_submodule(name), _places(graph, parts, cuts))
    return module


def mix_columns(weight: torch.Tensor, part: Part, count: int, mixing: np.ndarray | None) -> torch.Tensor:
    """Columns of a layer that read a part, in terms of what is left of its channels."""
    columns = weight[:, part.start : part.start + count * part.repeats]
    if mixing is None:
        return columns
    split = columns.double().reshape(len(weight), count, part.repeats, -1)
    mixed = torch.einsum("tcrk,nc->tnrk", split, torch.as_tensor(mixing, device=weight.device))
    return mixed.reshape(len(weight), -1, *weight.shape[2:]).to(weight.dtype)


def shift_bias(layer: Any, weight: torch.Tensor, part: Part, count: int, constants: np.ndarray) -> None:
    """Add what constants of the channels of a part add to what a layer gives."""
    if not np.any(constants) or layer.bias is None:
        return
    columns = weight[:, part.start : part.start + count * part.repeats].double()
    sums = columns.reshape(len(weight), count, -1).sum(dim=2) @ torch.as_tensor(constants, device=weight.device)
    put(layer, "bias", layer.bias.detach() + sums.to(weight.dtype))


def put(layer: Any, name: str, value: torch.Tensor) -> None:
    """Replace a parameter by one of another size that is trained as the old one was."""
    old = getattr(layer, name)
    setattr(layer, name, nn.Parameter(value.contiguous(), requires_grad=old.requires_grad))


def _places(graph: Graph, parts: tuple[Part, ...], cuts: Mapping[int, Cut]) -> np.ndarray:
    """Columns that stay of a tensor."""
    found = []
    for part in parts:
        root = graph.root(part.space)
        kept = cuts[root].kept if root in cuts else np.arange(graph.spaces[root].count)
        found.append((part.start + kept[:, None] * part.repeats + np.arange(part.repeats)).ravel())
    return np.concatenate(found)


def _take_rows(layer: Any, kept: np.ndarray) -> None:
    index = torch.as_tensor(kept)
    for name in ("weight", "bias"):
        value = getattr(layer, name, None)
        if value is not None:
            put(layer, name, value.detach()[index.to(value.device)])
    for name in ("running_mean", "running_var"):
        value = getattr(layer, name, None)
        if value is not None:
            setattr(layer, name, value[index.to(value.device)].clone())
    count = len(kept)
    if isinstance(layer, nn.Linear):
        layer.out_features = count
    elif isinstance(layer, CONVOLUTIONS):
        layer.out_channels = count
        if layer.groups > 1:
            layer.groups = layer.in_channels = count
    elif isinstance(layer, NORMS):
        layer.num_features = count
    elif isinstance(layer, nn.PReLU):
        layer.num_parameters = count
