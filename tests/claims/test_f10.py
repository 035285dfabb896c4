"""Every criterion of f10 can come out false."""

import numpy as np
import pytest
import xarray as xr

from simplebias.claims.f10_stopping_keeps_noise_out import NOISY, RULES
from simplebias.claims.registry import find_claims

(CLAIM,) = find_claims(["f10"])


def curves(error, share):
    """A run of one seed with these clean errors and shares at its records."""
    return xr.Dataset(
        {"clean_error": (("seed", "record"), [error]), "high_share": (("seed", "record"), [share])},
        {"step": ("record", np.arange(len(error)))},
    )


@pytest.mark.parametrize(
    ("error", "share", "holds"),
    [
        ([1.0, 0.1, 0.3], [0.0, 0.2, 0.97], [True, True, True]),
        ([1.0, 0.1, 0.19], [0.0, 0.2, 0.97], [False, True, True]),
        ([1.0, 0.1, 0.3], [0.0, 0.45, 0.97], [True, False, True]),
        ([1.0, 0.1, 0.3], [0.0, 0.2, 0.9], [True, True, False]),
        ([0.3, 0.2, 0.1], [0.0, 0.2, 0.97], [False, False, True]),
        ([1.0, np.nan, 0.3], [0.0, 0.2, 0.97], [False, True, True]),
        ([1.0, 0.1, 0.3], [0.0, 0.2, np.nan], [True, True, False]),
    ],
)
def test_each_figure_decides(error, share, holds):
    verdict = CLAIM.check({NOISY: curves(error, share)})
    assert [criterion.holds for criterion in verdict.criteria] == holds


@pytest.mark.parametrize(("factor", "holds"), [(0.9, True), (1.0, True), (1.1, False), (np.nan, False)])
def test_ways_to_stop_are_compared_in_the_median(factor, holds):
    validation = np.array([1.0, 2.0, 9.0])
    spectrum = factor * np.array([2.0, 0.1, 30.0])
    data = xr.Dataset({"by_spectrum": ("seed", spectrum), "by_validation": ("seed", validation)})
    assert CLAIM.check({RULES: data}).holds is holds
    assert not CLAIM.check({RULES: data.isel(seed=slice(0))}).holds


def test_records_in_reverse_are_false(smoke):
    claim, evidence = smoke("f10")
    data = evidence[NOISY]
    broken = data.assign({name: data[name].copy(data=data[name].values[:, ::-1]) for name in data.data_vars})
    assert claim.check(dict(evidence) | {NOISY: broken}).word == "false"
