"""What a phase diagram shows of its cells one by one: outcome, relative change, features of neurons, and the fit."""

import xarray as xr

from simplebias.core.errors import Outcome
from simplebias.core.types import SEED

UNTIL = "until"
"""Attribute of a dataset: the loss at which its trainings ended."""
SHOWN = ("features", "fit")
"""Measures that are shown of one seed."""


def good_cells(data: xr.Dataset) -> xr.DataArray | bool:
    """Which cells ended well, by meeting the criterion where there is one; all, where the data do not say how."""
    if "outcome" not in data:
        return True
    well = (
        [Outcome.STOPPED.value]
        if data.attrs.get(UNTIL) is not None
        else [Outcome.COMPLETED.value, Outcome.STOPPED.value]
    )
    return data["outcome"].isin(well)


def cells(data: xr.Dataset, measure: str) -> dict[str, xr.DataArray]:
    """What can be shown of every cell: of the features and the fit the first seed that ended well.

    Args:
        data: of a sweep.
        measure: the variable of which the slope is taken.

    Returns:
        The measure and, where there is one, `outcome` over all seeds; `features` and `fit` without seeds, where the
        sweep has them; NaN where nothing ended well.
    """
    good = good_cells(data)
    found = {measure: data[measure].where(good)}
    if "outcome" in data:
        found["outcome"] = data["outcome"]
    for name in (name for name in SHOWN if name in data):
        kept = data[name].where(good)
        if SEED in kept.dims:
            first = good.argmax(SEED) if isinstance(good, xr.DataArray) else 0
            kept = kept.isel({SEED: first}).drop_vars(SEED, errors="ignore")
        found[name] = kept
    return found
