"""l01 is false where plateaus lie elsewhere, or widths differ on them in output or features."""

import numpy as np
import pytest

from simplebias.claims.l01_shared_plateaus import LADDER, STAIRCASE
from simplebias.claims.ladder import four_kinks, plateaus_of


def failing(claim, evidence):
    return [one.what for one in claim.check(evidence).criteria if not one.holds]


@pytest.mark.parametrize(("factor", "count"), [(1.2, 3), (1.0, 0)])
def test_shifted_losses_are_false(smoke, factor, count):
    claim, evidence = smoke("l01")
    data = evidence[LADDER]
    broken = data.assign(loss=data["loss"].copy(data=data["loss"].values * factor))
    found = failing(claim, {LADDER: broken})
    assert sum(what.startswith("plateaus at log10 loss") for what in found) >= min(count, 2)
    assert bool(found) == bool(count)


@pytest.mark.parametrize("name", ["outputs", "effective_features", "angle", "strongest_share"])
def test_another_function_or_other_features_on_a_plateau_are_false(smoke, name):
    claim, evidence = smoke("l01")
    data = evidence[LADDER]
    values = data[name].transpose("width", ...).values.copy()
    values[-1] = 0.5 * values[-1] if name == "strongest_share" else 0.5 * values[-1] + 0.7
    broken = data.assign({name: data[name].transpose("width", ...).copy(data=values)})
    (what,) = failing(claim, {LADDER: broken})
    assert what.startswith("on the plateau")


def test_a_width_without_plateaus_of_others_is_false(smoke):
    claim, evidence = smoke("l01")
    assert len(failing(claim, {LADDER: evidence[LADDER].isel(width=[0])})) >= 3


def test_a_network_that_passes_the_narrow_minimum_is_false(smoke):
    claim, evidence = smoke("l01")
    data = evidence[STAIRCASE]
    fast = data.assign_coords(step=("record", data["step"].values // 10))
    assert failing(claim, {STAIRCASE: fast}) == ["steps within 5 % of it, at width 500"]


def test_the_ladder_names_where_narrow_networks_end(smoke):
    _, evidence = smoke("l01")
    data = evidence[LADDER]
    assert any(name.startswith("width 1 ") for name in data["level"].values)
    assert np.all(np.diff(data["levels"].values) < 0)
    assert all(found[0].start == 0 for found in plateaus_of(data).values()), "all start on the first plateau"
    np.testing.assert_allclose(data["spectra"].sum("log_loss"), 1)


def test_the_target_bends_four_times():
    x = np.linspace(-1, 1, 2001)
    bends = np.diff(four_kinks(x), 2) / np.diff(x)[0]
    np.testing.assert_allclose(bends[[699, 999, 1399, 1799]], [2, -1, -1.5, 0.5], atol=1e-9)
