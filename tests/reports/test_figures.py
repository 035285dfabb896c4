"""Figures are chosen by dimensions, show what the data say, and survive whatever a run may hold."""

import numpy as np
import plotly.graph_objects as go
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from simplebias.core.errors import InputError
from simplebias.core.run import Run
from simplebias.reports import Figure, draws, figures
from simplebias.reports.curves import step_axis, step_places
from simplebias.reports.kinds import KINDS
from simplebias.reports.neurons import like_together
from simplebias.reports.spectra import kept_rows
from simplebias.reports.style import NETWORK, TARGET, label, thin, thin_curve


def by_title(run, start):
    (found,) = [figure for figure in figures(run) if figure.title.startswith(start)]
    return found


def test_every_run_gives_figures_that_plotly_takes(run):
    for figure in figures(run):
        go.Figure(figure.plotly)  # refuses unknown keys
        assert figure.title
        assert len(figure.alternative) > 20
        assert figure.section


def test_names_do_not_matter(runs):
    run = runs["digits"]
    fixed = {"points", "target", "projection_target"}
    names = {str(name): f"zz_{rank}" for rank, name in enumerate(run.data.data_vars) if name not in fixed}
    titled = run.data.copy()
    for name in titled.data_vars:
        titled[name].attrs.setdefault("long_name", str(name).replace("_", " "))
    renamed = Run(titled.rename(names))
    assert [figure.title for figure in figures(renamed)] == [figure.title for figure in figures(Run(titled))]


def test_dimensions_in_another_order_draw_the_same(runs):
    data = runs["line"].data
    turned = Run(data.transpose(*reversed(list(data.dims))), step=10000)
    for one, other in zip(figures(runs["line"]), figures(turned), strict=True):
        assert one.alternative == other.alternative


@pytest.mark.parametrize(
    ("name", "titles"),
    [
        ("line", {"The fit and its spectrum over training", "Orientation and amplitude", "Bands, low to high"}),
        ("grey picture", {"Pictures over training", "What was learned when"}),
        ("digits", {"What was learned when, by direction", "Low and high part, by filter width"}),
        ("empty", set()),
    ],
)
def test_what_is_drawn(runs, name, titles):
    assert titles <= {figure.title for figure in figures(runs[name])}


def test_one_slider_moves_the_fit_and_its_spectrum(runs):
    data = runs["line"].data
    figure = by_title(runs["line"], "The fit").plotly
    assert {int(frame["name"]) for frame in figure["frames"]} <= set(data["step"].values.tolist())
    assert figure["frames"][0]["name"] == "0"
    assert figure["frames"][-1]["name"] == "10000"
    moving = [figure["data"][place] for place in figure["frames"][0]["traces"]]
    assert {trace["xaxis"] for trace in moving} == {"x", "x2"}
    assert {trace["line"]["color"] for trace in moving} == {NETWORK}
    still = [trace for place, trace in enumerate(figure["data"]) if place not in figure["frames"][0]["traces"]]
    assert {trace["line"]["color"] for trace in still} == {TARGET}


def test_frames_hold_the_medians_of_the_data(runs):
    data = runs["line"].data
    figure = by_title(runs["line"], "The fit").plotly
    expected = np.median(data["outputs"].sel(record=data["step"] == 0).values[:, 0, :, 0], axis=0)
    place = max(k for k, trace in enumerate(figure["data"]) if trace["xaxis"] == "x" and trace["name"] == "network")
    frame = figure["frames"][0]
    np.testing.assert_allclose(frame["data"][frame["traces"].index(place)]["y"], expected)
    moduli = np.median(np.abs(data["spectrum"].values[:, -1, :, 0]), axis=0)
    assert frame["traces"][-1] == len(figure["data"]) - 1
    np.testing.assert_allclose(np.sort(figure["data"][-1]["y"]), np.sort(moduli[1:]))


def test_heat_map_is_the_median_clipped_by_colour(runs):
    data = runs["line"].data
    figure = by_title(runs["line"], "What was learned when").plotly
    (trace,) = figure["data"]
    colours = figure["layout"]["coloraxis"]
    assert (colours["cmin"], colours["cmax"]) == (0.1, 1.0)
    kept = np.flatnonzero(data["power"].values >= 1e-4 * data["power"].values.max())
    np.testing.assert_allclose(trace["z"], np.median(data["relative_error"].values, axis=0)[:, kept].T)
    assert [float(name) for name in trace["y"]] == pytest.approx(data["frequency"].values[kept], rel=1e-3)


def test_power_is_known_from_the_spectrum_of_the_target(runs):
    bare = Run(runs["line"].data.drop_vars("power"), step=10000)
    with_power, without = (by_title(run, "What was learned when").plotly for run in (runs["line"], bare))
    assert without["data"][0]["y"] == with_power["data"][0]["y"]


def test_the_order_in_the_dataset_does_not_matter(runs):
    data = runs["digits"].data
    turned = Run(data[sorted(data.data_vars, reverse=True)], step=2000)
    assert [one.alternative for one in figures(turned)] == [one.alternative for one in figures(runs["digits"])]
    assert next(one.title for one in figures(turned) if one.section == "Loss") == "Loss over training"


def test_bands_without_power_are_not_drawn(runs):
    data = runs["line"].data.copy(deep=True)
    data["share"].values[0] = 1e-15
    data["band_error"].values[..., 0] = 1e6
    figure = by_title(Run(data), "Bands").plotly
    assert len({trace["name"] for trace in figure["data"]}) == 3
    assert figure["layout"]["yaxis"]["range"][1] < 1


def test_numbers_without_a_panel_stand_apart(runs):
    data = xr.Dataset({"rank": (("record",), np.arange(3.0))}, {"step": ("record", [0, 1, 10])})
    assert [figure.section for figure in figures(Run(data))] == ["Other measures"]
    data["rank"].attrs["section"] = "Neurons"
    assert [figure.section for figure in figures(Run(data))] == ["Neurons"]


def test_diverged_seeds_are_left_out_of_medians(runs):
    data = runs["diverged"].data
    figure = by_title(runs["diverged"], "Loss").plotly
    bold = [trace for trace in figure["data"] if trace["name"] == "training loss" and trace["line"]["width"] > 2]
    np.testing.assert_allclose(bold[0]["y"][-1], data["loss"].values[0, -1])


def test_all_diverged_shows_what_there_was(runs):
    figure = by_title(runs["all diverged"], "The fit").plotly
    assert figure["frames"][-1]["name"] == str(int(runs["all diverged"].data["step"][2]))


def test_pictures_show_target_moments_and_errors(runs):
    figure = by_title(runs["grey picture"], "Pictures").plotly
    target = runs["grey picture"].data["target"].values.reshape(48, 64)
    first, *shown = figure["data"]
    np.testing.assert_allclose(first["z"], target)
    pictures, errors = shown[: len(shown) // 2], shown[len(shown) // 2 :]
    for picture, error in zip(pictures, errors, strict=True):
        np.testing.assert_allclose(picture["z"] - target, error["z"], atol=1e-6)
    assert figure["layout"]["yaxis"]["autorange"] == "reversed"  # row 0 is at the top


def test_large_pictures_are_means_over_blocks_and_say_so(runs):
    figure = by_title(runs["large picture"], "Pictures")
    target = runs["large picture"].data["target"].values.reshape(200, 300)
    block = np.asarray(figure.plotly["data"][0]["z"])
    size = 300 // block.shape[1]
    np.testing.assert_allclose(block[0, 0], target[:size, :size].mean())
    assert f"mean of {size} × {size} pixels" in figure.caption


def test_colour_pictures_are_images(runs):
    kinds = [trace["type"] for trace in by_title(runs["colour picture"], "Pictures").plotly["data"]]
    assert set(kinds) == {"image", "heatmap"}


def test_two_inputs_without_lattice_are_coloured_points(runs):
    data = runs["grey picture"].data.copy()
    data.attrs.clear()
    figure = by_title(Run(data), "The fit over two inputs")
    assert {trace["type"] for trace in figure.plotly["data"]} == {"scatter"}


def test_many_inputs_with_numbers_as_target_are_drawn_against_it(runs):
    data = runs["digits"].data.copy()
    rng = np.random.default_rng(0)
    data = data.isel(output=[0])
    data["target"] = data["target"] + rng.normal(size=(200, 1))
    figure = by_title(Run(data), "Network against target")
    assert "Of 200" not in figure.caption
    assert len(figure.plotly["frames"]) > 10


def test_a_new_kind_needs_one_function():
    data = xr.Dataset({"beats": (("record", "ear"), np.ones((3, 2)))}, {"step": ("record", [0, 1, 10])})
    assert [figure.section for figure in figures(Run(data))] == ["Other measures"]

    @draws("ear", section="Neurons")
    def ears(reading, variables):
        return [Figure(one.title, {"data": [], "layout": {}}, "nothing to be seen here at all") for one in variables]

    try:
        assert [(figure.title, figure.section) for figure in figures(Run(data))] == [("beats", "Neurons")]
    finally:
        KINDS.pop()


def test_less_detail_draws_less(runs):
    full, less = figures(runs["long line"]), figures(runs["long line"], detail=0.1)
    assert [figure.title for figure in full] == [figure.title for figure in less]
    assert len(less[0].plotly["frames"]) < len(full[0].plotly["frames"])
    assert "of 2284 points 80 are drawn" in less[0].caption.lower()


@pytest.mark.parametrize("detail", [0.0, -1.0, 2.0, float("nan")])
def test_wrong_detail_is_refused(runs, detail):
    with pytest.raises(InputError, match="detail"):
        figures(runs["line"], detail=detail)


def test_similar_neurons_stand_together():
    rng = np.random.default_rng(0)
    group = rng.permutation(np.repeat([0, 1], 10))
    matrix = np.where(group[:, None] == group[None], 1.0, -1.0)
    order = group[like_together(matrix)]
    assert (np.diff(order) != 0).sum() == 1


def test_rows_are_the_strongest_of_each_stretch():
    power = np.array([1.0, 2.0, 5.0, 1.0, 0.0, 3.0, 4.0, 1.0])
    values = np.ones((3, 8))
    assert kept_rows(values, power, 10).tolist() == [0, 1, 2, 3, 5, 6, 7]
    assert kept_rows(values, power, 2).tolist() == [2, 6]
    values[:, 2] = np.nan
    assert 2 not in kept_rows(values, power, 10)


def test_step_zero_has_a_place_of_its_own():
    steps = np.array([0, 1, 2, 30, 40000])
    places = step_places(steps)
    assert 0 < places[0] < 1
    assert places[1:].tolist() == [1, 2, 30, 40000]
    axis = step_axis(steps)
    assert axis["ticktext"][:2] == ["0", "1"]
    assert axis["tickvals"][0] == places[0]
    assert axis["ticktext"][-1] == "10<sup>4</sup>"


@given(st.integers(1, 500), st.integers(2, 100))
def test_thinning_keeps_both_ends(count, most):
    kept = thin(count, most)
    assert kept[0] == 0
    assert kept[-1] == count - 1
    assert len(kept) <= max(most, 2) or len(kept) == count


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=300), st.integers(8, 60))
def test_thinning_a_curve_keeps_its_extremes(values, most):
    curve = np.array(values)
    kept = thin_curve(curve, most)
    assert curve[kept].max() == curve.max()
    assert curve[kept].min() == curve.min()
    assert (np.diff(kept) > 0).all()
    assert len(kept) <= max(len(curve) if len(curve) <= most else 0, most + 2)


def test_labels_are_safe_for_plotly():
    assert label("<a href='x'>%{y}") == "&lt;a href='x'&gt;%&#123;y}"
