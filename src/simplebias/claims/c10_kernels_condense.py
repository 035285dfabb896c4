"""c10: kernels of convolutions condense too, on the line that the data foretell."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr
from jax.tree_util import Partial

from simplebias.claims.claim import Claim, Criterion, Evidence, Scale, Verdict
from simplebias.claims.digits import Pictures, pictures
from simplebias.claims.experiment import SEED_WORDS, run_ensemble
from simplebias.claims.judge import compare
from simplebias.condensation import (
    cosine_similarity_measure,
    effective_neurons_measure,
    orientation,
    predicted_kernel_direction,
)
from simplebias.core.run import Run
from simplebias.core.schedule import every
from simplebias.core.snapshot import Measure, Record, Snapshot
from simplebias.core.task import Classification, Regression
from simplebias.core.types import LAYER, SEED, THRESHOLD, Array, Float
from simplebias.networks import SmallCNN, TwoLayerCNN
from simplebias.training import accuracy, loss_measure

PAIR, CLASSES = "zeros against ones", "ten digits"
SMALL, LECUN = "deeper network, small weights", "deeper network, usual weights"
SAME = 0.95
"""|cosine| above which a kernel lies on a line."""
EARLY = 0.999
"""Share of the first loss above which the network has learned next to nothing."""
KERNELS, STEPS = 16, 120
"""Kernels of each convolution of the deeper network, and for how long it is trained."""
ALONG = "weight"
"""A number of a kernel, its bias the last."""


def run(scale: Scale) -> Evidence:
    """The two-layer network of the theorem, then all kernels of a deeper one from two initial scales."""
    few, channels = pictures(scale.choose(500, 1000, 1500)), scale.choose(30, 100, 300)
    pair = few.labels < 2
    two = few._replace(points=few.points[pair], labels=few.labels[pair], one_hot=few.one_hot[pair])
    signs = np.where(two.labels == 0, 1.0, -1.0)[:, None]
    few = few._replace(points=few.points[:200], labels=few.labels[:200], one_hot=few.one_hot[:200])
    with jax.enable_x64(True):
        evidence = {PAIR: _two_layer(two, signs, channels, std=1e-20, steps=450)}
        if scale != Scale.SMOKE:
            evidence[CLASSES] = _two_layer(few, few.one_hot, channels, std=1e-6, steps=85)
    if scale != Scale.SMOKE:
        evidence[SMALL] = _deeper(few, "weight-std:1e-4")
        evidence[LECUN] = _deeper(few, "power:0.5")
    return evidence


def check(evidence: Evidence) -> Verdict:
    """Kernels at the last record at which the loss has not yet moved; then pairs of kernels of each layer."""
    criteria: list[Criterion] = []
    for name in (PAIR, CLASSES):
        if name in evidence:
            data = evidence[name]
            near, loss = (data[one].transpose(SEED, "record").values for one in ("near", "loss"))
            last = _last_early(loss)
            found = near[np.arange(len(near)), last]
            criteria += [
                compare(
                    f"{name}: kernels of |cos| > {SAME} with the predicted direction, before", near[:, 0], "<", 0.3
                ),
                compare(f"{name}: the same, at the last record of {EARLY} of the first loss", found, "≥", 0.9),
            ]
    for name, sign, bound in ((SMALL, "≤", 6), (LECUN, "≥", 10)):
        if name in evidence:
            lines = evidence[name]["effective_neurons"].sel({THRESHOLD: SAME}).transpose(SEED, "record", LAYER).values
            what = f"{name}: lines that hold the {KERNELS} kernels of a convolution within |cos| > {SAME}"
            criteria.append(compare(f"{what}, before", lines[:, 0, :2], "≥", 10))
            criteria.append(compare(f"{what}, trained", lines[:, -1, :2], sign, bound))
    if SMALL in evidence:
        told = evidence[SMALL]["accuracy"].transpose(SEED, "record").values[:, -1]
        criteria.append(compare(f"{SMALL}: accuracy so far", told, "<", 0.2))
    return Verdict(tuple(criteria))


def _last_early(loss: np.ndarray) -> np.ndarray:
    """The last record of each seed at which the loss is still what it was."""
    early = loss >= EARLY * loss[:, :1]
    return loss.shape[1] - 1 - early[:, ::-1].argmax(axis=1)


class _Near(eqx.Module):
    """Share of kernels on a line."""

    line: Float[Array, "1 features"]

    def __call__(self, snapshot: Snapshot) -> Array:
        cosines = orientation(snapshot.neurons[0]) @ self.line[0]
        return jnp.where(jnp.isfinite(cosines).all(), jnp.mean(jnp.abs(cosines) > SAME), jnp.nan)


def _two_layer(few: Pictures, values: np.ndarray, channels: int, *, std: float, steps: int) -> xr.Dataset:
    task = Regression(few.points, values)
    found = predicted_kernel_direction(few.points, -values, few.image_shape)
    text = f"Share of kernels with a |cosine| above {SAME} with the predicted direction."
    attributes = {"long_name": "share on the predicted line", "panel": "kernels on the predicted line"}
    measures = {
        "near": Record(
            Measure(_Near(found.line), description=text, attributes=attributes | {"section": "Neurons"}),
            at=every(steps // 36),
        ),
        "loss": Record(loss_measure(task), at=every(steps // 36)),
        "cosine_similarity": Record(cosine_similarity_measure(1, limit=60), at=[0, steps]),
    }
    rate = 0.1 * values.shape[1] / (2 * float(found.rates[0]))  # the fastest direction grows by e in ten steps
    done = run_ensemble(
        lambda key: TwoLayerCNN(
            few.image_shape, values.shape[1], channels, initialisation=f"weight-std:{std}", key=key
        ),
        task,
        updater=optax.sgd(rate),
        steps=steps,
        measures=measures,
    )
    return done.data.assign(_kernels(done, np.asarray(found.line[0])))


def _kernels(done: Run, line: np.ndarray) -> dict[str, tuple]:
    """The predicted unit kernel, and for each seed the mean of the trained ones, turned to its side."""
    rows = eqx.filter_vmap(lambda network: orientation(network.neurons()[0]))(done.network)
    rows = np.asarray(rows)
    mean = (rows * np.sign(rows @ line)[..., None]).mean(axis=1)
    common = {"over": ALONG, "panel": "the kernel, row by row, and its bias", "axis": "weight of the unit kernel"}
    common |= {"references": "zhou2023convolutional"}
    return {
        ALONG: (ALONG, np.arange(1, len(line) + 1), {"long_name": "number of the weight, the bias last"}),
        "trained": ((SEED, ALONG), mean, common | {"role": "network", "long_name": "trained, mean over kernels"}),
        "predicted": (
            ALONG,
            line,
            common | {"role": "target", "marks": "points", "long_name": "predicted, top right singular vector"},
        ),
    }


def _deeper(few: Pictures, initialisation: str) -> xr.Dataset:
    task = Classification(few.points, few.labels, classes=few.one_hot.shape[1])
    looks = every(STEPS // 6)
    measures = {
        "effective_neurons": Record(effective_neurons_measure(3, absolute=True), at=looks),
        "loss": Record(loss_measure(task), at=looks),
        "accuracy": Record(_accuracy(few.labels), at=looks),
    } | {f"similarity_{layer}": Record(cosine_similarity_measure(layer), at=[0, STEPS]) for layer in (1, 2)}
    options = {"channels": (KERNELS, KERNELS), "activation": "tanh", "initialisation": initialisation}
    return run_ensemble(
        lambda key: SmallCNN(few.image_shape, few.one_hot.shape[1], key=key, **options),
        task,
        updater=optax.adam(1e-4),
        steps=STEPS,
        measures=measures,
    ).data


def _accuracy(labels: np.ndarray) -> Measure:
    attributes = {"panel": "accuracy", "long_name": "training accuracy", "scale": "linear"}
    return Measure(
        Partial(_accuracy_of, jnp.asarray(labels)), description="Share of pictures told right.", attributes=attributes
    )


def _accuracy_of(labels: Array, snapshot: Snapshot) -> Array:
    return accuracy(snapshot.outputs, labels)


CLAIM = Claim(
    id="c10",
    title="Kernels of convolutions condense on the line that the data foretell",
    sentence=(
        "From small weights the kernels of a convolution turn to one line before the loss has moved, and that line is "
        "the top right singular vector of the patches weighted by what is to be learned."
    ),
    source=("zhou2023convolutional",),
    setting=(
        "Two layers: kernels of 3 × 3 with bias, tanh, no padding and no pooling, an affine output without bias, full "
        "gradient descent in float64, read while the loss is above 0.999 of the first. Shipped digits 8 × 8: zeros "
        "against ones (±1), all weights of std 1e-20, 30 kernels at smoke scale and 100 at standard; and ten classes "
        "(one-hot), std 1e-6. Deeper: two convolutions of 16 kernels, pooling, a hidden layer of 64, softmax, tanh, "
        f"200 digits, Adam 1e-4, {STEPS} steps, from std 1e-4 and from fan-in^-½. Seeds {SEED_WORDS}."
    ),
    fails_when=(
        "The first two singular values must be apart, as kernels turn by exp((σ₁ − σ₂) t): for 0 to 4 against 5 to 9 "
        "on 100 digits, where σ₂/σ₁ = 0.98, half of the kernels are on the line when the loss begins to fall, from "
        "the same std of 1e-20. With the mean of the targets left in, as with one-hot classes, the line is that of "
        "the mean patch and tells little of the classes. In the deeper network the lines are several, up to four, "
        "under Adam, and from usual weights no kernels join. Later, when the loss falls, kernels leave the line."
    ),
    run=run,
    check=check,
    cover=(PAIR, "Which neurons"),
)
