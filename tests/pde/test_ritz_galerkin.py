"""Ritz-Galerkin with few samples tends to a sum of Green's functions: piecewise linear, kinks at the samples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core import InputError, evaluate
from simplebias.pde import Box, poisson_bump, ritz_galerkin, ritz_galerkin_limit

BOX = Box(-1, 1)


def samples(count):
    """Even points inside (-1, 1), and the bump's source there."""
    x = np.linspace(-1, 1, count + 2)[1:-1]
    return x, np.asarray(poisson_bump().source_values(x))[:, 0]


def test_the_bump_solves_its_equation(float64):
    problem = poisson_bump()
    x = jnp.linspace(-1, 1, 21)
    second = jax.vmap(jax.grad(jax.grad(lambda t: problem.exact(jnp.array([t])))))(x)
    np.testing.assert_allclose(-second, problem.source_values(x)[:, 0], atol=1e-12)
    np.testing.assert_allclose(problem.exact_values([-1.0, 1.0]), 0, atol=1e-15)


def test_the_limit_is_linear_between_samples_with_kinks_of_the_forces(float64):
    x, f = samples(5)
    limit = ritz_galerkin_limit(BOX, x, f)
    at = np.linspace(-1, 1, 2001)
    u = np.asarray(evaluate(limit, jnp.asarray(at)[:, None]))[:, 0]
    np.testing.assert_allclose(u[[0, -1]], 0, atol=1e-15)
    ends = np.concatenate([[-1], x, [1]])
    np.testing.assert_allclose(u, np.interp(at, ends, np.interp(ends, at, u)), atol=1e-3)
    # slopes right of a sample minus left of it, one thousandth away from it
    step = 1e-3
    slopes = [
        (
            float(limit(jnp.array([y + step]))[0])
            - 2 * float(limit(jnp.array([y]))[0])
            + float(limit(jnp.array([y - step]))[0])
        )
        / step
        for y in x
    ]
    np.testing.assert_allclose(slopes, -2 / 5 * f, rtol=1e-6, atol=1e-9)


def test_the_limit_is_the_solution_for_forces(float64):
    """`∫ u' v' = (|Ω|/n) Σ f_j v(x_j)` for any v that vanishes at the ends."""
    x, f = samples(7)
    limit = ritz_galerkin_limit(BOX, x, f)
    at = np.linspace(-1, 1, 160_001)  # the samples are among these points
    u = np.asarray(evaluate(limit, jnp.asarray(at)[:, None]))[:, 0]
    for v in (lambda t: 1 - t**2, lambda t: np.sin(np.pi * t), lambda t: (1 - t**2) * np.exp(t)):
        left = np.sum(np.diff(u) * np.diff(v(at)) / np.diff(at))
        assert left == pytest.approx(2 / 7 * np.sum(f * v(x)), rel=1e-6)


def test_it_tends_to_the_limit_like_one_over_m(float64):
    """Row 13: the gap falls like 1/m, below 0.03, 0.01, 0.001 at m = 50, 200, 1000."""
    x, f = samples(5)
    at = jnp.linspace(-1, 1, 2001)[:, None]
    limit = np.asarray(evaluate(ritz_galerkin_limit(BOX, x, f), at))
    gaps = [
        np.abs(np.asarray(evaluate(ritz_galerkin(BOX, x, f, count=m), at)) - limit).max() / np.abs(limit).max()
        for m in (5, 50, 200, 1000)
    ]
    assert gaps[1] < 0.03
    assert gaps[2] < 0.01
    assert gaps[3] < 0.001
    np.testing.assert_allclose(gaps, [0.091, 0.011, 0.0027, 0.0002], rtol=0.1)  # as measured elsewhere


def test_hats_are_exact_at_their_nodes(float64):
    x, f = samples(5)
    nodes = -1 + 2 * jnp.arange(1, 40)[:, None] / 40
    hats, limit = ritz_galerkin(BOX, x, f, count=39, basis="hat"), ritz_galerkin_limit(BOX, x, f)
    np.testing.assert_allclose(evaluate(hats, nodes), evaluate(limit, nodes), atol=1e-12)


def test_coefficients_solve_the_system_written_out(float64):
    """The stiffness matrix by quadrature, the right side by its definition, on a rectangle."""
    box = Box([0, -1], [1, 2])
    generator = np.random.default_rng(0)
    points = np.array(box.low) + np.array(box.sides) * generator.uniform(0.1, 0.9, size=(6, box.inputs))
    f = generator.normal(size=6)
    found = ritz_galerkin(box, points, f, count=3)
    basis = [
        lambda x, k=k: jnp.prod(jnp.sin(jnp.pi * k * (x - jnp.array(box.low)) / jnp.array(box.sides)))
        for k in np.asarray(found.modes)
    ]
    cells = 32
    inner = [low + side * (np.arange(cells) + 0.5) / cells for low, side in zip(box.low, box.sides, strict=True)]
    where = jnp.asarray(np.stack(np.meshgrid(*inner, indexing="ij"), axis=-1).reshape(-1, box.inputs))
    every = lambda x: jnp.stack([one(x) for one in basis])
    slopes = jnp.moveaxis(jax.jit(jax.vmap(jax.jacfwd(every)))(where), 1, 0)
    stiffness = jnp.einsum("ipd,jpd->ij", slopes, slopes) * box.volume / len(where)
    right = box.volume / 6 * f @ jax.jit(jax.vmap(every))(jnp.asarray(points))
    np.testing.assert_allclose(found.coefficients, jnp.linalg.solve(stiffness, right), rtol=1e-9, atol=1e-12)
    value = sum(c * one(where[5]) for c, one in zip(found.coefficients, basis, strict=True))
    np.testing.assert_allclose(found(where[5]), [value], rtol=1e-9)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ritz_galerkin(BOX, [0.0], [1.0], count=0),
        lambda: ritz_galerkin(BOX, [0.0], [1.0], count=5, basis="cosine"),
        lambda: ritz_galerkin(BOX, [0.0, 0.5], [1.0], count=5),
        lambda: ritz_galerkin(BOX, [1.5], [1.0], count=5),
        lambda: ritz_galerkin(BOX, [np.nan], [1.0], count=5),
        lambda: ritz_galerkin(BOX, [0.0], [np.inf], count=5),
        lambda: ritz_galerkin(Box([0, 0], [1, 1]), [[0.5, 0.5]], [1.0], count=5, basis="hat"),
        lambda: ritz_galerkin_limit(Box([0, 0], [1, 1]), [[0.5, 0.5]], [1.0]),
        lambda: ritz_galerkin_limit(BOX, [-1.0], [1.0]),
    ],
)
def test_bad_input_is_named(make):
    with pytest.raises(InputError):
        make()
