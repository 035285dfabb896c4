"""The real pictures of the high-dimensional claims: shipped digits, and MNIST and CIFAR where the user has them."""

import os
from typing import NamedTuple

import numpy as np

from simplebias.claims.claim import Scale
from simplebias.data import Sample, read

MNIST = "SIMPLEBIAS_MNIST"
"""Environment variable with the folder of MNIST's idx files, used at full scale."""
CIFAR = "SIMPLEBIAS_CIFAR"
"""Environment variable with the folder or archive of CIFAR's binary version, used at full scale."""


class Pictures(NamedTuple):
    """Pictures with their classes.

    Args:
        points: `(pictures, pixels)` in [0, 1].
        labels: `(pictures,)` whole numbers.
        one_hot: `(pictures, classes)`.
        image_shape: `(height, width)`, in colour `(height, width, 3)`.
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


def larger_pictures(count: int, scale: Scale) -> list[Pictures]:
    """The first so many pictures of MNIST and of CIFAR at full scale, where `SIMPLEBIAS_…` names their place."""
    places = {"MNIST": os.environ.get(MNIST), "CIFAR": os.environ.get(CIFAR)}
    if scale != Scale.FULL:
        return []
    return [_from(read(place, limit=count), count, name) for name, place in places.items() if place]


def _from(sample: Sample, count: int, name: str) -> Pictures:
    assert sample.labels is not None
    assert sample.image_shape is not None
    points = sample.points[:count] / sample.points.max()
    labels = sample.labels[:count]
    return Pictures(points, labels, np.eye(len(sample.class_names))[labels], sample.image_shape, name)
