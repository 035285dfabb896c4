import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from simplebias.core.errors import InputError
from simplebias.frequency import (
    band_error,
    band_share,
    convergence_step,
    natural_frequencies,
    octave_bands,
    power,
    relative_error,
    spectrum,
)


@pytest.fixture
def pair():
    random = np.random.default_rng(3)
    return random.normal(size=(2, 6, 2)) + 1j * random.normal(size=(2, 6, 2))


def test_relative_error_as_written(pair):
    f, h = pair
    np.testing.assert_allclose(relative_error(f, h), np.abs(h - f) / np.abs(f), rtol=1e-5)
    moduli = np.abs(np.abs(h) - np.abs(f)) / (1e-5 + np.abs(f))
    np.testing.assert_allclose(relative_error(f, h, kind="moduli"), moduli, rtol=1e-4)
    joined = np.sqrt((np.abs(h - f) ** 2).sum(1) / (np.abs(f) ** 2).sum(1))
    np.testing.assert_allclose(relative_error(f, h, axis=-1), joined, rtol=1e-5)


def test_moduli_ignore_phase_and_complex_does_not(pair):
    f = pair[0]
    turned = f * np.exp(0.7j)
    np.testing.assert_allclose(relative_error(f, turned, kind="moduli"), 0, atol=1e-6)
    np.testing.assert_allclose(relative_error(f, turned), np.abs(np.exp(0.7j) - 1), rtol=1e-5)
    np.testing.assert_allclose(relative_error(f, np.zeros_like(f)), 1, rtol=1e-6)


def test_zero_power_is_nan_and_leading_axes_broadcast(pair):
    f, h = pair
    f = f * (np.arange(6) != 2)[:, None]
    many = relative_error(f, np.stack([h, f]))
    assert many.shape == (2, 6, 2)
    assert np.isnan(many[:, 2]).all()
    assert np.isfinite(np.delete(many, 2, axis=1)).all()
    np.testing.assert_allclose(relative_error(f, f, kind="moduli"), 0)
    with pytest.raises(InputError, match="one shape"):
        relative_error(f, h[:5])
    with pytest.raises(InputError, match="complex, moduli"):
        relative_error(f, h, kind="modulus")
    with pytest.raises(InputError):
        relative_error(f, h, floor=-1.0)


def test_octave_bands_double():
    bands = octave_bands(np.arange(17) / 4, unit="1/yr")
    members = [np.flatnonzero(row).tolist() for row in np.asarray(bands.membership)]
    assert members == [[0], [1], [2, 3], [4, 5, 6, 7], list(range(8, 16)), [16]]
    assert bands.labels[:3] == ("0 1/yr", "0.25 1/yr", "0.5–0.75 1/yr")
    assert bands.low == (0, 0.25, 0.5, 1, 2, 4)
    assert bands.high == (0, 0.25, 0.75, 1.75, 3.75, 4)
    few = octave_bands(np.arange(17) / 4, 3)
    assert np.flatnonzero(few.membership[2]).tolist() == list(range(2, 17))
    assert octave_bands([3.0, 24.0]).labels == ("3", "24")
    for bad in ([0.0], [np.nan], []):
        with pytest.raises(InputError):
            octave_bands(bad)
    with pytest.raises(InputError):
        octave_bands([0.0, 1.0], 0)


def test_every_frequency_is_in_one_band_in_two_dimensions():
    points = np.array([(a, b) for a in range(9) for b in range(7)], float)
    tones = natural_frequencies(points)
    bands = octave_bands(tones)
    assert ((np.asarray(bands.membership) > 0).sum(axis=0) == 1).all()
    radial = np.hypot(*tones.T)
    for row, low, high in zip(np.asarray(bands.membership), bands.low, bands.high, strict=True):
        np.testing.assert_allclose([radial[row > 0].min(), radial[row > 0].max()], [low, high])


def test_shares_are_those_of_parseval():
    x = np.arange(15) / 15
    y = 2 + 3 * np.cos(2 * np.pi * x) + np.sin(2 * np.pi * 5 * x)
    tones = natural_frequencies(x)
    share = band_share(spectrum(x, y, tones), octave_bands(tones))
    np.testing.assert_allclose(share, np.array([4, 4.5, 0, 0.5]) / 9, atol=1e-6)
    whole = np.arange(-7, 8)
    share = band_share(spectrum(x, y, whole), octave_bands(whole))
    np.testing.assert_allclose(share, np.array([4, 4.5, 0, 0.5]) / 9, atol=1e-6)


def test_band_error_as_written(pair):
    f, h = pair
    bands = octave_bands(np.arange(6))
    octaves = ([0], [1], [2, 3], [4, 5])
    want = [np.sqrt((np.abs(h - f)[each] ** 2).sum() / (np.abs(f)[each] ** 2).sum()) for each in octaves]
    np.testing.assert_allclose(band_error(f, h, bands), want, rtol=1e-5)
    batch = jax.jit(jax.vmap(lambda out: band_error(f, out, bands)))(jnp.stack([h, f, 0 * h]))
    np.testing.assert_allclose(batch, [want, [0] * 4, [1] * 4], rtol=1e-5)
    np.testing.assert_allclose(band_error(f, np.stack([h, f]), bands), batch[:2], rtol=1e-6)
    np.testing.assert_allclose(band_error(f[:, 0], f[:, 0], bands), 0)
    assert np.isnan(band_error(0 * f, h, bands)).all()
    assert np.isnan(band_share(0 * f, bands)).all()
    np.testing.assert_allclose(power(f), (np.abs(f) ** 2).sum(1), rtol=1e-5)
    with pytest.raises(InputError, match="6 frequencies"):
        band_error(f[:5], h[:5], bands)


def held_from(errors, steps, threshold, hold):
    """The rule as written, in loops."""
    for first in range(len(errors) - hold + 1):
        if all(errors[first + later] < threshold for later in range(hold)):
            return steps[first]
    return np.nan


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.float32, (12, 3), elements=st.sampled_from([0.05, 0.1, 0.2, np.nan])),
    st.sampled_from([1, 2, 5, 12, 13]),
)
def test_hold_rule_against_brute_force(errors, hold):
    steps = np.arange(12) ** 2
    want = [held_from(column, steps, 0.1, hold) for column in errors.T]
    np.testing.assert_array_equal(convergence_step(errors, steps, hold=hold), want)
    np.testing.assert_array_equal(convergence_step(errors.T, steps, hold=hold, axis=-1), want)


def test_hold_rule_under_jit_and_for_torch():
    errors = np.array([[0.5, 0.05], [0.05, 0.5], [0.05, 0.05]], np.float32)
    want = [10.0, np.nan]
    rule = jax.jit(lambda e, s: convergence_step(e, s, hold=2))
    np.testing.assert_array_equal(rule(errors, jnp.array([0, 10, 20])), want)
    np.testing.assert_array_equal(convergence_step(torch.tensor(errors), torch.tensor([0, 10, 20]), hold=2), want)
    for bad in [{"axis": 5}, {"hold": 0}, {"threshold": 0.0}]:
        with pytest.raises(InputError):
            convergence_step(errors, [0, 10, 20], **bad)
    with pytest.raises(InputError, match="records"):
        convergence_step(errors, [0, 10])


def test_float64_stays_and_float32_is_not_promoted(float64):
    f = np.ones((4, 1), np.complex64)
    bands = octave_bands([0.0, 1.0, 2.0, 3.0])
    assert relative_error(f, f).dtype == jnp.float32
    assert band_error(f, f, bands).dtype == jnp.float32
    assert convergence_step(np.ones(4, np.float32), np.arange(4)).dtype == jnp.float32
    assert band_error(f.astype(complex), f.astype(complex), bands).dtype == jnp.float64
