"""Evenly spaced data with gaps, as most recorded series are: no leakage from the places that are missing.

A sum over the points that are there takes the gaps for part of the signal, and a trend then leaks into all
frequencies. Here the piecewise linear interpolant is transformed instead; it is linear in the values, so target and
output are treated alike and the result is an ordinary `FourierBasis`.
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from scipy import sparse

from simplebias.core.errors import InputError
from simplebias.core.types import ArrayLike
from simplebias.frequency.sampling import host_points
from simplebias.frequency.transform import FourierBasis

TOLERANCE = 1e-3
"""How far, in spacings, a point may lie from its place on the lattice."""
LEAST = 0.5
"""Share of the lattice that must be there to speak of gaps."""


def complete_lattice(points: ArrayLike) -> np.ndarray | None:
    """The evenly spaced 1-D points of which `points` are a part, in rising order.

    Args:
        points: `(points,)` or `(points, 1)`, different from each other, in any order.

    Returns:
        `(lattice,)` in float64 on the host; None if points lie elsewhere, repeat, or fill less than half of it.

    Raises:
        InputError: for bad points or more than one input.

    Example:
        >>> complete_lattice([0.0, 1.0, 4.0, 2.0]).tolist()
        [0.0, 1.0, 2.0, 3.0, 4.0]
    """
    where = _line(points)
    order = np.sort(where)
    gaps = np.diff(order)
    if not len(gaps) or gaps.min() <= 0:
        return None
    spacing = gaps[gaps < 1.5 * gaps.min()].mean()  # the smallest ones: half or more may be twice as large
    places = np.rint((order - order[0]) / spacing)
    if places[-1] < 1 or len(order) < LEAST * (places[-1] + 1):
        return None
    spacing = (order[-1] - order[0]) / places[-1]
    if np.abs(order - order[0] - places * spacing).max() > TOLERANCE * spacing or (np.diff(places) < 1).any():
        return None
    return order[0] + spacing * np.arange(int(places[-1]) + 1)


def gap_filling_basis(points: ArrayLike, frequencies: ArrayLike, *, window: str | None = None) -> FourierBasis:
    """Basis of evenly spaced 1-D points with gaps: values are interpolated linearly across the gaps.

    Args:
        points: `(points,)` or `(points, 1)`, part of a lattice (see `complete_lattice`).
        frequencies: `(frequencies,)`, cycles per unit of the input; `natural_frequencies` of the complete lattice.
        window: as in `spectrum`, over the complete lattice.

    Returns:
        A basis to call on values at `points`.

    Raises:
        InputError: if the points are no part of a lattice, or for what `FourierBasis` refuses.

    Example:
        >>> x = np.array([0.0, 1.0, 2.0, 4.0, 5.0])
        >>> basis = gap_filling_basis(x, [0.0])
        >>> float(abs(basis(x)[0, 0]))
        2.5
    """
    lattice = complete_lattice(points)
    if lattice is None:
        raise InputError("evenly spaced points of which some may be missing", "others", "Use FourierBasis.")
    whole = FourierBasis(lattice, frequencies, window=window)
    onto = _interpolation(_line(points), lattice)
    parts = [jnp.asarray((onto.T @ np.asarray(matrix).T).T, matrix.dtype) for matrix in (whole.cosine, whole.sine)]
    return eqx.tree_at(lambda basis: (basis.cosine, basis.sine), whole, tuple(parts))


def _line(points: ArrayLike) -> np.ndarray:
    where = host_points(points)
    if where.shape[1] != 1:
        raise InputError("one input", f"{where.shape[1]} inputs")
    return where[:, 0]


def _interpolation(where: np.ndarray, lattice: np.ndarray) -> sparse.csr_matrix:
    """Values at `where` to values of their linear interpolant on the lattice, `(lattice, points)`."""
    order = np.argsort(where)
    rising = where[order]
    right = np.clip(np.searchsorted(rising, lattice), 1, len(rising) - 1)
    share = np.clip((lattice - rising[right - 1]) / (rising[right] - rising[right - 1]), 0.0, 1.0)
    rows = np.arange(len(lattice))
    entries = np.concatenate([1 - share, share])
    columns = np.concatenate([order[right - 1], order[right]])
    return sparse.csr_matrix((entries, (np.tile(rows, 2), columns)), shape=(len(lattice), len(where)))
