import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from simplebias.core.task import Regression
from simplebias.networks import TwoLayer
from simplebias.training import Gradient
from simplebias.training.fingerprint import fingerprint

PAIRS = [
    (lambda: optax.adam(1e-3), lambda: optax.adam(1.0001e-3)),
    (lambda: optax.adam(1e-3), lambda: optax.nadam(1e-3)),
    (lambda: optax.sgd(0.1), lambda: optax.sgd(0.1, momentum=0.9)),
    (lambda: optax.chain(optax.clip(1.0), optax.sgd(0.1)), lambda: optax.chain(optax.clip(2.0), optax.sgd(0.1))),
    (lambda: optax.sgd(optax.cosine_decay_schedule(0.1, 9)), lambda: optax.sgd(optax.cosine_decay_schedule(0.1, 8))),
    (lambda: optax.inject_hyperparams(optax.sgd)(0.1), lambda: optax.inject_hyperparams(optax.sgd)(0.2)),
    (lambda: Gradient(optax.sgd(0.1), 8), lambda: Gradient(optax.sgd(0.1), 9)),
    (lambda: TwoLayer(1, 1, 3, key=jax.random.key(0)), lambda: TwoLayer(1, 1, 3, key=jax.random.key(1))),
    (lambda: TwoLayer(1, 1, 3, key=jax.random.key(0)),
     lambda: TwoLayer(1, 1, 3, activation="relu", key=jax.random.key(0))),
    (lambda: eqx.nn.MLP(1, 1, 3, 1, activation=jnp.tanh, key=jax.random.key(0)),
     lambda: eqx.nn.MLP(1, 1, 3, 1, activation=jax.nn.relu, key=jax.random.key(0))),
    (lambda: Regression([0.0, 1.0], [0.0, 1.0]), lambda: Regression([0.0, 1.0], [0.0, 1.1])),
    (lambda: np.zeros(3, np.float32), lambda: np.zeros(3)),
    (lambda: np.zeros((3, 1)), lambda: np.zeros((1, 3))),
    (lambda: jax.random.key(0), lambda: jax.random.key(1)),
    (lambda: {"a": 1, "b": 2}, lambda: {"a": 2, "b": 1}),
    (lambda: None, lambda: 0),
]  # fmt: skip


@pytest.mark.parametrize(("make", "other"), PAIRS)
def test_equal_things_are_equal_and_others_differ(make, other):
    assert fingerprint(make()) == fingerprint(make())
    assert fingerprint(make()) != fingerprint(other())


def test_order_of_keys_does_not_matter():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})


def test_a_cycle_ends():
    ring = []
    ring.append(ring)
    assert fingerprint(ring) == fingerprint(ring)


def test_it_is_the_same_in_another_process():
    code = (
        "import optax; from simplebias.training.fingerprint import fingerprint;"
        "print(fingerprint(optax.adamw(optax.cosine_decay_schedule(0.1, 9)), {'a': {1, }, 'b': 'text'}))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert said == [fingerprint(optax.adamw(optax.cosine_decay_schedule(0.1, 9)), {"a": {1}, "b": "text"})]
