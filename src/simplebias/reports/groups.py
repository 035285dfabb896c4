"""Groups of neurons: who joined which group when, and the orientations that came together."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from simplebias.core.types import FEATURE, MEMBER
from simplebias.reports.curves import step_axis, step_places
from simplebias.reports.kinds import Figure, draws
from simplebias.reports.pictures import finite_seed
from simplebias.reports.reading import Reading, Variable
from simplebias.reports.style import COLOURS, NETWORK, axis, label, layout, thin

MEMBERS = 200
"""Neurons in the matrix of groups."""
LINES = 40
"""Neurons drawn as lines of orientation."""
SHADES = (0.15, 0.35, 0.8)
"""Opacity of the weakest third of the neurons, the middle, and the strongest."""
OTHERS = "#c9c5bd"
"""Colour of the groups beyond the largest, and of neurons alone."""


@draws(MEMBER, section="Neurons", place=25)
def joinings(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """A row for each neuron, coloured by its group from the step on at which it joined it; none if all stay alone."""
    return [_joining_figure(reading, one) for one in variables if _gathers(one.values[:, -1])]


def _gathers(last: np.ndarray) -> bool:
    """Whether two neurons of any member end in one group."""
    return any(np.bincount(one.astype(int))[1:].max(initial=0) > 1 for one in last)


def _joining_figure(reading: Reading, variable: Variable) -> Figure:
    seed = int(np.argmax(variable.values.reshape(len(variable.values), -1).any(axis=1)))
    groups = variable.values[seed].T
    kept = thin(len(groups), reading.most(MEMBERS, 40))
    last = groups[:, -1].astype(int)
    sizes = np.bincount(last, minlength=1)[1:]
    large = [int(group) for group in np.argsort(-sizes, kind="stable") + 1 if sizes[group - 1] > 1][: len(COLOURS)]
    shown = np.where(groups > 0, len(large) + 1.0, np.nan)
    for rank, group in enumerate(large, 1):
        shown[groups == group] = rank
    colours = [*COLOURS[: len(large)], OTHERS]
    edges = np.repeat(np.linspace(0, 1, len(colours) + 1), 2)[1:-1]
    places = step_places(variable.steps)
    trace: dict[str, Any] = {"type": "heatmap", "x": np.append(places, places[-1] ** 1.02), "z": shown[kept]}
    trace |= {"zmin": 0.5, "zmax": len(colours) + 0.5, "showscale": False, "xgap": 0, "ygap": 0}
    trace |= {"colorscale": [[edge, colours[place // 2]] for place, edge in enumerate(edges)]}
    trace |= {"customdata": groups[kept], "hovertemplate": "neuron %{y}<br>group %{customdata}<extra></extra>"}
    upwards = axis("neuron, by group and step", autorange="reversed", showgrid=False)
    shape = layout(400, xaxis=step_axis(variable.steps), yaxis=upwards, margin={"l": 64, "r": 16, "t": 30, "b": 52})
    alone = int((sizes == 1).sum())
    words = f"{len(sizes)} groups of {len(groups)} neurons, the largest of {int(sizes.max(initial=0))}; {alone} alone."
    first = (groups[:, :1] > 0).mean() if groups.size else 0.0
    caption = [variable.description, words, "Each colour is a group; grey: smaller groups and neurons alone."]
    caption += [f"Seed {variable.names('seed')[seed]}."] if "seed" in variable.array.dims else []
    caption += [f"Of {len(groups)} neurons {len(kept)} are drawn."] if len(kept) < len(groups) else []
    seen = f"At step {variable.steps[0]} {100 * first:.0f} % of the neurons were with their later group. {words}"
    text = " ".join(part for part in caption if part)
    return Figure("Who joined which group when", {"data": [trace], "layout": shape}, seen, text, variable.references)


def turning(reading: Reading, variable: Variable) -> Figure:
    """Orientation of each neuron over training, strong neurons darker.

    Args:
        reading: the run.
        variable: `(neuron, feature)` over training, features orientation and amplitude.

    Returns:
        The figure.
    """
    seed, names = finite_seed(variable), variable.names(FEATURE)
    kept = thin(variable.values.shape[2], reading.most(LINES, 20))
    angle = names.index("orientation") if "orientation" in names else 0
    looks = variable.values[seed][: variable.last + 1, kept]
    angles, sizes = looks[..., angle].T, np.abs(looks[-1, :, 1 - angle])
    places = step_places(variable.steps[: variable.last + 1])
    order = np.argsort(sizes, kind="stable")
    traces = []
    for part, opacity in zip(np.array_split(order, len(SHADES)), SHADES, strict=True):
        if len(part):
            x, y = _unbroken(places, angles[part])
            line = {"color": NETWORK, "width": 1.4}
            traces.append({"type": "scatter", "mode": "lines", "x": x, "y": y, "line": line, "opacity": opacity})
    shown = {"showlegend": False, "hoverinfo": "y"}
    ticks = {"tickvals": [-np.pi, -np.pi / 2, 0.0, np.pi / 2, np.pi], "ticktext": ["−π", "−π/2", "0", "π/2", "π"]}
    upwards = axis(f"{label(names[angle])} (radians)", range=[-3.3, 3.3], **ticks)
    across = step_axis(variable.steps[: variable.last + 1])
    shape = layout(400, xaxis=across, yaxis=upwards, margin={"l": 64, "r": 16, "t": 30, "b": 52})
    caption = [f"Orientation of {len(kept)} of {variable.values.shape[2]} neurons; the darker, the larger at the end."]
    caption += ["Lines that run together are neurons that come to say the same."]
    caption += [f"Seed {variable.names('seed')[seed]}."] if "seed" in variable.array.dims else []
    moved = np.abs((angles[:, -1] - angles[:, 0] + np.pi) % (2 * np.pi) - np.pi)
    words = f"Lines of orientation over training steps. Half of {len(kept)} neurons turn by more than "
    words += f"{np.median(moved):.2g} radians."
    data = [trace | shown for trace in traces]
    return Figure(
        "How orientations turn", {"data": data, "layout": shape}, words, " ".join(caption), variable.references
    )


def _unbroken(places: np.ndarray, angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lines one after the other, with a gap after each and where one goes round the circle."""
    x, y = [], []
    for row in angles:
        cuts = np.flatnonzero(np.abs(np.diff(row)) > np.pi) + 1
        for across, up in zip(np.split(places, cuts), np.split(row, cuts), strict=True):
            x += [across, [np.nan]]
            y += [up, [np.nan]]
    return np.concatenate(x), np.concatenate(y)
