"""What all experiments share: an ensemble trained from a list of seeds, the labels of its outputs, and their error."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
import xarray as xr

from simplebias.core.errors import Outcome
from simplebias.core.run import Run
from simplebias.core.snapshot import Measure, Record, Snapshot
from simplebias.core.task import Task
from simplebias.core.types import OUTPUT, POINT, Array, ArrayLike, Key, Network, Scalar
from simplebias.networks import ensemble
from simplebias.training import Updater, minimise, train

SEEDS = (101, 102, 103)
"""Seeds of the checks. Those of the measurements from which acceptances were set are smaller."""
SEED_WORDS = ", ".join(map(str, SEEDS))


def run_ensemble(
    make: Callable[[Key], Network],
    task: Task,
    *,
    updater: Updater | optax.GradientTransformation | str,
    steps: int,
    measures: Mapping[str, Record],
    seeds: Sequence[int] = SEEDS,
    constants: xr.Dataset | None = None,
    points: ArrayLike | None = None,
    until: float | None = None,
) -> Run:
    """Train a network for each seed. A member that diverges is marked, and fails the check by its NaN.

    Args:
        make: gives the network of one key.
        task: what to learn.
        updater: how to step, or the name of a method of `minimise`, such as `bfgs`.
        steps: how many steps.
        measures: what is recorded.
        seeds: each makes the key of one network.
        constants: labelled data kept beside the records.
        points: where snapshots look; the task's points by default.
        until: loss below which a member stops.

    Returns:
        The run.

    Raises:
        KeyboardInterrupt: after Ctrl-C.
    """
    keys = jax.vmap(jax.random.key)(jnp.asarray(seeds))
    door = (
        functools.partial(minimise, method=updater)
        if isinstance(updater, str)
        else functools.partial(train, updater=updater)
    )
    run = door(
        ensemble(make, keys),
        task,
        key=jax.random.key(0),
        steps=steps,
        measures=measures,
        seeds=seeds,
        points=points,
        until=until,
        constants=constants,
        progress=False,
        throw=False,
    )
    if run.outcome == Outcome.INTERRUPTED:  # Ctrl-C: half a training is no evidence
        raise KeyboardInterrupt
    return run


def output_measure(description: str = "Output of the network.", **attributes: Any) -> Measure:
    """The network's output at all points."""
    return Measure(
        _outputs,
        (POINT, OUTPUT),
        description=description,
        attributes={"target": "target", "long_name": "output"} | attributes,
    )


def relative_error_measure(target: ArrayLike) -> Measure:
    """The error of the network's output at all points in the mean square, over the target's size."""
    return Measure(_RelativeError(jnp.asarray(target, float)), (), description="relative L2 error")


class _RelativeError(eqx.Module):
    target: Array

    def __call__(self, snapshot: Snapshot) -> Scalar:
        return jnp.sqrt(jnp.mean((snapshot.outputs - self.target) ** 2) / jnp.mean(self.target**2))


def _outputs(snapshot: Snapshot) -> Array:
    return snapshot.outputs
