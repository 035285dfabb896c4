"""Where a solution is looked at while it is trained, and what is measured there: errors, also by frequency."""

import dataclasses
import time
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from simplebias.core.compilation import quick_jit
from simplebias.core.keys import apart
from simplebias.core.snapshot import Measure, Record, Snapshot
from simplebias.core.types import FREQUENCY, Array, Float, Int, Key, Points, Scalar, Schedule
from simplebias.pde import Problem
from simplebias.pde.problems import at_points
from simplebias.solving.references import Reference

ACROSS = {1: 1024, 2: 96}
"""Cells of the lattice of looks along each input; points at random in more inputs."""
SCATTERED = 2000
"""Points at random in three and more inputs."""
EDGE = 512
"""Points on the boundary."""
RINGS = 24
"""Bands of frequency."""
ROUND = 2**31
"""Milliseconds after which the recorded clock begins again."""


@dataclasses.dataclass(frozen=True, eq=False)
class Places:
    """Points at which a solution is looked at.

    Args:
        inside: `(points, inputs)`.
        edge: `(boundary points, inputs)`.
        given: values on the boundary, `(boundary points,)`.
        index: cells of the lattice that the points inside are, `(points, inputs)`; None where there is no lattice.
        shape: of the lattice.
        exact: of the reference inside, `(points,)`; None without one.
    """

    inside: Points
    edge: Points
    given: np.ndarray
    index: np.ndarray | None
    shape: tuple[int, ...]
    exact: np.ndarray | None

    @property
    def probe(self) -> Points:
        """All points, those inside first."""
        return jnp.concatenate([self.inside, self.edge])


def places(problem: Problem, reference: Reference, *, key: Key) -> Places:
    """Choose where to look: a lattice of the bounding box for one and two inputs, else points at random.

    Args:
        problem: what is solved.
        reference: what it is held against.
        key: random key.

    Returns:
        The points, with the values of the reference.
    """
    domain, (within, along) = problem.domain, apart(key, 2)
    edge = domain.sample_boundary(EDGE, key=along).points
    given = np.asarray(problem.boundary_values(edge), float)[:, 0]
    index, shape = None, ()
    if domain.inputs in ACROSS:
        low, high = domain.bounds
        longest = float((high - low).max())
        shape = tuple(max(round(ACROSS[domain.inputs] * side / longest), 8) for side in (high - low).tolist())
        cells = np.stack(np.meshgrid(*(np.arange(count) for count in shape), indexing="ij"), axis=-1)
        cells = cells.reshape(-1, domain.inputs)
        inside = low + (cells + 0.5) / np.array(shape) * (high - low)
        kept = domain.contains(inside)
        inside, index = inside[kept], cells[kept]
    else:
        inside = np.asarray(domain.sample(SCATTERED, key=within), float)
    inside = jnp.asarray(inside, dtype=float)
    exact = None
    if reference.solution is not None:
        solution: Any = reference.solution
        found = solution.values(inside) if hasattr(solution, "values") else at_points(solution, inside)
        exact = np.asarray(found, float).reshape(-1)
    return Places(inside, edge, given, index, shape, exact)


def bands(places: Places, problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Bands of `|ξ|` of the lattice of looks: the band of each frequency, and the middles of the bands.

    Args:
        places: on a lattice.
        problem: with the domain.

    Returns:
        Numbers of bands, of the shape of the spectrum, the last band for what is above; middles `(bands,)`, in cycles
        per unit.
    """
    low, high = problem.domain.bounds
    sides = high - low
    axes = [np.fft.fftfreq(count, side / count) for count, side in zip(places.shape, sides.tolist(), strict=True)]
    size = np.sqrt(sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij")))
    lowest, highest = 0.5 / sides.max(), 0.5 * float(np.min(np.array(places.shape) / sides))
    edges = np.concatenate([[0.0], np.geomspace(2 * lowest, highest, RINGS)])
    found = np.clip(np.searchsorted(edges, size, side="right") - 1, 0, RINGS)
    used = np.unique(found[found < RINGS])
    number = np.full(RINGS + 1, len(used))
    number[used] = np.arange(len(used))
    middles = np.bincount(number[found].ravel(), size.ravel()) / np.bincount(number[found].ravel())
    return number[found], middles[: len(used)]


class Spectra(eqx.Module):
    """Power of values on a lattice in bands of frequency, with Hann's window, zero outside of the domain.

    Args:
        index: cells of the points, `(points, inputs)`.
        band: of each frequency, of the shape of the lattice.
        count: bands.
    """

    index: Int[Array, "points inputs"]
    band: Int[Array, "..."]
    count: int = eqx.field(static=True)

    def power(self, values: Float[Array, " points"]) -> Float[Array, " bands"]:
        """Of each band."""
        shape = self.band.shape
        lattice = jnp.zeros(shape, values.dtype).at[tuple(self.index.T)].set(values)
        for axis, count in enumerate(shape):
            window = 2 * jnp.sin(jnp.pi * (jnp.arange(count) + 0.5) / count) ** 2
            lattice = lattice * window.reshape([-1 if other == axis else 1 for other in range(len(shape))])
        spectrum = jnp.abs(jnp.fft.fftn(lattice)) ** 2 / lattice.size**2
        return jnp.zeros(self.count + 1, spectrum.dtype).at[self.band.ravel()].add(spectrum.ravel())[:-1]


def spectra_of(problem: Problem, places: Places) -> tuple[Spectra, np.ndarray]:
    """Power in bands of values at the points of a lattice of looks, and the middles of the bands.

    Args:
        problem: with the domain.
        places: on a lattice.

    Returns:
        What tells the power, and `(bands,)` in cycles per unit.
    """
    band, middles = bands(places, problem)
    return Spectra(jax.device_put(places.index), jax.device_put(band), len(middles)), middles


def records(problem: Problem, places: Places, at: Schedule) -> dict[str, Record]:
    """What is recorded besides the loss: errors against the reference, on the boundary, by frequency, and the clock.

    Args:
        problem: what is solved.
        places: where.
        at: when.

    Returns:
        Records by name; without a reference those of the boundary and the clock.
    """
    found = {"clock": Measure(_clock, unit="ms", description="wall clock")}
    shown, largest = {"panel": "error", "scale": "log", "section": "Loss"}, 1.0
    if places.exact is not None:
        size = float(np.linalg.norm(places.exact)) or 1.0
        largest = max(float(np.abs(places.exact).max()), float(np.abs(places.given).max())) or 1.0
        found["error"] = Measure(
            Partial(_error, jax.device_put(places.exact), jax.device_put(size)),
            unit="1",
            description="error in the mean square at the points of the lattice, over the reference",
            attributes=shown | {"long_name": "relative L2 error"},
        )
        if places.index is not None:
            found["frequency_error"] = _by_frequency(problem, places)
    found["boundary_error"] = Measure(
        Partial(_edge_error, jax.device_put(places.given), jax.device_put(largest)),
        unit="1",
        description="largest error on the boundary, over the largest value of the reference",
        attributes=shown | {"long_name": "boundary error"},
    )
    return {name: Record(measure, at=at) for name, measure in found.items()}


def _by_frequency(problem: Problem, places: Places) -> Measure:
    (spectra, middles), exact = spectra_of(problem, places), jax.device_put(places.exact)
    size = np.sqrt(np.asarray(_power(spectra, exact)))
    return Measure(
        Partial(_frequency_error, spectra, exact, jax.device_put(np.maximum(size, 1e-12 * size.max()))),
        dims=(FREQUENCY,),
        coords={FREQUENCY: middles},
        unit="1",
        description="amplitude of the error over that of the reference, by the modulus of the frequency",
        attributes={"scale": "log"},
    )


@quick_jit
def _power(spectra: Spectra, values: Array) -> Array:
    return spectra.power(values)


def _error(exact: Array, size: Array, snapshot: Snapshot) -> Scalar:
    return jnp.linalg.norm(snapshot.outputs[: len(exact), 0] - exact) / size


def _edge_error(given: Array, largest: Array, snapshot: Snapshot) -> Scalar:
    return jnp.abs(snapshot.outputs[-len(given) :, 0] - given).max() / largest


def _frequency_error(look: Spectra, exact: Array, size: Array, snapshot: Snapshot) -> Array:
    return jnp.sqrt(look.power(snapshot.outputs[: len(exact), 0] - exact))[: len(size)] / size


def _clock(snapshot: Snapshot) -> Int[Array, ""]:
    """The wall clock when the outputs were there, in milliseconds, round again after 24 days."""
    return jax.pure_callback(_now, jax.ShapeDtypeStruct((), jnp.int32), jnp.sum(snapshot.outputs))


def _now(outputs: Any) -> np.ndarray:
    return np.asarray(int(time.time() * 1000) % ROUND, np.int32)


def seconds_since(clock: np.ndarray, began: float) -> np.ndarray:
    """Seconds from a moment on, of records of the clock; from the first record where that was earlier.

    Args:
        clock: milliseconds as recorded, in order.
        began: the moment, by `time.time`.

    Returns:
        As many seconds.
    """
    first = int(began * 1000) % ROUND
    passed = (clock.astype(np.int64) - first + ROUND // 2) % ROUND - ROUND // 2
    return (passed - min(int(passed[0]), 0)) / 1000
