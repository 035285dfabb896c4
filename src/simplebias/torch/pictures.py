"""Convolutional networks to PyTorch and back: pictures with the channel last and flat there, channel first here."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import torch
from torch import nn

from simplebias import networks
from simplebias.core.errors import InputError
from simplebias.networks.normalisation import Normalised, normalise
from simplebias.torch.activations import activation, name_of
from simplebias.torch.layers import Affine, affine, array, tensor

POOL = 2
"""Pixels along each side of a pooled cell."""


def pictures_to_torch(network: Any) -> nn.Module:
    """A SmallCNN, VGG or TwoLayerCNN as a Sequential of pictures `(points, channels, height, width)`."""
    if isinstance(network, networks.TwoLayerCNN):
        return _two_layer(network)
    height, width, channels = network.image_shape
    if isinstance(network, networks.VGG):
        blocks, dense = network.convolutions, network.layers
    else:
        blocks, dense = (network.layers[:-2],), network.layers[-2:]
    links: list[nn.Module] = []
    for block in blocks:
        for layer in block:
            links += [*_convolution(layer, channels, (3, 3), 1), activation(network.activation)]
            channels = _size(layer)
        links.append(nn.MaxPool2d(POOL))
        height, width = height // POOL, width // POOL
    links.append(nn.Flatten())
    for place, layer in enumerate(dense):
        turned = _channel_first(layer.effective_weight, (height, width, channels)) if place == 0 else None
        links.append(_linear(layer, turned))
        links += [activation(network.activation)] if place < len(dense) - 1 else []
    return nn.Sequential(*links).eval()


def _two_layer(network: networks.TwoLayerCNN) -> nn.Module:
    if not network.shared:
        raise InputError("a TwoLayerCNN with shared kernels", "kernels of each place")
    patches, (kernels, last) = network.patches, network.layers
    padding = "same" if patches.padded else 0
    links = _convolution(kernels, patches.image_shape[2], patches.kernel, padding)
    turned = _channel_first(last.effective_weight, (*patches.places_shape, len(kernels.weight)))
    return nn.Sequential(*links, activation(network.activation), nn.Flatten(), _linear(last, turned)).eval()


def _convolution(layer: Any, channels: int, kernel: tuple[int, int], padding: Any) -> list[nn.Module]:
    """A convolution, with its normalisation."""
    normalised = isinstance(layer, Normalised)
    own = layer.affine if normalised else layer
    rows = np.asarray(own.effective_weight)
    weight = torch.tensor(rows.reshape(len(rows), *kernel, channels).transpose(0, 3, 1, 2).copy())
    bias = None if own.bias is None else tensor(own.effective_bias)
    made: Any = nn.utils.skip_init(
        nn.Conv2d, channels, len(rows), kernel, padding=padding, bias=bias is not None, dtype=weight.dtype
    )
    with torch.no_grad():
        made.weight.copy_(weight)
        if bias is not None:
            made.bias.copy_(bias)
    if not normalised:
        return [made]
    norm = nn.BatchNorm2d(len(rows), eps=layer.epsilon, dtype=weight.dtype)
    stored = {"weight": layer.scale, "bias": layer.shift, "running_mean": layer.mean, "running_var": layer.variance}
    with torch.no_grad():
        for name, values in stored.items():
            getattr(norm, name).copy_(tensor(values))
    return [made, norm]


def _channel_first(weight: Any, cells: tuple[int, int, int]) -> torch.Tensor:
    """Columns of a dense layer that reads pictures, in PyTorch's order."""
    rows = np.asarray(weight)
    return torch.tensor(rows.reshape(len(rows), *cells).transpose(0, 3, 1, 2).reshape(len(rows), -1).copy())


def _linear(layer: Any, turned: torch.Tensor | None) -> nn.Linear:
    weight = tensor(layer.effective_weight) if turned is None else turned
    options = {"bias": layer.bias is not None, "dtype": weight.dtype}
    made: Any = nn.utils.skip_init(nn.Linear, weight.shape[1], len(weight), **options)
    with torch.no_grad():
        made.weight.copy_(weight)
        if layer.bias is not None:
            made.bias.copy_(tensor(layer.effective_bias))
    return made


def is_picture_net(links: Sequence[nn.Module]) -> bool:
    """Whether a chain has a convolution."""
    return any(isinstance(link, nn.Conv2d) for link in links)


def picture_net(links: Sequence[nn.Module], image_shape: Sequence[int] | None) -> Any:
    """A chain of convolutions, poolings and dense layers as a SmallCNN, VGG or TwoLayerCNN.

    Args:
        links: of the chain.
        image_shape: `(height, width)` of a picture.

    Returns:
        The network.

    Raises:
        InputError: for another chain, or without the shape.
    """
    if image_shape is None or len(image_shape) not in {2, 3}:
        raise InputError("image_shape=(height, width) for a convolutional module", repr(image_shape))
    blocks, dense, names = _sorted(links)
    first, pooled = blocks[0][0][0], any(isinstance(link, nn.MaxPool2d) for link in links)
    shape = (int(image_shape[0]), int(image_shape[1]), first.in_channels)
    cells = _cells(shape, blocks, pooled)
    if dense[0].weight.shape[1] != np.prod(cells):
        raise InputError(f"image_shape of which {dense[0].weight.shape[1]} numbers reach the dense layers", f"{shape}")
    convolutions = [tuple(_kernels(*pair) for pair in block) for block in blocks]
    layers = [_channel_last(dense[0], cells), *(affine(layer) for layer in dense[1:])]
    if pooled and not all(_keeps_size(convolution) for block in blocks for convolution, _ in block):
        raise InputError("convolutions with padding 1 where something is pooled", f"{first}")
    if not pooled:
        return _two_layer_back(blocks, convolutions, layers, shape, names[0])
    outputs, key = len(layers[-1].weight), jax.random.key(0)
    widths, sizes = [len(layer.weight) for layer in layers[:-1]], [list(map(_size, block)) for block in convolutions]
    if not widths:
        raise InputError("a dense hidden layer behind the poolings", "the output layer alone")
    if len(convolutions) == 1 and len(widths) == 1:
        small = networks.SmallCNN(shape, outputs, channels=sizes[0], width=widths[0], activation=names[0], key=key)
        return eqx.tree_at(lambda one: one.layers, small, (*convolutions[0], *layers))
    large = networks.VGG(shape, outputs, blocks=sizes, widths=widths, activation=names[0], key=key)
    return eqx.tree_at(lambda one: (one.convolutions, one.layers), large, (tuple(convolutions), tuple(layers)))


def _size(layer: Any) -> int:
    return len(layer.affine.weight if isinstance(layer, Normalised) else layer.weight)


def _sorted(links: Sequence[nn.Module]) -> tuple[list[list[list[Any]]], list[Any], list[str]]:
    """Blocks of convolutions, each with its normalisation, that end in a pooling; dense layers; activations."""
    blocks: list[list[list[Any]]] = [[]]
    dense: list[Any] = []
    names: list[str] = []
    pooled = 0
    for link in links:
        if isinstance(link, nn.Conv2d) and not dense:
            if link.groups != 1 or link.stride != (1, 1) or link.dilation != (1, 1) or link.padding_mode != "zeros":
                raise InputError("convolutions of stride 1 in one group, zeros around the picture", f"{link}")
            if link.kernel_size != (3, 3) and any(isinstance(one, nn.MaxPool2d) for one in links):
                raise InputError("3 × 3 convolutions with padding 1 where something is pooled", f"{link}")
            blocks[-1].append([link, None])
        elif isinstance(link, nn.BatchNorm2d) and blocks[-1] and not dense:
            blocks[-1][-1][1] = link
        elif isinstance(link, nn.MaxPool2d) and not dense:
            sizes = [set(np.ravel(one).tolist()) for one in (link.kernel_size, link.stride, link.padding)]
            if sizes != [{POOL}, {POOL}, {0}] or link.ceil_mode:
                raise InputError("max-pooling of 2 × 2 pixels", f"{link}")
            pooled += 1
            blocks.append([])
        elif isinstance(link, nn.Linear | Affine):
            dense.append(link)
        elif (name := name_of(link)) is not None:
            names.append(name)
        elif not isinstance(link, nn.Flatten):
            raise InputError("convolutions, poolings, activations and Linear layers", f"{link}")
    layers = sum(map(len, blocks)) + len(dense)
    if not dense or len({*names}) != 1 or len(names) != layers - 1 or (blocks[-1] and pooled):
        raise InputError(
            "one activation after each layer but the last, and a pooling after the last convolution",
            f"{layers} layers and activations {names}",
        )
    return (blocks[:-1] if pooled else blocks), dense, names


def _cells(shape: tuple[int, int, int], blocks: Sequence[Any], pooled: bool) -> tuple[int, int, int]:
    """Height, width and channels of what the first dense layer reads."""
    height, width, _ = shape
    for block in blocks:
        for convolution, _ in block:
            if not _keeps_size(convolution):
                sides = convolution.kernel_size
                height, width = height - sides[0] + 1, width - sides[1] + 1
        if pooled:
            height, width = height // POOL, width // POOL
    return height, width, blocks[-1][-1][0].out_channels


def _keeps_size(convolution: nn.Conv2d) -> bool:
    """Whether zeros stand around the picture, so that it keeps its size.

    Returns:
        False for none.

    Raises:
        InputError: for another number of zeros.
    """
    padding, sides = convolution.padding, convolution.kernel_size
    whole = tuple((side - 1) // 2 for side in sides)
    if padding == "same" or (padding == whole and all(side % 2 for side in sides)):
        return True
    if padding in {"valid", (0, 0)}:
        return False
    raise InputError("convolutions with no padding or as much as keeps the size", f"{convolution}")


def _channel_last(layer: Any, cells: tuple[int, int, int]) -> networks.Affine:
    """The first dense layer, its columns in the order of flat pictures."""
    height, width, channels = cells
    plain = affine(layer)
    turned = plain.weight.reshape(-1, channels, height, width).transpose(0, 2, 3, 1).reshape(len(plain.weight), -1)
    return networks.Affine(turned, plain.bias, plain.multiplier, plain.bias_multiplier)


def _kernels(convolution: nn.Conv2d, norm: nn.BatchNorm2d | None) -> Any:
    """A convolution as rows, with its normalisation as it evaluates."""
    rows = array(convolution.weight).transpose(0, 2, 3, 1).reshape(convolution.out_channels, -1)
    bias = jnp.zeros(len(rows), rows.dtype) if convolution.bias is None else array(convolution.bias)
    if norm is None:
        return networks.Affine(rows, bias)
    if norm.running_mean is None or norm.running_var is None:
        raise InputError("a BatchNorm2d that keeps statistics", f"{norm}")
    ones = jnp.ones(len(rows), rows.dtype)
    made = normalise(networks.Affine(rows, None)).with_statistics(
        array(norm.running_mean) - bias, array(norm.running_var)
    )
    scale = ones if norm.weight is None else array(norm.weight)
    shift = 0 * ones if norm.bias is None else array(norm.bias)
    return Normalised(made.affine, scale, shift, made.statistics, norm.eps)


def _two_layer_back(
    blocks: Sequence[Any], convolutions: Sequence[Any], layers: Sequence[Any], shape: tuple[int, int, int], name: str
) -> networks.TwoLayerCNN:
    first, kernels = blocks[0][0][0], convolutions[0][0]
    if len(blocks[0]) > 1 or len(layers) > 1 or isinstance(kernels, Normalised):
        raise InputError("one convolution, not normalised, and one dense layer where nothing is pooled", "more")
    made = networks.TwoLayerCNN(
        shape, len(layers[0].weight), len(kernels.weight), kernel=first.kernel_size, padded=_keeps_size(first),
        activation=name, key=jax.random.key(0),
    )  # fmt: skip
    return eqx.tree_at(lambda one: one.layers, made, (kernels, layers[0]))
