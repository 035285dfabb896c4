"""LeNet-300-100 trained without care for condensation: hidden neurons removed without retraining, against three rivals.

    python benchmarks/bench_reduction_mnist.py [--data FOLDER] [--epochs 5] [--seeds 0 1 2] [--published]

FOLDER holds MNIST's four idx files, or Fashion-MNIST's, which have the same names (Debian's `dataset-fashion-mnist`
puts them in /usr/share/datasets/fashion-mnist); by default the environment's SIMPLEBIAS_MNIST. The network is drawn
with std (3 · inputs of the layer)^-1/2, as PyTorch draws by default, and trained by Adam, whose rate falls from 1e-3 to
0 by a cosine. Rivals keep the same share of each hidden layer: `l1` those of the largest sum of absolute input weights;
`cosine` merges pairs of the largest cosine similarity of extended input weights, output weights times the ratio of
norms added; `l1, refit` keeps as `l1` and fits the next layer by least squares to what it was fed before, on the same
10,000 training pictures as `refit`, without labels. Exit status 1 unless `refit` has the highest mean test accuracy of
the four wherever neurons are removed; with `--published` also higher than 88.9, 88.1, 86.8 and 83.7 %, which others
reached on Fashion-MNIST.
"""

import argparse
import dataclasses
import gzip
import os
import platform
import sys
import time
from pathlib import Path

import equinox as eqx
import jax
import numpy as np
import optax

from simplebias.condensation import refit
from simplebias.core.task import Classification
from simplebias.networks import MLP, chain_of, with_weights
from simplebias.training import Gradient, train

REMOVED = (0.5, 0.6, 0.7, 0.8)
PUBLISHED = (88.9, 88.1, 86.8, 83.7)
FITTED, BATCH = 10_000, 128


def read_idx(path: Path) -> np.ndarray:
    raw = gzip.decompress(path.read_bytes())
    shape = [int.from_bytes(raw[4 * axis : 4 * axis + 4], "big") for axis in range(1, raw[3] + 1)]
    return np.frombuffer(raw, np.uint8, offset=4 * raw[3] + 4).reshape(shape)


def pictures(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    images = read_idx(folder / f"{part}-images-idx3-ubyte.gz")
    labels = read_idx(folder / f"{part}-labels-idx1-ubyte.gz")
    return images.reshape(len(images), -1).astype(np.float32) / 255, labels.astype(int)


def trained(points: np.ndarray, labels: np.ndarray, seed: int, epochs: int) -> MLP:
    network = MLP(points.shape[1], 10, (300, 100), activation="relu", key=jax.random.key(seed))
    layers = jax.tree.map(lambda leaf: leaf / np.float32(np.sqrt(3)), network.layers)
    network, steps = eqx.tree_at(lambda one: one.layers, network, layers), epochs * (len(points) // BATCH)
    updater = Gradient(optax.adam(optax.cosine_decay_schedule(1e-3, steps)), batch_size=BATCH)
    task, key = Classification(points, labels), jax.random.key(seed + 1000)
    return train(network, task, updater=updater, steps=steps, key=key, measures={}, points=points[:2]).network


def largest_rows(weights: list[np.ndarray], counts: tuple[int, ...]) -> list[np.ndarray]:
    return [np.sort(np.argsort(-np.abs(weights[at]).sum(axis=1))[:count]) for at, count in enumerate(counts)]


def prune(network: MLP, counts: tuple[int, ...], points: np.ndarray | None = None) -> MLP:
    """Keep the neurons of the largest input weights; with points, fit the next layer to what it was fed."""
    chain = chain_of(network)
    weights, biases = list(chain.weights), list(chain.biases)
    kept = largest_rows(weights, counts)
    before, after, outputs = chain.look(np.zeros((1, weights[0].shape[1])) if points is None else points)
    for at, (some, target) in enumerate(zip(kept, [*before[1:], outputs], strict=True)):
        weights[at], biases[at] = weights[at][some], biases[at][some]
        weights[at + 1] = weights[at + 1][:, some]
        if points is not None:
            design = np.column_stack([after[at][:, some], np.ones(len(points))])
            solved = np.linalg.lstsq(design, target, rcond=1e-6)[0]
            weights[at + 1], biases[at + 1] = solved[:-1].T, solved[-1]
    return with_weights(network, dataclasses.replace(chain, weights=tuple(weights), biases=tuple(biases)))


def merge_alike(network: MLP, counts: tuple[int, ...]) -> MLP:
    """Merge the two neurons most alike, the smaller into the larger, until so many are left."""
    chain = chain_of(network)
    weights, biases = list(chain.weights), list(chain.biases)
    for at, count in enumerate(counts):
        rows = np.column_stack([weights[at], biases[at]])
        norms, live = np.linalg.norm(rows, axis=1), np.ones(len(rows), bool)
        cosines, read = (rows / norms[:, None]) @ (rows / norms[:, None]).T, weights[at + 1].copy()
        np.fill_diagonal(cosines, -2)
        while live.sum() > count:
            pair = np.unravel_index(np.argmax(cosines), cosines.shape)
            small, large = sorted(pair, key=lambda neuron: norms[neuron])
            read[:, large] += read[:, small] * norms[small] / norms[large]
            live[small] = False
            cosines[small] = cosines[:, small] = -2
        weights[at], biases[at], weights[at + 1] = weights[at][live], biases[at][live], read[:, live]
    return with_weights(network, dataclasses.replace(chain, weights=tuple(weights), biases=tuple(biases)))


def main() -> int:
    parser = argparse.ArgumentParser(description="Neurons removed without retraining.")
    parser.add_argument("--data", type=Path, default=os.environ.get("SIMPLEBIAS_MNIST"))
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--published", action="store_true")
    options = parser.parse_args()
    if options.data is None:
        print("not run: give --data FOLDER, or set SIMPLEBIAS_MNIST, to a folder with MNIST's files")
        return 0
    (points, labels), (test, test_labels) = (pictures(Path(options.data), part) for part in ("train", "t10k"))
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python "
        f"{platform.python_version()}, JAX {jax.__version__}, NumPy {np.__version__}: {options.data}, {options.epochs} "
        f"epochs, test accuracy in %"
    )

    def accuracy(network: MLP) -> float:
        return 100 * float(np.mean(chain_of(network).astype(np.float32).look(test)[2].argmax(axis=1) == test_labels))

    print(
        "seed removed     whole       l1   cosine l1,refit    refit     its change            it keeps         it takes"
    )
    table = np.zeros((len(options.seeds), len(REMOVED), 4))
    some = points[:FITTED]
    for row, seed in enumerate(options.seeds):
        network = trained(points, labels, seed, options.epochs)
        for column, removed in enumerate(REMOVED):
            counts = tuple(round((1 - removed) * width) for width in (300, 100))
            rivals = (prune(network, counts), merge_alike(network, counts), prune(network, counts, some.astype(float)))
            begun = time.process_time()
            small = refit(network, some, keep=1 - removed)
            taken = time.process_time() - begun
            assert sum(small.widths[1]) <= sum(counts)
            table[row, column] = [accuracy(one) for one in (*rivals, small.network)]
            print(
                f"{seed:>4}{removed:>8.0%}{accuracy(network):>10.2f}"
                + "".join(f"{one:>9.2f}" for one in table[row, column])
                + f"{small.change:>14.3f}{small.widths[1]!s:>22}{taken:>14.1f} CPU-s",
                flush=True,
            )
    means = table.mean(axis=0)
    good = bool(np.all(means[:, 3:] > means[:, :3]))
    for removed, mean in zip(REMOVED, means, strict=True):
        print(f"mean{removed:>8.0%}          " + "".join(f"{one:>9.2f}" for one in mean))
    if options.published:
        good &= bool(np.all(means[:, 3] > PUBLISHED))
    print(f"bound: refit the best{f', and above {PUBLISHED}' * options.published}: {'met' if good else 'MISSED'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
