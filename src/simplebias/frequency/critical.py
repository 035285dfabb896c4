"""How fast frequencies must be damped at least, for interpolation to make sense: faster than `|ξ|^-d`."""

import dataclasses

import numpy as np

from simplebias.core.errors import InputError, as_values, check_positive
from simplebias.core.types import ArrayLike
from simplebias.frequency.lattice import FrequencyLattice, as_rows, build_lattice, lattice_kernel, smallest_distance
from simplebias.frequency.sampling import host_array

SPACING = 0.1
"""Spacing of frequencies where it is not given, for points within a distance of a few units."""


@dataclasses.dataclass(frozen=True)
class CriticalDecay:
    """Solution of the variational problem of `critical_decay` with frequencies up to a top one.

    No example: see `critical_decay`, which makes it.

    Args:
        alpha: exponent α of the weight.
        energy: least `∫ ⟨ξ⟩^α |φ|² dξ`, summed over outputs.
        points: `(points, inputs)`.
        weights: `(points, outputs)`, of the kernel at each point.
        lattice: the frequencies.
    """

    alpha: float
    energy: float
    points: np.ndarray
    weights: np.ndarray
    lattice: FrequencyLattice

    @property
    def well_posed(self) -> bool:
        """Whether the problem has a solution without a top frequency: `α > d`."""
        return self.alpha > self.points.shape[1]

    def __call__(self, others: ArrayLike) -> np.ndarray:
        """The function `h(x) = ∫ φ(ξ) exp(2πi ξ·x) dξ` at other points.

        Args:
            others: `(others, inputs)`.

        Returns:
            `(others, outputs)`, float64.
        """
        kernel = lattice_kernel(others, self.points, self.lattice, _damping(self.lattice, self.alpha))
        return kernel @ self.weights


def critical_decay(
    points: ArrayLike,
    values: ArrayLike,
    alpha: float | int,
    *,
    highest: float | int,
    spacing: float | int = SPACING,
) -> CriticalDecay:
    """Minimise `∫ ⟨ξ⟩^α |φ(ξ)|² dξ` subject to `∫ φ(ξ) exp(2πi ξ·x_i) dξ = y_i`, with `⟨ξ⟩ = (1 + |ξ|²)^½`.

    As the top frequency M grows, the solution settles for `α > d`, in `H^(α/2)`. For `α < d` the energy falls to zero
    as `M^(α-d)`, and the function to one that is `y_i` at the samples and zero elsewhere; so it does at `α = d`, with a
    logarithm. An algorithm that interpolates smoothly must therefore damp frequencies faster than `|ξ|^-d`: the
    exponent of `Γ²` has a lower limit. Near `α = d` this shows very slowly; compare `α ≤ d - ½` with `α ≥ d + 1`.

    Solved exactly in dual form. A spacing Δξ repeats everything with the period `1/Δξ`; for the integral take points
    within a fraction of that.

    Args:
        points: `(points, inputs)`, at distinct places.
        values: `(points, outputs)`.
        alpha: α.
        highest: M, top frequency along each input.
        spacing: Δξ.

    Returns:
        The solution: a function of points, with its energy.

    Raises:
        InputError: for bad data, points at one place or further apart than half a period, a top frequency so low that
            the values cannot be met, or too many frequencies.

    References:
        Luo, Ma, Wang, Xu, Zhang, An upper limit of decaying rate with respect to frequency in deep neural network,
        arXiv:2105.11675.

    Example:
        >>> solution = critical_decay([-0.5, 0.5], [0.9, 0.9], 2, highest=1000)
        >>> [round(float(value), 3) for value in (solution([0.0])[0, 0] / 0.9, 1 / np.cosh(np.pi))]
        [0.086, 0.086]
    """
    where = as_rows(points)
    targets = host_array(values).reshape(as_values(values, len(where)).shape)
    for name, value in (("highest", highest), ("spacing", spacing)):
        check_positive(value, name)
    if isinstance(alpha, str) or not np.isfinite(alpha):
        raise InputError("alpha as a finite number", repr(alpha))
    if len(where) > 1:
        smallest_distance(where)
    if (np.ptp(where, axis=0) >= 1 / (2 * spacing)).any():
        raise InputError(
            f"points within half a period, {1 / (2 * spacing):.4g}", "some farther apart", "Use a smaller spacing."
        )
    lattice = build_lattice(where.shape[1], float(spacing), float(highest))
    kernel = lattice_kernel(where, where, lattice, _damping(lattice, alpha))
    eigenvalues, vectors = np.linalg.eigh((kernel + kernel.T) / 2)
    if eigenvalues[0] <= 100 * len(where) * np.finfo(float).eps * eigenvalues[-1]:
        raise InputError(
            "a kernel that is not singular",
            f"eigenvalues from {eigenvalues[0]:.2g} to {eigenvalues[-1]:.2g} in float64",
            "Raise highest, lower alpha, or take points that are less close.",
        )
    inside = vectors.T @ targets
    weights = vectors @ (inside / eigenvalues[:, None])
    return CriticalDecay(float(alpha), float((inside**2 / eigenvalues[:, None]).sum()), where, weights, lattice)


def _damping(lattice: FrequencyLattice, alpha: float | int) -> np.ndarray:
    return (1 + (lattice.frequencies**2).sum(axis=1)) ** (-alpha / 2)
