"""The solution of an equation beside the exact one: curves over one input, pictures over two, sections through more.

Drawn are variables that say what they are drawn over: `(point, output)` over `point`, on the cells of `lattice_index`
where there is one; `(section, row, column)` over `column`, with `section_edges` and `section_sides`, the ends and names
of both sides. The attribute `role` tells the network from the target. NaN lies outside of the domain.
"""

from collections.abc import Sequence

import numpy as np

from simplebias.core.types import CASE, INPUT, OUTPUT, POINT
from simplebias.reports.coloured import Panel, coloured
from simplebias.reports.curves import value_axis
from simplebias.reports.kinds import Figure, draws
from simplebias.reports.reading import Reading, Variable
from simplebias.reports.style import (
    COLOURS,
    INK,
    NETWORK,
    POINTS,
    ROWS,
    TARGET,
    axis,
    label,
    layout,
    number,
    percent,
    span,
    thin,
    thin_curve,
)

PAIRS = 1000
"""Points drawn of the exact solution against the network's."""
CASES = 3
"""Solutions drawn beside one another."""
FINE = 2
"""How many times finer than other heat maps the pictures of a solution are."""


@draws(OUTPUT, POINT, section="The solution", plain=True)
def solutions(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """The network's solution beside the exact one, by the number of inputs."""
    network, target = _by_role(variables, "network"), _by_role(variables, "target")
    if network is None:
        return []
    known = None if target is None else target.values[0, 0, 0]
    return _by_inputs(reading, network, {"network": network.values[0, 0, 0]}, known)


@draws(CASE, POINT, section="The solution", plain=True)
def compared_solutions(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """Solutions of several networks beside the exact one."""
    known = reading.constant("exact", POINT, OUTPUT)
    figures = []
    for variable in variables:
        values = variable.values[0, 0] if variable.dims[0] == CASE else variable.values[0, 0].T
        found = dict(zip(variable.names(CASE)[:CASES], values, strict=False))
        figures += _by_inputs(reading, variable, found, None if known is None else known[:, 0])
    return figures


def _by_inputs(
    reading: Reading, variable: Variable, found: dict[str, np.ndarray], known: np.ndarray | None
) -> list[Figure]:
    """Curves for one input, pictures for two on a lattice, else the exact values against the others."""
    points = reading.points
    if points is None:
        return []
    if points.shape[1] == 1:
        return [_curves(reading, variable, points[:, 0], found, known)]
    if points.shape[1] == 2 and _cells(reading) is not None:
        return [_pictures(reading, variable, points, found, known)]
    return [] if known is None else [_pairs(reading, variable, found, known)]


def _by_role(variables: Sequence[Variable], role: str) -> Variable | None:
    return next((one for one in variables if one.array.attrs.get("role") == role), None)


def _kind(reading: Reading) -> str:
    """What the target is, in words."""
    for array in reading.data.data_vars.values():
        if array.attrs.get("role") == "target" and "kind" in array.attrs:
            kind = str(array.attrs["kind"])
            return "exact" if kind == "exact" else f"by {kind}"
    return "exact"


def _error_words(found: dict[str, np.ndarray], known: np.ndarray) -> str:
    """The largest difference of each in words, with its share of the largest value."""
    size, told = float(np.nanmax(np.abs(known))) or 1.0, []
    for name, values in found.items():
        largest = float(np.nanmax(np.abs(values - known)))
        lead = f"of {name} " if len(found) > 1 else ""
        told.append(f"{lead}is {number(float(f'{largest:.2g}'))}, {_share(largest / size)} the largest value")
    return f"The largest difference {'; '.join(told)}."


def _share(part: float) -> str:
    if part >= 1:
        return f"{part:.2g} times"
    return f"{percent(part) if part > 1e-3 else number(float(f'{part:.2g}'))} of"


def _curves(
    reading: Reading, variable: Variable, x: np.ndarray, found: dict[str, np.ndarray], known: np.ndarray | None
) -> Figure:
    """All curves over the one input, their differences from the exact one below; of several by size."""
    order = np.argsort(x, kind="stable")
    kept = order[thin_curve((next(iter(found.values())) if known is None else known)[order], reading.most(POINTS, 40))]
    place = {"x": x[kept], "type": "scatter", "mode": "lines", "xaxis": "x"}
    place |= {"hovertemplate": "%{fullData.name}<br>%{x:.5g}: %{y:.5g}<extra></extra>"}
    colours = dict(zip(found, (NETWORK, *COLOURS[1:]), strict=False))
    data = [
        place | {"y": one[kept], "yaxis": "y", "name": label(name), "line": {"color": colours[name], "width": 1.6}}
        for name, one in found.items()
    ]
    across = axis(label(reading.input_name(0)), range=span(x))
    high = axis(
        label(variable.title), range=span(np.concatenate([*found.values(), *([] if known is None else [known])]))
    )
    words = f"{', '.join(found)} over {reading.input_name(0)}."
    shape = layout(380, xaxis=across, yaxis=high)
    if known is None:
        return Figure("The solution", {"data": data, "layout": shape}, words, variable.description)
    kind, several = _kind(reading), len(found) > 1
    line = {"color": TARGET, "width": 3.5}
    data.insert(0, place | {"y": known[kept], "yaxis": "y", "name": kind, "line": line})
    errors = {name: (np.abs(one - known) if several else one - known)[kept] for name, one in found.items()}
    thin_line = {"yaxis": "y2", "showlegend": False}
    data += [
        place | thin_line | {"y": one, "name": f"{label(name)} − {kind}", "line": {"color": colours[name], "width": 1}}
        for name, one in errors.items()
    ]
    every = np.concatenate(list(errors.values()))
    below = value_axis(every, "difference", log=several) | {"domain": [0, 0.26], "anchor": "x"}
    below |= {} if several else {"exponentformat": "power"}
    shape = layout(480, xaxis=across | {"anchor": "y2"}, yaxis=high | {"domain": [0.36, 1]}, yaxis2=below)
    caption = f"{variable.description} Below: {'size of ' if several else ''}the difference from the {kind} solution."
    caption = f"{caption} {_error_words(found, known)}".strip()
    words = f"{words} {_error_words(found, known)}"
    return Figure("The solution", {"data": data, "layout": shape}, words, caption, variable.references)


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
    reading: Reading, variable: Variable, points: np.ndarray, found: dict[str, np.ndarray], known: np.ndarray | None
) -> Figure:
    """Networks, exact solution and differences on the lattice, the outline of the domain upon them."""
    cells = _cells(reading)
    assert cells is not None
    index, shape = cells
    step = max(1, -(-max(shape) // reading.most(FINE * ROWS, 32)))
    ends = (*_ends(points[:, 0], index[:, 0], shape[0]), *_ends(points[:, 1], index[:, 1], shape[1]))
    sides = (reading.input_name(0), reading.input_name(1))

    def picture(values: np.ndarray, title: str, *, error: bool = False) -> Panel:
        plane = np.full(shape[::-1], np.nan)
        plane[index[:, 1], index[:, 0]] = values
        return Panel(title, plane[::step, ::step], ends, sides, error)

    drawn = [picture(one, name) for name, one in found.items()]
    words = [variable.description]
    if known is not None:
        kind = _kind(reading)
        drawn += [picture(known, kind)]
        drawn += [picture(one - known, f"{name} − {kind}", error=True) for name, one in found.items()]
        words.append(_error_words(found, known))
    outline = reading.constant("outline", "outline_point", INPUT)
    seen = f"Pictures of {', '.join(found)} over two inputs. {words[-1]}".strip()
    caption = " ".join(part for part in words if part)
    return Figure("The solution", coloured(drawn, outline), seen, caption, variable.references)


def _ends(places: np.ndarray, index: np.ndarray, count: int) -> tuple[float, float]:
    """Where a lattice begins and ends along one side, half a cell beyond its outer points."""
    cell = (places.max() - places.min()) / max(int(index.max() - index.min()), 1)
    low = places.min() - (index.min() + 0.5) * cell
    return float(low), float(low + count * cell)


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
        caption += [f"Below: network − {_kind(reading)}.", _error_words({"network": found}, known)]
    words = f"Sections through the solution: {'; '.join(names)}."
    words += "" if known is None else f" {caption[-1]}"
    return [
        Figure("Sections through the solution", coloured(drawn, None), words, " ".join(caption), network.references)
    ]


def _pairs(reading: Reading, variable: Variable, found: dict[str, np.ndarray], known: np.ndarray) -> Figure:
    """The networks' values against the exact ones at points all over the domain."""
    kept = thin(len(known), reading.most(PAIRS, 60))
    ends = span(known)
    line = {"type": "scatter", "mode": "lines", "x": ends, "y": ends, "hoverinfo": "skip", "showlegend": False}
    data = [line | {"line": {"color": TARGET, "width": 1.5}}]
    for (name, values), colour in zip(found.items(), (NETWORK, *COLOURS[1:]), strict=False):
        marks = {"type": "scatter", "mode": "markers", "x": known[kept], "y": values[kept], "name": label(name)}
        marks |= {"marker": {"color": colour, "size": 6, "opacity": 0.5}, "showlegend": len(found) > 1}
        data.append(marks | {"hovertemplate": "exact %{x:.4g}<br>network %{y:.4g}<extra></extra>"})
    kind = _kind(reading)
    reach = span(np.concatenate([*found.values(), np.array(ends)]))
    shape = layout(420, xaxis=axis(f"solution, {kind}", range=ends), yaxis=axis("network", range=reach))
    words = f"Network against {kind} solution at {len(kept)} points of the domain. {_error_words(found, known)}"
    caption = f"{variable.description} On the line both are equal. {_error_words(found, known)}".strip()
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
