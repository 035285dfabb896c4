"""What a run says in words: which frequencies were learned when, when to stop, how simple the network stayed."""

import dataclasses
from typing import Any

import numpy as np
import xarray as xr

from simplebias.core.errors import Outcome
from simplebias.core.run import Run
from simplebias.core.types import BAND, FILTER_WIDTH, FREQUENCY, PART, RECORD, SEED
from simplebias.frequency import convergence_step, peaks
from simplebias.observation.options import Options
from simplebias.observation.preparation import Prepared
from simplebias.observation.wording import number, percent, steps_with_spread, table

LEARNED, HOLD = 0.1, 10
"""Relative error below which, for so many records, a part of the target counts as learned."""
LINES, FAINTEST = 6, 0.01
"""How many peaks of the spectrum are told, and from which share of the highest on."""
NOTICEABLE = 0.005
"""Share of the target's power below which a band is not worth advice."""
LAZY, CONDENSED = 0.1, 1.0
"""Relative changes of the input weights that suggest the linear and the condensed regime."""


@dataclasses.dataclass(frozen=True)
class Findings:
    """The figures that the advice follows from.

    Args:
        learned: for each part of the target the step at which each seed learned it, NaN if not, `(parts, seeds)`.
        shares: of the target's power in each part; NaN where unknown.
        labels: of the parts.
        best_step: median over seeds of the step of lowest validation loss, NaN without validation.
        regret: median ratio of the last validation loss to the lowest.
        last_step: the last step recorded.
        effective: effective neurons at cosine similarity 0.95 in each layer, medians.
        widths: neurons in each layer.
        change: relative change of the input weights of each layer, medians.
    """

    learned: np.ndarray
    shares: np.ndarray
    labels: tuple[str, ...]
    best_step: float
    regret: float
    last_step: int
    effective: np.ndarray
    widths: np.ndarray
    change: np.ndarray


def summarise(run: Run, prepared: Prepared, options: Options) -> dict[str, Any]:
    """Headline, tables and one line of advice.

    Args:
        run: the run, finished or not.
        prepared: what was trained.
        options: with what.

    Returns:
        `title`, `headline`, `advice`, `notes` and `tables`, all plain data.

    No example: `observe` calls it, and keeps what it returns in `run.provenance["summary"]`.
    """
    found = _find(run.data, options)
    tables = [
        _parts_table(found, prepared),
        _lines_table(run.data, prepared),
        _stopping_table(found),
        *_neuron_tables(run.data, found),
    ]
    return {
        "title": f"{prepared.sample.name}: what {_network_words(options)} learned, and when",
        "headline": _headline(found, prepared),
        "advice": advise(found, run, options),
        "notes": [*prepared.notes, *_outcome_notes(run)],
        "tables": [each for each in tables if each is not None],
    }


def _network_words(options: Options) -> str:
    words = {"two-layer": "a two-layer network", "mlp": "an MLP", "resnet": "a residual MLP"}[options.network]
    layers = f"{options.depth} × " if options.network != "two-layer" else ""
    return f"{words} ({layers}{options.width} {options.activation} neurons)"


def _find(data: xr.Dataset, options: Options) -> Findings:
    """Read the figures off the data."""
    learned, shares, labels = _learned(data)
    best, regret = _best_step(data)
    last = int(data["step"].values[-1])
    neurons = (
        data["effective_neurons"].sel(threshold=0.95, method="nearest").isel({_record(data, "effective_neurons"): -1})
    )
    change = data["relative_change"].isel({_record(data, "relative_change"): -1})
    factor = 2 if options.antisymmetric else 1
    return Findings(
        learned, shares, labels, best, regret, last,
        np.asarray(neurons.median(SEED)), np.full(options.depth or 1, factor * (options.width or 1)),
        np.asarray(change.median(SEED)),
    )  # fmt: skip


def _record(data: xr.Dataset, name: str) -> str:
    return next(str(dim) for dim in data[name].dims if str(dim).startswith(RECORD))


def _learned(data: xr.Dataset) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Steps at which each part of the target was learned by each seed."""
    if "band_error" in data:
        errors = data["band_error"].transpose(RECORD, BAND, SEED)
        shares, labels = data["share"].values, tuple(map(str, data[BAND].values))
    else:
        errors = data["filter_error"].stack(piece=(FILTER_WIDTH, PART)).transpose(RECORD, "piece", SEED)
        kept = data["filter_share"].values
        shares = np.array([
            kept[i] if part == "low" else 1 - kept[i] for i in range(len(kept)) for part in ("low", "high")
        ])
        labels = tuple(f"{part} part, filter variance {width:.3g}" for width, part in errors["piece"].values)
    steps = convergence_step(errors.values, data["step"].values, threshold=LEARNED, hold=HOLD)
    return np.asarray(steps), np.asarray(shares), labels


def _best_step(data: xr.Dataset) -> tuple[float, float]:
    """Step of lowest validation loss and how much worse the end is, medians over seeds."""
    if "validation_loss" not in data:
        return float("nan"), float("nan")
    losses = data["validation_loss"].transpose(SEED, RECORD).values
    finite = np.where(np.isfinite(losses), losses, np.inf)
    best = finite.argmin(axis=1)
    lowest = finite[np.arange(len(finite)), best]
    regret = np.where(lowest > 0, finite[:, -1] / np.where(lowest > 0, lowest, 1), 1.0)
    return float(np.median(data["step"].values[best])), float(np.median(regret))


def spectral_stop(found: Findings) -> float:
    """The step by which every noticeable part that was ever learned had been learned by the median seed.

    Training beyond it only changes parts that carry little of the target or are never learned.

    Args:
        found: the figures.

    Returns:
        The step, NaN if nothing noticeable was learned.
    """
    medians = _medians(found.learned)
    wanted = np.isfinite(medians) & ~(found.shares < NOTICEABLE)
    return float(medians[wanted].max()) if wanted.any() else float("nan")


def _medians(learned: np.ndarray) -> np.ndarray:
    """Median step over seeds; NaN where half the seeds or more never learned it."""
    filled = np.where(np.isnan(learned), np.inf, learned)
    middle = np.median(filled, axis=1)
    return np.where(np.isfinite(middle), middle, np.nan)


def _parts_table(found: Findings, prepared: Prepared) -> dict[str, Any]:
    rows = []
    for label, share, steps in zip(found.labels, found.shares, found.learned, strict=True):
        if share < 1e-12:
            continue
        rows.append([label, percent(share), steps_with_spread(steps)])
    bands = prepared.points.shape[1] <= 2
    return table(
        "When each part of the target was learned",
        ["frequency band" if bands else "part", "share of power", "learned at step (median, range over seeds)"],
        rows,
        f"learned: relative error below {LEARNED:g} for {HOLD} records in a row",
    )


def _lines_table(data: xr.Dataset, prepared: Prepared) -> dict[str, Any] | None:
    """The strongest peaks of a 1-D target's spectrum and when each was learned; None where there is no spectrum."""
    if "target_spectrum" not in data:
        return None
    amplitude = np.sqrt((np.abs(data["target_spectrum"].values) ** 2).sum(axis=1))
    found = peaks(amplitude, minimum=FAINTEST)
    strongest = np.sort(found[np.argsort(amplitude[found])[::-1][:LINES]])
    if not len(strongest):
        return None
    errors = data["relative_error"].isel(frequency=strongest).transpose(RECORD, FREQUENCY, SEED)
    steps = np.asarray(convergence_step(errors.values, data["step"].values, threshold=LEARNED, hold=HOLD))
    unit = data[FREQUENCY].attrs.get("units", "")
    rows = [
        [f"{data[FREQUENCY].values[index]:.4g} {unit}", f"{2 * amplitude[index]:.3g}", steps_with_spread(step)]
        for index, step in zip(strongest, steps, strict=True)
    ]
    scale = "target std" if prepared.labels is None else "one"
    return table(
        "The strongest lines of the spectrum", ["frequency", "amplitude", "learned at step"], rows,
        f"peaks of the target's spectrum; amplitude of the sine wave in units of {scale}",
    )  # fmt: skip


def _stopping_table(found: Findings) -> dict[str, Any]:
    rows = []
    if np.isfinite(found.best_step):
        after = "the last record" if found.best_step >= found.last_step else f"step {number(found.best_step)}"
        rows.append(["lowest validation loss", after, f"the end is {found.regret:.2f} times as high"])
    stop = spectral_stop(found)
    where = f"step {number(stop)}" if np.isfinite(stop) else "not reached"
    rows.append(["by spectrum", where, "all parts that were ever learned, and carry power, had been learned"])
    return table("When to stop", ["criterion", "best step", "meaning"], rows, "medians over seeds")


def _neuron_tables(data: xr.Dataset, found: Findings) -> list[dict[str, Any]]:
    effective = data["effective_neurons"].isel({_record(data, "effective_neurons"): -1}).median(SEED)
    thresholds = [f"{value:g}" for value in effective["threshold"].values]
    rows = [
        [f"layer {layer + 1}", str(int(width)), *[f"{value:.0f}" for value in curve]]
        for layer, (width, curve) in enumerate(zip(found.widths, effective.values, strict=True))
    ]
    curve = table(
        "Effective neurons at the end, by cosine similarity above which neurons count as one",
        ["layer", "neurons", *thresholds], rows, "median over seeds; input weights and bias of each neuron",
    )  # fmt: skip
    moved = [[f"layer {i + 1}", f"{value:.3g}", regime(value)] for i, value in enumerate(found.change)]
    change = table(
        "How far the input weights moved", ["layer", "relative change", "suggests"], moved,
        "one width alone never proves a regime: the diagram is defined by how the change scales with width",
    )  # fmt: skip
    return [curve, change]


def regime(change: float) -> str:
    """The regime that a relative change of the input weights suggests.

    Args:
        change: `‖W - W₀‖ / ‖W₀‖`.

    Returns:
        Words.

    References:
        The phase diagram of arXiv:2007.07497, where the regimes are limits of infinite width.

    Example:
        >>> regime(0.01)
        'linear (lazy) regime: weights hardly moved'
    """
    if not np.isfinite(change):
        return "unknown"
    if change < LAZY:
        return "linear (lazy) regime: weights hardly moved"
    if change < CONDENSED:
        return "between the linear and the condensed regime"
    return "condensed regime: weights moved by more than their size"


def _headline(found: Findings, prepared: Prepared) -> str:
    medians = _medians(found.learned)
    carried = found.shares >= NOTICEABLE
    learned, missing = carried & np.isfinite(medians), carried & ~np.isfinite(medians)
    if prepared.points.shape[1] > 2:
        count = int(learned.sum())
        return f"{count} of {int(carried.sum())} parts of the target learned after {number(found.last_step)} steps."
    if not learned.any():
        return f"No frequency band was learned to a relative error of {LEARNED:g} in {number(found.last_step)} steps."
    order = np.flatnonzero(learned)
    first, last = order[np.argmin(medians[order])], order[np.argmax(medians[order])]
    text = f"{found.labels[first]} was learned first, at step {number(float(medians[first]))}"
    if last != first:
        text += f"; {found.labels[last]} last, at step {number(float(medians[last]))}"
    if missing.any():
        text += f"; {percent(found.shares[missing].sum())} of the power, in higher frequencies, is still unlearned"
    return f"{text}."


def advise(found: Findings, run: Run, options: Options) -> str:
    """One line of advice that follows from the figures.

    Args:
        found: the figures.
        run: for its outcome.
        options: with what it was trained.

    Returns:
        A sentence or two.
    """
    outcomes = np.atleast_1d(run.data["outcome"].values) if "outcome" in run.data else np.array([0])
    if (outcomes == int(Outcome.DIVERGED)).any():
        return (
            f"{int((outcomes == int(Outcome.DIVERGED)).sum())} of {len(outcomes)} members diverged: {Outcome.DIVERGED}."
        )
    medians = _medians(found.learned)
    missing = (found.shares >= NOTICEABLE) & ~np.isfinite(medians)
    if found.regret > 1.1 and found.best_step < 0.8 * found.last_step:
        return (
            f"Stop near step {number(found.best_step)}: after it the validation loss rises to {found.regret:.1f} times "
            "its lowest, while only the trained points are fitted better."
        )
    if missing.any():
        return _advise_missing(found, missing, medians, options)
    return _advise_simple(found)


def _advise_missing(found: Findings, missing: np.ndarray, medians: np.ndarray, options: Options) -> str:
    labels = [found.labels[i] for i in np.flatnonzero(missing)]
    lead = f"{percent(found.shares[missing].sum())} of the target's power is unlearned ({', '.join(labels[:3])}"
    lead += f" and {len(labels) - 3} more): " if len(labels) > 3 else "): "
    known = medians[np.isfinite(medians)]
    slow = len(known) and known.max() > 0.3 * found.last_step
    way = "train longer, as the last band was learned late; or " if slow else ""
    return f"{lead}{way}widen the inputs (input scale, now {options.input_scale:g}) or use a multi-scale network."


def _advise_simple(found: Findings) -> str:
    stop = spectral_stop(found)
    few = np.flatnonzero(found.effective <= found.widths / 4)
    when = (
        f"All noticeable parts were learned by step {number(stop)}; more steps are not needed. " if stop == stop else ""
    )
    if len(few):
        layer = few[0]
        return (
            f"{when}Layer {layer + 1} acts like {found.effective[layer]:.0f} neurons instead of "
            f"{int(found.widths[layer])} (cosine similarity 0.95): a much narrower one would do."
        )
    if (found.change < LAZY).all():
        return f"{when}The weights hardly moved: for a simpler network start from a smaller initial scale."
    return f"{when}The network uses its width; nothing to change."


def _outcome_notes(run: Run) -> list[str]:
    if "outcome" not in run.data:
        return []
    notes = []
    for seed, value, step in zip(
        np.atleast_1d(run.data[SEED].values), np.atleast_1d(run.data["outcome"].values),
        np.atleast_1d(run.data["diverged_at"].values), strict=True,
    ):  # fmt: skip
        if int(value) == int(Outcome.DIVERGED):
            notes.append(f"seed {int(seed)} diverged at step {number(int(step))}: {Outcome.DIVERGED}")
    if run.outcome is Outcome.INTERRUPTED:
        notes.append(f"interrupted at step {number(run.step)}")
    return notes
