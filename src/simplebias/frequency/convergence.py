"""When is a frequency learned: relative errors of spectra, alone and in bands, and the step from which they stay small.

All functions are pure functions of arrays; the measures of `simplebias.frequency` call them during a training.
"""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, as_array, check_choice, check_positive
from simplebias.core.types import Array, ArrayLike, Float
from simplebias.frequency.sampling import host_array
from simplebias.frequency.transform import radial_frequency

KINDS = ("complex", "moduli")


def power(spectrum: ArrayLike) -> Float[Array, "*batch frequencies"]:
    """Power of each frequency: `|f̂(ξ)|²`, summed over outputs.

    Args:
        spectrum: `(frequencies,)` or `(..., frequencies, outputs)`.

    Returns:
        `(..., frequencies)`.

    Example:
        >>> power([[3.0, 4.0], [0.0, 1.0]]).tolist()
        [25.0, 1.0]
    """
    return _power(as_array(spectrum, "spectrum"))


def relative_error(
    target: ArrayLike,
    output: ArrayLike,
    *,
    kind: str = "complex",
    floor: float | None = None,
    axis: int | None = None,
) -> Float[Array, "..."]:
    """Relative error of each frequency, `Δ(ξ) = |ĥ(ξ) - f̂(ξ)| / |f̂(ξ)|`.

    The papers take the complex difference (`kind="complex"`); the authors' code compares moduli and ignores the phase,
    `| |ĥ| - |f̂| | / (floor + |f̂|)` (`kind="moduli"`). Where the denominator is exactly zero the error is NaN: a target
    without power at a frequency cannot be learned there.

    Args:
        target: spectrum `f̂` of the target, `(..., frequencies)` or `(..., frequencies, outputs)`.
        output: spectrum `ĥ` of the network's output, of the same shape up to leading axes.
        kind: `"complex"` or `"moduli"`.
        floor: added to the denominator, in the unit of the target; by default 0 for complex, 10⁻⁵ for moduli.
        axis: axis of the outputs, to join them in one error: differences and moduli are then replaced by the roots of
            their sums of squares. None keeps every entry apart.

    Returns:
        Errors, pure numbers, of the shape of `output` (without `axis`).

    Raises:
        InputError: for an unknown kind, a negative floor, or shapes that do not fit.

    References:
        Δ_F of arXiv:1807.01251 and arXiv:1901.06523.

    Example:
        >>> relative_error([2.0, 0.0], [1.0, 1.0]).tolist()
        [0.5, nan]
    """
    check_choice(kind, "kind", KINDS)
    one, other = _pair(target, output)
    if floor is None:
        floor = 0.0 if kind == "complex" else 1e-5
    check_positive(floor, "floor", zero=True)
    return _relative_error(one, other, float(floor), kind, axis)


class Bands(eqx.Module):
    """Ranges of frequency. Make them with `octave_bands`.

    Args:
        membership: row b holds how often each frequency counts in band b: 0 outside of it, 2 for a frequency that
            stands for `-ξ` too, which is not listed, 1 for others, `(bands, frequencies)`.
        labels: the range of each band, in the unit of the frequencies.
        low: lowest `|ξ|` in each band.
        high: highest `|ξ|` in each band.
    """

    membership: Float[Array, "bands frequencies"]
    labels: tuple[str, ...] = eqx.field(static=True)
    low: tuple[float, ...] = eqx.field(static=True)
    high: tuple[float, ...] = eqx.field(static=True)


def octave_bands(frequencies: ArrayLike, count: int | None = None, *, unit: str = "") -> Bands:
    """Bands of doubling width: in units of the lowest non-zero `|ξ|` 0, 1, 2–3, 4–7, and so on.

    In two dimensions `|ξ|` is the radial frequency. Bands without a frequency are left out.

    Args:
        frequencies: `(frequencies,)` or `(frequencies, inputs)`, in cycles per unit of the input.
        count: the largest number of bands; the last then takes all higher frequencies. None for as many as needed.
        unit: of the frequencies, put behind the labels.

    Returns:
        The bands.

    Raises:
        InputError: if no frequency differs from zero, or count is not a positive whole number.

    Example:
        >>> octave_bands([0.0, 0.5, 1.0, 1.5, 2.0], unit="Hz").labels
        ('0 Hz', '0.5 Hz', '1–1.5 Hz', '2 Hz')
    """
    size = radial_frequency(frequencies)
    if not (size > 0).any():
        raise InputError("at least one non-zero frequency", f"{len(size)} frequencies, all zero")
    if count is not None:
        check_positive(count, "count", integer=True)
    octave = np.zeros(len(size), dtype=int)
    octave[size > 0] = 1 + np.floor(np.log2(size[size > 0] / size[size > 0].min()) + 1e-6).astype(int)
    if count is not None:
        octave = np.minimum(octave, np.unique(octave)[:count][-1])
    rows = np.stack([octave == band for band in np.unique(octave)])
    low, high = (tuple(float(bound(size[row])) for row in rows) for bound in (np.min, np.max))
    labels = tuple(_label(a, b, unit) for a, b in zip(low, high, strict=True))
    membership = jnp.asarray(rows * _multiplicity(frequencies, size), dtype=float)
    return Bands(membership=membership, labels=labels, low=low, high=high)


def band_share(target: ArrayLike, bands: Bands) -> Float[Array, "*batch bands"]:
    """Share of the power of a spectrum in each band; the shares of `octave_bands` sum to 1.

    Args:
        target: `(frequencies,)` or `(..., frequencies, outputs)`; outputs are summed.
        bands: from `octave_bands`.

    Returns:
        `(..., bands)`, pure numbers; NaN for a spectrum that is zero everywhere.

    Raises:
        InputError: if the number of frequencies differs.

    Example:
        >>> band_share([2.0, 1.0, 1.0], octave_bands([0.0, 1.0, 2.0])).tolist()
        [0.5, 0.25, 0.25]
    """
    return _band_share(_fitting(as_array(target, "target"), bands), bands.membership)


def band_error(target: ArrayLike, output: ArrayLike, bands: Bands) -> Float[Array, "*batch bands"]:
    """Relative error of each band, `(Σ_band |ĥ - f̂|² / Σ_band |f̂|²)^½`, outputs summed.

    Args:
        target: spectrum of the target, `(frequencies,)` or `(..., frequencies, outputs)`.
        output: spectrum of the output, of the same shape up to leading axes.
        bands: from `octave_bands`.

    Returns:
        `(..., bands)`, pure numbers; NaN where the target has no power in a band.

    Raises:
        InputError: if shapes do not fit.

    Example:
        >>> band_error([0.0, 2.0, 1.0], [0.0, 1.0, 1.0], octave_bands([0.0, 1.0, 2.0])).tolist()
        [nan, 0.5, 0.0]
    """
    one, other = _pair(target, output)
    return _band_error(_fitting(one, bands), other, bands.membership)


def convergence_step(
    errors: ArrayLike, steps: ArrayLike, *, threshold: float = 0.1, hold: int = 10, axis: int = 0
) -> Float[Array, "..."]:
    """First step from which an error stays below a threshold for `hold` consecutive records.

    A record that is NaN is not below. A training that ends before the error was held long enough has not converged.

    Args:
        errors: errors with the records along `axis`.
        steps: training step of each record, `(records,)`.
        threshold: errors must be strictly smaller.
        hold: number of consecutive records.
        axis: axis of the records.

    Returns:
        Steps as floats, of the shape of `errors` without `axis`; NaN where it never happens.

    Raises:
        InputError: if steps do not fit the errors, or threshold or hold is not positive.

    References:
        The statistic of the authors' exercises on arXiv:1807.01251: below 0.1 for 10 records.

    Example:
        >>> float(convergence_step([0.5, 0.05, 0.2, 0.05, 0.05], [0, 1, 2, 3, 4], hold=2))
        3.0
    """
    check_positive(threshold, "threshold")
    check_positive(hold, "hold", integer=True)
    array, times = as_array(errors, "errors"), as_array(steps, "steps")
    if array.ndim == 0 or not -array.ndim <= axis < array.ndim or times.shape != (array.shape[axis],):
        raise InputError(f"steps of shape (records,) with records along axis {axis}", f"{times.shape}, {array.shape}")
    return _convergence_step(array, times, float(threshold), int(hold), axis)


@functools.partial(jax.jit, static_argnames=("kind", "axis"))
def _relative_error(one: Array, other: Array, floor: ArrayLike, kind: str, axis: int | None) -> Array:
    difference = _square(other - one) if kind == "complex" else (jnp.abs(other) - jnp.abs(one)) ** 2
    size = _square(one)
    if axis is not None:
        difference, size = jnp.sum(difference, axis=axis), jnp.sum(size, axis=axis)
    return _ratio(jnp.sqrt(difference), jnp.sqrt(size) + floor)


@functools.partial(jax.jit, static_argnames=("hold", "axis"))
def _convergence_step(errors: Array, steps: Array, threshold: ArrayLike, hold: int, axis: int) -> Array:
    below = jnp.moveaxis(errors < threshold, axis, 0)
    if below.shape[0] < hold:
        return jnp.full(below.shape[1:], jnp.nan, errors.dtype)
    counts = jnp.cumsum(below, axis=0, dtype=jnp.int32)
    counts = jnp.concatenate([jnp.zeros_like(counts[:1]), counts])
    held = counts[hold:] - counts[:-hold] == hold
    first = steps.astype(errors.dtype)[jnp.argmax(held, axis=0)]
    return jnp.where(jnp.any(held, axis=0), first, jnp.nan)


@jax.jit
def _band_error(one: Array, other: Array, membership: Array) -> Array:
    return jnp.sqrt(_ratio(_band_sum(_power(other - one), membership), _band_sum(_power(one), membership)))


@jax.jit
def _band_share(spectrum: Array, membership: Array) -> Array:
    each = _band_sum(_power(spectrum), membership)
    return _ratio(each, jnp.sum(each, axis=-1, keepdims=True))


@jax.jit
def _power(spectrum: Array) -> Array:
    joined = spectrum[:, None] if spectrum.ndim == 1 else spectrum
    return jnp.sum(_square(joined), axis=-1)


def _square(spectrum: Array) -> Array:
    return jnp.real(spectrum) ** 2 + jnp.imag(spectrum) ** 2


def _ratio(numerator: Array, denominator: Array) -> Array:
    """The quotient, NaN where the denominator is zero, without dividing by zero."""
    empty = denominator == 0
    return jnp.where(empty, jnp.nan, numerator / jnp.where(empty, 1, denominator))


def _pair(target: ArrayLike, output: ArrayLike) -> tuple[Array, Array]:
    one, other = as_array(target, "target"), as_array(output, "output")
    try:
        shape = jnp.broadcast_shapes(one.shape, other.shape)
    except ValueError:
        shape = None
    trailing = min(one.ndim, other.ndim, 2)
    if shape is None or one.shape[one.ndim - trailing :] != other.shape[other.ndim - trailing :]:
        raise InputError("spectra of target and output of one shape", f"{one.shape} and {other.shape}")
    return one, other


def _fitting(spectrum: Array, bands: Bands) -> Array:
    count = spectrum.shape[-2] if spectrum.ndim > 1 else spectrum.size
    if count != bands.membership.shape[1]:
        raise InputError(f"{bands.membership.shape[1]} frequencies, as in the bands", f"{count}")
    return spectrum


def _band_sum(powers: Array, membership: Array) -> Array:
    return jnp.matmul(powers, membership.T.astype(powers.dtype), precision="highest")


def _label(low: float, high: float, unit: str) -> str:
    ends = [f"{value:.0f}" if value >= 1000 else f"{value:.3g}" for value in (low, high)]
    return f"{'–'.join(dict.fromkeys(ends))} {unit}".rstrip()


def _multiplicity(frequencies: ArrayLike, size: np.ndarray) -> np.ndarray:
    """2 for a frequency that also stands for its opposite, which is not listed; else 1."""
    array = host_array(frequencies).reshape(len(size), -1)
    listed = {tuple(row) for row in np.round(array / size.max(), 9) + 0.0}
    opposite = [tuple(row) for row in np.round(-array / size.max(), 9) + 0.0]
    return np.where([row in listed for row in opposite], 1, 2)
