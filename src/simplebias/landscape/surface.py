"""The loss as a function of all parameters at once: what Hessians and critical points are made of."""

import warnings
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from simplebias.core.errors import InputError, check_choice, check_positive, is_traced
from simplebias.core.sobolev import ShowsSmoothness
from simplebias.core.task import Task
from simplebias.core.types import Array, ArrayLike, Float, Key, Network, Point, PyTree, Scalar

PARTS = ("whole", "gauss-newton", "remainder")
"""Parts of a Hessian: `H = H⁽¹⁾ + H⁽²⁾`, with the Gauss–Newton part `H⁽¹⁾` and the remainder `H⁽²⁾`."""
PRECISIONS = ("float64", "float32")
"""In which a Hessian may be computed."""
BLOCK = 512
"""Points that a Hessian works on at a time: what they need fits into the cache of a processor."""
DENSE_BLOCK = 128
"""The same for a dense Hessian, which works on many columns at once."""
BLOCKS_APART = 1e-4
"""By how much, relative, the loss of all points may differ from the mean of its blocks: rounding in float32."""


class Linearised(eqx.Module):
    """A network made linear in its parameters: `f(x; θ) + ∂f(x; θ)/∂θ · δ`, of which δ is varied.

    The Hessian in δ of any loss of it is the Gauss–Newton part of the Hessian of that loss.
    """

    parameters: PyTree
    change: PyTree
    rest: PyTree

    def __call__(self, point: Point) -> Array:
        """Output at one point."""
        network = lambda parameters: eqx.combine(parameters, self.rest)(point)
        output, along = jax.jvp(network, (self.parameters,), (self.change,))
        return output + along

    @property
    def largest_derivative(self) -> int | None:
        """That of the network, of which the first derivative in the parameters has one less."""
        return _largest_derivative(eqx.combine(self.parameters, self.rest))

    @property
    def activation(self) -> Any:
        """That of the network, for messages."""
        return getattr(eqx.combine(self.parameters, self.rest), "activation", None)


class Surface(eqx.Module):
    """The mean loss of a network over a whole task as a function of the vector of its parameters, dropout off.

    Args:
        parameters: the tree of floating arrays, at the point looked at.
        rest: all else of the network.
        task: what it is asked to do.
        key: of tasks that draw their points.
        block: points taken at a time.
    """

    parameters: PyTree
    rest: PyTree
    task: Task
    key: Key
    block: int = eqx.field(static=True)

    @property
    def vector(self) -> Float[Array, " parameters"]:
        """The parameters as one vector."""
        return ravel_pytree(self.parameters)[0]

    def tree(self, vector: Array) -> PyTree:
        """A vector as the tree of parameters."""
        return ravel_pytree(self.parameters)[1](vector)

    def network(self, vector: Array) -> Network:
        """The network with other parameters."""
        return eqx.combine(self.tree(vector), self.rest)

    def loss(self, vector: Array) -> Scalar:
        """Mean loss."""
        return self.mean(lambda batch: self._loss(vector, batch))

    def gradient(self, vector: Array) -> Array:
        """Of the mean loss."""
        return self.mean(lambda batch: jax.grad(self._loss)(vector, batch))

    def product(self, vector: Array, direction: Array, part: str) -> Array:
        """A part of the Hessian times a direction, forward over reverse."""
        return self.mean(lambda batch: self._product(vector, direction, batch, part))

    def mean(self, of_batch: Callable[[Any], Array]) -> Array:
        """Mean over all points of what depends on a batch as its mean loss does, block by block."""
        points = self.task.size
        size = block_size(points, self.block)
        if size == points:
            return of_batch(self.task.batch(None, key=self.key))
        whole = points // size
        rows = jnp.arange(whole * size).reshape(whole, size)
        take = lambda rows: of_batch(self.task.batch(rows, key=self.key))
        start = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(take, rows[0]))
        total = jax.lax.scan(lambda sum_, rows: (sum_ + take(rows), None), start, rows)[0] * (size / points)
        left = points - whole * size
        return total + take(jnp.arange(whole * size, points)) * (left / points) if left else total

    def _loss(self, vector: Array, batch: Any) -> Scalar:
        return self.task.loss(self.network(vector), batch, key=self.key)

    def _linear_loss(self, network: Linearised, batch: Any) -> Scalar:
        try:
            return self.task.loss(network, batch, key=self.key)
        except InputError:
            raise
        except (AttributeError, TypeError, ValueError) as error:
            raise InputError(
                "a task that looks at nothing of a network but its outputs, for the parts of a Hessian",
                f"{type(self.task).__name__} ({str(error).splitlines()[0]})",
                "Take part='whole'.",
            ) from error

    def _product(self, vector: Array, direction: Array, batch: Any, part: str) -> Array:
        if part == "remainder":
            whole, rest = (self._product(vector, direction, batch, name) for name in PARTS[:2])
            return whole - rest
        if part == "whole":
            slope, place = lambda at: jax.grad(self._loss)(at, batch), vector
        else:
            here = self.tree(vector)

            def linear(change: Array) -> Scalar:
                return self._linear_loss(Linearised(here, self.tree(change), self.rest), batch)

            slope, place = jax.grad(linear), jnp.zeros_like(vector)
        return jax.jvp(slope, (place,), (direction,))[1]


def block_size(points: int, block: int) -> int:
    """Points of a block: a divisor of their number where one is near, so that no odd block is left."""
    if points <= block:
        return points
    near = [size for size in range(block, block // 4, -1) if points % size == 0]
    return near[0] if near else block


def parameter_vector(network: Network) -> Float[np.ndarray, " parameters"]:
    """All parameters of a network as one vector, in the order of rows of its Hessian.

    Args:
        network: its floating arrays are the parameters.

    Returns:
        `(parameters,)` float64 numbers.

    Raises:
        InputError: for a network without parameters, or complex ones.

    Example:
        >>> from simplebias.networks import TwoLayer
        >>> parameter_vector(TwoLayer(2, 1, 5, key=jax.random.key(0))).shape
        (20,)
    """
    leaves = _parameters(network)
    return np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in leaves])


def parameter_tree(network: Network, vector: ArrayLike) -> PyTree:
    """A vector in the space of parameters, such as an eigenvector, as a tree of the network's shapes.

    Args:
        network: its floating arrays are the parameters.
        vector: `(parameters,)`, in the order of `parameter_vector`.

    Returns:
        The tree of NumPy arrays of float64, None where the network has no parameter.

    Raises:
        InputError: if the vector has another length, or is not finite.

    Example:
        >>> from simplebias.networks import TwoLayer
        >>> network = TwoLayer(2, 1, 5, key=jax.random.key(0))
        >>> parameter_tree(network, parameter_vector(network)).layers[0].weight.shape
        (5, 2)
    """
    leaves = _parameters(network)
    ends = np.cumsum([leaf.size for leaf in leaves])
    given = np.asarray(vector, np.float64)
    if given.shape != (ends[-1],):
        raise InputError(f"a vector of shape ({ends[-1]},), one number per parameter", f"shape {given.shape}")
    finite(given, "vector")
    parts = [part.reshape(leaf.shape) for part, leaf in zip(np.split(given, ends[:-1]), leaves, strict=True)]
    return jax.tree.unflatten(jax.tree.structure(eqx.filter(network, eqx.is_inexact_array)), parts)


def with_parameters(network: Network, vector: ArrayLike) -> Network:
    """A network with other parameters, in the precision of its own.

    Args:
        network: its floating arrays are the parameters.
        vector: `(parameters,)`, in the order of `parameter_vector`.

    Returns:
        The network.

    Raises:
        InputError: as `parameter_tree`.
    """

    def replaced(leaf: Array, new: np.ndarray) -> Array:
        with jax.enable_x64(leaf.dtype.itemsize == 8):
            return jnp.asarray(new, leaf.dtype)

    parameters, rest = eqx.partition(network, eqx.is_inexact_array)
    return eqx.combine(jax.tree.map(replaced, parameters, parameter_tree(network, vector)), rest)


def finite(array: np.ndarray, name: str, remedy: str = "Remove or replace what is not finite.") -> np.ndarray:
    """A NumPy array, refused unless all of it is finite."""
    bad = int(np.size(array) - np.isfinite(array).sum())
    if bad:
        raise InputError(f"a finite {name}", f"{bad} NaN or infinite entries", remedy)
    return array


def widened(tree: Any) -> Any:
    """A tree with its floating arrays in float64; to be called where JAX is set to 64 bits."""
    return jax.tree.map(
        lambda leaf: jnp.asarray(np.asarray(leaf), jnp.float64) if eqx.is_inexact_array(leaf) else leaf, tree
    )


def open_surface(
    network: Network,
    task: Task,
    *,
    key: Key | None = None,
    precision: str = "float64",
    block: int = BLOCK,
    second: bool = True,
) -> Surface:
    """The surface of a network and a task, checked at the door; to be called where JAX is set to the precision.

    Args:
        network: any callable PyTree.
        task: any.
        key: of tasks that draw their points.
        precision: one of `PRECISIONS`.
        block: points taken at a time.
        second: whether second derivatives are wanted, so that a piecewise linear network gets a warning.

    Returns:
        The surface at the network's parameters.

    Raises:
        InputError: for what is no network with finite real parameters, no task, or a loss that is no mean over points.
    """
    check_choice(precision, "precision", PRECISIONS)
    check_positive(block, "block", integer=True)
    if not isinstance(task, Task):
        raise InputError("a Task", type(task).__name__, "Make one of your data, such as Regression(points, values).")
    leaves = _parameters(network)
    for leaf in leaves:
        finite(np.asarray(leaf), "network", "The training diverged.")
    if second:
        _warn_of_pieces(network)
    quiet = eqx.nn.inference_mode(network)
    if precision == "float64":
        quiet, task = widened(quiet), widened(task)
    elif any(leaf.dtype.itemsize > 4 for leaf in leaves):
        raise InputError("a network of float32 for precision='float32'", "float64", "Use precision='float64'.")
    parameters, rest = eqx.partition(quiet, eqx.is_inexact_array)
    surface = Surface(parameters, rest, task, jax.random.key(0) if key is None else key, int(block))
    if block_size(task.size, surface.block) < task.size:
        _check_blocks(surface)
    return surface


def _check_blocks(surface: Surface) -> None:
    whole, blocks = (float(one) for one in _both_losses(surface))
    if not abs(whole - blocks) <= BLOCKS_APART * max(abs(whole), np.finfo(np.float32).tiny):
        raise InputError(
            "a task whose loss is the mean over its points, or one block",
            f"a loss of {whole:g}, and a mean of {blocks:g} over blocks of {surface.block} points",
            f"Set block={surface.task.size} to take all points at once.",
        )


@eqx.filter_jit
def _both_losses(surface: Surface) -> tuple[Array, Array]:
    batch = surface.task.batch(None, key=surface.key)
    return surface.task.loss(surface.network(surface.vector), batch, key=surface.key), surface.loss(surface.vector)


def _parameters(network: Network) -> list[Any]:
    leaves = jax.tree.leaves(eqx.filter(network, eqx.is_inexact_array))
    if not leaves:
        raise InputError(
            "a network with parameters, floating arrays in its PyTree",
            f"a {type(network).__name__} without",
            "Make the network an Equinox module; parameters that a function closes over are not seen.",
        )
    if any(map(is_traced, leaves)):
        raise InputError("a network with known numbers", "one traced by jit or vmap", "Call this outside of jit.")
    if any(jnp.iscomplexobj(leaf) for leaf in leaves):
        raise InputError("real parameters", "complex ones", "Split them into real and imaginary parts.")
    return leaves


def _largest_derivative(network: Network) -> int | None:
    return network.largest_derivative if isinstance(network, ShowsSmoothness) else None


def _warn_of_pieces(network: Network) -> None:
    largest = _largest_derivative(network)
    if largest is not None and largest < 2:
        warnings.warn(
            f"the activation {getattr(network, 'activation', '')!r} is smooth only piece by piece: this Hessian holds "
            "within a piece and leaves out the kinks between them, so its inertia and its zeros say little; take a "
            "smooth activation such as 'tanh' or 'softplus'",
            stacklevel=4,
        )
