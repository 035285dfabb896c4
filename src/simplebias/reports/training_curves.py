"""What is drawn as curves over training: loss, bands, filters, layers, and whatever has no figure of its own."""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from simplebias.core.types import BAND, FILTER_WIDTH, LAYER, PART, THRESHOLD
from simplebias.reports.curves import Curve, curve_panels, value_axis
from simplebias.reports.kinds import SECTIONS, Figure, draws
from simplebias.reports.reading import Reading, Variable, beside
from simplebias.reports.style import COLOURS, DASHES, MUTED, NETWORK, PANELS, label, ordered, percent, thin

LINES = 8
"""Curves in one panel."""
RELATIVE_FLOOR = 1e-3
"""Relative error below which nothing is told apart."""
NO_POWER = 1e-6
"""Share of power below which a band is not drawn: its relative error is rounding over rounding."""
LEARNED_BELOW = 0.1
"""Relative error below which the field calls a frequency learned."""


@draws(section="Loss")
def scalars(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """Numbers over training: one figure for each panel named by the attribute `panel`, or else each unit."""
    figures = []
    grouped: dict[str, list[Variable]] = {}
    for variable in variables:
        grouped.setdefault(str(variable.array.attrs.get("panel") or variable.title), []).append(variable)
    for panel, members in sorted(grouped.items(), key=lambda item: not _logarithmic(item[1])):
        looks = itertools.cycle(zip(COLOURS, DASHES, strict=True))
        curves = [Curve(one.title, one.values, one.steps, *look) for one, look in zip(members, looks, strict=False)]
        every = np.concatenate([curve.values.ravel() for curve in curves])
        units = {one.unit for one in members} - {""}
        axis_title = label(panel + (f" ({', '.join(sorted(units))})" if units else ""))
        y = value_axis(every, axis_title, log=_logarithmic(members))
        title = panel[:1].upper() + panel[1:] + " over training"
        described = next((one for one in members if one.description), members[0])
        figure = curve_panels([("", curves)], y, title=title, variable=described)
        alone = "" if "panel" in members[0].array.attrs else SECTIONS[-1]
        figures.append(dataclasses.replace(figure, section=str(members[0].array.attrs.get("section", alone))))
    return figures


def _logarithmic(members: Sequence[Variable]) -> bool:
    return any(one.array.attrs.get("scale") == "log" for one in members)


@draws(BAND, section="Frequencies", place=15)
def bands(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """Relative error of each band of frequencies."""
    figures = []
    for variable in variables:
        names, share = variable.names(BAND), beside(variable.array, "share", BAND)
        if share is not None:
            names = [f"{name} · {percent(part)} of power" for name, part in zip(names, share, strict=True)]
        chosen = telling(share, len(names), LINES)
        colours = ordered(len(chosen))
        curves = [
            Curve(names[index], variable.values[..., index], variable.steps, colours[rank], DASHES[rank % len(DASHES)])
            for rank, index in enumerate(chosen)
        ]
        y = value_axis(variable.values[..., chosen], variable.label, log=True, floor=RELATIVE_FLOOR)
        title = "Bands, low to high" + (f": {variable.title}" if variable is not variables[0] else "")
        figure = curve_panels([("", curves)], y, title=title, variable=variable)
        figure.plotly["layout"]["shapes"] = [learned_line()]
        figures.append(figure)
    return figures


def telling(share: np.ndarray | None, count: int, most: int) -> np.ndarray:
    """At most `most` of `count` bands, those with the largest share of power, in their order; none without power.

    Example:
        >>> telling(np.array([0.0, 0.5, 0.1, 0.4]), 4, 2)
        array([1, 3])

    Returns:
        Sorted indices.
    """
    if share is None:
        return thin(count, most)
    strongest = np.argsort(-share, kind="stable")[:most]
    return np.sort(strongest[share[strongest] > NO_POWER])


def learned_line() -> dict[str, Any]:
    """The line below which a frequency counts as learned."""
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": LEARNED_BELOW,
        "y1": LEARNED_BELOW,
        "line": {"color": MUTED, "width": 1, "dash": "dot"},
        "label": {"text": "learned", "textposition": "start", "yanchor": "top", "font": {"color": MUTED, "size": 11}},
    }


@draws(FILTER_WIDTH, PART, section="Frequencies", place=30)
def filters(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """Errors of what a Gaussian filter keeps (low) and removes (high), a panel for each width."""
    figures = []
    for variable in variables:
        values = variable.values
        widths, parts = variable.names(FILTER_WIDTH), variable.names(PART)
        share = beside(variable.array, "filter_share", FILTER_WIDTH)
        groups = []
        for index in thin(len(widths), PANELS + 1):
            kept = f", low part {100 * share[index]:.0f} %" if share is not None else ""
            looks = zip(parts, (COLOURS[0], COLOURS[3], *COLOURS[1:]), DASHES, strict=False)
            curves = [
                Curve(part, values[:, :, index, rank], variable.steps, colour, dash)
                for rank, (part, colour, dash) in enumerate(looks)
            ]
            groups.append((f"δ = {widths[index]}{kept}", curves))
        y = value_axis(values, variable.label, log=True, floor=RELATIVE_FLOOR)
        figures.append(curve_panels(groups, y, title="Low and high part, by filter width", variable=variable))
    return figures


@draws(LAYER, section="Neurons", place=40)
def layers(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """One quantity for each layer."""
    return [by_category(variable, LAYER, _lead(variable)) for variable in variables]


def _lead(variable: Variable) -> str:
    """What stands before a layer's number; layers with names need nothing."""
    return "layer " if variable.coordinate(LAYER).dtype.kind in "iuf" else ""


def by_category(variable: Variable, dimension: str, prefix: str = "") -> Figure:
    """Curves for each value of one dimension."""
    names = variable.names(dimension)
    chosen = thin(len(names), LINES)
    colours = ordered(len(chosen)) if len(chosen) > 1 else [NETWORK]
    curves = [
        Curve(prefix + names[index], variable.values[..., index], variable.steps, colours[rank], DASHES[rank % 6])
        for rank, index in enumerate(chosen)
    ]
    y = value_axis(variable.values, variable.label, log=_wide(variable))
    title = variable.title[:1].upper() + variable.title[1:]
    return curve_panels([("", curves)], y, title=title, variable=variable)


def _wide(variable: Variable) -> bool:
    if "scale" in variable.array.attrs:
        return variable.array.attrs["scale"] == "log"
    finite = variable.values[np.isfinite(variable.values)]
    return bool(finite.size and finite.min() > 0 and finite.max() / finite.min() > 100)


@draws(LAYER, THRESHOLD, section="Neurons", place=30)
def thresholds(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """Counts of effective neurons over training, a panel for each layer, a curve for each threshold."""
    return [by_pair(variable, LAYER, THRESHOLD, _lead(variable), "cosine > ") for variable in variables]


def by_pair(variable: Variable, across: str, within: str, *prefixes: str) -> Figure:
    """Panels along one dimension, curves along another."""
    order = [2 + variable.dims.index(name) for name in (across, within)]
    values = np.transpose(variable.values, (0, 1, *order))
    before, lead = prefixes or ("", "")
    chosen = thin(len(variable.names(within)), LINES)
    colours, names = ordered(len(chosen)), variable.names(within)
    groups = [
        (
            before + variable.names(across)[place],
            [
                Curve(lead + names[index], values[:, :, place, index], variable.steps, colours[rank], DASHES[rank % 6])
                for rank, index in enumerate(chosen)
            ],
        )
        for place in thin(len(variable.names(across)), PANELS)
    ]
    y = value_axis(values, variable.label, log=_wide(variable))
    title = variable.title[:1].upper() + variable.title[1:]
    return curve_panels(groups, y, title=title, variable=variable)


@draws(section="Other measures", rest=True)
def anything(reading: Reading, variables: Sequence[Variable]) -> list[Figure]:
    """Whatever no other kind draws: curves along one or two further dimensions of few values."""
    figures = []
    for variable in variables:
        if variable.values.dtype.kind == "c" or not 1 <= len(variable.dims) <= 2:
            continue
        if len(variable.dims) == 1:
            figures.append(by_category(variable, variable.dims[0], f"{variable.dims[0]} "))
        else:
            across, within = variable.dims
            figures.append(by_pair(variable, across, within, f"{across} ", f"{within} "))
    return figures
