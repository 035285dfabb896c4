"""Reduction: a condensed network becomes a small one, the change of its output measured and, where known, bounded."""

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.condensation.bounds import Edit, output_bound
from simplebias.condensation.merging import Plan, merge_rule, plan_merges
from simplebias.core.errors import InputError, as_points, check_choice, check_positive
from simplebias.core.snapshot import evaluate
from simplebias.core.task import Task
from simplebias.core.types import ArrayLike
from simplebias.networks import Chain, chain_of, with_weights

if TYPE_CHECKING:
    import xarray

SEARCHED = 512
"""Most points on which sizes are tried; the change that is reported is measured on all."""
SIMILAR = (0.9, 0.95, 0.99, 0.999)
"""Cosine similarities at which neurons that have a twin are counted."""
CURVE = 14
"""Sizes of the curve, besides those that the search tries."""
CONDENSED = 2.0
"""Times fewer neurons from which a network is called condensed."""
RULES = ("weights", "outputs")
_evaluate = eqx.filter_jit(evaluate)


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
        condensed: whether there are at least two times fewer neurons.
        rule: which neurons say the same, see the notes.
        similarity: for each hidden layer the shares of neurons whose nearest other neuron has a cosine similarity of
            their extended input weights above 0.9, 0.95, 0.99, 0.999.
        losses: mean loss of the task before and after, None without a task.
        notes: sentences on what was found.
        curve: labelled data of size against change; draws itself in a report.
        edits: what became of each group of neurons.

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
    curve: "xarray.Dataset"
    edits: tuple[Edit, ...] = dataclasses.field(repr=False)

    @property
    def widths(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Neurons of each hidden layer before and after."""
        return _widths(chain_of(self.original)), _widths(chain_of(self.network))

    @property
    def parameters(self) -> tuple[int, int]:
        """Weights and biases before and after."""
        return _parameters(self.original), _parameters(self.network)

    @property
    def verdict(self) -> str:
        """A sentence: condensed or not, and what that rests on."""
        before, after = (sum(widths) for widths in self.widths)
        size = f"{before} neurons became {after} at a relative change of the output of {self.change:.2g}"
        if self.condensed:
            return f"Condensed: {size}."
        twins = ", ".join(f"{100 * layer[1]:.0f} %" for layer in self.similarity)
        return f"Not condensed: {size}; neurons with a twin of cosine similarity above 0.95, by layer: {twins}."

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
        old, new = chain_of(self.original), chain_of(self.network)
        epsilon = _epsilon(self.original) if rounding else 0.0
        return output_bound(old, new, self.edits, float(radius), epsilon=epsilon)

    def __str__(self) -> str:
        layers = [f"{a} → {b}" for a, b in zip(*self.widths, strict=True)]
        lines = [self.verdict, f"neurons by layer: {', '.join(layers)}", "parameters: {} → {}".format(*self.parameters)]
        lines.append(f"change of the output: {self.change:.3g} relative, {self.largest_change:.3g} at most")
        if self.losses:
            lines.append("loss: {:.4g} → {:.4g}".format(*self.losses))
        return "\n".join([*lines, *self.notes])


def reduce(
    network: Any,
    data: Task | ArrayLike | None = None,
    *,
    tolerance: float | int = 0.01,
    by: str = "weights",
    radius: float | int = 1.0,
) -> Reduction:
    """Make a condensed network small: merge neurons that say the same, and drop those that say nothing.

    Neurons of a layer say the same if their extended input weights `(w, b)` are positive multiples (ReLU), equal up to
    sign (odd and even activations) or equal (any other); their output weights are then summed with these factors.
    Nearly equal neurons merge too, those first whose merge changes the output least, in all layers at once, as long as
    the change on the data, `‖f′ - f‖ / ‖f‖`, stays within the tolerance. Neurons that vary nothing in the output are
    dropped, with their mean added to the next bias. A neuron of a ResNet is the same in every hidden layer.

    Args:
        network: a TwoLayer, MLP or ResNet.
        data: points `(points, inputs)` without labels, or a task, whose loss is then told too. None for 512 fixed
            points of a ball around 0, where nothing is known of the inputs.
        tolerance: most relative change of the output; 0 for exact merges alone.
        by: "weights", or "outputs" to merge neurons whose outputs on the data are alike, whatever their weights, which
            has no bound elsewhere. Activations of which nothing is known are always merged by outputs, as a note says.
        radius: of the ball if there are no data, in units of the inputs.

    Returns:
        The small network, the map from old neurons to new, the measured change, a bound for any ball, and the curve of
        size against change. A network that hardly shrinks is said to be not condensed.

    Raises:
        InputError: for another network, weights that are not finite, data that do not fit, or a negative tolerance.

    References:
        Zhang, Zhang, Luo, Xu, Embedding principle of loss landscape of deep neural networks, arXiv:2105.14573; Chen,
        Xu, arXiv:2405.01041, who merge at a threshold of cosine similarity: here merges are ordered by their cost.

    Example:
        >>> from simplebias.networks import TwoLayer, split
        >>> network = TwoLayer(2, 1, 3, key=jax.random.key(0))
        >>> wide = split(split(network, 1, 0, (0.2, 0.3, 0.5)), 1, 1)
        >>> small = reduce(wide, jax.random.normal(jax.random.key(1), (50, 2)))
        >>> small.widths, small.change < 1e-6
        (((6,), (3,)), True)
    """
    check_choice(by, "by", RULES)
    check_positive(tolerance, "tolerance", zero=True)
    check_positive(radius, "radius")
    chain, epsilon = chain_of(network), _epsilon(network)
    points = _points(data, chain.weights[0].shape[1], float(radius), network.layers[0].weight.dtype)
    known = merge_rule(chain.activation)
    rule = "outputs" if by == "outputs" else known
    some = np.asarray(points, np.float64)[:: -(-len(points) // SEARCHED)]
    plan = plan_merges(chain, some, epsilon, rule)
    search = _Search(plan, some)
    search.largest(float(tolerance))
    small, edits, changes = _finish(network, points, search, float(tolerance))
    before, after = (sum(_widths(one)) for one in (chain, chain_of(small)))
    return Reduction(
        network=small,
        original=network,
        assignment=_by_layer(edits),
        change=changes[0],
        largest_change=changes[1],
        tolerance=float(tolerance),
        condensed=before >= CONDENSED * after,
        rule=rule,
        similarity=tuple(_similarity(chain, layer, known) for layer in range(len(chain.weights) - 1)),
        losses=_losses(network, small, data),
        notes=_notes(chain, plan, by, data),
        curve=search.curve(),
        edits=edits,
    )


class _Search:
    """Sizes that were tried, each with the change of the output on the points of the search."""

    def __init__(self, plan: Plan, points: np.ndarray):
        self.plan, self.points, self.tried = plan, points, {}
        self.outputs = plan.chain.look(points)[2]

    def change(self, place: int) -> float:
        if place not in self.tried:
            chain, _ = self.plan.merged(self.plan.levels[place])
            self.tried[place] = (_widths(chain), *_changes(self.outputs, chain.look(self.points)[2]))
        return self.tried[place][1]

    def largest(self, tolerance: float) -> None:
        """Find the farthest place within the tolerance, after a look at places all over."""
        last = len(self.plan.levels) - 1
        for place in np.unique(last - np.round(np.geomspace(1, last + 1, CURVE)).astype(int) + 1):
            self.change(int(place))
        low, high = 0, last + 1
        for place in sorted(self.tried):
            if self.tried[place][1] <= tolerance:
                low, high = place, min([one for one in self.tried if one > place], default=last + 1)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.change(middle) <= tolerance else (low, middle)

    def curve(self) -> "xarray.Dataset":
        """Relative change over the number of neurons."""
        import xarray

        rows: dict[int, tuple[float, tuple[int, ...]]] = {}
        for place in sorted(self.tried):
            widths, change, _ = self.tried[place]
            if sum(widths) not in rows or rows[sum(widths)][0] > change:
                rows[sum(widths)] = (change, widths)
        sizes = sorted(rows)
        data = xarray.Dataset(
            {
                "output_change": ("size", [rows[size][0] for size in sizes]),
                "widths": (("layer", "size"), np.transpose([rows[size][1] for size in sizes])),
            },
            coords={"size": sizes, "layer": np.arange(1, len(rows[sizes[0]][1]) + 1)},
        )
        words = "Change of the output of the merged network on the data, over the neurons that are left."
        data["output_change"].attrs = {"over": "size", "long_name": "relative change of the output", "units": "1"}
        data["output_change"].attrs |= {"scale": "log", "description": words, "references": "zhang2021embedding"}
        data["size"].attrs = {"long_name": "neurons", "units": "1", "scale": "log"}
        data["widths"].attrs = {"over": "size", "long_name": "neurons of the layer", "units": "1", "scale": "log"}
        data["widths"].attrs |= {"description": "How the neurons that are left are spread over the hidden layers."}
        return data


def _finish(network: Any, points: Any, search: _Search, tolerance: float) -> tuple[Any, tuple[Edit, ...], Any]:
    """The smallest network that keeps the tolerance on all points, in the network's own precision."""
    outputs = np.asarray(_evaluate(network, points), np.float64)
    levels, place = search.plan.levels, 0
    for one, (_, change, _) in search.tried.items():
        place = max(place, one) if change <= tolerance else place
    while True:
        chain, edits = search.plan.merged(levels[place])
        small = with_weights(network, chain)
        changes = _changes(outputs, np.asarray(_evaluate(small, points), np.float64))
        if place == 0 or changes[0] <= tolerance:
            return small, edits, changes
        place = int(0.97 * place)


def _changes(old: np.ndarray, new: np.ndarray) -> tuple[float, float]:
    size, difference = np.linalg.norm(old), np.linalg.norm(new - old)
    relative = difference / size if size > 0 else difference / np.sqrt(old.size)
    return float(relative), float(np.max(np.abs(new - old)))


def _points(data: Any, inputs: int, radius: float, dtype: Any) -> Any:
    if data is None:
        draw = np.random.default_rng(0)  # fixed, so that the result is repeatable
        normal = draw.normal(size=(SEARCHED, inputs))
        lengths = radius * draw.random((SEARCHED, 1)) ** (1 / inputs)
        return jnp.asarray((normal / np.linalg.norm(normal, axis=1, keepdims=True) * lengths).astype(dtype))
    points = as_points(data.probe if isinstance(data, Task) else data, "data").astype(dtype)
    if points.shape[1] != inputs:
        raise InputError(f"data with {inputs} inputs, as the network has", f"{points.shape[1]}")
    return points


def _losses(network: Any, small: Any, data: Any) -> tuple[float, float] | None:
    if not isinstance(data, Task):
        return None
    key = jax.random.key(0)  # nothing is drawn: dropout is off
    batch = data.batch(None, key=key)
    before, after = (float(data.loss(eqx.nn.inference_mode(one), batch, key=key)) for one in (network, small))
    return before, after


def _similarity(chain: Chain, layer: int, rule: str) -> tuple[float, ...]:
    """Shares of neurons that have a twin."""
    rows = np.column_stack([chain.weights[layer], chain.biases[layer]])
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    units = rows / np.where(norms > 0, norms, 1)
    cosines = units @ units.T
    cosines = np.abs(cosines) if rule in {"linear", "odd", "even"} else cosines
    np.fill_diagonal(cosines, -1)
    nearest = cosines.max(axis=1)
    return tuple(float(np.mean(nearest > level)) for level in SIMILAR)


def _notes(chain: Chain, plan: Plan, by: str, data: Any) -> tuple[str, ...]:
    notes, silent = [], [int((one.shares == 0).sum()) for one in plan.hierarchies]
    if plan.rule == "outputs" and by == "weights":
        notes.append(
            f"Nothing is known of the activation {chain.activation.name!r}: neurons are merged by their outputs."
        )
    if data is None:
        notes.append("No data: the change is that on fixed points of a ball.")
    for layer, count in enumerate(silent, start=1):
        if count:
            notes.append(
                f"Layer {layer}: {count} neurons vary nothing in the output on the data and are dropped; inputs unlike "
                "the data may reach them (the bound counts that in)."
            )
    if all(count == one.shares.size for count, one in zip(silent, plan.hierarchies, strict=True)):
        notes.append("The output is constant on the data: the network is dead there.")
    return tuple(notes)


def _by_layer(edits: tuple[Edit, ...]) -> tuple[np.ndarray, ...]:
    return tuple(edit.assignment for edit in edits for _ in edit.group.producers)


def _widths(chain: Chain) -> tuple[int, ...]:
    return tuple(len(bias) for bias in chain.biases[:-1])


def _parameters(network: Any) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(network.layers))


@functools.cache
def _epsilon_of(name: str) -> float:
    return float(jnp.finfo(name).eps)


def _epsilon(network: Any) -> float:
    return _epsilon_of(network.layers[0].weight.dtype.name)
