"""Inertia: how many eigenvalues of a Hessian are positive, zero and negative, counted and foretold."""

import dataclasses
import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, as_array, check_positive
from simplebias.core.task import Task
from simplebias.core.types import Array, ArrayLike, Float, Key, Network, Point
from simplebias.landscape.hessian import MEMORY_LIMIT, hessian, in_precision
from simplebias.landscape.surface import DENSE_BLOCK, Surface, finite, open_surface
from simplebias.networks import MLP, TwoLayer
from simplebias.networks import activation as find_activation

TOLERANCE = 1e-11
"""Eigenvalues below this share of the largest modulus count as zero. Rounding in float64 leaves some 1e-15."""
NEAR = 100.0
"""An eigenvalue within this factor of the tolerance makes an inertia doubtful."""


@dataclasses.dataclass(frozen=True)
class Inertia:
    """Numbers of positive, zero and negative eigenvalues of a symmetric matrix, and what they were read from.

    Args:
        eigenvalues: ascending.
        tolerance: share of the largest modulus below which an eigenvalue counts as zero.

    Example:
        >>> found = Inertia(np.array([-1.0, 1e-16, 0.5, 2.0]), 1e-11)
        >>> found.counts, found.degeneracy, found.doubtful.size
        ((2, 1, 1), 1, 0)
    """

    eigenvalues: Float[np.ndarray, " eigenvalues"]
    tolerance: float

    @property
    def bound(self) -> float:
        """Modulus up to which an eigenvalue counts as zero."""
        return self.tolerance * float(np.abs(self.eigenvalues).max(initial=0.0))

    @property
    def positive(self) -> int:
        """Number of positive eigenvalues."""
        return int((self.eigenvalues > self.bound).sum())

    @property
    def zero(self) -> int:
        """Number of eigenvalues that count as zero."""
        return int((np.abs(self.eigenvalues) <= self.bound).sum())

    @property
    def negative(self) -> int:
        """Number of negative eigenvalues."""
        return int((self.eigenvalues < -self.bound).sum())

    @property
    def counts(self) -> tuple[int, int, int]:
        """`(positive, zero, negative)`."""
        return self.positive, self.zero, self.negative

    @property
    def degeneracy(self) -> int:
        """Number of directions in which the loss does not change to second order: zero eigenvalues."""
        return self.zero

    @property
    def doubtful(self) -> Float[np.ndarray, " doubtful"]:
        """Eigenvalues within a factor of 100 of the bound: another tolerance would count them otherwise."""
        sizes = np.abs(self.eigenvalues)
        return self.eigenvalues[(sizes > self.bound / NEAR) & (sizes < self.bound * NEAR)]

    @property
    def gap(self) -> float:
        """Smallest modulus counted as not zero over the largest counted as zero; infinite where there is only one."""
        sizes = np.abs(self.eigenvalues)
        zeros, others = sizes[sizes <= self.bound], sizes[sizes > self.bound]
        return float(others.min() / zeros.max()) if zeros.size and others.size and zeros.max() > 0 else float("inf")

    def __add__(self, other: "Inertia") -> "Inertia":
        """The inertia of two blocks of one matrix, zeros counted relative to the larger of both."""
        both = np.sort(np.concatenate([self.eigenvalues, other.eigenvalues]))
        return Inertia(both, max(self.tolerance, other.tolerance))


def inertia_of(matrix: ArrayLike, *, tolerance: float = TOLERANCE) -> Inertia:
    """Inertia of a symmetric matrix.

    Args:
        matrix: `(rows, rows)`, symmetric up to rounding.
        tolerance: share of the largest modulus below which an eigenvalue counts as zero.

    Returns:
        The counts and the eigenvalues. An eigenvalue near the tolerance is warned of.

    Raises:
        InputError: for a matrix that is not square, symmetric and finite.

    Example:
        >>> inertia_of([[0.0, 1.0], [1.0, 0.0]]).counts
        (1, 0, 1)
    """
    check_positive(tolerance, "tolerance")
    given = np.asarray(matrix, np.float64) if isinstance(matrix, np.ndarray) else np.asarray(as_array(matrix, "matrix"))
    if given.ndim != 2 or given.shape[0] != given.shape[1] or not given.size:
        raise InputError("a square matrix", f"shape {given.shape}")
    finite(given, "matrix")
    if not np.allclose(given, given.T, rtol=0, atol=1e-6 * np.abs(given).max()):
        raise InputError("a symmetric matrix", "another", "Take (matrix + matrix.T) / 2 if that is meant.")
    return counted(given, tolerance)


def inertia(
    network: Network,
    task: Task,
    *,
    tolerance: float = TOLERANCE,
    block: int = DENSE_BLOCK,
    memory_limit: float | int = MEMORY_LIMIT,
    key: Key | None = None,
) -> Inertia:
    """Inertia of the Hessian of a network's mean loss over a task, from all its eigenvalues, in float64.

    The zeros of a Hessian are numerical: choose a tolerance in the gap of the eigenvalues. A warning says where one is
    within a factor of 100 of the tolerance. At a critical point found only roughly, zeros are as large as the error.

    Args:
        network: any callable PyTree with a smooth activation.
        task: any task whose loss is a mean over points.
        tolerance: share of the largest modulus below which an eigenvalue counts as zero.
        block: points taken at a time.
        memory_limit: bytes that the matrix may take with its eigenvalues.
        key: of tasks that draw their points.

    Returns:
        The counts, the eigenvalues, and which of them are doubtful.

    Raises:
        InputError: as `hessian`.

    References:
        Zhang, Zhang, Luo, Xu, Embedding principle of loss landscape of deep neural networks, arXiv:2105.14573.

    Example:
        >>> from simplebias.core import Regression
        >>> from simplebias.networks import TwoLayer
        >>> network, x = TwoLayer(1, 1, 2, key=jax.random.key(0)), np.linspace(-1, 1, 20)
        >>> sum(inertia(network, Regression(x, np.sin(3 * x))).counts)
        6
    """
    check_positive(tolerance, "tolerance")
    matrix = hessian(network, task, block=block, memory_limit=memory_limit, key=key)
    return counted(matrix, tolerance)


def split_inertia(
    network: MLP | TwoLayer,
    task: Task,
    *,
    layer: int = 1,
    neuron: int = 0,
    share: float | int = 0.5,
    tolerance: float = TOLERANCE,
    key: Key | None = None,
) -> Inertia:
    """The inertia that a network will have once a neuron is split in two, from the network as it is.

    A neuron s with input weights w and output weights `a ∈ R^K` becomes two with output weights `(1 - α) a` and `α a`.
    In the coordinates mean and difference of the two the Hessian falls apart exactly into that of the narrow network
    and the block of the differences,

        In(split) = In(H) + In([[α(1 - α) S, Cᵀ], [C, 0]]),
        S = E[(∂ℓ/∂h_s) σ''(w·x̃) x̃x̃ᵀ],   C_o = E[(∂ℓ/∂z_o) σ'(w·x̃) x̃],

    with x̃ what the neuron reads and 1 for its bias, `h_s` its output and `z_o` what the next layer's neuron o gets. It
    holds at any parameters and for any loss. At a critical point of a network with one output C vanishes (if a does
    not), and this is `In(H) + In(α(1 - α) S) + (0, 1, 0)`: α within (0, 1) or outside of it change the signs.

    Args:
        network: a TwoLayer or MLP with a smooth activation.
        task: any task whose loss is a mean over points.
        layer: hidden layer, counted from 1.
        neuron: index in the layer, from 0.
        share: α, what the copy gets of the output weights; the neuron keeps `1 - α`.
        tolerance: share of the largest modulus below which an eigenvalue counts as zero.
        key: of tasks that draw their points.

    Returns:
        The inertia foretold; its eigenvalues have the signs, not the values, of those of the wide network.

    Raises:
        InputError: for another network, a layer or neuron that is not there, or as `hessian`.

    References:
        Zhang, Zhang, Luo, Xu, Embedding principle of loss landscape of deep neural networks, arXiv:2105.14573.

    Example:
        >>> from simplebias.core import Regression
        >>> from simplebias.networks import split
        >>> x, key = np.linspace(-1, 1, 20), jax.random.key(0)
        >>> task, network = Regression(x, np.sin(3 * x)), TwoLayer(1, 1, 2, key=key)
        >>> wide = split(network, 1, 0, (0.3, 0.7))
        >>> split_inertia(network, task, share=0.7).counts == inertia(wide, task).counts
        True
    """
    own = inertia(network, task, tolerance=tolerance, key=key)
    return own + counted(split_block(network, task, layer=layer, neuron=neuron, share=share, key=key), tolerance)


def split_block(
    network: MLP | TwoLayer,
    task: Task,
    *,
    layer: int = 1,
    neuron: int = 0,
    share: float | int = 0.5,
    key: Key | None = None,
) -> Float[np.ndarray, "differences differences"]:
    """The block `[[α(1 - α) S, Cᵀ], [C, 0]]` by which splitting a neuron extends the Hessian, see `split_inertia`.

    Args:
        network: a TwoLayer or MLP with a smooth activation.
        task: any task whose loss is a mean over points.
        layer: hidden layer, counted from 1.
        neuron: index in the layer, from 0.
        share: α.
        key: of tasks that draw their points.

    Returns:
        A symmetric matrix of what the neuron reads (its bias last) and of its output weights.

    Raises:
        InputError: as `split_inertia`.

    Example:
        >>> from simplebias.core import Regression
        >>> network = TwoLayer(2, 1, 3, key=jax.random.key(0))
        >>> split_block(network, Regression([[0.0, 1.0], [1.0, 0.5]], [0.0, 1.0])).shape  # two inputs, bias, output
        (4, 4)
    """
    if not isinstance(network, MLP | TwoLayer):
        raise InputError("a TwoLayer or MLP", f"a {type(network).__name__}", "Split it and take its inertia instead.")
    check_positive(layer, "layer", integer=True)
    check_positive(neuron, "neuron", integer=True, zero=True)
    if layer >= len(network.layers):
        raise InputError(f"layer from 1 to {len(network.layers) - 1}", repr(layer))
    if neuron >= network.layers[layer - 1].weight.shape[0]:
        raise InputError(f"neuron below {network.layers[layer - 1].weight.shape[0]}", repr(neuron))
    check_positive(abs(share) if isinstance(share, float | int) else share, "share", zero=True)
    with in_precision("float64"):
        surface = open_surface(network, task, key=key)
        curved, sloped = (np.asarray(one) for one in _probe(surface, layer - 1, int(neuron)))
    empty = np.zeros((len(sloped), len(sloped)))
    return np.block([[share * (1 - share) * (curved + curved.T) / 2, sloped.T], [sloped, empty]])


class _Probed(eqx.Module):
    """A dense network whose layer after a neuron gets features of that neuron besides, with weights to be varied."""

    network: MLP | TwoLayer
    first: Array
    second: Array
    layer: int = eqx.field(static=True)
    neuron: int = eqx.field(static=True)

    def __call__(self, point: Point) -> Array:
        """Output at one point."""
        layers, function = self.network.layers, find_activation(self.network.activation)
        h = point
        for layer in layers[: self.layer]:
            h = function(layer(h))
        own = layers[self.layer]
        before = own(h)
        read = h if own.bias is None else jnp.append(h, 1.0)
        slope = jax.grad(lambda z: function(z))
        at = before[self.neuron]
        added = self.first @ (slope(at) * read) + jnp.einsum("ojk,j,k->o", self.second, read, read) * jax.grad(slope)(
            at
        )
        z = layers[self.layer + 1](function(before)) + added
        for layer in layers[self.layer + 2 :]:
            z = layer(function(z))
        return z


@eqx.filter_jit
def _probe(surface: Surface, layer: int, neuron: int) -> tuple[Array, Array]:
    """S and C as derivatives of the loss in the weights of probing features at 0."""
    network: Any = surface.network(surface.vector)
    own, after = network.layers[layer], network.layers[layer + 1].effective_weight
    reads = own.weight.shape[1] + (own.bias is not None)
    outputs = after.shape[0]

    def slopes(batch: Any) -> Array:
        def loss(first: Array, second: Array) -> Array:
            return surface.task.loss(_Probed(network, first, second, layer, neuron), batch, key=surface.key)

        zeros = jnp.zeros((outputs, reads)), jnp.zeros((outputs, reads, reads))
        first, second = jax.grad(loss, argnums=(0, 1))(*zeros)
        return jnp.concatenate([first[:, None], second], axis=1)

    found = surface.mean(slopes)
    return jnp.einsum("o,ojk->jk", after[:, neuron], found[:, 1:]), found[:, 0]


def counted(matrix: np.ndarray, tolerance: float) -> Inertia:
    """Inertia of a symmetric matrix, warned of where doubtful."""
    found = Inertia(np.linalg.eigvalsh(matrix), float(tolerance))
    warn_of_doubt(found, stacklevel=4)
    return found


def warn_of_doubt(found: Inertia, *, stacklevel: int) -> None:
    """Warn of eigenvalues near the tolerance, in the name of the public function so many calls above."""
    if found.doubtful.size:
        warnings.warn(
            f"the inertia {found.counts} is doubtful: {found.doubtful.size} eigenvalues lie within a factor of "
            f"{NEAR:g} of the tolerance {found.tolerance:g} of the largest (see Inertia.doubtful); choose a tolerance "
            "in a gap of the eigenvalues, or a more exact critical point",
            stacklevel=stacklevel,
        )


__all__ = ["Inertia", "inertia", "inertia_of", "split_block", "split_inertia"]
