"""When a training of unknown length is looked at: evenly in the logarithm, and at its last step."""

import numpy as np

from simplebias.core.errors import check_positive
from simplebias.core.schedule import log_steps
from simplebias.core.types import Schedule

LONGEST = 10**9
"""Steps up to which looks are planned where the length is unknown."""
OFTEN, RARELY, SELDOM = 20, 6, 3
"""Looks in each tenfold of steps at small results, at whole functions and all neurons, and at all pairs of neurons."""


def decades(count: int) -> Schedule:
    """So many steps in each tenfold, and step 0: evenly spaced in the logarithm, the same for any length.

    Unlike `log_steps` it says nothing of the last step, which a loop that ends when it likes does not know.

    Args:
        count: steps in each tenfold; early ones that fall together are dropped.

    Returns:
        A schedule.

    Raises:
        InputError: if `count` is not a whole number > 0.

    Example:
        >>> decades(3)(100)
        array([  0,   1,   2,   5,  10,  22,  46, 100])
    """
    check_positive(count, "count", integer=True)

    def schedule(steps: int) -> np.ndarray:
        powers = np.arange(count * 9 + 1) / count
        wanted = np.unique(np.append(0, np.rint(10**powers).astype(np.int64)))
        return wanted[wanted <= steps]

    return schedule


def plan(steps: int | None) -> tuple[Schedule, Schedule, Schedule, int]:
    """Schedules for often, rarely and seldom, and the longest training they serve.

    Args:
        steps: of the training, None where it is not known.

    Returns:
        Three schedules and a number of steps.

    Example:
        >>> [len(one(1000)) for one in plan(1000)[:3]]
        [51, 19, 11]
    """
    if steps is None:
        often, rarely, seldom = map(decades, (OFTEN, RARELY, SELDOM))
        return often, rarely, seldom, LONGEST
    check_positive(steps, "steps", integer=True)
    tenfolds = max(np.log10(int(steps)), 1.0)
    often, rarely, seldom = (log_steps(round(one * tenfolds) + 2) for one in (OFTEN, RARELY, SELDOM))
    return often, rarely, seldom, int(steps)
