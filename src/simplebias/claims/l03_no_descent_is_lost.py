"""l03: embedding never loses a direction of descent; minima can become saddles, and degeneracy grows as foretold."""

import warnings
from typing import Any

import jax
import numpy as np
import optax
import xarray as xr

from simplebias.claims.claim import Claim, Criterion, Evidence, Scale, Verdict
from simplebias.claims.experiment import SEED_WORDS, SEEDS
from simplebias.core.task import Regression
from simplebias.core.types import SEED
from simplebias.landscape import (
    Inertia,
    Kind,
    critical_point,
    inertia,
    loss_plane,
    manufactured,
    split_inertia,
)
from simplebias.networks import MLP, TwoLayer, global_split_embedding, random_embedding, split_embedding
from simplebias.training import train

STAIRCASE, SPLITS, GENERAL = "a minimum of width 2, split", "random critical points, split", "more added at once"
LADDER = ((6, 0, 0), (7, 1, 1), (8, 2, 2), (9, 3, 3))
"""Positive, zero and negative eigenvalues of the minimum of width 2 and of its splits."""
SHARES = (0.5, 0.3, -1.0, 2.0)
ADDED = {"one neuron in either layer": 3, "threefold split": 24}
"""Zeros that the heuristic K + Σ K_l K_{l-1} foretells."""
CLEAR = 1e-8
"""Share of the largest eigenvalue above which one is certainly not zero."""
SIGNS = ("positive", "zero", "negative")


def run(scale: Scale) -> Evidence:
    """A trained minimum and its splits; critical points that are made, with one neuron split, and with many added."""
    seeds = [*SEEDS, *range(104, 104 + scale.choose(0, 7, 27))]
    with jax.enable_x64(True), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the inertia .* is doubtful")  # told apart by CLEAR
        splits, general = _splits(seeds), _general(seeds)
        return {STAIRCASE: _staircase(SHARES if scale != Scale.SMOKE else SHARES[:2]), SPLITS: splits, GENERAL: general}


def _staircase(shares: tuple[float, ...]) -> xr.Dataset:
    """Eigenvalues of the Hessian at a minimum of width 2 and after one, two and three splits of a neuron."""
    x = np.linspace(-15, 15, 50)
    task = Regression(x, np.tanh(x - 6) + np.tanh(x) + np.tanh(x + 6))
    narrow = _minimum(task)
    values = np.full((len(shares), len(LADDER), sum(LADDER[-1])), np.nan)
    counts = np.zeros((len(shares), len(LADDER), 3))
    saddle: Any = None
    for row, share in enumerate(shares):
        network = narrow
        for stage in range(len(LADDER)):
            if stage:
                network = split_embedding(network, 1, 0, (1 - share, share)).network
                saddle = network if saddle is None else saddle
            found = inertia(network, task)
            values[row, stage, : len(found.eigenvalues)] = found.eigenvalues
            counts[row, stage] = found.counts
    stages = [f"width {2 + stage}" for stage in range(len(LADDER))]
    attributes = {"over": "rank", "long_name": "eigenvalue", "zero": 1e-11, "references": "zhang2021embedding"}
    attributes["description"] = "Eigenvalues of the Hessian at a minimum of width 2, and after splits of a neuron."
    data = xr.Dataset(
        {
            "eigenvalues": (("stage", "rank"), values[0], attributes),
            "counts": (("share", "stage", "sign"), counts),
        },
        {"stage": stages, "rank": np.arange(1, values.shape[2] + 1), "share": list(shares), "sign": list(SIGNS)},
    )
    return data.merge(loss_plane(saddle, task))


def _minimum(task: Regression) -> Any:
    """A minimum of width 2, of the first seed from which one is reached."""
    for seed in SEEDS:
        key = jax.random.key(seed)
        network = TwoLayer(1, 1, 2, activation="tanh", initialisation="weight-std:0.35", key=key)
        run = train(network, task, updater=optax.adam(0.02), steps=4000, key=key, progress=False)
        found = critical_point(run.network, task, way="descend")
        if found.kind == Kind.MINIMUM:
            return found.network
    raise RuntimeError("no seed leads to a minimum")


def _splits(seeds: list[int]) -> xr.Dataset:
    """Inertia of a random critical point with one neuron split: before, foretold and found."""
    shares, neurons = (0.5, 1.7), range(3)
    cases = [(neuron, share) for neuron in neurons for share in shares]
    counts = np.zeros((3, len(seeds), len(cases), 3))
    clear = np.zeros((len(seeds), len(cases)), bool)
    for row, seed in enumerate(seeds):
        network, task = _made(TwoLayer(2, 1, 3, activation="tanh", key=jax.random.key(seed)), seed)
        before = inertia(network, task)
        for column, (neuron, share) in enumerate(cases):
            told = split_inertia(network, task, neuron=neuron, share=share)
            found = inertia(split_embedding(network, 1, neuron, (1 - share, share)).network, task)
            counts[:, row, column] = before.counts, told.counts, found.counts
            clear[row, column] = _is_clear(found, before.zero + 1)
    return _counted(counts, clear, seeds, [f"neuron {neuron + 1}, α = {share}" for neuron, share in cases])


def _general(seeds: list[int]) -> xr.Dataset:
    """The same of a network of two hidden layers, with many neurons added at once; what is foretold are its zeros."""
    counts = np.zeros((3, len(seeds), len(ADDED), 3))
    clear = np.zeros((len(seeds), len(ADDED)), bool)
    for row, seed in enumerate(seeds):
        network, task = _made(MLP(2, 1, (2, 2), activation="tanh", key=jax.random.key(seed)), seed)
        before = inertia(network, task)
        one = random_embedding(network, (3, 3), key=jax.random.key(seed + 1))
        for column, (embedding, added) in enumerate(
            zip((one, global_split_embedding(network)), ADDED.values(), strict=True)
        ):
            found = inertia(embedding.network, task)
            counts[:, row, column] = before.counts, (np.nan, before.zero + added, np.nan), found.counts
            clear[row, column] = _is_clear(found, before.zero + added)
    return _counted(counts, clear, seeds, list(ADDED))


def _made(network: Any, seed: int) -> tuple[Any, Regression]:
    points = np.random.default_rng(seed).normal(size=(60, 2))
    return network, manufactured(network, points, key=jax.random.key(1000 + seed))


def _is_clear(found: Inertia, zeros: int) -> bool:
    """Whether all eigenvalues but so many are certainly not zero."""
    sizes = np.sort(np.abs(found.eigenvalues))
    return bool(sizes[zeros] > CLEAR * sizes[-1])


def _counted(counts: np.ndarray, clear: np.ndarray, seeds: list[int], cases: list[str]) -> xr.Dataset:
    found = {"over": "embedding", "marks": "categories", "section": "Loss", "panel": "negative eigenvalues"}
    negative = {
        "negative_before": (counts[0, ..., 2], {"long_name": "before"}),
        "negative_after": (counts[2, ..., 2], {"long_name": "after"}),
    }
    return xr.Dataset(
        {
            "counts": (("stage", SEED, "embedding", "sign"), counts),
            "clear": ((SEED, "embedding"), clear),
            **{name: ((SEED, "embedding"), values, found | own) for name, (values, own) in negative.items()},
        },
        {"stage": ["before", "foretold", "after"], SEED: seeds, "embedding": cases, "sign": list(SIGNS)},
    )


def check(evidence: Evidence) -> Verdict:
    """Rows 26 to 28 of the acceptance."""
    criteria: list[Criterion] = []
    if STAIRCASE in evidence:
        criteria += _ladder(evidence[STAIRCASE]["counts"])
    for name in (SPLITS, GENERAL):
        if name in evidence:
            data = evidence[name]
            counts = data["counts"].transpose("stage", SEED, "embedding", "sign").values
            lost = int((counts[2] < counts[0]).sum())
            total = counts[0].size
            criteria.append(
                Criterion(f"{name}: counts of a sign that fell", f"{lost} of {total}", "0", lost == 0 and total > 0)
            )
            criteria.append(_foretold(name, counts, data["clear"].transpose(SEED, "embedding").values))
    return Verdict(tuple(criteria))


def _ladder(counts: xr.DataArray) -> list[Criterion]:
    values = counts.transpose("share", "stage", "sign").values
    shown = "; ".join(" → ".join(f"({', '.join(f'{one:g}' for one in row)})" for row in rows) for rows in values)
    wanted = " → ".join(str(row) for row in LADDER)
    shares = ", ".join(f"{share:g}" for share in counts["share"].values)
    what = f"positive, zero and negative eigenvalues of a minimum of width 2 and of its splits, α = {shares}"
    return [Criterion(what, shown, wanted, bool(len(values) > 0 and (values == np.array(LADDER)).all()))]


def _foretold(name: str, counts: np.ndarray, clear: np.ndarray) -> Criterion:
    """Where no eigenvalue is doubtful, counts are those foretold; at least two thirds are not doubtful."""
    told = ~np.isnan(counts[1])
    same = np.where(told, counts[1] == counts[2], True).all(axis=-1)
    good, sure = int((same & clear).sum()), int(clear.sum())
    holds = good == sure and 3 * sure >= 2 * clear.size and sure > 0
    measured = f"{good} of {sure}; {clear.size - sure} with an eigenvalue too near zero to tell"
    return Criterion(f"{name}: counts as foretold", measured, "all that can be told, and two thirds can", holds)


CLAIM = Claim(
    id="l03",
    title="No descent is lost",
    sentence=(
        "Embedding a critical point in a wider network loses none of its directions of descent: no count of positive, "
        "zero or negative eigenvalues of the Hessian falls, minima become saddles, and degeneracy grows as foretold."
    ),
    source=("zhang2021embedding", "zhang2021hierarchical"),
    setting=(
        "A minimum of width 2 on tanh(x − 6) + tanh(x) + tanh(x + 6) at 50 points of [−15, 15], and one neuron of it "
        "split again and again; tanh networks of 3 neurons, or of 2 and 2, with random weights at values of which they "
        "are exact critical points, 60 random points. Float64; zero: below 1e-11 of the largest eigenvalue. Seeds "
        f"{SEED_WORDS}, and 104 to 110 (130 at full scale) beyond smoke scale."
    ),
    fails_when=(
        "Away from critical points nothing is foretold. An eigenvalue within rounding of zero can be counted either "
        "way: such cases are told apart, not judged. Of ReLU networks the Hessian leaves the kinks out."
    ),
    run=run,
    check=check,
    cover=(STAIRCASE, "Loss in a plane"),
)
