"""What a theory foretells is drawn beside the fit."""

import numpy as np
import plotly.graph_objects as go
import pytest

from simplebias.core.run import Run
from simplebias.reports import figures


@pytest.mark.parametrize("seeds", [True, False])
def test_a_prediction_is_a_further_line_of_the_fit(seeds, runs):
    data = runs["line"].data
    values = np.stack([data["points"].values + shift for shift in (0.0, 1.0, 5.0, 1.0)])
    attributes = {"role": "prediction", "long_name": "LFP <b>", "description": "from the start alone"}
    if seeds:
        data = data.assign(foretold=(("seed", "point", "output"), values, attributes))
    else:
        data = data.assign(foretold=(("output", "point"), values[1].T, attributes))
    (figure,) = [figure for figure in figures(Run(data)) if figure.title.startswith("The fit")]
    go.Figure(figure.plotly)
    (line,) = [trace for trace in figure.plotly["data"] if trace["name"] == "LFP &lt;b&gt;"]
    np.testing.assert_allclose(line["y"], line["x"] + 1)
    assert line["line"]["dash"] == "dash"
    assert "from the start alone." in figure.caption
    before = next(figure for figure in figures(runs["line"]) if figure.title.startswith("The fit"))
    assert len(figure.plotly["data"]) == len(before.plotly["data"]) + 1


def test_without_the_role_nothing_is_drawn(runs):
    data = runs["line"].data
    other = data.assign(foretold=(("point", "output"), data["points"].values))
    assert [one.caption for one in figures(Run(other))] == [one.caption for one in figures(runs["line"])]
