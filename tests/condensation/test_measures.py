"""Measures agree with the functions they stand for, and label what they return."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.condensation import (
    amplitude,
    amplitude_measure,
    angle,
    cosine_similarity,
    cosine_similarity_measure,
    effective_features,
    effective_features_measure,
    effective_neurons,
    effective_neurons_measure,
    feature_measure,
    relative_change,
    relative_change_measure,
)
from simplebias.core.errors import InputError
from simplebias.core.snapshot import Measure, Neurons, Snapshot
from simplebias.networks import TwoLayer, build, ensemble

DEPTH = 2
MEASURES = {
    "feature": feature_measure(),
    "amplitude": amplitude_measure(2, kind="w"),
    "cosine_similarity": cosine_similarity_measure(2, limit=7),
    "effective_neurons": effective_neurons_measure(DEPTH, (0.5, 0.9)),
    "effective_features": effective_features_measure(),
    "relative_change": relative_change_measure(DEPTH),
}


def make(key):
    return build("mlp", 1, 1, width=12, depth=DEPTH, key=key)


def look(network, initial):
    return Snapshot(step=0, outputs=jnp.zeros((5, 1)), neurons=network.neurons(), initial=initial.neurons())


@pytest.fixture
def snapshot(key):
    return look(make(jax.random.fold_in(key, 1)), make(key))


@pytest.mark.parametrize("name", MEASURES)
def test_labels_fit_the_array(name, snapshot):
    measure = MEASURES[name]
    value = measure(snapshot)
    assert isinstance(measure, Measure)
    assert len(measure.dims) == value.ndim
    sizes = dict(zip(measure.dims, value.shape, strict=True))
    assert all(len(values) == sizes[dim] for dim, values in measure.coords.items())
    assert measure.description.endswith(".")
    assert measure.references
    assert jnp.issubdtype(value.dtype, jnp.floating)


def test_values(snapshot):
    first, second = snapshot.neurons
    feature = MEASURES["feature"](snapshot)
    assert np.allclose(feature[:, 0], angle(first))
    assert np.allclose(feature[:, 1], amplitude(first))
    assert MEASURES["feature"].coords["feature"] == ("orientation", "amplitude")
    assert np.allclose(MEASURES["amplitude"](snapshot), amplitude(second, kind="w"))
    kept = np.array([0, 1, 3, 5, 6, 8, 10])
    similarity = MEASURES["cosine_similarity"](snapshot)
    assert np.allclose(similarity, np.asarray(cosine_similarity(second))[np.ix_(kept, kept)], atol=1e-6)
    counts = MEASURES["effective_neurons"](snapshot)
    assert counts.tolist() == [effective_neurons(layer, (0.5, 0.9)).tolist() for layer in (first, second)]
    wanted = effective_features(angle(first), amplitude(first), odd=True)  # tanh is odd
    assert float(MEASURES["effective_features"](snapshot)) == pytest.approx(float(wanted))
    changes = [float(relative_change(*pair)) for pair in zip(snapshot.neurons, snapshot.initial, strict=True)]
    assert np.allclose(MEASURES["relative_change"](snapshot), changes)


@pytest.mark.parametrize("name", MEASURES)
def test_members_of_an_ensemble_are_measured_each_for_itself(name, key):
    starts, ends = jax.random.split(key, 3), jax.random.split(jax.random.fold_in(key, 7), 3)

    @eqx.filter_jit
    def measure(networks, initials):
        return eqx.filter_vmap(lambda now, before: MEASURES[name](look(now, before)))(networks, initials)

    together = measure(ensemble(make, ends), ensemble(make, starts))
    alone = MEASURES[name](look(make(ends[1]), make(starts[1])))
    assert np.allclose(together[1], alone, atol=1e-4)


def test_thinned_measures_keep_the_same_neurons_of_both_halves(key):
    network = build("two-layer", 1, 1, width=500, antisymmetric=True, key=key)
    snapshot = Snapshot(step=0, outputs=jnp.zeros((5, 1)), neurons=network.neurons())
    feature, similarity = feature_measure()(snapshot), cosine_similarity_measure()(snapshot)
    assert feature.shape == (200, 2)
    assert similarity.shape == (200, 200)
    turn = np.asarray(feature[:, 0])
    assert np.allclose(similarity, np.cos(turn[:, None] - turn), atol=1e-5)
    assert np.allclose(turn[:100], turn[100:])  # both halves start with the same input weights
    assert feature_measure(limit=None)(snapshot).shape == (1000, 2)


def test_effective_features_folds_by_parity(key):
    def count(activation, **options):
        network = TwoLayer(1, 1, 400, activation=activation, key=key)
        snapshot = Snapshot(step=0, outputs=jnp.zeros((5, 1)), neurons=network.neurons())
        return float(effective_features_measure(**options)(snapshot))

    assert count("tanh") == count("relu", odd=True) == count("xtanh")
    assert count("relu") == count("tanh", odd=False) != count("tanh")


@pytest.mark.parametrize("name", sorted({*MEASURES} - {"feature"}))
def test_a_diverged_network_gives_nan(name, key):
    broken = jax.tree.map(lambda leaf: leaf * jnp.nan if eqx.is_array(leaf) else leaf, make(key))
    snapshot = Snapshot(step=0, outputs=jnp.zeros((1, 1)), neurons=broken.neurons(), initial=make(key).neurons())
    assert bool(jnp.isnan(eqx.filter_jit(MEASURES[name].function)(snapshot)).all())


def test_equal_measures_are_compiled_once(snapshot):
    compiled = []

    @eqx.filter_jit
    def take(measure, snapshot):
        compiled.append(measure)
        return measure(snapshot)

    for _ in range(3):
        take(effective_neurons_measure(DEPTH, (0.5, 0.9)).function, snapshot)
    assert len(compiled) == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda snapshot: feature_measure(0),
        lambda snapshot: feature_measure(limit=0),
        lambda snapshot: feature_measure(kind="x"),
        lambda snapshot: effective_neurons_measure(0),
        lambda snapshot: effective_neurons_measure(1, (2.0,)),
        lambda snapshot: effective_neurons_measure(1, minimum=1),
        lambda snapshot: effective_features_measure(bins=0),
        lambda snapshot: relative_change_measure(0),
        lambda snapshot: feature_measure(2)(snapshot),
        lambda snapshot: feature_measure(3)(snapshot),
        lambda snapshot: effective_neurons_measure(3)(snapshot),
        lambda snapshot: relative_change_measure(1)(snapshot),
        lambda snapshot: relative_change_measure(2)(eqx.tree_at(lambda s: s.initial, snapshot, ())),
        lambda snapshot: cosine_similarity_measure()(Snapshot(step=0, outputs=jnp.zeros((1, 1)))),
    ],
)
def test_refusals(call, snapshot):
    with pytest.raises(InputError):
        call(snapshot)


def test_neurons_are_chosen_by_name():
    rows = jnp.asarray(np.random.default_rng(4).normal(size=(9, 3)), jnp.float32)
    others = Neurons(rows[4:], None, None)
    now, before = (
        (others, Neurons(rows[:4], None, None, name="key 1")),
        (others, Neurons(2 * rows[:4], None, None, name="key 1")),
    )
    shown = Snapshot(0, jnp.zeros((1, 1)), now, initial=before)
    measure = cosine_similarity_measure("key 1", limit=3)
    np.testing.assert_allclose(measure(shown), cosine_similarity(rows[:4])[:3, :3], rtol=1e-5)
    assert measure.description.endswith("neurons of key 1.")
    counted = effective_neurons_measure(["key 1"], (0.5, 0.9))
    assert counted.coords["layer"] == ("key 1",)
    np.testing.assert_array_equal(counted(shown)[0], effective_neurons(rows[:4], (0.5, 0.9)))
    assert float(relative_change_measure(("key 1",))(shown)[0]) == pytest.approx(0.5)
    with pytest.raises(InputError, match="Did you mean 'key 1'"):
        cosine_similarity_measure("key")(shown)
    for bad in ("key 1", []):
        with pytest.raises(InputError, match="list of names"):
            relative_change_measure(bad)
