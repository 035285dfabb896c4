"""c09 is false for orientations that are there from the start, that are lost again, or that never come."""

import numpy as np
import pytest
import xarray as xr

from simplebias.claims.c09_one_after_another import LARGE, SMALL, SNAPSHOTS, count_orientations, target


def counted(*counts):
    steps = np.append(np.insert(SNAPSHOTS, 2, 3000), 12_500)  # records between the snapshots do not count
    values = np.append(np.insert(np.array(counts, float), 2, 9), 9)
    return xr.Dataset({"orientations": (("seed", "record"), np.stack([values] * 2))}, {"step": ("record", steps)})


@pytest.mark.parametrize(
    ("counts", "holds"),
    [
        ((1, 1, 3, 4, 4), True),
        ((1, 2, 2, 3, 3), True),
        ((1, 1, 4, 3, 4), False),
        ((4, 4, 4, 4, 4), False),
        ((1, 1, 1, 4, 4), False),
        ((1, 1, 3, 4, 6), False),
        ((2, 2, 3, 3, 3), False),
        ((1, 1, 1, 1, 1), False),
        ((0, 1, 3, 4, 4), False),
    ],
)
def test_counts(smoke, counts, holds):
    claim, _ = smoke("c09")
    assert claim.check({SMALL: counted(*counts)}).holds is holds


def test_time_run_backwards_and_large_weights_are_false(smoke):
    claim, evidence = smoke("c09")
    data = evidence[SMALL]
    turned = data["orientations"].copy(data=data["orientations"].values[:, ::-1])
    assert claim.check({SMALL: data.assign(orientations=turned)}).word == "false"
    assert claim.check({SMALL: data, LARGE: data}).word == "false"
    assert claim.check({SMALL: data, LARGE: counted(12, 11, 10, 9, 9)}).holds


def test_faint_neurons_do_not_count():
    angles, sizes = np.array([0.0, 0.1, 2.0, -2.0, 3.0]), np.array([1.0, 0.5, 0.3, 0.019, 0.021])
    values = np.stack([angles, sizes], axis=1)[None, None]
    features = xr.DataArray(values, {"step": ("record", [5])}, ("seed", "record", "neuron", "feature"))
    assert count_orientations(features, 0.95).tolist() == [[3]]
    assert count_orientations(features, 0.99875).tolist() == [[4]]


def test_the_target_bends_where_it_should():
    x = np.linspace(-1, 1, 2001)
    bends = np.diff(target(x), 2) / np.diff(x)[0]
    np.testing.assert_allclose(bends[[699, 999, 1399, 1799]], [2, -1, -1.5, 0.5], atol=1e-9)
    assert np.abs(np.delete(bends, [699, 999, 1399, 1799])).max() < 1e-9
