"""Particle swarm and random perturbation: what the formulas say, seen from the states they leave behind."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from simplebias.core.errors import InputError
from simplebias.core.schedule import every
from simplebias.core.snapshot import Measure, Record
from simplebias.core.task import Regression, Task
from simplebias.networks import TwoLayer
from simplebias.training import Perturb, Swarm, loop, train
from simplebias.training.interrupt import Interrupt

POINTS = np.linspace(-1, 1, 20)
TASK = Regression(POINTS, np.sin(4 * POINTS))
UPDATERS = {
    "swarm": Swarm(12),
    "swarm, batches": Swarm(12, batch_size=6),
    "perturb": Perturb(tries=7),
    "perturb, batches": Perturb(tries=7, batch_size=6),
}


def loss_of(weights, task):
    """The mean square of a linear network, in NumPy's float64."""
    return float(np.mean((np.asarray(task.points, float) @ weights.T - np.asarray(task.values, float)) ** 2))


@pytest.fixture
def problem(least_squares, linear_network):
    """A linear least squares problem taken apart for an updater, and its task."""
    points, values, start, *_ = least_squares
    parameters, static = eqx.partition(linear_network(start.astype(np.float32)), eqx.is_inexact_array)
    return parameters, static, Regression(points, values)


def flights(updater, problem, key, steps, velocities=None):
    """The parameters, states and losses after each step."""
    parameters, static, task = problem
    state = updater.init(parameters, task, key=key)
    if velocities is not None:
        moving = jax.tree.map(lambda leaf: jnp.full_like(leaf, velocities), state.velocities)
        state = eqx.tree_at(lambda state: state.velocities, state, moving)
    trail = [(parameters, state, None)]
    update = eqx.filter_jit(updater.update)
    for step in range(steps):
        parameters, state, loss = update(parameters, static, task, state, step=jnp.asarray(step), key=key)
        trail.append((parameters, state, loss))
    return trail


def weights(tree):
    (leaf,) = jax.tree.leaves(tree)
    return np.asarray(leaf, float)


def test_particles_start_about_the_network_and_the_first_at_it(problem, key):
    state = Swarm(4000, position_std=0.2).init(problem[0], problem[2], key=key)
    away = weights(state.positions) - weights(problem[0])
    assert (away[0] == 0).all()
    assert np.allclose(away[1:].std(axis=0), 0.2, rtol=0.06)  # five standard deviations of a std of 4000 numbers
    assert np.allclose(away[1:].mean(axis=0), 0, atol=0.016)
    assert (weights(state.velocities) == 0).all()


@pytest.mark.parametrize(("cognitive", "social"), [(1.5, 0), (0, 1.5)])
def test_velocities_are_what_the_formula_says_with_uniform_numbers(problem, key, cognitive, social):
    updater = Swarm(200, inertia=0.6, cognitive=cognitive, social=social)
    trail = flights(updater, problem, key, 4, velocities=0.2)
    drawn = []
    for (_, old, _), (_, new, _) in itertools.pairwise(trail):
        goal = weights(new.best) if cognitive else weights(new.best)[int(new.leader)]
        pull = goal - weights(old.positions)
        kick = weights(new.velocities) - 0.6 * weights(old.velocities)
        assert np.allclose(weights(new.positions), weights(old.positions) + weights(new.velocities), atol=1e-5)
        far = np.abs(pull) > 1e-2
        drawn.append(kick[far] / (1.5 * pull[far]))
        assert np.abs(kick[np.abs(pull) < 1e-7]).max(initial=0) < 1e-6
    numbers = np.concatenate(drawn)
    assert numbers.min() > -1e-3
    assert numbers.max() < 1 + 1e-3
    deciles = np.histogram(numbers, 10, (0, 1))[0] / len(numbers)
    assert np.abs(deciles - 0.1).max() < 5 * np.sqrt(0.09 / len(numbers))


def test_the_best_places_are_those_where_the_losses_were_lowest(problem, key):
    trail = flights(Swarm(15), problem, key, 12)
    losses = np.array([[loss_of(one, problem[2]) for one in weights(state.positions)] for _, state, _ in trail])
    for step, (parameters, state, before) in enumerate(trail):
        if step == 0:
            continue
        assert np.allclose(state.lowest, losses[:step].min(axis=0), rtol=1e-4)
        assert np.allclose([loss_of(one, problem[2]) for one in weights(state.best)], state.lowest, rtol=1e-4)
        assert np.isclose(loss_of(weights(parameters), problem[2]), losses[:step].min(), rtol=1e-4)
        assert np.isclose(float(before), loss_of(weights(trail[step - 1][0]), problem[2]), rtol=1e-4)


def test_a_swarm_that_nothing_pulls_rests(problem, key):
    trail = flights(Swarm(9, inertia=1, cognitive=0, social=0), problem, key, 3)
    assert all(np.array_equal(weights(trail[0][1].positions), weights(state.positions)) for _, state, _ in trail)


@pytest.mark.parametrize("updater", [Swarm(40), Perturb()], ids=["swarm", "perturb"])
def test_the_loss_never_rises_and_comes_near_the_minimum(problem, least_squares, key, updater):
    points, values, _, _, best = least_squares
    network = eqx.combine(*problem[:2])
    run = train(network, problem[2], updater=updater, steps=150, key=key)
    assert (np.diff(run.data["loss"]) <= 1e-6 * run.data["loss"][:-1].values).all()
    lowest = np.mean((points @ best.T - values) ** 2)
    assert run.data["loss"][-1] < 1.02 * lowest


def test_tries_are_normal_and_kept_only_where_lower(problem, key):
    updater = Perturb(std=0.05, tries=1)
    trail = flights(updater, problem, key, 400)
    moves = np.array([weights(b[0]) - weights(a[0]) for a, b in itertools.pairwise(trail)])[:, 0]
    kept = (moves != 0).any(axis=1)
    assert 0.05 < kept.mean() < 0.95
    losses = np.array([loss_of(weights(parameters), problem[2]) for parameters, *_ in trail])
    assert (np.diff(losses)[kept] < 1e-6).all()
    # while the slope is steep, half of the moves are kept: those on one side of a plane, half-normal along the slope
    flat = Regression(np.eye(3), np.full((3, 1), 1e3))
    steep = flights(updater, (*problem[:2], flat), key, 300)
    size = np.array([weights(b[0]) - weights(a[0]) for a, b in itertools.pairwise(steep)])[:, 0]
    taken = size[(size != 0).any(axis=1)]
    assert abs(len(taken) / 300 - 0.5) < 0.12
    along = taken.sum(axis=1) / np.sqrt(3)
    assert (along > -1e-4).all()
    assert np.isclose(np.sqrt((along**2).mean()), 0.05, rtol=0.25)


@pytest.mark.parametrize("name", ["swarm, batches", "perturb"])
def test_a_member_of_an_ensemble_is_trained_as_if_alone(name, key, linear_network):
    starts = np.array([[[0.0]], [[1.0]], [[2.0]]], np.float32)
    options = {"updater": UPDATERS[name], "steps": 9, "key": key}
    together = train(linear_network(starts), TASK, seeds=[4, 5, 6], **options)
    alone = train(linear_network(starts[1:2]), TASK, seeds=[5], **options)
    assert np.allclose(together.data["loss"].sel(seed=5), alone.data["loss"].sel(seed=5), rtol=1e-5)
    drawn = [np.asarray(run.network.args[0]).ravel() for run in (together, alone)]
    assert np.isclose(drawn[0][1], drawn[1][0], rtol=1e-4)
    assert len(np.unique(drawn[0])) == 3


class After(Interrupt):
    """Asks to stop after some blocks, as Ctrl-C does."""

    def __init__(self, blocks):
        self.blocks = blocks

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    @property
    def wanted(self):
        self.blocks -= 1
        return self.blocks < 0


@pytest.mark.parametrize("name", ["swarm, batches", "perturb, batches"])
def test_broken_off_and_resumed_it_is_the_whole_run(monkeypatch, tmp_path, name, key, linear_network):
    records = {"outputs": Record(Measure(lambda s: s.outputs, dims=("point", "output")), at=every(2))}

    def go(out, **options):
        network = linear_network([[0.0]])
        return train(network, TASK, updater=UPDATERS[name], steps=24, measures=records, key=key, out=out, **options)

    whole = go(tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(loop, "Interrupt", lambda: After(2))
        patch.setattr(loop, "BLOCK_STOPS", 4)
        broken = go(tmp_path / "run")
    assert 0 < broken.step < 24
    run = go(tmp_path / "run", resume=True)
    assert run.data.identical(whole.data)
    assert all(jax.tree.leaves(jax.tree.map(np.array_equal, run.network, whole.network)))


@pytest.mark.parametrize("name", UPDATERS)
def test_double_precision_stays_double(name, key, float64):
    x = jnp.asarray(POINTS)
    network = TwoLayer(1, 1, 4, activation="tanh", key=key)
    parameters, static = eqx.partition(network, eqx.is_inexact_array)
    updater, task = UPDATERS[name], Regression(x, jnp.sin(x))
    state = updater.init(parameters, task, key=key)
    step = lambda p, s: updater.update(p, static, task, s, step=jnp.asarray(0), key=key)
    after, state_after, loss = jax.eval_shape(step, parameters, state)
    assert loss.dtype == jnp.float64
    assert {leaf.dtype.name for leaf in jax.tree.leaves(after)} == {"float64"}
    assert [x.dtype for x in jax.tree.leaves(state_after)] == [jnp.asarray(x).dtype for x in jax.tree.leaves(state)]


@pytest.mark.parametrize("name", ["swarm", "perturb"])
def test_a_place_without_a_loss_is_never_taken(name, key):
    """The loss is NaN for half of all places: sqrt(w) - 1 for one weight w."""
    network = Partial(lambda w, x: jnp.sqrt(w) - 1 + 0 * x, jnp.asarray([0.04]))
    updater = {"swarm": Swarm(30), "perturb": Perturb(std=0.3)}[name]
    run = train(network, Regression([0.0], [0.0]), updater=updater, steps=60, key=key)
    assert np.isfinite(run.data["loss"]).all()
    assert run.data["loss"][-1] < 1e-4


def test_a_start_without_a_loss_is_said(key):
    network = Partial(lambda w, x: jnp.sqrt(w) + 0 * x, jnp.asarray([-4.0]))
    run = train(network, Regression([0.0], [0.0]), updater=Swarm(5), steps=3, key=key, throw=False)
    assert int(run.data["diverged_at"]) == 0


class Drawn(Task):
    """Fits a constant to points drawn anew by every key."""

    @property
    def size(self):
        return 4

    @property
    def probe(self):
        return jnp.zeros((1, 1))

    def batch(self, rows, *, key):
        return jax.random.normal(key, (4, 1))

    def loss(self, network, batch, *, key):
        return jnp.mean((jax.vmap(network)(batch)[:, 0] - batch[:, 0]) ** 2)


def test_losses_of_a_swarm_are_compared_on_the_same_draws(key):
    """Else the luckiest draw would be taken for the best place, and the lowest loss would fall below the minimum."""
    constant = Partial(lambda w, x: w, jnp.asarray([0.5]))
    *_, (parameters, state, _) = flights(Swarm(20), (*eqx.partition(constant, eqx.is_inexact_array), Drawn()), key, 60)
    _, always, *_ = jax.random.split(key, 4)
    points = Drawn().batch(None, key=jax.random.split(always)[0])
    assert np.isclose(float(state.lowest.min()), float(jnp.var(points)), rtol=1e-3)
    assert np.isclose(weights(parameters)[0], float(points.mean()), atol=1e-2)


def test_complex_parameters_fly_too(key):
    network = Partial(lambda c, x: jnp.abs(c[0] - (0.3 + 0.2j)) ** 2 + 0 * x, jnp.asarray([0.0 + 0.0j]))
    for updater in (Swarm(30), Perturb(std=0.1)):
        run = train(network, Regression([0.0], [0.0]), updater=updater, steps=60, key=key)
        assert abs(complex(run.network.args[0][0]) - (0.3 + 0.2j)) < 0.05


@pytest.mark.parametrize(
    "make",
    [
        lambda: Swarm(0),
        lambda: Swarm(2.5),
        lambda: Swarm(inertia=-1),
        lambda: Swarm(cognitive=float("nan")),
        lambda: Swarm(social=float("inf")),
        lambda: Swarm(position_std=0),
        lambda: Swarm(batch_size=0),
        lambda: Perturb(0),
        lambda: Perturb(tries=0),
        lambda: Perturb(batch_size=-3),
    ],
)
def test_numbers_out_of_range_are_refused(make):
    with pytest.raises((InputError, TypeError)):
        make()
