"""c12: whether higher frequencies are fitted when orientations are added. An open question: what came out is told."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import scipy.fft
import scipy.stats
import xarray as xr

from simplebias.claims.claim import Claim, Criterion, Evidence, Scale, Verdict
from simplebias.claims.experiment import output_measure, run_ensemble
from simplebias.claims.judge import figure
from simplebias.condensation import feature_measure
from simplebias.core.run import Run
from simplebias.core.schedule import log_steps
from simplebias.core.snapshot import Neurons, Record
from simplebias.core.task import Regression
from simplebias.core.types import FEATURE, NEURON, OUTPUT, POINT, RECORD, SEED, Array, Float, Key, Output, Point
from simplebias.networks import TwoLayer
from simplebias.training import loss_measure

GROWTH = "random kinks"
FIRST, LEAST = 101, 10
"""First seed, and how many seeds must have a rank correlation."""
KINKS = 4
LARGE, GAP = 0.02, 0.05
"""Neurons of an amplitude above this share of the largest count, and angles further apart are two orientations."""
FITTED = 0.2
"""Relative error below which a frequency is fitted."""
RESAMPLES = 2000


class Against(eqx.Module):
    """A network less a target of its own, so that an ensemble on zeros learns a target for each seed.

    Args:
        network: what learns.
        kinks: `(kinks, 2)`, places and slopes of the target; never trained.
    """

    network: TwoLayer
    kinks: Float[Array, "kinks 2"]

    def __call__(self, point: Point) -> Output:
        """Network less target at one point."""
        return self.network(point) - self.target(point)

    def target(self, point: Point) -> Output:
        """`Σ slope · relu(± (x - place))`, a sum of kinks."""
        places, slopes = jax.lax.stop_gradient(self.kinks).T
        sides = jnp.where(jnp.arange(len(places)) % 2 == 0, 1.0, -1.0)
        return jnp.sum(slopes * jax.nn.relu(sides * (point[0] - places)))[None]

    def neurons(self) -> tuple[Neurons, ...]:
        """Those of the network."""
        return self.network.neurons()


def run(scale: Scale) -> Evidence:
    """One ensemble from small weights, each member with random kinks of its own to learn."""
    seeds = np.arange(FIRST, FIRST + scale.choose(16, 24, 48))
    return {GROWTH: _growth(seeds, scale.choose(50, 50, 100), scale.choose(8000, 50_000, 100_000))}


def check(evidence: Evidence) -> Verdict:
    """Rank correlations with intervals: finite, and from enough seeds. Whatever they are."""
    if GROWTH not in evidence:
        return Verdict()
    data = evidence[GROWTH]
    orientations, fitted = (data[name].transpose(SEED, RECORD).values for name in ("orientations", "fitted"))
    start = np.isfinite(orientations).argmax(axis=1)
    same, other = _correlations(orientations, fitted, start)
    steps, _ = _correlations(np.diff(orientations, axis=1), np.diff(fitted, axis=1), start)
    what = "rank correlation of the number of orientations and of fitted frequencies"
    return Verdict((
        _told(what, same),
        _told("the same, of one run's orientations and the frequencies of all others", other),
        _told("the first less the second", same - other),
        _told("rank correlation of what both grow by between two records", steps),
    ))


def _correlations(one: np.ndarray, two: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Spearman's rank correlation over records, of each seed with itself and on average with every other seed.

    A pair of seeds is compared from where both have condensed. NaN where either does not change, or broke.

    Returns:
        Two arrays, an entry for each seed.
    """
    count = len(one)
    pairs = np.array([
        [_spearman(one[i, max(start[i], start[j]) :], two[j, max(start[i], start[j]) :]) for j in range(count)]
        for i in range(count)
    ]).reshape(count, count)
    apart = np.where(np.eye(count, dtype=bool), np.nan, pairs)
    known = np.isfinite(apart)
    mean = np.where(known, apart, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.diag(pairs).copy(), np.where(known.any(axis=1), mean, np.nan)


def _spearman(one: np.ndarray, two: np.ndarray) -> float:
    if len(one) < 3 or not np.isfinite([one, two]).all() or not (np.ptp(one) and np.ptp(two)):
        return np.nan
    return float(np.corrcoef(scipy.stats.rankdata(one), scipy.stats.rankdata(two))[0, 1])


def _told(what: str, values: np.ndarray) -> Criterion:
    """The mean over seeds with its 95 % interval by resampling seeds."""
    known = values[np.isfinite(values)]
    accepted = f"told with its interval, from at least {LEAST} seeds"
    if len(known) < LEAST:
        return Criterion(what, f"defined for {len(known)} seeds", accepted, holds=False)
    drawn = np.random.default_rng(0).choice(known, (RESAMPLES, len(known))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    words = f"{figure(known.mean())}, 95 % interval {figure(low)} to {figure(high)} ({len(known)} seeds)"
    return Criterion(what, words, accepted, bool(np.isfinite([known.mean(), low, high]).all()))


def _growth(seeds: np.ndarray, width: int, steps: int) -> xr.Dataset:
    points = np.linspace(-1, 1, 40)[:, None]
    task, looks = Regression(points, np.zeros(len(points))), log_steps(48)
    output = output_measure("Output less target.")
    measures = {
        "features": Record(feature_measure(1, limit=None), at=looks),
        "residual": Record(output, at=looks),
        "loss": Record(loss_measure(task), at=log_steps(100)),
    }
    done = run_ensemble(
        lambda key: _member(key, width),
        task,
        updater=optax.sgd(0.1),
        steps=steps,
        measures=measures,
        seeds=tuple(int(seed) for seed in seeds),
    )
    return _read(done, points)


def _member(key: Key, width: int) -> Against:
    mine, places, slopes = jax.random.split(key, 3)
    # places spread out, slopes of either sign and not small
    spread = (jnp.arange(KINKS) + jax.random.uniform(places, (KINKS,), minval=0.2, maxval=0.8)) / KINKS
    sizes = jax.random.uniform(slopes, (2, KINKS), minval=jnp.array([[0.5], [-1.0]]), maxval=jnp.array([[2.0], [1.0]]))
    kinks = jnp.stack([1.8 * spread - 0.9, sizes[0] * jnp.sign(sizes[1])], axis=1)
    return Against(TwoLayer(1, 1, width, activation="relu", initialisation="weight-std:1e-3", key=mine), kinks)


def _read(done: Run, points: np.ndarray) -> xr.Dataset:
    """How many orientations there are and how many frequencies are fitted, beside one seed's features and fit."""
    target = np.asarray(eqx.filter_vmap(lambda network: jax.vmap(network.target)(points))(done.network))[..., 0]
    residual = done.data["residual"].transpose(SEED, RECORD, POINT, OUTPUT).values[..., 0]
    features = done.data["features"].transpose(SEED, RECORD, NEURON, FEATURE).values
    counts = np.apply_along_axis(_count, -1, features[..., 0] + 1j * features[..., 1])
    condensed = np.where(np.isfinite(counts), counts, np.inf).argmin(axis=1)
    orientations = np.where(np.arange(counts.shape[1]) < condensed[:, None], np.nan, counts)
    common = {"panel": "orientations and frequencies", "section": "Neurons", "units": ""}
    words = {
        "orientations": "Orientations further apart than 0.05 rad, of neurons above 0.02 of the largest amplitude, "
        "from where they are fewest on.",
        "fitted": "Frequencies of the cosine transform fitted within 0.2, from the lowest up to the first that is not.",
    }
    names = {"orientations": "orientations", "fitted": "fitted frequencies"}
    values = {"orientations": orientations, "fitted": _fitted(target, residual)}
    return done.data[["loss", "features"]].assign({
        name: ((SEED, RECORD), values[name], common | {"long_name": names[name], "description": words[name]})
        for name in names
    })


def _count(neurons: np.ndarray) -> float:
    """Orientations of neurons given as angle + i amplitude, NaN where one is not finite."""
    angles, sizes = np.real(neurons), np.imag(neurons)
    if not np.isfinite(neurons).all():
        return np.nan
    large = np.sort(angles[sizes > LARGE * sizes.max()])
    around = np.diff(np.append(large, large[:1] + 2 * np.pi))
    return float(max((around > GAP).sum(), 1))


def _fitted(target: np.ndarray, residual: np.ndarray) -> np.ndarray:
    """How many frequencies of the cosine transform, the mean left out, are fitted from the lowest on."""
    truth = np.abs(np.asarray(scipy.fft.dct(target, axis=-1)))[:, None, 1:]
    error = np.abs(np.asarray(scipy.fft.dct(residual, axis=-1)))[..., 1:]
    right = error < FITTED * truth
    count = np.cumprod(right, axis=-1).sum(axis=-1).astype(float)
    return np.where(np.isfinite(residual).all(axis=-1), count, np.nan)


CLAIM = Claim(
    id="c12",
    title="Do orientations and frequencies come together? Measured",
    sentence=(
        "When orientations are added, higher frequencies are fitted: an open question, of which the rank correlation "
        "is measured and told with its interval, whatever it is."
    ),
    source=("zhou2021condensation", "xu2019frequency", "xu2025overview"),
    setting=(
        "Two-layer ReLU, width 50, all weights of std 1e-3, gradient descent at 0.1 on 40 even points of [−1, 1]. Each "
        "seed has a target of its own: four kinks, spread over the interval, with random slopes. From the record with "
        "the fewest orientations on (before it the random ones of the start condense): Spearman's rank correlation "
        "over records at evenly spaced log steps, mean over seeds, 95 % interval by resampling seeds. The same "
        "between runs of different targets shows what is due to both growing with time alone. Seeds "
        f"{FIRST}, {FIRST + 1}, {FIRST + 2} and so on: 16 with 8000 steps at smoke scale, 24 with 50,000 at standard."
    ),
    fails_when=(
        "What came out at standard scale: 0.73 (0.64 to 0.82), but 0.64 (0.60 to 0.67) is found between runs of "
        "different targets, as both grow with time. What is left, 0.09 (0.01 to 0.17), is small. At the moment when "
        "orientations are added frequencies do not rise: the growth of both from record to record is uncorrelated, "
        "−0.01 (−0.07 to 0.06). True says here that this is measured, not that the sentence is. ReLU, kinks and one "
        "input only; seeds in which the number of either never changes are left out."
    ),
    run=run,
    check=check,
    cover=(GROWTH, "Orientations and"),
)
