"""Networks by name, and ensembles of them."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx

from simplebias.core.errors import InputError, check_choice
from simplebias.core.types import Array, ArrayLike, Key, Network
from simplebias.networks.antisymmetric import AntiSymmetric
from simplebias.networks.dense import MLP, ResNet, TwoLayer
from simplebias.networks.initialisation import Initialisation
from simplebias.networks.multiscale import MultiScale

NETWORKS: dict[str, type] = {"two-layer": TwoLayer, "mlp": MLP, "resnet": ResNet, "multiscale": MultiScale}
"""Networks by name."""


def build(
    name: str,
    inputs: int,
    outputs: int,
    *,
    width: int | Sequence[int],
    depth: int | None = None,
    activation: str = "tanh",
    initialisation: str | Initialisation = "lecun",
    dropout: float | int = 0.0,
    antisymmetric: bool = False,
    output_bias: bool | None = None,
    scales: ArrayLike = None,
    key: Key,
    dtype: Any = None,
) -> Network:
    """Make a network by name.

    Args:
        name: one of `NETWORKS`: "two-layer", "mlp", "resnet", "multiscale".
        inputs: number of inputs.
        outputs: number of outputs.
        width: neurons of each hidden layer; for an MLP also a sequence.
        depth: number of hidden layers; None or 1 for a two-layer network.
        activation: name, see `ACTIVATIONS`.
        initialisation: text or Initialisation.
        dropout: share of neurons dropped after each hidden layer in training.
        antisymmetric: whether to start as the zero function, with two copies (see `AntiSymmetric`).
        output_bias: whether the output layer has a bias; None for the default of the network.
        scales: of a multi-scale network; None for its default.
        key: random key of the weights.
        dtype: of the weights; JAX's default float if None.

    Returns:
        The network.

    Raises:
        InputError: for an unknown name, or sizes that do not fit the network.

    Example:
        >>> import jax
        >>> build("mlp", 2, 1, width=50, depth=3, antisymmetric=True, key=jax.random.key(0)).neurons()[0].bias.shape
        (100,)
    """
    check_choice(name, "network", NETWORKS)
    options: dict[str, Any] = {
        "activation": activation,
        "initialisation": initialisation,
        "dropout": dropout,
        "key": key,
        "dtype": dtype,
    }
    if output_bias is not None:
        options["output_bias"] = output_bias
    if scales is not None:
        if name != "multiscale":
            raise InputError("scales for a multiscale network", f"name={name!r}")
        options["scales"] = scales
    shape = [width] if name == "two-layer" else [width, depth]
    if name == "two-layer" and depth not in {None, 1}:
        raise InputError("depth 1 for a two-layer network", f"depth={depth}", "Use 'mlp' for more hidden layers.")
    if name != "mlp" and isinstance(width, Sequence):
        raise InputError(f"one width for a {name} network", f"widths {tuple(width)}", "Use 'mlp' for several widths.")
    if name in {"resnet", "multiscale"} and depth is None:
        raise InputError("depth, the number of hidden layers", "none")
    network = NETWORKS[name](inputs, outputs, *shape, **options)
    return AntiSymmetric(network) if antisymmetric else network


def ensemble(make: Callable[[Key], Network], keys: Array) -> Network:
    """Many networks as one, with a leading axis of members on every array.

    Args:
        make: gives the network of one random key.
        keys: `(members,)` random keys.

    Returns:
        A network whose arrays are stacked; call it with `eqx.filter_vmap`.

    Raises:
        InputError: if there is not at least one key along one axis.

    Example:
        >>> import jax
        >>> members = ensemble(lambda key: TwoLayer(1, 1, 5, key=key), jax.random.split(jax.random.key(0), 3))
        >>> members.layers[0].weight.shape
        (3, 5, 1)
    """
    if keys.ndim != 1 or keys.shape[0] == 0:
        raise InputError(
            "keys of shape (members,)", f"shape {tuple(keys.shape)}", "Use jax.random.split(key, members)."
        )
    return eqx.filter_vmap(make)(keys)
