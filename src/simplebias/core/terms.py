"""A loss taken apart into terms, each a convex function of what the network gives at one row: for Gauss-Newton."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp

from simplebias.core.types import Array, Float, PyTree, Scalar


class Term(eqx.Module):
    """`Σ_rows density(row, outputs(network, row))`, a part of a loss.

    Squares of residuals are the usual case: `outputs` gives the residual at a row, `density` its weighted square. An
    energy has the value and the gradient of the network as outputs. Gauss-Newton linearises `outputs` in the
    parameters and takes `density` with its second derivatives, which is why the two are kept apart.

    Args:
        outputs: of the network and one row, an array `(outputs,)`.
        density: of one row and those outputs, a number; the share of that row in the loss.
        rows: data of the rows, every array with a leading axis of rows.

    Example:
        >>> square = Term(lambda network, row: network(row[0]) - row[1], lambda row, z: jnp.sum(z**2) / 2,
        ...     (jnp.array([[0.0], [1.0]]), jnp.array([[0.0], [2.0]])))
        >>> float(terms_loss((square,), lambda x: x)), square.size
        (0.5, 2)
    """

    outputs: Callable[[Any, PyTree], Float[Array, " outputs"]] = eqx.field(static=True)
    density: Callable[[PyTree, Float[Array, " outputs"]], Scalar] = eqx.field(static=True)
    rows: PyTree

    @property
    def size(self) -> int:
        """Number of rows."""
        return jax.tree.leaves(self.rows)[0].shape[0]


@runtime_checkable
class ShowsTerms(Protocol):
    """A task whose loss on a batch is a sum of terms."""

    def terms(self, batch: Any) -> tuple[Term, ...]:
        """The terms of the loss on a batch; together they are `loss`."""
        ...


def terms_loss(terms: tuple[Term, ...], network: Any) -> Scalar:
    """The sum of all terms over all their rows.

    Args:
        terms: of a task, see `ShowsTerms`.
        network: maps one point to one output, or whatever else the terms are told the outputs of.

    Returns:
        The loss.

    Example:
        >>> value = Term(lambda network, row: network(row), lambda row, z: jnp.sum(z**2), jnp.array([[1.0], [2.0]]))
        >>> float(terms_loss((value,), lambda x: x))
        5.0
    """
    parts = [
        jnp.sum(jax.vmap(lambda row, term=term: term.density(row, term.outputs(network, row)))(term.rows))
        for term in terms
    ]
    return jnp.sum(jnp.stack(parts))
