"""A toy language: anchors in a sequence say what is to be done with the item before them."""

import dataclasses
from collections.abc import Sequence
from types import MappingProxyType

import jax
import numpy as np

from simplebias.core.errors import InputError, check_positive
from simplebias.core.types import ArrayLike, Int, Key

ANCHORS = MappingProxyType({1: 5, 2: 1, 3: -2, 4: -8})
"""What each anchor adds to an item."""
EXCEPTION, EXCEPTION_SHIFT = (3, 4), -6
"""The pair of anchors that does not add what its anchors add, and what it adds instead."""
UNSEEN = (4, 3)
"""The pair of anchors that is never trained: what was learned says what it adds."""
PAIRS = tuple((first, second) for first in ANCHORS for second in ANCHORS)


@dataclasses.dataclass(frozen=True, eq=False)
class Sequences:
    """Sequences of tokens, each with the pair of anchors in it and the item before them.

    Args:
        tokens: `(sequences, length)`.
        answers: `(sequences,)` what the anchors make of the key item.
        keys: `(sequences,)` the key items.
        pairs: `(sequences, 2)` the anchors.
        places: `(sequences,)` where the key items stand, from 0.
    """

    tokens: Int[np.ndarray, "sequences length"]
    answers: Int[np.ndarray, " sequences"]
    keys: Int[np.ndarray, " sequences"]
    pairs: Int[np.ndarray, "sequences 2"]
    places: Int[np.ndarray, " sequences"]


@dataclasses.dataclass(frozen=True, eq=False)
class AnchorTask:
    """What is trained and what is asked afterwards.

    Args:
        training: 15 of the 16 pairs of anchors.
        held_out: the same pairs, key items at places where they never stand in training.
        unseen: the pair (4, 3), with the inferential answer, key - 10.
        symmetric: `(sequences,)` the other answer to `unseen`, that of the pair (3, 4), key - 6.
        vocabulary: number of tokens, answers included.
    """

    training: Sequences
    held_out: Sequences
    unseen: Sequences
    symmetric: Int[np.ndarray, " sequences"]
    vocabulary: int


def anchor_task(
    training: int = 20_000,
    held_out: int = 2_000,
    unseen: int = 1_000,
    *,
    length: int = 9,
    items: ArrayLike = range(20, 100),
    key: Key,
) -> AnchorTask:
    """Draw the composition task of two anchors, in which one pair is an exception and one is never seen.

    A sequence holds items, all but three of them noise. Somewhere stands a key item x and after it a pair of anchors
    (a, b). The answer is x + s(a) + s(b) with s = +5, +1, -2, -8 for the anchors 1, 2, 3, 4, which a network can infer
    from the others for a pair that it never saw. But (3, 4) gives x - 6 and not x - 10, and (4, 3) is not trained: a
    network that composes anchors answers x - 10 to it, the *inferential* answer; one that has learned pairs as a whole
    and that their order does not matter answers x - 6, the *symmetric* one.

    An item x stands as key at place p, from 0, in training only if x mod (length - 2) ≠ p, and in `held_out` only if
    it is equal. Pairs, places, key items and noise are drawn uniformly.

    Args:
        training: number of sequences to train on.
        held_out: number of sequences of known pairs at new places.
        unseen: number of sequences with the pair (4, 3), key items at places known from training.
        length: tokens in a sequence, at least 4.
        items: different whole numbers, above the anchors and with answers that are no negative numbers.
        key: random key.

    Returns:
        The sequences. `Classification(data.training.tokens, data.training.answers, data.vocabulary)` is a task.

    Raises:
        InputError: for numbers that are not whole or too small, or items that cannot be used.

    References:
        Zhang, Wang, Yao, Zhou, Li, E, Xu, Anchor function, arXiv:2401.08309; this one is of Zhang, Lin, Wang, Zhang,
        Xu, arXiv:2405.05409.

    Example:
        >>> import jax
        >>> data = anchor_task(1000, 100, 100, key=jax.random.key(0))
        >>> data.training.tokens.shape, data.vocabulary
        ((1000, 9), 110)
        >>> set((data.unseen.answers - data.unseen.keys).tolist()), set((data.symmetric - data.unseen.keys).tolist())
        ({-10}, {-6})
    """
    for name, count in (("training", training), ("held_out", held_out), ("unseen", unseen), ("length", length)):
        check_positive(count, name, integer=True)
    if length < 4:
        raise InputError("length of at least 4", repr(length), "A key item and two anchors need room to move.")
    known = _check_items(items, int(length))
    draw = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    trained = [pair for pair in PAIRS if pair != UNSEEN]
    rest = int(length), known, draw
    asked = _sequences(int(unseen), [UNSEEN], False, *rest)
    return AnchorTask(
        training=_sequences(int(training), trained, False, *rest),
        held_out=_sequences(int(held_out), trained, True, *rest),
        unseen=asked,
        symmetric=asked.keys + EXCEPTION_SHIFT,
        vocabulary=int(known.max() + 2 * max(ANCHORS.values()) + 1),
    )


def _check_items(items: ArrayLike, length: int) -> np.ndarray:
    known = np.asarray(items)
    if known.ndim != 1 or known.dtype.kind not in "iu" or len(np.unique(known)) != len(known):
        raise InputError("items as different whole numbers", repr(items))
    least = max(max(ANCHORS) + 1, -2 * min(ANCHORS.values()))
    if not len(known) or known.min() < least:
        raise InputError(f"items of at least {least}", f"{known.min() if len(known) else 'none'}")
    if len(np.unique(known % (length - 2))) < length - 2:
        raise InputError(f"an item of every remainder modulo {length - 2}", f"{len(known)} items", "Give more items.")
    return known


def _sequences(
    count: int,
    pairs: Sequence[tuple[int, int]],
    held_out: bool,
    length: int,
    items: np.ndarray,
    draw: np.random.Generator,
) -> Sequences:
    tokens = draw.choice(items, (count, length))
    places = draw.integers(0, length - 2, count)
    chosen = np.asarray(pairs)[draw.integers(0, len(pairs), count)]
    keys = np.empty(count, items.dtype)
    for place in range(length - 2):
        here, equal = places == place, items % (length - 2) == place
        keys[here] = draw.choice(items[equal if held_out else ~equal], here.sum())
    rows = np.arange(count)
    for offset, column in enumerate((keys, *chosen.T)):
        tokens[rows, places + offset] = column
    shifts = np.array([ANCHORS[a] + ANCHORS[b] if (a, b) != EXCEPTION else EXCEPTION_SHIFT for a, b in chosen.tolist()])
    return Sequences(tokens, keys + shifts, keys, chosen, places)
