"""Every criterion of f16 can come out false, and the interpolant is what it is said to be."""

import numpy as np
import pytest

from simplebias.claims.f16_generalisation_bound import DRAWS, TOP, _interpolated


def failed(claim, data):
    return [one.what for one in claim.check({DRAWS: data}).criteria if not one.holds]


def test_one_error_above_its_bound_is_enough(smoke):
    claim, evidence = smoke("f16")
    data = evidence[DRAWS].copy(deep=True)
    data["error"][3, 1, 2] = 1.01 * float(data["bound"][1, 2])
    (what,) = failed(claim, data)
    assert "over bound" in what


def test_few_draws_are_false(smoke):
    claim, evidence = smoke("f16")
    (what,) = failed(claim, evidence[DRAWS].isel(seed=slice(0, 24)))
    assert "number of draws" in what
    assert "error over bound" in failed(claim, evidence[DRAWS].isel(seed=[]))[0]


@pytest.mark.parametrize("power", [0.5, 1.6, -1])
def test_other_rates_are_false(power, smoke):
    claim, evidence = smoke("f16")
    data = evidence[DRAWS]
    changed = failed(claim, data.assign(mean_square=data["mean_square"] ** power))
    assert sum("slope" in what for what in changed) >= 2


def test_exponents_taken_for_each_other_are_false(smoke):
    claim, evidence = smoke("f16")
    data = evidence[DRAWS]
    turned = data.assign(mean_square=data["mean_square"].copy(data=data["mean_square"].values[:, ::-1]))
    assert sum("slope" in what for what in failed(claim, turned)) == 2


def test_the_interpolant_meets_its_samples_with_the_least_norm():
    """Against least squares in the coefficients, `Σ_k γ_k c_k exp(2πikx)` with the least `Σ |c_k|²`."""
    rng = np.random.default_rng(0)
    k = np.arange(-TOP, TOP + 1)
    gamma = np.maximum(abs(k), 1.0) ** -1.5
    half = gamma[TOP:] * (rng.normal(size=TOP + 1) + 1j * rng.normal(size=TOP + 1))
    half[0] = half[0].real
    spectrum = np.concatenate([half[:0:-1].conj(), half])
    samples = rng.uniform(size=12)
    waves = lambda x: np.exp(2j * np.pi * np.outer(x, k))
    places = (np.arange(2000) + 0.5) / 2000
    coefficients = np.linalg.lstsq(waves(samples) * gamma, waves(samples) @ spectrum, rcond=None)[0]
    expected = (waves(places) @ (spectrum - gamma * coefficients)).real
    np.testing.assert_allclose(_interpolated(samples, spectrum, gamma, places), expected, atol=1e-10)
