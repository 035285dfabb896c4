"""Gauss-Newton: exact on linear problems, the matrix by its definition, and the order of its steps."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from jax.tree_util import Partial

from simplebias.core.errors import InputError, Outcome
from simplebias.core.task import Classification, Regression, task_loss
from simplebias.core.terms import Term, terms_loss
from simplebias.networks import TwoLayer
from simplebias.training import GaussNewton, least_squares, resume, state, train
from simplebias.training.least_squares import curvature

pytestmark = pytest.mark.usefixtures("float64")
POINTS = np.linspace(-1, 1, 40)
WAVE = Regression(POINTS, np.sin(3 * POINTS))


class Exponential(Regression):
    """Rows of `exp(w) - 1`, of a network that gives w; its root is 0."""

    def terms(self, batch):
        root = lambda network, row: jnp.exp(network(row[0])) - 1
        return (Term(root, lambda row, z: jnp.sum(z**2), batch),)


def small(key):
    return TwoLayer(1, 1, 6, activation="tanh", key=key, dtype="float64")


def test_one_step_solves_a_linear_problem(linear_network, key):
    random = np.random.default_rng(7)
    points, values = random.normal(size=(12, 3)), random.normal(size=(12, 1))
    updater = GaussNewton(damping=1e-13)
    run = train(
        linear_network(random.normal(size=(1, 3))), Regression(points, values), updater=updater, steps=1, key=key
    )
    best = np.linalg.lstsq(points, values, rcond=None)[0].T
    np.testing.assert_allclose(run.network.args[0], best, rtol=1e-10)


@pytest.mark.parametrize("rows", [4096, 7])
def test_gradient_and_matrix_are_those_of_their_definition(rows, key, monkeypatch):
    monkeypatch.setattr(least_squares, "BLOCK_ROWS", rows)
    parameters, static = eqx.partition(small(key), eqx.is_inexact_array)
    flat, unravel = ravel_pytree(parameters)
    rebuilt = lambda vector: eqx.combine(unravel(vector), static)
    found = jax.jit(lambda vector: curvature(WAVE.terms((WAVE.points, WAVE.values)), rebuilt, vector))(flat)
    loss, gradient = jax.jit(jax.value_and_grad(lambda vector: task_loss(rebuilt(vector), WAVE)))(flat)
    jacobian = jax.jit(jax.jacfwd(lambda vector: jax.vmap(rebuilt(vector))(WAVE.points).ravel()))(flat)
    np.testing.assert_allclose(found.loss, loss, rtol=1e-12)
    np.testing.assert_allclose(found.gradient, gradient, atol=1e-14)
    np.testing.assert_allclose(found.matrix, 2 / len(POINTS) * jacobian.T @ jacobian, atol=1e-13)


def test_an_energy_of_several_outputs_has_the_matrix_of_its_second_derivatives(key):
    weights = jnp.asarray(np.random.default_rng(1).normal(size=6))
    bend = jnp.array([[2.0, -1.0], [-1.0, 3.0]])
    rows = jnp.asarray(np.random.default_rng(2).normal(size=(5, 2, 6)))
    term = Term(lambda network, row: row @ network(0), lambda row, z: 0.5 * z @ bend @ z - z[0], rows)
    rebuilt = lambda vector: lambda _: vector
    found = jax.jit(lambda vector: curvature((term,), rebuilt, vector))(weights)
    energy = lambda vector: terms_loss((term,), rebuilt(vector))
    np.testing.assert_allclose(found.gradient, jax.jit(jax.grad(energy))(weights), atol=1e-13)
    np.testing.assert_allclose(found.matrix, jax.jit(jax.hessian(energy))(weights), atol=1e-13)


def step_of(points, values, weights, **options):
    """What a first step adds to the weights of `w · x`."""
    network = Partial(lambda weight, x: weight @ x, jnp.asarray(weights)[None])
    parameters, static = eqx.partition(network, eqx.is_inexact_array)
    task, updater, key = Regression(points, values), GaussNewton(**options), jax.random.key(0)
    state = updater.init(parameters, task, key=key)
    after, _, _ = updater.update(parameters, static, task, state, step=jnp.asarray(0), key=key)
    return np.asarray(after.args[0][0] - weights)


@pytest.mark.parametrize("balance", [0, 0.25, 1])
def test_each_parameter_is_damped_by_its_balanced_curvature(balance):
    random = np.random.default_rng(3)
    points, values = random.normal(size=(20, 4)) * [1, 10, 100, 1000], random.normal(size=20)
    weights = 1e-3 * random.normal(size=4)
    matrix, force = 2 / 20 * points.T @ points, 2 / 20 * points.T @ (values - points @ weights)
    mean = np.trace(matrix) / 4
    held = [mean * max(matrix[one, one] / mean, 1e-6) ** balance for one in range(4)]
    wanted = np.linalg.solve(matrix + 0.3 * np.diag(held), force)
    found = step_of(points, values[:, None], weights, damping=0.3, balance=balance)
    np.testing.assert_allclose(found, wanted, rtol=1e-8)


def test_damped_by_its_own_curvature_a_parameter_has_no_unit():
    random = np.random.default_rng(4)
    points, values, unit = random.normal(size=(20, 3)), random.normal(size=(20, 1)), np.array([1.0, 20.0, 0.1])
    weights = random.normal(size=3)
    usual, scaled = (step_of(points * one, values, weights / one, balance=1) for one in (np.ones(3), unit))
    np.testing.assert_allclose(scaled * unit, usual, rtol=1e-8)
    usual, scaled = (step_of(points * one, values, weights / one, balance=0) for one in (np.ones(3), unit))
    assert abs(scaled * unit - usual).max() > 1e-3 * abs(usual).max()


def test_a_parameter_without_effect_stays():
    found = step_of([[1.0, 0.0], [2.0, 0.0]], [[1.0], [1.0]], np.array([0.0, 5.0]), balance=1)
    assert found[1] == 0
    assert found[0] > 0


@pytest.mark.parametrize(("acceleration", "order"), [(False, 2), (True, 3)])
def test_order_of_a_step(acceleration, order, key):
    updater, errors = GaussNewton(damping=1e-14, acceleration=acceleration), []
    for start in (0.02, 0.01):
        network = Partial(lambda weight, x: weight, jnp.array([start]))
        run = train(network, Exponential(jnp.zeros((2, 1)), jnp.zeros((2, 1))), updater=updater, steps=1, key=key)
        errors.append(abs(float(run.network.args[0][0])))
    assert abs(np.log2(errors[0] / errors[1]) - order) < 0.1


def test_the_loss_never_rises_and_the_run_stops_where_rounding_decides(least_squares, linear_network, key):
    points, values, start, *_ = least_squares
    run = train(linear_network(start), Regression(points, values), updater=GaussNewton(), steps=200, key=key)
    losses = run.data["loss"].values
    assert (np.diff(losses) <= 4 * np.finfo(losses.dtype).eps * losses[:-1]).all()  # sums of two programs differ
    assert run.outcome == Outcome.STOPPED


def test_a_run_is_resumed_as_if_it_had_not_been_broken_off(tmp_path, key):
    options = {"updater": GaussNewton(), "steps": 12, "key": key}
    whole = train(small(key), WAVE, **options)
    assert (np.diff(whole.data["loss"].values) < 0).all()
    part = train(small(key), WAVE, out=tmp_path / "run", seconds=1e-9, **options)
    assert part.outcome == Outcome.INTERRUPTED
    assert part.step < 12
    rest = resume(tmp_path / "run", small(key), WAVE, updater=GaussNewton(), steps=12, key=key)
    assert whole.data.identical(rest.data)


def test_which_program_takes_a_step_depends_on_its_number_alone(tmp_path, key, monkeypatch):
    monkeypatch.setattr(state, "saves", lambda: True)  # also where tests are compiled with flags of their own
    monkeypatch.setattr(state, "FIRST_STEPS", (5, 5))
    taken = {"_at_first": [], "_quickly": []}
    for name, steps in taken.items():
        program = getattr(state, name)

        def noted(plan, members, fixed, step, stops, due, program=program, steps=steps):
            steps.append((int(step), int(stops.max())))
            return program(plan, members, fixed, step, stops, due)

        monkeypatch.setattr(state, name, noted)
    options = {"updater": GaussNewton(), "steps": 12, "key": key}
    whole = train(small(key), WAVE, **options)
    train(small(key), WAVE, out=tmp_path / "run", seconds=1e-9, **options)
    rest = resume(tmp_path / "run", small(key), WAVE, **options)
    assert whole.data.identical(rest.data)
    assert all(last <= 5 for _, last in taken["_at_first"])
    assert all(first >= 5 for first, _ in taken["_quickly"])
    assert max(last for _, last in taken["_quickly"]) == 12


def test_single_precision_stays_single(key):
    network = TwoLayer(1, 1, 6, activation="tanh", key=key, dtype="float32")
    parameters, static = eqx.partition(network, eqx.is_inexact_array)
    task = Regression(POINTS.astype(np.float32), np.sin(POINTS).astype(np.float32))
    updater = GaussNewton()
    step = lambda state: updater.update(parameters, static, task, state, step=jnp.asarray(0), key=key)
    after = jax.eval_shape(step, updater.init(parameters, task, key=key))
    assert {leaf.dtype.name for leaf in jax.tree.leaves(after)} == {"float32", "bool"}


def test_what_cannot_be_used_is_named(key):
    with pytest.raises(InputError, match="sum of terms"):
        train(small(key), Classification([[0.0], [1.0]], [0, 1]), updater=GaussNewton(), steps=1, key=key)
    with pytest.raises(InputError, match="damping"):
        GaussNewton(damping=0)
    for balance in (-0.1, 1.5, np.nan):
        with pytest.raises(InputError, match="balance"):
            GaussNewton(balance=balance)
    with pytest.raises(InputError, match="seconds"):
        train(small(key), WAVE, steps=1, seconds=0, key=key)
    with pytest.warns(UserWarning, match="10 rows for 18 parameters"):
        train(small(key), Regression(POINTS[:10], POINTS[:10]), updater=GaussNewton(), steps=1, key=key)
