"""Noise: coefficients of noisy data, the floor on which they lie, and what of it the network learns, by a slider."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from simplebias.core.types import MIRROR_FREQUENCY, OUTPUT
from simplebias.reports.kinds import Figure, draws
from simplebias.reports.reading import Reading, Variable, coordinate, median
from simplebias.reports.slider import animated
from simplebias.reports.style import FRAMES, MUTED, NETWORK, PANELS, TARGET, label, layout, log_axis, number, thin_curve

DRAWN = 600
"""Coefficients drawn of one transform."""
DECADES = 5
"""Powers of ten drawn below the largest coefficient."""


@draws(MIRROR_FREQUENCY, OUTPUT, section="Frequencies", place=30, complex=False)
def noise(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """Moduli of coefficients over frequency with the noise floor, the network's over training."""
    return [
        _figure(reading, variable, output)
        for variable in variables
        for output in range(min(len(variable.names(OUTPUT)), PANELS))
    ]


def _figure(reading: Reading, variable: Variable, output: int) -> Figure:
    frequencies = np.asarray(coordinate(variable.array, MIRROR_FREQUENCY), float)
    network = np.abs(median(variable.values)[..., output])
    target = reading.target(variable)
    guide = network[variable.last] if target is None else np.abs(target[:, output])
    usable = np.flatnonzero(frequencies > 0)
    kept = usable[thin_curve(guide[usable], reading.most(DRAWN, 48))]
    x, std = frequencies[kept], _std(reading, output)
    constant = [] if target is None else [_points(x, guide[kept], "data", TARGET, 6, 0.55)]
    if std:
        constant.append(_floor(x, std))
    frames = reading.frames(variable.steps, variable.last, FRAMES)
    moving = [(int(variable.steps[k]), [_points(x, network[k][kept], "network", NETWORK, 5, 0.9)]) for k in frames]
    top = float(np.max(guide[kept], initial=1e-30))
    title = "coefficient" + (f" ({label(variable.unit)})" if variable.unit else "")
    shape = layout(
        400,
        xaxis=log_axis(label(_axis(variable)), dtick=1),
        yaxis=log_axis(f"|{title}|", range=[np.log10(top) - DECADES, np.log10(top) + 0.3], dtick=1),
    )
    names = variable.names(OUTPUT)
    heading = "Data, network and noise floor" + (f": {names[output]}" if len(names) > 1 else "")
    caption = (
        f"{variable.description} Where the data lie on the floor they are noise: a network that reaches them there"
    )
    return Figure(
        heading,
        animated(constant, moving, shape),
        _words(x, guide[kept], network[variable.last][kept], std),
        f"{caption} has learned noise.",
        variable.references,
    )


def _axis(variable: Variable) -> str:
    unit = str(variable.array.coords[MIRROR_FREQUENCY].attrs.get("units", ""))
    return f"frequency ({unit})" if unit else "frequency"


def _std(reading: Reading, output: int) -> float:
    stds = reading.constant("noise_std", OUTPUT)
    return 0.0 if stds is None else float(stds[output])


def _points(x: np.ndarray, y: np.ndarray, name: str, colour: str, size: int, opacity: float) -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "markers", "x": x, "y": y, "name": name, "opacity": opacity,
        "marker": {"color": colour, "size": size},
        "hovertemplate": f"{name}<br>frequency %{{x:.4g}}: %{{y:.3g}}<extra></extra>",
    }  # fmt: skip


def _floor(x: np.ndarray, std: float) -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "lines", "x": x[[0, -1]], "y": np.array([std, std]), "name": f"noise, std {std:.3g}",
        "line": {"color": MUTED, "width": 2, "dash": "dash"}, "hoverinfo": "skip",
    }  # fmt: skip


def _words(x: np.ndarray, data: np.ndarray, network: np.ndarray, std: float) -> str:
    lead = f"Moduli of coefficients of data and network over frequencies {number(x[0])} to {number(x[-1])}."
    if not std:
        return f"{lead} No noise floor was found."
    half = len(x) // 2
    share = float(np.sum(network[half:] ** 2) / np.sum(data[half:] ** 2))
    return f"{lead} The noise has std {number(std)}; at the end the network has {share:.0%} of the upper half's power."
