"""c05: NTK, LeCun, He, Xavier and mean field each at their place in the phase diagram, by rule and by measurement."""

import dataclasses
import functools
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from simplebias.claims.claim import Claim, Criterion, Evidence, Scale, Verdict
from simplebias.claims.experiment import SEED_WORDS, SEEDS
from simplebias.claims.judge import compare, figure, within
from simplebias.core.task import Task
from simplebias.core.types import SEED, PyTree
from simplebias.networks import Phase
from simplebias.sweeps import Experiment, Specification, Training, phase_diagram, sweep
from simplebias.sweeps.experiments import Cell
from simplebias.training import Begin, Build, NormalisedFlow

PLACES, SLOPES = "coordinates by rule", "slopes of these networks"
FITTED, STEPS = 1e-6, 20_000
CHANGE, WIDTH, RULE, COORDINATE = "relative_change", "width", "init", "coordinate"
TABLE = {
    "lecun": (0.5, 0.5),
    "he": (0.5, 0.5),
    "ntk": (0.5, 0.0),
    "xavier": (1.0, 0.0),
    "mean-field": (1.0, 0.0),
    "phase:0.5,0.5": (0.5, 0.5),
    "phase:1,1": (1.0, 1.0),
}
"""Where the literature has them; the last two are (α, β1, β2) = (1, m^-x, 1), on the diagonal γ = γ′ = x."""
NAMES = {
    "lecun": "LeCun",
    "he": "He",
    "ntk": "NTK",
    "xavier": "Xavier",
    "mean-field": "mean field",
    "phase:0.5,0.5": "β1 = m^-½",
    "phase:1,1": "β1 = 1/m",
}
CRITICAL = ("xavier", "mean-field")
NEAR = 0.06
"""How near to 0 the slope of a critical one has to be."""
INPUTS = (1, 10)
"""Numbers of inputs for which the coordinates are taken; the slopes are of the first."""


class Flow(Experiment):
    """Two-layer networks by the name of their initialisation, its multipliers included, along the gradient flow."""

    training = Training()

    @property
    def settings(self) -> Mapping[str, Any]:
        """As of any training, for two-layer ReLU networks that start as the zero function."""
        return {**self.training.settings, "network": "two-layer", "activation": "relu", "antisymmetric": True}

    def shape(self, cell: Cell) -> Hashable:
        """As of any training."""
        return self.training.shape(cell)

    def numbers(self, cell: Cell) -> dict[str, np.ndarray]:
        """As of any training."""
        return self.training.numbers(cell)

    def build(self, shape: Any, until: float | None) -> Build:
        """The network of an initialisation, stepped along the flow."""
        return _flow(self.training.build(shape, until))

    def task(self, shape: Any) -> Task:
        """As of any training."""
        return self.training.task(shape)


@functools.lru_cache(maxsize=64)
def _flow(build: Build) -> Build:
    def start(numbers: PyTree) -> Begin:
        return build(numbers)._replace(updater=NormalisedFlow())

    return start


def run(scale: Scale) -> Evidence:
    """Coordinates of the rules, and how much networks drawn by them change, over the width."""
    rules = scale.choose(("lecun", "xavier"), tuple(TABLE), tuple(TABLE))
    widths = scale.choose((500, 1000, 2000), (1000, 2000, 4000, 8000), (1000, 5000, 10_000, 20_000, 40_000))
    return {SLOPES: _slopes(rules, widths), PLACES: _places()}


def check(evidence: Evidence) -> Verdict:
    """Coordinates of the table of the literature, and slopes signed as theory has them."""
    criteria: list[Criterion] = []
    if PLACES in evidence:
        found = evidence[PLACES]
        off = abs(found["limit"] - found["table"])
        criteria += [
            compare(f"{NAMES[rule]}: distance of (γ, γ′) from the table", off.sel({RULE: rule}), "<", 1e-5)
            for rule in found[RULE].values
        ]
    if SLOPES in evidence:
        criteria += [_slope(rule, evidence[SLOPES].sel({RULE: rule})) for rule in evidence[SLOPES][RULE].values]
    return Verdict(tuple(criteria))


def _slope(rule: str, data: xr.Dataset) -> Criterion:
    gamma, prime = TABLE[rule]
    found = phase_diagram(data[[CHANGE]].expand_dims(gamma=[gamma], gamma_prime=[prime]))
    low, slope, high = (float(found[name].squeeze()) for name in ("slope_low", "slope", "slope_high"))
    what = f"{NAMES[rule]}: slope over the width"
    # of a linear one the whole interval has to be negative
    made = within(what, [slope], -NEAR, NEAR) if rule in CRITICAL else compare(what, [slope, high], "<", 0)
    return dataclasses.replace(made, measured=f"{figure(slope)} (95 %: {figure(low)} to {figure(high)})")


def _places() -> xr.Dataset:
    """Coordinates in the limit of large width and at some widths, for each rule and number of inputs."""
    rules, widths = list(TABLE), [100, 1000, 10_000, 100_000]
    limit = [[_pair(Phase.of_initialisation(rule, inputs=inputs)) for inputs in INPUTS] for rule in rules]
    finite = [[_pair(Phase.of_initialisation(rule, inputs=1, width=width)) for width in widths] for rule in rules]
    values = np.asarray(finite)
    names = [NAMES[rule] for rule in rules]
    data = xr.Dataset(
        {
            "limit": ((RULE, "inputs", COORDINATE), np.asarray(limit)),
            "table": ((RULE, COORDINATE), np.asarray([TABLE[rule] for rule in rules])),
        },
        {RULE: rules, "inputs": list(INPUTS), COORDINATE: ["gamma", "gamma_prime"], "name": names, WIDTH: widths},
    )
    for index, (name, symbol) in enumerate((("gamma", "γ"), ("gamma_prime", "γ′"))):
        attributes = {
            "over": WIDTH,
            "long_name": symbol,
            "panel": f"coordinate {symbol} at a finite width, 1 input",
            "description": "From the rule's own scales. Factors that do not depend on the width fade as 1/log m.",
            "references": "luo2020phase",
        }
        data[name] = (("name", WIDTH), values[:, :, index], attributes)
    data[WIDTH].attrs = {"long_name": "width", "scale": "log"}
    return data


def _pair(point: Phase) -> tuple[float, float]:
    return point.gamma, point.gamma_prime


def _slopes(rules: tuple[str, ...], widths: tuple[int, ...]) -> xr.Dataset:
    asked = Specification(
        {RULE: rules, WIDTH: widths, SEED: SEEDS}, measures=[CHANGE], steps=STEPS, until=FITTED,
        experiment=f"{__name__}:{Flow.__name__}", precision="float64",
    )  # fmt: skip
    data = sweep(asked, progress=False).squeeze("layer", drop=True)
    data = data[[CHANGE, "steps", "outcome"]].transpose(SEED, RULE, WIDTH)
    data[WIDTH].attrs = {"long_name": "width", "scale": "log"}
    data[CHANGE].attrs = {}
    attributes = {
        "over": WIDTH,
        "scale": "log",
        "long_name": "relative change",
        "panel": "relative change of the input weights over the width",
        "description": "Change of the input weights in training, as a share of what they were.",
        "references": "luo2020phase",
    }
    data = data.assign_coords(name=[NAMES[rule] for rule in rules])
    data["drawn"] = ((SEED, "name", WIDTH), data[CHANGE].values, attributes)
    return data


CLAIM = Claim(
    id="c05",
    title="Initialisations by name in the phase diagram",
    sentence=(
        "NTK, LeCun and He initialisation lie in the linear regime of the phase diagram, Xavier and mean field on its "
        "critical line, and small output weights alone, with an unscaled input layer, stay in the linear regime."
    ),
    source=("luo2020phase",),
    setting=(
        "Coordinates from the scales of the rules by name, between widths 2^20 and 2^40, for 1 and 10 inputs. Slopes "
        "of two-layer ReLU networks drawn by these very rules, with their own multipliers: x² at four points, "
        "anti-symmetric initialisation, gradient flow by adaptive Euler steps until the mean squared error is below "
        "1e-6, float64, as changes below 1e-5 of a weight get lost in float32; widths 1000 to 8000 (standard), 1000 to "
        "40,000 (full), 500 to 2000, of LeCun and Xavier, at smoke scale. Linear: the slope and "
        "its whole 95 % interval below 0; critical: within ±0.06 of 0. "
        f"Seeds {SEED_WORDS}."
    ),
    fails_when=(
        "The places hold for a number of inputs that stays fixed as the width grows. At a finite width constant "
        "factors shift γ by a multiple of 1/log m: with one input Xavier's is 0.900 at width 1000 and 0.925 at 10,000, "
        "He's 0.400 and 0.425, so these networks move less than their place suggests, while the slopes are those of "
        "the limit. With 10 inputs LeCun's point at width 1000 is (0.667, 0.333)."
    ),
    run=run,
    check=check,
    cover=(SLOPES, "Relative change"),
)
