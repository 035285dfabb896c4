"""The gradient flow of the phase diagram, followed with explicit steps that need no learning rate.

With `a = β1 ā`, `w = β2 w̄` and time `t = β1 β2 t̄` the gradient flow of `f = (1/α) Σ a_k σ(w_k·x̃)` becomes the
normalised flow of the literature, with mobility `1/κ'` of `ā` and `κ'` of `w̄`, where `κ = β1 β2 / α` and
`κ' = β1 / β2`. The steps below are invariant under this change of units, so one updater serves every choice of α, β1
and β2 with the same κ and κ': it visits the same functions in the same number of steps. So it is with more layers, all
weights of which are made β times as large.
"""

import dataclasses
import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from simplebias.core.errors import InputError, check_positive
from simplebias.core.task import Regression, Task
from simplebias.core.types import Array, Float, Key, PyTree, Scalar, Step
from simplebias.networks import MLP, Affine, AntiSymmetric, TwoLayer
from simplebias.networks import activation as find_activation
from simplebias.training.updater import Updater


class NormalisedFlow(Updater):
    """Gradient flow of `R = (1/2n) Σ_i e_i²`, `e_i = f(x_i) - y_i`, of a fully connected network, by adaptive steps.

    A step of Euler's method has the length

        dt = min( η₁ / λ_max(G/n),  η₂ / (‖(1/n) Σ_i e_i x̃_i‖ max_k Σ_{l≠k} s_k s_l Π_{j≠k,l} g_j) ),

    where `G_ij = ∇f(x_i)·∇f(x_j)`, `x̃ = (x, 1)`, `s_l` is the fixed multiplier of layer l and `g_l` its gain: the
    largest factor by which it lengthens what comes to it from a point, forwards or backwards. The first term is the
    limit of stability of Euler's method times `η₁ / 2`. The second follows the growth from small weights, during which
    `λ_max` is tiny: weights grow by the curvature `(1/n) Σ_i e_i ∇²f(x_i)`, which of a linear network has between
    layers k and l a block of norm at most `s_k s_l Π ‖W_j‖ ‖(1/n) Σ_i e_i x̃_i‖`. For two layers the sum is their
    multiplier `1/α` and the growth exponential; with more layers it speeds up as the weights grow. The flow is meant
    with few points: a step takes the gradient at every point.

    Differs from the authors' code, which takes steps of constant length and starts anew with half of it when the loss
    rises. `gradient_flow` integrates the same flow with an adaptive solver of high order.

    Args:
        stability: η₁, a number > 0; below 2 the fastest mode decays.
        growth: η₂, a number > 0; the largest relative growth in a step while all weights are small, for activations
            with slopes up to 1.

    Raises:
        InputError: if η₁ or η₂ is not positive, and when stepping if the task is not a Regression with one output or
            the network not a TwoLayer or MLP (or AntiSymmetric of one) without dropout.

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
        network = eqx.combine(parameters, static)
        copies = _checked(_copies(network))
        traces = [_trace(copy, points) for copy in copies]
        outputs = jnp.stack([trace.outputs for trace in traces]).sum(axis=0)
        residual = outputs - values[:, 0].astype(outputs.dtype)
        length = self._length(copies, traces, residual, points)
        pull = length * residual / residual.shape[0]
        moved = [
            tuple(map(lambda *parts: _moved(pull, *parts), copy.layers, trace.signals, trace.slopes))
            for copy, trace in zip(copies, traces, strict=True)
        ]
        moved = eqx.tree_at(lambda one: [copy.layers for copy in _copies(one)], network, moved)
        return eqx.filter(moved, eqx.is_inexact_array), state + length, jnp.mean(residual**2)

    def _length(self, copies: list[Any], traces: list["_Trace"], residual: Array, points: Array) -> Scalar:
        """Length of the step, in the time of the raw parameters."""
        count = residual.shape[0]
        parts = [(copy.layers, trace) for copy, trace in zip(copies, traces, strict=True)]
        kernel = sum(_kernel(layers, trace) for layers, trace in parts)
        fastest = _largest_eigenvalue(kernel / count)
        pull = jnp.append(residual @ points, residual.sum()) / count
        tiny = jnp.finfo(residual.dtype).tiny
        stable = self.stability / jnp.maximum(fastest, tiny)
        coupling = jnp.stack([_coupling(layers, trace) for layers, trace in parts]).max()
        slow = self.growth / jnp.maximum(coupling * jnp.linalg.norm(pull), tiny)
        # both are far above any useful step at a perfect fit, where nothing moves: keep them finite
        return jnp.minimum(jnp.minimum(stable, slow), jnp.sqrt(jnp.finfo(residual.dtype).max))


class _Trace(NamedTuple):
    """A network at all points: what comes into each layer, and the slope of the output in what comes out of it."""

    outputs: Float[Array, " points"]
    signals: list[Float[Array, "points sources"]]
    slopes: list[Float[Array, "points targets"]]
    gains: list[Scalar]


def _trace(network: Any, points: Float[Array, "points inputs"]) -> _Trace:
    layers, function = network.layers, find_activation(network.activation)
    signals, mapped, backwards = [points], [], []
    for layer in layers[:-1]:
        mapped.append(jax.vmap(layer)(signals[-1]))
        signal, backward = jax.vjp(function, mapped[-1])
        signals.append(signal)
        backwards.append(backward)
    outputs = jax.vmap(layers[-1])(signals[-1])
    slopes, pulled = [jnp.ones_like(outputs)], []
    for layer, backward in zip(layers[:0:-1], backwards[::-1], strict=True):
        pulled.append((layer.multiplier * slopes[-1]) @ layer.weight)
        (slope,) = backward(pulled[-1])
        slopes.append(slope)
    slopes, pulled = slopes[::-1], [*pulled, (layers[0].multiplier * slopes[-1]) @ layers[0].weight][::-1]
    gains = []
    for index, layer in enumerate(layers):
        backward = _ratio(pulled[index], slopes[index])
        if index == len(layers) - 1:
            gains.append(backward)
        else:
            ones = float(layer.bias is not None), float(index < len(layers) - 2 and layers[index + 1].bias is not None)
            gains.append(jnp.maximum(backward, _ratio(mapped[index], signals[index], ones[1], ones[0])))
    return _Trace(outputs[:, 0], signals, slopes, gains)


def _ratio(above: Array, below: Array, more: float = 0.0, less: float = 0.0) -> Scalar:
    """Largest ratio of lengths over the points, each with a last entry of 1 where biases are."""
    lengths = [jnp.sum(part**2, axis=1) + extra for part, extra in ((above, more), (below, less))]
    return jnp.sqrt(jnp.max(lengths[0] / jnp.maximum(lengths[1], jnp.finfo(above.dtype).tiny)))


def _kernel(layers: tuple[Affine, ...], trace: _Trace) -> Float[Array, "points points"]:
    """Products of the gradients at the points; the gradient in a weight is slope times signal."""
    total = jnp.zeros(())
    for layer, signal, slope in zip(layers, trace.signals, trace.slopes, strict=True):
        inner = layer.multiplier**2 * _gram(signal)
        total += _gram(slope) * (inner if layer.bias is None else inner + layer.bias_multiplier**2)
    return total


def _gram(rows: Float[Array, "points entries"]) -> Float[Array, "points points"]:
    return jnp.matmul(rows, rows.T, precision="highest")


def _coupling(layers: tuple[Affine, ...], trace: _Trace) -> Scalar:
    """By how much the layers drive each other: `max_k Σ_{l≠k} s_k s_l Π_{j≠k,l} g_j`."""
    factors = [_factor(layer) for layer in layers[:-1]] + [abs(layers[-1].multiplier)]
    places = range(len(layers))
    pairs = {
        (k, l): factors[k] * factors[l] * math.prod((trace.gains[j] for j in places if j not in {k, l}), start=1.0)
        for k in places
        for l in places
        if k < l
    }
    return jnp.stack([jnp.asarray(sum(one for pair, one in pairs.items() if k in pair)) for k in places]).max()


def _factor(layer: Affine) -> float:
    return max(abs(layer.multiplier), 0.0 if layer.bias is None else abs(layer.bias_multiplier))


def _moved(pull: Array, layer: Affine, signal: Array, slope: Array) -> Affine:
    """The layer against its gradient, `pull` being residuals times the length of the step."""
    weighted = pull[:, None] * slope
    weight = layer.weight - layer.multiplier * (weighted.T @ signal)
    bias = layer.bias if layer.bias is None else layer.bias - layer.bias_multiplier * weighted.sum(axis=0)
    return dataclasses.replace(layer, weight=weight, bias=bias)


@jax.custom_batching.sequential_vmap
def _largest_eigenvalue(matrix: Float[Array, "points points"]) -> Scalar:
    # One matrix after the other, also under `vmap`, which takes no longer. A batch of larger ones JAX decomposes in
    # parallel, from within the threads that are to do it: two trainings at once, as in a sweep, then wait for ever.
    return jnp.linalg.eigvalsh(matrix)[-1]


def _data(task: Task) -> tuple[Array, Array]:
    if not isinstance(task, Regression) or task.values.shape[1] != 1:
        raise InputError("a Regression with one output", type(task).__name__)
    return task.points, task.values


def _copies(network: Any) -> list[Any]:
    """The network, or both copies of an anti-symmetric one."""
    return [network.first, network.second] if isinstance(network, AntiSymmetric) else [network]


def _checked(copies: list[Any]) -> list[Any]:
    for copy in copies:
        if not isinstance(copy, TwoLayer | MLP) or copy.dropout.p != 0:
            raise InputError(
                "a TwoLayer or MLP without dropout",
                type(copy).__name__,
                "Use Gradient with a small learning rate for other networks, or simplebias.training.gradient_flow.",
            )
    return copies
