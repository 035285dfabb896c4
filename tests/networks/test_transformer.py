"""Transformer against loops in NumPy, the law that no token sees a later one, its neurons, and what it refuses."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.core.snapshot import ShowsNeurons
from simplebias.core.task import Classification
from simplebias.networks import AntiSymmetric, Transformer

TOKENS, LENGTH, WIDTH, HEADS, HEAD = 7, 4, 6, 2, 3


def make(key, depth=1, **options):
    return Transformer(TOKENS, LENGTH, width=WIDTH, heads=HEADS, head_width=HEAD, depth=depth, key=key, **options)


@eqx.filter_jit
def outputs_of(network, sequences):
    return jax.vmap(network)(sequences)


@pytest.fixture
def sequences():
    return jnp.asarray(np.random.default_rng(0).integers(0, TOKENS, (5, LENGTH)), jnp.float32)


@pytest.fixture
def every_token(key):
    return make(key, read_out="all")


def normed(row, norm):
    scaled = (row - row.mean()) / np.sqrt(row.var() + 1e-5)
    return scaled * np.asarray(norm.weight) + np.asarray(norm.bias)


def softmax(scores):
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


def attended(block, rows):
    """By loops over positions and heads."""
    query, key, value, mix = (np.asarray(one.weight) for one in (block.query, block.key, block.value, block.mix))
    out = []
    for place in range(len(rows)):
        parts = []
        for head in range(HEADS):
            mine = slice(head * HEAD, (head + 1) * HEAD)
            scores = [query[mine] @ rows[place] @ (key[mine] @ rows[j]) / HEAD**0.5 for j in range(place + 1)]
            weights = softmax(np.array(scores))
            parts.append(sum(w * value[mine] @ rows[j] for j, w in enumerate(weights)))
        out.append(mix @ np.concatenate(parts))
    return np.array(out)


def twin(network, sequence):
    state = np.asarray(network.embedding)[np.asarray(sequence, int)] + np.asarray(network.position)
    each = lambda rows, norm: np.array([normed(row, norm) for row in rows])
    for block in network.blocks:
        pre, post = block.norm == "pre", block.norm == "post"
        state = state + attended(block, each(state, block.norms[0]) if pre else state)
        state = each(state, block.norms[0]) if post else state
        seen = each(state, block.norms[1]) if pre else state
        inner = np.maximum(seen @ np.asarray(block.inner.weight).T, 0)
        state = state + inner @ np.asarray(block.outer.weight).T
        state = each(state, block.norms[1]) if post else state
    state = state if network.final is None else each(state, network.final)
    return state @ np.asarray(network.layers[-1].weight).T + np.asarray(network.layers[-1].bias)


@pytest.mark.parametrize(("norm", "depth"), [("post", 2), ("pre", 1), ("none", 1)])
def test_outputs_are_those_of_the_twin(norm, depth, key, sequences):
    network = make(key, depth, norm=norm)
    expected = np.array([twin(network, sequence)[-1] for sequence in sequences])
    np.testing.assert_allclose(outputs_of(network, sequences), expected, rtol=2e-5, atol=2e-5)


def test_all_tokens_are_read_out_and_none_sees_a_later_one(every_token, sequences):
    network, other = every_token, sequences.at[:, 2].set((sequences[:, 2] + 1) % TOKENS)
    expected = [twin(network, sequence) for sequence in sequences]
    before, after = (np.asarray(outputs_of(network, one)).reshape(5, LENGTH, TOKENS) for one in (sequences, other))
    np.testing.assert_allclose(before, expected, rtol=2e-5, atol=2e-5)
    np.testing.assert_array_equal(before[:, :2], after[:, :2])
    assert (np.abs(before[:, 2:] - after[:, 2:]).max(axis=(0, 2)) > 1e-3).all()


def test_every_matrix_shows_its_rows_by_name(key):
    network = make(key, depth=2)
    assert isinstance(network, ShowsNeurons)
    neurons = {one.name: one for one in network.neurons()}
    kinds = [f"{kind} {block}" for block in (1, 2) for kind in ("query", "key", "value", "feedforward")]
    assert list(neurons) == ["embedding", "position", *kinds]
    assert neurons["embedding"].extended.shape == (TOKENS, WIDTH)
    assert neurons["position"].extended.shape == (LENGTH, WIDTH)
    for block, found in zip((1, 2), network.blocks, strict=True):
        for kind, layer in (("query", found.query), ("key", found.key), ("value", found.value)):
            assert neurons[f"{kind} {block}"].extended.shape == (HEADS * HEAD, WIDTH)
            np.testing.assert_array_equal(neurons[f"{kind} {block}"].input_weights, layer.weight)
    assert neurons["query 1"].output_weights is None
    np.testing.assert_array_equal(neurons["value 2"].output_weights, network.blocks[1].mix.weight)
    assert neurons["feedforward 1"].output_weights.shape == (WIDTH, 2 * WIDTH)
    assert neurons["feedforward 1"].activation == "relu"
    assert AntiSymmetric(network).neurons()[2].name == "query 1"


def test_the_last_feature_is_read_out(key, every_token, sequences):
    network = make(key)
    (feature,) = network.features(sequences[0])
    assert feature.shape == (WIDTH,)
    np.testing.assert_allclose(network.layers[-1](feature), outputs_of(network, sequences)[0], rtol=2e-5)
    assert jax.eval_shape(every_token.features, sequences[0])[0].shape == (LENGTH, WIDTH)
    two = make(key, depth=2)
    assert [one.shape for one in jax.eval_shape(two.features, sequences[0])] == [(WIDTH,), (WIDTH,)]
    np.testing.assert_array_equal(two.negated().layers[-1].weight, -two.layers[-1].weight)


def test_gradients_reach_every_weight_of_a_task(key, sequences):
    task, network = Classification(sequences, [0, 1, 2, 3, 6]), make(key)
    gradient = eqx.filter_jit(eqx.filter_grad(lambda one: task.loss(one, task.batch(None, key=key), key=key)))(network)
    assert all(float(jnp.abs(leaf).max()) > 0 for leaf in jax.tree.leaves(gradient))


def test_drawn_std_of_each_matrix_by_its_inputs(key):
    network = Transformer(300, 20, width=64, feedforward_width=160, depth=1, initialisation="fan-in:0.8", key=key)
    block = network.blocks[0]
    tables = {320: network.embedding, 64: block.query.weight, 160: block.outer.weight}
    for inputs, table in tables.items():
        assert abs(float(table.std()) * inputs**0.8 - 1) < 5 / np.sqrt(2 * table.size)
    assert abs(float(network.layers[-1].weight.std()) * 64**0.8 - 1) < 5 / np.sqrt(2 * 300 * 64)


def test_dropout_wants_a_key_only_in_training(key, sequences):
    plain, dropping = make(key), make(key, dropout=0.4)
    with pytest.raises(InputError, match="key for dropout"):
        dropping(sequences[0])
    quiet = eqx.nn.inference_mode(dropping)
    np.testing.assert_array_equal(outputs_of(quiet, sequences), outputs_of(plain, sequences))
    call = eqx.filter_jit(lambda network, point, key: network(point, key=key))
    one, other = (call(dropping, sequences[0], jax.random.key(seed)) for seed in (0, 1))
    assert not np.allclose(one, other)


def test_float64_is_the_same_network(key, sequences, float64):
    double, single = make(key), make(key, dtype="float32")
    outputs = outputs_of(double, sequences.astype(jnp.float64))
    assert outputs.dtype == jnp.float64
    assert jax.eval_shape(single, sequences[0]).dtype == jnp.float32
    np.testing.assert_allclose(outputs, [twin(single, sequence)[-1] for sequence in sequences], atol=1e-5)


@pytest.mark.parametrize("bad", [-1.0, 7.0, 2.5, np.nan])
def test_tokens_that_are_none_are_refused_or_give_nan(bad, key, sequences):
    network, sequences = make(key), sequences.at[0, 1].set(bad)
    with pytest.raises(InputError, match="whole numbers from 0 to 6"):
        network(sequences[0])
    outputs = outputs_of(network, sequences)
    assert jnp.isnan(outputs[0]).all()
    assert jnp.isfinite(outputs[1:]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"norm": "both"}, "norm"),
        ({"read_out": "first"}, "read_out"),
        ({"width": 5, "heads": 2}, "heads divide"),
        ({"depth": 0}, "depth"),
        ({"head_width": 0}, "head_width"),
        ({"dropout": 1}, "dropout"),
        ({"activation": "none"}, "activation"),
    ],
)
def test_options_that_cannot_be_used_are_named(options, message, key):
    with pytest.raises(InputError, match=message):
        Transformer(TOKENS, LENGTH, key=key, **options)


def test_many_sequences_at_once_are_refused(key, sequences):
    with pytest.raises(InputError, match=r"jax\.vmap"):
        make(key)(sequences)
