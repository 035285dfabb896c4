"""Embed a network in a wider or deeper one, and look whether what was promised holds at a point of a task."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, check_choice, check_positive
from simplebias.core.snapshot import evaluate
from simplebias.core.task import Task
from simplebias.core.types import Array, ArrayLike, Key
from simplebias.landscape.hessian import MEMORY_LIMIT, in_precision, loss_gradient
from simplebias.landscape.inertia import TOLERANCE, Inertia, inertia
from simplebias.landscape.surface import parameter_vector, widened
from simplebias.networks import (
    Embedding,
    ResNet,
    compatible_embedding,
    depth_embedding,
    global_null_embedding,
    random_embedding,
)
from simplebias.networks.embedding import Frame

METHODS = ("random", "split", "null")
"""How the neurons that are added come about, see `embed`."""


def embed(
    network: Any,
    *,
    widths: int | Sequence[int] | None = None,
    depth: int | None = None,
    method: str = "random",
    points: ArrayLike | None = None,
    key: Key,
) -> Embedding:
    """Embed a network in one of given widths or depth, so that outputs and critical points are kept.

    Layers are put in after the last hidden layer, then neurons are added. For embeddings chosen in detail see
    `simplebias.networks.split_embedding`, `null_embedding`, `compatible_embedding` and `depth_embedding`.

    Args:
        network: a TwoLayer, MLP, ResNet, SmallCNN, VGG or TwoLayerCNN; see `depth_embedding` for which can be deeper.
        widths: neurons of each hidden layer of the larger network, or one number for all; as they are if None. Of a
            ResNet one number.
        depth: its number of hidden layers; as many as there are widths, or as before, if None.
        method: "random", copies of random neurons with random admissible factors, which is the most general; "split",
            the same with equal shares; "null", neurons that read nothing and are read by none.
        points: inputs of the training data, `(points, inputs)`, needed for more depth: outputs are kept there.
        key: random key of what is free.

    Returns:
        The embedding; its `network` is the larger network.

    Raises:
        InputError: where no neuron or layer is asked for or can be added.

    References:
        Zhang, Li, Zhang, Luo, Xu, Embedding principle: a hierarchical structure of loss landscape of deep neural
        networks, arXiv:2111.15527; in depth: Bai, Luo, Xu, Zhang, arXiv:2205.13283.

    Example:
        >>> from simplebias.networks import MLP
        >>> x, network = np.linspace(-1, 1, 20), MLP(1, 1, (3,), activation="relu", key=jax.random.key(0))
        >>> found = embed(network, widths=(5, 4), points=x, key=jax.random.key(1))
        >>> found.widths, bool(jnp.allclose(found.network(jnp.ones(1)), network(jnp.ones(1)), atol=1e-5))
        ((5, 4), True)
    """
    check_choice(method, "method", METHODS)
    start, tied = Frame.of(network).widths, isinstance(network, ResNet)
    goal = _goal(start, widths, depth)
    if len(goal) > len(start) and points is None:
        raise InputError("points, the inputs of the training data, for more depth", "none")
    deeper, wider = jax.random.split(key)
    operators, now = [], start
    while len(now) < len(goal):
        layer = len(now)
        options = {"points": points, "key": jax.random.fold_in(deeper, layer)}
        size = now[-1] if tied else min(now[-1], goal[layer])
        operators.append(functools.partial(depth_embedding, layer=layer, width=size, **options))
        now = (*now, size)
    if now != goal:
        operators.append(functools.partial(_widened, widths=goal[:1] if tied else goal, method=method, key=wider))
    first, *others = operators
    found = first(network)
    for operator in others:
        found = found.then(operator)
    return found


def _goal(start: tuple[int, ...], widths: int | Sequence[int] | None, depth: int | None) -> tuple[int, ...]:
    """Widths of the larger network."""
    if widths is None and depth is None:
        raise InputError("widths or depth of the larger network", "neither")
    if depth is not None:
        check_positive(depth, "depth", integer=True)
    if widths is None or isinstance(widths, int | np.integer):
        layers = len(start) if depth is None else int(depth)
        more = (start[-1],) * (layers - len(start))
        goal = (*start[:layers], *more) if widths is None else (int(widths),) * layers
    else:
        goal = tuple(int(width) for width in widths)
        if depth not in {None, len(goal)}:
            raise InputError("as many widths as hidden layers", f"{len(goal)} widths and depth={depth}")
    if len(goal) < len(start) or any(large < small for large, small in zip(goal, start, strict=False)):
        raise InputError(f"widths of at least {start}", f"{goal}", "An embedding adds neurons and layers.")
    if goal == start:
        raise InputError(f"other widths than those of the network, {start}", "the same")
    return goal


def _widened(network: Any, widths: Sequence[int], method: str, key: Key) -> Embedding:
    if method == "null":
        return global_null_embedding(network, widths, key=key)
    drawn = random_embedding(network, widths, key=key)
    return compatible_embedding(network, indices=drawn.chosen["indices"]) if method == "split" else drawn


@dataclasses.dataclass(frozen=True)
class Verification:
    """What an embedding did to the outputs, the gradient and the Hessian at a point of a task, in float64.

    Args:
        output_change: largest difference of an output at the points of the task.
        gradient_before: largest modulus of an entry of the gradient of the loss of the small network.
        gradient_after: the same of the large network.
        before: inertia of the Hessian of the small network; None where it was not wanted.
        after: that of the large network.
        degeneracy: zeros that were predicted to be added at a critical point.

    Example:
        >>> both = [Inertia(np.array(values), 1e-11) for values in ([1.0, 2.0], [-1.0, 0.0, 1.0, 2.0])]
        >>> print(Verification(1e-16, 0.0, 1e-17, *both, degeneracy=1))
        output change 1e-16; gradient 0e+00 -> 1e-17; inertia (+, 0, -) (2, 0, 0) -> (2, 1, 1), 1 of 1 zeros predicted
    """

    output_change: float
    gradient_before: float
    gradient_after: float
    before: Inertia | None
    after: Inertia | None
    degeneracy: int

    @property
    def inertia_kept(self) -> bool | None:
        """Whether no count of positive, zero or negative eigenvalues fell; None where there are none."""
        if self.before is None or self.after is None:
            return None
        return all(new >= old for new, old in zip(self.after.counts, self.before.counts, strict=True))

    def __str__(self) -> str:
        slopes = f"gradient {self.gradient_before:.0e} -> {self.gradient_after:.0e}"
        words = [f"output change {self.output_change:.0e}", slopes]
        if self.before is not None and self.after is not None:
            added = self.after.zero - self.before.zero
            counts = f"inertia (+, 0, -) {self.before.counts} -> {self.after.counts}"
            words.append(f"{counts}, {self.degeneracy} of {added} zeros predicted")
        return "; ".join(words)


def verify(
    embedding: Embedding,
    task: Task,
    *,
    with_inertia: bool = True,
    tolerance: float | int = TOLERANCE,
    memory_limit: float | int = MEMORY_LIMIT,
    key: Key | None = None,
) -> Verification:
    """Outputs, gradient and inertia before and after an embedding, in float64 whatever the network's precision.

    The embedding is made anew in float64, for factors of single precision would be seen in the gradient. Dropout is
    off. Outputs are kept by any embedding; the gradient stays zero, and no count of the inertia falls, only where the
    gradient is zero before.

    Args:
        embedding: of the network at the point to be looked at; call it for others.
        task: any task whose loss is a mean over points.
        with_inertia: whether the dense Hessians are made.
        tolerance: share of the largest eigenvalue below which one counts as zero.
        memory_limit: bytes that a Hessian may take.
        key: of tasks that draw their points.

    Returns:
        The figures.

    Raises:
        InputError: for a task that does not fit the network, or a Hessian that is too large.

    References:
        Zhang, Li, Zhang, Luo, Xu, Embedding principle: a hierarchical structure of loss landscape of deep neural
        networks, arXiv:2111.15527.

    Example:
        >>> from simplebias.core import Regression
        >>> from simplebias.networks import TwoLayer, split_embedding
        >>> x, network = np.linspace(-1, 1, 20), TwoLayer(1, 1, 2, key=jax.random.key(0))
        >>> found = verify(split_embedding(network, 1, 0), Regression(x, np.sin(3 * x)), with_inertia=False)
        >>> found.output_change < 1e-12
        True
    """
    with in_precision("float64"):
        narrow = widened(embedding.narrow)
        wide = embedding(narrow)
        points = jnp.asarray(np.asarray(task.probe, np.float64))
        change = float(np.abs(np.asarray(_outputs(wide, points)) - np.asarray(_outputs(narrow, points))).max())
    slopes = (parameter_vector(loss_gradient(one, task, key=key)) for one in (narrow, wide))
    slope_before, slope_after = (float(np.abs(one).max()) for one in slopes)
    before = after = None
    if with_inertia:
        options = {"tolerance": float(tolerance), "memory_limit": memory_limit, "key": key}
        before, after = inertia(narrow, task, **options), inertia(wide, task, **options)
    return Verification(change, slope_before, slope_after, before, after, embedding.degeneracy)


@eqx.filter_jit
def _outputs(network: Any, points: Array) -> Array:
    return evaluate(network, points)


__all__ = ["METHODS", "Verification", "embed", "verify"]
