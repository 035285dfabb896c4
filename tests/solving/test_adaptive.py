"""Networks that grow: the same function with more to learn, and scales by what the residual lacks."""

import importlib

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from simplebias.core.errors import InputError
from simplebias.core.run import Run
from simplebias.networks import MLP
from simplebias.pde import Box, HardBoundary, Poisson
from simplebias.pde.last_layer import find_last_layer
from simplebias.solving.adaptive import Sum, grown, solve_adaptively
from simplebias.solving.networks import small_network

TAU = 2 * jnp.pi


@pytest.mark.parametrize("hard", [False, True])
def test_a_grown_network_is_the_same_function_and_its_part_learns(key, hard):
    first, second = jax.random.split(key)
    network = MLP(1, 1, 8, 2, key=first)
    network = HardBoundary(network, Box(0, 1)) if hard else network
    more = grown(network, small_network(1, (4.0, 8.0), parameters=100, key=second))
    assert len(find_last_layer(more)) == 2  # the sum is affine in the last layers of both
    x = jnp.linspace(0.1, 0.9, 7)[:, None]
    np.testing.assert_array_equal(jax.vmap(more)(x), jax.vmap(network)(x))
    slopes = eqx.filter_grad(lambda one: jnp.sum(jax.vmap(one)(x)))(more)
    part = (slopes.network if hard else slopes).parts[1]
    assert float(jnp.abs(part.inner.layers[-1].weight).max()) > 0
    assert len(grown(more.network if hard else more, small_network(1, (2.0,), key=second)).parts) == 3


def test_a_part_without_layers_is_refused():
    with pytest.raises(InputError, match="layers"):
        grown(lambda x: x, lambda x: x)


def test_each_round_adds_what_the_residual_lacks(monkeypatch, key):
    asked = []

    def solve(problem, **options):
        asked.append(options)
        network = options.get("network") or (lambda x: jnp.sin(TAU * x))  # learns the low tone, never the high one
        steps = {"step": ("record", np.arange(3)), "seconds": ("record", np.array([1.0, 2.0, 3.0]))}
        data = xr.Dataset({"error": ("record", np.array([1.0, 0.5, 0.1])), "relative_l2": 0.1}, steps)
        made = {"problem": "tones", "ready": None, "seconds": 3.0, "parameters": 7, "converged": True}
        made |= {"loss": "residual", "boundary": "hard", "method": "gauss-newton", "scales": list(options["scales"])}
        return Run(data, network, provenance={"solve": made}, step=2)

    monkeypatch.setattr(importlib.import_module("simplebias.solving.adaptive"), "solve", solve)
    source = lambda x: TAU**2 * (jnp.sin(TAU * x[0]) + 62.5 * jnp.sin(25 * TAU * x[0]))
    run = solve_adaptively(Poisson(Box(0, 1), source), rounds=3, budget=30, key=key)
    assert [one["scales"] for one in asked] == [(2.0,), (2.0, 128.0), (2.0, 128.0)]
    assert [one["budget"] for one in asked] == [10, 10, 10]
    assert isinstance(asked[1]["network"], Sum)
    assert asked[0]["reference"] is asked[1]["reference"]  # found once for all
    assert run.data["step"].values.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert run.data["seconds"].values.tolist() == [1, 2, 3, 5, 6, 8, 9]
    assert run.provenance["solve"]["scales_by_round"] == [[2.0], [128.0]]
    assert "2; then 128" in run.provenance["summary"]["notes"][0]
