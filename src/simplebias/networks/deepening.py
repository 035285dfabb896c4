"""Embeddings in depth: a hidden layer that is affine on the data is put in, and outputs and critical points stay."""

import dataclasses
import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, as_array, as_points, check_finite, check_positive, is_traced
from simplebias.core.types import ArrayLike, Key
from simplebias.networks.chain import Chain, chain_of, with_layers
from simplebias.networks.convolution import SmallCNN
from simplebias.networks.dense import MLP, Affine, ResNet, TwoLayer
from simplebias.networks.embedding import Embedding, affine_layers, folded
from simplebias.networks.two_layer_cnn import TwoLayerCNN

SEGMENTS = {
    "identity": -np.inf,
    "relu": 0.0,
    "leaky_relu": 0.0,
    "elu": 0.0,
    "gelu": 9.0,
    "softplus": 40.0,
    "silu": 45.0,
}
"""Activations, and the input from which they are affine up to the last digit of float64."""


def depth_embedding(
    network: Any,
    layer: int,
    width: int | None = None,
    *,
    points: ArrayLike,
    key: Key | None = None,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    tolerance: float | int = 1e-9,
) -> Embedding:
    """Embed a network in one with a hidden layer more: the critical lifting.

    Between h, the outputs of hidden layer q, and the next layer `W h + b` comes `h′ = σ(V h + c)`, where every neuron j
    stays on a segment where `σ(t) = λ_j t + μ_j`, for all points; the next layer becomes `W′ h′ + b′` with
    `W′ Λ V = W` and `W′ (Λ c + μ) + b′ = b`. The outputs stay the same at the points, though not elsewhere, and a
    critical point of a loss at the points stays one.

    Of a ResNet the layer is put before the output layer, where `Λ V` becomes `1 + Λ V` by the shortcut: elsewhere a
    shortcut would carry what V adds past the next layer. Convolutions cannot be put in: what V reads of a neighbour,
    the next kernel would have to take back at pixels it does not read.

    Args:
        network: a TwoLayer, which becomes an MLP, an MLP, a ResNet, or a VGG after its convolutions.
        layer: hidden layer q after which the new one comes; 0 for the inputs.
        width: neurons of the new layer, by default as many as there are values in h. At least so many, or as the next
            layer has neurons.
        points: inputs of the training data, `(points, inputs)`.
        key: random key of V and of what else is free; not needed where it is given.
        weight: V, `(width, values in h)`, drawn if None. Of a ResNet whose activation has no affine segment zeros if
            None, for a block that adds nothing at first.
        bias: c, `(width,)`; if None so that all points lie on an affine segment.
        tolerance: largest deviation from the segment, relative to the largest output of the new layer or 1.

    Returns:
        The embedding. Its affine map is that for these points: for other weights before the new layer the points may
        leave the segment. Its degeneracy is `m̂ (m + 1) + m₊ (m̂ + 1) - m₊ (m + 1)` for the widths m of h, m̂ of the new
        and m₊ of the next layer.

    Raises:
        InputError: for a network or layer where no layer can be put in, a width that is too small, or the name of the
            condition that does not hold - linearisation, slope, rank or bias - and by how much.

    References:
        Bai, Luo, Xu, Zhang, Embedding principle in depth for the loss landscape analysis of deep neural networks,
        arXiv:2205.13283.

    Example:
        >>> x = np.linspace(-1, 1, 20)
        >>> network = MLP(1, 1, (3,), activation="softplus", key=jax.random.key(0))
        >>> deep = depth_embedding(network, 1, 4, points=x, key=jax.random.key(1))
        >>> deep.widths, deep.degeneracy
        ((3, 4), 17)
    """
    small = folded(network) if not isinstance(network, TwoLayerCNN) else network
    _check_place(small, layer)
    chain, shortcut = chain_of(small), isinstance(small, ResNet)
    reads = _reads(chain, layer, as_points(points))
    sources, targets = reads.shape[1], len(chain.weights[layer])
    size = sources if width is None else width
    check_positive(size, "width", integer=True)
    if size < min(sources, targets) or (shortcut and size != sources):
        least = f"{sources}, that of the ResNet" if shortcut else f"of at least {min(sources, targets)}"
        raise InputError(f"width {least}, for the new layer", repr(width))
    if affine_layers(small)[layer].bias is None:
        raise InputError(f"the bias condition: a bias in layer {layer + 1}, which reads the new one", "none")
    draw = None if key is None else np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel().tolist())
    lift = _choose(chain, layer, reads, size, (weight, bias), draw)
    _check_lift(lift, chain, reads, tolerance)
    degeneracy = size * (sources + 1) + targets * (size + 1) - targets * (sources + 1)
    function, steps = functools.partial(_deepened, lift), (f"a layer of {size} after hidden layer {layer}",)
    chosen = {"weight": lift.weights(chain.weights[layer])[0], "bias": lift.bias}
    return Embedding(small, function(small), function, steps, degeneracy, None, chosen)


@dataclasses.dataclass(frozen=True)
class _Lift:
    """What is put in after a layer, and how the next layer is changed.

    Of the two weights with `W′ Λ V = W` one is fixed, the other an affine function of W: V is fixed where the new layer
    has no less neurons than there are values to read, else W′.
    """

    layer: int
    fixed: np.ndarray
    enough: bool
    free: np.ndarray
    bias: np.ndarray
    slope: np.ndarray
    intercept: np.ndarray
    shortcut: bool

    def through(self, inner: Any) -> Any:
        """What the next layer reads for each value: `Λ V`, and 1 by a shortcut."""
        return self.slope[:, None].astype(inner.dtype) * inner + (np.eye(len(inner)) if self.shortcut else 0)

    def weights(self, weight: Any) -> tuple[Any, Any]:
        """V and W′ for the next layer's W."""
        if self.enough:
            through = self.through(self.fixed)
            back = np.linalg.pinv(through)
            rest = self.free @ (np.eye(len(through)) - through @ back)
            return self.fixed, weight @ back.astype(weight.dtype) + rest.astype(weight.dtype)
        back = np.linalg.pinv(self.fixed)
        rest = (np.eye(len(back)) - back @ self.fixed) @ self.free
        inner = back.astype(weight.dtype) @ weight + rest.astype(weight.dtype)
        return inner / self.slope[:, None].astype(weight.dtype), self.fixed


def _choose(
    chain: Chain, layer: int, reads: np.ndarray, width: int, given: tuple[Any, Any], draw: np.random.Generator | None
) -> _Lift:
    """V, c and the rest, given or drawn; slopes are those where the points of a neuron are centred."""
    sources, targets = reads.shape[1], len(chain.weights[layer])
    start, (weight, bias) = SEGMENTS.get(chain.activation.name), given
    if weight is None and draw is None and not (chain.shortcut and start is None):
        raise InputError("a key, by which the new weights are drawn", "none", "Or give weight.")
    if weight is None and start is None and not chain.shortcut:
        names = ", ".join(SEGMENTS)
        raise InputError(f"an activation with an affine segment ({names}), or weight", chain.activation.name)
    ones, none, enough = np.ones(width), np.zeros(width), width >= sources
    if weight is not None:
        fixed = _array(weight, "weight", (width, sources))
        if not enough:
            raise InputError(f"weight only for a width of at least {sources}", f"width {width}", "It is made to fit.")
    elif start is None or draw is None:
        fixed = np.zeros((width, sources))
    elif chain.shortcut:
        fixed = draw.normal(size=(width, sources)) / (4 * np.sqrt(sources))  # 1 + V stays far from singular
    else:
        fixed = np.linalg.qr(draw.normal(size=(width, sources if enough else targets)))[0]
        fixed = fixed if enough else fixed.T
    free = np.zeros((targets, width) if enough else (width, sources))
    if draw is not None and width != sources:
        free = np.sqrt(np.mean(chain.weights[layer] ** 2)) * draw.normal(size=free.shape)
    lift = _Lift(layer, fixed, enough, free, none, ones, none, chain.shortcut)
    z = reads @ lift.weights(chain.weights[layer])[0].T
    if bias is None:
        low, high = z.min(axis=0), z.max(axis=0)
        margin = np.where(high > low, (high - low) / 2, 1.0)
        c = none if start is None or start == -np.inf else start + margin - low
    else:
        c = _array(bias, "bias", (width,))
    centre = (z.min(axis=0) + z.max(axis=0)) / 2 + c
    slope = chain.slope(centre)
    if not slope.all() and not enough:
        raise InputError("the slope condition: the new neurons vary with what they read", "slope 0", "Change bias.")
    return dataclasses.replace(lift, bias=c, slope=slope, intercept=chain.apply(centre) - slope * centre)


def _check_lift(lift: _Lift, chain: Chain, reads: np.ndarray, tolerance: float | int) -> None:
    inner, outer = lift.weights(chain.weights[lift.layer])
    z = reads @ inner.T + lift.bias
    outputs = chain.apply(z)
    off = np.maximum(np.abs(outputs - lift.slope * z - lift.intercept), np.abs(chain.slope(z) - lift.slope)).max(axis=0)
    if not off.max() <= tolerance * max(1.0, np.abs(outputs).max()):
        neuron = int(off.argmax())
        raise InputError(
            f"the linearisation condition: the points of new neuron {neuron} on an affine segment of the activation",
            f"residual {off[neuron]:.2g}, inputs from {z[:, neuron].min():.3g} to {z[:, neuron].max():.3g}",
        )
    residual = float(np.abs(outer @ lift.through(inner) - chain.weights[lift.layer]).max())
    if not residual <= tolerance * max(1.0, float(np.abs(chain.weights[lift.layer]).max())):
        raise InputError("the rank condition: W′ Λ V = W for the next layer's weights W", f"residual {residual:.2g}")


def _deepened(lift: _Lift, network: Any) -> Any:
    """The deeper network."""
    layers = affine_layers(network)
    after = layers[lift.layer]
    xp = jnp if is_traced(after.weight) else np
    weight, bias = xp.asarray(after.effective_weight), xp.asarray(after.effective_bias)
    inner, outer = lift.weights(weight)
    moved = bias - outer.astype(bias.dtype) @ (lift.slope * lift.bias + lift.intercept).astype(bias.dtype)
    new = Affine(jnp.asarray(inner, weight.dtype), jnp.asarray(lift.bias, weight.dtype))
    outer = jnp.asarray(outer / after.multiplier, weight.dtype)
    moved = jnp.asarray(moved / after.bias_multiplier, bias.dtype)
    layers[lift.layer : lift.layer + 1] = [new, Affine(outer, moved, after.multiplier, after.bias_multiplier)]
    return with_layers(_as_deep(network), tuple(layers))


def _as_deep(network: Any) -> Any:
    """The network as one that may have any depth: a TwoLayer becomes an MLP."""
    if not isinstance(network, TwoLayer):
        return network
    plain = MLP(1, 1, (1,), activation=network.activation, key=jax.random.key(0))
    return eqx.tree_at(lambda one: (one.layers, one.dropout), plain, (network.layers, network.dropout))


def _check_place(network: Any, layer: int) -> None:
    if isinstance(network, SmallCNN | TwoLayerCNN):
        raise InputError(
            "a TwoLayer, MLP, ResNet or VGG", f"a {type(network).__name__}", "Its class has one depth only: take a VGG."
        )
    check_positive(layer, "layer", integer=True, zero=True)
    chain = chain_of(network)
    depth = len(chain.weights) - 1
    if layer > depth:
        raise InputError(f"layer from 0 to {depth}", repr(layer))
    if isinstance(network, ResNet) and layer != depth:
        raise InputError(
            f"layer {depth}, the last, of a ResNet", repr(layer), "Elsewhere shortcuts carry what the new layer adds."
        )
    if layer < len(chain.pictures):
        raise InputError(
            f"layer from {len(chain.pictures)}, the last convolution", repr(layer), "Convolutions cannot be put in."
        )


def _reads(chain: Chain, layer: int, points: Any) -> np.ndarray:
    """What is read after a layer at each point, `(points, values)`."""
    found = np.asarray(points, np.float64)
    if found.shape[1] != chain.inputs:
        raise InputError(f"points with {chain.inputs} columns", f"{found.shape[1]}")
    h = chain.look(found)[1][layer - 1] if layer else found
    return np.concatenate(list(chain.reads(layer, h)))


def _array(given: ArrayLike, name: str, shape: tuple[int, ...]) -> np.ndarray:
    array = as_array(given, name)
    if array.shape != shape:
        raise InputError(f"{name} of shape {shape}", f"shape {tuple(array.shape)}")
    check_finite(array, name)
    return np.asarray(array, np.float64)


__all__ = ["SEGMENTS", "depth_embedding"]
