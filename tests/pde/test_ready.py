"""Every closed form of the catalogue against automatic differentiation, and interfaces done by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core import InputError, twice_forward
from simplebias.core.sobolev import derivatives
from simplebias.pde import READY, Box, ready
from simplebias.pde.ready_waves import Waves, waves_4d, waves_5d

SAME = {f"{domain}-{mu}": f"sines-{mu}" for domain in ("holes", "discs") for mu in (7, 15)}
"""Problems of one solution on several domains."""
ALIKE = {
    *("bump", "tones", "poisson-3d", "sines-7", "sines-15"),
    *("pores-7", "pores-20", "pores-125", "boltzmann-pores-7", "boltzmann-pores-20"),  # test_ready_pores
    *("oscillating-p3", "oscillating-p8", "oscillating-fine", "oscillating-fine-p3", "oscillating-fine-p5"),
}
"""Formulas that others have with other numbers, or that the tests of losses check."""
UNKNOWN = {"concentrated", *(f"coefficients-{number}" for number in range(1, 7))}
"""Problems without an exact solution."""


@pytest.mark.parametrize("name", sorted(READY.keys() - UNKNOWN - SAME.keys() - ALIKE))
def test_the_exact_solution_solves_the_equation(float64, name):
    problem = ready(name)
    points = problem.domain.sample(64, key=jax.random.key(0))

    @jax.jit
    @jax.vmap
    def look(point):
        flat = lambda x: jnp.atleast_1d(problem.exact(x))
        found = twice_forward(flat, point) if problem.second == "laplacian" else derivatives(flat, point, 2)
        value, gradient, second = (one[0] for one in found)
        residual = problem.residual(point, value, gradient, second)
        return (
            residual,
            problem.source(point),
            problem.diffusion(point) * (second if second.ndim == 0 else second[0, 0]),
        )

    residual, source, size = look(points)
    assert float(jnp.abs(residual).max()) < 1e-12 * float(jnp.maximum(jnp.abs(source).max(), jnp.abs(size).max()))


def test_problems_on_several_domains_have_one_solution():
    for name, other in SAME.items():
        one, same = ready(name), ready(other)
        assert (one.exact, one.source, one.boundary) == (same.exact, same.source, same.boundary)
        assert one.domain != same.domain


def test_some_have_no_known_solution():
    assert {name for name in READY if ready(name).exact is None} == UNKNOWN
    for name in UNKNOWN:
        problem = ready(name)
        points = problem.domain.sample(4096, key=jax.random.key(0))
        assert float(problem.diffusion_values(points).min()) > 1e-4  # 4: (¼)⁶ at least
        assert problem.has_energy
    charge = ready("concentrated")
    lattice = (np.stack(np.meshgrid(*2 * [np.arange(-50, 50)]), axis=-1).reshape(-1, 2) + 0.5) / 250
    assert float(charge.source_values(lattice).sum()) / 250**2 == pytest.approx(1, rel=1e-3)


def test_the_dielectric_ball_is_continuous_with_its_flux(float64):
    problem, along = ready("dielectric-ball"), jnp.array([2.0, -1.0, 2.0]) / 3
    assert not problem.smooth
    slope = lambda r: float(along @ jax.grad(problem.exact)(r * along) * problem.diffusion(r * along))
    for radius in (0.5, 0.7):
        below, above = radius - 1e-9, radius + 1e-9
        assert slope(below) == pytest.approx(slope(above), rel=1e-7)
        assert float(problem.exact(below * along)) == pytest.approx(float(problem.exact(above * along)), abs=1e-8)
    assert np.isfinite(jax.grad(problem.exact)(jnp.zeros(3))).all()


def test_waves_in_four_and_five_inputs_do_not_degenerate_inside(float64):
    small = waves_5d().diffusion(jnp.array([0.1, 0.2, 0.2, 0.2, 0.2]))
    assert float(small) == pytest.approx(0.05)  # where the product of cosines is -1
    corner, diffusion = jnp.array([1.0, 0.0, 0.0, 0.0]), waves_4d().diffusion
    assert float(diffusion(corner)) == pytest.approx(0, abs=1e-12)
    assert float(diffusion(0.99 * corner + 0.002)) > 1e-3


def test_waves_are_the_sums_they_say(float64):
    waves = Waves((2.0, -1.0), ((1.0, 3.0), (2.0, 0.5)), (0.0, np.pi / 2), 0.25)
    x, y = 0.3, -0.7
    value = 0.25 + 2 * np.sin(x) * np.sin(3 * y) - np.cos(2 * x) * np.cos(0.5 * y)
    assert float(waves(jnp.array([x, y]))) == pytest.approx(value)
    assert waves == Waves((2.0, -1.0), ((1.0, 3.0), (2.0, 0.5)), (0.0, np.pi / 2), 0.25)  # compiled once


def test_names_are_found_or_the_nearest_is_said():
    assert ready("two-scale") is ready("two-scale")
    assert ready("two-scale").domain == Box(0, 1)
    with pytest.raises(InputError, match=r"Did you mean 'sines-15'"):
        ready("sine-15")
