"""Pictures side by side that share a scale of colours, of values and of errors."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from simplebias.reports.style import (
    INK,
    LEARNED,
    SIGNED,
    axis,
    colour_bar,
    label,
    layout,
    panel_title,
    panels,
    turned,
)

COLUMNS = 3
"""Pictures in a row."""


class Panel(NamedTuple):
    """One picture: values in rows from below, the ends along both sides, and what colours mean."""

    title: str
    values: np.ndarray
    ends: tuple[float, float, float, float]
    sides: tuple[str, str]
    error: bool


def coloured(drawn: Sequence[Panel], outline: np.ndarray | None) -> dict[str, Any]:
    """Pictures side by side, at most three in a row, with one scale of colours for values and one for errors.

    Args:
        drawn: the pictures; all without errors have one scale, all errors another.
        outline: `(points, 2)`, drawn upon each, NaN between curves.

    Returns:
        `data` and `layout` as `plotly.graph_objects.Figure` takes them.
    """
    columns = min(len(drawn), COLUMNS)
    rows = -(-len(drawn) // columns)
    ratio = max((one.ends[3] - one.ends[2]) / (one.ends[1] - one.ends[0]) for one in drawn)
    height = int(min(max(90 + rows * ((300 if columns == COLUMNS else 420) * ratio + 62), 260), 900))
    places = panels(len(drawn), columns, gap=0.07, rise=0.16 if rows > 1 else 0.1)
    stacked = panels(len(drawn), 1, rise=0.3 / max(len(drawn), 1))
    shape: dict[str, Any] = layout(height, margin={"l": 52, "r": 76, "t": 40, "b": 46}, showlegend=False)
    narrow: dict[str, Any] = {"height": int(len(drawn) * (260 * ratio + 80))}
    data: list[dict[str, Any]] = []
    for index, panel in enumerate(drawn):
        suffix = "" if index == 0 else str(index + 1)
        data += _traces(panel, outline, suffix)
        shape |= _axes(panel, places[index], suffix)
        shape["annotations"] = [*shape.get("annotations", []), panel_title(label(panel.title), index)]
        narrow |= {f"xaxis{suffix}.domain": stacked[index]["x"], f"yaxis{suffix}.domain": stacked[index]["y"]}
    return {"data": data, "layout": shape | _scales(drawn) | {"meta": {"narrow": narrow}}}


def _traces(panel: Panel, outline: np.ndarray | None, suffix: str) -> list[dict[str, Any]]:
    """The picture, and the outline upon it."""
    (rows, columns), (x0, x1, y0, y1) = panel.values.shape, panel.ends
    axes = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
    dx, dy = (x1 - x0) / columns, (y1 - y0) / rows
    picture = {"type": "heatmap", "z": panel.values, "x0": x0 + dx / 2, "dx": dx, "y0": y0 + dy / 2, "dy": dy}
    picture |= {"coloraxis": "coloraxis2" if panel.error else "coloraxis"}
    picture |= {"hovertemplate": "%{x:.3g}, %{y:.3g}: %{z:.4g}<extra></extra>"}
    if outline is None:
        return [picture | axes]
    line = {"type": "scatter", "mode": "lines", "x": outline[:, 0], "y": outline[:, 1], "hoverinfo": "skip"}
    return [picture | axes, line | axes | {"line": {"color": INK, "width": 1}}]


def _axes(panel: Panel, place: dict[str, list[float]], suffix: str) -> dict[str, Any]:
    """Both axes of a picture, one unit as long on either."""
    x0, x1, y0, y1 = panel.ends
    margin = 0.02 * max(x1 - x0, y1 - y0)
    bare = {"showgrid": False, "constrain": "domain"}
    across = axis(label(panel.sides[0]), range=[x0 - margin, x1 + margin], domain=place["x"], anchor=f"y{suffix}")
    upwards = axis(label(panel.sides[1]), range=[y0 - margin, y1 + margin], domain=place["y"], anchor=f"x{suffix}")
    for one in (across, upwards):
        one["title"] |= {"standoff": 4}
    return {f"xaxis{suffix}": across | bare, f"yaxis{suffix}": upwards | bare | {"scaleanchor": f"x{suffix}"}}


def _scales(drawn: Sequence[Panel]) -> dict[str, Any]:
    """Scales of colours: of values, which is symmetric where they have both signs, and of errors."""
    values = np.concatenate([one.values[np.isfinite(one.values)] for one in drawn if not one.error] or [np.zeros(1)])
    errors = np.concatenate([one.values[np.isfinite(one.values)] for one in drawn if one.error] or [np.zeros(0)])
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    signed = low < -0.1 * high and high > -0.1 * low
    ends = (-max(-low, high), max(-low, high)) if signed else (low, high if high > low else low + 1)
    colours = SIGNED if signed else turned(LEARNED)
    half = {"len": 0.45, "y": 1.0, "yanchor": "top"} if errors.size else {}
    stops = [list(stop) for stop in colours]
    found: dict[str, Any] = {
        "coloraxis": {"colorscale": stops, "cmin": ends[0], "cmax": ends[1], "colorbar": _bar("solution", **half)}
    }
    if errors.size:
        limit = float(np.abs(errors).max()) or 1.0
        bar = _bar("difference", len=0.45, y=0.0, yanchor="bottom")
        stops = [list(stop) for stop in SIGNED]
        found["coloraxis2"] = {"colorscale": stops, "cmin": -limit, "cmax": limit, "colorbar": bar}
    return found


def _bar(title: str, **changes: Any) -> dict[str, Any]:
    """A scale at the right with its title above."""
    named = {"text": title, "side": "top", "font": {"size": 11}}
    return colour_bar("", x=1.01, tickfont={"size": 11}, exponentformat="power", ypad=4, **changes) | {"title": named}
