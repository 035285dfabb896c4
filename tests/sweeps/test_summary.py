"""The words and tables on top of a phase diagram's page against the diagram they speak of."""

import numpy as np
import xarray as xr

from simplebias.sweeps import Specification, phase_diagram
from simplebias.sweeps.summary import data_card, headline, summarise

GAMMA, PRIME, WIDTHS = np.array([0.8, 1.1, 1.4]), np.array([-0.2, 0.3]), np.array([100, 300, 1000])


def diagram(broken=0):
    slope = GAMMA[:, None] - 1.05 - np.maximum(PRIME, 0)
    change = np.exp(slope[..., None] * np.log(WIDTHS))
    change[:, :, :broken] = np.nan
    dims = ("gamma", "gamma_prime", "width")
    return phase_diagram(
        xr.Dataset({"relative_change": (dims, change)}, dict(zip(dims, (GAMMA, PRIME, WIDTHS), strict=True)))
    )


def test_tables_hold_the_values_of_the_diagram():
    boundary, slopes = summarise(diagram())["tables"]
    assert boundary["rows"] == [["+0.30", "1.350", "1.30"], ["−0.20", "1.050", "1.00"]]
    assert slopes["columns"][1:] == ["0.8", "1.1", "1.4"]
    assert slopes["rows"][1] == ["−0.20", "−0.25 (0.00)", "+0.05 (0.00)", "+0.35 (0.00)"]
    assert "95 % interval" in slopes["note"]


def test_the_headline_counts_and_compares():
    assert headline(diagram()).startswith("Input weights move ever more as the width grows at 50 % of the points")
    assert "within 0.05 of that of theory" in headline(diagram())


def test_without_slopes_it_says_so():
    nothing = diagram(broken=1)
    assert headline(nothing).startswith("Nothing to tell yet")
    assert all(cell == "–" for row in summarise(nothing)["tables"][1]["rows"] for cell in row[1:])


def test_data_are_named_with_their_source():
    axes = {"gamma": [1.0], "width": [10, 20, 30]}
    assert "2007.07497" in data_card(Specification(axes, experiment="phase"))["source"]
    digits = data_card(Specification(axes, {"data": "digits"}, experiment="phase"))
    assert digits["licence"]
