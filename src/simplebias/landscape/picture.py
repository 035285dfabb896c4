"""What of a landscape can be looked at: the loss in a plane through a point, eigenvalues before and after."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from simplebias.core.errors import InputError, check_positive
from simplebias.core.task import Task
from simplebias.core.types import Array, Key, Network, PyTree
from simplebias.landscape.embedding import Verification
from simplebias.landscape.escaping import DENSE, escape_distances
from simplebias.landscape.hessian import direction_vector, hessian, in_precision
from simplebias.landscape.inertia import TOLERANCE
from simplebias.landscape.surface import Surface, open_surface, parameter_tree, parameter_vector

ALONG, ACROSS = "along", "across"
EDGE = 1.3
"""How far the plane goes beyond where the loss stops falling."""
RISE = 4.0
"""How many times as much as it falls along the first direction the loss may rise along the second."""


def loss_plane(
    network: Network,
    task: Task,
    *,
    directions: tuple[PyTree, PyTree] | None = None,
    reach: float | int | None = None,
    points: int = 41,
    key: Key | None = None,
) -> xr.Dataset:
    """The loss in a plane through a network's parameters, `L(θ + s·u + t·v)`, in float64.

    By default u is the eigenvector of the lowest eigenvalue of the Hessian and v that of the next one that is not zero:
    around a strict saddle the plane of escape, in which the loss falls to both sides.

    Args:
        network: the point in the middle.
        task: any task whose loss is a mean over points.
        directions: u and v, trees of the network's shapes, not parallel; they are made orthogonal and of length 1.
        reach: largest |s| and |t|; if None so that the loss falls and rises again along u, and rises by some times as
            much along v.
        points: on each axis, odd, so that the network itself is one.
        key: of tasks that draw their points.

    Returns:
        `plane` `(along, across)`, the loss, with coordinates s and t in units of the parameters. It draws itself:
        `Run(found).report("plane.html")`.

    Raises:
        InputError: for parallel directions, an even number of points, or as `hessian`.

    References:
        Zhang, Zhang, Luo, Xu, Embedding principle of loss landscape of deep neural networks, arXiv:2105.14573.

    Example:
        >>> from simplebias.landscape import manufactured
        >>> from simplebias.networks import TwoLayer
        >>> network, x = TwoLayer(1, 1, 2, key=jax.random.key(0)), np.linspace(-1, 1, 20)
        >>> found = loss_plane(network, manufactured(network, x, key=jax.random.key(1)), reach=0.1, points=3)
        >>> found["plane"].dims, found["plane"].sizes["along"]
        (('along', 'across'), 3)
    """
    check_positive(points, "points", integer=True)
    if points % 2 == 0:
        raise InputError("an odd number of points", repr(points), "The network itself is the one in the middle.")
    if directions is None:
        first, second = _lowest(network, task, key)
    else:
        first, second = (direction_vector(network, one) for one in directions)
    u = first / np.linalg.norm(first)
    rest = second - (second @ u) * u
    if not np.linalg.norm(rest) > 1e-8 * np.linalg.norm(second):
        raise InputError("two directions that are not parallel", "parallel ones")
    v = rest / np.linalg.norm(rest)
    with in_precision("float64"):
        surface = open_surface(network, task, key=key, second=False)
        reaches = _reaches(surface, network, task, u, v, key) if reach is None else (reach, reach)
        for one in reaches:
            check_positive(one, "reach")
        places = [np.linspace(-float(one), float(one), points) for one in reaches]
        values = np.asarray(_losses(surface, *(jnp.asarray(one) for one in (u, v, *places))))
    attributes = {
        "long_name": "loss", "over": ALONG, "references": "zhang2021embedding",
        "description": "The loss in a plane through the point in the middle.",
    }  # fmt: skip
    names = (
        ["lowest eigenvector", "next eigenvector"] if directions is None else ["first direction", "second direction"]
    )
    coordinates = {
        name: (name, ticks, {"long_name": words, "units": "1"})
        for name, ticks, words in zip((ALONG, ACROSS), places, names, strict=True)
    }
    return xr.Dataset({"plane": ((ALONG, ACROSS), values, attributes)}, coordinates)


def _lowest(network: Network, task: Task, key: Key | None) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvectors of the lowest eigenvalue and of the next that is not zero."""
    size = parameter_vector(network).size
    if size > DENSE:
        raise InputError(
            f"directions, of a network of more than {DENSE} parameters", "None", "Take two of escape_directions."
        )
    values, vectors = np.linalg.eigh(hessian(network, task, key=key))
    telling = np.flatnonzero(np.abs(values) > TOLERANCE * np.abs(values).max())
    if len(telling) < 2:
        raise InputError("a Hessian of rank 2 at least, or directions", f"rank {len(telling)}")
    return vectors[:, telling[0]], vectors[:, telling[1]]


def _reaches(
    surface: Surface, network: Network, task: Task, u: np.ndarray, v: np.ndarray, key: Key | None
) -> tuple[float, float]:
    """Along u to beyond where the loss stops falling; along v so that the loss rises by some times as much."""
    ends = np.abs(escape_distances(network, task, parameter_tree(network, u), key=key))
    far = float(ends.max())
    if far == 0:
        both = 0.1 * float(np.linalg.norm(parameter_vector(network)) or 1.0)
        return both, both
    fall, curvature = (float(one) for one in _fall(surface, jnp.asarray(u), jnp.asarray(v), far))
    rise = float(np.sqrt(2 * RISE * fall / curvature)) if curvature > 0 and fall > 0 else np.inf
    return EDGE * far, min(EDGE * far, rise)


@eqx.filter_jit
def _fall(surface: Surface, u: Array, v: Array, far: float) -> tuple[Array, Array]:
    """By how much the loss falls along u, to the better side, and the curvature along v."""
    lower = jnp.minimum(surface.loss(surface.vector + far * u), surface.loss(surface.vector - far * u))
    return surface.loss(surface.vector) - lower, v @ surface.product(surface.vector, v, "whole")


@eqx.filter_jit
def _losses(surface: Surface, u: Array, v: Array, along: Array, across: Array) -> Array:
    row = lambda s: jax.vmap(lambda t: surface.loss(surface.vector + s * u + t * v))(across)
    return jax.lax.map(row, along)


def eigenvalue_stages(verification: Verification) -> xr.Dataset:
    """Eigenvalues of the Hessian before and after an embedding, to be drawn side by side.

    Args:
        verification: of `verify`, with inertia.

    Returns:
        `eigenvalues` `(stage, rank)`, in order, NaN where the smaller network has none, and the counts of positive,
        zero and negative ones, `counts` `(stage, sign)`. It draws itself: `Run(found).report("eigenvalues.html")`.

    Raises:
        InputError: for a verification without inertia.

    References:
        Zhang, Li, Zhang, Luo, Xu, Embedding principle: a hierarchical structure of loss landscape of deep neural
        networks, arXiv:2111.15527.

    Example:
        >>> from simplebias.landscape import manufactured, verify
        >>> from simplebias.networks import TwoLayer, split_embedding
        >>> network, x = TwoLayer(1, 1, 2, key=jax.random.key(0)), np.linspace(-1, 1, 20)
        >>> task = manufactured(network, x, key=jax.random.key(1))
        >>> found = eigenvalue_stages(verify(split_embedding(network, 1, 0), task))
        >>> found["counts"].sum("sign").values.tolist()
        [6, 9]
    """
    before, after = verification.before, verification.after
    if before is None or after is None:
        raise InputError("a verification with inertia", "one without", "Call verify(..., with_inertia=True).")
    values = np.full((2, len(after.eigenvalues)), np.nan)
    values[0, : len(before.eigenvalues)], values[1] = before.eigenvalues, after.eigenvalues
    attributes = {
        "long_name": "eigenvalue", "over": "rank", "references": "zhang2021hierarchical", "zero": after.tolerance,
        "description": "Eigenvalues of the Hessian before and after the embedding; no count of a sign falls.",
    }  # fmt: skip
    return xr.Dataset(
        {
            "eigenvalues": (("stage", "rank"), values, attributes),
            "counts": (("stage", "sign"), np.array([before.counts, after.counts])),
        },
        {"stage": ["before", "after"], "rank": np.arange(1, values.shape[1] + 1), "sign": ["+", "0", "−"]},
    )
