"""A PyTorch module as it is looked at: what it gives at points and its layers' weights, with nothing in it changed."""

import contextlib
import random
import sys
from collections.abc import Callable, Generator, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from simplebias.core.errors import InputError

WRAPPERS = ("DataParallel", "DistributedDataParallel")
"""Classes that hold the model in `module`."""
SHARDED = ("FullyShardedDataParallel", "DeepSpeedEngine")
"""Classes whose weights are nowhere whole."""
BATCH = 256
"""Points evaluated at once."""


def unwrapped(model: Any) -> nn.Module:
    """The module inside `torch.compile`, DataParallel and DistributedDataParallel.

    Args:
        model: any module.

    Returns:
        The module that has the weights, calling which neither compiles nor talks to other processes.

    Raises:
        InputError: for anything but a module, or one whose weights are spread over processes.

    Example:
        >>> unwrapped(nn.DataParallel(nn.Linear(1, 2)))
        Linear(in_features=1, out_features=2, bias=True)
    """
    if not isinstance(model, nn.Module):
        raise InputError("model as a torch.nn.Module", f"a {type(model).__name__}")
    while True:
        name = type(model).__name__
        if name in SHARDED:
            raise InputError(
                "a model whose weights are whole", f"a {name}", "Watch it under DistributedDataParallel instead."
            )
        inner = model._modules.get("_orig_mod") if name == "OptimizedModule" else None
        inner = model._modules.get("module") if name in WRAPPERS else inner
        if inner is None:
            return model
        model = inner


def place(model: nn.Module) -> tuple[torch.device, torch.dtype]:
    """Device and dtype of the first floating weight; those of PyTorch where there is none."""
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point():
            return tensor.device, tensor.dtype
    return torch.get_default_device(), torch.get_default_dtype()


@contextlib.contextmanager
def untouched(model: nn.Module) -> Generator[None, None, None]:
    """Evaluate a module in this block and leave everything as it was.

    Inside, every part is in evaluation mode, nothing is recorded for gradients, autocast is off (its cache, too, which
    would keep weights without their gradients), and what `torch.compile` made is passed over. Afterwards each part has
    its own mode, buffers that a call changed have their old values, and random numbers go on where they were.

    Args:
        model: the module, unwrapped.

    No example: `watch` uses it around every look.
    """
    modes = [(module, module.training) for module in model.modules()]
    buffers = [
        (module, name, buffer, buffer._version, buffer.detach().clone())
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    with contextlib.ExitStack() as stack:
        stack.enter_context(kept_randomness(model))
        stack.enter_context(torch.no_grad())
        stack.enter_context(without_autocast(model))
        stack.enter_context(_eager())
        try:
            for module, _ in modes:
                module.training = False
            yield
        finally:
            for module, mode in modes:
                module.training = mode
            for module, name, buffer, version, old in buffers:
                if module._buffers.get(name) is not buffer:
                    module._buffers[name] = buffer
                if buffer._version != version:
                    buffer.copy_(old)


@contextlib.contextmanager
def kept_randomness(model: nn.Module | None = None) -> Generator[None, None, None]:
    """Let random numbers of PyTorch (on the devices of a model), NumPy and Python go on afterwards where they were."""
    devices = sorted({p.device.index or 0 for p in model.parameters() if p.device.type == "cuda"} if model else ())
    python, numpy = random.getstate(), np.random.get_state()  # ruff: ignore[numpy-legacy-random] - the user's, left as it is
    with torch.random.fork_rng(devices=devices):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # ruff: ignore[numpy-legacy-random]


@contextlib.contextmanager
def without_autocast(model: nn.Module) -> Generator[None, None, None]:
    """Compute in the precision of the weights, whatever autocast the caller is in."""
    kinds = {"cpu", place(model)[0].type}
    cached = torch.is_autocast_cache_enabled()
    with contextlib.ExitStack() as stack:
        for kind in kinds:
            if torch.amp.is_autocast_available(kind):
                stack.enter_context(torch.autocast(kind, enabled=False, cache_enabled=False))
        try:
            yield
        finally:
            torch.set_autocast_cache_enabled(cached)


def _eager() -> contextlib.AbstractContextManager:
    """Pass over what `torch.compile` made, so that evaluation mode compiles nothing anew."""
    made = "torch._dynamo" in sys.modules  # to load it takes seconds
    return torch.compiler.set_stance("force_eager") if made else contextlib.nullcontext()


def size_of(inputs: Any) -> int:
    """Rows of inputs: a tensor, several, or tensors by name."""
    return len(tensors_of(inputs)[0])


def taken(inputs: Any, rows: Any) -> Any:
    """Some rows of inputs."""
    return mapped(inputs, lambda tensor: tensor[rows])


def mapped(inputs: Any, change: Callable[[torch.Tensor], Any]) -> Any:
    """Inputs with every tensor changed."""
    if isinstance(inputs, Mapping):
        return {name: mapped(one, change) for name, one in inputs.items()}
    if isinstance(inputs, tuple | list):
        return tuple(mapped(one, change) for one in inputs)
    return change(inputs)


def tensors_of(inputs: Any) -> list[torch.Tensor]:
    """The tensors of inputs, one by one."""
    if isinstance(inputs, Mapping):
        return list(inputs.values())
    return list(inputs) if isinstance(inputs, tuple | list) else [inputs]


def call(model: nn.Module, inputs: Any) -> Any:
    """What a module gives for inputs on its own device, floats in the dtype of its weights."""
    device, dtype = place(model)
    moved = mapped(inputs, lambda one: one.to(device, dtype if one.is_floating_point() else None))
    if isinstance(moved, Mapping):
        return model(**moved)
    return model(*moved) if isinstance(moved, tuple) else model(moved)


def read_output(given: Any) -> torch.Tensor:
    """The tensor in what a model returns: itself, its `logits`, or the first of several.

    Args:
        given: what the model returned.

    Returns:
        The tensor.

    Raises:
        InputError: if there is none.

    Example:
        >>> read_output((torch.ones(2, 3), "and more")).shape
        torch.Size([2, 3])
    """
    if isinstance(given, torch.Tensor):
        return given
    named = given.get("logits") if isinstance(given, Mapping) else getattr(given, "logits", None)
    if isinstance(named, torch.Tensor):
        return named
    if isinstance(given, tuple | list) and given:
        return read_output(given[0])
    raise InputError(
        "a model that returns a tensor", f"a {type(given).__name__}", "Give read=, which takes the tensor out of it."
    )


def evaluated(model: nn.Module, inputs: Any, read: Callable[[Any], torch.Tensor], batch: int = BATCH) -> np.ndarray:
    """What a module gives at points; call it inside `untouched`.

    Args:
        model: the module, unwrapped.
        inputs: what it is called with.
        read: takes the tensor of outputs out of what it returns.
        batch: points at once.

    Returns:
        `(points, outputs)` on the host, in float64 for double weights, else in float32.

    Raises:
        InputError: if there is not a row for each point.
    """
    count, parts = size_of(inputs), []
    for first in range(0, count, batch):
        part = inputs if count <= batch else taken(inputs, slice(first, first + batch))
        given = read(call(model, part)).detach()
        parts.append(given.to("cpu", torch.float64 if given.dtype == torch.float64 else torch.float32))
    whole = parts[0] if len(parts) == 1 else torch.cat(parts)
    if len(whole) != count:
        raise InputError(
            f"a row of outputs for each of {count} points", f"shape {tuple(whole.shape)}", "Give read=, which makes it."
        )
    return whole.reshape(count, -1).numpy().copy()
