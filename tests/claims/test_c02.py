"""c02 is false for neurons that lie on several lines, elsewhere, or after the loss has fallen."""

import numpy as np
import pytest
import xarray as xr

from simplebias.claims.c02_one_direction import COARSE, SMALL, WIDE


def with_groups(*sizes):
    """Cosines of 50 neurons in groups of these sizes, each across the others."""
    labels = np.repeat(np.arange(len(sizes)), sizes)
    cosines = (labels[:, None] == labels).astype(float)
    cosines[::2] *= -1  # opposite neurons are of one line
    cosines[:, ::2] *= -1
    values = np.stack([np.eye(len(labels)), cosines])[None]
    array = xr.DataArray(values, dims=("seed", "record", "neuron", "neuron_other"))
    return xr.Dataset({"cosine_similarity": array}, {"step": ("record", [0, 100])})


@pytest.mark.parametrize("name", SMALL.values())
@pytest.mark.parametrize(("sizes", "holds"), [((50,), True), ((48, 2), True), ((47, 3), False), ((25, 25), False)])
def test_one_line_holds_48_of_50(smoke, name, sizes, holds):
    claim, _ = smoke("c02")
    assert claim.check({name: with_groups(*sizes)}).holds is holds


@pytest.mark.parametrize(("variable", "value"), [("captured", 0.998), ("within", 0.97), ("loss", [1.0, 0.99])])
def test_one_seed_that_is_elsewhere_is_enough(smoke, variable, value):
    claim, evidence = smoke("c02")
    broken = evidence[WIDE][variable].copy(deep=True)
    if variable == "loss":
        broken = broken.isel(record=[0, -1])
    broken[1] = value
    data = evidence[WIDE].drop_vars([variable]) if variable != "loss" else evidence[WIDE][["captured", "within"]]
    assert claim.check({WIDE: data.assign({variable: broken})}).word == "false"


def test_large_weights_must_stay(smoke):
    claim, evidence = smoke("c02")
    assert claim.check(dict(evidence) | {COARSE: xr.Dataset({"within": ("seed", [0.0, 0.05])})}).holds
    assert not claim.check(dict(evidence) | {COARSE: evidence[WIDE]}).holds


def test_recorded_cosines_end_where_the_library_says(smoke):
    _, evidence = smoke("c02")
    data = evidence[WIDE]
    last = np.abs(data["cosine"].transpose("seed", "record", "neuron", "direction").values[:, -1, :, 0])
    assert last.shape == (3, 200)
    np.testing.assert_allclose((last > 0.95).mean(axis=1), data["within"], atol=0.02)
    assert np.median(np.abs(data["cosine"].isel(record=0))) < 0.6
