"""The Linear Frequency Principle solved: what a wide two-layer network learns, at any time and in the long run.

The model that keeps `Γ²` alone is gradient flow with the kernel `K(x) = ∫ Γ²(ξ) cos(2πξ·x) dξ`, so in dual form

    h_t(x) = h₀(x) + K(x, X) K⁻¹ (I - exp(-K t)) (y - h₀(X)),

and for `t → ∞` the function through all samples with the least FP-norm `(∫ |ĥ - ĥ₀|² / Γ² dξ)^½` of its change.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from scipy.special import gamma, hyp0f1, j0

from simplebias.core.errors import InputError, as_values, check_positive
from simplebias.core.types import ArrayLike
from simplebias.frequency.lattice import (
    ZERO_FLOOR,
    FrequencyLattice,
    as_rows,
    build_lattice,
    check_spacing,
    frequency_lattice,
    lattice_kernel,
    smallest_distance,
)
from simplebias.frequency.lfp_coefficients import SpectralAtoms
from simplebias.frequency.sampling import host_array, host_points

RIDGE = 1e-9
"""Added to the diagonal of the kernel, in units of the mean variance that the kernel gives to the samples.

Not of the mean of the diagonal, most of which is the cell about zero frequency: constants are free, or nearly so.
"""
UNLEARNED = 1e-3
"""Share of the values that the long-time limit may leave unlearned at the samples."""


@dataclasses.dataclass(frozen=True)
class LfpSolution:
    """Solution of the Linear Frequency Principle, to be asked at any points and times.

    No example: see `solve_lfp`, which makes it.

    Args:
        points: `(points, inputs)`, the samples.
        targets: `(points, outputs)`, values minus the initial function.
        eigenvalues: `(points,)` of the kernel, rising, ridge included: rates of learning.
        eigenvectors: `(points, points)`, one in each column.
        ridge: what was added to the diagonal.
        kernel: function of two sets of points.
        reach: half the period of the kernel along each input.
    """

    points: np.ndarray
    targets: np.ndarray
    eigenvalues: np.ndarray
    eigenvectors: np.ndarray
    ridge: float
    kernel: Callable[[np.ndarray, np.ndarray], np.ndarray]
    reach: float

    @property
    def norm(self) -> np.ndarray:
        """FP-norm of the long-time limit's change, `(outputs,)`."""
        inside = self.eigenvectors.T @ self.targets / self.eigenvalues[:, None]
        return np.sqrt(np.maximum(self.eigenvalues - self.ridge, 0) @ inside**2)

    @property
    def misfit(self) -> float:
        """Share of the targets that the long-time limit leaves unlearned at the samples, because of the ridge."""
        whole = np.linalg.norm(self.targets)
        left = self.eigenvectors.T @ self.targets * (self.ridge / self.eigenvalues)[:, None]
        return float(np.linalg.norm(left) / whole) if whole else 0.0

    def at(self, others: ArrayLike, times: ArrayLike, *, initial: ArrayLike | None = None) -> np.ndarray:
        """The function at other points and at given times of gradient flow on `½ Σ u²`.

        Args:
            others: `(others, inputs)`.
            times: `(times,)`, not negative, may be infinite.
            initial: `(others, outputs)`, the initial function there; zero if None.

        Returns:
            `(times, others, outputs)`, float64.

        Raises:
            InputError: for points beyond the period of the lattice, or times that are negative or NaN.
        """
        where, moments = as_rows(others), np.atleast_1d(host_array(times))
        if moments.ndim != 1 or moments.size == 0 or not (moments >= 0).all():
            raise InputError("times of shape (times,) that are not negative", f"{moments}")
        cross = self.kernel(where, self.points)
        farthest = max(abs(where - self.points.min(axis=0)).max(), abs(where - self.points.max(axis=0)).max())
        if farthest > self.reach:
            raise InputError(
                f"points within {self.reach:.4g} of all samples along each input",
                f"one at {farthest:.4g}",
                "Give a lattice with a smaller spacing.",
            )
        with np.errstate(over="ignore"):
            learned = -np.expm1(-np.multiply.outer(moments, self.eigenvalues)) / self.eigenvalues
        inside = self.eigenvectors.T @ self.targets
        change = np.einsum("qe,te,eo->tqo", cross @ self.eigenvectors, learned, inside)
        return change if initial is None else change + _rows(initial, len(where), "initial")

    def limit(self, others: ArrayLike, *, initial: ArrayLike | None = None) -> np.ndarray:
        """The function at other points in the long run, through all samples.

        Args:
            others: `(others, inputs)`.
            initial: `(others, outputs)`, the initial function there; zero if None.

        Returns:
            `(others, outputs)`, float64.

        Raises:
            InputError: as `at`.
        """
        return self.at(others, np.inf, initial=initial)[0]


def solve_lfp(
    points: ArrayLike,
    values: ArrayLike,
    gamma_squared: Callable[[np.ndarray], ArrayLike] | SpectralAtoms,
    *,
    initial: ArrayLike | None = None,
    lattice: FrequencyLattice | None = None,
    zero_floor: float | int = ZERO_FLOOR,
    ridge: float | int = RIDGE,
    keep_unresolved: bool = False,
) -> LfpSolution:
    """Solve the Linear Frequency Principle for samples, in the dual form: as many unknowns as samples.

    With ReLU's `Γ²`, `E r³ ≫ E a²r` gives a function near to the cubic spline, the reverse the linear one. Everything
    is in float64 on the host, whatever JAX's precision.

    Args:
        points: `(points, inputs)`, at distinct places.
        values: `(points, outputs)`.
        gamma_squared: function of lengths `|ξ|`, cycles per unit of the input, such as
            `lambda xi: lfp_coefficients("relu", law, xi).gamma_squared`; or atoms: for sin,
            and, by `radial_atoms`, for many points of two inputs or more.
        initial: `(points, outputs)`, the initial function at the samples; zero if None, as after an anti-symmetric
            initialisation.
        lattice: of frequencies; `frequency_lattice(points)` if None.
        zero_floor: Γ² about zero frequency, where it may diverge, is taken at so many spacings of the lattice.
        ridge: added to the diagonal of the kernel, in units of the mean of the kernel's diagonal after centring.
        keep_unresolved: whether to accept a kernel so near to singular that the samples are not met.

    Returns:
        The solution.

    Raises:
        InputError: for bad data, samples at one place, a `Γ²` that is not positive, or a kernel that is singular.

    References:
        Zhang, Xu, Luo, Ma, arXiv:1905.10264; Zhang, Luo, Ma, Xu, arXiv:2102.00200; of the initial function, Zhang, Xu,
        Luo, Ma, arXiv:1905.07777.

    Example:
        >>> solution = solve_lfp([0.0, 1.0, 2.0], [0.0, 1.0, 0.0], lambda xi: xi**-2.0)
        >>> solution.limit([0.5, 1.0]).round(2)[:, 0].tolist()
        [0.5, 1.0]
    """
    where = host_points(points)
    smallest_distance(where)
    check_positive(zero_floor, "zero_floor")
    check_positive(ridge, "ridge", zero=True)
    targets = _rows(values, len(where), "values")
    if initial is not None:
        targets = targets - _rows(initial, len(where), "initial")
    kernel, reach = _kernel(where, gamma_squared, lattice, float(zero_floor))
    matrix = kernel(where, where)
    added = ridge * float(np.trace(matrix) - matrix.mean() * len(where)) / len(where)
    eigenvalues, eigenvectors = np.linalg.eigh((matrix + matrix.T) / 2)
    floor = len(where) * np.finfo(float).eps * eigenvalues[-1]
    rank = int((eigenvalues > floor).sum())
    added += floor
    solution = LfpSolution(where, targets, np.maximum(eigenvalues, 0) + added, eigenvectors, added, kernel, reach)
    if not keep_unresolved and solution.misfit > UNLEARNED:
        raise InputError(
            "a kernel that is not singular, to meet the samples",
            f"rank {rank} of {len(where)} in float64, which leaves {solution.misfit:.2g} of the values unlearned",
            "Γ² falls too fast for so near points: take fewer, a smaller ridge, or keep_unresolved=True.",
        )
    return solution


def _kernel(
    where: np.ndarray, gamma_squared: Callable | SpectralAtoms, lattice: FrequencyLattice | None, zero_floor: float
) -> tuple[Callable[[np.ndarray, np.ndarray], np.ndarray], float]:
    if isinstance(gamma_squared, SpectralAtoms):
        atoms = gamma_squared
        return lambda rows, columns: atoms_kernel(rows, columns, atoms), np.inf
    lattice = frequency_lattice(where) if lattice is None else lattice
    check_spacing(where, lattice.spacing)
    density = host_array(gamma_squared(lattice.lengths(zero_floor)))
    if density.shape != lattice.cells.shape or not np.isfinite(density).all() or (density < 0).any():
        raise InputError(
            f"gamma_squared with values ≥ 0 of shape {lattice.cells.shape}", f"shape {density.shape} or other values"
        )
    return lambda rows, columns: lattice_kernel(rows, columns, lattice, density), 1 / (2 * lattice.spacing)


def atoms_kernel(points: ArrayLike, other: ArrayLike, atoms: SpectralAtoms) -> np.ndarray:
    """Kernel of atoms, `K(x, x') = Σ_j m_j ⟨cos(2π ξ_j e·(x - x'))⟩`, mean over all directions e.

    Args:
        points: `(points, inputs)`, along the rows.
        other: `(others, inputs)`, along the columns.
        atoms: such as `sine_atoms` gives.

    Returns:
        `(points, others)`, float64 on the host.

    Raises:
        InputError: for bad points, or numbers of inputs that differ.

    References:
        Zhang, Xu, Luo, Ma, arXiv:1905.10264.

    Example:
        >>> atoms = SpectralAtoms(np.array([0.5]), np.array([2.0]))
        >>> atoms_kernel([0.0], [0.0, 1.0], atoms).round(6).tolist()
        [[2.0, -2.0]]
    """
    rows, columns = as_rows(points), as_rows(other)
    if rows.shape[1] != columns.shape[1]:
        raise InputError(f"others of {rows.shape[1]} inputs", f"{columns.shape[1]} inputs")
    distances = np.linalg.norm(rows[:, None] - columns, axis=-1)
    kernel = np.zeros(distances.shape)
    for frequency, mass in zip(atoms.frequencies, atoms.masses, strict=True):
        angle = 2 * np.pi * frequency * distances
        kernel += mass * _mean_wave(angle, rows.shape[1])
    return kernel


def _mean_wave(angle: np.ndarray, inputs: int) -> np.ndarray:
    """Mean of `cos(angle e₁)` over all directions e."""
    if inputs == 1:
        return np.cos(angle)
    return j0(angle) if inputs == 2 else hyp0f1(inputs / 2, -(angle**2) / 4)


def radial_atoms(
    points: ArrayLike,
    gamma_squared: Callable[[np.ndarray], ArrayLike],
    *,
    spacing: float | int | None = None,
    highest: float | int | None = None,
    zero_floor: float | int = ZERO_FLOOR,
) -> SpectralAtoms:
    """A coefficient on spheres of frequencies, `Γ²(ρ) |S^(d-1)| ρ^(d-1) Δρ`: the lattice for two inputs and more.

    It has as many frequencies in any dimension, where a lattice along each input soon has too many.

    Args:
        points: `(points, inputs)`, where the function is known, at distinct places.
        gamma_squared: function of lengths `|ξ|`, as for `solve_lfp`.
        spacing: Δρ; an eighth of the inverse extent of the points if None.
        highest: top length; 20 inverse smallest distances if None.
        zero_floor: as for `solve_lfp`.

    Returns:
        Radii and masses, for `solve_lfp` or `atoms_kernel`.

    Raises:
        InputError: as `frequency_lattice`.

    References:
        Luo, Ma, Xu, Zhang, arXiv:2010.08153.

    Example:
        >>> corners = [[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]]
        >>> atoms = radial_atoms(corners, lambda xi: xi**-3.0)
        >>> middle = solve_lfp(corners, [1.0, 1.0, -1.0, -1.0], atoms).limit([[0.0, 0.0]])
        >>> bool(abs(middle[0, 0]) < 1e-9)
        True
    """
    where = host_points(points)
    inputs = where.shape[1]
    check_positive(zero_floor, "zero_floor")
    nearest = smallest_distance(where)
    highest = 20 / nearest if highest is None else highest
    check_positive(highest, "highest")
    if highest < 10 / nearest * (1 - 1e-12):
        raise InputError(f"highest frequency of at least {10 / nearest:.4g}", f"{highest:.4g}")
    spacing = 1 / (8 * float(np.ptp(where, axis=0).max())) if spacing is None else spacing
    check_positive(spacing, "spacing")
    check_spacing(where, spacing)
    lattice = build_lattice(1, float(spacing), float(highest))
    radii = lattice.lengths(zero_floor)
    density = host_array(gamma_squared(radii))
    if density.shape != radii.shape or not np.isfinite(density).all() or (density < 0).any():
        raise InputError(f"gamma_squared with values ≥ 0 of shape {radii.shape}", f"shape {density.shape}")
    surface = 2 * np.pi ** (inputs / 2) / gamma(inputs / 2)
    masses = density * surface * radii ** (inputs - 1) * lattice.cells / 2
    return SpectralAtoms(np.concatenate([[0.0], radii[1:]]), masses)


def fp_norm(spectrum: ArrayLike, gamma_squared: ArrayLike, *, cells: ArrayLike = 1.0) -> float:
    """FP-norm of a function, `‖f‖ = (Σ_ξ |f̂(ξ)|² / Γ²(ξ) Δξ)^½`, small for functions of low frequency.

    Args:
        spectrum: `f̂`, `(frequencies,)`, complex or real; of `ξ` and `-ξ` both, or one with twice the cell.
        gamma_squared: `Γ²`, `(frequencies,)`, above zero.
        cells: `Δξ`, a number or `(frequencies,)`; 1 for a Fourier series.

    Returns:
        The norm.

    Raises:
        InputError: if shapes differ, or `Γ²` is not positive.

    References:
        Zhang, Xu, Luo, Ma, arXiv:1905.10264.

    Example:
        >>> fp_norm([3.0, 2.0], [1.0, 0.25])
        5.0
    """
    modulus, gamma = np.abs(np.asarray(spectrum)), host_array(gamma_squared)
    if modulus.ndim != 1 or modulus.shape != gamma.shape or not (gamma > 0).all() or not np.isfinite(modulus).all():
        raise InputError(
            "a finite spectrum and gamma_squared above zero, both (frequencies,)",
            f"shapes {modulus.shape} and {gamma.shape}, or other values",
        )
    return float(np.sqrt(np.sum(modulus**2 / gamma * host_array(cells))))


def _rows(values: ArrayLike, count: int, name: str) -> np.ndarray:
    return host_array(values).reshape(as_values(values, count, name).shape)
