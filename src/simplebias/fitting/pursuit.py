"""The waves that data of one input are made of, one after another: what is left of the data shows the next ones."""

import dataclasses

import numpy as np
import scipy.linalg

from simplebias.core.types import Float
from simplebias.frequency import complete_lattice, spectrum
from simplebias.frequency.sampling import highest_frequencies, periods

OVERSAMPLING = 4
"""Frequencies looked at for each that fits the period."""
AT_ONCE = 0.25
"""Share of the power of the highest peak of a round from which others are taken with it."""
APART = 1.5
"""Least distance of two peaks of a round, in steps of one over the period: nearer ones are side lobes."""
FALSE_ALARM = 0.01
"""Probability that noise alone shows a peak."""
RIDGE = 1e-9
"""Share of the diagonal added to the least squares, where waves are hardly told apart."""
ROUNDS = 24
"""Rounds at most."""
MOVES = 2
"""Steps of Gauss-Newton on the frequencies in each round."""


@dataclasses.dataclass(frozen=True)
class Waves:
    """What was found.

    Args:
        frequencies: `(waves,)`, cycles per unit of the input, in the order found.
        amplitudes: `(waves,)` root of the power of each over all outputs, in units of the values.
        left: share of the variance of the values that is none of them, nor a trend.
    """

    frequencies: Float[np.ndarray, " waves"]
    amplitudes: Float[np.ndarray, " waves"]
    left: float


def find_waves(where: Float[np.ndarray, "points 1"], what: Float[np.ndarray, "points outputs"], most: int) -> Waves:
    """Waves that stand out of the noise, by orthogonal matching pursuit; a trend of second order is taken off first.

    Round by round the highest peaks of the spectrum of what is left are added, and all are fitted anew by least
    squares, until no peak stands out that noise would not show, or `most` are found.

    Args:
        where: points, evenly spaced or not.
        what: values.
        most: number of waves at most.

    Returns:
        The waves.

    Example:
        >>> x = np.random.default_rng(0).uniform(-1, 1, (300, 1))
        >>> find_waves(x, np.sin(2 * np.pi * 7.3 * x) + 0.2 * np.sin(2 * np.pi * 21 * x), 8).frequencies[:2].round(1)
        array([ 7.3, 21. ])
    """
    order = np.argsort(where[:, 0], kind="stable")
    where, what = where[order], what[order]
    x = where[:, 0] - where[:, 0].mean()
    trend = np.stack([np.ones_like(x), x, x**2], axis=1) / np.abs(x).max() ** np.arange(3)
    step = 1 / (OVERSAMPLING * periods(where)[0])
    asked = step * np.arange(1, int(highest_frequencies(where)[0] / step) + 1)
    lattice = complete_lattice(where)
    even = lattice is not None and len(lattice) == len(where)
    most = min(most, len(x) // 6)
    found, rest, weights = np.empty(0), _rest(trend, what)[0], np.empty(0)
    variance = float(np.sum(what.var(axis=0)))
    for _ in range(ROUNDS):
        power = _power(where, rest, asked, even=even)
        fresh = _peaks(asked, power, found, OVERSAMPLING * step)[: most - len(found)]
        if not len(fresh):
            break
        found = np.concatenate([found, fresh])
        for _ in range(MOVES):
            found = _moved(found, x, trend, what, step)
        turns = 2 * np.pi * x[:, None] * found
        rest, fitted = _rest(np.hstack([trend, np.cos(turns), np.sin(turns)]), what)
        weights = np.sqrt(np.sum(fitted[3:].reshape(2, len(found), -1) ** 2, axis=(0, 2)))
        if np.sum(rest.var(axis=0)) < 1e-10 * variance:
            break
    return Waves(found, weights, float(np.sum(rest.var(axis=0)) / variance))


def _power(where: np.ndarray, rest: np.ndarray, asked: np.ndarray, *, even: bool) -> np.ndarray:
    if even:
        transformed = np.fft.rfft(rest, n=OVERSAMPLING * len(rest), axis=0)[1 : len(asked) + 1] / len(rest)
        return np.sum(np.abs(transformed) ** 2, axis=1)
    return np.sum(np.abs(np.asarray(spectrum(where, rest, asked, allow_aliased=True))) ** 2, axis=1)


def _peaks(asked: np.ndarray, power: np.ndarray, found: np.ndarray, width: float) -> np.ndarray:
    """Peaks that stand out, the highest first, none beside another or beside one that was found."""
    level = np.median(power) / np.log(2) * np.log(len(power) / OVERSAMPLING / FALSE_ALARM)
    edged = np.concatenate([[0.0], power, [0.0]])
    tops = np.flatnonzero((power >= edged[:-2]) & (power > edged[2:]) & (power > level))
    tops = tops[np.argsort(-power[tops], kind="stable")]
    chosen: list[float] = []
    for top in tops[power[tops] > AT_ONCE * power.max()]:
        place = _between(asked, power, int(top))
        if all(abs(place - one) > APART * width for one in chosen) and not np.any(np.abs(found - place) < 0.2 * width):
            chosen.append(place)
    return np.asarray(chosen)


def _between(asked: np.ndarray, power: np.ndarray, top: int) -> float:
    """The place of a peak between the frequencies looked at, by a parabola through three."""
    if top in (0, len(power) - 1):
        return float(asked[top])
    left, middle, right = power[top - 1 : top + 2]
    bend = left - 2 * middle + right
    return float(asked[top] + (asked[1] - asked[0]) * (0.5 * (left - right) / bend if bend < 0 else 0.0))


def _moved(found: np.ndarray, x: np.ndarray, trend: np.ndarray, what: np.ndarray, step: float) -> np.ndarray:
    """The frequencies after a step of Gauss-Newton, each by at most a step of the frequencies looked at."""
    turns = 2 * np.pi * x[:, None] * found
    cosine, sine = np.cos(turns), np.sin(turns)
    columns = np.hstack([trend, cosine, sine])
    rest, fitted = _rest(columns, what)
    along, across = fitted[3 : 3 + len(found)], fitted[3 + len(found) :]
    outputs = what.shape[1]
    slopes = cosine[:, None, :] * across.T[None] - sine[:, None, :] * along.T[None]
    slopes = (2 * np.pi * x[:, None, None] * slopes).reshape(len(x), -1)
    basis = np.linalg.qr(columns)[0]
    freed = slopes - basis @ (basis.T @ slopes)  # what the other columns can take up is left to them
    flat = freed.reshape(len(x) * outputs, len(found))
    shift = _rest(flat, rest.reshape(-1, 1))[1][:, 0]
    return np.clip(np.abs(found + np.clip(np.nan_to_num(shift), -step, step)), 0.05 * step, None)


def _rest(columns: np.ndarray, what: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What least squares leave, and the coefficients."""
    size = np.linalg.norm(columns, axis=0) + np.finfo(float).tiny
    scaled = columns / size
    gram = scaled.T @ scaled
    gram[np.diag_indices_from(gram)] += RIDGE
    fitted = scipy.linalg.solve(gram, scaled.T @ what, assume_a="pos") / size[:, None]
    return what - columns @ fitted, fitted


__all__ = ["Waves", "find_waves"]
