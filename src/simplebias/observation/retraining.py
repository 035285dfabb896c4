"""Training a reduced network on: what a reduction lost is often won back in a few steps."""

import dataclasses
from typing import Any

import optax

from simplebias.condensation import Reduction
from simplebias.core.errors import check_positive
from simplebias.core.run import Run
from simplebias.core.task import Task, task_loss
from simplebias.core.types import Key
from simplebias.observation.measuring import output_change
from simplebias.training import Updater, train


@dataclasses.dataclass(frozen=True)
class Retrained:
    """A reduced network that was trained on.

    Args:
        network: the small network after the training.
        run: the training.
        losses: mean loss of the small network on the task before and after, dropout off.
        changes: relative change of the output against the network before its reduction, before and after.
    """

    network: Any
    run: Run
    losses: tuple[float, float]
    changes: tuple[float, float]


def retrain(
    reduction: Reduction,
    task: Task,
    *,
    steps: int = 1000,
    key: Key,
    updater: Updater | optax.GradientTransformation | None = None,
    progress: bool | None = None,
) -> Retrained:
    """Train the small network of a reduction on, and tell the loss before and after.

    Args:
        reduction: what `simplebias.reduce` or `refit` returned.
        task: what the network is to learn.
        steps: how many steps.
        key: randomness of the training.
        updater: how to step, as of `simplebias.train`; Adam at 1e-3 by default.
        progress: show a progress bar; None to show it on a terminal only.

    Returns:
        The network as it ended, its losses, and the change of its output on the task's points.

    Raises:
        InputError: for arguments out of range, or a task that does not fit the network.
        DivergenceError: if the training diverged.

    Example:
        >>> import jax, numpy as np, simplebias
        >>> from simplebias.networks import TwoLayer
        >>> x = np.linspace(-1, 1, 32)
        >>> task = simplebias.Regression(x, np.sin(3 * x))
        >>> small = simplebias.reduce(TwoLayer(1, 1, 20, key=jax.random.key(0)), task, tolerance=0.5)
        >>> again = retrain(small, task, steps=200, key=jax.random.key(1))
        >>> again.losses[1] < again.losses[0]
        True
    """
    check_positive(steps, "steps", integer=True)
    small, original = reduction.network, reduction.original
    run = train(small, task, key=key, updater=updater, steps=int(steps), progress=progress)
    losses = (float(task_loss(small, task)), float(task_loss(run.network, task)))
    changes = tuple(output_change(original, one, task.probe)[0] for one in (small, run.network))
    return Retrained(run.network, run, losses, (changes[0], changes[1]))
