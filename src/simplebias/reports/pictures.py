"""Pictures: what a network of pixel positions draws at chosen steps, next to the target, and where it errs."""

import base64
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from simplebias.reports.kinds import Figure
from simplebias.reports.reading import Reading, Variable
from simplebias.reports.style import (
    GREYS,
    INK,
    LEARNED,
    PANELS,
    ROWS,
    SIGNED,
    label,
    layout,
    number,
    panel_title,
    panels,
    span,
    thin,
    turned,
)

MOMENTS = 5
"""Steps at which pictures are drawn."""
Draw = Callable[[np.ndarray, bool], dict[str, Any]]


def pictures(reading: Reading, variable: Variable) -> list[Figure]:
    """Pictures of the outputs: in colour if there are three, else a figure for each of the first few.

    Args:
        reading: a run whose points lie on a lattice.
        variable: `(point, output)` over training.

    Returns:
        The figures.
    """
    lattice, target = reading.lattice, reading.target(variable)
    assert lattice is not None
    seed = finite_seed(variable)
    values = variable.values[seed]
    block = -(-max(lattice) // reading.most(ROWS, 24))
    shape = (lattice[0] // block, lattice[1] // block)
    shrink = _Shrink(lattice, block)
    note = f"Each pixel drawn is the mean of {block} × {block} pixels." if block > 1 else ""
    if values.shape[2] == 3:
        goal = None if target is None else shrink(target)
        figure = _moments(reading, variable, shrink(values), goal, _colour_panel(goal, shape), shape)
        return [_noted(figure, "Pictures over training", note, variable)]
    figures = []
    for output in range(min(values.shape[2], PANELS)):
        goal = None if target is None else shrink(target)[..., output]
        shown = shrink(values)[..., output]
        figure = _moments(reading, variable, shown, goal, _grey_panel(goal, shown), shape)
        name = f": {reading.output_name(variable, output)}" if values.shape[2] > 1 else ""
        figures.append(_noted(figure, f"Pictures over training{name}", note, variable))
    return figures


def scattered(reading: Reading, variable: Variable, output: int) -> Figure:
    """Outputs over two inputs as coloured points at chosen steps, next to the target."""
    points, target = reading.points, reading.target(variable)
    assert points is not None
    kept = thin(len(points), reading.most(4 * ROWS, 60))
    shown = variable.values[finite_seed(variable)][:, kept, output]
    goal = None if target is None else target[kept, output]
    figure = _moments(reading, variable, shown, goal, _point_panel(goal, shown, points[kept]), None)
    note = f"Of {len(points)} points {len(kept)} are drawn." if len(kept) < len(points) else ""
    name = f": {reading.output_name(variable, output)}" if variable.values.shape[3] > 1 else ""
    return _noted(figure, f"The fit over two inputs{name}", note, variable)


def finite_seed(variable: Variable) -> int:
    """The first member that has finite values to the end, else the first."""
    whole = np.isfinite(variable.values[:, variable.last]).reshape(len(variable.values), -1).all(axis=1)
    return int(whole.argmax())


class _Shrink:
    """Means over blocks of pixels: `(..., points, outputs)` to `(..., rows, columns, outputs)`."""

    def __init__(self, lattice: tuple[int, int], block: int):
        self.lattice, self.block = lattice, block

    def __call__(self, values: np.ndarray) -> np.ndarray:
        (rows, columns), block = self.lattice, self.block
        picture = values.reshape(*values.shape[:-2], rows, columns, values.shape[-1])
        high, wide = rows // block, columns // block
        cut = picture[..., : high * block, : wide * block, :]
        return cut.reshape(*values.shape[:-2], high, block, wide, block, values.shape[-1]).mean(axis=(-4, -2))


def _noted(figure: Figure, title: str, note: str, variable: Variable) -> Figure:
    who = f"Seed {variable.names('seed')[finite_seed(variable)]}." if "seed" in variable.array.dims else ""
    caption = " ".join(part for part in (variable.description, figure.caption, who, note) if part)
    return Figure(title, figure.plotly, figure.alternative, caption, variable.references)


def chosen_records(steps: np.ndarray, values: np.ndarray, target: np.ndarray | None) -> np.ndarray:
    """Records to draw: evenly spread both in the logarithm of the step and in what was learned, both ends kept.

    Args:
        steps: of the records.
        values: `(records, ...)`.
        target: what they should become, if known.

    Returns:
        Indices of the records.
    """
    if len(steps) <= MOMENTS:
        return np.arange(len(steps))
    place = np.log1p(steps / max(steps[1], 1)) / np.log1p(steps[-1] / max(steps[1], 1))
    if target is not None:
        error = np.sqrt(((values - target) ** 2).reshape(len(values), -1).mean(axis=1))
        best = np.minimum.accumulate(np.nan_to_num(error, nan=error[0]))
        if best[-1] < best[0]:
            place = 0.5 * place + 0.5 * (best[0] - best) / (best[0] - best[-1])
    return np.unique([int(np.abs(place - wanted).argmin()) for wanted in np.linspace(0, place[-1], MOMENTS)])


def _moments(
    reading: Reading,
    variable: Variable,
    values: np.ndarray,
    target: np.ndarray | None,
    draw: Draw,
    shape: tuple[int, int] | None,
) -> Figure:
    """Target and pictures in one row, errors below."""
    last = variable.last + 1
    records = chosen_records(variable.steps[:last], values[:last], target)
    cells: list[tuple[str, dict[str, Any]]] = [] if target is None else [("target", draw(target, False))]
    cells += [(f"step {variable.steps[k]}", draw(values[k], False)) for k in records]
    columns = len(cells)
    if target is not None:
        cells += [(f"error at {variable.steps[k]}", draw(values[k] - target, True)) for k in records]
    plotly = _grid(cells, columns, shape, pairs=target is not None)
    words = [f"The network's picture at steps {', '.join(str(variable.steps[k]) for k in records)}"]
    if target is not None:
        spread = float(np.std(target)) or 1.0
        errors = [float(np.sqrt(np.mean((values[k] - target) ** 2))) / spread for k in (records[0], records[-1])]
        words += [
            "beside the target, errors below; the root mean square error as a share of the target's std"
            f" goes from {number(errors[0])} to {number(errors[1])}"
        ]
    caption = "" if target is None else "Below: network minus target, blue where too bright, brown where too dark."
    if target is not None and values[0].shape != target.shape[: values[0].ndim]:
        caption = ""
    if shape is not None and values.ndim == 4:
        caption = "Below: size of the error, dark where large."
    return Figure("", plotly, " ".join(words) + ".", caption)


def _grid(
    cells: Sequence[tuple[str, dict[str, Any]]], columns: int, shape: tuple[int, int] | None, *, pairs: bool
) -> dict[str, Any]:
    rows = 2 if pairs else 1
    wide = panels(columns * rows, columns, gap=0.012, rise=0.12)
    places = wide[: len(cells[:columns])] + wide[columns + 1 :]
    order = _narrow_order(len(cells), columns, pairs=pairs)
    small_rows = -(-(max(order) + 1) // 2)
    small = panels(2 * small_rows, 2, gap=0.03, rise=0.3 / max(small_rows, 1) / 2)
    ratio = 1.0 if shape is None else shape[0] / shape[1]
    height = int(min(max(40 + rows * (30 + 1080 / columns * ratio), 220), 760))
    look = layout(height, margin={"l": 4, "r": 4, "t": 34, "b": 8}, showlegend=False)
    narrow: dict[str, Any] = {"height": int(small_rows * (180 * ratio + 34) + 40)}
    data = []
    for index, (title, trace) in enumerate(cells):
        suffix = "" if index == 0 else str(index + 1)
        bare = {"visible": False, "showgrid": False, "automargin": False}
        square = {"scaleanchor": f"x{suffix}", "constrain": "domain"} if shape is not None else {}
        flip = {"autorange": "reversed"} if shape is not None else {}
        look[f"xaxis{suffix}"] = bare | {"domain": places[index]["x"], "anchor": f"y{suffix}", "constrain": "domain"}
        look[f"yaxis{suffix}"] = bare | square | flip | {"domain": places[index]["y"], "anchor": f"x{suffix}"}
        narrow |= {f"xaxis{suffix}.domain": small[order[index]]["x"]}
        narrow |= {f"yaxis{suffix}.domain": small[order[index]]["y"]}
        look["annotations"] = [*look.get("annotations", []), panel_title(label(title), index)]
        data.append(trace | {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"})
    look["meta"] = {"narrow": narrow}
    return {"data": data, "layout": look}


def _narrow_order(cells: int, columns: int, *, pairs: bool) -> list[int]:
    """Places in two columns: with errors, each picture beside its error, the target alone in the first row."""
    if not pairs:
        return list(range(cells))
    return [0, *range(2, 2 * columns, 2), *range(3, 2 * columns + 1, 2)][:cells]


def _grey_panel(target: np.ndarray | None, values: np.ndarray) -> Draw:
    guide = values[-1] if target is None else target
    low, high = float(np.nanmin(guide)), float(np.nanmax(guide))
    limit = 0.5 * (high - low) or 1.0

    def draw(picture: np.ndarray, error: bool) -> dict[str, Any]:
        scale, ends = (SIGNED, (-limit, limit)) if error else (GREYS, (low, high))
        return {
            "type": "heatmap",
            "z": picture,
            "zmin": ends[0],
            "zmax": ends[1],
            "colorscale": [list(stop) for stop in scale],
            "showscale": False,
            "hovertemplate": "row %{y}, column %{x}<br>%{z:.3g}<extra></extra>",
        }

    return draw


def _colour_panel(target: np.ndarray | None, shape: tuple[int, int]) -> Draw:
    low, high = (0.0, 1.0) if target is None else (float(np.nanmin(target)), float(np.nanmax(target)))
    size = (high - low) or 1.0

    def draw(picture: np.ndarray, error: bool) -> dict[str, Any]:
        if error:
            return {
                "type": "heatmap",
                "z": np.sqrt(np.mean(picture**2, axis=-1)),
                "zmin": 0.0,
                "zmax": 0.5 * size,
                "colorscale": turned(LEARNED),
                "showscale": False,
                "hovertemplate": "row %{y}, column %{x}<br>error %{z:.3g}<extra></extra>",
            }
        levels = np.rint(255 * np.clip(np.nan_to_num((picture - low) / size), 0, 1)).astype(np.uint8)
        return {"type": "image", "source": png(levels), "hoverinfo": "skip"}

    return draw


def png(levels: np.ndarray) -> str:
    """Bytes of colours, `(rows, columns, 3 or 4)`, as the address of a picture that holds itself.

    Returns:
        A data address.

    Example:
        >>> png(np.zeros((2, 2, 3), np.uint8))[:22]
        'data:image/png;base64,'
    """
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _point_panel(target: np.ndarray | None, values: np.ndarray, points: np.ndarray) -> Draw:
    guide = values[-1] if target is None else target
    low, high = float(np.nanmin(guide)), float(np.nanmax(guide))
    limit = 0.5 * (high - low) or 1.0
    ends = {"x": span(points[:, 0]), "y": span(points[:, 1])}

    def draw(colours: np.ndarray, error: bool) -> dict[str, Any]:
        scale, bounds = (SIGNED, (-limit, limit)) if error else (LEARNED, (low, high))
        marker = {"color": colours, "cmin": bounds[0], "cmax": bounds[1], "size": 5}
        marker |= {"colorscale": [list(stop) for stop in scale], "line": {"width": 0.4, "color": INK}}
        text = "%{x:.4g}, %{y:.4g}: %{marker.color:.3g}<extra></extra>"
        places = {"x": points[:, 0], "y": points[:, 1]}
        return {"type": "scatter", "mode": "markers", "marker": marker, "hovertemplate": text} | places

    del ends
    return draw
