"""f03: a picture learned from position to grey gains detail last; the initial scale decides how gaps are filled."""

import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr

from simplebias.claims.claim import Claim, Criterion, Evidence, Scale, Verdict
from simplebias.claims.experiment import SEED_WORDS, SEEDS, output_measure, run_ensemble
from simplebias.claims.judge import figure, fitted, spread
from simplebias.core.schedule import log_steps
from simplebias.core.snapshot import Record
from simplebias.core.task import Regression
from simplebias.core.types import BAND, INPUT, OUTPUT, POINT
from simplebias.data import read
from simplebias.frequency import (
    FourierBasis,
    band_error_measure,
    band_share,
    natural_frequencies,
    octave_bands,
)
from simplebias.networks import MLP
from simplebias.training import error_measure, loss_measure

PHOTO, GAPS = "photograph", {0.07: "gaps, weight std 0.07", 0.5: "gaps, weight std 0.5"}
ROWS, COLUMNS = 32, 40
HIGHEST = 32
"""Cycles over the width up to which bands are followed; the mean, which is taken away, is left out."""
LEAST_SHARE = 0.01
"""Share of the power that a band must hold to be judged."""


def run(scale: Scale) -> Evidence:
    """A photograph by bands; from standard on also a drawn picture with every second column missing."""
    evidence = {PHOTO: _photograph(scale)}
    if scale != Scale.SMOKE:
        evidence |= {name: _gaps(std) for std, name in GAPS.items()}
    return evidence


def check(evidence: Evidence) -> Verdict:
    """Bands are fitted in order and end in order; gaps are filled worse from large weights, seed by seed."""
    criteria: list[Criterion] = []
    if PHOTO in evidence:
        data = evidence[PHOTO]
        error = data["band_error"].isel({BAND: np.flatnonzero(data["share"].values >= LEAST_SHARE)})
        criteria += _in_order(error)
    if all(name in evidence for name in GAPS.values()):
        small, large = (evidence[GAPS[std]].isel(record=-1) for std in (0.07, 0.5))
        error = [data["missing_loss"].values for data in (small, large)]
        share = [data["missing_loss"].values / data["loss"].values for data in (small, large)]
        criteria.append(_larger("mean squared error on missing pixels over that on training pixels", *share))
        criteria.append(_larger("mean squared error on missing pixels", *error))
    return Verdict(tuple(criteria))


def _in_order(error: xr.DataArray) -> list[Criterion]:
    steps = fitted(error, threshold=0.5, hold=3).transpose(..., BAND).values
    last = error.isel(record=-1).transpose(..., BAND).values
    names = " < ".join(str(name) for name in error[BAND].values)
    # bands that are both not fitted yet are in no order: at least two must be
    rising = all(_rises(row) and int(np.isfinite(row).sum()) >= 2 for row in steps)
    fit = "; ".join(", ".join("not yet" if np.isinf(one) else figure(one) for one in row) for row in steps)
    ends = "; ".join(", ".join(figure(one) for one in row) for row in last)
    ordered = bool((np.diff(last, axis=-1) > 0).all()) and last.shape[-1] > 1
    return [
        Criterion(f"step from which the error of each band stays below 0.5, bands {names}", fit, "in order", rising),
        Criterion("error of each band at the end", ends, "rising from band to band", ordered),
    ]


def _rises(steps: np.ndarray) -> bool:
    """Whether each step is later than the one before, up to where nothing is fitted any more."""
    finite = np.isfinite(steps)
    return bool((np.diff(steps[finite]) > 0).all() and (np.diff(finite.astype(int)) <= 0).all())


def _larger(what: str, small: np.ndarray, large: np.ndarray) -> Criterion:
    """Whether every seed has the larger value at the larger initial scale."""
    holds = small.size > 0 and bool((large > small).all())
    return Criterion(what, f"{spread(small)} at std 0.07; {spread(large)} at std 0.5", "larger at std 0.5", holds)


def _photograph(scale: Scale) -> xr.Dataset:
    """The shipped photograph, reduced; all pixels are trained on."""
    sample = read("photo", size=scale.choose(32, 64, 128))
    assert sample.values is not None
    width, steps = scale.choose(64, 100, 200), scale.choose(1000, 2000, 4000)
    frequencies = natural_frequencies(sample.points)
    size = np.abs(frequencies).max(axis=1)
    inner = (size > 0) & (size <= HIGHEST)
    basis = FourierBasis(sample.points, frequencies[inner])
    grey = (sample.values - sample.values.mean()) / sample.values.std()
    target, bands = basis(grey), octave_bands(frequencies[inner], unit="cycles/width")
    task = Regression(2 * sample.points - 1, grey)
    often = log_steps(80)
    constants = _picture_constants(sample.points, sample.values, sample.lattice, "image width")
    constants = constants.assign_coords({
        BAND: list(bands.labels),
        "share": (BAND, np.asarray(band_share(target, bands))),
    })
    measures = {
        "band_error": Record(band_error_measure(basis, target, bands), at=often),
        "loss": Record(loss_measure(task), at=often),
        "outputs": Record(output_measure("Grey, scaled to mean 0 and std 1 over the picture."), at=log_steps(8)),
    }
    return run_ensemble(
        lambda key: MLP(2, 1, width, 3, activation="relu", initialisation="he", key=key),
        task,
        updater=optax.adam(1e-3),
        steps=steps,
        seeds=SEEDS[: scale.choose(1, 2, 3)],
        measures=measures,
        constants=constants.assign(target=((POINT, OUTPUT), grey)),
    ).data


def drawn_picture() -> tuple[np.ndarray, np.ndarray]:
    """A picture of 32 × 40 pixels with slopes, an edge and stripes: positions in `[-1, 1]` and grey, row by row."""
    y, x = np.meshgrid(np.linspace(-0.8, 0.8, ROWS), np.linspace(-1, 1, COLUMNS), indexing="ij")
    disc = 1 / (1 + np.exp((np.hypot(x - 0.1, y + 0.1) - 0.5) / 0.04))
    stripes = 0.2 * np.sin(2 * np.pi * 2.5 * (x + y)) * (x < 0)
    grey = 0.3 * x - 0.2 * y + 0.8 * disc + stripes
    return np.stack([x.ravel(), y.ravel()], axis=1), grey.reshape(-1, 1)


def _gaps(std: float) -> xr.Dataset:
    """Every second column is trained on, all are looked at."""
    points, grey = drawn_picture()
    column = np.arange(ROWS * COLUMNS) % COLUMNS
    seen, missing = np.flatnonzero(column % 2 == 1), np.flatnonzero(column % 2 == 0)
    measures = {
        name: Record(
            error_measure("mean-squared-error", jnp.asarray(grey, float), rows.tolist(), description=words),
            at=log_steps(60),
        )
        for name, rows, words in (
            ("loss", seen, "mean squared error, training pixels"),
            ("missing_loss", missing, "mean squared error, missing pixels"),
        )
    }
    measures["outputs"] = Record(
        output_measure("Grey at all pixels; every second column is trained on."), at=log_steps(8)
    )
    constants = _picture_constants(points, grey, (ROWS, COLUMNS), "")
    constants["split"] = ((POINT,), (column % 2 == 0).astype(np.int8))
    return run_ensemble(
        lambda key: MLP(2, 1, (200, 200, 200, 200, 100), initialisation=f"weight-std:{std}", key=key),
        Regression(points[seen], grey[seen]),
        updater=optax.adam(1e-3),
        steps=2500,
        seeds=SEEDS,
        measures=measures,
        constants=constants,
        points=points,
    ).data


def _picture_constants(points: np.ndarray, grey: np.ndarray, lattice: tuple[int, int] | None, unit: str) -> xr.Dataset:
    assert lattice is not None
    return xr.Dataset(
        {"points": ((POINT, INPUT), points), "target": ((POINT, OUTPUT), grey, {"description": "grey"})},
        coords={OUTPUT: ["grey"], INPUT: ["x", "y"], "input_unit": (INPUT, [unit, unit])},
        attrs={"lattice": ",".join(map(str, lattice))},
    )


CLAIM = Claim(
    id="f03",
    title="Images gain detail last",
    sentence=(
        "A network that learns a picture as a function of position first draws it blurred and adds detail later; "
        "how it fills missing pixels is decided by the scale of its initial weights."
    ),
    source=("xu2018training", "xu2018frequency", "xu2019frequency"),
    setting=(
        "The shipped photograph, grey scaled to mean 0 and std 1, learned from position by ReLU networks with three"
        " hidden layers, he initialisation, full-batch Adam 1e-3; error by bands of doubling radial frequency that "
        "hold at least 1 % of the power, up to 32 cycles over the width. A drawn picture of 32 × 40 pixels of which"
        " every second column is trained on: tanh 2-200-200-200-200-100-1, std of weights and biases 0.07 and 0.5, "
        f"Adam 1e-3, 2500 steps. Seeds {SEED_WORDS}, of the photograph one at smoke and two at standard."
    ),
    fails_when=(
        "With two hidden layers fewer the initial scale has no effect on missing pixels: depth times scale must "
        "make the initial function rough. Among bands that are hardly begun the order is not strict."
    ),
    run=run,
    check=check,
)
