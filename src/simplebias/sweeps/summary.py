"""What a phase diagram says, in words and tables: the top of its page."""

from typing import Any

import numpy as np
import xarray as xr

from simplebias.sweeps.data import FOUR_POINTS
from simplebias.sweeps.specification import Specification

GAMMA, GAMMA_PRIME = "gamma", "gamma_prime"
ADVICE = (
    "To keep a network linear, draw its weights as at the points left of the boundary; to have it condense, as right of"
    " it. The command simplebias where tells where an initialisation lies at a width, and what to change."
)


def summarise(diagram: xr.Dataset) -> dict[str, Any]:
    """Words and tables of a diagram of two-layer networks.

    Args:
        diagram: of `phase_diagram`, of one layer.

    Returns:
        `title`, `headline`, `advice` and `tables`, as plain data.
    """
    summary = {"title": "Phase diagram", "headline": headline(diagram)}
    if "layer" in diagram["slope"].dims:
        return summary
    return summary | {"advice": ADVICE, "tables": [_boundary(diagram), _slopes(diagram)]}


def headline(diagram: xr.Dataset) -> str:
    """One or two sentences: how much of the plane condenses, and how far the boundary is from that of theory."""
    slope = diagram["slope"]
    known = int(slope.notnull().sum())
    if not known:
        return "Nothing to tell yet: no point of this grid has three widths that ended well."
    share = 100 * float((slope > 0).sum()) / known
    words = f"Input weights move ever more as the width grows at {share:.0f} % of the points of this grid"
    off = np.abs((diagram["boundary"] - diagram["predicted_boundary"]).values)
    off = off[np.isfinite(off)]
    if off.size:
        words += f"; the boundary lies within {off.max():.2f} of that of theory in γ"
    return words + "."


def _boundary(diagram: xr.Dataset) -> dict[str, Any]:
    gamma = diagram[GAMMA].values
    rows = []
    for prime in np.sort(diagram[GAMMA_PRIME].values)[::-1]:
        row = diagram.sel({GAMMA_PRIME: prime})
        measured, theory = float(row["boundary"]), float(row["predicted_boundary"])
        shown = f"{measured:.3f}" if np.isfinite(measured) else "–"
        rows.append([_signed(prime, 2), shown, f"{theory:.2f}"])
    note = f"γ at which the slope goes from negative to positive, by linear interpolation between {gamma.min():g} and "
    note += f"{gamma.max():g}; –: it does not."
    return {"title": "The boundary", "columns": ["γ′", "measured", "theory"], "rows": rows, "note": note}


def _slopes(diagram: xr.Dataset) -> dict[str, Any]:
    gamma = diagram[GAMMA].values
    rows = []
    for prime in np.sort(diagram[GAMMA_PRIME].values)[::-1]:
        row = diagram.sel({GAMMA_PRIME: prime})
        half = (row["slope_high"] - row["slope_low"]).values / 2
        cells = [
            f"{_signed(one, 2)} ({margin:.2f})" if np.isfinite(one) else "–"
            for one, margin in zip(row["slope"].values, half, strict=True)
        ]
        rows.append([_signed(prime, 2), *cells])
    percent = 100 * float(diagram.attrs.get("confidence", 0.95))
    note = (
        f"Slope of log RD over log width; in brackets half of its {percent:g} % interval. –: fewer than three widths."
    )
    return {"title": "Slopes", "columns": ["γ′ \\ γ", *(f"{one:g}" for one in gamma)], "rows": rows, "note": note}


def _signed(value: float | np.floating, digits: int) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")


def data_card(specification: Specification) -> dict[str, Any]:
    """Where the data of a sweep come from, for the foot of its page."""
    name = str(specification.cell(0)["data"])
    if name == FOUR_POINTS:
        return {"name": name, "source": "x² at −1/2, −1/6, 1/6, 1/2, as in arXiv:2007.07497"}
    from simplebias.data import read

    sample = read(name, limit=2)
    return {"name": sample.name, "source": sample.source, "licence": sample.licence}
