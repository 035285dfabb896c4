"""Cells of a phase diagram: the chosen one shows its own values, and bad cells are left empty."""

import numpy as np
import plotly.graph_objects as go
import pytest

from simplebias.core.run import Run
from simplebias.reports import figures, write_report
from simplebias.reports.packing import pack
from simplebias.reports.page import LIMIT

GAMMA, PRIME, WIDTHS = np.array([0.6, 1.0, 1.4]), np.array([-0.2, 0.2]), np.array([100, 1000, 10_000])
PLANE = ("gamma", "gamma_prime", "width")


def parts(data):
    _, cell, grid = figures(Run(data))
    return cell.plotly, grid.plotly


def option(figure, *place):
    """Traces of a choice, those that change with what is new."""
    sizes = [len(one["values"]) for one in figure["layout"]["meta"]["choices"]]
    frame = figure["frames"][np.ravel_multi_index(place, sizes)]
    moved = dict(zip(frame["traces"], frame["data"], strict=True))
    return [trace | moved.get(rank, {}) for rank, trace in enumerate(figure["data"])], frame["name"]


def named(traces, name):
    (found,) = (trace for trace in traces if trace.get("name") == name)
    return found


@pytest.mark.parametrize("inputs", [1, 3])
def test_every_option_shows_the_values_of_its_cell(phases, inputs):
    data = phases(inputs=inputs)
    cell, _ = parts(data)
    for place in [(0, 1, 2), (2, 0, 1), (1, 0, 0)]:
        traces, words = option(cell, *place)
        here = data.isel(dict(zip(PLANE, place, strict=True)))
        np.testing.assert_array_equal(named(traces, "network")["y"], here["fit"][:, 0])
        neurons = named(traces, "neurons")
        np.testing.assert_array_equal(neurons["x"], here["features"][:, 0])
        np.testing.assert_allclose(neurons["y"], here["features"][:, 1] / here["features"][:, 1].max())
        seeds = named(traces, "each seed")
        np.testing.assert_array_equal(seeds["y"], data["relative_change"][place[:2]].values.ravel())
        assert seeds["x"].tolist() == np.repeat(WIDTHS, 2).tolist()
        assert f"γ = {GAMMA[place[0]]:g}".replace("-", "−") in words
        assert f"width {WIDTHS[place[2]]:,}" in words
        assert f"slope {float(here['slope']):.3f}".replace("-", "−") in words


def test_lines_have_their_slopes_and_go_through_the_middle_of_the_points(phases):
    data = phases()
    traces, _ = option(parts(data)[0], 2, 0, 0)
    every = np.log(data["relative_change"][2, 0].values)
    for name, slope in (("slope", data["slope"][2, 0]), ("theory", data["predicted_slope"][2, 0])):
        low, high = np.log(named(traces, name)["y"])
        assert (high - low) / np.log(100) == pytest.approx(float(slope))
        assert (high + low) / 2 == pytest.approx(every.mean())


def test_cells_without_a_result_are_empty_and_say_why(phases):
    data = phases()
    cell, grid = parts(data)
    for place, why in (((0, 0, 0), "diverged"), ((1, 1, 2), "not computed")):
        traces, words = option(cell, *place)
        assert words.endswith(why)
        assert len(named(traces, "neurons")["x"]) == 0
        assert np.isnan(named(traces, "network")["y"]).all()
    (squares,) = (trace for trace in option(grid, 0)[0] if trace["name"] == "neurons")
    columns, rows = np.rint(squares["x"]), np.rint(squares["y"])
    assert set(zip(columns, rows, strict=True)) == {(c, r) for c in range(3) for r in range(2)} - {(0, 0)}
    assert option(grid, 0)[1] == "width 100: 5 of 6 cells"
    pack(cell), pack(grid)  # JSON without NaN
    nothing = data.assign({name: data[name] * np.nan for name in ("slope", "relative_change", "features", "fit")})
    for figure in figures(Run(nothing)):
        pack(figure.plotly)


def test_squares_hold_the_neurons_of_their_cells(phases):
    data = phases()
    _, grid = parts(data)
    squares = named(option(grid, 1)[0], "neurons")
    mine = (np.rint(squares["x"]) == 2) & (np.rint(squares["y"]) == 1)
    kept = data["features"][2, 1, 1].values
    np.testing.assert_allclose(np.asarray(squares["x"])[mine], 2 + 0.42 * kept[:, 0] / np.pi)
    np.testing.assert_allclose(np.asarray(squares["y"])[mine], 1 + 0.42 * (2 * kept[:, 1] / kept[:, 1].max() - 1))


def test_projections_take_the_room_they_need(phases):
    data = phases(inputs=3)
    data["features"][..., 0] *= 0.3
    cell, grid = parts(data)
    assert cell["layout"]["xaxis2"]["range"] == pytest.approx([-0.315, 0.315])
    squares = named(option(grid, 0)[0], "neurons")
    reach = np.abs(np.asarray(squares["x"]) - np.rint(squares["x"])).max()
    assert 0.38 < reach <= 0.42
    assert "projection from −0.3 to 0.3" in figures(Run(data))[2].caption
    assert "next figure" in figures(Run(data))[0].caption


def test_it_begins_where_the_slope_is_largest(phases):
    cell, _ = parts(phases())
    traces, words = option(cell, 2, 0, 2)
    assert [one["active"] for one in cell["layout"]["meta"]["choices"]] == [2, 0, 2]
    assert words in figures(Run(phases()))[1].alternative
    np.testing.assert_array_equal(named(cell["data"], "network")["y"], named(traces, "network")["y"])


def test_figures_are_plotly_and_less_data_draw_less(phases):
    data = phases()
    for figure in figures(Run(data)):
        go.Figure(figure.plotly)
    assert [one.title for one in figures(Run(data[["slope", "relative_change", "fit"]]))] == [
        "Phase diagram",
        "One cell",
    ]
    assert len(figures(Run(data[["slope", "relative_change"]]))) == 1
    flat = data.isel(gamma_prime=[0])
    assert len(figures(Run(flat))) == 3
    alone = data.isel(seed=0, drop=True)
    np.testing.assert_array_equal(
        named(option(parts(alone)[0], 2, 0, 0)[0], "each seed")["y"], alone["relative_change"][2, 0]
    )


def test_a_page_of_405_networks_keeps_within_its_size(phases, tmp_path):
    gamma, prime, widths = np.linspace(0.6, 1.4, 9), np.linspace(-0.4, 0.4, 9), 1000 * 2 ** np.arange(5)
    written = write_report(Run(phases(gamma, prime, widths, neurons=200)), tmp_path / "report.html")
    assert written.stat().st_size <= LIMIT
    assert "figures draw about" not in written.read_text()  # at full detail
