"""Records of iterations on a lattice as labelled data: the error mode by mode, iteration by iteration."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import xarray as xr

from simplebias.core.errors import InputError, as_array, check_finite
from simplebias.core.types import FREQUENCY, INPUT, OUTPUT, POINT, RECORD, Array, ArrayLike
from simplebias.pde.domains import Lattice
from simplebias.pde.sines import FREQUENCY_UNIT, sine_coefficients

LARGEST_RECORD = 20_000_000
"""Amplitudes that an iteration may record."""


class Records(NamedTuple):
    """What an iteration left behind: at each record the iterations, the largest error, and amplitudes of modes."""

    step: np.ndarray
    error: np.ndarray
    mode_error: np.ndarray


def labelled(
    lattice: Lattice,
    rows: np.ndarray,
    target: Array,
    last: Array,
    found: Records,
    factor: np.ndarray | None,
    until: float | int | None,
    *,
    unit: str,
    attributes: dict[str, Any],
) -> xr.Dataset:
    """Records up to the end, with labels.

    Args:
        lattice: where.
        rows: modes `(modes, inputs)`.
        target: the discrete solution.
        last: the last iterate.
        found: the records.
        factor: what one iteration multiplies each mode of the error by, where it does.
        until: error at which the iteration was to stop.
        unit: what a step is, in the plural.
        attributes: of the data as a whole.

    Returns:
        The labelled data.
    """
    met = found.error <= until if until is not None else np.zeros(len(found.step), bool)
    kept = slice(0, int(met.argmax()) + 1 if met.any() else len(met))
    steps, error = found.step[kept], found.mode_error[kept]
    size = np.abs(np.asarray(sine_coefficients(target)))
    chosen = size[tuple(rows.T - 1)]
    known = chosen > 1e-12 * size.max()
    over = (RECORD, FREQUENCY)
    words = {
        "error": ((RECORD,), found.error[kept], "Largest error over the points", {"panel": "error"}),
        "mode_error": (over, error, "Amplitude of the error in each sine mode", {}),
        "relative_error": (
            over,
            np.where(known, np.abs(error) / np.where(known, chosen, 1), np.nan),
            "Error of each sine mode, by the amplitude of the solution",
            {},
        ),
    }
    if factor is not None:  # the first record need not be the first iteration
        exact = error[0] * factor ** (steps[:, None] - steps[0])
        words["exact_mode_error"] = (over, exact, "The first amplitude times the exact factor of the sweeps", {})
    common = {"references": "xu2019frequency", "units": "", "scale": "log"}
    variables: dict[str, Any] = {}
    for name, (dims, values, text, more) in words.items():
        said = {"description": f"{text}; a step is one of the {unit}.", "long_name": name.replace("_", " ")}
        variables[name] = (dims, values, common | said | more)
    variables |= {
        "points": ((POINT, INPUT), lattice.points),
        "target": ((POINT, OUTPUT), np.asarray(target).reshape(-1, 1), {"description": "discrete solution"}),
        "final": ((POINT, OUTPUT), np.asarray(last).reshape(-1, 1), {"description": "last iterate"}),
        "stopped_at": ((), int(steps[-1]) if met.any() else -1, {"description": f"{unit} until it was met"}),
    }
    coords: dict[str, Any] = {
        "step": (RECORD, steps, {"units": unit}),
        FREQUENCY: (FREQUENCY, lattice.frequencies(rows), {"units": FREQUENCY_UNIT}),
        "power": (FREQUENCY, chosen**2, {"description": "power of the solution"}),
        "mode": ((FREQUENCY, INPUT), rows),
        OUTPUT: ["u"],
        INPUT: [f"x{axis + 1}" for axis in range(len(lattice.shape))] if len(lattice.shape) > 1 else ["x"],
    }
    return xr.Dataset(variables, coords, attributes)


def as_modes(lattice: Lattice, modes: ArrayLike, records: int) -> np.ndarray:
    """The modes to record, all by default, refused where their amplitudes would not fit in memory.

    Args:
        lattice: where.
        modes: `(modes,)`, `(modes, inputs)` or None.
        records: how many records.

    Returns:
        `(modes, inputs)`.

    Raises:
        InputError: for modes that the lattice does not have, or too many.
    """
    rows = lattice.modes if modes is None else lattice.as_modes(modes)
    if len(rows) * records > LARGEST_RECORD:
        got = f"{len(rows)} modes at {records} records"
        raise InputError(f"at most {LARGEST_RECORD} amplitudes", got, "Choose modes= or fewer records at=.")
    return rows


def fitting(values: ArrayLike, lattice: Lattice, name: str) -> Array:
    """Values at the interior points, in the lattice's shape.

    Args:
        values: as many as there are points, in any shape.
        lattice: where.
        name: what to call them in an error.

    Returns:
        Real, finite values.

    Raises:
        InputError: for others.
    """
    array = as_array(values, name)
    if array.size != int(np.prod(lattice.shape)) or jnp.iscomplexobj(array):
        expected = f"{name} as real values at {int(np.prod(lattice.shape))} interior points"
        raise InputError(expected, f"{array.dtype} of shape {array.shape}", "Take them at Lattice.points.")
    check_finite(array, name)
    return array.reshape(lattice.shape)


__all__ = ["Records", "as_modes", "fitting", "labelled"]
