"""Schedules: sorted whole steps between start and end."""

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simplebias.core.errors import InputError
from simplebias.core.schedule import as_schedule, at_steps, every, log_steps

totals = st.integers(0, 10**7)


def door(function):
    """The function as a user meets it, without the type check that only tests have."""
    return inspect.unwrap(function)


def is_schedule(steps: np.ndarray, total: int) -> bool:
    sorted_once = bool((np.diff(steps) > 0).all())
    return steps.dtype == np.int64 and sorted_once and steps.min() >= 0 and steps.max() <= total


@given(totals, st.integers(1, 300))
def test_log_steps_hold_start_and_end_and_no_more_than_asked(total, count):
    steps = log_steps(count)(total)
    assert is_schedule(steps, total)
    assert steps[0] == 0
    assert steps[-1] == total
    assert len(steps) <= max(count, 2)


@given(st.integers(10**3, 10**7), st.integers(3, 60))
def test_log_steps_are_even_in_the_logarithm(total, count):
    steps = log_steps(count)(total)[1:]
    ratio = total ** (1 / (count - 2))
    late = steps[steps * (ratio - 1) > 100]  # where rounding to whole steps no longer matters
    np.testing.assert_allclose(late[1:] / late[:-1], ratio, rtol=0.02)


def test_early_duplicates_are_dropped():
    assert log_steps(100)(3).tolist() == [0, 1, 2, 3]


@given(st.integers(0, 10**4), st.integers(1, 10**4))
def test_every_is_a_comb_with_the_end(total, interval):
    steps = every(interval)(total)
    assert is_schedule(steps, total)
    assert steps.tolist() == sorted({*range(0, total + 1, interval), total})


def test_whole_floats_are_whole_numbers():
    assert door(every)(2.0)(5).tolist() == [0, 2, 4, 5]
    assert door(every)(2.0)(5).dtype == np.int64
    assert door(log_steps)(5.0)(1000).tolist() == log_steps(5)(1000).tolist()


@given(st.lists(st.integers(0, 1000), min_size=1), st.integers(0, 1000))
def test_at_steps_are_those_within_the_training(wanted, total):
    assert at_steps(wanted)(total).tolist() == sorted({step for step in wanted if step <= total})
    assert as_schedule(wanted)(total).tolist() == at_steps(wanted)(total).tolist()


def test_a_schedule_stays_a_schedule():
    schedule = every(3)
    assert as_schedule(schedule) is schedule


@pytest.mark.parametrize("count", [0, -1, 2.5, np.nan, np.inf, "many", None])
@pytest.mark.parametrize("make", [log_steps, every])
def test_numbers_that_are_no_numbers_of_steps(make, count):
    with pytest.raises(InputError, match="whole number > 0"):
        door(make)(count)


@pytest.mark.parametrize("steps", [[], [-1, 2], [0.5], [np.nan], [np.inf], ["1"], [[1, 2]], [None]])
def test_lists_that_are_no_lists_of_steps(steps):
    with pytest.raises(InputError, match="whole numbers ≥ 0"):
        door(at_steps)(steps)
