"""c05 is false for coordinates that are off, and for slopes of initialisations that changed places."""

import numpy as np

from simplebias.claims.c05_named_places import CHANGE, PLACES, RULE, SLOPES


def test_coordinates_that_are_off_are_false(smoke):
    claim, evidence = smoke("c05")
    assert claim.check({PLACES: evidence[PLACES]}).word == "true"
    for rule in evidence[PLACES][RULE].values:
        moved = evidence[PLACES].copy(deep=True)
        moved["limit"].loc[{RULE: rule, "inputs": 10, "coordinate": "gamma_prime"}] += 0.01
        assert claim.check({PLACES: moved}).word == "false"


def test_linear_and_critical_ones_exchanged_are_false(smoke):
    claim, evidence = smoke("c05")
    data = evidence[SLOPES].copy(deep=True)
    linear, critical = (evidence[SLOPES][CHANGE].sel({RULE: name}).values for name in ("lecun", "xavier"))
    data[CHANGE].loc[{RULE: "lecun"}] = critical
    assert claim.check({SLOPES: data}).word == "false"
    data = evidence[SLOPES].copy(deep=True)
    data[CHANGE].loc[{RULE: "xavier"}] = linear
    assert claim.check({SLOPES: data}).word == "false"


def test_a_slope_that_is_not_told_from_zero_is_false(smoke):
    claim, evidence = smoke("c05")
    data = evidence[SLOPES].copy(deep=True)
    values = data[CHANGE].sel({RULE: "lecun"}).values.copy()
    values[0] = values[0, ::-1]  # one seed the other way round
    data[CHANGE].loc[{RULE: "lecun"}] = np.sqrt(values)
    assert claim.check({SLOPES: data}).word == "false"
