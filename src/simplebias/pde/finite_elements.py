"""Finite elements for elliptic problems on any domain of two inputs: the reference where nothing is known exactly.

Quadratic elements on triangles whose sides follow the boundary, by scikit-fem; triangles are made finer where the
error is estimated to be large until the solution hardly changes.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.spatial import KDTree

from simplebias.core.errors import InputError, check_positive
from simplebias.core.types import Array, ArrayLike, Float, Int, Output, Point
from simplebias.pde.problems import Field, Problem
from simplebias.pde.problems_elliptic import Elliptic
from simplebias.pde.sampling import host_values
from simplebias.pde.triangulation import Outline, triangulate

LOOKS = 4000
"""Points at which the change from one mesh to the next is measured."""
SHARE = 0.8
"""Share of the estimated squared error that the triangles have which are made finer."""
LARGEST = 600_000
"""Unknowns of the finest mesh."""
INVERSIONS = 4
"""Newton steps from a place to the coordinates in its triangle; sides that are straight need none."""


class FiniteElements(eqx.Module):
    """A function that is quadratic on each of many triangles, sides along the boundary curved as it is.

    A call is in JAX's precision, `values` in float64 whatever JAX is set to. Outside the domain it goes on from the
    nearest triangle.

    Attributes:
        nodes: `(triangles, 6, 2)`, the corners and the middles of the sides opposite to corner 3, 1 and 2.
        node_values: `(triangles, 6)`, u there.
        unknowns: how many nodes there are, each counted once.
        change: root mean square of the change from the last mesh but one, as a share of that of u.

    No example: see `finite_elements`, which makes it.
    """

    nodes: Float[Any, "triangles 6 2"]
    node_values: Float[Any, "triangles 6"]
    starts: Int[Any, " cells_and_one"]
    candidates: Int[Any, " candidates"]
    low: tuple[float, float] = eqx.field(static=True)
    cell: tuple[float, float] = eqx.field(static=True)
    cells: int = eqx.field(static=True)
    unknowns: int = eqx.field(static=True)
    change: float = eqx.field(static=True)

    def __call__(self, point: Point) -> Output:
        """U at one point, `(1,)`."""
        triangle = self._triangle(jax.lax.stop_gradient(point))
        nodes, values = jnp.asarray(self.nodes)[triangle], jnp.asarray(self.node_values)[triangle]
        local = _affine(nodes, point)
        for _ in range(INVERSIONS):
            slopes = jnp.einsum("nx,na->xa", nodes, _slopes(local))
            local = local + _solve(slopes, point - _shapes(local) @ nodes)
        return (_shapes(local) @ values)[None]

    def _triangle(self, point: Point) -> Array:
        """The triangle that a point is in, or is nearest to being in, of those that meet its cell."""
        starts, candidates = jnp.asarray(self.starts), jnp.asarray(self.candidates)
        place = jnp.floor((point - jnp.asarray(self.low)) / jnp.asarray(self.cell)).astype(int)
        row = jnp.clip(place, 0, self.cells - 1)
        first, last = (starts[row[0] * self.cells + row[1] + more] for more in (0, 1))

        def better(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            number, best, depth = state
            local = _affine(jnp.asarray(self.nodes)[candidates[number], :3], point)
            inside = jnp.minimum(jnp.min(local), 1 - jnp.sum(local))
            found = inside > depth
            return number + 1, jnp.where(found, candidates[number], best), jnp.where(found, inside, depth)

        none = jnp.asarray(-jnp.inf, point.dtype)
        return jax.lax.while_loop(lambda state: state[0] < last, better, (first, candidates[first], none))[1]

    def values(self, points: ArrayLike) -> np.ndarray:
        """U at points, in float64 on the host.

        Args:
            points: `(points, 2)`.

        Returns:
            `(points, 1)`.

        Raises:
            InputError: for points of another number of inputs.
        """
        return host_values(self, points, 2)


def finite_elements(
    problem: Problem,
    *,
    size: float | int | None = None,
    tolerance: float | int = 1e-3,
    largest: int = LARGEST,
) -> FiniteElements:
    """Solve an elliptic problem on a domain of two inputs by finite elements, on finer and finer triangles.

    Errors of quadratic elements fall by eight where sizes are halved, at curved boundaries too, as long as coefficients
    are smooth. From one mesh to the next, triangles with large jumps of the flux and large sources are made finer,
    until the root mean square of u's change is below the tolerance.

    Args:
        problem: elliptic, on any domain of two inputs, also with coefficients that jump.
        size: length of the edges of the first mesh; a 25th of the domain's longer side by default.
        tolerance: change from one mesh to the next at which to stop, as a share of u.
        largest: unknowns that the last mesh may have.

    Returns:
        The solution, to be called at a point.

    Raises:
        InputError: for other problems or domains, where unknowns would be more than `largest` before the tolerance is
            met, and where scikit-fem is not installed.

    Example:
        >>> from simplebias.pde import Ball, Poisson
        >>> solution = finite_elements(Poisson(Ball([0, 0], 1), lambda x: 4 + 0 * x[0]), size=0.2)
        >>> bool(abs(solution.values([[0.5, 0.0]])[0, 0] - 0.75) < 1e-3)  # 1 - |x|²
        True
    """
    problem = _checked(problem, largest)
    check_positive(tolerance, "tolerance")
    outline = Outline(problem.domain)
    low, high = problem.domain.bounds
    if size is None:
        size = float((high - low).max()) / 25
    check_positive(size, "size")
    mesher = _Mesher(problem, outline)
    looks = np.asarray(problem.domain.sample(LOOKS, key=jax.random.key(0)), float)
    mesh, before, change = mesher.first(float(size)), None, np.inf
    while True:
        basis, u = mesher.solve(mesh)
        solution = _as_solution(basis, u, change)
        here = solution.values(looks)
        if before is not None:
            change = float(np.sqrt(np.mean((here - before) ** 2) / max(np.mean(here**2), 1e-300)))
        if change < tolerance:
            return dataclasses.replace(solution, change=change)
        before, mesh = here, mesher.finer(mesh, basis, u)
        if mesh.nvertices + mesh.nfacets > largest:
            got = f"a change of {change:.2g} at {len(u)} unknowns"
            remedy = "Allow more unknowns (largest=) or a larger tolerance=."
            raise InputError(f"a change below {tolerance:g} with at most {largest} unknowns", got, remedy)


class _Mesher:
    """Meshes of a domain, and the equations on them."""

    def __init__(self, problem: Elliptic, outline: Outline):
        self.problem, self.outline = problem, outline
        fields = (problem.diffusion, problem.reaction, problem.source, problem.boundary)
        self.fields = [_compiled(one) for one in fields]

    def first(self, size: float) -> Any:
        """Triangles of about a size."""
        found = triangulate(self.problem.domain, size, self.outline)
        return _mesh(found.points.T, found.corners.T)

    def curved(self, mesh: Any) -> Any:
        """The same triangles with the middles of sides along the boundary moved onto it."""
        import skfem

        curved = skfem.MeshTri2.from_mesh(mesh)
        places, sides = curved.doflocs.copy(), mesh.nvertices + mesh.boundary_facets()
        places[:, sides] = self.outline.nearest(places[:, sides].T).T
        return skfem.MeshTri2(np.ascontiguousarray(places), np.ascontiguousarray(curved.t))

    def solve(self, mesh: Any) -> tuple[Any, np.ndarray]:
        """Basis and values at the nodes."""
        import skfem

        diffusion, reaction, source, boundary = self.fields
        basis = skfem.Basis(self.curved(mesh), skfem.ElementTriP2(), intorder=5)
        here = np.asarray(basis.global_coordinates())
        a, c, f = diffusion(here), reaction(here), source(here)

        @skfem.BilinearForm
        def left(u: Any, v: Any, w: Any) -> Any:
            return w.a * (u.grad[0] * v.grad[0] + u.grad[1] * v.grad[1]) + w.c * u * v

        @skfem.LinearForm
        def right(v: Any, w: Any) -> Any:
            return w.f * v

        values, edge = np.zeros(basis.N), basis.get_dofs().all()
        values[edge] = boundary(basis.doflocs[:, edge])
        matrix, load = left.assemble(basis, a=a, c=c), right.assemble(basis, f=f)
        return basis, np.asarray(skfem.solve(*skfem.condense(matrix, load, x=values, D=edge)))

    def finer(self, mesh: Any, basis: Any, u: np.ndarray) -> Any:
        """With the triangles halved that have most of the estimated error, new corners moved onto the outline."""
        square = self._estimate(mesh, basis, u)
        order = np.argsort(-square)
        marked = order[: np.searchsorted(np.cumsum(square[order]), SHARE * square.sum()) + 1]
        finer = mesh.refined(marked)
        nodes = finer.boundary_nodes()
        places = finer.p.copy()
        places[:, nodes] = self.outline.nearest(places[:, nodes].T).T
        return _mesh(places, finer.t)

    def _estimate(self, mesh: Any, basis: Any, u: np.ndarray) -> np.ndarray:
        """Squared error of each triangle, up to a factor: residual inside and jumps of the flux across its sides."""
        import skfem

        diffusion, reaction, source, _ = self.fields
        where = np.asarray(basis.global_coordinates())
        inside = source(where) - reaction(where) * np.asarray(basis.interpolate(u))
        second = self._second(mesh, basis, u)[:, None] * diffusion(where)
        size = 2 * np.abs(basis.dx).sum(axis=1)  # squared, about

        sides = [skfem.InteriorFacetBasis(mesh, skfem.ElementTriP2(), side=side, intorder=4) for side in (0, 1)]
        fluxes, normals = [], np.asarray(sides[0].normals)
        for side in sides:
            interpolated: Any = side.interpolate(u)
            slope, a = interpolated.grad, diffusion(np.asarray(side.global_coordinates()))
            fluxes.append(a * (slope[0] * normals[0] + slope[1] * normals[1]))
        length = sides[0].dx.sum(axis=1)
        jumps = np.zeros(mesh.nfacets)
        jumps[sides[0].find] = length * np.sum((fluxes[0] - fluxes[1]) ** 2 * sides[0].dx, axis=1)
        return size * np.sum((inside + second) ** 2 * np.abs(basis.dx), axis=1) + 0.5 * jumps[mesh.t2f].sum(axis=0)

    def _second(self, mesh: Any, basis: Any, u: np.ndarray) -> np.ndarray:
        """The Laplacian of u on each triangle, sides taken as straight."""
        values = u[basis.element_dofs]
        points = mesh.p[:, mesh.t]
        edges = np.stack([points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]], axis=1)  # (2, 2, triangles)
        inverse = np.linalg.inv(np.moveaxis(edges, 2, 0))  # local coordinates by place
        a, b, c, ab, bc, ac = values
        xx, yy, xy = 4 * (a + b - 2 * ab), 4 * (a + c - 2 * ac), 4 * (a - ab + bc - ac)
        local = np.moveaxis(np.array([[xx, xy], [xy, yy]]), 2, 0)
        return np.einsum("tax,tab,tbx->t", inverse, local, inverse)


def _mesh(places: np.ndarray, corners: np.ndarray) -> Any:
    import skfem

    return skfem.MeshTri(np.ascontiguousarray(places), np.ascontiguousarray(corners))


def _compiled(field: Field) -> Callable[[np.ndarray], np.ndarray]:
    """A field at places `(2, …)`, in float64."""
    each = jax.jit(jax.vmap(field))

    def look(places: np.ndarray) -> np.ndarray:
        with jax.enable_x64(True):
            found = np.asarray(each(jnp.asarray(places.reshape(2, -1).T)), float)
        if not np.isfinite(found).all():
            raise InputError("finite coefficients, source and boundary values", "NaN or infinite values")
        return found.reshape(places.shape[1:])

    return look


def _as_solution(basis: Any, u: np.ndarray, change: float) -> FiniteElements:
    """With the triangles sorted into cells of a lattice, to be found again."""
    nodes = np.moveaxis(basis.doflocs[:, basis.element_dofs], 2, 0).transpose(0, 2, 1)
    low, high = nodes.min(axis=(0, 1)), nodes.max(axis=(0, 1))
    cells = max(int(np.sqrt(len(nodes))), 1)
    cell = (high - low) / cells
    ends = (nodes.min(axis=1), nodes.max(axis=1))
    first, last = (np.clip(np.floor((end - low) / cell).astype(int), 0, cells - 1) for end in ends)
    spans = last - first + 1
    count = spans.prod(axis=1)
    triangles = np.repeat(np.arange(len(nodes)), count)
    within = np.arange(len(triangles)) - np.repeat(np.cumsum(count) - count, count)
    rows = first[triangles, 0] + within // spans[triangles, 1]
    columns = first[triangles, 1] + within % spans[triangles, 1]
    places = rows * cells + columns
    empty = np.setdiff1d(np.arange(cells**2), places)
    centres = low + cell * (np.stack([empty // cells, empty % cells], axis=1) + 0.5)
    nearest = KDTree(nodes[:, :3].mean(axis=1)).query(centres)[1] if len(empty) else np.zeros(0, int)
    places, triangles = np.concatenate([places, empty]), np.concatenate([triangles, nearest])
    order = np.argsort(places, kind="stable")
    starts = np.searchsorted(places[order], np.arange(cells**2 + 1)).astype(np.int32)
    where = (tuple(low.tolist()), tuple(cell.tolist()))
    return FiniteElements(
        nodes, u[basis.element_dofs].T, starts, triangles[order].astype(np.int32), *where, cells, len(u), float(change)
    )


def _shapes(local: Array) -> Array:
    """The six quadratics that are 1 at one node and 0 at the others, `(6,)`."""
    x, y = local
    z = 1 - x - y
    return jnp.stack([z * (2 * z - 1), x * (2 * x - 1), y * (2 * y - 1), 4 * z * x, 4 * x * y, 4 * z * y])


def _slopes(local: Array) -> Array:
    """Their derivatives, `(6, 2)`."""
    x, y = local
    z, zero = 1 - x - y, jnp.zeros_like(x)
    along = jnp.stack([1 - 4 * z, 4 * x - 1, zero, 4 * (z - x), 4 * y, -4 * y])
    across = jnp.stack([1 - 4 * z, zero, 4 * y - 1, -4 * x, 4 * x, 4 * (z - y)])
    return jnp.stack([along, across], axis=1)


def _affine(nodes: Array, point: Point) -> Array:
    """Coordinates of a point in the triangle with straight sides."""
    return _solve(jnp.stack([nodes[1] - nodes[0], nodes[2] - nodes[0]], axis=1), point - nodes[0])


def _solve(matrix: Array, right: Array) -> Array:
    (a, b), (c, d) = matrix
    return jnp.stack([d * right[0] - b * right[1], a * right[1] - c * right[0]]) / (a * d - b * c)


def _checked(problem: Problem, largest: int) -> Elliptic:
    if not isinstance(problem, Elliptic):
        raise InputError("an elliptic problem", f"{type(problem).__name__}", "Train a network for other equations.")
    if problem.domain.inputs != 2:
        got = f"{problem.domain.inputs}"
        raise InputError("a domain of two inputs", got, "Take finite_differences on a box, or random_features.")
    check_positive(largest, "largest", integer=True)
    try:
        import skfem  # ruff: ignore[unused-import]
    except ImportError as error:
        remedy = "pip install 'simplebias[pde]'."
        raise InputError("scikit-fem installed for finite elements", "none", remedy) from error
    return problem


__all__ = ["FiniteElements", "finite_elements"]
