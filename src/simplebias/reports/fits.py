"""The fit: the network's output beside the target, over one input with its spectrum, or against the target."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from simplebias.core.types import FREQUENCY, OUTPUT, POINT
from simplebias.reports.foretold import foretold
from simplebias.reports.kinds import Figure, draws
from simplebias.reports.pictures import pictures, scattered
from simplebias.reports.reading import Reading, Variable, median
from simplebias.reports.slider import animated
from simplebias.reports.spectra import SpectrumPanel
from simplebias.reports.style import (
    FRAMES,
    NETWORK,
    PANELS,
    POINTS,
    SEEDS,
    TARGET,
    axis,
    label,
    layout,
    number,
    panels,
    span,
    thin,
    thin_curve,
)

MARKED = 200
"""Points up to which each is drawn as a mark."""
PAIRS = 500
"""Points drawn of target against output."""


@draws(POINT, OUTPUT, section="The fit")
def fit(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """The network's output over training, by what the inputs are: a picture, one number, two, or more."""
    figures: list[Figure] = []
    points = reading.points
    for variable in variables:
        if variable.dims != (POINT, OUTPUT) or variable.values.dtype.kind == "c":
            continue
        if reading.lattice is not None:
            figures += pictures(reading, variable)
        elif points is not None and points.shape[1] == 1:
            figures += [over_input(reading, variable, k) for k in _shown(variable)]
        elif points is not None and points.shape[1] == 2:
            figures += [scattered(reading, variable, k) for k in _shown(variable)]
        else:
            figures += against_target(reading, variable)
    return figures


def _shown(variable: Variable) -> range:
    return range(min(variable.values.shape[3], PANELS))


def over_input(reading: Reading, variable: Variable, output: int) -> Figure:
    """Output over the one input, beside the spectrum where there is one; one slider moves both."""
    curve = CurvePanel(reading, variable, output)
    side = _spectrum_beside(reading, variable, output)
    places = panels(2 if side else 1, 2 if side else 1, gap=0.1)
    shape = layout(420, xaxis=curve.x_axis | {"domain": places[0]["x"]}, yaxis=curve.y_axis)
    more, more_words = foretold(reading, output, curve.kept)
    constant = [*curve.constant, *more]
    if side:
        shape |= {"xaxis2": side.x_axis | {"domain": places[1]["x"], "anchor": "y2"}}
        shape |= {"yaxis2": side.y_axis | {"anchor": "x2"}}
        stacked = panels(2, 1, rise=0.16)
        narrow: dict[str, Any] = {"height": 640}
        for suffix, place in zip(("", "2"), stacked, strict=True):
            narrow |= {f"xaxis{suffix}.domain": place["x"], f"yaxis{suffix}.domain": place["y"]}
        shape["meta"] = {"narrow": narrow}
        constant = [*constant, *side.constant]
    moments = []
    for record in reading.frames(variable.steps, variable.last, FRAMES):
        traces = curve.moving(record)
        if side:
            traces += side.moving(int(np.abs(side.variable.steps - variable.steps[record]).argmin()))
        moments.append((int(variable.steps[record]), traces))
    title = "The fit over training" + (f": {curve.name}" if variable.values.shape[3] > 1 else "")
    captions = (variable.description, more_words, curve.caption, side.caption if side else "")
    return Figure(
        title if not side else title.replace("The fit", "The fit and its spectrum"),
        animated(constant, moments, shape),
        curve.alternative + (f" Beside it: {side.alternative}" if side else ""),
        " ".join(part for part in captions if part),
        variable.references + (side.variable.references if side else ()),
    )


def _spectrum_beside(reading: Reading, variable: Variable, output: int) -> SpectrumPanel | None:
    outputs = variable.values.shape[3]
    for other in reading.variables:
        complex = other.values.dtype.kind == "c" and other.dims == (FREQUENCY, OUTPUT)
        if complex and other.values.shape[3] == outputs:
            return SpectrumPanel(reading, other, output, places="2")
    return None


class CurvePanel:
    """Target and output over one input, as one panel with a slider.

    Args:
        reading: the run.
        variable: `(point, output)` over training.
        output: which output.
    """

    def __init__(self, reading: Reading, variable: Variable, output: int):
        points, target = reading.points, reading.target(variable)
        assert points is not None
        order = np.argsort(points[:, 0], kind="stable")
        values = variable.values[:, :, order, output]
        self.name = reading.output_name(variable, output)
        guide = target[order, output] if target is not None else values[0, variable.last]
        self.kept = thin_curve(guide, reading.most(POINTS, 40))
        self.total, self.reading, self.variable = len(order), reading, variable
        self.x = points[order, 0][self.kept]
        self.target = None if target is None else target[order, output][self.kept]
        self.values = values[..., self.kept]
        split = reading.constant("split", POINT)
        held_out = np.zeros(len(order), bool) if split is None else split[order] != 0
        self.held_out = held_out[self.kept]
        trained = order[~held_out]
        few = held_out.any() and len(trained) <= MARKED and target is not None
        self.trained = trained if few else trained[:0]
        self.all_x, self.all_target = points[:, 0], None if target is None else target[:, output]

    @property
    def marked(self) -> bool:
        """Whether points are few enough to be drawn as marks."""
        return self.total <= MARKED

    @property
    def constant(self) -> list[dict[str, Any]]:
        """The target; points kept for validation as open marks where there are marks."""
        if self.target is None:
            return []
        common = {"type": "scatter", "x": self.x, "legendgroup": "target", "xaxis": "x", "yaxis": "y"}
        common |= {"hovertemplate": "%{fullData.name}<br>%{x:.5g}: %{y:.4g}<extra></extra>"}
        if not self.marked:
            thin_line = len(self.trained) > 0
            line = {"color": TARGET, "width": 2 if thin_line else 3.5}
            return [common | {"mode": "lines", "y": self.target, "name": "target", "line": line}, *self._samples()]
        seen = common | {"mode": "markers", "name": "target", "y": np.where(self.held_out, np.nan, self.target)}
        drawn = [seen | {"marker": {"color": TARGET, "size": 7}}]
        if self.held_out.any():
            open_mark = {"color": TARGET, "size": 7, "symbol": "circle-open", "line": {"width": 1.5}}
            kept = np.where(self.held_out, self.target, np.nan)
            drawn.append(common | {"mode": "markers", "name": "target, for validation", "y": kept, "marker": open_mark})
        return drawn

    def _samples(self) -> list[dict[str, Any]]:
        """What is trained on, as marks upon the line of a target that is known at many more points."""
        if not len(self.trained) or self.all_target is None:
            return []
        place = {"x": self.all_x[self.trained], "y": self.all_target[self.trained], "xaxis": "x", "yaxis": "y"}
        marker = {"color": TARGET, "size": 7}
        shown = {"hovertemplate": "trained on<br>%{x:.5g}: %{y:.4g}<extra></extra>"}
        return [{"type": "scatter", "mode": "markers", "name": "trained on", "marker": marker} | place | shown]

    def moving(self, record: int) -> list[dict[str, Any]]:
        """The network at one record: seeds, then their median."""
        values = self.values[:, record]
        common = {"type": "scatter", "mode": "lines", "x": self.x, "name": "network", "xaxis": "x", "yaxis": "y"}
        seeds = thin(len(values), SEEDS) if len(values) > 1 else []
        faint = {"line": {"color": NETWORK, "width": 0.8}, "opacity": 0.28, "hoverinfo": "skip", "showlegend": False}
        bold = {"line": {"color": NETWORK, "width": 1.6}, "legendgroup": "network"}
        bold |= {"hovertemplate": "network<br>%{x:.5g}: %{y:.4g}<extra></extra>"}
        lines = [common | faint | {"y": values[seed]} for seed in seeds]
        return [*lines, common | bold | {"y": median(values)}]

    @property
    def x_axis(self) -> dict[str, Any]:
        """Axis of the input."""
        margin = 0.02 * float(np.ptp(self.x)) or 0.5
        return axis(
            label(self.reading.input_name(0)), range=[float(self.x.min()) - margin, float(self.x.max()) + margin]
        )

    @property
    def y_axis(self) -> dict[str, Any]:
        """Axis of the output: the target with a margin, so that a wild start does not flatten the rest."""
        last = median(self.values[:, self.variable.last])
        if self.target is None:
            return axis(label(self.name), range=span(last))
        low, high = span(self.target)
        room = 0.35 * (high - low)
        finite = last[np.isfinite(last)]
        ends = span(np.clip(np.concatenate([self.target, finite]), low - room, high + room))
        return axis(label(self.name), range=ends)

    @property
    def caption(self) -> str:
        """What is drawn, where it is not all."""
        parts = []
        if len(self.kept) < self.total:
            parts.append(f"Of {self.total} points {len(self.kept)} are drawn, with the extremes of each stretch.")
        if (count := len(self.values)) > 1:
            parts.append(f"Bold: median over {count} seeds; faint: {min(count, SEEDS)} of them.")
        return " ".join(parts)

    @property
    def alternative(self) -> str:
        """In words."""
        ends = f"from {number(float(self.x.min()))} to {number(float(self.x.max()))}"
        words = f"Target and network against {self.reading.input_name(0)} {ends}."
        if self.target is None:
            return words
        size = float(np.sqrt(np.nanmean((self.target - np.nanmean(self.target)) ** 2))) or 1.0
        errors = [
            float(np.sqrt(np.mean((median(self.values[:, record]) - self.target) ** 2))) / size
            for record in (0, self.variable.last)
        ]
        first, last = self.variable.steps[0], self.variable.steps[self.variable.last]
        return (
            f"{words} The root mean square difference, as a share of the target's std,"
            f" goes from {number(errors[0])} at step {first} to {number(errors[1])} at step {last}."
        )


def against_target(reading: Reading, variable: Variable) -> list[Figure]:
    """Output against target, for more than two inputs; nothing where the targets are classes."""
    target = reading.target(variable)
    if target is None or len(np.unique(target)) <= 2:
        return []
    return [_pairs(reading, variable, target, k) for k in _shown(variable)]


def _pairs(reading: Reading, variable: Variable, target: np.ndarray, output: int) -> Figure:
    kept = thin(len(target), reading.most(PAIRS, 40))
    x, values = target[kept, output], variable.values[:, :, kept, output]
    ends = span(x)
    diagonal = {"type": "scatter", "mode": "lines", "x": ends, "y": ends, "name": "equal", "hoverinfo": "skip"}
    marks = {"type": "scatter", "mode": "markers", "x": x, "name": "network"}
    marks |= {"marker": {"color": NETWORK, "size": 6, "opacity": 0.55, "line": {"width": 0}}}
    marks |= {"hovertemplate": "target %{x:.4g}<br>network %{y:.4g}<extra></extra>"}
    moments = [
        (int(variable.steps[k]), [marks | {"y": median(values[:, k])}])
        for k in reading.frames(variable.steps, variable.last, FRAMES)
    ]
    name = label(reading.output_name(variable, output))
    shape = layout(440, xaxis=axis(f"target: {name}", range=ends), yaxis=axis(f"network: {name}", range=ends))
    constant = [diagonal | {"line": {"color": TARGET, "width": 1.5}}]
    final = median(values[:, variable.last])
    close = np.corrcoef(x, final)[0, 1] if np.isfinite(final).all() and np.ptp(final) > 0 and np.ptp(x) > 0 else np.nan
    words = f"Network against target at {len(x)} points; their correlation ends at {number(float(close))}."
    notes = [variable.description, "On the line the network equals the target."]
    notes += [f"Median over {len(values)} seeds."] if len(values) > 1 else []
    notes += [f"Of {len(target)} points {len(x)} are drawn."] if len(x) < len(target) else []
    caption = " ".join(part for part in notes if part)
    return Figure("Network against target", animated(constant, moments, shape), words, caption, variable.references)
