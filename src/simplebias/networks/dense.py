"""Fully connected networks that show their neurons: TwoLayer, MLP, ResNet. Called on one point; map with `jax.vmap`."""

import itertools
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from simplebias.core.errors import InputError, check_positive
from simplebias.core.snapshot import Neurons
from simplebias.core.types import Array, Float, Key, Output
from simplebias.networks.activations import activation as find_activation
from simplebias.networks.drawing import draw_affine
from simplebias.networks.dropping import divided, drops, make_dropout, survivor_factor
from simplebias.networks.initialisation import Initialisation
from simplebias.networks.initialisation import initialisation as find_initialisation

Hidden = tuple[Float[Array, " _"], ...]


class Affine(eqx.Module):
    """One layer's map `x -> multiplier · W x + bias_multiplier · b`.

    Args:
        weight: W, trained.
        bias: b, trained, or None.
        multiplier: fixed factor of the weights.
        bias_multiplier: fixed factor of the bias.

    Example:
        >>> layer = Affine(jnp.ones((2, 3)), bias=jnp.array([0.0, 1.0]), multiplier=0.5)
        >>> layer(jnp.ones(3)).tolist()
        [1.5, 2.5]
    """

    weight: Float[Array, "targets sources"]
    bias: Float[Array, " targets"] | None
    multiplier: float = eqx.field(static=True, default=1.0)
    bias_multiplier: float = eqx.field(static=True, default=1.0)

    @property
    def effective_weight(self) -> Float[Array, "targets sources"]:
        """Weights with the multiplier."""
        return self.weight if self.multiplier == 1 else self.multiplier * self.weight

    @property
    def effective_bias(self) -> Float[Array, " targets"] | None:
        """Bias with its multiplier."""
        return self.bias if self.bias is None or self.bias_multiplier == 1 else self.bias_multiplier * self.bias

    def __call__(self, x: Float[Array, " sources"]) -> Float[Array, " targets"]:
        """Map one vector."""
        scaled = x if self.multiplier == 1 else self.multiplier * x  # here, so that ±W cancel exactly once compiled
        bias = self.effective_bias
        mapped = scaled @ self.weight.T
        return mapped if bias is None else mapped + bias


def _default_dtype(dtype: Any) -> jnp.dtype:
    chosen = jnp.dtype(jnp.result_type(float) if dtype is None else dtype)
    if not jnp.issubdtype(chosen, jnp.floating):
        raise InputError("a floating dtype", str(chosen))
    if chosen.itemsize == 8 and not jax.config.read("jax_enable_x64"):
        raise InputError("dtype float32 or smaller", str(chosen), "Enable float64 with jax.enable_x64(True).")
    return chosen


def _draw_layers(
    sizes: tuple[int, ...], rule: str | Initialisation, output_bias: bool, key: Key, dtype: Any
) -> tuple[Affine, ...]:
    for index, size in enumerate(sizes):
        check_positive(size, {0: "inputs", len(sizes) - 1: "outputs"}.get(index, "width"), integer=True)
    sizes, dtype = tuple(int(size) for size in sizes), _default_dtype(dtype)
    scales = find_initialisation(rule).scales(sizes)
    shapes = tuple((targets, sources) for sources, targets in itertools.pairwise(sizes))
    drawn = draw_affine(key, shapes, tuple(float(scale.std) for scale in scales), dtype)
    pairs = zip(drawn, scales, strict=True)
    hidden = [Affine(weight, bias, scale.multiplier, scale.multiplier) for (weight, bias), scale in pairs]
    bias = jnp.zeros(sizes[-1], dtype) if output_bias else None
    return (*hidden[:-1], Affine(drawn[-1][0], bias, scales[-1].multiplier))


def _widths(width: int | Sequence[int], depth: int | None) -> tuple[int, ...]:
    if isinstance(width, Sequence):
        if not width or depth not in {None, len(width)}:
            raise InputError("as many widths as hidden layers", f"{len(width)} widths and depth={depth}")
        return tuple(width)
    if depth is None:
        raise InputError("depth, the number of hidden layers", "none", "Give depth, or a sequence of widths.")
    check_positive(depth, "depth", integer=True)
    return (width,) * depth


def _check_point(point: Array, layers: Sequence[Any]) -> None:
    inputs = layers[0].weight.shape[-1]
    if point.shape != (inputs,):
        raise InputError(
            f"one point of shape ({inputs},)", f"shape {tuple(point.shape)}", "For many points use jax.vmap(network)."
        )


def _read_out(layer: Any, h: Array, dropout: eqx.nn.Dropout) -> Array:
    """The output layer; the factor of the survivors falls on its weights, once for all points."""
    factor = survivor_factor(dropout)
    if factor == 1:
        return layer(h)
    return Affine(layer.weight * factor, layer.bias, layer.multiplier, layer.bias_multiplier)(h)


def _neurons(layers: Sequence[Affine], activation: str) -> tuple[Neurons, ...]:
    return tuple(
        Neurons(layer.effective_weight, layer.effective_bias, following.effective_weight, activation)
        for layer, following in itertools.pairwise(layers)
    )


def _negate_output(network: Any) -> Any:
    copied = jax.tree.map(lambda leaf: jnp.copy(leaf) if eqx.is_array(leaf) else leaf, network)
    negative = jax.tree.map(jnp.negative, copied.layers[-1])
    return eqx.tree_at(lambda n: n.layers[-1], copied, negative)


class TwoLayer(eqx.Module):
    """`f(x) = (1/α) Σ_k a_k σ(w_k·x + b_k) + c`, the network of the phase diagram.

    Args:
        inputs: number of inputs.
        outputs: number of outputs.
        width: number m of neurons.
        activation: name of σ, see `ACTIVATIONS`.
        initialisation: text or Initialisation; α is part of it.
        output_bias: whether there is a c.
        dropout: share of neurons dropped in training, each survivor divided by `1 - dropout`.
        key: random key of the weights.
        dtype: of the weights; JAX's default float if None.

    Raises:
        InputError: for sizes, names or rates that cannot be used.

    References:
        Luo, Xu, Ma, Zhang, Phase diagram for two-layer ReLU neural networks, arXiv:2007.07497.

    Example:
        >>> network = TwoLayer(2, 1, 100, activation="relu", initialisation="phase:1.75,0", key=jax.random.key(0))
        >>> jax.vmap(network)(jnp.ones((5, 2))).shape
        (5, 1)
    """

    layers: tuple[Affine, ...]
    dropout: eqx.nn.Dropout
    activation: str = eqx.field(static=True)

    def __init__(
        self,
        inputs: int,
        outputs: int,
        width: int,
        *,
        activation: str = "tanh",
        initialisation: str | Initialisation = "lecun",
        output_bias: bool = False,
        dropout: float | int = 0.0,
        key: Key,
        dtype: Any = None,
    ):
        self.activation = find_activation(activation).name
        self.dropout = make_dropout(dropout)
        self.layers = _draw_layers((inputs, width, outputs), initialisation, output_bias, key, dtype)

    def __call__(self, point: Array, *, key: Key | None = None) -> Output:
        """Output at one point; `key` draws the dropout mask."""
        return _read_out(self.layers[-1], self._features(point, key)[-1], self.dropout)

    def features(self, point: Array, *, key: Key | None = None) -> Hidden:
        """Outputs of the hidden layer at one point, after dropout, as a tuple of one array."""
        return divided(self._features(point, key), self.dropout)

    def _features(self, point: Array, key: Key | None) -> Sequence[Array]:
        _check_point(point, self.layers)
        (drop,) = drops(self.dropout, 1, key)
        return (drop(find_activation(self.activation)(self.layers[0](point))),)

    @property
    def keep_probability(self) -> float:
        """Share of neurons kept in training, the p of papers: 1 - dropout."""
        return 1 - float(self.dropout.p)

    @property
    def largest_derivative(self) -> int | None:
        """Highest order of which the derivative in the inputs is a function; None where every order is."""
        return find_activation(self.activation).largest_derivative

    def neurons(self) -> tuple[Neurons, ...]:
        """The hidden layer's effective weights, multipliers included."""
        return _neurons(self.layers, self.activation)

    def negated(self) -> "TwoLayer":
        """A copy with the output layer negated, sharing no array."""
        return _negate_output(self)


class MLP(eqx.Module):
    """A fully connected network, `h ← σ(W h + b)` for each hidden layer, then an affine output layer.

    Args:
        inputs: number of inputs.
        outputs: number of outputs.
        width: neurons of every hidden layer, or a sequence of them.
        depth: number of hidden layers; not needed with a sequence of widths.
        activation: name of σ, see `ACTIVATIONS`.
        initialisation: text or Initialisation.
        output_bias: whether the output layer has a bias.
        dropout: share of neurons dropped after each hidden layer in training.
        key: random key of the weights.
        dtype: of the weights; JAX's default float if None.

    Raises:
        InputError: for sizes, names or rates that cannot be used.

    Example:
        >>> network = MLP(1, 1, (200, 200, 100), initialisation="weight-std:0.1", key=jax.random.key(0))
        >>> len(network.neurons())
        3
    """

    layers: tuple[Affine, ...]
    dropout: eqx.nn.Dropout
    activation: str = eqx.field(static=True)

    def __init__(
        self,
        inputs: int,
        outputs: int,
        width: int | Sequence[int],
        depth: int | None = None,
        *,
        activation: str = "tanh",
        initialisation: str | Initialisation = "lecun",
        output_bias: bool = True,
        dropout: float | int = 0.0,
        key: Key,
        dtype: Any = None,
    ):
        self.activation = find_activation(activation).name
        self.dropout = make_dropout(dropout)
        sizes = (inputs, *_widths(width, depth), outputs)
        self.layers = _draw_layers(sizes, initialisation, output_bias, key, dtype)

    def __call__(self, point: Array, *, key: Key | None = None) -> Output:
        """Output at one point; `key` draws the dropout masks."""
        return _read_out(self.layers[-1], self._features(point, key)[-1], self.dropout)

    def features(self, point: Array, *, key: Key | None = None) -> Hidden:
        """Outputs of each hidden layer at one point, after dropout."""
        return divided(self._features(point, key), self.dropout)

    def _features(self, point: Array, key: Key | None) -> Sequence[Array]:
        _check_point(point, self.layers)
        function, h, features = find_activation(self.activation), point, []
        for layer, drop in zip(self.layers[:-1], drops(self.dropout, len(self.layers) - 1, key), strict=True):
            h = drop(function(layer(h)))
            features.append(h)
        return features

    @property
    def keep_probability(self) -> float:
        """Share of neurons kept in training, the p of papers: 1 - dropout."""
        return 1 - float(self.dropout.p)

    @property
    def largest_derivative(self) -> int | None:
        """Highest order of which the derivative in the inputs is a function; None where every order is."""
        return find_activation(self.activation).largest_derivative

    def neurons(self) -> tuple[Neurons, ...]:
        """Effective weights of each hidden layer; the output weights of a layer are the weights of the next."""
        return _neurons(self.layers, self.activation)

    def negated(self) -> "MLP":
        """A copy with the output layer negated, sharing no array."""
        return _negate_output(self)


class ResNet(eqx.Module):
    """A residual fully connected network, `h ← h + σ(W h + b)` from the second hidden layer on.

    Args:
        inputs: number of inputs.
        outputs: number of outputs.
        width: neurons of every hidden layer.
        depth: number of hidden layers, the first (without a shortcut) included.
        activation: name of σ, see `ACTIVATIONS`.
        initialisation: text or Initialisation.
        output_bias: whether the output layer has a bias.
        dropout: share of entries of h dropped after each hidden layer in training.
        key: random key of the weights.
        dtype: of the weights; JAX's default float if None.

    Raises:
        InputError: for sizes, names or rates that cannot be used.

    Example:
        >>> network = ResNet(3, 1, 18, 5, initialisation="weight-std:0.01", key=jax.random.key(0))
        >>> network(jnp.zeros(3)).shape
        (1,)
    """

    layers: tuple[Affine, ...]
    dropout: eqx.nn.Dropout
    activation: str = eqx.field(static=True)

    def __init__(
        self,
        inputs: int,
        outputs: int,
        width: int,
        depth: int,
        *,
        activation: str = "tanh",
        initialisation: str | Initialisation = "lecun",
        output_bias: bool = True,
        dropout: float | int = 0.0,
        key: Key,
        dtype: Any = None,
    ):
        self.activation = find_activation(activation).name
        self.dropout = make_dropout(dropout)
        sizes = (inputs, *_widths(width, depth), outputs)
        self.layers = _draw_layers(sizes, initialisation, output_bias, key, dtype)

    def __call__(self, point: Array, *, key: Key | None = None) -> Output:
        """Output at one point; `key` draws the dropout masks."""
        return _read_out(self.layers[-1], self._features(point, key)[-1], self.dropout)

    def features(self, point: Array, *, key: Key | None = None) -> Hidden:
        """The stream h after each hidden layer at one point, after dropout."""
        return divided(self._features(point, key), self.dropout)

    def _features(self, point: Array, key: Key | None) -> Sequence[Array]:
        _check_point(point, self.layers)
        function, (first, *rest) = find_activation(self.activation), drops(self.dropout, len(self.layers) - 1, key)
        features = [first(function(self.layers[0](point)))]
        for layer, drop in zip(self.layers[1:-1], rest, strict=True):
            features.append(drop(features[-1] + function(layer(features[-1]))))
        return features

    @property
    def keep_probability(self) -> float:
        """Share of neurons kept in training, the p of papers: 1 - dropout."""
        return 1 - float(self.dropout.p)

    @property
    def largest_derivative(self) -> int | None:
        """Highest order of which the derivative in the inputs is a function; None where every order is."""
        return find_activation(self.activation).largest_derivative

    def neurons(self) -> tuple[Neurons, ...]:
        """Effective weights of each hidden layer; output weights are those of the next layer, shortcuts left out."""
        return _neurons(self.layers, self.activation)

    def negated(self) -> "ResNet":
        """A copy with the output layer negated, sharing no array."""
        return _negate_output(self)
