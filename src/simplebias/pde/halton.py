"""The scrambled Halton sequence: low-discrepancy points without SciPy's statistics, which take long to import."""

import math

import numpy as np

BITS = 54
"""Digits are scrambled up to this many bits, a little more than a float64 can tell."""


class Halton:
    """Points that fill the unit cube evenly, one sequence for each key: the digits of whole numbers in prime bases.

    The n-th point has along input i the digits of n in the i-th prime, read backwards behind the point, each replaced
    by a random permutation of digits that belongs to its place. So of any `bᵏ` points in a row exactly one lies in
    each of `bᵏ` equal intervals along the input of base b.

    Args:
        inputs: of the points.
        generator: randomness of the permutations.

    References:
        Owen, A randomized Halton algorithm in R, arXiv:1706.02808.

    Example:
        >>> points = Halton(2, np.random.default_rng(0))(6)
        >>> np.sort(np.floor(2 * points[:2, 0])).tolist(), np.sort(np.floor(3 * points[:3, 1])).tolist()
        ([0.0, 1.0], [0.0, 1.0, 2.0])
    """

    def __init__(self, inputs: int, generator: np.random.Generator):
        self.tables = [_permutations(base, generator) for base in first_primes(inputs)]
        self.given = 0

    def __call__(self, count: int) -> np.ndarray:
        """The next points, `(count, inputs)`, from 0 to below 1."""
        numbers = np.arange(self.given, self.given + count)
        self.given += count
        return np.stack([_reversed(numbers, table) for table in self.tables], axis=1)


def first_primes(count: int) -> list[int]:
    """So many primes, from 2 on.

    Args:
        count: how many.

    Returns:
        The primes.

    Example:
        >>> first_primes(5)
        [2, 3, 5, 7, 11]
    """
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found):
            found.append(candidate)
        candidate += 1
    return found


def _permutations(base: int, generator: np.random.Generator) -> np.ndarray:
    """One permutation of the digits for each place behind the point, `(places, base)`."""
    table = np.tile(np.arange(base), (math.ceil(BITS / math.log2(base)) - 1, 1))
    for row in table:
        generator.shuffle(row)
    return table


def _reversed(numbers: np.ndarray, table: np.ndarray) -> np.ndarray:
    """The digits of each number, permuted, behind the point; leading zeros are digits too."""
    base, found, rest = table.shape[1], np.zeros(len(numbers)), numbers
    weights = float(base) ** -np.arange(1, len(table) + 1)
    for place, (weight, row) in enumerate(zip(weights, table, strict=True)):
        if not rest.any():
            return found + weights[place:] @ table[place:, 0]
        rest, digits = np.divmod(rest, base)
        found += weight * row[digits]
    return found
