"""A problem of the user's own, from a short Python file."""

import contextlib
import sys
import traceback
from collections.abc import Generator
from pathlib import Path
from typing import Any

from simplebias.core.errors import InputError, StorageError
from simplebias.pde import Problem

NAME = "problem"
"""What a file calls its problem where it has several."""
EXAMPLE = "problem = simplebias.pde.Poisson(simplebias.pde.Box(0, 1), lambda x: x[0])"


def problem_from_file(path: str | Path) -> Problem:
    r"""The problem that a Python file defines: the one named `problem`, or the only one in it.

    The file is executed as `python FILE` would, so it may import, compute and read files beside it; run only what you
    would run yourself.

    Args:
        path: of the file.

    Returns:
        The problem.

    Raises:
        StorageError: if the file cannot be read.
        InputError: if it raises an error, with the line; if it defines no problem, or several of which none is named
            `problem`.

    Example:
        >>> import tempfile
        >>> text = "from simplebias.pde import Box, Poisson\nheat = Poisson(Box(0, 1), lambda x: 2 + 0 * x[0])"
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = (Path(folder) / "heat.py").write_text(text)
        ...     problem_from_file(Path(folder) / "heat.py").name
        'Poisson'
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{path} cannot be read ({error.strerror}): name a Python file with a problem") from error
    except UnicodeDecodeError as error:
        raise StorageError(f"{path} is no text: name a Python file with a problem") from error
    found = {name: value for name, value in _executed(path, text).items() if isinstance(value, Problem)}
    if NAME in found:
        return found[NAME]
    several = {id(value): name for name, value in found.items()}
    if not several:
        raise InputError(f"{path} to define a problem", "none in it", f"Write, for example, {EXAMPLE}")
    if len(several) > 1:
        names = ", ".join(several.values())
        raise InputError(f"{path} to define one problem", f"{len(several)}: {names}", f"Name the one meant {NAME!r}.")
    return next(iter(found.values()))


def _executed(path: Path, text: str) -> dict[str, Any]:
    """The names that a file defines."""
    namespace: dict[str, Any] = {"__name__": path.stem, "__file__": str(path)}
    try:
        with _beside(path.resolve().parent):
            exec(compile(text, str(path), "exec"), namespace)
    except SyntaxError as error:
        raise InputError(f"{path} in Python", f"{error.msg}, line {error.lineno}", "Correct that line.") from error
    except (Exception, SystemExit) as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        where = f"line {lines[-1]}: " if lines else ""
        told = f"{where}{type(error).__name__}: {error}".rstrip(": .")
        raise InputError(f"{path} to run", told, f"Try it with python {path}") from error
    return namespace


@contextlib.contextmanager
def _beside(folder: Path) -> Generator[None, None, None]:
    """Let a file import the modules beside it."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(str(folder))
