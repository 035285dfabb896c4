"""Figures of windows and wavelet views, from data made by hand."""

import numpy as np
import pytest
import xarray as xr

from simplebias.core.run import Run
from simplebias.reports.figures import figures
from simplebias.reports.local import COLUMNS, ROWS, VIEWS, learned_steps
from simplebias.reports.style import NETWORK, TARGET

STEPS = np.concatenate([[0], np.unique(np.geomspace(1, 1000, 30).astype(int))])
RATES, PLACES = np.geomspace(0.5, 20, 60), np.linspace(-1, 1, 200)
SLOW, FAST = (11, slice(0, 100)), (50, slice(100, 200))


def made(seeds=3, outputs=1):
    """Slow on the left, learned from step 30; fast on the right, learned from step 300."""
    goal = np.zeros((60, 200, outputs), complex)
    goal[SLOW], goal[FAST] = 1.0, 0.5j
    values = np.zeros((seeds, len(STEPS), *goal.shape), complex)
    values[:, STEPS >= 30, 11] = goal[11]
    values[:, STEPS >= 300, 50] = goal[50]
    look = {"target": "target_wavelet", "long_name": "wavelet amplitude", "description": "which frequency sits where"}
    error = np.where(STEPS[:, None] >= [300, 30], 0.01, 1.0)[None].repeat(seeds, 0)
    return xr.Dataset(
        {
            "wavelet": (("seed", "record", "local_frequency", "position", "output"), values, look),
            "target_wavelet": (("local_frequency", "position", "output"), goal),
            "local_error": (("seed", "record", "window"), error, {"long_name": "relative error"}),
        },
        coords={
            "step": ("record", STEPS),
            "seed": np.arange(seeds),
            "local_frequency": ("local_frequency", RATES, {"units": "cycles/s"}),
            "position": ("position", PLACES, {"units": "s"}),
            "reach": ("local_frequency", 1.2 / RATES),
            "input": ["time"],
            "input_unit": ("input", ["s"]),
            "output": [f"y{k}" for k in range(outputs)],
            "window": ["right", "left"],
            "mean_frequency": ("window", [8.0, 2.0], {"units": "cycles/s"}),
        },
    )


def drawn(data, title, **options):
    return [figure for figure in figures(Run(data, step=1000), **options) if figure.title.startswith(title)]


def test_target_beside_network_with_one_slider():
    (figure,) = drawn(made(), "Which frequency sits where")
    maps = [trace for trace in figure.plotly["data"] if trace["type"] == "heatmap"]
    assert [trace["name"] for trace in maps] == ["target", "network"]
    assert maps[0]["z"].shape == (ROWS, COLUMNS)
    np.testing.assert_allclose(maps[0]["z"], maps[1]["z"])  # learned at the end
    assert maps[0]["z"].max() == 0
    frames = figure.plotly["frames"]
    assert 2 < len(frames) <= VIEWS
    assert frames[0]["data"][0]["z"].max() == -2
    assert figure.plotly["layout"]["yaxis2"]["type"] == "log"
    assert "cycles/s" in figure.plotly["layout"]["yaxis"]["title"]["text"]
    assert "by 1 of their size at step 0 and by 0 at step 1000" in figure.alternative


def test_the_cone_is_drawn_where_it_leaves_room():
    (figure,) = drawn(made(), "Which frequency sits where")
    lines = [trace for trace in figure.plotly["data"] if trace["type"] == "scatter"]
    assert len(lines) == 4
    left = lines[0]["x"]
    np.testing.assert_allclose(left[RATES > 0.6], -1 + 1.2 / RATES[RATES > 0.6])
    assert np.isnan(left[0])
    bare = made().drop_vars("reach")
    assert all(trace["type"] == "heatmap" for trace in drawn(bare, "Which")[0].plotly["data"])


def test_the_map_says_when_and_where():
    (figure,) = drawn(made(), "What was learned when, and where")
    (cells,) = [trace for trace in figure.plotly["data"] if trace["type"] == "heatmap"]
    when = np.where(np.isnan(cells["z"]), np.nan, cells["customdata"])
    slow, fast = (np.nanmin(when[:, part]) for part in (slice(0, 60), slice(70, None)))
    assert slow == STEPS[STEPS >= 30][0]
    assert fast == STEPS[STEPS >= 300][0]
    assert np.isnan(cells["z"]).mean() > 0.9
    assert f"Median step: {slow:.0f} in the lower half of them, {fast:.0f} in the upper" in figure.alternative


def test_what_is_never_learned_is_told_from_what_is_not_there():
    data = made()
    data["wavelet"].values[:, :, 50] = 0
    (figure,) = drawn(data, "What was learned when, and where")
    (cells,) = [trace for trace in figure.plotly["data"] if trace["type"] == "heatmap"]
    never = cells["z"] == cells["zmax"]
    assert never[:, 70:].any()
    assert not never[:, :60].any()
    assert (cells["customdata"][never] == -1).all()


def test_an_error_alone_draws_the_map():
    data = made()
    error = np.abs(data["wavelet"] - data["target_wavelet"]).isel(output=0) / np.abs(data["target_wavelet"]).isel(
        output=0
    ).where(lambda size: size > 0)
    alone = data.drop_vars(["wavelet", "target_wavelet"]).assign(wavelet_error=error.transpose("seed", "record", ...))
    ours, theirs = (drawn(one, "What was learned when, and where")[0].plotly["data"][0] for one in (alone, data))
    np.testing.assert_allclose(ours["z"], theirs["z"])
    both = data.assign(wavelet_error=alone["wavelet_error"])
    assert len(drawn(both, "What was learned when, and where")) == 1


def test_windows_go_from_slow_to_fast():
    (figure,) = drawn(made(), "Windows")
    names = list(dict.fromkeys(trace["name"] for trace in figure.plotly["data"]))
    assert names == ["left · 2 cycles/s", "right · 8 cycles/s"]
    assert NETWORK not in {TARGET}


def test_many_outputs_diverged_seeds_and_less_detail():
    data = made(outputs=2)
    data["wavelet"].values[0, 5:] = np.nan
    found = drawn(data, "Which frequency sits where", detail=0.3)
    assert [figure.title[-4:] for figure in found] == [": y0", ": y1"]
    maps = [trace for trace in found[0].plotly["data"] if trace["type"] == "heatmap"]
    assert maps[0]["z"].shape == (12, 38)
    np.testing.assert_allclose(maps[0]["z"], maps[1]["z"])
    alone = made().drop_vars("target_wavelet")
    assert len(drawn(alone, "Which frequency sits where")) == 1
    assert not drawn(alone, "What was learned when, and where")
    data["wavelet"].values[:] = np.nan
    assert drawn(data, "Which frequency sits where")


@pytest.mark.parametrize(
    ("error", "step"),
    [
        ([1, 0.1, 0.1, 0.1, 1], 1),
        ([1, 0.1, 1, 0.1, 0.1], 3),
        ([1, 1, 1, 1, 0.1], 4),
        ([1, 1, 1, 1, 1], np.inf),
        ([np.nan] * 5, np.nan),
    ],
)
def test_learned_means_for_some_records_or_to_the_end(error, step):
    np.testing.assert_equal(learned_steps(np.array(error, float), np.arange(5)), step)
