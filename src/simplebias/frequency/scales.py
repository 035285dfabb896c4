"""Which scales a multi-scale network needs, and which bandwidth Fourier features, by the spectrum of the target."""

import dataclasses
import math

import jax.numpy as jnp
import numpy as np
import xarray as xr
from scipy.special import gammainccinv, gammaincinv

from simplebias.core.errors import InputError, as_values, check_positive, is_traced
from simplebias.core.types import FREQUENCY, INPUT, ArrayLike
from simplebias.frequency.gaps import complete_lattice, gap_filling_basis
from simplebias.frequency.sampling import distinct_counts, host_array, host_points, is_lattice, periods
from simplebias.frequency.transform import natural_frequencies, spectrum

FEATURE_SHARE = 0.4
"""Std of Fourier features over the highest frequency, for a network on top, which mixes and so raises frequencies."""
FALSE_ALARM = 0.01
"""Probability that pure noise shows any frequency at all."""
TOP = 8
"""Least number of the highest frequencies that tell the level of the noise."""
LARGEST_SUM = 50_000_000
"""Points × frequencies up to which scattered points of two inputs are transformed."""
NEIGHBOURHOOD = 5000
"""Scattered points of more than two inputs among which nearest neighbours are sought."""


@dataclasses.dataclass(frozen=True, eq=False)
class ScaleAdvice:
    """How much detail there is, and the numbers that make a network see it.

    Args:
        bandwidth: the highest frequency that matters along each input, `(inputs,)`, cycles per unit of the input; 0
            where nothing stands out of the noise.
        floor: level of noise and leakage in the power, in the square of the unit of the values; 0 where it was not
            looked for.
        scales: what a multi-scale network multiplies its inputs with, rising, in inverse units of the input.
        feature_std: std of the random frequencies of Fourier features `cos 2π b·x`, `(inputs,)`, cycles per unit.
        data: `power` over `input` and `frequency`, if it was taken, with what was found as attributes.
        notes: what limits the answer, in words.

    Example:
        >>> x = np.arange(128) / 128
        >>> suggest_scales(x, np.sin(2 * np.pi * x) + 0.1 * np.sin(50 * np.pi * x)).bandwidth.tolist()
        [25.0]
    """

    bandwidth: np.ndarray
    floor: float
    scales: tuple[float, ...]
    feature_std: np.ndarray
    data: xr.Dataset
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The advice in words."""
        if not self.bandwidth.any():
            return " ".join(["No frequency stands out of the noise: nothing to be gained by scales.", *self.notes])
        return " ".join([
            f"Detail up to {_listed(self.bandwidth)} cycles per unit of input: multi-scale network with scales "
            f"{_listed(self.scales)}, or Fourier features with std {_listed(self.feature_std)}.",
            *self.notes,
        ])  # fmt: skip


def _listed(numbers: ArrayLike) -> str:
    """Numbers in words; one for all where they are equal."""
    return ", ".join(dict.fromkeys(f"{number:.3g}" for number in np.asarray(numbers).tolist()))


def suggest_scales(
    points: ArrayLike,
    values: ArrayLike,
    *,
    weight_std: float | int = 1.0,
    minimum: float | int = 0.01,
    share: float | int = 0.999,
    order: int = 0,
) -> ScaleAdvice:
    """Scales and Fourier-feature bandwidth for what is to be learned: a target, or what a network has left of it.

    For one or two inputs, and for points that fill a rectangular lattice of any dimension, the power along each input
    is taken from the spectrum. The bandwidth `ξ_max` is the highest frequency that stands out of the noise and either
    has an amplitude of `minimum` times the largest one, or is needed to hold `share` of the power. For scattered
    points of more inputs it is the root-mean-square frequency by slopes between nearest neighbours. Then

        scales 2/L, 4/L, 8/L, …  up to at least  π ξ_max / weight_std,      feature_std = 0.4 ξ_max,

    where L is the longest extent of the points (on [-1, 1]: 1, 2, 4, …): neurons `σ(w·αx)` of weights with std s reach
    the angular frequency `2 s α` within two standard deviations. For a source term, `order` is that of the
    differential operator, which divides amplitudes by `(2πξ)^order`.

    Args:
        points: `(points, inputs)` or `(points,)`, evenly spaced or not.
        values: `(points, outputs)` or `(points,)`: targets, or targets minus outputs of a network.
        weight_std: std of the first layer's weights that the scales multiply.
        minimum: least amplitude that matters, over the largest, 0 to 1.
        share: share of the power that must be held, 0 to 1.
        order: of the differential operator whose source the values are; 0 for values themselves.

    Returns:
        The advice. Inputs of very different extent want scales of their own: bring them to one extent first.

    Raises:
        InputError: for bad data, fewer than four points, constant values, or parameters out of range.

    References:
        Scales a_max · std ≈ half the highest angular frequency and σ ≈ 0.4 ξ_max (a linear read-out of the features,
        which mixes none, wants 1.5 times that) are rules of thumb; multi-scale networks of arXiv:2007.11207; Fourier
        features of arXiv:2006.10739.

    Example:
        >>> x = np.linspace(-1, 1, 200, endpoint=False)
        >>> suggest_scales(x, np.sin(2 * np.pi * 10 * x)).scales
        (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
    """
    _check(weight_std, minimum, share, order)
    where = host_points(points)
    what = as_values(values, len(where))
    if is_traced(what):
        raise InputError("values with known numbers", "values traced by jit or vmap", "Compute this outside of jit.")
    if len(where) < 4:
        raise InputError("at least four points", f"{len(where)}", "Fewer have no spectrum to speak of.")
    what = host_array(values).reshape(what.shape)
    what = what - what.mean(axis=0)
    if not what.any():
        raise InputError("values that vary", "constant values", "There is no detail to learn.")
    if where.shape[1] > 2 and not _fills_lattice(where):
        bandwidth, floor, data, notes = _by_neighbours(where, what)
    else:
        bandwidth, floor, data, notes = _by_spectra(where, what, minimum, share, order)
    extent = float(np.ptp(where, axis=0).max())
    reach = math.pi * bandwidth.max() / weight_std
    doublings = max(0, math.ceil(math.log2(reach * extent / 2) - 1e-9)) if reach > 0 else 0
    scales = tuple(float(f"{2.0 ** (1 + power) / extent:.2g}") for power in range(doublings + 1))
    return ScaleAdvice(bandwidth, floor, scales, FEATURE_SHARE * bandwidth, data, tuple(notes))


def _check(weight_std: float | int, minimum: float | int, share: float | int, order: int) -> None:
    check_positive(weight_std, "weight_std")
    check_positive(minimum, "minimum", zero=True)
    check_positive(share, "share")
    check_positive(order, "order", integer=True, zero=True)
    if minimum > 1 or share > 1:
        raise InputError("minimum and share up to 1", f"minimum={minimum}, share={share}")


def _by_spectra(where: np.ndarray, what: np.ndarray, minimum: float, share: float, order: int) -> tuple:
    """Power along each input, what stands out of it, and the highest frequency that matters."""
    powers, highest = _axis_powers(where, what)
    bandwidth, floors, parts, notes = [], [], [], []
    for axis, (frequencies, power, rows) in enumerate(powers):
        floor = float(np.median(power[-max(TOP, len(power) // 4) :]) * rows / gammaincinv(rows, 0.5))
        noisy = power <= floor * gammainccinv(rows, FALSE_ALARM / len(power)) / rows
        excess = np.where(noisy, 0.0, power - floor) / (2 * np.pi * frequencies) ** (2 * order)
        bandwidth.append(_highest(frequencies, excess, minimum, share))
        floors.append(floor)
        solution = power / (2 * np.pi * frequencies) ** (2 * order)
        parts.append(xr.DataArray(solution, {FREQUENCY: frequencies}, FREQUENCY).expand_dims({INPUT: [axis]}))
        if bandwidth[-1] > 0.9 * highest[axis]:
            notes.append(
                f"Input {axis} has detail up to half the sampling rate ({highest[axis]:.3g}): there may be more, "
                "which these points cannot tell."
            )
    power = xr.concat(parts, INPUT, join="outer")
    power.attrs = {"description": "Power of the values along each input", "units": "unit of values squared"}
    power[FREQUENCY].attrs["units"] = "cycles per unit"
    attributes = {"bandwidth": bandwidth, "floor": floors}
    return np.array(bandwidth), max(floors), xr.Dataset({"power": power}, attrs=attributes), notes


def _highest(frequencies: np.ndarray, excess: np.ndarray, minimum: float, share: float) -> float:
    """The highest frequency of enough amplitude, or that holds the share of the power; 0 where there is none."""
    if not excess.any():
        return 0.0
    large = np.flatnonzero((excess > 0) & (excess >= minimum**2 * excess.max()))
    held = np.searchsorted(np.cumsum(excess), share * excess.sum() * (1 - 1e-12))
    return float(frequencies[max(large[-1], min(held, len(frequencies) - 1))])


def _fills_lattice(where: np.ndarray) -> bool:
    return bool((np.ptp(where, axis=0) > 0).all()) and is_lattice(where)


def _axis_powers(where: np.ndarray, what: np.ndarray) -> tuple[list, np.ndarray]:
    """For each input (frequencies > 0, power, spectra averaged in it), and the highest frequencies."""
    inputs = where.shape[1]
    if inputs == 1:
        line = _line_power(where, what)
        return [line], np.array([line[0][-1]])
    if is_lattice(where) and len(np.unique(where, axis=0)) == len(where):
        found = _lattice_powers(where, what)
    else:
        found = _plane_powers(where, what)
    return found, np.array([frequencies[-1] for frequencies, _, _ in found])


def _line_power(where: np.ndarray, what: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """One input: evenly spaced with or without gaps, tapered unless periodic; or scattered, by cells."""
    order = np.argsort(where[:, 0], kind="stable")
    where, what = where[order], what[order]
    lattice = complete_lattice(where)
    if lattice is None:
        frequencies = natural_frequencies(where)[1:]
        found = spectrum(where, jnp.asarray(what), frequencies, weights="cells")
    else:
        frequencies = natural_frequencies(lattice)[1:]
        window = None if _is_periodic(what) else "hann"
        found = gap_filling_basis(where, frequencies, window=window)(jnp.asarray(what))
    return frequencies, np.sum(np.abs(np.asarray(found, complex)) ** 2, axis=1), what.shape[1]


def _is_periodic(what: np.ndarray) -> bool:
    """Whether the step from the last value to the first is like the other steps."""
    steps = np.abs(np.diff(what, axis=0)).max(axis=0)
    return bool((np.abs(what[0] - what[-1]) <= 1.5 * steps).all())


def _lattice_powers(where: np.ndarray, what: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, int]]:
    """A full lattice: a Fourier transform along each input, its power averaged over the other ones."""
    counts, lengths = distinct_counts(where), periods(where)
    block = what[np.lexsort(where.T[::-1])].reshape(*counts, -1)
    found = []
    for axis, (count, length) in enumerate(zip(counts, lengths, strict=True)):
        rows = np.moveaxis(block, axis, 0).reshape(count, -1)
        rows = rows - rows.mean(axis=0)
        taper = np.ones(count) if _is_periodic(rows) else np.hanning(count + 2)[1:-1]
        power = np.abs(np.fft.rfft(rows * (taper / taper.sum())[:, None], axis=0)) ** 2
        found.append((np.arange(1, len(power)) / length, power[1:].mean(axis=1), rows.shape[1]))
    return found


def _plane_powers(where: np.ndarray, what: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, int]]:
    """Scattered points of two inputs: power of the half plane of frequencies, the largest over the other input."""
    # not the sum: leakage of scattered points is alike in all frequencies, and would bury a single wave
    count = max(2, min(int(math.sqrt(LARGEST_SUM / 2 / len(where))), int(math.sqrt(len(where)))))
    lattice = natural_frequencies(where)
    steps = 1 / periods(where)
    lattice = lattice[(np.abs(lattice) <= count * steps).all(axis=1) & lattice.any(axis=1)]
    power = np.sum(np.abs(np.asarray(spectrum(where, jnp.asarray(what), lattice), complex)) ** 2, axis=1)
    found = []
    for axis in range(2):
        along = np.rint(np.abs(lattice[:, axis]) / steps[axis]).astype(int)
        largest = np.zeros(along.max() + 1)
        np.maximum.at(largest, along, power)
        found.append((np.arange(1, len(largest)) * steps[axis], largest[1:], what.shape[1]))
    return found


def _by_neighbours(where: np.ndarray, what: np.ndarray) -> tuple:
    """Scattered points of many inputs: root-mean-square frequency by the slopes between nearest neighbours.

    `E (y_i - y_j)² ≈ |x_i - x_j|² E|∇y|² / inputs` in no special direction, and `E|∇y|² = (2π ξ_rms)² E y²`.

    Returns:
        What `_by_spectra` returns.

    Raises:
        InputError: if no two points lie at different places.
    """
    rows = np.arange(min(len(where), NEIGHBOURHOOD)) * len(where) // min(len(where), NEIGHBOURHOOD)
    where, what = where[rows], what[rows]
    from scipy.spatial import KDTree

    distances, nearest = map(np.asarray, KDTree(where).query(where, k=2))
    apart = distances[:, 1] > 0
    if not apart.any():
        raise InputError("points at different places", "each point twice or more", "Remove duplicates.")
    differences = np.sum((what - what[nearest[:, 1]])[apart] ** 2)
    slopes = differences / np.sum(distances[apart, 1] ** 2) * where.shape[1]
    rms = float(np.sqrt(slopes / np.mean(np.sum(what**2, axis=1))) / (2 * np.pi))
    notes = ["Root-mean-square frequency between nearest neighbours, in all directions alike: detail may lie above it."]
    return np.full(where.shape[1], rms), 0.0, xr.Dataset(attrs={"bandwidth": [rms]}), notes
