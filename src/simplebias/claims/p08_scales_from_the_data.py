"""p08: scales chosen from the data do at least as well as the best of those chosen by hand."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from simplebias.claims.claim import Claim, Evidence, Scale, Verdict
from simplebias.claims.experiment import SEEDS
from simplebias.claims.judge import compare
from simplebias.core.snapshot import evaluate
from simplebias.core.types import CASE, SEED, Float
from simplebias.fitting import begun, choose_frequencies, sines_at
from simplebias.fitting.networks import Beside, sines_of_scales
from simplebias.fitting.updating import Annealed, Both, muon_and_adam
from simplebias.networks import MLP
from simplebias.training import Gradient, train

HIGHEST, TONES, POINTS, WIDTH = 60.0, 4, 400, 64
STDS = (3.0, 6.0, 12.0)
AUTO, DYADIC, LINEAR = "auto", "1, 2, 4, …, 64", "1, 2, …, 6"
MORE = (*SEEDS, 104, 105)
BEGUN, COLD = (5e-3, True), (2e-2, False)
"""Learning rate, and whether training begins from least squares on the first layer: the recipe of `fit`, and another
that suits scales by hand better."""


def run(scale: Scale) -> Evidence:
    """Four tones at random places: the same network and training at all choices of scales."""
    seeds, steps = scale.choose((SEEDS, 400), (MORE, 1000), (MORE, 4000))
    errors = np.array([[_error(choice, seed, steps) for choice in CHOICES] for seed in seeds])
    attributes = {
        "over": CASE,
        "marks": "categories",
        "scale": "log",
        "section": "The fit",
        "long_name": "relative error between the samples",
        "description": "Relative L2 error on 2000 new points; of choices by hand the lesser of two recipes.",
        "references": "liu2020multiscale tancik2020fourier",
    }
    data = xr.Dataset({"error": ((SEED, CASE), errors, attributes)}, {SEED: list(seeds), CASE: list(CHOICES)})
    return {"Errors by choice of scales": data}


def target(seed: int) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Where the samples lie on [-1, 1], and the tones: up to 60 periods over the interval."""
    random = np.random.default_rng((8, seed))
    turns, sizes = np.pi * random.uniform(1, HIGHEST, TONES), random.uniform(0.5, 1, TONES)
    phases = random.uniform(0, 2 * np.pi, TONES)
    return np.sort(random.uniform(-1, 1, POINTS)), lambda x: np.sin(x[:, None] * turns + phases) @ sizes


def _normal(std: float) -> Callable[..., Float[np.ndarray, "width 1"]]:
    return lambda x, y, seed: std * np.random.default_rng((9, seed)).standard_normal((WIDTH, 1))


def _by_hand(scales: tuple[int, ...]) -> Callable[..., Float[np.ndarray, "width 1"]]:
    def rows(x: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
        drawn = sines_of_scales(1, 1, WIDTH, 2, scales, key=jax.random.key(seed))
        return np.asarray(drawn.layers[0].weight, float) / (2 * np.pi)

    return rows


CHOICES: dict[str, Callable[..., Float[np.ndarray, "width 1"]]] = {
    AUTO: lambda x, y, seed: choose_frequencies(x, y, WIDTH, seed=seed),
    DYADIC: _by_hand((1, 2, 4, 8, 16, 32, 64)),
    LINEAR: _by_hand((1, 2, 3, 4, 5, 6)),
    **{f"random, σ = {std:g}": _normal(std) for std in STDS},
}
"""The frequencies of the first layer, by name of the choice."""


def _error(choice: str, seed: int, steps: int) -> float:
    """Relative L2 error between the samples after training; of two recipes the lesser, but for scales from the data."""
    recipes = (BEGUN,) if choice == AUTO else (BEGUN, COLD)
    errors = [_trained(choice, seed, steps, *recipe) for recipe in recipes]
    return min(errors) if np.isfinite(errors).all() else float("nan")


def _trained(choice: str, seed: int, steps: int, rate: float, least_squares: bool) -> float:
    x, tones = target(seed)
    size = tones(x).std()
    points, values = x[:, None], tones(x)[:, None] / size
    network = sines_at(CHOICES[choice](x, tones(x), seed), 1, (WIDTH,), key=jax.random.key(seed))
    task = Both(jnp.asarray(points, float), jnp.asarray(values, float))
    network = begun(network, points, values) if least_squares else network
    updater = Annealed(Gradient(muon_and_adam(rate)), jnp.asarray(steps), None, None)
    found = train(
        Beside(network, None), task, key=jax.random.key(seed), updater=updater, steps=steps,
        measures={}, progress=False, throw=False,
    ).network.fitted  # fmt: skip
    assert isinstance(found, MLP)
    new = np.random.default_rng((10, seed)).uniform(x[0], x[-1], 2000)
    outputs = size * np.asarray(evaluate(found, jnp.asarray(new[:, None], float)))[:, 0]
    return float(np.linalg.norm(outputs - tones(new)) / np.linalg.norm(tones(new)))


def check(evidence: Evidence) -> Verdict:
    """Median error at scales from the data over the least median of the other choices."""
    if (data := evidence.get("Errors by choice of scales")) is None:
        return Verdict(())
    medians = data["error"].transpose(SEED, CASE).values
    medians = np.where(np.isfinite(medians).all(), np.median(medians, axis=0), np.nan)
    names = data[CASE].values.tolist()
    if AUTO not in names or len(names) < 2:
        return Verdict(())
    own = medians[names.index(AUTO)]
    others = np.delete(medians, names.index(AUTO))
    what = "median error at scales from the data over the least of the choices by hand"
    return Verdict((
        compare(what, own / others.min(), "≤", 1.2),
        compare("median error at scales from the data", own, "<", 0.1),
    ))


CLAIM = Claim(
    id="p08",
    title="Scales from the data do as well as the best by hand",
    sentence=(
        "A multi-scale network whose scales are chosen from the spectrum of the data fits tones of unknown frequencies "
        "at least as well as with the best of scales chosen by hand, or of a bandwidth tuned afterwards."
    ),
    source=("liu2020multiscale", "tancik2020fourier"),
    setting=(
        "Four tones with 1 to 60 periods over [−1, 1], amplitudes ½ to 1, at random frequencies and phases; 400 "
        "samples at random places, no noise. A network of sines, 1-64-64-1. Frequencies of its first layer: those of "
        "`choose_frequencies`, which sees the samples only; or normal ones times the scales 1, 2, 4, …, 64 or 1, 2, "
        "…, 6; or normal ones of standard deviation 3, 6 or 12 cycles per unit, as random Fourier features have, of "
        "which the best is taken once errors are known. "
        "Trained alike, by Muon between hidden layers and Adam at 0.15 of its rate elsewhere, along a cosine, 400 "
        "steps (standard scale 1000, full 4000). All choices are trained by the recipe of `fit`, from least squares on "
        "the first layer at rate 5e-3; those by hand once more as they are drawn at rate 2e-2, and for each seed the "
        "lesser error of the two is theirs. Errors are relative L2 on 2000 new points. Seeds 101, 102, "
        "103, from standard scale on 104 and 105 too. The 0.1 that the error has to stay below is ours: an error that "
        "all share proves nothing."
    ),
    fails_when=(
        "The data are too few for their highest frequency (fewer than two points a period on average leave it to "
        "luck), or have no lines in their spectrum: a photograph, where a tuned bandwidth predicts unseen pixels as "
        "well."
    ),
    run=run,
    check=check,
    cover=("Errors by choice of scales", "Relative error between the samples"),
)
