"""Total variation and changes of convexity against closed forms and a loop in plain Python."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simplebias.condensation import convexity_changes, total_variation
from simplebias.core.errors import InputError


def changes_by_hand(x, y, tolerance):
    slopes = [(y[k + 1] - y[k]) / (x[k + 1] - x[k]) for k in range(len(x) - 1)]
    least, last, count = tolerance * max(abs(one) for one in slopes), 0, 0
    for before, after in itertools.pairwise(slopes):
        bend = after - before
        if abs(bend) > least:
            count += last * bend < 0
            last = bend
    return count


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_against_a_loop_on_shuffled_points(seed):
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.uniform(0.5, 2, 12)).astype(np.float32)
    y = rng.integers(-3, 4, (12, 2)).astype(np.float32)
    mixed = rng.permutation(12)
    wanted = np.abs(np.diff(y.astype(float), axis=0)).sum(axis=0)
    assert np.allclose(total_variation(x[mixed], y[mixed]), wanted)
    for tolerance in (1e-4, 0.3):
        counts = [changes_by_hand(x.astype(float), column, tolerance) for column in y.astype(float).T]
        assert convexity_changes(x[mixed], y[mixed], tolerance=tolerance).tolist() == counts


@pytest.mark.parametrize("periods", [1, 4])
def test_of_sines(periods):
    x = np.linspace(0, 1, 40 * periods + 1)
    y = np.sin(2 * np.pi * periods * x)
    assert float(total_variation(x, y)[0]) == pytest.approx(4 * periods, rel=1e-5)
    assert convexity_changes(x, y).tolist() == [2 * periods - 1]


def test_lines_and_hats():
    x = np.linspace(-1, 1, 21)
    hat = np.maximum(1 - 2 * np.abs(x), 0)
    assert convexity_changes(x, 3 * x).tolist() == [0]
    assert convexity_changes(x, np.abs(x)).tolist() == [0]
    assert convexity_changes(x, hat).tolist() == [2]
    assert convexity_changes(x, np.zeros(21)).tolist() == [0]
    assert total_variation(x, hat).tolist() == pytest.approx([2.0])
    assert total_variation([1.0], [5.0]).tolist() == [0]


def test_units_do_not_matter():
    x, y = np.linspace(0, 1, 50), np.random.default_rng(0).normal(size=50)
    assert convexity_changes(1e3 * x + 5, 1e-4 * y + 1e-3).tolist() == convexity_changes(x, y).tolist()
    assert np.allclose(total_variation(1e3 * x, 1e-4 * y + 1e-3), 1e-4 * total_variation(x, y), rtol=1e-2)


def test_jit_vmap_and_float64(float64):
    x, y = jnp.linspace(0, 1, 50), jnp.stack([jnp.linspace(0, 1, 50) ** k for k in range(3)])
    assert jax.jit(jax.vmap(lambda one: convexity_changes(x, one)))(y).shape == (3, 1)
    assert total_variation(x, y[2]).dtype == jnp.float64


def test_bad_input():
    for function in (total_variation, convexity_changes):
        with pytest.raises(InputError, match="repeat"):
            function([0.0, 1.0, 1.0], [0.0, 1.0, 2.0])
        with pytest.raises(InputError, match="one input"):
            function([[0.0, 1.0]] * 3, [0.0, 1.0, 2.0])
        with pytest.raises(InputError, match="finite"):
            function([0.0, 1.0, 2.0], [0.0, np.nan, 2.0])
    with pytest.raises(InputError, match="at least 3 points"):
        convexity_changes([0.0, 1.0], [0.0, 1.0])
    with pytest.raises(InputError, match="tolerance"):
        convexity_changes([0.0, 1.0, 3.0], [0.0, 1.0, 2.0], tolerance=-1)
