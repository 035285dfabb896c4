"""Scales of an equation: known frequencies are found before it is solved, and missing ones while it is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.pde import Ball, Box, Elliptic, Helmholtz, Poisson, PoissonBoltzmann, square_with_discs, zero
from simplebias.solving.scales import problem_scales

TAU = 2 * jnp.pi


@pytest.fixture(scope="module")
def look():
    return lambda problem, **options: problem_scales(problem, key=jax.random.key(0), **options)


def waves(x):
    return jnp.sin(15 * x[0]) * jnp.sin(15 * x[1])


def one(x):
    return 1 + 0 * x[0]


def test_both_tones_of_two_scales_are_found_by_their_gradients(look):
    problem = Poisson(Box(0, 1), lambda x: TAU**2 * (jnp.sin(TAU * x[0]) + 0.1 * 25**2 * jnp.sin(25 * TAU * x[0])))
    advice = look(problem)
    power = advice.data["power"].isel(input=0)
    assert power.sel(frequency=[1, 2, 24, 25, 26]).sum() == pytest.approx(float(power.sum()))
    assert power.sel(frequency=25) / power.sel(frequency=1) == pytest.approx(2.5**2, rel=1e-3)  # (0.1 · 25 / 1)²
    assert advice.bandwidth == pytest.approx([25])
    assert np.pi * 25 <= advice.scales[-1] <= 2 * np.pi * 25
    assert look(problem, minimum=0.5).bandwidth == pytest.approx([25])
    assert look(problem, count=5).scales == pytest.approx(np.geomspace(2, 128, 5), rel=0.01)


@pytest.mark.parametrize("domain", [Box([-1, -1], [1, 1]), square_with_discs()], ids=["square", "holes"])
def test_a_wave_in_the_plane_and_holes_that_do_not_hide_it(look, domain):
    advice = look(Poisson(domain, lambda x: 450 * waves(x), boundary=waves))
    assert advice.bandwidth == pytest.approx([15 / TAU] * 2, abs=0.3)  # cycles per length 2: half a cycle
    radius = np.sqrt(2) * 15 * np.sqrt(2) / 2  # π|ξ| over the std of weights of two inputs
    assert radius <= advice.scales[-1] <= 2.2 * radius


@pytest.mark.parametrize("epsilon", [0.1, 0.01])
def test_an_oscillating_coefficient_shows_in_a_constant_source(look, epsilon):
    problem = Elliptic(Box(0, 1), one, diffusion=lambda x: 1 / (2 + jnp.cos(TAU * x[0] / epsilon)))
    assert look(problem).bandwidth == pytest.approx([1 / epsilon])


def test_several_frequencies_at_once_divide_by_all_of_them(look):
    tall = lambda x: 626 * jnp.sin(TAU * x[0]) * jnp.sin(25 * TAU * x[1])  # -Δ gives each mode the factor 626 τ²
    flat = lambda x: 626 * jnp.sin(25 * TAU * x[0]) * jnp.sin(TAU * x[1])
    assert look(Poisson(Box([0, 0], [1, 1]), lambda x: tall(x) + flat(x))).bandwidth == pytest.approx([25, 25])


def test_axes_differ_where_the_source_does(look):
    problem = Poisson(Box([0, 0], [10, 1]), lambda x: jnp.sin(TAU * x[0] / 10) * jnp.sin(7 * TAU * x[1]))
    assert look(problem).bandwidth == pytest.approx([0.1, 7])


def test_a_boundary_alone_a_wave_number_and_a_layer(look):
    square = Box([-1, -1], [1, 1])
    assert look(Poisson(square, zero, boundary=lambda x: jnp.sin(20 * x[0]))).bandwidth == pytest.approx(
        [20 / TAU, 0.25], abs=0.25
    )
    assert look(Helmholtz(square, one, wavenumber=40.0)).bandwidth == pytest.approx([40 / TAU] * 2)
    assert look(PoissonBoltzmann(Box(0, 1), one, screening=20.0)).bandwidth == pytest.approx([20 / TAU])


def test_ten_inputs_in_a_cube_and_a_ball(look):
    cube = Poisson(Box([0.0] * 10, [1.0] * 10), lambda x: 10 * jnp.pi**2 * jnp.prod(jnp.sin(jnp.pi * x)))
    advice = look(cube)
    assert advice.bandwidth == pytest.approx([0.5] * 10)
    assert any("lines" in note for note in advice.notes)
    ball = Poisson(Ball([0.0] * 10, 1.0), lambda x: 20.0 + 0 * x[0], boundary=one)
    assert look(ball).bandwidth == pytest.approx([0.25] * 10)


def test_nothing_a_constant_and_a_jump_have_answers(look):
    nothing = look(Poisson(Box(0, 1), zero))
    assert nothing.scales == (2.0,)
    assert not nothing.bandwidth.any()
    assert "zero" in nothing.notes[0]
    assert look(Poisson(Box(0, 1), one)).scales == (2.0,)
    jump = look(Poisson(Box(0, 1), lambda x: jnp.where(x[0] > 0.3, 1.0, 0.0)))
    assert 1 <= jump.bandwidth[0] <= 10  # the gradient of the solution falls as 1/ξ²


def test_a_source_that_is_not_finite_somewhere_is_named_with_its_place(look):
    inside = Poisson(Box([-1.0, -1.0], [1.0, 1.0]), lambda x: jnp.where(x[0] ** 2 + x[1] ** 2 < 1e-3, jnp.nan, 1.0))
    with pytest.raises(InputError, match="finite source in the domain; got nan at"):
        look(inside)
    hole = Poisson(Box([-1.0, -1.0], [1.0, 1.0]) - Ball([0.0, 0.0], 0.3), lambda x: 1 / jnp.sum(x**2) ** 2)
    assert (look(hole).bandwidth < 2).all()  # infinite in the hole, smooth outside of it


@pytest.mark.parametrize("options", [{"minimum": 0}, {"minimum": 2}, {"share": 1.5}, {"count": 0}, {"weight_std": -1}])
def test_parameters_out_of_range(look, options):
    with pytest.raises(InputError):
        look(Poisson(Box(0, 1), one), **options)
