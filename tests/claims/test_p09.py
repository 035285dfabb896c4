"""p09 comes out false for errors or times above the bounds, a lattice of the wrong order, or a network soon there."""

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
    slow = data.assign(error=data["error"].copy(data=1 / data["size"].values))
    assert any("order" in one for one in failures(smoke, **{lattices(LINE): slow}))


def test_a_network_that_is_soon_there_is_false(smoke):
    slow, fast, broken = (xr.Dataset({"seconds": ("seed", np.array([time]))}) for time in (1e3, 1e-3, np.nan))
    assert not failures(smoke, **{trained(SQUARE): slow})
    assert any("network" in one for one in failures(smoke, **{trained(SQUARE): fast}))
    assert failures(smoke, **{trained(SQUARE): broken})
