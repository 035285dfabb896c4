"""l04: critical points of shallow networks are critical points of deeper ones, on whole manifolds."""

import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from simplebias.claims.claim import Claim, Criterion, Evidence, Scale, Verdict
from simplebias.claims.experiment import SEED_WORDS, SEEDS
from simplebias.claims.judge import compare
from simplebias.core.snapshot import evaluate
from simplebias.core.types import SEED
from simplebias.landscape import eigenvalue_stages, loss_gradient, manufactured, parameter_vector, verify
from simplebias.networks import TwoLayer, depth_embedding

LIFTED = "a hidden layer put in"
WIDTH = "new_width"
WIDTHS = (3, 5)
INPUTS, NEURONS = 2, 3
SIGNS = ("positive", "zero", "negative")
CLEAR = 1e-9
"""Share of the largest eigenvalue above which one is certainly not zero."""


def run(scale: Scale) -> Evidence:
    """A layer put into networks at critical points that are made; seen on and off the training inputs."""
    seeds = [*SEEDS, *range(104, 104 + scale.choose(0, 7, 27))]
    with jax.enable_x64(True), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the inertia .* is doubtful")  # told apart by CLEAR
        return {LIFTED: _lifted(seeds)}


def _lifted(seeds: list[int]) -> xr.Dataset:
    shape = (len(seeds), len(WIDTHS))
    found = {name: np.zeros(shape) for name in ("gradient", "on_points", "off_points", "off_segment", "clear")}
    counts = np.zeros((2, *shape, 3))
    eigenvalues: list[xr.DataArray] = []
    for row, seed in enumerate(seeds):
        key, error_key, lift_key = jax.random.split(jax.random.key(seed), 3)
        narrow = TwoLayer(INPUTS, 1, NEURONS, activation="gelu", initialisation="weight-std:1", key=key)
        narrow = eqx.tree_at(lambda one: one.layers[-1].bias, narrow, jnp.zeros(1), is_leaf=lambda leaf: leaf is None)
        points = np.random.default_rng(seed).normal(size=(60, INPUTS))
        task = manufactured(narrow, points, key=error_key)
        for column, width in enumerate(WIDTHS):
            embedding = depth_embedding(narrow, 1, width, points=points, key=lift_key)
            seen = verify(embedding, task)
            values = eigenvalue_stages(seen)
            counts[:, row, column] = values["counts"]
            sizes = np.sort(np.abs(values["eigenvalues"].values[1]))
            eigenvalues.append(values["eigenvalues"])
            found["clear"][row, column] = sizes[predicted_zeros(width)] > CLEAR * sizes[-1]
            found["gradient"][row, column], found["on_points"][row, column] = seen.gradient_after, seen.output_change
            found["off_points"][row, column] = _difference(embedding.network, narrow, 10 * points)
            pushed = parameter_vector(loss_gradient(_pushed(embedding.network), task))
            found["off_segment"][row, column] = np.abs(pushed).max()
    what = {
        "gradient": "gradient after", "on_points": "change of the output at the data",
        "off_points": "change of the output at 10 times the data",
        "off_segment": "gradient with a neuron off its segment",
    }  # fmt: skip
    drawn = {"over": WIDTH, "marks": "points", "scale": "log", "section": "Loss", "panel": "embedding in depth"}
    data = xr.Dataset(
        {
            name: ((SEED, WIDTH), np.maximum(found[name], 1e-17), drawn | {"long_name": words, "axis": "size"})
            for name, words in what.items()
        }
        | {"inertia": (("when", SEED, WIDTH, "sign"), counts), "clear": ((SEED, WIDTH), found["clear"] > 0)},
        {SEED: seeds, WIDTH: list(WIDTHS), "when": ["before", "after"], "sign": list(SIGNS)},
    )
    data[WIDTH].attrs["long_name"] = "width of the new layer"
    return data.merge(eigenvalues[0])


def predicted_zeros(width: int) -> int:
    """Dimension of the manifold: of V, c, W' and b', less the conditions on the next layer's weights and bias."""
    return width * (NEURONS + 1) + (width + 1) - (NEURONS + 1)


def _difference(deep: Any, narrow: Any, points: np.ndarray) -> float:
    deep_outputs, outputs = (np.asarray(evaluate(one, jnp.asarray(points))) for one in (deep, narrow))
    return float(np.abs(deep_outputs - outputs).max())


def _pushed(network: Any) -> Any:
    """The network with one neuron of the new layer moved to where its activation bends."""
    bias = network.layers[1].bias
    return eqx.tree_at(lambda one: one.layers[1].bias, network, bias.at[0].set(0.0))


def check(evidence: Evidence) -> Verdict:
    """Row 29 of the acceptance."""
    if LIFTED not in evidence:
        return Verdict()
    data = evidence[LIFTED]
    counts = data["inertia"].transpose("when", SEED, WIDTH, "sign").values
    clear = data["clear"].transpose(SEED, WIDTH).values
    zeros = np.array([predicted_zeros(int(width)) for width in data[WIDTH].values])
    right = (counts[1, ..., 1] == counts[0, ..., 1] + zeros) & (counts[1, ..., ::2] == counts[0, ..., ::2]).all(axis=-1)
    lost = int((counts[1] < counts[0]).sum())
    sure = int(clear.sum())
    told = f"{int((right & clear).sum())} of {sure}; {clear.size - sure} with an eigenvalue too near zero to tell"
    return Verdict((
        compare("largest entry of the gradient after", data["gradient"], "<", 1e-12),
        compare("change of the output at the training inputs", data["on_points"], "<", 1e-13),
        compare("the same at 10 times these inputs", data["off_points"], ">", 1e-6),
        Criterion("counts of a sign that fell", f"{lost} of {counts[0].size}", "0", lost == 0),
        Criterion(
            f"zeros grow by {', '.join(map(str, zeros))}, the dimension of the manifold; other counts stay",
            told,
            "all that can be told, and two thirds can",
            bool((right | ~clear).all()) and sure > 0 and 3 * sure >= 2 * clear.size,
        ),
        compare("gradient with one new neuron off its affine segment", data["off_segment"], ">", 1e-3),
    ))


CLAIM = Claim(
    id="l04",
    title="Embedding in depth",
    sentence=(
        "A hidden layer that is affine on the training inputs can be put into a network so that outputs there stay, "
        "and a critical point becomes a whole manifold of critical points of the deeper network."
    ),
    source=("bai2022embedding",),
    setting=(
        "Networks 2-3-1 of GELU, affine above 9 to the last digit, with random weights at values of which they are "
        "exact critical points, 60 random points; a layer of 3 or 5 neurons put in after the first. Float64. Seeds "
        f"{SEED_WORDS}, and 104 to 110 (130 at full scale) beyond smoke scale."
    ),
    fails_when=(
        "Off the training inputs the deeper network computes something else, as shown. With one new neuron off its "
        "affine segment the point is not critical, as shown. Tanh has no affine segment: there it holds only nearly, "
        "for small inputs of the new layer."
    ),
    run=run,
    check=check,
    cover=(LIFTED, "Eigenvalues"),
)
