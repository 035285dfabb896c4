"""Which columns are inputs and which are targets, from names or from numbers counted from 1."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simplebias.core.errors import InputError


def select(names: Sequence[str], inputs: Any, target: Any, path: Path) -> tuple[list[int], list[int]]:
    """Positions of the input columns and of the target columns.

    Args:
        names: of all columns.
        inputs: names or numbers (from 1), as a list or separated by commas; None for all that are not targets.
        target: likewise; None for the last column that is not an input.
        path: the file, for errors.

    Returns:
        Positions counted from 0, inputs first.

    Raises:
        InputError: for columns that do not exist, are named twice or by an ambiguous name, or leave nothing over.

    Example:
        >>> select(["time", "left", "right"], None, "left,right", Path("a.csv"))
        ([0], [1, 2])
    """
    chosen = None if inputs is None else _positions(names, inputs, "--inputs", path)
    targets = None if target is None else _positions(names, target, "--target", path)
    if targets is None:
        free = [k for k in range(len(names)) if k not in (chosen or [])]
        if not free:
            raise InputError(
                f"a column for the target in {path}", "all columns as inputs", "Leave one out of --inputs."
            )
        targets = free[-1:]
    if chosen is None:
        chosen = [k for k in range(len(names)) if k not in targets]
        if not chosen and len(names) > 1:
            raise InputError(f"an input column in {path}", "all columns as targets", "Leave one out of --target.")
    both = [names[k] for k in chosen if k in targets]
    if both:
        raise InputError(
            f"different columns as inputs and target in {path}", f"{', '.join(both)} as both", "Leave it out of one."
        )
    return chosen, targets


def _positions(names: Sequence[str], given: Any, option: str, path: Path) -> list[int]:
    items = _items(names, given)
    if not items:
        raise InputError(f"at least one column in {option} for {path}", "none", f"Leave {option} away or name one.")
    positions = [_position(names, item, option, path) for item in items]
    twice = {names[k] for k in positions if positions.count(k) > 1}
    if twice:
        raise InputError(f"each column once in {option} for {path}", f"{', '.join(sorted(twice))} more than once")
    return positions


def _items(names: Sequence[str], given: Any) -> list[Any]:
    if isinstance(given, str):
        return [given] if given in names else [item.strip() for item in given.split(",") if item.strip()]
    return [given] if isinstance(given, int) else list(given)


def _position(names: Sequence[str], item: Any, option: str, path: Path) -> int:
    listed = ", ".join(names[:20]) + (" …" if len(names) > 20 else "")
    count = len(names)
    if isinstance(item, str) and item in names:
        if list(names).count(item) > 1:
            raise InputError(
                f"column names in {path} to be distinct",
                f"{item!r} more than once",
                f"Give its number from 1 to {count}.",
            )
        return list(names).index(item)
    number = int(item) if str(item).isascii() and str(item).isdigit() and not isinstance(item, bool) else None
    if number is not None and 1 <= number <= count:
        return number - 1
    near = difflib.get_close_matches(str(item), names, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"Give a name, or a number from 1 to {count}."
    raise InputError(f"{option} among the columns of {path} ({listed})", repr(item), hint)
