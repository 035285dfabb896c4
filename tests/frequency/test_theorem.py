"""Tests of simplebias.frequency: dominance of low frequencies in the gradients of tanh neurons."""

import numpy as np
import pytest

from simplebias.core import InputError
from simplebias.frequency import gradient_dominance
from simplebias.frequency.theorem import log_gradients


def transform(parameters, k):
    """`ĥ(k)` by the integral of `h'`, without the closed form."""
    a, w, b = parameters
    total = 0
    for a_j, w_j, b_j in zip(a, w, b, strict=True):
        z = np.linspace(-40, 40, 8001)
        x = (z - b_j) / w_j
        total += a_j * w_j * np.sum(np.exp(-1j * k * x) / np.cosh(z) ** 2) * (z[1] - z[0]) / abs(w_j)
    return total / (1j * k)


@pytest.mark.parametrize(("frequency", "target"), [(0.2, 1.0), (0.45, 0.4 - 0.3j)])
def test_gradients_are_those_of_the_loss(frequency, target):
    k = 2 * np.pi * frequency
    parameters = np.array([[0.8, -1.1, 0.4], [1.3, -0.9, 2.0], [0.3, 0.7, -0.5]])
    loss = lambda p: abs(transform(p, k) - target) ** 2 / 2
    expected = np.zeros((3, 3))
    for index in np.ndindex(3, 3):
        step = np.zeros((3, 3))
        step[index] = 1e-5
        expected[index] = (loss(parameters + step) - loss(parameters - step)) / 2e-5
    found = np.exp(log_gradients(parameters[None], frequency, target)[0])
    np.testing.assert_allclose(found, abs(expected), rtol=1e-6)


def test_the_smaller_the_ball_the_more_the_low_frequency_rules(key):
    found = gradient_dominance([5.0, 2.0, 1.0, 0.5], key=key, draws=4000)
    assert (np.diff(found.fraction) > 0).all()
    assert found.fraction[0] <= 0.8
    assert found.fraction[-1] >= 0.99
    assert abs(found.fraction[0] - 0.685) < 5 * found.standard_error[0]
    assert (found.standard_error > 0).all()


def test_nothing_overflows_however_small_the_ball(key):
    found = gradient_dominance([1e-2, 1e-6], key=key, draws=200)
    assert (found.fraction == 1).all()
    with np.errstate(all="raise", under="ignore"):
        tiny = log_gradients(np.full((1, 3, 1), 1e-6), 0.5, 1.0)
    assert np.isfinite(tiny).all()
    assert (tiny < -1e6).all()


@pytest.mark.parametrize(
    ("radii", "options", "word"),
    [
        ([0.0], {}, "radii"),
        ([], {}, "radii"),
        ([1.0], {"low": 1.0, "high": 0.5}, "below high"),
        ([1.0], {"targets": (1.0, 0.0)}, "targets"),
        ([1.0], {"neurons": 0}, "neurons"),
        ([1.0], {"draws": 0}, "draws"),
    ],
)
def test_what_the_theorem_does_not_say_is_refused(radii, options, word, key):
    with pytest.raises(InputError, match=word):
        gradient_dominance(radii, key=key, **options)
