"""Multi-scale networks (MscaleDNN): inputs multiplied by several scales, so that high frequencies become low ones."""

from collections.abc import Callable
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import block_diag

from simplebias.core.errors import InputError, check_positive
from simplebias.core.snapshot import Neurons, ShowsNeurons, member, wants_key
from simplebias.core.types import Array, ArrayLike, Float, Key, Network, Output
from simplebias.networks.dense import MLP, Affine
from simplebias.networks.initialisation import Initialisation

SCALES = (1, 2, 4, 8, 16, 32)
"""Scales where none are given."""


class Scales(eqx.Module):
    """Positive factors of the inputs, fixed or trained, checked.

    Args:
        values: one factor or more.
        trainable: whether training changes them.
        repeats: whether a factor may occur more than once.

    Raises:
        InputError: for factors that are empty, not positive, not finite, or repeated without leave.

    Example:
        >>> Scales([1, 2, 4]).values.tolist()
        [1.0, 2.0, 4.0]
    """

    trained: Float[Array, " scales"] | None
    fixed: tuple[float, ...] | None = eqx.field(static=True)

    def __init__(self, values: ArrayLike, *, trainable: bool = False, repeats: bool = False, dtype: Any = None):
        checked = _check_scales(values, repeats)
        self.fixed = None if trainable else checked
        self.trained = jnp.asarray(checked, jnp.result_type(float) if dtype is None else dtype) if trainable else None

    @property
    def count(self) -> int:
        """How many."""
        return len(self.fixed or ()) if self.trained is None else self.trained.shape[-1]

    @property
    def values(self) -> Float[Array, " scales"]:
        """The factors, as they are now."""
        return self.of(jnp.result_type(float))

    def of(self, dtype: Any) -> Float[Array, " scales"]:
        """The factors in a dtype; trained ones stay in theirs."""
        return jnp.asarray(self.fixed, dtype) if self.trained is None else self.trained


def _check_scales(values: ArrayLike, repeats: bool) -> tuple[float, ...]:
    found = [values] if np.ndim(values) == 0 else list(values)
    if not found:
        raise InputError("at least one scale", "none", "Give scales=(1, 2, 4, 8), or those of suggest_scales.")
    for one in found:
        check_positive(one, "a scale")
    numbers = tuple(float(one) for one in found)
    if len(set(numbers)) < len(numbers) and not repeats:
        raise InputError("scales that differ", f"{numbers}", "Give each once, or repeats=True to mean it.")
    return numbers


def _owners(neurons: int, count: int) -> np.ndarray:
    """For each neuron the number of its scale, what is left over with the last."""
    return np.minimum(np.arange(neurons) // (neurons // count), count - 1)


class ScaledAffine(Affine):
    """A first layer of which each neuron has a scale, `x -> K ⊙ (multiplier · W x) + bias_multiplier · b`.

    The neurons are shared out evenly among the scales, in order; what is left over goes to the last scale. The bias is
    not scaled.

    Args:
        weight: W, trained.
        bias: b, trained, or None.
        multiplier: fixed factor of the weights.
        bias_multiplier: fixed factor of the bias.
        scales: the factors K, one for each group of neurons.

    Example:
        >>> layer = ScaledAffine(jnp.ones((5, 1)), bias=None, scales=Scales([1, 10]))
        >>> layer(jnp.ones(1)).tolist()
        [1.0, 1.0, 10.0, 10.0, 10.0]
    """

    scales: Scales = eqx.field(kw_only=True)

    def __check_init__(self):
        neurons = self.weight.shape[-2]
        if self.scales.count > neurons:
            raise InputError(
                "at least one neuron for each scale", f"{neurons} neurons and {self.scales.count} scales", "Widen."
            )

    def _factors(self) -> Float[Array, " targets"]:
        return self.scales.of(self.weight.dtype)[_owners(self.weight.shape[-2], self.scales.count)]

    @property
    def effective_weight(self) -> Float[Array, "targets sources"]:
        """Weights with the multiplier and the scale of each neuron."""
        return self._factors()[:, None] * (self.multiplier * self.weight)

    def __call__(self, x: Float[Array, " sources"]) -> Float[Array, " targets"]:
        """Map one vector."""
        mapped = self._factors() * ((self.multiplier * x) @ self.weight.T)
        bias = self.effective_bias
        return mapped if bias is None else mapped + bias


class MultiScale(eqx.Module):
    """A multi-scale network, MscaleDNN-2 `f(x) = Σ_i A_i N_i(a_i x)` or MscaleDNN-1, one net with a scaled first layer.

    A function of frequency ξ is one of frequency ξ/a in the scaled input a x, and low frequencies are learned first:
    each part learns frequencies near those of its scale, all at about one pace. In version 2 each scale has a network
    of `width / scales` neurons per hidden layer of its own, and the outputs are added: with weights as drawn the sum
    has √scales times the std of one part. In version 1, `h = σ(K ⊙ (W x) + b)` in the first hidden layer, where K has
    each scale `width / scales` times, and all further layers are full. Version 2 has fewer weights at the same width.

    Args:
        inputs: number of inputs.
        outputs: number of outputs.
        width: neurons of every hidden layer, of all scales together.
        depth: number of hidden layers.
        scales: the factors a_i of the inputs, such as those of `simplebias.frequency.suggest_scales`.
        version: 2 for parallel networks, 1 for one network.
        trainable: whether the scales are trained, one number for each; "neuron" to train a scale of its own for each
            neuron of the first hidden layer of version 1, all neurons of one scale beginning with it.
        repeats: whether a scale may occur more than once.
        amplitudes: fixed factors A_i of the outputs in version 2; 1 by default. The derivation by Fourier transform
            has `a_i ** inputs`, published code has 1.
        inner: class of the parts, or any function of `(inputs, outputs, width, depth, key=, **options)` that gives a
            network; options are those below. Version 1 needs one with `layers` of which the first is an `Affine`.
        activation: name of σ, see `ACTIVATIONS`; sine and those of bounded support (`phi`, `s2relu`, `srelu`) are made
            for it. With tanh, whose neurons stay low in frequency at any scale, little is gained.
        initialisation: text or Initialisation, of each part.
        output_bias: whether the output layers have a bias.
        dropout: share of neurons dropped in training.
        key: random key of the weights.
        dtype: of the weights; JAX's default float if None.

    Raises:
        InputError: for scales, sizes, names or rates that cannot be used.

    References:
        Cai, Xu, Multi-scale deep neural networks for solving high dimensional PDEs, arXiv:1910.11710; Liu, Cai, Xu,
        Multi-scale deep neural network (MscaleDNN) for solving Poisson-Boltzmann equation in complex domains,
        arXiv:2007.11207.

    Example:
        >>> network = MultiScale(2, 1, 60, 3, scales=(1, 2, 4), key=jax.random.key(0))
        >>> jax.vmap(network)(jnp.ones((5, 2))).shape, [layer.bias.shape for layer in network.neurons()]
        ((5, 1), [(60,), (60,), (60,)])
    """

    inner: Any
    scales: Scales
    amplitudes: tuple[float, ...] | None = eqx.field(static=True)
    version: int = eqx.field(static=True)

    def __init__(
        self,
        inputs: int,
        outputs: int,
        width: int,
        depth: int | None = None,
        *,
        scales: ArrayLike = SCALES,
        version: int = 2,
        trainable: bool | Literal["neuron"] = False,
        repeats: bool = False,
        amplitudes: ArrayLike = None,
        inner: Callable[..., Network] = MLP,
        activation: str = "sin",
        initialisation: str | Initialisation = "lecun",
        output_bias: bool = True,
        dropout: float | int = 0.0,
        key: Key,
        dtype: Any = None,
    ):
        check_positive(width, "width", integer=True)
        chosen = Scales(scales, trainable=bool(trainable), repeats=repeats, dtype=dtype)
        _check_version(version, width, chosen.count)
        if trainable == "neuron":
            if version != 1:
                raise InputError("version 1 with a trained scale for each neuron", f"version={version}")
            each = np.asarray(chosen.values)[_owners(width, chosen.count)]
            chosen = Scales(each.tolist(), trainable=True, repeats=True, dtype=dtype)
        options: dict[str, Any] = {"activation": activation, "initialisation": initialisation, "dtype": dtype}
        options |= {"output_bias": output_bias, "dropout": dropout}
        shape = [width // chosen.count if version == 2 else width, *([] if depth is None else [depth])]

        def make(key: Key) -> Network:
            return inner(inputs, outputs, *shape, key=key, **options)

        self.version, self.amplitudes = version, _check_amplitudes(amplitudes, version, chosen.count)
        if version == 2:
            self.inner, self.scales = eqx.filter_vmap(make)(jax.random.split(key, chosen.count)), chosen
        else:
            self.inner, self.scales = make(key), chosen
            self._parts()  # refuses what has no first layer to scale

    def __call__(self, point: Array, *, key: Key | None = None) -> Output:
        """Output at one point; `key` draws dropout masks, for each part its own."""
        if self.version == 1:
            return _outputs(self._parts()[0], point, key)
        outputs = self._each(_outputs, point, key)
        factors = self.amplitudes
        return (outputs if factors is None else jnp.asarray(factors, outputs.dtype)[:, None] * outputs).sum(axis=0)

    def features(self, point: Array, *, key: Key | None = None) -> tuple[Float[Array, " _"], ...]:
        """Outputs of each hidden layer at one point, after dropout, scale after scale."""
        if self.version == 1:
            return _features(self._parts()[0], point, key)
        return tuple(one.ravel() for one in self._each(_features, point, key))

    def _each(self, function: Callable, point: Array, key: Key | None) -> Any:
        """What a function gives of every part at its scaled point, with a leading axis of scales."""
        if point.ndim != 1:
            raise InputError(
                "one point of shape (inputs,)", f"shape {tuple(point.shape)}", "For many points use jax.vmap(network)."
            )
        factors = self.scales.of(jnp.result_type(point, 1.0))
        keys = None if key is None else jax.random.split(key, self.scales.count)
        mapped = eqx.filter_vmap(function, in_axes=(eqx.if_array(0), 0, None if key is None else 0))
        return mapped(self.inner, factors[:, None] * point, keys)

    def _parts(self) -> list[Any]:
        """The parts as networks of the point itself, scales and amplitudes in their weights."""
        if self.version == 1:
            first = _first_layer(self.inner)
            options = {"multiplier": first.multiplier, "bias_multiplier": first.bias_multiplier, "scales": self.scales}
            scaled = ScaledAffine(first.weight, first.bias, **options)
            return [eqx.tree_at(lambda network: network.layers[0], self.inner, scaled)]
        parts = [member(self.inner, index) for index in range(self.scales.count)]
        factors = self.scales.of(_first_layer(parts[0]).weight.dtype)
        for index, part in enumerate(parts):
            first, last = part.layers[0], part.layers[-1]
            ends = [Affine(factors[index] * first.effective_weight, first.effective_bias), last]
            if self.amplitudes is not None:
                bias = None if last.bias is None else self.amplitudes[index] * last.effective_bias
                ends[1] = Affine(self.amplitudes[index] * last.effective_weight, bias)
            parts[index] = eqx.tree_at(lambda network: (network.layers[0], network.layers[-1]), part, tuple(ends))
        return parts

    @property
    def layers(self) -> tuple[Affine, ...]:
        """The weights as drawn, scales left out: rows of all parts below one another, output weights side by side."""
        if self.version == 1:
            return self.inner.layers
        *hidden, last = self.inner.layers
        found = []
        for layer in hidden:
            bias = None if layer.bias is None else layer.bias.ravel()
            weight = layer.weight.reshape(-1, layer.weight.shape[-1])
            found.append(Affine(weight, bias, layer.multiplier, layer.bias_multiplier))
        bias = None if last.bias is None else last.bias.sum(axis=0)
        return (*found, Affine(jnp.hstack(list(last.weight)), bias, last.multiplier, last.bias_multiplier))

    @property
    def activation(self) -> Any:
        """That of the parts."""
        return getattr(self.inner, "activation", None)

    @property
    def keep_probability(self) -> float:
        """Share of neurons kept in training, the p of papers: 1 - dropout."""
        return getattr(self.inner, "keep_probability", 1.0)

    @property
    def largest_derivative(self) -> int | None:
        """Highest order of which the derivative in the inputs is a function; None where every order is."""
        return getattr(self.inner, "largest_derivative", None)

    def neurons(self) -> tuple[Neurons, ...]:
        """Effective weights of each hidden layer, scales included, scale after scale.

        Beyond the first layer the neurons of a part in version 2 see only that part; their rows are set below one
        another all the same, so that they can be compared.

        Returns:
            For each hidden layer its neurons; none where the parts show none of the points themselves.
        """
        if not isinstance(self.inner, ShowsNeurons) or not hasattr(self.inner, "layers"):
            return ()
        return tuple(_beside(layer) for layer in zip(*(part.neurons() for part in self._parts()), strict=True))

    def negated(self) -> "MultiScale":
        """A copy with the output layers negated, sharing no array."""
        copied = jax.tree.map(lambda leaf: jnp.copy(leaf) if eqx.is_array(leaf) else leaf, self)
        return eqx.tree_at(lambda one: one.inner, copied, copied.inner.negated())

    def joined(self) -> Any:
        """One network of the class of the parts that computes the same: scales in the weights, parts side by side.

        It is what `simplebias.reduce` and the embeddings take.

        Returns:
            A network of the width of all parts, with zeros between those of version 2.
        """
        parts, layers = self._parts(), []
        for place, column in enumerate(zip(*(part.layers for part in parts), strict=True)):
            weights, biases = [one.effective_weight for one in column], [one.effective_bias for one in column]
            last = place == len(parts[0].layers) - 1
            beside = jnp.concatenate if place == 0 else jnp.hstack if last else lambda blocks: block_diag(*blocks)
            bias = None
            if biases[0] is not None:
                bias = jnp.stack(biases).sum(axis=0) if last else jnp.concatenate(biases)
            layers.append(Affine(beside(weights), bias))
        return eqx.tree_at(lambda network: network.layers, parts[0], tuple(layers))


def _check_version(version: int, width: int, count: int) -> None:
    if version not in (1, 2):
        raise InputError("version 1 or 2 of the multi-scale network", repr(version))
    if width < count:
        raise InputError("at least one neuron for each scale", f"width={width} and {count} scales")
    if version == 2 and width % count:
        below = width // count * count
        raise InputError(
            f"a width that {count} scales share out evenly",
            f"width={width}",
            f"Take {below} or {below + count}, or version=1.",
        )


def _check_amplitudes(amplitudes: ArrayLike, version: int, count: int) -> tuple[float, ...] | None:
    if amplitudes is None:
        return None
    found = np.atleast_1d(np.asarray(amplitudes, float))
    if version != 2:
        raise InputError("amplitudes for version 2", f"version={version}", "One network has one output.")
    if found.shape != (count,) or not np.isfinite(found).all() or not found.all():
        raise InputError(f"{count} finite amplitudes that are not 0, one for each scale", repr(amplitudes))
    return tuple(found.tolist())


def _first_layer(network: Any) -> Affine:
    layers: Any = getattr(network, "layers", ())
    if not len(layers) or not isinstance(layers[0], Affine):
        raise InputError(
            "an inner network with layers of which the first is an Affine", f"a {type(network).__name__}",
            "Use MLP, ResNet or TwoLayer; version=2 takes any network.",
        )  # fmt: skip
    return layers[0]


def _outputs(network: Any, point: Array, key: Key | None) -> Array:
    return network(point, key=key) if wants_key(network) else network(point)


def _features(network: Any, point: Array, key: Key | None) -> Any:
    return network.features(point, key=key) if wants_key(network.features) else network.features(point)


def _beside(parts: tuple[Neurons, ...]) -> Neurons:
    """Neurons of one layer of all parts as one."""
    biases = [one.bias for one in parts]
    bias = None if any(one is None for one in biases) else jnp.concatenate([one for one in biases if one is not None])
    outgoing = [one.output_weights for one in parts if one.output_weights is not None]
    rows = jnp.concatenate([one.input_weights for one in parts])
    return Neurons(rows, bias, jnp.hstack(outgoing) if len(outgoing) == len(parts) else None, parts[0].activation)


__all__ = ["SCALES", "MultiScale", "ScaledAffine", "Scales"]
