"""Hessians of the loss of any network on any task: products, and dense ones of small networks, whole or in parts."""

import contextlib
from collections.abc import Generator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.sparse.linalg import LinearOperator

from simplebias.core.errors import InputError, check_choice, check_positive
from simplebias.core.task import Task
from simplebias.core.types import Array, Float, Key, Network, PyTree
from simplebias.landscape.surface import (
    BLOCK,
    DENSE_BLOCK,
    PARTS,
    Surface,
    finite,
    open_surface,
    parameter_tree,
    parameter_vector,
)

MEMORY_LIMIT = 4 * 2**30
"""Bytes above which a dense Hessian is refused unless told otherwise."""
COLUMNS = 64
"""Columns of a dense Hessian computed at a time."""
OVERFLOW = "The loss overflows here: scale data or parameters down."


@contextlib.contextmanager
def in_precision(precision: str) -> Generator[None]:
    """JAX set to 64 bits for as long as it lasts, or left as it is."""
    if precision == "float64":
        with jax.enable_x64(True):
            yield
    else:
        yield


def loss_gradient(network: Network, task: Task, *, block: int = BLOCK, key: Key | None = None) -> PyTree:
    """Gradient of the mean loss over a whole task, in float64 whatever the network's precision, dropout off.

    Args:
        network: any callable PyTree; its floating arrays are the parameters.
        task: any task whose loss is a mean over points.
        block: points taken at a time.
        key: of tasks that draw their points; a fixed one if None.

    Returns:
        A tree of the network's shapes, NumPy arrays of float64.

    Raises:
        InputError: for a network without finite real parameters, or a loss that is no mean over points.

    Example:
        >>> from simplebias.core import Regression
        >>> from simplebias.networks import TwoLayer
        >>> network = TwoLayer(1, 1, 3, key=jax.random.key(0))
        >>> gradient = loss_gradient(network, Regression([0.0, 1.0], [0.0, 1.0]))
        >>> gradient.layers[0].weight.shape
        (3, 1)
    """
    with in_precision("float64"):
        surface = open_surface(network, task, key=key, block=block, second=False)
        vector = np.asarray(_gradient(surface, surface.vector))
    return parameter_tree(network, finite(vector, "gradient", OVERFLOW))


def hessian_operator(
    network: Network,
    task: Task,
    *,
    part: str = "whole",
    precision: str = "float64",
    block: int = BLOCK,
    key: Key | None = None,
) -> LinearOperator:
    """The Hessian of the mean loss over a whole task as a SciPy linear operator, dropout off.

    `operator @ vector` is one forward pass over one reverse pass, a few times the work of a gradient; no matrix is
    made. With outputs f and the loss ℓ of a point, `H = H⁽¹⁾ + H⁽²⁾`: the Gauss–Newton part `H⁽¹⁾ = E Jᵀ (∇²ℓ) J`,
    which is positive semi-definite where ℓ is convex in f, and the remainder `H⁽²⁾ = E Σ_o ∂ℓ/∂f_o ∇²f_o`.

    Args:
        network: any callable PyTree; its floating arrays are the parameters, ordered as in `parameter_vector`.
        task: any task whose loss is a mean over points.
        part: "whole", "gauss-newton" or "remainder".
        precision: "float64", whatever that of the network, or "float32": faster, with errors of 1e-6 of the largest
            eigenvalue.
        block: points taken at a time.
        key: of tasks that draw their points; a fixed one if None.

    Returns:
        A symmetric operator of shape `(parameters, parameters)`, to be used with SciPy's solvers.

    Raises:
        InputError: for a network without finite real parameters, or a loss that is no mean over points. A network
            whose activation has kinks, such as ReLU, gets a warning.

    References:
        H⁽¹⁾ and H⁽²⁾ as in Zhang, Li, Zhang, Luo, Xu, Embedding principle: a hierarchical structure of loss landscape
        of deep neural networks, arXiv:2111.15527.

    Example:
        >>> from simplebias.core import Regression
        >>> from simplebias.networks import TwoLayer
        >>> network = TwoLayer(1, 1, 3, key=jax.random.key(0))
        >>> operator = hessian_operator(network, Regression([0.0, 1.0], [0.0, 1.0]))
        >>> operator.shape, (operator @ np.ones(9)).shape
        ((9, 9), (9,))
    """
    check_choice(part, "part", PARTS)
    with in_precision(precision):
        surface = open_surface(network, task, key=key, precision=precision, block=block)
        vector = surface.vector
    dtype = np.dtype(vector.dtype)

    def product(direction: np.ndarray) -> np.ndarray:
        with in_precision(precision):
            return np.asarray(_product(surface, vector, jnp.asarray(direction.reshape(-1), dtype), part))

    def products(directions: np.ndarray) -> np.ndarray:
        with in_precision(precision):
            rows = jnp.asarray(directions.T, dtype)
            return np.asarray(_columns(surface, vector, rows, part)).T

    # SciPy's stubs know of no keywords of the constructor
    return LinearOperator((vector.size, vector.size), matvec=product, rmatvec=product, matmat=products, dtype=dtype)  # pyright: ignore[reportCallIssue]


def hessian_product(
    network: Network,
    task: Task,
    direction: PyTree,
    *,
    part: str = "whole",
    precision: str = "float64",
    block: int = BLOCK,
    key: Key | None = None,
) -> PyTree:
    """The Hessian of the loss, or a part of it, times a direction in the space of parameters.

    For many products with one network `hessian_operator` looks at the network once.

    Args:
        network: any callable PyTree.
        task: any task whose loss is a mean over points.
        direction: a tree of the network's shapes.
        part: "whole", "gauss-newton" or "remainder", see `hessian_operator`.
        precision: "float64" or "float32".
        block: points taken at a time.
        key: of tasks that draw their points.

    Returns:
        A tree like the direction, NumPy arrays of float64.

    Raises:
        InputError: as `hessian_operator`, or for a direction of other shapes.

    Example:
        >>> from simplebias.core import Regression
        >>> from simplebias.networks import TwoLayer
        >>> network = TwoLayer(1, 1, 3, key=jax.random.key(0))
        >>> task = Regression([0.0, 1.0], [0.0, 1.0])
        >>> hessian_product(network, task, loss_gradient(network, task)).layers[0].weight.shape
        (3, 1)
    """
    operator = hessian_operator(network, task, part=part, precision=precision, block=block, key=key)
    return parameter_tree(network, operator @ direction_vector(network, direction))


def hessian(
    network: Network,
    task: Task,
    *,
    part: str = "whole",
    block: int = DENSE_BLOCK,
    memory_limit: float | int = MEMORY_LIMIT,
    key: Key | None = None,
) -> Float[np.ndarray, "parameters parameters"]:
    """The dense Hessian of the mean loss over a whole task, or a part of it, in float64, exactly symmetric.

    Args:
        network: any callable PyTree; rows are in the order of `parameter_vector`.
        task: any task whose loss is a mean over points.
        part: "whole", "gauss-newton" or "remainder", see `hessian_operator`.
        block: points taken at a time.
        memory_limit: bytes that the matrix and what is needed to find its eigenvalues may take.
        key: of tasks that draw their points.

    Returns:
        `(parameters, parameters)`.

    Raises:
        InputError: as `hessian_operator`, or if there are too many parameters.

    References:
        Zhang, Li, Zhang, Luo, Xu, Embedding principle: a hierarchical structure of loss landscape of deep neural
        networks, arXiv:2111.15527.

    Example:
        >>> from simplebias.core import Regression
        >>> from simplebias.networks import TwoLayer
        >>> network, task = TwoLayer(1, 1, 3, key=jax.random.key(0)), Regression([0.0, 1.0], [0.0, 1.0])
        >>> whole, first, second = (hessian(network, task, part=part) for part in PARTS)
        >>> bool(np.allclose(whole, first + second))
        True
    """
    check_choice(part, "part", PARTS)
    check_dense(parameter_vector(network).size, memory_limit)
    with in_precision("float64"):
        surface = open_surface(network, task, key=key, block=block)
        return dense(surface, surface.vector, part)


def check_dense(parameters: int, memory_limit: float | int = MEMORY_LIMIT) -> None:
    """Refuse a dense Hessian that does not fit into memory."""
    check_positive(memory_limit, "memory_limit")
    need = 3 * 8 * parameters**2
    if need > memory_limit:
        raise InputError(
            f"a dense Hessian that takes at most {memory_limit / 2**30:.2f} GiB with its eigenvalues",
            f"{parameters} parameters, which take {need / 2**30:.2f} GiB",
            "Use hessian_operator, extreme_eigenvalues or spectral_density, which make no matrix, or raise "
            "memory_limit.",
        )


def dense(surface: Surface, vector: Array, part: str = "whole") -> Float[np.ndarray, "parameters parameters"]:
    """The dense Hessian of a surface, some columns at a time; to be called where JAX is set to 64 bits."""
    count = vector.size
    size = min(COLUMNS, count)
    found = np.empty((count, count))
    for start in range(0, count, size):
        first = min(start, count - size)  # the last columns overlap: one compilation serves all
        rows = jnp.eye(size, count, first, dtype=vector.dtype)
        found[first : first + size] = _columns(surface, vector, rows, part)
    finite(found, "Hessian", OVERFLOW)
    return (found + found.T) / 2


def direction_vector(network: Network, direction: PyTree) -> Float[np.ndarray, " parameters"]:
    """A direction, a tree of the network's shapes, as a vector."""
    own = jax.tree.leaves(eqx.filter(network, eqx.is_inexact_array))
    given = [leaf for leaf in jax.tree.leaves(direction) if eqx.is_inexact_array(leaf)]
    shapes = [tuple(leaf.shape) for leaf in given]
    if shapes != [tuple(leaf.shape) for leaf in own]:
        raise InputError("a direction of the network's shapes", f"arrays of shapes {shapes}", "See parameter_tree.")
    vector = np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in given])
    return finite(vector, "direction")


@eqx.filter_jit
def _gradient(surface: Surface, vector: Array) -> Array:
    return surface.gradient(vector)


@eqx.filter_jit
def _product(surface: Surface, vector: Array, direction: Array, part: str) -> Array:
    return surface.product(vector, direction, part)


@eqx.filter_jit
def _columns(surface: Surface, vector: Array, directions: Array, part: str) -> Array:
    return jax.vmap(lambda direction: surface.product(vector, direction, part))(directions)
