"""Samples are marked on the line of a target that is known between them."""

import numpy as np
import xarray as xr

from simplebias.core.run import Run
from simplebias.reports import figures


def fine(trained_every, count=400):
    x = np.linspace(-1, 1, count)
    split = (np.arange(count) % trained_every != 0).astype(np.int8)
    data = xr.Dataset(
        {
            "points": (("point", "input"), x[:, None]),
            "target": (("point", "output"), np.sin(9 * x)[:, None]),
            "split": (("point",), split),
            "outputs": (("record", "point", "output"), np.zeros((2, count, 1)), {"target": "target"}),
        },
        {"step": ("record", [0, 5]), "input": ["x"], "output": ["y"]},
    )
    (figure,) = figures(Run(data))
    return x, {trace["name"]: trace for trace in figure.plotly["data"]}


def test_few_samples_of_a_finer_target_are_marked_where_they_are():
    x, traces = fine(4)
    assert traces["target"]["mode"] == "lines"
    np.testing.assert_allclose(traces["trained on"]["x"], x[::4])
    np.testing.assert_allclose(traces["trained on"]["y"], np.sin(9 * x[::4]))


def test_many_samples_are_not():
    assert "trained on" not in fine(1)[1]
    assert "trained on" not in fine(2, 600)[1]
