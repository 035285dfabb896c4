"""Slopes, intervals and boundaries against data made to have them."""

import numpy as np
import pytest
import xarray as xr

from simplebias.core.errors import InputError, Outcome
from simplebias.networks import Regime
from simplebias.sweeps import named_points, phase_diagram

GAMMA, PRIME, WIDTHS = np.array([0.8, 1.1, 1.4]), np.array([-0.2, 0.3]), np.array([100, 300, 1000, 3000])


def made(noise=0.0, seeds=4, draw=0):
    """Relative changes of slope γ - 1 - max(γ', 0) / 2, log-normal noise about the line."""
    slope = GAMMA[:, None] - 1 - np.maximum(PRIME, 0) / 2
    random = np.random.default_rng(draw).normal(size=(*slope.shape, len(WIDTHS), seeds))
    logs = slope[..., None, None] * np.log(WIDTHS)[:, None] + noise * random
    dims = ("gamma", "gamma_prime", "width", "seed")
    coords = {"gamma": GAMMA, "gamma_prime": PRIME, "width": WIDTHS, "seed": np.arange(seeds)}
    return xr.Dataset({"relative_change": (dims, np.exp(logs))}, coords), slope


def test_slopes_and_boundary_are_those_of_the_data():
    data, slope = made()
    diagram = phase_diagram(data)
    np.testing.assert_allclose(diagram["slope"], slope, atol=1e-12)
    np.testing.assert_allclose(diagram["boundary"], 1 + np.maximum(PRIME, 0) / 2, atol=1e-12)
    np.testing.assert_allclose(diagram["predicted_boundary"], [1.0, 1.3])


def test_intervals_hold_the_truth_as_often_as_they_say():
    hits = []
    for draw in range(100):
        data, slope = made(noise=0.2, draw=draw)
        diagram = phase_diagram(data, confidence=0.8)
        hits.append(((diagram["slope_low"] <= slope) & (slope <= diagram["slope_high"])).values)
    share, count = np.mean(hits), np.size(hits)
    assert abs(share - 0.8) < 4 * np.sqrt(0.8 * 0.2 / count)


def test_diverged_cells_are_left_out_and_two_widths_are_none():
    data, slope = made()
    outcome = xr.zeros_like(data["relative_change"], dtype=np.int8)
    outcome[0, 0, 0] = 3  # one width gone: three are left
    outcome[1, 0, :2] = 3  # two gone
    data["relative_change"][0, 0, 0] = 1e9
    diagram = phase_diagram(data.assign(outcome=outcome))
    assert diagram["widths"].values[:2, 0].tolist() == [3, 2]
    np.testing.assert_allclose(diagram["slope"][0, 0], slope[0, 0])
    assert np.isnan(diagram["slope"][1, 0])
    np.testing.assert_allclose(diagram["boundary"][0], 0.8 + 0.6 * 0.2 / 0.6)


def test_no_crossing_is_nan():
    data, _ = made()
    assert np.isnan(phase_diagram(data.sel(gamma=[0.8]))["boundary"]).all()


def test_what_gives_no_slope_is_refused():
    data, _ = made()
    with pytest.raises(InputError, match="at least 3 widths"):
        phase_diagram(data.isel(width=slice(2)))
    with pytest.raises(InputError, match="an axis 'width'"):
        phase_diagram(data.isel(width=0, drop=True))
    with pytest.raises(InputError, match="a dataset with"):
        phase_diagram(data, measure="change")
    with pytest.raises(InputError, match="confidence"):
        phase_diagram(data, confidence=1.0)


def test_named_initialisations_lie_where_the_literature_has_them():
    regimes = {name: point.regime for name, point in named_points().items()}
    assert regimes["ntk"] is regimes["lecun"] is regimes["he"] is Regime.LINEAR
    assert regimes["xavier"] is regimes["mean-field"] is Regime.CRITICAL


def test_cells_are_shown_of_the_first_seed_that_ended_well():
    data, _ = made(noise=0.1)
    shape = data["relative_change"].shape
    number = np.arange(np.prod(shape), dtype=float).reshape(shape)
    outcome = np.zeros(shape, np.int8)
    outcome[0, 0, 0, :2] = 3  # the first two seeds diverged
    outcome[1, 0, 0] = -1  # none computed
    fit = ((*data["relative_change"].dims, "position", "output"), number[..., None, None] * np.ones((3, 1)))
    diagram = phase_diagram(data.assign(outcome=(data["relative_change"].dims, outcome), fit=fit))
    assert diagram["fit"].dims == ("gamma", "gamma_prime", "width", "position", "output")
    expected = number[..., 0].copy()
    expected[0, 0, 0], expected[1, 0, 0] = number[0, 0, 0, 2], np.nan
    np.testing.assert_array_equal(diagram["fit"][..., 0, 0], expected)
    assert np.isnan(diagram["relative_change"].values[0, 0, 0, :2]).all()
    np.testing.assert_array_equal(diagram["relative_change"][2], data["relative_change"][2])
    np.testing.assert_array_equal(diagram["outcome"], outcome)
    alone = phase_diagram(data.assign(fit=fit).isel(seed=0, gamma_prime=0, drop=True))
    np.testing.assert_array_equal(alone["fit"][0, ..., 0, 0], number[:, 0, :, 0])


def test_a_further_axis_has_to_be_chosen():
    data, _ = made()
    both = data.expand_dims(activation=["relu", "tanh"])
    with pytest.raises(InputError, match=r"data\.sel\(activation='relu'\)"):
        phase_diagram(both)


def test_trainings_broken_off_are_left_out_where_there_is_a_criterion():
    widths = np.array([10, 100, 1000, 10_000])
    change = np.stack([widths**0.5, widths**-0.5])
    change[:, 0] = 77.0
    outcome = np.full((2, 4), Outcome.STOPPED.value)
    outcome[:, 0] = Outcome.COMPLETED.value
    dims = ("gamma", "width")
    data = xr.Dataset(
        {"relative_change": (dims, change), "outcome": (dims, outcome)}, {"gamma": [1.5, 0.5], "width": widths}
    )
    met = phase_diagram(data.assign_attrs(until=1e-6))
    np.testing.assert_allclose(met["slope"].values.ravel(), [-0.5, 0.5])
    assert (met["widths"] == 3).all()
    assert not np.allclose(phase_diagram(data)["slope"].values.ravel(), [-0.5, 0.5])
