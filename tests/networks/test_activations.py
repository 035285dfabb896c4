"""Properties of activations, checked on the functions themselves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.networks import ACTIVATIONS, activation, ricker, sine

ALL = [*ACTIVATIONS, "ricker:0.3", "ricker:0.1", "sin:10"]


def one_sided_limits(function, order, step=1e-4):
    """(σ(±h) - σ(0)) / (±h)^order for a small h."""
    values = np.asarray(function(jnp.array([-step, 0.0, step])))
    return (values[0] - values[1]) / (-step) ** order, (values[2] - values[1]) / step**order


def multiplicity_by_differences(function):
    for order in range(1, 6):
        left, right = one_sided_limits(function, order)
        if max(abs(left), abs(right)) > 0.02:
            return order if abs(left - right) < 0.02 * abs(right) else None
    return None


@pytest.mark.parametrize("name", ALL)
def test_multiplicity(name, float64):
    one = activation(name)
    assert multiplicity_by_differences(lambda x: one(x)) == one.multiplicity


@pytest.mark.parametrize("name", [name for name in ALL if activation(name).smooth])
def test_multiplicity_by_automatic_differentiation(name, float64):
    derivative, zero = activation(name), jnp.zeros(())
    for order in range(1, activation(name).multiplicity + 1):
        derivative = jax.grad(derivative)
        value = float(derivative(zero))
        assert (abs(value) > 1e-3) == (order == activation(name).multiplicity)


@pytest.mark.parametrize("name", ALL)
def test_parity_and_degree(name, float64):
    one, x = activation(name), jnp.linspace(-4.1, 4.3, 57)
    odd = bool(jnp.allclose(one(-x), -one(x), atol=1e-12))
    even = bool(jnp.allclose(one(-x), one(x), atol=1e-12))
    assert one.parity == ("odd" if odd else "even" if even else None)
    homogeneous = bool(jnp.allclose(one(2.5 * x), 2.5 * one(x), atol=1e-12))
    assert one.degree == (1 if homogeneous else None)


@pytest.mark.parametrize("name", ALL)
def test_spectrum_decays_as_said(name, float64):
    one = activation(name)
    x = np.arange(-12, 12, 1 / 512)
    spectrum = np.abs(np.fft.rfft(np.asarray(one(jnp.asarray(x))) * np.exp(-(x**2) / 2)))
    frequency = np.fft.rfftfreq(x.size, 1 / 512)
    octaves = [spectrum[(frequency >= low) & (frequency < 2 * low)].max() for low in (8, 16, 32)]
    if one.fourier_decay is None:
        assert octaves[-1] < 1e-9 * spectrum.max()
        assert one.smooth
    else:
        slope = np.log2(octaves[0] / octaves[-1]) / 2
        assert slope == pytest.approx(one.fourier_decay, abs=0.15)
        assert not one.smooth
        assert str(one.fourier_decay) in one.decay


@pytest.mark.parametrize("name", ALL)
def test_finite_with_finite_gradient_and_same_dtype(name):
    one = activation(name)
    x = jnp.array([-1e4, -3.0, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 1e4], jnp.float32)
    assert one(x).dtype == jnp.float32
    assert bool(jnp.isfinite(one(x)).all())
    assert bool(jnp.isfinite(jax.vmap(jax.grad(one))(x)).all())


def test_phi_is_the_quadratic_b_spline(float64):
    x = np.linspace(-1, 4, 501)
    steps = [(np.maximum(x - k, 0) ** 2) * c for k, c in ((0, 1), (1, -3), (2, 3), (3, -1))]
    assert np.allclose(activation("phi")(jnp.asarray(x)), sum(steps), atol=1e-12)
    assert float(activation("phi")(jnp.asarray(1.5))) == pytest.approx(1.5)
    assert not activation("phi")(jnp.array([-1.0, 0.0, 3.0, 1e6])).any()


def test_formulas(float64):
    x = np.linspace(-3, 3, 101)
    for name, twin in {
        "srelu": lambda x: np.where((x > 0) & (x < 1), x * (1 - x), 0),
        "s2relu": lambda x: np.where((x > 0) & (x < 1), np.sin(2 * np.pi * x) * x * (1 - x), 0),
        "ricker:0.3": lambda x: np.pi**0.25 / 4.5 * (1 - (x / 0.3) ** 2) * np.exp(-(x**2) / 0.18),
        "sin:10": lambda x: np.sin(10 * x),
        "x2tanh": lambda x: x**2 * np.tanh(x),
    }.items():
        assert np.allclose(activation(name)(jnp.asarray(x)), twin(x), atol=1e-12), name


@pytest.mark.parametrize("name", ALL)
def test_names_lead_back(name):
    assert activation(activation(name).name) == activation(name)


def test_families():
    assert activation("ricker:0.3") == ricker(0.3)
    assert activation("sin:1") == activation("sin") == sine()
    tiny = 0.123456789
    assert activation(ricker(tiny).name) == ricker(tiny)


@pytest.mark.parametrize(
    "name", ["tahn", "ricker:x", "ricker:", "ricker:0", "ricker:-1", "ricker:nan", "tanh:2", "", ":"]
)
def test_bad_names(name):
    with pytest.raises(InputError):
        activation(name)


def test_near_name_is_suggested():
    with pytest.raises(InputError, match="'tanh'"):
        activation("tahn")
