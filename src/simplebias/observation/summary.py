"""What a run says in words: which frequencies were learned when, when to stop, how simple the network stayed."""

from typing import Any

import numpy as np

from simplebias.core.errors import Outcome
from simplebias.core.run import Run
from simplebias.core.types import LAYER, SEED
from simplebias.observation.findings import (
    LEARNED,
    NOTICEABLE,
    Findings,
    find,
    medians_over_seeds,
    record_dimension,
    spectral_stop,
)
from simplebias.observation.instruments import can_show_wavelets
from simplebias.observation.options import Options
from simplebias.observation.preparation import Prepared
from simplebias.observation.tables import (
    LAZY,
    fit_table,
    lines_table,
    neuron_tables,
    parts_table,
    reduction_table,
    reduction_words,
    stopping_table,
)
from simplebias.observation.wording import number, percent

EASY = 4.0
"""Angular frequency, in units of the scaled inputs, that a network of sines learns easily."""
LATE = 0.3
"""Share of the training after which a band counts as learned late."""
OVERFIT, REGRET = 1.2, 1.02
"""Last validation loss over the lowest, from which on to advise to stop earlier, and from which on to mention it."""


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
    found = find(run.data, options)
    tables = [
        parts_table(found, prepared),
        lines_table(run.data, prepared),
        fit_table(run.data),
        stopping_table(found),
        *neuron_tables(run.data, found),
        reduction_table(found),
    ]
    return {
        "title": f"{prepared.sample.name}: what {_network_words(options)} learned, and when",
        "headline": " ".join(words for words in (headline(found, prepared), reduction_words(found)) if words),
        "advice": advise(found, run, options),
        "notes": [*prepared.notes, *_depth_notes(run), *_view_notes(run, prepared), *_outcome_notes(run)],
        "tables": [each for each in tables if each is not None],
    }


def _network_words(options: Options) -> str:
    words = {"two-layer": "a two-layer network", "mlp": "an MLP", "resnet": "a residual MLP"}.get(
        options.network, "a multi-scale network"
    )
    layers = f"{options.depth} × " if options.network != "two-layer" else ""
    return f"{words} ({layers}{options.width} {options.activation} neurons)"


def headline(found: Findings, prepared: Prepared) -> str:
    """Which part of the target was learned first and which last, in a sentence or two."""
    medians = medians_over_seeds(found.learned)
    carried = found.shares >= NOTICEABLE
    learned, missing = carried & np.isfinite(medians), carried & ~np.isfinite(medians)
    if not found.bands:
        return _filter_headline(found, medians)
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


def _filter_headline(found: Findings, medians: np.ndarray) -> str:
    """In many dimensions: the low against the high part at the middle filter width."""
    middle = 2 * (len(medians) // 4)
    low, high = (
        f"at step {number(float(m))}" if np.isfinite(m) else "not at all" for m in medians[middle : middle + 2]
    )
    return (
        f"The low-frequency part was fitted better than the high-frequency part in {percent(found.ahead)} of the "
        f"records; at the middle filter width it was learned {low}, the high-frequency part {high}."
    )


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
    medians = medians_over_seeds(found.learned)
    missing = (found.shares >= NOTICEABLE) & ~np.isfinite(medians)
    if words := advise_stopping(found):
        return words
    if found.noise is not None and (words := advise_noise(found, missing)):
        return words
    if missing.any() and found.bands:
        return _advise_missing(found, missing, medians, options)
    return _advise_simple(found)


def advise_stopping(found: Findings) -> str:
    """Advice to stop earlier where new points are fitted worse and worse, else empty."""
    if found.regret > OVERFIT and found.best_step < 0.8 * found.last_step:
        return (
            f"Stop near step {number(found.best_step)}: after it the validation loss rises to {found.regret:.1f} times "
            "its lowest, while only the trained points are fitted better."
        )
    return ""


def advise_noise(found: Findings, missing: np.ndarray) -> str:
    """Advice for noisy data, empty if noise has not been learned and is not all that is left to learn."""
    noise = found.noise
    assert noise is not None
    if not noise.signal:
        return "The data look like noise alone: there is nothing to learn."
    if noise.regret > OVERFIT and noise.step < 0.8 * found.last_step:
        return (
            f"Stop near step {number(noise.step)}: after it the network learns the noise of the data, and the error "
            f"estimated from their spectrum rises to {noise.regret:.1f} times its lowest."
        )
    share, left = float(np.mean(noise.std**2)), float(found.shares[missing].sum())
    if missing.any() and left <= 1.2 * share:
        return (
            f"What is not learned, {percent(left)} of the power, is no more than the noise in the data, "
            f"{percent(share)}: training longer would learn noise."
        )
    return ""


def _advise_missing(found: Findings, missing: np.ndarray, medians: np.ndarray, options: Options) -> str:
    labels = [found.labels[i] for i in np.flatnonzero(missing)]
    lead = f"{percent(found.shares[missing].sum())} of the target's power is unlearned ({', '.join(labels[:3])}"
    lead += f" and {len(labels) - 3} more): " if len(labels) > 3 else "): "
    known = medians[np.isfinite(medians)]
    slow = len(known) and known.max() > LATE * found.last_step
    longer = "train longer, as the last band was learned late, or " if slow else ""
    scale = input_scale_for(found.cycles[np.argmax(np.where(missing, found.shares, 0))])
    if scale <= 1.2 * options.input_scale and options.activation != "sin":
        return f"{lead}train longer, or with a wider network: nothing in the data asks for another one."
    if options.network == "multiscale":
        if not isinstance(options.scales, tuple):
            return f"{lead}{longer}let scales come from the data (--scales auto)."
        if max(options.scales) < 0.8 * scale:
            return f"{lead}{longer}give the network a scale of {scale:.2g} as well (--scales)."
        return f"{lead}{longer or 'train longer, or '}widen the network."
    if options.activation == "sin" and options.input_scale >= 0.8 * scale:
        return f"{lead}{longer or 'train longer, '}widen the network, or use a multi-scale network."
    return f"{lead}{longer}give high frequencies a chance by activation sin with input scale {scale:.2g}."


def input_scale_for(cycles: float) -> float:
    """The input scale at which a wave becomes as slow, in units of the scaled inputs, as sine networks learn easily.

    Args:
        cycles: how many periods of the wave the data hold.

    Returns:
        Half the range to scale inputs to, so that the wave's angular frequency is 4, but at least 1. The 4 is ours:
        measured on the shipped CO2 record and photograph.

    Example:
        >>> round(input_scale_for(43.6), 1)
        34.2
    """
    return max(1.0, np.pi * cycles / EASY)


def _advise_simple(found: Findings) -> str:
    stop = spectral_stop(found)
    few = np.flatnonzero(found.effective <= found.effective_before / 4)
    parts = "All noticeable bands" if found.bands else "The low-frequency parts"
    when = f"{parts} were learned by step {number(stop)}. " if stop == stop else ""
    if len(few):
        layer = few[0]
        return (
            f"{when}Layer {layer + 1} acts like {found.effective[layer]:.0f} neurons instead of "
            f"{int(found.widths[layer])} (cosine similarity 0.95): a much narrower one would do."
        )
    if (found.change < LAZY).all():
        return f"{when}The weights hardly moved: for a simpler network start from a smaller initial scale."
    if found.regret > REGRET:
        return f"{when}Validation is best near step {number(found.best_step)}; later steps gain nothing on new points."
    return f"{when}The network uses its width, and validation does not suffer: nothing to change."


def _view_notes(run: Run, prepared: Prepared) -> list[str]:
    """How to get a view that the data would allow."""
    if "wavelet" in run.data or not can_show_wavelets(prepared):
        return []
    return ['which frequency sits where is drawn too once PyWavelets is there: pip install "simplebias[wavelets]"']


def _depth_notes(run: Run) -> list[str]:
    """How low the target's frequencies are for the layers above the first and above the last, before and after."""
    if "half_cutoff" not in run.data:
        return []
    half = run.data["half_cutoff"]
    middle = half.median(SEED).transpose(record_dimension(run.data, "half_cutoff"), LAYER).values[[0, -1]][:, [0, -1]]
    if not (np.isfinite(middle) & (middle > 0)).all():
        return []
    words = ", ".join(f"{first:.3g} → {last:.3g}" for first, last in middle)
    before, after = middle[:, 1] / middle[:, 0]
    verdict = "deeper layers face lower frequencies" if after < 1 else "deeper layers do not face lower frequencies"
    change = f"a factor of {after:.2g}, before training {before:.2g}"
    return [
        f"cutoff that keeps half of the target, features of the first hidden layer → the last, before and after "
        f"training: {words}; {verdict} ({change}; the size of features counts)"
    ]


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
