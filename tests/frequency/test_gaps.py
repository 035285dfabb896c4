import jax
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simplebias.core.errors import InputError
from simplebias.frequency import FourierBasis, complete_lattice, gap_filling_basis, natural_frequencies

RANDOM = np.random.default_rng(5)


@settings(deadline=None, max_examples=30)
@example({1, 2, 3, 5, 7, 9, 11, 13, 15, 17, 19}, 0.0, 1.0)  # as many single gaps as double ones
@example(set(range(1, 23, 2)), 0.0, 1.0)  # more double gaps than single ones
@given(st.sets(st.integers(1, 28), max_size=12), st.floats(-1e3, 1e3), st.floats(1e-2, 1e2))
def test_the_lattice_is_found_whatever_is_missing(missing, start, spacing):
    whole = start + spacing * np.arange(30)
    there = np.delete(whole, sorted(missing))
    np.testing.assert_allclose(complete_lattice(RANDOM.permutation(there)), whole, rtol=1e-9, atol=1e-9 * spacing)


@pytest.mark.parametrize("points", [
    RANDOM.random(50),
    [0.0, 0.0, 1.0, 2.0],
    [0.0, 1.0, 2.0, 9.0],
])  # fmt: skip
def test_other_points_are_no_lattice_with_gaps(points):
    assert complete_lattice(points) is None


def test_without_gaps_it_is_the_plain_basis():
    x = np.arange(24) * 0.3 + 2
    values = RANDOM.standard_normal((24, 2))
    frequencies = natural_frequencies(x)
    plain, filled = FourierBasis(x, frequencies, window="hann"), gap_filling_basis(x, frequencies, window="hann")
    np.testing.assert_allclose(filled(values), plain(values), atol=1e-6)


def test_it_is_the_transform_of_the_linear_interpolant_and_order_does_not_matter():
    whole = np.linspace(0, 1, 40, endpoint=False)
    there = np.delete(whole, [3, 4, 5, 20, 33])
    shuffled = RANDOM.permutation(there)
    frequencies = natural_frequencies(whole)
    values = RANDOM.standard_normal(len(there))
    twin = FourierBasis(whole, frequencies)(np.interp(whole, there, values))
    np.testing.assert_allclose(gap_filling_basis(there, frequencies)(values), twin, atol=1e-6)
    moved = values[np.searchsorted(there, shuffled)]
    np.testing.assert_allclose(gap_filling_basis(shuffled, frequencies)(moved), twin, atol=1e-6)


def test_a_trend_no_longer_leaks_through_the_gaps():
    whole = np.linspace(0, 1, 400, endpoint=False)
    there = np.delete(whole, np.r_[30:42, 200:204, 311])
    frequencies = natural_frequencies(whole)[:100]
    plain = np.abs(FourierBasis(there, frequencies, weights="cells", window="hann")(10 * there))[40:]
    filled = np.abs(gap_filling_basis(there, frequencies, window="hann")(10 * there))[40:]
    assert filled.max() < 0.01 * plain.max()


def test_jit_and_errors():
    x = np.delete(np.arange(20.0), [4, 9])
    basis = gap_filling_basis(x, [0.0, 0.1])
    np.testing.assert_allclose(jax.jit(basis.__call__)(x), basis(x), rtol=1e-5)
    with pytest.raises(InputError, match="FourierBasis"):
        gap_filling_basis(RANDOM.random(30), [0.0])
    with pytest.raises(InputError, match="one input"):
        complete_lattice(np.zeros((4, 2)))
