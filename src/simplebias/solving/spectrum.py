"""Waves of a solution that are known before it is sought, and first layers that have them from the start."""

import dataclasses
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError
from simplebias.core.types import Key
from simplebias.networks import MultiScale
from simplebias.networks.multiscale import _owners

LEAST = 0.01
"""Amplitude, over the largest, from which on a wave counts."""


@dataclasses.dataclass(frozen=True, eq=False)
class Spectrum:
    """Waves that the solution of an equation is estimated to have inside.

    Args:
        vectors: wave vectors, `(waves, inputs)`, in cycles per unit, none below zero: a component's sign is not known.
        power: of the solution's gradient at each, `(waves,)`.
        share: how much of the gradient's power is in these, 0 to 1; the rest comes from the boundary.

    Raises:
        InputError: for shapes that do not belong together or a share that is none.

    Example:
        >>> Spectrum(np.array([[1.0], [25.0]]), np.array([1.0, 4.0])).share
        1.0
    """

    vectors: np.ndarray
    power: np.ndarray
    share: float = 1.0

    def __post_init__(self):
        if self.vectors.ndim != 2 or self.power.shape != self.vectors.shape[:1]:
            raise InputError(
                "vectors (waves, inputs) and power (waves,)", f"{self.vectors.shape} and {self.power.shape}"
            )
        if not 0 <= self.share <= 1:
            raise InputError("a share from 0 to 1", repr(self.share))

    @property
    def amplitudes(self) -> np.ndarray:
        """Roots of the power, without what is far below the largest."""
        found = np.sqrt(self.power)
        return np.where(found < LEAST * found.max(initial=0.0), 0.0, found)

    def between(self, low: float, high: float, count: int) -> np.ndarray:
        """So many wave vectors in radians per unit, in shares of the amplitude.

        Args:
            low: length that all exceed.
            high: largest length.
            count: how many.

        Returns:
            `(count, inputs)`; none where there is no wave of such a length.

        Example:
            >>> waves = Spectrum(np.array([[1.0], [2.0], [9.0]]) / (2 * np.pi), np.array([1.0, 9.0, 1.0]))
            >>> waves.between(0.5, 4.0, 4).ravel().tolist()
            [1.0, 2.0, 2.0, 2.0]
        """
        angular, amplitudes = 2 * np.pi * self.vectors, self.amplitudes
        lengths = np.linalg.norm(angular, axis=1)
        within = np.flatnonzero((lengths > low) & (lengths <= high) & (amplitudes > 0))
        if not len(within) or count == 0:
            return np.zeros((0, self.vectors.shape[1]))
        shares = np.cumsum(amplitudes[within]) / amplitudes[within].sum()
        return angular[within][np.searchsorted(shares, (np.arange(count) + 0.5) / count)]


def with_waves(network: MultiScale, spectrum: Spectrum | None, *, key: Key) -> MultiScale:
    """A network whose first layer has the waves that are known from the start.

    Each scale's neurons take wave vectors of lengths from twice the scale before to twice their own, in shares of the
    amplitude. With one input they are every second neuron, and the others have frequencies at random in equal parts of
    what lies below twice the scale: normally distributed ones leave gaps where neurons are few, and a training that has
    to move a frequency takes long. With more inputs as many neurons take waves as the share of these, with signs at
    random, and the others stay as drawn. Without a spectrum all of two and more inputs do.

    Args:
        network: of version 1, as drawn.
        spectrum: what is known, or None.
        key: random key.

    Returns:
        The network.

    Example:
        >>> network = MultiScale(2, 1, 4, 2, scales=(1, 8), version=1, key=jax.random.key(0))
        >>> changed = with_waves(network, Spectrum(np.array([[1.0, 2.0]]), np.array([1.0])), key=jax.random.key(1))
        >>> (8 * jnp.abs(changed.inner.layers[0].weight[2:]) / (2 * jnp.pi)).round(3).tolist()
        [[1.0, 2.0], [1.0, 2.0]]
    """
    first = lambda one: one.inner.layers[0].weight
    weight, scales = first(network), tuple(float(one) for one in network.scales.values)
    spectrum = spectrum or Spectrum(np.zeros((0, weight.shape[1])), np.zeros(0), 0.0)
    inputs, owner = weight.shape[1], _owners(len(weight), len(scales))
    vectors, signs = np.array(weight), np.sign(np.asarray(weight))
    if inputs == 1:
        held = np.bincount(owner)
        part = np.concatenate([np.arange(number) for number in held])
        random = np.asarray(jax.random.uniform(key, weight.shape))
        vectors = signs * 2 * (part[:, None] + random) / held[owner][:, None]
    for which, (below, scale) in enumerate(itertools.pairwise((0.0, *scales))):
        own = np.flatnonzero(owner == which)
        chosen = own[::2] if inputs == 1 else own[: round(spectrum.share * len(own))]
        waves = spectrum.between(2 * below, 2 * scale, len(chosen))
        if len(waves):
            vectors[chosen] = signs[chosen] * waves / scale
    return eqx.tree_at(first, network, jnp.asarray(vectors, weight.dtype))
