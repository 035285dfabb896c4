"""Points drawn in and on a domain: from the unit cube, by maps that keep measure, the rest by rejection.

A domain says how a cube of uniform numbers is placed in it or on its boundary (`Proposal`), and which places count.
Everything else is here: pseudo-random or low-discrepancy numbers, exactly as many points as were asked for, measures
with their errors, and points drawn by a density. All of it happens on the host in float64; only what is handed out has
the precision that JAX is set to.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import ndtri

from simplebias.core.errors import InputError, check_choice, check_positive, is_traced
from simplebias.core.types import Array, ArrayLike, Int, Key, Point, Points
from simplebias.pde.halton import Halton

METHODS = ("halton", "sobol", "uniform")
"""How the unit cube is filled: two low-discrepancy sequences, scrambled, or independent uniform numbers."""

LARGEST = 20_000_000
"""Points of the largest lattice, and proposals after which a rejection gives up."""
BATCH = 2**17
"""Most proposals at a time."""
LEAST = 2.0**-53
"""Distance that uniform numbers keep from 0 and 1, where normal deviates are infinite."""


class BoundaryPoints(eqx.Module):
    """Points of a boundary with the unit normals that point out of the domain, into its holes.

    Attributes:
        points: `(points, inputs)`, in units of the input.
        normals: `(points, inputs)`, unit vectors.
        parts: `(points,)`, which piece each lies on: the face `2 axis + (0 low, 1 high)` of a box, the edge of a
            polygon, the member of a combination (0 is the outer domain of a difference, 1 its first hole), else 0.
    """

    points: Points
    normals: Points
    parts: Int[Array, " points"]


class Placed(NamedTuple):
    """Where uniform numbers landed: places that are not `kept` are no points of the domain, or of its boundary."""

    points: np.ndarray
    kept: np.ndarray
    normals: np.ndarray
    parts: np.ndarray


class Proposal(NamedTuple):
    """How uniform numbers become points, evenly: `(proposals, coordinates)` in (0, 1) to places of a set.

    Attributes:
        coordinates: uniform numbers that a point needs.
        measure: length, area, volume … of what the cube is spread over; times the share kept it is that of the set.
        place: the map, in float64 on the host.
    """

    coordinates: int
    measure: float
    place: Callable[[np.ndarray], Placed]


class Measured(NamedTuple):
    """A volume or an area and its standard error, which is 0 where the value is exact."""

    value: float
    error: float


def inside(points: np.ndarray, kept: np.ndarray | None = None) -> Placed:
    """Places in the interior, which have no normals; all are kept unless it is said which."""
    every = np.ones(len(points), bool) if kept is None else kept
    return Placed(points, every, np.zeros_like(points), np.zeros(len(points), int))


def choose(numbers: np.ndarray, weights: Any) -> tuple[np.ndarray, np.ndarray]:
    """One of several parts, as often as its weight says, and what is left of the number: uniform again.

    Args:
        numbers: `(proposals,)` in (0, 1).
        weights: one for each part.

    Returns:
        The part of each number, and a uniform number that does not depend on it.
    """
    ends = np.concatenate([[0.0], np.cumsum(weights) / np.sum(weights)])
    index = np.clip(np.searchsorted(ends, numbers, side="right") - 1, 0, len(ends) - 2)
    left = (numbers - ends[index]) / np.maximum(np.diff(ends)[index], LEAST)
    return index, np.clip(left, LEAST, 1 - LEAST)


def sphere_coordinates(inputs: int) -> int:
    """Uniform numbers that a point of the unit sphere needs."""
    return inputs if inputs > 3 else max(inputs - 1, 1)


def on_sphere(numbers: np.ndarray, inputs: int) -> np.ndarray:
    """Uniform numbers to evenly spread unit vectors: by angle and height, above three inputs by normal deviates."""
    if inputs == 1:
        return np.where(numbers < 0.5, -1.0, 1.0)
    if inputs <= 3:
        angle = 2 * np.pi * numbers[:, -1]
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        if inputs == 2:
            return circle
        height = 2 * numbers[:, :1] - 1
        return np.concatenate([circle * np.sqrt(1 - height**2), height], axis=1)
    normal = ndtri(numbers)
    return normal / np.linalg.norm(normal, axis=1, keepdims=True)


def in_ball(numbers: np.ndarray, inputs: int) -> np.ndarray:
    """Uniform numbers to evenly spread points of the unit ball; the first is the share of the volume within."""
    if inputs == 1:
        return 2 * numbers - 1
    return numbers[:, :1] ** (1 / inputs) * on_sphere(numbers[:, 1:], inputs)


def draw(proposal: Proposal, count: int, *, key: Key, method: str) -> Placed:
    """Exactly so many places that are kept, in the order in which the sequence gives them.

    Args:
        proposal: how the cube is placed.
        count: places wanted.
        key: random key, of the scrambling or of the numbers.
        method: how the cube is filled.

    Returns:
        `count` places.

    Raises:
        InputError: for an unknown method, or more points than can be found.
    """
    check_positive(count, "count", integer=True)
    sequence, count = _sequence(method, proposal.coordinates, key), int(count)
    found: list[Placed] = []
    have, tried, batch = 0, 0, _power_of_two(count)
    while have < count:
        share = have / tried if tried else 1.0
        if count > share * LARGEST and (tried >= 2**16 or count > LARGEST):
            likely = max(share, 1 / max(tried, 1))
            most = f"at most about {int(likely * LARGEST)} points" if have or not tried else "a domain with an interior"
            got = f"count={count}, where {share:.2g} of {tried} proposals can be used"
            raise InputError(most, got, "Take fewer points, or a domain that fills more of its members.")
        placed = proposal.place(sequence(batch))
        found.append(Placed(*(one[placed.kept] for one in placed)))
        have, tried = have + len(found[-1].points), tried + batch
        batch = _power_of_two((count - have) * tried / max(have, 1))
    return Placed(*(np.concatenate(parts)[:count] for parts in zip(*found, strict=True)))


def draw_by(
    density: Callable[[Array], ArrayLike],
    candidates: np.ndarray,
    count: int,
    *,
    key: Key,
    power: float | int,
    floor: float | int,
) -> np.ndarray:
    """Which of the candidates to take, none twice, with chances `d^power / mean(d^power) + floor`.

    Args:
        density: what is asked at all candidates, as `(points,)` numbers not below zero.
        candidates: `(candidates, inputs)`.
        count: how many to take.
        key: random key.
        power: how strongly the density counts.
        floor: chance of a point where the density is zero, against the mean of the others.

    Returns:
        `count` row numbers.

    Raises:
        InputError: unless the density is one finite number ≥ 0 for each point, somewhere above zero.
    """
    check_positive(power, "power", zero=True)
    check_positive(floor, "floor", zero=True)
    values = np.asarray(density(jax.numpy.asarray(candidates, dtype=float)), float)
    if values.shape not in {(len(candidates),), (len(candidates), 1)}:
        raise InputError(f"a density that gives {len(candidates)} numbers for as many points", f"shape {values.shape}")
    if not np.isfinite(values).all() or (values < 0).any():
        raise InputError("a density of finite numbers ≥ 0", "others", "Take the square or modulus of a residual.")
    largest = values.max()
    raised = (values.ravel() / largest) ** power if largest > 0 else np.zeros(len(candidates))
    chances = (raised / raised.mean() if raised.any() else raised) + floor
    if np.count_nonzero(chances) < count:
        got = f"{np.count_nonzero(chances)} candidates where it is above zero, for count={count}"
        raise InputError("a density above zero at as many candidates as are wanted", got, "Take a floor above zero.")
    with np.errstate(divide="ignore"):  # largest keys of the exponential race: sampling without repetition
        race = np.log(chances) + _generator(key, "density").gumbel(size=len(candidates))
    return np.argsort(-race, kind="stable")[:count]


def measure(proposal: Proposal, *, repetitions: int = 8, count: int = 2**12) -> Measured:
    """Measure of what a proposal keeps, from independent scramblings of a Sobol sequence, with its standard error."""
    shares = []
    for seed in range(repetitions):
        sequence = _sequence("sobol", proposal.coordinates, jax.random.key(seed))
        shares.append(float(np.mean(proposal.place(sequence(count)).kept)))
    error = float(np.std(shares, ddof=1)) / math.sqrt(repetitions)
    return Measured(proposal.measure * float(np.mean(shares)), proposal.measure * error)


def cube(coordinates: int, count: int) -> np.ndarray:
    """The first points of a scrambled Sobol sequence, always the same, `(count, coordinates)` in (0, 1)."""
    return _sequence("sobol", coordinates, jax.random.key(0))(count)


def keeps_any(proposal: Proposal) -> float:
    """Share of proposals that are kept; the search goes on to 65536 of them as long as none is."""
    sequence, tried = _sequence("sobol", proposal.coordinates, jax.random.key(0)), 0
    for count in (2**10, 2**10, 2**11, 2**12, 2**13, 2**14, 2**15):
        tried += count
        kept = int(np.sum(proposal.place(sequence(count)).kept))
        if kept:
            return kept / tried
    return 0.0


def host_points(points: ArrayLike, inputs: int) -> np.ndarray:
    """Points as float64 on the host, checked.

    Args:
        points: `(points, inputs)`, or `(points,)` for one input.
        inputs: how many there are to be.

    Returns:
        `(points, inputs)`.

    Raises:
        InputError: for another number of inputs, or what is not finite.
    """
    if is_traced(points):
        raise InputError("points outside of jit", "points that are traced", "Inside, ask signed_distance(point) > 0.")
    try:
        rows = np.asarray(points, float)
    except (TypeError, ValueError):
        raise InputError("points as numbers", repr(points)) from None
    rows = rows[:, None] if rows.ndim == 1 and inputs == 1 else rows
    if rows.ndim != 2 or rows.shape[1] != inputs:
        raise InputError(f"points of shape (points, {inputs}), as the domain", f"shape {rows.shape}")
    if not np.isfinite(rows).all():
        raise InputError("finite points", f"{int((~np.isfinite(rows)).any(axis=1).sum())} rows with NaN or infinity")
    return rows


def host_values(function: Callable[[Point], Array], points: ArrayLike, inputs: int) -> np.ndarray:
    """A function of one point at many, in float64 on the host whatever JAX is set to.

    Args:
        function: of one point; compiled once for each number of points, where it is the same or a module alike.
        points: `(points, inputs)`, or `(points,)` for one input.
        inputs: how many there are to be.

    Returns:
        What it gives, with a leading axis of points.

    Raises:
        InputError: as for `host_points`.
    """
    where = host_points(points, inputs)
    with jax.enable_x64(True):
        return np.asarray(_mapped(function, jnp.asarray(where)))


@eqx.filter_jit
def _mapped(function: Callable[[Point], Array], points: Array) -> Array:
    return jax.vmap(function)(points)


def _sequence(method: str, coordinates: int, key: Key) -> Callable[[int], np.ndarray]:
    """A function of a count that gives the next so many points of the cube."""
    check_choice(method, "method", METHODS)
    generator = _generator(key, "cube")
    if method == "uniform":
        return lambda count: np.clip(generator.random((count, coordinates)), LEAST, 1 - LEAST)
    if method == "halton":
        halton = Halton(coordinates, generator)
        return lambda count: np.clip(halton(count), LEAST, 1 - LEAST)
    from scipy.stats import qmc  # it takes longer to import than a small problem to solve

    random: Any = {"seed": generator}  # `rng` from SciPy 1.15
    engine = qmc.Sobol(coordinates, bits=52, **random)  # by default, points would lie on a lattice of 1e-9
    return lambda count: np.clip(engine.random(count), LEAST, 1 - LEAST)


def _generator(key: Key, stream: str) -> np.random.Generator:
    if is_traced(key):
        raise InputError("a key outside of jit", "one that is traced", "Draw a pool before, and rows of it inside.")
    words = np.asarray(jax.random.key_data(key)).ravel()
    return np.random.default_rng([*words.tolist(), *stream.encode()])


def _power_of_two(count: float | int) -> int:
    return min(2 ** max(math.ceil(math.log2(max(count, 1))), 6), BATCH)
