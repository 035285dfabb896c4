"""Files that are never half written, and folders that are never taken from somebody else."""

import contextlib
import errno
import hashlib
import json
import os
import re
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from simplebias.core.errors import StorageError

FORMAT = 1
"""Version of the layout of a run's folder. A reader refuses a newer one."""
MARKER = "run.json"
"""The file that makes a folder a run."""


def specification_hash(specification: Mapping[str, Any]) -> str:
    """A short hash of a specification, equal for equal content in any order of keys.

    Args:
        specification: what a run was asked to do; what JSON does not know is hashed as its string.

    Returns:
        Sixteen hexadecimal digits.

    Returns:
        Sixteen hexadecimal digits.

    Example:
        >>> specification_hash({"a": 1, "b": 2}) == specification_hash({"b": 2, "a": 1})
        True
    """
    text = json.dumps(specification, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@contextlib.contextmanager
def storage_errors(path: Path, action: str) -> Generator[None, None, None]:
    """Turn the system's errors on files into messages that name the file and the remedy.

    Args:
        path: the file or folder that is being worked on.
        action: what is being done to it, a verb.

    Raises:
        StorageError: instead of any OSError raised inside.

    Example:
        >>> with storage_errors(Path("lost.csv"), "read"):
        ...     Path("lost.csv").read_text()
        Traceback (most recent call last):
        simplebias.core.errors.StorageError: cannot read lost.csv: it does not exist: check the path
    """
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        remedies = {
            errno.ENOSPC: "the disk is full: free some space, then resume; what was written before is intact",
            errno.EDQUOT: "the quota is used up: free some space, then resume; what was written before is intact",
            errno.EFBIG: "no file may grow that large: lift the limit, then resume; what was written before is intact",
            errno.EACCES: "permission denied: choose another folder",
            errno.EPERM: "permission denied: choose another folder",
            errno.EROFS: "the file system is read-only: choose another folder",
            errno.ENOTDIR: "a part of the path is a file: choose another folder",
            errno.ENOENT: "it does not exist: check the path",
        }
        reason = remedies.get(error.errno or 0, error.strerror or str(error))
        raise StorageError(f"cannot {action} {path}: {reason}") from error


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a file so that at any moment either the old content or the new is there, whole.

    Args:
        path: the file.
        content: what it shall hold; text is written as UTF-8.

    Raises:
        StorageError: if it cannot be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_atomic(Path(folder) / "note.txt", "whole")
        ...     [file.name for file in Path(folder).iterdir()]
        ['note.txt']
    """
    path = Path(path)
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with storage_errors(path, "write"):
        try:
            with open(temporary, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def read_marker(path: Path, name: str = MARKER) -> dict[str, Any]:
    """The description of the run in folder `path`.

    Args:
        path: the folder.
        name: of the file that marks it, `run.json`, or `sweep.json` for a sweep.

    Returns:
        The content of the file.

    Raises:
        StorageError: if there is no run, it is damaged, or a newer version wrote it.

    Example:
        >>> read_marker(Path("nowhere"))
        Traceback (most recent call last):
        simplebias.core.errors.StorageError: no run in nowhere: the folder does not exist; check the path
    """
    path = Path(path)
    marker, kind = path / name, Path(name).stem
    with storage_errors(marker, "read"):
        if not path.is_dir():
            raise StorageError(f"no {kind} in {path}: the folder does not exist; check the path")
        if not marker.is_file():
            maker = "observe" if name == MARKER else kind
            raise StorageError(f"no {kind} in {path}: it has no {name}; name a folder that `simplebias {maker}` made")
        text = marker.read_text(encoding="utf-8", errors="replace")
    try:
        description = json.loads(text)
        version = int(description["format"])
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise StorageError(f"{marker} is damaged ({error}): restore it from a copy, or run again elsewhere") from error
    if version > FORMAT:
        raise StorageError(
            f"{path} was written in format {version}, this simplebias reads up to {FORMAT}: upgrade simplebias"
        )
    return description


def _is_leftover(file: Path, name: str) -> bool:
    """Whether a process killed while it claimed the folder left this file."""
    return re.fullmatch(rf"\.{re.escape(name)}\.\d+\.tmp", file.name) is not None


def claim_folder(path: Path, specification: Mapping[str, Any], *, resume: bool = False, marker: str = MARKER) -> bool:
    """Make `path` the folder of a run, never taking one that holds something else.

    Args:
        path: the folder; made with its parents if missing.
        specification: what will be run there.
        resume: whether a run of the same specification may be continued.
        marker: name of the file that marks it, `run.json`, or `sweep.json` for a sweep.

    Returns:
        Whether there is a run to continue.

    Raises:
        StorageError: if the folder holds anything else, or a run of another specification.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     claim_folder(Path(folder) / "run", {"seed": 1})
        False
    """
    path, kind = Path(path), Path(marker).stem
    with storage_errors(path, "use the folder"):
        if path.exists() and not path.is_dir():
            raise StorageError(f"{path} is a file: name a folder")
        is_run = (path / marker).exists()
        if not is_run and path.is_dir() and not all(_is_leftover(file, marker) for file in path.iterdir()):
            raise StorageError(f"{path} already holds other files: name an empty or new folder")
    if is_run:
        description = read_marker(path, marker)
        if not resume:
            raise StorageError(f"{path} already holds a {kind}: give --resume to continue it, or another folder")
        if description.get("specification_hash") != specification_hash(specification):
            raise StorageError(
                f"{path} holds a {kind} of another specification: resume it with its own options, or use another folder"
            )
        return True
    if resume:
        raise StorageError(f"nothing to resume in {path}: run without --resume first")
    with storage_errors(path, "make the folder"):
        path.mkdir(parents=True, exist_ok=True)
    return False
