"""Cells of one column of a table: numbers, dates or text, and which are missing."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from simplebias.core.errors import InputError
from simplebias.data.dates import COMPACT_DATE, ISO_DATE, OTHER_DATE, parse_dates

if TYPE_CHECKING:
    import polars as pl

MISSING = ("", "na", "n/a", "nan", "null", "?", "-")
"""What stands for a missing value, in any case of letters."""
_DECIMAL_COMMA = r"^[+-]?\d+,\d+$"


@dataclasses.dataclass(frozen=True, eq=False)
class Column:
    """One column, parsed.

    Args:
        name: in the table.
        kind: `numbers`, `dates` (seconds since 1970) or `text`.
        entries: float64 with NaN where missing; for text, strings with None where missing.
        missing: which cells have no value.
        unit: of the numbers, `""` if unknown.
    """

    name: str
    kind: str
    entries: np.ndarray
    missing: np.ndarray
    unit: str = ""

    def take(self, rows: np.ndarray) -> "Column":
        """The column at some rows only."""
        return dataclasses.replace(self, entries=self.entries[rows], missing=self.missing[rows])


def parse_column(series: "pl.Series", name: str, rows: np.ndarray, path: Path, *, text: bool) -> Column:
    """Find out what a column holds.

    Args:
        series: its cells: text, or what a typed file has.
        name: of the column.
        rows: for each cell, its row in the file, for errors.
        path: the file, for errors.
        text: whether text is allowed, as it is for a target that names classes.

    Returns:
        The parsed column; numbers may still be infinite.

    Raises:
        InputError: for an empty column, text where it is not allowed, decimal commas, and dates that are not ISO.
    """
    import polars as pl

    kind = series.dtype
    if kind in (pl.Categorical, pl.Enum) or (kind == pl.Boolean and text):
        series = series.cast(pl.String)
    if series.null_count() == len(series):
        _refuse_empty(name, path)
    if series.dtype == pl.String:
        return _parse_text(series, name, rows, path, text=text)
    if kind.is_numeric() or kind == pl.Boolean:
        return _numbers(name, series.cast(pl.Float64).to_numpy(), path)
    if kind == pl.Date or isinstance(kind, pl.Datetime):
        seconds = series.cast(pl.Datetime("us")).cast(pl.Int64).cast(pl.Float64).to_numpy() / 1e6
        return dataclasses.replace(_numbers(name, seconds, path), kind="dates")
    if isinstance(kind, pl.Duration) or kind == pl.Time:
        ticks = series.cast(pl.Duration("ns")) if isinstance(kind, pl.Duration) else series
        seconds = ticks.cast(pl.Int64).cast(pl.Float64).to_numpy() / 1e9
        return dataclasses.replace(_numbers(name, seconds, path), unit="second")
    raise InputError(
        f"numbers in column {name!r} of {path}", f"entries of type {kind}", "Leave the column out with --inputs."
    )


def _numbers(name: str, numbers: np.ndarray, path: Path) -> Column:
    missing = np.isnan(numbers)
    if missing.all():
        _refuse_empty(name, path)
    return Column(name, "numbers", np.array(numbers, dtype=np.float64), missing)


def _parse_text(series: "pl.Series", name: str, rows: np.ndarray, path: Path, *, text: bool) -> Column:
    import polars as pl

    series = series.str.strip_chars()
    series = series.set(series.str.to_lowercase().is_in(list(MISSING)), None)
    present = series.is_not_null()
    if not present.any():
        _refuse_empty(name, path)
    numbers = series.cast(pl.Float64, strict=False)
    strange = (present & numbers.is_null()).to_numpy()
    compact = "date" in name.lower() and bool(series.drop_nulls().str.contains(COMPACT_DATE).all())
    iso = series.str.contains(ISO_DATE).fill_null(False).to_numpy()
    missing = series.is_null().to_numpy()
    if not strange.any() and not compact:
        return Column(name, "numbers", np.array(numbers.to_numpy(), dtype=np.float64), missing)
    if compact or iso[~missing].all():
        return Column(name, "dates", parse_dates(series.to_list(), rows, name, path), missing)
    _refuse_formats(series, strange, rows, name, path)
    many = int((~missing).sum())
    mostly = 2 * max(many - int(strange.sum()), int(iso.sum())) >= many
    if not text or mostly:
        raise _stray(series, strange if iso.sum() <= many - strange.sum() else ~missing & ~iso, rows, name, path)
    return Column(name, "text", np.array(series.to_list(), dtype=object), missing)


def _refuse_formats(series: "pl.Series", strange: np.ndarray, rows: np.ndarray, name: str, path: Path) -> None:
    """Decimal commas and dates of uncertain order are never guessed at."""
    commas = series.str.contains(_DECIMAL_COMMA).fill_null(False).to_numpy()
    if commas.any():
        at = int(np.flatnonzero(commas)[0])
        raise InputError(
            f"numbers with a decimal point in column {name!r} of {path}",
            f"{series[at]!r} in row {int(rows[at])}, with a comma",
            "Replace decimal commas by points (and leave thousands unmarked), then read it again.",
        )
    dates = (
        series.str.contains(OTHER_DATE).fill_null(False).to_numpy()
        & ~series.str.contains(ISO_DATE).fill_null(False).to_numpy()
    )
    if dates.any() and 2 * dates.sum() >= strange.sum():
        at = int(np.flatnonzero(dates)[0])
        raise InputError(
            f"ISO dates (YYYY-MM-DD) in column {name!r} of {path}",
            f"{series[at]!r} in row {int(rows[at])}, whose order of year, month and day is not certain",
            "Write dates as 2020-12-24 or 2020-12-24T18:30.",
        )


def _stray(series: "pl.Series", strange: np.ndarray, rows: np.ndarray, name: str, path: Path) -> InputError:
    bad = np.flatnonzero(strange)
    more = f" and {len(bad) - 1} more cell{'s' * (len(bad) > 2)}" if len(bad) > 1 else ""
    present = len(series) - series.null_count()
    if len(bad) == 1 and rows[bad[0]] == 1:
        remedy = "If row 1 is a header, say --header."
    elif 2 * len(bad) <= present:
        remedy = "Correct these cells, or empty them to leave their rows out."
    else:
        remedy = "Leave the column out with --inputs (and choose another with --target if it is the target)."
    return InputError(
        f"numbers or ISO dates in column {name!r} of {path}",
        f"{_short(series[int(bad[0])])} in row {int(rows[bad[0]])}{more}",
        remedy,
    )


def _short(cell: str) -> str:
    return repr(cell if len(cell) <= 40 else cell[:39] + "…")


def _refuse_empty(name: str, path: Path) -> NoReturn:
    raise InputError(
        f"values in column {name!r} of {path}",
        "none, all are missing",
        "Choose other columns with --inputs or --target.",
    )
