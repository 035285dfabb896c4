"""Local frequency: errors within windows, wavelet views of target and network, and when each place was learned."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from simplebias.core.types import LOCAL_FREQUENCY, OUTPUT, POSITION, WINDOW
from simplebias.reports.curves import Curve, curve_panels, step_places, value_axis
from simplebias.reports.kinds import Figure, draws
from simplebias.reports.reading import Reading, Variable, beside, median
from simplebias.reports.slider import animated
from simplebias.reports.style import (
    DASHES,
    LEARNED,
    MUTED,
    PANELS,
    SIGNED,
    WHOLE,
    axis,
    colour_bar,
    label,
    layout,
    log_axis,
    number,
    ordered,
    panel_title,
    panels,
    thin,
    turned,
)
from simplebias.reports.training_curves import LINES, RELATIVE_FLOOR, learned_line

VIEWS = 14
"""Steps offered by the slider of a wavelet view, each a whole picture."""
ROWS, COLUMNS = 40, 128
"""Frequencies and positions drawn of one."""
DECADES = 2.0
"""Powers of ten of amplitude between the lightest and the darkest colour."""
FLOOR = 0.1
"""Share of the target's largest amplitude below which there is nothing to learn in a cell."""
NEAR, HOLD = 0.2, 3
"""Relative error below which a cell counts as learned, and for how many records it must stay there."""
NEVER = SIGNED[1][1]
"""Colour of what was not learned to the end."""


@draws(WINDOW, section="Frequencies", place=17)
def windows(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """Relative error within each window, from the slowest to the fastest."""
    figures = []
    for variable in variables:
        names = variable.names(WINDOW)
        speed = beside(variable.array, "mean_frequency", WINDOW)
        order = np.arange(len(names)) if speed is None else np.argsort(speed, kind="stable")
        chosen = order[thin(len(names), LINES)]
        if speed is not None:
            unit = str(variable.array.coords["mean_frequency"].attrs.get("units", ""))
            names = [f"{name} · {number(float(f'{rate:.3g}'))} {unit}" for name, rate in zip(names, speed, strict=True)]
        looks = zip(chosen, ordered(len(chosen)), DASHES * LINES, strict=False)
        curves = [Curve(names[k], variable.values[..., k], variable.steps, colour, dash) for k, colour, dash in looks]
        y = value_axis(variable.values[..., chosen], variable.label, log=True, floor=RELATIVE_FLOOR)
        title = "Windows" if speed is None else "Windows, slow to fast"
        figure = curve_panels([("", curves)], y, title=title, variable=variable)
        figure.plotly["layout"]["shapes"] = [learned_line()]
        figures.append(figure)
    return figures


@draws(LOCAL_FREQUENCY, POSITION, OUTPUT, section="Frequencies", place=12, complex=True)
def wavelet_view(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """Which frequency sits where: target and network side by side, and when each place was learned."""
    figures = []
    told = any(set(one.dims) == {LOCAL_FREQUENCY, POSITION} for one in reading.variables)  # draws its own map
    for variable in variables:
        target = reading.target(variable)
        for output in range(min(variable.values.shape[-1], PANELS)):
            values = variable.values[..., output]
            goal = None if target is None else target[..., output]
            figure = _side_by_side(reading, variable, values, goal)
            more = f": {reading.output_name(variable, output)}" if variable.values.shape[-1] > 1 else ""
            figures.append(_named(figure, "Which frequency sits where" + more))
            if goal is not None and np.abs(goal).max() > 0 and not told:
                size = np.abs(goal)
                error = np.abs(values - goal) / np.where(size < FLOOR * size.max(), np.nan, size)
                figures.append(
                    _named(_when(reading, variable, median(error)), "What was learned when, and where" + more)
                )
    return figures


@draws(LOCAL_FREQUENCY, POSITION, section="Frequencies", place=13, complex=False)
def wavelet_error(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """When each place and frequency was learned, from its relative error."""
    return [_when(reading, variable, variable.median()) for variable in variables]


def learned_steps(error: np.ndarray, steps: np.ndarray, near: float = NEAR, hold: int = HOLD) -> np.ndarray:
    """First step from which an error stays below `near` for `hold` records, or to the end of the run.

    Args:
        error: `(records, ...)`.
        steps: of the records.
        near: threshold.
        hold: records.

    Returns:
        Steps, infinite where it never happens, NaN where the error is never known.

    Example:
        >>> learned_steps(np.array([[1.0, 0.1], [0.1, 1.0], [0.1, 1.0]]), np.array([0, 5, 10]))
        array([ 5., inf])
    """
    below = np.concatenate([error < near, np.ones((hold - 1, *error.shape[1:]), bool)])
    held = np.all([below[k : k + len(error)] for k in range(hold)], axis=0)
    found = np.where(held.any(axis=0), steps[held.argmax(axis=0)].astype(float), np.inf)
    return np.where(np.isfinite(error).any(axis=0), found, np.nan)


def _named(figure: Figure, title: str) -> Figure:
    return Figure(title, figure.plotly, figure.alternative, figure.caption, figure.references)


def _kept(reading: Reading, variable: Variable) -> tuple[np.ndarray, np.ndarray]:
    rows = thin(variable.array.sizes[LOCAL_FREQUENCY], reading.most(ROWS, 12))
    return rows, thin(variable.array.sizes[POSITION], reading.most(COLUMNS, 24))


def _axes(reading: Reading, variable: Variable) -> tuple[dict[str, Any], dict[str, Any]]:
    """Axes of position and of frequency, the latter logarithmic."""
    places = np.asarray(variable.coordinate(POSITION), float)
    rates = np.log10(np.asarray(variable.coordinate(LOCAL_FREQUENCY), float))
    known = variable.array.coords.get(LOCAL_FREQUENCY)
    unit = "" if known is None else str(known.attrs.get("units", ""))
    half = 0.5 * (rates[-1] - rates[0]) / max(len(rates) - 1, 1) or 0.1
    x = axis(label(reading.input_name(0)), range=[float(places[0]), float(places[-1])])
    title = f"local frequency ({unit})" if unit else "local frequency"
    ends = [float(rates[0] - half), float(rates[-1] + half)]
    return x, log_axis(label(title), range=ends, showgrid=False, dtick=1 if ends[1] - ends[0] > 1.5 else "D2")


def _cone(variable: Variable, suffix: str = "") -> list[dict[str, Any]]:
    """Lines outside which a wavelet feels the ends."""
    reach = beside(variable.array, "reach", LOCAL_FREQUENCY)
    if reach is None:
        return []
    places, rates = (np.asarray(variable.coordinate(name), float) for name in (POSITION, LOCAL_FREQUENCY))
    line = {"color": MUTED, "width": 1.2, "dash": "dot"}
    common = {"type": "scatter", "mode": "lines", "y": rates, "line": line, "hoverinfo": "skip", "showlegend": False}
    common |= {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
    within = reach <= np.ptp(places)
    ends = (places[0] + reach, places[-1] - reach)
    return [common | {"x": np.where(within, end, np.nan)} for end in ends]


def _side_by_side(reading: Reading, variable: Variable, values: np.ndarray, target: np.ndarray | None) -> Figure:
    rows, columns = _kept(reading, variable)
    cut = np.ix_(rows, columns)
    rates, places = (np.asarray(variable.coordinate(name), float) for name in (LOCAL_FREQUENCY, POSITION))
    moduli = [median(values[:, k])[cut] for k in range(values.shape[1])]
    goal = None if target is None else np.abs(target)[cut]
    top = float(np.nanmax(moduli[variable.last] if goal is None else goal)) or 1.0
    x, y = _axes(reading, variable)

    def picture(amplitude: np.ndarray, name: str, suffix: str) -> dict[str, Any]:
        shown = f"{name}<br>at %{{x:.5g}}, frequency %{{y:.3g}}<br>10^%{{z:.2f}} of the largest<extra></extra>"
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.clip(np.log10(amplitude / top), -DECADES, 0.25)
        trace = {"type": "heatmap", "x": places[columns], "y": rates[rows], "z": z, "coloraxis": "coloraxis"}
        return trace | {"name": name, "hovertemplate": shown, "xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}

    count = 1 if goal is None else 2
    across, stacked = panels(count, count, gap=0.05), panels(count, 1, rise=0.16)
    look = layout(400, margin={"l": 64, "r": 16, "t": 30, "b": 52}, coloraxis=_amplitudes())
    narrow: dict[str, Any] = {"height": 360 * count}
    constant = [] if goal is None else [picture(goal, "target", ""), *_cone(variable)]
    for index, heading in enumerate(("target", "network")[-count:]):
        suffix = "" if index == 0 else str(index + 1)
        bare = {"title": {"text": ""}, "showticklabels": False} if index else {}
        look[f"xaxis{suffix}"] = x | {"domain": across[index]["x"], "anchor": f"y{suffix}"}
        look[f"yaxis{suffix}"] = y | bare | {"domain": across[index]["y"], "anchor": f"x{suffix}"}
        narrow |= {f"xaxis{suffix}.domain": stacked[index]["x"], f"yaxis{suffix}.domain": stacked[index]["y"]}
        if count > 1:
            look["annotations"] = [*look.get("annotations", []), panel_title(heading, index)]
    look["meta"] = {"narrow": narrow | ({"yaxis2.showticklabels": True} if count > 1 else {})}
    last = "" if count == 1 else "2"
    frames = reading.frames(variable.steps, variable.last, VIEWS)
    moments = [(int(variable.steps[k]), [picture(moduli[k], "network", last)]) for k in frames]
    plotly = animated([*constant, *_cone(variable, last)], moments, look)
    caption = f"{variable.description} Dark is strong; colours are logarithmic. {_cone_words(variable)}".strip()
    return Figure("", plotly, _view_words(variable, moduli, goal, rates[rows]), caption, variable.references)


def _cone_words(variable: Variable) -> str:
    if beside(variable.array, "reach", LOCAL_FREQUENCY) is None:
        return ""
    return "Below the dotted lines a wavelet reaches beyond an end and tells of what was assumed there too."


def _view_words(variable: Variable, moduli: list[np.ndarray], goal: np.ndarray | None, rates: np.ndarray) -> str:
    words = f"Wavelet amplitude over position and frequency, from {number(rates[0])} to {number(rates[-1])}"
    if goal is None:
        return words + "."
    row = int(np.nanargmax(goal) // goal.shape[1])
    size = float(np.linalg.norm(goal)) or 1.0
    ends = [float(np.linalg.norm(moduli[k] - goal)) / size for k in (0, variable.last)]
    return (
        f"{words}, target beside network. The target is strongest at frequency {number(rates[row])}. The network's "
        f"amplitudes differ from the target's by {number(ends[0])} of their size at step {variable.steps[0]} and by "
        f"{number(ends[1])} at step {variable.steps[variable.last]}."
    )


def _amplitudes() -> dict[str, Any]:
    ticks = {"tickvals": [-2, -1, 0], "ticktext": ["≤ 0.01", "0.1", "1"]}
    bar = colour_bar("amplitude, share of the largest", **WHOLE, **ticks)
    return {"cmin": -DECADES, "cmax": 0, "colorscale": turned(LEARNED), "colorbar": bar}


def _when(reading: Reading, variable: Variable, error: np.ndarray) -> Figure:
    """A map of the step at which each place and frequency was learned."""
    rows, columns = _kept(reading, variable)
    rates, places = (np.asarray(variable.coordinate(name), float) for name in (LOCAL_FREQUENCY, POSITION))
    last = variable.last + 1
    steps = variable.steps[:last]
    found = learned_steps(error[:last][:, rows][:, :, columns], steps)
    known = np.isfinite(found)
    at = np.log10(step_places(steps))
    z = np.full(found.shape, np.nan)
    z[known] = at[np.searchsorted(steps, found[known])]
    low, high = float(z[known].min() if known.any() else at[0]), float(at[-1])
    never = high + 0.12 * max(high - low, 0.1)
    z[np.isinf(found)] = never
    x, y = _axes(reading, variable)
    ticks = [tick for tick in range(int(np.ceil(low)), int(np.floor(high)) + 1) if tick >= 0]
    bar = colour_bar("learned at step", **WHOLE, tickvals=[*ticks, 0.5 * (high + never)])
    bar |= {"ticktext": [*(f"{10**tick}" for tick in ticks), "never"]}
    split = (high - low) / (never - low)
    colours = [[split * place / LEARNED[2][0], colour] for place, colour in LEARNED[:3]]
    scale = [*colours, [split, NEVER], [1.0, NEVER]]
    shown = "at %{x:.5g}, frequency %{y:.3g}<br>learned at step %{customdata}<extra></extra>"
    trace = {"type": "heatmap", "x": places[columns], "y": rates[rows], "z": z, "hovertemplate": shown}
    trace |= {"zmin": low, "zmax": never, "colorscale": scale, "colorbar": bar, "name": "learned at"}
    trace |= {"customdata": np.where(known, found, -1).astype(int)}
    look = layout(400, xaxis=x, yaxis=y, margin={"l": 64, "r": 16, "t": 20, "b": 52})
    seeds = f" Median over {len(variable.values)} seeds." if len(variable.values) > 1 else ""
    caption = (
        f"{variable.description if variable.values.dtype.kind != 'c' else ''} Learned: from here on, for {HOLD} records"
        f" or to the end, the wavelet coefficient differs from the target's by less than {NEAR} of its size. Blank: the"
        f" target has next to nothing there.{seeds} {_cone_words(variable)}"
    )
    words = _when_words(found, rates[rows])
    plotly = {"data": [trace, *_cone(variable)], "layout": look}
    return Figure("What was learned when, and where", plotly, words, caption.strip(), variable.references)


def _when_words(found: np.ndarray, rates: np.ndarray) -> str:
    words = "Map of the step at which each position and frequency was learned."
    done = np.isfinite(found)
    if not done.any():
        return f"{words} Nothing was learned."
    count = int((~np.isnan(found)).sum())
    words += f" Of {count} cells with something to learn {int(done.sum())} were."
    half = [rows[done[part]] for part in _halves(found) for rows in (found[part],) if done[part].any()]
    if len(half) == 2:
        middle = [number(float(np.median(each))) for each in half]
        words += f" Median step: {middle[0]} in the lower half of them, {middle[1]} in the upper."
    return words


def _halves(found: np.ndarray) -> tuple[slice, slice]:
    rows = np.flatnonzero((~np.isnan(found)).any(axis=1))
    cut = (rows[0] + rows[-1] + 1) // 2
    return slice(rows[0], cut), slice(cut, rows[-1] + 1)
