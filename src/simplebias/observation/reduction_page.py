"""What a reduction says in tables and figures: before and after, side by side."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from simplebias.condensation import amplitude, angle, cosine_similarity
from simplebias.condensation.reduced import measure_outputs
from simplebias.core.task import Classification, Task, task_loss
from simplebias.core.types import LAYER, SEED, SIZE
from simplebias.observation.gathering import SIZES, on_sizes
from simplebias.observation.measuring import output_change, task_accuracy, time_calls
from simplebias.observation.wording import number, percent, table

if TYPE_CHECKING:
    from simplebias.observation.reducing import Material, Reduced, Source

DRAWN = 400
"""Outputs drawn of one network against another."""
BALL = 512
"""Points of a ball on which speed is measured where there are no data."""


def points_of(material: "Material") -> Any:
    """The points of the data, None if there are none."""
    return material.training.probe if isinstance(material.training, Task) else material.training


def reduction_data(members: Sequence["Reduced"], material: "Material") -> xr.Dataset:
    """Labelled data of a reduction: size against change, and features and outputs before and after.

    Args:
        members: what became of each network.
        material: the data.

    Returns:
        Data that draw themselves by their attributes.
    """
    parts = [_curves(members), _features(members[0])]
    points = points_of(material)
    if points is not None:
        parts.append(_outputs(members[0], points))
    return xr.merge(parts, combine_attrs="override")


def _curves(members: Sequence["Reduced"]) -> xr.Dataset:
    total = sum(members[0].reduction.widths[0])
    tried = np.concatenate([one.reduction.curve[SIZE].values for one in members if one.reduction.curve is not None])
    usual = np.rint(np.geomspace(1, max(total, 1), SIZES))
    sizes = np.unique(np.concatenate([tried, usual]).astype(int))
    sizes = sizes[(sizes > 0) & (sizes >= tried.min())]
    found = [on_sizes(one.reduction, sizes) for one in members]
    words = "Least change of the output found with at most so many neurons: like neurons merged, null neurons dropped."
    common = {"over": SIZE, "section": "Neurons", "units": "1", "scale": "log", "references": "zhang2021embedding"}
    change = {"long_name": "relative change of the output", "panel": "Size against change", "description": words}
    spread = {"long_name": "neurons of the layer", "description": "How the neurons that are left are spread."}
    layers = np.arange(1, len(found[0][1]) + 1)
    return xr.Dataset(
        {
            "output_change": ((SEED, SIZE), np.stack([one[0] for one in found]), common | change),
            "widths": ((SEED, LAYER, SIZE), np.stack([one[1] for one in found]), common | spread),
        },
        {
            SIZE: (SIZE, sizes, {"long_name": "neurons", "units": "1", "scale": "log"}),
            LAYER: (LAYER, layers, {"symbol": "layer"}),
            SEED: [one.label for one in members],
        },
    )


def _features(one: "Reduced") -> xr.Dataset:
    """The first layer before and after: orientation and amplitude, and how near its nearest other each neuron is."""
    found: dict[str, Any] = {}
    coords: dict[str, Any] = {}
    stages = (("before", one.reduction.original, "target"), ("after", one.chosen, "network"))
    for rank, (when, network, role) in enumerate(stages, 1):  # drawn in the order of their names
        neurons = network.neurons()[0]
        count = len(neurons.input_weights)
        common = {"section": "Neurons", "role": role, "units": "1", "long_name": f"{when} the reduction"}
        if count and neurons.input_weights.shape[1] == 1 and neurons.bias is not None:
            over = f"orientation_{when}"
            text = "Each point is a neuron of the first layer of the first network, ‖a‖·‖(w, b)‖ over atan2(b, w)."
            attributes = common | {"over": over, "panel": "Orientation and amplitude", "marks": "points"}
            attributes |= {"axis": "amplitude", "description": text}
            found[f"amplitude_{rank}_{when}"] = (over, np.asarray(amplitude(neurons)), attributes)
            coords[over] = (over, np.asarray(angle(neurons)), {"long_name": "orientation", "units": "radians"})
        if count > 1:
            cosines = np.array(cosine_similarity(neurons))
            np.fill_diagonal(cosines, -1)
            over = f"rank_{when}"
            text = "Neurons of the first layer of the first network with a twin have a cosine similarity near 1."
            attributes = common | {"over": over, "panel": "How near the nearest other neuron is"}
            attributes |= {"axis": "cosine similarity to the nearest other", "description": text}
            found[f"nearest_{rank}_{when}"] = (over, np.sort(cosines.max(axis=1))[::-1], attributes)
            coords[over] = (over, (np.arange(count) + 0.5) / count, {"long_name": "share of the neurons"})
    return xr.Dataset(found, coords)


def _outputs(one: "Reduced", points: Any) -> xr.Dataset:
    """Outputs before and after: over the one input, or one against the other."""
    old, new = measure_outputs(one.reduction.original, points), measure_outputs(one.chosen, points)
    common = {"section": "The fit", "panel": "Outputs before and after", "units": "1"}
    words = "Outputs of the first network on the data, before and after its reduction."
    if points.shape[1] == 1:
        order = np.argsort(np.asarray(points)[:, 0], kind="stable")
        order = order[:: -(-len(order) // DRAWN)]
        attributes = common | {"over": "place", "description": words, "axis": "output"}
        drawn = {
            f"output_{k + 1}_{rank}_{when}": ("place", values[order, k], attributes | {"role": role, "long_name": when})
            for k in range(min(old.shape[1], 2))
            for rank, when, values, role in ((1, "before", old, "target"), (2, "after", new, "network"))
        }
        words = "What the reduction changed, for the first output."
        attributes |= {"panel": "Change of the output", "description": words, "axis": "after − before"}
        change = attributes | {"role": "network", "long_name": "after − before"}
        drawn["output_change_over_input"] = ("place", (new - old)[order, 0], change)
        place = ("place", np.asarray(points, float)[order, 0], {"long_name": "input, as the network reads it"})
        return xr.Dataset(drawn, {"place": place})
    flat = slice(None, None, -(-old.size // DRAWN))
    across, up = old.ravel()[flat], new.ravel()[flat]
    ends = np.array([across.min(), across.max()])
    attributes = common | {"description": f"{words} On the line nothing changed.", "axis": "output after"}
    named = {"long_name": "output before"}
    return xr.Dataset(
        {
            "output_1_same": ("same", ends, attributes | {"over": "same", "role": "target", "long_name": "no change"}),
            "output_2_after": (
                "output_before",
                up,
                attributes | {"over": "output_before", "role": "network", "marks": "points", "long_name": "after"},
            ),
        },
        {"same": ("same", ends, named), "output_before": ("output_before", across, named)},
    )


def summarise_reductions(
    found: "Source", members: Sequence["Reduced"], material: "Material", plan: Mapping[str, Any]
) -> dict[str, Any]:
    """Headline, advice and a table for each network.

    Args:
        found: where the networks come from.
        members: what became of each.
        material: the data.
        plan: tolerance and the like.

    Returns:
        `title`, `headline`, `advice`, `notes` and `tables`, all plain data.
    """
    verdicts = [(f"Seed {one.label}: " if one.label else "") + one.reduction.verdict for one in members]
    notes = [f"seed {one.label}: {note}" if one.label else note for one in members for note in one.reduction.notes]
    return {
        "title": f"{found.name}: a smaller network that does the same",
        "headline": " ".join(verdicts),
        "advice": _advice(members, plan),
        "notes": [*found.notes, *material.notes, *dict.fromkeys(notes)],
        "tables": [_table(one, material, plan) for one in members],
    }


def _advice(members: Sequence["Reduced"], plan: Mapping[str, Any]) -> str:
    if plan["keep"] is not None or all(one.reduction.condensed for one in members):
        words = "The small network is written: use it in place of the large one"
        return words + ("." if plan["retrain"] else ", or train it on with --retrain.")
    offers = [one.lossy for one in members if one.lossy is not None]
    if not offers:
        return "Not condensed: a larger --tolerance makes the network smaller, at that change of its output."
    change = percent(float(np.median([one.change for one in offers])))
    return (
        f"Not condensed. At a loss: --keep 0.5 keeps half of the neurons and refits the next layer, "
        f"with a measured change of the output of {change}; add --retrain to win some back."
    )


def _table(one: "Reduced", material: "Material", plan: Mapping[str, Any]) -> dict[str, Any]:
    """Before, and each network that came of it."""
    columns: list[tuple[str, Any]] = [("before", one.reduction.original), ("reduced", one.reduction.network)]
    if one.lossy is not None:
        columns.append(("refitted" if plan["keep"] is not None else "offered refit", one.lossy.network))
    if one.retrained is not None:
        columns.append(("trained on", one.chosen))
    networks = [network for _, network in columns]
    rows = [
        ["neurons by layer", *[", ".join(str(len(layer.weight)) for layer in each.layers[:-1]) for each in networks]],
        ["parameters", *[number(sum(_size(layer) for layer in each.layers)) for each in networks]],
    ]
    rows += _change_rows(networks, material, one)
    for task, where in ((material.training, "training"), (material.validation, "validation")):
        if isinstance(task, Task):
            rows.append([f"loss, {where}", *[f"{float(task_loss(each, task)):.4g}" for each in networks]])
        if isinstance(task, Classification):
            rows.append([f"accuracy, {where}", *[percent(task_accuracy(each, task)) for each in networks]])
    rows += _speed_rows(networks, material)
    title = f"Before and after, seed {one.label}" if one.label else "Before and after"
    note = f"tolerance {percent(plan['tolerance'])}; change: ‖f′ − f‖ / ‖f‖ against the network before; "
    note += "times of compiled calls in turn, × as fast"
    return table(title, ["", *[name for name, _ in columns]], rows, note)


def _size(layer: Any) -> int:
    return layer.weight.size + (0 if layer.bias is None else layer.bias.size)


def _change_rows(networks: Sequence[Any], material: "Material", one: "Reduced") -> list[list[str]]:
    rows, points = [], points_of(material)
    if points is None:
        changes = [one.reduction.change, *([one.lossy.change] if one.lossy is not None else [])]
        return [["output change, points of a ball", "", *[percent(change) for change in changes]]]
    held = material.validation.probe if material.validation is not None else None
    for where, some in (("training", points), ("validation", held)):
        if some is None:
            continue
        changes = [output_change(networks[0], each, some) for each in networks[1:]]
        rows.append([f"output change, {where}", "", *[percent(change) for change, _ in changes]])
        rows.append([f"largest change, {where}", "", *[f"{largest:.3g}" for _, largest in changes]])
    return rows


def _speed_rows(networks: Sequence[Any], material: "Material") -> list[list[str]]:
    points = points_of(material)
    if points is None:
        shape = (BALL, networks[0].layers[0].weight.shape[1])
        points = np.random.default_rng(0).normal(size=shape).astype(networks[0].layers[0].weight.dtype)
    seconds, count = time_calls(networks, points)
    shown = [f"{1e3 * seconds[0]:.3g} ms"]
    shown += [f"{1e3 * time:.3g} ms ({seconds[0] / time:.2g} ×)" for time in seconds[1:]]
    return [[f"time for {number(count)} points", *shown]]
