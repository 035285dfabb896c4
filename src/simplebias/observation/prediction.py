"""What the linear Frequency Principle foretells of a two-layer network, from its weights before training alone."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from simplebias.core.errors import InputError
from simplebias.core.snapshot import member
from simplebias.core.types import OUTPUT, POINT, RECORD, SEED, Network
from simplebias.frequency import (
    SpectralAtoms,
    frequency_lattice,
    law_of_neurons,
    lfp_coefficients,
    sine_atoms,
    solve_lfp,
)
from simplebias.observation.options import Options
from simplebias.observation.preparation import Prepared
from simplebias.observation.wording import percent

PREDICTION, NOTE = "prediction", "prediction_note"
"""Name of the variable with the prediction, and of the attribute of the dataset that says why there is none."""
ACTIVATIONS = ("relu", "tanh", "ricker", "sin")
"""Activations, parameters left out, whose networks are foretold."""
MOST_POINTS = 500
LINEAR = 0.1
"""Relative change of the input weights below which a network has stayed in its linear regime."""
CLOSE = 0.1
"""Relative difference up to which the prediction is called right."""


def foretell(networks: Network, prepared: Prepared, options: Options) -> xr.Dataset:
    """Long-time limit of the linear Frequency-Principle model for each member, in the units of the data.

    It holds for wide networks in the linear regime, broad biases, and gradient descent; nothing of the training is
    known to it. Trained points are those of the task; the initial function of each member is taken into account.

    Args:
        networks: the ensemble before training.
        prepared: what is trained.
        options: resolved options.

    Returns:
        A dataset to keep beside the run: the prediction at all points, or a note that says why there is none; empty
        for networks and data for which the model is not made.

    No example: `observe` calls it for networks of one hidden layer.
    """
    if not _is_meant(prepared, options):
        return xr.Dataset()
    if len(prepared.training) > MOST_POINTS:
        return _refused(f"it takes at most {MOST_POINTS} training points, and there are {len(prepared.training)}")
    members = range(len(options.seeds or ()))
    try:
        found = np.stack([_limit(member(networks, k), prepared, options) for k in members])
    except InputError as error:  # points too close together, a singular kernel, a weight that is not finite
        return _refused(f"the model needs {error.expected}, and there is {error.got}")
    attributes = {
        "units": prepared.sample.output_units[0],
        "long_name": "LFP prediction",
        "role": "prediction",
        "references": "zhang2019explicitizing zhang2021linear",
        "description": "long-time limit of the linear Frequency-Principle model, from the initial weights alone",
    }
    data = found * prepared.stretch + prepared.shift
    return xr.Dataset({PREDICTION: ((SEED, POINT, OUTPUT), data, attributes)})


def prediction_notes(data: xr.Dataset) -> list[str]:
    """How far network and prediction are apart, and whether the network stayed where the prediction holds.

    Args:
        data: of the run.

    Returns:
        One sentence; none where nothing was to be foretold.

    No example: it takes the data of `observe`.
    """
    if NOTE in data.attrs:
        return [f"no LFP prediction: {data.attrs[NOTE]}"]
    if PREDICTION not in data or "outputs" not in data:
        return []
    (record,) = [str(dim) for dim in data["outputs"].dims if str(dim).startswith(RECORD)]
    last = data["outputs"].isel({record: -1}).transpose(SEED, POINT, OUTPUT).values
    foretold = data[PREDICTION].transpose(SEED, POINT, OUTPUT).values
    middle = foretold - foretold.mean(axis=1, keepdims=True)
    apart = np.linalg.norm(last - foretold, axis=(1, 2)) / np.linalg.norm(middle, axis=(1, 2))
    change = data["relative_change"]
    (record,) = [str(dim) for dim in change.dims if str(dim).startswith(RECORD)]
    moved = float(change.isel({record: -1}).median())
    if not (np.isfinite(apart).all() and np.isfinite(moved)):
        return ["the network did not stay finite, so it cannot be held against the LFP prediction"]
    difference = float(np.median(apart))
    where = "stayed in" if moved < LINEAR else "left"
    told = "it tells what was learned" if difference < CLOSE else _why(moved)
    return [
        f"network and LFP prediction differ by {percent(difference)} (root mean square over the std of the prediction);"
        f" the network {where} the linear regime, its input weights moved by {percent(moved)}: {told}"
    ]


def _why(moved: float) -> str:
    if moved >= LINEAR:
        return "the prediction is not meant for it"
    return "it was not trained to the end, is narrow, or its biases do not reach beyond the data"


def _is_meant(prepared: Prepared, options: Options) -> bool:
    two_layer = options.network == "two-layer"
    one = prepared.points.shape[1] == 1 and prepared.targets.shape[1] == 1 and prepared.labels is None
    return two_layer and one and options.activation.partition(":")[0] in ACTIVATIONS


def _refused(why: str) -> xr.Dataset:
    return xr.Dataset(attrs={NOTE: why})


def _limit(network: Any, prepared: Prepared, options: Options) -> np.ndarray:
    """The model's limit at all points for one network, `(points, 1)`, in the scaled units."""
    points = prepared.points.astype(float)
    initial = np.asarray(jax.vmap(network)(jnp.asarray(points, float)))
    (neurons,) = network.neurons()
    inner, outer = getattr(network, "first", network).layers
    # the kernel weighs the gradient by input weights with the square of their own multiplier
    law = law_of_neurons(neurons, output_multiplier=outer.multiplier / inner.multiplier)
    training = prepared.training
    gamma_squared: Callable[[np.ndarray], np.ndarray] | SpectralAtoms
    family, _, parameter = options.activation.partition(":")
    if family == "sin":
        gamma_squared = sine_atoms(law, frequency=float(parameter or 1))
        lattice = None
    else:
        gamma_squared = lambda xi: lfp_coefficients(options.activation, law, xi).gamma_squared
        distance = float(np.diff(np.sort(points[training, 0])).min())
        lattice = None if distance == 0 else frequency_lattice(points[training], highest=10 / distance)
    solution = solve_lfp(
        points[training], prepared.targets[training], gamma_squared, initial=initial[training], lattice=lattice
    )
    return solution.limit(points, initial=initial)
