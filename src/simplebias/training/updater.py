"""How a network changes in one step. The loop knows no algorithm: it asks an Updater.

An updater works on one network (the loop maps it over an ensemble), is told the step, and gets a key that depends on
nothing but the seed and the step, so that a resumed training repeats exactly.
"""

import abc
import functools
import inspect
import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax

from simplebias.core.errors import InputError, check_choice, check_positive
from simplebias.core.keys import numbered_key
from simplebias.core.task import Task
from simplebias.core.types import Array, Bool, Int, Key, PyTree, Scalar, Step


class Updater(eqx.Module):
    """Base of all updaters: `init` makes the state that `update` carries from step to step."""

    def check(self, parameters: int, task: Task, *, key: Key) -> None:
        """Refuse or warn of what cannot be trained well by it, before anything is compiled.

        Args:
            parameters: how many a network has.
            task: what to learn.
            key: of the training.
        """

    @abc.abstractmethod
    def init(self, parameters: PyTree, task: Task, *, key: Key) -> PyTree:
        """The state before the first step."""

    @abc.abstractmethod
    def update(
        self, parameters: PyTree, static: PyTree, task: Task, state: PyTree, *, step: Step, key: Key
    ) -> tuple[PyTree, PyTree, Scalar]:
        """One step.

        Args:
            parameters: the network's floating arrays.
            static: everything else of it; `equinox.combine(parameters, static)` is the network.
            task: what to learn.
            state: from `init` or the last step.
            step: the number of steps taken before this one.
            key: the key of the training; fold the step in.

        Returns:
            New parameters, new state, and the loss before the step.
        """

    @property
    def heavy(self) -> bool:
        """Whether a step is mostly large matrix operations: optimising the rest takes longer than it saves."""
        return False

    def chosen(self, parameters: PyTree, state: PyTree) -> PyTree:
        """The parameters that a training gives when it ends now, of all its members: the last, or better ones."""
        return parameters

    def settled(self, state: PyTree) -> Bool[Array, ""]:
        """Whether further steps would change nothing, by the state after one; the loop then ends the member."""
        return jnp.asarray(False)


class Rows(eqx.Module):
    """Rows of mini-batches: every epoch a fresh shuffle, the remainder that fills no batch left for the next one.

    Args:
        batch_size: rows in a batch; None for all rows at once.
    """

    batch_size: int | None = eqx.field(static=True, default=None)

    def init(self, size: int) -> Int[Array, " rows"] | None:
        """The order of rows before the first step."""
        if self.batch_size is None or self.batch_size >= size:
            return None
        return jnp.arange(size, dtype=jnp.int32)

    def draw(
        self, order: Int[Array, " rows"] | None, step: Step, key: Key
    ) -> tuple[Int[Array, " rows"] | None, Int[Array, " batch"] | None]:
        """The order of this epoch and the rows of this step; None for all rows."""
        if order is None or self.batch_size is None:
            return None, None
        batches = order.shape[0] // self.batch_size
        epoch, batch = step // batches, step % batches
        shuffle = lambda rows: jax.random.permutation(jax.random.fold_in(key, epoch), rows.shape[0]).astype(jnp.int32)
        shuffled = jax.lax.cond(batch == 0, shuffle, lambda rows: rows, order)
        return shuffled, jax.lax.dynamic_slice_in_dim(shuffled, batch * self.batch_size, self.batch_size)


@functools.lru_cache(maxsize=64)
def _with_extra_arguments(optimiser: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    """The same object for the same optimiser, so that its step is not compiled again."""
    return optax.with_extra_args_support(optimiser)


class Gradient(Updater):
    """First-order training by any Optax optimiser, on all rows or on mini-batches.

    Args:
        optimiser: an Optax gradient transformation, for example `optax.adam(1e-3)`. Those that ask for the loss or
            its function (`lbfgs`, `polyak_sgd`) get it.
        batch_size: rows in a batch; None (the default) for the full batch.

    Raises:
        InputError: if `optimiser` is not an Optax transformation or `batch_size` not a whole number > 0.

    Example:
        >>> import optax
        >>> updater = Gradient(optax.adam(1e-3), batch_size=32)
    """

    optimiser: optax.GradientTransformationExtraArgs = eqx.field(static=True)
    rows: Rows

    def __init__(self, optimiser: Any, batch_size: int | None = None):
        if not isinstance(optimiser, optax.GradientTransformation):
            raise InputError("an Optax optimiser such as optax.adam(1e-3)", repr(optimiser))
        if batch_size is not None:
            check_positive(batch_size, "batch_size", integer=True)
        self.optimiser = _with_extra_arguments(optimiser)
        self.rows = Rows(batch_size)

    def init(self, parameters: PyTree, task: Task, *, key: Key) -> PyTree:
        """The optimiser's state and the order of the rows."""
        return self.optimiser.init(parameters), self.rows.init(task.size)

    def update(
        self, parameters: PyTree, static: PyTree, task: Task, state: PyTree, *, step: Step, key: Key
    ) -> tuple[PyTree, PyTree, Scalar]:
        """One step down the gradient."""
        optimiser_state, order = state
        shuffle_key, step_key = jax.random.split(key)
        batch_key, _ = jax.random.split(jax.random.fold_in(step_key, step))
        loss_key = numbered_key(step_key, step)  # masks are drawn in every step, and drawing their key takes longer
        order, rows = self.rows.draw(order, step, shuffle_key)
        batch = task.batch(rows, key=batch_key)

        def loss(candidate: PyTree) -> Scalar:
            return task.loss(eqx.combine(candidate, static), batch, key=loss_key)

        value, gradient = jax.value_and_grad(loss)(parameters)
        gradient = jax.tree.map(jnp.conj, gradient)  # steepest ascent where parameters are complex; else as it is
        change, optimiser_state = self.optimiser.update(
            gradient, optimiser_state, parameters, value=value, grad=gradient, value_fn=loss
        )
        return optax.apply_updates(parameters, change), (optimiser_state, order), value


class RatedGradient(Updater):
    """As `Gradient`, by an optimiser's name and with the learning rate as an array.

    Trainings of different rates share one compiled program, and may run side by side under `vmap`.

    Args:
        name: see `optimiser_names`.
        learning_rate: a number > 0, or an array of one.
        batch_size: rows in a batch; None for the full batch.

    Raises:
        InputError: for a name that Optax has no optimiser of, or a batch size that is no whole number > 0.

    Example:
        >>> RatedGradient("adam", 1e-3).learning_rate.shape
        ()
    """

    gradient: Gradient
    learning_rate: Array

    def __init__(self, name: str, learning_rate: Any, batch_size: int | None = None):
        check_choice(name, "optimiser", optimiser_names())
        self.gradient = Gradient(_rated(name), batch_size)
        self.learning_rate = jnp.asarray(learning_rate)

    def init(self, parameters: PyTree, task: Task, *, key: Key) -> PyTree:
        """The optimiser's state with the learning rate in it, and the order of the rows."""
        state, order = self.gradient.init(parameters, task, key=key)
        rate = self.learning_rate.astype(state.hyperparams["learning_rate"].dtype)
        return state._replace(hyperparams={**state.hyperparams, "learning_rate": rate}), order

    def update(
        self, parameters: PyTree, static: PyTree, task: Task, state: PyTree, *, step: Step, key: Key
    ) -> tuple[PyTree, PyTree, Scalar]:
        """One step down the gradient."""
        return self.gradient.update(parameters, static, task, state, step=step, key=key)


_PLAIN = {"gd": "sgd", "gradient-descent": "sgd"}


@functools.cache
def _optimisers() -> tuple[str, ...]:
    """Names in Optax of what it makes, without a warning, from nothing but a learning rate."""
    names = []
    for name in dir(optax):
        make = getattr(optax, name)
        if not name[0].islower() or name.startswith("scale_by_") or not inspect.isfunction(make):
            continue
        parameters = inspect.signature(make).parameters
        required = [p.name for p in parameters.values() if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
        if "learning_rate" in parameters and required in ([], ["learning_rate"]):
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                make(learning_rate=0.1)
            names += [] if warned else [name]
    return tuple(names)


def optimiser_names() -> list[str]:
    """The names that `optimiser` knows: `gd` and every Optax optimiser that needs no more than a learning rate.

    Left out are building blocks, which Optax calls `scale_by_…` and which need not descend alone, and those that Optax
    warns of when it makes them: deprecated ones, and `noisy_sgd`, which wants a random key of its own.

    Returns:
        The names, `gd` last.

    Example:
        >>> {"adam", "lion", "gd"} <= set(optimiser_names())
        True
    """
    return [*_optimisers(), "gd"]


def optimiser(name: str, learning_rate: float | int | optax.Schedule) -> optax.GradientTransformation:
    """An Optax optimiser by its name; `gd` is plain gradient descent.

    Args:
        name: the function's name in Optax, `adam`, `sgd`, `lion`, …; or `gd`.
        learning_rate: a number > 0 or an Optax schedule.

    Returns:
        The optimiser.

    Raises:
        InputError: for a name that Optax has no optimiser of, or a learning rate that is not positive.

    Example:
        >>> optimiser("gd", 0.1).__class__.__name__
        'GradientTransformationExtraArgs'
    """
    check_choice(name, "optimiser", optimiser_names())
    if not callable(learning_rate):
        check_positive(learning_rate, "learning_rate")
    return _made(_PLAIN.get(name, name), learning_rate)


@functools.cache
def _made(name: str, learning_rate: float | int | optax.Schedule) -> optax.GradientTransformation:
    """The same optimiser is the same object, so that a second training with it is not compiled again."""
    return getattr(optax, name)(learning_rate=learning_rate)


@functools.cache
def _rated(name: str) -> optax.GradientTransformation:
    """An optimiser that keeps its learning rate in its state."""
    return optax.inject_hyperparams(getattr(optax, _PLAIN.get(name, name)))(learning_rate=1.0)
