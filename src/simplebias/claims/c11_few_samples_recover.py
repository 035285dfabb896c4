"""c11: from small weights a target is recovered from as few samples as its simplest form has parameters."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from simplebias.claims.claim import Claim, Criterion, Evidence, Scale, Verdict
from simplebias.claims.experiment import SEED_WORDS, SEEDS
from simplebias.claims.judge import compare, within
from simplebias.claims.recovery import Products, recover
from simplebias.condensation import (
    convolution_sample_size,
    matrix_sample_size,
    model_rank,
    recovering_samples,
    two_layer_sample_size,
)
from simplebias.core.types import SEED, Network
from simplebias.networks import MatrixFactorisation, TwoLayer, TwoLayerCNN

PRODUCTS, MATRIX, RANKS, SHARING = "a product of parameters", "a matrix", "ranks of networks", "a convolution"
SIDE = 4
WIDTHS = (2, 10, 50)
KERNEL = (0.6, 0.8, 1.0)
INPUTS, PLACES, COPIES = 5, 3, (1, 4)


def run(scale: Scale) -> Evidence:
    """Two models whose simplest form has few parameters, the ranks of wide networks, and weights that are shared."""
    counts = scale.choose((6, 7, 11, 12), range(4, 16), range(1, 16))
    with jax.enable_x64(True):
        evidence = {PRODUCTS: _products(), MATRIX: _matrices(counts), RANKS: _ranks()}
        if scale != Scale.SMOKE:
            evidence[SHARING] = _sharing()
    return evidence


def check(evidence: Evidence) -> Verdict:
    """Rows 35 to 37 of the acceptance, and sample sizes of three networks that give the same function."""
    criteria: list[Criterion] = []
    if PRODUCTS in evidence:
        product, linear = (evidence[PRODUCTS][name] for name in ("product", "linear"))
        what = "θ₀ + θ₁ x₁ + {} x₂ on 1 + x₁: mean squared error from {}"
        criteria += [
            compare(what.format("θ₂ θ₃", "1 sample"), product.sel(count=1), ">", 0.01),
            compare(what.format("θ₂ θ₃", "2 samples"), product.sel(count=2), "<", 1e-8),
            compare(what.format("θ₂", "2 samples"), linear.sel(count=2), ">", 1e-3),
            compare(what.format("θ₂", "3 samples"), linear.sel(count=3), "<", 1e-8),
        ]
    if MATRIX in evidence:
        error = evidence[MATRIX]["error"]
        for rank, count, low in ((1, 6, 0.1), (2, 11, 0.05)):
            what = f"{SIDE} × {SIDE} matrix of rank {rank}: root mean squared error from {{}} entries"
            few, enough = (error.sel(rank=rank, count=number) for number in (count, count + 1))
            criteria.append(compare(what.format(count), few, ">", low))
            criteria.append(compare(what.format(count + 1), enough, "<", 1e-4))
    if RANKS in evidence:
        data = evidence[RANKS]
        criteria.append(within("tanh, 3 inputs, 2 lines: model rank at widths 2, 10, 50", data["condensed"], 8, 8))
        own = data["random"] - 4 * data["width"]
        criteria.append(within("tanh, 3 inputs, no condensation: model rank less 4 × width", own, 0, 0))
    if SHARING in evidence:
        off = evidence[SHARING]["rank"] - evidence[SHARING]["size"]
        what = "Σ tanh(w·x_{s…s+2}): model rank less 7, 15, 21 of a convolution, without sharing, fully connected"
        criteria.append(within(what, off, 0, 0))
    return Verdict(tuple(criteria))


def _order(network: Network, candidates: np.ndarray) -> np.ndarray:
    """First the samples that fix the function, then the others."""
    chosen, _ = recovering_samples(network, candidates)
    return np.concatenate([chosen, np.setdiff1d(np.arange(len(candidates)), chosen)])


def _products(seeds: Sequence[int] = SEEDS) -> xr.Dataset:
    counts = (1, 2, 3, 4)
    drawn = [np.random.default_rng(seed) for seed in seeds]
    points = np.stack([one.normal(size=(40, 2)) for one in drawn])
    test = np.stack([one.normal(size=(500, 2)) for one in drawn])
    data = {}
    for name, linear, length in (("product", False, 4), ("linear", True, 3)):
        target = Products(jnp.eye(length)[0] + jnp.eye(length)[1], linear)
        errors = recover(
            lambda key, linear=linear, length=length: Products(1e-4 * jax.random.normal(key, (length,)), linear),
            points,
            1 + points[..., 0],
            np.stack([_order(target, one) for one in points]),
            counts,
            seeds,
            rate=0.05,
            steps=100_000,
            until=1e-14,
            test=(test, 1 + test[..., 0]),
        )
        words = {"product": "θ₀ + θ₁ x₁ + θ₂ θ₃ x₂", "linear": "θ₀ + θ₁ x₁ + θ₂ x₂"}[name]
        data[name] = (SEED, "count"), errors**2, _labels(words, "mean squared error")
    return xr.Dataset(data, _counts(counts, seeds, "samples of 1 + x₁"))


def _matrices(counts: Sequence[int], seeds: Sequence[int] = SEEDS) -> xr.Dataset:
    errors = [_completed(rank, counts, seeds) for rank in (1, 2)]
    sizes = ", ".join(str(matrix_sample_size(rank, SIDE)) for rank in (1, 2))
    labels = _labels("root mean squared error", "root mean squared error")
    labels["description"] = f"Over all entries. Optimistic sample sizes of rank 1 and 2: {sizes} of {SIDE**2} entries."
    return xr.Dataset(
        {"error": ((SEED, "rank", "count"), np.stack(errors, axis=1), labels)},
        _counts(counts, seeds, "entries seen") | {"rank": ("rank", [1, 2], {"symbol": "rank"})},
    )


def _completed(rank: int, counts: Sequence[int], seeds: Sequence[int]) -> np.ndarray:
    places = np.indices((SIDE, SIDE)).reshape(2, -1).T.astype(float)
    entries, orders = [], []
    for seed in seeds:
        random = np.random.default_rng(seed)
        left, right = (np.linalg.qr(random.normal(size=(SIDE, rank)))[0] for _ in range(2))
        matrix = left @ right.T
        wide = MatrixFactorisation(SIDE, SIDE, key=jax.random.key(0))
        first, second = (jnp.zeros((SIDE, SIDE)).at[:, :rank].set(one) for one in (left, right))
        wide = eqx.tree_at(lambda network: (network.left, network.right), wide, (first, second.T))
        entries.append(matrix.ravel() / np.sqrt(np.mean(matrix**2)))
        order, size = _order(wide, places), matrix_sample_size(rank, SIDE)
        orders.append(np.concatenate([order[:size][::-1], order[size:]]))  # the entry that tells most comes last
    values, points = np.stack(entries), np.broadcast_to(places, (len(seeds), *places.shape))
    return recover(
        lambda key: MatrixFactorisation(SIDE, SIDE, std=1e-4, key=key),
        points,
        values,
        np.stack(orders),
        counts,
        seeds,
        rate=0.05,
        steps=100_000,
        until=1e-12,
        test=(points, values),
    )


def _ranks(seeds: Sequence[int] = SEEDS) -> xr.Dataset:
    """Model ranks of networks of which all neurons have one of two weights or its opposite, and of random ones."""
    found = np.zeros((2, len(seeds), len(WIDTHS)))
    points = np.random.default_rng(0).normal(size=(4 * max(WIDTHS) + 10, 3))
    for place in np.ndindex(len(seeds), len(WIDTHS)):
        seed, width = seeds[place[0]], WIDTHS[place[1]]
        key, count = jax.random.key(seed), np.arange(width)
        network = TwoLayer(3, 1, width, initialisation="weight-std:1", key=key)
        random = eqx.tree_at(lambda network: network.layers[0].bias, network, None)
        signs = np.where(count % 4 < 2, 1, -1)[:, None]
        lines = jnp.asarray(np.random.default_rng(seed).normal(size=(2, 3))[count % 2] * signs)
        condensed = eqx.tree_at(lambda network: network.layers[0].weight, random, lines)
        for which, one in enumerate((condensed, random)):
            found[which, *place] = model_rank(one, points).value
    common = {"over": "width", "scale": "log", "panel": "rank of two-layer networks", "references": "zhang2022linear"}
    common["axis"] = "model rank"
    size = np.full(len(WIDTHS), float(two_layer_sample_size(2, 3, bias=False)))
    return xr.Dataset(
        {
            "condensed": ((SEED, "width"), found[0], common | {"long_name": "neurons on two lines", "role": "network"}),
            "random": ((SEED, "width"), found[1], common | {"long_name": "neurons apart"}),
            "size": ("width", size, common | {"long_name": "k (d + 1)", "role": "target", "marks": "points"}),
        },
        {SEED: list(seeds), "width": ("width", list(WIDTHS), {"long_name": "width", "scale": "log"})},
    )


def _sharing() -> xr.Dataset:
    """Ranks of one function in three networks: with shared weights, with weights of their own, fully connected."""
    kernel, key = np.array(KERNEL), jax.random.key(0)
    sizes = [convolution_sample_size(1, len(KERNEL), PLACES, shared=shared) for shared in (True, False)]
    sizes.append(two_layer_sample_size(PLACES, INPUTS))
    rows = np.zeros((PLACES, INPUTS))
    for place in range(PLACES):
        rows[place, place : place + len(KERNEL)] = kernel
    found = np.zeros((len(COPIES), len(sizes)))
    for one, copies in enumerate(COPIES):
        make = lambda shared, copies=copies: TwoLayerCNN(
            (1, INPUTS), 1, copies, kernel=(1, len(KERNEL)), shared=shared, key=key
        )
        networks = [make(True), make(False), TwoLayer(INPUTS, 1, PLACES * copies, key=key)]
        weights = [np.tile(kernel, (copies, 1)), np.tile(kernel, (PLACES * copies, 1)), np.repeat(rows, copies, axis=0)]
        for place, (network, weight) in enumerate(zip(networks, weights, strict=True)):
            values = jnp.asarray(weight), jnp.zeros(len(weight)), jnp.ones((1, PLACES * copies)) / copies
            target = eqx.tree_at(lambda n: (n.layers[0].weight, n.layers[0].bias, n.layers[1].weight), network, values)
            found[one, place] = model_rank(target, INPUTS, key=key).value
    common = {"over": "size", "panel": "rank of three networks that give one function", "axis": "model rank"}
    common["references"] = "zhang2023optimistic"
    return xr.Dataset(
        {"rank": (("copies", "size"), found, common | {"marks": "points", "long_name": "model rank"})},
        {
            "copies": ("copies", list(COPIES), {"symbol": "neurons on each line"}),
            "size": ("size", sizes, {"long_name": "closed form: convolution 7, not shared 15, fully connected 21"}),
        },
    )


def _labels(name: str, axis: str) -> dict[str, str]:
    common = {"over": "count", "scale": "log", "panel": "error off the samples", "references": "zhang2023optimistic"}
    return common | {"long_name": name, "axis": axis}


def _counts(counts: Sequence[int], seeds: Sequence[int], name: str) -> dict:
    return {SEED: list(seeds), "count": ("count", list(counts), {"long_name": name})}


CLAIM = Claim(
    id="c11",
    title="As few samples as the simplest form needs",
    sentence=(
        "From small weights a model recovers a target from as few samples as the rank of its simplest form, however "
        "many parameters it has: the optimistic sample size."
    ),
    source=("zhang2022linear", "zhang2023optimistic"),
    setting=(
        "Gradient descent at 0.05 in float64 from weights of std 1e-4. θ₀ + θ₁ x₁ + θ₂ θ₃ x₂ on 1 + x₁, inputs "
        "standard Gaussian, mean squared error at 500 others. 4 × 4 matrices with equal singular values and entries "
        "of mean square 1, by factors of inner size 4; root mean squared error over all entries. Samples are those "
        "that `recovering_samples` takes at the target. Ranks: tanh without bias, 3 inputs, neurons on two lines or "
        "apart; Σ_s tanh(0.6 x_s + 0.8 x_s+1 + x_s+2) of 5 inputs in three networks with biases. "
        f"Seeds {SEED_WORDS}."
    ),
    fails_when=(
        "It is optimistic: samples must be chosen. Seven entries of a 4 × 4 matrix of rank 1 fix it only if they "
        "connect all rows and columns, and even then descent may end up to 0.01 away, as for factors of nearly equal "
        "entries. For the convolution only ranks are checked: trained with 5 kernels from std 1e-10 at a rate of "
        "0.3 it is still 0.07 to 0.15 off after 3e5 steps from 7 samples, and 3e-4 to 5e-3 from 21."
    ),
    run=run,
    check=check,
    cover=(MATRIX, "Error off"),
)
