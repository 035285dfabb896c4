"""Subspace decomposition: a coarse network and fine ones, kept from saying the same."""

import itertools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, check_choice
from simplebias.core.snapshot import wants_key
from simplebias.core.types import Array, ArrayLike, Float, Key, Network, Output, Points, Scalar

KINDS = ("mean", "pointwise", "gradients")
"""Kinds of the orthogonality term."""


class SubspaceNet(eqx.Module):
    """A sum of a coarse network and fine ones, `u(x) = N_c(x) + Σ_j α_j N_j(x)`.

    The coarse part is a plain network or has small scales, the fine ones have large scales. `orthogonality` is what is
    added to a loss so that they do not share a function between them.

    Args:
        coarse: N_c.
        fine: N_j, one network or several.
        contributions: fixed factors α_j, about the size of the fine part of the solution over the coarse one.

    Raises:
        InputError: for no fine network, or factors that are not as many, finite and not 0.

    References:
        Li, Xu, Zhang, Subspace decomposition based DNN algorithm for elliptic type multi-scale PDEs, arXiv:2112.06660.

    Example:
        >>> from simplebias.networks import MLP, MultiScale
        >>> first, second = jax.random.split(jax.random.key(0))
        >>> fine = MultiScale(1, 1, 30, 2, scales=(20, 40, 80), activation="sin", key=second)
        >>> network = SubspaceNet(MLP(1, 1, 20, 2, key=first), fine, contributions=0.05)
        >>> network(jnp.ones(1)).shape, network.parts(jnp.ones(1)).shape
        ((1,), (2, 1))
    """

    coarse: Network
    fine: tuple[Network, ...]
    contributions: tuple[float, ...] = eqx.field(static=True)

    def __init__(self, coarse: Network, fine: Any, *, contributions: ArrayLike = None):
        self.coarse, self.fine = coarse, tuple(fine) if isinstance(fine, tuple | list) else (fine,)
        if not self.fine:
            raise InputError("at least one fine network", "none")
        factors = np.ones(len(self.fine)) if contributions is None else np.atleast_1d(np.asarray(contributions, float))
        if factors.shape != (len(self.fine),) or not np.isfinite(factors).all() or not factors.all():
            raise InputError(f"{len(self.fine)} finite contributions that are not 0", repr(contributions))
        self.contributions = tuple(factors.tolist())

    def parts(self, point: Array, *, key: Key | None = None) -> Float[Array, "parts outputs"]:
        """What each part adds to the output at one point, the coarse one first, factors included."""
        networks, factors = (self.coarse, *self.fine), (1.0, *self.contributions)
        keys = (None,) * len(networks) if key is None else tuple(jax.random.split(key, len(networks)))
        found = [
            factor * jnp.atleast_1d(one(point, key=each) if wants_key(one) else one(point))
            for one, factor, each in zip(networks, factors, keys, strict=True)
        ]
        shapes = {part.shape for part in found}
        if len(shapes) > 1:
            raise InputError("parts of one number of outputs", f"shapes {sorted(shapes)}")
        return jnp.stack(found)

    def __call__(self, point: Array, *, key: Key | None = None) -> Output:
        """Sum of all parts at one point."""
        return self.parts(point, key=key).sum(axis=0)

    @property
    def largest_derivative(self) -> int | None:
        """The least of all parts; None where every order of derivatives is a function."""
        orders = [getattr(one, "largest_derivative", None) for one in (self.coarse, *self.fine)]
        return min((order for order in orders if order is not None), default=None)

    def negated(self) -> "SubspaceNet":
        """A copy with the output layers negated, sharing no array."""
        copied = jax.tree.map(lambda leaf: jnp.copy(leaf) if eqx.is_array(leaf) else leaf, self)
        parts = (copied.coarse.negated(), tuple(one.negated() for one in copied.fine))
        return eqx.tree_at(lambda one: (one.coarse, one.fine), copied, parts)


def orthogonality(
    network: SubspaceNet,
    points: Points,
    *,
    kind: str = "mean",
    coefficient: Callable[[Array], Array] | None = None,
    key: Key | None = None,
) -> Scalar:
    """How far the parts of a subspace network are from orthogonal, summed over all pairs; to be added to a loss.

    With p and q two parts, factors included: `mean`, `(E p·q)²`, is the square of their inner product, zero for
    orthogonal parts; `pointwise`, `E (p·q)²`, is zero only if one of them vanishes wherever the other does not;
    `gradients`, `E (a ∇p·∇q)²`, is the pointwise one in the energy of the equation.

    Args:
        network: the parts.
        points: `(points, inputs)`, over which E is the mean.
        kind: "mean", "pointwise" or "gradients".
        coefficient: a, a function of one point, for gradients; 1 by default.
        key: for parts that drop neurons.

    Returns:
        The term, without the factor of the loss.

    Raises:
        InputError: for an unknown kind, or a coefficient that is not used.

    References:
        Li, Xu, Zhang, Subspace decomposition based DNN algorithm for elliptic type multi-scale PDEs, arXiv:2112.06660.

    Example:
        >>> waves = SubspaceNet(lambda x: jnp.sin(x), lambda x: jnp.sin(2 * x))
        >>> x = 2 * jnp.pi * jnp.arange(16.0)[:, None] / 16
        >>> round(float(orthogonality(waves, x)), 5), round(float(orthogonality(waves, x, kind="pointwise")), 5)
        (0.0, 0.25)
    """
    check_choice(kind, "kind", KINDS)
    if coefficient is not None and kind != "gradients":
        raise InputError("a coefficient for kind='gradients'", f"kind={kind!r}")

    def look(point: Array, key: Key | None) -> Array:
        def parts(x: Array) -> Array:
            return network.parts(x, key=key)

        if kind != "gradients":
            return parts(point)
        slopes = jax.jacfwd(parts)(point)
        return slopes.reshape(len(slopes), -1)

    keys = None if key is None else jax.random.split(key, len(points))
    found = jax.vmap(look, in_axes=(0, None if key is None else 0))(points, keys)
    factor = 1.0 if coefficient is None else jax.vmap(coefficient)(points).reshape(-1)
    products = [
        factor * jnp.sum(found[:, one] * found[:, other], axis=1)
        for one, other in itertools.combinations(range(found.shape[1]), 2)
    ]
    terms = [jnp.mean(each) ** 2 if kind == "mean" else jnp.mean(each**2) for each in products]
    return jnp.stack(terms).sum()


__all__ = ["KINDS", "SubspaceNet", "orthogonality"]
