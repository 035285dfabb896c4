"""Jacobi iteration and the direct solution against closed forms, SciPy's transforms and a dumb loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.fft

from simplebias.core import InputError
from simplebias.pde import (
    Box,
    Elliptic,
    Lattice,
    Poisson,
    gauss_seidel,
    jacobi,
    jacobi_factor,
    poisson_tones,
    sine_coefficients,
    sine_series,
    solve_direct,
)

PARABOLA = Poisson(Box(0, 1), lambda x: 2.0 + 0 * x[0], exact=lambda x: x[0] * (1 - x[0]))
PLANE = Poisson(Box([0, -1], [1, 1]), lambda x: 0 * x[0], boundary=lambda x: 1 + 2 * x[0] - x[1])


def box_of(inputs):
    return Box([0] * inputs, [1, 2, 1.5][:inputs])


def bumpy(inputs):
    return Poisson(
        box_of(inputs), lambda x: jnp.exp(x[0]) * (1 + jnp.sum(x**2)), boundary=lambda x: jnp.cos(jnp.sum(x))
    )


def rough(inputs):
    """With coefficients that vary."""
    return Elliptic(
        box_of(inputs),
        lambda x: jnp.exp(x[0]) * (1 + jnp.sum(x**2)),
        diffusion=lambda x: 1.5 + jnp.sin(4 * jnp.sum(x)),
        reaction=lambda x: 3 * x[0] ** 2,
        boundary=lambda x: jnp.cos(jnp.sum(x)),
    )


def dumb_sweeps(problem, lattice, start, damping, sweeps):
    """The textbook loop over points, in NumPy."""
    diffusion = jax.jit(problem.diffusion)
    reaction = jax.jit(problem.reaction)
    ticks = lattice.ticks
    u = np.zeros([count + 1 for count in lattice.intervals])
    f = np.zeros_like(u)
    places = list(np.ndindex(u.shape))
    points = np.array([[ticks[axis][i] for axis, i in enumerate(place)] for place in places])
    boundary, source = (np.asarray(jax.vmap(one)(points)) for one in (problem.boundary, problem.source))
    for row, place in enumerate(places):
        inside = all(0 < i < count for i, count in zip(place, lattice.intervals, strict=True))
        u[place] = start[tuple(i - 1 for i in place)] if inside else boundary[row]
        f[place] = source[row]
    for _ in range(sweeps):
        old = u.copy()
        for place in np.ndindex(*lattice.shape):
            here = tuple(i + 1 for i in place)
            place = np.array([ticks[axis][i] for axis, i in enumerate(here)])
            top, bottom = f[here], float(reaction(place))
            for axis, h in enumerate(lattice.spacing):
                for side in (-1, 1):
                    there = tuple(i + side * (other == axis) for other, i in enumerate(here))
                    halfway = float(diffusion(place + side * h / 2 * np.eye(len(here))[axis]))
                    top += halfway * old[there] / h**2
                    bottom += halfway / h**2
            u[here] = (1 - damping) * old[here] + damping * top / bottom
    return u[tuple(slice(1, -1) for _ in lattice.shape)]


@pytest.mark.parametrize(("make", "intervals", "damping"), [(bumpy, (7,), 1.0), (rough, (3, 4, 3), 0.7)])
def test_a_sweep_is_the_textbook_loop(float64, make, intervals, damping):
    problem = make(len(intervals))
    lattice = Lattice(problem.box, intervals)
    start = np.random.default_rng(0).normal(size=lattice.shape)
    data = jacobi(problem, intervals, initial=start.ravel(), damping=damping, sweeps=3, at=[0, 3])
    expected = dumb_sweeps(problem, lattice, start, damping, 3)
    np.testing.assert_allclose(data["final"].values.ravel(), expected.ravel(), rtol=1e-12)
    assert data["step"].values.tolist() == [0, 3]


def test_a_mode_of_the_error_decays_by_its_exact_factor(float64):
    """Row 10: 200 intervals, 50 sweeps, relative 1e-8 where the factor is above 1e-6."""
    target = solve_direct(poisson_tones(), 200).ravel()
    start = target + np.asarray(sine_series(np.ones(199)))
    data = jacobi(poisson_tones(), 200, initial=start, sweeps=50, at=[0, 50])
    k = data["mode"].values[:, 0]
    expected = np.cos(k * np.pi / 200) ** 50
    large = np.abs(expected) > 1e-6
    assert large.sum() > 50
    np.testing.assert_allclose(data["mode_error"].values[1][large], expected[large], rtol=1e-8)
    np.testing.assert_allclose(data["exact_mode_error"].values[1], expected, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(("intervals", "damping"), [((12,), 2 / 3), ((6, 8), 1.0), ((4, 5, 3), 0.9)])
def test_the_factor_holds_in_any_dimension_and_damped(float64, intervals, damping):
    problem = bumpy(len(intervals))
    data = jacobi(problem, intervals, damping=damping, sweeps=4, at=[0, 4])
    start, end = data["mode_error"].values
    lattice = Lattice(problem.box, intervals)
    np.testing.assert_allclose(end, start * jacobi_factor(lattice, damping=damping) ** 4, atol=1e-13)
    np.testing.assert_allclose(data["exact_mode_error"].values[1], end, atol=1e-13)


def test_damping_brings_the_order_back_at_the_highest_modes():
    lattice = Lattice(Box(0, 1), 100)
    plain, damped = np.abs(jacobi_factor(lattice)), np.abs(jacobi_factor(lattice, damping=2 / 3))
    assert plain[-1] == pytest.approx(plain[0])
    assert (np.diff(plain[:50]) < 0).all()
    assert damped[50:].max() < 1 / 3 + 1e-3
    assert damped[0] > 0.999


def test_zero_start_gives_the_relative_error_of_the_factor(float64):
    """Row 11, the classical side: 200 sweeps leave mode 2 and remove mode 16."""
    data = jacobi(poisson_tones(), 200, sweeps=200, at=[200], modes=[2, 16])
    second, sixteenth = data["relative_error"].values[0]
    assert second == pytest.approx(np.cos(2 * np.pi / 200) ** 200, rel=1e-9)
    assert sixteenth == pytest.approx(np.cos(16 * np.pi / 200) ** 200, rel=1e-6)
    assert second > 0.85
    assert sixteenth < 0.01
    # u is odd: its odd modes are zero, and their relative error has no meaning
    assert np.isnan(jacobi(poisson_tones(), 200, sweeps=1, modes=[1, 3])["relative_error"].values).all()


def test_it_stops_at_the_tolerance(float64):
    free = jacobi(PARABOLA, 16, sweeps=400, at=np.arange(401))
    first = int(np.argmax(free["error"].values <= 1e-3))
    data = jacobi(PARABOLA, 16, sweeps=400, until=1e-3, at=[0, 10, 400])
    assert int(data["stopped_at"]) == first == data["step"].values[-1]
    assert data["error"].values[-1] <= 1e-3
    np.testing.assert_allclose(
        data["final"].values[:, 0], PARABOLA.exact_values(data["points"].values)[:, 0], atol=1e-3
    )
    never = jacobi(PARABOLA, 16, sweeps=5, until=1e-9)
    assert int(never["stopped_at"]) == -1
    assert never["step"].values[-1] == 5


def test_a_better_guess_needs_fewer_sweeps(float64):
    guess = np.asarray(solve_direct(poisson_tones(), 64)) + 0.01 * np.random.default_rng(1).normal(size=(63, 1))
    cold = jacobi(poisson_tones(), 64, sweeps=4000, until=1e-2)
    warm = jacobi(poisson_tones(), 64, sweeps=4000, until=1e-2, initial=guess)
    assert int(warm["stopped_at"]) < 0.1 * int(cold["stopped_at"])


def test_the_factor_knows_a_reaction(float64):
    problem = Elliptic(Box(0, 1), lambda x: x[0], diffusion=2.0, reaction=300.0)
    data = jacobi(problem, 12, damping=0.8, sweeps=4, at=[0, 4])
    start, end = data["mode_error"].values
    factor = jacobi_factor(Lattice(problem.box, 12), damping=0.8, reaction=150.0)
    np.testing.assert_allclose(end, start * factor**4, atol=1e-14)
    assert "exact_mode_error" not in jacobi(rough(1), 12, sweeps=1)


def test_two_colours_square_the_factor_of_the_slowest_mode(float64):
    data = gauss_seidel(bumpy(2), (12, 16), sweeps=400, at=[200, 201])
    largest = np.abs(jacobi_factor(Lattice(box_of(2), (12, 16)))).max()
    assert data["error"].values[1] / data["error"].values[0] == pytest.approx(largest**2, rel=1e-6)
    end = gauss_seidel(rough(1), 12, sweeps=1000, at=[1000])
    np.testing.assert_allclose(end["final"], end["target"], atol=1e-12)


def test_values_on_the_boundary_come_through(float64):
    data = jacobi(PLANE, (4, 6), sweeps=400)
    expected = 1 + 2 * data["points"].values[:, 0] - data["points"].values[:, 1]
    np.testing.assert_allclose(data["target"].values[:, 0], expected, rtol=1e-12)
    np.testing.assert_allclose(data["final"].values[:, 0], expected, atol=1e-6)


def test_float32_stays_and_ends_at_its_rounding():
    data = jacobi(PARABOLA, 16, sweeps=1000)
    assert data["final"].dtype == np.float32
    assert data["error"].values[-1] < 1e-5


def test_frequencies_count_cycles_per_unit():
    lattice = Lattice(Box([0, 0], [1, 2]), (3, 4))
    np.testing.assert_allclose(lattice.frequencies([[1, 2]]), 0.5 * np.sqrt(1 + 1))
    assert np.all(np.diff(lattice.frequencies()) >= 0)
    assert len(lattice.modes) == 6
    # the frequency of sin(kπ(x - low)/L), counted: 3 half waves on two units
    np.testing.assert_allclose(Lattice(Box(-1, 1), 8).frequencies([3]), 3 / 4)


@pytest.mark.parametrize("shape", [(7,), (3, 4, 5)])
def test_sine_coefficients_are_scipys(float64, shape):
    values = np.random.default_rng(0).normal(size=shape)
    expected = scipy.fft.dstn(values, 1) / np.prod([size + 1 for size in shape])
    np.testing.assert_allclose(sine_coefficients(values), expected, atol=1e-13)
    np.testing.assert_allclose(jax.jit(sine_coefficients)(values), expected, atol=1e-13)
    np.testing.assert_allclose(sine_series(sine_coefficients(values)), values, atol=1e-12)
    along = scipy.fft.dst(values, 1, axis=0) / (shape[0] + 1)
    np.testing.assert_allclose(sine_coefficients(values, (0,)), along, atol=1e-13)


@pytest.mark.parametrize(
    "make",
    [
        lambda: jacobi(PARABOLA, 1),
        lambda: jacobi(PARABOLA, (4, 4)),
        lambda: jacobi(PARABOLA, 4.5),
        lambda: jacobi(PARABOLA, 8, damping=0),
        lambda: jacobi(PARABOLA, 8, damping=1.5),
        lambda: jacobi(PARABOLA, 8, sweeps=-1),
        lambda: jacobi(PARABOLA, 8, until=0),
        lambda: jacobi(PARABOLA, 8, initial=np.ones(8)),
        lambda: jacobi(PARABOLA, 8, initial=np.full(7, np.nan)),
        lambda: jacobi(PARABOLA, 8, initial=np.ones(7) * 1j),
        lambda: jacobi(PARABOLA, 8, modes=[0]),
        lambda: jacobi(PARABOLA, 8, modes=[8]),
        lambda: jacobi(PARABOLA, 8, modes=[1.5]),
        lambda: jacobi(PARABOLA, 100_000, at=np.arange(1000)),
        lambda: jacobi(PARABOLA, 10**9),
        lambda: Box(1, 0),
        lambda: Box(0, np.inf),
        lambda: Box([0, 0], [1]),
        lambda: Box([], []),
        lambda: Box("a", 1),
        lambda: sine_coefficients([]),
        lambda: sine_coefficients([1j]),
    ],
)
def test_bad_input_is_named(make):
    with pytest.raises(InputError):
        make()
