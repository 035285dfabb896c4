"""The normalised flow: independent integrations, the length of its steps, what it keeps, and what it refuses."""

import dataclasses
import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree
from scipy.integrate import solve_ivp

from simplebias.core.errors import InputError
from simplebias.core.task import Classification, Regression
from simplebias.networks import MLP, AntiSymmetric, ResNet, TwoLayer
from simplebias.training import Gradient, NormalisedFlow, train

X = np.array([-0.5, -1 / 6, 1 / 6, 0.5])
Y = X**2


def network(rule, key, width=20, **options):
    return TwoLayer(1, 1, width, activation="relu", initialisation=rule, key=key, **options)


def parts(net):
    """w, b, a as NumPy, and the multiplier of the output."""
    return np.asarray(net.layers[0].weight)[:, 0], np.asarray(net.layers[0].bias), np.asarray(net.layers[1].weight)[0]


def change(run):
    first, last = (np.concatenate(parts(net)[:2]) for net in (run.initial, run.network))
    return np.linalg.norm(last - first) / np.linalg.norm(first)


@pytest.mark.usefixtures("float64")
def test_it_arrives_where_scipy_arrives(key):
    net = network("phase:1.2,0.2", key)
    task, steps = Regression(X, Y), 300  # longer, and kinks chatter at the points, which takes SciPy long
    updater = NormalisedFlow(0.02, 0.002)
    parameters, static = eqx.partition(net, eqx.is_inexact_array)

    def go(carry, _):
        state, time = carry
        state, time, _ = updater.update(state, static, task, time, step=jnp.asarray(0), key=key)
        return (state, time), None

    (parameters, time), _ = jax.lax.scan(go, (parameters, updater.init(parameters, task, key=key)), length=steps)
    w, b, a = parts(net)
    s = net.layers[1].multiplier

    def slope(_, state):
        w, b, a = np.split(state, 3)
        active = np.maximum(np.outer(X, w) + b, 0)
        error = s * active @ a - Y
        on = (active > 0) * s * a
        return -np.concatenate([(error @ (on * X[:, None])), error @ on, error @ (s * active)]) / len(X)

    exact = solve_ivp(slope, (0, float(time)), np.concatenate([w, b, a]), rtol=1e-6, atol=1e-8).y[:, -1]
    reached = np.concatenate(parts(eqx.combine(parameters, static)))
    moved = np.linalg.norm(exact - np.concatenate([w, b, a]))
    assert moved > 0.5
    assert np.linalg.norm(reached - exact) < 0.02 * moved


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("gamma", [0.5, 1.75])
def test_only_gamma_and_gamma_prime_matter(key, gamma):
    """α, β1, β2 with the same κ and κ' give the same relative change in the same number of steps."""
    net = network(f"phase:{gamma},0", key, width=100)
    runs = []
    for beta in (1.0, 0.1):  # a and w both `beta` times as large; α follows so that κ stays
        scaled = jax.tree.map(lambda leaf, beta=beta: beta * leaf, net)
        last = eqx.tree_at(lambda n: n.layers[1], scaled, _with_multiplier(scaled.layers[1], 1 / beta**2))
        runs.append(train(last, Regression(X, Y), updater=NormalisedFlow(), steps=3000, until=1e-6, key=key))
    assert [run.outcome.name for run in runs] == ["STOPPED"] * 2
    assert int(runs[0].data["stopped_at"]) == int(runs[1].data["stopped_at"])
    assert change(runs[0]) == pytest.approx(change(runs[1]), rel=1e-6)


def _with_multiplier(layer, factor):
    return type(layer)(layer.weight, layer.bias, layer.multiplier * factor, layer.bias_multiplier)


def conserved(net):
    """Of every hidden neuron of a ReLU network, what goes out less what comes in, and what goes out, as squares."""
    kept, squares = [], []
    for layer, following in zip(net.layers[:-1], net.layers[1:], strict=True):
        squares.append(np.sum(np.asarray(following.weight) ** 2, axis=0))
        kept.append(squares[-1] - np.sum(np.asarray(layer.weight) ** 2, axis=1) - np.asarray(layer.bias) ** 2)
    return np.concatenate(kept), np.concatenate(squares)


def violation(net, updater, steps, key):
    run = train(net, Regression(X, Y), updater=updater, steps=steps, until=1e-6, key=key)
    (before, small), (after, large) = conserved(net), conserved(run.network)
    return np.abs(after - before).max() / np.abs(large - small).max()


@pytest.mark.usefixtures("float64")
def test_conservation_is_of_first_order_in_the_step_and_broken_by_adam(key):
    net = network("phase:1.75,0", key, width=200)
    coarse = violation(net, NormalisedFlow(), 4000, key)
    fine = violation(net, NormalisedFlow(0.05, 0.005), 40_000, key)
    assert coarse < 2e-3
    assert 8 < coarse / fine < 12
    assert violation(net, Gradient(optax.adam(1e-1)), 500, key) > 50 * coarse


@pytest.mark.usefixtures("float64")
def test_layers_of_a_deep_network_stay_balanced(key):
    """Every neuron of both hidden layers, of unequal widths, biases included."""
    net = MLP(1, 1, (30, 20), activation="relu", initialisation="weight-std:0.2", output_bias=False, key=key)
    coarse = violation(net, NormalisedFlow(), 4000, key)
    fine = violation(net, NormalisedFlow(0.05, 0.005), 40_000, key)
    assert coarse < 5e-3
    assert 8 < coarse / fine < 12


@eqx.filter_jit
def one_step(net, updater, task):
    """Weights after a step and its length; weights before, residuals and their slopes."""
    parameters, static = eqx.partition(net, eqx.is_inexact_array)
    flat, unflatten = ravel_pytree(parameters)
    outputs = lambda flat: jax.vmap(eqx.combine(unflatten(flat), static))(task.points)[:, 0]
    residual = outputs(flat) - task.values[:, 0]
    key = jax.random.key(0)
    moved, length, _ = updater.update(parameters, static, task, jnp.zeros(()), step=jnp.asarray(0), key=key)
    return ravel_pytree(moved)[0], length, flat, residual, jax.jacobian(outputs)(flat)


@eqx.filter_jit
def pulled(net, task):
    """The part of the loss's curvature that comes from the residuals, `(1/n) Σ e ∇²f`."""
    parameters, static = eqx.partition(net, eqx.is_inexact_array)
    flat, unflatten = ravel_pytree(parameters)
    outputs = lambda flat: jax.vmap(eqx.combine(unflatten(flat), static))(task.points)[:, 0]
    residual = outputs(flat) - task.values[:, 0]
    return jax.hessian(lambda flat: residual @ outputs(flat) / task.size)(flat)


@pytest.mark.usefixtures("float64")
def test_a_step_is_one_of_euler_at_the_limit_of_stability(key):
    net = AntiSymmetric(MLP(1, 1, (5, 4), activation="tanh", initialisation="ntk", key=key))
    moved, length, flat, residual, slopes = map(np.asarray, one_step(net, NormalisedFlow(0.7, 1e9), Regression(X, Y)))
    np.testing.assert_allclose(length, 0.7 / (np.linalg.eigvalsh(slopes @ slopes.T)[-1] / 4), rtol=1e-10)
    np.testing.assert_allclose(moved, flat - length * residual @ slopes / 4, rtol=1e-10, atol=1e-14)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("widths", "biases"), [((8,), True), ((6, 4, 5), True), ((6, 6), False)], ids=str)
def test_growth_is_that_of_the_curvature(key, widths, biases):
    """Of a linear network the fastest growth is the largest eigenvalue of -(1/n) Σ e ∇²f."""
    net = MLP(1, 1, widths, activation="identity", initialisation="weight-std:1", output_bias=False, key=key)
    if not biases:
        later = [dataclasses.replace(layer, bias=None) for layer in net.layers[1:]]
        net = eqx.tree_at(lambda n: n.layers, net, (net.layers[0], *later))
    task = Regression(X, Y)
    for std in (1.0, 0.3, 0.1, 0.03):
        scaled = jax.tree.map(lambda leaf, std=std: std * leaf if eqx.is_array(leaf) else leaf, net)
        _, length, *_ = one_step(scaled, NormalisedFlow(1e9, 1.0), task)
        fastest = -np.linalg.eigvalsh(np.asarray(pulled(scaled, task)))[0]
        assert 0.9 * fastest < 1 / length < 1.5 * fastest


@pytest.mark.usefixtures("float64")
def test_the_loss_falls_at_every_step(key):
    net = AntiSymmetric(network("phase:1,0", key, width=100))
    run = train(net, Regression(X, Y), updater=NormalisedFlow(), steps=200, key=key)
    losses = run.data["loss"].values
    assert (np.diff(losses) < 0).all()


def test_single_precision_stays_single(key):
    run = train(network("ntk", key), Regression(X, Y), updater=NormalisedFlow(), steps=20, key=key)
    assert {leaf.dtype.name for leaf in jax.tree.leaves(eqx.filter(run.network, eqx.is_array))} == {"float32"}


def test_a_perfect_fit_stays_finite(key):
    net = jax.tree.map(lambda leaf: 0 * leaf, network("ntk", key))
    run = train(net, Regression(X, 0 * Y), updater=NormalisedFlow(), steps=20, key=key)
    assert run.outcome.name == "COMPLETED"
    assert all(bool(jnp.all(leaf == 0)) for leaf in jax.tree.leaves(eqx.filter(run.network, eqx.is_array)))


@pytest.mark.parametrize(
    ("make", "task"),
    [
        (lambda key: ResNet(1, 1, 5, 2, key=key), Regression(X, Y)),
        (lambda key: network("ntk", key, dropout=0.1), Regression(X, Y)),
        (lambda key: TwoLayer(1, 2, 5, key=key), Regression(X, np.stack([Y, Y], axis=1))),
        (lambda key: TwoLayer(1, 2, 5, key=key), Classification(X, [0, 1, 1, 0])),
    ],
    ids=["shortcuts", "dropout", "two outputs", "classes"],
)
def test_what_it_cannot_follow_is_refused(key, make, task):
    with pytest.raises(InputError):
        train(make(key), task, updater=NormalisedFlow(), steps=2, key=key)


@pytest.mark.parametrize("options", [{"stability": 0}, {"growth": -1}, {"stability": float("nan")}])
def test_bad_options_are_refused(options):
    with pytest.raises(InputError):
        NormalisedFlow(**options)


def test_networks_side_by_side_decompose_one_matrix_at_a_time(key):
    """A batch of matrices is decomposed by the threads that wait for it: two sweeps at once would hang."""
    points = jnp.linspace(-1, 1, 45)[:, None]
    task, flow = Regression(points, points**2), NormalisedFlow()

    def moved(one):
        network = TwoLayer(1, 1, 5, activation="relu", key=one)
        parameters, static = eqx.partition(network, eqx.is_inexact_array)
        return flow.update(parameters, static, task, jnp.zeros(()), step=jnp.asarray(0), key=one)[2]

    text = str(jax.make_jaxpr(jax.vmap(moved))(jax.random.split(key, 3)))
    assert re.findall(r"\[([\d,]+)\] = eigh\[", text) == ["45"]  # not ["3,45"]
