"""Every criterion of f07 can come out false."""

import jax
import numpy as np
import pytest
import xarray as xr

from simplebias.claims import lfp_networks
from simplebias.claims.f07_lfp_predicts_wide_networks import (
    CLAIM,
    CUBIC,
    EIGENVALUES,
    LINEAR,
    NETWORKS,
    PREFACTOR,
    QUOTIENTS,
)


def failed(evidence):
    return [one.what for one in CLAIM.check(evidence).criteria if not one.holds]


@pytest.mark.parametrize("factor", [0.92, 1.09, 0.5, 2.0])
def test_each_activation_is_bounded(factor, smoke):
    _, evidence = smoke("f07")
    for name in ("relu", "tanh", "ricker", "ricker:0.3"):
        data = evidence[QUOTIENTS].copy(deep=True)
        data["quotient"].loc[{"activation": name}] = data["quotient"].sel(activation=name) * factor
        (what,) = failed({QUOTIENTS: data})
        assert what.startswith(f"{name}:")


def test_half_the_constant_is_false(smoke):
    _, evidence = smoke("f07")
    data = evidence[PREFACTOR]
    assert failed({PREFACTOR: data.assign(formula=data["formula"] / 2)})
    turned = data.assign(sampled=data["sampled"].copy(data=data["sampled"].values[::-1]))
    assert failed({PREFACTOR: turned})


def test_the_parts_of_the_kernel_taken_for_each_other_are_false(smoke):
    _, evidence = smoke("f07")
    data = evidence[EIGENVALUES]
    assert len(failed({EIGENVALUES: data.assign_coords(part=data["part"].values[::-1])})) == 2


def networks(**apart):
    """Networks that differ from their models by so much in all seeds."""
    evidence = {}
    for width, difference in apart.items():
        model = np.ones((4, 5))
        data = {"network": (("seed", "place"), model * (1 + difference)), "model": (("seed", "place"), model)}
        evidence[NETWORKS[int(width[1:])]] = xr.Dataset(data, {"seed": [101, 102, 103, 104]})
    return evidence


@pytest.mark.parametrize(
    ("apart", "count"),
    [
        ({"m500": 0.07, "m2000": 0.05, "m8000": 0.03}, 0),
        ({"m500": 0.07, "m2000": 0.05, "m8000": 0.036}, 1),
        ({"m500": 0.10, "m2000": 0.05, "m8000": 0.041}, 1),
        ({"m500": 0.10, "m2000": 0.071, "m8000": 0.03}, 1),
        ({"m500": 0.04, "m2000": 0.05}, 1),
        ({"m500": 0.06, "m2000": np.nan}, 2),
    ],
)
def test_widths_compare_as_the_table_says(apart, count):
    assert len(failed(networks(**apart))) == count


def test_fewer_seeds_or_one_that_was_not_trained_to_the_end_are_false(smoke):
    _, evidence = smoke("f07")
    data = evidence[NETWORKS[2000]]
    assert failed({NETWORKS[2000]: data.isel(seed=slice(0, 3))})
    broken = data.copy(deep=True)
    broken["network"][2] = np.nan
    assert failed({NETWORKS[2000]: broken})
    assert failed({NETWORKS[2000]: data.assign(network=data["network"].isel(place=slice(None, None, -1)).variable)})


def test_splines_taken_for_each_other_are_false(smoke):
    _, evidence = smoke("f07")
    assert len(failed({CUBIC: evidence[LINEAR], LINEAR: evidence[CUBIC]})) == 2


def test_networks_start_as_zero_in_pairs(float64):
    network = lfp_networks._pairs(50, jax.random.key(0))
    neurons = network.neurons()[0]
    assert neurons.input_weights.shape == (100, 1)
    np.testing.assert_allclose(jax.vmap(network)(lfp_networks.X[:, None]), 0, atol=1e-15)
    largest = [float(abs(part).max()) for part in (neurons.input_weights, neurons.output_weights, neurons.bias)]
    np.testing.assert_allclose(largest, [3, 0.1, 3], rtol=0.15)
    assert all(size <= bound for size, bound in zip(largest, [3, 0.1, 3], strict=True))
