"""Cosines of neurons with predicted lines over training: each neuron is a curve, which ends at ±1 on the line."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from simplebias.core.types import DIRECTION, NEURON
from simplebias.reports.curves import step_axis, step_places
from simplebias.reports.kinds import Figure, draws
from simplebias.reports.pictures import finite_seed
from simplebias.reports.reading import Reading, Variable
from simplebias.reports.style import MUTED, NETWORK, axis, layout, panel_title, panels, thin

NEURONS = 100
"""Neurons drawn."""
LINES = 6
"""Predicted lines that get a panel."""
COLUMNS = 3
NEAR = 0.95
"""Modulus of the cosine from which a neuron counts as on the line."""


@draws(NEURON, DIRECTION, section="Neurons", place=15)
def on_predicted_lines(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """A panel for each predicted line, in it a line for each neuron."""
    return [_figure(reading, one) for one in variables]


def _figure(reading: Reading, variable: Variable) -> Figure:
    seed = finite_seed(variable)
    values = np.moveaxis(variable.values[seed][: variable.last + 1], 1 + variable.dims.index(NEURON), 2)
    steps = variable.steps[: variable.last + 1]
    kept = thin(values.shape[2], reading.most(NEURONS, 30))
    drawn = min(values.shape[1], LINES)
    columns = min(drawn, COLUMNS)
    rows = -(-drawn // columns)
    places, stacked = panels(drawn, columns, gap=0.05, rise=0.16), panels(drawn, 1, rise=0.5 / (drawn + 1))
    shape: dict[str, Any] = layout(
        120 + 240 * rows, margin={"l": 64, "r": 16, "t": 64, "b": 52}, legend={"y": 1 + 22 / (240 * rows)}
    )
    narrow: dict[str, Any] = {"height": 80 + 260 * drawn}
    data, notes = [], []
    for index in range(drawn):
        suffix = "" if index == 0 else str(index + 1)
        every = values[:, index]
        ends = np.abs(every[-1]) > NEAR
        data += _traces(steps, every[:, kept], ends[kept], suffix, legend=index == 0)
        below = {} if index >= drawn - columns else {"title": {"text": ""}}
        across = step_axis(steps, domain=places[index]["x"], anchor=f"y{suffix}") | below
        beside = {} if index % columns == 0 else {"matches": "y", "showticklabels": False, "title": {"text": ""}}
        upwards = axis("cosine with the line", range=[-1.06, 1.06], tickvals=[-1, -0.5, 0, 0.5, 1])
        shape[f"xaxis{suffix}"] = across
        shape[f"yaxis{suffix}"] = upwards | {"domain": places[index]["y"], "anchor": f"x{suffix}"} | beside
        heading = f"line {variable.names(DIRECTION)[index]}" if drawn > 1 else ""
        share = f"{100 * ends.mean():.3g} % of neurons"
        shape["annotations"] = [*shape.get("annotations", []), panel_title(f"{heading} · {share}".strip(" ·"), index)]
        narrow |= {f"xaxis{suffix}.domain": stacked[index]["x"], f"yaxis{suffix}.domain": stacked[index]["y"]}
        narrow |= {f"yaxis{suffix}.showticklabels": True}
        notes.append(f"{heading or 'the line'}: {share} end within {NEAR} of ±1")
    if drawn > 1:
        shape["meta"] = {"narrow": narrow}
    caption = [
        variable.description,
        f"Blue: neurons that end at a modulus above {NEAR}, whose share is above the panel.",
    ]
    caption += [f"Seed {variable.names('seed')[seed]}."] if "seed" in variable.array.dims else []
    caption += [f"Of {values.shape[2]} neurons {len(kept)} are drawn."] if len(kept) < values.shape[2] else []
    caption += [f"Of {values.shape[1]} lines {drawn} are drawn."] if drawn < values.shape[1] else []
    words = f"Cosine of neurons with predicted lines over steps. {'; '.join(notes)}."
    text = " ".join(part for part in caption if part)
    return Figure(
        "Neurons turn to the predicted line", {"data": data, "layout": shape}, words, text, variable.references
    )


def _traces(steps: np.ndarray, values: np.ndarray, ends: np.ndarray, suffix: str, *, legend: bool) -> list[dict]:
    """All neurons of one look as one broken line: those that end elsewhere, then those that end on the line."""
    traces = []
    for chosen, name, colour, opacity in ((~ends, "elsewhere", MUTED, 0.3), (ends, "on the line", NETWORK, 0.45)):
        if not chosen.any():
            continue
        count = int(chosen.sum())
        x = np.tile(np.append(step_places(steps), np.nan), count)
        y = np.concatenate([values[:, chosen], np.full((1, count), np.nan)]).T.ravel()
        line = {"color": colour, "width": 1.1}
        trace = {"type": "scatter", "mode": "lines", "x": x, "y": y, "name": name, "legendgroup": name, "line": line}
        trace |= {"opacity": opacity, "hoverinfo": "skip", "showlegend": legend}
        traces.append(trace | {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"})
    return traces
