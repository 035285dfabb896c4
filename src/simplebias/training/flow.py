"""The gradient flow of the phase diagram, followed with explicit steps that need no learning rate.

With `a = β1 ā`, `w = β2 w̄` and time `t = β1 β2 t̄` the gradient flow of `f = (1/α) Σ a_k σ(w_k·x̃)` becomes the
normalised flow of the literature, with mobility `1/κ'` of `ā` and `κ'` of `w̄`, where `κ = β1 β2 / α` and
`κ' = β1 / β2`. The steps below are invariant under this change of units, so one updater serves every choice of α, β1
and β2 with the same κ and κ': it visits the same functions in the same number of steps.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from simplebias.core.errors import InputError, check_positive
from simplebias.core.task import Regression, Task
from simplebias.core.types import Array, Float, Key, PyTree, Scalar, Step
from simplebias.training.updater import Updater


class NormalisedFlow(Updater):
    """Gradient flow of `R = (1/2n) Σ_i e_i²`, `e_i = f(x_i) - y_i`, of a two-layer network, by adaptive Euler steps.

    A step of length

        dt = min( η₁ / λ_max(G/n),  η₂ / (s ‖(1/n) Σ_i e_i x̃_i‖) ),      G_ij = ∇f(x_i)·∇f(x_j),

    where `x̃ = (x, 1)` and `s` is the product of the layers' multipliers (`1/α`). The first term is the limit of
    stability of Euler's method times `η₁ / 2`; the second follows the exponential growth from small weights, during
    which `λ_max` is tiny. The flow is meant with few points: a step takes the gradient at every point.

    Differs from the authors' code, which takes steps of constant length and starts anew with half of it when the loss
    rises.

    Args:
        stability: η₁, a number > 0; below 2 the fastest mode decays.
        growth: η₂, a number > 0; the largest relative growth of a neuron in a step while all are small.

    Raises:
        InputError: if η₁ or η₂ is not positive, and when stepping if the task is not a Regression with one output or
            the network not a TwoLayer (or AntiSymmetric of one) without dropout.

    References:
        Luo, Xu, Ma, Zhang, Phase diagram for two-layer ReLU neural networks, arXiv:2007.07497.

    Example:
        >>> from simplebias.networks import TwoLayer
        >>> from simplebias.training import train
        >>> task = Regression([-0.5, 0.5], [0.25, 0.1])
        >>> key = jax.random.key(0)
        >>> network = TwoLayer(1, 1, 50, activation="relu", initialisation="phase:1.5,0", key=key)
        >>> run = train(network, task, updater=NormalisedFlow(), steps=500, until=1e-6, key=key)
        >>> run.outcome.name
        'STOPPED'
    """

    stability: float = eqx.field(static=True)
    growth: float = eqx.field(static=True)

    def __init__(self, stability: float | int = 0.5, growth: float | int = 0.05):
        check_positive(stability, "stability")
        check_positive(growth, "growth")
        self.stability, self.growth = float(stability), float(growth)

    def init(self, parameters: PyTree, task: Task, *, key: Key) -> Scalar:
        """The time of the flow, 0."""
        return jnp.zeros((), jnp.result_type(*jax.tree.leaves(parameters)))

    def update(
        self, parameters: PyTree, static: PyTree, task: Task, state: Scalar, *, step: Step, key: Key
    ) -> tuple[PyTree, Scalar, Scalar]:
        """One Euler step; the state is the time reached."""
        points, values = _data(task)
        multiplier = _multiplier(eqx.combine(parameters, static))

        def function(candidate: PyTree, point: Array) -> tuple[Scalar, Scalar]:
            value = eqx.combine(candidate, static)(point)[0]
            return value, value

        slopes, outputs = jax.vmap(jax.grad(function, has_aux=True), in_axes=(None, 0))(parameters, points)
        residual = outputs - values[:, 0].astype(outputs.dtype)
        length = self._length(slopes, residual, points, multiplier)
        count = residual.shape[0]
        moved = jax.tree.map(lambda p, j: p - length * jnp.tensordot(residual, j, axes=1) / count, parameters, slopes)
        return moved, state + length, jnp.mean(residual**2)

    def _length(self, slopes: PyTree, residual: Array, points: Array, multiplier: float) -> Scalar:
        """Length of the step, in the time of the raw parameters."""
        count = residual.shape[0]
        kernel = sum(_gram(leaf) for leaf in jax.tree.leaves(slopes))
        fastest = jnp.linalg.eigvalsh(kernel / count)[-1]
        pull = jnp.append(residual @ points, residual.sum()) / count
        tiny = jnp.finfo(residual.dtype).tiny
        stable = self.stability / jnp.maximum(fastest, tiny)
        slow = self.growth / jnp.maximum(multiplier * jnp.linalg.norm(pull), tiny)
        # both are far above any useful step at a perfect fit, where nothing moves: keep them finite
        return jnp.minimum(jnp.minimum(stable, slow), jnp.sqrt(jnp.finfo(residual.dtype).max))


def _gram(leaf: Float[Array, "points ..."]) -> Float[Array, "points points"]:
    flat = leaf.reshape(leaf.shape[0], -1)
    return jnp.matmul(flat, flat.T, precision="highest")


def _data(task: Task) -> tuple[Array, Array]:
    if not isinstance(task, Regression) or task.values.shape[1] != 1:
        raise InputError("a Regression with one output", type(task).__name__)
    return task.points, task.values


def _multiplier(network: Any) -> float:
    """Product of the fixed factors of both layers, `1/α`."""
    network = getattr(network, "first", network)  # both copies of an AntiSymmetric network share their factors
    layers = getattr(network, "layers", ())
    if len(layers) != 2 or getattr(getattr(network, "dropout", None), "p", 0) != 0:
        raise InputError(
            "a two-layer network without dropout",
            type(network).__name__,
            "Use simplebias.networks.TwoLayer, or Gradient with a small learning rate for other networks.",
        )
    return float(layers[0].multiplier * layers[1].multiplier)
