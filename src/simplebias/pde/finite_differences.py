"""Elliptic problems on a lattice: the discrete equations, and their solution at once."""

import functools
import importlib.util
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft
import scipy.linalg
import scipy.sparse
import scipy.sparse.linalg

from simplebias.core.errors import InputError, check_finite
from simplebias.core.types import Array, ArrayLike, Output, Point
from simplebias.pde.domains import Box, Lattice
from simplebias.pde.problems import Constant, Field, Problem
from simplebias.pde.problems_elliptic import Elliptic
from simplebias.pde.sampling import host_values

FACTORS = {1: 10**9, 2: 300_000, 3: 20_000}
"""Unknowns up to which sparse factors are taken, by the number of inputs."""
LEAST_EIGENVALUE = 1e-12
"""Of the discrete operator, against its largest, below which it counts as singular."""


class LatticeSolution(eqx.Module):
    """Values on a lattice, faces included, and between them the cubic through four neighbours along each input.

    A call is in JAX's precision, `values` in float64 whatever JAX is set to.

    Attributes:
        box: the domain.
        lattice_values: `(intervals + 1, …)`, along each input in turn.

    Example:
        >>> line = LatticeSolution(Box(0, 1), jnp.linspace(0, 1, 5) ** 2)
        >>> round(float(line(jnp.array([0.3]))[0]), 4)
        0.09
    """

    box: Box
    lattice_values: Array | np.ndarray

    def __call__(self, point: Point) -> Output:
        """U at one point, `(1,)`."""
        window, places, weights = jnp.asarray(self.lattice_values), [], []
        for axis, (low, high) in enumerate(zip(self.box.low, self.box.high, strict=True)):
            nodes = window.shape[axis]
            order = min(4, nodes)
            place = (point[axis] - low) * ((nodes - 1) / (high - low))
            first = jnp.clip(jnp.floor(place) - (order // 2 - 1), 0, nodes - order)
            places.append(first.astype(int))
            weights.append(_lagrange(place - first, order))
        window = jax.lax.dynamic_slice(window, places, [len(one) for one in weights])
        for one in weights:
            window = jnp.tensordot(one.astype(window.dtype), window, axes=(0, 0))
        return window[None]

    def values(self, points: ArrayLike) -> np.ndarray:
        """U at points, in float64 on the host.

        Args:
            points: `(points, inputs)`, or `(points,)` for one input.

        Returns:
            `(points, 1)`.

        Raises:
            InputError: for points of another number of inputs.
        """
        return host_values(self, points, self.box.inputs)


def _lagrange(place: Array, order: int) -> Array:
    """The polynomials that are 1 at one of the nodes 0, 1, … and 0 at the others, `(order,)`."""
    found = []
    for node in range(order):
        others = [other for other in range(order) if other != node]
        found.append(np.prod([1.0 / (node - other) for other in others]) * jnp.prod(place - jnp.array(others)))
    return jnp.stack(found)


def finite_differences(problem: Problem, intervals: ArrayLike) -> LatticeSolution:
    """Solve an elliptic problem on a box by finite differences of second order.

    `solve_direct` as a function of any point of the box. Errors fall by four where intervals double, as long as u has
    four derivatives; the cubic between the points adds errors of fourth order.

    Args:
        problem: elliptic, on a box of at most three inputs or so: the points are as many as those of the lattice.
        intervals: of the lattice, along each input, see `Lattice`.

    Returns:
        The solution, to be called at a point.

    Raises:
        InputError: as for `solve_direct`.

    Example:
        >>> from simplebias.pde import Elliptic
        >>> line = lambda x: -x[0]
        >>> problem = Elliptic(Box(0, 1), lambda x: 1 + 0 * x[0], diffusion=lambda x: 1 + x[0], boundary=line)
        >>> finite_differences(problem, 8).values([0.3]).round(9).tolist()
        [[-0.3]]
    """
    problem, lattice = as_lattice(problem, intervals)
    corners = np.stack(np.meshgrid(*lattice.ticks, indexing="ij"), axis=-1)
    full = np.zeros(corners.shape[:-1])
    inner = tuple(slice(1, -1) for _ in lattice.shape)
    edge = np.ones(full.shape, bool)
    edge[inner] = False
    with jax.enable_x64(True):
        full[edge] = np.asarray(_at(problem.boundary, corners[edge], "boundary values"), float)
    full[inner] = solve_direct(problem, lattice.intervals).reshape(lattice.shape)
    return LatticeSolution(lattice.box, full)


def solve_direct(problem: Problem, intervals: ArrayLike) -> np.ndarray:
    """The solution of the discrete equations, at once.

    `Σ_a (a₋ (u - u_left) + a₊ (u - u_right)) / h_a² + c u = f` on a lattice, the diffusion taken halfway between
    neighbours; for Poisson's equation `Σ_a (2u - u_left - u_right) / h_a² = f`. By SciPy in float64, exact to rounding:
    banded for one input, by fast sine transforms where a and c are constant, else by sparse factors; many unknowns by
    conjugate gradients over PyAMG's multigrid, to 1e-13 of the right side. It differs from the solution of the
    differential equation by O(h²).

    Args:
        problem: what to solve.
        intervals: of the lattice, along each input, see `Lattice`.

    Returns:
        u at the interior points of the lattice, `(points, 1)`, the last input running fastest.

    Raises:
        InputError: for a lattice that cannot be, a problem that is not elliptic, or discrete equations without one
            solution.

    Example:
        >>> from simplebias.pde import Poisson
        >>> problem = Poisson(Box(0, 1), lambda x: 2.0 + 0 * x[0], exact=lambda x: x[0] * (1 - x[0]))
        >>> solve_direct(problem, 4).ravel().round(6).tolist()  # exact: u is a parabola
        [0.1875, 0.25, 0.1875]
    """
    problem, lattice = as_lattice(problem, intervals)
    with jax.enable_x64(True):
        right = np.asarray(right_side(problem, lattice), float)
        equations = Equations(problem, lattice)
        if len(lattice.shape) > 1 and equations.constant is not None:
            return _by_sines(lattice, *equations.constant, right).reshape(-1, 1)
        if len(lattice.shape) > 1:
            return _sparse(equations.matrix(), right.ravel(), len(lattice.shape)).reshape(-1, 1)
        left, on, ahead = (np.broadcast_to(np.asarray(one), lattice.shape) for one in equations.bands())
    bands = np.stack([np.concatenate([[0.0], -ahead[:-1]]), on, np.concatenate([-left[1:], [0.0]])])
    return np.asarray(scipy.linalg.solve_banded((1, 1), bands, right.ravel())).reshape(-1, 1)


def _sparse(matrix: scipy.sparse.csc_array, right: np.ndarray, inputs: int) -> np.ndarray:
    """By sparse factors, or by conjugate gradients over multigrid where factors would fill the memory."""
    definite = bool((matrix.diagonal() > 0).all()) and int(np.size(right)) > FACTORS[min(inputs, 3)]
    if definite and importlib.util.find_spec("pyamg") is not None:
        norms: list[float] = []
        found = coarsened(matrix).solve(right, tol=1e-13, maxiter=60, accel="cg", residuals=norms)
        if norms[-1] < 1e-10 * max(norms[0], 1e-300):
            return np.asarray(found)
    return np.asarray(scipy.sparse.linalg.spsolve(matrix, right))


def coarsened(matrix: scipy.sparse.csc_array) -> Any:
    """The coarser and coarser equations of a sparse matrix, by PyAMG, which must be there.

    Args:
        matrix: of `Equations`.

    Returns:
        PyAMG's solver.
    """
    import pyamg

    rows: Any = scipy.sparse.csr_matrix(matrix)
    rows.indices, rows.indptr = rows.indices.astype(np.int32), rows.indptr.astype(np.int32)
    return pyamg.ruge_stuben_solver(rows, max_coarse=50)


def _by_sines(lattice: Lattice, diffusion: float, reaction: float, right: np.ndarray) -> np.ndarray:
    values = diffusion * eigenvalues(lattice) + reaction
    if np.abs(values).min() < LEAST_EIGENVALUE * np.abs(values).max():
        remedy = "The wave number is at a resonance of the box: take another, or another lattice."
        raise InputError("discrete equations with one solution", "a singular operator", remedy)
    return np.asarray(scipy.fft.idstn(np.asarray(scipy.fft.dstn(right, 1)) / values, 1))


def eigenvalues(lattice: Lattice) -> np.ndarray:
    """Of the discrete negative Laplacian, of mode `k_a = 1 … N_a - 1` along each input, in the lattice's shape."""
    along = [
        (2 - 2 * np.cos(np.arange(1, count) * np.pi / count)) / h**2
        for count, h in zip(lattice.intervals, lattice.spacing, strict=True)
    ]
    return sum(np.meshgrid(*along, indexing="ij", sparse=True), np.zeros(lattice.shape))


class Equations(eqx.Module):
    """The discrete equations at interior points, `diagonal u - Σ_a (behind_a u_left + ahead_a u_right) = right`.

    Coefficients have the lattice's shape, or are scalars where they are the same everywhere.
    """

    behind: tuple[Array, ...]
    ahead: tuple[Array, ...]
    reaction: Array
    constant: tuple[float, float] | None = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, problem: Elliptic, lattice: Lattice):
        diffusion, reaction = problem.diffusion, problem.reaction
        self.shape = lattice.shape
        flat = isinstance(diffusion, Constant) and isinstance(reaction, Constant)
        self.constant = (diffusion.value, reaction.value) if flat else None
        behind, ahead = [], []
        for axis, h in enumerate(lattice.spacing):
            if isinstance(diffusion, Constant):
                value = jnp.asarray(diffusion.value / h**2)
                behind.append(value)
                ahead.append(value)
                continue
            halves = half_values(problem, lattice, axis) / h**2
            size = halves.shape[axis]
            behind.append(jax.lax.slice_in_dim(halves, 0, size - 1, axis=axis))
            ahead.append(jax.lax.slice_in_dim(halves, 1, size, axis=axis))
        self.behind, self.ahead = tuple(behind), tuple(ahead)
        if isinstance(reaction, Constant):
            self.reaction = jnp.asarray(reaction.value, dtype=float)
        else:
            self.reaction = _at(problem.reaction, lattice.points, "reaction").reshape(lattice.shape)

    @property
    def diagonal(self) -> Array:
        """What u is multiplied by in its own equation."""
        return sum(self.behind) + sum(self.ahead) + self.reaction

    def around(self, u: Array) -> Array:
        """What neighbours add, zero outside."""
        total = jnp.zeros_like(u)
        for axis, (behind, ahead) in enumerate(zip(self.behind, self.ahead, strict=True)):
            padded = jnp.pad(u, [(1, 1) if other == axis else (0, 0) for other in range(u.ndim)])
            size = u.shape[axis]
            total += behind * jax.lax.slice_in_dim(padded, 0, size, axis=axis)
            total += ahead * jax.lax.slice_in_dim(padded, 2, size + 2, axis=axis)
        return total

    def residual(self, u: Array, right: Array) -> Array:
        """Right side less left side, in the lattice's shape."""
        return right - self.diagonal * u + self.around(u)

    def bands(self) -> tuple[Array, Array, Array]:
        """For one input: what is below, on and above the diagonal, signs left out."""
        return self.behind[0], self.diagonal, self.ahead[0]

    def matrix(self) -> scipy.sparse.csc_array:
        """The equations as a sparse matrix, points in order, the last input running fastest."""
        full = lambda one: np.array(np.broadcast_to(np.asarray(one, float), self.shape))
        size, diagonals, offsets = int(np.prod(self.shape)), [full(self.diagonal).ravel()], [0]
        for axis, (behind, ahead) in enumerate(zip(self.behind, self.ahead, strict=True)):
            stride = int(np.prod(self.shape[axis + 1 :]))
            for values, end, offset in ((full(behind), 0, -stride), (full(ahead), -1, stride)):
                values[(slice(None),) * axis + (end,)] = 0  # across a face there is no unknown
                diagonals.append(-np.roll(values.ravel(), offset))
                offsets.append(offset)
        rows = scipy.sparse.dia_array((np.stack(diagonals), offsets), shape=(size, size)).tocsc()
        rows.eliminate_zeros()
        return rows


def half_values(problem: Elliptic, lattice: Lattice, axis: int) -> Array:
    """The diffusion halfway between neighbours along an axis, one more there than interior points."""
    ticks = [(t[1:] + t[:-1]) / 2 if other == axis else t[1:-1] for other, t in enumerate(lattice.ticks)]
    places = np.stack(np.meshgrid(*ticks, indexing="ij"), axis=-1)
    return _at(problem.diffusion, places.reshape(-1, len(ticks)), "diffusion").reshape(places.shape[:-1])


def right_side(problem: Elliptic, lattice: Lattice) -> Array:
    """The source, with what the boundary adds to the equations next to it, in the lattice's shape."""
    right = _at(problem.source, lattice.points, "source").reshape(lattice.shape)
    ends = [(axis, side) for axis in range(len(lattice.shape)) for side in (0, -1)]
    faces = [_face(lattice, axis, lattice.ticks[axis][side]) for axis, side in ends]
    values = _at(problem.boundary, np.concatenate(faces), "boundary values")
    if isinstance(problem.diffusion, Constant):
        values = values * problem.diffusion.value
    else:  # halfway to the face
        halves = [
            (ticks[0] + ticks[1]) / 2 if side == 0 else (ticks[-1] + ticks[-2]) / 2
            for axis, side in ends
            for ticks in (lattice.ticks[axis],)
        ]
        beside = [_face(lattice, axis, place) for (axis, _), place in zip(ends, halves, strict=True)]
        values = values * _at(problem.diffusion, np.concatenate(beside), "diffusion")
    cuts = np.cumsum([len(face) for face in faces])[:-1]
    for (axis, side), found in zip(ends, jnp.split(values, cuts), strict=True):
        shape = [size for other, size in enumerate(lattice.shape) if other != axis]
        where = (slice(None),) * axis + (side,)
        right = right.at[where].add(found.reshape(shape) / lattice.spacing[axis] ** 2)
    return right


def _at(field: Field, points: np.ndarray, name: str) -> Array:
    """A field at points, `(points,)`, compiled as a whole."""
    values = _mapped(field)(jnp.asarray(points, dtype=float))
    check_finite(values, name)
    return values


@functools.lru_cache(maxsize=64)
def _mapped(field: Field) -> Callable[[Array], Array]:
    """The same compiled function for the same field."""
    return jax.jit(jax.vmap(field))


def _face(lattice: Lattice, axis: int, place: float) -> np.ndarray:
    ticks = [np.array([place]) if other == axis else t[1:-1] for other, t in enumerate(lattice.ticks)]
    return np.stack(np.meshgrid(*ticks, indexing="ij"), axis=-1).reshape(-1, len(ticks))


def as_lattice(problem: Problem, intervals: ArrayLike) -> tuple[Elliptic, Lattice]:
    """The lattice of a problem that has a stencil here.

    Args:
        problem: elliptic, on a box.
        intervals: along each input.

    Returns:
        The problem as an elliptic one, and the lattice.

    Raises:
        InputError: for another problem or domain, or a lattice that cannot be.
    """
    if not isinstance(problem, Elliptic):
        got = f"{type(problem).__name__}"
        raise InputError("an elliptic problem", got, "Other operators have no stencil here: train a network.")
    return problem, Lattice(problem.box, intervals)
