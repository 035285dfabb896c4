"""Neurons: orientation and amplitude with a slider, and cosine similarities before and after training."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from simplebias.core.types import FEATURE, NEURON, NEURON_OTHER
from simplebias.reports.groups import turning
from simplebias.reports.kinds import Figure, draws
from simplebias.reports.pictures import finite_seed
from simplebias.reports.reading import Reading, Variable
from simplebias.reports.slider import animated
from simplebias.reports.style import (
    FRAMES,
    MUTED,
    NETWORK,
    SIGNED,
    WHOLE,
    axis,
    colour_bar,
    label,
    layout,
    log_axis,
    panel_title,
    panels,
    span,
    thin,
)

NEURONS = 600
"""Neurons drawn as points."""
SIMILARITIES = 160
"""Neurons in a matrix of similarities."""


@draws(NEURON, FEATURE, section="Neurons", place=10)
def features(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """Orientation and amplitude of every neuron before and over training."""
    shown = [one for one in variables if len(one.names(FEATURE)) == 2]
    return [draw(reading, one) for one in shown for draw in (_feature_figure, turning)]


def _feature_figure(reading: Reading, variable: Variable) -> Figure:
    values = variable.values
    seed = finite_seed(variable)
    kept = thin(values.shape[2], reading.most(NEURONS, 60))
    shown = values[seed][:, kept]
    names = variable.names(FEATURE)
    amplitude = 1 - (names.index("orientation") if "orientation" in names else 0)
    angle = 1 - amplitude
    marks: dict[str, Any] = {"type": "scatter", "mode": "markers"}
    marks |= {"hovertemplate": "%{fullData.name}<br>orientation %{x:.3f}<br>amplitude %{y:.3g}<extra></extra>"}
    hollow = {"color": MUTED, "size": 6, "symbol": "circle-open", "opacity": 0.5, "line": {"width": 1}}
    filled = {"color": NETWORK, "size": 7, "opacity": 0.6, "line": {"width": 0}}
    before = marks | {"name": "before training", "marker": hollow, "x": shown[0, :, angle], "y": shown[0, :, amplitude]}
    moments = [
        (
            int(variable.steps[k]),
            [marks | {"name": "in training", "marker": filled, "x": shown[k, :, angle], "y": shown[k, :, amplitude]}],
        )
        for k in reading.frames(variable.steps, variable.last, FRAMES)
    ]
    sizes = np.abs(shown[[0, variable.last], :, amplitude])
    wide = bool(sizes[0].max() > 0 and sizes[1].max() / sizes[0].max() > 20)
    ends = _amplitudes(shown[: variable.last + 1, :, amplitude], log=wide)
    shape = layout(
        420,
        xaxis=axis(
            f"{label(names[angle])} (radians)",
            range=[-3.3, 3.3],
            tickvals=[-np.pi, -np.pi / 2, 0.0, np.pi / 2, np.pi],
            ticktext=["−π", "−π/2", "0", "π/2", "π"],
        ),
        yaxis=(log_axis if wide else axis)(label(names[amplitude]), range=ends, **({"dtick": 1} if wide else {})),
    )
    caption = [variable.description, "Neurons of equal orientation compute the same function of the input."]
    caption += [f"Seed {variable.names('seed')[seed]}."] if "seed" in variable.array.dims else []
    caption += [f"Of {values.shape[2]} neurons {len(kept)} are drawn."] if len(kept) < values.shape[2] else []
    words = (
        f"Orientation and amplitude of {len(kept)} neurons. Before training {_crowd(shown[0], angle, amplitude)};"
        f" at step {variable.steps[variable.last]} {_crowd(shown[variable.last], angle, amplitude)}."
    )
    text = " ".join(part for part in caption if part)
    return Figure("Orientation and amplitude", animated([before], moments, shape), words, text, variable.references)


def _amplitudes(values: np.ndarray, *, log: bool) -> list[float]:
    low, high = span(values, log=log)
    return [max(low, high - 8), high] if log else [min(low, 0.0), high]


def _crowd(features: np.ndarray, angle: int, amplitude: int) -> str:
    """How much of the amplitude lies in how much of the circle, in words."""
    finite = np.isfinite(features).all(axis=1)
    weights, edges = np.abs(features[finite, amplitude]), np.linspace(-np.pi, np.pi, 73)
    mass = np.sort(np.histogram(features[finite, angle], edges, weights=weights)[0])[::-1]
    if mass.sum() == 0:
        return "all amplitudes are zero"
    needed = int(np.searchsorted(np.cumsum(mass) / mass.sum(), 0.9)) + 1
    return f"nine tenths of the amplitude lie in {min(needed, 72)} of 72 equal sectors of orientation"


@draws(NEURON, NEURON_OTHER, section="Neurons", place=20)
def similarities(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """Cosine similarity of all pairs of neurons before and after training, like neurons side by side."""
    return [_similarity_figure(reading, one) for one in variables]


def _similarity_figure(reading: Reading, variable: Variable) -> Figure:
    seed = finite_seed(variable)
    values = variable.values[seed]
    kept = thin(values.shape[1], reading.most(SIMILARITIES, 24))
    records = [0, variable.last] if variable.last else [0]
    places, stacked = panels(len(records), len(records), gap=0.06), panels(len(records), 1, rise=0.1)
    shape = layout(480, margin={"l": 44, "r": 16, "t": 34, "b": 44})
    narrow: dict[str, Any] = {"height": 360 * len(records)}
    data, notes = [], []
    for index, record in enumerate(records):
        suffix, matrix = "" if index == 0 else str(index + 1), values[record]
        order = like_together(matrix)[kept]
        step = variable.steps[record]
        when = "before training" if index == 0 and step == 0 else f"step {step}"
        data.append(similarity_trace(matrix[np.ix_(order, order)], suffix))
        square = {"scaleanchor": f"x{suffix}", "constrain": "domain", "autorange": "reversed"}
        ends = {"constrain": "domain", "domain": places[index]["x"], "anchor": f"y{suffix}"}
        shape[f"xaxis{suffix}"] = axis("neuron, sorted" if index == 0 else "", showgrid=False, **ends)
        rest = {"domain": places[index]["y"], "anchor": f"x{suffix}", "showgrid": False}
        shape[f"yaxis{suffix}"] = axis("", **square, **rest)
        shape["annotations"] = [*shape.get("annotations", []), panel_title(when, index)]
        narrow |= {f"xaxis{suffix}.domain": stacked[index]["x"], f"yaxis{suffix}.domain": stacked[index]["y"]}
        alike = float(np.nanmean(np.abs(matrix[~np.eye(len(matrix), dtype=bool)]) > 0.95)) if len(matrix) > 1 else 1.0
        notes.append(f"{when}, {100 * alike:.0f} % of pairs are parallel or opposite within cosine 0.95")
    shape["coloraxis"] = similarity_colours()
    shape["meta"] = {"narrow": narrow}
    caption = [variable.description, "Neurons are sorted so that like ones stand together, each matrix for itself."]
    caption += [f"Seed {variable.names('seed')[seed]}."] if "seed" in variable.array.dims else []
    caption += [f"Of {values.shape[1]} neurons {len(kept)} are drawn."] if len(kept) < values.shape[1] else []
    words = f"Matrices of cosine similarity: {'; '.join(notes)}."
    text = " ".join(part for part in caption if part)
    return Figure("Which neurons point the same way", {"data": data, "layout": shape}, words, text, variable.references)


def like_together(matrix: np.ndarray) -> np.ndarray:
    """Order of neurons in which like ones stand together: by the leading eigenvector of their cosine similarities.

    Args:
        matrix: `(neurons, neurons)`, symmetric.

    Returns:
        Indices of the neurons.
    """
    known = np.nan_to_num((matrix + matrix.T) / 2)
    return np.argsort(np.linalg.eigh(known)[1][:, -1], kind="stable")


def similarity_colours() -> dict[str, Any]:
    """The colour axis of matrices of cosine similarity, from -1 to 1."""
    bar = colour_bar("cosine similarity", tickvals=[-1, 0, 1], **WHOLE)
    return {"cmin": -1, "cmax": 1, "colorscale": [list(stop) for stop in SIGNED], "colorbar": bar}


def similarity_trace(values: np.ndarray, suffix: str) -> dict[str, Any]:
    """One matrix of cosine similarity, in the colours of `similarity_colours`."""
    return {
        "type": "heatmap",
        "z": values,
        "coloraxis": "coloraxis",
        "xaxis": f"x{suffix}",
        "yaxis": f"y{suffix}",
        "hovertemplate": "neurons %{x} and %{y}<br>cosine %{z:.3f}<extra></extra>",
    }
