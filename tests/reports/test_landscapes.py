"""Planes and rows of eigenvalues as they are drawn."""

import numpy as np
import xarray as xr

from simplebias.core.run import Run
from simplebias.reports import figures


def test_a_plane_is_drawn_less_its_middle_with_along_to_the_right():
    along, across = np.linspace(-2, 2, 5), np.linspace(-1, 1, 3)
    values = 7.0 - along[:, None] ** 2 + 10 * across**2
    data = xr.Dataset(
        {"plane": (("along", "across"), values, {"over": "along", "long_name": "loss"})},
        {"along": along, "across": across},
    )
    (figure,) = figures(Run(data))
    trace = figure.plotly["data"][0]
    np.testing.assert_array_equal(trace["x"], along)
    np.testing.assert_array_equal(trace["customdata"], values.T)
    np.testing.assert_allclose(trace["z"], np.clip(values.T - 7, -4, 4))
    assert "falls by up to 4 and rises by up to 10" in figure.alternative


def test_a_plane_that_falls_nowhere_says_so():
    data = xr.Dataset({
        "plane": (("along", "across"), np.array([[1.0, 1, 1], [1, 0, 1], [1, 1, 1]]), {"over": "along"})
    })
    data = data.assign_coords(along=[-1.0, 0, 1], across=[-1.0, 0, 1])
    (figure,) = figures(Run(data))
    assert "falls nowhere" in figure.alternative


def test_eigenvalues_stand_in_decades_to_both_sides_of_zero():
    rows = np.array([[-1.0, 0.01, 100.0, np.nan], [-1.0, 1e-12, 0.01, 100.0]])
    data = xr.Dataset(
        {"eigenvalues": (("stage", "rank"), rows, {"over": "rank", "zero": 1e-11, "long_name": "eigenvalue"})},
        {"stage": ["before", "after"], "rank": [1, 2, 3, 4]},
    )
    (figure,) = figures(Run(data))
    before, after = figure.plotly["data"]
    np.testing.assert_allclose(before["y"], [-3, 1, 5])
    np.testing.assert_allclose(after["y"], [-3, 0, 1, 5])
    assert "after: 2 positive, 1 zero, 1 negative" in figure.alternative
    assert figure.title == "Eigenvalues before and after"
