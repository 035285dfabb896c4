"""p03 comes out false for gaps that stay, a limit that bends between samples, and a network no better than it."""

import numpy as np
import pytest

from simplebias.claims.p03_few_samples import galerkin, trained

RITZ, NETWORK = galerkin(5), trained("tanh", 5)


def failed(smoke, name, **changed):
    claim, evidence = smoke("p03")
    broken = dict(evidence) | {name: evidence[name].assign(changed)}
    return [one.what for one in claim.check(broken).criteria if not one.holds]


def test_all_rows_are_judged(smoke):
    claim, evidence = smoke("p03")
    assert len(claim.check(evidence).criteria) == 5


@pytest.mark.parametrize(("count", "gap"), [(50, 0.031), (200, 0.011), (1000, 0.0011)])
def test_each_gap_is_held_against_its_bound(smoke, count, gap):
    _, evidence = smoke("p03")
    gaps = evidence[RITZ]["gap"].copy(deep=True)
    gaps.values[evidence[RITZ]["step"].values == count] = gap
    assert len(failed(smoke, RITZ, gap=gaps)) == 1


def test_gaps_in_the_opposite_order_are_false(smoke):
    _, evidence = smoke("p03")
    gaps = evidence[RITZ]["gap"]
    assert failed(smoke, RITZ, gap=gaps.copy(data=gaps.values[::-1]))


def test_missing_numbers_of_functions_are_false(smoke):
    claim, evidence = smoke("p03")
    assert not claim.check({RITZ: evidence[RITZ].isel(record=slice(0, 4))}).holds


def test_a_limit_that_bends_between_samples_is_false(smoke):
    _, evidence = smoke("p03")
    assert failed(smoke, RITZ, bend=evidence[RITZ]["bend"] * 0 + 1e-3)


def test_one_network_half_as_bad_as_the_limit_is_false(smoke):
    _, evidence = smoke("p03")
    error = evidence[NETWORK]["final_error"].copy(deep=True)
    error.values[1] = 0.51 * float(evidence[RITZ]["limit_error"])
    assert failed(smoke, NETWORK, final_error=error)
    assert failed(smoke, RITZ, limit_error=evidence[RITZ]["limit_error"] * 0.05)


def test_the_network_is_smooth_where_the_limit_has_kinks(smoke):
    """The largest change of slope of a network, against that of the limit: not a row, but what the claim says."""
    _, evidence = smoke("p03")
    limit = np.abs(np.diff(evidence[RITZ]["limit"].values[:, 0], 2)).max()
    final = np.abs(np.diff(evidence[NETWORK]["outputs"].values[:, -1, :, 0].astype(float), 2, axis=1))
    assert np.median(final.max(axis=1)) < 0.1 * limit
