"""What a sweep keeps of each training: measures by name, taken when it ends."""

from collections.abc import Callable
from typing import Any

import numpy as np

from simplebias.condensation import (
    effective_features_measure,
    effective_neurons_measure,
    feature_measure,
    relative_change_measure,
)
from simplebias.core.errors import InputError, check_choice
from simplebias.core.snapshot import Measure, Snapshot
from simplebias.core.task import Classification, Task
from simplebias.core.types import OUTPUT, POINT, Array
from simplebias.training import error_measure

FEATURES = 200
"""Neurons of which features are kept."""


def _outputs(snapshot: Snapshot) -> Array:
    return snapshot.outputs


def _accuracy(task: Task) -> Measure:
    if not isinstance(task, Classification):
        raise InputError("data with classes for the measure 'accuracy'", f"a {type(task).__name__}")
    rows = np.arange(task.size)
    return error_measure("accuracy", task.labels, rows, description="share of points told right", panel="accuracy")


MEASURES: dict[str, Callable[[Task, int], Measure]] = {
    "relative_change": lambda task, depth: relative_change_measure(depth),
    "effective_neurons": lambda task, depth: effective_neurons_measure(depth),
    "effective_features": lambda task, depth: effective_features_measure(1),
    "features": lambda task, depth: feature_measure(1, limit=FEATURES),
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
