"""Where a coefficient jumps: the surface as a smooth function, and networks with a kink there.

Where the diffusion a jumps, `a ∂_n u` is continuous and the gradient of the solution is not: u has a kink. A smooth
network can only round it, over a width that falls slowly with the number of its parameters. One that is given the
distance from the surface as a further input has the kink from the start.
"""

import dataclasses
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from simplebias.core.snapshot import wants_key
from simplebias.core.types import Array, Key, Network, Output, Point, Scalar
from simplebias.pde import Problem
from simplebias.pde.jumps import JUMP, close_in
from simplebias.pde.problems import Constant
from simplebias.solving.views import evaluate

DISTANCES = 2
"""Further inputs of a network with a kink: the signed and the unsigned distance."""
CLOUD = 8192
"""Points of the domain between which jumps are sought."""
NEIGHBOURS = {2: 6, 3: 40}
"""Places of the surface from which its direction at one of them is found, by the number of inputs."""
CENTRES = 128
"""Most places of the surface that are kept: each is looked at for every point, which costs more than the network."""
FEWEST = 16
"""Places of the surface below which it is none."""
SHARP = 4
"""How fast a quadric loses its weight: with this power of the inverse of the squared distance."""
REACH = 4.0
"""Distance from its place, over that of neighbours, beyond which a quadric is bent no more."""


@dataclasses.dataclass(frozen=True, eq=False)
class Interface:
    """A smooth function that is zero on a surface and about the distance near it, below zero where a is smaller.

    At each of many places the surface is a quadric; the distances from these are averaged, with weights that fall fast
    with the distance from the place.

    Args:
        places: of the surface, `(places, inputs)`.
        normals: unit vectors towards larger values, `(places, inputs)`.
        bends: how the surface bends towards the normal, second derivatives, `(places, inputs, inputs)`.
        spacing: distance of neighbouring places.

    References:
        Implicit moving least squares: Shen, O'Brien, Shewchuk, Interpolating and approximating implicit surfaces from
        polygon soup, ACM Transactions on Graphics 23 (2004).
    """

    places: np.ndarray
    normals: np.ndarray
    bends: np.ndarray
    spacing: float

    def __call__(self, point: Point) -> Scalar:
        """Its value at one point."""
        apart = point - jnp.asarray(self.places, point.dtype)
        squares = jnp.sum(apart**2, axis=1) / self.spacing**2
        weights = 1 / (squares + 0.25) ** SHARP
        planes = jnp.sum(apart * jnp.asarray(self.normals, point.dtype), axis=1)
        bent = jnp.einsum("ki,kij,kj->k", apart, jnp.asarray(self.bends, point.dtype), apart)
        near = 1 / (1 + squares / REACH**2)
        return weights @ (planes - 0.5 * near * bent) / jnp.sum(weights)


def find_interface(problem: Problem, *, key: Key) -> Interface | None:
    """The surface on which the diffusion of a problem jumps.

    Neighbouring points of the domain with different values are brought together as long as the difference lasts. What
    surface goes through the places is seen from their neighbours.

    Args:
        problem: of two or three inputs.
        key: random key of the points.

    Returns:
        The surface; None where the problem is smooth, the diffusion does not jump, or for other numbers of inputs.

    Example:
        >>> import jax
        >>> from simplebias.pde import Box, PoissonBoltzmann
        >>> jumps = lambda x: jnp.where(x[0] ** 2 + x[1] ** 2 < 0.25, 1.0, 2.0)
        >>> options = {"permittivity": jumps, "smooth": False}
        >>> problem = PoissonBoltzmann(Box((-1, -1), (1, 1)), lambda x: 1 + 0 * x[0], **options)
        >>> round(float(find_interface(problem, key=jax.random.key(0))(jnp.array([0.6, 0.0]))), 2)
        0.1
    """
    from scipy.spatial import KDTree

    domain, diffusion = problem.domain, getattr(problem, "diffusion", None)
    if problem.smooth or diffusion is None or isinstance(diffusion, Constant) or domain.inputs not in NEIGHBOURS:
        return None
    points = np.asarray(domain.sample(CLOUD, key=key), float)
    values = lambda where: np.log(np.abs(evaluate(diffusion, where)) + 1e-300)
    found = values(points)
    nearest = np.asarray(KDTree(points).query(points, k=2 * domain.inputs + 1)[1])
    pairs = np.stack([np.repeat(np.arange(CLOUD), nearest.shape[1] - 1), nearest[:, 1:].ravel()], axis=1)
    pairs = pairs[found[pairs[:, 1]] - found[pairs[:, 0]] > JUMP * np.ptp(found)]
    if not len(pairs):
        return None
    below, above = points[pairs[:, 0]], points[pairs[:, 1]]
    places, jumps = close_in(values, below, above)
    return _surface(places[jumps], (above - below)[jumps]) if jumps.sum() >= FEWEST else None


def _surface(places: np.ndarray, upward: np.ndarray) -> Interface:
    """The surface through places, with the direction in which the values rise at each."""
    from scipy.spatial import KDTree

    tree = KDTree(places)
    chosen = _spread_out(places, CENTRES)
    inputs = places.shape[1]
    around = np.asarray(tree.query(places[chosen], k=min(NEIGHBOURS[inputs] + 1, len(places)))[1])
    apart = places[around] - places[chosen][:, None]
    axes = np.linalg.svd(apart - apart.mean(axis=1, keepdims=True), full_matrices=True)[2]
    along = np.einsum("kni,kai->kna", apart, axes[:, :-1])
    height = np.einsum("kni,ki->kn", apart, axes[:, -1])
    pairs = [(one, other) for one in range(inputs - 1) for other in range(one, inputs - 1)]
    squares = [along[..., one] * along[..., other] * (0.5 if one == other else 1.0) for one, other in pairs]
    found = np.linalg.pinv(np.concatenate([along, np.stack(squares, axis=2)], axis=2), rcond=1e-6) @ height[..., None]
    normals = axes[:, -1] - np.einsum("ka,kai->ki", found[:, : inputs - 1, 0], axes[:, :-1])
    bends = np.zeros((len(chosen), inputs, inputs))
    for (one, other), size in zip(pairs, found[:, inputs - 1 :, 0].T, strict=True):
        both = axes[:, one, :, None] * axes[:, other, None, :]
        bends += size[:, None, None] * (both if one == other else both + both.swapaxes(1, 2))
    length = np.linalg.norm(normals, axis=1)
    sign = np.where(np.sum(normals * upward[around].mean(axis=1), axis=1) < 0, -1.0, 1.0) / length
    kept = places[chosen]
    spacing = float(np.median(np.asarray(KDTree(kept).query(kept, k=2)[0])[:, 1]))
    return Interface(kept, normals * sign[:, None], bends * sign[:, None, None], spacing)


def _spread_out(places: np.ndarray, count: int) -> np.ndarray:
    """Row numbers of places each of which is farthest from those before it."""
    chosen, distance = [0], np.full(len(places), np.inf)
    while len(chosen) < min(count, len(places)):
        distance = np.minimum(distance, np.sum((places - places[chosen[-1]]) ** 2, axis=1))
        chosen.append(int(distance.argmax()))
    return np.array(chosen)


class Kinked(eqx.Module):
    """A network that sees, beside each point, the distance from a surface: it has a kink there.

    Args:
        network: of as many inputs as a point and two more, the signed and the unsigned distance.
        interface: the signed one, of one point.

    References:
        A cusp-capturing PINN for elliptic interface problems, arXiv:2210.08424.
    """

    network: Network
    interface: Any

    def __call__(self, point: Point, *, key: Key | None = None) -> Output:
        """Output at one point; `key` is for a network that drops neurons."""
        seen = self._seen(point)
        return self.network(seen, key=key) if wants_key(self.network) else self.network(seen)

    def _seen(self, point: Point) -> Array:
        distance = self.interface(point)
        return jnp.concatenate([point, jnp.stack([distance, jnp.abs(distance)])])


__all__ = ["Interface", "Kinked", "find_interface"]
