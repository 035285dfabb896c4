"""Several trainings side by side: the matrix of cosine similarities that each ended with."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from simplebias.core.types import CASE, NEURON, NEURON_OTHER
from simplebias.reports.kinds import Figure, draws
from simplebias.reports.neurons import SIMILARITIES, like_together, similarity_colours, similarity_trace
from simplebias.reports.pictures import finite_seed
from simplebias.reports.reading import Reading, Variable
from simplebias.reports.style import axis, label, layout, panel_title, panels, thin
from simplebias.reports.training_curves import by_category

CASES = 4
"""Matrices in one row."""
ALIKE = 0.7
"""Absolute cosine similarity from which neurons are told to be alike."""


@draws(CASE, NEURON, NEURON_OTHER, section="Neurons", place=15)
def similarities_by_case(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """Cosine similarity of all pairs of neurons at the end, a matrix for each case, like neurons together."""
    return [_figure(reading, one) for one in variables]


@draws(CASE, section="Loss", place=60)
def numbers_by_case(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """One number over training, a curve for each case."""
    return [by_category(variable, CASE) for variable in variables]


def _figure(reading: Reading, variable: Variable) -> Figure:
    seed = finite_seed(variable)
    order = [variable.dims.index(name) for name in (CASE, NEURON, NEURON_OTHER)]
    values = variable.values[seed, variable.last].transpose(order)
    names = variable.names(CASE)
    chosen = thin(len(names), CASES)
    kept = thin(values.shape[1], reading.most(SIMILARITIES, 24))
    places, stacked = panels(len(chosen), len(chosen), gap=0.03), panels(len(chosen), 1, rise=0.1)
    shape = layout(380, margin={"l": 16, "r": 16, "t": 34, "b": 44})
    narrow: dict[str, Any] = {"height": 360 * len(chosen)}
    data, notes = [], []
    for index, case in enumerate(chosen):
        suffix, matrix = "" if index == 0 else str(index + 1), values[case]
        near = like_together(matrix)[kept]
        data.append(similarity_trace(matrix[np.ix_(near, near)], suffix))
        ends = {"constrain": "domain", "domain": places[index]["x"], "anchor": f"y{suffix}", "showgrid": False}
        shape[f"xaxis{suffix}"] = axis("neuron, sorted", showticklabels=False, **ends)
        square = {"scaleanchor": f"x{suffix}", "constrain": "domain", "autorange": "reversed", "showgrid": False}
        square |= {"domain": places[index]["y"], "anchor": f"x{suffix}", "showticklabels": False}
        shape[f"yaxis{suffix}"] = axis("", **square)
        shape["annotations"] = [
            *shape.get("annotations", []),
            panel_title(f"{label(names[case])} · alike {_alike(matrix)}", index),
        ]
        narrow |= {f"xaxis{suffix}.domain": stacked[index]["x"], f"yaxis{suffix}.domain": stacked[index]["y"]}
        notes.append(f"{names[case]}: {_alike(matrix)}")
    shape["coloraxis"] = similarity_colours()
    shape["meta"] = {"narrow": narrow}
    caption = [variable.description, f"Alike: share of pairs with an absolute cosine above {ALIKE:g}."]
    caption += ["Neurons are sorted so that like ones stand together, each matrix for itself."]
    caption += [f"Seed {variable.names('seed')[seed]}."] if "seed" in variable.array.dims else []
    caption += [f"Of {values.shape[1]} neurons {len(kept)} are drawn."] if len(kept) < values.shape[1] else []
    words = f"Pairs of neurons that are parallel or opposite within cosine {ALIKE:g}: {'; '.join(notes)}."
    text = " ".join(part for part in caption if part)
    title = variable.title[:1].upper() + variable.title[1:]
    return Figure(title, {"data": data, "layout": shape}, words, text, variable.references)


def _alike(matrix: np.ndarray) -> str:
    pairs = np.abs(matrix[~np.eye(len(matrix), dtype=bool)])
    return f"{100 * np.mean(pairs > ALIKE):.0f} %" if pairs.size and np.isfinite(pairs).all() else "unknown"
