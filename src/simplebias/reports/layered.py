"""Curves over the cutoff of a filter on the features of each layer: before training and at the end, side by side."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from simplebias.core.types import CUTOFF, LAYER
from simplebias.reports.curves import value_axis
from simplebias.reports.kinds import Figure, draws
from simplebias.reports.reading import Reading, Variable, median
from simplebias.reports.style import DASHES, label, layout, log_axis, number, ordered, panel_title, panels, span, thin

LINES = 8
"""Layers drawn."""


@draws(LAYER, CUTOFF, section="Frequencies", place=60)
def by_cutoff(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """One line for each layer over the cutoff, before training and at the end."""
    return [_figure(variable) for variable in variables]


def _figure(variable: Variable) -> Figure:
    values = np.moveaxis(variable.values, 2 + variable.dims.index(LAYER), 2)
    cutoffs, names = np.asarray(variable.coordinate(CUTOFF), float), variable.names(LAYER)
    records = sorted({0, variable.last})
    places, stacked = panels(len(records), len(records), gap=0.06), panels(len(records), 1, rise=0.14)
    shape: dict[str, Any] = layout(400, margin={"l": 64, "r": 16, "t": 64, "b": 52})
    narrow: dict[str, Any] = {"height": 320 * len(records)}
    data, notes = [], []
    for index, record in enumerate(records):
        suffix, step = "" if index == 0 else str(index + 1), variable.steps[record]
        when = "before training" if step == 0 else f"step {step}"
        middle = median(values[:, record])
        data += _lines(middle, names, cutoffs, suffix, legend=index == 0)
        across = log_axis("cutoff k₀", range=span(cutoffs, log=True), dtick=1)
        shape[f"xaxis{suffix}"] = across | {"domain": places[index]["x"], "anchor": f"y{suffix}"}
        shared = {} if index == 0 else {"matches": "y", "showticklabels": False, "title": {"text": ""}}
        upwards = value_axis(values, variable.label, log=False) | {"domain": places[index]["y"]}
        shape[f"yaxis{suffix}"] = upwards | {"anchor": f"x{suffix}"} | shared
        shape["annotations"] = [*shape.get("annotations", []), panel_title(label(when), index)]
        narrow |= {f"xaxis{suffix}.domain": stacked[index]["x"], f"yaxis{suffix}.domain": stacked[index]["y"]}
        narrow |= {f"yaxis{suffix}.showticklabels": True}
        notes.append(f"{when}: {_in_words(middle, names, cutoffs)}")
    shape |= {"legend": {"y": 1.09}, "meta": {"narrow": narrow}}
    caption = [variable.description, "Further left: of lower frequency, easier for the layers above."]
    caption += [f"Median over {len(values)} seeds."] if len(values) > 1 else []
    words = f"Curves over the cutoff of a filter, one for each layer. {'. '.join(notes)}."
    title = variable.title[:1].upper() + variable.title[1:] + " of each layer"
    text = " ".join(part for part in caption if part)
    return Figure(title, {"data": data, "layout": shape}, words, text, variable.references)


def _lines(
    middle: np.ndarray, names: Sequence[str], cutoffs: np.ndarray, suffix: str, *, legend: bool
) -> list[dict[str, Any]]:
    chosen = thin(len(names), LINES)
    shown = {"hovertemplate": "%{fullData.name}<br>cutoff %{x:.3g}: %{y:.3f}<extra></extra>"}
    return [
        {"type": "scatter", "mode": "lines", "x": cutoffs, "y": middle[index], "name": f"layer {names[index]}"}
        | {"line": {"color": colour, "dash": DASHES[rank % len(DASHES)], "width": 2.2}, "showlegend": legend}
        | {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}", "legendgroup": names[index]}
        | shown
        for rank, (index, colour) in enumerate(zip(chosen, ordered(len(chosen)), strict=True))
    ]


def _in_words(middle: np.ndarray, names: Sequence[str], cutoffs: np.ndarray) -> str:
    parts = []
    for index in thin(len(names), LINES):
        above = np.flatnonzero(middle[index] >= 0.5)
        reached = f"one half by cutoff {number(float(cutoffs[above[0]]))}" if len(above) else "never one half"
        parts.append(f"layer {names[index]} reaches {reached}")
    return ", ".join(parts)
