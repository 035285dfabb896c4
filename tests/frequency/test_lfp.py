"""Tests of simplebias.frequency: coefficients of the Linear Frequency Principle, its solution, norm and bound."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.interpolate import CubicSpline
from scipy.special import gamma, j0
from scipy.stats import qmc

from simplebias.core import InputError, Neurons
from simplebias.frequency import (
    NeuronLaw,
    atoms_kernel,
    bias_coverage,
    fp_norm,
    frequency_lattice,
    gaussian_neurons,
    generalisation_bound,
    lattice_kernel,
    law_of_neurons,
    lfp_coefficients,
    neuron_moments,
    radial_atoms,
    sine_atoms,
    solve_lfp,
    uniform_neurons,
)
from simplebias.networks import activation

X = np.array([-0.8, -0.6, -0.3, -0.06, 0.1])
Y = np.array([0.25, -0.25, -0.07, 0.15, -0.05])
BETWEEN = np.linspace(-0.8, 0.1, 91)
CUBIC = uniform_neurons(weight_bound=3, output_bound=0.1, bias_bound=3)
LINEAR = uniform_neurons(weight_bound=0.2, output_bound=1, bias_bound=1)


COARSE = frequency_lattice(X, highest=80)
NARROW = lambda xi: np.exp(-((60 * xi) ** 2))


def relu(law):
    return lambda xi: lfp_coefficients("relu", law, xi).gamma_squared


def apart(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


# Coefficients


@pytest.mark.parametrize("inputs", [1, 2, 5])
def test_moments_of_gaussian_weights(inputs):
    found = neuron_moments(gaussian_neurons(inputs, weight_std=0.7, output_std=2, bias_std=10))
    r = 0.7 * np.sqrt(2) * gamma((inputs + 1) / 2) / gamma(inputs / 2)
    r3 = 0.7**3 * 2 * np.sqrt(2) * gamma((inputs + 3) / 2) / gamma(inputs / 2)
    np.testing.assert_allclose([found.r, found.r3, found.a2, found.a2r], [r, r3, 4, 4 * r], rtol=1e-10)


def transform(name, eta):
    """`∫ σ(x) exp(-2πiηx) dx` by sums: tanh by its derivative, ReLU as the limit of a slow exponential decay."""
    if name == "relu":
        x = np.linspace(0, 800, 1_600_001)
        samples = x * np.exp(-0.05 * x)
    else:
        x = np.linspace(-40, 40, 80_001)
        samples = 1 / np.cosh(x) ** 2 if name == "tanh" else np.asarray(activation(name)(jnp.asarray(x)))
    total = np.sum(samples * np.exp(-2j * np.pi * eta * x)) * (x[1] - x[0])
    return total / (2j * np.pi * eta) if name == "tanh" else total


@pytest.mark.parametrize("inputs", [1, 3])
@pytest.mark.parametrize("name", ["relu", "tanh", "ricker:0.8"])
def test_coefficients_are_means_of_transforms(name, inputs, float64):
    law = NeuronLaw(inputs, np.array([0.5, 1.5]), np.array([0.3, 0.7]), np.array([2.0, 0.25]), bias_density=0.02)
    prefactor = 2 * 0.02 / {1: 2, 3: 4 * np.pi}[inputs]
    xi = 0.4
    square = [abs(transform(name, xi / r)) ** 2 for r in law.lengths]
    slope = [(2 * np.pi * xi / r) ** 2 * part for r, part in zip(law.lengths, square, strict=True)]
    by_outputs = sum(p / r * s for p, r, s in zip(law.shares, law.lengths, square, strict=True))
    by_inputs = sum(
        p / r * a2 * s for p, r, a2, s in zip(law.shares, law.lengths, law.output_squares, slope, strict=True)
    )
    found = lfp_coefficients(name, law, [xi])
    tolerance = 3e-3 if name == "relu" else 1e-8
    np.testing.assert_allclose(found.gamma_w_squared, prefactor * xi ** (1 - inputs) * by_inputs, rtol=tolerance)
    whole = prefactor * xi ** (1 - inputs) * (by_outputs + by_inputs)
    np.testing.assert_allclose(found.gamma_squared, whole, rtol=tolerance)


def test_the_prefactor_in_two_dimensions_is_that_of_the_kernel():
    """`E a² σ'σ'` of tanh by random neurons against `∫ Γ_w² cos`, a Hankel transform in two dimensions."""
    rng = np.random.default_rng(0)
    law = gaussian_neurons(2, weight_std=1, output_std=1, bias_std=20)
    xi = np.linspace(1e-4, 6, 6000)
    gamma_w = lfp_coefficients("tanh", law, xi).gamma_w_squared
    w = rng.standard_normal((200_000, 2))
    # only |b| < 12 matters, so biases are drawn there and weighed by their density
    b = rng.uniform(-12, 12, len(w))
    density = 24 * np.exp(-((b / 20) ** 2) / 2) / (20 * np.sqrt(2 * np.pi))
    for separation in (0.0, 0.5, 1.5):
        slopes = [1 / np.cosh(b + sign * w[:, 0] * separation / 2) ** 2 for sign in (-1, 1)]
        sampled = np.mean(density * slopes[0] * slopes[1])
        formula = np.trapezoid(2 * np.pi * xi * j0(2 * np.pi * xi * separation) * gamma_w, xi)
        assert abs(formula / sampled - 1) < 0.05


@pytest.mark.parametrize("name", ["relu", "tanh", "ricker", "ricker:0.3"])
def test_windowed_quotients_of_the_kernel_are_gamma_squared(name, float64):
    """No constant is fitted; without the window the ends of the data would hide all but the lowest frequencies.

    The window blurs frequencies by 1/8π or so, which for steep spectra matters at angular frequencies 1 and 2.
    """
    weight, output, bias = 3.0, 0.7, 44.0
    unit = qmc.Sobol(3, rng=1).random(2**12)
    w, b, a2 = weight * (2 * unit[:, 0] - 1), bias * (2 * unit[:, 1] - 1), (output * unit[:, 2]) ** 2
    x = np.linspace(-4 * np.pi, 4 * np.pi, 257)
    step, window = x[1] - x[0], np.blackman(len(x))
    inside = jnp.asarray(np.multiply.outer(w, x) + b[:, None])
    function, width = activation(name), 1e-3
    values = np.asarray(function(inside))
    slopes = np.asarray(function(inside + width) - function(inside - width)) / (2 * width)
    frequencies = np.arange(3, 6) / (2 * np.pi)
    waves = window[:, None] * np.exp(-2j * np.pi * np.multiply.outer(x, frequencies)) * step
    power = step * np.sum(window**2)
    by_outputs = np.mean(abs(values @ waves) ** 2, axis=0) / power
    by_inputs = np.mean(a2[:, None] * abs(slopes @ waves) ** 2, axis=0) / power
    law = uniform_neurons(weight_bound=weight, output_bound=output, bias_bound=bias)
    found = lfp_coefficients(name, law, frequencies)
    for quotient, coefficient in (
        (by_outputs + by_inputs, found.gamma_squared),
        (by_inputs, found.gamma_w_squared),
        (by_outputs, found.gamma_squared - found.gamma_w_squared),
    ):
        np.testing.assert_allclose(quotient, coefficient, rtol=0.07)


def test_relu_crosses_over_where_it_is_said():
    assert round(2 * np.pi * neuron_moments(CUBIC).crossover) == 37
    assert abs(2 * np.pi * neuron_moments(LINEAR).crossover - 0.245) < 0.001
    xi = neuron_moments(CUBIC).crossover
    found = lfp_coefficients("relu", CUBIC, [xi])
    np.testing.assert_allclose(found.gamma_squared, 2 * found.gamma_w_squared)


def test_the_law_of_actual_neurons_is_that_they_were_drawn_from():
    rng, width = np.random.default_rng(3), 40_000
    neurons = Neurons(
        jnp.asarray(rng.normal(size=(width, 2)) * 0.5),
        bias=jnp.asarray(rng.normal(size=width) * 9),
        output_weights=jnp.asarray(rng.normal(size=(1, width)) * 2 / np.sqrt(width)),
    )
    law = gaussian_neurons(2, weight_std=0.5, output_std=2, bias_std=9)
    known = law_of_neurons(neurons, bias_density=law.bias_density)
    xi = [0.02, 0.1, 0.3]
    for name in ("tanh", "relu"):
        expected = lfp_coefficients(name, law, xi).gamma_squared
        np.testing.assert_allclose(lfp_coefficients(name, known, xi).gamma_squared, expected, rtol=0.05)
    assert abs(law_of_neurons(neurons).bias_density / law.bias_density - 1) < 0.08
    raw = law_of_neurons(neurons, output_multiplier=1)
    np.testing.assert_allclose(raw.output_squares * width, known.output_squares, rtol=1e-5)
    assert bias_coverage(neurons, [[0.1, 0.0], [-0.2, 0.1]]) > 20


@pytest.mark.parametrize("inputs", [1, 2, 3])
def test_sine_learns_at_the_frequencies_of_its_weights(inputs):
    rng = np.random.default_rng(4)
    law = gaussian_neurons(inputs, weight_std=1.2, output_std=0.5, bias_std=30)
    atoms = sine_atoms(law, frequency=2)
    x = rng.normal(size=(3, inputs))
    w, b = rng.normal(size=(400_000, inputs)) * 1.2, rng.uniform(-np.pi, np.pi, 400_000)
    inside = 2 * (w @ x.T + b[:, None])
    sampled = (np.sin(inside).T @ np.sin(inside) + np.cos(inside).T @ np.cos(inside)) / len(b)  # 4 a² = 1
    np.testing.assert_allclose(atoms_kernel(x, x, atoms), sampled, atol=0.01)


# Solution


def test_the_dual_form_is_the_function_of_least_norm(float64):
    """Against the dictionary of cosines and sines, by a pseudo-inverse, and its norm from its spectrum."""
    lattice = frequency_lattice(X, spacing=0.25, highest=65)
    density = relu(CUBIC)(lattice.lengths())
    amplitude = np.sqrt(density * lattice.cells)
    dictionary = lambda x: np.c_[
        amplitude * np.cos(2 * np.pi * np.outer(x, lattice.frequencies)),
        amplitude * np.sin(2 * np.pi * np.outer(x, lattice.frequencies)),
    ]
    coefficients = np.linalg.lstsq(dictionary(X), Y, rcond=1e-14)[0]
    solution = solve_lfp(X, Y, relu(CUBIC), lattice=lattice, ridge=1e-12)
    np.testing.assert_allclose(solution.limit(BETWEEN)[:, 0], dictionary(BETWEEN) @ coefficients, atol=1e-6)
    np.testing.assert_allclose(solution.norm, np.linalg.norm(coefficients), rtol=1e-6)
    cosines, sines = coefficients.reshape(2, -1) * amplitude / lattice.cells
    np.testing.assert_allclose(
        fp_norm(cosines - 1j * sines, density, cells=lattice.cells), np.linalg.norm(coefficients), rtol=1e-10
    )


def test_the_flow_is_integrated_exactly(float64):
    lattice = frequency_lattice(X, spacing=0.25, highest=65)
    density = relu(LINEAR)(lattice.lengths())
    other, start = np.array([-0.7, 0.0]), np.array([0.1, 0.3, -0.2, 0.0, 0.2])
    both = np.concatenate([X, other])
    kernel = lattice_kernel(both, X, lattice, density)
    begin = np.concatenate([start, [0.5, -0.5]])
    flow = solve_ivp(lambda _, h: -kernel @ (h[:5] - Y), (0, 3), begin, rtol=1e-10, atol=1e-12, method="LSODA")
    solution = solve_lfp(X, Y, relu(LINEAR), lattice=lattice, initial=start, ridge=0)
    found = solution.at(other, [0.0, 3.0], initial=begin[5:])
    np.testing.assert_allclose(found[0, :, 0], begin[5:], atol=1e-12)
    np.testing.assert_allclose(found[1, :, 0], flow.y[5:, -1], atol=1e-6)
    np.testing.assert_allclose(solution.limit(X, initial=start)[:, 0], Y, atol=1e-6)


def test_the_limits_are_splines():
    linear = solve_lfp(X, Y, relu(LINEAR)).limit(BETWEEN)[:, 0]
    cubic = solve_lfp(X, Y, relu(CUBIC)).limit(BETWEEN)[:, 0]
    line, spline, natural = (
        np.interp(BETWEEN, X, Y),
        CubicSpline(X, Y)(BETWEEN),
        CubicSpline(X, Y, bc_type="natural")(BETWEEN),
    )
    assert apart(linear, line) < 0.01
    assert 2 * apart(cubic, spline) < apart(cubic, line)
    assert apart(cubic, natural) < 0.05  # that which has the least ∫ h''², as the norm asks


def test_floor_ridge_and_lattice_do_not_matter():
    usual = solve_lfp(X, Y, relu(CUBIC)).limit(BETWEEN)
    for changed in ({"zero_floor": 0.03}, {"zero_floor": 0.3}, {"ridge": 1e-11}, {"ridge": 1e-7}):
        assert apart(solve_lfp(X, Y, relu(CUBIC), **changed).limit(BETWEEN), usual) < 1e-3
    finer = frequency_lattice(X, spacing=0.05, highest=80)
    assert apart(solve_lfp(X, Y, relu(CUBIC), lattice=finer).limit(BETWEEN), usual) < 0.02


def test_two_inputs_and_two_outputs():
    corners = np.array([[1.0, 1], [-1, -1], [1, -1], [-1, 1]])
    values = np.array([[1.0, 0], [1, 1], [-1, 2], [-1, 3]])
    law = gaussian_neurons(2, weight_std=0.8, output_std=0.2, bias_std=1)
    solution = solve_lfp(corners, values, relu(law))
    np.testing.assert_allclose(solution.limit(corners), values, atol=1e-4)
    middle = solution.limit([[0.0, 0.0], [0.5, 0.5], [-0.5, -0.5]])
    np.testing.assert_allclose(middle[0, 0], 0, atol=1e-6)
    np.testing.assert_allclose(middle[1, 0], middle[2, 0], atol=1e-6)
    assert solution.norm.shape == (2,)


@pytest.mark.parametrize("inputs", [1, 2])
def test_spheres_give_what_the_lattice_gives(inputs):
    corners = np.array([[1.0, 1], [-1, -1], [1, -1], [-1, 1]])[:, :inputs] if inputs == 2 else X
    values = [1.0, 1, -1, -0.8] if inputs == 2 else Y
    law = gaussian_neurons(inputs, weight_std=0.8, output_std=0.2, bias_std=1)
    others = corners[1:] * 0.6 + corners[:-1] * 0.4
    whole = solve_lfp(corners, values, relu(law)).limit(others)
    found = solve_lfp(corners, values, radial_atoms(corners, relu(law))).limit(others)
    assert apart(found, whole) < 0.03


def test_spheres_serve_many_inputs():
    x = np.random.default_rng(0).normal(size=(20, 5))
    law = gaussian_neurons(5, weight_std=0.5, output_std=1, bias_std=5)
    atoms = radial_atoms(x, relu(law))
    np.testing.assert_allclose(solve_lfp(x, x[:, 0], atoms).limit(x)[:, 0], x[:, 0], atol=1e-3)
    kernel = atoms_kernel(x[:2], x[:2], atoms)
    np.testing.assert_allclose(kernel[0, 0], atoms.masses.sum())
    with pytest.raises(InputError, match="highest"):
        radial_atoms(x, relu(law), highest=1)


def test_atoms_are_solved_too():
    atoms = sine_atoms(uniform_neurons(weight_bound=40, output_bound=1, bias_bound=50))
    np.testing.assert_allclose(solve_lfp(X, Y, atoms).limit(X)[:, 0], Y, atol=1e-4)


@pytest.mark.parametrize(
    ("points", "options", "word"),
    [
        ([0.0, 1.0, 1.0], {}, "rows 1 and 2"),
        ([0.0, 1.0], {}, "2 rows"),
        ([0.0, 1.0, np.nan], {}, "finite"),
        ([0.0, 1.0, 2.0], {"gamma_squared": lambda xi: -xi}, "gamma_squared"),
        (np.arange(12.0), {"gamma_squared": NARROW}, "singular"),
    ],
)
def test_bad_samples_are_named(points, options, word):
    arguments = {"gamma_squared": lambda xi: xi**-2.0} | options
    with pytest.raises(InputError, match=word):
        solve_lfp(points, (-1.0) ** np.arange(max(3, len(points))), arguments["gamma_squared"])


def test_a_singular_kernel_can_be_accepted():
    solution = solve_lfp(np.arange(12.0), (-1.0) ** np.arange(12), NARROW, keep_unresolved=True)
    assert 1e-3 < solution.misfit <= 1
    left = np.linalg.norm(solution.limit(np.arange(12.0))[:, 0] - (-1.0) ** np.arange(12)) / np.sqrt(12)
    np.testing.assert_allclose(left, solution.misfit, rtol=1e-3)


def test_a_lattice_that_will_not_do_is_refused():
    with pytest.raises(InputError, match="spacing"):
        frequency_lattice(X, spacing=0.6)
    with pytest.raises(InputError, match="highest"):
        frequency_lattice(X, highest=60)
    with pytest.raises(InputError, match="frequencies"):
        frequency_lattice(np.random.default_rng(0).normal(size=(50, 4)))
    with pytest.raises(InputError, match="within"):
        solve_lfp(X, Y, relu(LINEAR)).limit([10.0])

    with pytest.raises(InputError, match="spacing"):
        solve_lfp(3 * X, Y, relu(LINEAR), lattice=frequency_lattice(X, spacing=0.4))


def test_it_foretells_the_limit_of_the_tangent_kernel(float64):
    """The whole kernel of actual neurons, gradients by input weights included; the gap shrinks with width."""
    gaps = {}
    for width in (500, 8000):
        gaps[width] = []
        for seed in range(4):
            rng = np.random.default_rng(seed)
            w, b, a = (bound * rng.uniform(-1, 1, width) for bound in (3, 3, 0.1))
            both = np.concatenate([X, BETWEEN])
            inside = np.outer(both, w) + b
            value, slope = np.maximum(inside, 0), a * (inside > 0)
            kernel = value @ value[:5].T + (slope @ slope[:5].T) * (1 + np.outer(both, X))
            limit = kernel[5:] @ np.linalg.solve(kernel[:5], Y)
            neurons = Neurons(jnp.asarray(w[:, None]), bias=jnp.asarray(b), output_weights=jnp.asarray(a[None]))
            law = law_of_neurons(neurons, output_multiplier=1)
            gaps[width].append(apart(solve_lfp(X, Y, relu(law), lattice=COARSE).limit(BETWEEN)[:, 0], limit))
    assert np.mean(gaps[8000]) < 0.04
    assert np.mean(gaps[8000]) < np.mean(gaps[500]) / 2


# Bound


def test_the_bound_holds_and_the_error_is_far_below_it():
    rng = np.random.default_rng(7)
    k = np.arange(-200, 201)
    x = (np.arange(1000) + 0.5) / 1000
    wave = lambda where: np.exp(2j * np.pi * np.multiply.outer(where, k))
    kernel = lambda a, b, gamma_squared: (wave(a) * gamma_squared @ wave(b).conj().T).real
    for exponent, count in ((1, 10), (1, 40), (1.5, 10), (1.5, 40)):
        gamma_squared = np.maximum(abs(k), 1.0) ** (-2 * exponent)
        draw = (rng.normal(size=401) + 1j * rng.normal(size=401)) * gamma_squared**0.5 / (1 + abs(k))
        spectrum = (draw + draw[::-1].conj()) / 2
        samples = rng.uniform(size=count)
        inner = kernel(samples, samples, gamma_squared)
        inner += 1e-12 * np.trace(inner) * np.eye(count)
        weights = np.linalg.solve(inner, (wave(samples) @ spectrum).real)
        error = np.mean(abs(kernel(x, samples, gamma_squared) @ weights - (wave(x) @ spectrum).real))
        bound = generalisation_bound(fp_norm(spectrum, gamma_squared), gamma_squared, count)
        assert error < bound / 10
        wider = generalisation_bound(1.0, gamma_squared, count)
        assert generalisation_bound(1.0, gamma_squared, 4 * count) == pytest.approx(wider / 2)


@pytest.mark.parametrize(
    "arguments", [(-1.0, [1.0], 5), (1.0, [0.0], 5), (1.0, [np.inf], 5), (1.0, [1.0], 0), (1.0, [], 5)]
)
def test_a_bound_of_nothing_is_refused(arguments):
    with pytest.raises(InputError):
        generalisation_bound(*arguments)
    with pytest.raises(InputError, match="below 1"):
        generalisation_bound(1.0, [1.0], 5, failure=1.0)
