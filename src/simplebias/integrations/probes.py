"""What a watched model is asked: the probe points as it takes them, and as the measures of frequency see them."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from simplebias.core.errors import InputError, as_array, as_points, as_values, check_choice
from simplebias.data import Sample, complete
from simplebias.frequency.sampling import host_array
from simplebias.integrations.modules import mapped, size_of, taken, tensors_of
from simplebias.observation.preparation import Prepared

KINDS = ("auto", "values", "logits", "probabilities")
"""What a model's outputs may be."""
FEW, MANY = 256, 10_000
"""Most probe points for many inputs, and for one or two, where leaving points out would hide high frequencies."""
WIDE = 32
"""Inputs from which on they are taken for those of a picture, of which constant ones are not told."""
TOKENS = 20_000
"""Most columns that tokens are spread out to."""


@dataclasses.dataclass(frozen=True)
class Probes:
    """The probe points and what the outputs are held against.

    Args:
        inputs: what the model is called with: tensors on the host, of all points, held out ones last.
        prepared: the same for measures.
        kind: "values", "logits" or "probabilities".
    """

    inputs: Any
    prepared: Prepared
    kind: str

    def measured(self, outputs: np.ndarray) -> np.ndarray:
        """Outputs as measures take them: values scaled to the targets' mean 0 and std 1, classes as logits.

        Args:
            outputs: what the model gave, `(points, outputs)`.

        Returns:
            `(points, outputs)`; a single logit z becomes (0, z), a single probability p the logs of 1 - p and p.

        Raises:
            InputError: if there are not as many columns as targets.
        """
        columns = self.prepared.targets.shape[1]
        if self.kind == "values":
            if outputs.shape[1] != columns:
                raise InputError(f"{columns} outputs, as many as values", f"{outputs.shape[1]}", "Give read=.")
            return (outputs - self.prepared.shift) / self.prepared.stretch
        if outputs.shape[1] == 1 and columns == 2:
            first = 0 * outputs if self.kind == "logits" else 1 - outputs
            outputs = np.concatenate([first, outputs], axis=1)
        if outputs.shape[1] < columns:
            raise InputError(f"an output for each of {columns} classes", f"{outputs.shape[1]}", "Give read=.")
        if self.kind == "probabilities":
            return np.log(np.maximum(outputs, np.finfo(outputs.dtype).tiny))
        return outputs


def make_probes(
    model: nn.Module,
    points: Any,
    values: Any,
    evaluate: Callable[[Any], np.ndarray],
    *,
    kind: str = "auto",
    validation: tuple[Any, Any] | None = None,
    coordinates: Any = None,
    limit: int | None = None,
    names: Sequence[str] | None = None,
) -> Probes:
    """Check what the user gave and find out what the model's outputs are.

    Args:
        model: the module.
        points: a tensor or array with a row for each point; a tuple of them, or a mapping, for a model that takes
            several.
        values: targets `(points, outputs)` or `(points,)`; classes as whole numbers `(points,)` or one-hot rows.
        evaluate: the model's outputs for inputs.
        kind: what the outputs are; "auto" finds out by their shape and numbers.
        validation: more points and values, which the model is not trained on.
        coordinates: `(points, inputs)`, where the points are, held-out ones last; the inputs themselves if None.
        limit: most points taken of each; None for what suits the number of inputs.
        names: of the coordinates.

    Returns:
        The probes.

    Raises:
        InputError: for data that cannot be used or do not fit each other or the model.
    """
    check_choice(kind, "kind", KINDS)
    given = [(as_inputs(points, model, "points"), values)]
    if validation is not None:
        given.append((as_inputs(validation[0], model, "validation points"), validation[1]))
    where = _coordinates([inputs for inputs, _ in given], coordinates)
    limit = limit or (MANY if where[0].shape[1] <= 2 else FEW)
    rows = [np.unique(np.linspace(0, len(one) - 1, min(len(one), limit)).astype(int)) for one in where]
    inputs = [taken(one, torch.as_tensor(some)) for (one, _), some in zip(given, rows, strict=True)]
    joined = inputs[0] if len(inputs) == 1 else _joined(*inputs)
    targets = [host_array(one).reshape(as_array(one, "values").shape) for _, one in given]
    for one, place in zip(targets, where, strict=True):
        if one.ndim not in {1, 2} or len(one) != len(place):
            raise InputError(f"values with {len(place)} rows, one for each point", f"shape {one.shape}")
    wanted = np.concatenate([one[some] for one, some in zip(targets, rows, strict=True)])
    whole = _is_whole(values)
    outputs = evaluate(taken(joined, slice(0, 64)))
    found = _kind(outputs, wanted, whole) if kind == "auto" else kind
    notes = [
        f"{len(some)} of {len(one)} {what} points taken as probes, evenly spaced"
        for one, some, what in zip(where, rows, ("given", "held-out"), strict=False)
        if len(some) < len(one)
    ]
    place = np.concatenate([one[some] for one, some in zip(where, rows, strict=True)])
    pictures = tensors_of(joined)[0].ndim > 2 or place.shape[1] > WIDE
    sample = _sample(type(model).__name__, place, wanted, found, outputs.shape[1], names, pictures)
    return Probes(joined, _prepared(sample, len(rows[0]), notes), found)


def as_inputs(points: Any, model: nn.Module, name: str) -> Any:
    """Inputs as tensors on the host; whole numbers become floats where the model has no embedding to look them up."""
    tokens = any(isinstance(module, nn.Embedding | nn.EmbeddingBag) for module in model.modules())

    def tensor(one: Any) -> torch.Tensor:
        try:
            made = one.detach().cpu().clone() if isinstance(one, torch.Tensor) else torch.tensor(np.asarray(one))
        except (TypeError, ValueError) as error:
            raise InputError(f"{name} as tensors or arrays", f"a {type(one).__name__}") from error
        if made.ndim == 0 or not made.numel():
            raise InputError(f"{name} with a row for each", f"shape {tuple(made.shape)}")
        return made if made.is_floating_point() or tokens else made.float()

    if not isinstance(points, Mapping | tuple):
        points = np.asarray(points) if isinstance(points, list) else points
    made = mapped(points, tensor)
    sizes = {len(one) for one in tensors_of(made)}
    if len(sizes) != 1:
        raise InputError(f"{name} with equally many rows", f"{sorted(sizes)}")
    return made


def _joined(first: Any, second: Any) -> Any:
    """Two sets of inputs, one below the other."""
    if isinstance(first, Mapping):
        return {name: torch.cat([first[name], second[name]]) for name in first}
    if isinstance(first, tuple):
        return tuple(torch.cat(pair) for pair in zip(first, second, strict=True))
    return torch.cat([first, second])


def _coordinates(inputs: list[Any], given: Any) -> list[np.ndarray]:
    """Where the points are, `(points, inputs)` of each set."""
    sizes = [size_of(one) for one in inputs]
    if given is not None:
        whole = host_array(given).reshape(as_points(given, "coordinates").shape)
        if len(whole) != sum(sizes):
            raise InputError(f"coordinates of {sum(sizes)} points", f"{len(whole)} rows")
    else:
        floats = [[one.flatten(1) if one.ndim > 1 else one[:, None] for one in tensors_of(x) if one.is_floating_point()]
                  for x in inputs]  # fmt: skip
        if floats[0]:
            whole = np.concatenate([torch.cat(one, 1).double().numpy() for one in floats])
        else:
            whole = _spread_out(np.concatenate([tensors_of(one)[0].flatten(1).numpy() for one in inputs]))
    return np.split(whole, np.cumsum(sizes)[:-1])


def _spread_out(tokens: np.ndarray) -> np.ndarray:
    """Tokens as one-hot rows, those that never differ left out: the square of a distance counts what differs, twice."""
    columns = [(tokens[:, [k]] == np.unique(tokens[:, k])).astype(float) for k in range(tokens.shape[1])]
    kept = [one for one in columns if one.shape[1] > 1]
    if not kept or sum(one.shape[1] for one in kept) > TOKENS:
        raise InputError(
            f"tokens that spread out to 1 … {TOKENS} columns", f"{sum(one.shape[1] for one in kept)}",
            "Give coordinates= of the points, such as an embedding of each text.",
        )  # fmt: skip
    return np.concatenate(kept, axis=1)


def _is_whole(values: Any) -> bool:
    """Whether values came as whole numbers or booleans."""
    if isinstance(values, torch.Tensor):
        return not values.is_floating_point()
    return np.asarray(values).dtype.kind in "iub"


def _kind(outputs: np.ndarray, wanted: np.ndarray, whole: bool) -> str:
    """What the outputs are, by what they are held against and by their numbers."""
    columns = outputs.shape[1]
    flat = wanted[:, 0] if wanted.ndim == 2 and wanted.shape[1] == 1 else wanted
    one_hot = wanted.ndim == 2 and wanted.shape[1] > 1 and np.isin(wanted, (0, 1)).all() and (wanted.sum(1) == 1).all()
    binary = whole and columns == 1 and flat.ndim == 1 and np.isin(flat, (0, 1)).all()
    indexed = whole and columns > 1 and flat.ndim == 1
    if not (one_hot and columns > 1) and not binary and not indexed:
        return "values"
    inside = (outputs >= 0).all() and (outputs <= 1).all()
    return "probabilities" if inside and (binary or np.allclose(outputs.sum(1), 1, atol=1e-3)) else "logits"


def _sample(
    model: str,
    place: np.ndarray,
    wanted: np.ndarray,
    kind: str,
    columns: int,
    names: Sequence[str] | None,
    pictures: bool,
) -> Sample:
    inputs = place.shape[1]
    called = tuple(names) if names else ("x",) if inputs == 1 else tuple(f"x{k + 1}" for k in range(inputs))
    common: dict[str, Any] = {"input_names": called, "input_units": ("",) * inputs, "source": "tensors in memory"}
    common["image_shape"] = (inputs,) if pictures else None  # constant pixels are no reason for a note
    if kind == "values":
        targets = wanted.reshape(as_values(wanted, len(place)).shape)
        outputs = ("y",) if targets.shape[1] == 1 else tuple(f"y{k + 1}" for k in range(targets.shape[1]))
        made = Sample(model, place, values=targets, output_names=outputs, output_units=("",) * len(outputs), **common)
    else:
        labels = wanted.argmax(1) if wanted.ndim == 2 and wanted.shape[1] > 1 else wanted.reshape(-1)
        classes = max(columns, 2)
        if not np.isin(labels, np.arange(classes)).all():
            raise InputError(f"labels as whole numbers from 0 to {classes - 1}, one for each output", "others")
        common |= {"class_names": tuple(map(str, range(classes))), "output_names": ("class",), "output_units": ("",)}
        made = Sample(model, place, labels=labels.astype(np.int64), **common)
    return complete(made)


def _prepared(sample: Sample, trained: int, notes: list[str]) -> Prepared:
    """The probes as what `observe` prepares: all points, those held out last."""
    rows = np.arange(sample.size)
    if sample.labels is None:
        assert sample.values is not None
        shift, stretch = sample.values.mean(axis=0), sample.values.std(axis=0)
        stretch = np.where(stretch > 0, stretch, 1.0)
        targets = (sample.values - shift) / stretch
    else:
        targets = np.eye(len(sample.class_names))[sample.labels]
        shift, stretch = np.zeros(targets.shape[1]), np.ones(targets.shape[1])
    if trained < sample.size:
        notes.append(f"{sample.size - trained} of {sample.size} probe points are held out for validation")
    everything = (*sample.notes, *notes)
    return Prepared(
        sample, sample.points, targets, sample.labels, rows[:trained], rows[trained:], shift, stretch, everything
    )
