"""Kernels of random two-layer networks against the coefficients of the linear Frequency Principle."""

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from scipy.special import j0
from scipy.stats import qmc

from simplebias.claims.experiment import SEEDS
from simplebias.core.types import FREQUENCY
from simplebias.frequency import decay_exponent, gaussian_neurons, lfp_coefficients, uniform_neurons
from simplebias.networks import activation

ACTIVATIONS = ("relu", "tanh", "ricker", "ricker:0.3")
WEIGHT, OUTPUT = 3.0, 0.7
"""Bounds of input and output weights."""
HALF = 16 * np.pi
"""Half of the interval on which the kernel is looked at."""
MARGIN = 6.0
"""Where |z| is beyond this every activation is affine or zero to six digits."""
PLACES = 1025
BLOCK = 2048
DISTANCES = np.array([0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5])
FIRST, LAST = 8, 40
"""Eigenvalues from which exponents are taken."""


def quotients(neurons: int) -> xr.Dataset:
    """Rayleigh quotients of the kernel with windowed waves, `E |∫ g exp(-ikx) σ(wx + b)|² / ∫ g²`, over `Γ²`.

    Biases are uniform on ±B; those with |b| above |w| max|x| + 6 make a neuron affine on the whole interval and are
    left out, which saves nine tenths of the neurons.

    Args:
        neurons: how many, a power of two.

    Returns:
        Kernel spectrum, `Γ²` and their quotient, by activation and frequency.
    """
    k = np.arange(1, 6)
    bias = WEIGHT * HALF + MARGIN
    unit = qmc.Sobol(3, rng=SEEDS[0]).random(neurons)
    w = WEIGHT * (2 * unit[:, 0] - 1)
    reach = np.abs(w) * HALF + MARGIN
    b, squares = reach * (2 * unit[:, 1] - 1), (OUTPUT * unit[:, 2]) ** 2
    law = uniform_neurons(weight_bound=WEIGHT, output_bound=OUTPUT, bias_bound=bias)
    fine = np.geomspace(k[0], k[-1], 60) / (2 * np.pi)
    names = list(ACTIVATIONS)
    kernel = np.stack([_powers(name, k, w, b, reach / bias, squares) for name in names])
    formula = np.stack([lfp_coefficients(name, law, k / (2 * np.pi)).gamma_squared for name in names])
    lines = np.stack([lfp_coefficients(name, law, fine).gamma_squared for name in names])
    common = {"scale": "log", "panel": "spectrum of the kernel", "axis": "Γ²(ξ)"}
    common |= {"references": "zhang2019explicitizing"}
    text = "Lines: Γ² by formula. Points: the kernel of random neurons, seen through a window. Nothing is fitted."
    frequency = {"long_name": "frequency", "units": "cycles per unit", "scale": "log"}
    dims = ("activation", FREQUENCY)
    ratio = {"over": FREQUENCY, "long_name": "kernel over Γ²", "description": "Accepted is 0.93 to 1.07."}
    return xr.Dataset(
        {
            "formula": (("activation", "place"), lines, common | {"over": "place", "description": text}),
            "kernel": (dims, kernel, common | {"over": FREQUENCY, "marks": "points"}),
            "quotient": (dims, kernel / formula, ratio),
        },
        {
            "activation": names,
            FREQUENCY: (FREQUENCY, k / (2 * np.pi), frequency),
            "place": ("place", fine, frequency),
        },
    )


def _powers(
    name: str, k: np.ndarray, w: np.ndarray, b: np.ndarray, shares: np.ndarray, squares: np.ndarray
) -> np.ndarray:
    """Power of the kernel at angular frequencies k: the gradients by output weights, and by the rest."""
    x = np.linspace(-HALF, HALF, PLACES)
    step, window = x[1] - x[0], np.blackman(PLACES)
    waves = window[:, None] * np.exp(-1j * np.outer(x, k)) * step
    function, width = activation(name), 1e-3

    @jax.jit
    def means(w: jax.Array, b: jax.Array, share: jax.Array, square: jax.Array) -> jax.Array:
        inside = w[:, None] * x + b[:, None]
        slopes = (function(inside + width) - function(inside - width)) / (2 * width)
        both = jnp.abs(function(inside) @ waves) ** 2 + square[:, None] * jnp.abs(slopes @ waves) ** 2
        return share @ both

    with jax.enable_x64(True):
        parts = [
            np.asarray(means(*(jnp.asarray(part[start : start + BLOCK]) for part in (w, b, shares, squares))))
            for start in range(0, len(w), BLOCK)
        ]
    return np.sum(parts, axis=0) / len(w) / (step * np.sum(window**2))


def two_inputs(neurons: int) -> xr.Dataset:
    """`E a² σ'σ'` of tanh neurons of two inputs with Gaussian weights, sampled, and as `∫ Γ_w²(|ξ|) cos(2πξ·x) dξ`.

    Only biases within ±12 matter, so they are drawn there and weighed by their density.

    Args:
        neurons: how many draws.

    Returns:
        Both over the distance of two points.
    """
    bias_std, bound = 20.0, 12.0
    law = gaussian_neurons(2, weight_std=1, output_std=1, bias_std=bias_std)
    xi = np.linspace(1e-4, 6, 6000)
    gamma = lfp_coefficients("tanh", law, xi).gamma_w_squared
    waves = j0(2 * np.pi * np.outer(DISTANCES, xi))
    formula = np.trapezoid(2 * np.pi * xi * waves * gamma, xi, axis=1)
    rng = np.random.default_rng(SEEDS[0])
    w, b = rng.standard_normal(neurons), rng.uniform(-bound, bound, neurons)
    density = 2 * bound * np.exp(-((b / bias_std) ** 2) / 2) / (bias_std * np.sqrt(2 * np.pi))
    slope = lambda shift: 1 / np.cosh(b + w * shift) ** 2
    sampled = [np.mean(density * slope(-apart / 2) * slope(apart / 2)) for apart in DISTANCES]
    common = {"over": "distance", "panel": "kernel of two inputs", "axis": "E a² σ′(z) σ′(z′)"}
    common |= {"references": "luo2020exact"}
    text = "The constant of the formula is that of the kernel; a published one for ReLU is half of it."
    return xr.Dataset(
        {
            "formula": ("distance", formula, common | {"role": "target", "description": text}),
            "sampled": ("distance", np.array(sampled), common | {"role": "network", "marks": "points"}),
        },
        {"distance": ("distance", DISTANCES, {"long_name": "distance of two points"})},
    )


def eigenvalues() -> xr.Dataset:
    """Eigenvalues of the two parts of ReLU's kernel, with means over biases as sums over a fine lattice.

    Returns:
        Eigenvalues by part and index, and the slopes of indices 8 to 40.
    """
    x, b = np.linspace(-1, 1, 300), np.linspace(-4, 4, 200)
    w = np.random.default_rng(SEEDS[0]).standard_normal(30)
    before = (x[:, None, None] * w[:, None] + b).reshape(len(x), -1)
    outer, inner = np.maximum(before, 0), (before > 0) * 1.0
    kernels = (outer @ outer.T, inner @ inner.T * (1 + np.outer(x, x)))
    values = np.stack([np.linalg.eigvalsh(kernel / before.shape[1])[::-1] for kernel in kernels])
    with jax.enable_x64(True):
        slopes = [float(decay_exponent(part, FIRST, LAST).slope) for part in values]
    attributes = {"over": "index", "scale": "log", "long_name": "eigenvalue", "references": "zhang2019explicitizing"}
    text = "Kernel of ReLU for one input: the part by output weights falls as j⁻⁴, that by input weights as j⁻²."
    shown = slice(0, 100)
    return xr.Dataset(
        {
            "eigenvalue": (("part", "index"), values[:, shown], attributes | {"description": text}),
            "slope": ("part", np.array(slopes)),
        },
        {"part": ["σσ", "σ′σ′"], "index": ("index", np.arange(1, 101), {"long_name": "index j", "scale": "log"})},
    )
