"""Text or whole numbers as classes, numbered 0, 1, 2 … in order."""

from pathlib import Path

import numpy as np

from simplebias.core.errors import InputError

MOST = 100
"""More classes than these are taken for a mistake."""


def as_classes(target: np.ndarray, *, name: str, path: Path, forced: bool) -> tuple[np.ndarray, tuple[str, ...]]:
    """Number the distinct entries of a target.

    Args:
        target: `(points,)` text, or numbers that must be whole.
        name: of the target, for errors.
        path: the file, for errors.
        forced: whether the user said that these are classes; otherwise half as many classes as rows are too many.

    Returns:
        Labels `(points,)` and the name of each class, in the order of the alphabet or of the numbers.

    Raises:
        InputError: for numbers that are not whole, and for too many classes.

    Example:
        >>> as_classes(np.array(["b", "a", "b", "a", "a"]), name="kind", path=Path("a.csv"), forced=False)
        (array([1, 0, 1, 0, 0]), ('a', 'b'))
    """
    if target.dtype.kind in "fiub" and not (target == np.round(target)).all():
        bad = target[target != np.round(target)][0]
        raise InputError(
            f"whole numbers or text as classes in {name!r} of {path}", f"{bad:g}", "Leave --classification away."
        )
    distinct, labels = np.unique(target, return_inverse=True)
    shown = [str(int(entry)) if target.dtype.kind in "fiub" else str(entry) for entry in distinct]
    examples = ", ".join(repr(entry) for entry in shown[:3])
    if len(distinct) > MOST:
        raise InputError(
            f"at most {MOST} classes in target {name!r} of {path}",
            f"{len(distinct)} different entries, such as {examples}",
            "Choose a numeric column, or one with fewer classes, with --target.",
        )
    if not forced and 2 * len(distinct) >= len(target):
        raise InputError(
            f"numbers, or text that names a few classes, in target {name!r} of {path}",
            f"text with {len(distinct)} different entries in {len(target)} rows, such as {examples}",
            "Choose a numeric column with --target, or say --classification if these are classes.",
        )
    return labels.ravel().astype(np.int64), tuple(shown)
