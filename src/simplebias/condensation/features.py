"""Features of neurons: orientation, angle, amplitude, cosine similarity and relative change of their input weights.

The bias is absorbed: a neuron's extended input weight is `(w, b)`, a row of `(neurons, inputs + 1)`.
"""

import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, as_array, as_points, check_choice, is_traced
from simplebias.core.snapshot import Neurons
from simplebias.core.types import Array, ArrayLike, Float, Int

CLUSTERED = 5000
"""Most neurons that are sorted by clusters."""
TURNED = 500
"""Most neurons for which the clusters are turned so that neighbours are as alike as can be."""
Parts = tuple[ArrayLike, ArrayLike | None, ArrayLike | None]


@jax.jit
def row_norms(rows: Array) -> Array:
    """Euclidean norm of each row; rows of very small or large entries neither underflow nor overflow."""
    scale = jax.lax.stop_gradient(jnp.max(jnp.abs(rows), axis=-1, keepdims=True))
    scaled = rows / jnp.where(scale > 0, scale, 1)
    square = jnp.sum(scaled**2, axis=-1)
    return scale[..., 0] * jnp.sqrt(jnp.where(square > 0, square, 1))


@jax.jit
def unit_rows(rows: Array) -> Array:
    """Rows divided by their norms; zero rows stay zero."""
    scale = jax.lax.stop_gradient(jnp.max(jnp.abs(rows), axis=-1, keepdims=True))
    scaled = rows / jnp.where(scale > 0, scale, 1)
    square = jnp.sum(scaled**2, axis=-1, keepdims=True)
    return scaled / jnp.sqrt(jnp.where(square > 0, square, 1))


def extend(neurons: Neurons | ArrayLike, name: str = "extended") -> Array:
    """Extended input weights `(neurons, features)` of Neurons or of an array, checked."""
    return as_points(neurons.extended if isinstance(neurons, Neurons) else neurons, name)


def orientation(extended: Neurons | ArrayLike) -> Float[Array, "neurons features"]:
    """Unit vectors `ŵ = w / ‖w‖₂` of extended input weights.

    Args:
        extended: `(neurons, inputs + 1)`, or Neurons.

    Returns:
        `(neurons, inputs + 1)`; a neuron whose weights are all zero has orientation zero.

    Raises:
        InputError: for empty, mis-shaped or non-finite weights.

    References:
        Luo, Xu, Ma, Zhang, Phase diagram for two-layer ReLU neural networks, arXiv:2007.07497.

    Example:
        >>> orientation([[0.0, -4.0], [0.0, 0.0]]).tolist()
        [[0.0, -1.0], [0.0, 0.0]]
    """
    return unit_rows(extend(extended))


def angle(extended: Neurons | ArrayLike) -> Float[Array, " neurons"]:
    """Orientation of neurons with one input, as an angle `θ = atan2(b, w)`.

    A ReLU neuron of this angle bends at the input `x = -b / w = -tan θ`.

    Args:
        extended: `(neurons, 2)`, weight and bias, or Neurons with one input and a bias.

    Returns:
        `(neurons,)` in radians, in [-π, π); 0 for a neuron whose weights are all zero.

    Raises:
        InputError: if there are not two columns, or for empty or non-finite weights.

    References:
        Luo, Xu, Ma, Zhang, Phase diagram for two-layer ReLU neural networks, arXiv:2007.07497.

    Example:
        >>> [f"{one:.4f}" for one in angle([[1.0, 1.0], [-2.0, 0.0]])]
        ['0.7854', '-3.1416']
    """
    rows = extend(extended)
    if rows.shape[1] != 2:
        raise InputError(
            "neurons with one input and a bias, two columns", f"{rows.shape[1]} columns", "Use orientation instead."
        )
    return _turn(rows)


@jax.jit
def _turn(rows: Array) -> Array:
    turn = jnp.arctan2(rows[:, 1], rows[:, 0])
    turn = jnp.where(turn >= jnp.asarray(jnp.pi, turn.dtype), -turn, turn)
    return jnp.where(jnp.any(rows != 0, axis=1), turn, jnp.zeros_like(turn))


def amplitude(neurons: Neurons | Parts, *, kind: str = "aw") -> Float[Array, " neurons"]:
    """How much each neuron contributes: `A = ‖a‖₂ ‖(w, b)‖₂`, exact for ReLU and indicative for other activations.

    Args:
        neurons: Neurons, or a tuple of input weights `(neurons, inputs)`, bias `(neurons,)` or None, and output weights
            `(outputs, neurons)` or None.
        kind: "aw" for the product; "w" for `‖(w, b)‖₂` alone, which needs no output weights.

    Returns:
        `(neurons,)`, ≥ 0; of several outputs the norm over outputs counts.

    Raises:
        InputError: for unknown `kind`, missing output weights, shapes that do not fit, or non-finite weights.

    References:
        Luo, Xu, Ma, Zhang, Phase diagram for two-layer ReLU neural networks, arXiv:2007.07497.

    Example:
        >>> amplitude(([[3.0]], [4.0], [[-2.0]])).tolist()
        [10.0]
    """
    check_choice(kind, "kind", ("aw", "w"))
    if not isinstance(neurons, Neurons):
        neurons = _as_neurons(neurons)
    norms = row_norms(extend(neurons))
    if kind == "w":
        return norms
    if neurons.output_weights is None:
        raise InputError("neurons with output weights", "none", 'Use kind="w".')
    outgoing = as_points(neurons.output_weights, "output weights")
    return norms * row_norms(outgoing.T)


def _as_neurons(parts: Parts) -> Neurons:
    if not isinstance(parts, tuple | list) or len(parts) != 3:
        raise InputError("Neurons, or (input weights, bias, output weights)", f"a {type(parts).__name__}")
    incoming = as_points(parts[0], "input weights")
    bias = None if parts[1] is None else as_array(parts[1], "bias")
    outgoing = None if parts[2] is None else as_array(parts[2], "output weights")
    if bias is not None and bias.shape != incoming.shape[:1]:
        raise InputError(f"a bias of shape ({incoming.shape[0]},)", f"shape {tuple(bias.shape)}")
    if outgoing is not None and outgoing.ndim == 1:
        outgoing = outgoing[None]
    if outgoing is not None and (outgoing.ndim != 2 or outgoing.shape[1] != incoming.shape[0]):
        raise InputError(f"output weights of shape (outputs, {incoming.shape[0]})", f"shape {tuple(outgoing.shape)}")
    return Neurons(incoming, bias, outgoing)


def cosine_similarity(
    extended: Neurons | ArrayLike, other: Neurons | ArrayLike | None = None
) -> Float[Array, "neurons others"]:
    """Cosine similarity `D(u, v) = u·v / (‖u‖ ‖v‖)` of all pairs of neurons.

    All pairs of 10,000 neurons take 400 MB: ask for blocks there, `cosine_similarity(rows[:100], rows)`.

    Args:
        extended: `(neurons, inputs + 1)`, or Neurons.
        other: what to compare with, `(others, inputs + 1)`; the same neurons if None.

    Returns:
        `(neurons, others)` in [-1, 1]; 0 for a neuron whose weights are all zero.

    Raises:
        InputError: for empty or non-finite weights, or different numbers of columns.

    References:
        Zhou, Zhou, Luo, Xu, Towards understanding the condensation of neural networks at initial training,
        arXiv:2105.11686.

    Example:
        >>> cosine_similarity([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]])[0].tolist()
        [1.0, 0.0, -1.0]
    """
    units = orientation(extended)
    others = units if other is None else orientation(other)
    if units.shape[1] != others.shape[1]:
        raise InputError(f"other neurons with {units.shape[1]} columns", f"{others.shape[1]} columns")
    return jnp.clip(units @ others.T, -1, 1)


def leading_order(
    extended: Neurons | ArrayLike | None = None, *, similarity: ArrayLike | None = None
) -> Int[Array, " neurons"]:
    """Order in which like neurons stand together: by the leading eigenvector of their cosine similarities.

    From weights it comes by eigenvectors of the smaller Gram matrix of the unit rows, which is that of all pairs of
    neurons only where there are no fewer inputs than neurons.

    Args:
        extended: `(neurons, inputs + 1)`, or Neurons.
        similarity: the symmetric `(neurons, neurons)` cosine similarities, instead of weights.

    Returns:
        `(neurons,)` indices: `similarity[order][:, order]` shows clusters as blocks.

    Raises:
        InputError: unless exactly one of both is given, finite, and a similarity is square.

    Example:
        >>> leading_order([[1.0, 0.1], [-1.0, 0.0], [2.0, 0.2]]).tolist()
        [1, 0, 2]
    """
    if (extended is None) == (similarity is None):
        raise InputError("either weights or similarity", "both" if similarity is not None else "neither")
    if similarity is None:
        return _order_of_rows(extend(extended))
    matrix = as_points(similarity, "similarity")
    if matrix.shape[0] != matrix.shape[1]:
        raise InputError("a square similarity", f"shape {tuple(matrix.shape)}")
    return _order_of_pairs(matrix)


def cluster_order(
    extended: Neurons | ArrayLike | None = None, *, similarity: ArrayLike | None = None, absolute: bool = False
) -> Int[Array, " neurons"]:
    """Order in which like neurons stand together: by clusters of their cosine similarities.

    The leaves of a hierarchy by average linkage, turned so that neighbours are as alike as they can be. Where groups
    are many, as along the training of a condensed network, it shows each as a block, which one eigenvector cannot.

    Args:
        extended: `(neurons, inputs + 1)`, or Neurons; at most 5000 neurons, for all pairs are held.
        similarity: the symmetric `(neurons, neurons)` cosine similarities, instead of weights.
        absolute: whether opposite orientations are alike, as suits an odd or even activation.

    Returns:
        `(neurons,)` indices: `similarity[order][:, order]` shows clusters as blocks.

    Raises:
        InputError: unless exactly one of both is given, finite, and a similarity is square; for too many neurons.

    Example:
        >>> order = cluster_order([[1.0, 0.0], [0.0, 1.0], [2.0, 0.1], [0.1, 3.0]]).tolist()
        >>> {order.index(0), order.index(2)} in ({0, 1}, {2, 3})
        True
    """
    if (extended is None) == (similarity is None):
        raise InputError("either weights or similarity", "both" if similarity is not None else "neither")
    matrix = cosine_similarity(extended) if similarity is None else as_points(similarity, "similarity")
    if matrix.shape[0] != matrix.shape[1]:
        raise InputError("a square similarity", f"shape {tuple(matrix.shape)}")
    if len(matrix) > CLUSTERED:
        raise InputError(f"at most {CLUSTERED} neurons", f"{len(matrix)}", "Use leading_order, or fewer of them.")
    from scipy.cluster.hierarchy import leaves_list, linkage  # takes half a second, which few wait for
    from scipy.spatial.distance import squareform

    alike = np.asarray(matrix, np.float64)
    apart = 1 - np.clip(np.abs(alike) if absolute else alike, -1, 1)
    if len(apart) < 3:
        return jnp.arange(len(apart))
    pairs = squareform((apart + apart.T) / 2, checks=False)
    return jnp.asarray(leaves_list(linkage(pairs, "average", optimal_ordering=len(apart) <= TURNED)))


def _signed(vector: Array) -> Array:
    """The vector with its largest entry positive: eigenvectors come with any sign."""
    return vector * jnp.where(vector[jnp.argmax(jnp.abs(vector))] < 0, -1, 1)


def _order_of_rows(rows: Array) -> Array:
    """Three programs and not one: compiled together, XLA's product on CPU is ten times as slow for 10,000 neurons."""
    units = unit_rows(rows)
    if len(units) <= units.shape[1]:
        return _order_of_pairs(_gram(units.T))
    gram = _gram(units)
    if is_traced(gram):
        return _order_along(units, _leading(gram))
    vector = np.linalg.eigh(np.asarray(gram))[1][:, -1]
    return _order_along(units, _signed(jnp.asarray(vector, units.dtype)))


@jax.jit
def _gram(units: Array) -> Array:
    return units.T @ units


@jax.jit
def _leading(gram: Array) -> Array:
    return _signed(jnp.linalg.eigh(gram)[1][:, -1])


@jax.jit
def _order_along(units: Array, vector: Array) -> Array:
    return jnp.argsort(units @ vector)


@jax.jit
def _order_of_pairs(similarity: Array) -> Array:
    return jnp.argsort(_leading(similarity))


def relative_change(weights: Neurons | ArrayLike, initial: Neurons | ArrayLike) -> Float[Array, ""]:
    """How far input weights and biases have moved: `‖θ - θ₀‖₂ / ‖θ₀‖₂`; output weights do not count.

    Over widths it tends to 0 in the linear regime, to infinity in the condensed one.

    Args:
        weights: extended input weights `(neurons, inputs + 1)`, or Neurons.
        initial: the same at step 0.

    Returns:
        A number ≥ 0; infinite if `initial` is zero and `weights` are not, 0 if both are zero.

    Raises:
        InputError: for different shapes, empty or non-finite weights.

    References:
        Luo, Xu, Ma, Zhang, Phase diagram for two-layer ReLU neural networks, arXiv:2007.07497.

    Example:
        >>> float(relative_change([[3.0, 0.0]], [[1.0, 0.0]]))
        2.0
    """
    now, before = extend(weights, "weights"), extend(initial, "initial")
    if now.shape != before.shape:
        raise InputError(f"initial weights of shape {tuple(now.shape)}", f"shape {tuple(before.shape)}")
    return _share_moved(now, before)


@jax.jit
def _share_moved(now: Array, before: Array) -> Array:
    moved, size = row_norms((now - before).reshape(-1)), row_norms(before.reshape(-1))
    return jnp.where(moved == 0, jnp.zeros_like(moved), moved / size)


__all__ = [
    "amplitude",
    "angle",
    "cluster_order",
    "cosine_similarity",
    "extend",
    "leading_order",
    "orientation",
    "relative_change",
    "row_norms",
    "unit_rows",
]
