"""The landscape at a point: the loss in a plane as contours, and eigenvalues in order on a signed logarithmic axis."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from simplebias.reports.kinds import Figure, draws
from simplebias.reports.reading import Reading, Variable, median
from simplebias.reports.style import (
    INK,
    MUTED,
    NETWORK,
    SIGNED,
    TARGET,
    axis,
    colour_bar,
    label,
    layout,
    number,
    turned,
)

ALONG, ACROSS, STAGE, RANK = "along", "across", "stage", "rank"
SIGN_NAMES = ("positive", "zero", "negative")


@draws(ALONG, ACROSS, section="Loss", place=20, plain=True)
def planes(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """Contours of a quantity in a plane through the point in the middle, coloured by its difference from there."""
    return [_plane(reading, one) for one in variables]


def _plane(reading: Reading, variable: Variable) -> Figure:
    values = median(variable.values[:, 0])
    across = values.T if variable.dims.index(ALONG) == 0 else values  # rows are the vertical axis
    s, t = (variable.coordinate(name).astype(float) for name in (ALONG, ACROSS))
    middle = float(across[len(t) // 2, len(s) // 2])
    difference = across - middle
    low = float(-np.nanmin(difference, initial=0.0))
    high = float(np.nanmax(difference, initial=0.0))
    reach = low if low > 0 else high or 1.0
    bar = colour_bar(f"{variable.label}, less that of the middle", exponentformat="power")
    lines = {"start": -reach, "end": reach, "size": reach / 8, "coloring": "fill"}
    trace = {
        "type": "contour", "x": s, "y": t, "z": np.clip(difference, -reach, reach), "zmin": -reach, "zmax": reach,
        "colorscale": turned(SIGNED), "contours": lines, "colorbar": bar,
        "line": {"width": 0.6, "color": "rgba(28,29,33,0.35)"}, "name": "", "showlegend": False, "customdata": across,
        "hovertemplate": "%{x:.3g}, %{y:.3g}: " + variable.label + " %{customdata:.4g}<extra></extra>",
    }  # fmt: skip
    point = {"type": "scatter", "mode": "markers", "x": [0], "y": [0], "showlegend": False, "hoverinfo": "skip"}
    point |= {"marker": {"symbol": "x", "size": 9, "color": INK}}
    shape = layout(
        460,
        xaxis=axis(_name(reading, ALONG), range=[s.min(), s.max()], showgrid=False),
        yaxis=axis(_name(reading, ACROSS), range=[t.min(), t.max()], showgrid=False),
        margin={"l": 64, "r": 16, "t": 30, "b": 52},
    )
    falls = f"falls by up to {number(low)}" if low > 0 else "falls nowhere"
    words = (
        f"{variable.title} in a plane: {number(middle)} in the middle; it {falls} and rises by up to {number(high)}."
    )
    caption = (
        f"{variable.description} Blue: lower than in the middle, which is the cross. Colours end at ±{number(reach)}."
    )
    title = f"{variable.title[:1].upper()}{variable.title[1:]} in a plane through the point"
    return Figure(title, {"data": [trace, point], "layout": shape}, words, caption, variable.references)


def _name(reading: Reading, dimension: str) -> str:
    return label(str(reading.data[dimension].attrs.get("long_name", dimension)))


@draws(STAGE, RANK, section="Loss", place=21, plain=True)
def eigenvalue_rows(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """Eigenvalues over their rank, one colour for each stage, on an axis that is logarithmic to both sides of zero."""
    return [_rows(reading, one) for one in variables]


def _rows(reading: Reading, variable: Variable) -> Figure:
    values = median(variable.values[:, 0])
    values = values if variable.dims.index(STAGE) == 0 else values.T
    tolerance = float(variable.array.attrs.get("zero", 1e-11))
    stages = variable.names(STAGE)
    sizes = np.abs(values[np.isfinite(values)])
    bound = tolerance * float(sizes.max(initial=1e-300))
    shown = sizes[sizes > bound]
    floor = float(np.floor(np.log10(shown.min()))) - 1 if shown.size else -1.0
    data: list[dict[str, Any]] = []
    for stage, colour, mark in zip(range(len(stages)), _colours(len(stages)), _marks(len(stages)), strict=True):
        row = values[stage][np.isfinite(values[stage])]
        marker = {"color": colour, "size": 8, "symbol": mark, "line": {"width": 1.5}}
        data.append({
            "type": "scatter", "mode": "markers", "name": label(stages[stage]), "x": np.arange(1, len(row) + 1),
            "y": _signed_log(row, bound, floor), "customdata": row, "marker": marker,
            "hovertemplate": "%{fullData.name}, %{x}: %{customdata:.3g}<extra></extra>",
        })  # fmt: skip
    top = float(np.log10(sizes.max(initial=1.0))) - floor + 0.4
    shape = layout(
        420,
        xaxis=axis("eigenvalue, in order"),
        yaxis=axis(variable.label, **_ticks(floor, top)),
        margin={"l": 76, "r": 16, "t": 44, "b": 52},
    )
    said = "; ".join(f"{name}: {_counted(values[k], bound)}" for k, name in enumerate(stages))
    caption = f"{variable.description} Zero: below {number(tolerance)} of the largest. {said[:1].upper()}{said[1:]}."
    title = f"{variable.title[:1].upper()}{variable.title[1:]}s" + (
        f" {' and '.join(stages)}" if len(stages) == 2 else ""
    )
    return Figure(title, {"data": data, "layout": shape}, f"{variable.title}s. {said}.", caption, variable.references)


def _colours(count: int) -> list[str]:
    return [MUTED, NETWORK, TARGET, *[INK] * count][:count]


def _marks(count: int) -> list[str]:
    return ["circle-open", "x-thin-open", "diamond-open", *["square-open"] * count][:count]


def _signed_log(row: np.ndarray, bound: float, floor: float) -> np.ndarray:
    """0 for what counts as zero; else decades above the floor, with the sign."""
    sizes = np.maximum(np.abs(row), 10.0**floor)
    return np.where(np.abs(row) <= bound, 0.0, np.sign(row) * (np.log10(sizes) - floor))


def _ticks(floor: float, top: float) -> dict[str, Any]:
    decades = np.arange(1, int(top) + 1)
    decades = decades[:: max(1, len(decades) // 4)]
    names = [f"10<sup>{int(decade + floor)}</sup>" for decade in decades]
    places = [*(-decades[::-1]).tolist(), 0, *decades.tolist()]
    return {
        "tickvals": places, "ticktext": [*[f"−{name}" for name in names[::-1]], "0", *names], "range": [-top, top],
        "zeroline": True, "zerolinecolor": MUTED,
    }  # fmt: skip


def _counted(row: np.ndarray, bound: float) -> str:
    row = row[np.isfinite(row)]
    counts = (int((row > bound).sum()), int((np.abs(row) <= bound).sum()), int((row < -bound).sum()))
    return ", ".join(f"{count} {name}" for count, name in zip(counts, SIGN_NAMES, strict=True))
