"""Text of comma-, semicolon- or tab-separated tables as columns of text, with the row of the file kept for each."""

import csv
import dataclasses
import io
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simplebias.core.errors import InputError
from simplebias.data.cells import MISSING
from simplebias.data.dates import ISO_DATE
from simplebias.data.files import known_signature, refuse_content

if TYPE_CHECKING:
    import polars as pl

_LOOK = 20  # lines looked at to find the delimiter


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """Named columns of equal length, and for each entry its row in the file, counted from 1."""

    names: list[str]
    columns: "list[pl.Series]"
    rows: np.ndarray


def read_delimited(content: bytes, path: Path, header: bool | None) -> Table:
    """Split the text of a table into columns of text.

    Args:
        content: of the file.
        path: the file; a name with `.tsv` is split at tabs only.
        header: whether the first row names the columns; None to find out.

    Returns:
        Columns of text (null where empty), without the header.

    Raises:
        InputError: if it is not UTF-8 text, or not a table.
    """
    text = _as_text(content, path)
    blank = len(text) - len(text.lstrip("\r\n"))
    skipped = text[:blank].count("\n")
    text = text.strip("\r\n")
    if not text.strip():
        raise InputError(f"rows in {path}", "blank lines only", "Check how the file was made.")
    delimiter = "\t" if ".tsv" in path.name.lower() else find_delimiter(text)
    columns = _split(text, delimiter, path, skipped)
    if len(columns[0]) < 2:
        raise InputError(f"at least two rows of data in {path}", "one row, header or not", "Give more data.")
    if len(columns) == 1:
        _check_series(columns[0], path)
    if header is None:
        header = has_header(columns)
    names = [(series[0] or "").strip() if header else "" for series in columns]
    names = [name or f"column {position}" for position, name in enumerate(names, start=1)]
    first = 1 if header else 0
    rows = np.arange(len(columns[0])) + 1 + skipped
    return Table(names, [series[first:] for series in columns], rows[first:])


def _as_text(content: bytes, path: Path) -> str:
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    if not wide and (b"\x00" in content or known_signature(content)):
        refuse_content(path, "a table of text", content)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        raise InputError(f"UTF-8 text in {path}", f"another encoding in row {row}", "Save it as UTF-8.") from error
    return text if "\n" in text else text.replace("\r", "\n")


def find_delimiter(text: str) -> str:
    r"""The character that splits the first lines into equally many fields: tab, else semicolon, else comma.

    Returns:
        The delimiter; where the fields never come out equal, the one that splits most.

    Example:
        >>> find_delimiter("a;b\n1,5;2,5\n")
        ';'
    """
    lines = [line for line in itertools.islice(io.StringIO(text), 10 * _LOOK) if line.strip()][:_LOOK]
    fewest = {}
    for delimiter in "\t;,":
        try:
            counts = [len(fields) for fields in csv.reader(lines, delimiter=delimiter)]
        except csv.Error:
            continue
        if len(set(counts)) == 1 and counts[0] > 1:
            return delimiter
        fewest[delimiter] = min(counts)
    return max(",\t;", key=lambda delimiter: fewest.get(delimiter, 0))


def has_header(columns: "Sequence[pl.Series]") -> bool:
    """Whether the first row names the columns: no number or date in it, and some column is all numbers or dates below.

    Returns:
        True for a header, False for data.

    Example:
        >>> import polars as pl
        >>> has_header([pl.Series(["time", "0", "1"]), pl.Series(["class", "a", "b"])])
        True
    """
    import polars as pl

    named = False
    for series in columns:
        cells = series.str.strip_chars()
        cells = cells.set(cells.str.to_lowercase().is_in(list(MISSING)), None)
        valued = cells.cast(pl.Float64, strict=False).is_not_null() | cells.str.contains(ISO_DATE).fill_null(False)
        if valued[0]:
            return False
        below = cells[1:].is_not_null()
        named = named or (cells[0] is not None and bool(below.any()) and bool((valued[1:] == below).all()))
    return named


def _check_series(series: "pl.Series", path: Path) -> None:
    """Refuse a single column of text: most likely its fields are separated by something else."""
    import polars as pl

    cells = series[1:].str.strip_chars()
    if cells.cast(pl.Float64, strict=False).is_null().all() and not cells.str.contains(ISO_DATE).any():
        cell = next((cell for cell in cells if cell), "")
        raise InputError(
            f"fields separated by commas, semicolons or tabs in {path}",
            f"a single column of text, such as {cell[:40]!r}",
            "Separate the fields by one of these.",
        )


def _split(text: str, delimiter: str, path: Path, skipped: int) -> "list[pl.Series]":
    import polars as pl

    try:
        frame = pl.read_csv(text.encode(), has_header=False, infer_schema=False, separator=delimiter)
    except pl.exceptions.PolarsError as error:
        raise _malformed(text, delimiter, path, skipped) from error
    return frame.get_columns()


def _malformed(text: str, delimiter: str, path: Path, skipped: int) -> InputError:
    """Say where a table stops being one."""
    expected = f"as many fields in every row of {path} as in the first"
    remedy = "Remove title, comment and total lines; quote text that contains the delimiter."
    try:
        reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
        width = len(next(reader))
        for row, fields in enumerate(reader, start=2 + skipped):
            if len(fields) > width:
                return InputError(expected, f"{len(fields)} instead of {width} in row {row}", remedy)
    except (csv.Error, StopIteration):
        pass
    return InputError(
        f"a table with balanced quotes in {path}",
        "a quotation mark that is never closed or stands inside a field",
        "Double the quotation marks inside quoted text, or remove them.",
    )
