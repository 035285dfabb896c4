"""Gradient flow by an adaptive solver of high order: any network and task, as a check of every other way to follow it.

Diffrax is imported when the flow is asked for, so that nobody else waits for it.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import DivergenceError, InputError, as_array, check_finite, check_positive
from simplebias.core.task import Task, task_loss
from simplebias.core.types import Array, ArrayLike, Key, Network, PyTree, Scalar


def gradient_flow(
    network: Network,
    task: Task,
    *,
    times: ArrayLike,
    tolerance: float | int | None = None,
    solver: Any = None,
    steps: int = 100_000,
    key: Key | None = None,
) -> Network:
    """The network along `dθ/dt = -½ ∇L(θ)` from t = 0 on, L the loss of the task, integrated by Diffrax.

    For a Regression with one output this is the gradient flow of `R = (1/2n) Σ_i e_i²`, in the time that is the state
    of `NormalisedFlow`; gradient descent on L with a small learning rate r follows it with `t = 2 r` per step. Error
    and length of a step are controlled by a solver of order 5. Where kinks of ReLU come to lie on points of the data
    the slope jumps back and forth, and a fine tolerance takes very many steps.

    Args:
        network: any callable PyTree that maps one point to one output; dropout is off.
        task: what to learn; of a task that draws points, always the same.
        times: increasing, none negative.
        tolerance: of the error in a step, relative to each weight and to the root mean square of all initial ones; the
            square root of the precision (3e-4 in float32, 1.5e-8 in float64) if None.
        solver: a Diffrax solver; `diffrax.Tsit5()` if None. For stiff flows `diffrax.Kvaerno5()`.
        steps: at most so many.
        key: for a task that draws points.

    Returns:
        The networks, with a leading axis of times on every floating array, like an ensemble: one of them is taken by
        `core.snapshot.member`.

    Raises:
        InputError: for times that do not increase or are negative or NaN, or options that are not positive.
        DivergenceError: if the last time is not reached in so many steps.

    References:
        Kidger, On neural differential equations, arXiv:2202.02435.

    Example:
        >>> from simplebias.core import Regression
        >>> from simplebias.networks import TwoLayer
        >>> task = Regression([-0.5, 0.5], [0.25, 0.1])
        >>> start = TwoLayer(1, 1, 20, key=jax.random.key(0))
        >>> networks = gradient_flow(start, task, times=[0.0, 1.0, 100.0])
        >>> losses = eqx.filter_vmap(lambda one: task_loss(one, task))(networks)
        >>> bool(losses[1] < losses[0]), bool(losses[2] < 1e-3)
        (True, True)
    """
    import diffrax

    parameters, static = eqx.partition(network, eqx.is_inexact_array)
    real = jnp.result_type(*jax.tree.leaves(parameters))
    places = _times(times).astype(real)
    chosen = float(jnp.finfo(real).eps ** 0.5) if tolerance is None else tolerance
    check_positive(chosen, "tolerance")
    check_positive(steps, "steps", integer=True)
    if solver is None:
        solver = diffrax.Tsit5()
    elif not isinstance(solver, diffrax.AbstractSolver):
        raise InputError("a Diffrax solver such as diffrax.Tsit5()", repr(solver))
    networks, reached = _integrated(parameters, static, task, places, float(chosen), solver, int(steps), key)
    if not bool(reached):
        raise DivergenceError(f"the flow did not reach t = {float(places[-1]):g} in {steps} steps")
    return eqx.combine(networks, static)


@eqx.filter_jit
def _integrated(
    parameters: PyTree, static: PyTree, task: Task, places: Array, tolerance: float, solver: Any, steps: int, key: Any
) -> tuple[PyTree, Array]:
    import diffrax

    def loss(candidate: PyTree) -> Scalar:
        return task_loss(eqx.combine(candidate, static), task, key=key) / 2

    def velocity(time: Any, candidate: PyTree, extra: Any) -> PyTree:
        return jax.tree.map(jnp.negative, jax.grad(loss)(candidate))

    leaves = jax.tree.leaves(parameters)
    size = jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in leaves) / sum(leaf.size for leaf in leaves))
    found = diffrax.diffeqsolve(
        diffrax.ODETerm(velocity),
        solver,
        t0=0.0,
        t1=places[-1],
        dt0=None,
        y0=parameters,
        saveat=diffrax.SaveAt(ts=places),
        stepsize_controller=diffrax.PIDController(rtol=tolerance, atol=tolerance * size),
        max_steps=steps,
        throw=False,
    )
    return found.ys, found.result == diffrax.RESULTS.successful


def _times(times: ArrayLike) -> Array:
    places = as_array(times, "times")
    if places.ndim != 1 or not places.size:
        raise InputError("times as a list of numbers", f"shape {tuple(places.shape)}")
    check_finite(places, "times")
    values = np.asarray(places)
    if values[0] < 0 or values[-1] == 0 or np.any(np.diff(values) <= 0):
        raise InputError("times that increase from 0 or later", repr(values.tolist()))
    return places
