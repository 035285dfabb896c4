"""Encodings of the inputs by sines and cosines, and networks that read them instead of the inputs."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, check_positive
from simplebias.core.snapshot import Neurons, ShowsNeurons, wants_key
from simplebias.core.trigonometry import sincos
from simplebias.core.types import Array, ArrayLike, Float, Key, Network, Output
from simplebias.networks.dense import _default_dtype
from simplebias.networks.initialisation import Initialisation
from simplebias.networks.initialisation import initialisation as find_initialisation
from simplebias.networks.multiscale import ScaledAffine, Scales

Code = Float[Array, " features"]


def _check_point(point: Array, inputs: int) -> None:
    if point.shape != (inputs,):
        raise InputError(
            f"one point of shape ({inputs},)", f"shape {tuple(point.shape)}", "For many points use jax.vmap(network)."
        )


def _pairs(size: int) -> int:
    check_positive(size, "size", integer=True)
    if size % 2:
        raise InputError("an even size, a cosine and a sine of each frequency", f"size={size}")
    return int(size) // 2


def _stds(frequency_std: ArrayLike, inputs: int) -> np.ndarray:
    """Standard deviations of frequencies, one or one for each input."""
    stds = np.atleast_1d(frequency_std)
    for each in stds.ravel().tolist():
        check_positive(each, "frequency_std", zero=stds.size > 1)
    if stds.shape not in ((1,), (inputs,)) or not stds.any():
        raise InputError(f"one frequency_std, or one for each of {inputs} inputs, not all 0", repr(frequency_std))
    return stds


class FourierFeatures(eqx.Module):
    """Random Fourier features, `γ(x) = (cos 2πBx, sin 2πBx)` with frequencies B drawn once and not trained.

    With many of them `γ(x)·γ(y) / pairs` is the Gaussian kernel `exp(-2π² std² |x - y|²)`. Frequencies are cycles per
    unit of the input; some packages leave the 2π out. Weight decay would shrink B, whose gradient is zero.

    Args:
        inputs: number of inputs.
        size: number of features, two for each frequency.
        frequency_std: standard deviation of the frequencies, one for all inputs or one for each, in cycles per unit;
            `ScaleAdvice.feature_std` of `simplebias.frequency.suggest_scales`.
        key: random key of the frequencies.
        dtype: of the frequencies; JAX's default float if None.

    Raises:
        InputError: for sizes or stds that cannot be used.

    References:
        Tancik et al., Fourier features let networks learn high frequency functions in low dimensional domains,
        arXiv:2006.10739.

    Example:
        >>> encoding = FourierFeatures(2, 64, frequency_std=4.0, key=jax.random.key(0))
        >>> encoding(jnp.ones(2)).shape
        (64,)
    """

    frequencies: Float[Array, "pairs inputs"]

    def __init__(self, inputs: int, size: int, *, frequency_std: ArrayLike, key: Key, dtype: Any = None):
        check_positive(inputs, "inputs", integer=True)
        stds, pairs = _stds(frequency_std, inputs), _pairs(size)
        drawn = jax.random.normal(key, (pairs, inputs), jnp.float32).astype(_default_dtype(dtype))
        self.frequencies = drawn * jnp.asarray(stds, drawn.dtype)

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        return self.frequencies.shape[-1]

    @property
    def size(self) -> int:
        """Number of features."""
        return 2 * self.frequencies.shape[-2]

    def __call__(self, point: Array) -> Code:
        """Features of one point: all cosines, then all sines."""
        _check_point(point, self.inputs)
        phases = 2 * math.pi * (jax.lax.stop_gradient(self.frequencies) @ point)
        return jnp.concatenate(sincos(phases)[::-1])


class PositionalEncoding(eqx.Module):
    """The positional encoding of NeRF, `sin(2^j π x_i)` and `cos(2^j π x_i)` for each input and octave j from 0.

    Frequencies are ½, 1, 2, … cycles per unit along each input alone, made for points within [-1, 1].

    Args:
        inputs: number of inputs.
        octaves: how many j; the highest frequency is `2^(octaves - 2)` cycles per unit.
        with_inputs: whether the inputs themselves come first.

    Raises:
        InputError: for numbers that are not whole and positive.

    References:
        Mildenhall et al., NeRF: representing scenes as neural radiance fields for view synthesis, arXiv:2003.08934.

    Example:
        >>> [round(each, 3) for each in PositionalEncoding(1, 2)(jnp.array([1 / 6])).tolist()]
        [0.5, 0.866, 0.866, 0.5]
    """

    inputs: int = eqx.field(static=True)
    octaves: int = eqx.field(static=True)
    with_inputs: bool = eqx.field(static=True)

    def __init__(self, inputs: int, octaves: int = 10, *, with_inputs: bool = False):
        check_positive(inputs, "inputs", integer=True)
        check_positive(octaves, "octaves", integer=True)
        self.inputs, self.octaves, self.with_inputs = int(inputs), int(octaves), with_inputs

    @property
    def size(self) -> int:
        """Number of features."""
        return self.inputs * (2 * self.octaves + self.with_inputs)

    def __call__(self, point: Array) -> Code:
        """Features of one point: all sines, octave after octave, then all cosines."""
        _check_point(point, self.inputs)
        octaves = jnp.asarray(math.pi * 2.0 ** np.arange(self.octaves), jnp.result_type(point, 1.0))
        phases = (octaves[:, None] * point).ravel()
        parts = list(sincos(phases))
        return jnp.concatenate([point, *parts] if self.with_inputs else parts)


class SoftFourierMapping(eqx.Module):
    """The sine-cosine first layer, `ξ(x) = s (cos(K ⊙ Wx), sin(K ⊙ Wx))`, without bias, W trained.

    The frequencies are shared out among the scales K as in `MultiScale` of version 1; s relaxes the size of what the
    next layer reads: 1 before tanh or sine, ½ before `s2relu` in the published experiments.

    Args:
        inputs: number of inputs.
        size: number of features, two for each row of W.
        scales: the factors K.
        relaxation: s.
        trainable: whether the scales are trained too.
        repeats: whether a scale may occur more than once.
        initialisation: text or Initialisation, of which W is the first layer.
        key: random key of W.
        dtype: of W; JAX's default float if None.

    Raises:
        InputError: for sizes, scales or names that cannot be used.

    References:
        Li, Xu, Zhang, Subspace decomposition based DNN algorithm for elliptic type multi-scale PDEs, arXiv:2112.06660.

    Example:
        >>> encoding = SoftFourierMapping(1, 20, scales=(1, 10), relaxation=0.5, key=jax.random.key(0))
        >>> round(float(jnp.sum(encoding(jnp.ones(1)) ** 2)), 4)
        2.5
    """

    layer: ScaledAffine
    relaxation: float = eqx.field(static=True)

    def __init__(
        self,
        inputs: int,
        size: int,
        *,
        scales: ArrayLike = (1,),
        relaxation: float | int = 1.0,
        trainable: bool = False,
        repeats: bool = False,
        initialisation: str | Initialisation = "lecun",
        key: Key,
        dtype: Any = None,
    ):
        check_positive(inputs, "inputs", integer=True)
        check_positive(relaxation, "relaxation")
        pairs, kind = _pairs(size), _default_dtype(dtype)
        drawn = find_initialisation(initialisation).scales((int(inputs), size, 1))[0]
        weight = drawn.std * jax.random.normal(key, (pairs, int(inputs)), jnp.float32).astype(kind)
        chosen = Scales(scales, trainable=trainable, repeats=repeats, dtype=kind)
        self.layer, self.relaxation = ScaledAffine(weight, None, drawn.multiplier, scales=chosen), float(relaxation)

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        return self.layer.weight.shape[-1]

    @property
    def size(self) -> int:
        """Number of features."""
        return 2 * self.layer.weight.shape[-2]

    def __call__(self, point: Array) -> Code:
        """Features of one point: all cosines, then all sines."""
        _check_point(point, self.inputs)
        phases = self.layer(point)
        return self.relaxation * jnp.concatenate(sincos(phases)[::-1])


class Encoded(eqx.Module):
    """A network that reads an encoding of the point, `f(x) = N(γ(x))`.

    Args:
        encoding: γ, such as FourierFeatures, PositionalEncoding or SoftFourierMapping.
        network: N, with as many inputs as γ has features.

    Raises:
        InputError: if the network is known to have another number of inputs.

    Example:
        >>> from simplebias.networks import MLP
        >>> encoding = PositionalEncoding(2, 4)
        >>> network = Encoded(encoding, MLP(encoding.size, 1, 32, 2, key=jax.random.key(0)))
        >>> jax.vmap(network)(jnp.ones((5, 2))).shape
        (5, 1)
    """

    encoding: Any
    network: Network

    def __init__(self, encoding: Any, network: Network):
        layers: Any = getattr(network, "layers", ())
        size = getattr(encoding, "size", None)
        if size is not None and len(layers) and layers[0].weight.shape[-1] != size:
            raise InputError(
                f"a network of {size} inputs, as many as the encoding has features",
                f"{layers[0].weight.shape[-1]} inputs",
                "Make it with encoding.size inputs.",
            )
        self.encoding, self.network = encoding, network

    def __call__(self, point: Array, *, key: Key | None = None) -> Output:
        """Output at one point; `key` is for a network that drops neurons."""
        code = self.encoding(point)
        return self.network(code, key=key) if wants_key(self.network) else self.network(code)

    def features(self, point: Array, *, key: Key | None = None) -> tuple[Float[Array, " _"], ...]:
        """Outputs of each hidden layer at one point: those of the network, a trained encoding before them."""
        code, network = self.encoding(point), self.network
        inner = network.features(code, key=key) if wants_key(network.features) else network.features(code)
        return (code / self.encoding.relaxation, *inner) if self._shows_encoding else tuple(inner)

    @property
    def _shows_encoding(self) -> bool:
        return isinstance(self.encoding, SoftFourierMapping)

    @property
    def activation(self) -> Any:
        """That of the network."""
        return getattr(self.network, "activation", None)

    @property
    def largest_derivative(self) -> int | None:
        """Highest order of which the derivative in the inputs is a function; None where every order is."""
        return getattr(self.network, "largest_derivative", None)

    def neurons(self) -> tuple[Neurons, ...]:
        """Neurons of the network; before them those of a trained encoding, cosines as sines with a bias of π/2."""
        inner = tuple(self.network.neurons()) if isinstance(self.network, ShowsNeurons) else ()
        if not inner or not self._shows_encoding:
            return inner
        rows = self.encoding.layer.effective_weight
        zeros = jnp.zeros(len(rows), rows.dtype)
        bias = jnp.concatenate([zeros + math.pi / 2, zeros])
        outgoing = self.encoding.relaxation * inner[0].input_weights
        return (Neurons(jnp.concatenate([rows, rows]), bias, outgoing, "sin"), *inner)

    def negated(self) -> "Encoded":
        """A copy with the output layer negated, sharing no array."""
        copied = jax.tree.map(lambda leaf: jnp.copy(leaf) if eqx.is_array(leaf) else leaf, self)
        return eqx.tree_at(lambda one: one.network, copied, copied.network.negated())


__all__ = ["Encoded", "FourierFeatures", "PositionalEncoding", "SoftFourierMapping"]
