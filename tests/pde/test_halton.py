"""The scrambled Halton sequence is even in every base, and the one of SciPy."""

import numpy as np
import pytest
from scipy.stats import qmc

from simplebias.pde.halton import Halton, first_primes


@pytest.mark.parametrize("inputs", [1, 2, 10])
def test_it_is_the_sequence_of_scipy(inputs):
    theirs = qmc.Halton(inputs, seed=np.random.default_rng(3))
    ours = Halton(inputs, np.random.default_rng(3).spawn(1)[0])  # SciPy draws from a child of what it is given
    for count in (1, 7, 500):  # it goes on where it was
        np.testing.assert_allclose(ours(count), theirs.random(count), rtol=0, atol=2**-52)


def test_any_power_of_a_base_in_a_row_has_one_point_in_each_interval():
    sequence = Halton(4, np.random.default_rng(0))
    sequence(17)
    points = sequence(8000)
    for input_, base in enumerate(first_primes(4)):
        for cells in (base, base**3):
            for first in (0, 5, 1000):
                cell = np.floor(cells * points[first : first + cells, input_]).astype(int)
                assert sorted(cell) == list(range(cells))


def test_keys_give_other_points_in_the_cube():
    one, other = (Halton(3, np.random.default_rng(seed))(64) for seed in (0, 1))
    assert np.abs(one - other).max() > 0.1
    assert one.min() >= 0
    assert one.max() < 1
