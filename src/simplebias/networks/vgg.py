"""Deep convolutional networks of the kind of VGG: blocks of convolutions, each block followed by a pooling."""

import itertools
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from simplebias.core.errors import InputError, check_positive
from simplebias.core.snapshot import Neurons
from simplebias.core.types import Array, Float, Key, Output, Point, Points
from simplebias.networks.activations import activation as find_activation
from simplebias.networks.convolution import (
    KERNEL,
    POOL,
    calibrate,
    convolve,
    draw_layers,
    picture_shape,
    pooled,
    show_neurons,
)
from simplebias.networks.dense import Affine
from simplebias.networks.initialisation import Initialisation
from simplebias.networks.initialisation import initialisation as find_initialisation
from simplebias.networks.normalisation import Normalised
from simplebias.networks.normalisation import normalise as normalised_layer


class VGG(eqx.Module):
    """Blocks of 3 × 3 convolutions, a 2 × 2 max-pooling after each block, fully connected layers, affine output.

    Pictures keep their size in a convolution (zeros around them) and lose half of it at the end of a block.

    Args:
        image_shape: `(height, width)` or `(height, width, channels)`; the network is called on flat pictures.
        outputs: number of outputs, for classification one for each class; no softmax is applied.
        blocks: kernels of each convolution of each block; `((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3)`
            and widths `(4096, 4096)` are VGG-16.
        widths: neurons of the fully connected hidden layers.
        activation: name, see `ACTIVATIONS`.
        normalise: whether each convolution is normalised by stored statistics, which `calibrated` takes of points, and
            then has a scale and a shift, trained, in the place of its bias.
        initialisation: text or Initialisation; the fan-in of a kernel is `channels × 9`.
        key: random key of the weights.
        dtype: of the weights; JAX's default float if None.

    Raises:
        InputError: for sizes or names that cannot be used, or a picture too small for so many poolings.

    References:
        The network of the filtering figures of arXiv:1901.06523; Simonyan, Zisserman, arXiv:1409.1556.

    Example:
        >>> network = VGG((8, 8), 10, blocks=((4, 4), (8, 8)), widths=(32,), key=jax.random.key(0))
        >>> jax.vmap(network)(jnp.ones((5, 64))).shape
        (5, 10)
    """

    convolutions: tuple[tuple[Affine | Normalised, ...], ...]
    layers: tuple[Affine, ...]
    image_shape: tuple[int, int, int] = eqx.field(static=True)
    activation: str = eqx.field(static=True)

    def __init__(
        self,
        image_shape: Sequence[int],
        outputs: int,
        *,
        blocks: Sequence[Sequence[int]] = ((16, 16), (32, 32)),
        widths: Sequence[int] = (128,),
        activation: str = "relu",
        initialisation: str | Initialisation = "he",
        normalise: bool = False,
        key: Key,
        dtype: Any = None,
    ):
        if not len(blocks) or not all(len(block) for block in blocks) or not len(widths):
            raise InputError("blocks of at least one convolution each, and a width", f"{blocks} and {widths}")
        for name, sizes in (("blocks", sum(map(tuple, blocks), ())), ("widths", widths), ("outputs", [outputs])):
            for size in sizes:
                check_positive(size, name, integer=True)
        self.image_shape = picture_shape(image_shape, len(blocks))
        self.activation = find_activation(activation).name
        rule, dtype = find_initialisation(initialisation), jnp.dtype(jnp.result_type(float) if dtype is None else dtype)
        fans = _fans(self.image_shape, blocks, widths)
        sizes = [(fan, size, rule.scales((fan, size))[0]) for fan, size in fans]
        sizes.append((widths[-1], outputs, rule.scales((widths[-1], widths[-1], outputs))[1]))
        *drawn, last = draw_layers(key, sizes, dtype)
        convolutions = []
        for block in blocks:
            convolutions.append(tuple(map(normalised_layer, drawn[: len(block)]) if normalise else drawn[: len(block)]))
            drawn = drawn[len(block) :]
        self.convolutions = tuple(convolutions)
        self.layers = (*drawn, Affine(last.weight, jnp.zeros(outputs, dtype), last.multiplier))

    def __call__(self, point: Point) -> Output:
        """Outputs for one flat picture."""
        return self.layers[-1](self.features(point)[-1])

    def features(self, point: Point) -> tuple[Float[Array, "..."], ...]:
        """Each convolution's pictures `(height, width, channels)` before pooling, then the hidden layers."""
        if point.shape != (self.pixels,):
            raise InputError(
                f"one flat picture of shape ({self.pixels},)",
                f"shape {tuple(point.shape)}",
                "For many pictures use jax.vmap(network).",
            )
        function, features = find_activation(self.activation), []
        picture = point.reshape(self.image_shape)
        for block in self.convolutions:
            for layer in block:
                picture = function(convolve(layer, picture))
                features.append(picture)
            picture = pooled(picture)
        hidden = picture.ravel()
        for layer in self.layers[:-1]:
            hidden = function(layer(hidden))
            features.append(hidden)
        return tuple(features)

    @property
    def largest_derivative(self) -> int:
        """Highest order of which the derivative in the inputs is a function: 1, for max-pooling has kinks."""
        return 1

    @property
    def pixels(self) -> int:
        """Numbers in one picture."""
        height, width, channels = self.image_shape
        return height * width * channels

    def calibrated(self, points: Points) -> "VGG":
        """The network, made with `normalise=True`, with the statistics of its convolutions on points.

        Layer by layer: mean and variance over points and pixels, of pictures normalised in the layers before.

        Args:
            points: flat pictures, `(points, pixels)`.

        Returns:
            Another function, unless points like these were used before.

        Raises:
            InputError: for a network without normalisation, or points that do not fit.
        """
        convolutions = tuple(calibrate(self.convolutions, points, self.image_shape, self.activation))
        return eqx.tree_at(lambda network: network.convolutions, self, convolutions)

    def neurons(self) -> tuple[Neurons, ...]:
        """Kernels of each convolution and the neurons of the hidden layers, a row for each, normalisation folded.

        Returns:
            Of each layer; the output weights of a kernel have a row for each neuron that reads it and each place where
            it does, after max-pooling where that follows.
        """
        return show_neurons((*itertools.chain(*self.convolutions), *self.layers), self.activation)

    def negated(self) -> "VGG":
        """A copy with the output layer negated, sharing no array."""
        copied = jax.tree.map(lambda leaf: jnp.copy(leaf) if eqx.is_array(leaf) else leaf, self)
        negative = jax.tree.map(jnp.negative, copied.layers[-1])
        return eqx.tree_at(lambda network: network.layers[-1], copied, negative)


def _fans(shape: tuple[int, int, int], blocks: Sequence[Sequence[int]], widths: Sequence[int]) -> list[tuple[int, int]]:
    """Inputs and outputs of each convolution and hidden layer."""
    height, width, channels = shape
    fans = []
    for block in blocks:
        for kernels in block:
            fans.append((KERNEL**2 * channels, kernels))
            channels = kernels
        height, width = height // POOL, width // POOL
    inputs = height * width * channels
    for neurons in widths:
        fans.append((inputs, neurons))
        inputs = neurons
    return fans
