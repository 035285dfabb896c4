"""One door for all data: the name of a shipped sample, or a file, becomes a Sample."""

import dataclasses
import difflib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simplebias.core.errors import InputError, StorageError, check_positive
from simplebias.data.sample import Sample
from simplebias.data.samples import SAMPLES, ShippedSample

_KINDS = {
    "a table": (
        (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet"),
        ("inputs", "target", "header", "classification", "limit"),
    ),
    "a NumPy file": ((".npz", ".npy"), ("inputs", "target", "classification", "limit")),
    "a picture": ((".png", ".jpg", ".jpeg"), ("size",)),
    "a recording": ((".wav",), ("limit",)),
    "CIFAR pictures": ((".bin", ".tar.gz", ".tgz", ".tar"), ("classification", "limit")),
    "idx pictures": (("idx3-ubyte", "idx3-ubyte.gz", "idx1-ubyte", "idx1-ubyte.gz"), ("classification", "limit")),
}
TABULAR = ("a table", "a NumPy file")
"""Kinds of which inputs that never vary are left out."""
_REMEDIES = {
    ".xlsx": "Save the sheet as CSV.",
    ".xls": "Save the sheet as CSV.",
    ".ods": "Save the sheet as CSV.",
    ".txt": "If it is a table, rename it to end in .csv (commas, semicolons or tabs are told apart).",
    ".dat": "If it is a table, rename it to end in .csv (commas, semicolons or tabs are told apart).",
    ".mp3": "Convert it to WAV.",
    ".flac": "Convert it to WAV.",
    ".ogg": "Convert it to WAV.",
    ".mat": "Save the arrays with numpy.savez.",
    ".pkl": "Pickled files are never opened: save the arrays with numpy.savez.",
    ".pickle": "Pickled files are never opened: save the arrays with numpy.savez.",
}


def read(
    source: str | os.PathLike[str],
    *,
    inputs: str | int | Sequence[str | int] | None = None,
    target: str | int | Sequence[str | int] | None = None,
    header: bool | None = None,
    classification: bool | None = None,
    size: int | None = None,
    limit: int | None = None,
    keep_constant: bool = False,
) -> Sample:
    """Read real data, by the name of a shipped sample or from a file, and check them.

    The ending of the file says what it is: a table (`.csv .tsv .parquet`, the first two also with `.gz`), NumPy arrays
    (`.npz .npy`), a picture (`.png .jpg .jpeg`), a recording (`.wav`) or labelled pictures (`…images-idx3-ubyte`, also
    with `.gz`, or MNIST's folder; CIFAR's binary version as its folder, `.bin` or `.tar.gz`). A file or folder that
    exists goes before a shipped sample of the same name.

    Args:
        source: a name in `SAMPLES`, or a path.
        inputs: tables and arrays: input columns by name, or by number from 1; a list, or separated by commas. By
            default all that are not targets. For `.npz` the name of an array.
        target: likewise; by default the last column.
        header: tables of text: whether the first row names the columns; by default found out.
        classification: whether the target names classes; by default if it is text.
        size: pictures: reduce the longer side to at most so many pixels (64 by default).
        limit: keep the first so many rows (all by default), moments of a recording (8000) or labelled pictures (2000).
        keep_constant: tables and arrays: whether inputs that never vary are kept, for a model that takes them; they
            tell nothing and are left out by default.

    Returns:
        The sample; its notes tell everything that was done to the data.

    Raises:
        InputError: if the content cannot be used; the message names the file, the place in it and the remedy.
        StorageError: if the file does not exist or cannot be read.

    Example:
        >>> read("co2")
        Sample(co2: regression, 2225 points, inputs date, outputs co2)
    """
    options = {
        "inputs": inputs,
        "target": target,
        "header": header,
        "classification": classification,
        "size": size,
        "limit": limit,
    }
    for option in ("size", "limit"):
        if options[option] is not None:
            check_positive(options[option], f"--{option}", integer=True)
            options[option] = int(options[option])
    given = {name: value for name, value in options.items() if value is not None}
    path, shipped = _locate(source)
    kind = _kind(path)
    _check_options(path, kind, given)
    if keep_constant and kind in TABULAR:  # pictures keep all pixels anyway
        given["keep_constant"] = True
    named = str(path.resolve()) if shipped is None else shipped.name
    sample = dataclasses.replace(_read(path, kind, dict(given), shipped), read_with={"source": named, **given})
    return sample if shipped is None else _as_shipped(sample, shipped)


def _locate(source: str | os.PathLike[str]) -> tuple[Path, ShippedSample | None]:
    """The file to read, and the shipped sample if it belongs to one."""
    text = os.fspath(source)
    if not text or "\x00" in text:
        raise InputError("the name of a sample or a file", repr(text), f"Shipped samples: {', '.join(SAMPLES)}.")
    if "://" in text:
        raise InputError("a file on this machine", text, "Download it first.")
    path = Path(text).expanduser()
    try:
        if path.exists():
            return path, None
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}: check the path") from error
    if text in SAMPLES:
        return SAMPLES[text].path, SAMPLES[text]
    remedy = "check the path"
    if path.name == text and not path.suffix:
        near = difflib.get_close_matches(text.lower(), SAMPLES, n=1)
        guess = f"; did you mean {near[0]!r}?" if near else ""
        remedy = f"check the path, or name a shipped sample ({', '.join(SAMPLES)}){guess}"
    raise StorageError(f"cannot read {path}: it does not exist: {remedy}")


def _kind(path: Path) -> str:
    name = path.name.lower()
    if path.is_dir():
        return _kind_of_folder(path)
    for kind, (endings, _) in _KINDS.items():
        if name.endswith(endings):
            return kind
    endings = " ".join(ending for kind, (known, _) in _KINDS.items() if kind != "idx pictures" for ending in known)
    raise InputError(
        f"a file ending in {endings} or images-idx3-ubyte",
        str(path),
        _REMEDIES.get(path.suffix.lower(), "Convert it to one of these."),
    )


def _kind_of_folder(path: Path) -> str:
    from simplebias.data.cifar import find_batches, holds_pickles

    try:
        return "CIFAR pictures" if find_batches(path) or holds_pickles(path) else "idx pictures"
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}: make it readable for you") from error


def _check_options(path: Path, kind: str, given: dict[str, Any]) -> None:
    known = _KINDS[kind][1]
    for option in given:
        if option not in known:
            raise InputError(
                f"options that apply to {kind} ({', '.join(f'--{name}' for name in known)})",
                f"--{option} for {path}",
                "Leave it out.",
            )


def _read(path: Path, kind: str, given: dict[str, Any], shipped: ShippedSample | None) -> Sample:
    """Hand the file to the reader of its kind, which is imported only now."""
    if kind == "a table":
        from simplebias.data.tables import read_table

        return read_table(path, **given)
    if kind == "a NumPy file":
        from simplebias.data.arrays import read_array

        return read_array(path, **given)
    if kind == "a picture":
        from simplebias.data.images import read_image

        return read_image(path, **given)
    if kind == "a recording":
        from simplebias.data.audio import read_audio

        return read_audio(path, **given)
    if given.pop("classification", True) is False:
        raise InputError(f"classification for the labels of {path}", "classification refused", "Leave it out.")
    if kind == "CIFAR pictures":
        from simplebias.data.cifar import read_cifar

        return read_cifar(path, **given)
    from simplebias.data.idx import read_idx

    return read_idx(path, maximum=255.0 if shipped is None else shipped.maximum, **given)


def _as_shipped(sample: Sample, shipped: ShippedSample) -> Sample:
    """Put name, source, licence and units of a shipped sample in."""
    units = dict(shipped.units)
    pairs = zip(sample.output_names, sample.output_units, strict=True)
    return dataclasses.replace(
        sample,
        name=shipped.name,
        source=shipped.source,
        licence=shipped.licence,
        output_units=tuple(unit or units.get(name, "") for name, unit in pairs),
    )
