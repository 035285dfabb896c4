"""Reduction: exact where neurons say the same, within the budget elsewhere, and bounded on a ball."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simplebias
from simplebias.condensation import reduce
from simplebias.condensation.bounds import SLOPES, slope_bound
from simplebias.core.errors import InputError
from simplebias.core.task import Classification
from simplebias.networks import (
    ACTIVATIONS,
    MLP,
    Activation,
    ResNet,
    TwoLayer,
    activation,
    add_null,
    chain_of,
    ricker,
    sine,
    with_weights,
)


@eqx.filter_jit
def map_points(network, points):
    return jax.vmap(network)(points)


def outputs(network, points):
    return np.asarray(map_points(network, points))


def ball(count, inputs, radius):
    """Random points in a ball, a third of them on its rim."""
    normal = np.random.default_rng(count).normal(size=(count, inputs))
    lengths = np.minimum(1.5 * np.linspace(0, 1, count) ** (1 / inputs), 1)
    return jnp.asarray(radius * lengths[:, None] * normal / np.linalg.norm(normal, axis=1, keepdims=True))


def widen(network, widths, kind, *, noise=0.0):
    """Split every neuron of every hidden layer: copies, with multiples or signs that the activation makes up for."""
    chain, draw = chain_of(network), np.random.default_rng(1)
    for group, wide in zip(chain.groups, widths, strict=False):
        own = np.concatenate([np.arange(group.count), draw.integers(0, group.count, wide - group.count)])
        factors = {
            "homogeneous": draw.uniform(0.3, 3, wide),
            "linear": draw.uniform(0.3, 3, wide) * draw.choice([-1, 1], wide),
            "odd": draw.choice([-1.0, 1.0], wide),
            "even": draw.choice([-1.0, 1.0], wide),
            "identical": np.ones(wide),
        }[kind]
        shares = draw.uniform(0.2, 1, wide)
        shares /= np.bincount(own, shares)[own]
        copies = np.eye(group.count)[own]
        gains = np.ones(wide) if kind == "even" else factors
        chain = chain.edit(group, factors[:, None] * copies, (shares / gains)[None, :] * copies.T)
        for layer in group.producers:
            chain.weights[layer][:] += noise * draw.normal(size=chain.weights[layer].shape)
    return with_weights(network, chain)


def make(name, function, key):
    options = {"activation": function, "initialisation": "ntk", "key": key}
    if name == "two-layer":
        return TwoLayer(3, 2, 5, **options), (40,)
    if name == "mlp":
        network = MLP(3, 2, (5, 4), **options)
        alive = eqx.tree_at(lambda n: n.layers[1].bias, network, network.layers[1].bias + 5 * (function == "relu"))
        return alive, (40, 30)
    return ResNet(3, 2, 5, 3, **options), (30,)


KINDS = [
    ("two-layer", "relu", "homogeneous"),
    ("two-layer", "identity", "linear"),
    ("two-layer", "xtanh", "even"),
    ("two-layer", "sigmoid", "identical"),
    ("mlp", "tanh", "odd"),
    ("mlp", "relu", "homogeneous"),
    ("resnet", "tanh", "odd"),
]


@pytest.mark.parametrize(("name", "function", "kind"), KINDS)
def test_what_was_split_is_merged_exactly(name, function, kind, key, float64):
    network, widths = make(name, function, key)
    wide = widen(network, widths, kind)
    inside, beyond = ball(60, 3, 4.0), ball(200, 3, 5.0)
    assert np.allclose(outputs(wide, beyond), outputs(network, beyond), rtol=0, atol=1e-12)
    small = reduce(wide, inside, tolerance=0)
    expected = tuple(len(one.input_weights) for one in network.neurons())
    assert small.widths[1] == expected
    assert small.condensed
    assert small.verdict.startswith("Condensed")
    scale = np.max(np.abs(outputs(wide, beyond)))
    changes = np.linalg.norm(outputs(small.network, beyond) - outputs(wide, beyond), axis=1)
    assert np.max(changes) < 1e-12 * scale
    assert np.max(changes) <= small.bound(5.0, rounding=True) < 1e-8 * scale
    for old, new, width in zip(small.assignment, wide.neurons(), expected, strict=True):
        assert old.shape == new.input_weights.shape[:1]
        assert set(old) == set(range(width))


@pytest.mark.parametrize(("name", "function"), [("two-layer", "relu"), ("mlp", "tanh"), ("resnet", "sigmoid")])
def test_near_twins_merge_within_the_budget_and_the_bound(name, function, key, float64):
    network, widths = make(name, function, key)
    wide = widen(network, widths, "identical", noise=2e-3)
    points, beyond = ball(80, 3, 2.0), ball(300, 3, 3.0)
    small = reduce(wide, points, tolerance=0.02)
    assert small.widths[1] <= tuple(len(one.input_weights) for one in network.neurons())
    old, new = outputs(wide, points), outputs(small.network, points)
    assert small.change == pytest.approx(np.linalg.norm(new - old) / np.linalg.norm(old), rel=1e-9)
    assert small.largest_change == pytest.approx(np.max(np.abs(new - old)), rel=1e-9)
    assert 1e-9 < small.change <= 0.02
    measured = np.max(np.linalg.norm(outputs(small.network, beyond) - outputs(wide, beyond), axis=1))
    assert 0 < measured <= small.bound(3.0) < np.linalg.norm(old)


def test_the_bound_of_one_merge_is_near_what_can_happen(float64):
    """Two ReLU neurons that differ by 0.01 in the bias, added: no input of the ball can tell 0.02 apart by hand."""
    network = TwoLayer(1, 1, 2, activation="relu", key=jax.random.key(0))
    layers = network.layers
    network = eqx.tree_at(
        lambda n: (n.layers[0].weight, n.layers[0].bias, n.layers[1].weight),
        network,
        (jnp.array([[1.0], [1.0]]), jnp.array([0.0, 0.01]), jnp.ones_like(layers[1].weight) / layers[1].multiplier),
    )
    small = reduce(network, jnp.linspace(0.1, 1, 50), tolerance=0.05)
    assert small.widths[1] == (1,)
    assert 0 < small.bound(1.0) < 0.03


def test_the_budget_is_kept_and_used(key):
    network = MLP(2, 3, (30, 20), activation="tanh", key=key)
    points = ball(200, 2, 2.0)
    reductions = {tolerance: reduce(network, points, tolerance=tolerance) for tolerance in (0.0, 0.003, 0.03, 0.3)}
    for tolerance, small in reductions.items():
        assert small.change <= max(tolerance, 1e-5)
        sizes, changes = small.curve["size"].values, small.curve["output_change"].values
        assert np.all(np.diff(sizes) > 0)
        affordable = sizes[changes <= tolerance]
        assert sum(small.widths[1]) == (affordable[0] if affordable.size else sizes[-1])
        assert small.curve["widths"].sum("layer").values.tolist() == sizes.tolist()
    assert sum(reductions[0.3].widths[1]) < 40
    assert not any(small.condensed for small in reductions.values())  # nor with a lavish budget
    assert "Not condensed" in str(reductions[0.003])


def test_null_neurons_go_and_their_constants_stay(key, float64):
    network = MLP(2, 1, (6, 5), activation="sigmoid", initialisation="ntk", key=key)
    wide = add_null(add_null(network, 1, 4, bias=0.3), 2, 3, bias=-1.0)
    wide = eqx.tree_at(lambda n: n.layers[2].weight, wide, wide.layers[2].weight.at[:, -1].set(5.0))
    wide = eqx.tree_at(lambda n: n.layers[1].weight, wide, wide.layers[1].weight.at[:, -1].set(2.0))
    points = ball(100, 2, 3.0)
    small = reduce(wide, points, tolerance=0)
    assert small.widths[1] == (6, 5)
    assert np.allclose(outputs(small.network, points), outputs(wide, points), rtol=0, atol=1e-13)
    assert small.bound(3.0) < 1e-12
    assert (small.assignment[0] == -1).tolist() == [False] * 6 + [True] * 4


def test_neurons_that_the_data_never_reach_are_told_and_bounded(key, float64):
    network = TwoLayer(1, 1, 4, activation="relu", initialisation="ntk", key=key)
    network = eqx.tree_at(
        lambda n: (n.layers[0].weight, n.layers[0].bias),
        network,
        (jnp.array([[1.0], [2.0], [1.0], [-1.0]]), jnp.array([0.5, 0.1, 0.2, -3.0])),
    )
    small = reduce(network, jnp.linspace(0, 1, 40), tolerance=0)
    assert small.assignment[0][3] == -1
    assert any("vary nothing" in note for note in small.notes)
    far = jnp.linspace(-6, 6, 100)[:, None]
    measured = np.max(np.abs(outputs(small.network, far) - outputs(network, far)))
    assert 0.1 < measured <= small.bound(6.0)


def test_dead_and_tiny_networks(key):
    points = ball(20, 2, 2.0)
    for network in (MLP(2, 1, (4, 3), key=key), ResNet(2, 1, 4, 2, key=key)):
        zero = jax.tree.map(lambda leaf: leaf * 0, network.layers)
        small = reduce(eqx.tree_at(lambda n: n.layers, network, zero), points)
        assert set(small.widths[1]) == {1}
        assert small.change == 0
        assert "dead" in small.notes[-1]
        assert small.bound(1.0) == 0
    one = TwoLayer(2, 1, 1, key=key)
    small = reduce(one, points[:1])
    assert small.widths == ((1,), (1,))
    assert all(np.array_equal(a.weight, b.weight) for a, b in zip(small.network.layers, one.layers, strict=True))


def test_a_task_tells_its_loss_and_no_data_means_a_ball(key):
    network = MLP(2, 3, (6,), activation="relu", initialisation="ntk", key=key)
    wide = widen(network, (24,), "homogeneous")
    points = ball(50, 2, 2.0)
    small = reduce(wide, Classification(points, jnp.arange(50) % 3))
    assert small.widths[1] == (6,)
    assert small.losses[0] == pytest.approx(small.losses[1], rel=1e-4)
    assert small.parameters == (24 * 3 + 25 * 3, 6 * 3 + 7 * 3)
    assert "loss" in str(small)
    blind = reduce(wide)
    assert blind.widths[1] == (6,)
    assert "No data" in blind.notes[0]
    assert simplebias.reduce(wide).widths == blind.widths
    with pytest.raises(InputError, match="radius as"):
        blind.bound(-1.0)


def test_unknown_activations_merge_by_outputs(key, float64, monkeypatch):
    monkeypatch.setitem(ACTIVATIONS, "mine", Activation("mine", lambda x: jnp.exp(-(x**2)) + x, None, smooth=True))
    network = TwoLayer(2, 1, 5, activation="mine", initialisation="ntk", key=key)
    wide = widen(network, (20,), "identical")
    points = ball(60, 2, 2.0)
    small = reduce(wide, points, tolerance=1e-6)
    assert small.rule == "outputs"
    assert small.widths[1] == (5,)
    assert "Nothing is known" in small.notes[0]
    assert small.bound(1.0) == np.inf
    assert reduce(widen(make("mlp", "relu", key)[0], (20, 20), "identical"), by="outputs").rule == "outputs"


@pytest.mark.parametrize("name", [*SLOPES, "sin:3", "ricker:0.3"])
def test_slopes_are_bounds_and_near(name, float64):
    function = activation(name)
    z = jnp.linspace(-8, 8, 40001)
    steepest = np.max(np.abs(np.diff(np.asarray(function(z))) / np.diff(np.asarray(z))))
    assert steepest <= slope_bound(function) * (1 + 1e-9)
    assert steepest > 0.85 * slope_bound(function)
    assert {sine(3).name, ricker(0.3).name} == {"sin:3", "ricker:0.3"}


def test_what_cannot_be_reduced_is_refused(key):
    network = MLP(2, 1, (4, 3), key=key)
    with pytest.raises(InputError, match="NaN"):
        reduce(eqx.tree_at(lambda n: n.layers[0].weight, network, jnp.full((4, 2), jnp.nan)))
    with pytest.raises(InputError, match="2 inputs"):
        reduce(network, jnp.ones((5, 3)))
    with pytest.raises(InputError, match="tolerance"):
        reduce(network, tolerance=-1)
    with pytest.raises(InputError, match="by as one of"):
        reduce(network, by="magic")
    with pytest.raises(InputError, match="TwoLayer, MLP, ResNet, SmallCNN or VGG"):
        reduce(eqx.nn.Linear(2, 1, key=key))
    with pytest.raises(InputError, match="radius as"):
        reduce(network, radius=0)
