"""c06 is false for layers that do not differ, for each slope beyond its bound, and where trainings did not end."""

import numpy as np
import pytest
import xarray as xr

from simplebias.claims.c06_layers_differ import CHANGE, GAMMA, JUDGED, LAYERS, OUTCOME, WIDTH
from simplebias.core.errors import Outcome
from simplebias.networks import layer_slopes

THEORY = {gamma: layer_slopes(gamma, 2) for gamma in JUDGED}


def made(slopes, outcome=Outcome.STOPPED):
    """Relative changes of given slopes, and seeds of which each is a little off."""
    widths, off = np.array([100, 200, 400]), np.array([0.98, 1.0, 1.02])
    exponents = np.array([slopes[gamma] for gamma in JUDGED])
    change = widths[:, None, None] ** exponents[:, None, None, :] * off[:, None]
    dims = (GAMMA, WIDTH, "seed", "layer")
    coords = {GAMMA: list(JUDGED), WIDTH: widths, "seed": [0, 1, 2], "layer": [1, 2]}
    outcomes = np.full(change.shape[:-1], outcome.value, np.int8)
    return {LAYERS: xr.Dataset({CHANGE: (dims, change), OUTCOME: (dims[:-1], outcomes)}, coords)}


def failing(claim, evidence):
    return [number for number, one in enumerate(claim.check(evidence).criteria) if not one.holds]


def test_scaling_is_true(smoke):
    claim, evidence = smoke("c06")
    assert failing(claim, made(THEORY)) == []
    assert claim.check(evidence).holds


@pytest.mark.parametrize(
    ("gamma", "layer", "slope", "criterion"),
    [
        (2.0, 1, 0.14, 1),
        (2.0, 2, -0.14, 2),
        (1.5, 1, 0.13, 3),
        (1.5, 1, -0.13, 3),
        (3.0, 2, 0.05, 4),
        (3.0, 2, -0.05, 4),
    ],
)
def test_each_slope_is_judged_by_itself(smoke, gamma, layer, slope, criterion):
    claim, _ = smoke("c06")
    moved = {**THEORY, gamma: tuple(slope if place == layer else old for place, old in enumerate(THEORY[gamma], 1))}
    assert failing(claim, made(moved)) == [criterion]


def test_layers_the_other_way_round_are_false(smoke):
    claim, evidence = smoke("c06")
    data = evidence[LAYERS]
    turned = data.assign({CHANGE: data[CHANGE].copy(data=data[CHANGE].values[..., ::-1])})
    assert failing(claim, {LAYERS: turned}) == [1, 2, 3, 4]


def test_trainings_that_did_not_end_are_false(smoke):
    claim, evidence = smoke("c06")
    assert failing(claim, made(THEORY, Outcome.COMPLETED)) == [0]
    data = evidence[LAYERS].copy(deep=True)
    data[OUTCOME][0, 0, 0] = Outcome.DIVERGED.value
    assert failing(claim, {LAYERS: data}) == [0]
    data[OUTCOME][:, 0] = Outcome.DIVERGED.value
    assert failing(claim, {LAYERS: data}) == [0, 1, 2, 3, 4]
    assert claim.check({}).word == "false"
