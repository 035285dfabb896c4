"""Algebraic multigrid by PyAMG, seen mode by mode like the plain sweeps."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from simplebias.core.errors import InputError, check_positive
from simplebias.core.schedule import as_schedule, every
from simplebias.core.types import Array, ArrayLike, Schedule
from simplebias.pde.domains import Lattice
from simplebias.pde.finite_differences import Equations, as_lattice, coarsened, right_side, solve_direct
from simplebias.pde.problems import Problem
from simplebias.pde.problems_elliptic import Elliptic
from simplebias.pde.sines import all_coefficients
from simplebias.pde.solvers_records import Records, as_modes, fitting, labelled


def multigrid(
    problem: Problem,
    intervals: ArrayLike,
    *,
    initial: ArrayLike | None = None,
    cycles: int = 20,
    until: float | int | None = None,
    at: Schedule | Sequence[int] | np.ndarray | None = None,
    modes: ArrayLike | None = None,
    solution: ArrayLike | None = None,
) -> xr.Dataset:
    """Multigrid on a lattice, its error seen at the frequency of each sine mode.

    V-cycles of classical (Ruge-Stüben) algebraic multigrid, with one symmetric Gauss-Seidel sweep before and after
    each coarse correction, by PyAMG in float64. Sweeps remove the error of high frequencies, coarser equations that of
    low ones, so that all frequencies fall alike, by a factor per cycle that hardly depends on the lattice.

    Args:
        problem: what to solve.
        intervals: of the lattice, along each input, see `Lattice`.
        initial: first guess at the interior points, zero by default: a network's output makes it a hybrid method.
        cycles: how many at most.
        until: stop at the first cycle at which the largest error is not above this, in the unit of u.
        at: cycles at which to record, a schedule or a list; all by default.
        modes: sine modes to record, `(modes,)` or `(modes, inputs)`; all by default.
        solution: what errors are measured from, at the interior points; `solve_direct` by default.

    Returns:
        Labelled data as `jacobi` gives, without `exact_mode_error`; steps are cycles. Its attribute `work` is how many
        multiplications by the matrix of the finest lattice a cycle costs, a sweep of Jacobi being one.

    Raises:
        InputError: as for `jacobi`, and where PyAMG is not installed.

    Example:
        >>> from simplebias.pde import poisson_tones
        >>> data = multigrid(poisson_tones(), 200, cycles=8)
        >>> bool(data["error"].values[-1] < 1e-5)
        True
    """
    problem, lattice = as_lattice(problem, intervals)
    check_positive(cycles, "cycles", integer=True, zero=True)
    if until is not None:
        check_positive(until, "until")
    stops = as_schedule(every(1) if at is None else at)(int(cycles))
    rows = as_modes(lattice, modes, len(stops))
    with jax.enable_x64(True):
        target = fitting(solve_direct(problem, intervals) if solution is None else solution, lattice, "solution")
        start = jnp.zeros_like(target) if initial is None else fitting(initial, lattice, "initial").astype(float)
        levels = hierarchy(problem, lattice)
        last, found = _cycle(levels, np.asarray(start), problem, lattice, target, until, stops, rows)
        attributes = {"method": "multigrid", "work": work_per_cycle(levels)}
        return labelled(lattice, rows, target, last, found, None, until, unit="cycles", attributes=attributes)


def hierarchy(problem: Elliptic, lattice: Lattice) -> Any:
    """The coarser and coarser equations of PyAMG.

    Args:
        problem: what to solve.
        lattice: the finest.

    Returns:
        PyAMG's solver.

    Raises:
        InputError: where PyAMG is not installed.
    """
    with jax.enable_x64(True):
        matrix = Equations(problem, lattice).matrix()
    try:
        return coarsened(matrix)
    except ImportError as error:
        remedy = "pip install 'simplebias[pde]', or take jacobi or solve_direct."
        raise InputError("PyAMG installed for multigrid", "none", remedy) from error


def work_per_cycle(levels: Any) -> float:
    """Multiplications by the finest matrix that a V-cycle costs: two double sweeps and a residual on each level.

    Args:
        levels: of `hierarchy`.

    Returns:
        Their number, a sweep of Jacobi being one.
    """
    entries = [level.A.nnz for level in levels.levels]
    return 5.0 * sum(entries) / entries[0]


def _cycle(
    levels: Any,
    u: np.ndarray,
    problem: Elliptic,
    lattice: Lattice,
    target: Array,
    until: float | int | None,
    stops: np.ndarray,
    rows: np.ndarray,
) -> tuple[Array, Records]:
    """Cycles up to the last stop or the tolerance, recorded at the stops."""
    right = np.asarray(right_side(problem, lattice), float).ravel()
    wanted, columns = {int(stop) for stop in stops}, tuple(rows.T - 1)
    steps, errors, amplitudes = [], [], []
    for cycle in range(int(stops[-1]) + 1):
        if cycle:
            u = levels.solve(right, x0=u.ravel(), maxiter=1, tol=1e-300, cycle="V").reshape(lattice.shape)
        error = jnp.asarray(u) - target
        largest = float(jnp.abs(error).max())
        met = until is not None and largest <= until
        if met or cycle in wanted:
            steps.append(cycle)
            errors.append(largest)
            amplitudes.append(np.asarray(all_coefficients(error))[columns])
        if met:
            break
    return jnp.asarray(u), Records(np.array(steps), np.array(errors), np.stack(amplitudes))


__all__ = ["hierarchy", "multigrid", "work_per_cycle"]
