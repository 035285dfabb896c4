"""The first look: which part of the target was learned when, and a few numbers before and after."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from simplebias.core.types import BAND, FILTER_WIDTH, FREQUENCY, LAYER, PART, THRESHOLD
from simplebias.reports.curves import step_axis, step_places
from simplebias.reports.markup import text
from simplebias.reports.reading import Reading, Variable, beside
from simplebias.reports.spectra import kept_rows, target_power
from simplebias.reports.style import number, percent, thin
from simplebias.reports.training_curves import telling

STRIPS = 8
"""Bands in the first look."""
TILES = 5
"""Numbers in the first look."""
USUAL_THRESHOLD = 0.95
"""Cosine similarity at which neurons are counted, where there is a choice."""


class Strip(NamedTuple):
    """One part of the target: its name, a note, and its relative error over steps."""

    name: str
    note: str
    error: np.ndarray


def learned_when(reading: Reading) -> str:
    """A drawing with a strip for each band that fills as the band is learned; empty if the run has no such data.

    Without bands the parts of a filter are drawn, and without these single frequencies.

    Returns:
        HTML.
    """
    for strips_of in (_bands, _parts, _frequencies):
        for variable in reading.variables:
            strips = [] if variable.values.dtype.kind == "c" else strips_of(reading, variable)
            if strips and np.isfinite([strip.error[0] for strip in strips]).any():
                return _drawing(strips, variable)
    return ""


def _bands(reading: Reading, variable: Variable) -> list[Strip]:
    if variable.dims != (BAND,):
        return []
    middle, names, share = variable.median(), variable.names(BAND), beside(variable.array, "share", BAND)
    notes = [""] * len(names) if share is None else [percent(part) for part in share]
    return [Strip(names[k], notes[k], middle[:, k]) for k in telling(share, len(names), STRIPS)]


def _parts(reading: Reading, variable: Variable) -> list[Strip]:
    if variable.dims != (FILTER_WIDTH, PART):
        return []
    values = variable.median()
    widths, parts = variable.names(FILTER_WIDTH), variable.names(PART)
    return [
        Strip(f"{part} part", f"δ = {widths[place]}", values[:, place, rank])
        for place in thin(len(widths), STRIPS // 2)
        for rank, part in enumerate(parts)
    ]


def _frequencies(reading: Reading, variable: Variable) -> list[Strip]:
    if variable.dims != (FREQUENCY,):
        return []
    middle = variable.median()
    rows, names = kept_rows(middle, target_power(reading, variable), STRIPS), variable.names(FREQUENCY)
    known = variable.array.coords.get(FREQUENCY)
    unit = "" if known is None else str(known.attrs.get("units", ""))
    return [Strip(f"{names[k]} {unit}".strip(), "", middle[:, k]) for k in rows]


def _drawing(strips: list[Strip], variable: Variable) -> str:
    steps = variable.steps[: variable.last + 1]
    edges, ticks = _scale(steps)
    marks = "".join(f'<span style="left:{place:.2f}%">{words}</span>' for place, words in ticks)
    words = text(" ".join(_words(strip, steps) for strip in strips))
    return (
        '<div class="learned"><h2>What was learned when</h2>'
        f'<div class="strips" role="img" aria-label="{words}">{"".join(_row(strip, edges) for strip in strips)}'
        f'<span class="axis-name">training step</span><div class="ticks">{marks}</div></div>'
        '<p class="legend"><span>not learned</span><i></i><span>learned: relative error below 0.1</span></p></div>'
    )


def _scale(steps: np.ndarray) -> tuple[np.ndarray, list[tuple[float, str]]]:
    """Borders between the records on a logarithmic axis, and its ticks, in percent of its length."""
    if len(steps) == 1:
        return np.array([0.0, 100.0]), [(0.0, str(steps[0]))]
    logs = np.log10(step_places(steps))
    borders = np.concatenate([[1.5 * logs[0] - 0.5 * logs[1]], (logs[1:] + logs[:-1]) / 2, [logs[-1]]])
    axis, size = step_axis(steps), borders[-1] - borders[0]
    places = 100 * (np.log10(axis["tickvals"]) - borders[0]) / size
    return 100 * (borders - borders[0]) / size, list(zip(places, axis["ticktext"], strict=True))


def _row(strip: Strip, edges: np.ndarray) -> str:
    fill = np.nan_to_num(np.clip((1 - strip.error[: len(edges) - 1]) / 0.9, 0, 1))
    levels = np.rint(20 * fill) / 20
    starts = np.flatnonzero(np.concatenate([[True], levels[1:] != levels[:-1]]))
    stops = np.concatenate([starts[1:], [len(levels)]])
    cells = "".join(
        f'<rect x="{edges[a]:.2f}" width="{edges[b] - edges[a] + 0.05:.2f}" height="1" fill-opacity="{levels[a]:.2f}"/>'
        for a, b in zip(starts, stops, strict=True)
        if levels[a] > 0
    )
    return (
        f'<span class="name">{text(strip.name)}</span><span class="quiet">{text(strip.note)}</span>'
        f'<svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">{cells}</svg>'
    )


def _words(strip: Strip, steps: np.ndarray) -> str:
    low = np.flatnonzero(strip.error[: len(steps)] < 0.1)
    ends = float(strip.error[len(steps) - 1])
    first = f"first below 0.1 at step {steps[low[0]]}" if len(low) else "never below 0.1"
    return f"{strip.name}: relative error {first}, {number(ends)} at the end."


def tiles(reading: Reading) -> str:
    """A row of numbers: measures at the end and at the start; empty if there are none."""
    found = [entry for variable in _without_repeats(reading.variables) for entry in _numbers(variable)]
    chosen = _spread(found)
    cells = "".join(
        f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd><dd>{text(note)}</dd></div>"
        for name, value, note, _ in chosen
    )
    return f'<dl class="tiles">{cells}</dl>' if cells else ""


def _without_repeats(variables: Sequence[Variable]) -> list[Variable]:
    """Where there are several panels of numbers, the last of each panel: what is held out rather than trained on."""
    panels: dict[str, list[Variable]] = {}
    for variable in variables:
        if variable.dims == () and "panel" in variable.array.attrs:
            panels.setdefault(str(variable.array.attrs["panel"]), []).append(variable)
    if len(panels) < 2:
        return list(variables)
    repeated = [member.name for members in panels.values() for member in members[:-1]]
    return [variable for variable in variables if variable.name not in repeated]


def _spread(found: list[tuple[str, str, str, int]]) -> list[tuple[str, str, str, int]]:
    """The first few by rank, at most two of one rank as long as there are others."""
    ranks = [entry[3] for entry in found]
    order = sorted(range(len(found)), key=lambda k: (ranks[:k].count(ranks[k]) >= 2, ranks[k], k))
    return [found[k] for k in sorted(order[:TILES], key=lambda k: (ranks[k], k))]


def _numbers(variable: Variable) -> Iterator[tuple[str, str, str, int]]:
    if variable.values.dtype.kind == "c" or not set(variable.dims) <= {LAYER, THRESHOLD}:
        return
    middle = variable.median()
    if variable.dims == ():
        yield _entry(variable.title, variable, middle, 0 if "panel" in variable.array.attrs else 4)
    elif variable.dims == (LAYER,):
        yield _entry(_of_layer(variable, 0), variable, middle[:, 0], 2)
    elif variable.dims == (LAYER, THRESHOLD):
        known = np.asarray(variable.coordinate(THRESHOLD), float)
        place = int(np.abs(known - USUAL_THRESHOLD).argmin())
        for layer in range(min(middle.shape[1], 2)):
            name = f"{_of_layer(variable, layer)}, cosine > {known[place]:g}"
            yield _entry(name, variable, middle[:, layer, place], 1 if layer == 0 else 3)


def _of_layer(variable: Variable, layer: int) -> str:
    several = variable.array.sizes[LAYER] > 1
    return f"{variable.title}, layer {variable.names(LAYER)[layer]}" if several else variable.title


def _entry(name: str, variable: Variable, values: np.ndarray, rank: int) -> tuple[str, str, str, int]:
    unit = f" {variable.unit}" if variable.unit else ""
    name = name[:1].upper() + name[1:]
    first = int(np.isfinite(values).argmax())  # a loss that a loop tells is not known before its first step
    return (
        name,
        _short(float(values[variable.last])) + unit,
        f"from {_short(float(values[first]))} at step {variable.steps[first]}",
        rank,
    )


def _short(value: float) -> str:
    return number(float(f"{value:.3g}")) if np.isfinite(value) else number(float(value))
