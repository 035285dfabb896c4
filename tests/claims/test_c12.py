"""c12 tells what there is: its correlations are those of a dumb count, and too few seeds or no change are false."""

import numpy as np
import pytest
import scipy.stats
import xarray as xr

from simplebias.claims.c12_orientations_and_frequencies import (
    GROWTH,
    LEAST,
    _correlations,
    _count,
    _fitted,
    _spearman,
)


def evidence_of(orientations, fitted):
    return {
        GROWTH: xr.Dataset({
            "orientations": (("seed", "record"), np.asarray(orientations, float)),
            "fitted": (("seed", "record"), np.asarray(fitted, float)),
        })
    }


def test_growing_together_is_told_from_growing(smoke):
    claim, _ = smoke("c12")
    rng = np.random.default_rng(0)
    steps = rng.integers(2, 28, size=(12, 3))
    stairs = (np.arange(30) >= steps[..., None]).sum(axis=1) + 1
    same, other, less, _ = claim.check(evidence_of(stairs, stairs)).criteria
    assert same.measured.startswith("1, ")
    assert all(one.holds for one in (same, other, less))
    assert float(other.measured.split(",")[0]) < 0.95


@pytest.mark.parametrize("seeds", [LEAST - 1, 2])
def test_too_few_seeds_or_no_change_are_false(smoke, seeds):
    claim, _ = smoke("c12")
    stairs = np.tile(np.arange(5), (seeds, 1))
    assert claim.check(evidence_of(stairs, stairs)).word == "false"
    still = np.ones((2 * LEAST, 5))
    assert claim.check(evidence_of(np.arange(5) + still, still)).word == "false"


def test_correlations_are_spearmans_from_where_both_condensed():
    rng = np.random.default_rng(1)
    one, two = rng.integers(0, 5, size=(2, 4, 12)).astype(float)
    start = np.array([0, 3, 5, 2])
    same, other = _correlations(one, two, start)
    for i in range(4):
        assert np.isclose(same[i], scipy.stats.spearmanr(one[i, start[i] :], two[i, start[i] :]).statistic)
        late = [max(start[i], start[j]) for j in range(4)]
        pairs = [scipy.stats.spearmanr(one[i, late[j] :], two[j, late[j] :]).statistic for j in range(4) if j != i]
        assert np.isclose(other[i], np.mean(pairs))
    assert np.isnan(_spearman(np.ones(5), np.arange(5.0)))
    assert np.isnan(_spearman(np.array([1, 2, np.nan]), np.arange(3.0)))


def test_orientations_are_counted_around_the_circle():
    def count(angles, sizes=None):
        return _count(np.array(angles) + 1j * np.array([1.0] * len(angles) if sizes is None else sizes))

    assert count([0.5, 0.51, 0.52]) == 1
    assert count([-3.14, 3.14, 0.0]) == 2
    assert count([0.0, 1.0, 2.0], [1.0, 0.5, 0.01]) == 2
    assert np.isnan(count([0.0, np.nan]))


def test_frequencies_are_fitted_from_the_lowest_on():
    x = (np.arange(32) + 0.5) / 32
    tones = np.cos(np.pi * np.arange(1, 5)[:, None] * x)
    target = tones.sum(axis=0)[None]
    left = np.stack([tones.sum(axis=0), tones[2:].sum(axis=0), tones[1], 0.1 * target[0]])[None]
    noise = np.zeros(32)
    noise[::2] = 1e-9
    counts = _fitted(target + noise, left)
    assert counts[0, :3].tolist() == [0, 2, 1]
    assert counts[0, 3] >= 4
