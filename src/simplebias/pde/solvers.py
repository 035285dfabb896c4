"""Classical solvers of Poisson's equation on a lattice: Jacobi iteration, seen mode by mode, and a direct solution.

Multigrid has its place here too; it takes the same problem, lattice and initial guess.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
import scipy.sparse
import scipy.sparse.linalg
import xarray as xr

from simplebias.core.errors import InputError, as_array, check_finite, check_positive
from simplebias.core.schedule import as_schedule, log_steps
from simplebias.core.types import FREQUENCY, INPUT, OUTPUT, POINT, RECORD, Array, ArrayLike, Schedule
from simplebias.pde.domains import Lattice
from simplebias.pde.problems_elliptic import Poisson
from simplebias.pde.sines import FREQUENCY_UNIT, all_coefficients, sine_coefficients

LARGEST_RECORD = 20_000_000
"""Amplitudes that a Jacobi iteration may record."""


def solve_direct(problem: Poisson, intervals: ArrayLike) -> np.ndarray:
    """The solution of the discrete equations, at once: `Σ_a (2u - u_left - u_right) / h_a² = f` on a lattice.

    By SciPy, banded for one input and sparse for more, in float64: exact to rounding. It differs from the solution of
    the differential equation by O(h²).

    Args:
        problem: what to solve.
        intervals: of the lattice, along each input, see `Lattice`.

    Returns:
        u at the interior points of the lattice, `(points, 1)`, the last input running fastest.

    Raises:
        InputError: for a lattice that cannot be, or a problem that is not Poisson's.

    Example:
        >>> from simplebias.pde import Box
        >>> problem = Poisson(Box(0, 1), lambda x: 2.0 + 0 * x[0], exact=lambda x: x[0] * (1 - x[0]))
        >>> solve_direct(problem, 4).ravel().round(6).tolist()  # exact: u is a parabola
        [0.1875, 0.25, 0.1875]
    """
    lattice = _lattice(problem, intervals)
    with jax.enable_x64(True):
        right = np.asarray(_right_side(problem, lattice), float)
    if len(lattice.shape) == 1:
        (h,), (count,) = lattice.spacing, lattice.shape
        bands = np.stack([np.full(count, -1.0), np.full(count, 2.0)]) / h**2
        return np.asarray(scipy.linalg.solveh_banded(bands, right.ravel())).reshape(-1, 1)
    return np.asarray(scipy.sparse.linalg.spsolve(_matrix(lattice), right.ravel())).reshape(-1, 1)


def jacobi_factor(lattice: Lattice, modes: ArrayLike | None = None, *, damping: float | int = 1.0) -> np.ndarray:
    """What one sweep of Jacobi iteration multiplies a sine mode of the error by.

    `1 - ω + ω Σ_a cos(k_a π / N_a) / h_a² / Σ_a 1 / h_a²`, in one dimension `1 - ω + ω cos(k π / N)`; m sweeps
    multiply by its m-th power. Undamped, modes near `k = N` decay as slowly as those near 0 (with alternating sign), so
    "high first" holds up to about N / 2; with ω = 2/3 it holds for all.

    Args:
        lattice: where.
        modes: which, `(modes,)` or `(modes, inputs)`; all, sorted by frequency, by default.
        damping: ω in (0, 1].

    Returns:
        `(modes,)` pure numbers of at most 1 in modulus.

    Raises:
        InputError: for modes that the lattice does not have, or a damping out of range.

    Example:
        >>> from simplebias.pde import Box
        >>> jacobi_factor(Lattice(Box(0, 1), 4)).round(4).tolist()
        [0.7071, 0.0, -0.7071]
    """
    _check_damping(damping)
    rows = lattice.modes if modes is None else lattice.as_modes(modes)
    weight = 1 / np.array(lattice.spacing) ** 2
    cosines = np.cos(rows * np.pi / np.array(lattice.intervals)) @ weight / weight.sum()
    return 1 - damping + damping * cosines


def jacobi(
    problem: Poisson,
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

    One sweep is `u ← (1 - ω) u + ω (f + Σ_a (u_left + u_right) / h_a²) / Σ_a 2 / h_a²` at all interior points at once.
    The error is that from the discrete solution, so it tends to zero and each mode of it to `jacobi_factor` to the
    number of sweeps, exactly. Precision is JAX's: in float32 errors end near 1e-6 of the solution.

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
        error, signed), `exact_mode_error` (its exact value, from the first and `jacobi_factor`), `relative_error`
        (`|mode_error|` by the amplitude of the solution, NaN where that is not above 1e-12 of its largest); beside
        them `points`, `target` (the solution), `final` (the last iterate), `stopped_at` (sweep at which `until` was
        met, -1 if never). Coordinates are `step` (sweeps), `frequency` in cycles per unit of the input, `power` of the
        solution, and `mode`.

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
    lattice = _lattice(problem, intervals)
    _check_damping(damping)
    check_positive(sweeps, "sweeps", integer=True, zero=True)
    if until is not None:
        check_positive(until, "until")
    stops = as_schedule(log_steps() if at is None else at)(int(sweeps))
    rows = lattice.modes if modes is None else lattice.as_modes(modes)
    if len(rows) * len(stops) > LARGEST_RECORD:
        got = f"{len(rows)} modes at {len(stops)} sweeps"
        raise InputError(f"at most {LARGEST_RECORD} amplitudes", got, "Choose modes= or fewer records at=.")
    target = _fitting(solve_direct(problem, intervals) if solution is None else solution, lattice, "solution")
    start = jnp.zeros_like(target) if initial is None else _fitting(initial, lattice, "initial").astype(target.dtype)
    right = _right_side(problem, lattice).astype(target.dtype)
    columns = tuple(jnp.asarray(column - 1) for column in rows.T)
    step = jnp.asarray(damping, target.dtype)
    below = None if until is None else jnp.asarray(until, target.dtype)
    last, found = _iterate(start, right, target, step, below, jnp.asarray(stops), columns, lattice.spacing)
    return _labelled(lattice, rows, target, last, {k: np.asarray(v) for k, v in found.items()}, damping, until)


@functools.partial(jax.jit, static_argnames=("spacing",))
def _iterate(
    start: Array,
    right: Array,
    target: Array,
    damping: Array,
    until: Array | None,
    stops: Array,
    columns: tuple[Array, ...],
    spacing: tuple[float, ...],
) -> tuple[Array, dict[str, Array]]:
    """The iterate after the last stop, and sweeps, largest error, and amplitudes at each stop."""
    largest = lambda u: jnp.max(jnp.abs(u - target))
    weights = [1 / h**2 for h in spacing]

    def sweep(u: Array) -> Array:
        around = sum(weight * _neighbours(u, axis) for axis, weight in enumerate(weights))
        return (1 - damping) * u + damping * (right + around) / (2 * sum(weights))

    def to(carry: tuple[Array, Array], stop: Array) -> tuple[tuple[Array, Array], dict[str, Array]]:
        going = lambda state: (state[1] < stop) & (True if until is None else largest(state[0]) > until)
        u, count = jax.lax.while_loop(going, lambda state: (sweep(state[0]), state[1] + 1), carry)
        amplitudes = all_coefficients(u - target)[columns]
        return (u, count), {"step": count, "error": largest(u), "mode_error": amplitudes}

    (u, _), found = jax.lax.scan(to, (start, jnp.zeros_like(stops[0])), stops)
    return u, found


def _neighbours(u: Array, axis: int) -> Array:
    """Left plus right neighbour along an axis, zero outside."""
    padded = jnp.pad(u, [(1, 1) if other == axis else (0, 0) for other in range(u.ndim)])
    size = u.shape[axis]
    left = jax.lax.slice_in_dim(padded, 0, size, axis=axis)
    return left + jax.lax.slice_in_dim(padded, 2, size + 2, axis=axis)


def _labelled(
    lattice: Lattice,
    rows: np.ndarray,
    target: Array,
    last: Array,
    found: dict[str, np.ndarray],
    damping: float | int,
    until: float | int | None,
) -> xr.Dataset:
    """Records up to the end, with labels."""
    met = found["error"] <= until if until is not None else np.zeros(len(found["step"]), bool)
    kept = slice(0, int(met.argmax()) + 1 if met.any() else len(met))
    steps, error = found["step"][kept], found["mode_error"][kept]
    size = np.abs(np.asarray(sine_coefficients(target)))
    chosen = size[tuple(rows.T - 1)]
    known = chosen > 1e-12 * size.max()
    relative = np.where(known, np.abs(error) / np.where(known, chosen, 1), np.nan)
    factor = jacobi_factor(lattice, rows, damping=damping)
    # the first record need not be sweep 0
    exact = error[0] * factor ** (steps[:, None] - steps[0])
    over = (RECORD, FREQUENCY)
    words = {
        "error": (
            (RECORD,),
            found["error"][kept],
            "Largest error over the points; a step is a sweep.",
            {"panel": "error"},
        ),
        "mode_error": (over, error, "Amplitude of the error in each sine mode.", {}),
        "exact_mode_error": (over, exact, "The first amplitude times the exact factor of the sweeps.", {}),
        "relative_error": (
            over,
            relative,
            "Error of each sine mode, by the amplitude of the solution; a step is a sweep.",
            {},
        ),
    }
    common = {"references": "xu2019frequency", "units": ""}
    variables: dict[str, Any] = {
        name: (dims, values, common | {"description": text, "scale": "log", "long_name": name.replace("_", " ")} | more)
        for name, (dims, values, text, more) in words.items()
    }
    variables |= {
        "points": ((POINT, INPUT), lattice.points),
        "target": ((POINT, OUTPUT), np.asarray(target).reshape(-1, 1), {"description": "discrete solution"}),
        "final": ((POINT, OUTPUT), np.asarray(last).reshape(-1, 1), {"description": "last iterate"}),
        "stopped_at": ((), int(steps[-1]) if met.any() else -1, {"description": "sweep at which until was met"}),
    }
    coords: dict[str, Any] = {
        "step": (RECORD, steps, {"units": "sweeps"}),
        FREQUENCY: (FREQUENCY, lattice.frequencies(rows), {"units": FREQUENCY_UNIT}),
        "power": (FREQUENCY, chosen**2, {"description": "power of the solution"}),
        "mode": ((FREQUENCY, INPUT), rows),
        OUTPUT: ["u"],
        INPUT: [f"x{axis + 1}" for axis in range(len(lattice.shape))] if len(lattice.shape) > 1 else ["x"],
    }
    return xr.Dataset(variables, coords, {"damping": float(damping)})


def _right_side(problem: Poisson, lattice: Lattice) -> Array:
    """The source, with what the boundary adds to the equations next to it, in the lattice's shape."""
    right = problem.source_values(lattice.points).reshape(lattice.shape)
    for axis, (ticks, h) in enumerate(zip(lattice.ticks, lattice.spacing, strict=True)):
        for end, place in ((ticks[0], 0), (ticks[-1], -1)):
            inner = [np.array([end]) if other == axis else t[1:-1] for other, t in enumerate(lattice.ticks)]
            face = np.stack(np.meshgrid(*inner, indexing="ij"), axis=-1).reshape(-1, len(inner))
            values = problem.boundary_values(face).reshape([s for a, s in enumerate(lattice.shape) if a != axis])
            where = (slice(None),) * axis + (place,)
            right = right.at[where].add(values / h**2)
    return right


def _matrix(lattice: Lattice) -> scipy.sparse.csc_array:
    """The negative Laplacian between interior points, Dirichlet."""
    total, size = scipy.sparse.csc_array((1, 1)), 1
    for count, h in zip(lattice.shape, lattice.spacing, strict=True):
        beside = scipy.sparse.eye_array(count, k=1) + scipy.sparse.eye_array(count, k=-1)
        one = (2 * scipy.sparse.eye_array(count) - beside) / h**2
        total = scipy.sparse.kron(total, scipy.sparse.eye_array(count)) + scipy.sparse.kron(
            scipy.sparse.eye_array(size), one
        )
        size *= count
    return scipy.sparse.csc_array(total)


def _fitting(values: ArrayLike, lattice: Lattice, name: str) -> Array:
    array = as_array(values, name)
    if array.size != int(np.prod(lattice.shape)) or jnp.iscomplexobj(array):
        expected = f"{name} as real values at {int(np.prod(lattice.shape))} interior points"
        raise InputError(expected, f"{array.dtype} of shape {array.shape}", "Take them at Lattice.points.")
    check_finite(array, name)
    return array.reshape(lattice.shape)


def _lattice(problem: Poisson, intervals: ArrayLike) -> Lattice:
    if not isinstance(problem, Poisson):
        raise InputError("a Poisson problem", f"{type(problem).__name__}", "Other operators have no stencil here.")
    return Lattice(problem.box, intervals)


def _check_damping(damping: float | int) -> None:
    check_positive(damping, "damping")
    if damping > 1:
        raise InputError("damping in (0, 1]", repr(damping), "Take 1 for none, 2/3 to damp all high modes.")
