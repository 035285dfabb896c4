"""How much of 1-D data is noise: its standard deviation from the data alone, band by band, and the data without it.

Independent noise has the same power at every frequency, and most targets have nearly none at high ones. So the floor
on which the highest frequencies lie is the noise, and what stands above it is the target.
"""

import dataclasses

import numpy as np
import scipy.fft
import scipy.special
import xarray as xr

from simplebias.core.errors import InputError, as_points, as_values, check_finite
from simplebias.core.types import MIRROR_FREQUENCY, OUTPUT, ArrayLike
from simplebias.frequency.convergence import Bands, octave_bands
from simplebias.frequency.sampling import host_array

LEAST_POINTS = 16
"""Points below which the highest frequencies are too few to tell a floor."""
NEGLIGIBLE = 1e-5
"""Floor over the root mean square of the data below which it is rounding."""
CHANCE = 0.001
"""Probability at which a slope of the floor, or what stands above it, is no longer put down to chance."""
STEEP = 2.0
"""Ratio of the medians of two halves of the floor from which it falls; single lines with side lobes do not reach it."""
_MEDIAN_SQUARE = 2 * float(scipy.special.gammaincinv(0.5, 0.5))
"""Median of the square of a standard normal variable."""


@dataclasses.dataclass(frozen=True)
class NoiseFloor:
    """The noise of 1-D data, from `noise_floor`.

    Coefficients are those of the orthonormal cosine transform of the values in the order of their points. This is the
    Fourier transform of the data followed by their mirror image: it has no jump at the ends, so a trend does not leak
    into high frequencies, and independent noise of standard deviation σ is again independent noise with σ in each.

    No example: see `noise_floor`, which makes it.

    Args:
        frequencies: of the coefficients, `k / (2 L)` with L the length of the data, cycles per unit of the input,
            `(coefficients,)`. For points that are not evenly spaced the spacing is the mean one.
        coefficients: of the data, `(coefficients, outputs)`, in the unit of the values.
        std: standard deviation σ of the noise in each output, `(outputs,)`; 0 where none was found.
        std_error: standard error of `std`, `(outputs,)`: `σ / √n`, as if it came from the upper half of the
            coefficients alone, since how many more are used is chosen by the data.
        found: whether there is noise, `(outputs,)`.
        bands: of doubling width over `frequencies`.
        band_std: root mean square of the coefficients in each band, to be held against `std`, `(bands, outputs)`.
        band_count: coefficients in each band, `(bands,)`; by chance `band_std` of noise is within about
            `σ (1 ± 1 / √(2 count))`.
        share: of each coefficient that is kept as signal, `(coefficients, outputs)`, from 0 to 1.
        denoised: the data without what was taken for noise, `(points, outputs)`, in the order of the given points.
        flat: whether the highest frequencies lie on a flat floor, `(outputs,)`.
        order: indices that sort the points, `(points,)`.
    """

    frequencies: np.ndarray
    coefficients: np.ndarray
    std: np.ndarray
    std_error: np.ndarray
    found: np.ndarray
    bands: Bands
    band_std: np.ndarray
    band_count: np.ndarray
    share: np.ndarray
    denoised: np.ndarray
    flat: np.ndarray
    order: np.ndarray

    @property
    def signal(self) -> np.ndarray:
        """Whether a band holds signal: whether any of its coefficients is kept, `(bands, outputs)`."""
        inside = np.asarray(self.bands.membership) > 0
        return np.stack([(self.share[band] > 0).any(axis=0) for band in inside])

    @property
    def words(self) -> str:
        """What was found, in a sentence or two."""
        if not self.found.any():
            slope = "" if self.flat.all() else ": the spectrum still falls where the data end, it has no floor"
            return f"No noise was found{slope}. There is no reason to stop early."
        parts = " and ".join(
            f"{std:.3g} ± {error:.1g}" for std, error in zip(self.std, self.std_error, strict=True) if std > 0
        )
        if not self.signal.any():
            return f"The data look like noise alone (std {parts}): there is nothing to learn."
        bands = [name for name, holds in zip(self.bands.labels, self.signal.tolist(), strict=True) if any(holds)]
        return f"Noise of std {parts}; signal in the bands {', '.join(bands)}."

    def transform(self, outputs: ArrayLike) -> np.ndarray:
        """Coefficients of other values at the same points, such as a network's outputs.

        Args:
            outputs: `(..., points, outputs)`.

        Returns:
            `(..., coefficients, outputs)`, float64.

        Raises:
            InputError: if the shape does not fit or a value is not finite.
        """
        array = host_array(outputs)
        if array.ndim < 2 or array.shape[-2:] != self.denoised.shape:
            raise InputError(f"outputs of shape (..., {', '.join(map(str, self.denoised.shape))})", f"{array.shape}")
        return np.asarray(scipy.fft.dct(array[..., self.order, :], norm="ortho", axis=-2))

    def dataset(self) -> xr.Dataset:
        """The floor as labelled data: what `simplebias.Run(...).report` draws beside a network's coefficients."""
        dims, one = (MIRROR_FREQUENCY, OUTPUT), (OUTPUT,)
        return xr.Dataset(
            {
                "mirror_target": (dims, self.coefficients, {"description": "cosine transform of the data"}),
                "signal_share": (dims, self.share, {"description": "share of each coefficient kept as signal"}),
                "noise_std": (one, self.std, {"description": "standard deviation of the noise, 0: none found"}),
                "noise_std_error": (one, self.std_error, {"description": "its standard error"}),
            },
            coords={MIRROR_FREQUENCY: self.frequencies},
        )


def noise_floor(points: ArrayLike, values: ArrayLike) -> NoiseFloor:
    """Estimate the noise of 1-D data from their spectrum alone, and take it out of the data.

    1. σ² starts as the median of `c_k²` over the upper half of the coefficients, divided by the median of χ²₁, so that
       spectral lines there do not count. It is then the mean square of all coefficients behind the last one that pays
       for itself, `argmax_K Σ_{k<K} (c_k² - 2σ²)` (Mallows), lines left out, corrected for leaving them out.
    2. If the lower half of that upper half has significantly more power than the upper one, in the mean (F test) and
       in the median (twice), the spectrum still falls and there is no floor: no noise is found.
    3. A coefficient above `σ (2 log n)^½`, the highest that noise alone reaches, is a line and is kept. The others of
       each band of doubling width are kept by Stein's share `1 - count σ² / Σ c_k²`, and not at all if their power is
       within one standard deviation of that of noise, `count σ² (1 + (2 / count)^½)`. If nothing is beyond chance
       (probability 0.001 for all lines, and for all bands), nothing is kept.

    Points need not be evenly spaced: the values are taken in the order of their points, which leaves independent noise
    as it is (interpolation would not). Very uneven points make the target rougher in this order and the floor more
    cautious. Noise that depends on its neighbours, or was smoothed, has no flat floor and is taken for signal. What a
    jump of the target leaves at the highest frequencies is taken for noise.

    Args:
        points: `(points,)` or `(points, 1)`, at least 16.
        values: `(points,)` or `(points, outputs)`.

    Returns:
        The floor, in the unit of the values, computed in float64 on the host.

    Raises:
        InputError: for fewer than 16 points, several inputs, values that are all the same, or what is not finite.

    References:
        Donoho, Johnstone, Ideal spatial adaptation by wavelet shrinkage, Biometrika 81 (1994): the median and the
        threshold. Cavalier, Tsybakov, Penalized blockwise Stein's method, monotone oracles and sharp adaptive
        estimation, Mathematical Methods of Statistics 10 (2001). That noise sits in high frequencies, which networks
        learn last: arXiv:1807.01251, arXiv:1901.06523.

    Example:
        >>> import numpy as np
        >>> x = np.linspace(-10, 10, 400)
        >>> noise = 0.2 * np.random.default_rng(0).standard_normal(400)
        >>> floor = noise_floor(x, np.sin(x) + noise)
        >>> bool(abs(floor.std[0] - 0.2) < 3 * floor.std_error[0])
        True
        >>> bool(np.mean((floor.denoised[:, 0] - np.sin(x)) ** 2) < 0.1 * 0.2**2)
        True
    """
    where, target = _checked(points, values)
    count = len(where)
    order = np.argsort(where, kind="stable")
    coefficients = np.asarray(scipy.fft.dct(target[order], norm="ortho", axis=0))
    length = np.ptp(where) * count / (count - 1)
    frequencies = np.arange(count) / (2 * length)
    bands = octave_bands(frequencies)
    inside = np.asarray(bands.membership) > 0
    floors = [_floor(column) for column in coefficients.T]
    share = np.stack(
        [_share(column, one.variance, inside) for column, one in zip(coefficients.T, floors, strict=True)], axis=1
    )
    kept = scipy.fft.idct(share * coefficients, norm="ortho", axis=0)
    denoised = np.empty_like(target)
    denoised[order] = kept
    found = np.array([one.variance > 0 for one in floors])
    std = np.sqrt([one.variance for one in floors])
    return NoiseFloor(
        frequencies=frequencies,
        coefficients=coefficients,
        std=std,
        std_error=std / np.sqrt(count),
        found=found,
        bands=bands,
        band_std=np.stack([np.sqrt(np.mean(coefficients[band] ** 2, axis=0)) for band in inside]),
        band_count=inside.sum(axis=1),
        share=share,
        denoised=np.where(found, denoised, target),
        flat=np.array([one.flat for one in floors]),
        order=order,
    )


def _checked(points: ArrayLike, values: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    rows = as_points(points)
    if rows.shape[1] != 1:
        raise InputError(
            "one input", f"{rows.shape[1]} inputs", "With several inputs hold points out, and stop by their loss."
        )
    if rows.shape[0] < LEAST_POINTS:
        raise InputError(f"at least {LEAST_POINTS} points", f"{rows.shape[0]}", "Too few to tell a noise floor.")
    checked = as_values(values, rows.shape[0])
    check_finite(checked, "values")
    target = host_array(values).reshape(checked.shape)
    if not (np.ptp(target, axis=0) > 0).any():
        raise InputError("values that vary", "the same value at all points", "There is nothing to learn.")
    where = host_array(points).reshape(-1)
    if np.ptp(where) == 0:
        raise InputError("points at different places", "all points at one place")
    return where, target


@dataclasses.dataclass(frozen=True)
class _Floor:
    variance: float
    flat: bool


def _floor(column: np.ndarray) -> _Floor:
    """Variance of the noise in one output, 0 if there is none."""
    count, half = len(column), len(column) // 2
    square = column**2
    threshold = 2 * np.log(count)
    negligible = NEGLIGIBLE**2 * square.mean()
    variance = float(np.median(square[half:]) / _MEDIAN_SQUARE)
    cut, plain = half, np.ones(count, bool)
    for _ in range(20):
        if variance <= negligible:
            return _Floor(0.0, flat=True)
        plain = square < threshold * variance
        gain = np.cumsum(np.where(plain, square - 2 * variance, 0))
        cut = min(int(np.argmax(np.append(0, gain))), half)
        rest = square[cut:][plain[cut:]]
        before, variance = variance, float(rest.mean() / _within(np.sqrt(threshold)))
        if abs(before - variance) < 1e-9 * variance:
            break
    flat = not _falls(square[half:], plain[half:])
    return _Floor(variance if flat else 0.0, flat)


def _falls(square: np.ndarray, plain: np.ndarray) -> bool:
    """Whether squares fall from their first half to their second: in the mean beyond chance, and in most of them."""
    middle = len(square) // 2
    low, high = square[:middle][plain[:middle]], square[middle:][plain[middle:]]
    steep = np.median(low) > STEEP * np.median(high)
    return bool(steep and low.mean() > scipy.special.fdtri(len(low), len(high), 1 - CHANCE) * high.mean())


def _within(bound: float) -> float:
    """Mean square of a standard normal variable that is smaller than `bound` in modulus."""
    inside = 2 * scipy.special.ndtr(bound) - 1
    return float(1 - 2 * bound * np.exp(-(bound**2) / 2) / np.sqrt(2 * np.pi) / inside)


def _share(column: np.ndarray, variance: float, inside: np.ndarray) -> np.ndarray:
    """The share of each coefficient that is signal: lines whole, the rest by bands."""
    if variance == 0:
        return np.ones(len(column))
    square = column**2 / variance
    line = square > 2 * np.log(len(column))
    share = line.astype(float)
    beyond = bool(square.max() > scipy.special.chdtri(1, CHANCE / len(column)))
    for band in inside:
        rest = band & ~line
        size, total = int(rest.sum()), float(square[rest].sum())
        if size and total > size + np.sqrt(2 * size):
            share[rest] = 1 - size / total
            beyond = beyond or total > scipy.special.chdtri(size, CHANCE / len(inside))
    return share if beyond else np.zeros(len(column))
