"""Bytes of a file, or a clear refusal: missing, empty, a folder, unreadable, damaged, or not what its name says."""

import gzip
import zlib
from pathlib import Path
from typing import NoReturn

from simplebias.core.errors import InputError, StorageError
from simplebias.core.storage import storage_errors

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "a PNG image", ".png"),
    (b"\xff\xd8\xff", "a JPEG image", ".jpg"),
    (b"GIF8", "a GIF image", ""),
    (b"RIFF", "a WAV recording", ".wav"),
    (b"\x93NUMPY", "a NumPy array", ".npy"),
    (b"PK\x03\x04", "a zip archive (NumPy's .npz, a spreadsheet …)", ".npz"),
    (b"PAR1", "a Parquet table", ".parquet"),
    (b"\x1f\x8b", "gzip-compressed data", ".gz"),
    (b"%PDF", "a PDF document", ""),
    (b"\xd0\xcf\x11\xe0", "an old office document", ""),
)


def known_signature(content: bytes) -> bool:
    """Whether some bytes start like a binary file of a kind known here."""
    return any(content.startswith(signature) and not signature.isalnum() for signature, _, _ in _SIGNATURES)


def describe(content: bytes) -> tuple[str, str]:
    """What some bytes look like, and the ending that a file of this kind has (`""` if it cannot be read here).

    Returns:
        The words and the ending.

    Example:
        >>> describe(b"x,y")
        ('text', '.csv')
    """
    for signature, words, ending in _SIGNATURES:
        if content.startswith(signature):
            return words, ending
    try:
        content[:4096].decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < min(len(content), 4096) - 4:  # not just a character cut in two
            return "binary data of another kind", ""
    return ("binary data of another kind", "") if b"\x00" in content[:4096] else ("text", ".csv")


def refuse_content(path: Path, expected: str, content: bytes) -> NoReturn:
    """Refuse a file whose content is not what its ending says, naming the ending that would fit.

    Raises:
        InputError: always.
    """
    words, ending = describe(content)
    remedy = "Check how the file was made, or fetch it again."
    if ending and not path.name.lower().endswith(ending):
        remedy = f"If that is what it is, rename it to end in {ending}."
    raise InputError(f"{expected} in {path}", words, remedy)


def damaged(path: Path, expected: str, reason: object) -> InputError:
    """The error for a file of the right kind that cannot be decoded."""
    text = " ".join(str(reason).split()) or type(reason).__name__
    return InputError(
        f"a whole {expected} in {path}", f"a damaged or unsupported one ({text[:160]})", "Fetch or export it again."
    )


def load(path: Path) -> bytes:
    """All bytes of a file, unpacked if its name ends in `.gz`.

    Args:
        path: the file.

    Returns:
        Its content, never empty.

    Raises:
        StorageError: if it does not exist, is a folder or cannot be read.
        InputError: if it is empty or a damaged gzip file.
    """
    if path.is_dir():
        raise StorageError(f"cannot read {path}: it is a folder: name a file in it")
    try:
        with storage_errors(path, "read"):
            content = path.read_bytes()
    except StorageError as error:
        if isinstance(error.__cause__, PermissionError):
            raise StorageError(f"cannot read {path}: permission denied: make it readable for you") from error
        raise
    if content and path.suffix.lower() == ".gz":
        content = _unpack(path, content)
    if not content:
        raise InputError(f"data in {path}", "an empty file", "Check how it was made, or fetch it again.")
    return content


def _unpack(path: Path, content: bytes) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        raise InputError(
            f"gzip-compressed data in {path}", describe(content)[0], "If it is not compressed, drop .gz from its name."
        )
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise damaged(path, "gzip file", error) from error
