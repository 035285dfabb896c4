"""p09 comes out false for errors or times above the bounds, a lattice of the wrong order, or a better network."""

import numpy as np
import pytest
import xarray as xr

from simplebias.claims.p09_linear_needs_no_training import LINE, SQUARE, lattices, trained, waves


def failures(smoke, **changed):
    claim, evidence = smoke("p09")
    return [one.what for one in claim.check(dict(evidence) | changed).criteria if not one.holds]


def test_all_rows_are_judged(smoke):
    claim, evidence = smoke("p09")
    assert len(claim.check(evidence).criteria) == 2 * 3 + 2


@pytest.mark.parametrize("name", [LINE, SQUARE])
@pytest.mark.parametrize(("variable", "value"), [("error", 2e-7), ("seconds", 2.1)])
def test_one_seed_above_a_bound_is_false(smoke, name, variable, value):
    _, evidence = smoke("p09")
    data = evidence[waves(name)].copy(deep=True)
    data[variable].values[-1, -1] = value
    assert failures(smoke, **{waves(name): data})


def test_a_lattice_of_first_order_is_false(smoke):
    _, evidence = smoke("p09")
    data = evidence[lattices(LINE)]
    slow = data.assign(error=data["error"].copy(data=1 / data["step"].values))
    assert any("order" in one for one in failures(smoke, **{lattices(LINE): slow}))


def test_a_better_network_is_false(smoke):
    good, bad = (xr.Dataset({"error": ("seed", np.array([error]))}) for error in (1e-6, 1e-16))
    assert not failures(smoke, **{trained(SQUARE): good})
    assert any("trained" in one for one in failures(smoke, **{trained(SQUARE): bad}))
    assert failures(smoke, **{trained(SQUARE): xr.Dataset({"error": ("seed", np.array([np.nan]))})})
