"""The tables of a summary, as plain data for the terminal and the page."""

from typing import Any

import numpy as np
import xarray as xr

from simplebias.core.types import FREQUENCY, RECORD, SEED
from simplebias.frequency import convergence_step, peaks
from simplebias.observation.findings import HOLD, LEARNED, Findings, record_dimension, spectral_stop
from simplebias.observation.preparation import Prepared
from simplebias.observation.wording import number, percent, steps_with_spread, table

LINES, FAINTEST = 6, 0.01
"""How many peaks of the spectrum are told, and from which share of the highest on."""
LAZY, CONDENSED = 0.1, 1.0
"""Relative changes of the input weights that suggest the linear and the condensed regime."""
BUDGETS = (0.001, 0.01, 0.1)
"""Changes of the output at which the number of neurons is told."""
SMALLER = 2.0
"""Times fewer neurons, at a change of 0.01, from which a network is called condensed."""
GATHERED = 0.5
"""Effective neurons at the end over those before, at cosine similarity 0.95, up to which a layer has gathered."""


def parts_table(found: Findings, prepared: Prepared) -> dict[str, Any]:
    """Bands, or low and high parts, with their share of power and when each was learned."""
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


def lines_table(data: xr.Dataset, prepared: Prepared) -> dict[str, Any] | None:
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


def fit_table(data: xr.Dataset) -> dict[str, Any]:
    """Losses and accuracies before and after."""
    rows = []
    for name in ("loss", "validation_loss", "accuracy", "validation_accuracy"):
        if name in data:
            values = data[name].transpose(SEED, RECORD).values
            start, end = np.median(values[:, 0]), np.median(values[:, -1])
            spread = f" ({values[:, -1].min():.3g}–{values[:, -1].max():.3g})" if len(values) > 1 else ""
            rows.append([data[name].attrs["long_name"], f"{start:.3g}", f"{end:.3g}{spread}"])
    return table("The fit", ["", "before", "after (range over seeds)"], rows, "medians over seeds")


def stopping_table(found: Findings) -> dict[str, Any]:
    """The best step to stop at, by validation loss and by spectrum."""
    rows = []
    if np.isfinite(found.best_step):
        after = "the last record" if found.best_step >= found.last_step else f"step {number(found.best_step)}"
        rows.append(["lowest validation loss", after, f"the end is {found.regret:.2f} times as high"])
    if found.noise is not None:
        rows.append(_noise_row(found))
    stop = spectral_stop(found)
    where = f"step {number(stop)}" if np.isfinite(stop) else "not reached"
    rows.append(["by order of bands", where, "all parts that were ever learned, and carry power, had been learned"])
    return table("When to stop", ["criterion", "best step", "meaning"], rows, "medians over seeds")


def _noise_row(found: Findings) -> list[str]:
    """The step proposed from the noise floor of the data."""
    noise = found.noise
    assert noise is not None
    if not noise.signal:
        return ["by spectrum (noise floor)", "step 0", "the data look like noise alone"]
    after = "the last record" if noise.step >= found.last_step else f"step {number(noise.step)}"
    stds = " and ".join(f"{std:.2g}" for std in noise.std[noise.std > 0])
    words = f"noise of {stds} times the target's std; the end's estimated error is {noise.regret:.2f} times as high"
    return ["by spectrum (noise floor)", after, words]


def neuron_tables(data: xr.Dataset, found: Findings) -> list[dict[str, Any]]:
    """Effective neurons over thresholds, and how far the weights moved."""
    effective = data["effective_neurons"].isel({record_dimension(data, "effective_neurons"): -1}).median(SEED)
    thresholds = [f"{value:g}" for value in effective["threshold"].values]
    rows = [
        [f"layer {layer + 1}", str(int(width)), *[f"{value:.0f}" for value in curve]]
        for layer, (width, curve) in enumerate(zip(found.widths, effective.values, strict=True))
    ]
    curve = table(
        "Effective neurons at the end, by cosine similarity above which neurons count as one",
        ["layer", "neurons", *thresholds], rows, "median over seeds; input weights and bias of each neuron",
    )  # fmt: skip
    gathered = found.effective / found.effective_before
    moved = [
        [f"layer {i + 1}", f"{value:.3g}", regime(value, share)]
        for i, (value, share) in enumerate(zip(found.change, gathered, strict=True))
    ]
    change = table(
        "How far the input weights moved", ["layer", "relative change", "suggests"], moved,
        "one width alone never proves a regime: the diagram is defined by how the change scales with width",
    )  # fmt: skip
    return [curve, change]


def reduction_table(found: Findings) -> dict[str, Any] | None:
    """How many neurons are enough for a change of the output of so much; None where it was not looked at."""
    sizes, changes = found.curve
    if not len(sizes):
        return None
    total = int(found.widths.sum())
    rows = []
    for change in BUDGETS:
        enough = sizes[changes <= change]
        if len(enough):
            rows.append([percent(change), f"{enough.min()} of {total}", f"{total / max(enough.min(), 1):.1f} times"])
    note = "like neurons merged, those that say nothing dropped; medians over seeds; see simplebias reduce"
    return table("How small the network can be", ["output change", "neurons", "fewer by"], rows, note)


def reduction_words(found: Findings) -> str:
    """How many neurons can go, in a sentence; empty where it was not looked at."""
    if not np.isfinite(found.left):
        return ""
    total, left = int(found.widths.sum()), round(found.left)
    if left <= total / SMALLER:
        return f"Condensed: {total - left} of {total} neurons can go at 1 % output change."
    return f"Not condensed: only {total - left} of {total} neurons can go at 1 % output change."


def regime(change: float, effective: float) -> str:
    """The regime that a relative change of the input weights suggests.

    Args:
        change: `‖W - W₀‖ / ‖W₀‖`.
        effective: effective neurons at the end over those before training.

    Returns:
        Words.

    References:
        The phase diagram of arXiv:2007.07497, where the regimes are limits of infinite width.

    Example:
        >>> regime(0.01, 1.0)
        'linear (lazy) regime: weights hardly moved'
    """
    if not np.isfinite(change):
        return "unknown"
    if change < LAZY:
        return "linear (lazy) regime: weights hardly moved"
    if change < CONDENSED:
        return "between the linear and the condensed regime"
    if effective <= GATHERED:
        return "condensed regime: weights moved by more than their size and gathered"
    return "non-linear regime: weights moved by more than their size, but did not gather"
