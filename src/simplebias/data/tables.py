"""Tables (.csv, .tsv, .parquet) as samples: choose columns, leave incomplete rows out, refuse what is not numbers."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from simplebias.core.errors import InputError
from simplebias.data.cells import Column, parse_column
from simplebias.data.classes import as_classes
from simplebias.data.columns import select
from simplebias.data.dates import since_first
from simplebias.data.delimited import Table, read_delimited
from simplebias.data.files import damaged, load, refuse_content
from simplebias.data.sample import Sample, complete


def read_table(
    path: Path,
    *,
    inputs: Any = None,
    target: Any = None,
    header: bool | None = None,
    classification: bool | None = None,
    limit: int | None = None,
    keep_constant: bool = False,
) -> Sample:
    """Read a table with one sample in each row.

    Args:
        path: a `.csv`, `.tsv` (either may be gzipped) or `.parquet` file.
        inputs: input columns, by name or number from 1; by default all that are not targets.
        target: target columns likewise; by default the last.
        header: whether the first row names the columns; by default found out.
        classification: whether the target names classes; by default only if it is text.
        limit: keep the first so many complete rows.
        keep_constant: whether inputs that never vary are kept.

    Returns:
        The sample. A table of one column is a series: its only input is the row number.

    Raises:
        InputError: for anything that cannot be used, naming file, column and row.
        StorageError: if the file cannot be read.
    """
    table = _open(path, header)
    chosen, targets = select(table.names, inputs, target, path)
    notes: list[str] = []

    def parse(position: int, text: bool) -> Column:
        return parse_column(table.columns[position], table.names[position], table.rows, path, text=text)

    asked = classification is not False and len(targets) == 1
    features = [parse(position, False) for position in chosen]
    answers = [parse(position, asked) for position in targets]
    if not features:
        features = [Column("row", "numbers", table.rows - 1.0, np.zeros(len(table.rows), bool))]
        notes.append("one column only: the number of the row is the input")
    rows = _complete_rows([*features, *answers], table.rows, path, notes)
    if limit is not None and len(rows) > limit:
        notes.append(f"first {limit} of {len(rows)} rows kept")
        rows = rows[:limit]
    features = [_as_numbers(column.take(rows), table.rows[rows], path, notes) for column in features]
    sample = _assemble(path, features, [column.take(rows) for column in answers], table, rows, classification, notes)
    return complete(sample, rows=table.rows[rows], keep_constant=keep_constant)


def _open(path: Path, header: bool | None) -> Table:
    content = load(path)
    if not path.name.lower().endswith(".parquet"):
        return read_delimited(content, path, header)
    import polars as pl

    if header is not None:
        raise InputError(f"no header option for {path}", "one", "A Parquet file always names its columns.")
    if not content.startswith(b"PAR1"):
        refuse_content(path, "a Parquet table", content)
    try:
        frame = pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise damaged(path, "Parquet table", error) from error
    if frame.is_empty():
        raise InputError(f"rows of data in {path}", "none", "Check how it was made.")
    return Table(list(frame.columns), frame.get_columns(), np.arange(len(frame)) + 1)


def _complete_rows(columns: list[Column], rows: np.ndarray, path: Path, notes: list[str]) -> np.ndarray:
    """Positions of the rows without missing values; infinite values are refused."""
    for column in columns:
        if column.kind == "numbers" and (infinite := np.isinf(column.entries)).any():
            row = int(rows[np.flatnonzero(infinite)[0]])
            raise InputError(
                f"finite numbers in column {column.name!r} of {path}",
                f"an infinite one in row {row} ({int(infinite.sum())} in all)",
                "Correct these cells, or empty them to leave their rows out.",
            )
    missing = np.any([column.missing for column in columns], axis=0)
    if missing.all():
        worst = max(columns, key=lambda column: int(column.missing.sum()))
        raise InputError(
            f"rows without missing values in {path}",
            f"none; column {worst.name!r} misses most",
            "Leave columns with many missing values out with --inputs.",
        )
    if missing.any():
        few = ", ".join(str(row) for row in rows[missing][:3]) + (" …" if missing.sum() > 3 else "")
        count = int(missing.sum())
        notes.append(f"{count} row{'s' * (count > 1)} with missing values left out (row{'s' * (count > 1)} {few})")
    return np.flatnonzero(~missing)


def _as_numbers(column: Column, rows: np.ndarray, path: Path, notes: list[str]) -> Column:
    """A column of dates as numbers with a unit; other columns as they are."""
    if column.kind != "dates":
        return column
    numbers, unit, note = since_first(column.entries, column.name)
    notes.append(note)
    return Column(column.name, "numbers", numbers, column.missing, unit)


def _assemble(
    path: Path,
    features: list[Column],
    answers: list[Column],
    table: Table,
    rows: np.ndarray,
    classification: bool | None,
    notes: list[str],
) -> Sample:
    if classification and len(answers) > 1:
        names = ", ".join(column.name for column in answers)
        raise InputError(f"one target column of classes in {path}", names, "Name one with --target.")
    values, labels, class_names = None, None, ()
    if classification or answers[0].kind == "text":
        column = answers[0]
        entries = column.entries.astype(str) if column.kind == "text" else column.entries
        labels, class_names = as_classes(entries, name=column.name, path=path, forced=bool(classification))
        if not classification:
            notes.append(f"target {column.name!r} is text: {len(class_names)} classes")
    else:
        answers = [_as_numbers(column, table.rows[rows], path, notes) for column in answers]
        values = np.stack([column.entries for column in answers], axis=1)
    return Sample(
        name=path.name.split(".")[0] or path.name,
        points=np.stack([column.entries for column in features], axis=1),
        values=values,
        labels=labels,
        class_names=class_names,
        input_names=tuple(column.name for column in features),
        input_units=tuple(column.unit for column in features),
        output_names=tuple(column.name for column in answers),
        output_units=tuple(column.unit for column in answers),
        source=str(path),
        notes=tuple(notes),
        path=path,
    )
