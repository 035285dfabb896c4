"""p05 comes out false where the solution of a holed domain errs, or the penalty's floor is another."""

import numpy as np
import pytest

from simplebias.claims.p05_holes import CHARGE, FLOOR, HOLED, PARALLEL, SHORT, STORED_PLAIN


def failed(smoke, **changed):
    claim, evidence = smoke("p05")
    return [one.what for one in claim.check(dict(evidence) | changed).criteria if not one.holds]


def test_both_rows_hold(smoke):
    claim, evidence = smoke("p05")
    verdict = claim.check(evidence)
    assert len(verdict.criteria) == 2
    assert verdict.holds


@pytest.mark.parametrize("wrong", [0.1, np.nan])
@pytest.mark.parametrize("name", [SHORT, CHARGE, *HOLED])
def test_one_network_that_errs_is_false(smoke, name, wrong):
    _, evidence = smoke("p05")
    error = evidence[SHORT]["relative_l2"].copy(deep=True)
    error[:] = 1e-5
    right = evidence[SHORT].assign(relative_l2=error.copy(deep=True))
    assert not failed(smoke, **{name: right})
    error[1] = wrong
    assert len(failed(smoke, **{name: evidence[SHORT].assign(relative_l2=error)})) == 1


@pytest.mark.parametrize("factor", [0.98, 1.02, np.nan])
def test_another_floor_is_false(smoke, factor):
    _, evidence = smoke("p05")
    errors = evidence[FLOOR]["relative_l2"] * np.array([1.0, factor])
    assert len(failed(smoke, **{FLOOR: evidence[FLOOR].assign(relative_l2=errors)})) == 1


def test_a_stored_run_that_does_not_come_again_is_false(smoke):
    _, evidence = smoke("p05")
    known = {0.1: evidence[SHORT]["error"] * 0 + 0.1, 1.0: evidence[SHORT]["error"] * 0 + 1.0}
    runs = {value: evidence[SHORT].assign(error=error) for value, error in known.items()}
    assert not failed(smoke, **{PARALLEL: runs[0.1], STORED_PLAIN: runs[1.0]})
    assert len(failed(smoke, **{PARALLEL: runs[1.0], STORED_PLAIN: runs[0.1]})) == 2
