"""A photograph: `fit` at its own settings against SIREN and random Fourier features, equal time and size.

    python benchmarks/bench_photograph.py [--picture FILE] [--size 128] [--crop 128 128 128] [--seconds 60]
        [--seeds 1 2 3] [--validation 0 0.2] [--quick]

Every network has about as many weights as the one that `fit` makes, sees the same pixels in batches of as many, and is
trained for the same time of the processor, compilation left out, with a rate that falls along the same cosine. SIREN
gets the best of four settings (learning rate and first frequency), random Fourier features (with two hidden layers of
ReLU, as published) the best of four (bandwidth and rate), each chosen once the result is known. PSNR is in decibels.
Where pixels are held out, every network ends, as `fit` does, with the weights on its way that fit these best, and both
numbers are of these weights.

Settings of `fit` were tuned on the shipped photograph reduced to 128 x 128 pixels, seed 0; other pictures and crops are
fresh ground. `--picture` reads a file as grey, `--crop` cuts a square out of it (row, column, side) before it is
reduced. `--quick` has one setting of each rival. Exit status 1 if a rival is ahead on the pixels trained on where all
are, or on those held out by more than 0.3 dB.
"""

import argparse
import math
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from PIL import Image

from simplebias.core.snapshot import evaluate
from simplebias.data import read
from simplebias.fitting import FitOptions
from simplebias.fitting.fit import _Fit
from simplebias.fitting.networks import Beside, count_weights
from simplebias.fitting.updating import Annealed, Both, muon_and_adam
from simplebias.networks import MLP, Encoded, FourierFeatures, Siren
from simplebias.training import Gradient, train

TIMED = 100
"""Steps from which the time of a step is found: what thrice as many take longer."""
CLOSE = 0.3
"""Decibels on held-out pixels within which nobody is ahead."""
SIREN = [(30, 5e-4), (30, 1e-3), (30, 3e-3), (60, 3e-3)]
FEATURES = [(3, 3e-3), (6, 3e-3), (10, 3e-3), (6, 6e-3)]


def picture(name: str, size: int, crop: list[int] | None):
    """A picture as a sample: a file, or `photo` for the shipped one, grey, a square of it, reduced."""
    if name == "photo":
        whole = read("photo", size=256)
        assert whole.values is not None
        grey = np.round(255 * whole.values.reshape(256, 256)).astype(np.uint8)
    else:
        grey = np.asarray(Image.open(name).convert("L"))
    row, column, side = crop or (0, 0, min(grey.shape))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "picture.png"
        Image.fromarray(grey[row : row + side, column : column + side]).save(file)
        return read(file, size=size)


class Contest:
    """One picture, split one way; every network is trained and judged here alike."""

    def __init__(self, sample, validation: float, seed: int):
        options = FitOptions(validation=validation, plain=False, seed=seed).resolved(sample)
        self.fit = _Fit.prepare(sample, options, None, False, False)
        self.points, self.values = (jnp.asarray(one, jnp.float32) for one in self.fit.scaled)
        held = self.fit.prepared.validation
        self.held = tuple(
            jnp.asarray(one[held], jnp.float32) for one in (self.fit.prepared.points, self.fit.prepared.targets)
        )
        self.options, self.seed = options, seed
        self.peak = float(np.ptp(sample.values)) / float(self.fit.prepared.stretch[0])

    def decibels(self, network, points, values) -> float:
        """PSNR of a network on some pixels."""
        error = np.mean((np.asarray(evaluate(network, points)) - np.asarray(values)) ** 2)
        return 20 * math.log10(self.peak) - 10 * math.log10(error)

    def trained(self, network, optimiser, seconds: float):
        """The network after so many seconds of the processor, the steps they were, and the time in truth."""
        held = self.held if len(self.held[0]) else (None, None)
        both, task = Beside(network, None), Both(self.points, self.values)

        def go(steps):
            updater = Annealed(Gradient(optimiser, self.options.batch_size or None), jnp.asarray(steps), *held)
            began = time.process_time()
            run = train(both, task, key=jax.random.key(self.seed), updater=updater, steps=steps, measures={},
                        progress=False, throw=False)  # fmt: skip
            return run.network.fitted, time.process_time() - began

        go(TIMED)
        each = (go(3 * TIMED)[1] - go(TIMED)[1]) / (2 * TIMED)
        steps = max(TIMED, int(seconds / max(each, 1e-5)))
        found, taken = go(steps)
        return found, steps, taken

    def row(self, name, network, optimiser, seconds: float) -> tuple[float, float]:
        """Train a network, print its line, and give its PSNR on the pixels trained on and on those held out."""
        found, steps, taken = self.trained(network, optimiser, seconds)
        on = self.decibels(found, self.points, self.values)
        off = self.decibels(found, *self.held) if len(self.held[0]) else math.nan
        print(f"{name:44}{count_weights(found):>9}{steps:>8}{taken:>8.1f}s{on:>9.2f}{off:>9.2f}", flush=True)
        return on, off

    def ours(self, seconds: float) -> tuple[float, float]:
        """What `fit` makes."""
        assert self.options.learning_rate is not None
        return self.row("fit", self.fit.first(), muon_and_adam(float(self.options.learning_rate)), seconds)

    def siren(self, seconds: float, first: float, rate: float) -> tuple[float, float]:
        """A SIREN of as many weights."""
        network = Siren(2, 1, self._width(2, 3), 3, first_angular_frequency=first, key=jax.random.key(self.seed))
        return self.row(f"SIREN, ω₀ = {first:g}, rate {rate:g}", network, _adam(rate), seconds)

    def features(self, seconds: float, std: float, rate: float, size: int = 256) -> tuple[float, float]:
        """Random Fourier features under a network of ReLU, as many weights that are trained."""
        keys = jax.random.split(jax.random.key(self.seed))
        encoding = FourierFeatures(2, size, frequency_std=std, key=keys[0])
        inner = MLP(size, 1, self._width(size, 2), 2, activation="relu", initialisation="he", key=keys[1])
        name = f"random Fourier features, σ = {std:g}, rate {rate:g}"
        return self.row(name, Encoded(encoding, inner), _adam(rate), seconds)

    def _width(self, inputs: int, depth: int) -> int:
        wanted = count_weights(self.fit.first())
        sizes = range(8, 1024)
        weights = [w * (inputs + 1) + (depth - 1) * w * (w + 1) + w + 1 for w in sizes]
        return sizes[int(np.abs(np.array(weights) - wanted).argmin())]


_RATES: dict[float, optax.GradientTransformation] = {}


def _adam(rate: float) -> optax.GradientTransformation:
    return _RATES.setdefault(rate, optax.adam(rate))


def contest(sample, validation: float, seed: int, options) -> bool:
    """One split, one seed; whether no rival is ahead."""
    one = Contest(sample, validation, seed)
    print(f"{len(one.points)} pixels trained on, {len(one.held[0])} held out, seed {seed}")
    print(f"{'':44}{'weights':>9}{'steps':>8}{'time':>9}{'trained':>9}{'held out':>9}  PSNR in dB")
    ours = one.ours(options.seconds)
    few = slice(2, 3) if options.quick else slice(None)
    rivals = [one.siren(options.seconds, *setting) for setting in SIREN[few]]
    if not options.no_features:
        rivals += [one.features(options.seconds, *setting) for setting in FEATURES[few]]
    index, close, where = (1, CLOSE, "held-out") if validation else (0, 0.0, "trained")
    ahead = ours[index] - max(each[index] for each in rivals)
    missed = "" if ahead > -close else "  MISSED"
    print(f"ahead by {ahead:.2f} dB on {where} pixels of the best of {len(rivals)}{missed}", flush=True)
    return not missed


def main() -> int:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", default="photo")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--crop", type=int, nargs=3, metavar=("ROW", "COLUMN", "SIDE"))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--validation", type=float, nargs="+", default=[0.0, 0.2])
    parser.add_argument("--quick", action="store_true", help="one setting of each rival")
    parser.add_argument("--no-features", action="store_true", help="SIREN alone")
    options = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, JAX {jax.__version__}; command: {' '.join(sys.argv)}"
    )
    sample = picture(options.picture, options.size, options.crop)
    good = [contest(sample, share, seed, options) for share in options.validation for seed in options.seeds]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
