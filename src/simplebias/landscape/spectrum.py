"""Eigenvalues of Hessians too large to be written down: the ends of the spectrum, and its density.

Both by Lanczos' method from random vectors, orthogonalised in full, so that no eigenvalue appears twice by rounding.
"""

import dataclasses
import math
import warnings

import jax
import numpy as np
import scipy.linalg
from scipy.sparse.linalg import LinearOperator

from simplebias.core.errors import InputError, as_array, check_positive
from simplebias.core.task import Task
from simplebias.core.types import ArrayLike, Float, Key, Network
from simplebias.landscape.hessian import MEMORY_LIMIT, OVERFLOW, hessian_operator
from simplebias.landscape.surface import BLOCK, finite

LOOK_EVERY = 8
"""Steps between two looks at whether the ends have converged."""
BROADENING = 0.01
"""Standard deviation of the Gaussians of a density, as a share of the range of eigenvalues, where none is given."""
PLACES = 512
"""Places at which a density is given where none are."""


@dataclasses.dataclass(frozen=True)
class Extremes:
    """Eigenvalues at both ends of a spectrum, each with a bound. Made by `extreme_eigenvalues`.

    No example: see `extreme_eigenvalues`.

    Args:
        values: `(eigenvalues,)` ascending: first the smallest ones, then the largest.
        bounds: `(eigenvalues,)`: within this distance of each value there is an eigenvalue, `‖H v - λ v‖`.
        vectors: `(eigenvalues, parameters)`, of length 1.
        products: how many products of the Hessian it took.
    """

    values: Float[np.ndarray, " eigenvalues"]
    bounds: Float[np.ndarray, " eigenvalues"]
    vectors: Float[np.ndarray, "eigenvalues parameters"]
    products: int


@dataclasses.dataclass(frozen=True)
class SpectralDensity:
    """The density of eigenvalues, broadened by a Gaussian, as estimated from random vectors.

    No example: see `spectral_density`.

    Args:
        places: `(places,)` eigenvalues at which the density is given.
        density: `(places,)`, share of the eigenvalues per unit; its integral is 1.
        error: `(places,)`, standard error of the density over random vectors; NaN for a single vector.
        width: standard deviation of the Gaussian.
        nodes: `(vectors, steps)` places of the quadrature: moments of the density are exact sums over them.
        weights: `(vectors, steps)`, of sum 1 for each vector.
        parameters: how many eigenvalues there are.
        products: how many products of the Hessian it took.
    """

    places: Float[np.ndarray, " places"]
    density: Float[np.ndarray, " places"]
    error: Float[np.ndarray, " places"]
    width: float
    nodes: Float[np.ndarray, "vectors steps"]
    weights: Float[np.ndarray, "vectors steps"]
    parameters: int
    products: int

    def trace(self, power: int = 1) -> tuple[float, float]:
        """Estimate of the trace of a power of the Hessian, unbiased, and its standard error over random vectors.

        Args:
            power: 1 for the sum of eigenvalues, 2 for that of their squares …; below twice the number of steps.

        Returns:
            The trace, and its standard error, NaN for a single vector.

        Example:
            >>> operator = LinearOperator((3, 3), matvec=lambda v: np.array([1.0, 2.0, 3.0]) * v, dtype=np.float64)
            >>> found = density_of(operator, steps=3, vectors=2, key=jax.random.key(0))
            >>> round(found.trace()[0], 6)  # exact, as all entries of the random vectors are ±1
            6.0
        """
        each = self.parameters * (self.weights * self.nodes**power).sum(axis=1)
        return float(each.mean()), float(_standard_error(each))


def extreme_eigenvalues(
    network: Network,
    task: Task,
    *,
    count: int = 1,
    tolerance: float = 1e-6,
    steps: int = 300,
    precision: str = "float64",
    part: str = "whole",
    block: int = BLOCK,
    memory_limit: float | int = MEMORY_LIMIT,
    key: Key,
) -> Extremes:
    """The smallest and the largest eigenvalues of the Hessian of any network's loss, without making a matrix.

    One run of Lanczos' method finds both ends. It stops once all bounds are below the tolerance times the largest
    modulus. An eigenvalue that occurs several times, such as 0, is found once.

    Args:
        network: any callable PyTree.
        task: any task whose loss is a mean over points.
        count: how many eigenvalues at each end.
        tolerance: of the bounds, relative to the largest modulus of an eigenvalue.
        steps: at most so many products; what they did not reach is warned of.
        precision: "float64" or "float32", faster and good for bounds of some 1e-6.
        part: "whole", "gauss-newton" or "remainder", see `hessian_operator`.
        block: points taken at a time.
        memory_limit: bytes that the vectors of all steps may take.
        key: of the random vector to start from.

    Returns:
        Eigenvalues, bounds, eigenvectors.

    Raises:
        InputError: as `hessian_operator`, for counts that do not fit, or vectors that take too much memory.

    Example:
        >>> from simplebias.core import Regression
        >>> from simplebias.networks import TwoLayer
        >>> network, task = TwoLayer(1, 1, 3, key=jax.random.key(0)), Regression([0.0, 1.0], [0.0, 1.0])
        >>> found = extreme_eigenvalues(network, task, key=jax.random.key(1))
        >>> found.values.shape, bool(found.bounds.max() < 1e-6 * found.values.max())
        ((2,), True)
    """
    operator = hessian_operator(network, task, part=part, precision=precision, block=block, key=_another(key))
    return extremes_of(operator, count=count, tolerance=tolerance, steps=steps, memory_limit=memory_limit, key=key)


def spectral_density(
    network: Network,
    task: Task,
    *,
    steps: int = 80,
    vectors: int = 4,
    width: float | int | None = None,
    places: ArrayLike | None = None,
    precision: str = "float64",
    part: str = "whole",
    block: int = BLOCK,
    memory_limit: float | int = MEMORY_LIMIT,
    key: Key,
) -> SpectralDensity:
    """Density of the eigenvalues of the Hessian of any network's loss, by stochastic Lanczos quadrature.

    From each random vector of entries ±1 Lanczos' method gives nodes λ_i and weights τ_i² whose first `2·steps - 1`
    moments are those of the vector's own density; the mean over vectors, each node a Gaussian, estimates
    `(1/P) Σ_j N(t; λ_j, width²)`.

    Args:
        network: any callable PyTree.
        task: any task whose loss is a mean over points.
        steps: products for each vector: how finely the density is resolved.
        vectors: random vectors: how small its error is.
        width: standard deviation of the Gaussians, in units of eigenvalues; 1 % of their range if None.
        places: `(places,)` at which to give the density; 512 over the whole range if None.
        precision: "float64" or "float32".
        part: "whole", "gauss-newton" or "remainder", see `hessian_operator`.
        block: points taken at a time.
        memory_limit: bytes that the vectors of all steps may take.
        key: of the random vectors.

    Returns:
        The density with its standard error, nodes and weights.

    Raises:
        InputError: as `extreme_eigenvalues`, or for a width or places that cannot be used.

    References:
        Ghorbani, Krishnan, Xiao, An investigation into neural net optimization via Hessian eigenvalue density,
        arXiv:1901.10159.

    Example:
        >>> from simplebias.core import Regression
        >>> from simplebias.networks import TwoLayer
        >>> network, task = TwoLayer(1, 1, 3, key=jax.random.key(0)), Regression([0.0, 1.0], [0.0, 1.0])
        >>> found = spectral_density(network, task, key=jax.random.key(1))
        >>> round(float(np.trapezoid(found.density, found.places)), 3)
        1.0
    """
    operator = hessian_operator(network, task, part=part, precision=precision, block=block, key=_another(key))
    options = {"steps": steps, "vectors": vectors, "width": width, "places": places}
    return density_of(operator, **options, memory_limit=memory_limit, key=key)


def extremes_of(
    operator: LinearOperator,
    *,
    count: int,
    tolerance: float,
    steps: int,
    memory_limit: float | int = MEMORY_LIMIT,
    key: Key,
) -> Extremes:
    """Both ends of the spectrum of any symmetric operator; see `extreme_eigenvalues`."""
    size = operator.shape[0]
    check_positive(count, "count", integer=True)
    check_positive(tolerance, "tolerance")
    if 2 * count > size:
        raise InputError(f"count of at most {size // 2} at each end", repr(count), "Use hessian and numpy.linalg.eigh.")
    run = _Lanczos.start(operator, min(int(steps), size), 2 * count, memory_limit, _random_sign(key, size))
    while True:
        run.go(LOOK_EVERY)
        values, small = run.ritz()
        ends = np.r_[:count, len(values) - count : len(values)]
        bounds = np.abs(run.next_length * small[-1, ends])
        done = len(values) >= 2 * count and bounds.max() <= tolerance * np.abs(values).max()
        if run.ended or done:
            break
    vectors = small[:, ends].T @ run.basis[: run.taken]
    if not (done or run.exhausted):
        warnings.warn(
            f"the ends of the spectrum have not converged within {run.taken} products: bounds up to "
            f"{bounds.max():.1e} (see Extremes.bounds); raise steps or the tolerance",
            stacklevel=3,
        )
    return Extremes(values[ends], bounds, np.asarray(vectors, np.float64), run.taken)


def density_of(
    operator: LinearOperator,
    *,
    steps: int,
    vectors: int,
    width: float | int | None = None,
    places: ArrayLike | None = None,
    memory_limit: float | int = MEMORY_LIMIT,
    key: Key,
) -> SpectralDensity:
    """The spectral density of any symmetric operator; see `spectral_density`."""
    check_positive(vectors, "vectors", integer=True)
    size, runs = operator.shape[0], []
    for one in jax.random.split(key, int(vectors)):
        run = _Lanczos.start(operator, min(int(steps), size), 1, memory_limit, _random_sign(one, size))
        run.go(run.most)
        runs.append((run.taken, *run.ritz()))
    most = max(taken for taken, _, _ in runs)
    nodes, weights = np.zeros((2, len(runs), most))
    for row, (taken, values, small) in enumerate(runs):  # where a run ended early, nodes of weight 0 fill up
        nodes[row, :taken], weights[row, :taken] = values, small[0] ** 2
    low, high = min(one.min() for _, one, _ in runs), max(one.max() for _, one, _ in runs)
    if width is None:
        width = BROADENING * (high - low) or BROADENING * max(abs(high), 1.0)
    check_positive(width, "width")
    if places is None:
        where = np.linspace(low - 5 * width, high + 5 * width, max(PLACES, math.ceil((high - low) / width) * 4))
    else:
        where = np.asarray(as_array(places, "places"), np.float64)
        finite(where, "places")
        if where.ndim != 1 or not where.size:
            raise InputError("places of shape (places,)", f"shape {where.shape}")
    each = np.stack([_broadened(where, one, share, float(width)) for one, share in zip(nodes, weights, strict=True)])
    products = sum(taken for taken, _, _ in runs)
    return SpectralDensity(
        where, each.mean(axis=0), _standard_error(each), float(width), nodes, weights, size, products
    )


def _broadened(places: np.ndarray, nodes: np.ndarray, weights: np.ndarray, width: float) -> np.ndarray:
    bells = np.exp(-(((places[:, None] - nodes) / width) ** 2) / 2) / (math.sqrt(2 * math.pi) * width)
    return bells @ weights


def _standard_error(each: np.ndarray) -> np.ndarray:
    """Of the mean over the first axis; NaN of one."""
    if len(each) == 1:
        return np.full(each.shape[1:], np.nan)
    return np.asarray(each.std(axis=0, ddof=1) / math.sqrt(len(each)))


def _random_sign(key: Key, size: int) -> np.ndarray:
    return np.asarray(jax.random.rademacher(key, (size,), np.int32), np.float64)


def _another(key: Key) -> Key:
    return jax.random.fold_in(key, 1)


@dataclasses.dataclass
class _Lanczos:
    """A run of Lanczos' method: an orthonormal basis in which the operator is tridiagonal.

    Args:
        operator: symmetric.
        basis: `(most, size)`, of which `taken` rows are filled.
        most: steps at most.
        after: the next vector of the basis.
        taken: steps so far.
        diagonal: of the tridiagonal matrix.
        beside: what stands beside its diagonal.
        next_length: of the vector after the last before it was normalised.
        exhausted: whether the basis spans all that can be reached from its first vector.
    """

    operator: LinearOperator
    basis: np.ndarray
    most: int
    after: np.ndarray
    taken: int = 0
    diagonal: list[float] = dataclasses.field(default_factory=list)
    beside: list[float] = dataclasses.field(default_factory=list)
    next_length: float = 0.0
    exhausted: bool = False

    @classmethod
    def start(
        cls, operator: LinearOperator, steps: int, least: int, memory_limit: float | int, vector: np.ndarray
    ) -> "_Lanczos":
        """A run at its first vector."""
        check_positive(steps, "steps", integer=True)
        if steps < least:
            raise InputError(f"steps of at least {least}", repr(steps))
        dtype, size = np.dtype(operator.dtype), len(vector)
        if steps * size * dtype.itemsize > memory_limit:
            raise InputError(
                f"vectors that take at most {memory_limit / 2**30:.2f} GiB",
                f"{steps} of {size} numbers, {steps * size * dtype.itemsize / 2**30:.2f} GiB",
                "Take fewer steps, or precision='float32', or raise memory_limit.",
            )
        return cls(operator, np.empty((steps, size), dtype), steps, np.asarray(vector / np.linalg.norm(vector), dtype))

    @property
    def ended(self) -> bool:
        """Whether no step is left."""
        return self.exhausted or self.taken == self.most

    def go(self, steps: int) -> None:
        """Take some steps, or as many as are left."""
        for _ in range(steps):
            if self.ended:
                return
            self.basis[self.taken] = self.after
            product = finite(np.asarray(self.operator @ self.after), "product of the Hessian", OVERFLOW)
            self.taken += 1
            if self.taken > 1:
                self.beside.append(self.next_length)
            own = self.basis[: self.taken]
            shares = own @ product
            self.diagonal.append(float(shares[-1]))
            left = product - shares @ own
            left -= (own @ left) @ own  # once more: rounding of the first left some
            self.next_length = float(np.linalg.norm(left))
            largest = max(np.abs(self.diagonal).max(), max(self.beside, default=0.0))
            if self.next_length <= 10 * np.finfo(product.dtype).eps * largest:
                self.exhausted = True
            else:
                self.after = left / self.next_length

    def ritz(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues of the tridiagonal matrix, ascending, and its eigenvectors as columns."""
        values, vectors = scipy.linalg.eigh_tridiagonal(np.asarray(self.diagonal), np.asarray(self.beside))
        return np.asarray(values), np.asarray(vectors)


__all__ = ["Extremes", "SpectralDensity", "extreme_eigenvalues", "spectral_density"]
