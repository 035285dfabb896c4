"""Errors of solutions that are known by how much they are wrong."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core import InputError
from simplebias.networks import MLP
from simplebias.pde import (
    Ball,
    Box,
    Poisson,
    boundary_error,
    relative_h1,
    relative_l2,
    relative_max,
    solution_errors,
)

BALL = Poisson(Ball([0, 0], 1), lambda x: 4.0 + 0 * x[0], exact=lambda x: 1 - jnp.sum(x**2))
WAVE = Poisson(
    Box(0, 1), lambda x: (2 * jnp.pi) ** 2 * jnp.sin(2 * jnp.pi * x[0]), exact=lambda x: jnp.sin(2 * jnp.pi * x[0])
)


def test_they_are_the_integrals_done_by_hand():
    """`1 - r²` with an error 0.01 in the disc: ∫(1 - r²)² = π/3, ∫|∇|² = 2π, so 0.01 by (1/3)^½ and by (7/3)^½."""
    errors = solution_errors(lambda x: 1.01 - jnp.sum(x**2, keepdims=True), BALL)
    assert errors.relative_l2 == pytest.approx(0.01 * np.sqrt(3), rel=1e-3)
    assert errors.relative_max == pytest.approx(0.01, rel=1e-3)
    assert errors.relative_h1 == pytest.approx(0.01 * np.sqrt(3 / 7), rel=1e-3)
    assert errors.boundary == pytest.approx(0.01, rel=1e-3)


def test_an_error_of_high_frequency_counts_more_in_slope():
    wrong = lambda x: jnp.sin(2 * jnp.pi * x) + 0.01 * jnp.sin(20 * jnp.pi * x)
    assert relative_l2(wrong, WAVE) == pytest.approx(0.01, rel=1e-3)
    slopes = (1 + 400 * np.pi**2) / (1 + 4 * np.pi**2)
    assert relative_h1(wrong, WAVE) == pytest.approx(0.01 * np.sqrt(slopes), rel=1e-3)
    assert relative_max(wrong, WAVE) == pytest.approx(0.01, rel=0.05)


def test_what_is_right_to_double_precision_is_seen_to_be():
    assert relative_l2(lambda x: (1 + 1e-13) * jnp.sin(2 * jnp.pi * x), WAVE) == pytest.approx(1e-13, rel=0.01)


def test_a_network_is_looked_at_and_its_reference_may_be_another(key):
    network, other = MLP(1, 1, 8, 1, key=key), MLP(1, 1, 8, 1, key=jax.random.key(1))
    x = (np.arange(20000) + 0.5)[:, None] / 20000
    u, r = (np.asarray(jax.vmap(one)(x))[:, 0] for one in (network, other))
    found = solution_errors(network, Poisson(Box(0, 1), lambda x: x[0]), reference=other)
    assert found.relative_l2 == pytest.approx(np.sqrt(np.mean((u - r) ** 2) / np.mean(r**2)), rel=1e-3)
    assert boundary_error(network, WAVE) == pytest.approx(
        float(max(abs(network(jnp.array([e]))[0]) for e in (0.0, 1.0)))
    )


@pytest.mark.parametrize(
    "look",
    [
        lambda: relative_l2(lambda x: x, Poisson(Box(0, 1), lambda x: x[0])),
        lambda: relative_max(lambda x: jnp.ones(2), WAVE),
        lambda: boundary_error(lambda x: x, WAVE, count=0),
    ],
)
def test_bad_input_is_named(look):
    with pytest.raises(InputError):
        look()
