"""Triangles that fill their domain, elements of third order on curved boundaries, and refinement where it is wanted."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core import InputError
from simplebias.pde import (
    Ball,
    Box,
    Elliptic,
    PLaplacian,
    Poisson,
    Polygon,
    finite_elements,
    square_with_discs,
)
from simplebias.pde.finite_elements import _as_solution, _Mesher
from simplebias.pde.triangulation import Outline, triangulate

DISC = Ball([0.2, 0], 1)
DOMAINS = {
    "discs": (square_with_discs(), 5, 4 - 0.12015625 * np.pi),
    "triangle": (Polygon([[0, 0], [2, 0], [0.3, 1]]), 0, 1.0),
    "bitten square": (Box([-1, -1], [1, 1]) - Ball([1, 1], 0.7), 0, 4 - np.pi * 0.49 / 4),
    "lens": (Ball([-0.5, 0], 1) & Ball([0.5, 0], 1), 0, 2 * np.pi / 3 - np.sqrt(3) / 2),
}


def dome(x):
    """Zero on the unit circle around (0.2, 0)."""
    return jnp.exp(x[0]) * (1 - (x[0] - 0.2) ** 2 - x[1] ** 2)


def curved(domain):
    """Solved by `dome`, with a diffusion of 1 + y and a reaction of 2."""

    def source(x):
        e, s = jnp.exp(x[0]), x[0] - 0.2
        laplacian = dome(x) - 4 * s * e - 4 * e
        return -(2 + x[1]) * laplacian + 2 * x[1] * e + 2 * dome(x)

    return Elliptic(domain, source, diffusion=lambda x: 2 + x[1], reaction=2.0, boundary=dome, exact=dome)


@pytest.mark.parametrize("name", DOMAINS)
def test_triangles_fill_the_domain(name):
    domain, holes, area = DOMAINS[name]
    errors = []
    for size in (0.1, 0.05):
        triangles = triangulate(domain, size, Outline(domain))
        edges, times = triangles.edges()
        assert len(triangles.points) - len(edges) + len(triangles.corners) == 1 - holes  # Euler
        bound = np.unique(edges[times == 1])
        distance = jax.vmap(domain.signed_distance)(jnp.asarray(triangles.points[bound], jnp.float32))
        assert np.abs(distance).max() < 1e-3
        assert domain._inside(triangles.points[triangles.corners].mean(axis=1)).all()
        lengths = np.linalg.norm(np.diff(triangles.points[edges], axis=1)[:, 0], axis=1)
        assert 0.3 * size < lengths.min()
        assert lengths.max() < 1.8 * size
        errors.append(abs(triangles.areas().sum() / area - 1))
    assert errors[1] < max(0.45 * errors[0], 1e-4)


def test_errors_are_of_third_order_at_a_curved_boundary():
    problem = curved(DISC)
    mesher = _Mesher(problem, Outline(DISC))
    points = np.asarray(DISC.sample(500, key=jax.random.key(0)), float)
    with jax.enable_x64(True):
        exact = np.asarray(problem.exact_values(points))
    errors = []
    for size in (0.4, 0.2):
        solution = _as_solution(*mesher.solve(mesher.first(size)), 1.0)
        errors.append(np.sqrt(np.mean((solution.values(points) - exact) ** 2)))
    assert np.log2(errors[0] / errors[1]) > 2.5
    # its own slopes, by differentiation
    slope = jax.vmap(jax.grad(lambda x: solution(x)[0]))(jnp.asarray(points[:50]))
    known = jax.vmap(jax.grad(dome))(jnp.asarray(points[:50]))
    assert np.linalg.norm(slope - known) < 0.015 * np.linalg.norm(known)


def test_triangles_gather_where_the_source_is():
    """A source of width 0.03 beside holes, against its solution."""
    centre, width = jnp.array([0.0, 0.1]), 0.03
    exact = lambda x: jnp.exp(-jnp.sum((x - centre) ** 2) / (2 * width**2))
    square = lambda x: jnp.sum((x - centre) ** 2) / width**2
    problem = Poisson(square_with_discs(), lambda x: (2 - square(x)) / width**2 * exact(x), boundary=exact, exact=exact)
    solution = finite_elements(problem, size=0.2, tolerance=0.01)
    assert solution.change < 0.01
    points = np.asarray(centre) + width * np.random.default_rng(0).normal(size=(300, 2))
    np.testing.assert_allclose(solution.values(points)[:, 0], jax.vmap(exact)(jnp.asarray(points)), atol=0.02)
    assert solution.unknowns < 10_000  # alike everywhere it would take 60 000


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: finite_elements(PLaplacian(DISC, lambda x: x[0], exponent=3)), "elliptic"),
        (lambda: finite_elements(Poisson(Box(0, 1), lambda x: x[0])), "two inputs"),
        (lambda: finite_elements(Poisson(DISC, lambda x: x[0]), tolerance=0), "tolerance"),
        (lambda: finite_elements(Poisson(DISC, lambda x: x[0]), size=-1), "size"),
        (lambda: finite_elements(Poisson(DISC, lambda x: x[0]), tolerance=1e-9, size=0.5, largest=100), "unknowns"),
    ],
)
def test_bad_input_is_named(make, named):
    with pytest.raises(InputError, match=named):
        make()
