"""A look at a network, and the labels of what is measured on it."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.core.snapshot import (
    Measure,
    Neurons,
    Record,
    ShowsNeurons,
    Snapshot,
    evaluate,
    take_snapshot,
    wants_key,
)
from simplebias.core.types import POINT, Array


class Line(eqx.Module):
    slope: Array

    def __call__(self, x):
        return self.slope @ x


class Showing(Line):
    def neurons(self) -> tuple[Neurons, ...]:
        return (Neurons(self.slope, None, None),)


class Dropping(eqx.Module):
    dropout: eqx.nn.Dropout

    def __call__(self, x, *, key=None):
        return self.dropout(x, key=key)


POINTS = jnp.array([[1.0, 0.0], [0.0, 1.0], [2.0, 3.0]])


def test_outputs_are_the_network_at_each_point():
    slope = jnp.array([[1.0, 2.0], [0.0, -1.0]])
    snapshot = take_snapshot(Line(slope), POINTS, step=7)
    np.testing.assert_allclose(snapshot.outputs, np.array(POINTS) @ np.array(slope).T)
    assert snapshot.step == 7
    assert snapshot.neurons == ()


def test_a_scalar_output_becomes_a_column():
    assert evaluate(lambda x: x.sum(), POINTS).tolist() == [[1.0], [1.0], [5.0]]


def test_only_a_network_that_shows_its_neurons_shows_them():
    assert isinstance(Showing(jnp.eye(2)), ShowsNeurons)
    assert not isinstance(Line(jnp.eye(2)), ShowsNeurons)
    (layer,) = take_snapshot(Showing(jnp.eye(2)), POINTS).neurons
    np.testing.assert_array_equal(layer.input_weights, np.eye(2))


def test_the_bias_is_absorbed_as_the_last_column():
    weights, bias = np.arange(6.0).reshape(3, 2), np.array([7.0, 8.0, 9.0])
    layer = Neurons(jnp.asarray(weights), jnp.asarray(bias), None)
    np.testing.assert_array_equal(layer.extended, np.c_[weights, bias])
    np.testing.assert_array_equal(Neurons(jnp.asarray(weights), None, None).extended, weights)


def test_a_look_is_quiet_though_training_drops():
    network = Dropping(eqx.nn.Dropout(0.5))
    assert wants_key(network)
    np.testing.assert_array_equal(evaluate(network, POINTS), POINTS)


def test_a_snapshot_is_taken_under_jit_and_vmap():
    slopes = jnp.stack([jnp.eye(2), 2 * jnp.eye(2)])
    looks = jax.jit(jax.vmap(lambda slope: take_snapshot(Showing(slope), POINTS)))(slopes)
    np.testing.assert_array_equal(looks.outputs[1], 2 * POINTS)
    assert looks.neurons[0].input_weights.shape == (2, 2, 2)


def test_precision_is_kept(float64):
    points = jnp.asarray(np.full((2, 2), 1 / 3))
    assert take_snapshot(Line(jnp.eye(2)), points).outputs.dtype == jnp.float64


def test_a_coordinate_needs_its_dimension():
    Measure(lambda s: s.outputs[:, 0], dims=(POINT,), coords={POINT: [0, 1, 2]})
    with pytest.raises(InputError, match="frequency"):
        Measure(lambda s: s.outputs[:, 0], dims=(POINT,), coords={"frequency": [1.0]})


def test_a_measure_is_its_function():
    measure = Measure(lambda snapshot: snapshot.outputs.sum())
    assert measure(Snapshot(step=0, outputs=jnp.ones((3, 2)))).tolist() == 6


def test_a_record_sorts_and_checks_what_its_schedule_says():
    measure = Measure(lambda snapshot: snapshot.outputs.sum())
    assert Record(measure, at=lambda total: [total, 0, 3, 3]).steps(5).tolist() == [0, 3, 5]
    assert Record(measure, at=[10, 99]).steps(50).tolist() == [10]
    assert Record(measure, at=[99]).steps(50).tolist() == []
    assert Record(measure).steps(0).tolist() == [0]
    with pytest.raises(InputError):
        Record(measure, at=lambda total: [0.5]).steps(5)
