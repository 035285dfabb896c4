"""The solution of an equation beside the exact one: curves over one input, pictures over two, sections through more.

Drawn are variables that say what they are drawn over: `(point, output)` over `point`, on the cells of `lattice_index`
where there is one; `(section, row, column)` over `column`, with `section_edges` and `section_sides`, the ends and names
of both sides. The attribute `role` tells the network from the target. NaN lies outside of the domain.
"""

from collections.abc import Sequence

import numpy as np

from simplebias.core.types import INPUT, OUTPUT, POINT
from simplebias.reports.coloured import Panel, coloured
from simplebias.reports.kinds import Figure, draws
from simplebias.reports.reading import Reading, Variable
from simplebias.reports.style import (
    INK,
    NETWORK,
    POINTS,
    ROWS,
    TARGET,
    axis,
    label,
    layout,
    number,
    span,
    thin,
    thin_curve,
)

PAIRS = 1000
"""Points drawn of the exact solution against the network's."""
FINE = 2
"""How many times finer than other heat maps the pictures of a solution are."""


@draws(OUTPUT, POINT, section="The solution", plain=True)
def solutions(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """The network's solution beside the exact one, by the number of inputs."""
    network, target = _by_role(variables, "network"), _by_role(variables, "target")
    points = reading.points
    if network is None or points is None:
        return []
    found, known = network.values[0, 0, 0], None if target is None else target.values[0, 0, 0]
    if points.shape[1] == 1:
        return [_curves(reading, network, points[:, 0], found, known)]
    if points.shape[1] == 2 and _cells(reading) is not None:
        return [_pictures(reading, network, points, found, known)]
    return [] if known is None else [_pairs(reading, network, found, known)]


def _by_role(variables: Sequence[Variable], role: str) -> Variable | None:
    return next((one for one in variables if one.array.attrs.get("role") == role), None)


def _kind(reading: Reading) -> str:
    """What the target is, in words."""
    for array in reading.data.data_vars.values():
        if array.attrs.get("role") == "target" and "kind" in array.attrs:
            kind = str(array.attrs["kind"])
            return "exact" if kind == "exact" else f"by {kind}"
    return "exact"


def _error_words(found: np.ndarray, known: np.ndarray) -> str:
    """The largest difference in words, with its share of the largest value."""
    largest, size = float(np.nanmax(np.abs(found - known))), float(np.nanmax(np.abs(known))) or 1.0
    return f"The largest difference is {number(float(f'{largest:.2g}'))}, {largest / size:.1e} of the largest value."


def _curves(reading: Reading, variable: Variable, x: np.ndarray, found: np.ndarray, known: np.ndarray | None) -> Figure:
    """Both curves over the one input, their difference below."""
    order = np.argsort(x, kind="stable")
    kept = order[thin_curve(found[order], reading.most(POINTS, 40))]
    place = {"x": x[kept], "type": "scatter", "mode": "lines", "xaxis": "x"}
    shown = {"hovertemplate": "%{fullData.name}<br>%{x:.5g}: %{y:.5g}<extra></extra>"}
    network = (
        place | shown | {"y": found[kept], "yaxis": "y", "name": "network", "line": {"color": NETWORK, "width": 1.6}}
    )
    across = axis(label(reading.input_name(0)), range=span(x))
    high = axis(label(variable.title), range=span(found if known is None else np.concatenate([found, known])))
    if known is None:
        shape = layout(380, xaxis=across, yaxis=high)
        return Figure(
            "The solution", {"data": [network], "layout": shape}, f"The solution over {reading.input_name(0)}."
        )
    line = {"color": TARGET, "width": 3.5}
    target = place | shown | {"y": known[kept], "yaxis": "y", "name": _kind(reading), "line": line}
    error = place | shown | {"y": (found - known)[kept], "yaxis": "y2", "name": "network − " + _kind(reading)}
    error |= {"line": {"color": INK, "width": 1}, "showlegend": False}
    below = axis("difference", range=span((found - known)[kept]), domain=[0, 0.26], anchor="x", exponentformat="power")
    shape = layout(480, xaxis=across | {"anchor": "y2"}, yaxis=high | {"domain": [0.36, 1]}, yaxis2=below)
    words = f"Network and {_kind(reading)} solution over {reading.input_name(0)}. {_error_words(found, known)}"
    caption = f"{variable.description} Below: network − {_kind(reading)}. {_error_words(found, known)}".strip()
    return Figure(
        "The solution", {"data": [target, network, error], "layout": shape}, words, caption, variable.references
    )


def _cells(reading: Reading) -> tuple[np.ndarray, tuple[int, int]] | None:
    """Places of the points on a lattice, and its shape."""
    index = reading.constant("lattice_index", POINT, INPUT)
    if index is None:
        return None
    shape = reading.data["lattice_index"].attrs.get("shape")
    sizes = (
        tuple(int(one) for one in np.ravel(shape)) if shape is not None else tuple(1 + index.max(axis=0).astype(int))
    )
    return index.astype(int), (sizes[0], sizes[1])


def _pictures(
    reading: Reading, variable: Variable, points: np.ndarray, found: np.ndarray, known: np.ndarray | None
) -> Figure:
    """Network, exact solution and their difference on the lattice, the outline of the domain upon them."""
    cells = _cells(reading)
    assert cells is not None
    index, shape = cells
    step = max(1, -(-max(shape) // reading.most(FINE * ROWS, 32)))
    ends = []
    for side in range(2):
        low, high, first, last = (
            points[:, side].min(),
            points[:, side].max(),
            index[:, side].min(),
            index[:, side].max(),
        )
        cell = (high - low) / max(last - first, 1)
        ends += [low - (first + 0.5) * cell, low + (shape[side] - 0.5 - first) * cell]
    sides = (reading.input_name(0), reading.input_name(1))

    def picture(values: np.ndarray, title: str, *, error: bool = False) -> Panel:
        plane = np.full(shape[::-1], np.nan)
        plane[index[:, 1], index[:, 0]] = values
        return Panel(title, plane[::step, ::step], (ends[0], ends[1], ends[2], ends[3]), sides, error)

    drawn = [picture(found, "network")]
    if known is not None:
        kind = _kind(reading)
        drawn += [picture(known, kind), picture(found - known, f"network − {kind}", error=True)]
    words = "Pictures of the solution over two inputs."
    words += "" if known is None else f" {_error_words(found, known)}"
    outline = reading.constant("outline", "outline_point", INPUT)
    caption = " ".join(
        part for part in (variable.description, "" if known is None else _error_words(found, known)) if part
    )
    return Figure("The solution", coloured(drawn, outline), words, caption, variable.references)


@draws("column", "row", "section", section="The solution", place=40, plain=True)
def sections(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """Sections through a solution of more than two inputs: a row each of network, exact solution and difference."""
    network, target = _by_role(variables, "network"), _by_role(variables, "target")
    edges = reading.constant("section_edges", "section", "edge")
    if network is None or edges is None or "section_sides" not in reading.data:
        return []
    names, sides = network.names("section"), reading.data["section_sides"].values
    order = [network.dims.index(name) for name in ("section", "row", "column")]
    found = np.transpose(network.values[0, 0], order)
    known = None if target is None else np.transpose(target.values[0, 0], order)
    step = max(1, -(-found.shape[1] // reading.most(ROWS, 24)))

    def pictures(values: np.ndarray, what: str, *, error: bool = False) -> list[Panel]:
        return [
            Panel(
                f"{what}{names[k]}", one[::step, ::step], tuple(edges[k]), (str(sides[k][0]), str(sides[k][1])), error
            )
            for k, one in enumerate(values)
        ]

    drawn = pictures(found, "")
    caption = [network.description, "Above: the network."]
    if known is not None:
        drawn += pictures(found - known, "difference, ", error=True)
        caption += [f"Below: network − {_kind(reading)}.", _error_words(found, known)]
    words = f"Sections through the solution: {'; '.join(names)}."
    words += "" if known is None else f" {_error_words(found, known)}"
    return [
        Figure("Sections through the solution", coloured(drawn, None), words, " ".join(caption), network.references)
    ]


def _pairs(reading: Reading, variable: Variable, found: np.ndarray, known: np.ndarray) -> Figure:
    """The network's values against the exact ones at points all over the domain."""
    kept = thin(len(found), reading.most(PAIRS, 60))
    ends = span(known)
    diagonal = {"type": "scatter", "mode": "lines", "x": ends, "y": ends, "hoverinfo": "skip", "showlegend": False}
    marks = {"type": "scatter", "mode": "markers", "x": known[kept], "y": found[kept], "showlegend": False}
    marks |= {"marker": {"color": NETWORK, "size": 6, "opacity": 0.5}}
    marks |= {"hovertemplate": "exact %{x:.4g}<br>network %{y:.4g}<extra></extra>"}
    kind = _kind(reading)
    shape = layout(
        420, xaxis=axis(f"solution, {kind}", range=ends), yaxis=axis("network", range=span(np.append(found, ends)))
    )
    words = f"Network against {kind} solution at {len(kept)} points of the domain. {_error_words(found, known)}"
    caption = f"{variable.description} On the line both are equal. {_error_words(found, known)}".strip()
    data = [diagonal | {"line": {"color": TARGET, "width": 1.5}}, marks]
    return Figure("All over the domain", {"data": data, "layout": shape}, words, caption, variable.references)


@draws(INPUT, "outline_point", section="The solution", place=60, plain=True)
def domains(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """The domain with its holes, and the points that the network was trained on."""
    return [_domain(reading, one) for one in variables]


def _domain(reading: Reading, variable: Variable) -> Figure:
    outline = variable.values[0, 0] if variable.dims[0] != INPUT else variable.values[0, 0].T
    line = {"type": "scatter", "mode": "lines", "x": outline[:, 0], "y": outline[:, 1], "name": "boundary"}
    data = [line | {"line": {"color": INK, "width": 1.4}, "hoverinfo": "skip"}]
    counts = []
    for name, dimension, title, colour in (
        ("training_points", "training_point", "inside", NETWORK),
        ("boundary_points", "boundary_point", "on the boundary", TARGET),
    ):
        points = reading.constant(name, dimension, INPUT)
        if points is not None and points.shape[1] == 2:
            kept = points[thin(len(points), reading.most(2000, 100))]
            marker = {"color": colour, "size": 3, "opacity": 0.7}
            data.append({
                "type": "scatter",
                "mode": "markers",
                "x": kept[:, 0],
                "y": kept[:, 1],
                "name": title,
                "marker": marker,
            })
            counts.append(f"{len(kept)} points {title}")
    curves = 1 + int(np.isnan(outline[:, 0]).sum())
    square = {"scaleanchor": "x", "constrain": "domain", "showgrid": False}
    shape = layout(
        460,
        xaxis=axis(label(reading.input_name(0)), range=span(outline[:, 0]), showgrid=False, constrain="domain"),
        yaxis=axis(label(reading.input_name(1)), range=span(outline[:, 1])) | square,
    )
    words = f"The boundary of the domain, {curves} curve{'s' if curves > 1 else ''}"
    words += f", with {' and '.join(counts)}." if counts else "."
    return Figure("The domain and its points", {"data": data, "layout": shape}, words, variable.description)
