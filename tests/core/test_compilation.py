"""Compiled with less effort, a function is the same function."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core import compilation
from simplebias.core.compilation import quick_jit, saves


@pytest.fixture
def fresh(monkeypatch):
    """Without the flags of the machine, and nothing remembered."""
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    compilation._options.cache_clear()
    yield monkeypatch
    compilation._options.cache_clear()


def work(x, power):
    return jnp.linalg.inv(x @ x.T + jnp.eye(3)) @ jnp.sin(x) ** power


def test_it_gives_what_the_function_gives(fresh, float64):
    x = jax.random.normal(jax.random.key(0), (3, 3))
    assert compilation._options(False) == compilation.LESS  # known to this XLA
    np.testing.assert_allclose(quick_jit(work)(x, power=3), work(x, 3), rtol=1e-12)


def test_flags_of_the_user_are_left_alone(fresh):
    fresh.setenv("XLA_FLAGS", "--xla_backend_optimization_level=0")
    assert compilation._options(True) is None
    assert not saves()


def test_less_effort_is_another_thing_where_it_is_known(fresh):
    assert saves() == (jax.default_backend() == "cpu")


def test_options_that_are_unknown_are_left_out(fresh):
    fresh.setattr(compilation, "LESS", {"xla_no_such_option": 1})
    assert compilation._options(True) is None
    assert quick_jit(work)(jnp.eye(3), power=1).shape == (3, 3)
