"""Values of a fitted network at new points: a table, an array, or a range of numbers."""

import datetime
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simplebias.core.errors import InputError, StorageError
from simplebias.core.storage import storage_errors, write_atomic
from simplebias.core.types import ArrayLike, Float
from simplebias.data.cells import parse_column
from simplebias.data.tables import _open
from simplebias.fitting.model import Model, read_model, rows_of

RANGE = re.compile(r"^([^:\s]+):([^:\s]+):(\d+)$")
"""`0:10:101`, from, to, and how many."""
TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet")
MARGIN = 1e-6
"""Share of the range by which a point may lie outside it unnoticed."""
UNITS = {"year": 365.25 * 86400.0, "day": 86400.0, "hour": 3600.0, "second": 1.0}


class ExtrapolationWarning(UserWarning):
    """Points outside the range that the network was trained on."""


def predict(
    model: str | Path | Model, points: str | Path | ArrayLike, *, out: str | Path | None = None
) -> Float[np.ndarray, "points outputs"]:
    """Values of a fitted network at new points, in the units of the data it was fitted to.

    Args:
        model: the folder of a fit, its `weights.safetensors`, or a `Model`.
        points: an array `(points, inputs)`; a table (`.csv`, `.tsv`, `.parquet`) with the inputs' columns by name, or
            as many columns; a `.npy` file; or for one input a range such as `0:10:101` (from, to, how many).
        out: a new `.csv` or `.npy` file to write: the points with the values beside them, or the values alone.

    Returns:
        `(points, outputs)`.

    Raises:
        InputError: for points of another number of columns or with values that are missing or not finite, a range for
            several inputs, or a model that is none.
        StorageError: for files that are missing, damaged, or already there.

    Warns:
        ExtrapolationWarning: for points outside the range of the training, of which a network knows nothing.

    No example: it takes the folder of a fit; docs/fitting.md shows it.
    """
    return _predict(model, points, out)[2]


def points_and_values(
    model: str | Path | Model, points: str | Path | ArrayLike, *, out: str | Path | None = None
) -> str:
    """What `predict` finds, as a table with the points.

    Args:
        model: see `predict`.
        points: see `predict`.
        out: see `predict`.

    Returns:
        Comma-separated text.

    No example: the command line prints it.
    """
    fitted, where, found = _predict(model, points, out)
    return as_csv(fitted.inputs, fitted.outputs, where, found)


def _predict(model: Any, points: Any, out: Any) -> tuple[Model, np.ndarray, np.ndarray]:
    fitted = model if isinstance(model, Model) else read_model(model)
    if out is not None:
        _check_target(Path(out))
    where = _read_points(fitted, points)
    found = fitted(where)
    _warn_outside(fitted, where)
    if out is not None:
        _write(Path(out), fitted, where, found)
    return fitted, where, found


def _read_points(fitted: Model, points: Any) -> np.ndarray:
    if not isinstance(points, str | Path):
        return rows_of(points)
    text = str(points)
    if match := RANGE.match(text):
        return _range(fitted, *match.groups())
    path = Path(points)
    if not path.exists():
        raise StorageError(f"cannot read {path}: it does not exist: name a table, a .npy file, or a range as 0:10:101")
    if path.name.lower().endswith(".npy"):
        with storage_errors(path, "read"):
            try:
                array = np.load(path, allow_pickle=False)
            except ValueError as error:
                raise StorageError(f"{path} is damaged or no array of numbers ({error}): write it anew") from error
        return rows_of(array, f"points in {path}")
    if not path.name.lower().endswith(TABLES):
        raise InputError("points as .csv, .tsv, .parquet, .npy, or a range as 0:10:101", str(path))
    return _table(fitted, path)


def _range(fitted: Model, first: str, last: str, count: str) -> np.ndarray:
    if len(fitted.inputs) != 1:
        raise InputError(
            f"points with {len(fitted.inputs)} columns ({', '.join(fitted.inputs)})", "a range of one input",
            "Give a table or a .npy file.",
        )  # fmt: skip
    try:
        ends = [float(first), float(last)]
    except ValueError:
        ends = [np.nan]
    if not np.isfinite(ends).all() or int(count) < 1:
        raise InputError("a range as from:to:how-many, such as 0:10:101", f"{first}:{last}:{count}")
    return np.linspace(ends[0], ends[-1], int(count))[:, None]


def _table(fitted: Model, path: Path) -> np.ndarray:
    """The inputs' columns of a table, by name, or in order where there are as many."""
    table = _open(path, None)
    missing = [name for name in fitted.inputs if name not in table.names]
    if not missing:
        places = [table.names.index(name) for name in fitted.inputs]
    elif len(table.names) == len(fitted.inputs) and all(name.startswith("column") for name in table.names):
        places = list(range(len(table.names)))
    else:
        raise InputError(
            f"columns {', '.join(fitted.inputs)} in {path}", f"columns {', '.join(table.names)}",
            f"Name the columns so; {', '.join(missing)} cannot be found.",
        )  # fmt: skip
    columns = []
    for place, name in zip(places, fitted.inputs, strict=True):
        column = parse_column(table.columns[place], table.names[place], table.rows, path, text=False)
        bad = column.missing | ~np.isfinite(np.where(column.missing, 0.0, column.entries))
        if bad.any():
            row = int(table.rows[np.flatnonzero(bad)[0]])
            raise InputError(
                f"finite numbers in column {name!r} of {path}", f"a missing or infinite one in row {row}",
                "Fill the cell, or leave the row out.",
            )  # fmt: skip
        columns.append(_since(fitted, name, column.entries, column.kind == "dates", path))
    return np.stack(columns, axis=1)


def _since(fitted: Model, name: str, entries: np.ndarray, dated: bool, path: Path) -> np.ndarray:
    """A column of dates as numbers from the day on from which the network counts."""
    if not dated:
        return entries
    if name not in fitted.dates:
        raise InputError(f"numbers in column {name!r} of {path}, as in the training", "dates", "Convert them.")
    origin, unit = fitted.dates[name]
    start = datetime.datetime.fromisoformat(origin.removesuffix(" UTC")).replace(tzinfo=datetime.UTC)
    return (entries - start.timestamp()) / UNITS[unit]


def _warn_outside(fitted: Model, where: np.ndarray) -> None:
    room = MARGIN * (fitted.high - fitted.low)
    outside = ((where < fitted.low - room) | (where > fitted.high + room)).any(axis=1)
    if outside.any():
        spans = zip(fitted.inputs, fitted.low, fitted.high, strict=True)
        ranges = ", ".join(f"{name} {low:.6g} to {high:.6g}" for name, low, high in spans)
        words = f"{int(outside.sum())} of {len(where)} points lie outside the range of the training ({ranges})"
        warnings.warn(f"{words}: there the values mean nothing", ExtrapolationWarning, stacklevel=4)


def _check_target(path: Path) -> None:
    if path.suffix.lower() not in {".csv", ".npy"}:
        raise InputError("a file ending in .csv or .npy to write", str(path))
    if path.exists():
        raise StorageError(f"{path} is there already: name another file")


def _write(path: Path, fitted: Model, where: np.ndarray, found: np.ndarray) -> None:
    if path.suffix.lower() == ".npy":
        import io

        buffer = io.BytesIO()
        np.save(buffer, found)
        write_atomic(path, buffer.getvalue())
        return
    write_atomic(path, as_csv(fitted.inputs, fitted.outputs, where, found))


def as_csv(inputs: Sequence[str], outputs: Sequence[str], where: np.ndarray, found: np.ndarray) -> str:
    """Points and values as a table.

    Args:
        inputs: names of the inputs.
        outputs: names of the outputs.
        where: `(points, inputs)`.
        found: `(points, outputs)`.

    Returns:
        Comma-separated text with a line of names.

    Example:
        >>> print(as_csv(("x",), ("y",), np.array([[0.5]]), np.array([[2.0]])).strip())
        x,y
        0.5,2.0
    """
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*inputs, *outputs])
    writer.writerows(np.hstack([where, found]).tolist())
    return text.getvalue()


__all__ = ["ExtrapolationWarning", "as_csv", "points_and_values", "predict"]
