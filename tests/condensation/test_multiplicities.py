"""Multiplicity against the declared one of every activation and against functions whose series is known."""

import jax
import jax.numpy as jnp
import pytest

from simplebias.condensation import multiplicity
from simplebias.condensation.multiplicities import find_function
from simplebias.core.errors import InputError
from simplebias.networks import ACTIVATIONS, activation


@pytest.mark.parametrize("name", [*ACTIVATIONS, "sin:10", "ricker:0.05"])
def test_declared_multiplicities_are_right(name):
    assert multiplicity(name) == activation(name).multiplicity
    assert multiplicity(activation(name)) == activation(name).multiplicity


SERIES = {
    "power 6": (lambda x: x**6, 6),
    "x - sin x": (lambda x: x - jnp.sin(x), 3),
    "tanh x - x": (lambda x: jnp.tanh(x) - x, 3),
    "cosh": (jnp.cosh, 2),
    "square of a fast sine": (lambda x: jnp.sin(50 * x) ** 2, 2),
    "tiny": (lambda x: 1e-8 * jnp.tanh(x), 1),
    "huge": (lambda x: 1e8 * x * jnp.tanh(x), 2),
    "constant added": (lambda x: 100 + x**2, 2),
    "absolute value": (jnp.abs, None),
    "x |x|": (lambda x: x * jnp.abs(x), None),
    "x² |x|": (lambda x: x**2 * jnp.abs(x), None),
    "squared ReLU": (lambda x: jax.nn.relu(x) ** 2, None),
    "|x|^1.5": (lambda x: jnp.abs(x) ** 1.5, None),
    "square root": (lambda x: jnp.sqrt(jnp.abs(x)), None),
    "kink beside 0": (lambda x: jax.nn.relu(x + 0.1), 1),
    "kink of higher order": (lambda x: x + x * jnp.abs(x), 1),
}


@pytest.mark.parametrize("name", SERIES)
def test_functions_of_known_series(name):
    function, wanted = SERIES[name]
    assert multiplicity(function) == wanted


@pytest.mark.parametrize("name", ["x2tanh", "phi", "leaky_relu", "gelu"])
def test_in_float64(name, float64):
    assert multiplicity(name) == activation(name).multiplicity


def test_what_has_none():
    with pytest.raises(InputError, match="does not vanish"):
        multiplicity(jnp.zeros_like, largest=3)
    with pytest.raises(InputError, match="up to order 3"):
        multiplicity(lambda x: x**4, largest=3)
    with pytest.raises(InputError, match="Did you mean"):
        multiplicity("thanh")
    with pytest.raises(InputError, match="name of an activation"):
        find_function(3)
    with pytest.raises(InputError, match="component-wise"):
        multiplicity(jnp.sum)
    with pytest.raises(InputError, match="largest"):
        multiplicity("tanh", largest=0)
