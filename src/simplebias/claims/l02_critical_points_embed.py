"""l02: critical points of narrow networks embed in wide ones, by splits, null neurons and the general rule."""

from collections.abc import Callable
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
from simplebias.core.task import Task
from simplebias.core.types import SEED, Key
from simplebias.landscape import loss_gradient, manufactured, parameter_vector
from simplebias.networks import (
    MLP,
    SmallCNN,
    compatible_embedding,
    global_null_embedding,
    global_split_embedding,
    null_embedding,
    random_embedding,
    split_embedding,
)

DENSE, KERNELS = "two hidden layers", "convolutions"
OPERATOR = "operator"
BACKWARD, READS = "backward condition broken", "null neuron that reads"
BROKEN = {BACKWARD: 1e-6, READS: 1e-4}
"""What is no critical embedding, and how large the gradient then is at least."""
ROUNDING = 1e-12
"""A thousand times what embeddings leave of the gradient."""
Operator = Callable[[Any, Key], Any]


def run(scale: Scale) -> Evidence:
    """Every operator at critical points that are made, not trained; convolutions too beyond smoke scale."""
    seeds = [*SEEDS, *range(104, 104 + scale.choose(0, 7, 27))]
    evidence = {DENSE: _embedded(_dense, _DENSE_OPERATORS, seeds)}
    if scale != Scale.SMOKE:
        evidence[KERNELS] = _embedded(_convolutional, _KERNEL_OPERATORS, seeds)
    return evidence


def _dense(key: Key) -> tuple[Any, np.ndarray]:
    network = MLP(2, 1, (2, 2), activation="tanh", key=key)
    return network, np.random.default_rng(np.asarray(jax.random.key_data(key))).normal(size=(60, 2))


def _convolutional(key: Key) -> tuple[Any, np.ndarray]:
    network = SmallCNN((8, 8, 1), 1, channels=(2, 2), width=3, activation="tanh", key=key)
    return network, np.random.default_rng(np.asarray(jax.random.key_data(key))).normal(size=(400, 64))


def _broken_backward(network: Any, key: Key) -> Any:
    """The general rule with the forward condition kept and the backward one not: two copies exchange unequal shares."""
    drawn = random_embedding(network, (3, 3), key=key).chosen
    alpha = [np.array(one) for one in drawn["alpha"]]
    index = np.asarray(drawn["indices"][0])
    copies = np.flatnonzero(index == np.bincount(index[index >= 0]).argmax())[:2]
    alpha[0][0, copies] += [0.3, -0.3]
    return compatible_embedding(
        network, indices=drawn["indices"], alpha=alpha, beta=drawn["beta"], tolerance=1e9
    ).network


def _reading_null(network: Any, key: Key) -> Any:
    wide = null_embedding(network, 1, bias=0.5).network
    weight = wide.layers[0].weight
    return eqx.tree_at(lambda one: one.layers[0].weight, wide, weight.at[-1].set(jnp.array([0.7, -0.4])))


_DENSE_OPERATORS: dict[str, Operator] = {
    "split, halves": lambda network, key: split_embedding(network, 1, 0).network,
    "split, α = 1.7": lambda network, key: split_embedding(network, 2, 1, (-0.7, 1.7)).network,
    "null": lambda network, key: null_embedding(network, 1, bias=0.5).network,
    "split in four": lambda network, key: split_embedding(network, 1, 1, (0.4, 0.3, 0.5, -0.2)).network,
    "general": lambda network, key: random_embedding(network, (3, 3), key=key).network,
    "threefold split": lambda network, key: global_split_embedding(network).network,
    "twofold null": lambda network, key: global_null_embedding(network, key=key).network,
    BACKWARD: _broken_backward,
    READS: _reading_null,
}
_KERNEL_OPERATORS: dict[str, Operator] = {
    "split": lambda network, key: split_embedding(network, 1, 0, (0.3, 0.7)).network,
    "null": lambda network, key: null_embedding(network, 2).network,
    "general": lambda network, key: random_embedding(network, (3, 3, 4), key=key).network,
}


def _embedded(
    make: Callable[[Key], tuple[Any, np.ndarray]], operators: dict[str, Operator], seeds: list[int]
) -> xr.Dataset:
    """Largest gradient and change of output of each operator and seed, in float64."""
    gradients, changes = np.zeros((2, len(seeds), len(operators)))
    with jax.enable_x64(True):
        for row, seed in enumerate(seeds):
            network_key, error_key, key = jax.random.split(jax.random.key(seed), 3)
            narrow, points = make(network_key)
            task = manufactured(narrow, points, key=error_key)
            before = _outputs(narrow, task)
            for column, operator in enumerate(operators.values()):
                wide = operator(narrow, key)
                gradients[row, column] = np.abs(parameter_vector(loss_gradient(wide, task))).max()
                changes[row, column] = np.abs(_outputs(wide, task) - before).max()
    drawn = {"over": OPERATOR, "marks": "categories", "scale": "log", "section": "Loss"}
    what = {"gradients": ("largest entry of the gradient", gradients), "changes": ("change of the output", changes)}
    return xr.Dataset(
        {
            name: ((SEED, OPERATOR), np.maximum(values, 1e-17), drawn | {"long_name": words, "panel": words})
            for name, (words, values) in what.items()
        },
        {SEED: seeds, OPERATOR: list(operators)},
    )


def _outputs(network: Any, task: Task) -> np.ndarray:
    return np.asarray(evaluate(network, jnp.asarray(task.probe)))


def check(evidence: Evidence) -> Verdict:
    """Rows 23 to 25 of the acceptance."""
    criteria: list[Criterion] = []
    for name, data in evidence.items():
        kept = data.sel({OPERATOR: [one for one in data[OPERATOR].values if one not in BROKEN]})
        criteria += [
            compare(f"{name}: largest entry of the gradient after embeddings", kept["gradients"], "<", 1e-13),
            compare(f"{name}: change of the output", kept["changes"], "<", 1e-13),
        ]
        for one in [one for one in BROKEN if one in data[OPERATOR].values]:
            found = data["gradients"].sel({OPERATOR: one}).values
            criteria += [
                compare(f"{one}: gradient, median over seeds", np.median(found), ">", BROKEN[one]),
                compare(f"{one}: gradient of every seed", found, ">", ROUNDING),
            ]
    return Verdict(tuple(criteria))


CLAIM = Claim(
    id="l02",
    title="Critical points embed",
    sentence=(
        "Splitting neurons, adding null neurons and, most generally, copying neurons with compatible factors takes "
        "every critical point of a narrow network to critical points of wide ones with the same output."
    ),
    source=("zhang2021embedding", "zhang2021hierarchical"),
    setting=(
        "Tanh networks 2-2-2-1 with random weights and 60 random points, and values chosen so that the network is an "
        "exact critical point of the mean square; float64. Beyond smoke scale small convolutional networks too. Seeds "
        f"{SEED_WORDS}, and 104 to 110 (130 at full scale) beyond smoke scale."
    ),
    fails_when=(
        "Copies whose factors break the backward condition, though the output stays, and null neurons that read inputs "
        "are no critical points, as shown. How large the gradient then is depends on the point: of 30 points 26 "
        "had more than 1e-6 where the backward condition is broken, and one 7e-8."
    ),
    run=run,
    check=check,
    cover=(DENSE, "Largest entry of the gradient"),
)
