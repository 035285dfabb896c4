"""Plateaus of loss curves, on curves of which the plateaus are known."""

import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.landscape.plateaus import find_plateaus, loss_spectrum, plateau_ladder, shared_levels

STEPS = np.unique(np.round(np.geomspace(1, 1e5, 800)).astype(int)) - 1


def staircase(steps, levels=(1.0, 0.1, 0.01), drops=(100, 5000)):
    """Waits at each level, and falls to the next about each drop, by a logistic of log-time."""
    logs = np.full(len(steps), np.log10(levels[0]))
    for drop, high, low in zip(drops, levels, levels[1:], strict=False):
        logs += np.log10(low / high) / (1 + (drop / (1 + steps)) ** 8)
    return 10**logs


def test_plateaus_of_a_staircase_are_its_steps():
    found = find_plateaus(staircase(STEPS), STEPS)
    np.testing.assert_allclose([one.loss for one in found], [1.0, 0.1, 0.01], rtol=0.02)
    for one, (start, end) in zip(found, ((0, 100), (100, 5000), (5000, 1e5)), strict=True):
        assert start <= one.start < one.end <= end
        assert one.start <= STEPS[one.record] <= one.end
    assert [one.open for one in found] == [False, False, True]


def test_a_power_law_has_a_plateau_only_if_its_slope_is_below_the_limit():
    for exponent, count in ((0.05, 1), (0.2, 0)):
        assert len(find_plateaus((1.0 + STEPS) ** -exponent, STEPS, slope=0.1)) == count


def test_jitter_does_not_end_a_plateau():
    noise = np.exp(0.02 * np.random.default_rng(0).standard_normal(20_000))
    (found,) = find_plateaus(noise, slope=0.2)[-1:]
    assert found.end == 19_999
    assert found.lengthening > 100


def test_what_is_not_a_positive_number_ends_a_plateau():
    losses = np.ones(1000)
    losses[300], losses[400] = np.nan, 0.0
    ends = [one.end for one in find_plateaus(losses)]
    assert all(end < 300 or end == 999 for end in ends)
    assert ends[-1] == 999


@pytest.mark.parametrize("weighting", ["log-time", "time", "records"])
def test_the_spectrum_is_the_share_of_time(weighting):
    losses = staircase(STEPS)
    found = loss_spectrum(losses, STEPS, bins=50, low=-2.5, high=0.5, weighting=weighting)
    clock = {"log-time": np.log1p(STEPS), "time": STEPS.astype(float), "records": np.arange(len(STEPS)) * 1.0}[
        weighting
    ]
    assert found.share.sum() == pytest.approx(1)
    assert found.outside == pytest.approx(0, abs=1e-12)
    below = found.share[found.edges[1:] < -1.5].sum()
    share = (clock[-1] - clock[losses > 10**-1.5][-1]) / (clock[-1] - clock[0])
    assert below == pytest.approx(share, abs=0.02)


def test_lines_of_the_spectrum_are_the_levels_and_trainings_are_pooled():
    curves = np.stack([staircase(STEPS, drops=drops) for drops in ((100, 5000), (50, 2000), (300, 20_000))])
    found = loss_spectrum(curves, STEPS, low=-3, high=1)
    np.testing.assert_allclose(found.lines(), [0, -1, -2], atol=0.03)
    for curve in curves:
        assert loss_spectrum(curve, STEPS, low=-3, high=1).share.shape == found.share.shape
    early, late = (loss_spectrum(curves, STEPS, low=-3, high=1, weighting=one) for one in ("log-time", "time"))
    first = early.centres > -0.5
    assert early.share[first].sum() > 50 * late.share[first].sum(), "in linear time early plateaus are not seen"


def test_a_loss_outside_of_the_range_is_counted_as_outside():
    found = loss_spectrum([1e-9, 1e-9, 0.1, 0.1], weighting="records")
    assert found.outside == pytest.approx(0.5)
    assert not loss_spectrum([1e-9, 1e-9]).share.any()


def test_levels_are_shared_by_those_who_wait_there():
    groups = [find_plateaus(staircase(STEPS, levels), STEPS) for levels in ((1.0, 0.1, 0.01), (1.02, 0.1, 0.03))]
    found = shared_levels(groups)
    assert [who for _, who in found] == [(0, 1), (0, 1), (1,), (0,)]
    np.testing.assert_allclose([level for level, _ in found], [0.004, -1, np.log10(0.03), -2], atol=0.01)


def test_a_ladder_has_the_curves_the_spectrum_of_each_width_and_the_levels():
    low, high = staircase(STEPS), staircase(STEPS, (1.0, 0.1, 1e-3))
    found = plateau_ladder({30: [high, high], 2: [low, low]}, STEPS, levels={"one": 0.1})
    assert found["width"].values.tolist() == [2, 30]
    np.testing.assert_array_equal(found["loss"].sel(width=30)[1], high)
    np.testing.assert_allclose(found["spectra"].sum("log_loss"), 1)
    deep = found["spectra"].where(found["log_loss"] < -2.5, 0).sum("log_loss")
    assert deep[0] == 0 < deep[1]
    assert found["levels"].values.tolist() == [0.1]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: find_plateaus(np.ones((2, 5))), "one loss curve"),
        (lambda: find_plateaus([1.0]), "at least two records"),
        (lambda: find_plateaus([1.0, 1.0], [1, 1]), "larger than the one before"),
        (lambda: find_plateaus([1.0, 1.0], lengthening=1.0), "above 1"),
        (lambda: find_plateaus(["a", "b"]), "numbers"),
        (lambda: loss_spectrum([0.0, np.nan]), "positive loss"),
        (lambda: loss_spectrum([1.0, 1.0], low=0, high=-1), "low below high"),
        (lambda: loss_spectrum([1.0, 1.0], [1, 2, 3]), "a step for each"),
        (lambda: loss_spectrum([1.0, 1.0], weighting="space"), "log-time"),
        (lambda: plateau_ladder({}, [0, 1]), "one width at least"),
        (lambda: plateau_ladder({1: [1.0, 1.0], 2: [[1.0, 1.0]] * 2}, [0, 1]), "as many seeds"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_remedy(call, words):
    with pytest.raises(InputError, match=words):
        call()
