"""Divergence, and stopping by loss."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from simplebias.core.errors import DivergenceError
from simplebias.core.run import Run
from simplebias.core.schedule import every
from simplebias.core.task import Regression
from simplebias.training import Gradient, train

RATE = 10.0  # on w² with gradient 2 w, a step multiplies w by 1 - 2 · 10 = -19


def weights_of_steps(start, rate, steps):
    weights = [np.float32(start)]
    for _ in range(steps):
        weights.append(np.float32(weights[-1] - np.float32(rate) * (2 * weights[-1])))
    return np.array(weights)


def first_not_finite(start):
    with np.errstate(over="ignore", invalid="ignore"):
        return int(np.flatnonzero(~np.isfinite(weights_of_steps(start, RATE, 60) ** 2))[0])


def test_divergence_is_raised_with_its_step_and_all_that_was_recorded(key, square, linear_network, tmp_path):
    at = first_not_finite(1.0)
    with pytest.raises(DivergenceError, match=f"step {at}: .*smaller learning rate") as caught:
        train(linear_network([[1.0]]), square, updater=optax.sgd(RATE), steps=1000, key=key, out=tmp_path / "run")
    run = caught.value.run
    assert run.outcome.name == "DIVERGED"
    assert int(run.data["diverged_at"]) == run.step == at
    assert run.data["step"].values.tolist()[: at + 1] == list(range(at + 1))
    expected = weights_of_steps(1.0, RATE, at - 1) ** 2
    assert np.allclose(run.data["loss"][:-1], expected[run.data["step"][:-1]], rtol=1e-4)
    assert np.isinf(run.data["loss"][-1])
    assert Run.load(tmp_path / "run").data.identical(run.data)


def test_a_diverged_member_is_marked_and_the_others_finish(key, square, linear_network, weights_record):
    starts = [[[1.0]], [[0.0]], [[1e-8]]]
    run = train(
        linear_network(starts), square, updater=optax.sgd(RATE), steps=35, key=key, seeds=[3, 4, 5], throw=False,
        measures={"weights": weights_record(every(1))},
    )  # fmt: skip
    expected = [first_not_finite(1.0), -1, first_not_finite(1e-8)]
    assert expected[2] in range(expected[0] + 1, 35)
    assert run.data["diverged_at"].values.tolist() == expected
    assert run.data["outcome"].values.tolist() == [3, 0, 3]
    assert run.outcome.name == "COMPLETED"
    rested = weights_of_steps(1.0, RATE, expected[0])[-1]
    assert np.allclose(run.data["weights"][0, expected[0] :], rested, rtol=1e-4)
    assert np.allclose(run.network.args[0][0], rested, rtol=1e-4)


def test_all_members_diverged_end_the_training(key, square, linear_network):
    run = train(linear_network([[[1.0]], [[2.0]]]), square, updater=optax.sgd(RATE), steps=10**9, key=key,
                seeds=[0, 1], throw=False)  # fmt: skip
    assert run.outcome.name == "DIVERGED"
    assert run.step == max(first_not_finite(1.0), first_not_finite(2.0))


def test_divergence_in_the_very_last_step_is_noticed(key, square, linear_network):
    spoil = optax.stateless(lambda gradient, parameters: jax.tree.map(lambda g: g * jnp.nan, gradient))
    with pytest.raises(DivergenceError, match="step 1:") as caught:
        train(linear_network([[1.0]]), square, updater=spoil, steps=1, key=key)
    assert caught.value.run.data["loss"].shape == (2,)


def test_each_member_stops_at_its_step_and_rests(key, square, linear_network, weights_record):
    starts, until = [1.0, 8.0, 0.01], 1e-3
    updater = Gradient(optax.sgd(0.25))  # a step halves w
    run = train(
        linear_network(np.reshape(starts, (3, 1, 1)).astype(np.float32)), square, updater=updater, steps=100, key=key,
        seeds=[0, 1, 2], until=until, measures={"weights": weights_record(every(1))},
    )  # fmt: skip
    expected = [int(np.argmax((start * 0.5 ** np.arange(100)) ** 2 < until)) for start in starts]
    assert run.data["stopped_at"].values.tolist() == expected
    assert run.outcome.name == "STOPPED"
    assert run.step == max(expected)
    for i, (start, stop) in enumerate(zip(starts, expected, strict=True)):
        steps = np.minimum(np.arange(run.step + 1), stop)
        assert np.allclose(run.data["weights"][i, :, 0], start * 0.5**steps, rtol=1e-6)


def test_a_criterion_that_is_not_met_changes_nothing(key, linear_network):
    task = Regression([1.0], [0.0])
    run = train(linear_network([[1.0]]), task, updater=optax.sgd(0.25), steps=5, key=key, until=1e-9)
    assert run.outcome.name == "COMPLETED"
    assert int(run.data["stopped_at"]) == -1
    assert np.isclose(float(run.network.args[0][0, 0]), 0.5**5)
