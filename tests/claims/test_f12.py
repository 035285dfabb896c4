"""f12 is false for layers in another order, for an untrained network, and where depth does not help."""

import numpy as np
import pytest
import xarray as xr

from simplebias.claims.f12_deeper_is_lower import DEPTHS, DIGITS, LINE, SPEED


def changed(data, name, values):
    return data.assign({name: data[name].copy(data=values)})


@pytest.mark.parametrize("name", ["half_cutoff", "half_cutoff_normalised"])
def test_layers_upside_down_are_false(smoke, name):
    claim, evidence = smoke("f12")
    data = evidence[LINE]
    assert claim.check({LINE: changed(data, name, data[name].values[..., ::-1])}).word == "false"


@pytest.mark.parametrize("name", ["half_cutoff", "half_cutoff_normalised"])
def test_time_run_backwards_is_false(smoke, name):
    claim, evidence = smoke("f12")
    data = evidence[LINE]
    assert claim.check({LINE: changed(data, name, data[name].values[:, ::-1])}).word == "false"


def test_two_neighbours_exchanged_in_one_seed_are_false(smoke):
    claim, evidence = smoke("f12")
    values = evidence[LINE]["half_cutoff"].values.copy()
    values[1, -1, [1, 2]] = values[1, -1, [2, 1]]
    assert claim.check({LINE: changed(evidence[LINE], "half_cutoff", values)}).word == "false"


@pytest.mark.parametrize(("last", "holds"), [(0.9, True), (1.0, True), (1.1, False), (np.nan, False)])
def test_digits_ask_for_no_more_than_no_rise(smoke, last, holds):
    claim, _ = smoke("f12")
    half = xr.DataArray([[[2.0, 3.0, 2.0], [1.0, 5.0, last]]], dims=("seed", "record", "layer"))
    assert claim.check({DIGITS: xr.Dataset({"half_cutoff_normalised": half})}).holds is holds


@pytest.mark.parametrize(
    ("steps", "holds"),
    [
        ((np.inf, 1000, 500), True),
        ((np.inf, 500, 1000), False),
        ((np.inf, 1000, 1000), False),
        ((4000, 1000, 500), False),
        ((np.inf, np.inf, np.inf), False),
        ((np.inf, np.inf, 500), True),
        ((np.inf, 1000, np.nan), False),
    ],
)
def test_depth_compares_medians(smoke, steps, holds):
    claim, _ = smoke("f12")
    at = np.arange(0, 5001, 100)
    evidence = {}
    for depth, first in zip(DEPTHS, steps, strict=True):
        loss = np.tile(np.where(at >= first, 1e-3, 1.0) if first == first else np.full(len(at), np.nan), (3, 1))
        evidence[SPEED[depth]] = xr.Dataset({"loss": (("seed", "record"), loss)}, {"step": ("record", at)})
    assert claim.check(evidence).holds is holds


def test_k_half_is_where_the_recorded_ratio_crosses_one_half(smoke):
    _, evidence = smoke("f12")
    data = evidence[LINE]
    for ratio, half in (("ratio", "half_cutoff"), ("ratio_normalised", "half_cutoff_normalised")):
        cutoffs = np.log(data["cutoff"].values)
        for layer in range(5):
            curve = data[ratio].values[0, -1, layer]
            place = int(np.argmax(curve >= 0.5))
            low, high = cutoffs[place - 1], cutoffs[place]
            assert low < np.log(data[half].values[0, -1, layer]) <= high
