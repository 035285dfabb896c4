"""Networks on disk: those of a run's folder, and plain chains of linear layers in safetensors files. No pickles."""

import itertools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from simplebias.core.errors import InputError, StorageError
from simplebias.core.storage import storage_errors, write_atomic
from simplebias.networks import MLP, Affine, ResNet, TwoLayer, activation

KINDS: dict[str, Any] = {"two-layer": TwoLayer, "mlp": MLP, "resnet": ResNet}
"""Networks that can be described by their layers."""
PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")
"""Endings of files that hold pickles."""


def describe(network: Any) -> dict[str, Any]:
    """A dense network as plain data, without its weights, from which `blank` makes it again."""
    kind = next(name for name, one in KINDS.items() if type(network) is one)
    layers = [
        {
            "shape": [int(size) for size in layer.weight.shape],
            "bias": layer.bias is not None,
            "multiplier": layer.multiplier,
            "bias_multiplier": layer.bias_multiplier,
        }
        for layer in network.layers
    ]
    rate, dtype = float(network.dropout.p), str(network.layers[0].weight.dtype)
    return {"kind": kind, "activation": network.activation, "dropout": rate, "dtype": dtype, "layers": layers}


def blank(description: dict[str, Any]) -> Any:
    """A network of zeros of a description.

    Returns:
        A TwoLayer, MLP or ResNet.

    Raises:
        StorageError: if it is no description.
    """
    try:
        kind, layers = description["kind"], []
        for layer in description["layers"]:
            weight = jnp.zeros(layer["shape"], description["dtype"])
            bias = jnp.zeros(layer["shape"][0], description["dtype"]) if layer["bias"] else None
            layers.append(Affine(weight, bias, layer["multiplier"], layer["bias_multiplier"]))
        depth = {} if kind == "two-layer" else {"depth": 1}
        common = {"activation": description["activation"], "dropout": description["dropout"]}
        made = KINDS[kind](1, 1, width=1, **depth, **common, key=jax.random.key(0))
    except (KeyError, TypeError, ValueError) as error:
        raise StorageError(f"the description of a network is damaged ({error}): restore it from a copy") from error
    return eqx.tree_at(lambda one: one.layers, made, tuple(layers))


def refuse_pickle(path: Path) -> None:
    """Refuse a file that is or may be a pickle, which can run any program when it is opened.

    Raises:
        InputError: with the remedy.
    """
    if path.suffix.lower() in PICKLES:
        raise InputError(
            "a .safetensors file or the folder of a run",
            f"{path}, a pickle, which is not opened: it could run any program",
            'In PyTorch write safetensors.torch.save_file(model.state_dict(), "model.safetensors") and give that; or '
            "for a state_dict name the model's code: --model package.module:function.",
        )


def read_safetensors(path: Path, function: str | None = None) -> MLP:
    """Read a chain of linear layers as an MLP.

    Args:
        path: a `.safetensors` file with tensors such as `layers.0.weight` and `layers.0.bias`, `0.weight` or
            `fc1.weight`: matrices `(targets, sources)` and vectors, in the order of the numbers in their names, or else
            in the order of the file.
        function: activation between the layers; None for what the file's own metadata say.

    Returns:
        The network, in float32, or in float64 where JAX is set to it and the file holds it.

    Raises:
        InputError: for other tensors, layers that do not follow on each other, or an activation that nobody says.
        StorageError: if the file is missing or damaged.
    """
    tensors, metadata = _tensors(path)
    named = function or metadata.get("activation")
    if named is None:
        raise InputError("the activation between the layers", f"none in {path}", "Give --activation, such as relu.")
    layers = _chain(tensors, path)
    weights = [weight for weight, _ in layers]
    network = MLP(
        weights[0].shape[1], len(weights[-1]), [max(len(one), 1) for one in weights[:-1]],
        activation=activation(named).name, key=jax.random.key(0),
    )  # fmt: skip
    dtype = jnp.result_type(float)
    made = [
        Affine(jnp.asarray(weight, dtype), None if bias is None else jnp.asarray(bias, dtype))
        for weight, bias in layers
    ]
    return eqx.tree_at(lambda one: one.layers, network, tuple(made))


def _tensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    try:
        with storage_errors(path, "read"), safe_open(path, framework="numpy") as file:
            tensors = {name: file.get_tensor(name) for name in file.offset_keys()}
            metadata = dict(file.metadata() or {})
    except (SafetensorError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise StorageError(f"{path} is damaged or no safetensors file ({error}): write it again") from error
    return {name: one.astype(_kind(one), copy=False) for name, one in tensors.items()}, metadata


def _kind(tensor: np.ndarray) -> Any:
    """Short floats are read as float32, which holds them all; anything else as it is."""
    return np.float32 if tensor.dtype.itemsize < 4 and jnp.issubdtype(tensor.dtype, jnp.floating) else tensor.dtype


def _chain(tensors: dict[str, np.ndarray], path: Path) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """Linear layers in an order in which each reads what the one before gives."""
    stems = list(dict.fromkeys(name.rpartition(".")[0] for name in tensors))
    layers: dict[str, tuple[np.ndarray, np.ndarray | None]] = {}
    for stem in stems:
        lead = f"{stem}." if stem else ""
        parts = {name.removeprefix(lead): one for name, one in tensors.items() if name.rpartition(".")[0] == stem}
        weight, bias = parts.pop("weight", np.zeros(0)), parts.pop("bias", None)
        if parts or weight.ndim != 2 or (bias is not None and bias.shape != weight.shape[:1]):
            shapes = {name: tuple(one.shape) for name, one in tensors.items() if name.rpartition(".")[0] == stem}
            raise InputError(
                f"linear layers alone in {path}: matrices NAME.weight and vectors NAME.bias", f"{shapes}",
                "Networks of other layers are built in Python from simplebias.networks and given to simplebias.reduce.",
            )  # fmt: skip
        layers[stem] = (weight, bias)
    natural = sorted(stems, key=lambda stem: [int(x) if x.isdigit() else x for x in re.split(r"(\d+)", stem)])
    for order in (natural, stems):
        sizes = [layers[stem][0].shape for stem in order]
        if len(order) > 1 and all(one[0] == two[1] for one, two in itertools.pairwise(sizes)):
            return [layers[stem] for stem in order]
    shapes = {stem: tuple(layer[0].shape) for stem, layer in layers.items()}
    raise InputError(f"two or more linear layers in {path}, each reading what the one before gives", f"{shapes}")


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file, none if it has none.

    Args:
        path: the file.

    Returns:
        Names with texts.

    Raises:
        StorageError: if the file is missing or damaged.
    """
    return _tensors(path)[1]


def write_safetensors(path: Path, network: Any, metadata: Mapping[str, str] | None = None) -> None:
    """Write a dense network as PyTorch names a chain of linear layers, effective weights in float32 or float64.

    Args:
        path: the file.
        network: a TwoLayer, MLP or ResNet; the kind and the activation are in the metadata.
        metadata: more of them.

    Raises:
        StorageError: if it cannot be written.
    """
    described = describe(network)
    known = {"activation": described["activation"], "kind": described["kind"], "made by": "simplebias"}
    tensors = {
        f"layers.{index}.{name}": np.ascontiguousarray(value)
        for index, layer in enumerate(network.layers)
        for name, value in (("weight", layer.effective_weight), ("bias", layer.effective_bias))
        if value is not None
    }
    write_atomic(path, save(tensors, {**(metadata or {}), **known}))
