"""Curves over a cutoff, one for each layer, before training and at the end."""

import numpy as np
import xarray as xr

from simplebias.core.run import Run
from simplebias.reports import figures


def ratios(dims=("seed", "record", "layer", "cutoff"), steps=(0, 7)):
    values = np.random.default_rng(0).random((2, len(steps), 3, 5))
    array = xr.DataArray(values, dims=("seed", "record", "layer", "cutoff")).transpose(*dims)
    array.attrs = {"long_name": "low-frequency ratio"}
    coords = {"step": ("record", list(steps)), "cutoff": np.geomspace(0.1, 100, 5), "layer": [1, 2, 3]}
    return values, Run(xr.Dataset({"anything": array}, coords))


def test_each_layer_is_a_line_before_and_after():
    values, run = ratios()
    (figure,) = figures(run)
    assert figure.title == "Low-frequency ratio of each layer"
    lines = figure.plotly["data"]
    assert [line["name"] for line in lines] == ["layer 1", "layer 2", "layer 3"] * 2
    np.testing.assert_allclose(lines[1]["y"], np.median(values, axis=0)[0, 1])
    np.testing.assert_allclose(lines[5]["y"], np.median(values, axis=0)[-1, 2])
    assert [note["text"] for note in figure.plotly["layout"]["annotations"]] == ["before training", "step 7"]


def test_the_order_of_dimensions_does_not_matter():
    _, run = ratios()
    _, turned = ratios(("cutoff", "layer", "record", "seed"))
    (a,), (b,) = figures(run), figures(turned)
    for one, other in zip(a.plotly["data"], b.plotly["data"], strict=True):
        np.testing.assert_array_equal(one["y"], other["y"])


def test_one_record_is_one_panel():
    _, run = ratios(steps=(5,))
    (figure,) = figures(run)
    assert len(figure.plotly["data"]) == 3
    assert "yaxis2" not in figure.plotly["layout"]
