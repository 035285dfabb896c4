"""The shipped photograph: `fit` at its own settings against SIREN and random Fourier features, equal time and size.

    python benchmarks/bench_photograph.py [--size 128] [--seconds 60] [--seeds 1] [--validation 0 0.2] [--quick]

Every network has about as many weights as the one that `fit` makes, sees the same pixels in the same batches, and is
trained for the same time of the processor, compilation left out, with a rate that falls along the same cosine. SIREN
gets the best of three learning rates and of two first frequencies, random Fourier features (with two hidden layers of
ReLU, as published) the best of four bandwidths and of two rates, each chosen once the result is known. PSNR is in
decibels, of pixels trained on and, in a second run, of pixels held out, of which no side chooses its weights but `fit`.
`--quick` has one setting of each rival. Exit status 1 if either rival is ahead on the pixels trained on.
"""

import argparse
import math
import os
import platform
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax

from simplebias.core.snapshot import evaluate
from simplebias.core.task import Regression
from simplebias.data import read
from simplebias.fitting import FitOptions
from simplebias.fitting.fit import _Fit
from simplebias.fitting.networks import Beside, count_weights
from simplebias.fitting.updating import Annealed, Both, muon_and_adam
from simplebias.networks import MLP, Encoded, FourierFeatures, Siren
from simplebias.training import Gradient, train

TIMED = 100


class Contest:
    """One picture, split one way; every network is trained and judged here alike."""

    def __init__(self, size: int, validation: float, seed: int):
        sample = read("photo", size=size)
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

    def trained(self, network, optimiser, task, held, seconds: float):
        """The network after so many seconds of the processor, the steps they were, and the time in truth."""

        def go(steps):
            updater = Annealed(Gradient(optimiser, self.options.batch_size or None), jnp.asarray(steps), *held)
            began = time.process_time()
            run = train(network, task, key=jax.random.key(self.seed), updater=updater, steps=steps, measures={},
                        progress=False, throw=False)  # fmt: skip
            return run.network, time.process_time() - began

        go(TIMED)
        steps = max(TIMED, int(seconds * TIMED / go(TIMED)[1]))
        found, taken = go(steps)
        return found, steps, taken

    def row(self, name, network, optimiser, task, held, seconds: float, of=lambda network: network) -> float:
        """Train a network, print its line, and give its PSNR on the pixels trained on."""
        found, steps, taken = self.trained(network, optimiser, task, held, seconds)
        on = self.decibels(of(found), self.points, self.values)
        off = self.decibels(of(found), *self.held) if len(self.held[0]) else math.nan
        print(f"{name:44}{count_weights(of(network)):>9}{steps:>8}{taken:>8.1f}s{on:>9.2f}{off:>9.2f}", flush=True)
        return on

    def ours(self, seconds: float) -> float:
        """What `fit` makes."""
        assert self.options.learning_rate is not None
        held = self.held if len(self.held[0]) else (None, None)
        both, optimiser = Beside(self.fit.first(), None), muon_and_adam(float(self.options.learning_rate))
        task = Both(self.points, self.values)
        return self.row("fit", both, optimiser, task, held, seconds, of=lambda one: one.fitted)

    def siren(self, seconds: float, first: float, rate: float) -> float:
        """A SIREN of as many weights."""
        network = Siren(2, 1, self._width(2, 3), 3, first_angular_frequency=first, key=jax.random.key(self.seed))
        task = Regression(self.points, self.values)
        return self.row(f"SIREN, ω₀ = {first:g}, rate {rate:g}", network, _adam(rate), task, (None, None), seconds)

    def features(self, seconds: float, std: float, rate: float, size: int = 256) -> float:
        """Random Fourier features under a network of ReLU, as many weights that are trained."""
        keys = jax.random.split(jax.random.key(self.seed))
        encoding = FourierFeatures(2, size, frequency_std=std, key=keys[0])
        inner = MLP(size, 1, self._width(size, 2), 2, activation="relu", initialisation="he", key=keys[1])
        task = Regression(self.points, self.values)
        name = f"random Fourier features, σ = {std:g}, rate {rate:g}"
        return self.row(name, Encoded(encoding, inner), _adam(rate), task, (None, None), seconds)

    def _width(self, inputs: int, depth: int) -> int:
        wanted = count_weights(self.fit.first())
        sizes = range(8, 1024)
        weights = [w * (inputs + 1) + (depth - 1) * w * (w + 1) + w + 1 for w in sizes]
        return sizes[int(np.abs(np.array(weights) - wanted).argmin())]


_RATES: dict[float, optax.GradientTransformation] = {}


def _adam(rate: float) -> optax.GradientTransformation:
    return _RATES.setdefault(rate, optax.adam(rate))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--validation", type=float, nargs="+", default=[0.0, 0.2])
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, JAX {jax.__version__}; command: {' '.join(sys.argv)}"
    )
    siren = [(30, 3e-3)] if options.quick else [(30, 5e-4), (30, 1e-3), (30, 3e-3), (60, 3e-3)]
    features = [(6, 6e-3)] if options.quick else [(3, 3e-3), (6, 3e-3), (10, 3e-3), (6, 6e-3)]
    good = True
    for validation in options.validation:
        for seed in range(options.seeds):
            contest = Contest(options.size, validation, seed)
            print(f"{len(contest.points)} pixels trained on, {len(contest.held[0])} held out, seed {seed}")
            print(f"{'':44}{'weights':>9}{'steps':>8}{'time':>9}{'trained':>9}{'held out':>9}  PSNR in dB")
            ours = contest.ours(options.seconds)
            best = max(contest.siren(options.seconds, *one) for one in siren)
            best = max(best, *(contest.features(options.seconds, *one) for one in features), -math.inf)
            if validation == 0:
                print(f"ahead by {ours - best:.2f} dB{'' if ours > best else '  MISSED'}", flush=True)
                good &= ours > best
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
