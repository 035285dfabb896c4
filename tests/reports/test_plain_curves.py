"""Curves over a number that is no step of training."""

import numpy as np
import plotly.graph_objects as go
import pytest
import xarray as xr

from simplebias.core.run import Run
from simplebias.reports import figures
from simplebias.reports.style import NETWORK, TARGET

SIZES = np.array([10.0, 100, 1000, 1e4])


def heights(**attributes):
    values = np.stack([SIZES**-1.0, SIZES**-0.5, np.full(4, 0.1)])
    attributes = {"over": "size", "scale": "log", "long_name": "height", "units": "m"} | attributes
    return xr.Dataset(
        {"height": (("alpha", "size"), values, attributes)},
        {
            "alpha": ("alpha", [1.0, 0.5, 0.0], {"symbol": "α"}),
            "size": ("size", SIZES, {"long_name": "width", "units": "neurons", "scale": "log"}),
        },
    )


def only(data):
    (found,) = figures(Run(data))
    go.Figure(found.plotly)  # refuses unknown keys
    return found


def test_one_line_for_each_value_of_the_other_dimension():
    data = heights()
    figure = only(data)
    assert [trace["name"] for trace in figure.plotly["data"]] == ["α = 1", "α = 0.5", "α = 0"]
    for trace, line in zip(figure.plotly["data"], data["height"].values, strict=True):
        np.testing.assert_array_equal(trace["y"], line)
        np.testing.assert_array_equal(trace["x"], SIZES)
    layout = figure.plotly["layout"]
    assert layout["xaxis"]["type"] == layout["yaxis"]["type"] == "log"
    assert layout["xaxis"]["title"]["text"] == "width (neurons)"
    assert layout["yaxis"]["title"]["text"] == "height (m)"
    assert "α = 0 goes from 0.1" in figure.alternative
    assert only(data.transpose()).alternative == figure.alternative


def test_variables_of_one_panel_share_a_figure_and_colours():
    data = heights(panel="both")
    data["measured"] = data["height"].copy(data=2 * data["height"].values)
    data["measured"].attrs |= {"marks": "points", "long_name": "measured"}
    figure = only(data)
    assert figure.title == "Both"
    names = {trace["name"]: trace for trace in figure.plotly["data"]}
    assert names["measured, α = 1"]["mode"] == "markers"
    assert names["measured, α = 1"]["marker"]["color"] == names["height, α = 1"]["line"]["color"]


def test_seeds_are_faint_and_roles_have_their_colours():
    x = np.linspace(-1, 1, 30)
    outputs = np.stack([x, x + 1, x + 5])
    attributes = {"over": "place", "panel": "the fit"}
    data = xr.Dataset(
        {
            "outputs": (("seed", "place"), outputs, attributes | {"role": "network"}),
            "target": ("place", x, attributes | {"role": "target"}),
        },
        {"place": x},
    )
    traces = only(data).plotly["data"]
    bold = [trace for trace in traces if "opacity" not in trace]
    assert len(traces) == 5
    np.testing.assert_array_equal(bold[0]["y"], x + 1)
    assert [trace["line"]["color"] for trace in bold] == [NETWORK, TARGET]
    assert "yaxis" in only(data).plotly["layout"]
    assert only(data).plotly["layout"]["yaxis"].get("type") != "log"


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.isel(size=[]),
        lambda data: data.expand_dims(third=2, fourth=2),
        lambda data: data.assign_coords(size=list("abcd")),
        lambda data: heights(over="nothing"),
        lambda data: data.assign(height=data["height"].drop_attrs()),
    ],
)
def test_what_cannot_be_drawn_so_is_left_out(change):
    assert figures(Run(change(heights()))) == []


def test_what_is_not_finite_or_alone_is_survived():
    data = heights()
    data["height"].values[0] = np.nan
    assert "α = 1 has no finite value" in only(data).alternative
    data["height"].values[:] = np.nan
    only(data)
    assert only(heights().isel(size=[1])).plotly["data"][0]["mode"] == "markers"


def test_words_along_the_axis_have_a_point_for_each_seed_and_24_decades():
    values = np.array([[1e-16, 1.0], [1e-15, 2.0]])
    drawn = {"over": "operator", "marks": "categories", "scale": "log"}
    data = xr.Dataset({"gradients": (("seed", "operator"), values, drawn)}, {"operator": ["split", "<b>"]})
    (figure,) = figures(Run(data))
    (trace,) = figure.plotly["data"]
    assert trace["x"].tolist() == [0, 1, 0, 1]
    assert trace["y"].tolist() == values.ravel().tolist()
    shape = figure.plotly["layout"]
    assert shape["xaxis"]["ticktext"] == ["split", "&lt;b&gt;"]
    assert shape["yaxis"]["range"][0] < -15
    assert "A point for each of 2 seeds" in figure.caption
    assert "split" in figure.alternative


@pytest.mark.parametrize(("ends", "tick"), [((0.23, 0.28), None), ((0.1, 1.1), "D2"), ((1e-3, 10.0), 1)])
def test_a_logarithmic_axis_always_has_ticks(ends, tick):
    drawn = {"over": "width", "scale": "log"}
    (figure,) = figures(Run(xr.Dataset({"change": ("width", list(ends), drawn)}, {"width": [1, 2]})))
    assert figure.plotly["layout"]["yaxis"].get("dtick") == tick
