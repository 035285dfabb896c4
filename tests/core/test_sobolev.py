"""The Sobolev loss: derivatives of every order against closed forms and finite differences, and refusals."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core import InputError, Regression, Sobolev, check_derivative, derivatives
from simplebias.networks import MLP, AntiSymmetric, TwoLayer, activation


def wave(x):
    return jnp.stack([jnp.sin(2 * x[0]) * x[1] ** 2, jnp.exp(x[0] + 3 * x[1])])


def test_derivative_tensors_of_two_inputs_in_closed_form(float64):
    a, b = 0.3, -0.7
    value, first, second, third = derivatives(wave, jnp.asarray([a, b]), 3)
    s, c, e = np.sin(2 * a), np.cos(2 * a), np.exp(a + 3 * b)
    np.testing.assert_allclose(value, [s * b**2, e], rtol=1e-14)
    np.testing.assert_allclose(first, [[2 * c * b**2, 2 * s * b], [e, 3 * e]], rtol=1e-13)
    np.testing.assert_allclose(second[0], [[-4 * s * b**2, 4 * c * b], [4 * c * b, 2 * s]], rtol=1e-13)
    assert third.shape == (2, 2, 2, 2)
    for index in np.ndindex(2, 2, 2):  # ∂ of the exponential: a factor 3 for each derivative along the second input
        assert float(third[1, *index]) == pytest.approx(e * 3 ** sum(index), rel=1e-12)
    np.testing.assert_allclose(third[0, 0, 0], [-8 * c * b**2, -8 * s * b], rtol=1e-12)


def test_one_input_to_the_fifth_order(float64):
    found = derivatives(jnp.sin, jnp.asarray([0.4]), 5)
    expected = [np.sin(0.4 + p * np.pi / 2) for p in range(6)]
    assert [one.shape for one in found] == [(1,) * (p + 1) for p in range(6)]
    np.testing.assert_allclose([float(one.ravel()[0]) for one in found], expected, rtol=1e-13)


def test_order_zero_is_the_value_alone():
    assert [one.tolist() for one in derivatives(lambda x: 2 * x, jnp.asarray([1.0, 2.0]), 0)] == [[2.0, 4.0]]


def test_the_loss_of_a_network_by_finite_differences(key, float64):
    network = MLP(2, 1, 7, 2, key=key)
    random = np.random.default_rng(3)
    points, values = random.normal(size=(5, 2)), random.normal(size=(5, 1))
    targets = [random.normal(size=(5, 2)), random.normal(size=(5, 1, 2, 2))]
    call = lambda x: float(network(jnp.asarray(x))[0])
    h, unit, expected = 1e-4, np.eye(2), 0.0
    for x, y, slope, bend in zip(points, values, *targets, strict=True):
        g = [(call(x + h * u) - call(x - h * u)) / (2 * h) for u in unit]
        cross = [
            [sum(i * j * call(x + h * (i * u + j * v)) for i in (1, -1) for j in (1, -1)) / (4 * h * h) for v in unit]
            for u in unit
        ]
        expected += (call(x) - y[0]) ** 2 + 0.5 * ((g - slope) ** 2).sum() + 0.25 * ((cross - bend[0]) ** 2).sum()
    task = Sobolev(points, values, targets, weights=[0.5, 0.25])
    loss = jax.jit(lambda task: task.loss(network, task.batch(None, key=key), key=key))(task)
    assert float(loss) == pytest.approx(expected / 5, rel=1e-6)


def test_each_order_multiplies_the_error_of_a_frequency_by_its_square(key, float64):
    x = np.linspace(-np.pi, np.pi, 32, endpoint=False)
    off = lambda x: 0.1 * jnp.sin(3 * x)
    losses = [
        float(task.loss(off, task.batch(None, key=key), key=key))
        for task in (Sobolev(x, 0 * x, [*[None] * p, 0 * x], weights=1.0) for p in range(3))
    ]
    np.testing.assert_allclose(losses, [0.005 * (1 + 9 ** (p + 1)) for p in range(3)], rtol=1e-12)


def test_weight_zero_is_a_regression_and_weights_may_be_traced(key):
    x = np.linspace(-1, 1, 9, dtype=np.float32)
    network, plain = TwoLayer(1, 1, 5, key=key), Regression(x, x**2)
    task = Sobolev(x, x**2, [2 * x], weights=0.0)
    gradient = lambda task: eqx.filter_grad(lambda n: task.loss(n, task.batch(None, key=key), key=key))(network)
    for one, other in zip(jax.tree.leaves(gradient(task)), jax.tree.leaves(gradient(plain)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    losses = jax.vmap(lambda w: (t := Sobolev(x, x**2, [2 * x], w)).loss(network, t.batch(None, key=key), key=key))
    low, mid, high = losses(jnp.asarray([0.0, 1.0, 2.0]))
    assert float(high - mid) == pytest.approx(float(mid - low), rel=1e-5)


def test_values_of_one_precision_stay_in_it(key, float64):
    x = np.linspace(-1, 1, 4, dtype=np.float32)
    task = Sobolev(x, x, [x], weights=1.0)
    assert task.loss(TwoLayer(1, 1, 3, key=key, dtype="float32"), task.batch(None, key=key), key=key).dtype == "float32"


def test_dropout_drops_the_same_neurons_in_all_orders(key):
    network = TwoLayer(1, 1, 64, activation="identity", dropout=0.5, key=key)
    x = np.array([2.0, 2.0], np.float32)
    task = Sobolev(x, x, [x])
    points, values, targets = task.batch(None, key=key)
    masked = lambda x, k: network(x, key=k)[0]
    keys = jax.random.split(key, 2)
    f, slope = jax.vmap(jax.value_and_grad(masked))(points, keys)
    expected = np.mean((f - values[:, 0]) ** 2) + np.mean((slope[:, 0] - targets[0][:, 0, 0]) ** 2)
    assert float(task.loss(network, (points, values, targets), key=key)) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "largest"), [("relu", 1), ("srelu", 1), ("elu", 2), ("phi", 2), ("s2relu", 2), ("tanh", None)]
)
def test_the_highest_derivative_has_jumps_and_no_more(name, largest, float64):
    """The order after the largest is not a function: the largest one jumps across a kink, the lower ones do not."""
    assert activation(name).largest_derivative == largest
    sides = [derivatives(activation(name), jnp.asarray([side]), 3 if largest is None else largest)
             for side in (-1e-9, 1e-9)]  # fmt: skip
    jumps = [abs(float((left - right).ravel()[0])) for left, right in zip(*sides, strict=True)]
    assert max(jumps[: None if largest is None else largest]) < 1e-6
    assert largest is None or jumps[largest] > 0.5


@pytest.mark.parametrize("doubled", [False, True])
def test_a_derivative_that_does_not_exist_is_named(key, doubled):
    network = MLP(1, 1, 4, 2, activation="relu", key=key)
    network = AntiSymmetric(network) if doubled else network
    x = np.linspace(-1, 1, 4)
    task = Sobolev(x, x**2, [2 * x])
    assert np.isfinite(task.loss(network, task.batch(None, key=key), key=key))
    task = Sobolev(x, x**2, [2 * x, 2 + 0 * x])
    with pytest.raises(InputError, match=r"derivatives up to order 1\. Use a smooth activation"):
        jax.jit(lambda task: task.loss(network, task.batch(None, key=key), key=key))(task)
    check_derivative(lambda x: x, 9)  # says nothing, passes


X = np.linspace(-1, 1, 4)


@pytest.mark.parametrize(
    ("derivatives", "weights", "message"),
    [
        ([], 1.0, "at least one derivative"),
        ([None], 1.0, "at least one derivative"),
        (X, 1.0, "a list, one array for each order"),
        ([X[:3]], 1.0, r"derivative of order 1 of shape \(4, 1, 1\)"),
        ([X, np.ones((4, 2))], 1.0, r"derivative of order 2 of shape \(4, 1, 1, 1\)"),
        ([np.full(4, np.nan)], 1.0, "finite derivative of order 1"),
        ([X * 1j], 1.0, "as real numbers"),
        ([X], -1.0, "weights as a number ≥ 0"),
        ([X], np.nan, "weights as a number ≥ 0"),
        ([X], [1.0, 2.0], "one weight, or 1 of them"),
    ],
)
def test_bad_data_are_refused_with_a_reason(derivatives, weights, message):
    with pytest.raises(InputError, match=message):
        Sobolev(X, X, derivatives, weights)


def test_a_network_of_another_size_is_refused(key):
    task = Sobolev(X, X, [X])
    with pytest.raises(InputError, match="outputs of shape"):
        task.loss(lambda x: jnp.zeros(2), task.batch(None, key=key), key=key)
