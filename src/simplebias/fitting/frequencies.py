"""The frequencies with which the first layer begins: drawn from the spectrum of what is to be learned."""

import numpy as np

from simplebias.core.errors import InputError, as_values, check_positive
from simplebias.core.types import ArrayLike, Float
from simplebias.fitting.pursuit import find_waves
from simplebias.frequency import natural_frequencies, spectrum, suggest_scales
from simplebias.frequency.sampling import distinct_counts, host_array, host_points, is_lattice, periods

LOW_SHARE = 1 / 8
"""Share of the frequencies below one period of the data, for trends, which no spectrum tells from its first line."""
WAVES, EACH = 48, 2
"""Waves looked for in data of one input at most, and neurons that each gets at least."""
SHARP, SMOOTH = 0.7, 1.6
"""Power to the exponent is the density of frequencies in a plane, whose spectra have a long tail of faint modes: where
every point is to be fitted, and where it is the places between them that count."""
EVEN_SHARE = 1 / 2
"""Share of the frequencies of a plane, where the places between the points count, that lie evenly up to the mean one:
without them most neurons are alike, and the few at high frequencies fit the points by what is wrong between them."""
GOLDEN = (3 - 5**0.5) / 2
"""Of a turn, between directions that are spread evenly."""
JITTER = 0.1
"""Scatter of the neurons of one wave about its frequency, in steps of one over the period."""
MOST_SUMS = 40_000_000
"""Points × frequencies up to which scattered points of two inputs are transformed."""
SPREAD = 0.5
"""Std of the frequencies of many inputs over the root-mean-square frequency in one direction."""


def choose_frequencies(
    points: ArrayLike, values: ArrayLike, count: int, *, smooth: bool = True, seed: int = 0
) -> Float[np.ndarray, "c i"]:
    """Frequencies for the neurons of a first layer of sines, where the spectrum of the values has its power.

    A share of one eighth lies below one period of the data. For one input the others lie at the waves that `find_waves`
    finds. For two they are spread over the spectrum with a density of its power to the 0.7 to fit every point sharply;
    otherwise half of all lie evenly in the disc up to the mean frequency, weighted by power, and half have a density of
    the power to the 1.6. For scattered points what does not stand out of the noise is left out. For more inputs, whose
    spectrum is not at hand, they are normal with half the root-mean-square frequency by slopes between nearest
    neighbours, in all directions alike.

    Args:
        points: `(points, inputs)` or `(points,)`, evenly spaced or not.
        values: `(points, outputs)` or `(points,)`: the target, or what a network has left of it.
        count: how many.
        smooth: whether values between the points count, and not only those at the points.
        seed: of what is drawn.

    Returns:
        `(count, inputs)`, cycles per unit of the inputs, by rising size.

    Raises:
        InputError: for a count that is not positive, bad data, fewer than four points, or constant values.

    Example:
        >>> x = np.random.default_rng(0).uniform(-1, 1, 200)
        >>> chosen = choose_frequencies(x, np.sin(2 * np.pi * 17 * x), 40)
        >>> int(np.sum(np.abs(chosen - 17) < 1)) >= 20
        True
    """
    check_positive(count, "count", integer=True)
    where = host_points(points)
    what = host_array(values).reshape(as_values(values, len(where)).shape)
    random = np.random.default_rng((57_005, seed))
    if where.shape[1] == 2 and smooth:
        chosen = _smooth_plane(where, what, count, random)
    else:
        low = min(count, max(1, round(LOW_SHARE * count)))
        chosen = np.concatenate([
            _below_one_period(where, low, random),
            _by_power(where, what, count - low, random),
        ])
    return chosen[np.argsort(np.linalg.norm(chosen, axis=1), kind="stable")]


def _below_one_period(where: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """In all directions, evenly from nothing to one period over the data."""
    direction = random.standard_normal((count, where.shape[1]))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    size = (np.arange(count) + random.random(count)) / count
    return direction * size[:, None] / np.ptp(where, axis=0)


def _by_power(where: np.ndarray, what: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """At waves of one input, with a density of a power of the power of two, normal for more."""
    inputs = where.shape[1]
    if inputs > 2:
        std = SPREAD * suggest_scales(where, what).bandwidth / np.sqrt(inputs)
        return random.standard_normal((count, inputs)) * std
    if inputs == 1:
        waves = find_waves(where, what, min(WAVES, max(1, count // EACH)))
        modes, density, scatter = waves.frequencies[:, None], np.sqrt(waves.amplitudes), JITTER
    else:
        modes, power = _plane(where, what - what.mean(axis=0))
        density, scatter = (power / (power.max() or 1.0)) ** SHARP, 1.0
    if not density.any():
        return _below_one_period(where, count, random)
    picked = _systematic(density, count, random)
    if inputs == 1:
        each = np.repeat(np.arange(len(modes)), EACH)[:count]
        picked = np.concatenate([each, _systematic(density, count - len(each), random)])
    return modes[picked] + scatter * (random.random((count, inputs)) - 0.5) / periods(where)


def _smooth_plane(where: np.ndarray, what: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Half evenly in a disc up to the mean frequency, half where the spectrum of a plane has its power."""
    modes, power = _plane(where, what - what.mean(axis=0))
    if not power.any():
        return _below_one_period(where, count, random)
    even = round(EVEN_SHARE * count)
    mean = np.sum(power * np.linalg.norm(modes, axis=1)) / power.sum()
    size = mean * np.sqrt((np.arange(even) + random.random(even)) / max(even, 1))
    turns = 2 * np.pi * (GOLDEN * np.arange(even) + random.random())
    disc = size[:, None] * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    picked = modes[_systematic((power / power.max()) ** SMOOTH, count - even, random)]
    return np.concatenate([disc, picked + (random.random(picked.shape) - 0.5) / periods(where)])


def _systematic(density: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Indices with a given density, evenly along its sum: each mode as often as is its due, up to one."""
    places = (np.arange(count) + random.random()) / max(count, 1) * density.sum()
    return np.minimum(np.searchsorted(np.cumsum(density), places), len(density) - 1)


def _plane(where: np.ndarray, what: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies of the half plane, and the power of the values at them, noise taken off where points are scattered.

    Returns:
        `(modes, 2)` and `(modes,)`.

    Raises:
        InputError: for points on a line.
    """
    if (np.ptp(where, axis=0) == 0).any():
        raise InputError("points that differ in both inputs", "points on a line", "Leave the constant input out.")
    counts = distinct_counts(where)
    if is_lattice(where) or len(where) > 0.5 * np.prod(counts):
        return _lattice(where, what, counts)
    most = max(2, int(np.sqrt(MOST_SUMS / 2 / len(where))))
    highest = min(most, int(np.sqrt(len(where)) / 2))
    modes = natural_frequencies(where, highest)
    modes = modes[modes.any(axis=1)]
    power = np.sum(np.abs(np.asarray(spectrum(where, what, modes, allow_aliased=True))) ** 2, axis=1)
    floor = np.median(power) / np.log(2)  # of noise, whose power is exponential at each mode
    return modes, np.where(power > 3 * floor, power - floor, 0.0)


def _lattice(where: np.ndarray, what: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A lattice, of which some places may be empty: these are filled in from their neighbours, then a tapered FFT."""
    places = [np.unique(column, return_inverse=True)[1] for column in where.T]
    block = np.full((*counts, what.shape[1]), np.nan)
    block[places[0], places[1]] = what
    block = _filled(block)
    tapers = [np.hanning(count + 2)[1:-1] for count in counts]
    block = (block - block.mean(axis=(0, 1))) * tapers[0][:, None, None] * tapers[1][None, :, None]
    power = np.sum(np.abs(np.fft.fft2(block, axes=(0, 1))) ** 2, axis=2)
    first, second = (
        np.fft.fftfreq(count, length / count) for count, length in zip(counts, periods(where), strict=True)
    )
    modes = np.stack(np.meshgrid(first, second, indexing="ij"), axis=-1).reshape(-1, 2)
    half = (modes[:, 0] > 0) | ((modes[:, 0] == 0) & (modes[:, 1] > 0))
    return modes[half], power.reshape(-1)[half]


def _filled(block: np.ndarray) -> np.ndarray:
    """Missing places as means of the known ones beside them, from the rim of each gap inwards."""
    while np.isnan(block).any():
        padded = np.pad(block, ((1, 1), (1, 1), (0, 0)), constant_values=np.nan)
        beside = np.stack([padded[2:, 1:-1], padded[:-2, 1:-1], padded[1:-1, 2:], padded[1:-1, :-2]])
        known = np.isfinite(beside)
        mean = np.where(known, beside, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        block = np.where(np.isnan(block) & known.any(axis=0), mean, block)
    return block


__all__ = ["choose_frequencies"]
