"""A fitted network with the scaling of its inputs and outputs, as one safetensors file that says everything."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, StorageError, as_points
from simplebias.core.snapshot import evaluate
from simplebias.core.types import ArrayLike, Float
from simplebias.observation.preparation import Prepared
from simplebias.observation.weights import read_metadata, read_safetensors, refuse_pickle, write_safetensors

WEIGHTS, CARD = "weights.safetensors", "model"
"""The file of a fit's weights, and the name in its metadata of what inputs and outputs mean."""
NUMBERS = ("low", "high", "middle", "half", "shift", "stretch")
BLOCK = 65_536
"""Points evaluated at once."""
_DATES = re.compile(r"^dates in '(?P<name>.*)' converted to (?P<unit>\w+?)s( of .*)? since (?P<origin>.*)$")


@dataclasses.dataclass(frozen=True)
class Model:
    """A network in the units of its data: `f(x) = N((x - middle) / half) stretch + shift`.

    Args:
        network: N.
        inputs: names.
        outputs: names.
        low: least value of each input in the training, `(inputs,)`.
        high: largest.
        middle: see the formula, `(inputs,)`.
        half: see the formula.
        shift: see the formula, `(outputs,)`.
        stretch: see the formula.
        dates: for inputs that were dates, the day they count from, by name: `{"date": ("1958-03-29", "year")}`.

    No example: `read_model` gives it from the folder of a fit, and `simplebias.fitting.predict` uses it.
    """

    network: Any
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    middle: np.ndarray
    half: np.ndarray
    shift: np.ndarray
    stretch: np.ndarray
    dates: dict[str, tuple[str, str]] = dataclasses.field(default_factory=dict)

    def __call__(self, points: ArrayLike) -> Float[np.ndarray, "points outputs"]:
        """Values at points in the units of the data, `(points, inputs)` or `(points,)`.

        Returns:
            `(points, outputs)`.

        Raises:
            InputError: for points of another number of inputs, or that are not finite.
        """
        where = rows_of(points)
        if where.shape[1] != len(self.inputs):
            raise InputError(
                f"points with {len(self.inputs)} columns ({', '.join(self.inputs)})", f"{where.shape[1]} columns",
                "Give these columns, in this order or with these names.",
            )  # fmt: skip
        scaled = jnp.asarray((where - self.middle) / self.half, self.network.layers[0].weight.dtype)
        parts = [scaled[start : start + BLOCK] for start in range(0, len(scaled), BLOCK)]
        found = np.concatenate([np.asarray(_evaluate(self.network, part), float) for part in parts])
        return found * self.stretch + self.shift


def rows_of(points: ArrayLike, name: str = "points") -> Float[np.ndarray, "points inputs"]:
    """Points as `(points, inputs)` in float64 on the host, of which there may be a single one.

    Args:
        points: `(points, inputs)` or `(points,)`.
        name: what to call them in an error.

    Returns:
        `(points, inputs)`.

    Raises:
        InputError: for what `as_points` refuses.
    """
    shape = as_points(points, name).shape
    return np.asarray(points, float).reshape(shape)


_evaluate = eqx.filter_jit(evaluate)


def model_of(network: Any, prepared: Prepared) -> Model:
    """A model from a network and the data it was trained on.

    Args:
        network: trained on scaled points and values.
        prepared: the data with their scaling.

    Returns:
        The model.
    """
    sample, every = prepared.sample, np.arange(prepared.points.shape[1])
    least, most = sample.points.argmin(axis=0), sample.points.argmax(axis=0)
    low, high = sample.points[least, every], sample.points[most, every]
    start, stop = prepared.points[least, every], prepared.points[most, every]
    half = (high - low) / (stop - start)
    dates = {}
    for note in sample.notes:
        if (match := _DATES.match(note)) and match["name"] in sample.input_names:
            dates[match["name"]] = (match["origin"], match["unit"])
    return Model(
        network, sample.input_names, sample.output_names, low, high, low - start * half, half, prepared.shift,
        prepared.stretch, dates,
    )  # fmt: skip


def write_model(path: Path, model: Model) -> None:
    """Write a model as one file: a chain of linear layers, and what its numbers mean in the metadata.

    Args:
        path: the file, `weights.safetensors`.
        model: the model.

    Raises:
        StorageError: if it cannot be written.
    """
    card = {name: getattr(model, name) for name in ("inputs", "outputs", "dates")}
    card |= {name: getattr(model, name).tolist() for name in NUMBERS}
    write_safetensors(path, model.network, {CARD: json.dumps(card, ensure_ascii=False)})


def read_model(path: str | Path) -> Model:
    """Read a model.

    Args:
        path: the folder of a fit, or its `weights.safetensors`.

    Returns:
        The model.

    Raises:
        InputError: for a pickle, or weights that say nothing of their data.
        StorageError: for what is missing or damaged.

    Example:
        >>> read_model("nowhere")
        Traceback (most recent call last):
        simplebias.core.errors.StorageError: cannot read nowhere: it does not exist: name the folder of a fit
    """
    path = Path(path)
    refuse_pickle(path)
    if not path.exists():
        raise StorageError(f"cannot read {path}: it does not exist: name the folder of a fit")
    weights = path / WEIGHTS if path.is_dir() else path
    if not weights.is_file():
        raise StorageError(f"no fitted network in {path}: name the folder of a fit, or finish it with --resume")
    said = read_metadata(weights).get(CARD)
    if said is None:
        raise InputError(
            "weights that simplebias fit wrote, which say what inputs and outputs mean", f"none of that in {weights}",
            "Name the folder that simplebias fit wrote, or the weights.safetensors in it.",
        )  # fmt: skip
    try:
        card = json.loads(said)
        numbers = [np.asarray(card[name], float) for name in NUMBERS]
        dates = {name: (origin, unit) for name, (origin, unit) in card["dates"].items()}
        names = tuple(map(str, card["inputs"])), tuple(map(str, card["outputs"]))
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{weights} is damaged ({error}): restore it from a copy, or fit again") from error
    return Model(read_safetensors(weights), *names, **dict(zip(NUMBERS, numbers, strict=True)), dates=dates)


__all__ = ["CARD", "WEIGHTS", "Model", "model_of", "read_model", "write_model"]
