"""Convolutional networks that show their kernels as neurons: SmallCNN. Called on one flat picture."""

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from simplebias.core.errors import InputError, as_points, check_positive
from simplebias.core.snapshot import Neurons
from simplebias.core.types import Array, Float, Key, Output, Point, Points
from simplebias.networks.activations import activation as find_activation
from simplebias.networks.dense import Affine
from simplebias.networks.drawing import draw_affine
from simplebias.networks.initialisation import Initialisation, LayerScale
from simplebias.networks.initialisation import initialisation as find_initialisation
from simplebias.networks.normalisation import Normalised
from simplebias.networks.normalisation import normalise as normalised_layer

KERNEL = 3
"""Pixels along each side of a kernel."""
POOL = 2
"""Pixels along each side of a pooled cell."""


class SmallCNN(eqx.Module):
    """Convolutions of 3 × 3 pixels, max-pooling of 2 × 2, one fully connected layer, and an affine output layer.

    The network of the authors' runs of the filtering and projection methods: two convolutions with zeros around the
    picture, so that it keeps its size, then one pooling, then one hidden layer. Each convolution is a product with the
    matrix of patches, and its kernel of `channels × 3 × 3` numbers is one neuron.

    Args:
        image_shape: `(height, width)` or `(height, width, channels)` of a picture, which is called as a flat point with
            the channel running fastest, as `numpy.ravel` gives it.
        outputs: number of outputs, for classification one for each class; no softmax is applied.
        channels: kernels of each convolution.
        width: neurons of the fully connected hidden layer.
        activation: name, see `ACTIVATIONS`.
        normalise: whether each convolution is normalised by stored statistics, which `calibrated` takes of points, and
            then has a scale and a shift, trained, in the place of its bias.
        initialisation: text or Initialisation; the fan-in of a kernel is `channels × 9`.
        key: random key of the weights.
        dtype: of the weights; JAX's default float if None.

    Raises:
        InputError: for sizes or names that cannot be used, or a picture too small to be pooled.

    References:
        Xu, Zhang, Luo, Xiao, Ma, Frequency Principle: Fourier analysis sheds light on deep neural networks,
        arXiv:1901.06523.

    Example:
        >>> network = SmallCNN((8, 8), 10, key=jax.random.key(0))
        >>> jax.vmap(network)(jnp.ones((5, 64))).shape
        (5, 10)
    """

    layers: tuple[Affine | Normalised, ...]
    image_shape: tuple[int, int, int] = eqx.field(static=True)
    activation: str = eqx.field(static=True)

    def __init__(
        self,
        image_shape: Sequence[int],
        outputs: int,
        *,
        channels: Sequence[int] = (8, 16),
        width: int = 64,
        activation: str = "relu",
        initialisation: str | Initialisation = "xavier",
        normalise: bool = False,
        key: Key,
        dtype: Any = None,
    ):
        self.image_shape = picture_shape(image_shape)
        for name, sizes in (("channels", channels), ("width", [width]), ("outputs", [outputs])):
            if not len(sizes):
                raise InputError("channels of at least one convolution", "none")
            for size in sizes:
                check_positive(size, name, integer=True)
        self.activation = find_activation(activation).name
        height, rows, inputs = self.image_shape
        cells = (height // POOL) * (rows // POOL) * channels[-1]
        kernels = [(KERNEL**2 * a, b) for a, b in zip((inputs, *channels[:-1]), channels, strict=True)]
        rule, dtype = find_initialisation(initialisation), jnp.dtype(jnp.result_type(float) if dtype is None else dtype)
        sizes = [(fan, kernel, rule.scales((fan, kernel))[0]) for fan, kernel in [*kernels, (cells, width)]]
        sizes.append((width, outputs, rule.scales((width, width, outputs))[1]))
        *hidden, last = draw_layers(key, sizes, dtype)
        convolutions = map(normalised_layer, hidden[:-1]) if normalise else hidden[:-1]
        self.layers = (*convolutions, hidden[-1], Affine(last.weight, jnp.zeros(outputs, dtype), last.multiplier))

    def __call__(self, point: Point) -> Output:
        """Outputs for one flat picture."""
        return self.layers[-1](self.features(point)[-1])

    def features(self, point: Point) -> tuple[Float[Array, "..."], ...]:
        """Each convolution's pictures `(height, width, channels)` before pooling, then the hidden layer."""
        if point.shape != (self.pixels,):
            raise InputError(
                f"one flat picture of shape ({self.pixels},)",
                f"shape {tuple(point.shape)}",
                "For many pictures use jax.vmap(network).",
            )
        function, features = find_activation(self.activation), []
        picture = point.reshape(self.image_shape)
        for layer in self.layers[:-2]:
            picture = function(convolve(layer, picture))
            features.append(picture)
        features.append(function(self.layers[-2](pooled(picture).ravel())))
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

    def calibrated(self, points: Points) -> "SmallCNN":
        """The network, made with `normalise=True`, with the statistics of its convolutions on points.

        Layer by layer: mean and variance over points and pixels, of pictures normalised in the layers before.

        Args:
            points: flat pictures, `(points, pixels)`.

        Returns:
            Another function, unless points like these were used before.

        Raises:
            InputError: for a network without normalisation, or points that do not fit.
        """
        (convolutions,) = calibrate([self.layers[:-2]], points, self.image_shape, self.activation)
        return eqx.tree_at(lambda network: network.layers, self, (*convolutions, *self.layers[-2:]))

    def neurons(self) -> tuple[Neurons, ...]:
        """Kernels of each convolution and the neurons of the hidden layer, a row for each, normalisation folded.

        Returns:
            Of each layer; the output weights of a kernel have a row for each neuron that reads it and each place where
            it does, after max-pooling where that follows.
        """
        return show_neurons(self.layers, self.activation)

    def negated(self) -> "SmallCNN":
        """A copy with the output layer negated, sharing no array."""
        copied = jax.tree.map(lambda leaf: jnp.copy(leaf) if eqx.is_array(leaf) else leaf, self)
        negative = jax.tree.map(jnp.negative, copied.layers[-1])
        return eqx.tree_at(lambda network: network.layers[-1], copied, negative)


def draw_layers(key: Key, sizes: Sequence[tuple[int, int, LayerScale]], dtype: Any) -> list[Affine]:
    """Layers of `(inputs, outputs, scale)` each, weights and biases Gaussian."""
    shapes = tuple((outputs, inputs) for inputs, outputs, _ in sizes)
    drawn = draw_affine(key, shapes, [float(scale.std) for _, _, scale in sizes], jnp.dtype(dtype))
    scales = [scale for _, _, scale in sizes]
    pairs = zip(drawn, scales, strict=True)
    return [Affine(weight, bias, scale.multiplier, scale.multiplier) for (weight, bias), scale in pairs]


def picture_shape(shape: Sequence[int], pooled: int = 1) -> tuple[int, int, int]:
    """Height, width and channels of a picture that is pooled so many times.

    Returns:
        The three.

    Raises:
        InputError: for another shape, or a picture that is too small.
    """
    if len(shape) not in {2, 3}:
        raise InputError("image_shape as (height, width) or (height, width, channels)", repr(tuple(shape)))
    for size in shape:
        check_positive(size, "image_shape", integer=True)
    height, width = int(shape[0]), int(shape[1])
    least = POOL**pooled
    if min(height, width) < least:
        raise InputError(f"pictures of at least {least} × {least} pixels", f"{height} × {width}")
    return height, width, int(shape[2]) if len(shape) == 3 else 1


def show_neurons(layers: Sequence[Affine | Normalised], activation: str) -> tuple[Neurons, ...]:
    """Neurons of convolutions and the dense layers after them, the output layer last."""
    shown = []
    for layer, after in itertools.pairwise(layers):
        incoming, bias = layer.effective_weight, layer.effective_bias
        outgoing = after.effective_weight.reshape(-1, len(incoming))  # channel fastest in patches and flat pictures
        shown.append(Neurons(incoming, bias, outgoing, activation))
    return tuple(shown)


def calibrate(
    blocks: Sequence[Sequence[Affine | Normalised]], points: Points, shape: tuple[int, int, int], activation: str
) -> list[tuple[Affine | Normalised, ...]]:
    """Convolutions with the statistics of what they give on points, layer by layer.

    Returns:
        The blocks; max-pooling follows each.

    Raises:
        InputError: where nothing is normalised, or for points that do not fit.
    """
    if not isinstance(blocks[0][0], Normalised):
        raise InputError("a network made with normalise=True", "one without normalisation")
    flat = as_points(points)
    if flat.shape[1] != math.prod(shape):
        raise InputError(f"flat pictures of {math.prod(shape)} numbers", f"{flat.shape[1]}")
    return _calibrate(blocks, flat.reshape(-1, *shape).astype(blocks[0][0].weight.dtype), activation)


@eqx.filter_jit
def _calibrate(blocks: Any, pictures: Array, activation: str) -> list[Any]:
    function, calibrated = find_activation(activation), []
    for block in blocks:
        layers = []
        for layer in block:
            given = jax.vmap(functools.partial(convolve, layer.affine))(pictures)
            mean, variance = jnp.mean(given, axis=(0, 1, 2)), jnp.var(given, axis=(0, 1, 2))
            layers.append(layer.with_statistics(mean, variance))
            pictures = function(jax.vmap(functools.partial(convolve, layers[-1]))(pictures))
        calibrated.append(tuple(layers))
        pictures = jax.vmap(pooled)(pictures)
    return calibrated


def convolve(
    layer: Affine | Normalised, picture: Float[Array, "height width channels"]
) -> Float[Array, "height width kernels"]:
    """A layer's kernels on the 3 × 3 pixels around each pixel."""
    return jax.vmap(jax.vmap(layer))(patches(picture))


def patches(picture: Float[Array, "height width channels"]) -> Float[Array, "height width patch"]:
    """The 3 × 3 pixels around each pixel, zeros outside the picture."""
    height, width, _ = picture.shape
    padded = jnp.pad(picture, ((1, 1), (1, 1), (0, 0)))
    shifted = [padded[i : i + height, j : j + width] for i in range(KERNEL) for j in range(KERNEL)]
    return jnp.concatenate(shifted, axis=2)


def pooled(picture: Float[Array, "height width channels"]) -> Float[Array, "rows columns channels"]:
    """The largest of each 2 × 2 pixels; a last odd row or column is left out."""
    rows, columns = picture.shape[0] // POOL, picture.shape[1] // POOL
    cells = picture[: rows * POOL, : columns * POOL].reshape(rows, POOL, columns, POOL, -1)
    across = jnp.maximum(cells[:, :, :, 0], cells[:, :, :, 1])  # pairs: their gradient is far cheaper than a max's
    return jnp.maximum(across[:, 0], across[:, 1])
