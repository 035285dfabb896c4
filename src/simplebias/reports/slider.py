"""Figures that move over training: traces that stay, traces of each step, and one slider for them all."""

from collections.abc import Sequence
from typing import Any

Traces = list[dict[str, Any]]
MOVING = ("x", "y", "z", "source")
"""Keys of a trace that may change from step to step: they do where the arrays are not the same object."""


def animated(constant: Traces, moments: Sequence[tuple[int, Traces]], layout: dict[str, Any]) -> dict[str, Any]:
    """A Plotly figure with a frame for each moment and a slider over them, shown at the last one.

    A page puts its own slider in the place of Plotly's, which cannot be reached by keyboard.

    Args:
        constant: traces that stay, drawn behind.
        moments: step and traces of each; all moments have the same number of traces.
        layout: of the figure.

    Returns:
        `data`, `layout` and `frames` as `plotly.graph_objects.Figure` takes them.

    Example:
        >>> figure = animated([], [(0, [{"y": [1]}]), (5, [{"y": [2]}])], {})
        >>> [frame["name"] for frame in figure["frames"]]
        ['0', '5']
    """
    last = moments[-1][1]
    moving = list(range(len(constant), len(constant) + len(last)))
    if len(moments) == 1:
        return {"data": [*constant, *last], "layout": layout}
    first = moments[0][1]
    keys = [[key for key in MOVING if key in a and a[key] is not b[key]] for a, b in zip(first, last, strict=True)]
    frames = [
        {
            "name": str(step),
            "traces": moving,
            "data": [{key: trace[key] for key in changing} for trace, changing in zip(traces, keys, strict=True)],
        }
        for step, traces in moments
    ]
    still = {"mode": "immediate", "frame": {"duration": 0, "redraw": False}, "transition": {"duration": 0}}
    steps = [{"label": frame["name"], "method": "animate", "args": [[frame["name"]], still]} for frame in frames]
    slider = {"active": len(frames) - 1, "currentvalue": {"prefix": "step "}, "pad": {"t": 48}, "steps": steps}
    return {"data": [*constant, *last], "layout": layout | {"sliders": [slider]}, "frames": frames}
