"""Frequencies: heat maps of relative error over frequency and step, and spectra with a slider over training."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from simplebias.core.types import DIRECTION, FREQUENCY, OUTPUT
from simplebias.reports.curves import step_axis, step_places
from simplebias.reports.kinds import Figure, draws
from simplebias.reports.reading import Reading, Variable, beside, coordinate, median
from simplebias.reports.slider import animated
from simplebias.reports.style import (
    FRAMES,
    LEARNED,
    NETWORK,
    PANELS,
    ROWS,
    SEEDS,
    TARGET,
    WHOLE,
    axis,
    colour_bar,
    label,
    layout,
    log_axis,
    number,
    panel_title,
    panels,
    span,
    thin,
    thin_curve,
)

CLIP = (0.1, 1.0)
"""Relative errors between which the colour changes, as the field draws them."""
POWER_FLOOR = 1e-4
"""Share of the largest power below which a frequency is not drawn: its relative error is noise over noise."""
SPECTRUM_POINTS = 240
"""Frequencies drawn of one spectrum."""


@draws(FREQUENCY, section="Frequencies", place=10, complex=False)
def relative_error(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """Relative error over frequency and step."""
    figures = []
    for variable in variables:
        power = target_power(reading, variable)
        panel = ("", median(variable.values), power)
        figures.append(heat_map(reading, variable, [panel], "What was learned when"))
    return figures


@draws(FREQUENCY, OUTPUT, section="Frequencies", place=10, complex=False)
def relative_error_by_output(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """Relative error over frequency and step, a panel for each output."""
    return [_by(reading, variable, OUTPUT) for variable in variables]


@draws(DIRECTION, FREQUENCY, section="Frequencies", place=20, complex=False)
def projection(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """Relative error over frequency along each principal direction of the inputs."""
    return [_by(reading, variable, DIRECTION) for variable in variables]


def target_power(reading: Reading, variable: Variable) -> np.ndarray | None:
    """Power of the target at each frequency: the coordinate `power`, or that of the target's spectrum, if known."""
    own = beside(variable.array, "power", FREQUENCY)
    if own is not None:
        return own
    spectrum = reading.power(FREQUENCY, OUTPUT)
    return reading.power(FREQUENCY) if spectrum is None else spectrum.sum(axis=1)


def _by(reading: Reading, variable: Variable, across: str) -> Figure:
    middle = np.moveaxis(variable.median(), 1 + variable.dims.index(across), 0)
    power = reading.power(across, FREQUENCY)
    own = beside(variable.array, "power", FREQUENCY)
    names = [f"{across} {name}" if name.isdigit() else name for name in variable.names(across)]
    chosen = [(names[k], middle[k], own if power is None else power[k]) for k in range(min(len(names), PANELS))]
    return heat_map(reading, variable, chosen, f"What was learned when, by {across}")


def kept_rows(values: np.ndarray, power: np.ndarray | None, most: int) -> np.ndarray:
    """Frequencies worth a row: where the target has power and the error is known; the strongest of each stretch.

    Args:
        values: `(records, frequencies)`.
        power: of the target at the frequencies, if known.
        most: rows at most.

    Returns:
        Their indices, ascending.
    """
    strength = np.ones(values.shape[1]) if power is None else np.nan_to_num(power)
    known = np.isfinite(values).any(axis=0) & (strength >= POWER_FLOOR * strength.max())
    rows = np.flatnonzero(known)
    if len(rows) <= most:
        return rows
    stretches = np.array_split(rows, most)
    return np.array([stretch[strength[stretch].argmax()] for stretch in stretches])


def heat_map(
    reading: Reading, variable: Variable, chosen: Sequence[tuple[str, np.ndarray, np.ndarray | None]], title: str
) -> Figure:
    """Panels of relative error over step (across) and frequency (upwards).

    Args:
        reading: the run.
        variable: what is drawn.
        chosen: for each panel its title, `(records, frequencies)`, and the target's power.
        title: of the figure.

    Returns:
        The figure.
    """
    count = len(chosen)
    places, stacked = panels(count, count, gap=0.08), panels(count, 1, rise=0.14)
    shape = layout(460 if count == 1 else 420, margin={"l": 70, "r": 16, "t": 30, "b": 52})
    narrow: dict[str, Any] = {"height": 420 if count == 1 else 320 * count}
    frequencies = coordinate(variable.array, FREQUENCY)
    data, notes = [], []
    for index, (heading, values, power) in enumerate(chosen):
        suffix = "" if index == 0 else str(index + 1)
        rows = kept_rows(values, power, reading.most(ROWS, 12))
        trace, order = _heat(variable, values, rows, frequencies, reading)
        data.append(trace | {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"})
        shape[f"xaxis{suffix}"] = order["x"] | {"domain": places[index]["x"], "anchor": f"y{suffix}"}
        y_title = label(reading.frequency_name()) if index == 0 else ""
        shape[f"yaxis{suffix}"] = axis(y_title, domain=places[index]["y"], anchor=f"x{suffix}") | order["y"]
        narrow |= {f"xaxis{suffix}.domain": stacked[index]["x"], f"yaxis{suffix}.domain": stacked[index]["y"]}
        if heading:
            shape["annotations"] = [*shape.get("annotations", []), panel_title(label(heading), index)]
        notes.append(_heat_words(heading, values, frequencies[rows], rows, variable.steps))
    shape["coloraxis"] = _colours()
    shape["meta"] = {"narrow": narrow}
    caption = f"{variable.description} {_heat_caption(variable, data, len(frequencies))}".strip()
    alternative = f"Heat map of {variable.title} over training step and frequency. {' '.join(notes)}"
    return Figure(title, {"data": data, "layout": shape}, alternative, caption, variable.references)


def _heat(
    variable: Variable, values: np.ndarray, rows: np.ndarray, frequencies: np.ndarray, reading: Reading
) -> tuple[dict[str, Any], dict[str, Any]]:
    names = [number(float(one)) for one in frequencies[rows]]
    names = names if len(set(names)) == len(names) else [repr(float(one)) for one in frequencies[rows]]
    columns = thin(len(values), reading.most(ROWS, 12))
    steps = variable.steps[columns]
    crowded = len(steps) > 1 and steps[0] == 0 and steps[1] > 1
    columns = columns[1:] if crowded else columns
    steps = variable.steps[columns]
    shown = f"frequency %{{y}}<br>step %{{x:.0f}}<br>{variable.label} %{{z:.3g}}<extra></extra>"
    trace = {
        "type": "heatmap",
        "x": step_places(steps),
        "y": names,
        "z": values[np.ix_(columns, rows)].T,
        "coloraxis": "coloraxis",
        "hovertemplate": shown,
    }
    ticks = [names[place] for place in thin(len(names), 8)]
    upwards = {"type": "category", "tickmode": "array", "tickvals": ticks, "ticktext": ticks, "ticks": ""}
    low, high = _edges(step_places(steps))
    return trace, {"x": step_axis(steps, range=[low, high]), "y": upwards | {"showgrid": False}}


def _edges(places: np.ndarray) -> tuple[float, float]:
    logs = np.log10(places)
    if len(logs) == 1:
        return float(logs[0] - 0.5), float(logs[0] + 0.5)
    return float(1.5 * logs[0] - 0.5 * logs[1]), float(1.5 * logs[-1] - 0.5 * logs[-2])


def _colours() -> dict[str, Any]:
    bar = colour_bar("relative error", **WHOLE)
    ticks = {"tickvals": [0.1, 0.4, 0.7, 1], "ticktext": ["≤ 0.1", "0.4", "0.7", "≥ 1"]}
    return {"cmin": CLIP[0], "cmax": CLIP[1], "colorscale": [list(stop) for stop in LEARNED], "colorbar": bar | ticks}


def _heat_caption(variable: Variable, data: list[dict[str, Any]], count: int) -> str:
    rows = max(len(trace["y"]) for trace in data)
    parts = ["Colours run from not learned (1 and above) to learned (0.1 and below)."]
    if len(variable.values) > 1:
        parts.append(f"Median over {len(variable.values)} seeds.")
    if rows < count:
        parts.append(
            f"One row for each of {rows} of {count} frequencies: those at which the target has power"
            + (", the strongest of each stretch." if rows == ROWS else ".")
        )
    return " ".join(parts)


def _heat_words(heading: str, values: np.ndarray, frequencies: np.ndarray, rows: np.ndarray, steps: np.ndarray) -> str:
    last = values[:, rows]
    finite = np.flatnonzero(np.isfinite(last).any(axis=1))
    if finite.size == 0 or len(rows) == 0:
        return f"{heading} Nothing finite to show.".strip()
    final, step = last[finite[-1]], steps[finite[-1]]
    done = frequencies[final < CLIP[0]]
    what = f"below {number(CLIP[0])} at {len(done)} of {len(rows)} frequencies"
    if len(done):
        what += f", up to frequency {number(float(done.max()))}"
    lead = f"{heading}: at" if heading else "At"
    return f"{lead} step {step} it is {what}."


@draws(FREQUENCY, OUTPUT, section="Frequencies", place=40, complex=True)
def spectrum(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """Moduli of spectra with a slider; where there is one input, the fit draws them beside the curve."""
    if reading.points is not None and reading.points.shape[1] == 1:
        return []
    figures = []
    for variable in variables:
        for output in range(min(len(variable.names(OUTPUT)), PANELS)):
            side = SpectrumPanel(reading, variable, output)
            frames = reading.frames(variable.steps, variable.last, FRAMES)
            title = "Spectrum over training"
            title += f": {reading.output_name(variable, output)}" if len(variable.names(OUTPUT)) > 1 else ""
            shape = layout(380, xaxis=side.x_axis, yaxis=side.y_axis)
            plotly = animated(side.constant, [(int(variable.steps[k]), side.moving(k)) for k in frames], shape)
            caption = " ".join(part for part in (variable.description, side.caption) if part)
            figures.append(Figure(title, plotly, side.alternative, caption, variable.references))
    return figures


class SpectrumPanel:
    """Moduli of the target's and the network's spectrum, as one panel with a slider.

    Args:
        reading: the run.
        variable: complex `(frequency, output)` over training.
        output: which output.
        places: suffix of the axes, such as `2`.
    """

    def __init__(self, reading: Reading, variable: Variable, output: int, places: str = ""):
        moduli = np.abs(variable.values[..., output])
        frequencies = np.asarray(coordinate(variable.array, FREQUENCY), float)
        target = reading.target(variable)
        if target is not None:
            target = np.abs(target)[:, output]
        self.log = _many_decades(frequencies)
        usable = np.flatnonzero(frequencies > 0) if self.log else np.arange(len(frequencies))
        guide = target if target is not None else moduli[0, variable.last]
        self.kept = usable[thin_curve(guide[usable], reading.most(SPECTRUM_POINTS, 24))]
        self.total, self.variable, self.reading, self.places = len(usable), variable, reading, places
        self.frequencies = frequencies[self.kept]
        self.target = None if target is None else target[self.kept]
        self.moduli = moduli[..., self.kept]

    @property
    def constant(self) -> list[dict[str, Any]]:
        """The target."""
        if self.target is None:
            return []
        line = {"color": TARGET, "width": 3.5}
        return [self._trace(self.target, "target", line=line, legendgroup="target", showlegend=not self.places)]

    def moving(self, record: int) -> list[dict[str, Any]]:
        """The network at one record: seeds, then their median."""
        values = self.moduli[:, record]
        seeds = thin(len(values), SEEDS) if len(values) > 1 else []
        faint = {"line": {"color": NETWORK, "width": 0.8}, "opacity": 0.28, "hoverinfo": "skip", "showlegend": False}
        bold = {"line": {"color": NETWORK, "width": 1.6}, "legendgroup": "network", "showlegend": not self.places}
        lines = [self._trace(values[seed], "network", **faint) for seed in seeds]
        return [*lines, self._trace(median(values), "network", **bold)]

    def _trace(self, values: np.ndarray, name: str, **look: Any) -> dict[str, Any]:
        shown = {"hovertemplate": f"{name}<br>frequency %{{x:.4g}}: %{{y:.3g}}<extra></extra>"}
        axes = {"xaxis": f"x{self.places}", "yaxis": f"y{self.places}"}
        common = {"type": "scatter", "mode": "lines", "x": self.frequencies, "y": values, "name": name}
        return common | axes | (shown if look.get("hoverinfo") != "skip" else {}) | look

    @property
    def x_axis(self) -> dict[str, Any]:
        """Axis of frequencies."""
        ends = _tight(self.frequencies, log=self.log)
        if self.log:
            return log_axis(label(self.reading.frequency_name()), dtick=1, range=ends)
        return axis(label(self.reading.frequency_name()), range=ends)

    @property
    def y_axis(self) -> dict[str, Any]:
        """Axis of moduli, logarithmic, at most six decades."""
        last = self.moduli[:, self.variable.last].ravel()
        every = last if self.target is None else np.concatenate([self.target, last])
        low, high = span(every, log=True)
        title = (
            "|" + label(self.variable.title) + "|" + (f" ({label(self.variable.unit)})" if self.variable.unit else "")
        )
        return log_axis(title, range=[max(low, high - 6), high], dtick=1)

    @property
    def caption(self) -> str:
        """Whether frequencies were left out."""
        kept = len(self.kept)
        return "" if kept == self.total else f"Of {self.total} frequencies {kept} are drawn, with all peaks."

    @property
    def alternative(self) -> str:
        """In words."""
        words = f"Moduli of spectra over {number(self.frequencies[0])} to {number(self.frequencies[-1])}"
        if self.target is None:
            return words + "."
        peak = int(np.argmax(self.target))
        last = float(median(self.moduli[:, self.variable.last])[peak])
        return (
            f"{words}. The target is strongest at frequency {number(float(self.frequencies[peak]))}"
            f" with {number(float(self.target[peak]))}; there the network ends with {number(last)}."
        )


def _many_decades(frequencies: np.ndarray) -> bool:
    positive = frequencies[frequencies > 0]
    return len(positive) > 40 and bool((frequencies >= 0).all() and positive.max() / positive.min() > 60)


def _tight(values: np.ndarray, *, log: bool) -> list[float]:
    ends = np.array([values.min(), values.max()])
    low, high = np.log10(ends) if log else ends
    margin = 0.02 * (high - low) or 0.5
    return [float(low - margin), float(high + margin)]
