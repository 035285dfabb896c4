"""Tasks against losses computed by hand in NumPy."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from simplebias.core.errors import InputError
from simplebias.core.task import Classification, Regression, predict
from simplebias.core.types import Array

numbers = st.floats(-10, 10, width=32)


class Linear(eqx.Module):
    weights: Array

    def __call__(self, x):
        return self.weights @ x


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    logits = logits.astype(np.float64)
    total = 0.0
    for row, label in zip(logits, labels, strict=True):
        probabilities = np.exp(row - row.max()) / np.exp(row - row.max()).sum()
        total -= np.log(probabilities[label])
    return total / len(labels)


@given(arrays(np.float32, (5, 2), elements=numbers), arrays(np.float32, (5, 3), elements=numbers))
def test_regression_is_the_mean_square(points, values):
    weights = np.array([[1.0, -1.0], [0.5, 0.0], [0.0, 2.0]], np.float32)
    task = Regression(points, values)
    expected = np.mean((points.astype(np.float64) @ weights.T - values) ** 2)
    loss = task.loss(Linear(jnp.asarray(weights)), task.batch(None, key=jax.random.key(0)), key=jax.random.key(0))
    assert float(loss) == pytest.approx(expected, rel=1e-5, abs=1e-4)


@given(arrays(np.float32, (4, 2), elements=numbers), st.lists(st.integers(0, 2), min_size=4, max_size=4))
def test_classification_is_the_cross_entropy_in_nats(points, labels):
    weights = np.array([[1.0, -1.0], [0.5, 0.0], [0.0, 2.0]], np.float32)
    task = Classification(points, labels, classes=3)
    loss = task.loss(Linear(jnp.asarray(weights)), task.batch(None, key=jax.random.key(0)), key=jax.random.key(0))
    assert float(loss) == pytest.approx(cross_entropy(points @ weights.T, np.array(labels)), rel=1e-4, abs=1e-5)


def test_the_loss_survives_huge_logits(key):
    task = Classification([[1.0], [1.0]], [0, 1])
    loss = task.loss(lambda x: jnp.array([1e4, 0.0]), task.batch(None, key=key), key=key)
    assert float(loss) == pytest.approx(5000.0)


@pytest.mark.parametrize(
    "task", [Regression([0.0, 1.0, 2.0], [3.0, 4.0, 5.0]), Classification([0.0, 1.0, 2.0], [0, 2, 1])]
)
def test_a_batch_is_the_rows_asked_for(task, key):
    rows = np.array([task.size - 1, 0])
    points, answers = task.batch(jnp.asarray(rows), key=key)
    everything = task.batch(None, key=key)
    assert task.size == len(everything[0])
    np.testing.assert_array_equal(points, np.array(everything[0])[rows])
    np.testing.assert_array_equal(answers, np.array(everything[1])[rows])
    np.testing.assert_array_equal(task.probe, everything[0])


def test_labels_as_one_hot_rows():
    np.testing.assert_array_equal(Classification([0.0, 1.0, 2.0], [0, 2, 1]).values, np.eye(3)[[0, 2, 1]])


def test_each_point_has_its_own_mask(key):
    dropping = eqx.nn.Dropout(0.5)
    outputs = np.array(predict(lambda x, *, key: dropping(x, key=key), jnp.ones((200, 1)), key))
    assert set(outputs.ravel().tolist()) == {0.0, 2.0}
    assert abs(outputs.mean() - 1) < 4 / np.sqrt(200)


def test_precision_is_kept(float64, key):
    task = Regression(np.array([0.1, 0.2]), np.array([1.0, 2.0]))
    assert task.points.dtype == jnp.float64
    loss = task.loss(lambda x: x, task.batch(None, key=key), key=key)
    assert float(loss) == pytest.approx((0.9**2 + 1.8**2) / 2, rel=1e-14)


def test_a_network_of_another_size_is_refused_and_not_broadcast(key):
    task = Regression([0.0, 1.0], [[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(InputError, match=r"outputs of shape \(2,\)"):
        task.loss(lambda x: x, task.batch(None, key=key), key=key)
    task = Classification([0.0, 1.0], [0, 2])
    with pytest.raises(InputError, match=r"outputs of shape \(3,\)"):
        task.loss(lambda x: jnp.zeros(2), task.batch(None, key=key), key=key)


@pytest.mark.parametrize(
    ("labels", "classes", "expected"),
    [
        ([0, 1], None, "labels of shape"),
        ([[0], [1], [1]], None, "labels of shape"),
        ([0, 0.5, 1], None, "whole numbers"),
        ([0, -1, 1], None, "whole numbers"),
        ([0, np.nan, 1], None, "finite labels"),
        ([0, np.inf, 1], None, "finite labels"),
        (["a", "b", "a"], None, "labels as numbers"),
        ([0, 0, 0], None, "at least 2 classes"),
        ([0, 1, 2], 2, "at least 3 classes"),
    ],
)
def test_labels_refused(labels, classes, expected):
    with pytest.raises(InputError, match=expected):
        Classification([0.0, 1.0, 2.0], labels, classes)


@pytest.mark.parametrize(
    ("points", "values"), [([], []), ([0.0, 1.0], [1.0]), ([0.0, np.nan], [0.0, 1.0]), ([0.0], ["a"]), (3.0, [1.0])]
)
def test_data_refused(points, values):
    with pytest.raises(InputError):
        Regression(points, values)
