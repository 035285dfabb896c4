"""The phase diagram shows the values it was given, at their places, and the lines that belong to it."""

import numpy as np
import xarray as xr

from simplebias.core.run import Run
from simplebias.reports import figures

GAMMA, PRIME = np.array([0.6, 1.0, 1.4]), np.array([-0.2, 0.2])


def made():
    slope = GAMMA[:, None] - 1 - 0.5 * np.maximum(PRIME, 0)
    slope[2, 1] = np.nan
    data = xr.Dataset(
        {
            "slope": (("gamma", "gamma_prime"), slope, {"over": "gamma", "long_name": "slope"}),
            "slope_low": (("gamma", "gamma_prime"), slope - 0.1),
            "slope_high": (("gamma", "gamma_prime"), slope + 0.1),
            "boundary": ("gamma_prime", [1.0, 1.1]),
            "predicted_boundary": ("gamma_prime", [1.0, 1.2]),
            "named": (("initialisation", "coordinate"), [[1.0, 0.0], [0.5, 0.5]]),
        },
        {"gamma": GAMMA, "gamma_prime": PRIME, "initialisation": ["xavier", "<lecun>"]},
    )
    return data, slope


def test_the_plane_is_drawn_as_it_was_given():
    data, slope = made()
    (figure,) = figures(Run(data))
    heat, theory, stars, named = figure.plotly["data"]
    np.testing.assert_array_equal(heat["z"], slope.T)
    np.testing.assert_array_equal(heat["x"], GAMMA)
    np.testing.assert_allclose(
        heat["customdata"][..., 1] - heat["customdata"][..., 0], np.where(slope.T > -9, 0.2, np.nan)
    )
    # the broken line turns where theory has its corner, γ′ = 0
    assert list(zip(theory["y"], theory["x"], strict=True)) == [(-0.2, 1.0), (0.0, 1.0), (0.2, 1.2)]
    assert list(stars["x"]) == [1.0, 1.1]
    assert named["text"] == ["xavier"]  # the other lies off the plane
    assert "1 points without a value" in figure.alternative
    assert "White" in figure.caption


def test_without_lines_there_is_the_plane_alone():
    data, _ = made()
    (figure,) = figures(Run(data[["slope"]]))
    assert [trace["type"] for trace in figure.plotly["data"]] == ["heatmap"]
