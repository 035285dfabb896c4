"""What a network is asked to do: a Task offers batches and a loss. Data become a Task once, at the door."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from simplebias.core.errors import InputError, as_array, as_points, as_values, check_finite
from simplebias.core.keys import numbered_key
from simplebias.core.snapshot import wants_key
from simplebias.core.terms import Term
from simplebias.core.types import Array, ArrayLike, Float, Int, Key, Network, Points, Scalar, Values


class Task(eqx.Module):
    """Base of all tasks: something with a number of rows, batches of rows, and a loss on a batch."""

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """Number of rows a batch is drawn from."""

    @property
    @abc.abstractmethod
    def probe(self) -> Points:
        """Points at which a snapshot is taken by default."""

    @abc.abstractmethod
    def batch(self, rows: Int[Array, " rows"] | None, *, key: Key) -> Any:
        """The given rows, or all of them; a task that resamples draws fresh ones with `key`."""

    @abc.abstractmethod
    def loss(self, network: Network, batch: Any, *, key: Key) -> Scalar:
        """Mean loss of `network` on `batch`. `key` is for dropout."""


def predict(network: Network, points: Points, key: Key) -> Float[Array, "points outputs"]:
    """Outputs while training: with dropout, a mask for each point, where the network has it.

    Args:
        network: maps one point to one output, and takes `key` if it drops neurons.
        points: `(points, inputs)`.
        key: for the masks.

    Returns:
        `(points, outputs)`.

    Example:
        >>> predict(lambda x: 2 * x, jnp.asarray([[1.0], [2.0]]), jax.random.key(0)).tolist()
        [[2.0], [4.0]]
    """
    if wants_key(network):
        outputs = jax.vmap(lambda x, k: network(x, key=k))(
            points, numbered_key(key, jnp.arange(points.shape[0]), word=0)
        )
    else:
        outputs = jax.vmap(network)(points)
    return outputs[:, None] if outputs.ndim == 1 else outputs


def task_loss(network: Network, task: Task, *, key: Key | None = None) -> Scalar:
    """Mean loss of a network on a whole task, dropout off.

    Args:
        network: maps one point to one output.
        task: the task.
        key: for tasks that draw their batches; a fixed one if None.

    Returns:
        The loss.

    Example:
        >>> float(task_loss(lambda x: x, Regression([0.0, 1.0], [0.0, 2.0])))
        0.5
    """
    key = jax.random.key(0) if key is None else key
    return task.loss(eqx.nn.inference_mode(network), task.batch(None, key=key), key=key)


def check_outputs(outputs: Array, shape: tuple[int, ...]) -> None:
    """Refuse a network whose outputs do not fit the task: broadcasting would hide it.

    Raises:
        InputError: if the shapes differ.
    """
    if outputs.shape != shape:
        raise InputError(f"a network with outputs of shape {shape[1:]}", f"{outputs.shape[1:]}", "Change its width.")


class Regression(Task):
    """Fit values at points in the mean square: `mean over points and outputs of (f(x) - y)²`.

    Args:
        points: `(points, inputs)`, or `(points,)` for one input.
        values: `(points, outputs)`, or `(points,)` for one output.

    Raises:
        InputError: for empty, non-numeric, non-finite or mis-shaped data.

    Example:
        >>> task = Regression([0.0, 1.0], [0.0, 2.0])
        >>> float(task.loss(lambda x: x, (task.points, task.values), key=None))
        0.5
    """

    points: Points
    values: Values

    def __init__(self, points: ArrayLike, values: ArrayLike):
        self.points = as_points(points)
        self.values = as_values(values, self.points.shape[0])

    @property
    def size(self) -> int:
        """Number of points."""
        return self.points.shape[0]

    @property
    def probe(self) -> Points:
        """The training points."""
        return self.points

    def batch(self, rows: Int[Array, " rows"] | None, *, key: Key) -> tuple[Points, Values]:
        """The given rows of points and values."""
        return (self.points, self.values) if rows is None else (self.points[rows], self.values[rows])

    def loss(self, network: Network, batch: tuple[Points, Values], *, key: Key) -> Scalar:
        """Mean squared error."""
        points, values = batch
        outputs = predict(network, points, key)
        check_outputs(outputs, values.shape)
        return jnp.mean((outputs - values) ** 2)

    def terms(self, batch: tuple[Points, Values]) -> tuple[Term, ...]:
        """The squared error of every point, for Gauss-Newton."""
        share = 1 / batch[1].size
        return (Term(_missed, lambda row, missed: share * jnp.sum(missed**2), batch),)


def _missed(network: Network, row: tuple[Array, Array]) -> Array:
    outputs = jnp.ravel(network(row[0]))
    check_outputs(outputs[None], (1, *row[1].shape))
    return outputs - row[1]


class Classification(Task):
    """Tell classes apart by softmax cross-entropy; outputs of the network are logits.

    Args:
        points: `(points, inputs)`.
        labels: `(points,)` whole numbers `0 … classes - 1`.
        classes: number of classes; by default the largest label + 1.

    Raises:
        InputError: for bad points, labels that are not whole numbers in range, or a single class.

    Example:
        >>> task = Classification([[0.0], [1.0]], [0, 1])
        >>> round(float(task.loss(lambda x: jnp.zeros(2), task.batch(None, key=None), key=None)), 4)  # log 2
        0.6931
    """

    points: Points
    labels: Int[Array, " points"]
    classes: int = eqx.field(static=True)

    def __init__(self, points: ArrayLike, labels: ArrayLike, classes: int | None = None):
        self.points = as_points(points)
        given = as_array(labels, "labels")
        check_finite(given, "labels")
        if given.ndim != 1 or given.shape[0] != self.points.shape[0]:
            raise InputError(f"labels of shape ({self.points.shape[0]},)", f"shape {tuple(given.shape)}")
        if bool(jnp.any(given != jnp.round(given))) or bool(jnp.any(given < 0)):
            raise InputError("labels as whole numbers ≥ 0", "other values", "Number the classes 0, 1, 2 …")
        self.labels = given.astype(jnp.int32)
        largest = int(self.labels.max()) + 1
        self.classes = largest if classes is None else classes
        if self.classes < max(largest, 2):
            raise InputError(f"at least {max(largest, 2)} classes", f"classes={self.classes}")

    @property
    def size(self) -> int:
        """Number of points."""
        return self.points.shape[0]

    @property
    def probe(self) -> Points:
        """The training points."""
        return self.points

    @property
    def values(self) -> Values:
        """Labels as one-hot rows, `(points, classes)`."""
        return jax.nn.one_hot(self.labels, self.classes, dtype=self.points.dtype)

    def batch(self, rows: Int[Array, " rows"] | None, *, key: Key) -> tuple[Points, Int[Array, " points"]]:
        """The given rows of points and labels."""
        return (self.points, self.labels) if rows is None else (self.points[rows], self.labels[rows])

    def loss(self, network: Network, batch: tuple[Points, Int[Array, " points"]], *, key: Key) -> Scalar:
        """Mean cross-entropy in nats."""
        points, labels = batch
        outputs = predict(network, points, key)
        check_outputs(outputs, (labels.shape[0], self.classes))
        logits = jax.nn.log_softmax(outputs, axis=1)
        return -jnp.mean(jnp.take_along_axis(logits, labels[:, None], axis=1))
