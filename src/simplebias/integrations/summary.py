"""What a watched training says in words: which parts of the target were learned when, how each layer's neurons are."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from simplebias.core.errors import Outcome
from simplebias.core.run import Run
from simplebias.frequency import suggest_scales
from simplebias.integrations.layers import Layer
from simplebias.integrations.probes import Probes
from simplebias.networks import activation
from simplebias.observation.findings import NOTICEABLE, Findings, find, medians_over_seeds, record_dimension
from simplebias.observation.gathering import histories
from simplebias.observation.options import Options
from simplebias.observation.summary import advise_noise, advise_stopping, headline, input_scale_for
from simplebias.observation.tables import fit_table, lines_table, parts_table, regime, stopping_table
from simplebias.observation.wording import number, percent, table

GATHERED = 4
"""Times fewer effective neurons than before from which on a layer is worth advice."""


def summarise_watch(
    run: Run, probes: Probes, layers: Sequence[Layer], widths: Sequence[int], drawn: str, notes: Sequence[str]
) -> tuple[dict[str, Any], xr.Dataset]:
    """Headline, tables and one line of advice for a watched model, and what is found once it is over.

    Args:
        run: with its data.
        probes: what was looked at.
        layers: of the model.
        widths: neurons of each.
        drawn: name of the layer whose neurons are drawn one by one.
        notes: more to be said.

    Returns:
        `title`, `headline`, `advice`, `notes` and `tables` as plain data; labelled data to be kept in the run.
    """
    data, prepared = run.data, probes.prepared
    after = next(layer.activation for layer in layers if layer.name == drawn)
    absolute = bool(after) and activation(after).parity is not None
    more = histories(data, absolute=absolute, layer=f"layer {drawn}")
    found = dataclasses.replace(find(data, Options(width=1, depth=1)), widths=np.asarray(widths))
    tables = [
        parts_table(found, prepared),
        lines_table(data, prepared),
        fit_table(data),
        stopping_table(found),
        _layers_table(data, layers, widths),
    ]
    title = f"{prepared.sample.name}: what it learned, and when"
    how = [f"interrupted at step {number(run.step)}"] if run.outcome is Outcome.INTERRUPTED else []
    return {
        "title": title,
        "headline": headline(found, prepared),
        "advice": _advise(found, run, probes, layers),
        "notes": [*prepared.notes, *notes, *how],
        "tables": [one for one in tables if one is not None],
    }, more


def _layers_table(data: xr.Dataset, layers: Sequence[Layer], widths: Sequence[int]) -> dict[str, Any]:
    """For each layer its neurons, how many they act like before and after, and how far its weights moved."""
    effective = data["effective_neurons"].sel(threshold=0.95, method="nearest").isel(seed=0)
    change = data["relative_change"].isel(seed=0)
    dims = record_dimension(data, "effective_neurons"), record_dimension(data, "relative_change")
    before, after = (effective.isel({dims[0]: place}).values for place in (0, -1))
    moved = change.isel({dims[1]: -1}).values
    words = [regime(float(far), float(two / max(one, 1))) for one, two, far in zip(before, after, moved, strict=True)]
    rows = [
        [layer.name, number(width), f"{one:.0f}", f"{two:.0f}", f"{far:.3g}", said]
        for layer, width, one, two, far, said in zip(layers, widths, before, after, moved, words, strict=True)
    ]
    return table(
        "Neurons of each layer",
        ["layer", "neurons", "effective before", "effective after", "relative change", "suggests"],
        rows,
        "effective: representatives that cover all others within a cosine similarity of 0.95; one width alone never "
        "proves a regime",
    )


def _advise(found: Findings, run: Run, probes: Probes, layers: Sequence[Layer]) -> str:
    """One line that follows from the figures."""
    if run.outcome is Outcome.DIVERGED:
        return f"The training diverged: {Outcome.DIVERGED}."
    missing = (found.shares >= NOTICEABLE) & ~np.isfinite(medians_over_seeds(found.learned))
    if words := advise_stopping(found):
        return words
    if found.noise is not None and (words := advise_noise(found, missing)):
        return words
    if missing.any() and found.bands:
        return _advise_missing(found, missing, probes)
    few = np.flatnonzero(found.effective <= found.effective_before / GATHERED)
    if len(few):
        layer = few[np.argmax(found.widths[few])]
        return (
            f"Layer {layers[layer].name} acts like {found.effective[layer]:.0f} neurons instead of "
            f"{int(found.widths[layer])} (cosine similarity 0.95): a much narrower one would do."
        )
    if missing.any():
        return "Parts of the target are not learned yet: train longer."
    return "The model uses its neurons, and validation does not suffer: nothing to change."


def _advise_missing(found: Findings, missing: np.ndarray, probes: Probes) -> str:
    """What helps with bands that were not learned."""
    share = percent(float(found.shares[missing].sum()))
    names = [found.labels[place] for place in np.flatnonzero(missing)[:3]]
    lead = f"{share} of the target's power is unlearned ({', '.join(names)}): "
    if input_scale_for(found.cycles[np.argmax(np.where(missing, found.shares, 0))]) <= 1.2:
        return f"{lead}train longer, or with a wider model: nothing in the data asks for another one."
    sample = probes.prepared.sample
    scales = suggest_scales(sample.points, probes.prepared.targets).scales
    return (
        f"{lead}give high frequencies a chance by simplebias.torch.MultiScale(…, scales="
        f"({', '.join(f'{one:g}' for one in scales)})), or by FourierFeatures before the model."
    )
