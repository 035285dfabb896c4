"""Curves over training: an axis of steps that has a place for step 0, medians with faint seeds, panels side by side."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from simplebias.reports.kinds import Figure
from simplebias.reports.reading import Variable, median
from simplebias.reports.style import (
    NETWORK,
    axis,
    label,
    layout,
    log_axis,
    number,
    panel_title,
    panels,
    span,
    thin,
)

FAINT = 10
"""Seeds drawn as faint curves."""


@dataclasses.dataclass(frozen=True)
class Curve:
    """One quantity over training.

    Args:
        name: plain text.
        values: `(seeds, records)`.
        steps: of the records.
        colour: hexadecimal.
        dash: of the line.
    """

    name: str
    values: np.ndarray
    steps: np.ndarray
    colour: str = NETWORK
    dash: str = "solid"


def step_places(steps: np.ndarray) -> np.ndarray:
    """Where steps stand on a logarithmic axis: as they are, step 0 a little before the first other step.

    Returns:
        Positions on the axis, positive.

    Example:
        >>> step_places(np.array([0, 1, 10]))
        array([ 0.4,  1. , 10. ])
    """
    places = np.asarray(steps, float)
    positive = places[places > 0]
    return np.where(places > 0, places, 0.4 * (positive.min() if positive.size else 1.0))


def step_axis(steps: np.ndarray, title: str = "training step", **changes: Any) -> dict[str, Any]:
    """A logarithmic axis of steps on which step 0 has a place and a tick of its own.

    Returns:
        The axis for a layout.

    Example:
        >>> step_axis(np.array([0, 1, 10, 100]))["ticktext"]
        ['0', '1', '10', '100']
    """
    places = step_places(steps)
    low, high = np.log10(places.min()), np.log10(places.max())
    margin = 0.02 * (high - low) or 0.5
    factors = (1, 2, 5) if high - low < 2 else (1,)
    decades = range(int(np.floor(low)), int(np.ceil(high)) + 1)
    ticks = [factor * 10**decade for decade in decades if decade >= 0 for factor in factors]
    positive = places[np.asarray(steps) > 0].min() if (np.asarray(steps) > 0).any() else 1.0
    ticks = [tick for tick in ticks if positive <= tick <= places.max()]
    zero = bool((np.asarray(steps) == 0).any())
    text = (["0"] if zero else []) + [_tick(tick) for tick in ticks]
    values = ([float(places.min())] if zero else []) + ticks
    ends = {"range": [float(low - margin), float(high + margin)]}
    return axis(title, type="log", tickvals=values, ticktext=text, **ends) | changes


def _tick(value: int) -> str:
    exponent = len(str(value)) - 1
    return str(value) if value < 10000 else f"{value // 10**exponent}·10<sup>{exponent}</sup>".removeprefix("1·")


def traces(curve: Curve, places: str = "", *, legend: bool = True, faint: bool = True) -> list[dict[str, Any]]:
    """Lines of a curve: its median over seeds, and the seeds as faint lines.

    Args:
        curve: what to draw.
        places: suffix of the axes, such as `2`.
        legend: whether it has an entry in the legend.
        faint: whether the seeds are drawn.

    Returns:
        Plotly's traces.
    """
    x, name = step_places(curve.steps), label(curve.name)
    common = {"type": "scatter", "mode": "lines", "x": x, "xaxis": f"x{places}", "yaxis": f"y{places}"}
    common |= {"legendgroup": name, "name": name}
    seeds = thin(len(curve.values), FAINT) if faint and len(curve.values) > 1 else []
    line = {"color": curve.colour, "dash": curve.dash}
    lines = [
        common
        | {
            "y": curve.values[seed],
            "line": line | {"width": 1},
            "opacity": 0.28,
            "showlegend": False,
            "hoverinfo": "skip",
        }
        for seed in seeds
    ]
    shown = "%{fullData.name}<br>step %{customdata}: %{y:.4g}<extra></extra>"
    middle = {"y": median(curve.values), "customdata": np.asarray(curve.steps), "hovertemplate": shown}
    marks = {"mode": "markers"} if len(x) == 1 else {}
    return [*lines, common | marks | middle | {"line": line | {"width": 2.2}, "showlegend": legend}]


def in_words(curve: Curve) -> str:
    """What a curve does, in words."""
    middle = median(curve.values)
    finite = np.flatnonzero(np.isfinite(middle))
    if finite.size == 0:
        return f"{curve.name} has no finite value"
    first, last = finite[0], finite[-1]
    return (
        f"{curve.name} goes from {number(float(middle[first]))} at step {curve.steps[first]}"
        f" to {number(float(middle[last]))} at step {curve.steps[last]}"
    )


def seeds_caption(curves: Iterable[Curve]) -> str:
    """How seeds are drawn, in words."""
    count = max((len(curve.values) for curve in curves), default=1)
    if count == 1:
        return ""
    shown = f"{FAINT} of {count} seeds" if count > FAINT else f"the {count} seeds"
    return f"Bold: median over seeds; faint: {shown}."


def curve_panels(
    groups: Sequence[tuple[str, Sequence[Curve]]], y: dict[str, Any], *, title: str, variable: Variable
) -> Figure:
    """A figure with one panel for each group of curves.

    Args:
        groups: title (plain text) and curves of each panel; all panels have curves of the same names.
        y: the axis of values.
        title: of the figure, plain text.
        variable: gives description and references.

    Returns:
        The figure.
    """
    count = len(groups)
    places, stacked = panels(count, count, gap=0.05), panels(count, 1, rise=0.12)
    height = 380 + (20 if count > 1 else 0)
    shape: dict[str, Any] = layout(height, margin={"l": 64, "r": 16, "t": 64 if count > 1 else 44, "b": 52})
    narrow: dict[str, Any] = {"height": 300 * count if count > 1 else 340}
    data, notes = [], []
    for index, (heading, curves) in enumerate(groups):
        suffix = "" if index == 0 else str(index + 1)
        all_steps = np.unique(np.concatenate([curve.steps for curve in curves]))
        shape[f"xaxis{suffix}"] = step_axis(all_steps, domain=places[index]["x"], anchor=f"y{suffix}")
        shared = {} if index == 0 else {"matches": "y", "showticklabels": False, "title": {"text": ""}}
        shape[f"yaxis{suffix}"] = y | {"domain": places[index]["y"], "anchor": f"x{suffix}"} | shared
        narrow |= {f"xaxis{suffix}.domain": stacked[index]["x"], f"yaxis{suffix}.domain": stacked[index]["y"]}
        narrow |= {f"yaxis{suffix}.showticklabels": True}
        if heading:
            shape["annotations"] = [*shape.get("annotations", []), panel_title(label(heading), index)]
        for curve in curves:
            data += traces(curve, suffix, legend=index == 0 and (len(curves) > 1 or count > 1))
        notes.append((f"{heading}: " if heading else "") + "; ".join(in_words(curve) for curve in curves))
    if count > 1:
        shape["legend"] = {"y": 1.09}
        shape["meta"] = {"narrow": narrow}
    every = [curve for _, curves in groups for curve in curves]
    caption = " ".join(part for part in (variable.description, seeds_caption(every)) if part)
    alternative = f"Curves over training steps. {'. '.join(notes)}."
    return Figure(title, {"data": data, "layout": shape}, alternative, caption, variable.references)


def value_axis(values: np.ndarray, title: str, *, log: bool, floor: float = 0.0, decades: int = 12) -> dict[str, Any]:
    """An axis of safe `title`, logarithmic if asked for and possible: at most so many decades, none below `floor`."""
    possible = log and bool((values[np.isfinite(values)] > 0).any())
    if not possible:
        return axis(title, range=span(values))
    low, high = span(values, log=True)
    low = max(low, high - decades, min(np.log10(floor), high - 1) if floor else -np.inf)
    ends = [float(low), high]
    if high - low > 2.5:
        return log_axis(title, range=ends, dtick=1 if high - low < 8 else 2)
    marks = [
        decade + np.log10(factor) for decade in range(int(np.floor(low)), int(np.ceil(high))) for factor in (1, 2, 5)
    ]
    few = sum(low <= mark <= high for mark in marks) < 2  # then the even ticks that Plotly chooses
    return log_axis(title, range=ends, **({} if few else {"dtick": "D2"}))
