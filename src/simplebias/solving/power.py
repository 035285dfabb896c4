"""How much of a solution each band of frequencies carries, so that none without power is judged."""

import jax.numpy as jnp
import numpy as np
import xarray as xr

from simplebias.core.types import FREQUENCY
from simplebias.pde import Problem
from simplebias.solving.looks import Places, spectra_of

FAINT = 1e-10
"""Power, over the largest, below which a relative error is rounding over rounding."""


def with_power(data: xr.Dataset, places: Places, problem: Problem) -> xr.Dataset:
    """Data with the power of the reference along `frequency`, errors where it has none left out.

    Args:
        data: of a solution, with `error_by_frequency` where the points lie on a lattice.
        places: where it was looked at.
        problem: what was solved.

    Returns:
        The data with the coordinate `power`; as they are without a lattice or a reference.

    No example: `solve` calls it.
    """
    if "error_by_frequency" not in data or places.index is None or places.exact is None:
        return data
    power = np.asarray(spectra_of(problem, places)[0].power(jnp.asarray(places.exact)), float)
    error = data["error_by_frequency"].where(power >= FAINT * power.max(initial=0.0)).assign_attrs(
        data["error_by_frequency"].attrs | {"long_name": "relative error", "role": "network"}
    )  # fmt: skip
    known = {"units": "square of the unit of the solution", "description": "power of the reference in each band"}
    found = data.assign(error_by_frequency=error).assign_coords(power=(FREQUENCY, power, known))
    found[FREQUENCY].attrs |= {"units": "cycles per unit", "long_name": "frequency"}
    return found
