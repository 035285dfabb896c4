"""Planes of the loss against the loss itself, and eigenvalues side by side."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.core.task import task_loss
from simplebias.landscape import (
    eigenvalue_stages,
    escape,
    escape_directions,
    loss_plane,
    manufactured,
    parameter_tree,
    verify,
)
from simplebias.networks import TwoLayer, split_embedding

X = np.linspace(-3, 3, 30)


@pytest.fixture
def saddle(float64):
    """A network at a strict saddle of a task, with two escape directions."""
    network = TwoLayer(1, 1, 2, activation="tanh", initialisation="weight-std:1", key=jax.random.key(1))
    return network, manufactured(network, X, key=jax.random.key(2))


def test_a_plane_holds_the_loss_of_moved_networks(saddle):
    network, task = saddle
    rows = np.random.default_rng(0).normal(size=(2, 6))
    found = loss_plane(
        network, task, directions=tuple(parameter_tree(network, row) for row in rows), reach=0.5, points=3
    )
    u = rows[0] / np.linalg.norm(rows[0])
    v = rows[1] - (rows[1] @ u) * u
    v /= np.linalg.norm(v)
    for s, t in ((0.0, 0.0), (0.5, 0.0), (-0.5, 0.5)):
        moved = escape(network, parameter_tree(network, s * u + t * v), 1.0)
        at = found["plane"].sel(along=s, across=t)
        assert float(at) == pytest.approx(float(task_loss(moved, task)), rel=1e-12)


def test_around_a_saddle_the_plane_falls_along_and_the_middle_is_the_saddle(saddle):
    network, task = saddle
    assert escape_directions(network, task)
    plane = loss_plane(network, task, points=21)["plane"]
    middle = float(plane[10, 10])
    assert middle == pytest.approx(float(task_loss(network, task)), rel=1e-12)
    assert float(plane[:, 10].min()) < middle
    lowest = int(plane.values[:, 10].argmin())
    assert lowest not in {0, 20}, "the loss falls and rises again within the plane"


def test_stages_hold_all_eigenvalues_and_their_counts(saddle):
    network, task = saddle
    checked = verify(split_embedding(network, 1, 0), task)
    found = eigenvalue_stages(checked)
    assert found["eigenvalues"].notnull().sum("rank").values.tolist() == [6, 9]
    assert found["counts"].values.tolist() == [list(checked.before.counts), list(checked.after.counts)]
    np.testing.assert_array_equal(found["eigenvalues"][1], checked.after.eigenvalues)


def test_bad_planes_are_refused(saddle):
    network, task = saddle
    one = parameter_tree(network, jnp.ones(6))
    with pytest.raises(InputError, match="not parallel"):
        loss_plane(network, task, directions=(one, one))
    with pytest.raises(InputError, match="odd number"):
        loss_plane(network, task, points=4)
    with pytest.raises(InputError, match="reach"):
        loss_plane(network, task, reach=-1.0)
    with pytest.raises(InputError, match="with inertia"):
        eigenvalue_stages(verify(split_embedding(network, 1, 0), task, with_inertia=False))
