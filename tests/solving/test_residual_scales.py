"""Scales that a network lacks, by its residual."""

import jax.numpy as jnp

from simplebias.pde import Box, Poisson
from simplebias.solving.residual_scales import added_scales
from simplebias.solving.scales import scales_for

TAU = 2 * jnp.pi


def test_scales_that_a_network_lacks_are_added(key):
    def exact(x):
        return jnp.sin(TAU * x[0]) + 0.1 * jnp.sin(25 * TAU * x[0])

    problem = Poisson(
        Box(0, 1), lambda x: TAU**2 * (jnp.sin(TAU * x[0]) + 62.5 * jnp.sin(25 * TAU * x[0])), exact=exact
    )
    wanted = scales_for(problem, key=key)
    low = lambda x: jnp.sin(TAU * x)
    assert added_scales(problem, low, wanted[:2], key=key) == wanted[2:]
    assert added_scales(problem, low, wanted, key=key) == ()
    assert added_scales(problem, lambda x: exact(x)[None], (2.0,), key=key) == ()
