"""A PyTorch module as a chain of layers, each reading what the one before gives."""

from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

from simplebias.core.errors import InputError
from simplebias.torch.activations import Cosine, Sine
from simplebias.torch.encodings import FourierFeatures, PositionalEncoding
from simplebias.torch.layers import Affine
from simplebias.torch.multiscale import MultiScale
from simplebias.torch.residual import ResNet
from simplebias.torch.subspace import SubspaceNet

WHOLE = (Affine, MultiScale, ResNet, SubspaceNet, FourierFeatures, PositionalEncoding)
"""Modules of this room that are one link of a chain."""
_FUNCTIONS: dict[Any, Callable[[], nn.Module]] = {
    torch.relu: nn.ReLU, nn.functional.relu: nn.ReLU, "relu": nn.ReLU,
    torch.tanh: nn.Tanh, nn.functional.tanh: nn.Tanh, "tanh": nn.Tanh,
    torch.sigmoid: nn.Sigmoid, nn.functional.sigmoid: nn.Sigmoid, "sigmoid": nn.Sigmoid,
    torch.sin: Sine, "sin": Sine, torch.cos: Cosine, "cos": Cosine,
    nn.functional.silu: nn.SiLU,
}  # fmt: skip
"""Functions and methods of one argument that are modules too."""


class Tracer(fx.Tracer):
    """Follows a module down to the layers of PyTorch and of this room."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module is one link."""
        return m.__class__.__module__.startswith(("torch.nn", "simplebias.torch")) and not isinstance(m, nn.Sequential)


def chain(module: nn.Module) -> list[nn.Module]:
    """The layers of a module in the order in which they are applied.

    Args:
        module: a Sequential, or one whose `forward` applies one layer after another; traced by `torch.fx`.

    Returns:
        The layers themselves; functions such as `torch.relu` as modules. Identities are left out.

    Raises:
        InputError: if a layer reads anything but what the one before gives, or something is done that is no layer.

    Example:
        >>> chain(nn.Sequential(nn.Sequential(nn.Linear(1, 3), nn.Tanh()), nn.Identity(), nn.Linear(3, 1)))
        [Linear(in_features=1, out_features=3, bias=True), Tanh(), Linear(in_features=3, out_features=1, bias=True)]
    """
    if isinstance(module, WHOLE):
        return [module]
    if isinstance(module, nn.Sequential):
        return [link for part in module for link in chain(part)]
    if module.__class__.__module__.startswith(("torch.nn", "simplebias.torch")):
        return [] if isinstance(module, nn.Identity) else [module]
    try:
        graph = Tracer().trace(module)
    except Exception as error:
        raise InputError(*_no_chain(module, f"one that torch.fx cannot follow ({error})")) from error
    links, last = [], None
    for node in graph.nodes:
        if node.op == "output":
            if node.args != (last,):
                raise InputError(*_no_chain(module, "one that gives something else"))
        elif node.op == "placeholder":
            if last is not None:
                raise InputError(*_no_chain(module, "one of several inputs"))
            last = node
        else:
            if node.all_input_nodes != [last]:
                raise InputError(*_no_chain(module, f"a shortcut or a branch at {node.name}"))
            links += _link(module, node)
            last = node
    return links


def _link(module: nn.Module, node: fx.Node) -> list[nn.Module]:
    """The layer that a step of the graph is."""
    if node.op == "call_module":
        return chain(module.get_submodule(str(node.target)))
    if node.target in _FUNCTIONS and len(node.args) == 1 and not set(node.kwargs) - {"inplace"}:
        return [_FUNCTIONS[node.target]()]
    if node.target in (torch.flatten, "flatten") and node.args[1:] == (1,):
        return [nn.Flatten()]
    if node.target is nn.functional.max_pool2d:
        options = dict(zip(("kernel_size", "stride", "padding"), node.args[1:], strict=False)) | dict(node.kwargs)
        known = {name: one for name, one in options.items() if name in {"kernel_size", "stride", "padding"}}
        pooling: nn.Module = nn.MaxPool2d(**known)  # pyright: ignore[reportArgumentType]
        return [pooling]
    raise InputError(*_no_chain(module, f"a step {node.target!r}"))


def _no_chain(module: nn.Module, got: str) -> tuple[str, str, str]:
    expected = f"a {type(module).__name__} that applies one layer after another"
    return expected, got, "Give the parts that do, one by one."
