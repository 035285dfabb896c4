"""The cells of a phase diagram: of a chosen one the fit, the neurons and the slope; of all the neurons, in one grid."""

from typing import Any

import numpy as np
import xarray as xr

from simplebias.core.errors import Outcome
from simplebias.core.types import FEATURE, NEURON, OUTPUT, POSITION, SEED
from simplebias.reports.choosing import choice, choosable, picks, shown_first
from simplebias.reports.kinds import Figure
from simplebias.reports.reading import Reading, Variable
from simplebias.reports.slider import Traces
from simplebias.reports.style import (
    COLOURS,
    INK,
    MUTED,
    NETWORK,
    SIGNED,
    TARGET,
    axis,
    label,
    layout,
    log_axis,
    number,
    panel_title,
    panels,
    span,
    thin,
)

GAMMA, GAMMA_PRIME, WIDTH, ROW = "gamma", "gamma_prime", "width", "row"
CHOSEN = "One cell"
"""Title of the figure of a chosen cell."""
PLANE = (GAMMA, GAMMA_PRIME, WIDTH)
NEURONS = 120
"""Neurons drawn of a chosen cell."""
CROWD = 60
"""Neurons drawn of each cell of the grid."""
SIDE = 0.42
"""Half the side of a square of the grid in which neurons are drawn; squares are at a distance of 1."""
LEAST = 4.0
"""Factor above and below the middle that the axis of relative changes shows at least."""


def cell_figures(reading: Reading, slope: Variable, limit: float) -> list[Figure]:
    """The chosen cell and the grid of features, as far as the data have what they show.

    Args:
        reading: the data.
        slope: over the plane of γ and γ'.
        limit: slope at which colours end.

    Returns:
        No, one or two figures.
    """
    features, fit = _features(reading), _fit(reading)
    change = _over_the_plane(reading, (), (SEED,))
    found = []
    if change is not None and (features is not None or fit is not None):
        found.append(_Cells(reading, slope, change, features, fit).figure())
    if features is not None:
        found.append(_grid(reading, slope, features, limit))
    return found


def _over_the_plane(reading: Reading, last: tuple[str, ...], also: tuple[str, ...] = ()) -> xr.DataArray | None:
    """The first variable of real numbers over the plane, the width and these dimensions."""
    needed = {*PLANE, *last}
    for _, array in sorted(reading.data.data_vars.items(), key=lambda one: str(one[0])):
        if needed <= set(array.dims) <= needed | set(also) and array.dtype.kind == "f" and array.size:
            missing = [name for name in also if name not in array.dims]
            return array.expand_dims(missing).transpose(*PLANE, *also, *last)
    return None


def _features(reading: Reading) -> xr.DataArray | None:
    array = _over_the_plane(reading, (NEURON, FEATURE))
    return None if array is None or array.sizes[FEATURE] != 2 else array


def _fit(reading: Reading) -> xr.DataArray | None:
    for name in (POSITION, ROW):
        array = _over_the_plane(reading, (name, OUTPUT))
        if array is not None:
            return array.isel({OUTPUT: 0})
    return None


def _crowd(values: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the neurons of one cell point, and their amplitudes as shares of the largest; none of a bad cell."""
    known = values[np.isfinite(values).all(axis=1)]
    kept = known[thin(len(known), most)] if len(known) else known
    largest = kept[:, 1].max() if len(kept) else 0.0
    return kept[:, 0], kept[:, 1] / largest if largest > 0 else kept[:, 1]


def _projected(features: xr.DataArray) -> bool:
    """Whether it is told where neurons point by a projection, of several inputs, instead of an angle."""
    return FEATURE in features.coords and "projection" in features[FEATURE].values


def _extent(features: xr.DataArray) -> float:
    """Half the range of where neurons point: π for an angle; what is needed for a projection, at most 1."""
    if not _projected(features):
        return float(np.pi)
    sizes = np.abs(features.values[..., 0])
    known = sizes[np.isfinite(sizes)]
    return min(1.0, float(np.ceil(20 * known.max()) / 20)) if known.size and known.max() > 0 else 1.0


class _Cells:
    """The figure of one cell at a time: three panels side by side."""

    def __init__(
        self,
        reading: Reading,
        slope: Variable,
        change: xr.DataArray,
        features: xr.DataArray | None,
        fit: xr.DataArray | None,
    ):
        self.reading, self.change, self.features, self.fit = reading, change, features, fit
        self.slope = slope
        self.slopes = slope.array.transpose(GAMMA, GAMMA_PRIME).values
        self.widths = change[WIDTH].values
        self.across = np.repeat(self.widths, change.sizes[SEED])
        self.ends = self.widths[[0, -1]].astype(float)
        self.outcome = reading.constant("outcome", *PLANE, SEED)
        self.low, self.high, self.theory = (
            reading.constant(name, GAMMA, GAMMA_PRIME) for name in ("slope_low", "slope_high", "predicted_slope")
        )

    def figure(self) -> Figure:
        """The figure, with an option for each cell and width."""
        boxes = self._boxes()
        options = [(self._words(place), self._traces(place)) for place in np.ndindex(*self.change.shape[:3])]
        drawn = choosable(self._still(), options, boxes, self._layout())
        seen = "What the network computes, its neurons, and the relative change over the width, of one cell of the "
        seen += f"diagram at a time. Shown at first: {options[shown_first(boxes)][0]}."
        caption = "Choose a cell in the boxes, or by a click on the diagram or the grid. Fit and neurons are those of "
        caption += "one seed. Line: the slope fitted through all widths and seeds; broken: that of theory."
        if self.fit is not None and ROW in self.fit.dims:
            caption += " With several inputs the fit is told by predicted against true values."
        return Figure(CHOSEN, drawn, seen, caption, self.slope.references)

    def _boxes(self) -> list[dict[str, Any]]:
        """γ, γ' and the width; at first the largest width of the cell with the largest slope."""
        known = np.where(np.isfinite(self.slopes), self.slopes, -np.inf)
        column, row = (int(place) for place in np.unravel_index(int(known.argmax()), known.shape))
        gamma, prime = (self.change[name].values for name in (GAMMA, GAMMA_PRIME))
        return [
            choice(GAMMA, "γ", gamma, column),
            choice(GAMMA_PRIME, "γ′", prime, row),
            choice(WIDTH, "width", self.widths, len(self.widths) - 1),
        ]

    def _words(self, place: tuple[int, ...]) -> str:
        gamma, prime, width = (self.change[name].values[k] for name, k in zip(PLANE, place, strict=True))
        lead = f"γ = {number(float(gamma))}, γ′ = {number(float(prime))}, width {width:,}: "
        values = self.change.values[place]
        if not np.isfinite(values).any():
            ends = set() if self.outcome is None else set(self.outcome[place].ravel().tolist())
            return lead + _reason(ends)
        parts = [f"relative change {number(float(np.nanmedian(values)))}"]
        found = self.slopes[place[:2]]
        if np.isfinite(found):
            low, high = (None if end is None else end[place[:2]] for end in (self.low, self.high))
            interval = f" ({low:.3f} to {high:.3f})" if low is not None and high is not None else ""
            theory = "" if self.theory is None else f", theory {number(float(self.theory[place[:2]]))}"
            parts.append(f"slope {found:.3f}{interval}{theory}".replace("-", "−"))
        return lead + "; ".join(parts)

    def _still(self) -> Traces:
        """What is the same for all cells: the data, or the line of a perfect fit."""
        if self.fit is None:
            return []
        values = np.asarray(self.fit.attrs.get("given_values", []), float)
        if ROW in self.fit.dims:
            ends = span(values)
            line = {"color": MUTED, "dash": "dash", "width": 1.5}
            return [{"type": "scatter", "mode": "lines", "x": ends, "y": ends, "line": line, "name": "true"}]
        points = np.asarray(self.fit.attrs.get("given_points", []), float)
        marker = {"color": TARGET, "size": 9}
        return [{"type": "scatter", "mode": "markers", "x": points, "y": values, "marker": marker, "name": "data"}]

    def _traces(self, place: tuple[int, ...]) -> Traces:
        return [*self._fitted(place), *self._pointing(place), *self._changing(place)]

    def _fitted(self, place: tuple[int, ...]) -> Traces:
        if self.fit is None:
            return []
        trace: dict[str, Any] = {"type": "scatter", "name": "network", "y": self.fit.values[place]}
        if ROW in self.fit.dims:
            return [
                trace | {"x": self._true, "mode": "markers", "marker": {"color": NETWORK, "size": 6, "opacity": 0.7}}
            ]
        return [trace | {"x": self._line, "mode": "lines", "line": {"color": NETWORK, "width": 2.2}}]

    def _pointing(self, place: tuple[int, ...]) -> Traces:
        if self.features is None:
            return []
        where, size = _crowd(self.features.values[place], self.reading.most(NEURONS, 30))
        marker = {"color": NETWORK, "size": 6, "opacity": 0.55, "line": {"width": 0}}
        trace = {"type": "scatter", "mode": "markers", "x": where, "y": size, "xaxis": "x2", "yaxis": "y2"}
        what = "projection" if _projected(self.features) else "orientation"
        hover = what + " %{x:.3f}<br>amplitude %{y:.3g} of the largest<extra></extra>"
        return [trace | {"name": "neurons", "marker": marker, "showlegend": False, "hovertemplate": hover}]

    def _changing(self, place: tuple[int, ...]) -> Traces:
        """Relative changes over the width, with lines of the slopes found and foretold through their middle."""
        every = self.change.values[place[:2]]
        logs, x = np.log(np.where(every > 0, every, np.nan)), np.log(self.widths.astype(float))
        known = np.isfinite(logs)
        middle = logs[known].mean() if known.any() else np.nan
        centre = np.repeat(x, every.shape[1])[known.ravel()].mean() if known.any() else np.nan
        line = lambda slope: np.exp(middle + slope * (np.log(self.ends) - centre))
        common = {"type": "scatter", "xaxis": "x3", "yaxis": "y3"}
        marker = {"color": COLOURS[2], "size": 7, "opacity": 0.8}
        hover = "width %{x:,}: %{y:.4g}<extra></extra>"
        seeds = {"mode": "markers", "x": self.across, "y": every.ravel(), "marker": marker, "name": "each seed"}
        found = {"mode": "lines", "x": self.ends, "y": line(self.slopes[place[:2]]), "name": "slope"}
        room = {"mode": "markers", "x": self.ends, "y": np.exp(middle) * np.array([1 / LEAST, LEAST]), "name": ""}
        room |= {"marker": {"opacity": 0}, "hoverinfo": "skip", "showlegend": False}
        traces = [common | room, common | seeds | {"hovertemplate": hover}]
        traces.append(common | found | {"line": {"color": COLOURS[2], "width": 2}, "hoverinfo": "skip"})
        if self.theory is not None:
            foretold = {"mode": "lines", "x": self.ends, "y": line(self.theory[place[:2]]), "name": "theory"}
            stroke = {"color": INK, "dash": "dash", "width": 1.5}
            traces.append(common | foretold | {"line": stroke, "hoverinfo": "skip"})
        return traces

    @property
    def _line(self) -> np.ndarray:
        assert self.fit is not None
        return self.fit[POSITION].values

    @property
    def _true(self) -> np.ndarray:
        assert self.fit is not None
        return np.asarray(self.fit.attrs.get("given_values", self.fit[ROW].values), float)

    def _layout(self) -> dict[str, Any]:
        shape = layout(400, margin={"l": 56, "r": 12, "t": 84, "b": 48}, legend={"y": 1.13})
        axes = [self._fit_axes(), self._feature_axes(), self._change_axes()]
        beside, below = panels(3, 3, gap=0.09), panels(3, 1, rise=0.1)
        narrow: dict[str, Any] = {"height": 1000, "legend.y": 1.03}
        for index, (across, up) in enumerate(axes):
            suffix = "" if index == 0 else str(index + 1)
            shape[f"xaxis{suffix}"] = across | {"domain": beside[index]["x"], "anchor": f"y{suffix}"}
            shape[f"yaxis{suffix}"] = up | {"domain": beside[index]["y"], "anchor": f"x{suffix}"}
            narrow |= {f"xaxis{suffix}.domain": below[index]["x"], f"yaxis{suffix}.domain": below[index]["y"]}
        titles = ("fit", "neurons", "slope over the width")
        return shape | {
            "annotations": [panel_title(one, k) for k, one in enumerate(titles)],
            "meta": {"narrow": narrow},
        }

    def _fit_axes(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Fixed ends, so that cells are compared; outputs far off the others do not count."""
        if self.fit is None:
            return axis("not kept"), axis()
        given = np.asarray(self.fit.attrs.get("given_values", []), float)
        outputs = self.fit.values[np.isfinite(self.fit.values)]
        middle = np.quantile(outputs, [0.01, 0.99]) if outputs.size else np.zeros(0)
        ends = span(np.concatenate([given, middle]))
        if ROW in self.fit.dims:
            return axis("true value", range=span(given)), axis("predicted", range=ends)
        return axis("input", range=span(self._line)), axis("output", range=ends)

    def _feature_axes(self) -> tuple[dict[str, Any], dict[str, Any]]:
        if self.features is None:
            return axis("not kept"), axis()
        up = axis("amplitude, share of the largest", range=[-0.04, 1.06])
        if _projected(self.features):
            end = 1.05 * _extent(self.features)
            return axis("projection ŵ·(1, …, 1)/√(d + 1)", range=[-end, end]), up
        ticks = {"tickvals": [-np.pi, -np.pi / 2, 0.0, np.pi / 2, np.pi], "ticktext": ["−π", "−π/2", "0", "π/2", "π"]}
        return axis("orientation (radians)", range=[-3.3, 3.3], **ticks), up

    def _change_axes(self) -> tuple[dict[str, Any], dict[str, Any]]:
        ticks = {"tickvals": self.widths, "ticktext": [f"{width:,}" for width in self.widths.tolist()]}
        ends = span(self.widths.astype(float), log=True)
        title = str(self.change.attrs.get("long_name", "relative change"))
        across = log_axis("width", range=ends, **ticks, tickfont={"size": 12})
        low, high = (int(np.floor(end)) for end in span(self.change.values, log=True))
        every = [factor * 10.0**decade for decade in range(low - 1, high + 2) for factor in (1, 2, 5)]
        shown = {"tickvals": every, "ticktext": [number(one) for one in every], "tickfont": {"size": 12}}
        return across, log_axis(label(title), autorange=True, **shown)


def _grid(reading: Reading, slope: Variable, features: xr.DataArray, limit: float) -> Figure:
    """A small scatter of the neurons of every cell, at one width."""
    gamma, prime, widths = (features[name].values for name in PLANE)
    across, up = np.arange(len(gamma)), np.arange(len(prime))
    slopes = slope.array.transpose(GAMMA_PRIME, GAMMA).values
    colours = {"colorscale": [list(stop) for stop in SIGNED], "zmin": -limit, "zmax": limit, "showscale": False}
    shown = {"customdata": np.stack(np.meshgrid(gamma, prime), axis=2), "name": "", "xgap": 3, "ygap": 3}
    hover = "γ = %{customdata[0]}, γ′ = %{customdata[1]}<br>slope %{z:.3f}<extra></extra>"
    under = {"type": "heatmap", "x": across, "y": up, "z": slopes, "opacity": 0.45, "hovertemplate": hover}
    still = [under | colours | shown, *_corner(reading, gamma, prime)]
    good = features.notnull().all(FEATURE).any(NEURON).values
    told = [
        f"width {width:,}: {good[..., k].sum()} of {good[..., k].size} cells" for k, width in enumerate(widths.tolist())
    ]
    options = [(words, [_squares(reading, features, k)]) for k, words in enumerate(told)]
    ends = [[-0.5, len(places) - 0.5] for places in (across, up)]
    shape = layout(
        max(420, min(760, 150 + 68 * len(prime))),
        xaxis=axis("γ", range=ends[0], tickvals=across, ticktext=[number(float(one)) for one in gamma], showgrid=False),
        yaxis=axis("γ′", range=ends[1], tickvals=up, ticktext=[number(float(one)) for one in prime], showgrid=False),
        meta=picks(("x", GAMMA, across, gamma), ("y", GAMMA_PRIME, up, prime)) | {"narrow": {"height": 480}},
    )
    drawn = choosable(still, options, [choice(WIDTH, "width", widths, len(widths) - 1)], shape)
    end = number(_extent(features)) if _projected(features) else "π"
    what = f"{'projection' if _projected(features) else 'orientation'} from −{end} to {end}"
    caption = f"In every square: {what} to the right, amplitude from 0 to the largest of the cell upwards. "
    caption += "The colour is that of the slope. Sharp lines are neurons that condensed; a click chooses the cell."
    empty = int((~good).sum())
    seen = f"Neurons of the cells of the diagram at one width, {widths[0]:,} to {widths[-1]:,}, "
    seen += f"in a grid of {len(gamma)} values of γ and {len(prime)} of γ′."
    seen += f" {empty} of {good.size} networks gave nothing." if empty else ""
    references = tuple(str(features.attrs.get("references", "")).split())
    return Figure("Neurons of every cell", drawn, seen, caption, references)


def _squares(reading: Reading, features: xr.DataArray, width: int) -> dict[str, Any]:
    """All neurons of all cells at a width, each cell in the square at its place."""
    extent, most = _extent(features), reading.most(CROWD, 20)
    parts = []
    for column, row in np.ndindex(*features.shape[:2]):
        where, size = _crowd(features.values[column, row, width], most)
        parts.append(np.stack([column + SIDE * where / extent, row + SIDE * (2 * size - 1)], axis=1))
    x, y = np.concatenate(parts).T
    marker = {"color": INK, "size": 3, "opacity": 0.6, "line": {"width": 0}}
    trace = {"type": "scatter", "mode": "markers", "x": x, "y": y, "marker": marker, "name": "neurons"}
    return trace | {"hoverinfo": "skip", "showlegend": False}


def _corner(reading: Reading, gamma: np.ndarray, prime: np.ndarray) -> Traces:
    """The boundary of theory between the squares."""
    predicted = reading.constant("predicted_boundary", GAMMA_PRIME)
    if predicted is None or len(gamma) < 2 or len(prime) < 2:
        return []
    fine = np.unique(np.concatenate([np.linspace(prime.min(), prime.max(), 81), prime]))
    line = np.interp(fine, np.sort(prime), predicted[np.argsort(prime)])
    inside = (line >= gamma.min()) & (line <= gamma.max())
    x = np.interp(line[inside], gamma, np.arange(len(gamma)))
    y = np.interp(fine[inside], np.sort(prime), np.argsort(prime).astype(float))
    stroke = {"color": INK, "dash": "dash", "width": 2}
    trace = {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": stroke, "name": "theory"}
    return [trace | {"hoverinfo": "skip", "showlegend": False}]


def _reason(ends: set) -> str:
    """Why a cell has no value, by how its trainings ended."""
    if Outcome.DIVERGED in ends:
        return "diverged"
    if ends == {-1}:
        return "not computed"
    return "not fitted within the steps" if Outcome.COMPLETED in ends else "no value"
