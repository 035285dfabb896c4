"""The normalised flow: an independent integration, its invariance, its conservation law, and what it refuses."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.integrate import solve_ivp

from simplebias.core.errors import InputError
from simplebias.core.task import Classification, Regression
from simplebias.networks import MLP, AntiSymmetric, TwoLayer
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
    w, b, a = parts(net)
    return a**2 - w**2 - b**2


@pytest.mark.usefixtures("float64")
def test_conservation_is_of_first_order_in_the_step_and_broken_by_adam(key):
    task, net = Regression(X, Y), network("phase:1.75,0", key, width=200)

    def violation(updater, steps):
        run = train(net, task, updater=updater, steps=steps, until=1e-6, key=key)
        grown = np.abs(np.square(parts(run.network)[2]) - np.square(parts(net)[2])).max()
        return np.abs(conserved(run.network) - conserved(net)).max() / grown

    coarse, fine = violation(NormalisedFlow(), 4000), violation(NormalisedFlow(0.05, 0.005), 40_000)
    assert coarse < 2e-3
    assert 8 < coarse / fine < 12
    assert violation(Gradient(optax.adam(1e-1)), 500) > 50 * coarse


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
        (lambda key: MLP(1, 1, 5, 2, key=key), Regression(X, Y)),
        (lambda key: network("ntk", key, dropout=0.1), Regression(X, Y)),
        (lambda key: TwoLayer(1, 2, 5, key=key), Regression(X, np.stack([Y, Y], axis=1))),
        (lambda key: TwoLayer(1, 2, 5, key=key), Classification(X, [0, 1, 1, 0])),
    ],
    ids=["three layers", "dropout", "two outputs", "classes"],
)
def test_what_it_cannot_follow_is_refused(key, make, task):
    with pytest.raises(InputError):
        train(make(key), task, updater=NormalisedFlow(), steps=2, key=key)


@pytest.mark.parametrize("options", [{"stability": 0}, {"growth": -1}, {"stability": float("nan")}])
def test_bad_options_are_refused(options):
    with pytest.raises(InputError):
        NormalisedFlow(**options)
