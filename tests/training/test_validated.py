"""A validated training against one that is looked at from outside."""

import numpy as np
import optax
import pytest

from simplebias.core.errors import InputError, Outcome
from simplebias.core.schedule import every
from simplebias.core.snapshot import Record
from simplebias.core.task import Regression, task_loss
from simplebias.networks import TwoLayer
from simplebias.training import Gradient, Validated, loss_measure, train

RANDOM = np.random.default_rng(3)
X = np.linspace(-1, 1, 12)
FITTED = Regression(X, np.sin(3 * X) + 0.5 * RANDOM.normal(size=12))
OTHER = Regression(X + 0.04, np.sin(3 * X + 0.12))
PATIENCE = 4


def run(key, updater, steps):
    network = TwoLayer(1, 1, 40, activation="tanh", key=key)
    measures = {"loss": Record(loss_measure(FITTED), at=every(1)), "other": Record(loss_measure(OTHER), at=every(1))}
    return train(network, FITTED, updater=updater, steps=steps, measures=measures, key=key)


@pytest.mark.usefixtures("float64")
def test_it_ends_with_the_parameters_of_the_least_validation_loss(key):
    plain = run(key, Gradient(optax.adam(3e-2)), 300)
    losses = plain.data["other"].values[1:]  # after each step
    best, since, stop = 0, 0, None
    for step, loss in enumerate(losses):  # the rule, step by step
        best, since = (step, 0) if loss < losses[best] or step == 0 else (best, since + 1)
        if since == PATIENCE:
            stop = step + 1
            break
    assert stop is not None
    validated = run(key, Validated(Gradient(optax.adam(3e-2)), OTHER, patience=PATIENCE), 300)
    assert validated.outcome == Outcome.STOPPED
    assert validated.step == stop
    np.testing.assert_allclose(task_loss(validated.network, OTHER), losses[best], rtol=1e-6)
    sooner = run(key, Validated(Gradient(optax.adam(3e-2)), OTHER, patience=PATIENCE), stop - 2)  # ended from outside
    assert sooner.outcome == Outcome.COMPLETED
    assert losses[stop - 3] > losses[best]
    np.testing.assert_allclose(task_loss(sooner.network, OTHER), losses[best], rtol=1e-6)


def test_a_patience_of_no_step_is_refused():
    with pytest.raises(InputError, match="patience"):
        Validated(Gradient(optax.adam(1e-2)), OTHER, patience=0)
