"""Cosines with predicted lines: a panel for each line, a curve for each neuron, blue where it ends on the line."""

import numpy as np
import xarray as xr

from simplebias.core.run import Run
from simplebias.reports import figures
from simplebias.reports.style import MUTED, NETWORK


def run_of(values, dims=("record", "neuron", "direction")):
    array = xr.DataArray(values, dims=("record", "neuron", "direction")).transpose(*dims)
    return Run(xr.Dataset({"anything": array}, {"step": ("record", [0, 10, 100])}))


def cosines(lines=2, neurons=6):
    rng = np.random.default_rng(0)
    values = rng.uniform(-0.9, 0.9, (3, neurons, lines))
    values[-1, : neurons // 2, 0] = [1.0, -1.0, 0.97][: neurons // 2] if neurons == 6 else 1.0
    return values


def test_a_panel_for_each_line_and_blue_on_it():
    values = cosines()
    (figure,) = figures(run_of(values))
    assert figure.section == "Neurons"
    traces = figure.plotly["data"]
    assert [(trace["xaxis"], trace["line"]["color"]) for trace in traces] == [
        ("x", MUTED),
        ("x", NETWORK),
        ("x2", MUTED),
    ]
    heights = traces[1]["y"].reshape(3, 4)
    np.testing.assert_allclose(heights[:, :3], values[:, :3, 0].T)
    assert np.isnan(heights[:, 3]).all()
    notes = [note["text"] for note in figure.plotly["layout"]["annotations"]]
    assert notes == ["line 0 · 50 % of neurons", "line 1 · 0 % of neurons"]


def test_the_order_of_dimensions_does_not_matter():
    values = cosines()
    (a,), (b,) = figures(run_of(values)), figures(run_of(values, ("direction", "record", "neuron")))
    for one, other in zip(a.plotly["data"], b.plotly["data"], strict=True):
        np.testing.assert_array_equal(one["y"], other["y"])


def test_one_line_many_lines_and_many_neurons():
    (one,) = figures(run_of(cosines(lines=1)))
    assert one.plotly["layout"]["annotations"][0]["text"] == "50 % of neurons"
    assert "meta" not in one.plotly["layout"]
    (many,) = figures(run_of(cosines(lines=8, neurons=300)))
    assert len(many.plotly["layout"]["annotations"]) == 6
    assert sum(len(trace["y"]) for trace in many.plotly["data"] if trace["xaxis"] == "x") == 100 * 4
    assert "Of 300 neurons 100 are drawn. Of 8 lines 6 are drawn." in many.caption
