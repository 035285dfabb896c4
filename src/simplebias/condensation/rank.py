"""Ranks of a model: how many samples it needs at best, and whether given samples are enough to recover a function.

At parameters θ the tangent space of a model is spanned by the functions ∂f(·; θ)/∂θ_i. Its dimension is the *model
rank*; the rank of the same derivatives at given points is the *empirical rank*. Near θ the samples fix the function
(local linear recovery) exactly if both are equal. The least model rank over all θ that give a function is its
optimistic sample size; closed forms are in `sample_size`.
"""

import warnings
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg

from simplebias.core.errors import InputError, as_points, check_positive, is_traced
from simplebias.core.types import Array, ArrayLike, Key, Network, PyTree

TOLERANCE = 1e-11
"""Singular values below this share of the largest count as zero. Rounding in float64 leaves some 1e-15."""
NEAR = 10.0
"""A singular value within this factor of the tolerance makes a rank doubtful."""
SPARE = 10
"""Points drawn beyond the number of parameters."""
BLOCK = 64
"""Points of which the derivatives are taken at once: one compilation serves any number of points."""
LARGEST = 2**28
"""Most entries of a matrix of derivatives, 2 GB in float64."""


class Rank(NamedTuple):
    """A numerical rank, and what it was read from.

    Args:
        value: number of singular values above the tolerance.
        singular_values: of the derivatives, largest first, as shares of the largest.
        tolerance: below which they count as zero.
        parameters: number of parameters.
        points: number of points.

    Example:
        >>> Rank(2, np.array([1.0, 0.5, 1e-16]), 1e-11, 4, 3).doubtful
        False
    """

    value: int
    singular_values: np.ndarray
    tolerance: float
    parameters: int
    points: int

    @property
    def doubtful(self) -> bool:
        """Whether a singular value is so near the tolerance that another one would give another rank."""
        low, high = self.tolerance / NEAR, self.tolerance * NEAR
        return bool(((self.singular_values > low) & (self.singular_values < high)).any())


class Recovery(NamedTuple):
    """Whether samples fix a function among those near it.

    Args:
        model: rank of the model.
        empirical: rank at the samples.

    No example: returned by `local_linear_recovery`.
    """

    model: Rank
    empirical: Rank

    @property
    def holds(self) -> bool:
        """Whether both ranks are equal."""
        return self.model.value == self.empirical.value


def model_rank(
    network: Network,
    points: int | ArrayLike,
    *,
    key: Key | None = None,
    std: float | int = 1.0,
    tolerance: float = TOLERANCE,
) -> Rank:
    """Model rank `R(θ) = dim span {∂f(·; θ)/∂θ_i}` of a network at its parameters.

    Read off as the numerical rank of the matrix of derivatives at many random points, in float64, where the rank at
    points in general position is that of the functions. A warning says where a singular value is near the tolerance:
    then functions are nearly dependent and the rank is one of several. Where neurons are nearly but not exactly alike,
    as after training, a tolerance of the size of their difference gives the rank of the network without it.

    Args:
        network: maps one point `(inputs,)` to one output `(outputs,)` or a scalar; its parameters are its floating
            arrays. Dense, convolutional, factorised: any PyTree.
        points: number of inputs, for standard Gaussian points, 10 more than there are parameters; or `(points, inputs)`
            of your own: where inputs are not free, such as the places of a matrix, all there are.
        key: of the random points, needed with a number.
        std: standard deviation of the random points, in units of the inputs; larger where neurons would look alike.
        tolerance: share of the largest singular value below which one counts as zero.

    Returns:
        The rank, its singular values, and whether it is doubtful.

    Raises:
        InputError: for a network without parameters, bad points or derivatives, no key, or a matrix of derivatives of
            more than 2 GB.

    References:
        Zhang, Zhang, Zhang, Bai, Luo, Xu, Linear stability hypothesis and rank stratification for nonlinear models,
        arXiv:2211.11623.

    Example:
        >>> from simplebias.networks import MatrixFactorisation
        >>> network = MatrixFactorisation(4, 4, 1, key=jax.random.key(0))
        >>> model_rank(network, network.places).value  # 2rd - r² for d = 4, r = 1, of 8 parameters
        7
    """
    if isinstance(points, int):
        check_positive(points, "points", integer=True)
        check_positive(std, "std")
        if key is None:
            raise InputError("a key for random points", "none", "Give key=jax.random.key(0), or points of your own.")
        count = _parameters(network) + SPARE
        points = std * np.asarray(jax.random.normal(key, (count, points), jnp.float32), float)
    return _rank(network, points, tolerance)


def empirical_rank(network: Network, points: ArrayLike, *, tolerance: float = TOLERANCE) -> Rank:
    """Empirical rank: that of the matrix of derivatives `∂f(x_j; θ)/∂θ_i` at given points, in float64.

    Args:
        network: as in `model_rank`.
        points: `(points, inputs)`: the samples.
        tolerance: share of the largest singular value below which one counts as zero.

    Returns:
        The rank, at most the number of points times that of outputs.

    Raises:
        InputError: as `model_rank`.

    References:
        Zhang, Zhang, Zhang, Bai, Luo, Xu, Linear stability hypothesis and rank stratification for nonlinear models,
        arXiv:2211.11623.

    Example:
        >>> from simplebias.networks import TwoLayer
        >>> network = TwoLayer(2, 1, 3, key=jax.random.key(0))
        >>> empirical_rank(network, [[0.0, 1.0], [1.0, 0.5], [0.0, 1.0]]).value
        2
    """
    return _rank(network, points, tolerance)


def local_linear_recovery(
    network: Network,
    samples: ArrayLike,
    points: int | ArrayLike | None = None,
    *,
    key: Key | None = None,
    std: float | int = 1.0,
    tolerance: float = TOLERANCE,
) -> Recovery:
    """Whether samples fix the network's function among all functions of the model near it, to first order.

    They do if the empirical rank equals the model rank: no change of parameters then changes the function and none of
    its values at the samples.

    Args:
        network: as in `model_rank`, at parameters that give the function.
        samples: `(samples, inputs)`.
        points: for the model rank, see there; as many inputs as the samples have by default.
        key: of the random points.
        std: of the random points.
        tolerance: share of the largest singular value below which one counts as zero.

    Returns:
        Both ranks, and whether they agree.

    Raises:
        InputError: as `model_rank`, or if the samples have another number of inputs than the points.

    References:
        Zhang, Zhang, Zhang, Bai, Luo, Xu, Linear stability hypothesis and rank stratification for nonlinear models,
        arXiv:2211.11623.

    Example:
        >>> from simplebias.networks import TwoLayer
        >>> key = jax.random.key(0)
        >>> network, samples = TwoLayer(2, 1, 1, key=key), jax.random.normal(key, (4, 2))
        >>> [local_linear_recovery(network, samples[:count], key=key).holds for count in (3, 4)]
        [False, True]
    """
    rows = as_points(samples, "samples")
    model = model_rank(network, rows.shape[1] if points is None else points, key=key, std=std, tolerance=tolerance)
    return Recovery(model, _rank(network, rows, tolerance))


def recovering_samples(
    network: Network, candidates: ArrayLike, *, tolerance: float = TOLERANCE
) -> tuple[np.ndarray, Rank]:
    """The fewest candidates that have the rank of all of them, taken greedily by the largest new derivative.

    Args:
        network: as in `model_rank`, with one output, at parameters that give the function.
        candidates: `(points, inputs)` to choose from.
        tolerance: share of the largest singular value below which one counts as zero.

    Returns:
        Indices of the chosen candidates, as many as the rank, each raising the rank by one in this order; and the
        empirical rank of all.

    Raises:
        InputError: as `model_rank`, or for a network of several outputs.

    Example:
        >>> from simplebias.networks import MatrixFactorisation
        >>> network = MatrixFactorisation(4, 4, 1, key=jax.random.key(0))
        >>> chosen, rank = recovering_samples(network, network.places)
        >>> len(chosen), empirical_rank(network, network.places[chosen]).value
        (7, 7)
    """
    rows = as_points(candidates, "candidates")
    matrix = _derivatives(network, rows)
    if len(matrix) != len(rows):
        raise InputError("a network with one output", f"{len(matrix) // len(rows)} outputs")
    rank = _rank_of(matrix, len(rows), tolerance)
    _, order = scipy.linalg.qr(matrix.T, mode="r", pivoting=True)  # pyright: ignore[reportAssignmentType]
    return order[: rank.value], rank


def _rank(network: Network, points: ArrayLike, tolerance: float) -> Rank:
    rows = as_points(points)
    return _rank_of(_derivatives(network, rows), len(rows), tolerance)


def _rank_of(matrix: np.ndarray, points: int, tolerance: float) -> Rank:
    check_positive(tolerance, "tolerance")
    values = np.linalg.svd(matrix, compute_uv=False)
    shares = values / values[0] if values[0] > 0 else values
    rank = Rank(int((shares > tolerance).sum()), shares, float(tolerance), matrix.shape[1], points)
    if rank.doubtful:
        warnings.warn(
            f"the rank {rank.value} is doubtful: singular values lie within a factor of {NEAR:g} of the tolerance "
            f"{tolerance:g} (see Rank.singular_values); choose a tolerance in a gap, or points spread otherwise",
            stacklevel=4,
        )
    return rank


def _parameters(network: Network) -> int:
    leaves = jax.tree.leaves(eqx.filter(network, eqx.is_inexact_array))
    if not callable(network) or not leaves:
        raise InputError("a callable network with floating arrays as parameters", type(network).__name__)
    if any(map(is_traced, leaves)):
        raise InputError("a network with known numbers", "one traced by jit or vmap", "Take ranks outside of jit.")
    return sum(leaf.size for leaf in leaves)


def _derivatives(network: Network, points: Array) -> np.ndarray:
    """Derivatives `(points · outputs, parameters)` in float64."""
    count = _parameters(network)
    if is_traced(points):
        raise InputError("points with known numbers", "points traced by jit or vmap", "Take ranks outside of jit.")
    quiet = eqx.nn.inference_mode(network)
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda leaf: _widened(leaf) if eqx.is_inexact_array(leaf) else leaf, quiet)
        rows = np.asarray(points, np.float64)
        outputs = max(int(np.prod(jax.eval_shape(wide, jnp.asarray(rows[0])).shape)), 1)
        if len(rows) * outputs * count > LARGEST:
            raise InputError(
                f"derivatives of at most {LARGEST:g} entries",
                f"{len(rows)} points × {outputs} outputs × {count} parameters",
                "Take fewer points, or a smaller network of the same kind.",
            )
        parameters, static = eqx.partition(wide, eqx.is_inexact_array)
        padded = np.concatenate([rows, np.repeat(rows[:1], -len(rows) % BLOCK, axis=0)])
        blocks = [_jacobian(static, parameters, jnp.asarray(one)) for one in padded.reshape(-1, BLOCK, rows.shape[1])]
        matrix = np.concatenate([np.asarray(one).reshape(-1, count) for one in blocks])[: len(rows) * outputs]
    if not np.isfinite(matrix).all():
        raise InputError("finite derivatives", "NaN or infinite ones", "The network has diverged, or its inputs have.")
    return matrix


def _widened(leaf: Any) -> Array:
    kind = jnp.complex128 if jnp.iscomplexobj(leaf) else jnp.float64
    return jnp.asarray(np.asarray(leaf), kind)


@eqx.filter_jit
def _jacobian(static: PyTree, parameters: PyTree, points: Array) -> Array:
    leaves, structure = jax.tree.flatten(parameters)

    def of_point(point: Array) -> Array:
        def outputs(parts: list[Array]) -> Array:
            return jnp.ravel(eqx.combine(jax.tree.unflatten(structure, parts), static)(point))

        slopes = jax.jacrev(outputs)(leaves)
        return jnp.concatenate([slope.reshape(slope.shape[0], -1) for slope in slopes], axis=1)

    return jax.vmap(of_point)(points)


__all__ = ["Rank", "Recovery", "empirical_rank", "local_linear_recovery", "model_rank", "recovering_samples"]
