"""Figures that show one of many things, chosen by boxes below them or by a click on a figure with the same axes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from simplebias.reports.slider import Traces
from simplebias.reports.style import number


def choice(name: str, title: str, values: np.ndarray, active: int) -> dict[str, Any]:
    """One of the things to choose by: figures of a page that have it share what is chosen.

    Args:
        name: that they share, and that stands in the address of the page: `report.html#gamma=1.2`.
        title: of the box, plain text.
        values: numbers, each an option.
        active: index of the option shown at first.

    Returns:
        What the page's script reads.
    """
    numbers = [float(f"{value:.6g}") for value in values]
    return {
        "name": name,
        "title": title,
        "values": numbers,
        "texts": [number(one) for one in numbers],
        "active": active,
    }


def choosable(
    constant: Traces, options: Sequence[tuple[str, Traces]], choices: Sequence[dict[str, Any]], layout: dict[str, Any]
) -> dict[str, Any]:
    """A Plotly figure with a frame for each option.

    Args:
        constant: traces that stay, drawn behind.
        options: words on each option, told when it is chosen, and of its traces what is not the same in all; the last
            choice runs fastest.
        choices: see `choice`.
        layout: of the figure.

    Returns:
        `data`, `layout` and `frames` as `plotly.graph_objects.Figure` takes them.

    Example:
        >>> boxes = [choice("width", "width", np.array([10, 20]), 1)]
        >>> moving = [{"type": "scatter", "y": [0]}]
        >>> figure = choosable([], [("narrow", moving), ("wide", [{"type": "scatter", "y": [5]}])], boxes, {})
        >>> figure["data"][0]["y"], figure["layout"]["meta"]["choices"][0]["texts"]
        ([5], ['10', '20'])
    """
    shown = options[shown_first(choices)][1]
    moving = list(range(len(constant), len(constant) + len(shown)))
    keys = [[key for key in ("x", "y", "z") if key in trace] for trace in shown]
    first, last = options[0][1], options[-1][1]
    kept = [[key for key in have if first[k][key] is not last[k][key]] for k, have in enumerate(keys)]
    changed = lambda traces: [{key: one[key] for key in have} for one, have in zip(traces, kept, strict=True)]
    frames = [{"name": words, "traces": moving, "data": changed(traces)} for words, traces in options]
    meta = layout.get("meta", {}) | {"choices": list(choices)}
    return {"data": [*constant, *shown], "layout": layout | {"meta": meta}, "frames": frames}


def shown_first(choices: Sequence[dict[str, Any]]) -> int:
    """Index of the option shown at first."""
    shape = [len(one["values"]) for one in choices]
    return int(np.ravel_multi_index([one["active"] for one in choices], shape))


def picks(*axes: tuple[str, str, np.ndarray, np.ndarray]) -> dict[str, Any]:
    """How a click on a figure chooses: for the layout's `meta`.

    Args:
        *axes: "x" or "y"; the name of a choice; the places along the axis; the values that stand there.

    Returns:
        What the page's script reads.
    """
    return {
        "picks": [
            {"axis": axis, "name": name, "places": places.tolist(), "values": [float(f"{v:.6g}") for v in values]}
            for axis, name, places, values in axes
        ]
    }
