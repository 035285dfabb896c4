"""Reduction: a condensed network becomes a small one, the change of its output measured and, where known, bounded."""

from typing import TYPE_CHECKING, Any

import numpy as np

from simplebias.condensation.bounds import Edit
from simplebias.condensation.merging import Plan, merge_rule, plan_merges
from simplebias.condensation.reduced import (
    SEARCHED,
    Reduction,
    compare_outputs,
    data_points,
    measure_outputs,
    rounding_unit,
    some_points,
    task_losses,
    twin_shares,
)
from simplebias.core.errors import check_choice, check_positive
from simplebias.core.task import Task
from simplebias.core.types import ArrayLike
from simplebias.networks import Chain, chain_of, with_weights

if TYPE_CHECKING:
    import xarray

TRIED = 256
"""Most points on which a size is tried; costs are taken on twice as many, and what is reported on all."""
CURVE = 12
"""Sizes of the curve, besides those that the search tries."""
CONDENSED = 2.0
"""Times fewer neurons from which a network is called condensed,"""
FAITHFUL = 0.01
"""at this relative change of the output or less."""
RULES = ("weights", "outputs")


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
    dropped, with their mean added to the next bias. A neuron of a ResNet is the same in every hidden layer. Of a
    convolution a kernel is a neuron; where max-pooling follows, signs cannot be made up for, and before another
    convolution, which reads zeros around the picture, nothing can be added for what is dropped.

    Args:
        network: a TwoLayer, MLP, ResNet, SmallCNN or VGG; a normalisation is folded into the weights.
        data: points `(points, inputs)` without labels, or a task, whose loss is then told too. None for 512 fixed
            points of a ball around 0, where nothing is known of the inputs.
        tolerance: most relative change of the output; 0 for exact merges alone.
        by: "weights", or "outputs" to merge neurons whose outputs on the data are alike, whatever their weights, which
            has no bound elsewhere. Activations of which nothing is known are always merged by outputs, as a note says.
        radius: of the ball if there are no data, in units of the inputs.

    Returns:
        The small network, the map from old neurons to new, the measured change, a bound for any ball, and the curve of
        size against change. A network that does not shrink by half within 0.01, or the tolerance if that is less, is
        said to be not condensed, and a lossy `refit` is offered with its measured change.

    Raises:
        InputError: for another network, weights that are not finite, data that do not fit, or a negative tolerance.

    References:
        Zhang, Zhang, Luo, Xu, Embedding principle of loss landscape of deep neural networks, arXiv:2105.14573; Chen,
        Xu, arXiv:2405.01041, who merge at a threshold of cosine similarity: here merges are ordered by their cost.

    Example:
        >>> import jax
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
    chain, epsilon = chain_of(network), rounding_unit(network)
    points = data_points(data, chain.inputs, float(radius), network.layers[0].weight.dtype)
    known = merge_rule(chain.activation)
    rule = "outputs" if by == "outputs" else known
    some = some_points(points, chain, SEARCHED)
    plan = plan_merges(chain, some, epsilon, rule)
    search = _Search(plan, some[:: -(-len(some) // TRIED)].astype(points.dtype))
    strict = search.largest(min(float(tolerance), FAITHFUL))
    search.largest(float(tolerance))
    small, edits, changes = _finish(network, points, search, float(tolerance))
    condensed = sum(chain.widths) >= CONDENSED * strict
    return Reduction(
        network=small,
        original=network,
        assignment=_by_layer(edits),
        change=changes[0],
        largest_change=changes[1],
        tolerance=float(tolerance),
        condensed=condensed,
        rule=rule,
        similarity=tuple(twin_shares(chain, layer, known) for layer in range(len(chain.weights) - 1)),
        losses=task_losses(network, small, data),
        notes=_notes(chain, plan, rule, by, data),
        curve=search.curve(),
        edits=edits,
        data=data,
    )


class _Search:
    """Sizes that were tried, each with the change of the output on the points of the search."""

    def __init__(self, plan: Plan, points: np.ndarray):
        self.plan, self.points, self.tried = plan, points, {}
        self.outputs = plan.chain.astype(points.dtype).look(points)[2]

    def change(self, place: int) -> float:
        if place not in self.tried:
            chain, _ = self.plan.merged(self.plan.levels[place])
            outputs = chain.astype(self.points.dtype).look(self.points)[2]
            self.tried[place] = (chain.widths, *compare_outputs(self.outputs, outputs))
        return self.tried[place][1]

    def largest(self, tolerance: float) -> int:
        """Find the farthest place within the tolerance, after a look at places all over: how many neurons it has."""
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
        self.change(low)
        return sum(self.tried[low][0])

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
        data["layer"].attrs = {"symbol": "layer"}
        data["widths"].attrs = {"over": "size", "long_name": "neurons of the layer", "units": "1", "scale": "log"}
        data["widths"].attrs |= {"description": "How the neurons that are left are spread over the hidden layers."}
        return data


def _finish(network: Any, points: Any, search: _Search, tolerance: float) -> tuple[Any, tuple[Edit, ...], Any]:
    """The smallest network that keeps the tolerance on all points, in the network's own precision."""
    outputs = measure_outputs(network, points)
    levels, place = search.plan.levels, 0
    for one, (_, change, _) in search.tried.items():
        place = max(place, one) if change <= tolerance else place
    while True:
        chain, edits = search.plan.merged(levels[place])
        small = with_weights(network, chain)
        changes = compare_outputs(outputs, measure_outputs(small, points))
        if place == 0 or changes[0] <= tolerance:
            return small, edits, changes
        place = int(0.97 * place)


def _notes(chain: Chain, plan: Plan, whole: str, by: str, data: Any) -> tuple[str, ...]:
    notes, silent = [], [int((one.shares == 0).sum()) for one in plan.hierarchies]
    if "outputs" in plan.rules and by == "weights":
        notes.append(
            f"Nothing is known of the activation {chain.activation.name!r}: neurons are merged by their outputs."
        )
    for layer, rule in enumerate(plan.rules, start=1):
        if rule != whole:
            notes.append(f"Layer {layer}: max-pooling follows, so that neurons are not merged across a change of sign.")
    if data is None:
        notes.append("No data: the change is that on fixed points of a ball.")
    for layer, (count, hierarchy) in enumerate(zip(silent, plan.hierarchies, strict=True), start=1):
        if count:
            notes.append(
                f"Layer {layer}: {count} of {hierarchy.shares.size} neurons vary nothing in the output on the data and "
                "are dropped; inputs unlike the data may reach them (the bound counts that in)."
            )
    if all(count == one.shares.size for count, one in zip(silent, plan.hierarchies, strict=True)):
        notes.append("The output is constant on the data: the network is dead there, or the points are all alike.")
    return tuple(notes)


def _by_layer(edits: tuple[Edit, ...]) -> tuple[np.ndarray, ...]:
    return tuple(edit.assignment for edit in edits for _ in edit.group.producers)
