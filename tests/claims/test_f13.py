"""f13 is false when the order is another one under any one method, and lets Powell's method alone stall."""

import numpy as np
import pytest
import xarray as xr

from simplebias.claims.f13_beyond_gradient_descent import CLAIM, METHODS, POWELL

NAMES = [*METHODS, POWELL]


def fitted_at(first, third):
    """Three seeds in which k = 1 and k = 3 are fitted at these steps, never where infinite."""
    steps = np.arange(0, 101)
    error = np.ones((3, len(steps), 5))
    for k, step in {1: first, 3: third}.items():
        error[:, steps >= step, k] = 0.2
    coords = {"step": ("record", steps), "frequency": np.arange(5) / (2 * np.pi)}
    return xr.Dataset({"relative_error": (("seed", "record", "frequency"), error)}, coords)


@pytest.mark.parametrize("name", NAMES)
def test_every_method_is_judged(name):
    good = {one: fitted_at(2, 30) for one in NAMES}
    assert CLAIM.check(good).holds
    assert not CLAIM.check(good | {name: fitted_at(30, 2)}).holds
    assert not CLAIM.check(good | {name: fitted_at(30, 30)}).holds
    assert not CLAIM.check(good | {name: fitted_at(np.inf, 30)}).holds
    assert not CLAIM.check(good | {name: fitted_at(np.inf, np.inf)}).holds
    one_bad = fitted_at(2, 30)["relative_error"].copy(deep=True)
    one_bad.values[1] = one_bad.values[1, ::-1]
    assert not CLAIM.check(good | {name: one_bad.to_dataset()}).holds


@pytest.mark.parametrize(("third", "holds"), [(7, True), (6, False)])
def test_three_times_is_the_bound(third, holds):
    assert CLAIM.check({"BFGS": fitted_at(2, third)}).holds is holds
    assert CLAIM.check({POWELL: fitted_at(2, third)}).holds
    assert not CLAIM.check({POWELL: fitted_at(2, 2)}).holds


def test_only_powell_may_never_come_to_the_end():
    assert CLAIM.check({POWELL: fitted_at(2, np.inf)}).holds
    assert not CLAIM.check({"BFGS": fitted_at(2, np.inf)}).holds


def test_step_zero_counts_as_one():
    assert not CLAIM.check({"BFGS": fitted_at(0, 3)}).holds
    assert CLAIM.check({"BFGS": fitted_at(0, 4)}).holds


@pytest.mark.parametrize("dimension", ["frequency", "record"])
def test_shuffled_smoke_evidence_is_false(smoke, dimension):
    _, evidence = smoke("f13")
    for name, data in evidence.items():
        axis = data["relative_error"].get_axis_num(dimension)
        turned = data["relative_error"].copy(data=np.flip(data["relative_error"].values, axis))
        assert not CLAIM.check(dict(evidence) | {name: data.assign(relative_error=turned)}).holds
