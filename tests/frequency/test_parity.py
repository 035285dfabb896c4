"""Parity: corners, samples and the exact transform against plain sums."""

import itertools

import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.frequency import parity_corners, parity_split, parity_transform


@pytest.mark.parametrize("inputs", [1, 2, 3, 6])
def test_transform_is_the_sum_over_all_corners(inputs, float64):
    frequencies = np.linspace(-1, 1.3, 17)
    total = np.zeros(17, complex)
    for corner in itertools.product((-1, 1), repeat=inputs):
        along = sum(corner) / np.sqrt(inputs)
        total += np.prod(corner) * np.exp(-2j * np.pi * frequencies * along)
    np.testing.assert_allclose(parity_transform(inputs, frequencies), total / 2**inputs, atol=1e-14)


def test_seen_and_unseen_corners_are_all_corners_each_once():
    split = parity_split(7, 50, seed=3)
    assert split.points.shape == (50, 7)
    together = np.concatenate([split.points, split.unseen_points])
    assert {tuple(row) for row in together} == {tuple(row) for row in parity_corners(7)}
    assert len(together) == 2**7
    for points, labels in ((split.points, split.labels), (split.unseen_points, split.unseen_labels)):
        odd = (points < 0).sum(axis=1) % 2 == 1
        np.testing.assert_array_equal(labels, np.where(odd, -1, 1))


def test_the_seed_decides():
    first, again, other = (parity_split(6, 20, seed=seed).points for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_what_cannot_be_is_refused():
    for inputs, samples in ((3, 8), (3, 0), (21, 5), (0, 1)):
        with pytest.raises(InputError):
            parity_split(inputs, samples, seed=0)
    with pytest.raises(InputError):
        parity_transform(3, [np.nan])
