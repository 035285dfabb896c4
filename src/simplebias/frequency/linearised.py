"""Training of a network linearised about its parameters: gradient flow with a constant kernel, solved exactly.

With `u = f(X) - y` gradient flow on `½ Σ_i u_i²` gives `u' = -K u`, hence `u(t) = exp(-Kt) u(0)`; eigenvectors of K are
learned independently of each other, each at the rate of its eigenvalue.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import (
    InputError,
    as_array,
    as_points,
    as_values,
    check_choice,
    check_finite,
    check_positive,
    is_traced,
)
from simplebias.core.types import Array, ArrayLike, Float, Int, Scalar

LOSSES = ("half-sum", "mean-square")
"""`½ Σ u²` of the theory, and the mean of `u²` over points and outputs, which simplebias trains with."""
INDEFINITE = 10
"""Negative eigenvalues beyond so many times rounding are no rounding."""
UNLEARNED = 1e-3
"""Share of a residual in unresolved directions, and the change there, above which a solution is refused."""


class KernelSpectrum(eqx.Module):
    """Eigenvalues and eigenvectors of a kernel, largest first.

    Args:
        eigenvalues: `(points,)`, in falling order, in units of the kernel; some may be below zero by rounding.
        eigenvectors: `(points, points)`, one in each column, orthonormal.
        rank: number of eigenvalues above `floor`.
        floor: `n ε λ₁`, with the ε of the precision: below it eigenvalues are rounding.
    """

    eigenvalues: Float[Array, " points"]
    eigenvectors: Float[Array, "points points"]
    rank: Int[Array, ""]
    floor: Scalar

    @property
    def singular(self) -> Any:
        """Whether some eigenvalues are zero or cannot be told from zero in this precision."""
        return self.rank < self.eigenvalues.shape[0]


class DecayExponent(eqx.Module):
    """Slope of eigenvalues over their index on double logarithmic axes, with its standard error.

    Args:
        slope: `d log λ_j / d log j`, a pure number; -4 for `λ_j ~ j⁻⁴`.
        standard_error: of the slope, from the scatter about the line.
    """

    slope: Scalar
    standard_error: Scalar


def kernel_spectrum(kernel: ArrayLike) -> KernelSpectrum:
    """Eigenvalues and eigenvectors of a kernel; tells a singular or near-singular one by `rank` and `singular`.

    In float32 eigenvalues below about `n · 10⁻⁷ λ₁` are rounding; smooth kernels fall below that soon, so decay is
    measured in float64 (`jax.enable_x64`), from the network on.

    Args:
        kernel: `(points, points)`, symmetric and positive semi-definite up to rounding.

    Returns:
        The spectrum.

    Raises:
        InputError: if the kernel is not square, not finite, not symmetric, or has negative eigenvalues.

    Example:
        >>> spectrum = kernel_spectrum([[2.0, 0.0, 0.0], [0.0, 3.0, 3.0], [0.0, 3.0, 3.0]])
        >>> int(spectrum.rank), bool(spectrum.singular)
        (2, True)
    """
    matrix = as_points(kernel, "kernel")
    count = matrix.shape[0]
    if matrix.shape[1] != count:
        raise InputError("a square kernel, one of the points with themselves", f"shape {matrix.shape}")
    rounding = count * float(jnp.finfo(matrix.dtype).eps)
    largest = jnp.abs(matrix).max()
    if not is_traced(matrix):
        apart = float(jnp.abs(matrix - matrix.T).max())
        if apart > INDEFINITE * rounding * float(largest):
            raise InputError("a symmetric kernel", f"entries that differ from their mirror images by {apart:.3g}")
    rising, vectors = jnp.linalg.eigh((matrix + matrix.T) / 2)
    eigenvalues, floor = rising[::-1], rounding * jnp.abs(rising).max()
    if not is_traced(matrix) and float(eigenvalues[-1]) < -INDEFINITE * float(floor):
        raise InputError(
            "a positive semi-definite kernel",
            f"an eigenvalue {float(eigenvalues[-1]):.3g} next to a largest one of {float(eigenvalues[0]):.3g}",
            "A product of gradients has none below zero; check where the kernel comes from.",
        )
    return KernelSpectrum(eigenvalues, vectors[:, ::-1], (eigenvalues > floor).sum(), floor)


def linearised_dynamics(
    kernel: ArrayLike | KernelSpectrum,
    residual: ArrayLike,
    times: ArrayLike,
    *,
    learning_rate: float | int = 1.0,
    loss: str = "half-sum",
    keep_unresolved: bool = False,
) -> Float[Array, "times points outputs"]:
    """Residual of linearised training at any time, `u(t) = exp(-η c K t) u(0)`, exact by the eigenvectors of K.

    `c` is 1 for the loss `½ Σ u²` ("half-sum"), and `2 / (points · outputs)` for the mean square, which simplebias
    trains with ("mean-square"). With a learning rate η small enough for gradient descent to follow the flow, `times` is
    the number of steps. Every output moves with the same kernel: of a network with several, give the kernel of one
    output; this leaves out what outputs do to each other, which vanishes at infinite width.

    Args:
        kernel: `(points, points)`, or its spectrum, which is then computed only once.
        residual: `(points, outputs)`, output minus target at time 0.
        times: `(times,)`, not negative, may be infinite; of gradient flow, or steps with a learning rate.
        learning_rate: η.
        loss: "half-sum" or "mean-square".
        keep_unresolved: whether to leave components of the residual as they are where the kernel is singular in this
            precision, instead of refusing times at which that may be wrong.

    Returns:
        `(times, points, outputs)`, the residual in its unit.

    Raises:
        InputError: for bad data, or a kernel so near to singular that the residual at one of the times is unknown.

    References:
        Jacot, Gabriel, Hongler, Neural tangent kernel, arXiv:1806.07572; Zhang, Xu, Luo, Ma, Explicitizing an implicit
        bias of the Frequency Principle in two-layer neural networks, arXiv:1905.10264.

    Example:
        >>> left = linearised_dynamics([[1.0]], [2.0], [0.0, 1.0])
        >>> bool(jnp.allclose(left.ravel(), jnp.array([2.0, 2 / jnp.e])))
        True
    """
    spectrum, start, moved = _enter(kernel, residual, times, learning_rate, loss, keep_unresolved)
    inside = spectrum.eigenvectors.T @ start
    left = jnp.exp(-_times(moved, _resolved(spectrum)))
    return jnp.einsum("pe,te,eo->tpo", spectrum.eigenvectors, left, inside)


def linearised_prediction(
    kernel: ArrayLike | KernelSpectrum,
    cross_kernel: ArrayLike,
    residual: ArrayLike,
    times: ArrayLike,
    *,
    learning_rate: float | int = 1.0,
    loss: str = "half-sum",
    keep_unresolved: bool = False,
) -> Float[Array, "times others outputs"]:
    """Change of the output at other points, `f_t(x) - f_0(x) = -K(x, X) K⁻¹ (I - exp(-η c K t)) u(0)`.

    No inverse is taken: `(1 - exp(-λt)) / λ` is `t` where λ is zero. At times at which directions below rounding would
    matter, they are left out: their cross kernel is zero in exact arithmetic where the kernel is singular.

    Args:
        kernel: `(points, points)` of the training points, or its spectrum.
        cross_kernel: `(others, points)`, `empirical_kernel(network, others, points)`.
        residual: `(points, outputs)`, output minus target at time 0.
        times: `(times,)`, as in `linearised_dynamics`.
        learning_rate: η.
        loss: "half-sum" or "mean-square".
        keep_unresolved: as in `linearised_dynamics`.

    Returns:
        `(times, others, outputs)`, to be added to the output at time 0.

    Raises:
        InputError: as `linearised_dynamics`, or if the kernels do not fit each other.

    References:
        Jacot, Gabriel, Hongler, Neural tangent kernel, arXiv:1806.07572.

    Example:
        >>> linearised_prediction([[2.0]], [[1.0]], [-3.0], [0.0, jnp.inf]).ravel().tolist()
        [0.0, 1.5]
    """
    spectrum, start, moved = _enter(kernel, residual, times, learning_rate, loss, keep_unresolved)
    cross = as_points(cross_kernel, "cross_kernel").astype(start.dtype)
    if cross.shape[1] != start.shape[0]:
        raise InputError(f"cross_kernel of shape (others, {start.shape[0]})", f"shape {cross.shape}")
    eigenvalues = _resolved(spectrum)
    positive = eigenvalues > 0
    safe = jnp.where(positive, eigenvalues, 1)
    learned = -jnp.expm1(-_times(moved, safe)) / safe
    early = jnp.where(moved * spectrum.floor <= UNLEARNED, moved, 0)[:, None]  # later a null direction is only noise
    learned = jnp.where(positive, learned, early)
    inside = spectrum.eigenvectors.T @ start
    return -jnp.einsum("qe,te,eo->tqo", cross @ spectrum.eigenvectors, learned, inside)


def decay_exponent(eigenvalues: ArrayLike, first: int, last: int) -> DecayExponent:
    """Exponent of the decay of eigenvalues, the least-squares slope of `log λ_j` over `log j`.

    Args:
        eigenvalues: `(points,)`, largest first.
        first: index of the first eigenvalue to take, counted from 1.
        last: index of the last one, itself included; at least three are needed.

    Returns:
        The slope and its standard error, pure numbers.

    Raises:
        InputError: for indices that are not there, eigenvalues out of order, or such that are zero or rounding.

    Example:
        >>> found = decay_exponent(jnp.arange(1.0, 41.0) ** -2, 8, 40)
        >>> round(float(found.slope), 3)
        -2.0
    """
    values = as_array(eigenvalues, "eigenvalues")
    if values.ndim != 1 or jnp.iscomplexobj(values):
        raise InputError("real eigenvalues of shape (points,)", f"{values.dtype} of shape {tuple(values.shape)}")
    check_finite(values, "eigenvalues")
    for name, index in (("first", first), ("last", last)):
        check_positive(index, name, integer=True)
    if last > values.shape[0] or last - first < 2:
        raise InputError(
            f"indices first … last, three or more, within 1 … {values.shape[0]}", f"first={first}, last={last}"
        )
    taken = values[first - 1 : last]
    if not is_traced(values):
        _check_decay(np.asarray(values), first, last)
    x = jnp.log(jnp.arange(first, last + 1, dtype=values.dtype))
    y = jnp.log(taken)
    x, y = x - x.mean(), y - y.mean()
    slope = (x @ y) / (x @ x)
    scatter = ((y - slope * x) ** 2).sum() / (x.shape[0] - 2)
    return DecayExponent(slope, jnp.sqrt(scatter / (x @ x)))


def _check_decay(values: np.ndarray, first: int, last: int) -> None:
    if (np.diff(values) > 0).any():
        raise InputError("eigenvalues in falling order", "others", "Take those of kernel_spectrum.")
    floor = values.shape[0] * np.finfo(values.dtype).eps * values[0]
    lost = np.flatnonzero(values[first - 1 : last] <= floor)
    if lost.size:
        raise InputError(
            f"eigenvalues {first} … {last} above rounding, {floor:.2g}",
            f"number {first + int(lost[0])} of {values[first - 1 + lost[0]]:.2g}",
            f"Use float64 from the network on (jax.enable_x64), or last={first + int(lost[0]) - 1} or less.",
        )


def _enter(
    kernel: ArrayLike | KernelSpectrum,
    residual: ArrayLike,
    times: ArrayLike,
    learning_rate: float | int,
    loss: str,
    keep_unresolved: bool,
) -> tuple[KernelSpectrum, Array, Array]:
    """Spectrum, residual and `η c t`, checked at the door."""
    check_choice(loss, "loss", LOSSES)
    check_positive(learning_rate, "learning_rate")
    spectrum = kernel if isinstance(kernel, KernelSpectrum) else kernel_spectrum(kernel)
    dtype = spectrum.eigenvalues.dtype
    start = as_values(residual, spectrum.eigenvalues.shape[0], "residual").astype(dtype)
    moments = jnp.atleast_1d(as_array(times, "times"))
    if moments.ndim != 1 or moments.size == 0 or jnp.iscomplexobj(moments):
        raise InputError("times of shape (times,), at least one", f"{moments.dtype} of shape {tuple(moments.shape)}")
    if not is_traced(moments) and not bool((moments >= 0).all()):
        raise InputError("times that are not negative", "a negative one or NaN", "The flow only goes forward.")
    factor = learning_rate * (1.0 if loss == "half-sum" else 2 / start.size)
    moved = moments.astype(dtype) * factor
    if not keep_unresolved and not any(is_traced(array) for array in (spectrum.eigenvalues, start, moved)):
        _check_resolved(spectrum, start, moved, factor)
    return spectrum, start, moved


def _check_resolved(spectrum: KernelSpectrum, start: Array, moved: Array, factor: float) -> None:
    """Refuse times at which directions below rounding may have been learned, if the residual has a share in them."""
    floor, rank = float(spectrum.floor), int(spectrum.rank)
    whole = float(jnp.linalg.norm(start))
    share = float(jnp.linalg.norm(spectrum.eigenvectors[:, rank:].T @ start)) / whole if whole else 0.0
    latest = UNLEARNED / floor if floor else np.inf  # a kernel of zeros is exact at all times
    if bool(spectrum.singular) and floor and share > UNLEARNED and float(moved.max()) > latest:
        raise InputError(
            f"a kernel that is not singular, for a time as late as {float(moved.max()) / factor:.3g}",
            f"one of rank {rank} of {start.shape[0]} in {start.dtype}, with a share {share:.2g} of the residual in "
            "directions whose rate is unknown",
            f"Remove duplicated points, use float64, take times up to {latest / factor:.3g}, or "
            "keep_unresolved=True to leave that share as it is.",
        )


def _resolved(spectrum: KernelSpectrum) -> Array:
    """Eigenvalues with those that are rounding set to zero."""
    return jnp.where(spectrum.eigenvalues > spectrum.floor, spectrum.eigenvalues, 0)


def _times(moved: Array, eigenvalues: Array) -> Array:
    """`λ t` as `(times, eigenvalues)`, zero where λ is, also at infinite time."""
    product = jnp.where(eigenvalues > 0, eigenvalues, 1) * moved[:, None]
    return jnp.where(eigenvalues > 0, product, 0)
