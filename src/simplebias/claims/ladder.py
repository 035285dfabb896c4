"""The ladder of plateaus: networks of many widths on one small target, from small weights by gradient descent."""

from collections.abc import Sequence

import numpy as np
import optax
import xarray as xr

from simplebias.claims.experiment import output_measure, run_ensemble
from simplebias.condensation import effective_features_measure, feature_measure
from simplebias.core.schedule import log_steps
from simplebias.core.snapshot import Record
from simplebias.core.task import Regression
from simplebias.core.types import RECORD, SEED
from simplebias.landscape import Plateau, find_plateaus, plateau_ladder
from simplebias.networks import TwoLayer
from simplebias.training import loss_measure

WIDTH = "width"
RECORDS = 200
TARGET_WORDS = "σ(2x + 0.6) − σ(x) + σ(0.5x − 0.4) − σ(1.5x − 0.6) at 40 even points of [−1, 1]"


def four_kinks(x: np.ndarray) -> np.ndarray:
    """`σ(2x + 0.6) - σ(x) + σ(0.5x - 0.4) - σ(1.5x - 0.6)`, σ the ReLU."""
    kinks = ((1, 2, 0.6), (-1, 1, 0), (1, 0.5, -0.4), (-1, 1.5, -0.6))
    return sum((sign * np.maximum(slope * x + shift, 0) for sign, slope, shift in kinks), np.zeros_like(x))


def train_widths(widths: Sequence[int], seeds: Sequence[int], steps: int) -> xr.Dataset:
    """Networks of each width and seed from weights of std `1e-3 / √m`, by gradient descent at rate 0.05.

    Args:
        widths: m, of all networks.
        seeds: of each width.
        steps: of gradient descent.

    Returns:
        Loss, outputs, effective features, angle of the strongest neuron and the share of amplitude about it, each
        `(width, seed, record, …)`.
    """
    x = np.linspace(-1, 1, 40)
    task = Regression(x, four_kinks(x))
    looks = np.unique(log_steps(RECORDS)(steps))

    def one(width: int) -> xr.Dataset:
        std = 1e-3 / np.sqrt(width)
        data = run_ensemble(
            lambda key: TwoLayer(1, 1, width, activation="relu", initialisation=f"weight-std:{std}", key=key),
            task,
            updater=optax.sgd(0.05),
            steps=steps,
            seeds=seeds,
            measures={
                "loss": Record(loss_measure(task), at=looks),
                "outputs": Record(output_measure(), at=looks),
                "effective_features": Record(effective_features_measure(), at=looks),
                "features": Record(feature_measure(), at=looks),
            },
        ).data
        angle, share = strongest(data["features"])
        return data.drop_vars("features").assign(angle=angle, strongest_share=share)

    joined = xr.concat([one(width) for width in widths], WIDTH, data_vars="all", coords="minimal")
    joined = joined.assign_coords({WIDTH: list(widths)})
    joined["loss"].attrs |= {"description": "Each width waits at the same levels.", "references": "zhang2021embedding"}
    joined["loss"].attrs |= {"levels": "levels"}
    return joined


def strongest(features: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Angle of the neuron of largest amplitude, and the share of amplitude within 0.1 radians of it, over records."""
    values = features.transpose(SEED, RECORD, "neuron", "feature").values
    angles, sizes = values[..., 0], values[..., 1]
    lead = np.take_along_axis(angles, sizes.argmax(axis=-1)[..., None], axis=-1)
    away = np.abs((angles - lead + np.pi) % (2 * np.pi) - np.pi)
    with np.errstate(invalid="ignore"):
        share = np.where(away <= 0.1, sizes, 0).sum(axis=-1) / sizes.sum(axis=-1)
    angle = {"long_name": "angle of the strongest neuron", "units": "rad", "section": "Neurons"}
    near = {"long_name": "share of amplitude about the strongest neuron", "section": "Neurons"}
    near["description"] = "Within 0.1 radians: 1 where the network is one neuron in effect."
    dims = (SEED, RECORD)
    return xr.DataArray(lead[..., 0], dims=dims, attrs=angle), xr.DataArray(share, dims=dims, attrs=near)


def plateaus_of(data: xr.Dataset) -> dict[tuple[int, int], list[Plateau]]:
    """Plateaus of every training, by the indices of width and seed."""
    losses, steps = data["loss"].transpose(WIDTH, SEED, RECORD).values, data["step"].values
    return {
        (width, seed): find_plateaus(losses[width, seed], steps)
        for width in range(losses.shape[0])
        for seed in range(losses.shape[1])
    }


def spectra_of(data: xr.Dataset) -> xr.DataArray:
    """Loss spectrum of each width, over its seeds, `(width, log_loss)`."""
    curves = data["loss"].transpose(WIDTH, SEED, RECORD).values
    widths = [int(width) for width in data[WIDTH].values]
    return plateau_ladder(dict(zip(widths, curves, strict=True)), data["step"].values)["spectra"]
