"""p08 comes out false where scales from the data are beaten, or no choice fits anything."""

import numpy as np
import pytest

from simplebias.claims.p08_scales_from_the_data import AUTO, DYADIC, target

NAME = "Errors by choice of scales"


def failed(smoke, data):
    claim, _ = smoke("p08")
    return [one.what for one in claim.check({NAME: data}).criteria if not one.holds]


def with_error(data, case, value):
    error = data["error"].copy(deep=True)
    error.loc[{"case": case}] = value
    return data.assign(error=error)


def test_both_rows_hold(smoke):
    claim, evidence = smoke("p08")
    verdict = claim.check(evidence)
    assert len(verdict.criteria) == 2
    assert verdict.holds


def test_a_better_choice_by_hand_is_false(smoke):
    _, evidence = smoke("p08")
    data = evidence[NAME]
    better = with_error(data, DYADIC, float(data["error"].sel(case=AUTO).median()) / 1.3)
    assert len(failed(smoke, better)) == 1


def test_errors_that_all_share_are_false(smoke):
    _, evidence = smoke("p08")
    data = evidence[NAME]
    assert len(failed(smoke, data.assign(error=data["error"] * 0 + 0.5))) == 1


@pytest.mark.parametrize("case", [AUTO, DYADIC])
def test_a_run_that_is_not_finite_is_false(smoke, case):
    _, evidence = smoke("p08")
    assert failed(smoke, with_error(evidence[NAME], case, np.nan))


def test_the_tones_are_those_of_the_setting():
    where, tones = target(7)
    assert where.shape == (400,)
    assert np.ptp(where) > 1.9
    finer = np.linspace(-1, 1, 4001)[:-1]
    amplitudes = np.abs(np.fft.rfft(tones(finer))) / 2000
    assert np.sum(amplitudes[70:] ** 2) < 0.05 * np.sum(amplitudes**2)
