"""Tests of simplebias.frequency: the least decay over frequencies with which interpolation makes sense."""

import numpy as np
import pytest

from simplebias.core import InputError
from simplebias.frequency import critical_decay

X, Y = [-0.5, 0.5], [0.9, 0.9]


def middle(alpha, highest):
    return float(critical_decay(X, Y, alpha, highest=highest)([0.0])[0, 0]) / 0.9


def test_the_closed_form_of_the_square():
    assert abs(middle(2, 1e3) - 1 / np.cosh(np.pi)) < 5e-4


def test_above_the_critical_decay_it_settles_and_below_it_vanishes():
    assert abs(middle(4, 1e3) / middle(4, 10) - 1) < 0.01
    assert middle(0.5, 1e4) < middle(0.5, 10) / 20
    heights = [middle(0.5, highest) for highest in (10, 1e2, 1e3)]
    assert heights[0] > 3 * heights[1] > 9 * heights[2] > 0
    assert critical_decay(X, Y, 2, highest=10).well_posed
    assert not critical_decay(X, Y, 1, highest=10).well_posed


def test_the_energy_falls_as_a_power():
    energies = [critical_decay(X, Y, 0.5, highest=highest).energy for highest in (1e3, 1e4)]
    assert abs(energies[0] / energies[1] / 10**0.5 - 1) < 0.05


def test_the_samples_are_met_with_the_least_energy():
    """Against the primal problem by a pseudo-inverse."""
    x, y = np.array([-0.7, 0.1, 0.4]), np.array([[1.0, 0], [-0.3, 2], [0.2, 1]])
    solution = critical_decay(x, y, 1.7, highest=20, spacing=0.2)
    np.testing.assert_allclose(solution(x), y, atol=1e-10)
    xi = 0.2 * np.arange(-100, 101)
    damping = (1 + xi**2) ** (-1.7 / 4)
    waves = np.exp(2j * np.pi * np.outer(x, xi)) * damping * np.sqrt(0.2)
    primal = np.linalg.pinv(waves) @ y
    np.testing.assert_allclose(solution.energy, np.sum(abs(primal) ** 2), rtol=1e-10)
    other = np.exp(2j * np.pi * np.outer([0.3], xi)) * damping * np.sqrt(0.2) @ primal
    np.testing.assert_allclose(solution([0.3]), other.real, atol=1e-10)


def test_in_two_dimensions_the_limit_is_two():
    corners = [[i, j] for i in X for j in X]
    centre = lambda alpha, highest: critical_decay(corners, [1.0] * 4, alpha, highest=highest)([[0.0, 0.0]])[0, 0]
    assert centre(1, 8) < 0.3 * centre(1, 2)
    assert abs(centre(4, 16) / centre(4, 8) - 1) < 0.03
    np.testing.assert_allclose([centre(1, 8), centre(3, 8), centre(4, 8)], [0.0014, 0.053, 0.134], rtol=0.5)


@pytest.mark.parametrize(
    ("points", "values", "options", "word"),
    [
        ([0.0, 0.0], Y, {}, "rows 0 and 1"),
        ([0.0, 6.0], Y, {}, "spacing"),
        (X, [1.0], {}, "2 rows"),
        (X, [1.0, np.nan], {}, "finite"),
        (X, Y, {"highest": -1}, "highest"),
        (X, Y, {"alpha": np.inf}, "alpha"),
        ([0.0, 1e-9], Y, {}, "singular"),
    ],
)
def test_bad_problems_are_named(points, values, options, word):
    options = {"alpha": 2, "highest": 10} | options
    with pytest.raises(InputError, match=word):
        critical_decay(points, values, options.pop("alpha"), **options)
