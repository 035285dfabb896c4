"""What two networks that should do the same differ in: outputs, loss, accuracy, and the time they take."""

import statistics
import time
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.snapshot import evaluate
from simplebias.core.task import Classification, Task

TIMED_POINTS = 2048
"""Points of one timed call, the data repeated where there are fewer."""
ROUNDS, SECONDS = 25, 1.0
"""Timed calls of each network at most, and about how long they may take together."""
_outputs = eqx.filter_jit(evaluate)


def outputs_of(network: Any, points: Any) -> np.ndarray:
    """Outputs at points as float64, dropout off."""
    return np.asarray(_outputs(network, points), np.float64)


def output_change(network: Any, small: Any, points: Any) -> tuple[float, float]:
    """Relative change of the output (root mean square where the old one is zero), and the largest change."""
    old, new = outputs_of(network, points), outputs_of(small, points)
    size, difference = np.linalg.norm(old), np.linalg.norm(new - old)
    return float(difference / size if size > 0 else difference / np.sqrt(old.size)), float(np.abs(new - old).max())


def task_loss(network: Any, task: Task) -> float:
    """Mean loss on a whole task, dropout off."""
    key = jax.random.key(0)  # nothing is drawn
    return float(task.loss(eqx.nn.inference_mode(network), task.batch(None, key=key), key=key))


def task_accuracy(network: Any, task: Task) -> float:
    """Share of points told rightly; NaN where the task is not to tell classes."""
    if not isinstance(task, Classification):
        return float("nan")
    return float(np.mean(outputs_of(network, task.points).argmax(axis=1) == np.asarray(task.labels)))


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
        _outputs(network, some).block_until_ready()
    taken: list[list[float]] = [[] for _ in networks]
    began = time.perf_counter()
    while len(taken[0]) < ROUNDS and (not taken[0] or time.perf_counter() - began < SECONDS):
        for times, network in zip(taken, networks, strict=True):
            start = time.perf_counter()
            _outputs(network, some).block_until_ready()
            times.append(time.perf_counter() - start)
    return [statistics.median(times) for times in taken], len(some)
