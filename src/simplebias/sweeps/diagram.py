"""The phase diagram from a sweep: slopes over the width with their intervals, the boundary, and what theory says."""

from typing import Any

import numpy as np
import scipy.stats
import xarray as xr

from simplebias.core.errors import InputError
from simplebias.core.types import SEED
from simplebias.networks import Phase, layer_boundaries, layer_slopes
from simplebias.sweeps.cells import cells, good_cells

GAMMA, GAMMA_PRIME, WIDTH = "gamma", "gamma_prime", "width"
WIDTHS = 3
"""Least number of widths: a slope is no property of one width, and two leave no error to judge it by."""
NAMED = ("lecun", "he", "ntk", "xavier", "mean-field")
"""Initialisations that have a place on every diagram."""


def phase_diagram(data: xr.Dataset, *, measure: str = "relative_change", confidence: float = 0.95) -> xr.Dataset:
    """Slopes `S_w = d log RD / d log m` at every point, with their intervals, and where they change their sign.

    RD is the relative change of the input weights from start to end of a training and m the width. The slope is that
    of least squares through all widths and seeds in logarithms; its interval comes from the scatter about the line
    (Student's t), so it holds what the seeds and a bend of the line do. Where it is negative the regime is linear,
    where it is positive the network condenses. Cells that diverged, were not computed, or took all steps without
    meeting the criterion of the sweep (the attribute `until`) are left out.

    Args:
        data: of a sweep, `(gamma, width, …)`, perhaps with `gamma_prime`, `seed` and `layer`; with several layers it is
            that of deep networks with the same std in all layers.
        measure: the variable of which the slope is taken, positive.
        confidence: of the intervals, between 0 and 1.

    Returns:
        `slope`, `slope_low`, `slope_high`, `widths` (used), `predicted_slope` and `predicted_is_bound`, each
        `(gamma, gamma_prime)` and `layer` where the data have several; `boundary` `(gamma_prime)`, the γ at which the
        slope crosses 0 by linear interpolation; `predicted_boundary`; `named`, where initialisations by name lie, of
        networks with one hidden layer; predictions for several layers are those of `layer_slopes`, at γ' = 0 alone; and
        of every cell the measure itself, its outcome, and `features` and `fit` of one seed, if the sweep has them. It
        draws itself: `Run(diagram).report("diagram.html")`.

    Raises:
        InputError: for fewer than three widths, dimensions that are missing or too many, or a confidence out of range.

    References:
        Luo, Xu, Ma, Zhang, Phase diagram for two-layer ReLU neural networks at infinite-width limit, arXiv:2007.07497.

    Example:
        >>> widths = np.array([100, 1000, 10_000])
        >>> change = np.stack([widths**-0.5, widths**0.25])
        >>> data = xr.Dataset({"relative_change": (("gamma", "width"), change)}, {"gamma": [0.5, 1.5], "width": widths})
        >>> phase_diagram(data)["slope"].round(3).values.ravel().tolist()
        [-0.5, 0.25]
    """
    if not 0 < confidence < 1:
        raise InputError("confidence between 0 and 1", repr(confidence))
    values = _prepared(data, measure)
    logs = np.log(values.coords[WIDTH].values.astype(float))
    flat = values.values.reshape(*values.shape[:3], -1)
    found = np.array([[[_line(logs, one, confidence) for one in row] for row in plane] for plane in flat])
    places = {GAMMA: values[GAMMA].values, GAMMA_PRIME: values[GAMMA_PRIME].values, "layer": values["layer"].values}
    dims = (GAMMA, GAMMA_PRIME, "layer")
    diagram = xr.Dataset(
        {name: (dims, found[..., index], attributes) for index, (name, attributes) in enumerate(_LABELS.items())},
        coords=places,
    )
    diagram = diagram.merge(_predicted(places))
    crossings = [
        [_crossing(places[GAMMA], found[:, j, layer, 0]) for layer in range(found.shape[2])]
        for j in range(found.shape[1])
    ]
    diagram["boundary"] = ((GAMMA_PRIME, "layer"), np.array(crossings), {"long_name": "γ of slope 0"})
    if len(places["layer"]) == 1:
        named = named_points()
        diagram["named"] = (("initialisation", "coordinate"), [[one.gamma, one.gamma_prime] for one in named.values()])
        diagram = diagram.assign_coords(initialisation=list(named), coordinate=[GAMMA, GAMMA_PRIME])
    missing = [] if GAMMA_PRIME in data.dims else [GAMMA_PRIME]
    shown = {name: one.expand_dims(missing) for name, one in cells(data.sortby(GAMMA), measure).items()}
    diagram = diagram.merge(shown)
    diagram.attrs = {"confidence": confidence, "measure": measure}
    return diagram.squeeze("layer", drop=True) if diagram.sizes["layer"] == 1 else diagram


def _predicted(places: dict[str, np.ndarray]) -> xr.Dataset:
    """What theory says: of two layers the phase's own slope, of more those of scaling, known for γ' = 0 alone."""
    gammas, primes, depth = places[GAMMA], places[GAMMA_PRIME], len(places["layer"])
    plane, line = (GAMMA, GAMMA_PRIME), (GAMMA_PRIME,)
    phases = [[Phase(gamma, prime) for prime in primes] for gamma in gammas]
    found = xr.Dataset({
        "predicted_slope": (plane, np.array([[one.predicted_slope for one in row] for row in phases])),
        "predicted_is_bound": (plane, np.array([[one.slope_is_bound for one in row] for row in phases])),
        "predicted_boundary": (line, np.array([one.boundary for one in phases[0]])),
    })
    if depth == 1:
        return found
    known = xr.DataArray(primes == 0, dims=line)
    slopes = xr.DataArray(np.array([layer_slopes(float(gamma), depth) for gamma in gammas]), dims=(GAMMA, "layer"))
    ends = xr.DataArray(np.array(layer_boundaries(depth)), dims="layer")
    return xr.Dataset({
        "predicted_slope": slopes.where(known).transpose(*plane, "layer"),
        "predicted_is_bound": xr.zeros_like(found["predicted_is_bound"]),
        "predicted_boundary": ends.where(known).transpose(*line, "layer"),
    })


_WHAT = "Exponent of the relative change of the input weights in the width: negative linear, positive condensed."
_LABELS = {
    "slope": {
        "long_name": "slope over the width",
        "units": "1",
        "over": "gamma",
        "description": _WHAT,
        "references": "luo2020phase",
    },
    "slope_low": {"long_name": "lower end of the slope's interval", "units": "1"},
    "slope_high": {"long_name": "upper end of the slope's interval", "units": "1"},
    "widths": {"long_name": "widths used", "units": "1"},
}


def named_points(inputs: int = 1) -> dict[str, Phase]:
    """Where initialisations by name lie in the diagram.

    Args:
        inputs: number of inputs, held fast as the width grows.

    Returns:
        Points by name.

    Example:
        >>> named_points()["ntk"]
        Phase(gamma=0.5, gamma_prime=0.0)
    """
    return {name: Phase.of_initialisation(name, inputs=inputs) for name in NAMED}


def _prepared(data: xr.Dataset, measure: str) -> xr.DataArray:
    """The measure as `(gamma, gamma_prime, layer, width, seed)`, NaN where there is nothing to use."""
    if measure not in data:
        raise InputError(f"a dataset with {measure!r}", ", ".join(map(str, data.data_vars)), "Measure it in the sweep.")
    values = data[measure].where(good_cells(data))
    known = (GAMMA, GAMMA_PRIME, WIDTH, SEED, "layer")
    if others := [str(name) for name in values.dims if name not in known]:
        one = f"data.sel({others[0]}={data[others[0]].values.tolist()[0]!r})"
        raise InputError(f"the axes {', '.join(known)} alone", f"also {', '.join(others)}", f"Choose by {one}.")
    for name in (GAMMA, WIDTH):
        if name not in values.dims:
            raise InputError(f"an axis {name!r}", f"the axes {', '.join(map(str, values.dims))}")
    if values.sizes[WIDTH] < WIDTHS:
        raise InputError(f"at least {WIDTHS} widths", f"{values.sizes[WIDTH]}", "A slope is no property of one width.")
    for name, place in ((GAMMA_PRIME, 0.0), ("layer", 1), (SEED, 0)):
        if name not in values.dims:
            values = values.expand_dims({name: [place]})
    values = values.where(values > 0).sortby(GAMMA)
    return values.transpose(GAMMA, GAMMA_PRIME, "layer", WIDTH, SEED)


def _line(logs: np.ndarray, values: np.ndarray, confidence: float) -> tuple[float, float, float, int]:
    """Slope of least squares with its interval, and the number of widths that went into it."""
    widths = len(logs)
    x = np.repeat(logs, values.size // widths)
    y = np.log(values.ravel())
    kept = np.isfinite(y)
    used = len(np.unique(x[kept]))
    if used < WIDTHS:
        return np.nan, np.nan, np.nan, used
    fit: Any = scipy.stats.linregress(x[kept], y[kept])
    half = scipy.stats.t.ppf((1 + confidence) / 2, kept.sum() - 2) * fit.stderr
    return fit.slope, fit.slope - half, fit.slope + half, used


def _crossing(places: np.ndarray, slopes: np.ndarray) -> float:
    """Where the slope goes from negative to positive, NaN where it never does."""
    known = np.isfinite(slopes)
    x, y = places[known], slopes[known]
    for i in range(len(x) - 1):
        if y[i] <= 0 < y[i + 1]:
            return float(x[i] - y[i] * (x[i + 1] - x[i]) / (y[i + 1] - y[i]))
    return np.nan
