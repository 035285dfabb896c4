"""Wavelet views: the linear map against PyWavelets itself, closed forms, the cone of influence, and bad input."""

import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erfc

from simplebias.core.errors import InputError
from simplebias.core.snapshot import Snapshot
from simplebias.frequency import (
    WaveletBasis,
    wavelet_coordinates,
    wavelet_error_measure,
    wavelet_frequencies,
    wavelet_measure,
    wavelet_modulus,
)
from simplebias.frequency.wavelets import PRECISION

pywt = pytest.importorskip("pywt")

X = np.arange(150) * 0.1
NOISE = np.random.default_rng(0).normal(size=(150, 2))
FREQUENCIES = np.geomspace(0.2, 3.0, 6)


@pytest.mark.parametrize("wavelet", ["cmor1.5-1.0", "cmor2.5-0.8", "morl", "mexh", "cgau4"])
@pytest.mark.parametrize("edges", ["zero", "antireflect", "symmetric", "periodic"])
def test_it_is_what_pywavelets_does_up_to_a_factor_for_each_scale(float64, wavelet, edges):
    pad = 0 if edges == "zero" else len(X) - 1
    scales = pywt.central_frequency(wavelet, precision=12) / (FREQUENCIES * 0.1)
    theirs, frequencies = pywt.cwt(
        pywt.pad(NOISE.T, [(0, 0), (pad, pad)], edges), scales, wavelet, sampling_period=0.1, precision=PRECISION
    )
    theirs = np.moveaxis(theirs[..., pad : pad + len(X)], 1, 2)
    ours = np.asarray(WaveletBasis(X, FREQUENCIES, wavelet=wavelet, edges=edges)(NOISE))
    np.testing.assert_allclose(frequencies, FREQUENCIES, rtol=1e-2)
    factor = np.median(np.abs(ours) / np.abs(theirs), axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(ours, factor * theirs, atol=1e-9 * np.abs(ours).max())


def test_amplitudes_are_those_of_the_spectrum(float64):
    x = np.arange(800) * 0.01
    basis = WaveletBasis(x, [2.0, 5.0, 12.0])
    moduli = wavelet_modulus(basis(3 * np.sin(2 * np.pi * 5 * x + 0.4)))
    np.testing.assert_allclose(moduli[1, 200:600], 1.5, rtol=1e-3)
    # the response to a tone at ξ' is a Gaussian about the centre frequency: exp(-π² B (ξ'/ξ - 1)²), B = 1.5
    expected = 1.5 * np.exp(-(np.pi**2) * 1.5 * (5 / np.array([2.0, 12.0]) - 1) ** 2)
    np.testing.assert_allclose(moduli[[0, 2], 400], expected, atol=2e-4)
    real = WaveletBasis(x, [5.0], wavelet="mexh")(3 * np.sin(2 * np.pi * 5 * x))
    assert float(jnp.abs(real.imag).max()) < 1e-9
    np.testing.assert_allclose(float(real.real[0, 200:600].max()), 3.0, rtol=0.02)  # centred to half a sample


def test_it_sees_which_frequency_sits_where():
    x = np.arange(400) / 100
    y = np.where(x < 2, np.sin(2 * np.pi * 2 * x), np.sin(2 * np.pi * 10 * x))
    basis = WaveletBasis(x, [2.0, 10.0], positions=9)
    moduli = np.asarray(wavelet_modulus(basis(y)))
    assert basis.positions[0] == 0
    assert moduli.shape == (2, 9)
    assert (moduli[0, 1:4] > 5 * moduli[1, 1:4]).all()
    assert (moduli[1, 6:8] > 5 * moduli[0, 6:8]).all()


def test_it_is_linear_and_runs_compiled_over_an_ensemble(float64):
    basis = WaveletBasis(X, FREQUENCIES, positions=20)
    one, other = NOISE[:, :1], NOISE[:, 1:]
    np.testing.assert_allclose(basis(2 * one - other), 2 * basis(one) - basis(other), atol=1e-12)
    np.testing.assert_allclose(basis(one), WaveletBasis(X, FREQUENCIES)(one)[:, ::8], atol=1e-12)
    assert basis.positions == tuple(X[::8].tolist())
    many = jax.jit(jax.vmap(basis))(jnp.stack([one, other]))
    np.testing.assert_allclose(many[1], basis(other), atol=1e-12)


def test_levels_and_slopes_are_no_waves_where_edges_turn_them(float64):
    basis = WaveletBasis(X, FREQUENCIES)
    trend = 400 + 2 * X
    assert float(jnp.abs(basis(trend)).max()) < 2e-4 * trend.max()
    assert float(jnp.abs(WaveletBasis(X, FREQUENCIES, edges="zero")(trend)).max()) > 30


def test_order_of_points_and_gaps(float64):
    basis = WaveletBasis(X, FREQUENCIES)
    shuffled = np.random.default_rng(1).permutation(len(X))
    np.testing.assert_allclose(WaveletBasis(X[shuffled], FREQUENCIES)(NOISE[shuffled]), basis(NOISE), atol=1e-12)
    kept = np.delete(np.arange(150), [0, 20, 21, 90, 148])[1:]
    there = WaveletBasis(X[kept], FREQUENCIES, gaps=True)
    lattice = X[kept[0] : kept[-1] + 1]
    filled = np.interp(lattice, X[kept], NOISE[kept, 0])
    np.testing.assert_allclose(there(NOISE[kept, 0]), WaveletBasis(lattice, FREQUENCIES)(filled), atol=1e-9)


def test_the_cone_of_influence_is_where_edges_are_felt(float64):
    basis = WaveletBasis(X, FREQUENCIES)
    np.testing.assert_allclose(np.array(basis.reach), np.sqrt(1.5) / FREQUENCIES, rtol=2e-3)
    inside = basis.inside()
    assert (inside.sum(axis=1)[1:] >= inside.sum(axis=1)[:-1]).all()
    wave = np.sin(2 * np.pi * FREQUENCIES[2] * X)
    moduli = np.asarray(wavelet_modulus(WaveletBasis(X, FREQUENCIES, edges="zero")(wave)))[2]
    # at the border of the cone, where exp(-t²/B) is 1/e, the share erfc(1)/2 of the wavelet is beyond the end
    assert np.abs(moduli[inside[2]] - 0.5).max() == pytest.approx(0.5 * erfc(1) / 2, abs=0.004)
    assert np.abs(moduli[~inside[2]] - 0.5).max() > 0.2


def test_default_frequencies_fit_between_the_edges():
    found = wavelet_frequencies(X, 5)
    np.testing.assert_allclose(np.diff(np.log(found)), np.log(found[1] / found[0]), rtol=1e-9)
    basis = WaveletBasis(X, found)
    assert found[-1] == pytest.approx(0.7 * 5)
    assert basis.inside().any(axis=1)[1:].all()
    assert 2 * basis.reach[0] == pytest.approx(15.0)
    assert len(WaveletBasis(X).frequencies) == 48


def test_measures_are_labelled():
    basis = WaveletBasis(X, FREQUENCIES, positions=30)
    target = np.sin(2 * np.pi * FREQUENCIES[3] * X)
    look = Snapshot(step=0, outputs=jnp.asarray(0.75 * target[:, None]))
    view, error = wavelet_measure(basis), wavelet_error_measure(basis, target)
    assert view(look).shape == (6, 30, 1)
    assert [len(error.coords[name]) for name in error.dims] == [6, 30]
    found = np.asarray(error(look))
    np.testing.assert_allclose(found[3], 0.25, rtol=1e-4)
    assert np.isnan(found[[0, 5], 10:19]).all()
    labels = wavelet_coordinates(basis, unit="year")
    assert labels["local_frequency"][2]["units"] == "cycles/year"
    assert labels["reach"][1].shape == (6,)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: WaveletBasis(X**2, [0.1]), "unevenly spaced"),
        (lambda: WaveletBasis(np.repeat(X, 2), [0.1]), "repeated"),
        (lambda: WaveletBasis(np.delete(X, 5), [1.0]), "gaps=True"),
        (lambda: WaveletBasis(np.stack([X, X], 1), [1.0]), "one input"),
        (lambda: WaveletBasis([0.0, 1.0], [0.1]), "four points"),
        (lambda: WaveletBasis(X, [6.0]), "half the sampling rate"),
        (lambda: WaveletBasis(X, [0.0]), "above zero"),
        (lambda: WaveletBasis(X, [1.0], wavelet="db4"), "wavelet as one of"),
        (lambda: WaveletBasis(X, [1.0], wavelet="mexican"), "wavelet as one of"),
        (lambda: WaveletBasis(X, [1.0], edges="none"), "edges as one of"),
        (lambda: WaveletBasis(X, [1.0], positions=0), "positions"),
        (lambda: WaveletBasis(X, [1.0])(X[:-1]), "150 rows"),
        (lambda: wavelet_frequencies(X, 0), "count"),
        (lambda: wavelet_frequencies(X[:5]), "enough points"),
        (lambda: wavelet_error_measure(WaveletBasis(X, [1.0]), 3 + 0 * X), "varies"),
        (lambda: wavelet_error_measure(WaveletBasis(X, [1.0]), np.sin(X), floor=1.0), "floor"),
        (lambda: wavelet_measure(WaveletBasis(X, [1.0]), transform="log"), "transform"),
    ],
)
def test_bad_input_is_named(build, message):
    with pytest.raises(InputError, match=message):
        build()


def test_without_pywavelets_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install \"simplebias\[wavelets\]\""):
        WaveletBasis(X, [1.0])
