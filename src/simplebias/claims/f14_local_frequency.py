"""f14: with windows and with wavelets the order in which places are learned follows their local frequency."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import optax
import xarray as xr
from scipy.stats import rankdata

from simplebias.claims.claim import Claim, Criterion, Evidence, Scale, Verdict
from simplebias.claims.experiment import SEED_WORDS, SEEDS, output_measure, run_ensemble
from simplebias.claims.judge import compare, fitted, ratio
from simplebias.core.schedule import every, log_steps
from simplebias.core.snapshot import Record
from simplebias.core.task import Regression
from simplebias.core.types import INPUT, LOCAL_FREQUENCY, OUTPUT, POINT, POSITION, SEED, WINDOW
from simplebias.frequency import (
    WaveletBasis,
    box_windows,
    local_error_measure,
    wavelet_coordinates,
    wavelet_error_measure,
    wavelet_measure,
    window_coordinates,
)
from simplebias.networks import MLP
from simplebias.training import loss_measure

HALVES, CHIRP = "slow half, fast half", "slow middle, fast ends"
WINDOWS = {HALVES: ((-2.8, -0.35), (0.35, 2.8)), CHIRP: ((-1, 1), (2, 2.9))}
"""Slow and fast: the interiors of both halves, for at the joint neither speed holds; the middle and one end."""
WAVELET = "cmor0.5-1.0"
"""A Morlet wavelet of few periods, so that slow places are seen apart from their neighbours."""
STRONG = 0.4
"""Share of the strongest ridge that a position must reach, to leave out places where the target has no clear speed."""


def run(scale: Scale) -> Evidence:
    """A target slow on the left and fast on the right, and one that grows faster and faster from its middle."""
    x = _points(scale)
    return {
        HALVES: _observe(x, np.where(x < 0, np.sin(2 * x), np.sin(10 * x)), WINDOWS[HALVES], scale),
        CHIRP: _observe(x, np.sin(2 * x + 8 * x**3 / (3 * np.pi**2)), WINDOWS[CHIRP], scale),
    }


def check(evidence: Evidence) -> Verdict:
    """The fast half later than the slow one; from the middle to the ends, fast places later than slow ones."""
    criteria: list[Criterion] = []
    if HALVES in evidence:
        steps = fitted(evidence[HALVES]["local_error"], threshold=0.2)
        slow, fast = (steps.isel({WINDOW: index}) for index in (0, 1))
        fast = fast.clip(max=float(evidence[HALVES]["step"].max()) + 1)  # not within the run: at least so late
        criteria.append(compare("windows: steps for sin 10x over those for sin 2x", ratio(fast, slow), ">", 4))
    if CHIRP in evidence:
        speed, steps = ridge(evidence[CHIRP])
        late = [_thirds(speed, one) for one in steps]
        order = [_rank_correlation(speed, one) for one in steps]
        criteria.append(compare("wavelets: steps of the fastest third over the slowest third", late, ">", 3))
        criteria.append(compare("wavelets: rank correlation of step and local frequency", order, ">", 0.6))
    return Verdict(tuple(criteria))


def ridge(data: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Local frequency and step of learning along the ridge: at each position the strongest cell outside the cone.

    Args:
        data: evidence of one target.

    Returns:
        `(positions,)` and `(seeds, positions)`, infinite where a place was never learned.
    """
    amplitude = np.abs(data["target_wavelet"].transpose(LOCAL_FREQUENCY, POSITION, OUTPUT).values[..., 0])
    places, rates, reach = (data[name].values for name in (POSITION, LOCAL_FREQUENCY, "reach"))
    room = np.minimum(places - places[0], places[-1] - places)
    amplitude = np.where(room >= reach[:, None], amplitude, 0.0)
    row = amplitude.argmax(axis=0)
    chosen = np.flatnonzero(amplitude.max(axis=0) >= STRONG * amplitude.max())
    steps = fitted(data["wavelet_error"], threshold=0.2, hold=5).transpose(SEED, LOCAL_FREQUENCY, POSITION).values
    return rates[row[chosen]], steps[:, row[chosen], chosen]


def _thirds(speed: np.ndarray, steps: np.ndarray) -> float:
    if np.isinf(steps).all() or len(steps) < 3:
        return np.nan
    low, high = np.quantile(speed, (1 / 3, 2 / 3))
    slow, fast = (float(np.median(steps[part])) for part in (speed <= low, speed >= high))
    return np.nan if np.isinf(slow) else fast / max(slow, 1.0)


def _rank_correlation(speed: np.ndarray, steps: np.ndarray) -> float:
    if np.ptp(np.minimum(steps, 1e12)) == 0 or np.ptp(speed) == 0:
        return np.nan
    return float(np.corrcoef(rankdata(speed), rankdata(steps))[0, 1])


def _points(scale: Scale) -> np.ndarray:
    count = scale.choose(200, 400, 400)
    return -np.pi + 2 * np.pi * np.arange(count) / count


def _observe(
    x: np.ndarray, y: np.ndarray, boxes: Sequence[tuple], scale: Scale, seeds: Sequence[int] = SEEDS
) -> xr.Dataset:
    windows = box_windows(x, np.array(boxes, float))
    frequencies = np.geomspace(1.4, 13, scale.choose(20, 32, 32)) / (2 * np.pi)
    basis = WaveletBasis(x, frequencies, wavelet=WAVELET, positions=scale.choose(67, 100, 100))
    look, task = log_steps(scale.choose(12, 24, 24)), Regression(x, y)
    error = wavelet_error_measure(basis, y)
    network: dict[str, Any] = {"activation": "tanh", "initialisation": "lecun"}
    widths = scale.choose((64, 64), (100, 100, 100), (100, 100, 100))
    measures = {
        "local_error": Record(local_error_measure(y, windows), at=every(5)),
        "wavelet_error": Record(error, at=every(20)),
        "wavelet": Record(wavelet_measure(basis), at=look),
        "outputs": Record(output_measure(), at=look),
        "loss": Record(loss_measure(task), at=every(5)),
    }
    target = np.asarray(basis(y))
    constants = xr.Dataset(
        {
            "points": ((POINT, INPUT), x[:, None]),
            "target": ((POINT, OUTPUT), y[:, None], {"description": "what is to be learned"}),
            "target_wavelet": ((LOCAL_FREQUENCY, POSITION, OUTPUT), target),
        },
        coords={OUTPUT: ["y"], INPUT: ["x"], "input_unit": (INPUT, [""])}
        | wavelet_coordinates(basis)
        | window_coordinates(windows, points=x, target=y),
    )
    return run_ensemble(
        lambda key: MLP(1, 1, widths, key=key, **network),
        task,
        updater=optax.adam(scale.choose(1e-3, 5e-4, 5e-4)),
        steps=scale.choose(3000, 3500, 8000),
        seeds=seeds,
        measures=measures,
        constants=constants,
    ).data


CLAIM = Claim(
    id="f14",
    title="Local frequency decides",
    sentence=(
        "Within one target, places where it varies slowly are learned before places where it varies fast: the order "
        "follows local frequency, seen through windows and through wavelets."
    ),
    source=("xu2019frequency", "torrence1998practical"),
    setting=(
        "400 (smoke: 200) evenly spaced points of [−π, π); tanh 1-100-100-100-1, Adam 5e-4 (smoke: 1-64-64-1, 1e-3), "
        "lecun initialisation, mean squared error on the full batch. Slow half, fast half: sin 2x for x < 0, sin 10x "
        "for x ≥ 0; windows [−2.8, −0.35] and [0.35, 2.8]; learned: relative error below 0.2 for 10 records, one "
        "every 5 steps. Slow middle, fast ends: sin(2x + 8x³/3π²), from 2 to 10 radians per unit; complex Morlet "
        "wavelets of bandwidth 0.5; at each position the target's strongest frequency outside the cone of influence; "
        f"learned: relative error below 0.2 for 5 records, one every 20 steps. Seeds {SEED_WORDS}."
    ),
    fails_when=(
        "A window lies across a joint of two speeds, where a slow part already fits half of it; or the network starts "
        "with large weights or a high-frequency activation, as in the global picture."
    ),
    run=run,
    check=check,
    cover=(CHIRP, "What was learned when, and where"),
)
