"""c08: dropout condenses and smooths a wide network that would stay as it was drawn; its mean penalty R1 is enough."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr

from simplebias.claims.claim import Claim, Criterion, Evidence, Scale, Verdict
from simplebias.claims.experiment import SEED_WORDS, SEEDS, output_measure
from simplebias.claims.judge import compare
from simplebias.condensation import (
    LastLayerDropout,
    effective_features_measure,
    feature_measure,
    total_variation,
)
from simplebias.core.errors import Outcome
from simplebias.core.run import is_record
from simplebias.core.schedule import log_steps
from simplebias.core.snapshot import Measure, Record, Snapshot
from simplebias.core.task import Regression, Task
from simplebias.core.types import FEATURE, INPUT, NEURON, OUTPUT, POINT, SEED, Array, Network
from simplebias.networks import TwoLayer, ensemble
from simplebias.training import loss_measure, train

KEPT = 0.9
PLAIN, DROP, R1 = "no dropout", "dropout", "R1 instead of dropout"
MASKS = 20_000
BINS = 90


def run(scale: Scale) -> Evidence:
    """Three losses from one start; with masks only where there is a minute for it."""
    x = np.linspace(-11.5, 11.5, 13)[:, None]
    task = Regression(x, _target(x))
    rate = 1e-3
    short, long = scale.choose(12_000, 50_000, 200_000), scale.choose(13_000, 50_000, 200_000)
    width = scale.choose(400, 1000, 1000)
    start = ensemble(functools.partial(_network, width), jax.vmap(jax.random.key)(jnp.asarray(SEEDS)))

    def losses(kind: str) -> LastLayerDropout:
        return LastLayerDropout(task, kind, keep_probability=KEPT)

    plain, fitted = _train(start, task, task, scale.choose(5e-3, rate, rate), short)
    evidence = {PLAIN: plain.assign(_identity(fitted, losses("drop"), losses("L1")))}
    fading = optax.cosine_decay_schedule(8e-3, long, 0.02)
    evidence[R1], _ = _train(start, task, losses("L1"), scale.choose(fading, rate, rate), long)
    if scale == Scale.SMOKE:
        return evidence
    evidence[DROP], _ = _train(start, task, losses("drop"), rate, long)
    return evidence


def check(evidence: Evidence) -> Verdict:
    """Rows 19 to 22 of the acceptance."""
    criteria: list[Criterion] = []
    if PLAIN in evidence:
        data = evidence[PLAIN]
        criteria.append(
            compare(f"mean loss over {MASKS} masks from R_S + R1", _errors(data), "<", 3, "standard errors")
        )
        criteria += [_orientations(PLAIN, data, ">", 60), _variation(PLAIN, data, ">", 4)]
    if DROP in evidence:
        criteria += _condensed(DROP, evidence[DROP])
    if R1 in evidence:
        criteria += [_orientations(R1, evidence[R1], "<", 7), _variation(R1, evidence[R1], "<", 1.1)]
    return Verdict(tuple(criteria))


def _condensed(name: str, data: xr.Dataset) -> list[Criterion]:
    share = _shares(data)
    return [
        _orientations(name, data, "<", 15),
        compare(f"{name}: amplitude in the four fullest of {BINS} bins", share, ">", 0.7),
        _variation(name, data, "<", 1.25),
    ]


def _last(values: xr.DataArray) -> xr.DataArray:
    return values.isel({dim: -1 for dim in values.dims if is_record(dim)})


def _errors(data: xr.Dataset) -> xr.DataArray:
    return abs(data["sampled_loss"] - data["expected_loss"]) / data["standard_error"]


def _orientations(name: str, data: xr.Dataset, sign: str, bound: float | int) -> Criterion:
    return compare(f"{name}: effective orientations", _last(data["effective_features"]), sign, bound)


def _variation(name: str, data: xr.Dataset, sign: str, bound: float | int) -> Criterion:
    values = _last(data["variation"])
    return compare(f"{name}: total variation over that of the target", values, sign, bound)


def _shares(data: xr.Dataset) -> np.ndarray:
    """Share of the amplitude in the four fullest bins of orientations, opposite ones as one, for each seed."""
    last = _last(data["features"]).transpose(SEED, FEATURE, NEURON).values
    shares = []
    for angles, amplitudes in last:
        bins = np.histogram(np.mod(angles, np.pi), bins=BINS, range=(0, np.pi), weights=amplitudes)[0]
        shares.append(np.sort(bins)[-4:].sum() / bins.sum() if np.isfinite(amplitudes).all() else np.nan)
    return np.array(shares)


def _target(x: np.ndarray) -> np.ndarray:
    return np.tanh(x - 6) + np.tanh(x + 6)


def _network(width: int, key: Array) -> TwoLayer:
    return TwoLayer(1, 1, width, initialisation="power:0.1", key=key)


class _Variation(eqx.Module):
    of_target: float

    def __call__(self, snapshot: Snapshot) -> Array:
        places = jnp.arange(len(snapshot.outputs), dtype=snapshot.outputs.dtype)
        return total_variation(places, snapshot.outputs)[0] / self.of_target


def _variation_measure(target: np.ndarray) -> Measure:
    return Measure(
        _Variation(float(np.abs(np.diff(target[:, 0])).sum())),
        description="Total variation of the output over that of the target: how much more it goes up and down.",
        attributes={"long_name": "total variation over the target's", "section": "The fit", "scale": "log"},
    )


def _train(
    start: Network, data: Task, task: Task, rate: float | optax.Schedule, steps: int
) -> tuple[xr.Dataset, Network]:
    """Labelled data of one training of the ensemble, and the ensemble after it."""
    look = np.linspace(-11.5, 11.5, 401)[:, None]
    often, rarely = log_steps(60), log_steps(24)
    measures: Mapping[str, Record] = {
        "outputs": Record(output_measure("Output on and between the 13 points, no neuron dropped."), at=rarely),
        "features": Record(feature_measure(1, limit=None), at=rarely),
        "effective_features": Record(effective_features_measure(1, bins=BINS), at=often),
        "variation": Record(_variation_measure(_target(look)), at=often),
        "loss": Record(loss_measure(data), at=often),
    }
    done = train(
        start,
        task,
        key=jax.random.key(0),
        updater=optax.adam(rate),
        steps=steps,
        measures=measures,
        seeds=SEEDS,
        points=look,
        constants=_constants(look),
        progress=False,
        throw=False,
    )
    if done.outcome == Outcome.INTERRUPTED:  # Ctrl-C: half a training is no evidence
        raise KeyboardInterrupt
    return done.data, done.network


def _constants(look: np.ndarray) -> xr.Dataset:
    return xr.Dataset(
        {
            "points": ((POINT, INPUT), look),
            "target": ((POINT, OUTPUT), _target(look), {"description": "tanh(x − 6) + tanh(x + 6)"}),
        },
        coords={OUTPUT: ["y"], INPUT: ["x"], "input_unit": (INPUT, [""])},
    )


@eqx.filter_jit
def _sample(networks: Network, dropped: Task, expected: Task) -> tuple[Array, Array, Array]:
    """Mean of the loss over masks, its standard error, and what it should be, for each member."""
    batch = expected.batch(None, key=jax.random.key(0))
    keys = jax.random.split(jax.random.key(8), MASKS)

    def of_member(network: Network) -> tuple[Array, Array, Array]:
        losses = jax.lax.map(lambda key: dropped.loss(network, batch, key=key), keys, batch_size=50)
        return jnp.mean(losses), jnp.std(losses) / MASKS**0.5, expected.loss(network, batch, key=keys[0])

    return eqx.filter_vmap(of_member, in_axes=eqx.if_array(0))(networks)


def _identity(networks: Network, dropped: Task, expected: Task) -> dict[str, Any]:
    names: Sequence[str] = ("sampled_loss", "standard_error", "expected_loss")
    values = _sample(networks, dropped, expected)
    return {name: ((SEED,), np.asarray(value)) for name, value in zip(names, values, strict=True)}


CLAIM = Claim(
    id="c08",
    title="Dropout condenses and smooths",
    sentence=(
        "A wide tanh network that starts in the linear regime fits thirteen points with all its neurons and swings "
        "between them; with dropout, or with nothing but the mean penalty R1 of dropout, its neurons condense onto few "
        "orientations and its output hardly goes up and down more than the target."
    ),
    source=("zhang2022dropout",),
    setting=(
        f"tanh(x − 6) + tanh(x + 6) at 13 even points of [−11.5, 11.5]; two-layer tanh network of width 1000, all "
        "weights of var width^-0.2, keep probability 0.9 (rate 0.1), full batch, float32. Adam 1e-3, 50,000 steps (at "
        "full scale 200,000; at smoke scale width 400, 12,000 steps of 5e-3 without dropout, 13,000 with R1 while the "
        "rate falls from 8e-3 to 1.6e-4 along a cosine, and no training with dropout). Effective orientations: exp of "
        f"the entropy of the amplitude over {BINS} bins of half a turn, opposite orientations as one. "
        f"The mean of the loss over {MASKS} masks is taken after training without dropout. "
        f"Seeds {SEED_WORDS}."
    ),
    fails_when=(
        "It is no matter of noise alone: by the source, batches of two points without dropout do not condense (not "
        "run here). Not every data set condenses (one point does not), and with Adam at 1e-4 it takes far more than "
        "200,000 steps."
    ),
    run=run,
    check=check,
    cover=(R1, "Orientation"),
)
