"""The real pictures of the high-dimensional claims: digits that the package ships, or MNIST where the user has it."""

import os
from typing import NamedTuple

import numpy as np

from simplebias.claims.claim import Scale
from simplebias.data import Sample, read

MNIST = "SIMPLEBIAS_MNIST"
"""Environment variable with the folder of MNIST's idx files, used at full scale."""


class Pictures(NamedTuple):
    """Pictures with their classes.

    Args:
        points: `(pictures, pixels)` in [0, 1].
        labels: `(pictures,)` whole numbers.
        one_hot: `(pictures, classes)`.
        image_shape: `(height, width)`.
        name: what they are.
    """

    points: np.ndarray
    labels: np.ndarray
    one_hot: np.ndarray
    image_shape: tuple[int, ...]
    name: str


def pictures(count: int) -> Pictures:
    """The first so many shipped digits."""
    return _from(read("digits"), count, "digits")


def mnist(count: int, scale: Scale) -> Pictures | None:
    """The first so many pictures of MNIST at full scale, None unless `SIMPLEBIAS_MNIST` names their folder."""
    folder = os.environ.get(MNIST)
    return _from(read(folder, limit=count), count, "MNIST") if folder and scale == Scale.FULL else None


def _from(sample: Sample, count: int, name: str) -> Pictures:
    assert sample.labels is not None
    assert sample.image_shape is not None
    points = sample.points[:count] / sample.points.max()
    labels = sample.labels[:count]
    return Pictures(points, labels, np.eye(len(sample.class_names))[labels], sample.image_shape, name)
