"""A-priori bound on the error of the Linear Frequency Principle: a certificate, right but never sharp."""

import math

from simplebias.core.errors import InputError, check_positive
from simplebias.core.types import ArrayLike
from simplebias.frequency.sampling import host_positive


def generalisation_bound(
    norm: float | int, gamma_squared: ArrayLike, count: int, *, failure: float | int = 0.05
) -> float:
    """Bound on the mean absolute error of the function of least FP-norm through random samples of a target.

    With probability `1 - δ` over n samples drawn from `[0, 1]^d`,

        E |h - f| ≤ ‖f‖_γ ‖γ‖ (2 + 4 √(2 log(4/δ))) / √n,   ‖γ‖² = Σ_ξ Γ²(ξ),   ‖f‖_γ² = Σ_ξ |f̂(ξ)|² / Γ²(ξ),

    sums over the lattice of whole frequencies, on which target and solution live. The rate in n does not depend on d,
    the norm may. A certificate: tests found it hundreds of times above the error, so it says nothing of how large the
    error is. It needs `Σ Γ² < ∞`, hence a `Γ²` that falls faster than `|ξ|^-d`; cut off, the sum is finite always.

    Args:
        norm: FP-norm of the target, see `fp_norm` with cells of 1; in units of the target.
        gamma_squared: `(frequencies,)`, `Γ²` at all frequencies of the lattice, both signs included.
        count: n, number of samples.
        failure: δ, probability that the bound fails.

    Returns:
        The bound, in units of the target.

    Raises:
        InputError: for a norm, count or probability out of range, or a `Γ²` that is not positive and finite.

    References:
        Zhang, Xu, Luo, Ma, arXiv:1905.10264; Luo, Ma, Xu, Zhang, arXiv:2010.08153.

    Example:
        >>> round(generalisation_bound(1.0, [1.0, 1.0, 1.0, 1.0], 400), 3)
        1.384
    """
    check_positive(norm, "norm", zero=True)
    check_positive(count, "count", integer=True)
    check_positive(failure, "failure")
    if failure >= 1:
        raise InputError("failure as a probability below 1", f"{failure}")
    gamma = host_positive(gamma_squared, "gamma_squared")
    factor = 2 + 4 * math.sqrt(2 * math.log(4 / failure))
    return float(norm) * math.sqrt(float(gamma.sum())) * factor / math.sqrt(count)
