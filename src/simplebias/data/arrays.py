"""NumPy's files as samples: .npz with named arrays, .npy with a table or a series. Nothing pickled is ever opened."""

import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from simplebias.core.errors import InputError
from simplebias.data.classes import as_classes
from simplebias.data.columns import select
from simplebias.data.files import damaged, load, refuse_content
from simplebias.data.sample import Sample, complete

_INPUTS = ("points", "x", "X")
_TARGETS = {"points": ("values", "labels"), "x": ("y", "Y"), "X": ("y", "Y")}


def read_array(
    path: Path,
    *,
    inputs: Any = None,
    target: Any = None,
    classification: bool | None = None,
    limit: int | None = None,
    keep_constant: bool = False,
) -> Sample:
    """Read NumPy arrays.

    Args:
        path: `.npz` with `points` and `values` (or `labels`), or `x` and `y`; or `.npy` with a table, one sample in
            each row, or with a series, whose input is the index.
        inputs: for `.npz` the name of the array of points, for `.npy` column numbers from 1.
        target: likewise; by default the last column.
        classification: whether the target names classes; by default only if it is text or called `labels`.
        limit: keep the first so many complete rows.
        keep_constant: whether inputs that never vary are kept.

    Returns:
        The sample. Points of more than two dimensions are pictures: flattened, with `image_shape` set, and divided by
        255 if they are unsigned bytes.

    Raises:
        InputError: for arrays that are pickled, missing, not numbers, of wrong shape or infinite.
        StorageError: if the file cannot be read.
    """
    content = load(path)
    if path.suffix.lower() == ".npz":
        if not content.startswith(b"PK\x03\x04"):
            refuse_content(path, "NumPy arrays (.npz)", content)
        points, values, names = _from_archive(_arrays(content, path), inputs, target, classification, path)
        classification = True if names[1] == "labels" and classification is None else classification
    else:
        if not content.startswith(b"\x93NUMPY"):
            refuse_content(path, "a NumPy array (.npy)", content)
        points, values, names = _from_table(_arrays(content, path)[""], inputs, target, path)
    return _assemble(path, points, values, names, classification, limit, keep_constant)


def _arrays(content: bytes, path: Path) -> dict[str, np.ndarray]:
    """All arrays of an archive by name, or the only one under the name `""`."""
    try:
        opened = np.load(io.BytesIO(content), allow_pickle=False)
        return {"": opened} if isinstance(opened, np.ndarray) else {name: opened[name] for name in opened.files}
    except (ValueError, EOFError, OSError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        if "allow_pickle" in str(error):
            raise InputError(
                f"plain numeric arrays in {path}",
                "pickled Python objects, which can run foreign code when opened",
                "Save them again as arrays of numbers, all of one shape.",
            ) from error
        raise damaged(path, "NumPy file", error) from error


def _from_archive(
    arrays: Mapping[str, np.ndarray], inputs: Any, target: Any, classification: bool | None, path: Path
) -> tuple[np.ndarray, np.ndarray, tuple[str, str]]:
    found = ", ".join(f"{name} {np.shape(array)}" for name, array in arrays.items()) or "none"
    first = inputs if inputs is not None else next((name for name in _INPUTS if name in arrays), None)
    choices = list(_TARGETS.get(str(first), ("values", "labels", "y", "Y")))
    if classification:
        choices.sort(key=lambda name: name != "labels")
    second = target if target is not None else next((name for name in choices if name in arrays), None)
    for option, name in (("--inputs", first), ("--target", second)):
        if not isinstance(name, str) or name not in arrays:
            expected = "arrays points and values (or x and y)" if name is None else f"an array {name!r}"
            raise InputError(f"{expected} in {path}", f"these arrays: {found}", f"Name one of them with {option}.")
    points, values = arrays[str(first)], arrays[str(second)]
    if first == second:
        raise InputError(f"two different arrays of {path}", f"{first!r} as both", "Name another with --target.")
    if points.ndim == 0 or values.ndim not in (1, 2) or len(points) != len(values):
        raise InputError(
            f"points (n, …) and values (n,) or (n, outputs) with the same n in {path}",
            f"{first} {points.shape} and {second} {values.shape}",
            "Save them with one sample in each row.",
        )
    return points, values, (str(first), str(second))


def _from_table(
    table: np.ndarray, inputs: Any, target: Any, path: Path
) -> tuple[np.ndarray, np.ndarray, tuple[str, str]]:
    if table.ndim == 1 and table.dtype.names is None:
        if inputs is not None or target is not None:
            raise InputError(f"no choice of columns for {path}", "one", "It is a series: its input is the index.")
        return np.arange(len(table), dtype=np.float64), table, ("index", "value")
    if table.ndim != 2:
        shape = "named fields" if table.dtype.names else f"shape {table.shape}"
        raise InputError(
            f"a series (n,) or a table (n, columns) in {path}", shape, "Save points and values in an .npz file."
        )
    if table.shape[1] == 1 and inputs is None and target is None:
        return np.arange(len(table), dtype=np.float64), table, ("index", "value")
    names = [f"column {position}" for position in range(1, table.shape[1] + 1)]
    chosen, targets = select(names, inputs, target, path)
    if not chosen:
        raise InputError(f"an input column in {path}", "none", "Leave --target away: the index is the input.")
    return table[:, chosen], table[:, targets], ("column", "column")


def _as_numbers(array: np.ndarray, name: str, path: Path) -> np.ndarray:
    if array.dtype.kind not in "fiub":
        words = "complex numbers" if array.dtype.kind == "c" else f"type {array.dtype}"
        remedy = "Save real and imaginary parts as two columns." if array.dtype.kind == "c" else "Save it as numbers."
        raise InputError(f"real numbers in array {name!r} of {path}", words, remedy)
    numbers = array.astype(np.float64)
    if np.isinf(numbers).any():
        row = int(np.argwhere(np.isinf(numbers))[0][0])
        raise InputError(
            f"finite numbers in array {name!r} of {path}", f"infinity in row {row} (from 0)", "Correct or remove it."
        )
    return numbers


def _assemble(
    path: Path,
    points: np.ndarray,
    values: np.ndarray,
    names: tuple[str, str],
    classification: bool | None,
    limit: int | None,
    keep_constant: bool,
) -> Sample:
    if points.size == 0 or values.size == 0:
        raise InputError(f"numbers in {path}", f"empty arrays {points.shape}, {values.shape}", "Save them again.")
    notes: list[str] = []
    image_shape = tuple(points.shape[1:]) if points.ndim > 2 else None
    flat = _as_numbers(points, names[0], path).reshape(len(points), -1)
    if image_shape and points.dtype == np.uint8:
        flat, _ = flat / 255.0, notes.append("bytes of pictures divided by 255")
    text = values.dtype.kind == "U"
    answers = values.reshape(len(values), -1)
    answers = answers if text else _as_numbers(answers, names[1], path)
    bad = np.isnan(flat).any(axis=1) | (np.zeros(len(flat), bool) if text else np.isnan(answers).any(axis=1))
    if bad.any():
        if bad.all():
            raise InputError(f"rows without NaN in {path}", "none", "Remove columns that are NaN throughout.")
        notes.append(f"{int(bad.sum())} rows with NaN left out (first: {int(np.flatnonzero(bad)[0])}, from 0)")
    rows = np.flatnonzero(~bad)
    if limit is not None and len(rows) > limit:
        notes.append(f"first {limit} of {len(rows)} rows kept")
        rows = rows[:limit]
    flat, answers = flat[rows], answers[rows]
    labels, class_names = None, ()
    if classification or text:
        if answers.shape[1] != 1:
            raise InputError(f"one column of classes in {path}", f"{answers.shape[1]}", "Name one with --target.")
        labels, class_names = as_classes(answers[:, 0], name=names[1], path=path, forced=bool(classification))
    input_names, output_names = _numbered(names[0], flat.shape[1]), _numbered(names[1], answers.shape[1])
    sample = Sample(
        name=path.stem,
        points=flat,
        values=None if labels is not None else answers,
        labels=labels,
        class_names=class_names,
        input_names=input_names,
        input_units=("",) * len(input_names),
        output_names=output_names,
        output_units=("",) * len(output_names),
        image_shape=image_shape,
        source=str(path),
        notes=tuple(notes),
        path=path,
    )
    return complete(sample, rows=rows, keep_constant=keep_constant)


def _numbered(name: str, count: int) -> tuple[str, ...]:
    return (name,) if count == 1 else tuple(f"{name} {position}" for position in range(1, count + 1))
