"""The anchor task by reading every sequence again, its split, its two candidate answers, and what it refuses."""

import jax
import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.core.task import Classification
from simplebias.data import anchor_task

SHIFTS = [0, 5, 1, -2, -8]


@pytest.fixture(scope="module")
def data():
    return anchor_task(3000, 500, 200, key=jax.random.key(3))


def read(sequence):
    """The place of the key item, the anchors, and the answer of composed anchors, from the tokens alone."""
    anchors = [place for place, token in enumerate(sequence) if token <= 4]
    assert anchors == [anchors[0], anchors[0] + 1]
    first, second = (int(sequence[place]) for place in anchors)
    key = int(sequence[anchors[0] - 1])
    return anchors[0] - 1, (first, second), key, key + SHIFTS[first] + SHIFTS[second]


def test_answers_compose_the_anchors_but_for_one_pair(data):
    seen = set()
    for sequences in (data.training, data.held_out):
        for place, tokens in enumerate(sequences.tokens):
            where, pair, key, composed = read(tokens)
            assert sequences.answers[place] == (key - 6 if pair == (3, 4) else composed)
            assert (sequences.places[place], *sequences.pairs[place], sequences.keys[place]) == (where, *pair, key)
            seen.add(pair)
    assert len(seen) == 15
    assert (4, 3) not in seen


def test_a_key_item_stands_in_training_where_it_is_not_held_out(data):
    assert all(key % 7 != place for place, _, key, _ in map(read, data.training.tokens))
    assert all(key % 7 == place for place, _, key, _ in map(read, data.held_out.tokens))
    assert set(data.training.places) == set(data.held_out.places) == set(range(7))


def test_the_unseen_pair_has_two_answers(data):
    found = [read(tokens) for tokens in data.unseen.tokens]
    assert {pair for _, pair, _, _ in found} == {(4, 3)}
    assert data.unseen.answers.tolist() == [composed for *_, composed in found] == (data.unseen.keys - 10).tolist()
    assert data.symmetric.tolist() == (data.unseen.keys - 6).tolist()


def test_everything_is_drawn_uniformly(data):
    for drawn, kinds in ((data.training.places, 7), (data.training.pairs @ [4, 1], 15)):
        _, counts = np.unique(drawn, return_counts=True)
        share = 3000 / kinds
        assert len(counts) == kinds
        assert (np.abs(counts - share) < 5 * np.sqrt(share)).all()
    assert set(data.training.keys) == set(range(20, 100))


def test_answers_are_classes_of_the_vocabulary(data):
    task = Classification(data.training.tokens, data.training.answers, data.vocabulary)
    assert task.classes == 110
    assert data.training.tokens.min() == 1
    assert data.training.answers.min() >= 0


def test_a_key_is_one_task_and_another_is_another(data):
    again, other = (anchor_task(3000, 500, 200, key=jax.random.key(seed)) for seed in (3, 4))
    assert np.array_equal(again.training.tokens, data.training.tokens)
    assert not np.array_equal(other.training.tokens, data.training.tokens)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"training": 0}, "training"),
        ({"length": 3}, "length"),
        ({"items": [20, 20, 21]}, "different"),
        ({"items": [20.5, 21.0]}, "whole numbers"),
        ({"items": range(4, 90)}, "at least 16"),
        ({"items": []}, "whole numbers"),
        ({"items": range(20, 25)}, "every remainder"),
    ],
)
def test_options_that_cannot_be_used_are_named(options, message, key):
    with pytest.raises(InputError, match=message):
        anchor_task(**({"training": 10} | options), key=key)
