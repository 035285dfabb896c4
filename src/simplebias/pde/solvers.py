"""Classical iterations for elliptic problems on a lattice: Jacobi and Gauss-Seidel, seen mode by mode.

The direct solution is in `finite_differences`, multigrid in `multigrid`; all take the same problem and lattice.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from simplebias.core.errors import InputError, check_positive
from simplebias.core.schedule import as_schedule, log_steps
from simplebias.core.types import Array, ArrayLike, Schedule
from simplebias.pde.domains import Lattice
from simplebias.pde.finite_differences import Equations, as_lattice, right_side, solve_direct
from simplebias.pde.problems import Problem
from simplebias.pde.sines import all_coefficients
from simplebias.pde.solvers_records import Records, as_modes, fitting, labelled


def jacobi_factor(
    lattice: Lattice, modes: ArrayLike | None = None, *, damping: float | int = 1.0, reaction: float | int = 0.0
) -> np.ndarray:
    """What one sweep of Jacobi iteration multiplies a sine mode of the error by, for constant coefficients.

    `1 - ω + ω Σ_a 2 cos(k_a π / N_a) / h_a² / (Σ_a 2 / h_a² + c)`, in one dimension and without reaction
    `1 - ω + ω cos(k π / N)`; m sweeps multiply by its m-th power. Undamped, modes near `k = N` decay as slowly as
    those near 0 (with alternating sign), so "high first" holds up to about N / 2; with ω = 2/3 it holds for all.

    Args:
        lattice: where.
        modes: which, `(modes,)` or `(modes, inputs)`; all, sorted by frequency, by default.
        damping: ω in (0, 1].
        reaction: c over the diffusion.

    Returns:
        `(modes,)` pure numbers, of at most 1 in modulus where the reaction is not below zero.

    Raises:
        InputError: for modes that the lattice does not have, or a damping out of range.

    Example:
        >>> from simplebias.pde import Box
        >>> jacobi_factor(Lattice(Box(0, 1), 4)).round(4).tolist()
        [0.7071, 0.0, -0.7071]
    """
    _check_damping(damping)
    rows = lattice.modes if modes is None else lattice.as_modes(modes)
    weight = 2 / np.array(lattice.spacing) ** 2
    cosines = np.cos(rows * np.pi / np.array(lattice.intervals)) @ weight / (weight.sum() + reaction)
    return 1 - damping + damping * cosines


def jacobi(
    problem: Problem,
    intervals: ArrayLike,
    *,
    initial: ArrayLike | None = None,
    damping: float | int = 1.0,
    sweeps: int = 1000,
    until: float | int | None = None,
    at: Schedule | Sequence[int] | np.ndarray | None = None,
    modes: ArrayLike | None = None,
    solution: ArrayLike | None = None,
) -> xr.Dataset:
    """Jacobi iteration on a lattice, its error seen at the frequency of each sine mode.

    One sweep is `u ← (1 - ω) u + ω (f + Σ_a (a₋ u_left + a₊ u_right) / h_a²) / (Σ_a (a₋ + a₊) / h_a² + c)` at all
    interior points at once, the diffusion a taken halfway between neighbours. The error is that from the discrete
    solution. With constant a and c each mode of it tends to zero by `jacobi_factor` to the number of sweeps, exactly.
    Precision is JAX's: in float32 errors end near 1e-6 of the solution.

    Args:
        problem: what to solve.
        intervals: of the lattice, along each input, see `Lattice`.
        initial: first guess at the interior points, zero by default: a network's output makes it a hybrid method.
        damping: ω in (0, 1].
        sweeps: how many at most.
        until: stop at the first sweep at which the largest error is not above this, in the unit of u.
        at: sweeps at which to record, a schedule or a list; logarithmically spaced by default.
        modes: sine modes to record, `(modes,)` or `(modes, inputs)`; all by default.
        solution: what errors are measured from, at the interior points; `solve_direct` by default.

    Returns:
        Labelled data over records: `error` (largest over points), `mode_error` (amplitude of each sine mode of the
        error, signed), `exact_mode_error` (its exact value, from the first and `jacobi_factor`; not with coefficients
        that vary), `relative_error` (`|mode_error|` by the amplitude of the solution, NaN where that is not above
        1e-12 of its largest); beside them `points`, `target` (the solution), `final` (the last iterate), `stopped_at`
        (sweep at which `until` was met, -1 if never). Coordinates are `step` (sweeps), `frequency` in cycles per unit
        of the input, `power` of the solution, and `mode`.

    Raises:
        InputError: for options out of range, or a guess or solution that does not fit the lattice.

    References:
        Xu, Zhang, Luo, Xiao, Ma, arXiv:1901.06523.

    Example:
        >>> from simplebias.pde import poisson_tones
        >>> data = jacobi(poisson_tones(), 200, sweeps=200, at=[0, 200], modes=[2, 16])
        >>> data["frequency"].values.tolist(), [f"{error:.3f}" for error in data["relative_error"].values[-1]]
        ([0.5, 4.0], ['0.906', '0.002'])
    """
    _check_damping(damping)
    options = (initial, damping, sweeps, until, at, modes, solution)
    return _relaxed(problem, intervals, *options, colours=False)


def gauss_seidel(
    problem: Problem,
    intervals: ArrayLike,
    *,
    initial: ArrayLike | None = None,
    sweeps: int = 1000,
    until: float | int | None = None,
    at: Schedule | Sequence[int] | np.ndarray | None = None,
    modes: ArrayLike | None = None,
    solution: ArrayLike | None = None,
) -> xr.Dataset:
    """Gauss-Seidel iteration in two colours, its error seen at the frequency of each sine mode.

    A sweep of Jacobi at the points whose indices have an even sum, then one at the others, which sees the new values.
    A mode turns into itself and the one with `k_a → N_a - k_a`. The slowest pair decays by the square of the largest
    factor of Jacobi: it takes half as many sweeps.

    Args:
        problem: what to solve.
        intervals: of the lattice, along each input, see `Lattice`.
        initial: first guess at the interior points, zero by default.
        sweeps: how many at most.
        until: stop at the first sweep at which the largest error is not above this, in the unit of u.
        at: sweeps at which to record, a schedule or a list; logarithmically spaced by default.
        modes: sine modes to record, `(modes,)` or `(modes, inputs)`; all by default.
        solution: what errors are measured from, at the interior points; `solve_direct` by default.

    Returns:
        Labelled data as `jacobi` gives, without `exact_mode_error`.

    Raises:
        InputError: as for `jacobi`.

    Example:
        >>> from simplebias.pde import poisson_tones
        >>> data = gauss_seidel(poisson_tones(), 200, sweeps=200, at=[0, 200], modes=[2])
        >>> [f"{error:.3f}" for error in data["relative_error"].values[-1]]  # about 0.906²
        ['0.821']
    """
    options = (initial, 1.0, sweeps, until, at, modes, solution)
    return _relaxed(problem, intervals, *options, colours=True)


def _relaxed(
    problem: Problem,
    intervals: ArrayLike,
    initial: ArrayLike | None,
    damping: float | int,
    sweeps: int,
    until: float | int | None,
    at: Schedule | Sequence[int] | np.ndarray | None,
    modes: ArrayLike | None,
    solution: ArrayLike | None,
    *,
    colours: bool,
) -> xr.Dataset:
    problem, lattice = as_lattice(problem, intervals)
    check_positive(sweeps, "sweeps", integer=True, zero=True)
    if until is not None:
        check_positive(until, "until")
    stops = as_schedule(log_steps() if at is None else at)(int(sweeps))
    rows = as_modes(lattice, modes, len(stops))
    target = fitting(solve_direct(problem, intervals) if solution is None else solution, lattice, "solution")
    start = jnp.zeros_like(target) if initial is None else fitting(initial, lattice, "initial").astype(target.dtype)
    right = right_side(problem, lattice).astype(target.dtype)
    columns = tuple(jnp.asarray(column - 1) for column in rows.T)
    step = jnp.asarray(damping, target.dtype)
    below = None if until is None else jnp.asarray(until, target.dtype)
    equations = jax.tree.map(lambda one: one.astype(target.dtype), Equations(problem, lattice))
    last, found = iterate(start, right, target, step, below, jnp.asarray(stops), columns, equations, colours=colours)
    factor = None
    if equations.constant is not None and not colours:
        diffusion, reaction = equations.constant
        factor = jacobi_factor(lattice, rows, damping=damping, reaction=reaction / diffusion)
    records = Records(*(np.asarray(found[name]) for name in Records._fields))
    attributes = {"method": "gauss-seidel"} if colours else {"method": "jacobi", "damping": float(damping)}
    return labelled(lattice, rows, target, last, records, factor, until, unit="sweeps", attributes=attributes)


@functools.partial(jax.jit, static_argnames=("colours",))
def iterate(
    start: Array,
    right: Array,
    target: Array,
    damping: Array,
    until: Array | None,
    stops: Array,
    columns: tuple[Array, ...],
    equations: Equations,
    *,
    colours: bool,
) -> tuple[Array, dict[str, Array]]:
    """The iterate after the last stop, and sweeps, largest error, and amplitudes at each stop."""
    largest = lambda u: jnp.max(jnp.abs(u - target))
    inverse = 1 / equations.diagonal

    def relax(u: Array) -> Array:
        return (1 - damping) * u + damping * (right + equations.around(u)) * inverse

    def sweep(u: Array) -> Array:
        if not colours:
            return relax(u)
        even = sum(jnp.ix_(*(jnp.arange(count) for count in u.shape))) % 2 == 0
        u = jnp.where(even, relax(u), u)
        return jnp.where(even, u, relax(u))

    def to(carry: tuple[Array, Array], stop: Array) -> tuple[tuple[Array, Array], dict[str, Array]]:
        going = lambda state: (state[1] < stop) & (True if until is None else largest(state[0]) > until)
        u, count = jax.lax.while_loop(going, lambda state: (sweep(state[0]), state[1] + 1), carry)
        amplitudes = all_coefficients(u - target)[columns]
        return (u, count), {"step": count, "error": largest(u), "mode_error": amplitudes}

    (u, _), found = jax.lax.scan(to, (start, jnp.zeros_like(stops[0])), stops)
    return u, found


def _check_damping(damping: float | int) -> None:
    check_positive(damping, "damping")
    if damping > 1:
        raise InputError("damping in (0, 1]", repr(damping), "Take 1 for none, 2/3 to damp all high modes.")
