"""Every criterion of f06 can come out false."""

import numpy as np
import pytest

from simplebias.claims.f06_gradients_favour_low_frequencies import SPECTRA, THEOREM


def failed(claim, evidence):
    return [one.what for one in claim.check(evidence).criteria if not one.holds]


@pytest.mark.parametrize(("power", "count"), [(1, 0), (1.06, 1), (0.94, 1), (2, 1), (-1, 1)])
def test_relu_must_fall_with_the_square(power, count, smoke):
    claim, evidence = smoke("f06")
    data = evidence[SPECTRA].copy(deep=True)
    data["measured"].loc[{"activation": "relu"}] **= power
    assert len(failed(claim, {SPECTRA: data})) == count


def test_tanh_must_fall_exponentially(smoke):
    claim, evidence = smoke("f06")
    data = evidence[SPECTRA].copy(deep=True)
    for other in ("relu", "ricker:0.3"):
        data["measured"].loc[{"activation": "tanh"}] = data["measured"].sel(activation=other).values
        assert failed(claim, {SPECTRA: data}) == ["tanh: slope of the logarithm of the spectrum over π² η"]


@pytest.mark.parametrize(
    ("radius", "value", "word"), [(0.5, 0.985, "0.5"), (5.0, 0.81, "the same at"), (1.0, 0.80, "least rise")]
)
def test_one_seed_outside_is_enough(radius, value, word, smoke):
    claim, evidence = smoke("f06")
    data = evidence[THEOREM].copy(deep=True)
    data["fraction"].loc[{"radius": radius, "seed": 102}] = value
    assert any(word in what for what in failed(claim, {THEOREM: data}))


def test_large_balls_taken_for_small_ones_are_false(smoke):
    claim, evidence = smoke("f06")
    turned = evidence[THEOREM].assign_coords(radius=evidence[THEOREM]["radius"].values[::-1])
    assert len(failed(claim, {THEOREM: turned})) == 3
    assert failed(claim, {THEOREM: evidence[THEOREM].isel(seed=[])})


def test_the_measured_spectrum_is_not_the_formula(smoke):
    """What is judged is the sum within a window: it differs from the formula in its last digits."""
    _, evidence = smoke("f06")
    data = evidence[SPECTRA]
    apart = abs(data["measured"] / data["formula"] - 1).values
    assert 0 < np.nanmax(apart) < 0.05
