"""Wide networks trained on five samples, and what the linear Frequency-Principle model foretells of them."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr
from scipy.interpolate import CubicSpline

from simplebias.claims.experiment import run_ensemble
from simplebias.core.errors import Outcome
from simplebias.core.schedule import log_steps
from simplebias.core.snapshot import Record
from simplebias.core.task import Regression
from simplebias.core.types import SEED, Key, Network
from simplebias.frequency import (
    NeuronLaw,
    empirical_kernel,
    frequency_lattice,
    law_of_neurons,
    lfp_coefficients,
    solve_lfp,
    uniform_neurons,
)
from simplebias.networks import AntiSymmetric, TwoLayer
from simplebias.training import loss_measure

SEEDS = (101, 102, 103, 104)
X = np.array([-0.8, -0.6, -0.3, -0.06, 0.1])
Y = np.array([0.25, -0.25, -0.07, 0.15, -0.05])
PLACES = np.linspace(X[0], X[-1], 91)
BOUNDS = {"cubic": (3.0, 0.1, 3.0), "linear": (0.2, 1.0, 1.0)}
"""Bounds of input weights, output weights and biases."""
STEPS = 1_000_000


def trained(width: int, loss: float, *, momentum: float = 0.0) -> xr.Dataset:
    """Train ReLU networks by gradient descent until the sum of squares is below `loss`, and solve the model for each.

    Args:
        width: neurons, half of them copies of the others with the output weight negated.
        loss: where to stop.
        momentum: of gradient descent; with it there are far fewer steps, to the same limit in the linear regime.

    Returns:
        Networks and models, by seed and place, with the samples.
    """
    with jax.enable_x64(True):
        make = functools.partial(_pairs, width // 2)
        keys = [jax.random.key(seed) for seed in SEEDS]
        fastest = max(np.linalg.eigvalsh(np.asarray(empirical_kernel(make(key), X)))[-1] for key in keys)
        task = Regression(X, Y)
        run = run_ensemble(
            make,
            task,
            # the task's loss is a mean of squares, the theory's half their sum
            updater=optax.sgd(0.5 / float(fastest) * len(X) / 2, momentum or None, nesterov=momentum > 0),
            steps=STEPS,
            until=loss / len(X),
            measures={"loss": Record(loss_measure(task), at=log_steps(20))},
            seeds=SEEDS,
        )
        outputs = eqx.filter_vmap(lambda network: jax.vmap(network)(jnp.asarray(PLACES)[:, None])[:, 0])(run.network)
        laws = [law_of_neurons(make(key).neurons()[0], output_multiplier=1) for key in keys]
    models = np.stack([_limit(law) for law in laws])
    data = _drawn(f"network of {width} neurons and model")
    attributes = data["sample"].attrs
    there = run.data["outcome"].values == int(Outcome.STOPPED)  # what is not trained to the end is no evidence
    learned = np.where(there[:, None], np.asarray(outputs), np.nan)
    return data.assign(
        network=((SEED, "place"), learned, _described(attributes, "network", "network")),
        model=((SEED, "place"), models, _described(attributes, "LFP model", "")),
    ).assign_coords({SEED: list(SEEDS)})


def _pairs(pairs: int, key: Key) -> Network:
    """Uniform weights, no multiplier, no output bias; every neuron twice, with output weights of both signs."""
    bounds = BOUNDS["cubic"]
    network = TwoLayer(1, 1, pairs, activation="relu", initialisation="weight-std:1", key=key)
    w, a, b = (
        bound * jax.random.uniform(one, (pairs,), minval=-1, maxval=1)
        for one, bound in zip(jax.random.split(key, 3), bounds, strict=True)
    )
    parts = lambda net: (net.layers[0].weight, net.layers[0].bias, net.layers[1].weight)
    return AntiSymmetric(eqx.tree_at(parts, network, (w[:, None], b, a[None])))


def spline_limit(kind: str) -> xr.Dataset:
    """The model in the limit in which it is a spline, with splines of both orders.

    Args:
        kind: `cubic` or `linear`.

    Returns:
        Model, linear and cubic (not-a-knot) spline by place.
    """
    bounds = dict(zip(("weight_bound", "output_bound", "bias_bound"), BOUNDS[kind], strict=True))
    data = _drawn(f"model and splines, {kind} limit")
    attributes = data["sample"].attrs
    curves = {
        "cubic": ("cubic spline", CubicSpline(X, Y)(PLACES), ""),
        "linear": ("linear spline", np.interp(PLACES, X, Y), ""),
        "model": ("LFP model", _limit(uniform_neurons(**bounds)), "network"),
    }
    return data.assign({
        name: ("place", values, _described(attributes, words, role)) for name, (words, values, role) in curves.items()
    })


def _limit(law: NeuronLaw) -> np.ndarray:
    gamma_squared = lambda xi: lfp_coefficients("relu", law, xi).gamma_squared
    return solve_lfp(X, Y, gamma_squared, lattice=frequency_lattice(X, highest=80)).limit(PLACES)[:, 0]


def _drawn(panel: str) -> xr.Dataset:
    """The samples as points, and the attributes that all curves share."""
    attributes = {"over": "place", "panel": panel, "axis": "h(x)", "references": "zhang2019explicitizing"}
    attributes |= {"role": "target", "marks": "points", "long_name": "samples"}
    values = np.full(len(PLACES), np.nan)
    values[np.abs(PLACES - X[:, None]).argmin(axis=1)] = Y
    coordinate = ("place", PLACES, {"long_name": "input x"})
    return xr.Dataset({"sample": ("place", values, attributes)}, {"place": coordinate})


def _described(attributes: dict, name: str, role: str) -> dict:
    return {key: value for key, value in attributes.items() if key != "marks"} | {"long_name": name, "role": role}
