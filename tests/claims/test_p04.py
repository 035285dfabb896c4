"""p04 comes out false where multi-scale networks are late, no better, uneven, or the plain one is quick."""

import numpy as np
import pytest
import xarray as xr

from simplebias.claims.p04_multiscale_pace import ALONE, COST, EVEN, LOW, OCTAVES, PARALLEL, PLAIN
from simplebias.claims.tones import harmonic


def failed(smoke, **changed):
    claim, evidence = smoke("p04")
    return [one.what for one in claim.check(dict(evidence) | changed).criteria if not one.holds]


def with_error(data, k, value, until, member: int | slice = slice(None)):
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


def test_four_rows_hold(smoke):
    claim, evidence = smoke("p04")
    verdict = claim.check(evidence)
    assert len(verdict.criteria) == 4
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


def test_a_network_late_at_the_highest_tone_is_false(smoke):
    _, evidence = smoke("p04")
    late = with_error(evidence[EVEN], 64, 0.2, 80, member=2)
    assert len(failed(smoke, **{EVEN: late})) == 1


def fitted_at(first, highest, last):
    """A run in which tones 1 and 64 are fitted at these steps."""
    steps = np.arange(0, last + 1, 5)
    error = np.ones((3, len(steps), 65))
    error[:, steps >= first, 1] = 0.01
    error[:, steps >= highest, 64] = 0.01
    places = {"step": ("record", steps), "frequency": np.arange(65) / (2 * np.pi)}
    return xr.Dataset({"relative_error": (("seed", "record", "frequency"), error)}, places)


@pytest.mark.parametrize(
    ("first", "highest", "last", "holds"),
    [(40, 3000, 4000, True), (40, np.inf, 4000, True), (40, 1000, 4000, False), (40, np.inf, 800, False)],
)
def test_a_plain_network_must_be_thirty_times_as_late(smoke, first, highest, last, holds):
    assert bool(failed(smoke, **{LOW: fitted_at(first, highest, last)})) is not holds


@pytest.mark.parametrize(("highest", "holds"), [(60.0, True), (100.0, False), (np.nan, False)])
def test_tones_alone_are_held_against_the_lowest(smoke, highest, holds):
    steps = np.full((3, len(OCTAVES)), 20.0)
    steps[1, -1] = highest
    alone = xr.Dataset({ALONE: (("seed", "highest"), steps)}, {"highest": list(OCTAVES)})
    assert bool(failed(smoke, **{COST: alone})) is not holds
