"""The empirical neural tangent kernel of any network, `K(x, x') = ∇f(x)·∇f(x')` over all parameters.

Networks of affine layers are contracted layer by layer without a Jacobian; any other network by Jacobians of a few
points at a time. What a kernel takes in memory is known before it is computed.
"""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from simplebias.core.errors import InputError, as_points, check_choice, check_positive
from simplebias.core.types import Array, ArrayLike, Float, Network
from simplebias.frequency.layerwise import Kind, affine_layers, contract_layers, kind_of, layer_rows

METHODS = ("auto", "layerwise", "jacobian")
"""Names of the ways to compute a kernel."""
MEMORY_LIMIT = 4 * 2**30
"""Bytes above which a kernel is refused unless told otherwise."""
LAYERWISE_TILE = 512
"""Rows of a kernel computed at a time, layer by layer."""
JACOBIAN_BYTES = 128 * 2**20
"""What the Jacobian of one tile may take where the tile is not given."""
JACOBIAN_TILE = 128
"""Most points in a tile of Jacobians."""


def empirical_kernel(
    network: Network,
    points: ArrayLike,
    other: ArrayLike | None = None,
    *,
    output: int | None = None,
    method: str = "auto",
    tile: int | None = None,
    memory_limit: float | int = MEMORY_LIMIT,
) -> Float[Array, "points others"]:
    """Empirical neural tangent kernel `K(x, x') = Σ_o ∇f_o(x)·∇f_o(x')`, gradients over all parameters.

    Parameters are all floating arrays of the network, and the kernel has their precision; there is no factor of width
    or of the learning rate, and no dropout. With `method="layerwise"` it is
    `Σ_l (D_l D_l'ᵀ) ⊙ (m_l² A_l A_l'ᵀ + c_l²)`, with inputs A, sensitivities D, and multipliers m of weights and c of
    biases. That is possible where all parameters sit in affine layers (`Affine`, `equinox.nn.Linear`), each called
    once for a point: dense networks and their anti-symmetric pairs, with or without shortcuts. "auto" finds out by
    tracing the network, and else takes `"jacobian"`, which is exact for any network and far slower.

    Args:
        network: maps one point `(inputs,)` to one output `(outputs,)` or a scalar.
        points: `(points, inputs)`, along the rows.
        other: `(others, inputs)`, along the columns; `points` if None, and the kernel is then exactly symmetric.
        output: index of one output; None for the sum over all.
        method: "auto", "layerwise" or "jacobian".
        tile: points in a tile; None for one that fits.
        memory_limit: bytes that `kernel_memory` may come to.

    Returns:
        `(points, others)`, in squared units of the output per squared unit of the parameters.

    Raises:
        InputError: for bad points, an output that is not there, a method that does not fit the network, or a kernel
            that takes more memory than the limit.

    References:
        Jacot, Gabriel, Hongler, Neural tangent kernel: convergence and generalization in neural networks,
        arXiv:1806.07572.

    Example:
        >>> from simplebias.networks import TwoLayer
        >>> network = TwoLayer(2, 1, 50, key=jax.random.key(0))
        >>> x = jnp.array([[0.0, 1.0], [1.0, 0.5]])
        >>> kernel = empirical_kernel(network, x)
        >>> bool(jnp.allclose(kernel, empirical_kernel(network, x, method="jacobian"), rtol=1e-5))
        True
    """
    plan = _Plan(network, points, other, output, method, tile)
    need = plan.memory()
    check_positive(memory_limit, "memory_limit")
    if need > memory_limit:
        raise InputError(
            f"a kernel that takes at most {_gib(memory_limit)} of memory",
            f"one of {plan.rows.shape[0]} × {plan.columns.shape[0]} points that takes about {_gib(need)}",
            plan.remedy(),
        )
    compute = _layerwise if plan.method == "layerwise" else _jacobian
    return compute(plan.network, plan.rows, None if other is None else plan.columns, plan.chosen, plan.tile)


def kernel_memory(
    network: Network,
    points: ArrayLike,
    other: ArrayLike | None = None,
    *,
    output: int | None = None,
    method: str = "auto",
    tile: int | None = None,
) -> int:
    """Memory that `empirical_kernel` takes with the same arguments, at its peak, the result included.

    An estimate from shapes alone: nothing is computed.

    Args:
        network: as in `empirical_kernel`.
        points: `(points, inputs)`.
        other: `(others, inputs)`, or None.
        output: index of one output; None for all.
        method: "auto", "layerwise" or "jacobian".
        tile: points in a tile; None for one that fits.

    Returns:
        Bytes.

    Raises:
        InputError: as `empirical_kernel`, the limit apart.

    Example:
        >>> from simplebias.networks import MLP
        >>> network = MLP(1, 1, 1000, 2, key=jax.random.key(0))
        >>> kernel_memory(network, jnp.linspace(-1, 1, 5000)) < 2 * 2**30
        True
    """
    return _Plan(network, points, other, output, method, tile).memory()


class _Plan:
    """What is to be computed, checked at the door, and what it takes."""

    def __init__(
        self,
        network: Network,
        points: ArrayLike,
        other: ArrayLike | None,
        output: int | None,
        method: str,
        tile: int | None,
    ):
        check_choice(method, "method", METHODS)
        self.network = eqx.nn.inference_mode(network)
        parameters = jax.tree.leaves(eqx.filter(self.network, eqx.is_inexact_array))
        if not parameters:
            raise InputError("a network with parameters, floating arrays in its PyTree", "none", _PARTIAL)
        if any(jnp.iscomplexobj(leaf) for leaf in parameters):
            raise InputError("real parameters", "complex ones", "Split them into real and imaginary parts.")
        self.parameters = sum(leaf.size for leaf in parameters)
        dtype = jnp.result_type(*parameters)
        self.rows = as_points(points).astype(dtype)
        self.columns = self.rows if other is None else as_points(other, "other").astype(dtype)
        if self.columns.shape[1] != self.rows.shape[1]:
            raise InputError(f"other points with {self.rows.shape[1]} inputs", f"{self.columns.shape[1]} inputs")
        point = jax.ShapeDtypeStruct(self.rows.shape[1:], dtype)
        kind = kind_of(self.network, point)
        self.itemsize, self.chosen = max(dtype.itemsize, kind.dtype.itemsize), _outputs(output, kind.outputs)
        self.method = _method(self.network, kind, method)
        self.tile = self._fitting_tile() if tile is None else tile
        check_positive(self.tile, "tile", integer=True)
        self.tile = min(int(self.tile), max(self.rows.shape[0], self.columns.shape[0]))

    def _fitting_tile(self) -> int:
        if self.method == "layerwise":
            return LAYERWISE_TILE
        one = self.itemsize * self.parameters * len(self.chosen)
        return max(1, min(JACOBIAN_TILE, JACOBIAN_BYTES // one))

    def memory(self) -> int:
        rows, columns = self.rows.shape[0], self.columns.shape[0]
        kernels = 3 * (rows + self.tile) * (columns + self.tile)
        if self.method == "jacobian":
            # two Jacobians, and the one that is being computed thrice: by point, by output, and flat
            return self.itemsize * (kernels + 5 * self.tile * len(self.chosen) * self.parameters)
        widths = sum(sum(layer.weight.shape) for layer in affine_layers(self.network))
        kernels += (rows + self.tile) * (columns + self.tile) if len(self.chosen) > 1 else 0
        points = rows + (0 if self.rows is self.columns else columns)
        return self.itemsize * (kernels + 3 * points * widths + 4 * self.tile**2)

    def remedy(self) -> str:
        ways = ["Take fewer points, or blocks of the kernel by `other`,"]
        if self.method == "jacobian":
            ways.append("a smaller tile,")
            ways += ["one output," if len(self.chosen) > 1 else ""]
        return " ".join([*filter(None, ways), "or raise memory_limit."])


_PARTIAL = "Make the network an Equinox module; parameters that a function closes over are not seen."


def _gib(size: float | int) -> str:
    return f"{size / 2**30:.2f} GiB"


def _outputs(output: int | None, count: int) -> tuple[int, ...]:
    if output is None:
        return tuple(range(count))
    if isinstance(output, bool) or not isinstance(output, int) or not 0 <= output < count:
        raise InputError(f"output as a whole number 0 … {count - 1}, or None for all", repr(output))
    return (output,)


def _method(network: Network, kind: Kind, method: str) -> str:
    if method == "jacobian":
        return method
    if kind.layerwise:
        return "layerwise"
    if method == "layerwise":
        raise InputError(
            "a network whose parameters all sit in affine layers that are called once for a point",
            f"a {type(network).__name__}",
            "Use method='jacobian'.",
        )
    return "jacobian"


@eqx.filter_jit
def _layerwise(network: Network, rows: Array, columns: Array | None, chosen: tuple[int, ...], tile: int) -> Array:
    def one(output: Array) -> Array:
        left = layer_rows(network, rows, output)
        right = None if columns is None else layer_rows(network, columns, output)
        return _tiled(lambda a: a, lambda a, b: contract_layers(network, a, b), left, right, tile)

    if len(chosen) == 1:
        return one(jnp.asarray(chosen[0]))
    first, rest = jnp.asarray(chosen[0]), jnp.asarray(chosen[1:])
    return jax.lax.scan(lambda total, output: (total + one(output), None), one(first), rest)[0]


@eqx.filter_jit
def _jacobian(network: Network, rows: Array, columns: Array | None, chosen: tuple[int, ...], tile: int) -> Array:
    parameters, static = eqx.partition(network, eqx.is_inexact_array)

    def outputs(parameters: Any, point: Array) -> Array:
        return jnp.ravel(eqx.combine(parameters, static)(point))[jnp.asarray(chosen)]

    def jacobian(points: Array) -> list[Array]:
        leaves = jax.tree.leaves(jax.vmap(jax.jacrev(outputs), in_axes=(None, 0))(parameters, points))
        return [leaf.reshape(leaf.shape[0], -1) for leaf in leaves]

    def contract(left: list[Array], points: Array) -> Array:
        return sum((a @ b.T for a, b in zip(left, jacobian(points), strict=True)), jnp.zeros((), rows.dtype))

    return _tiled(jacobian, contract, rows, columns, tile)


def _tiled(
    prepare: Callable[[Any], Any], contract: Callable[[Any, Any], Array], left: Any, right: Any | None, tile: int
) -> Array:
    """A matrix in tiles; with `right` None it is symmetric, and the half below the diagonal is mirrored."""
    lefts, rows = _cut(left, tile)
    rights, columns = (lefts, rows) if right is None else _cut(right, tile)
    count_left, count_right = jax.tree.leaves(lefts)[0].shape[0], jax.tree.leaves(rights)[0].shape[0]
    size = jax.tree.leaves(lefts)[0].shape[1], jax.tree.leaves(rights)[0].shape[1]
    if count_left == count_right == 1:
        block = contract(prepare(_at(lefts, 0)), _at(rights, 0))
        return block if right is not None else (block + block.T) / 2
    dtype = jnp.result_type(*jax.tree.leaves(left))

    def row(index: Array) -> Array:
        prepared = prepare(_at(lefts, index))

        def block(other: Array) -> Array:
            def make() -> Array:
                return contract(prepared, _at(rights, other)).astype(dtype)

            return make() if right is not None else jax.lax.cond(other >= index, make, lambda: jnp.zeros(size, dtype))

        return jnp.moveaxis(jax.lax.map(block, jnp.arange(count_right)), 0, 1).reshape(size[0], -1)

    whole = jax.lax.map(row, jnp.arange(count_left)).reshape(count_left * size[0], -1)[:rows, :columns]
    return whole if right is not None else jnp.triu(whole) + jnp.triu(whole, 1).T


def _at(tiles: Any, index: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf[index], tiles)


def _cut(tree: Any, tile: int) -> tuple[Any, int]:
    """Arrays `(rows, …)` as `(tiles, tile, …)` of even size, the last one filled up with copies of the first row."""
    rows = jax.tree.leaves(tree)[0].shape[0]
    tiles = math.ceil(rows / tile)
    size = math.ceil(rows / tiles)

    def cut(leaf: Array) -> Array:
        fill = jnp.broadcast_to(leaf[:1], (tiles * size - rows, *leaf.shape[1:]))
        return jnp.concatenate([leaf, fill]).reshape(tiles, size, *leaf.shape[1:])

    return jax.tree.map(cut, tree), rows
