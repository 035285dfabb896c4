"""When something happens during training: schedules map the total number of steps to sorted steps, the start included.

Training slows down as it goes, so the field looks at logarithmically spaced steps (`log_steps`); a plot against linear
time wants `every`.
"""

from collections.abc import Sequence

import numpy as np

from simplebias.core.errors import InputError, check_positive
from simplebias.core.types import Schedule


def log_steps(count: int = 100) -> Schedule:
    """About `count` steps, evenly spaced in the logarithm, with step 0 and the last step.

    Args:
        count: how many steps at most, but at least step 0 and the last; early duplicates are dropped, so short
            trainings have fewer.

    Returns:
        A schedule.

    Raises:
        InputError: if `count` is not a whole number > 0.

    Example:
        >>> log_steps(5)(1000)
        array([   0,    1,   10,  100, 1000])
    """
    check_positive(count, "count", integer=True)

    def schedule(steps: int) -> np.ndarray:
        if steps == 0:
            return np.array([0])
        spaced = np.geomspace(1, steps, max(int(count) - 1, 1))
        spaced[-1] = steps
        return np.unique(np.concatenate([[0], np.rint(spaced).astype(np.int64)]))

    return schedule


def every(interval: int) -> Schedule:
    """Every `interval` steps from 0, and the last step.

    Args:
        interval: the distance between two steps.

    Returns:
        A schedule.

    Raises:
        InputError: if `interval` is not a whole number > 0.

    Example:
        >>> every(40)(100)
        array([  0,  40,  80, 100])
    """
    check_positive(interval, "interval", integer=True)
    return lambda steps: np.unique(np.append(np.arange(0, steps + 1, int(interval)), steps))


def at_steps(steps: Sequence[int] | np.ndarray) -> Schedule:
    """Just the given steps, those beyond the end left out.

    Args:
        steps: whole numbers ≥ 0, in any order.

    Returns:
        A schedule.

    Raises:
        InputError: if a step is negative or not whole.

    Example:
        >>> at_steps([100, 0, 3])(50)
        array([0, 3])
    """
    wanted = np.asarray(steps)
    numeric = wanted.dtype.kind in "iuf" and wanted.ndim == 1 and wanted.size > 0
    if not numeric or not np.isfinite(wanted).all() or (wanted < 0).any() or (wanted != np.rint(wanted)).any():
        raise InputError("steps as a list of whole numbers ≥ 0", repr(steps))
    unique = np.unique(wanted.astype(np.int64))
    return lambda total: unique[unique <= total]


def as_schedule(schedule: Schedule | Sequence[int] | np.ndarray) -> Schedule:
    """A schedule from a schedule or from explicit steps.

    Returns:
        A schedule.

    Raises:
        InputError: if explicit steps are not whole numbers ≥ 0.

    Example:
        >>> as_schedule([0, 5])(10)
        array([0, 5])
    """
    return schedule if callable(schedule) else at_steps(schedule)
