"""Data of a sweep by name: the four points of the literature, a shipped sample, or a file."""

import functools

import jax
import numpy as np

from simplebias.core.errors import InputError
from simplebias.core.task import Classification, Regression
from simplebias.data import read, scaled_inputs

FOUR_POINTS = "four-points"
"""The data of the literature's phase diagram: x² at -1/2, -1/6, 1/6, 1/2."""


def named_task(name: str, limit: int | None = None, *, scalar: bool = False) -> Regression | Classification:
    """A task by the name of its data.

    Inputs are scaled to [-1, 1] and pixels to [0, 1], as `simplebias observe` does; values to mean 0 and std 1, but for
    the four points.

    Args:
        name: "four-points", a shipped sample, or a file.
        limit: keep the first so many rows.
        scalar: classes as the numbers 0, 1, 2, … to be fitted by one output.

    Returns:
        The task, in JAX's default precision.

    Raises:
        InputError: for data with more than one output where one is wanted.

    Example:
        >>> named_task("four-points").points.shape, named_task("digits", 45, scalar=True).values.shape
        ((4, 1), (45, 1))
    """
    with jax.ensure_compile_time_eval():  # data are kept for later calls, also where the first is traced
        return _task(name, limit, scalar, bool(jax.config.read("jax_enable_x64")))


@functools.lru_cache(maxsize=16)
def _task(name: str, limit: int | None, scalar: bool, double: bool) -> Regression | Classification:
    real = np.float64 if double else np.float32
    if name == FOUR_POINTS:
        x = np.array([-1 / 2, -1 / 6, 1 / 6, 1 / 2], real)
        return Regression(x, x**2)
    sample = read(name, limit=limit)
    points = scaled_inputs(sample).astype(real)
    if sample.labels is not None and not scalar:
        return Classification(points, sample.labels, classes=len(sample.class_names))
    if sample.labels is not None:
        return Regression(points, sample.labels.astype(real))
    assert sample.values is not None
    if scalar and sample.values.shape[1] != 1:
        raise InputError("data with one output", f"{sample.values.shape[1]} outputs in {name}")
    values = (sample.values - sample.values.mean(axis=0)) / sample.values.std(axis=0)
    return Regression(points, values.astype(real))


def outputs_of(task: Regression | Classification) -> int:
    """Outputs that a network for the task has."""
    return task.values.shape[1]
