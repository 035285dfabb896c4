"""A one-layer attention network of small weights: first values turn to the predicted line, then queries and keys.

`f(X) = w₂ᵀ tanh(W₁ W_V Σ_j a_j x_j)` with attention a that small queries and keys leave uniform, so that to leading
order f is linear in the mean of the sequence, and rows of W_V turn to ±v, v ∝ Σ_i y_i Σ_j X_ij. Queries and keys move
later, and become of rank one (arXiv:2510.06954).
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.condensation import compare_directions, effective_rank, predicted_directions

SEQUENCES, LENGTH, WIDTH, NEURONS, STD = 20, 4, 5, 12, 1e-4


def outputs(weights, sequences):
    """Of the last token, without shortcuts and norms."""
    scores = jnp.einsum("sd,id,ie,sje->sj", sequences[:, -1], weights["query"], weights["key"], sequences)
    mixed = jnp.einsum("sj,sje->se", jax.nn.softmax(scores, axis=1), sequences)
    return jnp.tanh(mixed @ weights["value"].T @ weights["inner"].T) @ weights["outer"]


@pytest.fixture(scope="module")
def trained():
    draw = np.random.default_rng(6)
    shapes = {"query": (3, WIDTH), "key": (3, WIDTH), "value": (NEURONS, WIDTH), "inner": (NEURONS, NEURONS)}
    shapes["outer"] = (NEURONS,)
    begin = {name: jnp.asarray(STD * draw.normal(size=shape), jnp.float32) for name, shape in shapes.items()}
    sequences = jnp.asarray(draw.normal(size=(SEQUENCES, LENGTH, WIDTH)), jnp.float32)
    values = jnp.asarray(draw.normal(size=SEQUENCES), jnp.float32)

    def loss(weights):
        return jnp.mean((outputs(weights, sequences) - values) ** 2) / 2

    @jax.jit
    def descend(weights, steps):
        """Gradient flow by steps of 2 % of all weights."""

        def step(_, now):
            slope = jax.grad(loss)(now)
            size = jnp.sqrt(sum(jnp.sum(one**2) for one in slope.values()))
            norm = jnp.sqrt(sum(jnp.sum(one**2) for one in now.values()))
            return jax.tree.map(lambda one, down: one - 0.02 * norm / size * down, now, slope)

        return jax.lax.fori_loop(0, steps, step, weights)

    return begin, descend(begin, 260), descend(begin, 400), sequences, values, loss


def test_rows_of_values_turn_to_the_predicted_line(trained):
    begin, end, _, sequences, values, loss = trained
    predicted = predicted_directions(sequences.mean(axis=1), -values, "tanh", bias=False)
    by_hand = np.einsum("s,sje->e", values, sequences)
    np.testing.assert_allclose(predicted.lines[0], by_hand / np.linalg.norm(by_hand), rtol=1e-4, atol=1e-5)
    before, after = (compare_directions(one["value"], predicted) for one in (begin, end))
    assert float(before.within) < 0.2
    assert float(after.within) > 0.9
    assert float(after.captured) > 0.99
    assert float(loss(end)) > 0.9 * float(loss(begin))


def test_queries_and_keys_become_of_rank_one_after_all_other_matrices(trained):
    begin, end, late, *_ = trained
    for name in ("value", "inner"):
        assert float(effective_rank(begin[name])) > 3.5
        assert float(effective_rank(end[name])) < 1.3
    for name in ("query", "key"):
        moved = np.linalg.norm(end[name] - begin[name]) / np.linalg.norm(begin[name])
        assert moved < 0.05
        assert float(effective_rank(begin[name])) > 2
        assert float(effective_rank(late[name])) < 1.2
