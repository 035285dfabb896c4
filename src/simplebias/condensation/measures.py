"""Measures of condensation to record during a training: each is a pure function of a Snapshot with its labels.

They read `snapshot.neurons`, and `snapshot.initial` for changes. A diverged network gives NaN. Neurons are chosen by
the number of their layer or, where the network names them, by their name.
"""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from simplebias.condensation.effective import THRESHOLDS, check_cover, effective_features, effective_neurons
from simplebias.condensation.features import amplitude, angle, cosine_similarity, relative_change
from simplebias.core.errors import InputError, check_choice, check_positive
from simplebias.core.snapshot import Measure, Neurons, Snapshot
from simplebias.core.types import FEATURE, LAYER, NEURON, NEURON_OTHER, THRESHOLD, Array
from simplebias.networks import activation

LIMIT = 200
"""Most neurons that are kept one by one. Measures with the same limit keep the same neurons."""
FEATURES = ("orientation", "amplitude")
PHASE, INITIAL, DROPOUT = "luo2020phase", "zhou2021condensation", "zhang2022dropout"


def _pick(layers: tuple[Neurons, ...], layer: int | str) -> Neurons:
    if isinstance(layer, str):
        named = {neurons.name: neurons for neurons in layers}
        check_choice(layer, "name of neurons", [name for name in named if name])
        return named[layer]
    if len(layers) < layer:
        raise InputError(
            f"a snapshot that shows the neurons of layer {layer}",
            f"{len(layers)} layers of neurons",
            "Give the network a method neurons().",
        )
    return layers[layer - 1]


def _pick_all(layers: tuple[Neurons, ...], chosen: int | tuple[str, ...], what: str) -> tuple[Neurons, ...]:
    if not isinstance(chosen, int):
        return tuple(_pick(layers, name) for name in chosen)
    if len(layers) != chosen:
        raise InputError(f"{what} of {chosen} hidden layers", f"{len(layers)} layers of neurons")
    return layers


def _thin(count: int, limit: int | None) -> np.ndarray:
    """Indices of evenly spaced neurons, `limit` at most."""
    return np.arange(count) if limit is None or count <= limit else np.arange(limit) * count // limit


def _keep(neurons: Neurons, limit: int | None) -> Neurons:
    kept = _thin(neurons.input_weights.shape[0], limit)
    bias, outgoing = neurons.bias, neurons.output_weights
    return Neurons(
        neurons.input_weights[kept],
        None if bias is None else bias[kept],
        None if outgoing is None else outgoing[:, kept],
        neurons.activation,
        neurons.name,
    )


def _check_layer(layer: int | str, limit: int | None = None) -> str:
    """What to call the layer, after a check of the options."""
    if not isinstance(layer, str):
        check_positive(layer, "layer", integer=True)
    if limit is not None:
        check_positive(limit, "limit", integer=True)
    return layer if isinstance(layer, str) else f"layer {layer}"


def _check_layers(depth: int | Sequence[str]) -> tuple[int | tuple[str, ...], tuple[int | str, ...]]:
    """What to choose, and the names along the dimension of layers."""
    if isinstance(depth, Sequence):
        if isinstance(depth, str) or not depth or not all(isinstance(name, str) for name in depth):
            raise InputError("depth as a number of layers, or a list of names of neurons", repr(depth))
        return tuple(depth), tuple(depth)
    check_positive(depth, "depth", integer=True)
    return int(depth), tuple(range(1, depth + 1))


def _finite(neurons: Neurons) -> Array:
    return jnp.all(jnp.isfinite(neurons.extended))


class _Features(eqx.Module):
    layer: int | str = eqx.field(static=True)
    limit: int | None = eqx.field(static=True)
    kind: str = eqx.field(static=True)

    def __call__(self, snapshot: Snapshot) -> Array:
        neurons = _keep(_pick(snapshot.neurons, self.layer), self.limit)
        return jnp.stack([angle(neurons), amplitude(neurons, kind=self.kind)], axis=1)


class _Amplitude(eqx.Module):
    layer: int | str = eqx.field(static=True)
    limit: int | None = eqx.field(static=True)
    kind: str = eqx.field(static=True)

    def __call__(self, snapshot: Snapshot) -> Array:
        return amplitude(_keep(_pick(snapshot.neurons, self.layer), self.limit), kind=self.kind)


class _Similarity(eqx.Module):
    layer: int | str = eqx.field(static=True)
    limit: int | None = eqx.field(static=True)

    def __call__(self, snapshot: Snapshot) -> Array:
        return cosine_similarity(_keep(_pick(snapshot.neurons, self.layer), self.limit))


class _EffectiveNeurons(eqx.Module):
    depth: int | tuple[str, ...] = eqx.field(static=True)
    thresholds: tuple[float, ...] = eqx.field(static=True)
    minimum: float | int = eqx.field(static=True)
    absolute: bool = eqx.field(static=True)

    def __call__(self, snapshot: Snapshot) -> Array:
        return jnp.stack([self._count(neurons) for neurons in _pick_all(snapshot.neurons, self.depth, "a snapshot")])

    def _count(self, neurons: Neurons) -> Array:
        counts = effective_neurons(neurons, self.thresholds, minimum=self.minimum, absolute=self.absolute)
        return jnp.where(_finite(neurons), counts.astype(neurons.input_weights.dtype), jnp.nan)


class _EffectiveFeatures(eqx.Module):
    layer: int | str = eqx.field(static=True)
    bins: int = eqx.field(static=True)
    odd: bool | None = eqx.field(static=True)

    def __call__(self, snapshot: Snapshot) -> Array:
        neurons = _pick(snapshot.neurons, self.layer)
        odd = self.odd
        if odd is None:
            odd = bool(neurons.activation) and activation(neurons.activation).parity is not None
        return effective_features(angle(neurons), amplitude(neurons), bins=self.bins, odd=odd)


class _RelativeChange(eqx.Module):
    depth: int | tuple[str, ...] = eqx.field(static=True)

    def __call__(self, snapshot: Snapshot) -> Array:
        now = _pick_all(snapshot.neurons, self.depth, "a snapshot")
        before = _pick_all(snapshot.initial, self.depth, "a snapshot with the initial neurons")
        pairs = zip(now, before, strict=True)
        return jnp.stack([relative_change(now, before) for now, before in pairs])


def feature_measure(layer: int | str = 1, *, limit: int | None = LIMIT, kind: str = "aw") -> Measure:
    """Orientation (radians) and amplitude of each neuron of a layer with one input.

    Args:
        layer: hidden layer, from 1, or the name of its neurons.
        limit: most neurons to keep, evenly spaced; None for all.
        kind: of amplitude, "aw" or "w".

    Returns:
        A measure with dimensions `(neuron, feature)`.

    Raises:
        InputError: for bad options; when taken, if the layer has not exactly one input and a bias.

    Example:
        >>> feature_measure().dims
        ('neuron', 'feature')
    """
    called = _check_layer(layer, limit)
    check_choice(kind, "kind", ("aw", "w"))
    formula = "‖a‖·‖(w, b)‖" if kind == "aw" else "‖(w, b)‖"
    return Measure(
        _Features(layer, limit, kind),
        dims=(NEURON, FEATURE),
        coords={FEATURE: FEATURES},
        description=f"Orientation atan2(b, w) in radians and amplitude {formula} of the neurons of {called}.",
        references=(PHASE,),
        attributes={"long_name": "features of neurons"},
    )


def amplitude_measure(layer: int | str = 1, *, limit: int | None = LIMIT, kind: str = "aw") -> Measure:
    """Amplitude of each neuron of a layer.

    Args:
        layer: hidden layer, from 1, or the name of its neurons.
        limit: most neurons to keep, evenly spaced; None for all.
        kind: "aw" or "w".

    Returns:
        A measure with dimension `(neuron,)`.

    Raises:
        InputError: for bad options.

    Example:
        >>> amplitude_measure(2).dims
        ('neuron',)
    """
    called = _check_layer(layer, limit)
    check_choice(kind, "kind", ("aw", "w"))
    formula = "‖a‖·‖(w, b)‖" if kind == "aw" else "‖(w, b)‖"
    return Measure(
        _Amplitude(layer, limit, kind),
        dims=(NEURON,),
        description=f"Amplitude {formula} of the neurons of {called}.",
        references=(PHASE,),
        attributes={"long_name": "amplitude of neurons", "scale": "log"},
    )


def cosine_similarity_measure(layer: int | str = 1, *, limit: int | None = LIMIT) -> Measure:
    """Cosine similarity of all pairs of neurons of a layer, in the order of the layer (`leading_order` sorts them).

    Args:
        layer: hidden layer, from 1, or the name of its neurons.
        limit: most neurons to keep, evenly spaced; None for all.

    Returns:
        A measure with dimensions `(neuron, neuron_other)`.

    Raises:
        InputError: for bad options.

    Example:
        >>> cosine_similarity_measure("query 1").dims
        ('neuron', 'neuron_other')
    """
    called = _check_layer(layer, limit)
    return Measure(
        _Similarity(layer, limit),
        dims=(NEURON, NEURON_OTHER),
        description=f"Cosine similarity of the input weights (bias included) of the neurons of {called}.",
        references=(INITIAL,),
        attributes={"long_name": "cosine similarity"},
    )


def effective_neurons_measure(
    depth: int | Sequence[str],
    thresholds: Sequence[float] = THRESHOLDS,
    *,
    minimum: float | int = 0.0,
    absolute: bool = False,
) -> Measure:
    """Effective number of neurons of every hidden layer, for several thresholds.

    Args:
        depth: number of hidden layers, all of which are taken, or the names of the neurons to take.
        thresholds: cosine similarities above which two neurons count as one.
        minimum: neurons of a norm up to this share of the largest do not count.
        absolute: whether opposite orientations count as one.

    Returns:
        A measure with dimensions `(layer, threshold)`.

    Raises:
        InputError: for bad options; when taken, if the network has another number of hidden layers, or no such names.

    Example:
        >>> effective_neurons_measure(2, (0.9, 0.95)).coords["threshold"]
        (0.9, 0.95)
    """
    chosen, names = _check_layers(depth)
    levels = tuple(float(one) for one in thresholds)
    check_cover(levels, minimum)
    return Measure(
        _EffectiveNeurons(chosen, levels, minimum, absolute),
        dims=(LAYER, THRESHOLD),
        coords={LAYER: names, THRESHOLD: levels},
        unit="neurons",
        description="Effective number of neurons: representatives that cover all others within a cosine similarity.",
        references=(DROPOUT,),
        attributes={"long_name": "effective neurons"},
    )


def effective_features_measure(layer: int | str = 1, *, bins: int = 90, odd: bool | None = None) -> Measure:
    """Effective number of orientations of a layer with one input, weighted by amplitude.

    Args:
        layer: hidden layer, from 1, or the name of its neurons.
        bins: of the histogram of angles.
        odd: whether opposite orientations count as one; None for yes where the activation is odd or even.

    Returns:
        A measure without dimensions.

    Raises:
        InputError: for bad options; when taken, if the layer has not exactly one input and a bias.

    Example:
        >>> effective_features_measure().unit
        'orientations'
    """
    called = _check_layer(layer)
    check_positive(bins, "bins", integer=True)
    return Measure(
        _EffectiveFeatures(layer, bins, odd),
        unit="orientations",
        description=f"Effective number of orientations of {called}: exp(entropy) of the amplitude over the angle.",
        references=(PHASE,),
        attributes={"long_name": "effective orientations", "section": "Neurons"},
    )


def relative_change_measure(depth: int | Sequence[str]) -> Measure:
    """Relative change of the input weights and biases of every hidden layer since step 0.

    It compares with `snapshot.initial`, so each member of an ensemble is compared with its own start.

    Args:
        depth: number of hidden layers, all of which are taken, or the names of the neurons to take.

    Returns:
        A measure with dimension `(layer,)`.

    Raises:
        InputError: for a bad depth; when taken, if the network has another number of hidden layers, or the snapshot
            does not know the initial neurons.

    Example:
        >>> relative_change_measure(3).coords["layer"]
        (1, 2, 3)
    """
    chosen, names = _check_layers(depth)
    return Measure(
        _RelativeChange(chosen),
        dims=(LAYER,),
        coords={LAYER: names},
        description="Relative change of input weights and biases since step 0, ‖θ - θ₀‖ / ‖θ₀‖.",
        references=(PHASE,),
        attributes={"long_name": "relative change", "scale": "log"},
    )
