"""Sine modes: the frequencies of functions that vanish on the boundary of a box, and how much of each there is."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, as_array, check_finite
from simplebias.core.snapshot import Measure, Snapshot
from simplebias.core.types import FREQUENCY, Array, ArrayLike, Float
from simplebias.pde.domains import Lattice

FREQUENCY_UNIT = "cycles per unit"


def sine_coefficients(values: ArrayLike, axes: tuple[int, ...] | None = None) -> Float[Array, "..."]:
    """Amplitudes `b_k` of sine modes, `v_i = Σ_k b_k sin(k π i / N)` for `i, k = 1 … N - 1`, along each axis.

    The discrete sine transform of the first kind, times `2 / N` along each axis; exact for any values, and a pure
    function of arrays under `jit` and `vmap`.

    Args:
        values: at the interior points of a lattice, `N - 1` along each axis, in any unit.
        axes: which axes; all by default.

    Returns:
        Amplitudes of modes 1 … N - 1 along each axis, in the unit of the values.

    Raises:
        InputError: for values that are not finite, complex, or empty.

    Example:
        >>> i = np.arange(1, 8)
        >>> [f"{abs(b):.4f}" for b in sine_coefficients(3 * np.sin(2 * np.pi * i / 8))[:3]]
        ['0.0000', '3.0000', '0.0000']
    """
    array = _real(values)
    return all_coefficients(array, tuple(range(array.ndim)) if axes is None else axes)


def sine_series(coefficients: ArrayLike, axes: tuple[int, ...] | None = None) -> Float[Array, "..."]:
    """Values at interior lattice points from amplitudes: the inverse of `sine_coefficients`.

    Args:
        coefficients: amplitudes of modes `1 … N - 1` along each axis, in any unit.
        axes: which axes; all by default.

    Returns:
        Values of the same shape and unit.

    Raises:
        InputError: for coefficients that are not finite, complex, or empty.

    Example:
        >>> [f"{value:.4f}" for value in sine_series([1.0, 0.0, 0.0])]
        ['0.7071', '1.0000', '0.7071']
    """
    array = _real(coefficients)
    for axis in range(array.ndim) if axes is None else axes:
        array = _transform(array, axis)
    return array


class _SineError(eqx.Module):
    target: Array
    places: tuple[Array, ...]
    shape: tuple[int, ...] = eqx.field(static=True)

    def __call__(self, snapshot: Snapshot) -> Array:
        if snapshot.outputs.shape != (int(np.prod(self.shape)), 1):
            raise InputError(f"one output at the {int(np.prod(self.shape))} points", f"{snapshot.outputs.shape}")
        found = all_coefficients(snapshot.outputs.reshape(self.shape))[self.places]
        return jnp.abs(found - self.target) / jnp.abs(self.target)


def sine_error_measure(lattice: Lattice, target: ArrayLike, modes: ArrayLike | None = None) -> Measure:
    """Relative error of each sine mode of a network's output, `Δ(k) = |b_k(h) - b_k(u)| / |b_k(u)|`.

    Args:
        lattice: snapshots must look at its interior points, `points=lattice.points`.
        target: u at these points, `(points,)`, `(points, 1)` or of the lattice's shape.
        modes: which modes, `(modes,)` or `(modes, inputs)`; by default all in which the target has at least 1e-6 of its
            largest amplitude, since of other modes an error has no size to be compared with.

    Returns:
        The measure, with frequency and power of the target at it as labels.

    Raises:
        InputError: if the target does not fit the lattice, is zero, or has no power in a mode that is asked for.

    Example:
        >>> from simplebias.pde import Box, poisson_tones
        >>> lattice, problem = Lattice(Box(-1, 1), 16), poisson_tones()
        >>> sine_error_measure(lattice, problem.exact_values(lattice.points), modes=[2, 4]).coords["frequency"].tolist()
        [0.5, 1.0]
    """
    array = _real(target)
    if array.size != int(np.prod(lattice.shape)):
        raise InputError(f"a target at {int(np.prod(lattice.shape))} interior points", f"shape {array.shape}")
    amplitudes = sine_coefficients(array.reshape(lattice.shape))
    rows = lattice.modes if modes is None else lattice.as_modes(modes)
    sizes = np.abs(np.asarray(amplitudes))[tuple(rows.T - 1)]
    rows = rows[sizes > 1e-6 * np.abs(np.asarray(amplitudes)).max()] if modes is None else rows
    places = tuple(jnp.asarray(column - 1) for column in rows.T)
    chosen = amplitudes[places]
    if rows.size == 0 or bool((chosen == 0).any()):
        raise InputError("a target with power in the modes asked for", "zero amplitude", "Leave these modes out.")
    return Measure(
        _SineError(chosen, places, lattice.shape),
        (FREQUENCY,),
        coords={FREQUENCY: lattice.frequencies(rows)},
        description="Relative error of the output at the frequency of each sine mode.",
        references=("xu2019frequency",),
        attributes={"long_name": "relative error"},
    )


def _real(values: ArrayLike) -> Array:
    array = as_array(values, "values")
    if array.ndim == 0 or array.size == 0 or jnp.iscomplexobj(array):
        raise InputError("real values, at least one along each axis", f"{array.dtype} of shape {array.shape}")
    check_finite(array, "values")
    return array


def all_coefficients(array: Array, axes: tuple[int, ...] | None = None) -> Array:
    """`sine_coefficients` without its checks."""
    for axis in range(array.ndim) if axes is None else axes:
        array = _transform(array, axis) * (2.0 / (array.shape[axis] + 1))
    return array


@functools.partial(jax.jit, static_argnums=1)
def _transform(array: Array, axis: int) -> Array:
    """`Σ_i v_i sin(k π i / N)`: minus half the imaginary part of the Fourier transform of the odd continuation."""
    rows = jnp.moveaxis(array, axis, -1)
    zero = jnp.zeros_like(rows[..., :1])
    odd = jnp.concatenate([zero, rows, zero, -rows[..., ::-1]], axis=-1)
    return jnp.moveaxis(-0.5 * jnp.imag(jnp.fft.rfft(odd, axis=-1))[..., 1:-1], -1, axis)
