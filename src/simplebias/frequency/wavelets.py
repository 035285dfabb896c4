"""Continuous wavelet views: which frequency sits where, of a target and of a network during training.

PyWavelets gives the filters (extra `simplebias[wavelets]`). Its transform is linear for fixed scales and wavelet, so
what it does to a unit impulse is kept once, as a bank of filters in the Fourier domain, and applied by FFT to the
outputs of a network inside a compiled training.
"""

import importlib.util
import inspect
import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.fft import next_fast_len

from simplebias.core.errors import InputError, as_values, check_choice, check_positive
from simplebias.core.types import Array, ArrayLike, Complex, Float
from simplebias.frequency.gaps import complete_lattice
from simplebias.frequency.sampling import host_points, host_positive

WAVELET = "cmor1.5-1.0"
"""Complex Morlet wavelet `exp(-t²/1.5) exp(2πit)`: its modulus tells power whatever the phase."""
EDGES = ("antireflect", "symmetric", "periodic", "zero")
BATCH = 8
"""Frequencies transformed at once, so that a training holds little memory."""
PRECISION = 14
"""Binary logarithm of the samples of the mother wavelet, where PyWavelets lets it be chosen (1.8 on)."""
HIGHEST = 0.7
"""Share of half the sampling rate up to which `wavelet_frequencies` goes: above, a wavelet's band is aliased."""


def wavelet_frequencies(points: ArrayLike, count: int = 48, *, wavelet: str = WAVELET) -> np.ndarray:
    """Frequencies for a wavelet view, evenly spaced in the logarithm.

    The lowest is that of the widest wavelet that fits between the edges (see `WaveletBasis`), the highest 0.7 times
    half the sampling rate, for a wavelet sees a band around its centre frequency.

    Args:
        points: `(points,)` or `(points, 1)`, evenly spaced; places may be missing.
        count: how many.
        wavelet: name of a continuous wavelet of PyWavelets.

    Returns:
        `(frequencies,)` in cycles per unit of the input, rising.

    Raises:
        InputError: without PyWavelets, for a wavelet that it does not know, a count that is not positive, points that
            are not evenly spaced or too few.

    Example:
        >>> np.round(wavelet_frequencies(np.arange(200) / 10, 3), 2)
        array([0.12, 0.65, 3.5 ])
    """
    check_positive(count, "count", integer=True)
    lattice = _lattice(points, gaps=True)
    spacing = float(lattice[1] - lattice[0])
    low, high = 2 * _reach(_known(wavelet)) / (spacing * len(lattice)), HIGHEST / (2 * spacing)
    if low >= high:
        raise InputError("enough points for a wavelet to fit between the edges", f"{len(lattice)}", "Sample more.")
    return np.geomspace(low, high, int(count))


class WaveletBasis(eqx.Module):
    """The continuous wavelet transform at fixed evenly spaced 1-D points: a linear map that runs under jit and vmap.

        W(ξ, x) = Σ_j k_ξ(x - x_j) f(x_j),     k_ξ ∝ conj ψ(-ξ x / c)

    with the mother wavelet ψ of centre frequency c, dilated so that its centre is ξ cycles per unit. Coefficients are
    scaled so that `a sin(2π ξ x)` has modulus `a / 2` for a complex wavelet (for a real one the largest is `a`), as in
    `spectrum`. PyWavelets' own have another factor for each scale; as there, places are right to half a sample.

    Near the ends a wavelet sees what was assumed beyond them: cells nearer to an end than `reach[frequency]` (where
    the wavelet has fallen to 1/e of its largest value) lie in the *cone of influence* and tell of the edges too.

    Args:
        points: `(points,)` or `(points, 1)`, evenly spaced, in any order.
        frequencies: `(frequencies,)`, cycles per unit of the input; `wavelet_frequencies` by default.
        wavelet: name of a continuous wavelet of PyWavelets.
        edges: what lies beyond the ends: `"antireflect"` (turned about the end point: level and slope go on),
            `"symmetric"`, `"periodic"`, or `"zero"`, as PyWavelets pads.
        gaps: whether places may be missing; values are then interpolated linearly across the gaps.
        positions: at most so many positions, every so many points from the first; None for one at each point.

    Attributes:
        frequencies: centre frequencies, cycles per unit of the input.
        positions: where wavelets are centred, in the unit of the input, rising.
        reach: distance to the ends below which a cell lies in the cone of influence, `(frequencies,)`.

    Raises:
        InputError: without PyWavelets, for unknown names, points that are not evenly spaced or fewer than four, or
            frequencies that are not positive or above half the sampling rate.

    References:
        Cone of influence: torrence1998practical; transform: lee2019pywavelets. Local frequency is an open question of
        arXiv:2201.07395.

    Example:
        >>> x = np.arange(200) / 100
        >>> basis = WaveletBasis(x, [5.0, 20.0])
        >>> np.round(np.abs(basis(np.sin(2 * np.pi * 5 * x)))[:, 100, 0], 2).tolist()
        [0.5, 0.0]
    """

    bank: Complex[Array, "frequencies turns"]
    left: Array
    share: Float[Array, " lattice"]
    order: Array
    frequencies: tuple[float, ...] = eqx.field(static=True)
    positions: tuple[float, ...] = eqx.field(static=True)
    reach: tuple[float, ...] = eqx.field(static=True)
    edges: str = eqx.field(static=True)
    stride: int = eqx.field(static=True)

    def __init__(
        self,
        points: ArrayLike,
        frequencies: ArrayLike | None = None,
        *,
        wavelet: str = WAVELET,
        edges: str = "antireflect",
        gaps: bool = False,
        positions: int | None = None,
    ):
        check_choice(edges, "edges", EDGES)
        if positions is not None:
            check_positive(positions, "positions", integer=True)
        known = _known(wavelet)
        lattice = _lattice(points, gaps=gaps)
        count, spacing = len(lattice), (lattice[-1] - lattice[0]) / (len(lattice) - 1)
        asked = wavelet_frequencies(points, wavelet=wavelet) if frequencies is None else None
        asked = host_positive(frequencies, "frequencies") if asked is None else asked
        if asked.max() * spacing > 0.5 + 1e-9:
            raise InputError(
                f"frequencies up to {0.5 / spacing:.6g}, half the sampling rate", f"{asked.max():.6g}",
                "Higher ones are aliased: sample more densely, or ask for lower ones.",
            )  # fmt: skip
        whole = count if edges == "zero" else 3 * count - 2
        kernels = _kernels(known, asked * spacing, whole)
        stride = -(-count // (positions or count))
        size = stride * (next_fast_len(-(-(2 * whole - 1) // stride), real=False) or 0)
        self.bank = jnp.asarray(_bank(kernels, size), jnp.result_type(complex))
        self.order, self.left, self.share = _filling(host_points(points)[:, 0], lattice)
        self.frequencies, self.positions = tuple(asked.tolist()), tuple(lattice[::stride].tolist())
        self.reach = tuple((_reach(known) / asked).tolist())
        self.edges, self.stride = edges, stride

    def __call__(self, values: ArrayLike) -> Complex[Array, "frequencies positions outputs"]:
        """Wavelet coefficients of `values`.

        Args:
            values: `(points, outputs)` or `(points,)`, at the points of the basis.

        Returns:
            `(frequencies, positions, outputs)`, complex, in the unit of the values and their precision; of a real
            wavelet the imaginary parts are zero.

        Raises:
            InputError: if there is not one row for each point of the basis.
        """
        array = as_values(values, self.order.shape[0])
        return _transform(self, array.astype(jnp.promote_types(array.dtype, jnp.float32)))

    def inside(self) -> np.ndarray:
        """Which cells lie outside the cone of influence, `(frequencies, positions)`: they tell of the data alone.

        Returns:
            True where both ends are farther than `reach`.
        """
        places = np.array(self.positions)
        nearest = np.minimum(places - places[0], places[-1] - places)
        return nearest[None] >= np.array(self.reach)[:, None]


def wavelet_modulus(coefficients: ArrayLike) -> Float[Array, "frequencies positions"]:
    """Modulus of wavelet coefficients, outputs joined in the root of the sum of squares.

    Args:
        coefficients: `(frequencies, positions, outputs)`, from a `WaveletBasis`.

    Returns:
        `(frequencies, positions)`, in the unit of the values.

    Example:
        >>> wavelet_modulus(np.array([[[3.0 + 0j, 4j]]])).tolist()
        [[5.0]]
    """
    array = jnp.asarray(coefficients)
    return jnp.sqrt(jnp.sum(jnp.real(array) ** 2 + jnp.imag(array) ** 2, axis=-1))


def _pywt() -> Any:
    """PyWavelets, imported where it is needed.

    Returns:
        The module.

    Raises:
        InputError: if it is not installed.
    """
    if importlib.util.find_spec("pywt") is None:
        raise InputError("PyWavelets for a wavelet view", "no PyWavelets", 'pip install "simplebias[wavelets]"')
    import pywt

    return pywt


def _known(wavelet: str) -> Any:
    """A continuous wavelet by its name.

    Returns:
        PyWavelets' object.

    Raises:
        InputError: without PyWavelets, or for an unknown name.
    """
    pywt = _pywt()
    names = pywt.wavelist(kind="continuous")
    try:
        with warnings.catch_warnings(action="ignore"):  # of names that leave out bandwidth and centre
            return pywt.ContinuousWavelet(wavelet)
    except (ValueError, TypeError):
        raise InputError(f"wavelet as one of {', '.join(names)}, or {WAVELET}", repr(wavelet)) from None


def _centre(wavelet: Any) -> float:
    return float(_pywt().central_frequency(wavelet, precision=12))


def _reach(wavelet: Any) -> float:
    """Distance, in periods of the centre frequency, at which a wavelet has fallen to 1/e of its largest value."""
    values, places = wavelet.wavefun(16)[-2:]
    far = places[np.abs(values) >= np.abs(values).max() / np.e]
    return float(np.abs(far).max()) * _centre(wavelet)


def _lattice(points: ArrayLike, *, gaps: bool) -> np.ndarray:
    where = host_points(points)
    if where.shape[1] != 1:
        raise InputError("one input", f"{where.shape[1]} inputs", "A wavelet view is drawn over one input.")
    if len(where) < 4:
        raise InputError("at least four points", f"{len(where)}")
    lattice = complete_lattice(where)
    if lattice is None or (len(lattice) > len(where) and not gaps):
        missing = "repeated or unevenly spaced points" if lattice is None else f"{len(lattice) - len(where)} missing"
        remedy = "Average repeats and resample evenly." if lattice is None else "Say gaps=True to interpolate."
        raise InputError("evenly spaced points", missing, remedy)
    return lattice


def _kernels(wavelet: Any, cycles: np.ndarray, count: int) -> np.ndarray:
    """What `pywt.cwt` does to a unit impulse, at lags `-(count - 1) … count - 1`, scaled to 1 at the centre frequency.

    Args:
        wavelet: PyWavelets' object.
        cycles: frequencies in cycles per sample.
        count: samples of the longest signal.

    Returns:
        `(frequencies, 2 count - 1)`.

    Raises:
        InputError: for a frequency at which PyWavelets has no sample of the wavelet.
    """
    pywt = _pywt()
    scales = _centre(wavelet) / cycles
    support = float(wavelet.upper_bound - wavelet.lower_bound) * scales.max()
    half = max(count, int(support / 2) + 2)
    impulse = np.zeros(2 * half - 1)
    impulse[half - 1] = 1.0
    fine = {"precision": PRECISION} if "precision" in inspect.signature(pywt.cwt).parameters else {}
    try:
        kernels, _ = pywt.cwt(impulse, scales, wavelet, method="fft", **fine)
    except ValueError as error:
        raise InputError("frequencies that the wavelet has samples for", str(error), "Ask for lower ones.") from None
    turns = np.exp(-2j * np.pi * cycles[:, None] * np.arange(1 - half, half))
    both = [np.abs((kernels * each).sum(axis=1)) for each in (turns, turns.conj())]
    gain = np.maximum(*both)  # some complex wavelets turn the other way
    cut = half - count
    return (kernels / gain[:, None])[:, cut : cut + 2 * count - 1]


def _bank(kernels: np.ndarray, size: int) -> np.ndarray:
    """Kernels in the Fourier domain of a circle of `size` samples, lag 0 first."""
    count = (kernels.shape[1] + 1) // 2
    circle = np.zeros((len(kernels), size), kernels.dtype)
    circle[:, :count] = kernels[:, count - 1 :]
    circle[:, size - count + 1 :] = kernels[:, : count - 1]
    return np.fft.fft(circle, axis=1)


def _filling(where: np.ndarray, lattice: np.ndarray) -> tuple[Array, Array, Array]:
    """Order of the points, and for each place of the lattice its left neighbour and the share of its right one."""
    order = np.argsort(where)
    rising = where[order]
    left = np.clip(np.searchsorted(rising, lattice, side="right") - 1, 0, len(rising) - 2)
    share = np.clip((lattice - rising[left]) / (rising[left + 1] - rising[left]), 0.0, 1.0)
    if len(lattice) == len(where):  # no gaps: values as they are
        left, share = np.minimum(np.arange(len(where)), len(where) - 2), np.zeros(len(where))
        share[-1] = 1.0
    return jnp.asarray(order), jnp.asarray(left), jnp.asarray(share, float)


def _around(values: Array, edges: str, size: int) -> Array:
    """Values on a circle of `size` samples: themselves, what follows, zeros, and what goes before."""
    nothing = values[:0]
    before, after = {
        "zero": (nothing, nothing),
        "antireflect": (2 * values[:1] - values[1:][::-1], 2 * values[-1:] - values[:-1][::-1]),
        "periodic": (values[1:], values[:-1]),
        "symmetric": (values[:-1][::-1], values[1:][::-1]),  # the end points are repeated
    }[edges]
    missing = size - len(values) - len(before) - len(after)
    return jnp.concatenate([values, after, jnp.zeros((missing, values.shape[1]), values.dtype), before])


@eqx.filter_jit
def _transform(basis: WaveletBasis, values: Array) -> Array:
    rising = values[basis.order]
    share = basis.share.astype(values.dtype)[:, None]
    filled = (1 - share) * rising[basis.left] + share * rising[basis.left + 1]
    size, stride, kept = basis.bank.shape[1], basis.stride, len(basis.positions)
    turned = jnp.fft.fft(_around(filled, basis.edges, size), axis=0)

    def filtered(row: Array) -> Array:
        # every stride-th sample of an inverse transform is that of the spectrum folded so often
        folded = jnp.sum(jnp.reshape(row[:, None] * turned, (stride, size // stride, -1)), axis=0) / stride
        return jnp.fft.ifft(folded, axis=0)[:kept]

    return jax.lax.map(filtered, basis.bank.astype(turned.dtype), batch_size=BATCH)
