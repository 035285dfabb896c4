"""c04: the phase diagram of two-layer ReLU networks: linear, critical, condensed, and that only γ and γ′ matter."""

import dataclasses
import itertools
from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
import xarray as xr

from simplebias.claims.claim import Claim, Criterion, Evidence, Scale, Verdict
from simplebias.claims.experiment import SEED_WORDS, SEEDS, run_ensemble
from simplebias.claims.judge import compare, figure, within
from simplebias.core.run import Run
from simplebias.core.task import Regression, Task
from simplebias.core.types import SEED, Array, Key, Network
from simplebias.networks import Affine, AntiSymmetric, Phase, Regime, TwoLayer
from simplebias.sweeps import Experiment, PhaseDiagram, Specification, phase_diagram, sweep
from simplebias.sweeps.experiments import Cell
from simplebias.training import Build, NormalisedFlow

DIAGRAM, SLOPES, RAW = "phase diagram", "points of the diagram", "other scales, same γ and γ′"
FITTED, STEPS = 1e-6, 20_000
CHANGE, WIDTH, PLACE, EXPONENT = "relative_change", "width", "place", "exponent"


class Row(NamedTuple):
    """A point of the diagram, what is accepted of its slope, and the widest network from which it is judged."""

    gamma: float
    gamma_prime: float
    accepted: tuple[float, float]
    widest: int = 4000


ROWS = (
    Row(0.5, 0.0, (-0.53, -0.47), 16_000),
    Row(1.0, 0.0, (-0.04, 0.04)),
    Row(1.75, 0.0, (0.335, 0.415)),
    Row(1.5, 0.0, (0.2, 0.3)),
    Row(1.3, -0.3, (0.25, 0.35)),
    Row(1.5, 0.3, (0.05, 0.15), 16_000),
    Row(1.2, 0.4, (-np.inf, -0.15), 16_000),
    Row(1.2, 0.1, (0.02, np.inf)),
    Row(0.7, -0.3, (-np.inf, -0.2)),
    Row(1.3, 0.3, (-0.06, 0.06)),
)
"""Rows 5 to 9 of the acceptance. Three are not for seconds: two want wide networks, one takes the most steps."""
RAW_PLACES = ((1.0, 0.0), (1.3, -0.3), (0.5, 0.0), (1.75, 0.0))
EXPONENTS = (0.0, 0.5, 1.0)
"""Output weights have the std β1 = m^-x for these x."""
OFF = 0.1
"""Distance from the boundary from which the sign of the slope has to be that of theory."""


class Points(Experiment):
    """Places of the diagram by their number in `ROWS`, so that a sweep need not be a grid of γ and γ′."""

    diagram = PhaseDiagram()

    @property
    def settings(self) -> Mapping[str, Any]:
        """As of the diagram, and the place."""
        return {**self.diagram.settings, PLACE: 0}

    def shape(self, cell: Cell) -> Hashable:
        """As of the diagram."""
        return self.diagram.shape(cell)

    def numbers(self, cell: Cell) -> dict[str, np.ndarray]:
        """As of the diagram, at the place."""
        row = ROWS[cell[PLACE]]
        return self.diagram.numbers({**cell, "gamma": row.gamma, "gamma_prime": row.gamma_prime})

    def build(self, shape: Any, until: float | None) -> Build:
        """As of the diagram."""
        return self.diagram.build(shape, until)

    def task(self, shape: Any) -> Task:
        """As of the diagram."""
        return self.diagram.task(shape)


def run(scale: Scale) -> Evidence:
    """Slopes at the points of the acceptance, the same flow from other scales, and the diagram as a whole."""
    widths = scale.choose((1000, 2000, 4000), (1000, 2000, 4000, 8000, 16_000), (1000, 5000, 10_000, 20_000, 40_000))
    evidence = {SLOPES: _points(widths), RAW: _raw(*scale.choose((100, 2), (1000, 4), (1000, 4)))}
    if scale == Scale.SMOKE:
        return evidence
    steps = np.arange(6, 15) / 10
    gamma = steps if scale == Scale.STANDARD else np.sort([*steps, 0.95, 1.05])
    prime = (np.arange(-4, 5, 2) if scale == Scale.STANDARD else np.arange(-4, 5)) / 10
    return {DIAGRAM: _diagram(gamma.tolist(), prime.tolist(), widths)} | evidence


def check(evidence: Evidence) -> Verdict:
    """Rows 5 to 10 of the acceptance, and the sign of the slope all over the diagram."""
    criteria: list[Criterion] = []
    if SLOPES in evidence:
        data = evidence[SLOPES]
        widest = int(data[WIDTH].max())
        judged = [place for place in data[PLACE].values if ROWS[place].widest <= widest]
        criteria += [_slope(ROWS[place], data.sel({PLACE: place})) for place in judged]
    if RAW in evidence:
        change, steps = evidence[RAW][CHANGE], evidence[RAW]["steps"]
        apart = change.max(EXPONENT, skipna=False) / change.min(EXPONENT, skipna=False) - 1
        criteria.append(compare("β1 = 1, m^-½, m^-1: relative difference of the relative change", apart, "<", 1e-6))
        more = steps.max(EXPONENT) - steps.min(EXPONENT)
        criteria.append(within("β1 = 1, m^-½, m^-1: difference of the numbers of steps", more, 0, 0))
    if DIAGRAM in evidence:
        criteria.append(_signs(evidence[DIAGRAM]))
    return Verdict(tuple(criteria))


def _slope(row: Row, data: xr.Dataset) -> Criterion:
    """The slope at one point against what is accepted there, its interval in words."""
    found = _line(data, row.gamma, row.gamma_prime)
    low, high = row.accepted
    slope = found["slope"].values.ravel()
    what = f"γ = {row.gamma:g}, γ′ = {row.gamma_prime:g}: slope over the width".replace("-", "−")
    if np.isinf(low):
        made = compare(what, slope, "<", high)
    elif np.isinf(high):
        made = compare(what, slope, ">", low)
    else:
        made = within(what, slope, low, high)
    ends = " to ".join(figure(float(found[name].squeeze())) for name in ("slope_low", "slope_high"))
    return dataclasses.replace(made, measured=f"{made.measured} (95 %: {ends})")


def _line(data: xr.Dataset, gamma: float, prime: float) -> xr.Dataset:
    return phase_diagram(data[[CHANGE]].expand_dims(gamma=[gamma], gamma_prime=[prime]))


def _signs(diagram: xr.Dataset) -> Criterion:
    """Points off the boundary at which the slope has not the sign of theory, or none."""
    theory = diagram["predicted_slope"]
    off = abs(diagram["gamma"] - diagram["predicted_boundary"]) > OFF - 1e-9
    wrong = off & ~(np.sign(diagram["slope"]) == np.sign(theory))
    what = (
        f"points {OFF:g} or more from the boundary at which the slope has not the sign of theory, of {int(off.sum())}"
    )
    return compare(what, [int(wrong.sum())] if bool(off.any()) else [], "≤", 0)


def _points(widths: tuple[int, ...]) -> xr.Dataset:
    """Relative changes over the width, and once more by regime, to be drawn."""
    places = [number for number, row in enumerate(ROWS) if row.widest <= max(widths)]
    data = _swept({PLACE: places, WIDTH: widths, SEED: SEEDS}, f"{__name__}:{Points.__name__}")
    data = data[[CHANGE, "steps", "outcome"]].transpose(SEED, PLACE, WIDTH)
    data[CHANGE].attrs = {}
    data[WIDTH].attrs = {"long_name": "width", "scale": "log"}
    for regime in Regime:
        rows = {place: ROWS[place] for place in places if _phase(ROWS[place]).regime is regime}
        names = [f"γ = {row.gamma:g}, γ′ = {row.gamma_prime:g}".replace("-", "−") for row in rows.values()]
        data = data.assign_coords({regime.value: names})
        attributes = {
            "over": WIDTH,
            "scale": "log",
            "long_name": "relative change",
            "panel": f"{regime.value} regime, relative change over the width",
            "description": "Change of the input weights in training, as a share of what they were.",
            "references": "luo2020phase",
        }
        data[f"change_{regime.value}"] = (
            (SEED, regime.value, WIDTH),
            data[CHANGE].sel({PLACE: list(rows)}).values,
            attributes,
        )
    return data


def _phase(row: Row) -> Phase:
    return Phase(row.gamma, row.gamma_prime)


def _diagram(gamma: list[float], prime: list[float], widths: tuple[int, ...]) -> xr.Dataset:
    """The whole diagram, and a cut through it at γ′ = 0 with the intervals of the slopes."""
    data = _swept({"gamma": gamma, "gamma_prime": prime, WIDTH: widths, SEED: SEEDS}, "phase")
    diagram = phase_diagram(data)
    cut = diagram.sel(gamma_prime=0.0, drop=True)
    cuts = {
        "slope": {"long_name": "measured", "role": "network"},
        "predicted_slope": {"long_name": "theory", "role": "target"},
        "slope_low": {"long_name": "95 %, low"},
        "slope_high": {"long_name": "95 %, high"},
    }
    common = {
        "over": "gamma",
        "panel": "slope over γ at γ′ = 0",
        "axis": "slope over the width",
        "description": "Negative: linear. Positive: condensed. With both ends of the interval of 95 %.",
        "references": "luo2020phase",
    }
    for name, attributes in cuts.items():
        diagram[f"cut_{name}"] = ("gamma", cut[name].values, common | attributes)
    diagram["gamma"].attrs = {"long_name": "γ"}
    return diagram


def _swept(axes: dict[str, Any], experiment: str) -> xr.Dataset:
    asked = Specification(axes, measures=[CHANGE], steps=STEPS, until=FITTED, experiment=experiment)
    return sweep(asked, progress=False).squeeze("layer", drop=True)


def _raw(width: int, places: int) -> xr.Dataset:
    """Networks of other α, β1, β2 and the same γ and γ′, from the same draws."""
    x = np.array([-1 / 2, -1 / 6, 1 / 6, 1 / 2])
    kept = RAW_PLACES[:places]
    shape = (len(kept), len(EXPONENTS), len(SEEDS))
    change, steps = np.zeros(shape), np.zeros(shape, np.int64)
    with jax.enable_x64(True):
        task = Regression(x, x**2)
        for (i, place), (j, exponent) in itertools.product(enumerate(kept), enumerate(EXPONENTS)):
            done = run_ensemble(
                _network(width, *place, exponent),
                task,
                updater=NormalisedFlow(),
                steps=STEPS,
                measures={},
                until=FITTED,
            )
            change[i, j], steps[i, j] = _change(done), done.data["stopped_at"].values
    names = [f"γ = {gamma:g}, γ′ = {prime:g}" for gamma, prime in kept]
    dims = (PLACE, EXPONENT, SEED)
    return xr.Dataset(
        {CHANGE: (dims, change), "steps": (dims, steps)},
        {PLACE: names, EXPONENT: list(EXPONENTS), SEED: list(SEEDS)},
    )


def _network(width: int, gamma: float, prime: float, exponent: float) -> Callable[[Key], Network]:
    """`β1 = m^-x`, `β2 = m^(γ′-x)`, `α = β1 β2 m^γ`."""
    beta1, beta2 = width**-exponent, width ** (prime - exponent)
    alpha = width ** round(gamma + prime - 2 * exponent, 9)

    def make(key: Key) -> Network:
        drawn = TwoLayer(1, 1, width, activation="relu", initialisation="weight-std:1", key=key)
        first, last = drawn.layers
        assert first.bias is not None
        layers = (Affine(beta2 * first.weight, beta2 * first.bias), Affine(beta1 * last.weight, None, 1 / alpha))
        return AntiSymmetric(eqx.tree_at(lambda network: network.layers, drawn, layers))

    return make


def _change(done: Run) -> np.ndarray:
    def of(network: Network, initial: Network) -> Array:
        before, after = (one.neurons()[0].extended for one in (initial, network))
        return jax.numpy.linalg.norm(after - before) / jax.numpy.linalg.norm(before)

    return np.asarray(eqx.filter_vmap(of)(done.network, done.initial))


CLAIM = Claim(
    id="c04",
    title="Phase diagram: linear, critical, condensed",
    sentence=(
        "With how small weights a wide two-layer ReLU network starts, and how these are shared between its layers, "
        "decides by two exponents, γ and γ′, whether its input weights stay as the width grows, move by as much as "
        "they were, or move without bound."
    ),
    source=("luo2020phase",),
    setting=(
        "x² at −1/2, −1/6, 1/6, 1/2; ReLU, anti-symmetric initialisation, normalised gradient flow by adaptive Euler "
        "steps until the mean squared error is below 1e-6, float32. Slope: least squares through the logarithms of "
        "the relative change of the input weights and of the width, all seeds together. Widths 1000 to 16,000 "
        "(standard; the paper's 1000 to 40,000 at full scale). At smoke scale 1000 to 4000, where three seeds tell "
        "seven of the ten slopes: that at (0.5, 0) scatters there by 0.02, two thirds of what is accepted, that at "
        "(1.5, 0.3) is within its seeds' scatter of the end of what is accepted, and (1.2, 0.4) takes most steps. "
        "Other scales: β1 = m^-x, β2 = m^(γ′−x), α = β1 β2 m^γ, float64, width 1000 (at smoke scale 100, two of the "
        f"four points). Seeds {SEED_WORDS}."
    ),
    fails_when=(
        "A slope is a statement about several widths, and slow to come: near the boundary on the condensed side, at "
        "(1.5, 0.3), it is 0.143 at widths up to 16,000 where theory has 0.1, as it can be so only once the weights "
        "have moved by much more than they were. The flow is meant: Adam, momentum or long steps move the boundary."
    ),
    run=run,
    check=check,
    cover=(DIAGRAM, "Phase diagram"),
)
