"""f10: stopping early keeps noise out, because noise sits in high frequencies; when to stop is seen in the spectrum."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr
from jax.tree_util import Partial

from simplebias.claims.claim import Claim, Criterion, Evidence, Scale, Verdict
from simplebias.claims.experiment import SEED_WORDS, SEEDS, output_measure, run_ensemble
from simplebias.claims.judge import compare
from simplebias.core.schedule import log_steps
from simplebias.core.snapshot import Measure, Record, Snapshot
from simplebias.core.task import Regression
from simplebias.core.types import FREQUENCY, INPUT, OUTPUT, POINT, RECORD, SEED, Array
from simplebias.frequency import (
    FourierBasis,
    NoiseFloor,
    clean_error_measure,
    mirror_spectrum_measure,
    natural_frequencies,
    noise_floor,
    power,
    spectrum_measure,
    stop_record,
)
from simplebias.networks import MLP
from simplebias.training import error_measure, loss_measure

NOISY, FIRST, RULES = "noise learned last", "one of the samples", "two ways to stop"
COUNT, TESTS, STD = 100, 1000, 0.2
HIGH = 12
"""Periods over the data from which on a frequency counts as high; sin x has 3.2."""
INIT = "power:0.5"
MEMBERS = 20
"""Samples on which the ways to stop are compared."""
X, BETWEEN = np.linspace(-10, 10, COUNT), np.linspace(-10, 10, TESTS)


def run(scale: Scale) -> Evidence:
    """Noisy samples of sin x, each with its own noise and network; from standard on both ways to stop on 20 more."""
    rate, steps = scale.choose((2e-4, 20_000), (5e-5, 20_000), (1e-5, 30_000))
    widths = scale.choose((100, 100, 100, 50), (200, 200, 200, 100), (200, 200, 200, 100))
    whole = [_train(seed, widths, rate, steps) for seed in SEEDS[: scale.choose(1, 3, 3)]]
    evidence = {
        NOISY: xr.concat([data[list(_CURVES)] for data in whole], dim=SEED, combine_attrs="override"),
        FIRST: whole[0].drop_vars([*_CURVES, "clean_error"], errors="ignore"),
    }
    if scale != Scale.SMOKE:
        evidence[RULES] = _rules(range(SEEDS[0], SEEDS[0] + MEMBERS))
    return evidence


def check(evidence: Evidence) -> Verdict:
    """The clean error rises again; noise is out at its lowest and in at the end; the spectrum says when to stop."""
    criteria: list[Criterion] = []
    if NOISY in evidence:
        data = evidence[NOISY]
        error, share = (data[name].transpose(SEED, RECORD).values for name in ("clean_error", "high_share"))
        best = error.argmin(axis=1)  # a NaN is found first, and fails below
        every = np.arange(len(error))
        criteria = [
            compare("error against the clean target, at the end over the lowest", error[:, -1] / error.min(1), ">", 2),
            compare("share of the data's high-frequency power, at the lowest", share[every, best], "≤", 0.4),
            compare("share of the data's high-frequency power, at the end", share[:, -1], "≥", 0.95),
        ]
    if RULES in evidence:
        spectrum, validation = (evidence[RULES][name].values for name in ("by_spectrum", "by_validation"))
        ratio = np.median(spectrum) / np.median(validation) if len(spectrum) else np.nan
        what = f"median clean error of stopping by spectrum over that by validation loss, {len(spectrum)} samples"
        criteria.append(compare(what, float(ratio), "≤", 1))
    return Verdict(tuple(criteria))


_CURVES = ("loss", "clean_error", "estimated_error", "high_share")
"""What is kept of every sample."""


def sample(seed: int) -> np.ndarray:
    """Values of sin x with noise of their own, `(points, 1)`."""
    return (np.sin(X) + STD * np.random.default_rng(seed).standard_normal(COUNT))[:, None]


def _train(seed: int, widths: Sequence[int], rate: float, steps: int) -> xr.Dataset:
    """One network on one sample, with everything that is drawn."""
    values = sample(seed)
    floor, tones = noise_floor(X, values), natural_frequencies(X)
    basis, task = FourierBasis(X, tones), Regression(X, values)
    target = basis(values)
    often, rarely = log_steps(120), log_steps(24)
    measures = {
        "loss": Record(loss_measure(task), at=often),
        "clean_error": Record(_clean_error(), at=often),
        "estimated_error": Record(clean_error_measure(floor), at=often),
        "high_share": Record(_high_share(basis, target), at=often),
        "outputs": Record(output_measure("The network and the noisy samples that it learns."), at=rarely),
        "spectrum": Record(spectrum_measure(basis, tones), at=rarely),
        "mirror_spectrum": Record(mirror_spectrum_measure(floor), at=rarely),
    }
    constants = (
        floor
        .dataset()
        .assign(
            points=((POINT, INPUT), X[:, None]),
            target=((POINT, OUTPUT), values, {"description": "sin x with noise of std 0.2"}),
            target_spectrum=((FREQUENCY, OUTPUT), np.asarray(target)),
        )
        .assign_coords({INPUT: ["x"], OUTPUT: ["y"], "input_unit": (INPUT, [""])})
    )
    return _fit(seed, widths, rate, steps, task, measures, constants)


def _fit(
    seed: int,
    widths: Sequence[int],
    rate: float,
    steps: int,
    task: Regression,
    measures: dict[str, Record],
    constants: xr.Dataset | None = None,
    **options: Any,
) -> xr.Dataset:
    return run_ensemble(
        lambda key: MLP(1, 1, tuple(widths), activation="tanh", initialisation=INIT, key=key),
        task,
        updater=optax.adam(rate),
        steps=steps,
        seeds=[seed],
        measures=measures,
        constants=constants,
        **options,
    ).data


def _clean_error() -> Measure:
    return loss_measure(Regression(BETWEEN, np.sin(BETWEEN)), description="error against the clean target")


def _high_share(basis: FourierBasis, target: Array) -> Measure:
    return Measure(
        Partial(_share, basis, jnp.sum(power(target)[HIGH:])),
        description=f"Power of the network's output at {HIGH} and more periods over the data, as share of the data's.",
        attributes={"long_name": "share of high-frequency power", "section": "Frequencies"},
    )


def _share(basis: FourierBasis, whole: Array, snapshot: Snapshot) -> Array:
    return jnp.sum(power(basis(snapshot.outputs))[HIGH:]) / whole


def _rules(seeds: Sequence[int]) -> xr.Dataset:
    """Clean errors of both ways to stop: on all points by spectrum, on 80 % by the loss of the other 20 %."""
    found = np.array([_both(seed) for seed in seeds])
    words = {
        "by_spectrum": "clean error at the step proposed from the spectrum, trained on all points",
        "by_validation": "clean error at the lowest validation loss, trained on 80 % of the points",
        "at_best": "lowest clean error, trained on all points",
    }
    variables = {
        name: ((SEED,), column, {"description": text})
        for (name, text), column in zip(words.items(), found.T, strict=True)
    }
    return xr.Dataset(variables, coords={SEED: list(seeds)})


def _both(seed: int) -> tuple[float, float, float]:
    values, often = sample(seed), log_steps(120)
    floor = noise_floor(X, values)
    rows = np.random.default_rng([seed, 1]).permutation(COUNT)
    held_out, kept = rows[: COUNT // 5], rows[COUNT // 5 :]
    clean = Record(_clean_error(), at=often)
    held = error_measure("mean-squared-error", jnp.asarray(values, float), held_out, description="held out")
    settings = ((40, 40, 40), 1e-3, 4000)
    whole = _fit(
        seed, *settings, Regression(X, values), {"error": Record(clean_error_measure(floor), at=often), "clean": clean}
    )
    part = _fit(
        seed, *settings, Regression(X[kept], values[kept]), {"error": Record(held, at=often), "clean": clean}, points=X
    )
    proposed, lowest = _record(whole, floor), int(part["error"].values[0].argmin())
    error = whole["clean"].values[0]
    return float(error[proposed]), float(part["clean"].values[0, lowest]), float(error.min())


def _record(data: xr.Dataset, floor: NoiseFloor) -> int:
    return stop_record(data["error"].values[0], floor)


CLAIM = Claim(
    id="f10",
    title="Early stopping keeps noise out",
    sentence=(
        "A network learns noise last, because noise sits in high frequencies: stopping early leaves it out, and the "
        "spectrum of the data says when."
    ),
    source=("xu2018training", "xu2019frequency"),
    setting=(
        "100 even points of [−10, 10], sin x with independent normal noise of std 0.2, another for each seed; tanh "
        "networks 200-200-200-100, weights of std 1/√width, full batch, Adam 5e-5 for 20,000 steps (at full scale 1e-5 "
        "for 30,000; at smoke scale half as wide and 2e-4). Clean error: mean square on 1000 points without noise. "
        "High: 12 and more periods over the data, which hold 18 to 22 % of their power "
        "without noise, as sin x does not end where it began. Ways to stop: three hidden layers of 40, Adam 1e-3, "
        f"4000 steps, 20 samples. Seeds {SEED_WORDS}, at smoke scale the first; of the ways to stop 101 to 120."
    ),
    fails_when=(
        "The target itself reaches the highest frequencies that the samples resolve: what is learned last is then not "
        "noise alone, and no floor is seen. Noise that is alike at neighbouring points is learned like a target. Noise "
        "takes long: 5000 steps of Adam 2e-4 had only 0.65 to 0.75 of the high-frequency power."
    ),
    run=run,
    check=check,
    cover=(NOISY, "Loss over training"),
)
