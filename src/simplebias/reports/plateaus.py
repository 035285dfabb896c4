"""The ladder of plateaus: loss curves of many widths with the levels of small networks, and the spectrum of losses."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from simplebias.reports.curves import Curve, curve_panels, step_places, value_axis
from simplebias.reports.kinds import Figure, draws
from simplebias.reports.reading import Reading, Variable, median
from simplebias.reports.style import INK, LEARNED, MUTED, axis, colour_bar, label, layout, number, ordered, thin, turned

WIDTH, LEVEL, LOSS_BIN = "width", "level", "log_loss"
CURVES = 9
"""Widths drawn as curves."""
FAINT_SHARE = 1e-4
"""Share of time below which a loss is drawn as not visited."""


@draws(WIDTH, section="Loss", place=8)
def ladder(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """Curves over training, one colour for each width, and the levels that the attribute `levels` names."""
    figures = []
    for variable in variables:
        chosen = thin(variable.values.shape[-1], CURVES)
        names, colours = variable.names(WIDTH), ordered(len(chosen))
        curves = [
            Curve(f"width {names[index]}", variable.values[..., index], variable.steps, colour)
            for index, colour in zip(chosen, colours, strict=True)
        ]
        logarithmic = variable.array.attrs.get("scale") == "log"
        y = value_axis(variable.values, variable.label, log=logarithmic)
        title = f"{variable.title[:1].upper()}{variable.title[1:]} of networks of different widths"
        figure = curve_panels([("", curves)], y, title=title, variable=variable)
        section = str(variable.array.attrs.get("section", ""))
        figures.append(dataclasses.replace(_with_levels(figure, reading, variable), section=section))
    return figures


def _with_levels(figure: Figure, reading: Reading, variable: Variable) -> Figure:
    """The figure with a broken line at each level of a small network, named at its left end."""
    levels = reading.constant(variable.array.attrs.get("levels"), LEVEL)
    if levels is None:
        return figure
    names = [str(name) for name in reading.data[LEVEL].values]
    places = step_places(variable.steps)
    line = {"color": INK, "dash": "dot", "width": 1}
    traces: list[dict[str, Any]] = []
    for name, level in zip(names, levels, strict=True):
        ends = {"x": [float(places.min()), float(places.max())], "y": [float(level)] * 2}
        text = {"text": [label(name), ""], "textposition": "top right", "textfont": {"color": MUTED, "size": 11}}
        common = {"type": "scatter", "mode": "lines+text", "showlegend": False, "hoverinfo": "skip"}
        traces.append(common | ends | text | {"line": line})
    plotly = figure.plotly | {"data": [*figure.plotly["data"], *traces]}
    said = ", ".join(f"{name} at {number(float(level))}" for name, level in zip(names, levels, strict=True))
    caption = f"{figure.caption} Dotted: {said}."
    return dataclasses.replace(figure, plotly=plotly, caption=caption)


@draws(WIDTH, LOSS_BIN, section="Loss", place=9, plain=True)
def loss_spectra(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """How long networks of each width stay at each loss: a column for each width, dark where they stay long."""
    return [_spectra(variable) for variable in variables]


def _spectra(variable: Variable) -> Figure:
    share = median(variable.values[:, 0])
    across = share.T if variable.dims.index(WIDTH) == 0 else share
    levels = variable.coordinate(LOSS_BIN).astype(float)
    with np.errstate(divide="ignore"):
        seen = np.where(across >= FAINT_SHARE, np.log10(across), np.nan)
    ticks = {"tickvals": [-4, -3, -2, -1, 0], "ticktext": ["10⁻⁴", "10⁻³", "0.01", "0.1", "1"]}
    trace = {
        "type": "heatmap", "x": variable.names(WIDTH), "y": levels, "z": seen, "zmin": -4, "zmax": 0, "name": "",
        "colorscale": turned(LEARNED), "colorbar": colour_bar(variable.label, **ticks),
        "customdata": across, "showlegend": False, "xgap": 2,
        "hovertemplate": "width %{x}, log10 loss %{y:.2f}<br>share of log-time %{customdata:.3f}<extra></extra>",
    }  # fmt: skip
    shape = layout(
        420,
        xaxis=axis("width", type="category", showgrid=False),
        yaxis=axis("log10 of the loss", showgrid=False),
        margin={"l": 64, "r": 16, "t": 44, "b": 52},
    )
    strongest = ", ".join(f"{level:.2f}" for level in sorted(levels[_peaks(across.sum(axis=1))], reverse=True))
    words = f"{variable.title} over width and loss; most time is spent at log10 loss {strongest}."
    return Figure("Loss spectrum", {"data": [trace], "layout": shape}, words, variable.description, variable.references)


def _peaks(total: np.ndarray, count: int = 4) -> list[int]:
    """The strongest bins, none next to another."""
    found: list[int] = []
    for index in np.argsort(total)[::-1]:
        if total[index] > 0 and all(abs(index - other) > len(total) // 40 for other in found):
            found.append(int(index))
        if len(found) == count:
            break
    return found
