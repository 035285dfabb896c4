"""Condensation of a small transformer against its initial scale, on the composition task of two anchors.

    python benchmarks/transformer_condensation.py [--gammas 0.3 0.5 0.8] [--seed 0] [--steps 3000] [--out FOLDER]

For each γ a transformer is drawn with weights of std d^-γ and trained by AdamW. Written are a page with the similarity
of its queries side by side, and the figures as a table: share of pairs with an absolute cosine above 0.7, effective
neurons at 0.7, effective rank, accuracy at new places, and which of its two answers the unseen pair (4, 3) gets.
"""

import argparse
import platform
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr

from simplebias import Run
from simplebias.condensation import (
    cosine_similarity,
    cosine_similarity_measure,
    effective_neurons,
    effective_rank,
)
from simplebias.core import CASE, Classification, Record, log_steps, provenance
from simplebias.data import AnchorTask, anchor_task
from simplebias.networks import Transformer
from simplebias.reports import write_report
from simplebias.training import Gradient, error_measure, loss_measure, train

KINDS = ("query 1", "key 1", "value 1", "feedforward 1", "embedding")
ALIKE = 0.7


def measures(task: Classification, data: AnchorTask, steps: int) -> dict[str, Record]:
    """Loss, accuracies on what is held out and on the unseen pair, and the similarity of queries."""
    held, often = len(data.held_out.answers), log_steps(24)
    unseen = held + np.arange(len(data.symmetric))
    answers = jnp.asarray(np.concatenate([data.held_out.answers, data.unseen.answers]))
    symmetric = jnp.asarray(np.concatenate([data.held_out.answers, data.symmetric]))
    on = lambda truth, rows, text: error_measure("accuracy", truth, rows, description=text, panel="accuracy")
    return {
        "loss": Record(loss_measure(task), at=often),
        "held_out": Record(on(answers, np.arange(held), "known pairs at new places"), at=often),
        "inferential": Record(on(answers, unseen, "pair (4, 3) answered by inference, x − 10"), at=often),
        "symmetric": Record(on(symmetric, unseen, "pair (4, 3) answered by symmetry, x − 6"), at=often),
        "similarity": Record(cosine_similarity_measure("query 1"), at=[0, steps]),
    }


def trained(gammas: list[float], data: AnchorTask, options: argparse.Namespace) -> dict[float, Run]:
    """A training for each γ with the same data, batches and compiled program."""
    task = Classification(data.training.tokens, data.training.answers, data.vocabulary)
    rate = optax.warmup_cosine_decay_schedule(
        options.rate / 25, options.rate, options.steps // 20, options.steps, options.rate / 25
    )
    adamw = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(rate, weight_decay=options.decay))
    length, shape = data.training.tokens.shape[1], {"width": options.width, "depth": options.depth}
    drawn, batches = (jax.random.fold_in(jax.random.key(options.seed), one) for one in (1, 2))
    shared = {"updater": Gradient(adamw, batch_size=256), "measures": measures(task, data, options.steps)}
    runs = {}
    for gamma in gammas:
        begun = time.process_time()
        network = Transformer(data.vocabulary, length, initialisation=f"fan-in:{gamma}", key=drawn, **shape)
        runs[gamma] = train(
            network,
            task,
            steps=options.steps,
            points=np.concatenate([data.held_out.tokens, data.unseen.tokens]),
            key=batches,
            progress=False,
            throw=False,
            **shared,
        )
        loss = float(runs[gamma].data["loss"][-1])
        print(f"γ = {gamma:g}: loss {loss:.2g} after {time.process_time() - begun:.0f} CPU-s", flush=True)
    return runs


def alike(rows: object) -> float:
    """Share of pairs that are parallel or opposite."""
    cosines = np.abs(np.asarray(cosine_similarity(rows)))
    return float(np.mean(cosines[~np.eye(len(cosines), dtype=bool)] > ALIKE))


def final(runs: dict[float, Run]) -> xr.Dataset:
    """What each training ended with, over γ."""
    named = [{one.name: one for one in run.network.neurons()} for run in runs.values()]
    table = lambda measure: [[float(measure(neurons[kind])) for neurons in named] for kind in KINDS]
    ends = lambda name: [float(run.data[name][-1]) for run in runs.values()]
    kinds = {
        "alike": (table(alike), {"long_name": f"share of pairs with |cosine| > {ALIKE}"}),
        "distinct": (
            table(lambda rows: effective_neurons(rows, ALIKE, absolute=True) / len(rows.input_weights)),
            {"long_name": f"effective ratio at {ALIKE}"},
        ),
        "rank": (
            table(lambda rows: effective_rank(rows) / min(rows.input_weights.shape)),
            {"long_name": "effective rank, share of full", "references": "roy2007effective"},
        ),
    }
    answers = {"held_out": "known pairs, new places", "inferential": "(4, 3) by inference", "symmetric": "by symmetry"}
    found = {name: (("kind", "gamma"), values, attrs | {"over": "gamma"}) for name, (values, attrs) in kinds.items()}
    rows = {"kind": list(KINDS), "gamma": ("gamma", list(runs), {"long_name": "γ, initial std of weights d^−γ"})}
    accuracy = [ends(name) for name in answers]
    found["final_accuracy"] = (("answer", "gamma"), accuracy, {"over": "gamma", "long_name": "accuracy at the end"})
    return xr.Dataset(found, rows | {"answer": list(answers.values())})


def summary(ends: xr.Dataset, options: argparse.Namespace) -> dict:
    """Title, sentence and table of the page."""
    shares = ends["alike"].sel(kind="query 1").values
    rows = [
        [f"{gamma:g}", *(f"{100 * value:.0f} %" for value in ends["final_accuracy"].sel(gamma=gamma).values)]
        + [f"{100 * float(ends['alike'].sel(gamma=gamma, kind=kind)):.0f} %" for kind in KINDS]
        + [f"{100 * float(ends['rank'].sel(gamma=gamma, kind='embedding')):.0f} %"]
        for gamma in ends["gamma"].values
    ]
    columns = ["γ", *ends["answer"].values.tolist(), *(f"{kind} alike" for kind in KINDS), "rank of embedding"]
    ends_at = [f"{gamma:g}" for gamma in ends["gamma"].values[[0, -1]]]
    return {
        "title": "A transformer condenses when its weights start small",
        "headline": f"At γ = {ends_at[0]}, {100 * shares[0]:.0f} % of the pairs of queries in layer 1 end parallel or "
        f"opposite, at γ = {ends_at[1]} {100 * shares[-1]:.0f} %.",
        "notes": [
            f"Width {options.width}, {options.depth} blocks of one head, AdamW at {options.rate:g}, weight decay "
            f"{options.decay:g}, {options.steps} steps of 256 sequences, seed {options.seed}.",
        ],
        "tables": [{"title": "At the end", "columns": columns, "rows": rows, "note": "alike: |cosine| > 0.7"}],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Condensation of a transformer against its initial scale.")
    parser.add_argument("--gammas", type=float, nargs="+", default=[0.3, 0.5, 0.8])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--depth", type=int, default=2)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--decay", type=float, default=0.01)
    parser.add_argument("--training", type=int, default=20_000)
    parser.add_argument("--out", type=Path, default=Path("transformer_condensation.html"))
    options = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, JAX {jax.__version__}, {vars(options)}")
    data = anchor_task(options.training, 1000, 1000, key=jax.random.key(options.seed))
    runs = trained(options.gammas, data, options)
    ends = final(runs)
    names = xr.DataArray([f"γ = {gamma:g}" for gamma in runs], dims=CASE, name=CASE)
    kept = ["loss", "similarity"]
    joined = xr.concat([run.data[kept] for run in runs.values()], dim=names, combine_attrs="override")
    table = summary(ends, options)
    for row in (table["tables"][0]["columns"], *table["tables"][0]["rows"]):
        print(" | ".join(row))
    whole = Run(joined.merge(ends), provenance=provenance(vars(options) | {"out": ""}) | {"summary": table})
    print(write_report(whole, options.out))
    shares = ends["alike"].sel(kind="query 1").values
    good = bool(np.all(np.diff(shares) > 0)) and float(ends["alike"].sel(kind="embedding").max()) < shares[-1] / 2
    print(f"bound: the larger γ, the more queries alike, and embeddings not: {'met' if good else 'MISSED'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
