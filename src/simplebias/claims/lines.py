"""Lines on which neurons condense, as evidence: cosines over training with predicted lines, and neurons that cohere."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from scipy.sparse.csgraph import connected_components

from simplebias.condensation import LIMIT, Directions, cosine_similarity, direction_field
from simplebias.core.snapshot import Measure, Snapshot
from simplebias.core.types import DIRECTION, NEURON, RECORD, Array

DESCRIPTION = "Cosine of each neuron's input weights (bias included) with the line that theory predicts."


class _LineCosines(eqx.Module):
    lines: Array
    limit: int = eqx.field(static=True)

    def __call__(self, snapshot: Snapshot) -> Array:
        return cosine_similarity(snapshot.neurons[0].extended[: self.limit], self.lines)


def line_measure(lines: Directions, *, limit: int = LIMIT) -> Measure:
    """Cosine of the first neurons with each predicted line.

    Args:
        lines: of `predicted_directions`.
        limit: most neurons.

    Returns:
        A measure with dimensions `(neuron, direction)`.
    """
    names = tuple(range(1, len(lines.lines) + 1))
    return Measure(
        _LineCosines(lines.lines, limit),
        (NEURON, DIRECTION),
        coords={DIRECTION: names},
        description=DESCRIPTION,
        references=("zhou2021condensation",),
        attributes={"long_name": "cosine with the predicted line"},
    )


def coherent(cosines: np.ndarray, threshold: float, *, least: int = 1) -> np.ndarray:
    """Sizes of groups of neurons, largest first: chains of pairs above the threshold join them.

    Args:
        cosines: `(neurons, neurons)`, of lines their moduli.
        threshold: cosine similarity.
        least: smaller groups are left out.

    Returns:
        Sizes; none for NaN.
    """
    alive = np.isfinite(np.diag(cosines))
    if not alive.any():
        return np.array([], int)
    _, labels = connected_components(cosines[np.ix_(alive, alive)] > threshold, directed=False)
    sizes = np.sort(np.bincount(labels))[::-1]
    return sizes[sizes >= least]


@functools.partial(jax.jit, static_argnames=("power", "steps"))
def climb(
    begin: Array, signs: Array, points: Array, residuals: Array, lines: Array, *, power: int, steps: int
) -> tuple[Array, Array, Array]:
    """Where neurons turn while residuals stay: `u ← s u + a F(u)`, normalised, F the field of `xᵖ / p`.

    The shift is `s = 0.3 mean |e| ‖x̃‖ᵖ`, enough for the iteration to rise.

    Args:
        begin: `(neurons, features)` orientations, with a bias if there is one column more than inputs.
        signs: `(neurons,)` signs a of the output weights.
        points: `(points, inputs)`.
        residuals: `(points, 1)`.
        lines: `(lines, features)`, with which cosines are taken.
        power: p.
        steps: how many.

    Returns:
        Orientations at the end, `a u·F(u)` there, positive where a neuron grows, and the cosines at every step,
        `(steps + 1, neurons, lines)`.
    """

    def force(units: Array) -> Array:
        return signs[:, None] * direction_field(units, points, residuals, lambda z: z**power / power)

    ones = begin.shape[1] - points.shape[1]
    lengths = jnp.sqrt(jnp.sum(points**2, axis=1) + ones)
    shift = 0.3 * jnp.mean(jnp.abs(residuals[:, 0]) * lengths**power)

    def advance(units: Array, _: None) -> tuple[Array, Array]:
        moved = shift * units + force(units)
        return moved / jnp.linalg.norm(moved, axis=1, keepdims=True), units @ lines.T

    begin = begin / jnp.linalg.norm(begin, axis=1, keepdims=True)
    ends, cosines = jax.lax.scan(advance, begin, length=steps + 1)
    return ends, jnp.sum(ends * force(ends), axis=1), cosines


def as_evidence(cosines: np.ndarray, at: np.ndarray) -> xr.Dataset:
    """Cosines `(steps, neurons, lines)` at some steps, labelled as what `line_measure` records."""
    attributes = {"description": DESCRIPTION, "long_name": "cosine with the predicted line"}
    return xr.Dataset(
        {"cosine": ((RECORD, NEURON, DIRECTION), np.asarray(cosines)[at], attributes)},
        {"step": (RECORD, at), DIRECTION: np.arange(1, cosines.shape[2] + 1)},
    )
