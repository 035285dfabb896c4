"""Networks of `simplebias.networks` to PyTorch modules and back: dense, convolutional, multi-scale, encoded."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np
import torch
from torch import nn

from simplebias import networks
from simplebias.core.errors import InputError
from simplebias.networks.initialisation import weight_std
from simplebias.torch.activations import activation, name_of
from simplebias.torch.chains import chain
from simplebias.torch.encodings import FourierFeatures, PositionalEncoding
from simplebias.torch.layers import Affine, affine, array, tensor
from simplebias.torch.multiscale import MultiScale
from simplebias.torch.pictures import is_picture_net, picture_net, pictures_to_torch
from simplebias.torch.residual import ResNet
from simplebias.torch.subspace import SubspaceNet

ANY = weight_std(1.0)
"""Of weights that are filled in at once."""


def to_torch(network: Any) -> nn.Module:
    """A network of `simplebias.networks` as a PyTorch module with weights of its own that gives the same outputs.

    TwoLayer and MLP become a Sequential of Linear layers and activations; a layer with a multiplier becomes an
    `Affine`, so that it trains as before. SmallCNN, VGG and TwoLayerCNN become a Sequential that takes pictures
    `(points, channels, height, width)`, with multipliers in the weights and normalisation as BatchNorm2d. The module
    is in evaluation mode where the network's dropout is off.

    Args:
        network: a TwoLayer, MLP, ResNet, MultiScale of MLPs, SubspaceNet, SmallCNN, VGG, TwoLayerCNN, or one of them
            behind FourierFeatures or a PositionalEncoding.

    Returns:
        The module, in the precision of the network, on the host.

    Raises:
        InputError: for another network.

    Example:
        >>> network = networks.MLP(2, 1, 5, 1, activation="relu", key=jax.random.key(0))
        >>> to_torch(network)
        Sequential(
          (0): Linear(in_features=2, out_features=5, bias=True)
          (1): ReLU()
          (2): Linear(in_features=5, out_features=1, bias=True)
        )
    """
    if isinstance(network, networks.SmallCNN | networks.VGG | networks.TwoLayerCNN):
        return pictures_to_torch(network)
    if isinstance(network, networks.MultiScale):
        return _multiscale(network)
    if isinstance(network, networks.SubspaceNet):
        fine = [to_torch(one) for one in network.fine]
        return SubspaceNet(to_torch(network.coarse), fine, contributions=np.array(network.contributions))
    if isinstance(network, networks.Encoded):
        return nn.Sequential(_encoding(network.encoding), to_torch(network.network))
    if isinstance(network, networks.FourierFeatures | networks.PositionalEncoding):
        return _encoding(network)
    if isinstance(network, networks.ResNet):
        return _residual(network)
    if isinstance(network, networks.TwoLayer | networks.MLP):
        return _dense(network)
    raise InputError(
        "a TwoLayer, MLP, ResNet, MultiScale, SubspaceNet, Encoded, SmallCNN, VGG or TwoLayerCNN",
        f"a {type(network).__name__}",
    )


def _dense(network: Any) -> nn.Module:
    links: list[nn.Module] = []
    for layer in network.layers[:-1]:
        links += [_linear(layer), activation(network.activation)]
        links += [nn.Dropout(float(network.dropout.p))] if network.dropout.p else []
    made = nn.Sequential(*links, _linear(network.layers[-1]))
    return made.eval() if network.dropout.inference else made


def _linear(layer: Any) -> nn.Module:
    outputs, inputs = layer.weight.shape
    kind = tensor(layer.weight).dtype
    bias = layer.bias is not None
    if layer.multiplier == 1 and layer.bias_multiplier == 1:
        made: Any = nn.utils.skip_init(nn.Linear, inputs, outputs, bias=bias, dtype=kind)
    else:
        factors = {"multiplier": layer.multiplier, "bias_multiplier": layer.bias_multiplier}
        made = Affine(inputs, outputs, bias=bias, dtype=kind, **factors)
    _fill(made, layer)
    return made


def _fill(made: Any, layer: Any) -> None:
    with torch.no_grad():
        made.weight.copy_(tensor(layer.weight))
        if layer.bias is not None:
            made.bias.copy_(tensor(layer.bias))


def _fill_layers(made: Any, layers: Sequence[Any]) -> None:
    for mine, theirs in zip(made.layers, layers, strict=True):
        mine.multiplier, mine.bias_multiplier = theirs.multiplier, theirs.bias_multiplier
        _fill(mine, theirs)


def _residual(network: Any) -> nn.Module:
    layers = network.layers
    made = ResNet(
        layers[0].weight.shape[1], len(layers[-1].weight), len(layers[0].weight), len(layers) - 1,
        activation=network.activation, output_bias=layers[-1].bias is not None, dropout=float(network.dropout.p),
        initialisation=ANY, dtype=tensor(layers[0].weight).dtype,
    )  # fmt: skip
    _fill_layers(made, layers)
    return made.eval() if network.dropout.inference else made


def _multiscale(network: Any) -> nn.Module:
    inner = network.inner
    if not isinstance(inner, networks.MLP):
        raise InputError("a MultiScale whose parts are MLPs", f"parts of class {type(inner).__name__}")
    widths = {layer.weight.shape[-2] for layer in inner.layers[:-1]}
    if len(widths) > 1:
        raise InputError("hidden layers of one width", f"{sorted(widths)}")
    scales, first, last = network.scales, inner.layers[0], inner.layers[-1]
    kind = tensor(first.weight).dtype
    made = MultiScale(
        first.weight.shape[-1], last.weight.shape[-2],
        widths.pop() * (scales.count if network.version == 2 else 1), len(inner.layers) - 1,
        scales=np.asarray(scales.values, float), version=network.version, trainable=scales.trained is not None,
        repeats=True, amplitudes=network.amplitudes, activation=inner.activation, initialisation=ANY,
        output_bias=last.bias is not None, dropout=float(np.ravel(inner.dropout.p)[0]), dtype=kind,
    )  # fmt: skip
    with torch.no_grad():
        made.scales.copy_(tensor(scales.of(first.weight.dtype)))
    _fill_layers(made, inner.layers)
    return made.eval() if inner.dropout.inference else made


def _encoding(encoding: Any) -> nn.Module:
    if isinstance(encoding, networks.FourierFeatures):
        drawn = tensor(encoding.frequencies)
        made = FourierFeatures(encoding.inputs, encoding.size, frequency_std=1.0, dtype=drawn.dtype)
        made.frequencies.copy_(drawn)
        return made
    if isinstance(encoding, networks.PositionalEncoding):
        return PositionalEncoding(encoding.inputs, encoding.octaves, with_inputs=encoding.with_inputs)
    raise InputError("FourierFeatures or a PositionalEncoding", f"a {type(encoding).__name__}")


def from_torch(module: nn.Module, *, image_shape: Sequence[int] | None = None) -> Any:
    """A PyTorch module as a network of `simplebias.networks` that gives the same outputs.

    Dense: Linear layers with one kind of activation between become an MLP. Convolutional: 3 × 3 convolutions with
    padding 1, max-pooling of 2 × 2 and dense layers become a SmallCNN or a VGG, one convolution and one dense layer a
    TwoLayerCNN; they take flat pictures `(height, width, channels)`. BatchNorm2d behind a convolution is kept as it
    evaluates. A module of a class of one's own is followed by `torch.fx`.

    Args:
        module: a chain of layers, or one of `simplebias.torch`.
        image_shape: `(height, width)` of a picture, for convolutional modules.

    Returns:
        The network, in float32, or in float64 where JAX is set to it and the module is.

    Raises:
        InputError: for a module that is no such chain.

    Example:
        >>> import jax.numpy as jnp
        >>> module = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1))
        >>> network = from_torch(module)
        >>> bool(jnp.allclose(network(jnp.ones(2)), module(torch.ones(2)).detach().numpy(), atol=1e-6))
        True
    """
    if isinstance(module, SubspaceNet):
        fine = [from_torch(one) for one in module.fine]
        return networks.SubspaceNet(from_torch(module.coarse), fine, contributions=np.array(module.contributions))
    links = chain(module)
    if links and isinstance(links[0], FourierFeatures | PositionalEncoding):
        encoding = _encoding_back(links[0])
        return networks.Encoded(encoding, from_torch(nn.Sequential(*links[1:]))) if links[1:] else encoding
    if len(links) == 1 and isinstance(links[0], MultiScale | ResNet):
        return _multiscale_back(links[0]) if isinstance(links[0], MultiScale) else _residual_back(links[0])
    if is_picture_net(links):
        return picture_net(links, image_shape)
    return _dense_back(links, module)


def shared(values: Sequence[Any], what: str, usual: Any) -> Any:
    """What is the same in all layers.

    Returns:
        It; the usual one where there is none.

    Raises:
        InputError: if layers differ.
    """
    found = list(dict.fromkeys(values))
    if len(found) > 1:
        raise InputError(f"one {what} for all layers", f"{', '.join(map(str, found))}")
    return found[0] if found else usual


def _dense_back(links: Sequence[nn.Module], module: nn.Module) -> networks.MLP:
    layers, names, rates = [], [], []
    expected = "a chain of Linear layers with an activation after each but the last"
    for link in links:
        if isinstance(link, nn.Linear | Affine):
            if len(names) < len(layers):  # two in a row: the one before has no activation
                names.append("identity")
            layers.append(affine(link))
        elif isinstance(link, nn.Dropout):
            rates.append(link.p)
        elif (name := name_of(link)) is not None and len(names) == len(layers) - 1:
            names.append(name)
        elif not isinstance(link, nn.Flatten):
            raise InputError(expected, f"{type(link).__name__} in a {type(module).__name__}")
    if len(layers) < 2 or len(names) != len(layers) - 1 or len(rates) not in {0, len(names)}:
        raise InputError(expected, f"{len(layers)} of them, {len(names)} activations and {len(rates)} dropouts")
    name, rate = shared(names, "activation", "identity"), shared(rates, "dropout rate", 0.0)
    widths = [len(layer.weight) for layer in layers[:-1]]
    made = networks.MLP(
        layers[0].weight.shape[1], len(layers[-1].weight), widths, activation=name, dropout=rate, key=jax.random.key(0)
    )
    return _filled(made, layers, module)


def _filled(made: Any, layers: Sequence[Any], module: nn.Module) -> Any:
    whole = eqx.tree_at(lambda one: one.layers, made, tuple(layers))
    return whole if module.training else eqx.nn.inference_mode(whole)


def _residual_back(module: ResNet) -> networks.ResNet:
    layers = [affine(layer) for layer in module.layers]
    made = networks.ResNet(
        layers[0].weight.shape[1], len(layers[-1].weight), len(layers[0].weight), len(layers) - 1,
        activation=module.activation_name, dropout=module.dropout.p, key=jax.random.key(0),
    )  # fmt: skip
    return _filled(made, layers, module)


def _multiscale_back(module: MultiScale) -> networks.MultiScale:
    layers = [affine(layer) for layer in module.layers]
    first, last = layers[0].weight, layers[-1].weight
    width = first.shape[-2] * (len(module.scales) if module.version == 2 else 1)
    made = networks.MultiScale(
        first.shape[-1], last.shape[-2], width, len(layers) - 1,
        scales=np.asarray(module.scales.detach().cpu().double()), version=module.version,
        trainable=isinstance(module.scales, nn.Parameter), repeats=True, amplitudes=module.amplitudes,
        activation=module.activation_name, output_bias=layers[-1].bias is not None, dropout=module.dropout.p,
        dtype=first.dtype, key=jax.random.key(0),
    )  # fmt: skip
    return eqx.tree_at(lambda one: one.inner, made, _filled(made.inner, layers, module))


def _encoding_back(module: FourierFeatures | PositionalEncoding) -> Any:
    if isinstance(module, PositionalEncoding):
        return networks.PositionalEncoding(module.inputs, module.octaves, with_inputs=module.with_inputs)
    pairs, inputs = module.frequencies.shape
    made = networks.FourierFeatures(inputs, 2 * pairs, frequency_std=1.0, key=jax.random.key(0))
    return eqx.tree_at(lambda one: one.frequencies, made, array(module.frequencies))
