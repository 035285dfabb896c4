"""Training that ends where a loss it does not train on has come to its lowest, with the parameters it had there."""

import equinox as eqx
import jax
import jax.numpy as jnp

from simplebias.core.errors import check_positive
from simplebias.core.task import Task
from simplebias.core.types import Array, Bool, Int, Key, PyTree, Scalar, Step
from simplebias.training.updater import Updater


class Best(eqx.Module):
    """The state of a validated training.

    Args:
        inner: that of the updater.
        parameters: the best ones so far.
        loss: the validation loss there.
        since: steps since then.
        over: whether the last step was the one to the best parameters.
    """

    inner: PyTree
    parameters: PyTree
    loss: Scalar
    since: Int[Array, ""]
    over: Bool[Array, ""]


class Validated(Updater):
    """Another updater, ended when a validation loss has not fallen for some steps, at the parameters best by it.

    The validation loss is that of another task, full batch, at every step: for updaters of which a step costs much
    more, such as `GaussNewton`. For an energy, which its own points can be made to underestimate without end, the
    energy by other points tells which network is nearer to the solution.

    Args:
        inner: how to step.
        validation: another task for the same network, such as the same loss at other points.
        patience: steps without a lower validation loss after which the training ends (outcome `STOPPED`).

    Raises:
        InputError: for a patience that is not a whole number above zero.

    Example:
        >>> from simplebias.core.task import Regression
        >>> from simplebias.training import GaussNewton
        >>> updater = Validated(GaussNewton(), Regression([0.1, 0.7], [0.2, 0.9]), patience=5)
    """

    inner: Updater
    validation: Task
    patience: int = eqx.field(static=True)

    def __init__(self, inner: Updater, validation: Task, *, patience: int = 5):
        check_positive(patience, "patience", integer=True)
        self.inner, self.validation, self.patience = inner, validation, int(patience)

    def check(self, parameters: int, task: Task, *, key: Key) -> None:
        """As the other updater."""
        self.inner.check(parameters, task, key=key)

    def init(self, parameters: PyTree, task: Task, *, key: Key) -> Best:
        """The updater's state; no parameters are the best yet."""
        kind = jnp.result_type(*jax.tree.leaves(parameters))
        state, copied = self.inner.init(parameters, task, key=key), jax.tree.map(jnp.copy, parameters)
        return Best(state, copied, jnp.asarray(jnp.inf, kind), jnp.asarray(0, jnp.int32), jnp.asarray(False))

    def update(
        self, parameters: PyTree, static: PyTree, task: Task, state: Best, *, step: Step, key: Key
    ) -> tuple[PyTree, Best, Scalar]:
        """One step; the last one goes to the best parameters."""
        moved, inner, loss = self.inner.update(parameters, static, task, state.inner, step=step, key=key)
        batch = self.validation.batch(None, key=key)
        found = self.validation.loss(eqx.combine(moved, static), batch, key=key).astype(state.loss.dtype)
        better = found < state.loss
        best = jax.tree.map(lambda new, old: jnp.where(better, new, old), moved, state.parameters)
        since = jnp.where(better, 0, state.since + 1).astype(jnp.int32)
        ends = lambda since, inner: (since >= self.patience) | self.inner.settled(inner)
        after = Best(inner, best, jnp.where(better, found, state.loss), since, ends(state.since, state.inner))
        last = ends(since, inner)  # a step that finds the training settled is not taken, so the one before goes back
        return jax.tree.map(lambda new, old: jnp.where(last, old, new), moved, best), after, loss

    @property
    def heavy(self) -> bool:
        """As the other updater."""
        return self.inner.heavy

    def chosen(self, parameters: PyTree, state: Best) -> PyTree:
        """The best ones, also where the clock or a person ends the training."""
        return state.parameters

    def settled(self, state: Best) -> Bool[Array, ""]:
        """Whether the validation loss has not fallen for so many steps, or the updater has settled."""
        return state.over
