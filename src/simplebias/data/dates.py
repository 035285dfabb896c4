"""Dates as numbers: ISO 8601 dates and datetimes become the time since the first, in a unit that suits their span."""

import datetime
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from simplebias.core.errors import InputError

ISO_DATE = r"^\d{4}-\d{2}(-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s*(Z|[+-]\d{2}:?\d{2})?)?)?$"
"""`2020-12`, `2020-12-24`, `2020-12-24 18:30`, `2020-12-24T18:30:05.25+01:00`."""
OTHER_DATE = r"^(\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}[./]\d{1,2}[./]\d{1,2}|\d{4}-\d{1,2}-\d{1,2})([T ].*)?$"
"""Dates in an order or with separators that leave doubt."""
COMPACT_DATE = r"^[12]\d{3}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$"
"""`20201224`, a date only where the column is called one."""

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_UNITS = (("year", 365.25 * 86400.0, 3.0), ("day", 86400.0, 3.0), ("hour", 3600.0, 3.0), ("second", 1.0, 0.0))


def parse_date(text: str) -> tuple[float, bool]:
    """Seconds since 1970 and whether a time zone was given (without one, UTC is taken).

    Args:
        text: a date that `ISO_DATE` or `COMPACT_DATE` matches.

    Returns:
        Seconds, and whether the text names its zone.

    Raises:
        ValueError: if there is no such day or time.

    Example:
        >>> parse_date("1970-01-02")
        (86400.0, False)
    """
    moment = datetime.datetime.fromisoformat(f"{text}-01" if len(text) == 7 else re.sub(r"\s+(?=[Z+-])", "", text))
    aware = moment.tzinfo is not None
    return ((moment if aware else moment.replace(tzinfo=datetime.UTC)) - _EPOCH).total_seconds(), aware


def parse_dates(texts: Sequence[str | None], rows: Sequence[int] | np.ndarray, name: str, path: Path) -> np.ndarray:
    """Seconds since 1970 for a column of dates, NaN where missing.

    Args:
        texts: what stands in the column; None where missing.
        rows: for each, its row in the file.
        name: of the column.
        path: the file.

    Returns:
        Seconds, float64.

    Raises:
        InputError: for a day that does not exist, or if only some have a time zone.
    """
    seconds, zones = np.full(len(texts), np.nan), set()
    for index, text in enumerate(texts):
        if text is None:
            continue
        try:
            seconds[index], aware = parse_date(text)
        except (ValueError, OverflowError):
            raise InputError(
                f"dates in column {name!r} of {path}",
                f"{text!r} in row {int(rows[index])}, which is not in the calendar",
                "Correct it, or empty the cell to leave the row out.",
            ) from None
        zones.add(aware)
        if len(zones) > 1:
            raise InputError(
                f"dates all with or all without a time zone in column {name!r} of {path}",
                f"{text!r} in row {int(rows[index])}, unlike those before",
                "Write all of them in UTC.",
            )
    return seconds


def since_first(seconds: np.ndarray, name: str) -> tuple[np.ndarray, str, str]:
    """Time since the earliest of some dates.

    The unit is the largest of year (365.25 days), day, hour and second of which the span holds at least three.

    Args:
        seconds: since 1970, all finite.
        name: of the column, for the note.

    Returns:
        Numbers, their unit, and a note that says what was done.

    Example:
        >>> since_first(np.array([0.0, 86400.0, 864000.0]), "date")
        (array([ 0.,  1., 10.]), 'day', "dates in 'date' converted to days since 1970-01-01")
    """
    first = float(seconds.min())
    span = float(seconds.max()) - first
    unit, length, _ = next(entry for entry in _UNITS if span >= entry[1] * entry[2])
    origin = _EPOCH + datetime.timedelta(seconds=first)
    midnight = origin.time() == datetime.time()
    shown = origin.date().isoformat() if midnight else origin.replace(tzinfo=None).isoformat(sep=" ") + " UTC"
    of = " of 365.25 days" if unit == "year" else ""
    return (seconds - first) / length, unit, f"dates in {name!r} converted to {unit}s{of} since {shown}"
