"""p01 comes out false for Jacobi that is off, in the wrong order, or a network that learns high frequencies first."""

import numpy as np
import pytest

from simplebias.claims.p01_jacobi_high_network_low import CLASSICAL, EVERY, TRAINED


def false_for(smoke, name, **changed):
    claim, evidence = smoke("p01")
    broken = dict(evidence) | {name: evidence[name].assign(changed)}
    return [one.what for one in claim.check(broken).criteria if not one.holds]


def flipped(array, dimension):
    return array.copy(data=np.flip(array.values, array.get_axis_num(dimension)))


def test_all_rows_are_judged(smoke):
    claim, evidence = smoke("p01")
    assert len(claim.check(evidence).criteria) == 4


def test_a_mode_that_decays_a_little_otherwise_is_seen(smoke):
    _, evidence = smoke("p01")
    amplitude = evidence[EVERY]["amplitude"].copy(deep=True)
    amplitude.values[3] *= 1 + 1e-7
    assert false_for(smoke, EVERY, amplitude=amplitude)
    shifted = evidence[EVERY]["amplitude"].roll(frequency=1)  # flipped it would be the same: 50 is even
    assert false_for(smoke, EVERY, amplitude=shifted)


@pytest.mark.parametrize("name", [CLASSICAL, TRAINED])
def test_the_other_order_is_false(smoke, name):
    _, evidence = smoke("p01")
    assert false_for(smoke, name, relative_error=flipped(evidence[name]["relative_error"], "frequency"))


def test_one_seed_in_the_other_order_is_false(smoke):
    _, evidence = smoke("p01")
    error = evidence[TRAINED]["relative_error"].copy(deep=True)
    error.values[-1] = error.values[-1, :, ::-1]
    assert false_for(smoke, TRAINED, relative_error=error)


def test_a_short_run_proves_nothing(smoke):
    claim, evidence = smoke("p01")
    short = evidence[TRAINED].isel(record=slice(0, 16))
    assert not claim.check({TRAINED: short}).holds
    never = evidence[TRAINED]["relative_error"] * 0 + 1
    assert false_for(smoke, TRAINED, relative_error=never)
