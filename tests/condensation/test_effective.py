"""Effective numbers against closed forms and a brute-force cover."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from simplebias.condensation import angle, effective_features, effective_neurons, effective_ratio
from simplebias.condensation.effective import BLOCK
from simplebias.core.errors import InputError

LEVELS = (-0.5, 0.0, 0.5, 0.9, 0.99)


def entropy_by_hand(angles, amplitudes, bins=90, odd=False):
    low, high = (0, np.pi) if odd else (-np.pi, np.pi)
    turned = np.mod(angles, np.pi) if odd else np.mod(angles + np.pi, 2 * np.pi) - np.pi
    mass = np.histogram(turned, bins, (low, high), weights=amplitudes)[0]
    shares = mass[mass > 0] / mass.sum()
    return np.exp(-np.sum(shares * np.log(shares)))


def cover_by_hand(rows, threshold, minimum=0.0, absolute=False):
    norms = np.linalg.norm(rows, axis=1)
    founders = []
    for k in np.argsort(-norms):
        if norms[k] <= minimum * norms.max():
            continue
        for j in founders:
            cosine = rows[k] @ rows[j] / norms[k] / norms[j]
            if (abs(cosine) if absolute else cosine) > threshold:
                break
        else:
            founders.append(k)
    return len(founders)


def centres(bins, odd=False):
    span = np.pi if odd else 2 * np.pi
    return (np.arange(bins) + 0.5) * span / bins - (0 if odd else np.pi)


@pytest.mark.parametrize("odd", [False, True])
@pytest.mark.parametrize("bins", [1, 7, 90])
def test_uniform_angles_give_the_number_of_bins(bins, odd):
    angles = np.repeat(centres(bins, odd), 3)
    assert float(effective_features(angles, np.ones_like(angles), bins=bins, odd=odd)) == pytest.approx(bins, rel=1e-4)


def test_random_uniform_angles_give_nearly_the_number_of_bins(key):
    rows = jax.random.normal(key, (1000, 2))
    assert 80 < float(effective_features(angle(rows), np.ones(1000))) < 90


@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_sharp_orientations_give_their_number(count):
    rng = np.random.default_rng(count)
    places = rng.choice(centres(90), count, replace=False)
    angles = np.repeat(places, 50) + rng.uniform(-0.02, 0.02, 50 * count)  # within half a bin
    assert float(effective_features(angles, np.ones_like(angles))) == pytest.approx(count, rel=1e-4)


def test_unequal_amplitudes_have_a_closed_form():
    p = np.array([0.5, 0.3, 0.2])
    wanted = np.prod(p**-p)
    assert float(effective_features(centres(90)[[3, 40, 77]], 7 * p)) == pytest.approx(wanted, rel=1e-5)


def test_opposite_orientations_are_one_for_an_odd_activation():
    angles = np.array([0.7, 0.7 - np.pi, -2.0, -2.0 + np.pi])
    assert float(effective_features(angles, np.ones(4))) == pytest.approx(4, rel=1e-5)
    assert float(effective_features(angles, np.ones(4), odd=True)) == pytest.approx(2, rel=1e-5)


@given(st.integers(0, 10**6), st.sampled_from([1, 13, 90]), st.booleans())
def test_entropy_against_numpy(seed, bins, odd):
    rng = np.random.default_rng(seed)
    angles, amplitudes = rng.choice(centres(200), 40), rng.exponential(size=40)
    edges = np.mod(angles * bins / (np.pi if odd else 2 * np.pi) + (0 if odd else bins / 2), 1)
    amplitudes[np.minimum(edges, 1 - edges) < 1e-3] = 0  # on an edge between bins either is right
    if amplitudes.any():
        ours = float(effective_features(angles, amplitudes, bins=bins, odd=odd))
        assert ours == pytest.approx(entropy_by_hand(angles, amplitudes, bins, odd), rel=1e-4)
        assert 1 - 1e-5 <= ours <= bins * (1 + 1e-5)


@given(st.integers(0, 10**6), st.floats(1e-3, 1e3))
def test_entropy_invariances(seed, factor):
    rng = np.random.default_rng(seed)
    angles, amplitudes, shuffle = rng.choice(centres(90), 30), rng.exponential(size=30), rng.permutation(30)
    value = float(effective_features(angles, amplitudes))
    assert float(effective_features(angles[shuffle], factor * amplitudes[shuffle])) == pytest.approx(value, rel=1e-4)


def test_entropy_of_tiny_amplitudes_and_of_none():
    assert float(effective_features(centres(90)[[1, 2]], jnp.full(2, 1e-36))) == pytest.approx(2)
    assert not effective_features([0.1, 0.2], [0.0, 0.0])
    assert effective_features([0.1], [2.0]).tolist() == 1
    assert float(effective_features([-np.pi, np.pi], [1.0, 1.0])) == pytest.approx(1)


@given(st.integers(0, 10**6), st.integers(1, 25), st.integers(1, 4), st.booleans(), st.sampled_from([0.0, 0.2, 0.5]))
def test_cover_against_brute_force(seed, neurons, inputs, absolute, minimum):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(25, inputs))
    rows[neurons:] = 0  # one shape for all cases, zero neurons never count
    counts = effective_neurons(rows, LEVELS, minimum=minimum, absolute=absolute)
    assert counts.tolist() == [cover_by_hand(rows[:neurons], one, minimum, absolute) for one in LEVELS]


@pytest.mark.parametrize("inputs", [2, 6])
@pytest.mark.parametrize("absolute", [False, True])
def test_a_cover_by_many_blocks_is_that_of_one_neuron_at_a_time(inputs, absolute):
    rows = np.random.default_rng(inputs).normal(size=(3 * BLOCK + 5, inputs))
    counts = effective_neurons(rows, (0.0, 0.9, 0.9995), absolute=absolute).tolist()
    units, wanted = rows / np.linalg.norm(rows, axis=1, keepdims=True), []
    for level in (0.0, 0.9, 0.9995):
        founders = np.empty((0, inputs))
        for unit in units[np.argsort(-np.linalg.norm(rows, axis=1))]:
            cosines = founders @ unit
            if not ((np.abs(cosines) if absolute else cosines) > level).any():
                founders = np.vstack([founders, unit])
        wanted.append(len(founders))
    assert counts == wanted
    assert wanted[-1] > 3 * BLOCK / 4 or inputs == 2


def test_the_ratio_is_the_number_over_all_neurons(float64):
    rows = jnp.asarray([[1.0, 0.0], [1.0, 0.01], [0.0, 2.0], [0.0, 0.0], [-1.0, 0.0]])
    assert effective_ratio(rows, (0.95, 0.99999)).tolist() == pytest.approx([0.6, 0.8])
    assert effective_ratio(rows, absolute=True).tolist() == pytest.approx(0.4)
    assert effective_ratio(rows).dtype == jnp.float64


@given(st.integers(0, 10**6))
def test_cover_invariances(seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(25, 3))
    counts = effective_neurons(rows, LEVELS).tolist()
    assert effective_neurons(rows[rng.permutation(25)], LEVELS).tolist() == counts
    assert effective_neurons(1e-3 * rows, LEVELS).tolist() == counts
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    assert effective_neurons(rows @ turn, LEVELS).tolist() == counts
    single = [int(effective_neurons(rows, one)) for one in LEVELS]
    assert single == counts


def test_sharp_directions_give_their_number():
    rng = np.random.default_rng(3)
    directions = np.eye(6)[:4]
    rows = directions[rng.integers(0, 4, 200)] * rng.uniform(0.5, 3, (200, 1)) + 1e-3 * rng.normal(size=(200, 6))
    assert effective_neurons(rows, (0.5, 0.9, 0.99)).tolist() == [4, 4, 4]
    signs = rng.choice([-1, 1], (200, 1))
    assert effective_neurons(rows * signs, (0.5, 0.9)).tolist() == [8, 8]
    assert effective_neurons(rows * signs, (0.5, 0.9), absolute=True).tolist() == [4, 4]


def test_orthogonal_neurons_all_count():
    assert effective_neurons(np.eye(9), (0.1, 0.9)).tolist() == [9, 9]


def test_small_neurons_are_left_out():
    rows = np.array([[10.0, 0.0], [0.0, 1.0], [-0.5, 0.0]])
    assert [int(effective_neurons(rows, 0.9, minimum=share)) for share in (0, 0.06, 0.2)] == [3, 2, 1]


def test_zero_and_single_neurons():
    assert effective_neurons(np.zeros((4, 3))).tolist() == [0] * 8
    assert effective_neurons([[0.0, 2.0]]).tolist() == [1] * 8
    assert effective_neurons(np.ones((5, 2)), 1.0).shape == ()


def test_tiny_weights_in_float32_still_count():
    rows = jnp.asarray(1e-30 * np.eye(3), jnp.float32)
    assert effective_neurons(rows, (0.9,)).tolist() == [3]


def test_under_jit_and_vmap():
    stack = jnp.asarray(np.random.default_rng(0).normal(size=(4, 25, 3)), jnp.float32)
    count = functools.partial(effective_neurons, thresholds=LEVELS)
    assert jax.jit(jax.vmap(count))(stack).tolist() == [count(rows).tolist() for rows in stack]
    turns = jnp.asarray(np.random.default_rng(1).choice(centres(90), (4, 30)), jnp.float32)
    mapped = jax.jit(jax.vmap(effective_features))(turns, jnp.ones((4, 30)))
    assert np.allclose(mapped[2], effective_features(turns[2], np.ones(30)))


def test_thousands_of_neurons_need_no_matrix_of_all_pairs(key):
    rows = jax.random.normal(key, (20_000, 2))
    compiled = jax.jit(effective_neurons).lower(rows).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 20_000 * 2_000  # all pairs would take 1.6 GB
    assert 2 * np.pi / np.arccos(0.95) / 2 <= int(effective_neurons(rows, 0.95)) <= 2 * np.pi / np.arccos(0.95)


def test_torch_tensors():
    rows = torch.eye(3)
    assert effective_neurons(rows, torch.tensor([0.5, 0.9])).tolist() == [3, 3]
    assert float(effective_features(torch.tensor([0.1, 2.0]), torch.tensor([1.0, 1.0]))) == pytest.approx(2)


def test_float64(float64):
    assert effective_features(np.array([0.1, 2.0]), np.ones(2)).dtype == jnp.float64
    rows = np.random.default_rng(5).normal(size=(25, 3))
    assert effective_neurons(rows, LEVELS).tolist() == [cover_by_hand(rows, one) for one in LEVELS]


@pytest.mark.parametrize(
    "call",
    [
        lambda: effective_features([np.nan], [1.0]),
        lambda: effective_features([0.0], [np.nan]),
        lambda: effective_features([0.0], [-1.0]),
        lambda: effective_features([], []),
        lambda: effective_features([0.0, 1.0], [1.0]),
        lambda: effective_features([[0.0]], [[1.0]]),
        lambda: effective_features([0.0], [1.0], bins=0),
        lambda: effective_neurons([[np.nan, 1.0]]),
        lambda: effective_neurons(np.zeros((0, 2))),
        lambda: effective_neurons(np.eye(2), 1.5),
        lambda: effective_neurons(np.eye(2), ()),
        lambda: effective_neurons(np.eye(2), (0.5, np.nan)),
        lambda: effective_neurons(np.eye(2), np.ones((2, 2))),
        lambda: effective_neurons(np.eye(2), 0.5, minimum=1.0),
        lambda: effective_neurons(np.eye(2), 0.5, minimum=-0.1),
    ],
)
def test_refusals(call):
    with pytest.raises(InputError):
        call()


@pytest.mark.parametrize("absolute", [False, True])
def test_a_part_of_the_coordinates_first_changes_no_count(absolute):
    random = np.random.default_rng(0)
    centres = random.normal(size=(20, 70))
    rows = (centres[random.integers(0, 20, 600)] + 0.4 * random.normal(size=(600, 70))).astype(np.float32)
    host = effective_neurons(rows, (0.5, 0.8, 0.9, 0.99), absolute=absolute)
    traced = jax.jit(lambda one: effective_neurons(one, (0.5, 0.8, 0.9, 0.99), absolute=absolute))(rows)
    assert host.tolist() == traced.tolist()
    assert 1 < int(host[0]) < int(host[2]) < 600
