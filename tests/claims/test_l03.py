"""l03 is false where a count falls, where zeros are not those foretold, and where too little can be told."""

import pytest

from simplebias.claims.l03_no_descent_is_lost import GENERAL, SPLITS, STAIRCASE


def failing(claim, name, data):
    return [one.what for one in claim.check({name: data}).criteria if not one.holds]


def test_another_ladder_is_false(smoke):
    claim, evidence = smoke("l03")
    data = evidence[STAIRCASE].copy(deep=True)
    data["counts"][0, 2] = [9, 2, 1]
    assert len(failing(claim, STAIRCASE, data)) == 1
    assert len(failing(claim, STAIRCASE, evidence[STAIRCASE].isel(share=[]))) == 1


@pytest.mark.parametrize("name", [SPLITS, GENERAL])
def test_a_count_that_falls_or_is_not_foretold_is_false(smoke, name):
    claim, evidence = smoke("l03")
    data = evidence[name].copy(deep=True)
    data["counts"][2, 0, 0] = data["counts"][0, 0, 0] - 1
    assert failing(claim, name, data)[0].endswith("counts of a sign that fell")
    data = evidence[name].copy(deep=True)
    places = data["clear"].values.nonzero()
    data["counts"][2, places[0][0], places[1][0], 1] += 1
    assert failing(claim, name, data) == [f"{name}: counts as foretold"]


def test_nothing_but_doubtful_cases_is_false(smoke):
    claim, evidence = smoke("l03")
    data = evidence[SPLITS].copy(deep=True)
    data["clear"][:] = False
    assert failing(claim, SPLITS, data) == [f"{SPLITS}: counts as foretold"]


def test_the_minimum_has_become_a_saddle_that_the_plane_shows(smoke):
    _, evidence = smoke("l03")
    plane = evidence[STAIRCASE]["plane"].values
    middle = plane[plane.shape[0] // 2, plane.shape[1] // 2]
    assert plane.min() < middle < plane.max()
