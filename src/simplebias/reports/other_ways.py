"""Several ways to solve one equation: the error of each against its time."""

from collections.abc import Sequence

import numpy as np

from simplebias.reports.kinds import Figure, draws
from simplebias.reports.reading import Reading, Variable
from simplebias.reports.style import MUTED, NETWORK, axis, label, layout, span


@draws("method", section="Other ways to solve it", plain=True)
def other_ways(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """Error against time of each way to solve the equation: low and left is good."""
    found = {str(one.array.attrs.get("axis_role", one.name.removeprefix("baseline_"))): one for one in variables}
    if "error" not in found or "seconds" not in found:
        return []
    variable, seconds, names = found["error"], found["seconds"].values[0, 0], found["error"].names("method")
    errors = variable.values[0, 0]
    usable = np.flatnonzero(np.isfinite(errors) & (errors > 0) & np.isfinite(seconds) & (seconds > 0))
    if not usable.size:
        return []
    trained = int(variable.array.attrs.get("trained", 1))
    colours = [NETWORK if k < trained else MUTED for k in usable]
    marks = {"type": "scatter", "mode": "markers+text", "x": seconds[usable], "y": errors[usable], "showlegend": False}
    marks |= {"text": [label(names[k]) for k in usable], "textposition": "top center", "cliponaxis": False}
    marks |= {
        "marker": {"color": colours, "size": 11},
        "hovertemplate": "%{text}<br>%{x:.2g} s: %{y:.2g}<extra></extra>",
    }
    x, y = span(seconds[usable], log=True), span(errors[usable], log=True)
    power = {"type": "log", "dtick": 1, "exponentformat": "power", "tickfont": {"size": 10}}
    shape = layout(
        400,
        xaxis=axis("time (seconds)", range=[np.floor(x[0] - 0.4), np.ceil(x[1] + 0.4)]) | power,
        yaxis=axis("relative L2 error", range=[np.floor(y[0]), np.ceil(y[1])]) | power | {"dtick": _decades(y)},
    )
    told = "; ".join(f"{names[k]} {errors[k]:.1e} in {seconds[k]:.2g} s" for k in usable)
    caption = variable.description or "Low and left is good. Times include compiling."
    return [Figure("Error against time", {"data": [marks], "layout": shape}, f"Error and time: {told}.", caption)]


def _decades(ends: Sequence[float]) -> int:
    return max(1, int(np.ceil((ends[1] - ends[0]) / 8)))
