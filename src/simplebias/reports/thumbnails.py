"""A figure as a small still drawing: the curves, points and colours of its panels, without axes or words."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from simplebias.reports.kinds import Figure
from simplebias.reports.markup import text
from simplebias.reports.pictures import png
from simplebias.reports.style import NETWORK, TARGET, thin_curve

WIDE, HIGH, EDGE = 320.0, 180.0, 10.0
"""Size of the drawing and its margin, in its own units."""
PLACES = 70
"""Points of a curve."""
CELLS = 64
"""Columns and rows of a heat map."""
TRACES = 24
"""Traces drawn."""
CLASSES = {NETWORK: "n", TARGET: "t"}
"""Colours that the page's style names, so that they follow its theme."""


def thumbnail(figure: Figure) -> str:
    """Draw a figure small, as SVG.

    Args:
        figure: any figure of this room.

    Returns:
        SVG, decorative (hidden from screen readers).

    Example:
        >>> line = {"data": [{"type": "scatter", "x": [0, 1], "y": [0, 1]}], "layout": {}}
        >>> thumbnail(Figure("a line", line, "rises"))[:4]
        '<svg'
    """
    layout = figure.plotly.get("layout", {})
    drawn = "".join(_trace(trace, layout) for trace in _half_way(figure)[:TRACES])
    return (
        f'<svg class="thumb" viewBox="0 0 {WIDE:g} {HIGH:g}" aria-hidden="true" preserveAspectRatio="xMidYMid meet">'
        f"{drawn}</svg>"
    )


def _half_way(figure: Figure) -> list[dict[str, Any]]:
    """The traces, moving lines as they stand half way, where they tell most; moving points as they end."""
    traces, frames = list(figure.plotly.get("data", [])), figure.plotly.get("frames")
    if frames:
        frame = frames[len(frames) // 2]
        for place, change in zip(frame["traces"], frame["data"], strict=True):
            if traces[place].get("mode") == "lines":
                traces[place] = traces[place] | change
    return traces


def _trace(trace: Mapping[str, Any], layout: Mapping[str, Any]) -> str:
    axes = [_axis(layout, trace.get(f"{name}axis", name)) for name in "xy"]
    box = _box(axes)
    if trace.get("type") == "heatmap":
        return _cells(trace, axes, box, layout)
    if trace.get("type") == "image":
        return _image(str(trace["source"]), box)
    if trace.get("type") == "scatter":
        return _curve(trace, axes, box)
    return ""


def _axis(layout: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    own = layout.get(f"{name[0]}axis{name[1:]}", {})
    other = layout.get(f"{name[0]}axis", {})
    return ({"range": other["range"]} if "matches" in own and "range" in other else {}) | dict(own)


def _box(axes: list[Mapping[str, Any]]) -> tuple[float, float, float, float]:
    (left, right), (low, high) = (axis.get("domain", (0.0, 1.0)) for axis in axes)
    wide, tall = WIDE - 2 * EDGE, HIGH - 2 * EDGE
    return EDGE + left * wide, EDGE + (1 - high) * tall, (right - left) * wide, (high - low) * tall


def _share(values: Any, axis: Mapping[str, Any]) -> np.ndarray:
    """Where values lie between the ends of an axis."""
    numbers = np.asarray(values, float)
    if axis.get("type") == "log":
        numbers = np.log10(np.where(numbers > 0, numbers, np.nan))
    finite = numbers[np.isfinite(numbers)]
    ends = axis.get("range") or ([finite.min(), finite.max()] if finite.size else [0.0, 1.0])
    return (numbers - ends[0]) / ((ends[1] - ends[0]) or 1.0)


def _curve(trace: Mapping[str, Any], axes: list[Mapping[str, Any]], box: tuple[float, float, float, float]) -> str:
    across, up = _share(trace["x"], axes[0]), _share(trace["y"], axes[1])
    kept = thin_curve(up, PLACES)
    inside = np.isfinite(across[kept]) & np.isfinite(up[kept]) & (np.abs(up[kept] - 0.5) <= 0.53)
    x, y = box[0] + across[kept][inside] * box[2], box[1] + (1 - np.clip(up[kept][inside], 0, 1)) * box[3]
    opacity = float(trace.get("opacity", 1.0))
    if "markers" in trace.get("mode", "lines"):
        colour = (trace.get("marker") or {}).get("color", NETWORK)
        look = _look(colour if isinstance(colour, str) else NETWORK, "dot")
        opacity *= float((trace.get("marker") or {}).get("opacity", 1.0))
        dots = "".join(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.2"/>' for a, b in zip(x, y, strict=True))
        return f'<g {look} opacity="{opacity:g}">{dots}</g>'
    line = trace.get("line") or {}
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    look, wide = _look(line.get("color", NETWORK), ""), float(line.get("width", 2))
    return f'<polyline points="{path}" {look} stroke-width="{wide:g}" opacity="{opacity:g}"/>'


def _look(colour: str, extra: str) -> str:
    if colour in CLASSES:
        return f'class="{CLASSES[colour]} {extra}"'.replace(' "', '"')
    part = "fill" if extra else 'fill="none" stroke'
    return f'{part}="{text(colour)}"'


def _cells(
    trace: Mapping[str, Any],
    axes: list[Mapping[str, Any]],
    box: tuple[float, float, float, float],
    layout: Mapping[str, Any],
) -> str:
    values = np.asarray(trace["z"], float)
    if values.size == 0 or not np.isfinite(values).any():
        return ""
    shared = layout.get(trace["coloraxis"], {}) if "coloraxis" in trace else trace
    low = float(shared.get("cmin", shared.get("zmin", np.nanmin(values))))
    high = float(shared.get("cmax", shared.get("zmax", np.nanmax(values))))
    rows = np.linspace(0, values.shape[0] - 1, min(CELLS, values.shape[0])).round().astype(int)
    columns = np.linspace(0, values.shape[1] - 1, min(CELLS, values.shape[1])).round().astype(int)
    if "x" in trace and axes[0].get("type") == "log":
        wanted = np.linspace(0, 1, CELLS)
        columns = np.abs(_share(trace["x"], axes[0])[None] - wanted[:, None]).argmin(axis=1)
    picture = np.clip((values[np.ix_(rows, columns)] - low) / ((high - low) or 1.0), 0, 1)
    coloured = _coloured(picture if axes[1].get("autorange") == "reversed" else picture[::-1], shared.get("colorscale"))
    return _image(png(coloured), box)


def _image(source: str, box: tuple[float, float, float, float]) -> str:
    x, y, wide, high = box
    return (
        f'<image href="{text(source)}" x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}"'
        ' preserveAspectRatio="none" style="image-rendering:pixelated"/>'
    )


def _coloured(shares: np.ndarray, scale: Any) -> np.ndarray:
    """Shares of a colour scale as bytes, `(rows, columns, 4)`, clear where unknown."""
    stops = scale or [[0.0, "#ffffff"], [1.0, NETWORK]]
    places = [stop[0] for stop in stops]
    known = np.isfinite(shares)
    parts = [[int(stop[1][i : i + 2], 16) for stop in stops] for i in (1, 3, 5)]
    mixed = [np.interp(np.where(known, shares, 0), places, part) for part in parts]
    return np.rint(np.stack([*mixed, 255 * known], axis=-1)).astype(np.uint8)
