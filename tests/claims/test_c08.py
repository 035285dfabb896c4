"""c08 is false for networks that do not condense or swing, in one seed, and for a mean of masks that is off."""

import numpy as np
import pytest
import xarray as xr

from simplebias.claims.c08_dropout_condenses import DROP, PLAIN, R1


def with_last(data, name, value):
    changed = data[name].transpose("seed", ...).copy(deep=True)
    changed.values[1, -1] = value
    return data.assign({name: changed})


@pytest.mark.parametrize(
    ("experiment", "name", "value"),
    [
        (PLAIN, "effective_features", 20.0),
        (PLAIN, "variation", 1.2),
        (R1, "effective_features", 8.0),
        (R1, "variation", 1.2),
        (R1, "variation", np.nan),
    ],
)
def test_one_seed_out_of_bounds_is_false(smoke, experiment, name, value):
    claim, evidence = smoke("c08")
    broken = dict(evidence) | {experiment: with_last(evidence[experiment], name, value)}
    assert claim.check(broken).word == "false"


def test_the_two_losses_exchanged_are_false(smoke):
    claim, evidence = smoke("c08")
    for name in ("effective_features", "variation"):
        swapped = {PLAIN: evidence[PLAIN].drop_vars(name).assign({name: evidence[R1][name]})}
        assert claim.check(swapped).word == "false"


@pytest.mark.parametrize("errors", [-4, 4, np.nan])
def test_a_mean_that_is_off_is_false(smoke, errors):
    claim, evidence = smoke("c08")
    data = evidence[PLAIN]
    off = data.assign(expected_loss=data["sampled_loss"] + errors * data["standard_error"])
    assert claim.check({PLAIN: off}).word == "false"


def made(orientations, variation, share):
    """Three seeds of 100 neurons, a share of whose amplitude lies in four bins."""
    angles = np.concatenate([np.repeat([0.3, 1.0, 1.7, 2.4], 5), np.linspace(0.01, 3.1, 80)])
    amplitudes = np.concatenate([np.full(20, share / 20), np.full(80, (1 - share) / 80)])
    features = np.broadcast_to(np.stack([angles, amplitudes], axis=1), (3, 1, 100, 2))
    return xr.Dataset(
        {
            "effective_features": (("seed", "record"), np.full((3, 1), orientations)),
            "variation": (("seed", "record"), np.full((3, 1), variation)),
            "features": (("seed", "record_features", "neuron", "feature"), features),
        },
        coords={"step": ("record", [1]), "step_features": ("record_features", [1])},
    )


@pytest.mark.parametrize(
    ("orientations", "variation", "share", "holds"),
    [(7.0, 1.1, 0.8, True), (16.0, 1.1, 0.8, False), (7.0, 1.3, 0.8, False), (7.0, 1.1, 0.5, False)],
)
def test_dropout_condenses_smooths_and_gathers_amplitude(smoke, orientations, variation, share, holds):
    claim, _ = smoke("c08")
    assert claim.check({DROP: made(orientations, variation, share)}).holds is holds
