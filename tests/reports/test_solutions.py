"""Pages of solved equations, made by hand: curves, masked pictures, sections, the domain, other ways."""

import numpy as np
import pytest
import xarray as xr

from simplebias.core.run import Run, provenance
from simplebias.reports.figures import figures
from simplebias.reports.page import page

STEPS = np.array([0, 1, 3, 10, 30, 100, 300, 1000])


def sines(points):
    return np.prod(np.sin(3 * np.pi * points[:, :2]), axis=1)


def solved(inputs, *, exact=True, side=40):
    """A solution on (0, 1)^inputs without a disc of radius 0.2 in the first two, wrong by 1e-3 at the sides."""
    if inputs <= 2:
        ticks = (np.arange(side) + 0.5) / side
        index = np.stack(np.meshgrid(*[np.arange(side)] * inputs, indexing="ij"), axis=-1).reshape(-1, inputs)
        points = ticks[index]
    else:
        points = np.random.default_rng(0).uniform(size=(300, inputs))
        index = np.zeros((0, inputs), int)
    inside = np.linalg.norm(points[:, :2] - 0.5, axis=1) > (0.2 if inputs > 1 else -1)
    points, index = points[inside], index[inside[: len(index)]]
    found, known = sines(points) + 1e-3 * points[:, 0] ** 2, sines(points)
    decay = np.exp(-np.sqrt(STEPS))
    data = xr.Dataset(
        {
            "points": (("point", "input"), points),
            "solution": (("point", "output"), found[:, None], {"over": "point", "role": "network"}),
            "loss": ("record", 1e-6 + decay, {"scale": "log", "panel": "loss", "section": "Loss"}),
            "relative_l2": ((), 2e-3),
            "error_by_frequency": (
                "frequency",
                np.array([1e-3, 1e-2, 1e-1]),
                {"over": "frequency", "scale": "log", "section": "Frequencies", "long_name": "network"},
            ),
            "power": ("frequency", np.array([1.0, 0.5, 0.1])),
        },
        {
            "step": ("record", STEPS),
            "input": list("xyz")[:inputs] if inputs <= 3 else [f"x{k + 1}" for k in range(inputs)],
            "frequency": ("frequency", np.array([0.5, 1.5, 4.0]), {"units": "cycles per unit"}),
        },
    )
    if exact:
        data["exact"] = (("point", "output"), known[:, None], {"over": "point", "role": "target", "kind": "exact"})
        common = {"over": "method", "marks": "categories"}
        data["baseline_error"] = ("method", np.array([2e-3, 1e-9, np.nan]), common)
        data["baseline_seconds"] = ("method", np.array([30.0, 0.1, np.nan]), common)
        data = data.assign_coords(method=["trained network", "random features", "finite differences"])
    if inputs == 2:
        turn = np.linspace(0, 2 * np.pi, 60)
        square = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]])
        hole = 0.5 + 0.2 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        outline = np.concatenate([square, [[np.nan, np.nan]], hole])
        data["outline"] = (("outline_point", "input"), outline, {"over": "outline_point"})
        data["training_points"] = (("training_point", "input"), points[::3])
        data["boundary_points"] = (("boundary_point", "input"), hole[::5])
    if inputs <= 2:
        data["lattice_index"] = (("point", "input"), index, {"shape": [side] * inputs})
    if inputs > 2:
        x, y = np.meshgrid(np.linspace(0, 1, 48), np.linspace(0, 1, 48))
        plane = np.where(np.hypot(x - 0.5, y - 0.5) > 0.2, np.sin(3 * np.pi * x) * np.sin(3 * np.pi * y), np.nan)
        shape = {"over": "column", "marks": "sections"}
        dims = ("section", "row", "column")
        data["section_solution"] = (dims, np.stack([plane + 1e-3 * x**2] * 3), shape | {"role": "network"})
        if exact:
            data["section_exact"] = (dims, np.stack([plane] * 3), shape | {"role": "target"})
        data["section_edges"] = (("section", "edge"), np.tile([0.0, 1, 0, 1], (3, 1)))
        names = np.array([["x", "y"], ["x", "z"], ["y", "z"]])
        data["section_sides"] = (("section", "side"), names)
        data = data.assign_coords(section=["z = 0.5", "y = 0.5", "x = 0.5"])
    return Run(data, provenance=provenance({"problem": "sines"}), step=1000)


def by_title(run):
    return {figure.title: figure for figure in figures(run)}


@pytest.mark.parametrize(
    ("inputs", "titles"),
    [
        (1, ["The solution"]),
        (2, ["The solution", "The domain and its points"]),
        (3, ["Sections through the solution", "All over the domain"]),
        (10, ["Sections through the solution", "All over the domain"]),
    ],
)
def test_figures_go_by_the_number_of_inputs(inputs, titles):
    found = by_title(solved(inputs))
    assert [title for title in found if found[title].section == "The solution"] == titles
    assert {"Error against time", "Loss over training"} <= found.keys()
    assert all(figure.alternative for figure in found.values())


def test_pictures_are_masked_and_true():
    figure = by_title(solved(2))["The solution"]
    network, known, error = [trace for trace in figure.plotly["data"] if trace["type"] == "heatmap"]
    assert network["z"].shape == (40, 40)
    assert np.isnan(network["z"][20, 20])  # in the hole
    places = np.stack(np.meshgrid((np.arange(40) + 0.5) / 40, (np.arange(40) + 0.5) / 40), axis=-1)
    inside = np.hypot(*np.moveaxis(places - 0.5, -1, 0)) > 0.2
    assert known["z"][inside] == pytest.approx(sines(places[inside]))  # rows are y, columns x
    assert error["z"][inside] == pytest.approx(1e-3 * places[inside][:, 0] ** 2, abs=1e-12)
    assert [network["x0"], network["dx"]] == pytest.approx([0.0125, 0.025])
    assert "0.00098" in figure.caption  # the largest difference, in the last column


def test_sections_show_the_network_and_the_difference():
    traces = by_title(solved(3))["Sections through the solution"].plotly["data"]
    assert len(traces) == 6
    assert np.nanmax(traces[3]["z"]) == pytest.approx(1e-3)


@pytest.mark.parametrize("inputs", [1, 2, 3])
def test_without_an_exact_solution_there_is_no_difference(inputs):
    found = by_title(solved(inputs, exact=False))
    assert "Error against time" not in found
    drawn = [trace for figure in found.values() if figure.section == "The solution" for trace in figure.plotly["data"]]
    assert drawn
    assert not any(trace.get("coloraxis") == "coloraxis2" or trace.get("name") == "network − exact" for trace in drawn)


@pytest.mark.parametrize("inputs", [1, 2, 10])
def test_solutions_of_several_networks_stand_side_by_side(inputs):
    run = solved(inputs)
    both = np.stack([run.data["solution"].values[:, 0], 1.1 * run.data["exact"].values[:, 0]])
    run.data["solution"] = (("case", "point"), both, {"over": "point"})
    run.data = run.data.assign_coords(case=["multi-scale", "plain"])
    (figure,) = [one for one in figures(run) if one.title in {"The solution", "All over the domain"}]
    assert {1: 5, 2: 10, 10: 3}[inputs] == len(
        figure.plotly["data"]
    )  # two inputs: each of five pictures with its outline
    assert "of plain is 0.1, 10 % of" in figure.caption or inputs == 10


def test_the_page_of_a_solution_is_whole():
    written = page(solved(2))
    for words in ("The solution", "The domain and its points", "Other ways to solve it", "Error against time"):
        assert words in written
