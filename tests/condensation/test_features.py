"""Features of neurons against NumPy, closed forms and invariances."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from simplebias.condensation import (
    amplitude,
    angle,
    cluster_order,
    cosine_similarity,
    leading_order,
    orientation,
    relative_change,
)
from simplebias.core.errors import InputError
from simplebias.core.snapshot import Neurons

ENTRIES = st.floats(-100, 100, width=32)
ROWS = arrays(np.float32, (6, 3), elements=ENTRIES)


def draw(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


@given(ROWS)
def test_orientations_are_unit_or_zero(rows):
    units = np.asarray(orientation(rows))
    norms = np.linalg.norm(rows.astype(float), axis=1)
    for unit, row, norm in zip(units, rows, norms, strict=True):
        wanted = row / norm if norm > 1e-30 else np.zeros(3)
        assert np.allclose(unit, wanted, atol=1e-5) or 0 < norm < 1e-30


@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1e20, 1e30])
def test_tiny_and_huge_weights_in_float32(scale):
    rows = draw(0, 5, 3)
    scaled = jnp.asarray(rows * scale, jnp.float32)
    norms = np.linalg.norm(rows, axis=1)
    assert np.allclose(orientation(scaled), rows / norms[:, None], atol=1e-5)
    assert np.allclose(amplitude((scaled, None, None), kind="w") / np.float32(scale), norms, rtol=1e-5)
    assert float(relative_change(2 * scaled, scaled)) == pytest.approx(1, rel=1e-5)


@given(st.floats(-np.pi, np.pi, exclude_max=True), st.floats(1e-3, 1e3))
def test_angle_of_polar_coordinates(theta, radius):
    (found,) = np.asarray(angle([[radius * np.cos(theta), radius * np.sin(theta)]]))
    difference = (found - theta + np.pi) % (2 * np.pi) - np.pi
    assert abs(difference) < 1e-5
    assert np.float32(-np.pi) <= found < np.float32(np.pi)


def test_angle_of_special_rows():
    rows = jnp.array([[-2.0, 0.0], [-2.0, -0.0], [0.0, 3.0], [0.0, 0.0], [-0.0, 0.0], [-0.0, -0.0]])
    assert np.allclose(angle(rows), [-np.pi, -np.pi, np.pi / 2, 0, 0, 0])


def test_angle_tells_where_a_relu_bends(float64):
    rows = draw(1, 20, 2)
    assert np.allclose(-np.tan(np.asarray(angle(rows))), -rows[:, 1] / rows[:, 0])


def test_amplitude_by_hand(float64):
    incoming, bias, outgoing = draw(2, 7, 3), draw(3, 7), draw(4, 2, 7)
    wanted = np.empty(7)
    for k in range(7):
        wanted[k] = np.sqrt(sum(outgoing[:, k] ** 2)) * np.sqrt(sum(incoming[k] ** 2) + bias[k] ** 2)
    assert np.allclose(amplitude((incoming, bias, outgoing)), wanted, rtol=1e-12)
    neurons = Neurons(*map(jnp.asarray, (incoming, bias, outgoing)))
    assert np.array_equal(amplitude(neurons), amplitude((incoming, bias, outgoing)))
    assert np.allclose(amplitude((incoming, None, outgoing[0])), np.abs(outgoing[0]) * np.linalg.norm(incoming, axis=1))
    assert np.allclose(amplitude((incoming, bias, None), kind="w"), np.linalg.norm(neurons.extended, axis=1))


def test_relu_network_is_unchanged_when_amplitude_moves_between_its_weights(float64):
    incoming, bias, outgoing = draw(2, 7, 3), draw(3, 7), draw(4, 2, 7)
    factor = np.exp(draw(5, 7))
    moved = (incoming * factor[:, None], bias * factor, outgoing / factor)
    assert np.allclose(amplitude(moved), amplitude((incoming, bias, outgoing)), rtol=1e-12)


def test_cosine_similarity_by_hand(float64):
    rows, others = draw(6, 5, 4), draw(7, 3, 4)
    wanted = [[u @ v / np.linalg.norm(u) / np.linalg.norm(v) for v in others] for u in rows]
    assert np.allclose(cosine_similarity(rows, others), wanted, rtol=1e-12)
    own = np.asarray(cosine_similarity(rows))
    assert np.allclose(own, own.T)
    assert np.allclose(np.diag(own), 1)


@given(ROWS)
def test_cosine_similarity_stays_in_bounds(rows):
    values = np.asarray(cosine_similarity(rows))
    assert (np.abs(values) <= 1).all()
    assert not values[(rows == 0).all(axis=1)].any()


@pytest.mark.parametrize("inputs", [2, 30])
def test_leading_order_makes_blocks(inputs, float64):
    rng = np.random.default_rng(8)
    first, second = rng.normal(size=(2, inputs))
    labels = rng.integers(0, 2, 24)
    labels[:3] = [0, 1, 0]
    rows = np.where(labels[:, None] == 0, first, second) * rng.uniform(0.1, 5, (24, 1)) + 1e-3 * rng.normal(
        size=(24, inputs)
    )
    for order in (leading_order(rows), leading_order(similarity=cosine_similarity(rows))):
        assert sorted(np.asarray(order).tolist()) == list(range(24))
        assert np.abs(np.diff(labels[np.asarray(order)])).sum() == 1


def test_leading_order_agrees_with_the_matrix_of_all_pairs(float64):
    rows = draw(9, 40, 3) + 1.0
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    component = np.linalg.eigh(units @ units.T)[1][:, -1]
    order = np.asarray(leading_order(rows))
    assert np.array_equal(order, np.argsort(component)) or np.array_equal(order[::-1], np.argsort(component))


def test_leading_order_does_not_depend_on_the_order_given(float64):
    rows = draw(10, 30, 3) + 0.5
    shuffle = np.random.default_rng(0).permutation(30)
    assert np.array_equal(rows[leading_order(rows)], rows[shuffle][leading_order(rows[shuffle])])


def test_relative_change_by_hand(float64):
    now, before = draw(11, 6, 3), draw(12, 6, 3)
    assert float(relative_change(now, before)) == pytest.approx(np.linalg.norm(now - before) / np.linalg.norm(before))
    assert not relative_change(before, before)
    assert float(relative_change(3 * before, before)) == pytest.approx(2)
    assert not relative_change(np.zeros((2, 2)), np.zeros((2, 2)))
    assert np.isinf(relative_change(np.ones((2, 2)), np.zeros((2, 2))))


def test_relative_change_leaves_output_weights_out(float64):
    incoming, bias = jnp.asarray(draw(13, 4, 2)), jnp.asarray(draw(14, 4))
    first, second = (Neurons(incoming, bias, jnp.full((1, 4), a)) for a in (1.0, 9.0))
    assert not relative_change(first, second)
    moved = Neurons(incoming, 2 * bias, None)
    wanted = np.linalg.norm(bias) / np.sqrt(np.linalg.norm(incoming) ** 2 + np.linalg.norm(bias) ** 2)
    assert float(relative_change(moved, first)) == pytest.approx(wanted)


def test_one_neuron():
    row = [[3.0, -4.0]]
    assert np.allclose(orientation(row), [[0.6, -0.8]])
    assert cosine_similarity(row).tolist() == [[1.0]]
    assert leading_order(row).tolist() == [0]
    assert amplitude((np.array([[3.0]]), np.array([4.0]), np.array([[2.0]]))).tolist() == [10.0]


def test_torch_tensors():
    rows = draw(15, 5, 2)
    tensor = torch.tensor(rows, requires_grad=True)
    for function in (orientation, angle, cosine_similarity, leading_order):
        assert np.allclose(function(tensor), function(rows), atol=1e-6)
    assert np.allclose(amplitude((tensor[:, :1], tensor[:, 1], tensor.T)), amplitude((rows[:, :1], rows[:, 1], rows.T)))
    assert float(relative_change(tensor, torch.ones(5, 2))) > 0


def test_under_jit_vmap_and_grad():
    stack = jnp.asarray(draw(16, 3, 5, 2), jnp.float32)
    for function in (orientation, angle, cosine_similarity, leading_order):
        mapped = jax.jit(jax.vmap(function))(stack)
        assert np.allclose(mapped[1], function(stack[1]), atol=1e-5)
    mapped = jax.vmap(relative_change)(stack, stack[::-1])
    assert np.allclose(mapped[0], relative_change(stack[0], stack[2]))
    with_zero = stack[0].at[0].set(0)
    gradient = jax.grad(lambda rows: orientation(rows).sum() + amplitude((rows, None, None), kind="w").sum())(with_zero)
    assert bool(jnp.isfinite(gradient).all())


def test_float64_is_kept(float64):
    rows = draw(17, 5, 2)
    for function in (orientation, angle, cosine_similarity):
        assert function(rows).dtype == jnp.float64
        assert function(jnp.asarray(rows, jnp.float32)).dtype == jnp.float32


BAD = [
    np.array([[np.nan, 1.0]]),
    np.array([[1.0, np.inf]]),
    np.zeros((0, 2)),
    np.zeros((2, 2, 2)),
    [["a", "b"]],
    1j * np.ones((2, 2)),
]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("function", [orientation, angle, cosine_similarity, leading_order])
def test_bad_weights_are_refused(function, bad):
    with pytest.raises(InputError):
        function(bad)


@pytest.mark.parametrize(
    "call",
    [
        lambda: angle(np.ones((2, 3))),
        lambda: amplitude((np.ones((2, 3)), None, None)),
        lambda: amplitude((np.ones((2, 3)), np.ones(3), np.ones((1, 2)))),
        lambda: amplitude((np.ones((2, 3)), None, np.ones((2, 3)))),
        lambda: amplitude((np.ones((2, 3)), None, np.array([[np.nan, 1.0]]))),
        lambda: amplitude((np.ones((2, 3)), None, np.ones((1, 2))), kind="wa"),
        lambda: cosine_similarity(np.ones((2, 3)), np.ones((2, 2))),
        lambda: leading_order(),
        lambda: leading_order(np.ones((2, 2)), similarity=np.ones((2, 2))),
        lambda: leading_order(similarity=np.ones((2, 3))),
        lambda: relative_change(np.ones((2, 3)), np.ones((3, 3))),
        lambda: relative_change(np.ones((2, 3)), np.full((2, 3), np.nan)),
    ],
)
def test_refusals(call):
    with pytest.raises(InputError):
        call()


@pytest.mark.parametrize("absolute", [False, True])
def test_clusters_stand_together_however_many(absolute):
    random = np.random.default_rng(1)
    own = random.integers(0, 5, 40)
    rows = np.eye(6)[own] + 0.05 * random.normal(size=(40, 6))
    if absolute:
        rows *= random.choice([-1, 1], 40)[:, None]
    order = np.asarray(cluster_order(rows, absolute=absolute))
    assert sorted(order) == list(range(40))
    assert np.count_nonzero(np.diff(own[order])) == 4  # each of five groups in one piece
    assert cluster_order(similarity=cosine_similarity(rows), absolute=absolute).tolist() == order.tolist()


def test_clusters_of_few_and_of_too_many():
    assert cluster_order([[1.0, 0.0], [0.0, 1.0]]).tolist() == [0, 1]
    with pytest.raises(InputError, match="at most 5000"):
        cluster_order(similarity=np.broadcast_to(np.float32(1), (5001, 5001)))
    with pytest.raises(InputError, match="either weights or similarity"):
        cluster_order()
