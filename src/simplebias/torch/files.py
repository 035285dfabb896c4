"""Weights on disk for a module whose code is given: safetensors, and state_dicts without code in them."""

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from simplebias.core.errors import InputError, StorageError

PREFIXES = ("module.", "_orig_mod.", "model.")
"""What DataParallel, torch.compile and trainers put before names."""
_SAFE = 'Where it was made, write safetensors.torch.save_file(model.state_dict(), "model.safetensors") and give that.'


def make_module(factory: str) -> nn.Module:
    """A module from the name of a function that makes it.

    Args:
        factory: `package.module:function`; the working folder is looked in too.

    Returns:
        What the function, called without arguments, returns.

    Raises:
        InputError: for a name that does not lead to such a function.

    Example:
        >>> make_module("torch.nn:Identity")
        Identity()
    """
    place, colon, name = factory.partition(":")
    if not colon or not place or not name:
        raise InputError("a model as package.module:function", repr(factory), "Such as --model mypackage.nets:make.")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = importlib.import_module(place)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        words = "Run the command in the folder that holds the package, or install it."
        raise InputError(f"a function {name} in a module {place} that can be imported", f"{error}", words) from error
    try:
        made = found()
    except TypeError as error:
        raise InputError(f"a function {factory} that needs no arguments", f"{error}", "Wrap it in one.") from error
    if not isinstance(made, nn.Module):
        raise InputError(f"a function {factory} that returns a torch.nn.Module", f"a {type(made).__name__}")
    return made


def read_state(path: str | Path) -> dict[str, torch.Tensor]:
    """Tensors by name from a `.safetensors` file, or a state_dict that torch.save wrote; no code is run.

    Args:
        path: the file; a checkpoint with a `state_dict` among other things is looked into.

    Returns:
        The tensors, on the host.

    Raises:
        InputError: for a pickle that would have to run code, or a file that holds no state_dict.
        StorageError: for a missing or damaged file.

    No example: it reads a file.
    """
    path = Path(path)
    if not path.is_file():
        raise StorageError(f"cannot read {path}: it does not exist, or is no file")
    try:
        if path.suffix.lower() == ".safetensors":
            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged files are told of by many kinds of errors
        if "weights only" in str(error).lower().replace("_", " ").replace("weightsunpickler", "weights only"):
            got = f"{path}, a pickle that needs code to be run"
            raise InputError("a state_dict of tensors alone", got, _SAFE) from error
        raise StorageError(f"{path} is damaged or no file of weights ({error}): write it again") from error
    for name in ("state_dict", "model_state_dict", "model"):
        inner = found.get(name) if isinstance(found, Mapping) else None
        found = inner if isinstance(inner, Mapping) else found
    if not isinstance(found, Mapping) or not all(isinstance(one, torch.Tensor) for one in found.values()):
        raise InputError("a state_dict, names with tensors", f"{path}, which holds something else", _SAFE)
    return {str(name): one for name, one in found.items()}


def load_into(module: nn.Module, path: str | Path) -> nn.Module:
    """Put the weights of a file into a module, in place.

    Names may begin as DataParallel, torch.compile or a trainer leave them. Where the file has fewer channels, as that
    of a reduced module does, the layers of the module become as small.

    Args:
        module: of the architecture of the weights.
        path: see `read_state`.

    Returns:
        The module.

    Raises:
        InputError: for names or shapes that do not fit the module, and as `read_state`.
        StorageError: as `read_state`.

    No example: it reads a file.
    """
    state, own = read_state(path), module.state_dict()
    for prefix in PREFIXES * 2:
        if set(state) != set(own) and state and all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): value for name, value in state.items()}
    missing, more = sorted(set(own) - set(state)), sorted(set(state) - set(own))
    if missing or more:
        got = (
            f"{len(missing)} missing ({', '.join(missing[:3])}), {len(more)} unknown ({', '.join(more[:3])}) in {path}"
        )
        raise InputError(
            f"weights with the names of {type(module).__name__}", got, "Give the factory of these weights."
        )
    bad = [name for name, value in state.items() if not _fits(own[name], value)]
    if bad:
        shapes = f"{bad[0]} of {tuple(state[bad[0]].shape)}, not {tuple(own[bad[0]].shape)}"
        raise InputError(f"weights with the shapes of {type(module).__name__}, or fewer channels", shapes)
    for name, value in state.items():
        _shrink(module, name, value)
    module.load_state_dict(state)
    return module


def _fits(own: torch.Tensor, value: torch.Tensor) -> bool:
    if own.ndim != value.ndim or own.shape[2:] != value.shape[2:]:
        return False
    return all(0 < new <= old for new, old in zip(value.shape[:2], own.shape[:2], strict=True))


def _shrink(module: nn.Module, name: str, value: torch.Tensor) -> None:
    """Make room for a tensor of another size."""
    place, _, last = name.rpartition(".")
    layer: Any = module.get_submodule(place)
    own = getattr(layer, last)
    if own.shape == value.shape:
        return
    room = torch.empty(value.shape, dtype=own.dtype, device=own.device)
    trained = isinstance(own, nn.Parameter)
    setattr(layer, last, nn.Parameter(room, requires_grad=own.requires_grad) if trained else room)
    if last != "weight":
        return
    rows, columns = value.shape[0], value.shape[1] if value.ndim > 1 else 0
    groups = getattr(layer, "groups", 1)
    if groups > 1:
        layer.groups = layer.in_channels = layer.out_channels = rows
    sizes = {"out_features": rows, "out_channels": rows, "num_features": rows, "num_parameters": rows}
    sizes |= {"in_features": columns, "in_channels": columns} if groups == 1 else {}
    for key, size in sizes.items():
        if hasattr(layer, key):
            setattr(layer, key, size)


def write_module(module: nn.Module, folder: str | Path, points: tuple[torch.Tensor, ...]) -> list[Path]:
    """Write a module's state_dict as `weights.safetensors`, and the module itself as `model.pt2`, by torch.export.

    Args:
        module: the module.
        folder: where to.
        points: inputs as it takes them; how many there are is left open.

    Returns:
        The files that were written; without `model.pt2` where torch.export cannot follow the module.

    No example: it writes files.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: value.detach().cpu().contiguous().clone() for name, value in module.state_dict().items()}
    written = [folder / "weights.safetensors"]
    save_file(state, written[0])
    try:
        open_ended = tuple({0: torch.export.Dim("points")} for _ in points)
        some = tuple(one[:2] if len(one) > 1 else torch.cat([one, one]) for one in points)
        program = torch.export.export(module.eval(), some, dynamic_shapes=open_ended)
        torch.export.save(program, folder / "model.pt2")
        written.append(folder / "model.pt2")
    except Exception:  # torch.export tells of what it cannot follow by many kinds of errors
        return written
    return written
