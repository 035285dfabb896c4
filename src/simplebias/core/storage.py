"""Files that are never half written, and folders that are never taken from somebody else."""

import contextlib
import errno
import hashlib
import json
import os
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

    Raises:
        StorageError: instead of any OSError raised inside.
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

    Raises:
        StorageError: if it cannot be written.
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


def read_marker(path: Path) -> dict[str, Any]:
    """The description of the run in folder `path`.

    Returns:
        The content of `run.json`.

    Raises:
        StorageError: if there is no run, it is damaged, or a newer version wrote it.
    """
    path = Path(path)
    if not path.is_dir():
        raise StorageError(f"no run in {path}: the folder does not exist; check the path")
    marker = path / MARKER
    if not marker.is_file():
        raise StorageError(f"no run in {path}: it has no {MARKER}; name a folder that `simplebias observe` made")
    with storage_errors(marker, "read"):
        text = marker.read_text(encoding="utf-8", errors="replace")
    try:
        description = json.loads(text)
        version = int(description["format"])
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{marker} is damaged ({error}): restore it from a copy, or run again elsewhere") from error
    if version > FORMAT:
        raise StorageError(
            f"{path} was written in format {version}, this simplebias reads up to {FORMAT}: upgrade simplebias"
        )
    return description


def claim_folder(path: Path, specification: Mapping[str, Any], *, resume: bool = False) -> bool:
    """Make `path` the folder of a run, never taking one that holds something else.

    Args:
        path: the folder; made with its parents if missing.
        specification: what will be run there.
        resume: whether a run of the same specification may be continued.

    Returns:
        Whether there is a run to continue.

    Raises:
        StorageError: if the folder holds anything else, or a run of another specification.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise StorageError(f"{path} is a file: name a folder")
    if (path / MARKER).exists():
        description = read_marker(path)
        if not resume:
            raise StorageError(f"{path} already holds a run: give --resume to continue it, or another folder")
        if description.get("specification_hash") != specification_hash(specification):
            raise StorageError(
                f"{path} holds a run of another specification: resume it with its own options, or use another folder"
            )
        return True
    if path.is_dir() and any(path.iterdir()):
        raise StorageError(f"{path} already holds other files: name an empty or new folder")
    if resume:
        raise StorageError(f"nothing to resume in {path}: run without --resume first")
    with storage_errors(path, "make the folder"):
        path.mkdir(parents=True, exist_ok=True)
    return False
