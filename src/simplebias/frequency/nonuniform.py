"""The non-uniform fast Fourier transform of finufft, and when it is faster than the plain sum."""

import importlib.util
import math

import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, is_traced
from simplebias.core.types import Array

SPREADING = (2, 6, 25)
"""Terms of the plain sum that take as long as finufft takes for one point or frequency, for 1, 2, 3 inputs."""
SET_UP = 20_000
"""Terms of the plain sum that take as long as finufft takes for nothing at all."""


def is_installed() -> bool:
    """Whether finufft can be imported."""
    return importlib.util.find_spec("finufft") is not None


def nufft_pays(points: np.ndarray, frequencies: np.ndarray) -> bool:
    """Whether finufft is faster than points × frequencies terms of the plain sum.

    Counted in terms of the sum: each point and frequency is spread over neighbours on a lattice that is fine enough
    for extent times range of frequencies, and that lattice is transformed (`benchmarks/bench_spectrum.py`).

    Args:
        points: `(points, inputs)`.
        frequencies: `(frequencies, inputs)`, cycles per unit.

    Returns:
        False for more than three inputs, which finufft does not know.
    """
    inputs = points.shape[1]
    if inputs > 3:
        return False
    lattice = math.prod(4 * np.ptp(points, axis=0) * np.ptp(frequencies, axis=0) + 30)
    terms = SET_UP + SPREADING[inputs - 1] * (len(points) + len(frequencies)) + lattice
    return bool(len(points) * len(frequencies) > terms)


def nufft(points: np.ndarray, values: Array, frequencies: np.ndarray, share: np.ndarray) -> Array:
    """`Σ_j w_j y_j exp(-2πi ξ·x_j)` by finufft in float64, to a relative 1e-12.

    Args:
        points: `(points, inputs)`.
        values: `(points, outputs)`, known ones.
        frequencies: `(frequencies, inputs)`, cycles per unit.
        share: `w_j`, `(points,)`.

    Returns:
        `(frequencies, outputs)`, complex, in the precision of the values.

    Raises:
        InputError: for traced values, more than three inputs, or where finufft is not installed.
    """
    if is_traced(values) or points.shape[1] > 3:
        raise InputError("known values and at most three inputs for method='nufft'", "others", "Use method='direct'.")
    if not is_installed():
        raise InputError("finufft to be installed", "no finufft", "pip install 'simplebias[nufft]'")
    import finufft

    transform = (finufft.nufft1d3, finufft.nufft2d3, finufft.nufft3d3)[points.shape[1] - 1]
    strengths = (np.asarray(values, dtype=np.float64) * share[:, None]).T.astype(np.complex128)
    places = [np.ascontiguousarray(column) for column in points.T]
    turns = [np.ascontiguousarray(2 * np.pi * column) for column in frequencies.T]
    found = transform(*places, np.ascontiguousarray(strengths), *turns, eps=1e-12, isign=-1, nthreads=1)
    return jnp.asarray(found.reshape(len(strengths), -1).T, jnp.result_type(values.dtype, jnp.complex64))
