"""What the figures see of a Run: its variables over training, with dimensions in one order and labels ready to draw."""

import dataclasses
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr

from simplebias.core.run import Run, is_record, step_name
from simplebias.core.types import (
    BAND,
    CASE,
    DIRECTION,
    FEATURE,
    FILTER_WIDTH,
    FREQUENCY,
    INPUT,
    LAYER,
    LOCAL_FREQUENCY,
    MIRROR_FREQUENCY,
    NEURON,
    NEURON_OTHER,
    OUTPUT,
    PART,
    POINT,
    POSITION,
    SEED,
    THRESHOLD,
    WINDOW,
)
from simplebias.reports.style import label, thin

ORDER = (
    *(POINT, INPUT, DIRECTION, FILTER_WIDTH, PART, FREQUENCY, MIRROR_FREQUENCY, BAND),
    *(WINDOW, LOCAL_FREQUENCY, POSITION),
    *(CASE, LAYER, THRESHOLD, NEURON, NEURON_OTHER, FEATURE, OUTPUT),
)
"""Order of the dimensions of what figures get, whatever the order in the dataset."""


@dataclasses.dataclass(frozen=True)
class Variable:
    """One measure over training.

    Args:
        name: in the dataset.
        values: `(seeds, records, ...)`; a run without an ensemble has one seed.
        dims: names of the dimensions after seeds and records.
        steps: the steps of the records.
        array: the labelled array itself.
        plain: it has no records, but an attribute `over` that names the dimension to draw it over, the last of `dims`.
    """

    name: str
    values: np.ndarray
    dims: tuple[str, ...]
    steps: np.ndarray
    array: xr.DataArray
    plain: bool = False

    @property
    def title(self) -> str:
        """What it is called, as plain text."""
        return str(self.array.attrs.get("long_name") or self.name.replace("_", " "))

    @property
    def unit(self) -> str:
        """Its unit, as plain text, empty for pure numbers."""
        unit = str(self.array.attrs.get("units", ""))
        return "" if unit in {"1", "dimensionless"} else unit

    @property
    def label(self) -> str:
        """Title of an axis, safe to draw."""
        return label(f"{self.title} ({self.unit})" if self.unit else self.title)

    @property
    def description(self) -> str:
        """One sentence on it, as plain text, with its capital and its full stop."""
        text = str(self.array.attrs.get("description", "")).strip()
        return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) or not text else ".")

    @property
    def references(self) -> tuple[str, ...]:
        """Keys of the bibliography."""
        return tuple(str(self.array.attrs.get("references", "")).split())

    @property
    def last(self) -> int:
        """Index of the last record at which some member still has finite values."""
        finite = np.isfinite(self.values).reshape(*self.values.shape[:2], -1).any(axis=(0, 2))
        return int(np.flatnonzero(finite)[-1]) if finite.any() else 0

    def names(self, dimension: str) -> list[str]:
        """Names along a dimension, as plain text; its numbers from 0 if it has none."""
        return [_name(value) for value in self.coordinate(dimension)]

    def coordinate(self, dimension: str) -> np.ndarray:
        """Values along a dimension; its numbers from 0 if it has none."""
        return coordinate(self.array, dimension)

    def median(self) -> np.ndarray:
        """Median over seeds, those that diverged left out, `(records, ...)`."""
        return median(self.values)


@dataclasses.dataclass(frozen=True)
class Reading:
    """A run read for drawing.

    Args:
        data: the labelled data.
        variables: those with a record dimension and something recorded.
        detail: share of the usual number of points to draw, at most 1.
        plain: variables without a record dimension that say over which dimension they are to be drawn.
    """

    data: xr.Dataset
    variables: tuple[Variable, ...]
    detail: float = 1.0
    plain: tuple[Variable, ...] = ()

    def most(self, usual: int, least: int = 8) -> int:
        """How many of something to draw, at the present detail."""
        return max(int(usual * self.detail), least)

    def frames(self, steps: np.ndarray, last: int, usual: int) -> list[int]:
        """Indices of the records that a slider offers, up to `last`."""
        return thin(min(last + 1, len(steps)), self.most(usual, 4)).tolist()

    def constant(self, name: object, *dims: str) -> np.ndarray | None:
        """Values of a variable that does not change in training, None unless it is there with these dimensions."""
        if name not in self.data or set(self.data[name].dims) != set(dims):
            return None
        return self.data[name].transpose(*dims).values

    def power(self, *dims: str) -> np.ndarray | None:
        """Power of the target: squared modulus of the first constant with these dimensions, such as frequency."""
        for array in self.data.data_vars.values():
            if set(array.dims) == set(dims):
                return np.abs(array.transpose(*dims).values) ** 2
        return None

    @property
    def points(self) -> np.ndarray | None:
        """Inputs, `(points, inputs)`."""
        return self.constant("points", POINT, INPUT)

    @property
    def lattice(self) -> tuple[int, int] | None:
        """Rows and columns if the points are the pixels of a picture."""
        parts = str(self.data.attrs.get("lattice", "")).split(",")
        if len(parts) != 2 or not all(part.strip().isdigit() for part in parts):
            return None
        rows, columns = (int(part) for part in parts)
        return (rows, columns) if rows * columns == self.data.sizes.get(POINT, -1) else None

    def target(self, variable: Variable) -> np.ndarray | None:
        """What `variable` should become, as its attribute `target` names it, `dims` without seeds and records."""
        return self.constant(variable.array.attrs.get("target", "target"), *variable.dims)

    def input_name(self, index: int) -> str:
        """Name and unit of an input, as plain text."""
        names, units = self.data.coords.get(INPUT), self.data.coords.get("input_unit")
        name = _name(names.values[index]) if names is not None else f"input {index + 1}"
        unit = str(units.values[index]) if units is not None else ""
        return f"{name} ({unit})" if unit else name

    def output_name(self, variable: Variable, index: int) -> str:
        """Name of an output and its unit, as plain text."""
        name = variable.names(OUTPUT)[index] if OUTPUT in variable.array.coords else f"output {index + 1}"
        return f"{name} ({variable.unit})" if variable.unit and variable.unit not in name else name

    def frequency_name(self) -> str:
        """Title of an axis of frequencies, as plain text."""
        coordinate = self.data.coords.get("frequency")
        unit = str(coordinate.attrs.get("units", "")) if coordinate is not None else ""
        return f"frequency ({unit})" if unit else "frequency"


def read(run: Run, detail: float = 1.0) -> Reading:
    """Read a run for drawing.

    Args:
        run: the run.
        detail: share of the usual number of points to draw.

    Returns:
        Its variables over training, sorted by name: what is read from disk comes in any order.
    """
    found, plain = [], []
    for name, array in sorted(run.data.data_vars.items(), key=lambda item: str(item[0])):
        plain.append(_plain(str(name), array))
        records = [str(dim) for dim in array.dims if is_record(dim)]
        if len(records) != 1 or array.size == 0 or array.dtype.kind not in "fciub":
            continue
        rest = _in_order(str(dim) for dim in array.dims if dim != SEED and dim != records[0])
        ordered = array.transpose(*((SEED,) if SEED in array.dims else ()), records[0], *rest)
        values = ordered.values if SEED in array.dims else ordered.values[None]
        values = values if values.dtype.kind in "fc" else values.astype(float)
        step = run.data.coords.get(step_name(records[0]))
        steps = step.values if step is not None else np.arange(values.shape[1])
        found.append(Variable(str(name), values, rest, np.asarray(steps), array))
    plain = (
        _plain(str(name), array) for name, array in sorted(run.data.data_vars.items(), key=lambda one: str(one[0]))
    )
    return Reading(run.data, tuple(found), detail, tuple(one for one in plain if one is not None))


def _plain(name: str, array: xr.DataArray) -> Variable | None:
    """A variable to be drawn over the dimension that its attribute `over` names, beside seeds and one or two more."""
    over = str(array.attrs.get("over", ""))
    rest = [str(dim) for dim in array.dims if dim not in {SEED, over}]
    real = array.dtype.kind in "fiub" and array.size > 0
    most = 2 if array.attrs.get("marks") == "sections" else 1  # rows and columns of each
    if over not in array.dims or len(rest) > most or any(map(is_record, array.dims)) or not real:
        return None
    if coordinate(array, over).dtype.kind not in "fiu" and array.attrs.get("marks") != "categories":
        return None
    dims = (*rest, over)
    values = array.transpose(*((SEED,) if SEED in array.dims else ()), *dims).values.astype(float)
    values = values if SEED in array.dims else values[None]
    return Variable(name, values[:, None], dims, np.zeros(1, int), array, plain=True)


def _in_order(dims: Iterable[str]) -> tuple[str, ...]:
    """Dimensions in the order in which figures index them; those nobody knows stand last, as they came."""
    return tuple(sorted(dims, key=lambda dim: ORDER.index(dim) if dim in ORDER else len(ORDER)))


def coordinate(array: xr.DataArray, dimension: str) -> np.ndarray:
    """Values along a dimension; its numbers from 0 if it has none."""
    return array.coords[dimension].values if dimension in array.coords else np.arange(array.sizes[dimension])


def beside(array: xr.DataArray, name: str, dimension: str) -> np.ndarray | None:
    """A coordinate `name` that lies along `dimension`, None if it is not there."""
    there = name in array.coords and array.coords[name].dims == (dimension,)
    return array.coords[name].values if there else None


def median(values: np.ndarray) -> np.ndarray:
    """Median over the first axis, NaN left out; of moduli where the values are complex."""
    real = np.abs(values) if np.iscomplexobj(values) else values
    if real.shape[0] == 1:
        return real[0]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN", RuntimeWarning)
        return np.nanmedian(real, axis=0)


def _name(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return f"{value:.4g}"
    return str(value)
