"""Refit: chosen neurons and least squares do better than dropping, are exact where they can be, and say their loss."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.condensation import reduce, refit
from simplebias.condensation.elimination import output_factors
from simplebias.core.errors import InputError
from simplebias.core.task import Regression
from simplebias.networks import MLP, ResNet, TwoLayer, chain_of, with_weights


@eqx.filter_jit
def map_points(network, points):
    return jax.vmap(network)(points)


def test_neurons_that_are_sums_of_others_are_told_from_them(key, float64):
    """Outputs σ₁, σ₂, σ₃ of ReLU neurons active on all data are affine in the inputs: two suffice in two dimensions."""
    network = TwoLayer(2, 3, 12, activation="relu", output_bias=True, key=key)
    network = eqx.tree_at(lambda n: n.layers[0].bias, network, jnp.full(12, 50.0))
    points = jax.random.normal(key, (100, 2))
    small = refit(network, points, keep=[2])
    assert small.widths == ((12,), (2,))
    assert small.change < 1e-4
    assert refit(network, points, keep=[1]).change > 100 * small.change


def test_the_fit_is_that_of_least_squares(key, float64):
    network = TwoLayer(3, 2, 20, activation="tanh", initialisation="ntk", key=key)
    points = np.asarray(jax.random.normal(key, (300, 3)))
    small = refit(network, points, keep=0.4)
    kept = np.flatnonzero(small.assignment[0] >= 0)
    assert kept.size == 8
    assert small.assignment[0][kept].tolist() == list(range(8))
    (first,) = network.neurons()
    features = np.tanh(points @ np.asarray(first.input_weights)[kept].T + np.asarray(first.bias)[kept])
    design, target = np.column_stack([features, np.ones(300)]), np.asarray(map_points(network, jnp.asarray(points)))
    best = design @ np.linalg.lstsq(design, target, rcond=None)[0]
    least = np.linalg.norm(best - target) / np.linalg.norm(target)
    assert least <= small.change <= 1.01 * least
    draw = np.random.default_rng(0)
    others = []
    for _ in range(10):  # another choice of as many neurons, fitted as well
        some = draw.choice(20, 8, replace=False)
        features = np.tanh(points @ np.asarray(first.input_weights)[some].T + np.asarray(first.bias)[some])
        design = np.column_stack([features, np.ones(300)])
        residual = target - design @ np.linalg.lstsq(design, target, rcond=None)[0]
        others.append(np.linalg.norm(residual) / np.linalg.norm(target))
    assert small.change < min(others)


def test_what_is_not_condensed_gets_an_offer(key):
    network = MLP(3, 2, (60, 40), activation="relu", key=key)
    points = jax.random.normal(key, (400, 3))
    small = reduce(network, Regression(points, jnp.zeros((400, 2))), tolerance=1e-3)
    assert not small.condensed
    assert sum(small.offer.widths[1]) == 50
    old, new = np.asarray(map_points(network, points)), np.asarray(map_points(small.offer.network, points))
    assert small.offer.change == pytest.approx(np.linalg.norm(new - old) / np.linalg.norm(old), rel=1e-3)
    assert small.offer.losses[0] == small.losses[0]
    assert "At a loss" in str(small)
    assert small.offer.bound(1.0) == np.inf
    assert small.offer.verdict.startswith("Refitted")
    assert reduce(network, tolerance=1e-3).offer is None
    merged = reduce(network, points, tolerance=3 * small.offer.change)
    assert sum(merged.widths[1]) > 50  # merging alone needs more neurons for three times the change


def test_no_worse_than_the_largest_neurons_with_the_same_fit(key):
    """By construction, where there is one hidden layer and all points are fitted on."""
    network = TwoLayer(3, 2, 20, activation="relu", output_bias=True, key=key)
    points = np.asarray(jax.random.normal(key, (200, 3)))
    (features,), target = chain_of(network).look(points)[1:]
    norms = np.abs(chain_of(network).weights[0]).sum(axis=1)
    for count in (2, 12):
        design = np.column_stack([features[:, np.argsort(-norms)[:count]], np.ones(200)])
        least = np.linalg.norm(design @ np.linalg.lstsq(design, target, rcond=None)[0] - target)
        assert refit(network, points, keep=[count]).change <= 1.001 * least / np.linalg.norm(target) + 1e-6


def test_neurons_go_where_they_cost_least(key):
    """Of a layer made of copies most can go at no loss, of the other none: a share is not taken of each."""
    core = MLP(3, 2, (4, 12), activation="tanh", key=key)
    chain = chain_of(core)
    shares = np.full((4, 6), 1 / 6)
    chain = chain.edit(chain.groups[0], np.repeat(np.eye(4), 6, axis=0), np.kron(np.eye(4), shares[:1]))
    points = jax.random.normal(key, (200, 3))
    small = refit(with_weights(core, chain), points, keep=16 / 36)
    assert small.widths == ((24, 12), (4, 12))
    assert small.change < 1e-3
    assert refit(with_weights(core, chain), points, keep=(11, 5)).change > 10 * small.change


def test_outputs_hang_on_what_is_fed_as_derivatives_say(key):
    for outputs, tolerance in ((3, 1e-6), (20, 0.3)):  # of more than 16 outputs random mixtures are taken
        chain = chain_of(MLP(2, outputs, (7, 6, 5), activation="relu", key=key))
        before, _, _ = chain.look(np.asarray(jax.random.normal(key, (300, 2))))
        second, third = output_factors(chain, before)
        later = np.einsum("oj,pj->poj", chain.weights[3], before[2] > 0)
        earlier = np.einsum("poj,ji,pi->poi", later, chain.weights[2], before[1] > 0)
        for factor, jacobian in ((second, earlier), (third, later)):
            wanted = np.einsum("poi,poj->ij", jacobian, jacobian) / 300
            assert np.linalg.norm(factor @ factor.T - wanted) <= tolerance * np.linalg.norm(wanted)


def test_dead_networks_few_points_and_bad_input(key):
    network = MLP(2, 1, (6, 4), key=key)
    dead = eqx.tree_at(lambda n: n.layers, network, jax.tree.map(lambda leaf: leaf * 0, network.layers))
    points = jax.random.normal(key, (3, 2))
    assert refit(dead, points).change == 0
    assert np.isfinite(refit(network, points, keep=1).change)
    assert refit(network, points, keep=1).change < 1e-5
    for keep, words in ((0, "keep"), (1.5, "share of at most 1"), ([7, 4], "at most"), ([3], "one for each")):
        with pytest.raises(InputError, match=words):
            refit(network, points, keep=keep)
    with pytest.raises(InputError, match="ResNet"):
        refit(ResNet(2, 1, 4, 2, key=key), points)
    with pytest.raises(InputError, match="data"):
        refit(network, None)
