"""c07 is false for another number of lines; groups and the iteration are held against what is known."""

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from simplebias.claims.c07_multiplicity import FROZEN, ORTHOGONAL, PLANE
from simplebias.claims.lines import climb, coherent


def on_lines(*degrees, both=True, stray=0):
    """Features of neurons at these angles, and as many opposite, and some small ones anywhere."""
    angles = np.radians(np.repeat(degrees, 8)) + np.tile([0, np.pi if both else 0], 4 * len(degrees))
    angles = np.append(angles, np.linspace(0, 6, stray))
    sizes = np.append(np.ones(8 * len(degrees)), np.full(stray, 0.1))
    wrapped = (angles + np.pi) % (2 * np.pi) - np.pi
    array = xr.DataArray(np.stack([wrapped, sizes], axis=1)[None, None], dims=("seed", "record", "neuron", "feature"))
    return xr.Dataset({"features": array}, {"step": ("record", [200])})


@pytest.mark.parametrize(
    ("name", "data", "holds"),
    [
        ("tanh", on_lines(10, stray=20), True),
        ("tanh", on_lines(10, both=False), False),
        ("tanh", on_lines(10, 50), False),
        ("xtanh", on_lines(10, 50), True),
        ("xtanh", on_lines(10, 50, 90), False),
        ("xtanh", on_lines(10), False),
        ("x2tanh", on_lines(10, 50, 170), True),
        ("x2tanh", on_lines(10, 13, 50), False),
        ("x2tanh", on_lines(10, 50), False),
    ],
)
def test_p_lines_and_twice_as_many_directions(smoke, name, data, holds):
    claim, _ = smoke("c07")
    assert claim.check({PLANE[name]: data}).holds is holds


def test_activations_taken_for_each_other_are_false(smoke):
    claim, evidence = smoke("c07")
    assert claim.check({PLANE["xtanh"]: evidence[PLANE["x2tanh"]]}).word == "false"
    assert claim.check({PLANE["x2tanh"]: evidence[PLANE["xtanh"]]}).word == "false"


@pytest.mark.parametrize(
    ("name", "variable", "value"),
    [(FROZEN, "lines", 3), (FROZEN, "closest", 0.99), (ORTHOGONAL, "lines", 3), (ORTHOGONAL, "predicted", 3)],
)
def test_counts_with_frozen_residuals(smoke, name, variable, value):
    claim, evidence = smoke("c07")
    broken = evidence[name].assign({variable: evidence[name][variable] * 0 + value})
    assert claim.check({name: broken}).word == "false"


def test_chains_join_groups():
    angles = np.radians([0, 5, 10, 15, 90, 92, 200])
    cosines = np.cos(angles[:, None] - angles)
    assert coherent(cosines, np.cos(np.radians(6))).tolist() == [4, 2, 1]
    assert coherent(cosines, np.cos(np.radians(4))).tolist() == [2, 1, 1, 1, 1, 1]
    assert coherent(cosines, np.cos(np.radians(6)), least=2).tolist() == [4, 2]
    assert coherent(np.abs(cosines), np.cos(np.radians(6))).tolist() == [5, 2]
    assert coherent(np.full((3, 3), np.nan), 0.9).size == 0


def test_the_iteration_ends_on_an_eigenvector_of_each_sign():
    rng = np.random.default_rng(0)
    x, e = rng.normal(size=(12, 2)), rng.normal(size=(12, 1))
    rows = np.column_stack([x, np.ones(12)])
    values, vectors = np.linalg.eigh(-(rows * e).T @ rows / 12)
    begin, signs = jnp.asarray(rng.normal(size=(8, 3))), jnp.asarray([1.0, -1.0] * 4)
    lines = jnp.asarray(vectors.T)
    ends, growth, cosines = climb(begin, signs, jnp.asarray(x), jnp.asarray(e), lines, power=2, steps=3000)
    np.testing.assert_allclose(np.abs(ends @ lines.T)[::2], np.eye(3)[[2] * 4], atol=0.01)
    np.testing.assert_allclose(np.abs(ends @ lines.T)[1::2], np.eye(3)[[0] * 4], atol=0.01)
    np.testing.assert_allclose(growth, np.array([values[2], -values[0]] * 4), rtol=1e-3)
    assert cosines.shape == (3001, 8, 3)
