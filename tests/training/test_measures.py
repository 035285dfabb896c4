import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from simplebias.core.errors import InputError
from simplebias.core.snapshot import Snapshot, take_snapshot
from simplebias.core.task import Classification, Regression
from simplebias.networks import TwoLayer
from simplebias.training import accuracy, cross_entropy, error_measure, loss_measure, mean_squared_error

RANDOM = np.random.default_rng(3)
OUTPUTS, VALUES, LABELS = RANDOM.normal(size=(11, 4)), RANDOM.normal(size=(11, 4)), RANDOM.integers(0, 4, 11)


def slow_cross_entropy(outputs, labels):
    total = 0.0
    for row, label in zip(outputs, labels, strict=True):
        total -= np.log(np.exp(row[label]) / np.sum(np.exp(row)))
    return total / len(labels)


KINDS = ("mean-squared-error", "cross-entropy", "accuracy")
TWINS = [
    (mean_squared_error, VALUES, np.mean((OUTPUTS - VALUES) ** 2)),
    (cross_entropy, LABELS, slow_cross_entropy(OUTPUTS, LABELS)),
    (accuracy, LABELS, np.mean([np.argmax(row) == label for row, label in zip(OUTPUTS, LABELS, strict=True)])),
]


@pytest.mark.parametrize(("function", "truth", "expected"), TWINS)
@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray, torch.as_tensor])
def test_errors_agree_with_their_twins_for_any_kind_of_array(function, truth, expected, kind):
    assert float(function(kind(OUTPUTS), kind(truth))) == pytest.approx(expected, rel=1e-5)
    assert float(jax.jit(function)(OUTPUTS, truth)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("function", "truth", "expected"), TWINS)
def test_errors_are_mapped(function, truth, expected):
    mapped = jax.vmap(function, (0, None))(jnp.stack([OUTPUTS, OUTPUTS]), truth)
    assert np.allclose(mapped, [expected] * 2, rtol=1e-5)


def test_errors_keep_double_precision(float64):
    for function, truth, expected in TWINS:
        value = function(OUTPUTS, truth)
        assert value.dtype == jnp.float64
        assert float(value) == pytest.approx(expected, rel=1e-14)


def test_cross_entropy_of_large_logits_is_finite():
    assert float(cross_entropy([[1e4, 0.0]], [1])) == pytest.approx(1e4)


@pytest.mark.parametrize("function", [cross_entropy, accuracy])
@pytest.mark.parametrize(
    ("outputs", "labels"),
    [
        (OUTPUTS, LABELS[:-1]),
        (OUTPUTS, np.append(LABELS[:-1], 4)),
        (OUTPUTS, np.append(LABELS[:-1], -1)),
        (OUTPUTS, LABELS + 0.5),
        (OUTPUTS[:, 0], LABELS),
        (OUTPUTS * np.nan, LABELS),
        (OUTPUTS[:0], LABELS[:0]),
    ],
)
def test_labels_and_logits_that_do_not_fit_are_refused(function, outputs, labels):
    with pytest.raises(InputError):
        function(outputs, labels)


def test_the_loss_measure_is_the_loss_of_all_rows_without_dropout(key):
    network = TwoLayer(1, 2, 10, dropout=0.5, key=key)
    points = np.linspace(-1, 1, 7)
    task = Classification(points[:, None], [0, 1, 0, 1, 0, 1, 0])
    snapshot = take_snapshot(network, task.points)
    expected = slow_cross_entropy(np.asarray(snapshot.outputs, np.float64), np.asarray(task.labels))
    assert float(loss_measure(task)(snapshot)) == pytest.approx(expected, rel=1e-5)
    elsewhere = take_snapshot(network, task.points[:2])
    assert float(loss_measure(task)(elsewhere)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("kind", "twin"), list(zip(KINDS, TWINS, strict=True)))
def test_error_measures_look_at_their_rows(kind, twin):
    function, truth, _ = twin
    rows = [8, 1, 5]
    measure = error_measure(kind, jnp.asarray(truth), rows, description="held out", panel="validation")
    value = jax.jit(lambda outputs: measure(Snapshot(0, outputs)))(jnp.asarray(OUTPUTS))
    assert float(value) == pytest.approx(float(function(OUTPUTS[rows], truth[rows])), rel=1e-6)
    assert measure.attributes["panel"] == "validation"
    assert measure.attributes["scale"] == ("linear" if kind == "accuracy" else "log")


@pytest.mark.parametrize("rows", [[], [11], [-1], [[0, 1]]])
def test_rows_that_are_not_there_are_refused(rows):
    with pytest.raises(InputError, match="rows"):
        error_measure("mean-squared-error", jnp.asarray(VALUES), rows, description="")


def test_an_unknown_kind_names_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'accuracy'"):
        error_measure("acuracy", jnp.asarray(LABELS), [0], description="")


def test_a_regression_against_values_of_another_shape_is_refused():
    with pytest.raises(InputError):
        mean_squared_error(OUTPUTS, VALUES[:, :3])
    with pytest.raises(InputError):
        Regression(OUTPUTS, VALUES[:-1])


@pytest.mark.parametrize("function", [cross_entropy, accuracy])
def test_labels_may_be_constants_of_a_compiled_program(function):
    compiled = jax.jit(lambda outputs: function(outputs, LABELS))
    assert float(compiled(OUTPUTS)) == pytest.approx(float(function(OUTPUTS, LABELS)), rel=1e-6)
