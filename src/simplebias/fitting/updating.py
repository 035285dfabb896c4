"""How a fit is trained: Muon between hidden layers, Adam elsewhere, a falling rate, and the best weights kept."""

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from optax import contrib

from simplebias.core.task import Regression
from simplebias.core.types import Array, Float, Key, Points, PyTree, Scalar, Step, Values
from simplebias.fitting.networks import Beside
from simplebias.training import Gradient, Updater

LAST = 0.01
"""Share of the learning rate at the end of the cosine."""
ADAM_SHARE = 0.15
"""Learning rate of Adam over that of Muon."""
LOOKS = 100
"""How often the held-out error is looked at."""


class Both(Regression):
    """Values at points for two networks at once: the sum of their mean squared errors, so that each learns alone."""

    def loss(self, network: Beside, batch: tuple[Points, Values], *, key: Key) -> Scalar:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Sum of the mean squared errors."""
        points, values = batch
        parts = [one for one in (network.fitted, network.plain) if one is not None]
        return sum((_mean_square(one, points, values) for one in parts), jnp.zeros((), points.dtype))


def _mean_square(network: Any, points: Points, values: Values) -> Scalar:
    return jnp.mean((jax.vmap(network)(points) - values) ** 2)


class Annealed(Updater):
    """A fit's updater: an inner step, times a cosine that falls to a hundredth; and the weights best on held-out rows.

    Args:
        inner: a step of constant rate.
        total: steps of the whole training, `()`.
        points: held-out points `(rows, inputs)`; None to end with the last weights.
        values: held-out values `(rows, outputs)`.

    Example:
        >>> updater = Annealed(Gradient(optax.adam(1e-3)), total=jnp.asarray(100), points=None, values=None)
    """

    inner: Gradient
    total: Array
    points: Float[Array, "rows inputs"] | None
    values: Float[Array, "rows outputs"] | None

    def init(self, parameters: PyTree, task: Any, *, key: Key) -> PyTree:
        """State of the step, the best weights so far of each network, and their held-out errors."""
        state = self.inner.init(parameters, task, key=key)
        if self.points is None:
            return state, (), ()
        kind = jnp.asarray(self.values).dtype
        return state, jax.tree.map(jnp.copy, parameters), jnp.full(2, jnp.inf, kind)

    def update(
        self, parameters: PyTree, static: PyTree, task: Any, state: PyTree, *, step: Step, key: Key
    ) -> tuple[PyTree, PyTree, Scalar]:
        """One step; the last one goes to the best weights."""
        inner, best, errors = state
        moved, inner, loss = self.inner.update(parameters, static, task, inner, step=step, key=key)
        progress = jnp.clip(step / self.total, 0, 1)
        share = LAST + (1 - LAST) * 0.5 * (1 + jnp.cos(jnp.pi * progress))
        moved = jax.tree.map(lambda old, new: old + share.astype(old.dtype) * (new - old), parameters, moved)
        if self.points is None:
            return moved, (inner, best, errors), loss
        ends = step + 1 >= self.total
        every = jnp.maximum(self.total // LOOKS, 1)
        due = ((step + 1) % every == 0) | ends
        best, errors = jax.lax.cond(due, lambda: self._better(moved, static, best, errors), lambda: (best, errors))
        final = jax.tree.map(lambda new, old: jnp.where(ends, old, new), moved, best)
        return final, (inner, best, errors), loss

    def _better(self, moved: Beside, static: Beside, best: Beside, errors: Array) -> tuple[Beside, Array]:
        """The better of the best weights and the present ones, for each network by itself."""
        parts, found = [], []
        for index, name in enumerate(("fitted", "plain")):
            new, old = getattr(moved, name), getattr(best, name)
            if new is None:
                parts.append(None)
                found.append(errors[index])
                continue
            error = _mean_square(eqx.combine(new, getattr(static, name)), self.points, self.values)  # pyright: ignore[reportArgumentType]
            wins = error < errors[index]
            parts.append(jax.tree.map(lambda n, o, wins=wins: jnp.where(wins, n, o), new, old))
            found.append(jnp.where(wins, error, errors[index]))
        return Beside(*parts), jnp.stack(found)


@functools.lru_cache(maxsize=64)
def muon_and_adam(rate: float) -> optax.GradientTransformation:
    """Muon for matrices between hidden layers, Adam for first and last layers and biases.

    Args:
        rate: learning rate of Muon; that of Adam is 0.15 of it.

    Returns:
        The optimiser, for parameters of a `Beside` of MLPs.

    Example:
        >>> muon_and_adam(0.02).__class__.__name__
        'GradientTransformationExtraArgs'
    """
    return optax.with_extra_args_support(
        optax.multi_transform({"adam": optax.adam(ADAM_SHARE * rate), "muon": contrib.muon(rate)}, _labels)
    )


def _labels(parameters: Beside) -> Any:
    def of(network: Any) -> Any:
        if network is None:
            return None
        labels = jax.tree.map(lambda _: "adam", network)
        middle = lambda one: [layer.weight for layer in one.layers[1:-1]]
        return eqx.tree_at(middle, labels, ["muon"] * len(middle(labels))) if middle(labels) else labels

    return Beside(of(parameters.fitted), of(parameters.plain))


__all__ = ["Annealed", "Both", "muon_and_adam"]
