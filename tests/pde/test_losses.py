"""Losses against integrals done by hand, hard and soft boundaries, and what must be refused."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.integrate

from simplebias.core import InputError, Record, Regression, Sobolev
from simplebias.core.snapshot import take_snapshot
from simplebias.networks import MLP, MultiScale, TwoLayer
from simplebias.pde import (
    Ball,
    Box,
    Difference,
    Elliptic,
    HardBoundary,
    Helmholtz,
    Lattice,
    Poisson,
    Residual,
    Ritz,
    poisson_tones,
    sine_error_measure,
    sine_series,
    square_with_discs,
    staged_weight,
)
from simplebias.training import train

ROUND = Poisson(
    Box([0, 0], [1, 2]),
    lambda x: -2 * (x[1] * (x[1] - 2)) - 2 * (x[0] * (x[0] - 1)),
    exact=lambda x: x[0] * (x[0] - 1) * x[1] * (x[1] - 2),
)


def centres(box, count):
    inner = [low + side * (np.arange(count) + 0.5) / count for low, side in zip(box.low, box.sides, strict=True)]
    return np.stack(np.meshgrid(*inner, indexing="ij"), axis=-1).reshape(-1, box.inputs)


@eqx.filter_jit
def compiled(task, network, key):
    return task.loss(network, task.batch(None, key=key), key=key)


def loss(task, network, key):
    return float(compiled(task, network, key))


def exact(problem):
    return lambda x: jnp.atleast_1d(problem.exact(x))


@pytest.mark.parametrize("problem", [poisson_tones(), ROUND])
def test_the_exact_solution_has_no_residual_and_meets_the_boundary(float64, key, problem):
    task = Residual(problem, centres(problem.box, 9), boundary_weight=7)
    assert loss(task, exact(problem), key) < 1e-20


def test_the_tones_solve_their_equation(float64):
    """By hand: -u'' of each tone is its coefficient times its frequency squared."""
    x = np.linspace(-1, 1, 41)
    source = np.sin(x) + 4 * np.sin(4 * x) - 8 * np.sin(8 * x) + 16 * np.sin(24 * x)
    np.testing.assert_allclose(poisson_tones().source_values(x)[:, 0], source, atol=1e-13)
    free = lambda t: np.sin(t) + np.sin(4 * t) / 4 - np.sin(8 * t) / 8 + np.sin(24 * t) / 36
    c0, c1 = -(free(-1) + free(1)) / 2, (free(-1) - free(1)) / 2
    np.testing.assert_allclose(poisson_tones().exact_values(x)[:, 0], free(x) + c1 * x + c0, atol=1e-14)


def test_the_energy_is_its_integral_and_smallest_at_the_solution(float64, key):
    problem = poisson_tones()
    task = Ritz(problem, centres(problem.box, 4000), boundary="hard")
    u = lambda x: float(problem.exact(jnp.array([x])))
    expected = -0.5 * scipy.integrate.quad(lambda x: u(x) * float(problem.source(jnp.array([x]))), -1, 1, limit=200)[0]
    solved = loss(task, exact(problem), key)
    assert solved == pytest.approx(expected, rel=1e-5)  # ½∫u'² = ½∫fu at the solution
    for push in (0.1, -0.1):
        pushed = lambda x, push=push: exact(problem)(x) + push * (1 - x**2) * jnp.cos(3 * x)
        assert loss(task, pushed, key) > solved


def test_a_soft_boundary_has_the_floor_of_the_formula(float64, key):
    """For -u'' = 2 on (0, 1) the energy with β is smallest for `u = x(1 - x) + 1/2β`: u = -∂_n u / 2β there."""
    problem, beta = Poisson(Box(0, 1), lambda x: 2.0 + 0 * x[0]), 5.0
    task = Ritz(problem, centres(problem.box, 200), boundary_weight=beta)
    push = lambda shift, x: x * (1 - x) + shift
    shifted = lambda shift: loss(task, jax.tree_util.Partial(push, jnp.asarray(shift)), key)
    shifts = np.linspace(0, 0.3, 61)
    assert shifts[np.argmin([shifted(s) for s in shifts])] == pytest.approx(1 / (2 * beta))
    assert shifted(0.3) - shifted(0.1) == pytest.approx(2 * beta * (0.3**2 - 0.1**2) - 2 * 0.2)


def test_the_term_of_nitsche_takes_the_floor_away(float64, key):
    """The same with `- ∂_n u (u - g)`: what the energy wins by a shift s is paid at the ends, and `2 β s²` is left."""
    problem, beta = Poisson(Box(0, 1), lambda x: 2.0 + 0 * x[0]), 5.0
    task = Ritz(problem, centres(problem.box, 200), boundary="nitsche", boundary_weight=beta)
    shifted = lambda shift: loss(task, lambda x: x * (1 - x) + shift, key)
    for shift in (-0.2, 0.1):
        assert shifted(shift) - shifted(0.0) == pytest.approx(2 * beta * shift**2)
    assert loss(task.reweighted(2 * beta), lambda x: x * (1 - x) + 0.1, key) - shifted(0.0) == pytest.approx(0.2)


@pytest.mark.parametrize("domain", [square_with_discs(), Ball([0, 0, 0], 1), Difference(Box(0, 3), Box(1, 2))])
def test_on_any_domain_the_exact_solution_has_no_residual(float64, key, domain):
    exact = lambda x: jnp.sum(x**2) + x[0]
    problem = Poisson(domain, lambda x: -2.0 * x.shape[0] + 0 * x[0], boundary=exact, exact=exact)
    task = Residual(problem, count=64, key=key, resample=True)
    batch = task.batch(None, key=key)
    rows = task.residuals(exact, batch, key=key)
    assert rows.shape == (64 + {1: 4, 2: 64, 3: 64}[domain.inputs],)
    assert float(jnp.abs(rows).max()) < 1e-12
    moved = task.residuals(lambda x: exact(x) + 1, batch, key=key)  # β |∂Ω| is the mean square of the source
    assert float(jnp.sum(moved**2)) == pytest.approx((2.0 * domain.inputs) ** 2)
    assert float(task.loss(lambda x: exact(x) + 1, batch, key=key)) == pytest.approx(float(jnp.sum(moved**2)))


def test_each_step_has_a_block_of_the_pool(float64, key):
    problem = Poisson(square_with_discs(), lambda x: x[0])
    task = Ritz(problem, count=256, boundary_count=64, key=key, resample=True)
    draw = jax.jit(lambda key: task.batch(None, key=key))
    one, same, other = (draw(jax.random.key(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.points, same.points)
    assert one.points.shape == task.probe.shape == (256, 2)
    assert not np.array_equal(one.points, other.points)
    assert not np.array_equal(one.edge.points, other.edge.points)
    assert problem.domain.contains(one.points).all()
    assert np.abs(jax.vmap(problem.domain.signed_distance)(one.edge.points)).max() < 1e-12
    assert task.batch(jnp.arange(10), key=key).points.shape == (10, 2)
    means = [float(draw(jax.random.key(seed)).points[:, 0].mean()) for seed in range(8)]
    whole = float(task.pool.points[:, 0].mean())
    assert np.abs(np.array(means) - whole).max() < 0.02  # independent points: 0.036 is one standard deviation


def test_a_network_that_cannot_be_looked_at_so_is_refused(key):
    jumps = Elliptic(Box(0, 1), lambda x: x[0], diffusion=lambda x: jnp.where(x[0] < 0.5, 1.0, 2.0), smooth=False)
    with pytest.raises(InputError, match=r"do not jump.*Ritz"):
        Residual(jumps, [0.5])
    with pytest.raises(InputError, match=r"energy.*Helmholtz.*Residual"):
        Ritz(Helmholtz(Box(0, 1), lambda x: x[0], wavenumber=3), [0.5])
    hats = MultiScale(1, 1, 12, 1, activation="srelu", key=key)
    with pytest.raises(InputError, match=r"derivative of order 2.*srelu"):
        loss(Residual(poisson_tones(), [0.5]), hats, key)
    assert np.isfinite(loss(Ritz(poisson_tones(), [0.5]), hats, key))


def test_the_boundary_term_is_an_integral_over_faces_of_any_length(float64, key):
    box = Box([0, 0], [1, 3])
    problem = Poisson(box, lambda x: 0 * x[0], boundary=lambda x: 0 * x[0])
    whole = Ritz(problem, centres(box, 2), boundary_weight=2, boundary_count=2000)
    without = Ritz(problem, centres(box, 2), boundary="hard")
    with_one = loss(whole, lambda x: x[:1] ** 2, key) - loss(without, lambda x: x[:1] ** 2, key)
    # u = x²: 0 on the left face, 1 on the right one (length 3), x² on the two of length 1
    assert with_one == pytest.approx(2 * (3 + 2 / 5), rel=1e-4)
    weights = box.boundary_weights(400)
    assert float(weights.sum()) == pytest.approx(1)
    assert box.boundary_points(400).shape == (1600, 2)
    assert Box(0, 1).boundary_points(5).ravel().tolist() == [0, 1]


def test_a_hard_boundary_is_exact_and_lets_lift_through(float64, key):
    network = MLP(2, 1, 8, 2, key=key)
    box = Box([0, 0], [1, 2])
    hard = HardBoundary(network, box, lift=lambda x: x[0] + x[1])
    edge = box.boundary_points(5)
    np.testing.assert_allclose(jax.vmap(hard)(edge)[:, 0], edge.sum(axis=1), atol=1e-15)
    inside = jnp.array([0.25, 0.5])
    np.testing.assert_allclose(hard(inside), 0.75 * 0.75 * network(inside) + 0.75)  # 4·¼·¾ and ½·1½
    ball = HardBoundary(network, factor=lambda x: 1 - jnp.sum(x**2))
    np.testing.assert_allclose(ball(jnp.array([0.6, 0.8])), 0, atol=1e-15)
    assert len(hard.neurons()) == 2
    with pytest.raises(InputError):
        HardBoundary(network)


@pytest.mark.parametrize("wrap", [lambda n: n, lambda n: HardBoundary(n, Box(-1, 1))])
def test_relu_is_refused_by_the_residual_and_taken_by_the_energy(key, wrap):
    network = wrap(TwoLayer(1, 1, 4, activation="relu", key=key))
    points = Lattice(Box(-1, 1), 8).points
    assert np.isfinite(loss(Ritz(poisson_tones(), points, boundary="hard"), network, key))
    with pytest.raises(InputError, match=r"derivative of order 2.*relu"):
        loss(Residual(poisson_tones(), points, boundary="hard"), network, key)


def test_derivatives_are_weighted_as_said(float64, key):
    """For an error `a sin(ωx)` on whole periods: energy ½·a²ω²/2·|Ω|, squared residual a²ω⁴/2."""
    flat = Poisson(Box(0, 2), lambda x: 0 * x[0])
    points = centres(flat.box, 200)
    for k in (1, 3):
        omega = np.pi * k
        wave = lambda x, w=omega: 0.1 * jnp.sin(w * x)
        assert loss(Ritz(flat, points, boundary="hard"), wave, key) == pytest.approx(0.5 * 0.01 * omega**2, rel=1e-9)
        assert loss(Residual(flat, points, boundary="hard"), wave, key) == pytest.approx(0.005 * omega**4, rel=1e-9)


def test_a_network_that_drops_neurons_gets_its_key(key):
    network = HardBoundary(MLP(1, 1, 16, 1, dropout=0.5, key=key), Box(-1, 1))
    points = Lattice(Box(-1, 1), 8).points
    for task in (Ritz(poisson_tones(), points, boundary="nitsche"), Residual(poisson_tones(), points, boundary="hard")):
        one, same, other = (loss(task, network, jax.random.key(seed)) for seed in (0, 0, 1))
        assert one == same != other


def test_a_network_learns_a_problem_by_energy_and_by_residual(key):
    problem = Poisson(Box(-1, 1), lambda x: jnp.pi**2 * jnp.sin(jnp.pi * x[0]), exact=lambda x: jnp.sin(jnp.pi * x[0]))
    lattice = Lattice(problem.box, 64)  # with few points the energy between them is free
    target = problem.exact_values(lattice.points)
    measures = {"relative_error": Record(sine_error_measure(lattice, target), at=[0, 400])}
    for kind in (Ritz, Residual):
        task = kind(problem, lattice.points, boundary="hard")
        network = HardBoundary(MLP(1, 1, 20, 1, key=key), problem.box)
        run = train(network, task, updater=optax.adam(1e-2), steps=400, measures=measures, key=key, progress=False)
        assert run.data["frequency"].values.tolist() == [0.5]
        before, after = run.data["relative_error"].values[:, 0]
        assert before > 0.5
        assert after < 0.05


def test_sine_errors_are_those_of_the_modes(float64):
    lattice = Lattice(Box([0, 0], [1, 2]), (6, 8))
    amplitudes = np.zeros(lattice.shape)
    amplitudes[0, 0], amplitudes[2, 1] = 1.0, 0.5
    target = np.asarray(sine_series(amplitudes))
    measure = sine_error_measure(lattice, target.ravel())
    assert len(measure.coords["frequency"]) == 2
    amplitudes[2, 1] = 0.6
    amplitudes[4, 4] = 3.0  # not in the target: not looked at
    outputs = np.asarray(sine_series(amplitudes)).reshape(-1, 1)
    table = {tuple(x): v for x, v in zip(lattice.points.round(9).tolist(), outputs[:, 0], strict=True)}
    snapshot = take_snapshot(lambda x: x, jnp.asarray(outputs))
    assert len(table) == 35
    np.testing.assert_allclose(measure(snapshot), [0, 0.2], atol=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Ritz(poisson_tones(), []),
        lambda: Ritz(poisson_tones(), [[0.0, 0.0]]),
        lambda: Ritz(poisson_tones(), [2.0]),
        lambda: Residual(poisson_tones(), [np.nan]),
        lambda: Residual(poisson_tones(), [0.0], boundary_weight=-1),
        lambda: Residual(poisson_tones(), [0.0], boundary="hard", boundary_weight=1),
        lambda: Residual(poisson_tones(), count=8),
        lambda: Ritz(poisson_tones(), [0.0], resample=True, key=jax.random.key(0)),
        lambda: Ritz(poisson_tones(), count=0, key=jax.random.key(0)),
        lambda: staged_weight(0, 0.5),
        lambda: Poisson(Box(0, 1), lambda x: x),
        lambda: Poisson(Box(0, 1), lambda x: x[0] + x[3:].reshape(5)),
        lambda: Ritz(Poisson(Box(-1, 1), lambda x: jnp.log(x[0] - 3)), [0.0]),
        lambda: Poisson(Box(0, 1), lambda x: x[0]).exact_values([0.5]),
        lambda: sine_error_measure(Lattice(Box(0, 1), 4), np.zeros(3)),
        lambda: sine_error_measure(Lattice(Box(0, 1), 4), np.ones(4)),
        lambda: loss(Ritz(poisson_tones(), [0.0]), lambda x: jnp.ones(2), jax.random.key(0)),
        lambda: loss(Residual(poisson_tones(), [0.0], boundary_weight=1), lambda x: jnp.ones(2), jax.random.key(0)),
    ],
)
def test_bad_input_is_named(make):
    with pytest.raises(InputError):
        make()


def test_sobolev_of_no_weight_is_the_data_loss(key):
    """Ties the third kind of loss to the others: λ = 0 is Regression."""
    x = np.linspace(-1, 1, 9)
    network = MLP(1, 1, 8, 1, key=key)
    plain, none = Regression(x, x**2), Sobolev(x, x**2, [2 * x], weights=0.0)
    assert loss(plain, network, key) == pytest.approx(loss(none, network, key))
