"""f05: low frequencies first in high dimension, by Gaussian filters over real pictures; dense and convolutional."""

from collections.abc import Callable

import numpy as np
import optax
import xarray as xr

from simplebias.claims.claim import Claim, Criterion, Evidence, Scale, Verdict
from simplebias.claims.digits import CIFAR, MNIST, Pictures, larger_pictures, pictures
from simplebias.claims.experiment import SEED_WORDS, SEEDS, run_ensemble
from simplebias.claims.judge import compare, fitted, ratio
from simplebias.core.schedule import every
from simplebias.core.snapshot import Record
from simplebias.core.task import Classification
from simplebias.core.types import FILTER_WIDTH, PART, Key, Network
from simplebias.frequency import GaussianFilter, filter_variances, filtering_measure
from simplebias.networks import MLP, VGG, SmallCNN
from simplebias.training import loss_measure

FRACTIONS = (1 / 20, 1 / 10, 1 / 4)
"""Variances of the filters as shares of the median squared distance."""
JUDGED = 1
"""The one that is judged."""
BLOCKS = ((16, 16), (32, 32))
"""Kernels of the VGG-like network of full scale."""


def run(scale: Scale) -> Evidence:
    """A tanh and a ReLU network, and a small convolutional one."""
    evidence, data = {}, pictures(scale.choose(1000, 1000, 1797))
    steps, seeds = scale.choose(120, 400, 400), SEEDS[: scale.choose(1, 3, 3)]
    for activation in scale.choose(("tanh",), ("tanh", "relu"), ("tanh", "relu")):
        evidence[f"digits, MLP {activation}"] = _observe(data, _mlp(data, activation), steps, seeds)
    few = pictures(scale.choose(600, 1000, 1797))
    make = lambda key: SmallCNN(few.image_shape, few.one_hot.shape[1], width=200, initialisation="he", key=key)
    evidence["digits, CNN relu"] = _observe(few, make, scale.choose(80, 200, 300), seeds)
    if scale == Scale.FULL:
        deep = lambda key: VGG(
            data.image_shape, data.one_hot.shape[1], blocks=BLOCKS, widths=(128,), initialisation="lecun", key=key
        )
        evidence["digits, VGG relu"] = _observe(data, deep, 200, seeds)
    for larger in larger_pictures(2000, scale):
        evidence[f"{larger.name}, MLP relu"] = _observe(larger, _mlp(larger, "relu"), steps, seeds)
    return evidence


def check(evidence: Evidence) -> Verdict:
    """The low part is fitted twice as fast, and has the smaller error at nearly every record."""
    criteria: list[Criterion] = []
    for name, data in evidence.items():
        error = data["filter_error"].isel({FILTER_WIDTH: JUDGED})
        low, high = error.sel({PART: "low"}), error.sel({PART: "high"})
        times = ratio(fitted(high, threshold=0.3, hold=5), fitted(low, threshold=0.3, hold=5))
        criteria.append(compare(f"{name}: steps for the high part over those for the low part", times, ">", 2))
        smaller = (low < high).mean("record")
        criteria.append(compare(f"{name}: share of records with the smaller error in the low part", smaller, "≥", 0.95))
    return Verdict(tuple(criteria))


def _mlp(data: Pictures, activation: str) -> Callable[[Key], Network]:
    sizes = data.points.shape[1], data.one_hot.shape[1]
    return lambda key: MLP(*sizes, (200, 100), activation=activation, initialisation="lecun", key=key)


def _observe(data: Pictures, make: Callable[[Key], Network], steps: int, seeds: tuple[int, ...]) -> xr.Dataset:
    kernel = GaussianFilter(data.points, filter_variances(data.points, FRACTIONS))
    share = np.asarray(kernel.sizes(data.one_hot))[:, 0] / np.sum(data.one_hot**2)
    task = Classification(data.points, data.labels, classes=data.one_hot.shape[1])
    measures = {
        "filter_error": Record(filtering_measure(kernel, data.one_hot, transform="softmax"), at=every(2)),
        "loss": Record(loss_measure(task), at=every(2)),
    }
    constants = xr.Dataset(coords={"filter_share": (FILTER_WIDTH, share), FILTER_WIDTH: np.asarray(kernel.variances)})
    return run_ensemble(
        make, task, updater=optax.adam(1e-3), steps=steps, seeds=seeds, measures=measures, constants=constants
    ).data


CLAIM = Claim(
    id="f05",
    title="High dimension, by filtering",
    sentence=(
        "What a Gaussian filter over the space of pictures keeps of the labels is learned before what it removes, "
        "by dense and by convolutional networks."
    ),
    source=("xu2019frequency",),
    setting=(
        "1000 of the UCI digits as shipped, pixels in [0, 1]; 64-200-100-10 with tanh and with ReLU, lecun "
        "initialisation; ReLU CNN of two 3 × 3 convolutions of 8 and 16 channels, max-pooling and 200 neurons, he "
        "initialisation (600 digits at smoke scale, all 1797 at full scale); softmax cross-entropy, full-batch Adam "
        "1e-3, records every 2 steps. Filters of variance m/20, m/10 and m/4 with m the median squared distance; m/10 "
        "is judged. Fitted: error below 0.3 for 5 records. At full scale also a VGG-like network (two blocks of two "
        "convolutions, 16 and 32 channels, 128 neurons) and the first 2000 pictures of MNIST and of CIFAR if "
        f"{MNIST} and {CIFAR} name the place of their files. Seeds {SEED_WORDS}, at smoke scale the first."
    ),
    fails_when=(
        "The filter is so narrow that its low part is all of the labels, or so wide that it is only their mean, which "
        "dominates the low part of one-hot labels anyway. With 600 digits the CNN's high part took as little as "
        "1.6 times the steps of the low one, from some initial weights: the fewer pictures, the sooner it is fitted."
    ),
    run=run,
    check=check,
)
