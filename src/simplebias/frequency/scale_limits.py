"""Scales of a multi-scale network that points can tell: above half the sampling rate waves look like slow ones."""

import math
from collections.abc import Sequence

import numpy as np

from simplebias.core.errors import InputError
from simplebias.core.types import ArrayLike
from simplebias.frequency.sampling import highest_frequencies


def check_scales(points: ArrayLike, scales: Sequence[float]) -> list[str]:
    """Refuse scales at which most neurons are faster than the points can tell, and note those at which some are.

    A neuron of scale a has angular frequencies of std `a / √inputs`.

    Args:
        points: scaled, `(points, inputs)`.
        scales: rising.

    Returns:
        Notes.

    Raises:
        InputError: naming the highest scale that the points allow.

    Example:
        >>> len(check_scales(np.linspace(-1, 1, 64), (1.0, 64.0)))
        1
    """
    where = np.asarray(points, float)
    where = where if where.ndim == 2 else where[:, None]
    if where.shape[1] > 2:
        return []
    highest = 2 * math.pi * float(highest_frequencies(where).min()) * math.sqrt(where.shape[1])
    above = [one for one in scales if one > highest]
    if above:
        raise InputError(
            f"scales up to {highest:.3g}, which {len(where)} points can tell from lower ones",
            f"{', '.join(f'{one:g}' for one in above)}",
            "Above half the sampling rate waves look like slow ones (aliasing): leave these out, or scales='auto'.",
        )
    near = [one for one in scales if 2 * one > highest]
    words = f"the faster neurons of scale {', '.join(f'{one:g}' for one in near)} lie above half the sampling rate"
    return [f"{words}: between the points they may swing"] if near else []


__all__ = ["check_scales"]
