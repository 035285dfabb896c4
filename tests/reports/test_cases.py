"""Matrices of several trainings stand side by side, each in its own order, and the words say what is to be seen."""

import numpy as np
import plotly.graph_objects as go
import pytest
import xarray as xr

from simplebias.core.run import Run
from simplebias.reports import figures

LINE = np.outer([1, -1, 1, -1.0], [1, -1, 1, -1.0])
MATRICES = np.stack([np.eye(4), LINE])


def run(values, *lead):
    dims = (*lead, "record", "case", "neuron", "neuron_other")
    attrs = {"description": "rows of queries", "long_name": "queries alike", "references": "luo2020phase"}
    coords = {"case": ["γ = 0.3", "<b>"], "step": ("record", np.arange(values.shape[len(lead)]))}
    return Run(xr.Dataset({"similarity": (dims, values, attrs)}, coords))


def test_the_last_matrix_of_each_case_is_drawn_with_like_neurons_together():
    (figure,) = figures(run(np.stack([0 * MATRICES, MATRICES])))
    first, second = figure.plotly["data"]
    np.testing.assert_array_equal(np.diag(first["z"]), 1)
    np.testing.assert_array_equal(second["z"], np.kron([[1, -1], [-1, 1]], np.ones((2, 2))))
    assert figure.title == "Queries alike"
    assert figure.section == "Neurons"
    assert figure.references == ("luo2020phase",)
    assert "γ = 0.3: 0 %; <b>: 100 %" in figure.alternative
    titles = [note["text"] for note in figure.plotly["layout"]["annotations"]]
    assert titles == ["γ = 0.3 · alike 0 %", "&lt;b&gt; · alike 100 %"]
    go.Figure(figure.plotly)


def test_a_member_that_diverged_is_not_drawn():
    values = np.stack([MATRICES * np.nan, MATRICES])[:, None]
    (figure,) = figures(run(values, "seed"))
    assert np.isfinite(figure.plotly["data"][1]["z"]).all()
    assert "unknown" in figures(run(values[:1], "seed"))[0].alternative


@pytest.mark.parametrize("count", [1, 6])
def test_few_or_many_cases(count):
    values = np.ones((1, count, 2, 2))
    data = xr.Dataset({"s": (("record", "case", "neuron", "neuron_other"), values)})
    (figure,) = figures(Run(data))
    assert len(figure.plotly["data"]) == min(count, 4)


def test_numbers_are_curves_by_case():
    loss = xr.Dataset({"loss": (("case", "record"), [[3.0, 1.0], [2.0, 0.5]])}, {"case": ["γ = 0.3", "γ = 0.8"]})
    (figure,) = figures(Run(loss.assign_coords(step=("record", [0, 10]))))
    assert figure.section == "Loss"
    curves = {one["name"]: np.ravel(one["y"])[-1] for one in figure.plotly["data"] if "name" in one}
    assert curves == {"γ = 0.3": 1.0, "γ = 0.8": 0.5}
