"""Where functions of one point jump: a jump is what is left of a difference as its two points come together."""

from collections.abc import Callable

import numpy as np

JUMP = 0.05
"""Least jump that counts, over all the variation of a function."""
BISECTIONS = 24
"""How often the distance of two points is halved over which a jump is to last."""


def close_in(
    values: Callable[[np.ndarray], np.ndarray], below: np.ndarray, above: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Halve the way between pairs of points towards the larger difference, again and again.

    Args:
        values: of a function, at `(points, inputs)`.
        below: one point of each pair, `(pairs, inputs)`.
        above: the other.

    Returns:
        Places between the pairs, `(pairs, inputs)`, and which differences have at least halfway lasted: the function
        jumps there.

    Example:
        >>> step = lambda points: np.where(points[:, 0] > 0.3, 2.0, 1.0) + points[:, 0]
        >>> places, jumps = close_in(step, np.array([[0.0], [0.4]]), np.array([[1.0], [1.0]]))
        >>> places[0].round(6).tolist(), jumps.tolist()
        ([0.3], [True, False])
    """
    low, high = values(below), values(above)
    gap = np.abs(high - low)
    for _ in range(BISECTIONS):
        middle = 0.5 * (below + above)
        value = values(middle)
        upper = np.abs(high - value) > np.abs(value - low)  # the jump is in the upper half
        below, low = np.where(upper[:, None], middle, below), np.where(upper, value, low)
        above, high = np.where(upper[:, None], above, middle), np.where(upper, high, value)
    return 0.5 * (below + above), np.abs(high - low) > 0.5 * gap
