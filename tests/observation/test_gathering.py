"""After a training: who joined which group, how small the network can be, and that both are kept in the folder."""

import equinox as eqx
import jax
import numpy as np
import pytest
import xarray as xr

import simplebias
from simplebias.condensation import reduce
from simplebias.networks import AntiSymmetric, ResNet, TwoLayer
from simplebias.observation import observe
from simplebias.observation.gathering import keep, on_sizes
from simplebias.reports import figures

X = np.linspace(-1, 1, 48, endpoint=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    options = {"network": "two-layer", "width": 30, "gamma": 1.75, "activation": "relu", "validation": 0.0}
    return observe(X, np.sin(np.pi * X), steps=400, learning_rate=1e-2, seeds=2, out=folder, records=20, **options)


def test_the_curve_is_that_of_reduce_and_says_how_many_can_go(run):
    data = run.data
    member = jax.tree.map(lambda leaf: leaf[1] if isinstance(leaf, jax.Array) else leaf, run.network)
    reduction = reduce(member, X[:, None].astype(np.float32))
    assert int(data["neurons_left"][1]) == sum(reduction.widths[1])
    curve, sizes = data["reduction"].isel(seed=1).values, data["size"].values
    assert curve[-1] < 1e-5
    assert (np.diff(curve[np.isfinite(curve)]) <= 0).all()
    enough = sizes[curve <= 0.01].min()
    assert enough >= float(data["neurons_left"][1])
    assert {"How small the network can be", "Who joined which group when"} <= {one.title for one in figures(run)}
    assert "30 neurons can go" in run.provenance["summary"]["headline"]
    assert any("small" in table["title"] for table in run.provenance["summary"]["tables"])


def test_groups_grow_to_all_neurons_that_have_weights(run):
    groups = run.data["group_joined"].transpose("seed", ..., "member").values
    assert (groups[:, -1] > 0).all()
    counts = (groups > 0).sum(axis=2)
    assert (np.diff(counts, axis=1) >= 0).all()
    assert (np.diff(groups[:, -1].astype(int), axis=1) >= 0).all()  # neurons by group
    last = [np.bincount(one)[1:] for one in groups[:, -1].astype(int)]
    assert all((np.diff(one) <= 0).all() for one in last)  # groups by size


def test_what_is_gathered_is_in_the_folder_and_may_be_written_again(run):
    stored = simplebias.Run.load(run.path)
    xr.testing.assert_identical(stored.data, run.data)
    keep(stored, run.data[["reduction", "neurons_left"]] * 2)
    again = simplebias.Run.load(run.path).data
    np.testing.assert_array_equal(again["reduction"], 2 * run.data["reduction"])
    np.testing.assert_array_equal(again["loss"], run.data["loss"])
    keep(stored, run.data[["reduction", "neurons_left"]])


def test_sizes_below_the_smallest_tried_are_unknown(run):
    member = jax.tree.map(lambda leaf: leaf[0] if isinstance(leaf, jax.Array) else leaf, run.network)
    reduction = reduce(member, X[:, None].astype(np.float32))
    tried = reduction.curve["size"].values
    changes, widths = on_sizes(reduction, np.array([tried.min() - 1, tried.min(), 30]))
    assert np.isnan(changes[0])
    assert np.isfinite(changes[1:]).all()
    assert widths[0, 1] == tried.min()


def test_diverged_members_are_left_out():
    diverged = observe(X, X, width=4, depth=1, steps=40, seeds=1, optimiser="gd", learning_rate=1e6, validation=0.0)
    assert np.isnan(diverged.data["reduction"]).all()
    assert "can go" not in diverged.provenance["summary"]["headline"]


@pytest.mark.parametrize("inner", [
    lambda key: TwoLayer(2, 1, 3, key=key), lambda key: ResNet(2, 2, 3, 3, key=key),
])  # fmt: skip
def test_two_copies_joined_compute_their_sum(inner, key):
    first, second = (inner(one) for one in jax.random.split(key))
    network = eqx.tree_at(lambda one: one.second, AntiSymmetric(first), second)
    points = jax.random.normal(key, (5, 2))
    joined = network.joined()
    np.testing.assert_allclose(jax.vmap(joined)(points), jax.vmap(network)(points), atol=1e-6)
    assert type(joined) is type(first)
    assert joined.layers[0].weight.shape[0] == 6
