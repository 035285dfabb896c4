"""Who joined which group when, and lines of orientation."""

import numpy as np
import xarray as xr

from simplebias.core.run import Run
from simplebias.reports import figures
from simplebias.reports.groups import OTHERS, _unbroken
from simplebias.reports.style import COLOURS

# two records and five neurons: group 1 has three, one of which joins late; groups 2 and 3 are neurons alone
JOINED = np.array([[1, 1, 0, 2, 3], [1, 1, 1, 2, 3]], np.int16)


def only(groups):
    array = xr.DataArray(groups, dims=("seed", "record", "member"), attrs={"description": "groups"})
    (figure,) = figures(Run(xr.Dataset({"anything": array}, {"step": ("record", [0, 10]), "seed": [4, 9]})))
    return figure


def test_a_neuron_is_coloured_from_the_step_on_at_which_it_joined():
    figure = only(np.stack([JOINED, JOINED]))
    (trace,) = figure.plotly["data"]
    np.testing.assert_array_equal(trace["z"], [[1, 1], [1, 1], [np.nan, 1], [2, 2], [2, 2]])
    assert [colour for _, colour in trace["colorscale"]] == [COLOURS[0], COLOURS[0], OTHERS, OTHERS]
    assert len(trace["x"]) == 3  # edges of two records
    assert "3 groups of 5 neurons, the largest of 3; 2 alone" in figure.alternative
    assert "Seed 4" in figure.caption
    assert figure.section == "Neurons"


def test_a_member_that_diverged_is_passed_over_and_neurons_alone_are_not_drawn():
    assert "Seed 9" in only(np.stack([0 * JOINED, JOINED])).caption
    for nothing in (0 * JOINED, np.arange(1, 6) + 0 * JOINED):  # none, and five neurons alone
        array = xr.DataArray(nothing[None], dims=("seed", "record", "member"))
        assert figures(Run(xr.Dataset({"anything": array}, {"step": ("record", [0, 10])}))) == []


def test_lines_of_orientation_break_where_they_go_round_the_circle():
    places, angles = np.array([1.0, 2, 3, 4]), np.array([[3.0, 3.1, -3.1, -3.0], [0.0, 0.1, 0.2, 0.3]])
    x, y = _unbroken(places, angles)
    np.testing.assert_array_equal(y, [3.0, 3.1, np.nan, -3.1, -3.0, np.nan, 0.0, 0.1, 0.2, 0.3, np.nan])
    np.testing.assert_array_equal(np.isnan(x), np.isnan(y))
