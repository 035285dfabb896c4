"""What a theory foretells of the fit, as a further line over the one input."""

from typing import Any

import numpy as np
import xarray as xr

from simplebias.core.types import OUTPUT, POINT, SEED
from simplebias.reports.reading import Reading, median
from simplebias.reports.style import COLOURS, label

ROLE = "prediction"
"""Value of the attribute `role` by which a variable without records says that it foretells the outputs."""


def foretold(reading: Reading, output: int, kept: np.ndarray) -> tuple[list[dict[str, Any]], str]:
    """Lines of all variables that foretell the outputs, `(seed, point, output)` or `(point, output)`, and their words.

    Args:
        reading: a run with one input.
        output: which output.
        kept: which of the points, sorted by the input, are drawn.

    Returns:
        Plotly's traces, medians over seeds, and a caption, empty without such variables.
    """
    points, lines, words = reading.points, [], []
    if points is None:
        return [], ""
    order = np.argsort(points[:, 0], kind="stable")[kept]
    looks = zip(("dash", "dot"), (COLOURS[2], COLOURS[1]), strict=True)
    for array, (dash, colour) in zip(_variables(reading), looks, strict=False):
        values = array.values if SEED in array.dims else array.values[None]
        name = label(array.attrs.get("long_name", array.name))
        line = {"color": colour, "width": 2, "dash": dash}
        shown = {"name": name, "legendgroup": name, "line": line}
        shown |= {"hovertemplate": "%{fullData.name}<br>%{x:.5g}: %{y:.4g}<extra></extra>"}
        place = {"x": points[order, 0], "y": median(values)[order, output], "xaxis": "x", "yaxis": "y"}
        lines.append({"type": "scatter", "mode": "lines"} | place | shown)
        words.append(f"{array.attrs.get('long_name', array.name)}: {array.attrs.get('description', '')}.")
    return lines, " ".join(words)


def _variables(reading: Reading) -> list[xr.DataArray]:
    found = []
    for array in reading.data.data_vars.values():
        rest = [str(dim) for dim in array.dims if dim != SEED]
        if array.attrs.get("role") == ROLE and sorted(rest) == sorted((POINT, OUTPUT)):
            order = ((SEED,) if SEED in array.dims else ()) + (POINT, OUTPUT)
            found.append(array.transpose(*order))
    return found
