"""Small helpers of the checks: steps of convergence from evidence, and criteria over seeds."""

import operator
from collections.abc import Iterable

import numpy as np
import xarray as xr

from simplebias.claims.claim import Criterion
from simplebias.core.run import is_record, step_name
from simplebias.frequency import convergence_step

_SIGNS = {"<": operator.lt, "≤": operator.le, ">": operator.gt, "≥": operator.ge}


def fitted(error: xr.DataArray, *, threshold: float = 0.1, hold: int = 10) -> xr.DataArray:
    """First step from which an error stays below a threshold, infinite where it never does.

    Args:
        error: with one record dimension.
        threshold: see `simplebias.frequency.convergence_step`.
        hold: see there.

    Returns:
        Steps, without the record dimension.
    """
    (record,) = [str(dim) for dim in error.dims if is_record(dim)]
    steps = error.coords[step_name(record)].values
    axis = error.get_axis_num(record)
    found = np.asarray(convergence_step(error.values, steps, threshold=threshold, hold=hold, axis=axis), float)
    rest = [dim for dim in error.dims if dim != record]
    coords = {str(dim): error.coords[dim].values for dim in rest if dim in error.coords}
    return xr.DataArray(np.where(np.isnan(found), np.inf, found), dims=rest, coords=coords)


def ratio(later: xr.DataArray, earlier: xr.DataArray) -> xr.DataArray:
    """How many times later; infinite if only the later one never comes, NaN if the earlier one never does."""
    # step 0 counts as step 1: a frequency may be right before training
    return xr.where(np.isinf(earlier), np.nan, later / np.maximum(earlier, 1.0))


def compare(
    what: str, values: xr.DataArray | np.ndarray | list | float, sign: str, bound: float | int, unit: str = ""
) -> Criterion:
    """A criterion that every value must meet; NaN meets none, and no values meet none.

    Args:
        what: what is measured.
        values: over seeds, and whatever else.
        sign: one of < ≤ > ≥.
        bound: what is accepted.
        unit: of the values.

    Returns:
        The criterion.
    """
    array = np.asarray(values, float).ravel()
    holds = array.size > 0 and bool(_SIGNS[sign](array, bound).all())
    return Criterion(what, spread(array, unit), f"{sign} {figure(bound)}{_tail(unit)}", holds)


def within(
    what: str, values: xr.DataArray | np.ndarray | list, low: float | int, high: float | int, unit: str = ""
) -> Criterion:
    """A criterion that every value lies between two bounds, bounds included; no values meet none."""
    array = np.asarray(values, float).ravel()
    holds = array.size > 0 and bool(((array >= low) & (array <= high)).all())
    return Criterion(what, spread(array, unit), f"{figure(low)} to {figure(high)}{_tail(unit)}", holds)


def spread(values: Iterable[float], unit: str = "") -> str:
    """Values as text: all of them up to four, else their range."""
    array = np.asarray(list(values), float)
    if array.size == 0:
        return "nothing measured"
    if array.size <= 4:
        return ", ".join(figure(value) for value in array) + _tail(unit)
    return f"{figure(array.min())} to {figure(array.max())} ({array.size} values){_tail(unit)}"


def figure(value: float | int | np.floating) -> str:
    """A number of three or four digits."""
    if np.isnan(value):
        return "undefined"
    if np.isinf(value):
        return "never" if value > 0 else "−∞"
    whole = value == round(value) and abs(value) < 1e6
    return (f"{value:.0f}" if whole else f"{value:.3g}").replace("-", "−")


def _tail(unit: str) -> str:
    return f" {unit}" if unit else ""
