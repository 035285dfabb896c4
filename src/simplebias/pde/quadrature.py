"""Points with weights for an integral over a domain, denser where a function is concentrated."""

import itertools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, check_positive
from simplebias.core.types import Array, Key, Points
from simplebias.pde.geometry import Domain
from simplebias.pde.jumps import JUMP, close_in
from simplebias.pde.problems import Field, at_points

FIRST = {1: 32, 2: 16, 3: 6}
"""Cells along each input before the first one is halved."""
WITHIN = {1: 32, 2: 6, 3: 4}
"""Samples along each input of a cell, by which its part in the domain and the function in it are known."""
CUT = 4.0
"""How much more often cells on the boundary are halved, where the rule is of lower order."""
AREA, SPREAD = 3.0, 0.4
"""How much the area of jumps counts against the volume, and beside it the integral of the function."""
DEGREE = 4
"""Of the polynomials that points at random count rightly."""
GAUSS = 1 / np.sqrt(3)
"""Place of the two points of Gauss's rule in a cell from -1 to 1."""


OF_CELL = ("centre", "size", "inside", "middle", "volume", "mass")
"""What is known of each cell."""


def graded_points(
    domain: Domain, field: Field, count: int, *, jumps: Sequence[Field] = (), key: Key | None = None
) -> tuple[Points, Array]:
    """Points and weights of a composite rule, `∫_Ω h ≈ Σ w_i h(x_i)`, for functions h that vary as a field does.

    The bounding box is cut into cells, and those are halved along each input that hold the largest shares of the volume
    and of the integral of |field| together, until there are about as many points as wanted. Cells inside have the
    2 × 2 … points of Gauss's rule (order 4 in the size of a cell), those on the boundary the centre of their part
    inside (order 2). Nothing is random without a key.

    Where h jumps with another function, such as a coefficient, a rule that does not know of it is of order 1 at best: a
    charge that ends within cells is counted wrongly. A cell in which one of `jumps` jumps has one point for each side,
    the centre of what lies there, and such cells hold a third share, by their area.

    Args:
        domain: of one, two or three inputs.
        field: a function of one point; where it is large in a small part, points are dense.
        count: about how many points.
        jumps: functions of one point that may jump where h does; what is smooth among them does no harm.
        key: random key of points at random in their parts of cells, which a network cannot evade as it can evade a
            lattice; the weights count polynomials of degree 4, alone and times each of `jumps`, as without a key.

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
    cells = _Cells(domain, field, tuple(jumps))
    low, high = domain.bounds
    size = (high - low) / FIRST[inputs]
    corners = np.array(list(itertools.product(range(FIRST[inputs]), repeat=inputs)))
    cells.add(low + (corners + 0.5) * size, np.tile(size, (len(corners), 1)))
    while cells.points < count and len(cells.centre):
        cells.halve(count)
    return cells.rule(key)


class _Cells:
    """Cells of the bounding box that have a part in the domain.

    Args:
        domain: what is cut into cells.
        field: by which they are halved.
        jumps: by which they are cut into sides.
    """

    def __init__(self, domain: Domain, field: Field, jumps: tuple[Field, ...]):
        self.domain, inputs = domain, domain.inputs
        self.field = field
        self.jumps = [_Jump(one) for one in jumps]
        steps = (np.arange(WITHIN[inputs]) + 0.5) / WITHIN[inputs] - 0.5
        self.samples = np.array(list(itertools.product(steps, repeat=inputs)))
        self.signs = np.array(list(itertools.product((-1.0, 1.0), repeat=inputs)))
        sides = 2 ** len(jumps)
        self.centre = self.size = np.zeros((0, inputs))  # of each cell
        self.inside = np.zeros(0)  # share of it in the domain
        self.middle = np.zeros((0, sides, inputs))  # of what lies there on each side
        self.volume = np.zeros((0, sides))  # of that
        self.mass = np.zeros(0)  # of what lies inside

    @property
    def cut(self) -> np.ndarray:
        """Which cells have more than one side."""
        return np.count_nonzero(self.volume, axis=1) > 1

    @property
    def whole(self) -> np.ndarray:
        """Which cells lie inside altogether and on one side, as far as the samples tell."""
        return (self.inside >= 1 - 1e-12) & ~self.cut

    @property
    def points(self) -> int:
        """Points of the rule."""
        return int(np.where(self.whole, len(self.signs), np.count_nonzero(self.volume, axis=1)).sum())

    def add(self, centre: np.ndarray, size: np.ndarray) -> None:
        """Cells, of which those outside are left out."""
        samples = centre[:, None] + self.samples * size[:, None]
        on = self._sides(samples)
        inside = on.sum(axis=2) > 0
        flat = samples.reshape(-1, self.domain.inputs)
        values = np.abs(np.asarray(at_points(self.field, jax.device_put(flat)), float)).reshape(inside.shape) * inside
        middle = np.einsum("csi,csk->cki", samples, on) / np.maximum(on.sum(axis=1), 1)[..., None]
        whole = size.prod(axis=1)
        found = (
            centre,
            size,
            inside.mean(axis=1),
            middle,
            whole[:, None] * on.mean(axis=1),
            whole * values.mean(axis=1),
        )
        kept = inside.any(axis=1)
        for name, one in zip(OF_CELL, found, strict=True):
            setattr(self, name, np.concatenate([getattr(self, name), one[kept]]))

    def halve(self, count: int) -> None:
        """Halve the cells with the largest shares, no more than are needed for so many points."""
        volume = self.volume.sum(axis=1)
        shares = volume / volume.sum() * np.where(self.inside < 1 - 1e-12, CUT, 1.0)
        shares = shares + (SPREAD if self.jumps else 1.0) * self.mass / (self.mass.sum() or 1.0)
        area = self.cut * self.size.prod(axis=1) ** (1 - 1 / self.domain.inputs)
        shares = shares + AREA * area / (area.sum() or 1.0)
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

    def rule(self, key: Key | None) -> tuple[Points, Array]:
        """Points and weights."""
        whole, number = self.whole, len(self.signs)
        volumes = np.repeat(self.volume[whole].sum(axis=1) / number, number)
        parts = self.volume[~whole]
        random = None if key is None else np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel().tolist())
        placed = lambda place: (self.centre[whole][:, None] + 0.5 * place * self.size[whole][:, None]).reshape(
            -1, self.domain.inputs
        )
        within, middle = placed(GAUSS * self.signs), self.middle[~whole][parts > 0]
        if random is not None:
            drawn = placed(self.signs * random.random((int(whole.sum()), *self.signs.shape)))
            # a cell that looks whole may have a corner outside
            within = np.where(self.domain.contains(drawn)[:, None], drawn, within)
            middle = self._drawn(np.flatnonzero(~whole), random)[parts > 0]
        points = np.concatenate([within, middle])
        weights = np.concatenate([volumes, parts[parts > 0]])
        if random is not None:
            weights = self._calibrated(points, weights, random)
        return jnp.asarray(points, dtype=float), jnp.asarray(weights, dtype=float)

    def _calibrated(self, points: np.ndarray, weights: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Weights a little changed, so that points at random count polynomials, alone and times what jumps, rightly."""
        # random samples: a corner that a jump cuts off, and a sphere among the points of a lattice, are seen as well
        shape, within = (len(self.centre), *self.samples.shape), WITHIN[points.shape[1]]
        unit = self.samples + (random.random(shape) - 0.5) / within
        places = (self.centre[:, None] + unit * self.size[:, None]).reshape(-1, points.shape[1])
        inside = self.domain.contains(places)
        places, fine = places[inside], np.repeat(self.size.prod(axis=1) / shape[1], shape[1])[inside]
        found, wanted = self._moments(points), self._moments(places).T @ fine
        matrix = found.T @ (weights[:, None] * found)
        change = found @ (np.linalg.pinv(matrix, rcond=1e-10, hermitian=True) @ (wanted - found.T @ weights))
        return weights * (1 + change) if np.abs(change).max() < 1 else weights

    def _moments(self, points: np.ndarray) -> np.ndarray:
        """Polynomials, alone and times each function that may jump, `(points, moments)`."""
        low, high = self.domain.bounds
        unit = 2 * (points - low) / (high - low) - 1
        powers = [one for one in itertools.product(range(DEGREE + 1), repeat=points.shape[1]) if sum(one) <= DEGREE]
        base = np.stack([np.prod(unit ** np.array(one), axis=1) for one in powers], axis=1)
        return np.concatenate([base, *(base * jump.relative(points)[:, None] for jump in self.jumps)], axis=1)

    def _drawn(self, cells: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """One sample at random of each side of some cells, `(cells, sides, inputs)`."""
        samples = self.centre[cells][:, None] + self.samples * self.size[cells][:, None]
        on = self._sides(samples)
        chosen = np.where(on, random.random(on.shape), -1.0).argmax(axis=1)
        return np.take_along_axis(samples, chosen[..., None], axis=1)

    def _sides(self, samples: np.ndarray) -> np.ndarray:
        """Which samples of each cell lie in the domain on each side, `(cells, samples, sides)`."""
        inside = self.domain.contains(samples.reshape(-1, self.domain.inputs)).reshape(samples.shape[:2])
        side = np.zeros(inside.shape, int)
        for place, jump in enumerate(self.jumps):
            side += 2**place * jump.sides(samples, inside)
        return (side[..., None] == np.arange(2 ** len(self.jumps))) & inside[..., None]


class _Jump:
    """A function that may jump.

    Args:
        field: of one point.
    """

    def __init__(self, field: Field):
        self.field = field
        self.low, self.high = np.inf, -np.inf  # of all values so far

    def _values(self, points: np.ndarray) -> np.ndarray:
        """At points of any shape, `(…, inputs)`."""
        flat = points.reshape(-1, points.shape[-1])
        return np.asarray(at_points(self.field, jax.device_put(flat)), float).reshape(points.shape[:-1])

    def relative(self, points: np.ndarray) -> np.ndarray:
        """At points, over the largest value."""
        return self._values(points) / (max(abs(self.low), abs(self.high)) or 1.0)

    def sides(self, samples: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """On which side of a jump the samples of each cell lie.

        Args:
            samples: `(cells, samples, inputs)`.
            inside: which of them are in the domain.

        Returns:
            `(cells, samples)`: 1 above the largest gap between its values where that is a jump, else 0.
        """
        values = np.where(inside, self._values(samples), np.nan)
        self.low, self.high = (
            float(end(np.append(values[inside], old))) for end, old in ((np.min, self.low), (np.max, self.high))
        )
        order = np.argsort(values, axis=1)  # those outside come last
        gaps = np.nan_to_num(np.diff(np.take_along_axis(values, order, axis=1), axis=1), nan=0.0)
        place, largest = gaps.argmax(axis=1), gaps.max(axis=1)
        found = np.zeros(inside.shape, int)
        some = np.flatnonzero(largest > JUMP * (self.high - self.low))
        if not len(some):
            return found
        below, above = (samples[some, order[some, place[some] + more]] for more in (0, 1))
        lasting = some[close_in(self._values, below, above)[1]]
        found[lasting] = values[lasting] > np.take_along_axis(
            values[lasting], order[lasting, place[lasting]][:, None], 1
        )
        return found
