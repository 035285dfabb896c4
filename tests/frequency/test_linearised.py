"""Tests of simplebias.frequency: spectra of kernels, linearised training, exponents of decay."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm

from simplebias.core import InputError
from simplebias.frequency import (
    decay_exponent,
    empirical_kernel,
    kernel_spectrum,
    linearised_dynamics,
    linearised_prediction,
)
from simplebias.networks import Affine


def gram(rows, rank, seed=0):
    factor = np.random.default_rng(seed).standard_normal((rows, rank))
    return factor @ factor.T


def test_the_spectrum_falls_and_gives_the_kernel_back(float64):
    kernel = gram(6, 9)
    spectrum = kernel_spectrum(kernel)
    np.testing.assert_allclose(spectrum.eigenvalues, np.linalg.eigvalsh(kernel)[::-1], rtol=1e-10)
    back = spectrum.eigenvectors * spectrum.eigenvalues @ spectrum.eigenvectors.T
    np.testing.assert_allclose(back, kernel, atol=1e-12)
    assert int(spectrum.rank) == 6
    assert not spectrum.singular


def test_a_singular_kernel_says_so():
    duplicated = gram(5, 9)[[0, 1, 2, 3, 3]][:, [0, 1, 2, 3, 3]]
    spectrum = kernel_spectrum(duplicated)
    assert spectrum.singular
    assert int(spectrum.rank) == 4
    assert int(kernel_spectrum(np.zeros((3, 3))).rank) == 0
    assert int(jax.jit(kernel_spectrum)(jnp.asarray(duplicated)).rank) == 4


@pytest.mark.parametrize(("loss", "factor"), [("half-sum", 1.0), ("mean-square", 2 / 12)])
def test_dynamics_are_the_exponential_of_the_matrix(loss, factor, float64):
    kernel, start = gram(6, 9), np.random.default_rng(1).standard_normal((6, 2))
    times = np.array([0.0, 0.3, 2.0])
    found = linearised_dynamics(kernel, start, times, learning_rate=0.1, loss=loss)
    expected = np.stack([expm(-0.1 * factor * time * kernel) @ start for time in times])
    np.testing.assert_allclose(found, expected, atol=1e-12)
    again = linearised_dynamics(kernel_spectrum(kernel), start, [np.inf], loss=loss)
    np.testing.assert_allclose(again, 0, atol=1e-12)


def test_a_linear_model_is_trained_as_foretold(float64):
    """`f(x) = W x + b` by gradient flow in its parameters: θ' = -Jᵀ u, solved as an exponential of JᵀJ alone."""
    rng = np.random.default_rng(2)
    x, y, other = rng.standard_normal((7, 3)), rng.standard_normal((7, 1)), rng.standard_normal((4, 3))
    model = Affine(jnp.asarray(rng.standard_normal((1, 3))), bias=jnp.zeros(1), multiplier=0.5)
    extended, wide = np.c_[0.5 * x, np.ones(7)], np.c_[0.5 * other, np.ones(4)]
    theta = np.r_[np.asarray(model.weight)[0], 0.0][:, None]
    best = np.linalg.lstsq(extended, y, rcond=None)[0]
    kernel, cross = empirical_kernel(model, x), empirical_kernel(model, other, x)
    start = extended @ theta - y
    for time in (0.2, 3.0):
        trained = best + expm(-time * extended.T @ extended) @ (theta - best)
        left = linearised_dynamics(kernel, start, [time])[0]
        np.testing.assert_allclose(left, extended @ trained - y, atol=1e-10)
        change = linearised_prediction(kernel, cross, start, [time])[0]
        np.testing.assert_allclose(wide @ theta + change, wide @ trained, atol=1e-10)
    change = linearised_prediction(kernel, cross, start, [np.inf], keep_unresolved=True)[0]
    np.testing.assert_allclose(wide @ theta + change, wide @ best, atol=1e-8)


def test_gradient_descent_with_small_steps_follows_the_mean_square():
    x, y = np.array([0.0, 0.5, 2.0]), np.array([1.0, 0.0, 0.5])
    theta, rate = np.zeros(2), 1e-4
    design = np.c_[x, np.ones(3)]
    for _ in range(2000):
        theta -= rate * 2 / 3 * design.T @ (design @ theta - y)
    found = linearised_dynamics(design @ design.T, -y, [2000], learning_rate=rate, loss="mean-square")
    np.testing.assert_allclose(found[0, :, 0], design @ theta - y, atol=1e-3)


def test_an_unresolved_direction_is_refused_only_where_it_matters():
    kernel = [[1.0, 1.0], [1.0, 1.0]]
    np.testing.assert_allclose(linearised_dynamics(kernel, [1.0, 1.0], [np.inf])[0], 0, atol=1e-6)
    with pytest.raises(InputError, match=r"not singular.*rank 1 of 2 in float32.*Remove duplicated.*keep_unresolved"):
        linearised_dynamics(kernel, [1.0, 0.0], [np.inf])
    with pytest.raises(InputError, match="not singular"):
        linearised_prediction(kernel, [[1.0, 1.0]], [1.0, 0.0], [1e9])
    kept = linearised_dynamics(kernel, [1.0, 0.0], [np.inf], keep_unresolved=True)
    np.testing.assert_allclose(kept[0, :, 0], [0.5, -0.5], atol=1e-6)
    early = linearised_dynamics(kernel, [1.0, 0.0], [1.0])[0, :, 0]
    np.testing.assert_allclose(early, [0.5 + np.exp(-2) / 2, -0.5 + np.exp(-2) / 2], atol=1e-6)
    np.testing.assert_allclose(linearised_dynamics(np.zeros((2, 2)), [1.0, 2.0], [np.inf])[0, :, 0], [1, 2])


def test_the_two_parts_of_the_kernel_of_relu_decay_as_theory_says(float64):
    """One input, Gaussian weights: `E[σσ]` falls with the fourth power of the index, `E[a² σ'σ' x x']` with the second.

    Exact in the weights' law: for uniform biases the mean over them is a sum over a fine lattice.
    """
    x = np.linspace(-1, 1, 300)
    w = np.random.default_rng(0).standard_normal(30)
    b = np.linspace(-4, 4, 400)
    before = (x[:, None, None] * w[:, None] + b).reshape(300, -1)
    outer, inner = np.maximum(before, 0), (before > 0) * 1.0
    values = {}
    for name, rows, inputs in (("outer", outer, 1), ("inner", inner, 1 + np.outer(x, x))):
        values[name] = kernel_spectrum(rows @ rows.T / before.shape[1] * inputs).eigenvalues
    assert -4.7 <= float(decay_exponent(values["outer"], 8, 40).slope) <= -3.7
    assert -2.4 <= float(decay_exponent(values["inner"], 8, 40).slope) <= -1.8


def test_the_slope_and_its_error_are_those_of_least_squares(float64):
    values = np.sort(np.arange(1, 31.0) ** -3 * np.exp(0.05 * np.random.default_rng(0).standard_normal(30)))[::-1]
    found = decay_exponent(values, 5, 25)
    index = np.log(np.arange(5, 26))
    line, covariance = np.polyfit(index, np.log(values[4:25]), 1, cov=True)
    np.testing.assert_allclose([found.slope, found.standard_error], [line[0], np.sqrt(covariance[0, 0])], rtol=1e-8)


def test_bad_input_is_named():
    with pytest.raises(InputError, match="square kernel"):
        kernel_spectrum(np.ones((2, 3)))
    with pytest.raises(InputError, match="finite kernel"):
        kernel_spectrum(np.full((2, 2), np.nan))
    with pytest.raises(InputError, match="symmetric kernel"):
        kernel_spectrum([[1.0, 2.0], [0.0, 1.0]])
    with pytest.raises(InputError, match="positive semi-definite"):
        kernel_spectrum([[1.0, 2.0], [2.0, 1.0]])
    with pytest.raises(InputError, match="2 rows"):
        linearised_dynamics(np.eye(2), [1.0], [1.0])
    for times in ([-1.0], [np.nan]):
        with pytest.raises(InputError, match="not negative"):
            linearised_dynamics(np.eye(2), [1.0, 1.0], times)
    with pytest.raises(InputError, match="loss as one of half-sum, mean-square"):
        linearised_dynamics(np.eye(2), [1.0, 1.0], [1.0], loss="mean")
    with pytest.raises(InputError, match=r"cross_kernel of shape \(others, 2\)"):
        linearised_prediction(np.eye(2), np.ones((1, 3)), [1.0, 1.0], [1.0])
    values = np.arange(1.0, 11) ** -2
    for first, last in ((0, 5), (1, 11), (4, 5)):
        with pytest.raises(InputError, match="first"):
            decay_exponent(values, first, last)
    with pytest.raises(InputError, match="falling order"):
        decay_exponent(values[::-1], 1, 5)
    with pytest.raises(InputError, match=r"number 7 of 0.*last=6"):
        decay_exponent(np.where(np.arange(10) < 6, values, 0), 1, 9)
