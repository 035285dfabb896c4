"""Ritz-Galerkin with few samples of the source, and the solution it tends to as its basis grows: Green's functions."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import scipy.linalg

from simplebias.core.errors import InputError, as_points, as_values, check_choice, check_positive
from simplebias.core.types import Array, ArrayLike, Float, Int, Output, Point, Points
from simplebias.pde.domains import Box, Lattice

BASES = ("sine", "hat")


class RitzGalerkin(eqx.Module):
    """A solution `u = Σ_i c_i ψ_i` of `-Δu = f`, called on one point like a network. Made by `ritz_galerkin`.

    Args:
        box: the domain.
        basis: `"sine"` or `"hat"`.
        coefficients: c, `(functions,)`, in the unit of u.
        modes: of the sine functions, `(functions, inputs)`; unused for hats.

    Example:
        >>> half = RitzGalerkin(Box(0, 1), "sine", jnp.array([2.0]), jnp.array([[1]]))
        >>> half(jnp.array([0.5])).tolist()
        [2.0]
    """

    box: Box
    basis: str = eqx.field(static=True)
    coefficients: Float[Array, " functions"]
    modes: Int[Array, "functions inputs"]

    def __call__(self, point: Point) -> Output:
        """The solution at one point, `(1,)`."""
        low, sides = jnp.asarray(self.box.low, point.dtype), jnp.asarray(self.box.sides, point.dtype)
        place = (point - low) / sides
        if self.basis == "sine":
            values = jnp.prod(jnp.sin(jnp.pi * self.modes * place), axis=1)
        else:
            count = len(self.coefficients)
            values = jnp.maximum(0.0, 1.0 - jnp.abs(place[0] * (count + 1) - jnp.arange(1, count + 1)))
        return jnp.sum(self.coefficients * values, keepdims=True)


class GreenSum(eqx.Module):
    """`u(x) = (|Ω|/n) Σ_j f(x_j) G(x, x_j)` on an interval, called on one point. Made by `ritz_galerkin_limit`.

    Args:
        box: an interval.
        samples: x_j, `(samples,)`.
        weights: `(|Ω|/n) f(x_j)`, `(samples,)`, the force that acts at each sample.

    Example:
        >>> GreenSum(Box(0, 1), jnp.array([0.5]), jnp.array([4.0]))(jnp.array([0.25])).tolist()
        [0.5]
    """

    box: Box
    samples: Float[Array, " samples"]
    weights: Float[Array, " samples"]

    def __call__(self, point: Point) -> Output:
        """The solution at one point, `(1,)`."""
        (low,), (high,) = self.box.low, self.box.high
        left, right = jnp.minimum(point, self.samples), jnp.maximum(point, self.samples)
        return jnp.sum(self.weights * (left - low) * (high - right) / (high - low), keepdims=True)


def ritz_galerkin(box: Box, points: ArrayLike, source: ArrayLike, *, count: int, basis: str = "sine") -> RitzGalerkin:
    """Ritz-Galerkin for `-Δu = f`, u = 0 on the boundary, with f known at n points only.

    `Σ_j ⟨∇ψ_i, ∇ψ_j⟩ c_j = (|Ω|/n) Σ_j f(x_j) ψ_i(x_j)`: the right side is a mean over the samples, that is, f is
    replaced by forces at them. The sines `Π sin(k_a π (x_a - low_a) / L_a)` are orthogonal, so each coefficient is one
    division; hats on an interval make one tridiagonal system.

    Args:
        box: the domain.
        points: x_j, `(samples, inputs)`, or `(samples,)` for one input.
        source: f(x_j), `(samples,)`.
        count: basis functions along each input.
        basis: `"sine"` in any dimension, `"hat"` on an interval.

    Returns:
        The solution, a function of one point.

    Raises:
        InputError: for samples outside the domain, hats in more dimensions, or anything that does not fit.

    References:
        Wang, Xu, Zhang, Zhang, arXiv:2002.07989.

    Example:
        >>> solution = ritz_galerkin(Box(0, 1), [0.5], [4.0], count=1)
        >>> round(float(solution(jnp.array([0.5]))[0]), 4)  # 8 / π²
        0.8106
    """
    check_choice(basis, "basis", BASES)
    check_positive(count, "count", integer=True)
    where, what = _samples(box, points, source)
    if basis == "hat":
        return _hats(box, where, what, int(count))
    modes = Lattice(box, int(count) + 1).modes
    angles = np.pi * (where - np.array(box.low)) / np.array(box.sides)
    coefficients = np.empty(len(modes))
    for first in range(0, len(modes), 4096):
        block = modes[first : first + 4096]
        values = np.prod(np.sin(block[:, None, :] * angles), axis=2)
        stiffness = np.sum((np.pi * block / np.array(box.sides)) ** 2, axis=1) * box.volume / 2**box.inputs
        coefficients[first : first + 4096] = box.volume / len(where) * (values @ what) / stiffness
    return RitzGalerkin(box, basis, jnp.asarray(coefficients, dtype=float), jnp.asarray(modes))


def ritz_galerkin_limit(box: Box, points: ArrayLike, source: ArrayLike) -> GreenSum:
    """What Ritz-Galerkin tends to as its basis grows: `(|Ω|/n) Σ_j f(x_j) G(x, x_j)`, on an interval.

    `G(x, y) = (x - low)(high - y) / L` for x ≤ y and symmetric, so the limit is piecewise linear, with kinks exactly at
    the samples. In more dimensions G is infinite at the samples and there is no continuous limit.

    Args:
        box: an interval.
        points: x_j, `(samples,)`.
        source: f(x_j), `(samples,)`.

    Returns:
        The limit, a function of one point.

    Raises:
        InputError: for more than one input, samples outside the domain, or anything that does not fit.

    References:
        Wang, Xu, Zhang, Zhang, arXiv:2002.07989.

    Example:
        >>> float(ritz_galerkin_limit(Box(0, 1), [0.5], [4.0])(jnp.array([0.5]))[0])
        1.0
    """
    if box.inputs != 1:
        raise InputError("an interval", f"{box.inputs} inputs", "In more dimensions the limit is infinite at samples.")
    where, what = _samples(box, points, source)
    weights = box.volume / len(where) * what
    return GreenSum(box, jnp.asarray(where[:, 0], dtype=float), jnp.asarray(weights, dtype=float))


def _samples(box: Box, points: Any, source: Any) -> tuple[np.ndarray, np.ndarray]:
    where: Points = as_points(points)
    what = as_values(source, where.shape[0], "source")
    if where.shape[1] != box.inputs or what.shape[1] != 1:
        raise InputError(f"samples with {box.inputs} inputs and one value", f"{where.shape} and {what.shape}")
    host = np.asarray(points, float).reshape(where.shape) if not hasattr(points, "detach") else np.asarray(where, float)
    outside = int(np.any((host <= box.low) | (host >= box.high), axis=1).sum())
    if outside:
        raise InputError("samples inside the domain", f"{outside} outside or on the boundary", f"It is {box}.")
    return host, np.asarray(what, float)[:, 0]


def _hats(box: Box, where: np.ndarray, what: np.ndarray, count: int) -> RitzGalerkin:
    if box.inputs != 1:
        raise InputError("an interval for hat functions", f"{box.inputs} inputs", "Use basis='sine'.")
    width = box.sides[0] / (count + 1)
    nodes = box.low[0] + width * np.arange(1, count + 1)
    values = np.maximum(0, 1 - np.abs(where[:, 0] - nodes[:, None]) / width)
    bands = np.stack([np.full(count, -1.0), np.full(count, 2.0)]) / width
    bands[0, 0] = 0
    found = scipy.linalg.solveh_banded(bands, box.volume / len(what) * values @ what)
    return RitzGalerkin(box, "hat", jnp.asarray(found, dtype=float), jnp.arange(1, count + 1)[:, None])
