"""Inertia, its prediction, critical points made and found, escape: on landscapes that are known exactly."""

import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from simplebias.core import Classification, InputError, Regression, Run
from simplebias.landscape import (
    Inertia,
    Kind,
    candidates,
    classify,
    critical_point,
    critical_points,
    escape,
    escape_directions,
    escape_distances,
    essential_neurons,
    hessian,
    inertia,
    inertia_of,
    loss_gradient,
    manufactured,
    parameter_vector,
    parameters_measure,
    same_function,
    split_block,
    split_inertia,
)
from simplebias.landscape.surface import widened
from simplebias.networks import MLP, TwoLayer
from simplebias.networks import add_null as add_null_
from simplebias.networks import split as split_

X = np.linspace(-15, 15, 50)
STAIRCASE = Regression(X, np.tanh(X - 6) + np.tanh(X) + np.tanh(X + 6))


def wide(network):
    with jax.enable_x64(True):
        return widened(network)


def split(*arguments):
    with jax.enable_x64(True):
        return split_(*arguments)


def add_null(*arguments, **options):
    with jax.enable_x64(True):
        return add_null_(*arguments, **options)


def steepest(network, task):
    return float(np.abs(parameter_vector(loss_gradient(network, task))).max())


def counts_of(network, task):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return inertia(network, task).counts


@pytest.fixture(scope="module")
def staircase_minimum():
    """The better minimum of width 2, found from four starts."""
    starts = [
        critical_point(
            TwoLayer(1, 1, 2, initialisation="weight-std:0.5", key=jax.random.key(seed)), STAIRCASE, way="descend"
        )
        for seed in range(3)
    ]
    return min(starts, key=lambda one: one.loss)


def test_counts_tolerance_and_doubt():
    found = Inertia(np.array([-2.0, -1e-13, 1e-15, 1e-3, 1.0]), 1e-11)
    assert found.counts == (2, 2, 1)
    assert found.doubtful.size == 0
    assert found.gap == pytest.approx(1e10)
    with pytest.warns(UserWarning, match=r"inertia \(1, 1, 0\) is doubtful: 1 eigenvalues"):
        near = inertia_of(np.diag([8.5e-12, 1.0]))
    assert near.doubtful.tolist() == pytest.approx([8.5e-12])
    both = inertia_of(np.diag([1.0, -1.0])) + inertia_of(np.diag([0.0, 2.0, 3.0]))
    assert both.counts == (3, 1, 1)


def test_inertia_is_unchanged_by_congruence(key):
    """Sylvester: the law itself, on random matrices."""
    rng = np.random.default_rng(0)
    for _ in range(5):
        change = rng.normal(size=(6, 6))
        signs = rng.choice([-1.0, 0.0, 1.0], size=6)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = inertia_of(change @ np.diag(signs) @ change.T)
        assert found.counts == tuple(int((signs == sign).sum()) for sign in (1, 0, -1))


@pytest.mark.parametrize(
    ("inertia_", "gradient", "largest", "kind"),
    [
        ([1.0, 2.0], 0.0, 1, Kind.MINIMUM),
        ([0.0, 2.0], 0.0, 1, Kind.DEGENERATE_MINIMUM),
        ([-1.0, 2.0], 0.0, 1, Kind.STRICT_SADDLE),
        ([-1.0, 0.0], 0.0, 1, Kind.MAXIMUM),
        ([0.0, 0.0], 0.0, 1, Kind.FLAT),
        ([1.0, 2.0], 1e-3, 1, Kind.NOT_CRITICAL),
        ([1.0, 2.0], np.nan, 1, Kind.NOT_CRITICAL),
        ([1.0, 2.0], 0.0, 1e4, Kind.AT_INFINITY),
    ],
)
def test_kinds(inertia_, gradient, largest, kind):
    assert classify(Inertia(np.array(inertia_), 1e-11), float(gradient), largest=float(largest)) == kind


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_manufactured_points_are_critical_and_splits_obey_the_rule(seed):
    """Rows 26 and 27 of the specification: three neurons, two shares, three seeds."""
    network = wide(TwoLayer(2, 1, 3, key=jax.random.key(seed)))
    points = np.random.default_rng(seed).normal(size=(40, 2))
    task = manufactured(network, points, residual=0.5, key=jax.random.key(seed))
    assert steepest(network, task) < 1e-15
    narrow = counts_of(network, task)
    for neuron in range(3):
        block = split_block(network, task, neuron=neuron, share=0.5)
        assert np.abs(block[-1]).max() < 1e-14  # C vanishes at a critical point of one output
        rows = slice(2 * neuron, 2 * neuron + 2), slice(6 + neuron, 7 + neuron)
        own = np.r_[rows[0], rows[1]]
        remainder = hessian(network, task, part="remainder")[np.ix_(own, own)]
        assert np.allclose(4 * block[:3, :3], remainder, atol=1e-14)  # S is the neuron's block of the second part
        for share in (0.5, 1.7):
            larger = split(network, 1, neuron, (1 - share, share))
            assert steepest(larger, task) < 1e-13
            found = counts_of(larger, task)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                assert split_inertia(network, task, neuron=neuron, share=share).counts == found
            assert all(np.greater_equal(found, narrow))
            assert found[1] == narrow[1] + 1


@pytest.mark.parametrize("layer", [1, 2])
def test_the_rule_holds_in_any_layer_with_any_loss_at_any_point(layer):
    points = np.random.default_rng(3).normal(size=(30, 2))
    network = wide(MLP(2, 2, (2, 3), activation="sigmoid", initialisation="ntk", key=jax.random.key(4)))
    task = Classification(points, (points[:, 0] > 0).astype(int))
    for share in (0.3, -0.4):
        larger = split(network, layer, 1, (1 - share, share))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            foretold = split_inertia(network, task, layer=layer, neuron=1, share=share)
        assert foretold.counts == counts_of(larger, task)
        assert sum(foretold.counts) == parameter_vector(larger).size


def test_a_minimum_and_its_embeddings(staircase_minimum):
    """Levels and inertia as the specification measured them."""
    found = staircase_minimum
    assert found.kind == Kind.MINIMUM
    assert found.gradient < 1e-13
    assert found.loss == pytest.approx(0.0508, abs=1e-4)
    assert found.inertia.counts == (6, 0, 0)
    once = split(found.network, 1, 0, (0.7, 0.3))
    twice = split(once, 1, 1, (3.0, -2.0))
    assert [inertia(one, STAIRCASE).counts for one in (once, twice)] == [(7, 1, 1), (8, 2, 2)]
    again = critical_point(once, STAIRCASE, way="nearest")
    assert again.kind == Kind.STRICT_SADDLE
    assert same_function(again.network, found.network, X).features_agree


def test_nearest_goes_back_to_a_saddle_and_descent_leaves_it(staircase_minimum):
    saddle = split(staircase_minimum.network, 1, 0, (0.5, 0.5))
    (direction,) = escape_directions(saddle, STAIRCASE)
    assert direction.eigenvalue < 0
    nudged = escape(saddle, direction.direction, 1e-3)
    assert steepest(nudged, STAIRCASE) > 1e-7
    back = critical_point(nudged, STAIRCASE)
    assert back.kind == Kind.STRICT_SADDLE
    assert back.loss == pytest.approx(staircase_minimum.loss, rel=1e-10)
    forward, backward = escape_distances(saddle, STAIRCASE, direction.direction)
    assert forward > 0 > backward
    for distance in (forward, backward):
        assert critical_point(
            escape(saddle, direction.direction, distance), STAIRCASE, way="descend", steps=60
        ).loss < (staircase_minimum.loss - 1e-5)


def test_along_an_escape_direction_the_loss_is_a_parabola(staircase_minimum):
    saddle = split(staircase_minimum.network, 1, 0, (0.5, 0.5))
    (direction,) = escape_directions(saddle, STAIRCASE, count=1)
    with jax.enable_x64(True):
        loss = lambda network: float(
            jnp.mean((jax.vmap(network)(jnp.asarray(X, jnp.float64)[:, None]) - widened(STAIRCASE).values) ** 2)
        )
        for distance in (1e-3, -1e-3):
            change = loss(escape(saddle, direction.direction, distance)) - loss(saddle)
            assert change == pytest.approx(direction.eigenvalue / 2 * distance**2, rel=0.05)


def test_escape_keeps_the_precision():
    network = TwoLayer(1, 1, 3, key=jax.random.key(0))
    direction = eqx.filter(network, eqx.is_inexact_array)
    assert escape(network, direction, 1.0).layers[0].weight.dtype == jnp.float32
    assert np.allclose(escape(network, direction, 1.0).layers[0].weight, 2 * network.layers[0].weight)
    assert escape(wide(network), direction, -1.0).layers[0].weight.dtype == jnp.float64


def test_weights_that_run_away_are_named():
    """A step is fitted the better the steeper the neuron."""
    x = np.linspace(-1, 1, 10)
    found = critical_point(
        TwoLayer(1, 1, 1, key=jax.random.key(0)), Regression(x, np.sign(x)), way="descend", limit=100
    )
    assert found.kind == Kind.AT_INFINITY
    assert found.largest > 10


class Line(eqx.Module):
    """Logits 0 and w x."""

    weight: jax.Array

    def __call__(self, x):
        return jnp.stack([0 * x[0], self.weight * x[0]])


def test_a_vanishing_gradient_on_the_way_to_infinity_is_no_minimum():
    """Of log(1 + exp(-w)) slope and curvature are exp(-w): Newton's step is 1 however small both are."""
    task = Classification([[-1.0], [1.0]], [0, 1])
    with pytest.warns(UserWarning, match="cross-entropy has no finite minimum"):
        found = critical_point(Line(jnp.asarray(35.0)), task)
    assert found.gradient < 1e-13
    assert found.inertia.counts == (1, 0, 0)
    assert found.kind == Kind.AT_INFINITY


def test_essential_neurons_know_symmetries(float64):
    network = wide(MLP(2, 2, (3, 2), key=jax.random.key(1)))
    plain = essential_neurons(network)
    assert [layer.shape for layer in plain] == [(3, 3), (2, 4), (2, 3)]
    larger = add_null(split(split(network, 1, 1, (0.3, 0.7)), 2, 0, (2.0, -1.0)), 1, 2, bias=0.4)
    turned = eqx.tree_at(
        lambda n: (n.layers[0].weight, n.layers[0].bias, n.layers[1].weight),
        network,
        (-network.layers[0].weight[::-1], -network.layers[0].bias[::-1], -network.layers[1].weight[:, ::-1]),
    )
    points = np.random.default_rng(0).normal(size=(7, 2))
    for other in (larger, turned):
        found = same_function(network, other, points)
        assert found.outputs < 1e-14
        assert found.features < 1e-12
    different = eqx.tree_at(lambda n: n.layers[0].bias, network, network.layers[0].bias + 0.01)
    found = same_function(network, different, points)
    assert not found.outputs_agree
    assert not found.features_agree
    relu = wide(TwoLayer(1, 1, 2, activation="relu", key=jax.random.key(0)))
    stretched = eqx.tree_at(
        lambda n: (n.layers[0].weight, n.layers[0].bias, n.layers[1].weight),
        relu,
        (2 * relu.layers[0].weight, 2 * relu.layers[0].bias, relu.layers[1].weight / 2),
    )
    assert same_function(relu, stretched, points[:, :1]).features < 1e-12


def test_a_trajectory_past_a_saddle(staircase_minimum):
    """A made-up run that comes near to a saddle of width 3, then ends elsewhere."""
    saddle = split(staircase_minimum.network, 1, 0, (0.5, 0.5))
    centre = parameter_vector(saddle)
    away = np.random.default_rng(0).normal(size=centre.size)
    distances = np.r_[1.0, 0.5, 0.1, 0.01, 1e-4, 0.01, 0.1, 0.5, 1.0]
    vectors = centre + distances[:, None] * away
    data = xr.Dataset(
        {"parameters": (("record", "parameter"), vectors)}, coords={"step": ("record", 10 ** np.arange(9))}
    )
    run = Run(data, network=saddle, step=10**8)
    found = candidates(run, STAIRCASE)
    assert 4 in [one.record for one in found if one.reason == "small gradient"]
    assert all(one.record in {3, 4, 5} for one in found if one.reason == "small gradient")
    points = critical_points(run, STAIRCASE)
    assert [one.kind for one in points if one.loss == pytest.approx(staircase_minimum.loss, rel=1e-9)] == [
        Kind.STRICT_SADDLE
    ]
    with pytest.raises(InputError, match=r"Record\(parameters_measure\(\)\)"):
        candidates(run, STAIRCASE, name="weights")
    with pytest.raises(InputError, match=r"Run\.load"):
        candidates(Run(data), STAIRCASE)
    assert parameters_measure().dims == ("parameter",)


def test_refusals():
    network, key = TwoLayer(2, 1, 3, key=jax.random.key(0)), jax.random.key(0)
    with pytest.raises(InputError, match=r"more than 5 values.*Take more points"):
        manufactured(network, np.random.default_rng(0).normal(size=(5, 2)), key=key)
    with pytest.raises(InputError, match="finite"):
        manufactured(eqx.tree_at(lambda n: n.layers[0].bias, network, jnp.full(3, jnp.nan)), np.ones((20, 2)), key=key)
    with pytest.raises(InputError, match="a symmetric matrix"):
        inertia_of([[0.0, 1.0], [0.0, 0.0]])
    with pytest.raises(InputError, match="a square matrix"):
        inertia_of([[0.0, 1.0]])
    task = Regression(np.ones((4, 2)), np.ones(4))
    with pytest.raises(InputError, match="layer from 1 to 1"):
        split_block(network, task, layer=2)
    with pytest.raises(InputError, match="neuron below 3"):
        split_block(network, task, neuron=3)
    with pytest.raises(InputError, match="way as one of"):
        critical_point(network, task, way="down")
    with pytest.raises(InputError, match="distance as a finite number"):
        escape(network, network, float("nan"))
    with pytest.raises(InputError, match="networks with 1 outputs"):
        same_function(network, MLP(2, 2, (3,), key=key), np.ones((3, 2)))
    with pytest.warns(UserWarning, match="smooth only piece by piece"):
        inertia(TwoLayer(2, 1, 3, activation="relu", key=key), Regression(np.eye(2), np.ones(2)))
