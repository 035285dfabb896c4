"""p02 comes out false where a seed needs more sweeps or time, sweeps do not arrive, or low frequencies are left."""

import numpy as np
import pytest
import xarray as xr

from simplebias.claims.p02_hybrid import COUNTS, NEAR, SHARE, TIMES


def failures(smoke, name, **changed):
    claim, evidence = smoke("p02")
    broken = dict(evidence) | {name: evidence[name].assign(changed)}
    return [one.what for one in claim.check(broken).criteria if not one.holds]


def test_all_rows_are_judged(smoke):
    claim, evidence = smoke("p02")
    assert len(claim.check(evidence).criteria) == 4


def test_one_seed_with_more_sweeps_is_false(smoke):
    _, evidence = smoke("p02")
    sweeps = evidence[COUNTS]["sweeps"].copy(deep=True)
    sweeps.values[-1] = 1.1 * SHARE * float(evidence[COUNTS]["sweeps_from_zero"])
    assert failures(smoke, COUNTS, sweeps=sweeps)


@pytest.mark.parametrize(("name", "value"), [("sweeps_from_zero", np.inf), ("foretold_from_zero", 1e4), ("end", 0.02)])
def test_sweeps_that_do_not_arrive_as_foretold_are_false(smoke, name, value):
    _, evidence = smoke("p02")
    assert failures(smoke, COUNTS, **{name: 0 * evidence[COUNTS][name] + value})


def test_a_network_that_learns_high_frequencies_first_is_false(smoke):
    _, evidence = smoke("p02")
    data = evidence[COUNTS]
    assert failures(smoke, COUNTS, low=data["high"], high=data["low"])


@pytest.mark.parametrize(
    ("changed", "false"),
    [
        ({}, 0),
        ({"alone": [np.inf, np.inf]}, 0),
        ({"jacobi": [8.0, 1.9]}, 1),
        ({"alone": [3.0, 1.5]}, 1),
        ({"end": [NEAR, 1.1 * NEAR]}, 1),
        ({"total": [1.0, np.nan]}, 2),
    ],
)
def test_times_of_which_one_is_no_half_are_false(smoke, changed, false):
    """At smoke scale nothing is timed: these are made up."""
    claim, evidence = smoke("p02")
    made = {"total": [1.0, 1.0], "jacobi": [3.0, 2.5], "alone": [2.0, np.inf], "end": [NEAR, 0.1 * NEAR]} | changed
    times = xr.Dataset({name: ("seed", np.array(values)) for name, values in made.items()})
    criteria = claim.check({**evidence, TIMES: times}).criteria
    assert len(criteria) == 4 + 3
    assert sum(not one.holds for one in criteria) == false
