"""The ladder of plateaus and the loss spectrum, as they are drawn."""

import numpy as np
import xarray as xr

from simplebias.core.run import Run
from simplebias.reports import figures


def ladder():
    steps = np.array([0, 1, 10, 100, 1000])
    loss = np.array([1.0, 0.9, 0.1, 0.1, 0.01])[:, None] * np.array([2.0, 1.0])
    data = xr.Dataset(
        {
            "loss": (("seed", "record", "width"), np.stack([loss, loss]), {"scale": "log", "levels": "levels"}),
            "other": (("seed", "record", "width"), np.stack([loss, loss])),
            "levels": ("level", [0.1, 0.01]),
            "spectra": (("width", "log_loss"), [[0.5, 0.5, 0.0], [0.0, 0.25, 0.75]], {"over": "log_loss"}),
        },
        {
            "step": ("record", steps),
            "width": [1, 300],
            "level": ["width 1 ends here", "a <b>"],
            "log_loss": [0, -1, -2],
        },
    )
    return {figure.title: figure for figure in figures(Run(data))}


def test_a_curve_for_each_width_and_the_levels_only_where_they_are_named():
    found = ladder()
    figure = found["Loss of networks of different widths"]
    names = [trace.get("name") for trace in figure.plotly["data"] if trace.get("showlegend")]
    assert names == ["width 1", "width 300"]
    lines = [trace for trace in figure.plotly["data"] if trace["mode"] == "lines+text"]
    assert [line["y"] for line in lines] == [[0.1, 0.1], [0.01, 0.01]]
    assert "&lt;b&gt;" in lines[1]["text"][0]
    assert "width 1 ends here at 0.1" in figure.caption
    other = found["Other of networks of different widths"]
    assert all(trace["mode"] != "lines+text" for trace in other.plotly["data"])


def test_the_spectrum_is_white_where_no_time_is_spent():
    figure = ladder()["Loss spectrum"]
    (trace,) = figure.plotly["data"]
    assert trace["x"] == ["1", "300"]
    np.testing.assert_allclose(trace["z"], np.log10([[0.5, np.nan], [0.5, 0.25], [np.nan, 0.75]]))
    assert "-2.00" in figure.alternative or "-1.00" in figure.alternative
