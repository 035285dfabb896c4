"""Reduction of convolutional networks: exact where kernels say the same, bounded, and refused where it has to be."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import simplebias.condensation.reduction as reduction
import simplebias.condensation.refitting as refitting
from simplebias.condensation import (
    amplitude,
    cosine_similarity_measure,
    effective_neurons,
    group_history,
    reduce,
    refit,
)
from simplebias.core.errors import InputError
from simplebias.core.snapshot import Snapshot
from simplebias.networks import VGG, SmallCNN, chain_of, with_weights

KEY = jax.random.key(7)
FACTORS = {"homogeneous": (0.4, 2.5), "odd": (-1.0, 1.0), "identical": (1.0, 1.0)}


@pytest.fixture
def compile_nothing(monkeypatch):
    """Outputs through the chain, which the tests of networks compare with the networks."""
    for module in (reduction, refitting):
        monkeypatch.setattr(module, "measure_outputs", outputs)


def small(activation):
    return SmallCNN((4, 5), 2, channels=(3, 2), width=4, activation=activation, initialisation="he", key=KEY)


def widen(network, kinds, *, noise=0.0):
    """Three copies of every neuron, with factors that the activation makes up for, layer by layer of a kind."""
    chain, draw = chain_of(network), np.random.default_rng(1)
    for group, kind in zip(chain.groups, kinds, strict=True):
        copies = np.tile(np.eye(group.count), (3, 1))
        factors = draw.choice(FACTORS[kind], 3 * group.count)
        shares = draw.dirichlet(np.ones(3), group.count).T.ravel()
        chain = chain.edit(group, factors[:, None] * copies, (shares / factors)[None] * copies.T)
        chain.weights[group.producers[0]][:] *= 1 + noise * draw.normal(size=chain.weights[group.producers[0]].shape)
    return with_weights(network, chain)


def points_in(count, radius, pixels=20):
    normal = np.random.default_rng(count).normal(size=(count, pixels))
    return radius * normal / np.linalg.norm(normal, axis=1, keepdims=True)


def outputs(network, points):
    return chain_of(network).look(np.asarray(points))[2]


CASES = {
    "relu": (lambda: small("relu"), ["homogeneous"] * 3),
    "tanh": (lambda: small("tanh"), ["odd", "identical", "odd"]),
    "gelu, normalised": (
        lambda: VGG((4, 5), 2, blocks=((3, 2),), widths=(4,), activation="gelu", normalise=True, key=KEY),
        ["identical"] * 3,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_was_split_is_merged_exactly(case, float64, compile_nothing):
    make, kinds = CASES[case]
    network = make()
    if case == "relu":  # no neuron of so few may be dead
        network = eqx.tree_at(lambda n: n.layers[2].bias, network, network.layers[2].bias + 5)
    wide = widen(network, kinds)
    inside, beyond = points_in(60, 4.0), points_in(150, 6.0)
    assert np.allclose(outputs(wide, beyond), outputs(network, beyond), rtol=0, atol=1e-12)
    result = reduce(wide, jnp.asarray(inside), tolerance=0)
    assert result.widths == ((9, 6, 12), (3, 2, 4))
    assert result.condensed
    assert result.change < 1e-13
    assert result.parameters[1] < result.parameters[0]
    assert type(result.network) is type(network)
    assert [set(one) for one in result.assignment] == [{0, 1, 2}, {0, 1}, {0, 1, 2, 3}]
    change = np.max(np.abs(outputs(result.network, beyond) - outputs(wide, beyond)))
    assert change <= result.bound(6.0, rounding=True) < 1e-6
    assert any("Layer 2: max-pooling follows" in note for note in result.notes) == (case == "tanh")


def test_opposite_kernels_stay_where_pooling_follows(float64, compile_nothing):
    network = widen(small("tanh"), ["odd", "identical", "odd"])
    chain = chain_of(network).astype(float)
    chain.weights[1][0] *= -1  # one of the copies now has the opposite sign
    chain.biases[1][0] *= -1
    result = reduce(with_weights(network, chain), jnp.asarray(points_in(60, 4.0)), tolerance=0)
    assert result.widths[1] == (3, 3, 4)
    assert result.similarity[1][3] == 1  # though all have a twin up to sign
    by_outputs = reduce(network, jnp.asarray(points_in(60, 4.0)), by="outputs", tolerance=1e-9)
    assert by_outputs.widths[1] == (6, 2, 8)  # of both signs, but where pooling follows
    assert by_outputs.bound(2.0) == np.inf


def test_near_twins_merge_within_the_budget_and_the_bound(float64):
    wide = widen(small("tanh"), ["identical"] * 3, noise=2e-3)
    inside, beyond = points_in(300, 2.0), points_in(150, 2.0)  # more than are evaluated at once
    result = reduce(wide, jnp.asarray(inside), tolerance=0.02)
    assert sum(result.widths[1]) <= 9
    old, new = outputs(wide, inside), outputs(result.network, inside)
    assert result.change == pytest.approx(np.linalg.norm(new - old) / np.linalg.norm(old), rel=1e-6)
    assert 1e-9 < result.change <= 0.02
    measured = np.max(np.linalg.norm(outputs(result.network, beyond) - outputs(wide, beyond), axis=1))
    assert 0 < measured <= result.bound(2.0) < np.inf


def test_silent_kernels_go_and_constant_ones_are_folded_behind_the_pictures(float64, compile_nothing):
    network = small("sigmoid")
    chain = chain_of(network).astype(float)
    chain.weights[0][0] = chain.weights[1][0] = 0  # constant kernels, which the next layers read
    chain.weights[1][:, 1::3] = 0  # and one that nobody reads
    result = reduce(with_weights(network, chain), jnp.asarray(points_in(40, 3.0)), tolerance=0)
    assert result.widths[1] == (2, 1, 4)
    assert result.assignment[0].tolist() == [0, -1, 1]  # before a convolution a constant has no other place
    assert result.assignment[1].tolist() == [-1, 0]
    assert result.change < 1e-13
    assert result.bound(3.0) < 1e-9


def test_dead_and_tiny_networks_and_bad_input(float64, compile_nothing):
    network = SmallCNN((2, 2), 1, channels=(1,), width=1, key=KEY)
    points = jnp.asarray(points_in(5, 1.0, 4))
    assert reduce(network, points).widths == ((1, 1), (1, 1))
    dead = eqx.tree_at(lambda n: n.layers, small("relu"), jax.tree.map(jnp.zeros_like, small("relu").layers))
    result = reduce(dead, jnp.asarray(points_in(5, 1.0)))
    assert result.widths[1] == (1, 1, 1)
    assert result.change == result.bound(1.0) == 0
    assert "dead" in result.notes[-1]
    unreached = eqx.tree_at(lambda n: n.layers[0].bias, small("relu"), jnp.array([0.0, -9.0, 0.0]))
    result = reduce(unreached, jnp.asarray(points_in(5, 1.0)), tolerance=0)
    assert result.assignment[0][1] == -1
    assert "inputs unlike the data" in " ".join(result.notes)
    assert result.bound(30.0) > 0
    with pytest.raises(InputError, match="NaN or infinite weights in layer 1"):
        reduce(eqx.tree_at(lambda n: n.layers[0].bias, network, jnp.full(1, jnp.nan)), points)
    with pytest.raises(InputError, match="4 inputs"):
        reduce(network, jnp.ones((5, 3)))


def test_refit_of_kernels_is_that_of_least_squares(float64, compile_nothing):
    network = small("tanh")
    points = points_in(400, 3.0)
    result = refit(network, jnp.asarray(points), keep=[2, 2, 4])
    chain, narrow = chain_of(network), chain_of(result.network)
    kept = np.flatnonzero(result.assignment[0] >= 0)
    assert np.array_equal(narrow.weights[0], chain.weights[0][kept])
    before, after, _ = chain.look(points)
    (columns,) = narrow.reads(1, after[0][:, kept])
    design = np.column_stack([columns, np.ones(len(columns))])
    best = np.linalg.lstsq(design, before[1], rcond=None)[0]
    found = columns @ narrow.weights[1].T + narrow.biases[1]
    least = np.linalg.norm(design @ best - before[1])
    assert least <= np.linalg.norm(found - before[1]) <= 1.001 * least
    assert 0 < result.change < 0.5
    assert refit(network, jnp.asarray(points), keep=1).change < 1e-4
    assert result.bound(1.0) == np.inf
    wide = widen(network, ["identical"] * 3)
    assert refit(wide, jnp.asarray(points), keep=[3, 2, 4]).change < 1e-4


def test_measures_of_condensation_work_on_kernels(float64):
    now = widen(small("relu"), ["homogeneous"] * 3).neurons()
    assert [one.output_weights.shape for one in now] == [(6 * 9, 9), (12 * 4, 6), (2, 12)]
    neurons = now[0]
    kernel, readers = np.asarray(neurons.extended)[4], np.asarray(now[1].input_weights).reshape(-1, 9, 9)
    assert amplitude(neurons)[4] == pytest.approx(np.linalg.norm(kernel) * np.linalg.norm(readers[:, :, 4]))
    assert effective_neurons(neurons, [0.9999]).tolist() == [3]
    similar = np.asarray(cosine_similarity_measure(1)(Snapshot(step=0, outputs=jnp.zeros((1, 2)), neurons=now)))
    recorded = xr.DataArray(
        np.stack([np.eye(9), similar]), {"step": ("record", [0, 10])}, ("record", "neuron", "neuron_other")
    )
    history = group_history(recorded, threshold=0.9999)
    assert history.groups.values.tolist() == [9, 3]
