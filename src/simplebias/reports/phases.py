"""The phase diagram: a quantity over the plane of γ and γ', the measured boundary, that of theory, and named points."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from simplebias.reports.choosing import picks
from simplebias.reports.kinds import Figure, draws
from simplebias.reports.phase_cells import CHOSEN, cell_figures
from simplebias.reports.reading import Reading, Variable, median
from simplebias.reports.style import INK, SIGNED, axis, colour_bar, label, layout, number

GAMMA, GAMMA_PRIME = "gamma", "gamma_prime"
LIMIT = 0.5
"""Slopes beyond this have the colour of this, as in the literature."""


@draws(GAMMA, GAMMA_PRIME, section="The plane of γ and γ′", place=5, plain=True)
def phase_plane(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """A heat map for each variable, with what else the data know of the plane; then what they know of the cells."""
    cells = cell_figures(reading, variables[0], LIMIT)
    words = "A click shows a cell in the next figure." if any(one.title == CHOSEN for one in cells) else ""
    return [*(_figure(reading, one, words) for one in variables), *cells]


def _figure(reading: Reading, variable: Variable, words: str) -> Figure:
    gamma, prime = (variable.coordinate(name).astype(float) for name in (GAMMA, GAMMA_PRIME))
    middle = median(variable.values[:, 0])
    across = middle.T if variable.dims.index(GAMMA) == 0 else middle
    bar = colour_bar(variable.label, ticksuffix=" ")  # keeps the title off the numbers
    trace: dict[str, Any] = {"type": "heatmap", "x": gamma, "y": prime, "z": across, "zmin": -LIMIT, "zmax": LIMIT}
    trace |= {"colorscale": [list(stop) for stop in SIGNED], "colorbar": bar, "name": "", "showlegend": False}
    trace |= _hover(reading, variable)
    data = [trace, *_lines(reading, prime), *_named(reading, gamma, prime)]
    ends = [[float(v.min() - _half(v)), float(v.max() + _half(v))] for v in (gamma, prime)]
    shape = layout(
        480,
        xaxis=axis("γ", range=ends[0], showgrid=False),
        yaxis=axis("γ′", range=ends[1], showgrid=False),
        margin={"l": 64, "r": 16, "t": 44, "b": 52},
        legend={"y": 1.09},
        meta=picks(("x", GAMMA, gamma, gamma), ("y", GAMMA_PRIME, prime, prime)),
    )
    known = np.isfinite(across)
    share = 100 * float((across[known] > 0).mean()) if known.any() else 0.0
    seen = f"{variable.title} over γ and γ′: positive at {share:.0f} % of {int(known.sum())} points"
    seen += "." if known.all() else f"; {int((~known).sum())} points without a value."
    caption = [variable.description, f"Colours end at ±{number(LIMIT)}."]
    caption += ["Stars: where the measured quantity is 0."] if "boundary" in reading.data else []
    caption += ["White: nothing was measured."] if not known.all() else []
    caption.append(words)
    text = " ".join(part for part in caption if part)
    return Figure("Phase diagram", {"data": data, "layout": shape}, seen, text, variable.references)


def _half(values: np.ndarray) -> float:
    return float(np.diff(np.sort(values)).min() / 2) if len(values) > 1 else 0.1


def _inside(place: float, values: np.ndarray) -> bool:
    return bool(values.min() - _half(values) < place < values.max() + _half(values))


def _hover(reading: Reading, variable: Variable) -> dict[str, Any]:
    """What stands beside the pointer: the value, with its interval where there is one."""
    ends = [reading.constant(f"{variable.name}_{end}", GAMMA_PRIME, GAMMA) for end in ("low", "high")]
    shown = "γ = %{x}, γ′ = %{y}<br>" + variable.label + " %{z:.3f}"
    if any(end is None for end in ends):
        return {"hovertemplate": shown + "<extra></extra>"}
    low, high = (np.asarray(end) for end in ends)
    tail = " (%{customdata[0]:.3f} … %{customdata[1]:.3f})<extra></extra>"
    return {"customdata": np.stack([low, high], axis=2), "hovertemplate": shown + tail}


def _lines(reading: Reading, prime: np.ndarray) -> list[dict[str, Any]]:
    """The boundary as measured, as stars, and that of theory, as a broken line."""
    traces = []
    predicted, measured = (reading.constant(name, GAMMA_PRIME) for name in ("predicted_boundary", "boundary"))
    if predicted is not None:
        order = np.argsort(prime)
        y = np.append(prime[order], 0.0) if prime.min() < 0 < prime.max() else prime[order]
        x = np.append(predicted[order], 1.0) if len(y) > len(prime) else predicted[order]
        again = np.argsort(y, kind="stable")
        line = {"color": INK, "dash": "dash", "width": 2}
        traces.append({
            "type": "scatter",
            "mode": "lines",
            "x": x[again],
            "y": y[again],
            "name": "theory",
            "line": line,
        })
    if measured is not None:
        marker = {"symbol": "star", "size": 12, "color": INK, "line": {"color": "#ffffff", "width": 1}}
        traces.append({
            "type": "scatter",
            "mode": "markers",
            "x": measured,
            "y": prime,
            "name": "slope 0",
            "marker": marker,
        })
    return traces


def _named(reading: Reading, gamma: np.ndarray, prime: np.ndarray) -> list[dict[str, Any]]:
    """Initialisations by name that lie on the plane as it is drawn."""
    places = reading.constant("named", "initialisation", "coordinate")
    if places is None:
        return []
    names: dict[tuple[float, float], str] = {}
    for name, (x, y) in zip(reading.data["initialisation"].values, places, strict=True):
        if _inside(x, gamma) and _inside(y, prime):
            place = (float(x), float(y))
            names[place] = f"{names[place]}, {label(name)}" if place in names else label(name)
    if not names:
        return []
    x, y = zip(*names, strict=True)
    marker = {"symbol": "circle-open", "size": 11, "color": INK, "line": {"width": 2}}
    shown = {"text": list(names.values()), "textposition": "top left", "textfont": {"color": INK, "size": 12}}
    common = {"type": "scatter", "mode": "markers+text", "x": list(x), "y": list(y), "name": "initialisations"}
    return [common | {"marker": marker} | shown]
