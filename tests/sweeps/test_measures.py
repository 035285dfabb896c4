"""What a sweep keeps of a network against the same computed plainly."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.core.snapshot import take_snapshot
from simplebias.core.task import Regression
from simplebias.networks import AntiSymmetric, TwoLayer
from simplebias.sweeps.data import named_task
from simplebias.sweeps.measures import FEATURES, LINE, _ranks, make_measures

WIDTH = 150  # twice as many neurons, more than are kept


def looked_at(inputs, task):
    network = AntiSymmetric(TwoLayer(inputs, 1, WIDTH, activation="relu", key=jax.random.key(0)))
    snapshot = take_snapshot(network, task.probe, initial=network.neurons())
    measures = make_measures(["features", "fit"], task, 1)
    return network, measures, {name: np.asarray(measure(snapshot)) for name, measure in measures.items()}


def plain(network):
    """Weights as NumPy, in double precision, the largest amplitude first."""
    (neurons,) = network.neurons()
    rows, outgoing = np.asarray(neurons.extended, float), np.asarray(neurons.output_weights, float)[0]
    size = np.abs(outgoing) * np.sqrt((rows**2).sum(axis=1))
    order = np.argsort(-size, kind="stable")
    return rows[order], size[order]


def test_neurons_are_kept_by_rank_densely_among_the_large():
    network, measures, found = looked_at(1, named_task("four-points"))
    rows, size = plain(network)
    kept = found["features"]
    assert kept.shape == (FEATURES, 2)
    assert tuple(measures["features"].coords["feature"]) == ("orientation", "amplitude")
    np.testing.assert_allclose(kept[[0, -1], 1], size[[0, -1]], rtol=1e-5)
    place = np.searchsorted(-size, -kept[:, 1] * (1 + 1e-5))  # the first of a pair of mirror images
    assert place[-1] >= 2 * WIDTH - 2
    steps = np.diff(_ranks(10_000))
    assert (steps >= 1).all()  # none twice
    assert (np.diff(steps) >= -1).all()
    assert steps[-1] > 20 * steps[0]
    np.testing.assert_allclose(kept[:, 0], np.arctan2(rows[place, 1], rows[place, 0]), atol=1e-5)


def test_of_several_inputs_the_projection_is_kept():
    draw = np.random.default_rng(0)
    task = Regression(draw.normal(size=(30, 4)), draw.normal(size=30))
    network, measures, found = looked_at(4, task)
    rows, size = plain(network)
    assert tuple(measures["features"].coords["feature"]) == ("projection", "amplitude")
    along = rows.sum(axis=1) / np.sqrt(5 * (rows**2).sum(axis=1))
    assert np.abs(found["features"][:, 0]).max() <= 1
    np.testing.assert_allclose(found["features"][0], [along[0], size[0]], rtol=1e-4)
    np.testing.assert_allclose(found["fit"], jax.vmap(network)(task.points), atol=1e-5)
    np.testing.assert_allclose(measures["fit"].attributes["given_values"], task.values[:, 0])


def test_a_fit_of_one_input_goes_beyond_the_data():
    task = named_task("four-points")
    network, measures, found = looked_at(1, task)
    line = jnp.asarray(measures["fit"].coords["position"])
    assert len(line) == LINE
    assert (line[0], line[-1]) == pytest.approx((-0.6, 0.6))
    np.testing.assert_allclose(found["fit"][:, 0], jax.vmap(network)(line[:, None])[:, 0], atol=1e-6)
    np.testing.assert_allclose(measures["fit"].attributes["given_points"], task.points[:, 0])
    alone = make_measures(["fit"], Regression([0.3], [1.0]), 1)["fit"]
    assert np.ptp(alone.coords["position"]) > 0.1  # one point has no range, and still a line around it


def test_a_diverged_network_gives_what_is_no_number():
    task = named_task("four-points")
    network = TwoLayer(1, 1, 3, initialisation="weight-std:1e30", key=jax.random.key(0))
    broken = jax.tree.map(lambda leaf: leaf * np.nan if isinstance(leaf, jax.Array) else leaf, network)
    measures = make_measures(["features", "fit"], task, 1)

    @eqx.filter_jit
    def look(network):
        snapshot = take_snapshot(network, task.probe)
        return {name: measure(snapshot) for name, measure in measures.items()}

    assert all(np.isnan(one).all() for one in look(broken).values())


def test_classes_have_no_fit_to_values():
    with pytest.raises(InputError, match="data with values for the measure 'fit'"):
        make_measures(["fit"], named_task("digits", 20), 1)
