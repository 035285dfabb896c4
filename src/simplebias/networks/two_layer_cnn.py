"""A two-layer convolutional network, `f(x) = Σ a_{place, kernel} σ(w_kernel · patch_place(x) + b_kernel)`."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, as_points, check_positive
from simplebias.core.snapshot import Neurons
from simplebias.core.types import Array, ArrayLike, Float, Key, Output
from simplebias.networks.activations import activation as find_activation
from simplebias.networks.convolution import draw_layers, picture_shape
from simplebias.networks.dense import Affine
from simplebias.networks.initialisation import Initialisation
from simplebias.networks.initialisation import initialisation as find_initialisation


class Patches(eqx.Module):
    """The pixels under a kernel at every place of a picture, and how pictures are laid out.

    Args:
        image_shape: `(height, width)` or `(height, width, channels)` of a picture, which is a flat point with the
            channel running fastest, as `numpy.ravel` gives it; `(1, length)` for one dimension.
        kernel: pixels along each side of a kernel, or `(height, width)`.
        padded: whether zeros stand around the picture, so that there are as many places as pixels.

    Raises:
        InputError: for another shape, or a picture smaller than the kernel.

    Example:
        >>> Patches((1, 5), (1, 3)).of(jnp.arange(5.0)).tolist()
        [[0.0, 1.0, 2.0], [1.0, 2.0, 3.0], [2.0, 3.0, 4.0]]
    """

    image_shape: tuple[int, int, int] = eqx.field(static=True)
    kernel: tuple[int, int] = eqx.field(static=True)
    padded: bool = eqx.field(static=True)

    def __init__(self, image_shape: Sequence[int], kernel: int | Sequence[int] = 3, *, padded: bool = False):
        self.image_shape = picture_shape(image_shape, pooled=0)
        sides = (kernel, kernel) if isinstance(kernel, int) else tuple(kernel)
        if len(sides) != 2:
            raise InputError("kernel as a number of pixels or (height, width)", repr(kernel))
        for size in sides:
            check_positive(size, "kernel", integer=True)
        self.kernel, self.padded = (int(sides[0]), int(sides[1])), padded
        if min(self.places_shape) < 1:
            height, width, _ = self.image_shape
            raise InputError(f"pictures of at least {sides[0]} × {sides[1]} pixels", f"{height} × {width}")

    @property
    def places_shape(self) -> tuple[int, int]:
        """Rows and columns of places of the kernel."""
        (height, width, _), (rows, columns) = self.image_shape, self.kernel
        return (height, width) if self.padded else (height - rows + 1, width - columns + 1)

    @property
    def places(self) -> int:
        """Number of places."""
        return int(np.prod(self.places_shape))

    @property
    def size(self) -> int:
        """Numbers in one patch."""
        return self.kernel[0] * self.kernel[1] * self.image_shape[2]

    @property
    def pixels(self) -> int:
        """Numbers in one picture."""
        return int(np.prod(self.image_shape))

    def of(self, point: Array) -> Float[Array, "places patch"]:
        """Patches of one flat picture, row by row; in a patch the channel runs fastest."""
        if point.shape != (self.pixels,):
            raise InputError(
                f"one flat picture of shape ({self.pixels},)",
                f"shape {tuple(point.shape)}",
                "For many pictures use jax.vmap.",
            )
        picture = point.reshape(self.image_shape)
        if self.padded:
            before = [(side - 1) // 2 for side in self.kernel]
            ends = [(low, side - 1 - low) for low, side in zip(before, self.kernel, strict=True)]
            picture = jnp.pad(picture, (*ends, (0, 0)))
        rows, columns = self.places_shape
        shifted = [picture[i : i + rows, j : j + columns] for i in range(self.kernel[0]) for j in range(self.kernel[1])]
        return jnp.concatenate(shifted, axis=2).reshape(self.places, self.size)

    def of_all(self, points: ArrayLike) -> Float[Array, "points places patch"]:
        """Patches of many flat pictures, checked.

        Returns:
            `(points, places, patch)`.

        Raises:
            InputError: for points that are no pictures of this shape, or are not finite.
        """
        return jax.vmap(self.of)(as_points(points))


class TwoLayerCNN(eqx.Module):
    """A convolution, an activation, and an affine layer over all places and kernels: no pooling, no further layer.

    The network of the theorem on the initial condensation of kernels and of the sample sizes of convolutions. A kernel
    is one neuron.

    Args:
        image_shape: `(height, width)` or `(height, width, channels)` of a flat picture, see `Patches`.
        outputs: number of outputs.
        channels: number of kernels.
        kernel: pixels along each side of a kernel, or `(height, width)`.
        padded: whether zeros stand around the picture.
        shared: whether a kernel has the same weights at every place; without, each place has kernels of its own.
        activation: name, see `ACTIVATIONS`.
        initialisation: text or Initialisation; the fan-in of a kernel is the size of a patch.
        output_bias: whether the output layer has a bias.
        key: random key of the weights.
        dtype: of the weights; JAX's default float if None.

    Raises:
        InputError: for sizes or names that cannot be used.

    References:
        Zhou, Zhou, Li, Xu, Understanding the initial condensation of convolutional neural networks, arXiv:2305.09947;
        without sharing: Zhang, Zhang, Zhang, Bai, Luo, Xu, arXiv:2307.08921.

    Example:
        >>> network = TwoLayerCNN((8, 8), 10, 20, key=jax.random.key(0))
        >>> jax.vmap(network)(jnp.ones((5, 64))).shape, network.neurons()[0].extended.shape
        ((5, 10), (20, 10))
    """

    layers: tuple[Affine, Affine]
    patches: Patches
    shared: bool = eqx.field(static=True)
    activation: str = eqx.field(static=True)

    def __init__(
        self,
        image_shape: Sequence[int],
        outputs: int,
        channels: int,
        *,
        kernel: int | Sequence[int] = 3,
        padded: bool = False,
        shared: bool = True,
        activation: str = "tanh",
        initialisation: str | Initialisation = "lecun",
        output_bias: bool = False,
        key: Key,
        dtype: Any = None,
    ):
        check_positive(outputs, "outputs", integer=True)
        check_positive(channels, "channels", integer=True)
        self.patches, self.shared = Patches(image_shape, kernel, padded=padded), shared
        self.activation = find_activation(activation).name
        rule, kind = find_initialisation(initialisation), jnp.dtype(jnp.result_type(float) if dtype is None else dtype)
        size, cells = self.patches.size, self.patches.places * channels
        neurons = channels if shared else cells
        first, last = rule.scales((size, neurons))[0], rule.scales((cells, cells, outputs))[1]
        kernels, drawn = draw_layers(key, [(size, neurons, first), (cells, outputs, last)], kind)
        bias = jnp.zeros(outputs, kind) if output_bias else None
        self.layers = (kernels, Affine(drawn.weight, bias, drawn.multiplier))

    def __call__(self, point: Array) -> Output:
        """Outputs for one flat picture."""
        return self.layers[-1](self.features(point)[0].ravel())

    def features(self, point: Array) -> tuple[Float[Array, "places kernels"]]:
        """What each kernel gives at each place."""
        patches, kernels, function = self.patches.of(point), self.layers[0], find_activation(self.activation)
        if self.shared:
            return (function(jax.vmap(kernels)(patches)),)
        weight = kernels.effective_weight.reshape(len(patches), -1, self.patches.size)
        bias = kernels.effective_bias
        mapped = jnp.einsum("pks,ps->pk", weight, patches)
        return (function(mapped if bias is None else mapped + bias.reshape(mapped.shape)),)

    @property
    def largest_derivative(self) -> int | None:
        """Highest order of which the derivative in the inputs is a function; None where every order is."""
        return find_activation(self.activation).largest_derivative

    def neurons(self) -> tuple[Neurons, ...]:
        """The kernels, a row for each, with their output weights at all places, `(outputs · places, kernels)`."""
        kernels, last = self.layers
        outgoing = last.effective_weight
        if self.shared:
            outgoing = outgoing.reshape(len(outgoing) * self.patches.places, -1)
        return (Neurons(kernels.effective_weight, kernels.effective_bias, outgoing, self.activation),)


__all__ = ["Patches", "TwoLayerCNN"]
