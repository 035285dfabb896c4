"""Points with weights for an integral over a domain, denser where a function is concentrated."""

import itertools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, check_positive
from simplebias.core.types import Array, Points
from simplebias.pde.geometry import Domain
from simplebias.pde.problems import Field

FIRST = {1: 32, 2: 16, 3: 6}
"""Cells along each input before the first one is halved."""
WITHIN = {1: 32, 2: 6, 3: 4}
"""Samples along each input of a cell, by which its part in the domain and the function in it are known."""
CUT = 4.0
"""How much more often cells on the boundary are halved, where the rule is of lower order."""
GAUSS = 1 / np.sqrt(3)
"""Place of the two points of Gauss's rule in a cell from -1 to 1."""

OF_CELL = ("centre", "size", "middle", "volume", "mass")
"""What is known of each cell."""


def graded_points(domain: Domain, field: Field, count: int) -> tuple[Points, Array]:
    """Points and weights of a composite rule, `∫_Ω h ≈ Σ w_i h(x_i)`, for functions h that vary as a field does.

    The bounding box is cut into cells, and those are halved along each input that hold the largest shares of the volume
    and of the integral of |field| together, until there are about as many points as wanted. Cells inside have the
    2 × 2 … points of Gauss's rule (order 4 in the size of a cell), those on the boundary the centre of their part
    inside (order 2). Nothing is random.

    Args:
        domain: of one, two or three inputs.
        field: a function of one point; where it is large in a small part, points are dense.
        count: about how many points.

    Returns:
        Points `(points, inputs)` and weights `(points,)` that sum to the volume, nearly.

    Raises:
        InputError: for a domain of more inputs, where cells are too many.

    Example:
        >>> from simplebias.pde import Ball
        >>> points, weights = graded_points(Ball((0.0, 0.0), 1.0), lambda x: jnp.exp(-500 * x @ x), 2000)
        >>> bool(abs(weights.sum() - jnp.pi) < 1e-2)
        True
    """
    check_positive(count, "count", integer=True)
    inputs = domain.inputs
    if inputs not in FIRST:
        raise InputError("a domain of at most 3 inputs", f"{inputs}", "Take domain.sample for more.")
    cells = _Cells(domain, field)
    low, high = domain.bounds
    size = (high - low) / FIRST[inputs]
    corners = np.array(list(itertools.product(range(FIRST[inputs]), repeat=inputs)))
    cells.add(low + (corners + 0.5) * size, np.tile(size, (len(corners), 1)))
    while cells.points < count and len(cells.centre):
        cells.halve(count)
    return cells.rule()


class _Cells:
    """Cells of the bounding box that have a part in the domain.

    Args:
        domain: what is cut into cells.
        field: by which they are halved.
    """

    def __init__(self, domain: Domain, field: Field):
        self.domain, inputs = domain, domain.inputs
        self.field: Callable = jax.jit(jax.vmap(field))
        steps = (np.arange(WITHIN[inputs]) + 0.5) / WITHIN[inputs] - 0.5
        self.samples = np.array(list(itertools.product(steps, repeat=inputs)))
        self.signs = np.array(list(itertools.product((-1.0, 1.0), repeat=inputs)))
        self.centre = self.size = np.zeros((0, inputs))  # of each cell
        self.middle = np.zeros((0, inputs))  # of its part inside
        self.volume = self.mass = np.zeros(0)  # of that part

    @property
    def whole(self) -> np.ndarray:
        """Which cells lie inside altogether, as far as the samples tell."""
        return self.volume >= self.size.prod(axis=1) * (1 - 1e-12)

    @property
    def points(self) -> int:
        """Points of the rule."""
        return int(np.where(self.whole, len(self.signs), 1).sum())

    def add(self, centre: np.ndarray, size: np.ndarray) -> None:
        """Cells, of which those outside are left out."""
        samples = centre[:, None] + self.samples * size[:, None]
        flat = samples.reshape(-1, self.domain.inputs)
        inside = self.domain.contains(flat).reshape(samples.shape[:2])
        values = np.abs(np.asarray(self.field(jnp.asarray(flat)), float)).reshape(inside.shape) * inside
        whole = size.prod(axis=1)
        middle = (samples * inside[..., None]).sum(axis=1) / np.maximum(inside.sum(axis=1), 1)[:, None]
        found = (centre, size, middle, whole * inside.mean(axis=1), whole * values.mean(axis=1))
        kept = inside.any(axis=1)
        for name, one in zip(OF_CELL, found, strict=True):
            setattr(self, name, np.concatenate([getattr(self, name), one[kept]]))

    def halve(self, count: int) -> None:
        """Halve the cells with the largest shares, no more than are needed for so many points."""
        shares = self.volume / self.volume.sum() * np.where(self.whole, 1.0, CUT)
        shares = shares + self.mass / (self.mass.sum() or 1.0)
        more = len(self.signs) * (len(self.signs) - 1)  # points that halving a whole cell adds
        wanted = max(1, min(len(shares) // 4, (count - self.points) // more))
        chosen = np.argsort(-shares, kind="stable")[:wanted]
        centre = (self.centre[chosen][:, None] + 0.25 * self.signs * self.size[chosen][:, None]).reshape(
            -1, self.domain.inputs
        )
        size = np.repeat(self.size[chosen] / 2, len(self.signs), axis=0)
        for name in OF_CELL:
            setattr(self, name, np.delete(getattr(self, name), chosen, axis=0))
        self.add(centre, size)

    def rule(self) -> tuple[Points, Array]:
        """Points and weights."""
        whole, number = self.whole, len(self.signs)
        within = self.centre[whole][:, None] + 0.5 * GAUSS * self.signs * self.size[whole][:, None]
        points = np.concatenate([within.reshape(-1, self.domain.inputs), self.middle[~whole]])
        weights = np.concatenate([np.repeat(self.volume[whole] / number, number), self.volume[~whole]])
        return jnp.asarray(points, dtype=float), jnp.asarray(weights, dtype=float)
