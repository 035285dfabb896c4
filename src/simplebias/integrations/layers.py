"""The layers of a PyTorch module as neurons: rows of weights of Linear, Conv, attention and embedding layers."""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
import torch
from torch import nn

from simplebias.core.errors import InputError, check_choice
from simplebias.core.snapshot import Neurons
from simplebias.integrations.modules import call, taken

LINKED = 8
"""Points on which it is found out which layer reads which."""
ATTENTION = ("query", "key", "value")
"""What the rows of one matrix of attention are for, in PyTorch's order."""
Rows = tuple[torch.Tensor, torch.Tensor | None]


@dataclasses.dataclass(frozen=True)
class Layer:
    """One layer whose neurons are shown.

    Args:
        name: its place in the module, with what it does there where that is not all: `encoder.attention query`.
        read: gives the rows of weights and the biases, as they are now.
        module: what has them.
        activation: name of the activation after it, "" where unknown.
        reader: gives the weights of the layer that alone reads this one, `(outputs, neurons)`; None where unknown.
    """

    name: str
    read: Callable[[], Rows]
    module: nn.Module
    activation: str = ""
    reader: Callable[[], torch.Tensor] | None = None


def layers_of(model: nn.Module, chosen: Sequence[str] | None = None) -> tuple[Layer, ...]:
    """All layers with at least two neurons, or those of the names given.

    Rows are those of a matrix for each output: of a Linear its weights, of a convolution its kernels, of attention the
    queries, keys and values, of an embedding its vectors. A module with a method `neuron_rows` shows what it says.

    Args:
        model: the module, unwrapped.
        chosen: names of layers or of modules that hold them; None for all.

    Returns:
        The layers, in the order in which the module holds them; weights that several share once.

    Raises:
        InputError: for unknown names, or if there are none.

    Example:
        >>> [layer.name for layer in layers_of(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3)))]
        ['0', '2']
    """
    found: list[Layer] = []
    taken_over: list[str] = []
    for name, module in _modules(model):
        if any(name.startswith(f"{outer}." if outer else "") for outer in taken_over):
            continue
        parts, whole = _parts(module)
        if whole:
            taken_over.append(name)
        found += [Layer(f"{name} {part}".strip() or "layer", read, module) for part, read in parts.items()]
    found = [layer for layer in found if len(layer.read()[0]) > 1]
    if chosen is not None:
        if isinstance(chosen, str) or not chosen:
            raise InputError("layers as a list of names", repr(chosen))
        found = [layer for name in chosen for layer in _named(found, name)]
    if not found:
        kinds = "Linear, Conv, MultiheadAttention or Embedding layer of two neurons or more"
        raise InputError(f"a model with a {kinds}", f"a {type(model).__name__} without any")
    return tuple(found)


def _modules(model: Any) -> list[tuple[str, nn.Module]]:
    """All parts by name; those of a model of Keras by Keras' names."""
    if type(model).__module__.startswith("keras.") and hasattr(model, "_flatten_layers"):
        return [(layer.name, layer) for layer in model._flatten_layers(include_self=False)]
    return list(model.named_modules())


def _named(found: list[Layer], name: str) -> list[Layer]:
    inside = [one for one in found if one.name == name or one.name.startswith((f"{name}.", f"{name} "))]
    if not inside:
        check_choice(name, "layer", [one.name for one in found])
    return inside


def _parts(module: nn.Module) -> tuple[Mapping[str, Callable[[], Rows]], bool]:
    """What a module itself shows, by what it does, and whether its parts are shown with it."""
    if callable(getattr(module, "neuron_rows", None)):
        return {part: functools.partial(_own, module, part) for part in module.neuron_rows()}, True  # pyright: ignore
    if isinstance(module, nn.MultiheadAttention):
        return {part: functools.partial(_attention, module, part) for part in ATTENTION}, False
    if isinstance(module, nn.modules.conv._ConvNd):
        return {"": functools.partial(_kernels, module)}, False
    if isinstance(module, nn.Linear):
        return {"": lambda: (module.weight, module.bias)}, False
    if isinstance(module, nn.Embedding | nn.EmbeddingBag):
        return {"": lambda: (module.weight, None)}, False
    if type(module).__name__ == "Conv1D" and hasattr(module, "nf"):  # of transformers: a Linear with weights turned
        outputs, width = module.nf, len(module.weight)  # pyright: ignore[reportArgumentType]
        if outputs == 3 * width:
            thirds = {part: slice(k * width, (k + 1) * width) for k, part in enumerate(ATTENTION)}
            return {part: functools.partial(_turned, module, rows) for part, rows in thirds.items()}, True
        return {"": functools.partial(_turned, module, slice(None))}, True
    if type(module).__module__.startswith("keras."):
        return ({"": functools.partial(_keras, module)} if hasattr(module, "kernel") else {}), False
    return {}, False


def _keras(module: Any) -> Rows:
    """Of a layer of Keras, whose outputs are the last axis of its kernel."""
    kernel, bias = module.kernel.value, getattr(module, "bias", None)
    return kernel.reshape(-1, kernel.shape[-1]).T, None if bias is None else bias.value


def _own(module: Any, part: str) -> Rows:
    return module.neuron_rows()[part]


def _kernels(module: Any) -> Rows:
    weight = module.weight
    if module.transposed:  # (in, out / groups, …): the kernels of one group below another
        groups = weight.reshape(module.groups, -1, *weight.shape[1:]).transpose(1, 2)
        weight = groups.reshape(module.out_channels, -1)
    return weight.reshape(len(weight), -1), module.bias


def _turned(module: Any, rows: slice) -> Rows:
    return module.weight.T[rows], module.bias[rows]


def _attention(module: nn.MultiheadAttention, part: str) -> Rows:
    place = ATTENTION.index(part)
    width, biases = module.embed_dim, module.in_proj_bias
    rows = slice(place * width, (place + 1) * width)
    weight = (module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)[place]
    if module.in_proj_weight is not None:
        weight = module.in_proj_weight[rows]
    return weight, None if biases is None else biases[rows]  # pyright: ignore[reportReturnType]


def linked(model: nn.Module, layers: Sequence[Layer], inputs: Any) -> tuple[Layer, ...]:
    """The layers with their activation, and the layer that reads them, where a call shows both.

    A layer is read by another if what the other gets is one of the known activations of what this one gave, neuron by
    neuron: no shortcut, no normalisation, no pooling between.

    Args:
        model: the module; call this inside `untouched`.
        layers: of `layers_of`.
        inputs: what the module is called with; a few rows are used.

    Returns:
        The layers.
    """
    seen: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def keep(module: nn.Module, got: tuple, gave: Any) -> None:
        whole = got and isinstance(got[0], torch.Tensor) and isinstance(gave, torch.Tensor)
        if whole and got[0].is_floating_point():
            seen[id(module)] = (got[0], gave) if id(module) not in seen else (got[0].new_empty(0), gave.new_empty(0))

    plain = [layer for layer in layers if isinstance(layer.module, nn.Linear | nn.modules.conv._ConvNd)]
    hooks = [layer.module.register_forward_hook(keep) for layer in plain]
    try:
        call(model, taken(inputs, slice(0, LINKED)))
    finally:
        for hook in hooks:
            hook.remove()
    following = {
        id(one): (other, name)
        for one, other in itertools.permutations([layer for layer in plain if id(layer.module) in seen], 2)
        if (name := _between(seen[id(one.module)][1], seen[id(other.module)][0]))
    }
    return tuple(
        dataclasses.replace(layer, activation=following[id(layer)][1], reader=_reader(layer, following[id(layer)][0]))
        if id(layer) in following
        else layer
        for layer in layers
    )


def _between(gave: torch.Tensor, got: torch.Tensor) -> str:
    """Name of the activation that leads from one to the other, "" for none."""
    if gave.shape != got.shape or not gave.numel():
        return ""
    given, wanted = gave.double(), got.double()
    for name, function in ACTIVATIONS.items():
        if torch.allclose(function(given), wanted, rtol=1e-3, atol=1e-5):
            return name
    return ""


def _reader(layer: Layer, other: Layer) -> Callable[[], torch.Tensor] | None:
    """Weights `(outputs, neurons)` of a layer as the one that reads this one."""
    module = other.module
    if getattr(module, "groups", 1) != 1 or getattr(module, "transposed", False):
        return None
    return lambda: module.weight.transpose(0, 1).reshape(module.weight.shape[1], -1).T  # pyright: ignore


ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": nn.functional.softplus,
    "gelu": nn.functional.gelu,
    "silu": nn.functional.silu,
    "elu": nn.functional.elu,
    "leaky_relu": nn.functional.leaky_relu,
    "sin": torch.sin,
    "cos": torch.cos,
    "identity": lambda x: x,
}
"""Activations that are recognised, by the names of `simplebias.networks`."""


@dataclasses.dataclass(frozen=True)
class Weights:
    """The weights of one layer as they were, on the host.

    Args:
        name: of the layer.
        activation: after it, "" where unknown.
        incoming: `(neurons, inputs)`.
        bias: `(neurons,)`, or None.
        outgoing: `(outputs, neurons)`, or None.
    """

    name: str
    activation: str
    incoming: np.ndarray
    bias: np.ndarray | None
    outgoing: np.ndarray | None

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(one.nbytes for one in (self.incoming, self.bias, self.outgoing) if one is not None)

    def shown(self) -> Neurons:
        """As what measures take."""
        bias, outgoing = (None if one is None else jnp.asarray(one) for one in (self.bias, self.outgoing))
        return Neurons(jnp.asarray(self.incoming), bias, outgoing, self.activation, self.name)


def weights_of(layers: Sequence[Layer], *, double: bool = False) -> tuple[Weights, ...]:
    """Copies of the weights as they are now. Call it inside `untouched`."""
    kind = torch.float64 if double else torch.float32

    def host(tensor: torch.Tensor | None) -> np.ndarray | None:
        return None if tensor is None else tensor.detach().to("cpu", kind, copy=True).contiguous().numpy()

    found = []
    for layer in layers:
        incoming, bias = map(host, layer.read())
        outgoing = None if layer.reader is None else host(layer.reader())
        assert incoming is not None
        found.append(Weights(layer.name, layer.activation, incoming, bias, outgoing))
    return tuple(found)
