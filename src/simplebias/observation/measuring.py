"""What two networks that should do the same differ in: outputs, loss, accuracy, and the time they take."""

import statistics
import time
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from simplebias.condensation.reduced import compare_outputs, evaluate_compiled, measure_outputs
from simplebias.core.task import Classification, Task

TIMED_POINTS = 2048
"""Points of one timed call, the data repeated where there are fewer."""
ROUNDS, SECONDS = 25, 1.0
"""Timed calls of each network at most, and about how long they may take together."""


def output_change(network: Any, small: Any, points: Any) -> tuple[float, float]:
    """Relative change of the output (root mean square where the old one is zero), and the largest change."""
    return compare_outputs(measure_outputs(network, points), measure_outputs(small, points))


def task_accuracy(network: Any, task: Task) -> float:
    """Share of points told rightly; NaN where the task is not to tell classes."""
    if not isinstance(task, Classification):
        return float("nan")
    return float(np.mean(measure_outputs(network, task.points).argmax(axis=1) == np.asarray(task.labels)))


def time_calls(networks: Sequence[Any], points: Any) -> tuple[list[float], int]:
    """Median seconds of a compiled call of each network on the same points, the calls in turn.

    Args:
        networks: to compare.
        points: `(points, inputs)`.

    Returns:
        A median for each network, and how many points a call was on.
    """
    some = jnp.asarray(np.resize(np.asarray(points), (TIMED_POINTS, points.shape[1])))
    for network in networks:
        evaluate_compiled(network, some).block_until_ready()
    taken: list[list[float]] = [[] for _ in networks]
    began = time.perf_counter()
    while len(taken[0]) < ROUNDS and (not taken[0] or time.perf_counter() - began < SECONDS):
        for times, network in zip(taken, networks, strict=True):
            start = time.perf_counter()
            evaluate_compiled(network, some).block_until_ready()
            times.append(time.perf_counter() - start)
    return [statistics.median(times) for times in taken], len(some)
