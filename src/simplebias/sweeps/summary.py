"""What a phase diagram says, in words and tables: the top of its page."""

from typing import Any

import numpy as np
import xarray as xr

from simplebias.core.types import SEED
from simplebias.sweeps.data import FOUR_POINTS
from simplebias.sweeps.specification import Specification

GAMMA, GAMMA_PRIME = "gamma", "gamma_prime"
ADVICE = (
    "To keep a network linear, draw its weights as at the points left of the boundary; to have it condense, as right of"
    " it. The command simplebias where tells where an initialisation lies at a width, and what to change."
)


def summarise(diagram: xr.Dataset) -> dict[str, Any]:
    """Words and tables of a diagram.

    Args:
        diagram: of `phase_diagram`.

    Returns:
        `title`, `headline`, `advice` and `tables`, as plain data.
    """
    summary = {"title": "Phase diagram", "headline": headline(diagram)}
    if "layer" in diagram["slope"].dims:
        return summary | {"title": "Phase diagram of a deep network", "tables": [_layers(diagram)]}
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


def _layers(diagram: xr.Dataset) -> dict[str, Any]:
    """Boundary and slopes of each layer."""
    one = diagram.isel({GAMMA_PRIME: 0})
    rows = []
    for layer in one["layer"].values:
        row = one.sel(layer=layer)
        ends = [float(row["boundary"]), float(row["predicted_boundary"])]
        cells = [_signed(slope, 2) if np.isfinite(slope) else "–" for slope in row["slope"].values]
        rows.append([str(layer), *(f"{end:.2f}" if np.isfinite(end) else "–" for end in ends), *cells])
    columns = ["layer", "slope 0 at γ", "theory", *(f"{gamma:g}" for gamma in one[GAMMA].values)]
    note = "Slope of log RD of a layer over log width at each γ; –: not measured, or not crossed."
    return {"title": "Slopes", "columns": columns, "rows": rows, "note": note}


def layer_curves(diagram: xr.Dataset) -> xr.Dataset:
    """Slopes of each layer over γ beside those of scaling, to be drawn in one figure.

    Args:
        diagram: of `phase_diagram`, of several layers; of several γ' the first is taken.

    Returns:
        `slope_1`, `predicted_slope_1`, `slope_2` … `(gamma)`.
    """
    one = diagram.isel({GAMMA_PRIME: 0}, drop=True)
    common = {"over": GAMMA, "panel": "slope over γ", "axis": "slope over the width", "references": "zhou2022empirical"}
    common |= {"description": "Slope of the relative change of each layer over the width: positive, it condenses."}
    found = xr.Dataset(coords={GAMMA: (GAMMA, one[GAMMA].values, {"long_name": "γ"})}, attrs=diagram.attrs)
    if SEED in diagram.coords:
        found = found.assign_coords({SEED: diagram[SEED].values})
    for layer in one["layer"].values:
        for name, words in (("slope", ""), ("predicted_slope", ", scaling")):
            values = one[name].sel(layer=layer).values
            found[f"{name}_{layer}"] = (GAMMA, values, common | {"long_name": f"layer {layer}{words}"})
    return found


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
