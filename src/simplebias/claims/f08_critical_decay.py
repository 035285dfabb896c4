"""f08: what damps frequencies more slowly than a critical exponent cannot interpolate."""

import numpy as np
import xarray as xr

from simplebias.claims.claim import Claim, Criterion, Evidence, Scale, Verdict
from simplebias.claims.judge import compare, within
from simplebias.frequency import critical_decay

LINE, PLANE = "two points on a line", "four points in a plane"
HEIGHT = 0.9
SQUARE = 1 / np.cosh(np.pi)
"""h(0) for α = 2 in one dimension, divided by the values at the points ±½."""
RATE = np.sqrt(10)


def run(scale: Scale) -> Evidence:
    """Minimal `∫ ⟨ξ⟩^α |φ|² dξ` through given points, with more and more frequencies."""
    evidence = {LINE: _line()}
    if scale != Scale.SMOKE:
        evidence[PLANE] = _plane()
    return evidence


def check(evidence: Evidence) -> Verdict:
    """A closed form above the critical exponent, a vanishing function below it, and the rate at which energy falls."""
    criteria: list[Criterion] = []
    if LINE in evidence:
        height, energy = evidence[LINE]["height"], evidence[LINE]["energy"]
        at = lambda array, alpha, top: array.sel(alpha=[alpha], highest=[top])
        fall = lambda array, alpha, low, high: at(array, alpha, low).values / at(array, alpha, high).values
        criteria += [
            within("α = 2: h(0) / y, which should be sech π", at(height, 2.0, 1e3), 0.0858, 0.0868),
            compare("α = 0.5: how far h(0) falls from M = 10 to 10⁴", fall(height, 0.5, 10.0, 1e4), ">", 20, "times"),
            compare("α = 4: change of h(0) from M = 10 to 10⁴", abs(fall(height, 4.0, 10.0, 1e4) - 1), "<", 0.01),
            within(
                "α = 0.5: how far the energy falls from M = 10³ to 10⁴, over √10",
                fall(energy, 0.5, 1e3, 1e4) / RATE,
                0.95,
                1.05,
            ),
        ]
    if PLANE in evidence:
        height = evidence[PLANE]["height"]
        first, middle, last = (height.sel(highest=top).sel(alpha=[1.0, 4.0]).values for top in (2.0, 8.0, 32.0))
        criteria += [
            compare("two inputs, α = 1: how far h(0) falls from M = 2 to 32", (first / last)[:1], ">", 5, "times"),
            compare("two inputs, α = 4: change of h(0) from M = 8 to 32", abs(middle / last - 1)[1:], "<", 0.05),
        ]
    return Verdict(tuple(criteria))


def _line() -> xr.Dataset:
    tops = np.array([10.0, 1e2, 1e3, 1e4])
    alphas = np.array([0.5, 1.0, 1.5, 2.0, 4.0])
    places = np.linspace(-1, 1, 401)
    solve = lambda alpha, top: critical_decay([-0.5, 0.5], [HEIGHT, HEIGHT], alpha, highest=top)
    found = [[solve(alpha, top) for top in tops] for alpha in alphas]
    data = _heights(alphas, tops, [[one([0.0])[0, 0] / HEIGHT for one in row] for row in found])
    data["energy"] = ("alpha", "highest"), [[one.energy for one in row] for row in found]
    data["energy"].attrs = {"over": "highest", "scale": "log", "long_name": "least energy"}
    data["energy"].attrs["description"] = "Least ∫ ⟨ξ⟩^α |φ|² dξ through the points; below α = 1 it falls to zero."
    shown = [row[1](places)[:, 0] for row in found]  # where narrow peaks can still be seen
    attributes = {"over": "place", "panel": "the function through two points, M = 100", "axis": "h(x)"}
    described = {"description": "Frequencies up to M = 100. Where the decay is too slow, only the samples are met."}
    data["function"] = ("alpha", "place"), shown, attributes | described | {"references": "luo2021upper"}
    data["sample"] = ("place", np.where(np.isclose(abs(places), 0.5), HEIGHT, np.nan))
    data["sample"].attrs = attributes | {"role": "target", "marks": "points", "long_name": "samples"}
    return data.assign_coords(place=("place", places, {"long_name": "input x"}))


def _plane() -> xr.Dataset:
    corners = [[i, j] for i in (-0.5, 0.5) for j in (-0.5, 0.5)]
    tops, alphas = np.array([2.0, 8.0, 32.0]), np.array([1.0, 3.0, 4.0])
    solve = lambda alpha, highest: critical_decay(corners, [1.0] * 4, alpha, highest=highest)
    return _heights(alphas, tops, [[solve(a, m)([[0.0, 0.0]])[0, 0] for m in tops] for a in alphas])


def _heights(alphas: np.ndarray, tops: np.ndarray, values: list) -> xr.Dataset:
    attributes = {"over": "highest", "scale": "log", "panel": "height between the samples", "axis": "h(0) / y"}
    attributes |= {"references": "luo2021upper"}
    text = "Half way between the samples, relative to their value: it settles above the critical exponent α = d only."
    return xr.Dataset(
        {"height": (("alpha", "highest"), np.array(values), attributes | {"description": text})},
        {
            "alpha": ("alpha", alphas, {"symbol": "α"}),
            "highest": ("highest", tops, {"long_name": "top frequency M (cycles per unit)", "scale": "log"}),
        },
    )


CLAIM = Claim(
    id="f08",
    title="The upper limit of decay",
    sentence=(
        "An interpolation that weighs frequencies by ⟨ξ⟩^α degenerates to its samples for α below the number of"
        " inputs, as ever more frequencies take part; above it the function settles."
    ),
    source=("luo2021upper",),
    setting=(
        "One input: x = ±0.5, y = 0.9; two inputs: the corners (±0.5, ±0.5), y = 1. The function with the least"
        " ∫ ⟨ξ⟩^α |φ|² dξ, ⟨ξ⟩² = 1 + |ξ|², through them, solved exactly (float64) on a lattice of frequencies of"
        " spacing 0.1 up to M along each input. Deterministic: no seeds."
    ),
    fails_when=(
        "Near α = d the limit is approached too slowly to tell the cases apart: at α = 1 h(0) falls by no more than a"
        " quarter from M = 10³ to 10⁴. With few frequencies every α interpolates."
    ),
    run=run,
    check=check,
    cover=(LINE, "The function"),
)
