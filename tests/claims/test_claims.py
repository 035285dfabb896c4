"""Every claim holds at smoke scale, and every criterion of every claim can come out false."""

import numpy as np
import pytest
import xarray as xr

from simplebias.claims import Scale, all_claims
from simplebias.claims.c01_four_points import FINER_STEPS, REGIMES
from simplebias.claims.f02_order_survives import SWEEP
from simplebias.claims.f03_images_gain_detail_last import GAPS

IDS = [claim.id for claim in all_claims()]


@pytest.mark.parametrize("name", IDS)
def test_it_holds(smoke, name):
    claim, evidence = smoke(name)
    verdict = claim.check(evidence)
    assert verdict.word == "true", [one for one in verdict.criteria if not one.holds]


def reversed_values(data, name, dimension):
    """The values of one variable in the opposite order along a dimension, labels kept."""
    axis = data[name].get_axis_num(dimension)
    return data.assign({name: data[name].copy(data=np.flip(data[name].values, axis))})


def with_nan(data):
    """A run in which every member diverged from the start."""
    return data.map(lambda array: array.copy(data=np.full_like(array, np.nan)) if array.dtype.kind == "f" else array)


@pytest.mark.parametrize("name", IDS)
def test_a_diverged_run_is_false(smoke, name):
    claim, evidence = smoke(name)
    verdict = claim.check({name: with_nan(data) for name, data in evidence.items()})
    assert verdict.word == "false"


@pytest.mark.parametrize("name", IDS)
def test_no_evidence_is_false(smoke, name):
    claim, _ = smoke(name)
    assert claim.check({}).word == "false"


@pytest.mark.parametrize(
    ("name", "variable", "dimension"),
    [
        ("f01", "relative_error", "frequency"),
        ("f01", "relative_error", "record"),
        ("f02", "relative_error", "record"),
        ("f03", "band_error", "band"),
        ("f03", "band_error", "record"),
        ("f04", "class_error", "frequency"),
        ("f04", "class_error", "record"),
        ("f05", "filter_error", "part"),
        ("f05", "filter_error", "record"),
    ],
)
def test_shuffled_frequencies_or_time_are_false(smoke, name, variable, dimension):
    claim, evidence = smoke(name)
    broken = {key: reversed_values(data, variable, dimension) for key, data in evidence.items()}
    assert claim.check(broken).word == "false"


@pytest.mark.parametrize("name", ["f01", "f02"])
def test_one_bad_seed_is_enough_to_be_false(smoke, name):
    claim, evidence = smoke(name)
    broken = {}
    for key, data in evidence.items():
        error = data["relative_error"].copy(deep=True)
        error.values[-1] = error.values[-1, ::-1]
        broken[key] = data.assign(relative_error=error)
    assert claim.check(broken).word == "false"


def all_at_once(data):
    """Every frequency learned like the lowest one that is in the target."""
    first = data["relative_error"].isel(frequency=[1]).values
    return data.assign(
        relative_error=data["relative_error"].copy(data=np.broadcast_to(first, data["relative_error"].shape))
    )


@pytest.mark.parametrize("name", ["f01", "f02"])
def test_all_frequencies_at_once_are_false(smoke, name):
    claim, evidence = smoke(name)
    assert claim.check({key: all_at_once(data) for key, data in evidence.items()}).word == "false"


def steps_to(fitted, *, seeds=2):
    """A run in which harmonic k is fitted at the step `fitted[k]`, never where it is infinite."""
    steps = np.arange(0, 10_001, 5)
    harmonics = np.arange(12)
    error = np.ones((seeds, len(steps), len(harmonics)))
    for k, step in fitted.items():
        error[:, steps >= step, k] = 0.01
    return xr.Dataset(
        {"relative_error": (("seed", "record", "frequency"), error)},
        {"step": ("record", steps), "frequency": harmonics / (2 * np.pi)},
    )


@pytest.mark.parametrize(
    ("third", "sixth", "eighth", "holds"),
    [
        (1000, 2000, 3000, True),
        (1000, 2000, np.inf, True),
        (1000, 2000, 1900, False),
        (1000, 900, 3000, False),
        (400, 2000, 3000, False),
        (1000, np.inf, 3000, False),
        (np.inf, np.inf, np.inf, False),
    ],
)
def test_f02_sweep_compares_as_the_table_says(smoke, third, sixth, eighth, holds):
    claim, _ = smoke("f02")
    evidence = {
        SWEEP[k]: steps_to({1: 100, k: step}) for k, step in zip((3, 6, 8), (third, sixth, eighth), strict=True)
    }
    assert claim.check(evidence).holds is holds


@pytest.mark.parametrize(
    ("steps", "holds"),
    [((40, 350, 1000), True), ((20, 350, 1000), False), ((40, 460, 1000), False), ((40, 350, 600), False)],
)
def test_f01_windows_of_the_notebook_are_both_sided(smoke, steps, holds):
    claim, _ = smoke("f01")
    evidence = {"notebook network": steps_to(dict(zip((1, 3, 5), steps, strict=True)))}
    assert claim.check(evidence).holds is holds


@pytest.mark.parametrize(
    ("missing", "trained", "holds"),
    [(0.3, 0.1, True), (0.1, 0.1, False), (np.nan, 0.1, False), (0.14, 0.01, False), (0.3, 0.3, False)],
)
def test_f03_gaps_compare_seed_by_seed(smoke, missing, trained, holds):
    claim, _ = smoke("f03")

    def ended(missing, trained):
        values = {"missing_loss": missing, "loss": trained}
        return xr.Dataset({name: (("seed", "record"), [[1.0, one] for one in ends]) for name, ends in values.items()})

    evidence = {GAPS[0.07]: ended([0.15, 0.15], [0.1, 0.1]), GAPS[0.5]: ended([0.4, missing], [0.1, trained])}
    assert claim.check(evidence).holds is holds


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("final_relative_change", 0.5),
        ("final_relative_change", 3.0),
        ("final_effective_features", 40.0),
        ("violation", 3e-3),
    ],
)
def test_c01_is_false_for_features_that_move_otherwise(smoke, variable, value):
    claim, evidence = smoke("c01")
    broken = {key: data.assign({variable: data[variable] * 0 + value}) for key, data in evidence.items()}
    assert claim.check(broken).word == "false"


def test_c01_is_false_for_regimes_taken_for_each_other(smoke):
    claim, evidence = smoke("c01")
    names = list(REGIMES.values())
    for moved in (names[1:] + names[:1], [names[1], names[0], names[2]]):
        assert claim.check({a: evidence[b] for a, b in zip(names, moved, strict=True)}).word == "false"


def test_c01_is_false_for_orientations_elsewhere(smoke):
    claim, evidence = smoke("c01")
    data = evidence[REGIMES[1.75]]
    turned = data["final_features"].copy(deep=True)
    turned.values[..., 0] += 0.05
    one = data["final_outputs"].copy(deep=True)
    one.values[0, 30] += 0.01
    for broken in (data.assign(final_features=turned), data.assign(final_outputs=one)):
        assert claim.check(dict(evidence) | {REGIMES[1.75]: broken}).word == "false"


@pytest.mark.parametrize(("fall", "holds"), [(10, True), (7, False), (13, False)])
def test_c01_asks_for_first_order(smoke, fall, holds):
    claim, evidence = smoke("c01")
    finer = evidence[REGIMES[1.75]][["violation"]] / fall
    assert claim.check(dict(evidence) | {FINER_STEPS: finer}).holds is holds


def test_scales_differ_where_they_must():
    assert [scale.choose("a", "b", "c") for scale in Scale] == ["a", "b", "c"]
