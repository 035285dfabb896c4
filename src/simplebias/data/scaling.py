"""Inputs as networks like them: pixels from 0, all others around 0."""

import numpy as np

from simplebias.core.types import Float
from simplebias.data.sample import Sample


def scaled_inputs(sample: Sample, half_range: float | int = 1.0) -> Float[np.ndarray, "points inputs"]:
    """Inputs of a sample scaled to `[-half_range, half_range]`, pixels to at most `half_range`.

    The two coordinates of the pixels of one picture keep their ratio: the longer side fills the range.

    Args:
        sample: the data.
        half_range: half the width of the range.

    Returns:
        `(points, inputs)`.

    Example:
        >>> from simplebias.data import read
        >>> points = scaled_inputs(read("co2"))
        >>> float(points.min()), float(points.max())
        (-1.0, 1.0)
    """
    points = sample.points
    if sample.image_shape is not None:
        return points * (half_range / np.abs(points).max())
    low, high = points.min(axis=0), points.max(axis=0)
    half = (high - low) / 2
    if sample.lattice is not None:
        half = np.full_like(half, half.max())
    return (points - (low + high) / 2) / half * half_range


__all__ = ["scaled_inputs"]
