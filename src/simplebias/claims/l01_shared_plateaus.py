"""l01: networks of different widths wait at the same losses, as the same function with the same features."""

import numpy as np
import optax
import xarray as xr

from simplebias.claims.claim import Claim, Criterion, Evidence, Scale, Verdict
from simplebias.claims.experiment import output_measure, run_ensemble
from simplebias.claims.judge import compare
from simplebias.claims.ladder import TARGET_WORDS, WIDTH, plateaus_of, spectra_of, train_widths
from simplebias.core.schedule import log_steps
from simplebias.core.snapshot import Record
from simplebias.core.task import Regression
from simplebias.core.types import RECORD, SEED
from simplebias.landscape import Plateau, shared_levels
from simplebias.networks import TwoLayer
from simplebias.training import loss_measure

LADDER, STAIRCASE = "four kinks, many widths", "three steps, width 500"
FIRST = 101
LINES = ((-1.57, 0.05), (-2.28, 0.05), (-3.12, 0.08))
"""log10 of the loss of each line, and how far from it a plateau may lie."""
NEAR = 0.2
"""Plateaus further than this from every line belong to none."""
SAME_LEVEL = 0.01
"""Difference of log10 loss up to which a plateau is at the level of the width-1 minimum: another lies 0.02 below."""


def run(scale: Scale) -> Evidence:
    """Many widths on four kinks, and a wide tanh network on a staircase beside one of width 1."""
    widths = scale.choose(
        (1, 8, 30), (1, 2, 3, 4, 6, 8, 10, 15, 30, 60, 100, 300), (1, 2, 3, 4, 6, 8, 10, 30, 100, 2000)
    )
    seeds = range(FIRST, FIRST + scale.choose(6, 8, 32))
    data = train_widths(widths, list(seeds), 60_000)
    data["spectra"] = spectra_of(data)
    return {LADDER: _with_levels(data), STAIRCASE: _staircase(scale.choose(6000, 12_000, 300_000))}


def _with_levels(data: xr.Dataset) -> xr.Dataset:
    """The data with the levels at which networks end, each named by the smallest width that ends there."""
    ends = [(width, [one for one in found if one.open]) for (width, _), found in plateaus_of(data).items()]
    named = [
        (f"width {data[WIDTH].values[min(ends[index][0] for index in who)]} ends here", 10**level)
        for level, who in shared_levels([found for _, found in ends], tolerance=0.01)
        if len(who) > 1
    ]
    attributes = {"long_name": "loss at which networks end"}
    names = [name for name, _ in named]
    return data.assign(levels=("level", [level for _, level in named], attributes)).assign_coords(level=names)


def _staircase(steps: int) -> xr.Dataset:
    x = np.linspace(-15, 15, 50)
    task = Regression(x, np.tanh(x - 6) + np.tanh(x) + np.tanh(x + 6))
    looks = np.unique(log_steps(200)(steps))

    def one(width: int) -> xr.Dataset:
        rule = f"weight-std:{width**-1.5 if width > 1 else 0.1}"
        return run_ensemble(
            lambda key: TwoLayer(1, 1, width, activation="tanh", initialisation=rule, key=key),
            task,
            updater=optax.sgd(0.005),
            steps=steps,
            measures={"loss": Record(loss_measure(task), at=looks), "outputs": Record(output_measure(), at=looks)},
        ).data

    return xr.concat([one(1), one(500)], WIDTH, data_vars="all", coords="minimal").assign_coords({WIDTH: [1, 500]})


def check(evidence: Evidence) -> Verdict:
    """Rows 30, 31 and 34 of the acceptance, and that features agree on a shared plateau."""
    criteria: list[Criterion] = []
    if LADDER in evidence:
        data = evidence[LADDER]
        found = plateaus_of(data)
        criteria += [_line(data, found, *line) for line in LINES] + _same_function(data, found)
    if STAIRCASE in evidence:
        criteria += _stagnation(evidence[STAIRCASE])
    return Verdict(tuple(criteria))


def _line(data: xr.Dataset, found: dict[tuple[int, int], list[Plateau]], level: float, reach: float) -> Criterion:
    """All plateaus next to a line lie within its tolerance, and networks of two widths at least wait there."""
    near = [
        (data[WIDTH].values[width], np.log10(one.loss))
        for (width, _), plateaus in found.items()
        for one in plateaus
        if abs(np.log10(one.loss) - level) <= NEAR
    ]
    widths = sorted({int(width) for width, _ in near})
    away = max((abs(value - level) for _, value in near), default=np.nan)
    words = f"{len(near)} within {away:.3f}, of widths {', '.join(map(str, widths))}" if near else "none"
    holds = len(widths) >= 2 and bool(away <= reach)
    return Criterion(f"plateaus at log10 loss {level}", words, f"within {reach}, of at least two widths", holds)


def _same_function(data: xr.Dataset, found: dict[tuple[int, int], list[Plateau]]) -> list[Criterion]:
    """Output and features on the plateau of the width-1 minimum, against that minimum itself."""
    loss = data["loss"].transpose(WIDTH, SEED, RECORD).values
    narrow = int(np.flatnonzero(data[WIDTH].values == 1)[0])
    ends = np.log10(loss[narrow, :, -1])
    best = int(np.argmin(np.where(np.isfinite(ends), ends, np.inf)))
    outputs = data["outputs"].transpose(WIDTH, SEED, RECORD, ...).values
    parts = {
        name: data[name].transpose(WIDTH, SEED, RECORD, ...).values.reshape(loss.shape)
        for name in ("effective_features", "angle", "strongest_share")
    }
    places = [
        (width, seed, one.record)
        for (width, seed), plateaus in found.items()
        for one in plateaus
        if width != narrow and abs(np.log10(one.loss) - ends[best]) <= SAME_LEVEL
    ]
    difference = [np.abs(outputs[place] - outputs[narrow, best, -1]).max() for place in places]
    turn = [abs(np.angle(np.exp(1j * (parts["angle"][place] - parts["angle"][narrow, best, -1])))) for place in places]
    where = "on the plateau of the width-1 minimum"
    return [
        compare(f"{where}: output against that minimum's, largest difference", difference, "<", 5e-3),
        compare(f"{where}: effective orientations", [parts["effective_features"][place] for place in places], "<", 1.1),
        compare(
            f"{where}: share of amplitude in one orientation", [parts["strongest_share"][p] for p in places], ">", 0.99
        ),
        compare(f"{where}: that orientation against the single neuron's, radians", turn, "<", 0.02),
    ]


def _stagnation(data: xr.Dataset) -> list[Criterion]:
    """How long width 500 stays within 5 % of the width-1 minimum, and its output there."""
    loss, steps = data["loss"].transpose(WIDTH, SEED, RECORD).values, data["step"].values
    outputs = data["outputs"].transpose(WIDTH, SEED, RECORD, ...).values
    level, shape = loss[0, 0, -1], outputs[0, 0, -1]
    near = np.abs(loss[1] - level) <= 0.05 * level
    stayed = [np.ptp(steps[one]) if one.any() else 0.0 for one in near]
    closest = np.abs(loss[1] - level).argmin(axis=1)
    away = [np.abs(outputs[1, seed, place] - shape).max() for seed, place in enumerate(closest)]
    return [
        compare("width-1 minimum of the staircase", [level], "<", 0.0885),
        compare("steps within 5 % of it, at width 500", stayed, "≥", 1000),
        compare("output against it, largest difference", away, "<", 0.1),
    ]


CLAIM = Claim(
    id="l01",
    title="Widths share plateaus",
    sentence=(
        "Trained from small weights, networks of different widths wait at the same losses, and on a shared plateau "
        "they have the same output function and the same features: those of a critical point of a narrow network."
    ),
    source=("zhang2021embedding", "zhang2021hierarchical"),
    setting=(
        f"{TARGET_WORDS}; ReLU, weights of std 1e-3 / √m, no output bias, gradient descent at 0.05 for 60,000 steps. "
        "Plateaus: the loss falls less than time to the power 0.1 while the training becomes 1.5 times as long. And "
        "tanh(x − 6) + tanh(x) + tanh(x + 6) at 50 points of [−15, 15], tanh, std m^−1.5, gradient descent at 0.005. "
        "Seeds 101, 102, 103 and, of the four kinks, 104 to 106 (108 beyond smoke scale)."
    ),
    fails_when=(
        "Levels that differ little are other functions: 0.02 below the width-1 minimum (in log10) networks of width 2 "
        "and 3 end in a minimum of their own, of which the output differs by 0.11. About one network of width 1 in "
        "four stays at the first level, all neurons dead. A plateau of width 500 on the staircase is no stop: the loss "
        "keeps falling slowly through it."
    ),
    run=run,
    check=check,
    cover=(LADDER, "Training loss of networks"),
)
