"""f15 is false for data in which the principle fails where it should hold, or the other way round."""

import numpy as np
import pytest

from simplebias.claims.f15_where_it_fails import FAST, LARGE, NARROW, SMALL, WIDE


def exchanged(evidence, a, b):
    return dict(evidence) | {a: evidence[b], b: evidence[a]}


@pytest.mark.parametrize(("holds", "fails"), [(WIDE, NARROW), (WIDE, FAST), (SMALL, LARGE)])
def test_sides_taken_for_each_other_are_false(smoke, holds, fails):
    claim, evidence = smoke("f15")
    for name in (holds, fails):  # either half of the exchange is enough
        other = fails if name == holds else holds
        assert claim.check({name: evidence[other]}).word == "false"
    assert claim.check(exchanged(evidence, holds, fails)).word == "false"


@pytest.mark.parametrize(("name", "bound"), [(NARROW, 0.2), (FAST, 0.5)])
def test_a_network_that_is_right_between_the_samples_is_false(smoke, name, bound):
    claim, evidence = smoke("f15")
    data = evidence[name]
    for factor, holds in ((1.01, True), (0.99, False)):
        error = data["unseen_loss"].copy(deep=True)
        error[..., -1] = 10 * bound
        error[1, -1] = factor * bound  # one seed is enough
        assert claim.check({name: data.assign(unseen_loss=error)}).holds is holds


@pytest.mark.parametrize("name", [WIDE, NARROW, FAST, SMALL, LARGE])
def test_time_run_backwards_is_false(smoke, name):
    claim, evidence = smoke("f15")
    data = evidence[name]
    error = data["relative_error"].copy(data=data["relative_error"].values[:, ::-1])
    assert claim.check({name: data.assign(relative_error=error)}).word == "false"


def test_a_seed_that_never_learns_one_harmonic_is_not_all_at_once(smoke):
    claim, evidence = smoke("f15")
    for name in (NARROW, FAST, LARGE):
        error = evidence[name]["relative_error"].copy(deep=True)
        error[0, :, 5] = 1.0
        assert claim.check({name: evidence[name].assign(relative_error=error)}).word == "false"


def test_the_error_off_the_samples_is_that_of_the_outputs(smoke):
    _, evidence = smoke("f15")
    data = evidence[NARROW]
    off = data["split"].values == 1
    assert off.sum() == 3 * 64
    last = ((data["outputs"].values[:, -1] - data["target"].values)[:, off] ** 2).mean(axis=(1, 2))
    np.testing.assert_allclose(data["unseen_loss"].values[:, -1], last, rtol=1e-4)
