"""Critical points: made without training, found from anywhere near, and told apart by their Hessian."""

import dataclasses
import enum
import math
import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize

from simplebias.core.errors import InputError, as_points, check_choice, check_positive
from simplebias.core.task import Classification, Regression, Task
from simplebias.core.types import Array, ArrayLike, Key, Network
from simplebias.landscape.hessian import check_dense, dense, in_precision
from simplebias.landscape.inertia import TOLERANCE, Inertia, warn_of_doubt
from simplebias.landscape.surface import DENSE_BLOCK, Surface, finite, open_surface

GRADIENT = 1e-13
"""Largest entry of the gradient at what counts as a critical point."""
LARGEST = 1e3
"""Largest weight of a finite critical point; beyond it weights are taken to run away."""
GROWN = 10.0
"""Where a search gets stuck with weights so many times larger than at its start, they are taken to run away too."""
RESTLESS = 1e-5
"""Where the gradient has vanished and Newton's step is still longer than this share of the largest weight, slopes and
curvatures die out alike on the way to infinity."""
RANK = 1e-12
"""Singular values of a Jacobian below this share of the largest count as zero."""
WAYS = ("nearest", "descend")
"""Ways to look for a critical point."""
ROUGH = 1e-6
"""Largest entry of the gradient from which on Newton's method takes over, relative to the gradient at the start."""


class Kind(enum.StrEnum):
    """What a point of the landscape is, to second order."""

    MINIMUM = "minimum"
    DEGENERATE_MINIMUM = "degenerate minimum"
    STRICT_SADDLE = "strict saddle"
    MAXIMUM = "maximum"
    FLAT = "flat"
    AT_INFINITY = "at infinity"
    NOT_CRITICAL = "not critical"


UNREACHED = frozenset({Kind.NOT_CRITICAL, Kind.AT_INFINITY})
"""Kinds of points at which a search ends without a critical point."""


@dataclasses.dataclass(frozen=True)
class CriticalPoint:
    """A point of the landscape, exact to the last digits, with its Hessian's inertia. Made by `critical_point`.

    No example: see `critical_point`.

    Args:
        network: at the point, its parameters in float64: call it where JAX is set to 64 bits, inside
            `jax.enable_x64(True)`.
        loss: there.
        gradient: largest entry of the gradient, in modulus.
        inertia: of the Hessian.
        kind: what it is.
        steps: Newton steps that it took.
        largest: largest parameter, in modulus.
    """

    network: Network
    loss: float
    gradient: float
    inertia: Inertia
    kind: Kind
    steps: int
    largest: float


def classify(
    inertia: Inertia,
    gradient: float,
    *,
    largest: float = 0.0,
    tolerance: float = GRADIENT,
    limit: float | int = LARGEST,
) -> Kind:
    """What a point is, from its gradient, its inertia and its largest weight.

    A strict saddle has a negative eigenvalue and is left along its eigenvector. A point without one is a minimum, or a
    degenerate minimum where eigenvalues are zero: along those, higher orders decide, which are not looked at. A
    maximum has no positive eigenvalue, and what has none but zeros is flat.

    Args:
        inertia: of its Hessian.
        gradient: largest entry of the gradient, in modulus.
        largest: largest parameter, in modulus.
        tolerance: of the gradient.
        limit: of the parameters: beyond it the weights run away, and the critical point is at infinity.

    Returns:
        The kind.

    Example:
        >>> str(classify(Inertia(np.array([-1.0, 1e-17, 2.0]), 1e-11), gradient=1e-15))
        'strict saddle'
    """
    if largest > limit:
        return Kind.AT_INFINITY
    if not gradient <= tolerance:
        return Kind.NOT_CRITICAL
    positive, zero, negative = inertia.counts
    if not positive:
        return Kind.MAXIMUM if negative else Kind.FLAT
    if negative:
        return Kind.STRICT_SADDLE
    return Kind.DEGENERATE_MINIMUM if zero else Kind.MINIMUM


def manufactured(network: Network, points: ArrayLike, *, residual: float | int = 1.0, key: Key) -> Regression:
    """A task of which a network, as it is, is an exact critical point, without any training.

    With the derivatives `J = ∂f/∂θ` at the points and a random e with `Jᵀ e = 0` the values are `y = f(θ) - e`: the
    gradient `(2/n) Jᵀ e` vanishes, and the Hessian has its second part. Nothing is special about the network.

    Args:
        network: any callable PyTree; its parameters are taken in float64.
        points: `(points, inputs)`, with more values (points times outputs) than the rank of J.
        residual: root of the mean square of e: the loss is its square.
        key: of e.

    Returns:
        The task, in float64: take it to the functions of this room, which widen the network, or work with both inside
        `jax.enable_x64(True)`.

    Raises:
        InputError: for bad points or networks, or if there is no such e because the points are too few.

    Example:
        >>> from simplebias.landscape import loss_gradient, parameter_vector
        >>> from simplebias.networks import MLP
        >>> network, points = MLP(2, 1, (2, 2), key=jax.random.key(0)), np.random.default_rng(0).normal(size=(60, 2))
        >>> gradient = loss_gradient(network, manufactured(network, points, key=jax.random.key(1)))
        >>> bool(np.abs(parameter_vector(gradient)).max() < 1e-15)
        True
    """
    check_positive(residual, "residual")
    with in_precision("float64"):
        rows = jnp.asarray(as_points(points), jnp.float64)
        surface = open_surface(network, Regression(rows, jnp.zeros(len(rows))), second=False, block=len(rows))
        outputs, slopes = (np.asarray(one) for one in _slopes(surface, rows))
        slopes = finite(slopes.reshape(outputs.size, -1), "derivative of the network", "It has diverged.")
        left, sizes, _ = np.linalg.svd(slopes, full_matrices=False)
        spanned = left[:, sizes > RANK * sizes[0]] if sizes[0] > 0 else left[:, :0]
        rank = spanned.shape[1]
        if rank >= outputs.size:
            raise InputError(
                f"more than {rank} values, the rank of the network's derivatives",
                f"{outputs.size}",
                "Take more points.",
            )
        error = np.array(jax.random.normal(key, (outputs.size,), jnp.float64))
        for _ in range(3):  # once more for what rounding left
            error -= spanned @ (spanned.T @ error)
        error *= residual / math.sqrt(float(np.mean(error**2)))
        return Regression(rows, outputs - error.reshape(outputs.shape))


@eqx.filter_jit
def _slopes(surface: Surface, points: Array) -> tuple[Array, Array]:
    def of_point(point: Array) -> tuple[Array, Array]:
        output = lambda vector: jnp.ravel(surface.network(vector)(point))
        return output(surface.vector), jax.jacrev(output)(surface.vector)

    return jax.vmap(of_point)(points)


def critical_point(
    network: Network,
    task: Task,
    *,
    way: str = "nearest",
    tolerance: float = GRADIENT,
    zero: float = TOLERANCE,
    steps: int = 200,
    limit: float | int = LARGEST,
    block: int = DENSE_BLOCK,
    key: Key | None = None,
) -> CriticalPoint:
    """The critical point that a network is near to, minimum or saddle, to the last digits, in float64.

    From there on steps `-Σ_i q_i λ_i (q_i·g) / (λ_i² + μ)` over eigenvalues and eigenvectors of the Hessian with
    `|λ_i|` above a share `zero` of the largest: Levenberg and Marquardt's method for `g = 0`, with μ falling to 0 as
    steps lower `‖g‖`, so that it ends as Newton's with a pseudo-inverse and leaves directions of no curvature alone.
    It goes to saddles as well as to minima. Narrow networks often have critical points at infinity only: a search that
    ends with weights beyond the limit, is stuck with weights 10 times those it began with, or would still go far where
    the gradient has vanished (all slopes die out alike), says so by its kind.
    With `way="descend"` the loss is lowered first, by SciPy's trust region with the
    exact Hessian, which leaves saddles behind.

    Args:
        network: any callable PyTree with a smooth activation, small enough for a dense Hessian.
        task: any task whose loss is a mean over points. Cross-entropy of classes that can be told apart has no finite
            minimum: its weights run away.
        way: "nearest", for example from a plateau; "descend" for a minimum.
        tolerance: of the largest entry of the gradient.
        zero: share of the largest modulus below which an eigenvalue counts as zero.
        steps: at most so many Newton steps, and as many of the descent.
        limit: largest weight: beyond it the weights run away and the search ends.
        block: points taken at a time.
        key: of tasks that draw their points.

    Returns:
        The point reached, also where it is not critical or at infinity, which `kind` says.

    Raises:
        InputError: as `hessian`.

    References:
        The search follows Zhang, Zhang, Luo, Xu, Embedding principle of loss landscape of deep neural networks,
        arXiv:2105.14573, which takes the best points of trajectories and no further steps.

    Example:
        >>> from simplebias.networks import TwoLayer
        >>> x, key = np.linspace(-1, 1, 20), jax.random.key(0)
        >>> found = critical_point(TwoLayer(1, 1, 1, key=key), Regression(x, np.tanh(2 * x + 1)), way="descend")
        >>> str(found.kind), found.gradient < 1e-13, found.loss < 1e-12  # data were rounded to float32
        ('minimum', True, True)
    """
    check_choice(way, "way", WAYS)
    for value, name in ((tolerance, "tolerance"), (zero, "zero"), (limit, "limit")):
        check_positive(value, name)
    check_positive(steps, "steps", integer=True, zero=True)
    with in_precision("float64"):
        surface = open_surface(network, task, key=key, block=block)
        check_dense(surface.vector.size)
        start = place = np.asarray(surface.vector)
        if way == "descend":
            place = _descended(surface, place, int(steps), float(limit))
        place, taken = _solved(surface, place, float(tolerance), float(zero), int(steps), float(limit))
        loss, gradient = _look(surface, place)
        values, vectors = np.linalg.eigh(dense(surface, jnp.asarray(place)))
        ended = surface.network(jnp.asarray(place))
    found = Inertia(values, float(zero))
    size, largest = float(np.abs(gradient).max()), float(np.abs(place).max())
    kind = classify(found, size, largest=largest, tolerance=tolerance, limit=limit)
    next_step = float(np.abs(vectors @ (_inverse(values, float(zero), 0.0) * (vectors.T @ gradient))).max())
    stuck = kind == Kind.NOT_CRITICAL and taken < steps and largest > GROWN * np.abs(start).max()
    if stuck or (kind != Kind.NOT_CRITICAL and next_step > RESTLESS * largest):
        kind = Kind.AT_INFINITY
    if isinstance(task, Classification) and kind in UNREACHED:
        warnings.warn(
            "cross-entropy has no finite minimum where the network can tell the classes apart: the loss falls to 0 "
            "while the weights grow for ever; fit one-hot labels as a Regression to look for critical points",
            stacklevel=2,
        )
    if kind not in UNREACHED:  # elsewhere the counts are not to be relied on anyway
        warn_of_doubt(found, stacklevel=3)
    return CriticalPoint(ended, loss, size, found, kind, taken, largest)


def _look(surface: Surface, place: np.ndarray) -> tuple[float, np.ndarray]:
    loss, gradient = _loss_and_gradient(surface, jnp.asarray(place))
    return float(loss), np.asarray(gradient)


@eqx.filter_jit
def _loss_and_gradient(surface: Surface, vector: Array) -> tuple[Array, Array]:
    return surface.loss(vector), surface.gradient(vector)


class _RanAway(Exception):
    """Ends SciPy's loop where weights have become too large; its argument is the place."""


def _descended(surface: Surface, place: np.ndarray, steps: int, limit: float) -> np.ndarray:
    """A place of lower loss, so near to a minimum that Newton's method goes there."""
    scale = np.abs(_look(surface, place)[1]).max()

    def watch(intermediate_result: scipy.optimize.OptimizeResult) -> None:
        if np.abs(intermediate_result.x).max() > limit:
            raise _RanAway(intermediate_result.x)

    try:
        found = scipy.optimize.minimize(
            lambda at: _look(surface, at),
            place,
            jac=True,
            hess=lambda at: dense(surface, jnp.asarray(at)),
            method="trust-exact",
            callback=watch,
            options={"gtol": ROUGH * float(scale), "maxiter": steps},
        )
    except _RanAway as end:
        return np.asarray(end.args[0])
    return np.asarray(found.x)


def _inverse(values: np.ndarray, zero: float, damping: float) -> np.ndarray:
    """`λ / (λ² + μ)` of eigenvalues, 0 for those that count as zero; the damping μ is relative to the largest λ²."""
    shares = values / (np.abs(values).max() or 1.0)
    kept = np.abs(shares) > zero
    return np.where(kept, shares, 0) / np.where(kept, shares**2 + damping, 1) / (np.abs(values).max() or 1.0)


def _solved(
    surface: Surface, place: np.ndarray, tolerance: float, zero: float, steps: int, limit: float
) -> tuple[np.ndarray, int]:
    """A place where the gradient vanishes, or the best one found, and the number of steps."""
    gradient, damping = _look(surface, place)[1], 1e-3
    polished = 0
    for step in range(steps):
        if np.abs(gradient).max() <= tolerance:
            polished += 1  # a step or two more cost little and bring what rounding allows
        if polished > 2 or np.abs(place).max() > limit:
            return place, step
        values, vectors = np.linalg.eigh(dense(surface, jnp.asarray(place)))
        shares = vectors.T @ gradient
        while True:
            trial = place - vectors @ (_inverse(values, zero, damping) * shares)
            found = _look(surface, trial)[1]
            if np.isfinite(found).all() and np.linalg.norm(found) < np.linalg.norm(gradient):
                place, gradient, damping = trial, found, damping / 10 if damping > 1e-20 else 0.0
                break
            if damping > 1e4 or polished:
                return place, step
            damping = max(damping, 1e-12) * 10
    return place, steps


__all__ = ["CriticalPoint", "Kind", "classify", "critical_point", "manufactured"]
