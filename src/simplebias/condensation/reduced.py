"""What a reduction returns: the small network, where its neurons came from, and by how much the output changed."""

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.condensation.bounds import Edit, output_bound
from simplebias.core.errors import InputError, as_points, check_positive
from simplebias.core.snapshot import count_parameters, evaluate
from simplebias.core.task import Task, task_loss
from simplebias.networks import Chain, chain_of

if TYPE_CHECKING:
    import xarray

SEARCHED = 512
"""Most points on which costs of merges are taken; the change that is reported is measured on all."""
NUMBERS = 2**24
"""Most numbers that hidden layers may give on these points; of pictures fewer points are taken."""
TOGETHER = 256
"""Pictures that a convolutional network is evaluated on at once."""
SIMILAR = (0.9, 0.95, 0.99, 0.999)
"""Cosine similarities at which neurons that have a twin are counted."""
evaluate_compiled = eqx.filter_jit(evaluate)


@eqx.filter_jit
def _evaluate_in_parts(network: Any, points: Any) -> Any:
    return jax.lax.map(eqx.nn.inference_mode(network), points, batch_size=TOGETHER)


def measure_outputs(network: Any, points: Any) -> np.ndarray:
    """Outputs in the network's own precision, as float64; pictures by parts, so that patches need little memory."""
    by_parts = bool(chain_of(network).pictures) and len(points) > TOGETHER
    outputs = (_evaluate_in_parts if by_parts else evaluate_compiled)(network, points)
    return np.asarray(outputs, np.float64)


def some_points(points: Any, chain: Chain, most: int) -> np.ndarray:
    """Evenly spaced points as float64, at most so many, fewer where each gives many numbers."""
    numbers = sum(picture.pixels * width for picture, width in zip(chain.pictures, chain.widths, strict=False))
    most = min(most, max(16, NUMBERS // max(numbers, 1)))
    return np.asarray(points[:: -(-len(points) // most)], np.float64)


@dataclasses.dataclass(frozen=True)
class Reduction:
    """A small network, where its neurons came from, and by how much the output changed.

    Args:
        network: the small network, of the same class.
        original: what it was made of.
        assignment: for each hidden layer, for each old neuron the new one that speaks for it, -1 where it was dropped.
        change: `‖f′ - f‖ / ‖f‖` over the data and outputs; where f is zero on the data, `‖f′‖`'s mean square root.
        largest_change: largest |f′ - f|, in units of the output.
        tolerance: the budget that was set for `change`.
        condensed: whether there are at least two times fewer neurons at a change of 0.01, or of the tolerance if less.
        rule: which neurons say the same, see the notes.
        similarity: for each hidden layer the shares of neurons whose nearest other neuron has a cosine similarity of
            their extended input weights above 0.9, 0.95, 0.99, 0.999.
        losses: mean loss of the task before and after, None without a task.
        notes: sentences on what was found.
        curve: labelled data of size against change; draws itself in a report. None of a refit.
        edits: what became of each group of neurons; empty of a refit.
        data: what the change was measured on; None for none, or of a refit.

    No example: `reduce` shows it.
    """

    network: Any
    original: Any
    assignment: tuple[np.ndarray, ...]
    change: float
    largest_change: float
    tolerance: float
    condensed: bool
    rule: str
    similarity: tuple[tuple[float, ...], ...]
    losses: tuple[float, float] | None
    notes: tuple[str, ...]
    curve: "xarray.Dataset | None"
    edits: tuple[Edit, ...] = dataclasses.field(repr=False)
    data: Any = dataclasses.field(repr=False)

    @property
    def widths(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Neurons of each hidden layer before and after."""
        return chain_of(self.original).widths, chain_of(self.network).widths

    @property
    def parameters(self) -> tuple[int, int]:
        """Weights and biases before and after."""
        return count_parameters(self.original), count_parameters(self.network)

    @property
    def verdict(self) -> str:
        """A sentence: condensed or not, and what that rests on."""
        before, after = (sum(widths) for widths in self.widths)
        size = f"{before} neurons became {after} at a relative change of the output of {self.change:.2g}"
        if self.rule == "refit":
            return f"Refitted: {size}."
        if self.condensed:
            return f"Condensed: {size}."
        twins = ", ".join(f"{100 * layer[1]:.0f} %" for layer in self.similarity)
        return f"Not condensed: {size}; neurons with a twin of cosine similarity above 0.95, by layer: {twins}."

    @functools.cached_property
    def offer(self) -> "Reduction | None":
        """Where the network is not condensed: a lossy `refit` to half of its neurons, made when first asked for.

        None for a condensed network, a ResNet, and without data.
        """
        from simplebias.condensation.refitting import refit

        possible = not self.condensed and self.data is not None and not chain_of(self.original).shortcut
        return refit(self.original, self.data) if possible else None

    def bound(self, radius: float | int, *, rounding: bool = False) -> float:
        """Bound on `‖f′(x) - f(x)‖₂` for all inputs with `‖x‖₂ ≤ radius`.

        Args:
            radius: of the ball, in units of the inputs.
            rounding: whether rounding in the networks' own precision is included, which is rarely of that size.

        Returns:
            The bound, in units of the output; at rounding level where all merges were exact; infinite where neurons
            were merged by their outputs or the activation has no known slope.
        """
        check_positive(radius, "radius", zero=True)
        if not self.edits:
            return float("inf")
        old, new = chain_of(self.original), chain_of(self.network)
        epsilon = rounding_unit(self.original) if rounding else 0.0
        return output_bound(old, new, self.edits, float(radius), epsilon=epsilon)

    def __str__(self) -> str:
        layers = [f"{a} → {b}" for a, b in zip(*self.widths, strict=True)]
        lines = [self.verdict, f"neurons by layer: {', '.join(layers)}", "parameters: {} → {}".format(*self.parameters)]
        lines.append(f"change of the output: {self.change:.3g} relative, {self.largest_change:.3g} at most")
        if self.losses:
            lines.append("loss: {:.4g} → {:.4g}".format(*self.losses))
        if self.offer:
            lines.append(f"At a loss: {self.offer.verdict} See simplebias.condensation.refit.")
        return "\n".join([*lines, *self.notes])


def compare_outputs(old: np.ndarray, new: np.ndarray) -> tuple[float, float]:
    """Relative change, or its root mean square where the old outputs are zero, and the largest change."""
    size, difference = np.linalg.norm(old), np.linalg.norm(new - old)
    relative = difference / size if size > 0 else difference / np.sqrt(old.size)
    return float(relative), float(np.max(np.abs(new - old)))


def data_points(data: Any, inputs: int, radius: float, dtype: Any) -> Any:
    """Points of a task or an array, or fixed points of a ball."""
    if data is None:
        draw = np.random.default_rng(0)  # fixed, so that the result is repeatable
        normal = draw.normal(size=(SEARCHED, inputs))
        lengths = radius * draw.random((SEARCHED, 1)) ** (1 / inputs)
        return jnp.asarray((normal / np.linalg.norm(normal, axis=1, keepdims=True) * lengths).astype(dtype))
    points = as_points(data.probe if isinstance(data, Task) else data, "data").astype(dtype)
    if points.shape[1] != inputs:
        raise InputError(f"data with {inputs} inputs, as the network has", f"{points.shape[1]}")
    return points


def task_losses(network: Any, small: Any, data: Any) -> tuple[float, float] | None:
    """Loss before and after, where there is a task."""
    if not isinstance(data, Task):
        return None
    return float(task_loss(network, data)), float(task_loss(small, data))


def twin_shares(chain: Chain, layer: int, rule: str) -> tuple[float, ...]:
    """Shares of neurons that have a twin."""
    rows = np.column_stack([chain.weights[layer], chain.biases[layer]])
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    units = rows / np.where(norms > 0, norms, 1)
    cosines = units @ units.T
    cosines = np.abs(cosines) if rule in {"linear", "odd", "even"} else cosines
    np.fill_diagonal(cosines, -1)
    nearest = cosines.max(axis=1)
    return tuple(float(np.mean(nearest > level)) for level in SIMILAR)


def rounding_unit(network: Any) -> float:
    """Distance of 1 to the next number in the precision of the weights."""
    return float(jnp.finfo(network.layers[0].weight.dtype).eps)
