"""The two coefficients of the Linear Frequency Principle, from an activation and the law of the neurons.

A wide two-layer network `f(x) = m^-½ Σ_j a_j σ(w_j·x + b_j)` with isotropic input weights of length `r = |w|` and broad
biases learns by gradient flow on `½ Σ_i u(x_i)²`, with the residual u, according to

    ∂_t F[u](ξ) = -Γ²(ξ) F[u_ρ](ξ) + ∇·(Γ_w²(ξ) ∇F[u_ρ](ξ)) / 4π²,   u_ρ = Σ_i u(x_i) δ_{x_i},
    Γ²(ξ)   = P |ξ|^(1-d) E[ |F[σ](|ξ|/r)|² / r + a² |F[σ'](|ξ|/r)|² / r ],
    Γ_w²(ξ) = P |ξ|^(1-d) E[ a² |F[σ'](|ξ|/r)|² / r ],      P = 2 p_b(0) / |S^(d-1)|.
"""

import dataclasses
import math

import numpy as np
from scipy.special import gammaln

from simplebias.core.errors import InputError, as_array, as_points, check_finite, check_positive
from simplebias.core.snapshot import Neurons
from simplebias.core.types import ArrayLike
from simplebias.frequency.activation_spectrum import activation_spectrum
from simplebias.frequency.sampling import host_array, host_positive

NODES = 400
"""Nodes of the quadrature over the length of Gaussian or uniform input weights."""
BLOCK = 4_000_000
"""Entries of the table of frequencies × lengths that is held at a time."""


@dataclasses.dataclass(frozen=True)
class NeuronLaw:
    """What the Linear Frequency Principle needs to know of the neurons: the joint law of `|w|` and `a²`, and `p_b(0)`.

    Args:
        inputs: d, number of inputs.
        lengths: `(nodes,)`, lengths `r = |w|` above zero.
        shares: `(nodes,)`, probability of each, of sum one.
        output_squares: `(nodes,)`, mean of `a²` at each length, without the factor `m^-½` of the network.
        bias_density: `p_b(0)`, density of the biases where the data lie, `1 / 2B` if uniform on `[-B, B]`.
    """

    inputs: int
    lengths: np.ndarray
    shares: np.ndarray
    output_squares: np.ndarray
    bias_density: float

    @property
    def prefactor(self) -> float:
        """`P = 2 p_b(0) / |S^(d-1)| = p_b(0) Γ(d/2) / π^(d/2)`."""
        return self.bias_density * math.exp(math.lgamma(self.inputs / 2)) / math.pi ** (self.inputs / 2)


@dataclasses.dataclass(frozen=True)
class NeuronMoments:
    """NeuronMoments of a law of neurons, means over its neurons.

    Args:
        r: `E r`, r the length of the input weights.
        r3: `E r³`.
        a2: `E a²`, a the output weight.
        a2r: `E a² r`.
    """

    r: float
    r3: float
    a2: float
    a2r: float

    @property
    def crossover(self) -> float:
        """Frequency `√(E r³ / E a²r) / 2π` of ReLU: below it `Γ²` falls as `|ξ|^-(d+3)`, above as `|ξ|^-(d+1)`."""
        return math.sqrt(self.r3 / self.a2r) / (2 * math.pi) if self.a2r else math.inf


@dataclasses.dataclass(frozen=True)
class LfpCoefficients:
    """LfpCoefficients of the Linear Frequency Principle at some frequencies.

    Args:
        gamma_squared: `Γ²`, `(frequencies,)`.
        gamma_w_squared: `Γ_w²`, `(frequencies,)`, the part that comes with the gradient by input weights and bias.
    """

    gamma_squared: np.ndarray
    gamma_w_squared: np.ndarray


@dataclasses.dataclass(frozen=True)
class SpectralAtoms:
    """A spectrum of single frequencies, each on a sphere around zero.

    Args:
        frequencies: `(atoms,)`, radii of the spheres, cycles per unit of the input.
        masses: `(atoms,)`, weight of each in the kernel.
    """

    frequencies: np.ndarray
    masses: np.ndarray


def gaussian_neurons(
    inputs: int, *, weight_std: float | int, output_std: float | int, bias_std: float | int
) -> NeuronLaw:
    """Law of neurons whose weights and biases are drawn from independent Gaussians of mean zero.

    Args:
        inputs: number of inputs, d.
        weight_std: standard deviation of each input weight.
        output_std: standard deviation of the output weight, without the factor `m^-½`.
        bias_std: standard deviation of the bias, to be large next to `|w·x|` over the data.

    Returns:
        The law; lengths are nodes of a quadrature that gives `E r` and `E r³` to ten digits.

    Raises:
        InputError: for anything but positive numbers.

    References:
        Luo, Ma, Xu, Zhang, arXiv:2010.08153.

    Example:
        >>> law = gaussian_neurons(1, weight_std=1, output_std=1, bias_std=20)
        >>> round(neuron_moments(law).r - (2 / np.pi) ** 0.5, 10)
        0.0
    """
    check_positive(inputs, "inputs", integer=True)
    for name, value in (("weight_std", weight_std), ("output_std", output_std), ("bias_std", bias_std)):
        check_positive(value, name)
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    last = math.sqrt(inputs) + 9  # beyond it is a share below 1e-17
    r = last * (nodes + 1) / 2
    logarithm = (inputs - 1) * np.log(r) - r**2 / 2 - (inputs / 2 - 1) * math.log(2) - gammaln(inputs / 2)
    shares = weights * last / 2 * np.exp(logarithm)
    squares = np.full(NODES, float(output_std) ** 2)
    density = 1 / (math.sqrt(2 * math.pi) * bias_std)
    return NeuronLaw(int(inputs), weight_std * r, shares / shares.sum(), squares, density)


def uniform_neurons(*, weight_bound: float | int, output_bound: float | int, bias_bound: float | int) -> NeuronLaw:
    """Law of neurons of one input whose weights and biases are drawn uniformly from `[-bound, bound]`.

    In more dimensions such weights are not isotropic, which the theory needs.

    Args:
        weight_bound: bound of the input weight.
        output_bound: bound of the output weight, without the factor `m^-½`.
        bias_bound: bound of the bias, which must exceed `|w·x|` over the data by more than the activation's width.

    Returns:
        The law.

    Raises:
        InputError: for anything but positive numbers.

    References:
        Zhang, Xu, Luo, Ma, arXiv:1905.10264.

    Example:
        >>> found = neuron_moments(uniform_neurons(weight_bound=2, output_bound=3, bias_bound=5))
        >>> [round(value, 9) for value in (found.r, found.r3, found.a2)]
        [1.0, 2.0, 3.0]
    """
    for name, value in (("weight_bound", weight_bound), ("output_bound", output_bound), ("bias_bound", bias_bound)):
        check_positive(value, name)
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    squares = np.full(NODES, float(output_bound) ** 2 / 3)
    return NeuronLaw(1, weight_bound * (nodes + 1) / 2, weights / 2, squares, 1 / (2 * float(bias_bound)))


def law_of_neurons(
    neurons: Neurons, *, output_multiplier: float | int | None = None, bias_density: float | int | None = None
) -> NeuronLaw:
    """Law of the actual neurons of a two-layer network of one output.

    Args:
        neurons: of the hidden layer, with effective weights; a neuron whose input weights are all zero is constant and
            left out of the law.
        output_multiplier: factor that `neurons.output_weights` include; `m^-½` if None, for which the kernel of the
            theory is that of the network. A network without a factor has 1, and its kernel is m times as large.
        bias_density: `p_b(0)`; if None, the share of biases within half their root mean square per length, which for
            Gaussian biases is low by 4 % and scatters with few neurons. It only rescales time.

    Returns:
        The law.

    Raises:
        InputError: for more than one output, no bias, weights that are not finite or all zero.

    References:
        Zhang, Xu, Luo, Ma, arXiv:1905.10264.

    Example:
        >>> import jax
        >>> from simplebias.networks import TwoLayer
        >>> network = TwoLayer(2, 1, 100, key=jax.random.key(0), initialisation="ntk")
        >>> law_of_neurons(network.neurons()[0]).lengths.shape
        (100,)
    """
    if neurons.bias is None or neurons.output_weights is None or neurons.output_weights.shape[0] != 1:
        raise InputError("neurons with biases and output weights of one output", "others")
    weights, bias, output = (
        host_array(part) for part in (neurons.input_weights, neurons.bias, neurons.output_weights[0])
    )
    for name, part in (("input weights", weights), ("biases", bias), ("output weights", output)):
        check_finite(as_array(part), name)
    lengths = np.linalg.norm(weights, axis=1)
    alive = lengths > 0
    if not alive.any():
        raise InputError("input weights that are not all zero", "zeros")
    if bias_density is None:
        half = math.sqrt(np.mean(bias**2)) / 2
        bias_density = float(np.mean(np.abs(bias) <= half)) / (2 * half) if half else 0.0
    check_positive(bias_density, "bias_density")
    factor = len(bias) ** -0.5 if output_multiplier is None else output_multiplier
    check_positive(factor, "output_multiplier")
    shares = np.full(int(alive.sum()), 1 / len(bias))
    return NeuronLaw(weights.shape[1], lengths[alive], shares, (output[alive] / factor) ** 2, float(bias_density))


def bias_coverage(neurons: Neurons, points: ArrayLike) -> float:
    """How far biases reach beyond the data, `max |b| / max |w·x|`; the theory needs clearly more than 1.

    With less the kernel does not depend on differences of points alone. What must be left over is the width of the
    activation: `max |b| ≥ max |w·x| + width`.

    Args:
        neurons: of the hidden layer.
        points: `(points, inputs)`.

    Returns:
        The ratio, a pure number; infinite if `w·x` is zero everywhere.

    Raises:
        InputError: for no bias, or points with another number of inputs.

    References:
        Zhang, Xu, Luo, Ma, arXiv:1905.10264.

    Example:
        >>> import jax.numpy as jnp
        >>> neurons = Neurons(jnp.array([[2.0]]), bias=jnp.array([6.0]), output_weights=None)
        >>> bias_coverage(neurons, [-1.0, 0.5])
        3.0
    """
    where, weights = host_array(points).reshape(as_points(points).shape), host_array(neurons.input_weights)
    if neurons.bias is None:
        raise InputError("neurons with biases", "none")
    if where.shape[1] != weights.shape[1]:
        raise InputError(f"points of {weights.shape[1]} inputs", f"{where.shape[1]} inputs")
    farthest = float(np.abs(where @ weights.T).max())
    return float(np.abs(host_array(neurons.bias)).max()) / farthest if farthest else math.inf


def neuron_moments(law: NeuronLaw) -> NeuronMoments:
    """NeuronMoments `E r`, `E r³`, `E a²` and `E a² r` of a law of neurons, all that ReLU's coefficients depend on.

    Args:
        law: of the neurons.

    Returns:
        The moments.

    References:
        Zhang, Xu, Luo, Ma, arXiv:1905.10264.

    Example:
        >>> found = neuron_moments(uniform_neurons(weight_bound=3, output_bound=0.1, bias_bound=3))
        >>> round(2 * np.pi * found.crossover, 1)
        36.7
    """
    r, share, a2 = law.lengths, law.shares, law.output_squares
    return NeuronMoments(float(share @ r), float(share @ r**3), float(share @ a2), float(share @ (a2 * r)))


def lfp_coefficients(name: str, law: NeuronLaw, frequencies: ArrayLike) -> LfpCoefficients:
    """`Γ²(ξ)` and `Γ_w²(ξ)` of the Linear Frequency Principle, in any dimension.

    The constant is that of the kernel `∇f·∇f`: the published one for ReLU is half of it, which rescales time. For
    ReLU `Γ² = P (E r³ / 16π⁴|ξ|^(d+3) + E a²r / 4π²|ξ|^(d+1))`, for tanh the argument of csch is `π²|ξ|/r`.

    Args:
        name: of the activation, one that has a spectrum; for sin see `sine_atoms`.
        law: of the neurons.
        frequencies: `(frequencies,)`, lengths `|ξ|` above zero, cycles per unit of the input.

    Returns:
        The coefficients, float64 on the host: rates of learning, times the volume of a frequency cell.

    Raises:
        InputError: for an activation without a spectrum, or frequencies that are not positive.

    References:
        Zhang, Xu, Luo, Ma, arXiv:1905.10264; Luo, Ma, Xu, Zhang, arXiv:2010.08153; Zhang, Luo, Ma, Xu,
        arXiv:2102.00200.

    Example:
        >>> law = uniform_neurons(weight_bound=3, output_bound=1, bias_bound=10)
        >>> found = lfp_coefficients("relu", law, [1.0, 2.0]).gamma_w_squared
        >>> float(found[0] / found[1])
        4.0
    """
    xi = host_positive(frequencies, "frequencies")
    rows = max(1, BLOCK // len(law.lengths))
    parts = [_means(name, law, xi[start : start + rows]) for start in range(0, len(xi), rows)]
    values, slopes = (np.concatenate(part) for part in zip(*parts, strict=True))
    factor = law.prefactor * xi ** (1 - law.inputs)
    return LfpCoefficients(factor * (values + slopes), factor * slopes)


def _means(name: str, law: NeuronLaw, xi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`E[|F[σ]|² / r]` and `E[a² |F[σ']|² / r]` at `|ξ| / r`."""
    if name == "relu":
        found = neuron_moments(law)
        return found.r3 / (2 * math.pi * xi) ** 4, found.a2r / (2 * math.pi * xi) ** 2
    eta = xi[:, None] / law.lengths
    square = activation_spectrum(name, eta.ravel()).reshape(eta.shape) ** 2
    share = law.shares / law.lengths
    return square @ share, (square * (2 * math.pi * eta) ** 2) @ (share * law.output_squares)


def sine_atoms(law: NeuronLaw, *, frequency: float | int = 1.0) -> SpectralAtoms:
    """Frequencies at which a network with `σ(z) = sin(ωz)` learns: those of its input weights, `ω|w| / 2π`.

    The kernel is `½ E[(1 + ω²a²) cos(ω w·(x - x'))]` for biases broad next to `2π/ω`, whatever their density: a network
    of random Fourier features, with no bias towards low frequencies but that of the law of `|w|`.

    Args:
        law: of the neurons.
        frequency: angular frequency ω, as in `simplebias.networks.sine`.

    Returns:
        Radii and masses, float64 on the host; masses sum to the kernel at distance zero.

    Raises:
        InputError: if `frequency` is not positive.

    References:
        Zhang, Xu, Luo, Ma, arXiv:1905.10264.

    Example:
        >>> atoms = sine_atoms(uniform_neurons(weight_bound=1, output_bound=3, bias_bound=50))
        >>> round(float(atoms.masses.sum()), 6)
        2.0
    """
    check_positive(frequency, "frequency")
    order = np.argsort(law.lengths)
    masses = law.shares * (1 + frequency**2 * law.output_squares) / 2
    return SpectralAtoms(frequency * law.lengths[order] / (2 * math.pi), masses[order])
