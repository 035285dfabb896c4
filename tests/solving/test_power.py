"""Power by frequency: a wave has it in its own band, and bands without any are not judged."""

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from simplebias.pde import Box, Poisson, zero
from simplebias.solving.looks import bands, places
from simplebias.solving.power import with_power
from simplebias.solving.references import Reference, find_reference


def test_a_wave_has_its_power_in_its_band(float64):
    wave = lambda x: jnp.sin(20 * jnp.pi * x[0])
    problem = Poisson(Box(0, 1), zero, exact=wave)
    reference: Reference = find_reference(problem, "auto")
    looked = places(problem, reference, key=jax.random.key(0))
    middles = bands(looked, problem)[1]
    data = xr.Dataset({"error_by_frequency": ("frequency", np.ones(len(middles)))}, {"frequency": middles})
    found = with_power(data, looked, problem)
    share = found["power"] / found["power"].sum()
    assert float(share.where(abs(found.frequency - 10) < 3).sum()) > 0.999
    assert np.isnan(found["error_by_frequency"].values[-1])
    assert found["error_by_frequency"].sel(frequency=10, method="nearest") == 1
    assert with_power(data.drop_vars("error_by_frequency"), looked, problem).data_vars == {}
