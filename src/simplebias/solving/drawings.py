"""What the page of a solution needs besides values at points: the outline of the domain, sections in many inputs."""

from typing import Any

import equinox as eqx
import numpy as np
import xarray as xr

from simplebias.core.types import INPUT, ArrayLike, Key, Network
from simplebias.pde import Problem
from simplebias.solving.views import evaluate

SECTIONS = 3
"""Sections through a domain of more than two inputs."""
ACROSS = 96
"""Places across a section."""
OUTLINE = 400
"""Places along each curve of an outline."""
SHOWN = 2000
"""Points of the training that are kept to be drawn."""
SEARCHED = 1024
"""Points among which the middle of the sections is sought."""


def drawings(problem: Problem, network: Network, *, points: ArrayLike | None = None, key: Key) -> xr.Dataset:
    """The parts of a page that need the domain and the solution themselves.

    Args:
        problem: what was solved.
        network: the solution, of one point.
        points: points of the interior that it was trained on, `(points, inputs)`, to be drawn for two inputs.
        key: random key of the place of the sections.

    Returns:
        For two inputs `outline` over `outline_point` and `input`, NaN between curves, and `training_points`. For more
        `section_solution`, and `section_exact` where it is known, over `section`, `row`, `column`, NaN outside of the
        domain, through the point where the solution is largest of 1024. For one input nothing.

    Example:
        >>> import jax
        >>> from simplebias.pde import Box, Poisson, zero
        >>> found = drawings(Poisson(Box([0, 0], [1, 1]), zero), lambda x: x[:1], key=jax.random.key(0))
        >>> {name: found[name].dims for name in found}
        {'outline': ('outline_point', 'input')}
    """
    inputs = problem.domain.inputs
    if inputs == 1:
        return xr.Dataset()
    return _plane(problem, points) if inputs == 2 else _sections(problem, network, key)


def input_names(inputs: int) -> list[str]:
    """Names of the inputs: x, y, z, or x1, x2, ….

    Args:
        inputs: how many.

    Returns:
        As many names.

    Example:
        >>> input_names(2), input_names(4)
        (['x', 'y'], ['x1', 'x2', 'x3', 'x4'])
    """
    return list("xyz")[:inputs] if inputs <= 3 else [f"x{place + 1}" for place in range(inputs)]


def _plane(problem: Problem, points: ArrayLike | None) -> xr.Dataset:
    curves = problem.domain.outline(OUTLINE)
    gap = np.full((1, 2), np.nan)
    outline = np.concatenate([part for curve in curves for part in (curve, gap)][:-1])
    attributes = {"over": "outline_point", "long_name": "domain", "description": "The domain and its holes."}
    found = xr.Dataset({"outline": (("outline_point", INPUT), outline.astype(np.float32), attributes)})
    if points is not None:
        kept = np.asarray(points, np.float32)[:SHOWN]
        found["training_points"] = (("training_point", INPUT), kept)
    return found


class _Output(eqx.Module):
    """The first output of a network at one point."""

    network: Network

    def __call__(self, point: Any) -> Any:
        return self.network(point)[0]


def _sections(problem: Problem, network: Network, key: Key) -> xr.Dataset:
    """Planes along pairs of inputs, all through one point."""
    domain, inputs = problem.domain, problem.domain.inputs
    low, high = (np.asarray(end, float) for end in domain.bounds)
    tried = np.asarray(domain.sample(SEARCHED, key=key), float)
    middle = tried[np.nanargmax(np.nan_to_num(np.abs(evaluate(_Output(network), tried))))]
    pairs = [(place, place + 1) for place in range(0, inputs - 1, 2)] if inputs > 3 else [(0, 1), (0, 2), (1, 2)]
    names, titles, places, kept = input_names(inputs), [], [], pairs[:SECTIONS]
    for across, up in kept:
        points = np.tile(middle, (ACROSS, ACROSS, 1))
        points[..., across] = _cells(low[across], high[across])[None, :]
        points[..., up] = _cells(low[up], high[up])[:, None]
        places.append(points.reshape(-1, inputs))
        held = [f"{names[k]} = {middle[k]:.2g}" for k in range(inputs) if k not in (across, up)]
        titles.append(", ".join(held) if len(held) == 1 else f"{names[across]} and {names[up]}, the others held")
    inside = np.concatenate([domain.contains(one) for one in places])
    every = np.concatenate(places)
    dims = ("section", "row", "column")

    def picture(function: Any, role: str, title: str) -> tuple:
        values = np.full(len(every), np.nan, np.float32)
        values[inside] = evaluate(function, every[inside])
        attributes = {"over": "column", "marks": "sections", "role": role, "long_name": title}
        attributes["description"] = "Sections through the point where the solution is largest of those tried."
        return dims, values.reshape(len(kept), ACROSS, ACROSS), attributes

    data: dict[str, Any] = {"section_solution": picture(_Output(network), "network", "solution")}
    if problem.exact is not None:
        data["section_exact"] = picture(problem.exact, "target", "exact solution")
    edges = [[low[across], high[across], low[up], high[up]] for across, up in kept]
    data["section_edges"] = (("section", "edge"), np.array(edges))
    data["section_sides"] = (("section", "side"), np.array([[names[across], names[up]] for across, up in kept]))
    return xr.Dataset(data, {"section": titles})


def _cells(low: float, high: float) -> np.ndarray:
    """Centres of even cells."""
    return low + (high - low) * (np.arange(ACROSS) + 0.5) / ACROSS
