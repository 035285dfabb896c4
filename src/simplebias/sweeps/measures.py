"""What a sweep keeps of each training: measures by name, taken when it ends."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from simplebias.condensation import (
    amplitude,
    angle,
    effective_features_measure,
    effective_neurons_measure,
    orientation,
    relative_change_measure,
)
from simplebias.core.errors import InputError, check_choice
from simplebias.core.snapshot import Measure, Snapshot, evaluate
from simplebias.core.task import Classification, Regression, Task
from simplebias.core.types import FEATURE, NEURON, OUTPUT, POINT, POSITION, Array, Float
from simplebias.training import error_measure

FEATURES = 200
"""Neurons of which features are kept, by the rank of their amplitude: densely among the large, down to the least."""
LINE = 61
"""Places along the one input at which the fit is kept."""
MARGIN = 0.1
"""How far the line goes beyond the data, as a share of their range."""
ROW = "row"
"""A row of the data, where there are several inputs."""


def _outputs(snapshot: Snapshot) -> Array:
    return snapshot.outputs


def _ranks(count: int) -> np.ndarray:
    """Ranks to keep: 0, then at distances that grow, so that the few large neurons of a condensed network are there."""
    most = min(count, FEATURES)
    place = np.arange(most)
    return place + ((count - most) * (place / max(most - 1, 1)) ** 2).astype(int)


class _Features(eqx.Module):
    """Where neurons of the first layer point, and how large they are, from the largest on."""

    along: bool = eqx.field(static=True)

    def __call__(self, snapshot: Snapshot) -> Array:
        neurons = snapshot.neurons[0]
        size = amplitude(neurons)
        kept = jnp.argsort(-size)[_ranks(size.shape[0])]
        if self.along:
            rows = orientation(neurons)
            where = rows.sum(axis=1) / np.sqrt(rows.shape[1])
        else:
            where = angle(neurons)
        return jnp.stack([where[kept], size[kept]], axis=1)


def _features(task: Task) -> Measure:
    along = task.probe.shape[1] > 1
    first = "projection" if along else "orientation"
    meaning = "ŵ·(1, …, 1)/√(d + 1) of (w, b)" if along else "atan2(b, w) in radians"
    return Measure(
        _Features(along),
        (NEURON, FEATURE),
        {FEATURE: (first, "amplitude")},
        description=f"{first.capitalize()} {meaning} and amplitude ‖a‖·‖(w, b)‖ of neurons of layer 1, by rank.",
        references=("luo2020phase",),
        attributes={"long_name": "features of neurons"},
    )


class _Fit(eqx.Module):
    """Outputs at some places."""

    places: Float[Array, "places inputs"]

    def __call__(self, snapshot: Snapshot) -> Array:
        return evaluate(snapshot.network, self.places)


def _fit(task: Task) -> Measure:
    if not isinstance(task, Regression):
        raise InputError("data with values for the measure 'fit'", f"a {type(task).__name__}")
    count, inputs = task.points.shape
    shown = np.unique(np.rint(np.linspace(0, count - 1, min(count, FEATURES))).astype(int))
    given = {"given_values": np.asarray(task.values)[shown, 0].tolist(), "long_name": "output of the network"}
    if inputs > 1:
        words = "Output of the network at rows of the data."
        return Measure(_Fit(task.points[shown]), (ROW, OUTPUT), {ROW: shown}, description=words, attributes=given)
    x = np.asarray(task.points)[:, 0]
    beyond = MARGIN * float(np.ptp(x)) or 1.0
    line = np.linspace(x.min() - beyond, x.max() + beyond, LINE).astype(x.dtype)
    given |= {"given_points": x[shown].tolist()}
    words = "Output of the network along the input."
    places = jnp.asarray(line[:, None])
    return Measure(_Fit(places), (POSITION, OUTPUT), {POSITION: line}, description=words, attributes=given)


def _accuracy(task: Task) -> Measure:
    if not isinstance(task, Classification):
        raise InputError("data with classes for the measure 'accuracy'", f"a {type(task).__name__}")
    rows = np.arange(task.size)
    return error_measure("accuracy", task.labels, rows, description="share of points told right", panel="accuracy")


MEASURES: dict[str, Callable[[Task, int], Measure]] = {
    "relative_change": lambda task, depth: relative_change_measure(depth),
    "effective_neurons": lambda task, depth: effective_neurons_measure(depth),
    "effective_features": lambda task, depth: effective_features_measure(1),
    "features": lambda task, depth: _features(task),
    "fit": lambda task, depth: _fit(task),
    "outputs": lambda task, depth: Measure(_outputs, (POINT, OUTPUT), description="Output at the points."),
    "accuracy": lambda task, depth: _accuracy(task),
}
"""Measures by name; loss, steps and outcome are always kept."""


def make_measures(names: Any, task: Task, depth: int) -> dict[str, Measure]:
    """Measures for networks of a depth.

    Args:
        names: of `MEASURES`.
        task: what is learned.
        depth: number of hidden layers.

    Returns:
        The measures by name.

    Raises:
        InputError: for an unknown name, or a measure that does not fit the data.

    Example:
        >>> from simplebias.sweeps.data import named_task
        >>> make_measures(["relative_change"], named_task("four-points"), 1)["relative_change"].dims
        ('layer',)
    """
    for name in names:
        check_choice(name, "measure", MEASURES)
    return {name: MEASURES[name](task, depth) for name in names}
