"""Tests of simplebias.frequency: the spectra of activations, closed forms against numerical transforms."""

import numpy as np
import pytest

from simplebias.core import InputError
from simplebias.frequency import activation_spectrum
from simplebias.networks import ACTIVATIONS, activation
from simplebias.networks.activations import POINT_SPECTRUM

FREQUENCIES = [0.25, 0.3, 0.5, 0.8]
WITH_SPECTRUM = [*(one.name for one in ACTIVATIONS.values() if one.decay != POINT_SPECTRUM), "ricker:0.3"]


@pytest.mark.parametrize("name", WITH_SPECTRUM)
def test_the_closed_form_is_the_transform(name):
    closed = activation_spectrum(name, FREQUENCIES)
    tolerance = 2e-5 if activation(name).fourier_decay == 2 else 1e-8  # the sum aliases what falls slowly
    np.testing.assert_allclose(activation_spectrum(name, FREQUENCIES, method="windowed"), closed, rtol=tolerance)


def test_tanh_by_the_integral_of_its_derivative():
    x = np.linspace(-30, 30, 60_001)
    for frequency in (0.05, 0.4):
        derivative = np.sum(np.cos(2 * np.pi * frequency * x) / np.cosh(x) ** 2) * (x[1] - x[0])
        expected = derivative / (2 * np.pi * frequency)
        np.testing.assert_allclose(activation_spectrum("tanh", [frequency]), expected, rtol=1e-10)


@pytest.mark.parametrize(("name", "exponent"), [("relu", 2), ("elu", 3)])
def test_kinks_give_powers(name, exponent):
    frequencies = np.geomspace(0.5, 8, 12)
    found = activation_spectrum(name, frequencies, method="windowed")
    slope = np.polyfit(np.log(frequencies), np.log(found), 1)[0]
    assert abs(slope + exponent) < 0.1
    assert activation(name).fourier_decay == exponent


def test_ricker_peaks_where_it_should():
    frequencies = np.linspace(0.05, 3, 600)
    peak = frequencies[activation_spectrum("ricker:0.3", frequencies).argmax()]
    assert abs(peak - np.sqrt(2) / (2 * np.pi * 0.3)) < 0.01


def test_large_frequencies_neither_overflow_nor_warn():
    assert activation_spectrum("tanh", [1e4]) == 0
    assert activation_spectrum("gelu", [1e4]) == 0


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("sin", [1.0]), "sine_atoms"),
        (("cos", [1.0]), "single frequencies"),
        (("relu", [0.0]), "above zero"),
        (("relu", [np.nan]), "above zero"),
        (("relu", []), "above zero"),
        (("relu", ["a"]), "numbers"),
        (("relu", [[1.0]]), "shape"),
        (("relo", [1.0]), "relu"),
    ],
)
def test_what_has_no_spectrum_is_refused(arguments, word):
    with pytest.raises(InputError, match=word):
        activation_spectrum(*arguments)


def test_the_window_has_limits():
    with pytest.raises(InputError, match="half_width=240"):
        activation_spectrum("relu", [0.1], method="windowed")
    with pytest.raises(InputError, match="samples"):
        activation_spectrum("relu", [1e5], method="windowed")
