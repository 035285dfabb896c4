"""p04 comes out false where multi-scale networks are late, no better, or the plain one is quick."""

import numpy as np
import pytest

from simplebias.claims.p04_multiscale_pace import PARALLEL, PLAIN
from simplebias.claims.tones import harmonic


def failed(smoke, **changed):
    claim, evidence = smoke("p04")
    return [one.what for one in claim.check(dict(evidence) | changed).criteria if not one.holds]


def with_error(data, k, value, until, member=slice(None)):
    """The same with a relative error of harmonic k up to a step."""
    error = data["relative_error"].copy(deep=True)
    place = int(np.abs(error["frequency"].values - k / (2 * np.pi)).argmin())
    (record,) = np.nonzero(data["step"].values <= until)
    dims = error.dims
    view = error.transpose("seed", "record", "frequency", ...).values
    view[member, record, place] = value
    return data.assign(
        relative_error=error.transpose("seed", "record", "frequency", ...).copy(data=view).transpose(*dims)
    )


def test_three_rows_hold(smoke):
    claim, evidence = smoke("p04")
    verdict = claim.check(evidence)
    assert len(verdict.criteria) == 3
    assert verdict.holds


def test_networks_exchanged_are_false(smoke):
    _, evidence = smoke("p04")
    assert len(failed(smoke, **{PLAIN: evidence[PARALLEL], PARALLEL: evidence[PLAIN]})) >= 2


@pytest.mark.parametrize("k", [1, 5, 20])
def test_one_multi_scale_network_late_at_one_tone_is_false(smoke, k):
    _, evidence = smoke("p04")
    late = with_error(evidence[PARALLEL], k, 0.2, 1e9, member=1)
    assert len(failed(smoke, **{PARALLEL: late})) == 1


def test_a_quick_plain_network_is_false(smoke):
    _, evidence = smoke("p04")
    quick = with_error(evidence[PLAIN], 20, 0.01, 1e9)
    assert len(failed(smoke, **{PLAIN: quick})) == 2
    assert float(harmonic(quick["relative_error"], 20).max()) == pytest.approx(0.01)


def test_a_plain_network_of_little_error_is_false(smoke):
    _, evidence = smoke("p04")
    low = evidence[PLAIN]["loss"] * 0 + float(evidence[PARALLEL]["loss"][:, -1].min())
    assert len(failed(smoke, **{PLAIN: evidence[PLAIN].assign(loss=low)})) == 1
