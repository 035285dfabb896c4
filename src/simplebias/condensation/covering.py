"""A greedy cover of unit vectors by representatives, with most pairs told apart by a part of their coordinates."""

import numpy as np

from simplebias.core.types import Bool, Float, Int

BLOCK = 512
"""Candidates of which the cosines with all later vectors are taken at once."""
HEAD = 0.7
"""Share of the coordinates that is looked at first: two vectors' cosine is at most that of the heads plus the product
of the norms of the tails (Cauchy-Schwarz), which is enough to tell nearly all pairs of unlike vectors apart."""
LONG = 64
"""Coordinates from which it pays to look at a part first."""


def cover(
    units: Float[np.ndarray, "vectors coordinates"],
    null: Bool[np.ndarray, " vectors"],
    levels: Float[np.ndarray, " levels"],
    *,
    absolute: bool,
) -> Int[np.ndarray, " levels"]:
    """How many representatives cover all vectors, for each level of the cosine.

    Vectors are taken in order; each joins an earlier representative with a cosine above the level, or else becomes one.
    The matrix of all cosines is never held.

    Args:
        units: vectors of norm 1.
        null: those that do not count.
        levels: cosines.
        absolute: whether opposite vectors count as one.

    Returns:
        Counts.
    """
    covered = np.repeat(null[None], len(levels), axis=0)
    counts = np.zeros(len(levels), np.int64)
    length = units.shape[1]
    cut = int(HEAD * length) if length >= LONG else length
    head = np.ascontiguousarray(units[:, :cut])
    tail = np.linalg.norm(units[:, cut:], axis=1)
    left = np.flatnonzero(~null)
    while left.size:
        some, others = left[:BLOCK], left[BLOCK:]
        founds = _found(_cosines(_rows(units, some), _rows(units, some), absolute), covered[:, some], levels)
        counts += founds.sum(axis=1)
        near = others
        if cut < length and others.size:
            heads = _cosines(_rows(head, some), _rows(head, others), absolute)
            most = heads.max(axis=0) + tail[some].max() * tail[others]
            near = others[most > levels.min()]
        if near.size:
            cosines = _cosines(_rows(units, some), _rows(units, near), absolute)
            for level, found in enumerate(founds):
                if found.any():
                    covered[level, near] |= cosines[found].max(axis=0) > levels[level]
        left = others[~covered[:, others].all(axis=0)]
    return counts


def _rows(array: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Rows at increasing places: where they stand together no copy is made."""
    together = places.size and places[-1] - places[0] + 1 == places.size
    return array[places[0] : places[-1] + 1] if together else array[places]


def _cosines(some: np.ndarray, others: np.ndarray, absolute: bool) -> np.ndarray:
    product = some @ others.T
    return np.abs(product, out=product) if absolute else product


def _found(cosines: np.ndarray, inside: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Which of a block of candidates become representatives at each level."""
    founds, inside = np.zeros_like(inside), inside.copy()
    for place in range(len(cosines)):
        new = ~inside[:, place]
        founds[:, place] = new
        inside |= new[:, None] & (cosines[place] > levels[:, None])
    return founds
