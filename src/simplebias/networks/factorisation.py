"""A matrix as a product of two trained factors, as a network: called on the place of one entry."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from simplebias.core.errors import InputError, check_positive
from simplebias.core.types import Array, Float, Key, Output


class MatrixFactorisation(eqx.Module):
    """`f(i, j) = (A B)_ij`, the network of matrix completion: its points are places, its values entries.

    Args:
        rows: of the matrix.
        columns: of the matrix.
        rank: inner size of the factors; the smaller side of the matrix by default, so that any matrix can be had.
        std: standard deviation of all entries of both factors, Gaussian.
        key: random key of the factors.
        dtype: of the factors; JAX's default float if None.

    Raises:
        InputError: for sizes that are not whole numbers > 0, or a std that is not positive.

    References:
        Zhang, Zhang, Zhang, Bai, Luo, Xu, Optimistic estimate uncovers the potential of nonlinear models,
        arXiv:2307.08921.

    Example:
        >>> network = MatrixFactorisation(4, 3, std=0.1, key=jax.random.key(0))
        >>> jax.vmap(network)(network.places).shape, network.matrix.shape
        ((12, 1), (4, 3))
    """

    left: Float[Array, "rows rank"]
    right: Float[Array, "rank columns"]

    def __init__(
        self,
        rows: int,
        columns: int,
        rank: int | None = None,
        *,
        std: float | int = 1.0,
        key: Key,
        dtype: Any = None,
    ):
        inner = min(rows, columns) if rank is None else rank
        for name, size in (("rows", rows), ("columns", columns), ("rank", inner)):
            check_positive(size, name, integer=True)
        check_positive(std, "std")
        kind = jnp.dtype(jnp.result_type(float) if dtype is None else dtype)
        # in float32 first, so that a key means one network in every precision
        drawn = jax.random.normal(key, ((rows + columns) * inner,), jnp.float32).astype(kind) * std
        self.left = drawn[: rows * inner].reshape(rows, inner)
        self.right = drawn[rows * inner :].reshape(inner, columns)

    def __call__(self, point: Array) -> Output:
        """The entry at one place `(row, column)`, counted from 0."""
        if point.shape != (2,):
            raise InputError(
                "one place of shape (2,), row and column",
                f"shape {tuple(point.shape)}",
                "For many places use jax.vmap(network).",
            )
        row, column = point.astype(jnp.int32)
        return (self.left[row] @ self.right[:, column])[None]

    @property
    def matrix(self) -> Float[Array, "rows columns"]:
        """The product of both factors."""
        return self.left @ self.right

    @property
    def places(self) -> Float[Array, "places coordinates"]:
        """Places of all entries, row by row, as points."""
        shape = self.left.shape[0], self.right.shape[1]
        return jnp.indices(shape).reshape(2, -1).T.astype(self.left.dtype)


__all__ = ["MatrixFactorisation"]
