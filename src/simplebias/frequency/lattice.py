"""A lattice of frequencies on which integrals over all frequencies become sums, and the kernel that it gives.

K(x - x') = ∫ γ(ξ) cos(2πξ·(x - x')) dξ  ≈  Σ_ξ γ(ξ) cos(2πξ·(x - x')) Δξ
"""

import dataclasses
import math

import numpy as np

from simplebias.core.errors import InputError, as_points, check_positive, is_traced
from simplebias.core.types import ArrayLike
from simplebias.frequency.sampling import host_array, host_points

SMALLEST = 10.0
"""The top frequency is at least so many times the inverse of the smallest distance."""
DEFAULT_TOP = {1: 200.0, 2: 10.0}
"""The same where it is not given, by the number of inputs."""
LARGEST = 4_000_000
"""Most frequencies of a lattice."""
BLOCK = 4_000_000
"""Entries of the tables of waves that are held at a time."""
ZERO_FLOOR = 0.1
"""Where coefficients diverge at zero, the cell about it takes their value at so many spacings."""


@dataclasses.dataclass(frozen=True)
class FrequencyLattice:
    """Frequencies `Δξ (j₁, …, j_d)` up to a top one along each input; of `ξ` and `-ξ` only one is kept.

    No example: see `frequency_lattice`, which makes it.

    Args:
        frequencies: `(frequencies, inputs)`, zero first, cycles per unit of the input.
        cells: `(frequencies,)`, the volume that each stands for, its mirror image included.
        spacing: Δξ.
    """

    frequencies: np.ndarray
    cells: np.ndarray
    spacing: float

    def lengths(self, zero_floor: float = ZERO_FLOOR) -> np.ndarray:
        """Lengths `|ξ|`, `(frequencies,)`; that of zero is taken as `zero_floor` spacings.

        Returns:
            Lengths above zero, float64.
        """
        lengths = np.linalg.norm(self.frequencies, axis=1)
        lengths[0] = zero_floor * self.spacing
        return lengths


def frequency_lattice(
    points: ArrayLike, *, spacing: float | int | None = None, highest: float | int | None = None
) -> FrequencyLattice:
    """A lattice of frequencies fine and wide enough for the points between which a function is sought.

    A spacing Δξ makes everything periodic with the period `1/Δξ`, which must exceed twice the extent of the points;
    what varies between the nearest points needs frequencies up to at least `10 / distance`.

    Args:
        points: `(points, inputs)`, where the function is known, at distinct places.
        spacing: Δξ, cycles per unit of the input; an eighth of the inverse extent if None.
        highest: top frequency along each input; if None, 200 inverse smallest distances for one input, 10 for more.

    Returns:
        The lattice.

    Raises:
        InputError: for less than two points, two at one place, a spacing or top frequency that will not do, or more
            than four million frequencies, as soon happens for three inputs or more.

    References:
        Zhang, Xu, Luo, Ma, arXiv:1905.10264.

    Example:
        >>> lattice = frequency_lattice([0.0, 0.5, 1.0], spacing=0.25, highest=20)
        >>> lattice.frequencies.shape, float(lattice.cells.sum())
        ((81, 1), 40.25)
    """
    where = host_points(points)
    inputs = where.shape[1]
    nearest = smallest_distance(where)
    spacing = 1 / (8 * float(np.ptp(where, axis=0).max())) if spacing is None else spacing
    highest = DEFAULT_TOP.get(inputs, SMALLEST) / nearest if highest is None else highest
    check_positive(spacing, "spacing")
    check_positive(highest, "highest")
    check_spacing(where, spacing)
    if highest < SMALLEST / nearest * (1 - 1e-12):
        raise InputError(
            f"highest frequency of at least {SMALLEST / nearest:.4g}, ten inverse smallest distances", f"{highest:.4g}"
        )
    return build_lattice(inputs, float(spacing), float(highest))


def check_spacing(points: np.ndarray, spacing: float | int) -> None:
    """Refuse a spacing with which points within the data meet their periodic images.

    Raises:
        InputError: for a spacing from half the inverse extent of the points on.
    """
    most = 1 / (2 * float(np.ptp(points, axis=0).max()))
    if spacing >= most:
        raise InputError(
            f"spacing of frequencies below {most:.4g}, half the inverse extent of the points", f"{spacing:.4g}"
        )


def build_lattice(inputs: int, spacing: float, highest: float) -> FrequencyLattice:
    """The lattice itself, unchecked but for its size.

    Returns:
        All frequencies of the half space, zero first.

    Raises:
        InputError: for too many frequencies.
    """
    top = math.floor(highest / spacing * (1 + 1e-12))
    count = ((2 * top + 1) ** inputs + 1) // 2
    if count > LARGEST:
        raise InputError(
            f"at most {LARGEST} frequencies", f"{count}", "Take a lower highest frequency or a wider spacing."
        )
    axes = [np.arange(-top, top + 1)] * inputs
    # points of the lattice in lexicographic order are symmetric about zero, so the second half is one of each pair
    whole = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, inputs)[-count:]
    cells = np.full(count, 2 * spacing**inputs)
    cells[0] = spacing**inputs
    return FrequencyLattice(spacing * whole, cells, spacing)


def lattice_kernel(points: ArrayLike, other: ArrayLike, lattice: FrequencyLattice, density: ArrayLike) -> np.ndarray:
    """Kernel `K(x, x') = Σ_ξ γ(ξ) cos(2πξ·(x - x')) Δξ` between points.

    Args:
        points: `(points, inputs)`, along the rows.
        other: `(others, inputs)`, along the columns.
        lattice: of frequencies.
        density: `γ`, `(frequencies,)`, such as `Γ²` at `lattice.lengths()`.

    Returns:
        `(points, others)`, float64 on the host.

    Raises:
        InputError: if numbers of inputs or frequencies differ.

    References:
        Zhang, Xu, Luo, Ma, arXiv:1905.10264.

    Example:
        >>> lattice = frequency_lattice([0.0, 1.0], spacing=0.1, highest=100)
        >>> density = 1 / (1 + lattice.lengths(zero_floor=0.0) ** 2)
        >>> bool(abs(lattice_kernel([0.0], [0.5], lattice, density)[0, 0] - np.pi * np.exp(-np.pi)) < 1e-3)
        True
    """
    rows, columns = as_rows(points), as_rows(other)
    weights = host_array(density) * lattice.cells
    for part in (rows, columns):
        if part.shape[1] != lattice.frequencies.shape[1]:
            raise InputError(f"points of {lattice.frequencies.shape[1]} inputs", f"{part.shape[1]} inputs")
    kernel = np.zeros((len(rows), len(columns)))
    step = max(1, BLOCK // (len(rows) + len(columns)))
    for start in range(0, len(weights), step):
        part = slice(start, start + step)
        turns = 2 * np.pi * lattice.frequencies[part].T
        left, right = rows @ turns, columns @ turns
        kernel += (np.cos(left) * weights[part]) @ np.cos(right).T + (np.sin(left) * weights[part]) @ np.sin(right).T
    return kernel


def as_rows(points: ArrayLike) -> np.ndarray:
    """Points as `(points, inputs)` in float64 on the host, a single one included.

    Returns:
        `(points, inputs)`.

    Raises:
        InputError: for an empty, mis-shaped or non-finite array.
    """
    if is_traced(points):
        raise InputError("points with known values", "points traced by jit or vmap", "Build this outside of jit.")
    return host_array(points).reshape(as_points(points).shape)


def smallest_distance(points: np.ndarray) -> float:
    """Distance of the two nearest points.

    Returns:
        A length above zero.

    Raises:
        InputError: naming the rows of two points at one place.
    """
    from scipy.spatial import KDTree

    distances, rows = (np.asarray(part) for part in KDTree(points).query(points, k=2))
    row = int(distances[:, 1].argmin())
    if distances[row, 1] == 0:
        pair = sorted({row, *map(int, rows[row])})[:2]
        raise InputError(
            "points at distinct places",
            f"rows {pair[0]} and {pair[1]} at one place",
            "Keep one of them, with the mean of the values.",
        )
    return float(distances[row, 1])
