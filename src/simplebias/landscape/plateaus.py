"""Plateaus of loss curves: the levels at which trainings wait, which networks of different widths share."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import scipy.ndimage
import scipy.signal
import xarray as xr

from simplebias.core.errors import InputError, check_choice, check_positive
from simplebias.core.types import RECORD, SEED, ArrayLike, Float

WEIGHTINGS = ("log-time", "time", "records")


@dataclasses.dataclass(frozen=True)
class LossSpectrum:
    """How long trainings stay at each loss. Made by `loss_spectrum`.

    No example: see `loss_spectrum`.

    Args:
        edges: of the bins, in log10 of the loss.
        share: of the time in each bin, summing to 1 over those that fall into a bin.
        outside: share of all time spent at losses outside of the edges.
    """

    edges: Float[np.ndarray, " edges"]
    share: Float[np.ndarray, " bins"]
    outside: float

    @property
    def centres(self) -> Float[np.ndarray, " bins"]:
        """Middle of each bin, in log10 of the loss."""
        return (self.edges[1:] + self.edges[:-1]) / 2

    def lines(self, *, prominence: float | int = 0.02, width: float | int = 0.05) -> Float[np.ndarray, " lines"]:
        """Spectral lines: levels at which trainings stay, highest loss first, each the centre of mass of its peak.

        Args:
            prominence: least share of the time that a peak of the smoothed spectrum stands out by.
            width: standard deviation of the Gaussian that smooths, in log10 of the loss; a peak's mass is taken within
                three of them.

        Returns:
            log10 of the loss of each line.

        Raises:
            InputError: if an argument is not positive.

        Example:
            >>> curve = [1.0] * 50 + [0.01] * 50
            >>> loss_spectrum(curve, low=-3, high=1, weighting="records").lines().round(1).tolist()
            [0.0, -2.0]
        """
        check_positive(prominence, "prominence")
        check_positive(width, "width")
        step = float(self.edges[1] - self.edges[0])
        reach = math.sqrt(2 * math.pi) * width / step  # a line of share s is a Gaussian of height s / reach
        smooth = scipy.ndimage.gaussian_filter1d(self.share, width / step, mode="constant")
        padded = np.concatenate([[0.0], smooth, [0.0]])
        peaks, _ = scipy.signal.find_peaks(padded, prominence=prominence / reach)
        found = []
        for peak in peaks - 1:
            near = np.abs(self.centres - self.centres[peak]) <= 3 * width
            weight = self.share * near
            found.append(float((weight * self.centres).sum() / weight.sum()))
        return np.array(found[::-1])


def loss_spectrum(
    losses: ArrayLike,
    steps: ArrayLike | None = None,
    *,
    bins: int = 200,
    low: float | int = -5.0,
    high: float | int = 0.0,
    weighting: str = "log-time",
) -> LossSpectrum:
    """The loss spectrum: histogram of `log10 L` over a training, or over many, each moment weighted by its time.

    Lines of this spectrum are plateaus. In linear time early plateaus are too short to be seen; in logarithmic time,
    `d log(1 + step)`, every plateau counts by how often it lengthens the training so far.

    Args:
        losses: `(..., records)`; leading axes, trainings, are pooled. Values that are not finite or not positive count
            for nothing.
        steps: training step of each record, increasing; by default 0, 1, 2 …
        bins: number of bins.
        low: lower end, log10 of the loss.
        high: upper end.
        weighting: "log-time", "time" (a record stands for the steps about it), or "records" (each counts once).

    Returns:
        The spectrum.

    Raises:
        InputError: for ends or steps in disorder, an unknown weighting, or losses of which none is positive.

    References:
        Zhang, Zhang, Luo, Xu, Embedding Principle of Loss Landscape of Deep Neural Networks, arXiv:2105.14573.

    Example:
        >>> spectrum = loss_spectrum([0.2, 0.2, 0.002], bins=5, weighting="time")
        >>> spectrum.share.tolist()
        [0.0, 0.0, 0.25, 0.0, 0.75]
    """
    check_positive(bins, "bins", integer=True)
    check_choice(weighting, "weighting", WEIGHTINGS)
    if not low < high:
        raise InputError("low below high", f"low={low}, high={high}")
    values, times = _curves(losses, steps)
    weight = _weights(times, weighting)
    good = np.isfinite(values) & (values > 0)
    if not good.any():
        raise InputError("at least one finite positive loss", "none")
    every = np.broadcast_to(weight, values.shape)[good]
    shown, edges = np.histogram(np.log10(values[good]), bins=bins, range=(float(low), float(high)), weights=every)
    inside, total = float(shown.sum()), float(every.sum())
    share = shown / inside if inside > 0 else np.zeros(bins)
    return LossSpectrum(edges, share, 1 - inside / total)


@dataclasses.dataclass(frozen=True)
class Plateau:
    """A stretch of a training in which the loss hardly falls. Made by `find_plateaus`.

    No example: see `find_plateaus`.

    Args:
        loss: geometric mean over the stretch, weighted by log-time.
        start: training step at which it begins.
        end: training step at which it ends.
        record: index of the record at which the loss falls most slowly: look here at what the network is.
        open: whether the training ended on it.
    """

    loss: float
    start: int
    end: int
    record: int
    open: bool

    @property
    def lengthening(self) -> float:
        """How many times as long as before the training is at its end, `(1 + end) / (1 + start)`."""
        return (1 + self.end) / (1 + self.start)


def find_plateaus(
    losses: ArrayLike,
    steps: ArrayLike | None = None,
    *,
    slope: float | int = 0.1,
    lengthening: float | int = 1.5,
) -> list[Plateau]:
    """Plateaus of a loss curve: where `|d log L / d log(1 + step)|` stays small while the training grows much longer.

    The slope is that of least squares through every record and its neighbours within a factor 1.1 of time, so that the
    jitter of stochastic gradients does not end a plateau.

    Args:
        losses: of one training, `(records,)`, positive; what is not finite or not positive ends a plateau.
        steps: training step of each record, increasing; by default 0, 1, 2 …
        slope: largest size of the slope on a plateau.
        lengthening: least factor by which the training grows longer on it.

    Returns:
        The plateaus in their order.

    Raises:
        InputError: for several curves at once, steps in disorder, or limits out of range.

    References:
        Zhang, Zhang, Luo, Xu, Embedding Principle of Loss Landscape of Deep Neural Networks, arXiv:2105.14573.

    Example:
        >>> import numpy as np
        >>> steps = np.arange(0, 1000)
        >>> loss = np.where(steps < 100, 0.5, 0.05)
        >>> [(round(one.loss, 3), one.start, one.end) for one in find_plateaus(loss, steps)]
        [(0.5, 0, 90), (0.05, 110, 999)]
    """
    check_positive(slope, "slope")
    check_positive(lengthening, "lengthening")
    if lengthening <= 1:
        raise InputError("lengthening above 1", repr(lengthening))
    values, times = _curves(losses, steps)
    if values.ndim != 1:
        raise InputError("one loss curve (records,)", f"shape {values.shape}", "Take one training after the other.")
    clock = np.log1p(times)
    good = np.isfinite(values) & (values > 0)
    logs = np.log(np.where(good, values, 1.0))
    slopes = _slopes(clock, logs, good)
    flat = good & (np.abs(slopes) <= slope)
    found = []
    for first, last in _stretches(flat):
        if clock[last] - clock[first] >= np.log(lengthening):
            inside = slice(first, last + 1)
            weight = _weights(times[inside], "log-time")
            level = float(np.exp((weight * logs[inside]).sum() / weight.sum()))
            flattest = first + int(np.argmin(np.abs(slopes[inside])))
            found.append(Plateau(level, int(times[first]), int(times[last]), flattest, bool(last == len(values) - 1)))
    return found


def shared_levels(
    plateaus: Sequence[Sequence[Plateau]], *, tolerance: float | int = 0.05
) -> list[tuple[float, tuple[int, ...]]]:
    """Levels at which several trainings wait: plateaus of about equal loss, and who has them.

    Args:
        plateaus: of each training, as `find_plateaus` gives them.
        tolerance: plateaus next to each other in loss belong together if their log10 differ by no more.

    Returns:
        For each level, highest loss first: log10 of its loss (mean over plateaus) and the indices of the trainings.

    Raises:
        InputError: if the tolerance is not positive.

    Example:
        >>> one, other = (find_plateaus([level] * 100) for level in (0.1, 0.101))
        >>> [(round(level, 2), who) for level, who in shared_levels([one, other])]
        [(-1.0, (0, 1))]
    """
    check_positive(tolerance, "tolerance")
    every = sorted((float(np.log10(one.loss)), index) for index, group in enumerate(plateaus) for one in group)
    groups: list[list[tuple[float, int]]] = []
    for level, index in every:
        if groups and level - groups[-1][-1][0] <= tolerance:
            groups[-1].append((level, index))
        else:
            groups.append([(level, index)])
    return [
        (float(np.mean([level for level, _ in group])), tuple(sorted({index for _, index in group})))
        for group in reversed(groups)
    ]


def plateau_ladder(
    losses: Mapping[int, ArrayLike], steps: ArrayLike, *, levels: Mapping[str, float | int] | None = None
) -> xr.Dataset:
    """Loss curves of networks of several widths with the levels of small ones, and the loss spectrum of each width.

    Args:
        losses: for each width the loss of its trainings, `(seeds, records)` or `(records,)`; as many seeds for each.
        steps: training step of each record, the same for all.
        levels: losses to be drawn in as lines, by name, such as minima of small networks from `critical_point`.

    Returns:
        `loss` `(width, seed, record)`, `spectra` `(width, log_loss)` and `levels`. It draws itself:
        `Run(found).report("ladder.html")`.

    Raises:
        InputError: for no width, curves of different shapes, or what `loss_spectrum` refuses.

    References:
        Zhang, Zhang, Luo, Xu, Embedding Principle of Loss Landscape of Deep Neural Networks, arXiv:2105.14573.

    Example:
        >>> found = plateau_ladder({1: [1.0, 0.1, 0.1], 8: [1.0, 0.1, 0.01]}, [0, 10, 100], levels={"one neuron": 0.1})
        >>> found["loss"].dims, found["spectra"].sizes["width"]
        (('width', 'seed', 'record'), 2)
    """
    if not losses:
        raise InputError("the losses of one width at least", "none")
    curves = {int(width): np.atleast_2d(_curves(values, steps)[0]) for width, values in sorted(losses.items())}
    shapes = {values.shape for values in curves.values()}
    if len(shapes) > 1:
        raise InputError("as many seeds for each width", f"shapes {sorted(shapes)}")
    low = np.floor(min(np.log10(values[values > 0].min(initial=1.0)) for values in curves.values())) - 1
    spectra = [loss_spectrum(values, steps, low=float(low), high=max(1.0, low + 1)) for values in curves.values()]
    names = {"long_name": "training loss", "scale": "log", "levels": "levels", "references": "zhang2021embedding"}
    told = {"long_name": "share of log-time", "over": "log_loss", "references": "zhang2021embedding"}
    told["description"] = "How long networks of each width stay at each loss, in logarithmic time; white: not at all."
    found = xr.Dataset(
        {
            "loss": (("width", SEED, RECORD), np.stack(list(curves.values())), names),
            "spectra": (("width", "log_loss"), np.stack([one.share for one in spectra]), told),
        },
        {"width": list(curves), "log_loss": spectra[0].centres, "step": (RECORD, np.asarray(steps))},
    )
    if levels:
        found = found.assign(levels=("level", [float(one) for one in levels.values()])).assign_coords(
            level=list(levels)
        )
    return found


def _curves(losses: ArrayLike, steps: ArrayLike | None) -> tuple[np.ndarray, np.ndarray]:
    """Losses and steps as float64, checked against each other."""
    try:
        values = np.asarray(losses, np.float64)
    except (TypeError, ValueError):
        raise InputError("losses as numbers", type(losses).__name__) from None
    if values.ndim == 0 or values.shape[-1] < 2:
        raise InputError("losses of at least two records", f"shape {values.shape}")
    times = np.arange(values.shape[-1], dtype=np.float64) if steps is None else np.asarray(steps, np.float64)
    if times.shape != values.shape[-1:]:
        raise InputError(f"a step for each of {values.shape[-1]} records", f"steps of shape {times.shape}")
    if not (np.isfinite(times).all() and times[0] >= 0 and (np.diff(times) > 0).all()):
        raise InputError("steps from 0 upwards, each larger than the one before", "others")
    return values, times


def _weights(times: np.ndarray, weighting: str) -> np.ndarray:
    """Time that each record stands for: half of the way to either neighbour."""
    if weighting == "records":
        return np.ones(len(times))
    clock = np.log1p(times) if weighting == "log-time" else times
    half = np.diff(clock) / 2
    return np.append(half, 0) + np.insert(half, 0, 0)


def _slopes(clock: np.ndarray, logs: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Slope at each record, of least squares over records within `REACH` in log-time, at least its neighbours."""
    count = len(clock)
    index = np.arange(count)
    first = np.minimum(np.searchsorted(clock, clock - REACH), np.maximum(index - 1, 0))
    last = np.maximum(np.searchsorted(clock, clock + REACH, side="right"), np.minimum(index + 2, count))
    sums = [np.insert(np.cumsum(np.where(good, part, 0.0)), 0, 0.0) for part in _moments(clock, logs)]
    n, x, y, xx, xy = (one[last] - one[first] for one in sums)
    spread = n * xx - x * x
    whole = n == last - first
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole & (spread > 0), (n * xy - x * y) / spread, np.inf)


REACH = float(np.log(1.1))
"""Half of the stretch of log-time over which a slope is taken."""


def _moments(clock: np.ndarray, logs: np.ndarray) -> list[np.ndarray]:
    centred = clock - clock.mean(), logs - logs.mean()
    x, y = centred
    return [np.ones_like(x), x, y, x * x, x * y]


def _stretches(flat: np.ndarray) -> list[tuple[int, int]]:
    """First and last index of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flat, [False]]).astype(int)))
    return [(int(first), int(last) - 1) for first, last in edges.reshape(-1, 2)]
