"""Gauss-Newton training: every step solves the linearised problem exactly, so that small networks reach high accuracy.

First-order steps shrink an error by the curvature of the loss along it, which for derivatives in the loss spreads over
many orders of magnitude. A step that knows the curvature does not care, at the price of a matrix of all parameters.
"""

import warnings
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from simplebias.core.errors import InputError, check_positive
from simplebias.core.task import Task
from simplebias.core.terms import ShowsTerms, Term, terms_loss
from simplebias.core.types import Array, Bool, Float, Int, Key, PyTree, Scalar, Step
from simplebias.training.updater import Updater

ROWS_PER_PARAMETER = 2.0
"""Rows for each parameter below which a network may fit the rows and nothing between them."""
BLOCK_ROWS = 4096
"""Rows of derivatives that are in memory at once."""
ATTEMPTS = 16
"""Dampings that are tried in one step."""
LEAST_CURVATURE = 1e-6
"""Share of the mean curvature that every parameter is taken to have at least."""


class Damping(eqx.Module):
    """What Gauss-Newton carries from step to step.

    Args:
        size: damping λ.
        growth: what it is multiplied with when a step fails.
        failed: whether no damping gave a lower loss in the last step.
    """

    size: Scalar
    growth: Scalar
    failed: Bool[Array, ""]


class Curvature(eqx.Module):
    """A loss that is a sum of terms, to second order in the parameters.

    Args:
        loss: its value.
        gradient: in the parameters, as one vector.
        matrix: the Gauss-Newton matrix `Σ_rows Jᵀ ψ″ J`, J the derivative of a row's outputs in the parameters.
    """

    loss: Scalar
    gradient: Float[Array, " parameters"]
    matrix: Float[Array, "parameters parameters"]


class GaussNewton(Updater):
    """Levenberg-Marquardt for losses that are sums of terms: `(H + λ D) δ = -∇L`, with `H = Σ Jᵀ ψ″ J`.

    J is the derivative in all parameters of what the network gives at a row (a residual, or value and gradient in an
    energy), by reverse mode row by row; ψ″ is the second derivative of the row's share of the loss in it. The damping
    λ shrinks where the loss falls as the linearised problem says, and grows until a step lowers the loss, so the loss
    never rises. With `acceleration` the step has the second order along it, `-½ (…)⁻¹ Jᵀ ψ″ z″`, where that is small.

    `D_p = μ (H_pp / μ)^b`, μ the mean of the diagonal and b the `balance`: how much more a parameter is held that
    moves the output more. With 0 all are held alike (Levenberg), and the first layer, which the highest frequency makes
    the most sensitive, leaves the last one behind; with 1 each by its own curvature (Marquardt), whatever its unit.

    The batch is full and the same at every step. A step costs about rows × parameters² operations and a matrix of
    parameters², for networks up to a few thousand parameters. Take float64: what is left of the loss below about
    1e-14 of its first value is rounding. A run whose damping finds no lower loss stops (outcome `STOPPED`).

    Args:
        damping: λ of the first step.
        acceleration: whether the second order along the step is used.
        balance: b, from 0 to 1.

    Raises:
        InputError: for a damping that is not above zero, or a balance outside 0 to 1; in training for a task whose loss
            is no sum of terms.

    References:
        Müller, Zeinhofer, Achieving High Accuracy with PINNs via Energy Natural Gradients, arXiv:2302.13163.

    Example:
        >>> import numpy as np
        >>> from simplebias.core.task import Regression
        >>> from simplebias.networks import TwoLayer
        >>> from simplebias.training import train
        >>> x = np.linspace(-1, 1, 64)
        >>> net = TwoLayer(1, 1, 8, activation="tanh", key=jax.random.key(0))
        >>> run = train(net, Regression(x, np.sin(3 * x)), updater=GaussNewton(), steps=60, key=jax.random.key(1))
        >>> bool(run.data["loss"][-1] < 1e-6)
        True
    """

    damping: float = eqx.field(static=True)
    acceleration: bool = eqx.field(static=True)
    balance: float = eqx.field(static=True)

    def __init__(self, *, damping: float | int = 1e-2, acceleration: bool = True, balance: float | int = 0.25):
        check_positive(damping, "damping")
        check_positive(balance, "balance", zero=True)
        if balance > 1:
            raise InputError("balance from 0 to 1", repr(balance))
        self.damping, self.acceleration, self.balance = float(damping), bool(acceleration), float(balance)

    def check(self, parameters: int, task: Task, *, key: Key) -> None:
        """A task without terms is refused; few rows for the parameters are warned of."""
        rows = jax.eval_shape(lambda: [term.rows for term in _terms(task, key)])
        _check_rows(sum(jax.tree.leaves(one)[0].shape[0] for one in rows), parameters)

    def init(self, parameters: PyTree, task: Task, *, key: Key) -> Damping:
        """The first damping."""
        kind = jnp.result_type(*jax.tree.leaves(parameters))
        return Damping(jnp.asarray(self.damping, kind), jnp.asarray(2, kind), jnp.asarray(False))

    def update(
        self, parameters: PyTree, static: PyTree, task: Task, state: Damping, *, step: Step, key: Key
    ) -> tuple[PyTree, Damping, Scalar]:
        """One step of lower loss, or none where no damping gives one."""
        flat, unravel = ravel_pytree(parameters)
        terms = _of_vector(_terms(task, key), lambda vector: eqx.combine(unravel(vector), static))
        here = _sum(terms, flat)
        after, state = self._search(terms, flat, here, state)
        return unravel(after), state, here.loss

    @property
    def heavy(self) -> bool:
        """A matrix of all parameters is made and factorised."""
        return True

    def settled(self, state: Damping) -> Bool[Array, ""]:
        """Whether no damping gave a lower loss."""
        return state.failed

    def _search(self, terms: tuple[Term, ...], flat: Array, here: Curvature, state: Damping) -> tuple[Array, Damping]:
        """The first step of lower loss while the damping grows."""
        floor = 10 * jnp.finfo(flat.dtype).eps
        held = _held(here.matrix, self.balance)

        def attempt(carry: tuple[Array, Scalar, Scalar, Any, Int[Array, ""]]) -> Any:
            _, damping, growth, _, tries = carry
            factor = jax.scipy.linalg.cho_factor(here.matrix + jnp.diag(damping * held))
            change = -jax.scipy.linalg.cho_solve(factor, here.gradient)
            foreseen = -(here.gradient @ change + 0.5 * change @ (here.matrix @ change))
            if self.acceleration:
                change = _bent(terms, flat, change, factor)
            loss = terms_loss(terms, flat + change)
            gain = (here.loss - loss) / foreseen
            lower = jnp.isfinite(loss) & (loss < here.loss) & jnp.all(jnp.isfinite(change))
            easier = jnp.maximum(damping * jnp.maximum(0.2, 1 - (2 * jnp.minimum(gain, 1.0) - 1) ** 3), floor)
            after = jnp.where(lower, flat + change, flat)
            damping = jnp.where(lower, easier, damping * growth)
            return after, damping, jnp.where(lower, 2.0, 2 * growth).astype(growth.dtype), lower, tries + 1

        start = (flat, state.size, state.growth, jnp.asarray(False), jnp.asarray(0))
        going = lambda carry: ~carry[3] & (carry[4] < ATTEMPTS)
        after, size, growth, lower, _ = jax.lax.while_loop(going, attempt, start)
        return after, Damping(size, growth, ~lower)


def _held(matrix: Float[Array, "parameters parameters"], balance: float) -> Float[Array, " parameters"]:
    """How much each parameter is damped: D."""
    own = jnp.diagonal(matrix)
    mean = own.mean()
    return mean * jnp.maximum(own / mean, LEAST_CURVATURE) ** balance


def _terms(task: Task, key: Key) -> tuple[Term, ...]:
    """The terms of the full batch; a task whose loss is not given by terms is refused."""
    if not isinstance(task, ShowsTerms):
        raise InputError("a task whose loss is a sum of terms (terms=)", type(task).__name__, "Train by Adam.")
    return task.terms(task.batch(None, key=key))


def _check_rows(rows: int, parameters: int) -> None:
    if rows < ROWS_PER_PARAMETER * parameters:
        warnings.warn(
            f"{rows} rows for {parameters} parameters: Gauss-Newton may fit the rows and nothing between them. Take "
            f"{int(3 * parameters)} points or a network of at most {int(rows // ROWS_PER_PARAMETER)} parameters.",
            stacklevel=2,
        )


def curvature(terms: tuple[Term, ...], rebuilt: Callable[[Array], Any], flat: Array) -> Curvature:
    """Loss, gradient and Gauss-Newton matrix of a sum of terms, block of rows by block of rows.

    Args:
        terms: of the loss.
        rebuilt: the network of a vector of parameters.
        flat: those parameters.

    Returns:
        All three.

    Example:
        >>> square = Term(lambda network, row: network(row)[None], lambda row, z: jnp.sum(z**2), jnp.array([[2.0]]))
        >>> found = curvature((square,), lambda vector: lambda x: vector @ x, jnp.array([3.0]))
        >>> float(found.loss), found.gradient.tolist(), found.matrix.tolist()
        (36.0, [24.0], [[8.0]])
    """
    return _sum(_of_vector(terms, rebuilt), flat)


def _of_vector(terms: tuple[Term, ...], rebuilt: Callable[[Array], Any]) -> tuple[Term, ...]:
    """The same terms of a network that is given as the vector of its parameters; outputs are flat."""
    # They are differentiated in several ways: compiled by themselves, they are traced once for all of them.
    of_vector = lambda term: jax.jit(lambda vector, row: jnp.ravel(term.outputs(rebuilt(vector), row)))
    return tuple(Term(of_vector(term), term.density, term.rows) for term in terms)


def _sum(terms: tuple[Term, ...], flat: Array) -> Curvature:
    found = [_of_term(term, flat) for term in terms]
    return jax.tree.map(lambda *parts: sum(parts[1:], start=parts[0]), *found)


def _of_term(term: Term, flat: Array) -> Curvature:
    outputs = jax.eval_shape(lambda row: term.outputs(flat, row), jax.tree.map(lambda x: x[0], term.rows)).size
    blocks = -(-term.size * outputs // BLOCK_ROWS)
    length = -(-term.size // blocks)
    padded = jax.tree.map(lambda x: _in_blocks(x, blocks, length), term.rows)
    counts = (jnp.arange(blocks * length) < term.size).reshape(blocks, length).astype(flat.dtype)
    if blocks == 1:
        return _of_block(term, flat, jax.tree.map(lambda x: x[0], padded), counts[0])
    zero = Curvature(jnp.zeros((), flat.dtype), jnp.zeros_like(flat), jnp.zeros((flat.size, flat.size), flat.dtype))
    add = lambda total, block: (jax.tree.map(jnp.add, total, _of_block(term, flat, *block)), None)
    return jax.lax.scan(add, zero, (padded, counts))[0]


def _in_blocks(rows: Array, blocks: int, length: int) -> Array:
    """Rows in blocks of one length, the last one filled up with its own last row."""
    filled = jnp.concatenate([rows, jnp.repeat(rows[-1:], blocks * length - rows.shape[0], axis=0)])
    return filled.reshape(blocks, length, *rows.shape[1:])


def _of_block(term: Term, flat: Array, rows: PyTree, counts: Float[Array, " rows"]) -> Curvature:
    def at(row: PyTree, count: Scalar) -> tuple[Array, ...]:
        outputs, pull = jax.vjp(lambda vector: term.outputs(vector, row), flat)
        slopes = jax.vmap(lambda cotangent: pull(cotangent)[0])(jnp.eye(outputs.size, dtype=outputs.dtype))
        share = lambda outputs: count * term.density(row, outputs)
        return share(outputs), jax.grad(share)(outputs), jax.hessian(share)(outputs), slopes

    losses, forces, bends, slopes = jax.vmap(at)(rows, counts)
    across = jax.lax.optimization_barrier(
        slopes.reshape(-1, flat.size).T
    )  # fused into the product it is 3 times slower
    weighted = bends[:, 0, :, None] * slopes if slopes.shape[1] == 1 else jnp.einsum("rij,rjp->rip", bends, slopes)
    return Curvature(losses.sum(), across @ forces.ravel(), across @ weighted.reshape(-1, flat.size))


def _bent(terms: tuple[Term, ...], flat: Array, change: Array, factor: Any) -> Array:
    """The step with the second order along it, where that is at most three quarters of it in size."""
    force = jnp.zeros_like(flat)
    for term in terms:
        outputs = lambda vector, term=term: jax.vmap(term.outputs, in_axes=(None, 0))(vector, term.rows)
        along = lambda distance, outputs=outputs: outputs(flat + distance * change)
        slope = lambda distance, along=along: jax.jvp(along, (distance,), (jnp.ones_like(distance),))[1]
        zero = jnp.zeros((), flat.dtype)
        second = jax.jvp(slope, (zero,), (jnp.ones_like(zero),))[1]
        values, pull = jax.vjp(outputs, flat)
        pushed = jax.vmap(
            lambda row, z, s, term=term: jax.jvp(jax.grad(lambda z: term.density(row, z)), (z,), (s,))[1]
        )(term.rows, values, second)
        force = force + pull(pushed)[0]
    bend = -0.5 * jax.scipy.linalg.cho_solve(factor, force)
    small = 2 * jnp.linalg.norm(bend) <= 0.75 * jnp.linalg.norm(change)
    return jnp.where(small, change + bend, change)
