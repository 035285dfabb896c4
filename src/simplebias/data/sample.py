"""A Sample: real data as arrays, with names, units, where they come from, and all that was done to them."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simplebias.core.errors import InputError
from simplebias.core.types import Float, Int


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Sample:
    """Points with the values to fit, or with the classes to tell apart.

    Args:
        name: what to call it.
        points: `(points, inputs)`, float64.
        values: `(points, outputs)`, float64, for regression; None for classification.
        labels: `(points,)` whole numbers `0 … classes - 1`, for classification; None for regression.
        class_names: of the labels, in order; empty for regression.
        input_names: one for each input.
        input_units: one for each input, in the singular (a frequency is in cycles per unit); `""` if unknown.
        output_names: one for each column of `values`; for classification the one name of what the classes are.
        output_units: one for each output name; `""` if unknown.
        lattice: `(rows, columns)` if the points are the pixels of one picture in row-major order.
        image_shape: `(height, width)` or `(height, width, channels)` if each point is a picture.
        source: where the data come from.
        licence: under which they may be used; `""` if unknown.
        notes: everything that was done to the data on reading.
        path: the file or folder that was read.
        read_with: the arguments of `read` that read it, to read it again; None for data made otherwise.

    Example:
        >>> import numpy as np
        >>> line = np.linspace(0.0, 1.0, 4)[:, None]
        >>> Sample("line", line, values=2 * line, input_names=("x",), input_units=("",), output_names=("y",),
        ...        output_units=("",))
        Sample(line: regression, 4 points, inputs x, outputs y)
    """

    name: str
    points: Float[np.ndarray, "points inputs"]
    values: Float[np.ndarray, "points outputs"] | None = None
    labels: Int[np.ndarray, " points"] | None = None
    class_names: tuple[str, ...] = ()
    input_names: tuple[str, ...] = ()
    input_units: tuple[str, ...] = ()
    output_names: tuple[str, ...] = ()
    output_units: tuple[str, ...] = ()
    lattice: tuple[int, int] | None = None
    image_shape: tuple[int, ...] | None = None
    source: str = ""
    licence: str = ""
    notes: tuple[str, ...] = ()
    path: Path | None = None
    read_with: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if (self.values is None) == (self.labels is None):
            raise InputError("either values or labels", "both" if self.labels is not None else "neither")
        lengths = (len(self.input_names), len(self.input_units))
        if lengths != (self.points.shape[1], self.points.shape[1]):
            raise InputError(f"a name and a unit for each of {self.points.shape[1]} inputs", f"{lengths}")
        outputs = 1 if self.values is None else self.values.shape[1]
        if (len(self.output_names), len(self.output_units)) != (outputs, outputs):
            raise InputError(f"a name and a unit for each of {outputs} outputs", f"{len(self.output_names)} names")

    @property
    def kind(self) -> str:
        """`regression` or `classification`."""
        return "classification" if self.values is None else "regression"

    @property
    def size(self) -> int:
        """Number of points."""
        return self.points.shape[0]

    def __repr__(self) -> str:
        few = 4
        shown = ", ".join(self.input_names[:few]) + (f" … ({len(self.input_names)})" * (len(self.input_names) > few))
        outputs = f"{len(self.class_names)} classes of " * (self.values is None) + ", ".join(self.output_names)
        return f"Sample({self.name}: {self.kind}, {self.size} points, inputs {shown}, outputs {outputs})"


def complete(sample: Sample, *, rows: Sequence[int] | np.ndarray | None = None, keep_constant: bool = False) -> Sample:
    """The checks that any data pass last: enough points, something to learn, and notes on what cannot be learned.

    Constant inputs are dropped with a note (never pixels of pictures), repeated points are kept with a note.

    Args:
        sample: what was read, all finite.
        rows: for each point, its row in the file, to name it in notes.
        keep_constant: whether inputs that never vary are kept.

    Returns:
        The sample, with constant inputs left out and notes added.

    Raises:
        InputError: for fewer than two points, a constant target, or inputs that are all constant.

    Example:
        >>> import numpy as np
        >>> points = np.array([[0.0, 7.0], [1.0, 7.0], [2.0, 7.0]])
        >>> plane = Sample("plane", points, values=points[:, :1] ** 2, input_names=("x", "always"),
        ...                input_units=("", ""), output_names=("y",), output_units=("",))
        >>> complete(plane).input_names
        ('x',)
    """
    where = sample.path or sample.name
    if sample.size < 2:
        raise InputError(f"at least two rows of data in {where}", f"{sample.size}", "Give more data.")
    sample = _check_target(sample, where)
    if sample.image_shape is None and not keep_constant:
        sample = _drop_constant_inputs(sample, where)
    return dataclasses.replace(sample, notes=sample.notes + _repetitions(sample, rows))


def _target(sample: Sample) -> np.ndarray:
    if sample.values is not None:
        return sample.values
    return np.asarray(sample.labels)[:, None]


def _check_target(sample: Sample, where: Path | str) -> Sample:
    target = _target(sample)
    constant = (target == target[0]).all(axis=0)
    if constant.all():
        level = sample.class_names[int(target[0, 0])] if sample.values is None else f"{target[0, 0]:g}"
        raise InputError(
            f"a target that varies in {where}",
            f"{', '.join(sample.output_names)} equal to {level} in all {sample.size} rows",
            "There is nothing to learn: choose another column with --target, or read more of the file with --limit.",
        )
    flat = [name for name, same in zip(sample.output_names, constant, strict=True) if same]
    note = (f"constant outputs kept: {', '.join(flat)}",) if flat else ()
    return dataclasses.replace(sample, notes=sample.notes + note)


def _drop_constant_inputs(sample: Sample, where: Path | str) -> Sample:
    varies = (sample.points != sample.points[0]).any(axis=0)
    if varies.all():
        return sample
    if not varies.any():
        raise InputError(
            f"inputs that vary in {where}",
            f"{', '.join(sample.input_names)} constant over all {sample.size} rows",
            "Choose other columns with --inputs, or read more of the file.",
        )
    kept = np.flatnonzero(varies)
    dropped = ", ".join(name for name, keep in zip(sample.input_names, varies, strict=True) if not keep)
    return dataclasses.replace(
        sample,
        points=sample.points[:, kept],
        input_names=tuple(sample.input_names[i] for i in kept),
        input_units=tuple(sample.input_units[i] for i in kept),
        lattice=None,
        notes=(*sample.notes, f"constant inputs left out: {dropped}"),
    )


def _repetitions(sample: Sample, rows: Sequence[int] | np.ndarray | None) -> tuple[str, ...]:
    """Notes on points that occur more than once, telling those with different targets from plain repetitions."""
    points = np.ascontiguousarray(sample.points + 0.0)  # -0.0 and 0.0 are the same point
    keys = points.view(np.dtype((np.void, points.shape[1] * points.itemsize))).ravel()
    _, group, counts = np.unique(keys, return_inverse=True, return_counts=True)
    if (counts == 1).all():
        return ()
    order = np.argsort(group, kind="stable")
    starts = np.r_[0, np.cumsum(counts)[:-1]]
    target = _target(sample)[order]
    spread = np.maximum.reduceat(target, starts) != np.minimum.reduceat(target, starts)
    conflict = spread.any(axis=1)
    notes = []
    for chosen, words in (
        (conflict, "with different targets, which no function can fit exactly"),
        (~conflict & (counts > 1), "with the same target; all are kept"),
    ):
        if chosen.any():
            count = int(chosen.sum())
            first = min(np.flatnonzero(chosen), key=lambda k: order[starts[k]])
            place = ""
            if rows is not None:
                pair = order[starts[first] : starts[first] + 2]
                place = f" (first: rows {int(rows[pair[0]])} and {int(rows[pair[1]])})"
            notes.append(f"{count} point{'s' * (count > 1)} given more than once {words}{place}")
    return tuple(notes)
