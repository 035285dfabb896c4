"""f14: each criterion comes out false on evidence that is reversed, shuffled or learned everywhere at once."""

import numpy as np
import pytest

from simplebias.claims.f14_local_frequency import CHIRP, HALVES, ridge


def changed(evidence, name, variable, change):
    data = evidence[name]
    return dict(evidence) | {name: data.assign({variable: data[variable].copy(data=change(data[variable].values))})}


def holds(claim, evidence):
    return [criterion.holds for criterion in claim.check(evidence).criteria]


@pytest.mark.parametrize(
    ("name", "variable", "change", "expected"),
    [
        (HALVES, "local_error", lambda a: a[..., ::-1], [False, True, True]),
        (HALVES, "local_error", lambda a: a[:, ::-1], [False, True, True]),
        (HALVES, "local_error", lambda a: a[..., :1].repeat(2, axis=-1), [False, True, True]),
        (HALVES, "local_error", lambda a: np.ones_like(a), [False, True, True]),
        (CHIRP, "wavelet_error", lambda a: np.roll(a, a.shape[-1] // 2, axis=-1), [True, False, False]),
        (CHIRP, "wavelet_error", lambda a: a[:, ::-1], [True, False, False]),
        (CHIRP, "wavelet_error", lambda a: np.ones_like(a), [True, False, False]),
        (CHIRP, "wavelet_error", lambda a: np.where(np.isnan(a), a, np.nanmedian(a, (2, 3), keepdims=True)),
         [True, False, False]),
    ],
)  # fmt: skip
def test_other_evidence_is_false(smoke, name, variable, change, expected):
    claim, evidence = smoke("f14")
    assert holds(claim, changed(evidence, name, variable, change)) == expected


def test_one_bad_seed_is_enough(smoke):
    claim, evidence = smoke("f14")

    def windows_swapped(array):
        return np.concatenate([array[:-1], array[-1:, :, ::-1]])

    def time_reversed(array):
        return np.concatenate([array[:-1], array[-1:, ::-1]])

    assert holds(claim, changed(evidence, HALVES, "local_error", windows_swapped)) == [False, True, True]
    assert holds(claim, changed(evidence, CHIRP, "wavelet_error", time_reversed)) == [True, False, False]


def test_shuffled_places_lose_the_rank_order(smoke):
    claim, evidence = smoke("f14")
    order = np.random.default_rng(0).permutation(evidence[CHIRP].sizes["position"])
    broken = changed(evidence, CHIRP, "wavelet_error", lambda a: a[..., order])
    assert not claim.check(broken).criteria[2].holds


def test_the_ridge_covers_slow_and_fast_places(smoke):
    _, evidence = smoke("f14")
    speed, steps = ridge(evidence[CHIRP])
    assert len(speed) > 30
    assert speed.max() > 2.5 * speed.min()
    assert steps.shape == (evidence[CHIRP].sizes["seed"], len(speed))


def test_half_of_the_evidence_is_judged_alone(smoke):
    claim, evidence = smoke("f14")
    assert len(claim.check({HALVES: evidence[HALVES]}).criteria) == 1
    assert len(claim.check({CHIRP: evidence[CHIRP]}).criteria) == 2
