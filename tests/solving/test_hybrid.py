"""Sweeps are foretold as they then turn out, and the crossing is where the whole is cheapest."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from simplebias.core import InputError
from simplebias.networks import MLP
from simplebias.pde import Ball, Box, Elliptic, HardBoundary, Lattice, Poisson, jacobi, poisson_tones, solve_direct
from simplebias.solving.hybrid import hybrid
from simplebias.solving.hybrid_costs import Sweeps

WAVES = Elliptic(Box([0, 0], [1, 2]), lambda x: jnp.exp(x[0]) * (1 + x[1]), diffusion=2.0, reaction=3.0)


def network(key):
    return HardBoundary(MLP(1, 1, 60, 2, activation="tanh", key=key), poisson_tones().domain)


def test_the_error_of_a_guess_is_read_off_its_residual(float64):
    lattice = Lattice(WAVES.box, (12, 16))
    sweeps = Sweeps(WAVES, lattice, "jacobi", 1.0, 1e-3)
    target = solve_direct(WAVES, (12, 16)).reshape(lattice.shape)
    guess = np.random.default_rng(0).normal(size=lattice.shape)
    i, j = np.meshgrid(*(np.arange(1, count) / count for count in (12, 16)), indexing="ij")
    found = sweeps.error_of(target + 0.3 * np.sin(2 * np.pi * i) * np.sin(5 * np.pi * j))
    assert found[1, 4] == pytest.approx(0.3)
    assert np.abs(found).sum() == pytest.approx(0.3, abs=1e-9)
    assert np.abs(sweeps.error_of(target)).max() < 1e-12
    assert sweeps.needed(target) == 0
    # foretold and counted
    bound = 1e-3 * np.abs(target).max()
    for start in (np.zeros_like(guess), target + 0.1 * guess):
        counted = int(jacobi(WAVES, (12, 16), initial=start, until=bound, sweeps=5000, at=[5000])["stopped_at"])
        assert sweeps.needed(start) == pytest.approx(counted, rel=0.1, abs=5)


def test_a_network_that_is_dear_is_not_waited_for(key):
    """On 32 points in one dimension sweeps cost next to nothing."""
    run = hybrid(poisson_tones(), 32, network(key), tolerance=1e-2, steps=200, look=10, cost="operations", key=key)
    data = run.data
    assert float(data["network_cost"]) >= float(data["classical_cost"])
    assert data["step"].values[data["foretold"].notnull().values][-1] == 10  # it stopped at the first look
    assert float(data["total_cost"]) == pytest.approx(float(data["network_cost"] + data["sweeps_cost"]))
    assert float(data["error"][-1]) <= 1e-2 * np.abs(data["target"]).max()


def test_a_fixed_crossing_hands_the_network_over(key):
    options = {"updater": optax.adam(3e-3), "tolerance": 0.02, "cost": "operations", "key": key}
    run = hybrid(poisson_tones(), 64, network(key), crossover=300, look=100, **options)
    data = run.data
    assert int(data["crossover"]) == 300
    assert float(data["sweeps"]) < 0.5 * float(data["sweeps_from_zero"])
    values = jax.vmap(run.network)(jnp.asarray(data["points"].values, jnp.float32))
    first = float(data["error"][data["step"].values == 300][0])
    assert np.abs(values - data["target"].values).max() == pytest.approx(first, rel=1e-3)
    assert np.isnan(data["alone_cost"])
    assert (np.diff(data["spent"]) >= 0).all()


def test_multigrid_may_follow_and_the_network_may_go_on_alone(key):
    options = {"updater": optax.adam(3e-3), "cost": "operations", "key": key}
    run = hybrid(
        poisson_tones(), 32, network(key), method="multigrid", tolerance=0.05, crossover=50, alone=20, **options
    )
    assert float(run.data["error"][-1]) <= 0.05 * np.abs(run.data["target"]).max()
    assert 0 < float(run.data["sweeps"]) < 10
    assert float(run.data["alone_cost"]) > float(run.data["network_cost"])


@pytest.mark.parametrize(
    "options",
    [{"method": "cg"}, {"cost": "euros"}, {"steps": 0}, {"tolerance": 0}, {"damping": 2}, {"crossover": 0}],
)
def test_bad_input_is_named(options, key):
    with pytest.raises(InputError):
        hybrid(poisson_tones(), 16, network(key), **options, key=key)


def test_other_domains_have_no_lattice(key):
    with pytest.raises(InputError, match="box"):
        hybrid(Poisson(Ball([0, 0], 1), lambda x: x[0]), 16, network(key), key=key)
