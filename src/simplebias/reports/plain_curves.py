"""Curves over one number that is no step of training, such as width, frequency or input; one line per other dimension.

A variable without records is drawn so if its attribute `over` names the dimension of the horizontal axis. Its
coordinate may have the attributes `long_name`, `units` and `scale` ("log"), that of the other dimension a `symbol`.
Attributes of the variable: `panel` (variables with the same stand in one figure), `scale` ("log"), `role` ("target",
red, or "network", blue), `marks` ("points" for points without a line, "categories" for points over words, each seed
one), `axis` (title of the vertical axis), `section` (heading of the page under which the figure stands).
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from simplebias.reports.curves import FAINT, value_axis
from simplebias.reports.kinds import Figure, draws
from simplebias.reports.reading import Reading, Variable, median
from simplebias.reports.style import (
    COLOURS,
    DASHES,
    NETWORK,
    TARGET,
    axis,
    label,
    layout,
    log_axis,
    number,
    ordered,
    span,
    thin,
)

LINES = 8
"""Lines of one variable."""
ROLES = {"target": TARGET, "network": NETWORK}
"""Colours of variables that say what they are."""
DECADES, OF_POINTS = 12, 24
"""Most powers of ten on a logarithmic axis of values, of curves and of single points; what is below is off it."""


@dataclasses.dataclass(frozen=True)
class _Line:
    name: str
    x: np.ndarray
    values: np.ndarray
    colour: str
    dash: str
    points: bool
    words: tuple[str, ...] = ()


@draws(section="Other measures", place=90, plain=True)
def plain_curves(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """One figure for each panel: lines over the dimension that the attribute `over` names."""
    panels: dict[str, list[Variable]] = {}
    for variable in variables:
        panels.setdefault(str(variable.array.attrs.get("panel") or variable.title), []).append(variable)
    return [_figure(name, members) for name, members in panels.items()]


def _figure(name: str, members: Sequence[Variable]) -> Figure:
    colours = _shared_colours(members)
    lines = [line for rank, member in enumerate(members) for line in _lines(member, rank, len(members), colours)]
    data = [trace for line in lines for trace in _traces(line, legend=len(lines) > 1)]
    first = members[0]
    logarithmic = any(member.array.attrs.get("scale") == "log" for member in members)
    every = np.concatenate([line.values.ravel() for line in lines])
    title = label(str(first.array.attrs["axis"])) if "axis" in first.array.attrs else first.label
    x_axis, x_name = _across(members, lines)
    points = all(line.points for line in lines)
    y_axis = value_axis(every[np.isfinite(every)], title, log=logarithmic, decades=OF_POINTS if points else DECADES)
    shape = layout(420, xaxis=x_axis, yaxis=y_axis, margin={"l": 64, "r": 16, "t": 60, "b": 52})
    categories = bool(lines[0].words)
    words = (
        f"{'Points' if categories else 'Curves'} over {x_name}. "
        + "; ".join(_in_words(line, x_name) for line in lines)
        + "."
    )
    seeds = max(len(line.values) for line in lines)
    notes = [member.description for member in members]
    told = (
        f"A point for each of {seeds} seeds." if categories else f"Bold: median over {seeds} seeds; faint: the seeds."
    )
    notes += [told] if seeds > 1 else []
    caption = " ".join(dict.fromkeys(note for note in notes if note))
    references = tuple(dict.fromkeys(key for member in members for key in member.references))
    section = str(first.array.attrs.get("section", ""))
    return Figure(name[:1].upper() + name[1:], {"data": data, "layout": shape}, words, caption, references, section)


def _others(variable: Variable) -> list[str]:
    """Names of the lines of a variable, of its one dimension beside the horizontal one; none if there is none."""
    other = variable.dims[:-1]
    if not other:
        return []
    known = variable.array.coords.get(other[0])
    symbol = "" if known is None else str(known.attrs.get("symbol", ""))
    return [f"{symbol} = {name}" if symbol else name for name in variable.names(other[0])]


def _shared_colours(members: Sequence[Variable]) -> dict[str, str]:
    """One colour for each value of the other dimension, the same in all variables of a panel."""
    names: dict[str, bool] = {}
    for member in members:
        numeric = bool(member.dims[:-1]) and member.coordinate(member.dims[0]).dtype.kind in "fiu"
        names |= dict.fromkeys(_others(member), numeric)
    palette = ordered(len(names)) if all(names.values()) or len(names) > len(COLOURS) else COLOURS
    return dict(zip(names, palette, strict=False))


def _lines(variable: Variable, rank: int, count: int, colours: dict[str, str]) -> list[_Line]:
    values = variable.values[:, 0]
    words = tuple(variable.names(variable.dims[-1])) if variable.array.attrs.get("marks") == "categories" else ()
    x = np.arange(float(values.shape[-1])) if words else np.asarray(variable.coordinate(variable.dims[-1]), float)
    role = str(variable.array.attrs.get("role", ""))
    points, dash = variable.array.attrs.get("marks") in {"points", "categories"}, DASHES[rank % len(DASHES)]
    names = _others(variable)
    if not names:
        colour = ROLES.get(role, COLOURS[1 + (len(colours) + rank) % (len(COLOURS) - 2)])  # neither blue nor red
        return [_Line(variable.title, x, values, colour, "solid" if role or not rank else dash, points, words)]
    lead = f"{variable.title}, " if count > 1 else ""
    chosen = thin(len(names), LINES)
    return [_Line(lead + names[k], x, values[:, k], colours[names[k]], dash, points, words) for k in chosen]


def _traces(line: _Line, *, legend: bool) -> list[dict[str, Any]]:
    name = label(line.name)
    common = {"type": "scatter", "x": line.x, "xaxis": "x", "yaxis": "y", "name": name, "legendgroup": name}
    stroke = {"color": line.colour, "dash": line.dash}
    shown = "%{fullData.name}<br>%{x:.4g}: %{y:.4g}<extra></extra>"
    bold: dict[str, Any] = {"y": median(line.values), "showlegend": legend, "hovertemplate": shown}
    if line.words:
        every = {"y": line.values.ravel(), "x": np.tile(line.x, len(line.values)), "showlegend": legend}
        shown = {
            "customdata": np.tile(line.words, len(line.values)),
            "hovertemplate": "%{customdata}: %{y:.3g}<extra></extra>",
        }
        return [
            common | every | shown | {"mode": "markers", "marker": {"color": line.colour, "size": 8, "opacity": 0.7}}
        ]
    if line.points or len(line.x) == 1:
        return [common | bold | {"mode": "markers", "marker": {"color": line.colour, "size": 8}}]
    many = len(line.values) > 1
    faint = {"mode": "lines", "line": stroke | {"width": 1}, "opacity": 0.28, "showlegend": False, "hoverinfo": "skip"}
    seeds = [common | faint | {"y": line.values[seed]} for seed in thin(len(line.values), FAINT)] if many else []
    few = {"mode": "lines+markers", "marker": {"color": line.colour, "size": 5}} if len(line.x) <= 12 else {}
    return [*seeds, common | bold | {"mode": "lines", "line": stroke | {"width": 2.2}} | few]


def _across(members: Sequence[Variable], lines: Sequence[_Line]) -> tuple[dict[str, Any], str]:
    """The horizontal axis and its name in plain text."""
    over = members[0].dims[-1]
    known = members[0].array.coords.get(over)
    attributes = {} if known is None else known.attrs
    name, unit = str(attributes.get("long_name", over.replace("_", " "))), str(attributes.get("units", ""))
    name = f"{name} ({unit})" if unit not in {"", "1"} else name
    if words := lines[0].words:
        ends = [-0.5, len(words) - 0.5]
        ticks = {"tickvals": np.arange(len(words)), "ticktext": [label(word) for word in words]}
        return axis("" if name == over else label(name), range=ends, **ticks), name
    x = np.concatenate([line.x for line in lines])
    if attributes.get("scale") == "log" and (x > 0).any():
        low, high = span(x, log=True)
        return log_axis(label(name), range=[low, high], **_ticks(low, high)), name
    return axis(label(name), range=span(x)), name


def _ticks(low: float, high: float) -> dict[str, Any]:
    """Powers of ten, and within few of them also twice and five times as much."""
    if high - low > 3:
        return {"dtick": 1 if high - low < 8 else 2}
    decades = range(int(np.floor(low)), int(np.ceil(high)) + 1)
    ticks = [factor * 10.0**decade for decade in decades for factor in (1, 2, 5)]
    ticks = [tick for tick in ticks if 10**low <= tick <= 10**high]
    return {"tickvals": ticks, "ticktext": [number(tick) for tick in ticks]}


def _in_words(line: _Line, across: str) -> str:
    middle = median(line.values)
    finite = np.flatnonzero(np.isfinite(middle))
    if finite.size == 0:
        return f"{line.name} has no finite value"
    if line.words:
        return f"{line.name}: " + ", ".join(f"{line.words[place]} {number(float(middle[place]))}" for place in finite)
    ends = [f"{number(float(middle[place]))} at {across} {number(float(line.x[place]))}" for place in finite[[0, -1]]]
    return f"{line.name} goes from {ends[0]} to {ends[1]}"
