"""Loss and accuracy as measures: on any rows of the points a snapshot looks at."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from simplebias.core.errors import InputError, as_array, as_points, as_values, check_choice, is_traced
from simplebias.core.snapshot import Measure, Snapshot
from simplebias.core.task import Task, task_loss
from simplebias.core.types import Array, ArrayLike, Int, Key, Scalar, Values


def _task_loss(task: Task, key: Key, snapshot: Snapshot) -> Scalar:
    return task_loss(snapshot.network, task, key=key)


def loss_measure(task: Task, *, description: str = "training loss") -> Measure:
    """The loss of a task over all its rows, without dropout.

    Args:
        task: the task.
        description: what it is the loss of.

    Returns:
        A scalar measure.

    Example:
        >>> import jax.numpy as jnp
        >>> from simplebias.core.snapshot import Snapshot
        >>> from simplebias.core.task import Regression
        >>> measure = loss_measure(Regression([0.0, 1.0], [0.0, 2.0]))
        >>> float(measure(Snapshot(0, jnp.zeros((2, 1)), network=lambda x: x)))
        0.5
    """
    return Measure(
        Partial(_task_loss, task, jax.random.key(0)),
        description=description,
        attributes={"panel": "loss", "scale": "log", "long_name": description},
    )


def mean_squared_error(outputs: ArrayLike, values: ArrayLike) -> Scalar:
    """Mean over points and outputs of the squared difference.

    Args:
        outputs: `(points, outputs)`.
        values: `(points, outputs)`.

    Returns:
        A scalar.

    Raises:
        InputError: if the shapes differ.

    Example:
        >>> float(mean_squared_error([0.0, 2.0], [0.0, 0.0]))
        2.0
    """
    outputs = as_points(outputs, "outputs")
    values = as_values(values, outputs.shape[0])
    if values.shape != outputs.shape:
        raise InputError(f"values of shape {outputs.shape}, as the outputs", f"shape {values.shape}")
    return jnp.mean((outputs - values) ** 2)


def _logits_and_classes(outputs: ArrayLike, labels: ArrayLike) -> tuple[Values, Int[Array, " points"]]:
    """Checked logits, and labels as whole numbers that count their columns."""
    logits, classes = as_array(outputs, "outputs"), as_array(labels, "labels")
    if logits.ndim != 2 or classes.shape != logits.shape[:1]:
        shapes = f"shapes {logits.shape} and {classes.shape}"
        raise InputError("outputs of shape (points, classes) and labels of shape (points,)", shapes)
    logits = as_points(logits, "outputs")
    count = logits.shape[1]
    if not is_traced(classes) and not np.isin(np.asarray(classes), np.arange(count)).all():
        raise InputError(f"labels as whole numbers from 0 to {count - 1}", "others")
    return logits, classes.astype(jnp.int32)


def cross_entropy(outputs: ArrayLike, labels: ArrayLike) -> Scalar:
    """Mean softmax cross-entropy in nats of logits against labels.

    Args:
        outputs: logits, `(points, classes)`.
        labels: `(points,)` whole numbers.

    Returns:
        A scalar.

    Raises:
        InputError: if shapes do not fit, or a label counts no column.

    Example:
        >>> round(float(cross_entropy([[0.0, 0.0]], [1])), 4)
        0.6931
    """
    logits, classes = _logits_and_classes(outputs, labels)
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits, axis=1), classes[:, None], axis=1))


def accuracy(outputs: ArrayLike, labels: ArrayLike) -> Scalar:
    """Share of points whose largest output is that of their class.

    Args:
        outputs: logits or probabilities, `(points, classes)`.
        labels: `(points,)` whole numbers.

    Returns:
        A scalar in [0, 1].

    Raises:
        InputError: if shapes do not fit, or a label counts no column.

    Example:
        >>> float(accuracy([[0.0, 1.0], [0.0, 1.0]], [1, 0]))
        0.5
    """
    logits, classes = _logits_and_classes(outputs, labels)
    return jnp.mean((jnp.argmax(logits, axis=1) == classes).astype(logits.dtype))


class _OnRows(eqx.Module):
    """An error of the outputs on chosen rows; the arrays are arguments of the compiled program, the function is not."""

    function: Callable[..., Scalar] = eqx.field(static=True)
    truth: Array
    rows: Int[Array, " rows"]

    def __call__(self, snapshot: Snapshot) -> Scalar:
        return self.function(snapshot.outputs[self.rows], self.truth)


_FUNCTIONS = {"mean-squared-error": mean_squared_error, "cross-entropy": cross_entropy, "accuracy": accuracy}


def error_measure(
    kind: str,
    truth: Values | Int[Array, " points"],
    rows: ArrayLike,
    *,
    description: str,
    panel: str = "loss",
) -> Measure:
    """`mean-squared-error`, `cross-entropy` or `accuracy` of the outputs on some rows of the snapshot's points.

    Args:
        kind: which of the three.
        truth: values or labels of all points.
        rows: the rows to look at, for instance those held out for validation.
        description: what it is.
        panel: the figure it belongs into.

    Returns:
        A scalar measure.

    Raises:
        InputError: for an unknown kind, or rows that the truth does not have.

    Example:
        >>> error_measure("accuracy", jnp.array([0, 1]), [1], description="on point 1").dims
        ()
    """
    check_choice(kind, "kind", _FUNCTIONS)
    given = np.asarray(rows)
    whole = given.ndim == 1 and given.size > 0 and given.dtype.kind in "iu"
    if not whole or given.min() < 0 or given.max() >= len(truth):
        raise InputError(f"rows as whole numbers from 0 to {len(truth) - 1}, at least one", repr(rows))
    chosen = jnp.asarray(given, jnp.int32)
    return Measure(
        _OnRows(_FUNCTIONS[kind], jnp.asarray(truth)[chosen], chosen),
        description=description,
        attributes={
            "panel": panel,
            "scale": "linear" if kind == "accuracy" else "log",
            "long_name": description,
        },
    )
