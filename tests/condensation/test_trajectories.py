"""Groups over training against made-up histories that are known, and a short training."""

import numpy as np
import optax
import pytest
import xarray as xr

from simplebias.condensation import cosine_similarity_measure, feature_measure, group_history
from simplebias.core.errors import InputError
from simplebias.core.snapshot import Record
from simplebias.core.task import Regression
from simplebias.networks import TwoLayer
from simplebias.training import train

STEPS = [0, 5, 20, 100]
ANGLES = np.array([
    [0.0, 0.9, 2.0, -2.0, 0.5],
    [0.0, 0.1, 2.0, -2.0, 1.9],
    [0.0, 0.8, 2.0, 2.1, 1.95],
    [0.0, 0.05, 2.0, 2.05, 1.95],
])


def features(angles, sizes=None):
    values = np.stack([angles, np.ones_like(angles) if sizes is None else sizes], axis=2)
    return xr.DataArray(values, {"step": ("record", STEPS)}, ("record", "neuron", "feature"))


def similarities(angles):
    values = np.cos(angles[:, :, None] - angles[:, None])
    return xr.DataArray(values, {"step": ("record", STEPS)}, ("record", "neuron", "neuron_other"))


@pytest.mark.parametrize("recorded", [features(ANGLES), similarities(ANGLES)], ids=["angles", "cosines"])
def test_who_joins_when(recorded):
    history = group_history(recorded)
    assert history.member_of.values.tolist() == [2, 2, 1, 1, 1]
    assert history.founder.values.tolist() == [2, 0]
    assert history.joined.values.tolist() == [0, 100, 0, 20, 5]  # the second left once and joined again
    assert history.members.values.tolist() == [[1, 1], [2, 2], [3, 1], [3, 2]]
    assert history.groups.values.tolist() == [5, 3, 3, 2]
    assert history.step.values.tolist() == STEPS


def test_opposite_neurons_are_one_group_if_asked():
    turned = ANGLES + np.pi * np.array([0, 1, 0, 1, 0])
    assert group_history(features(turned)).sizes["group"] == 4
    ours, wanted = group_history(features(turned), absolute=True), group_history(features(ANGLES))
    xr.testing.assert_equal(ours.isel(record=[-1]).groups, wanted.isel(record=[-1]).groups)
    assert np.array_equal(ours.member_of, wanted.member_of)
    assert group_history(similarities(turned), absolute=True).member_of.equals(ours.member_of)


def test_dead_and_diverged_neurons_have_no_group():
    sizes = np.ones_like(ANGLES)
    sizes[-1, 1] = 0
    history = group_history(features(ANGLES, sizes))
    assert history.member_of.values[1] == 0
    assert np.isnan(history.joined.values[1])
    lost = ANGLES.copy()
    lost[-1] = np.nan
    history = group_history(features(lost))
    assert history.sizes["group"] == 0
    assert history.groups.values.tolist() == [5, 3, 3, 0]
    assert np.isnan(history.joined).all()


def test_of_a_training(key):
    x = np.linspace(-1, 1, 20)
    records = {
        "features": Record(feature_measure(), at=[0, 100, 400]),
        "cosines": Record(cosine_similarity_measure(), at=[0, 100, 400]),
    }
    network = TwoLayer(1, 1, 30, initialisation="weight-std:0.001", key=key)
    run = train(network, Regression(x, x), updater=optax.adam(1e-3), steps=400, measures=records, key=key)
    by_angle, by_cosine = (group_history(run.data[name], absolute=True) for name in ("features", "cosines"))
    assert np.array_equal(by_angle.member_of, by_cosine.member_of)
    assert np.array_equal(by_angle.joined, by_cosine.joined)
    assert by_angle.groups.values[0] > 5
    assert int(by_angle.groups[-1]) <= 2
    assert int(by_angle.members[-1].sum()) == 30


def test_bad_input():
    with pytest.raises(InputError, match="isel"):
        group_history(features(ANGLES).expand_dims("seed"))
    with pytest.raises(InputError, match="dimensions"):
        group_history(features(ANGLES).isel(record=0))
    with pytest.raises(InputError, match="one record"):
        group_history(features(ANGLES).isel(record=[]))
    for threshold in (1.0, -1, 2):
        with pytest.raises(InputError, match="threshold"):
            group_history(features(ANGLES), threshold=threshold)
