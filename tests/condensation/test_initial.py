"""Predicted directions against brute force on the circle, closed forms, and gradient flows of small networks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.condensation import compare_directions, direction_field, predicted_directions
from simplebias.core.errors import InputError
from simplebias.core.snapshot import Neurons
from simplebias.networks import activation

POWERS = {1: "tanh", 2: "xtanh", 3: "x2tanh"}


def line_data(seed=0, count=20):
    x = np.linspace(-1, 1.5, count)
    return x[:, None], np.sin(3 * x) + np.sin(6 * x + seed) / 2


def space_data(seed, count=40, inputs=4):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (count, inputs))
    return x, np.sin(2 * x + 1).sum(axis=1) - 1


def with_ones(x):
    return np.concatenate([x, np.ones((len(x), 1))], axis=1)


def height(units, x, e, p):
    return -np.mean(e[:, None] * (with_ones(x) @ units.T) ** p, axis=0)


def peaks_on_circle(x, e, p, count=40_000):
    """Lines, rates and signs of output weights by looking everywhere on the circle."""
    turn = np.arange(count) * 2 * np.pi / count
    units = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    found = []
    for sign in (1, -1) if p % 2 == 0 else (1,):
        phi = sign * height(units, x, e, p)
        tops = np.flatnonzero((phi > np.roll(phi, 1)) & (phi > np.roll(phi, -1)))
        if p % 2 == 0:
            tops = tops[turn[tops] < np.pi]
        found += [(units[k], phi[k], sign) for k in tops]
    return sorted(found, key=lambda one: -one[1])


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("p", [1, 2, 3, 4])
def test_lines_in_the_plane_against_the_whole_circle(p, seed, key):
    x, y = line_data(seed)
    found = predicted_directions(x, -y, lambda z: z**p / p, key=key)
    wanted = peaks_on_circle(x, -y, p)
    assert found.multiplicity == p
    assert len(found.lines) == len(wanted)
    assert sum(found.rates > 0) <= p
    assert found.converged > 0.9
    for line, rate, sign, (unit, top, side) in zip(*found[:3], wanted, strict=True):
        cosine = float(line @ unit)
        assert (abs(cosine) if p % 2 == 0 else cosine) > 1 - 1e-5
        assert float(rate) == pytest.approx(top, rel=1e-3, abs=1e-6)
        assert int(sign) == side


def test_p_2_are_ends_of_the_spectrum_in_any_dimension():
    x, y = space_data(1)
    found = predicted_directions(x, -y, "xtanh")
    matrix = np.einsum("i,ij,ik->jk", y, with_ones(x), with_ones(x)) / len(x)
    values, vectors = np.linalg.eigh(matrix)
    order = [-1, 0] if values[-1] > -values[0] else [0, -1]
    assert np.allclose(np.abs(found.lines @ vectors[:, order]), np.eye(2), atol=1e-3)
    assert np.allclose(found.rates, [2 * values[k] * (1 if k else -1) for k in order], rtol=1e-4)  # c = σ''(0) = 2
    assert found.output_signs.tolist() == [1 if k else -1 for k in order]
    assert np.allclose(np.max(found.lines, axis=1), np.max(np.abs(found.lines), axis=1))


def test_a_negative_second_derivative_swaps_the_signs_of_output_weights():
    x, y = space_data(1)
    up, down = (predicted_directions(x, -y, function) for function in (jnp.cosh, jnp.cos))
    assert np.allclose(up.lines, down.lines)
    assert np.allclose(up.rates, down.rates)
    assert np.allclose(up.output_signs, -down.output_signs)


def test_more_than_p_lines_for_orthonormal_inputs(key):
    found = predicted_directions(np.eye(6), -np.ones(6), "x2tanh", bias=False, key=key)
    growing = np.asarray(found.lines)[np.asarray(found.rates) > 0]
    assert len(growing) == 6
    assert np.allclose(np.sort(growing @ np.eye(6), axis=1)[:, -1], 1, atol=1e-5)


def test_units_of_inputs_and_targets_do_not_matter(key):
    x, y = space_data(3, inputs=3, count=20)
    one = predicted_directions(x, -y, "x2tanh", bias=False, key=key)
    two = predicted_directions(1e8 * x, -1e5 * y, "x2tanh", bias=False, key=key)
    assert np.allclose(one.lines, two.lines, atol=1e-3)
    assert np.allclose(np.asarray(two.rates, float) / np.asarray(one.rates), 1e29, rtol=1e-3)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_the_field_is_the_gradient_of_the_loss(p):
    x, y = space_data(p)
    rng = np.random.default_rng(p)
    w, a = rng.normal(size=(7, 5)), rng.normal(size=7)
    function, inputs = activation(POWERS[p]), jnp.asarray(with_ones(x))

    def residuals(weights):
        return function(inputs @ weights.T) @ jnp.asarray(a) - jnp.asarray(y)

    weights = jnp.asarray(w)
    gradient = jax.grad(lambda v: jnp.mean(residuals(v) ** 2) / 2)(weights)
    ours = direction_field(w, x, residuals(weights), POWERS[p])
    assert np.allclose(a[:, None] * np.asarray(ours), -gradient, atol=1e-4)
    neurons = Neurons(weights[:, :-1], weights[:, -1], None)
    assert np.allclose(direction_field(neurons, x, residuals(weights), function.function), ours)


def flow(x, y, w, a, function, growth):
    """Gradient flow of 1/(2n) Σ (f - y)², by Euler steps that turn no neuron by more than 0.02, until one has grown."""
    x, y, start = jnp.asarray(with_ones(x)), jnp.asarray(y).reshape(len(y), -1), (jnp.asarray(w), jnp.asarray(a))
    loss = jax.grad(lambda parts: jnp.sum((function(x @ parts[0].T) @ parts[1].T - y) ** 2) / (2 * len(x)))

    def sizes(weights):
        return jnp.sqrt(jnp.sum(weights**2, axis=-1))

    def step(state):
        parts, time, count = state
        rates = loss(parts)
        length = 0.02 * jnp.min(sizes(parts[0]) / sizes(rates[0]))
        return jax.tree.map(lambda one, rate: one - length * rate, parts, rates), time + length, count + 1

    def goes_on(state):
        return (jnp.max(sizes(state[0][0]) / sizes(start[0])) < growth) & (state[2] < 4000)

    (w, a), time, _ = jax.lax.while_loop(goes_on, step, (start, jnp.zeros(()), 0))
    return w, a, time


def small(seed, neurons, columns, outputs=1, size=1e-6):
    rng = np.random.default_rng(seed)
    return size * rng.normal(size=(neurons, columns)), rng.normal(size=(outputs, neurons))


def test_p_1_a_gradient_flow_turns_to_the_line_at_the_rate(float64):
    x, y = space_data(0)
    w0, a0 = small(0, 12, 5)
    start = 1e-6 * a0
    w, a, time = (np.asarray(one) for one in flow(x, y, w0, start, jnp.tanh, 3e3))
    found = predicted_directions(x, -y, "tanh")
    compared = compare_directions(w, found)
    assert float(compared.captured) > 0.99999
    assert float(compared.closest.median()) > 0.9999
    (line,), (rate,) = np.asarray(found.lines), np.asarray(found.rates)
    mode, before = w @ line + a[0], w0 @ line + start[0]  # ẇ = a z, ȧ = z·w: their sum along z grows as exp(‖z‖ t)
    assert np.allclose(np.log(mode / before), rate * time, rtol=0.02)
    grown = np.linalg.norm(w, axis=1) > 100 * np.linalg.norm(w0, axis=1)
    assert (np.sign(w @ line) == np.sign(a[0]))[grown].all()  # output_signs is 1


def test_p_1_with_several_outputs(float64):
    x, y = space_data(0)
    targets = np.stack([y, x[:, 0] * 2 - y / 2, np.cos(x[:, 1])], axis=1)
    w0, a0 = small(1, 8, 5, outputs=3)
    w, _, _ = flow(x, targets, w0, 1e-6 * a0, jnp.tanh, 1e4)
    compared = compare_directions(w, predicted_directions(x, -targets, "tanh"))
    assert float(compared.captured) > 0.999
    assert compare_directions(w, predicted_directions(x, -targets[:, 0], "tanh")).captured < 0.99


@pytest.mark.parametrize("p", [2, 3])
def test_p_2_and_3_a_gradient_flow_turns_the_neurons_that_grow(p, float64, key):
    x, y = space_data(6, inputs=2)
    found = predicted_directions(x, -y, POWERS[p], key=key)
    w0, a0 = small(0, 16, 3)
    one = jax.jit(jax.vmap(lambda w, a: flow(x, y, w, a, activation(POWERS[p]), 1e4)))
    w, a, _ = one(w0[:, None], a0.T[:, None])  # sixteen networks of one neuron: alone, each grows if it can
    w, a = np.asarray(w)[:, 0], np.asarray(a)[:, 0, 0]
    compared = compare_directions(w, found, minimum=1e-3)
    assert compared.sizes["neuron"] >= 8
    assert float(compared.closest.min()) > 0.999
    lines = compared.nearest.values
    assert {*lines} == {0, 1}
    assert (np.asarray(found.rates)[lines] > 0).all()
    cosines = compared.cosine.values[np.arange(len(lines)), lines]
    ends = np.sign(cosines) if p == 3 else 1
    assert np.array_equal(np.sign(a[compared.neuron]), ends * np.asarray(found.output_signs)[lines])
    if p == 2:
        assert (cosines > 0).any()
        assert (cosines < 0).any()  # both ends attract


def test_comparison_against_numpy():
    rng = np.random.default_rng(0)
    w, lines = rng.normal(size=(30, 4)), rng.normal(size=(2, 4))
    w[3] = 0
    compared = compare_directions(w, lines, minimum=0.2)
    norms = np.linalg.norm(w, axis=1)
    kept = np.flatnonzero(norms > 0.2 * norms.max())
    cosines = (w @ lines.T / np.linalg.norm(lines, axis=1))[kept] / norms[kept, None]
    assert compared.neuron.values.tolist() == kept.tolist()
    assert np.allclose(compared.cosine, cosines, atol=1e-5)
    assert np.allclose(compared.closest, np.abs(cosines).max(axis=1), atol=1e-5)
    assert float(compared.within) == pytest.approx(np.mean(np.abs(cosines).max(axis=1) > 0.95))
    projection = lines.T @ np.linalg.inv(lines @ lines.T) @ lines
    assert float(compared.captured) == pytest.approx(np.linalg.norm(w[kept] @ projection) / np.linalg.norm(w[kept]))


def test_field_under_jit_and_vmap():
    x, y = line_data()
    weights = jnp.ones((3, 2))
    field = jax.jit(lambda w: direction_field(w, x, -y, "tanh"))
    assert np.allclose(field(weights), direction_field(weights, x, -y, "tanh"), rtol=1e-5)
    assert jax.vmap(field)(jnp.stack([weights, -weights])).shape == (2, 3, 2)


def test_bad_input(key):
    x, y = line_data()
    with pytest.raises(InputError, match="multiplicity"):
        predicted_directions(x, -y, "relu")
    with pytest.raises(InputError, match="key"):
        predicted_directions(x, -y, "x2tanh")
    with pytest.raises(InputError, match="one output"):
        predicted_directions(x, np.ones((20, 2)), "xtanh")
    with pytest.raises(InputError, match="20 rows"):
        predicted_directions(x, y[:5], "tanh")
    for name in POWERS.values():
        with pytest.raises(InputError, match="attract"):
            predicted_directions(x, np.zeros(20), name, key=key)
    with pytest.raises(InputError, match="attract"):
        predicted_directions([[-1.0], [1.0]], [1.0, 1.0], "tanh", bias=False)
    with pytest.raises(InputError, match="outside of jit"):
        jax.jit(lambda e: predicted_directions(x, e, "tanh").rates)(jnp.asarray(y))
    with pytest.raises(InputError, match="finite"):
        direction_field([[jnp.nan, 0.0]], x, -y, "tanh")
    with pytest.raises(InputError, match="columns of weights"):
        direction_field([[1.0, 0.0, 0.0]], x, -y, "tanh")
    with pytest.raises(InputError, match="columns"):
        compare_directions([[1.0, 0.0]], [[1.0]])
    with pytest.raises(InputError, match="not zero"):
        compare_directions([[0.0, 0.0]], [[1.0, 0.0]])


def test_one_feature():
    assert predicted_directions([[1.0], [-2.0]], [1.0, 1.0], "xtanh", bias=False).output_signs.tolist() == [-1]
