"""The fast sine and cosine against extended precision, and their derivatives against what they are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core import sincos
from simplebias.core.trigonometry import cos, sin


@pytest.mark.parametrize(("dtype", "largest", "error"), [("float32", 200, 1e-7), ("float64", 500, 3e-16)])
def test_errors_are_those_of_rounding(float64, dtype, largest, error):
    x = np.random.default_rng(0).uniform(-largest, largest, 200_000).astype(dtype)
    x = np.concatenate([x, (np.arange(-99, 100) * np.pi / 4).astype(dtype), np.zeros(1, dtype)])
    found = jax.jit(sincos)(x)
    exact = x.astype(np.longdouble)
    for one, true in zip(found, (np.sin(exact), np.cos(exact)), strict=True):
        assert one.dtype == dtype
        assert np.abs(np.asarray(one) - true).max() < error


@pytest.mark.parametrize(("dtype", "huge"), [("float32", 1e6), ("float64", 1e12), ("float16", 10.0)])
def test_what_it_is_not_made_for_is_left_to_xla(float64, dtype, huge):
    x = jnp.asarray([0.5, huge], dtype)
    sine, cosine = jax.vmap(sincos)(x)
    np.testing.assert_array_equal(sine, jnp.sin(x))
    np.testing.assert_array_equal(cosine, jnp.cos(x))
    assert bool(jnp.isnan(sin(jnp.asarray(jnp.inf, dtype))))


def test_derivatives_of_every_order_are_the_rule(float64):
    x = jnp.linspace(-3, 3, 7)
    along = lambda f: lambda x: jax.jvp(f, (x,), (1.0,))[1]
    np.testing.assert_allclose(jax.vmap(jax.grad(jax.grad(jax.grad(sin))))(x), -jnp.cos(x), atol=1e-15)
    np.testing.assert_allclose(jax.vmap(along(along(along(cos))))(x), jnp.sin(x), atol=1e-15)
    np.testing.assert_allclose(jax.hessian(lambda v: jnp.sum(sin(2 * v)))(x), jnp.diag(-4 * jnp.sin(2 * x)), atol=1e-14)


def test_batches_of_batches_choose_once(float64):
    """A choice made for each point would compute both, so that nothing was won."""
    compiled = jax.jit(jax.vmap(jax.vmap(sincos))).lower(jnp.ones((3, 4))).as_text()
    assert "stablehlo.case" in compiled or "stablehlo.if" in compiled
    np.testing.assert_allclose(jax.vmap(jax.vmap(jax.grad(sin)))(jnp.ones((3, 4))), np.full((3, 4), np.cos(1)))
