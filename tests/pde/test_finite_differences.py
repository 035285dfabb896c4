"""Discrete equations against a second way to solve them, convergence of second order, and multigrid at one pace."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core import InputError
from simplebias.pde import (
    Ball,
    Box,
    Elliptic,
    Helmholtz,
    LatticeSolution,
    PLaplacian,
    Poisson,
    finite_differences,
    multigrid,
    solve_direct,
)
from simplebias.pde.finite_differences import FACTORS


def wave(x):
    return jnp.sin(2 * jnp.sum(x))


def diffusion(x):
    return 1 + 3 * x[0] ** 2


def rough(inputs):
    """Solved by `wave`, with coefficients that vary."""

    def source(x):
        slope = 2 * jnp.cos(2 * jnp.sum(x))
        return (4 * inputs * diffusion(x) + 1 + x[0]) * wave(x) - 6 * x[0] * slope

    box = Box([0] * inputs, [1, 1.5, 0.8][:inputs])
    return Elliptic(box, source, diffusion=diffusion, reaction=lambda x: 1 + x[0], boundary=wave, exact=wave)


@pytest.mark.parametrize(("inputs", "intervals"), [(1, 20), (2, 10), (3, 8)])
def test_errors_are_of_second_order_anywhere_in_the_box(inputs, intervals):
    problem = rough(inputs)
    points = np.asarray(problem.domain.sample(200, key=jax.random.key(0)), float)
    with jax.enable_x64(True):
        exact = np.asarray(problem.exact_values(points))
    found = [finite_differences(problem, count).values(points) for count in (intervals, 2 * intervals)]
    coarse, fine = (np.sqrt(np.mean((one - exact) ** 2)) for one in found)
    assert np.log2(coarse / fine) == pytest.approx(2, abs=0.25)
    assert fine < 0.01


@pytest.mark.parametrize("intervals", [(9, 5), (4, 3, 5)])
def test_sine_transforms_and_sparse_factors_agree(intervals):
    box = Box([0] * len(intervals), [1, 2, 1.5][: len(intervals)])
    options = {"boundary": lambda x: jnp.cos(jnp.sum(x))}
    source = lambda x: jnp.exp(x[0]) * (1 + jnp.sum(x**2))
    fast = Elliptic(box, source, diffusion=2.0, reaction=-1.5, **options)
    slow = Elliptic(box, source, diffusion=lambda x: 2.0 + 0 * x[0], reaction=lambda x: -1.5 + 0 * x[0], **options)
    np.testing.assert_allclose(solve_direct(fast, intervals), solve_direct(slow, intervals), rtol=1e-11)


def test_many_unknowns_are_solved_over_multigrid(monkeypatch):
    factors = solve_direct(rough(3), 8)
    monkeypatch.setitem(FACTORS, 3, 10)
    np.testing.assert_allclose(solve_direct(rough(3), 8), factors, rtol=1e-10, atol=1e-12)


def test_between_the_points_cubics_are_exact():
    cubic = lambda x, y: 1 + x**3 - 2 * x * y**2 + x**2 * y**3
    box = Box([0, -1], [1, 1])
    nodes = np.meshgrid(np.linspace(0, 1, 6), np.linspace(-1, 1, 8), indexing="ij")
    solution = LatticeSolution(box, cubic(*nodes))
    points = np.random.default_rng(0).uniform([0, -1], [1, 1], (50, 2))
    np.testing.assert_allclose(solution.values(points)[:, 0], cubic(*points.T), atol=1e-13)
    np.testing.assert_allclose(solution.values([[0, -1], [1, 1]])[:, 0], cubic(*np.array([[0, -1], [1, 1]]).T))
    slope = jax.grad(lambda x: solution(x)[0])(jnp.array([0.3, 0.2]))
    np.testing.assert_allclose(slope, [3 * 0.3**2 - 2 * 0.2**2 + 2 * 0.3 * 0.2**3, -4 * 0.06 + 3 * 0.09 * 0.04], 1e-4)
    few = LatticeSolution(Box(0, 1), np.array([0.0, 0.25, 1.0]))
    np.testing.assert_allclose(few.values([0.3]), [[0.09]])


def test_waves_of_negative_reaction_are_solved_but_not_at_resonance():
    exact = lambda x: jnp.sin(5 * x[0])
    problem = Helmholtz(Box(0, 1), lambda x: 9 * exact(x), wavenumber=4, boundary=exact, exact=exact)
    with jax.enable_x64(True):
        np.testing.assert_allclose(solve_direct(problem, 400)[199], np.sin(2.5), rtol=1e-3)
        value = (2 - 2 * np.cos(np.pi / 8)) * 64 * 2  # of mode (1, 1)
    resonant = Helmholtz(Box([0, 0], [1, 1]), lambda x: x[0], wavenumber=float(np.sqrt(value)))
    with pytest.raises(InputError, match="resonance"):
        solve_direct(resonant, 8)


@pytest.mark.parametrize("make", [rough, lambda inputs: Poisson(Box([0] * inputs, [1] * inputs), lambda x: x[0])])
def test_multigrid_falls_alike_on_every_lattice(make):
    rates = []
    for count in (12, 36):
        data = multigrid(make(2), count, cycles=8, modes=[[1, 1], [count // 2, 3]])
        error = data["error"].values
        rates.append((error[7] / error[2]) ** 0.2)
        assert (np.abs(data["mode_error"].values[8]) < 1e-4 * error[0]).all()
    assert max(rates) < 0.2
    assert 5 <= data.attrs["work"] < 15


def test_multigrid_stops_and_starts_where_it_is_told():
    problem = rough(2)
    target = solve_direct(problem, 16)
    data = multigrid(problem, 16, initial=target + 1e-3, until=1e-6, solution=target)
    assert data["error"].values[0] == pytest.approx(1e-3)
    assert int(data["stopped_at"]) == data["step"].values[-1]
    assert data["error"].values[-1] <= 1e-6 < data["error"].values[-2]
    np.testing.assert_allclose(data["final"], target, atol=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda: solve_direct(PLaplacian(Box(0, 1), lambda x: x[0], exponent=3), 8),
        lambda: solve_direct(Poisson(Ball([0, 0], 1), lambda x: x[0]), 8),
        lambda: finite_differences(rough(2), (4, 4, 4)),
        lambda: multigrid(rough(1), 8, cycles=-1),
        lambda: multigrid(rough(1), 8, until=0),
        lambda: multigrid(rough(1), 8, initial=np.ones(8)),
    ],
)
def test_bad_input_is_named(make):
    with pytest.raises(InputError):
        make()
