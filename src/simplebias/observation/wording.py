"""Numbers and tables as people read them."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def number(value: float) -> str:
    """A step count with thousands separated.

    Returns:
        Text.

    Example:
        >>> number(12345.0)
        '12,345'
    """
    return f"{value:,.0f}"


def percent(share: float) -> str:
    """A share in percent, small ones with more digits.

    Returns:
        Text.

    Example:
        >>> percent(0.1234), percent(0.00012), percent(1e-9)
        ('12.3 %', '0.012 %', '< 0.001 %')
    """
    if not np.isfinite(share):
        return "unknown"
    if 0 < share < 1e-5:
        return "< 0.001 %"
    return f"{100 * share:.3g} %"


def steps_with_spread(steps: Sequence[float] | np.ndarray) -> str:
    """Steps at which the seeds learned something: median and range, and how many never did.

    Returns:
        Text.

    Example:
        >>> steps_with_spread([100.0, 300.0, float("nan")])
        '200 (100–300), 2 of 3 seeds'
    """
    array = np.asarray(steps, float)
    known = array[np.isfinite(array)]
    if not len(known):
        return "not learned"
    middle = number(float(np.median(known)))
    spread = f" ({number(known.min())}–{number(known.max())})" if len(known) > 1 and known.min() < known.max() else ""
    missing = f", {len(known)} of {len(array)} seeds" if len(known) < len(array) else ""
    return f"{middle}{spread}{missing}"


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> dict[str, Any]:
    """A table as plain data, for the terminal and the page."""
    return {"title": title, "columns": list(columns), "rows": [list(row) for row in rows], "note": note}
