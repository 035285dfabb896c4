"""c03 is false for networks that stay large, lose what they knew, or shrink though they are not condensed."""

import numpy as np
import pytest
import xarray as xr

from simplebias.claims.c03_reduction import LINEAR, PLAIN, RELU, TANH

GOOD = {
    RELU: {"left": 5, "loss_ratio": 1.05, "retrained_ratio": 1.0, "largest_change": 0.02},
    LINEAR: {"left": 70},
    TANH: {"directions": 5, "left": 25, "largest_change": 0.05, "small_loss": 5e-4},
    PLAIN: {"directions": 24, "left": 700},
}


def made(values):
    return xr.Dataset({name: ("seed", [value, value]) for name, value in values.items()})


@pytest.mark.parametrize(
    ("name", "variable", "value"),
    [
        (RELU, "left", 7),
        (RELU, "loss_ratio", 1.2),
        (RELU, "retrained_ratio", 1.03),
        (RELU, "largest_change", 0.04),
        (LINEAR, "left", 30),
        (TANH, "directions", 9),
        (TANH, "left", 60),
        (TANH, "largest_change", 0.2),
        (TANH, "small_loss", 3e-3),
        (PLAIN, "directions", 8),
        (PLAIN, "left", 100),
    ],
)
def test_every_figure_can_be_false(smoke, name, variable, value):
    claim, _ = smoke("c03")
    evidence = {key: made(values) for key, values in GOOD.items()}
    assert claim.check(evidence).holds
    evidence[name][variable][1] = value  # one seed is enough
    assert claim.check(evidence).word == "false"


def test_regimes_taken_for_each_other_are_false(smoke):
    claim, evidence = smoke("c03")
    assert claim.check({LINEAR: evidence[RELU]}).word == "false"
    data = evidence[LINEAR].assign(retrained_ratio=evidence[RELU]["retrained_ratio"])
    assert claim.check({RELU: data}).word == "false"


def test_the_curve_is_told_and_its_end_is_what_is_left(smoke):
    _, evidence = smoke("c03")
    for data in (evidence[RELU], evidence[LINEAR]):
        curve = data["output_change"]
        assert curve.sizes["size"] > 5
        within = curve["size"].values[curve.values <= 0.005].min()
        assert within <= data["left"].values[0] <= 1.1 * within + 1  # the search takes every few points
    np.testing.assert_array_less(evidence[RELU]["change"], 0.005)
