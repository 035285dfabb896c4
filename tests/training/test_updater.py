import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from simplebias.core.errors import InputError
from simplebias.core.schedule import every
from simplebias.core.task import Classification, Regression
from simplebias.networks import TwoLayer
from simplebias.training import Gradient, optimiser, optimiser_names, train
from simplebias.training.updater import Rows


def test_one_step_of_gradient_descent_by_hand(key):
    points, values = np.linspace(-1, 1, 9)[:, None], np.linspace(2, 1, 9)[:, None]
    network = TwoLayer(1, 1, 5, activation="tanh", key=key)
    run = train(network, Regression(points, values), updater=optax.sgd(0.1), steps=1, key=key)

    first, last = network.layers
    w, b, a = (np.asarray(x, np.float64) for x in (first.effective_weight, first.effective_bias, last.effective_weight))
    hidden = np.tanh(points @ w.T + b)
    error = 2 / 9 * (hidden @ a.T - values)
    back = (error @ a) * (1 - hidden**2)
    new_first, new_last = run.network.layers
    assert np.allclose(new_last.weight, a - 0.1 * error.T @ hidden, atol=1e-6)
    assert np.allclose(new_first.weight, w - 0.1 * back.T @ points, atol=1e-6)
    assert np.allclose(new_first.bias, b - 0.1 * back.sum(axis=0), atol=1e-6)


def test_gradient_descent_on_least_squares_in_closed_form(key, least_squares, linear_network, weights_record):
    points, values, start, hessian, best = least_squares
    run = train(
        linear_network(start), Regression(points, values), updater=optax.sgd(0.2), steps=40, key=key,
        measures={"weights": weights_record(every(1))},
    )  # fmt: skip
    contraction = np.eye(3) - 0.2 * hessian
    expected = [best[0] + np.linalg.matrix_power(contraction, k) @ (start - best)[0] for k in range(41)]
    assert np.allclose(run.data["weights"], expected, atol=2e-6)


def test_complex_parameters_descend(key):
    from jax.tree_util import Partial

    network = Partial(lambda c, x: jnp.abs(c[0] - (1 + 2j)) ** 2 + 0 * x, jnp.asarray([0.0 + 0.0j]))
    run = train(network, Regression([0.0], [0.0]), updater=optax.sgd(0.05), steps=200, key=key, until=1e-6)
    assert abs(complex(run.network.args[0][0]) - (1 + 2j)) < 0.1
    assert run.data["loss"].dtype == np.float32


def test_batch_of_all_rows_is_the_full_batch(key, least_squares, linear_network):
    points, values, start, *_ = least_squares
    task = Regression(points, values)
    runs = [
        train(linear_network(start), task, updater=Gradient(optax.sgd(0.1), size), steps=5, key=key)
        for size in (None, 12, 99)
    ]
    assert all(np.array_equal(run.network.args[0], runs[0].network.args[0]) for run in runs)


def test_mini_batch_steps_follow_the_rows(key, least_squares, linear_network):
    points, values, start, *_ = least_squares
    updater = Gradient(optax.sgd(0.1), batch_size=5)
    run = train(linear_network(start), Regression(points, values), updater=updater, steps=7, key=key)
    shuffle_key, _ = jax.random.split(jax.random.fold_in(key, 0))
    order, weights = updater.rows.init(12), start.copy()
    for step in range(7):
        order, rows = updater.rows.draw(order, jnp.asarray(step), shuffle_key)
        x, y = points[rows], values[rows]
        weights -= 0.1 * 2 / 5 * (x @ weights.T - y).T @ x
    assert np.allclose(run.network.args[0], weights, atol=1e-6)


def drawn_rows(size, batch, epochs, key):
    """Rows of whole epochs, `(epochs, batches, batch)`."""
    rows = Rows(batch)
    steps = epochs * (size // batch)
    draw = lambda order, step: rows.draw(order, step, key)
    _, drawn = jax.lax.scan(draw, rows.init(size), jnp.arange(steps))
    return np.asarray(drawn).reshape(epochs, size // batch, batch)


@pytest.mark.parametrize(("size", "batch"), [(2, 1), (9, 3), (10, 3), (40, 7), (5, 4)])
def test_rows_of_an_epoch_come_at_most_once(size, batch, key):
    epochs = drawn_rows(size, batch, 4, key).reshape(4, -1)
    assert all(len(set(epoch.tolist())) == len(epoch) for epoch in epochs)
    assert epochs.min() >= 0
    assert epochs.max() < size


def test_every_epoch_has_another_order_and_all_rows_are_reached(key):
    epochs = drawn_rows(40, 7, 30, key).reshape(30, 35)
    assert len({epoch.tobytes() for epoch in epochs}) == 30
    # each row is left out of an epoch with probability 1/8: 30 epochs, four standard deviations
    counts = np.bincount(epochs.ravel(), minlength=40)
    assert abs(counts - 30 * 35 / 40).max() < 4 * np.sqrt(30 * 7 / 64)


def test_classification_learns_to_tell_classes_apart(key):
    points = np.concatenate([np.linspace(-2, -1, 10), np.linspace(1, 2, 10)])
    task = Classification(points[:, None], np.repeat([0, 1], 10))
    run = train(TwoLayer(1, 2, 8, key=key), task, updater=optax.adam(0.05), steps=200, key=key)
    assert run.data["loss"][0] > 0.2
    assert run.data["loss"][-1] < 0.05


def test_names_of_optimisers():
    names = optimiser_names()
    assert {"adam", "sgd", "gd", "lion", "adamw", "rmsprop"} <= set(names)
    assert len(set(names)) == len(names)


def test_gd_is_plain_gradient_descent():
    transformation = optimiser("gd", 0.25)
    gradient = jnp.asarray([2.0, -4.0])
    change, _ = transformation.update(gradient, transformation.init(gradient), gradient)
    assert change.tolist() == [-0.5, 1.0]


def test_an_unknown_optimiser_names_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'adam'"):
        optimiser("adamm", 1e-3)


@pytest.mark.parametrize("rate", [0, 0.0, -0.1, float("nan"), float("inf")])
def test_a_learning_rate_that_is_not_positive_is_refused(rate):
    with pytest.raises(InputError, match="learning_rate"):
        optimiser("adam", rate)


def test_a_schedule_is_a_learning_rate(key, square, linear_network, weights_record):
    schedule = optax.piecewise_constant_schedule(0.25, {2: 0.0})
    measures = {"weights": weights_record(every(1))}
    run = train(
        linear_network([[1.0]]), square, updater=optimiser("sgd", schedule), steps=4, key=key, measures=measures
    )
    assert run.data["weights"].values.ravel().tolist() == [1.0, 0.5, 0.25, 0.25, 0.25]


@pytest.mark.parametrize("given", ["adam", optax.adam, 1e-3])
def test_what_is_no_optimiser_is_refused(given):
    with pytest.raises(InputError, match="Optax optimiser"):
        Gradient(given)


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_size_that_is_no_count_is_refused(size):
    with pytest.raises(InputError, match="batch_size"):
        Gradient(optax.sgd(0.1), size)
