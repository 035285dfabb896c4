"""c10 is false for kernels elsewhere, for a line that is met only after the loss fell, and for kernels apart."""

import numpy as np
import pytest
import xarray as xr

from simplebias.claims.c10_kernels_condense import CLASSES, LECUN, PAIR, SMALL


def test_time_run_backwards_is_false(smoke):
    claim, evidence = smoke("c10")
    near = evidence[PAIR]["near"]
    assert claim.check({PAIR: evidence[PAIR].assign(near=near.copy(data=near.values[:, ::-1]))}).word == "false"


@pytest.mark.parametrize(
    ("near", "loss", "holds"),
    [
        ([0.0, 0.5, 0.95], [1.0, 1.0, 0.9995], True),
        ([0.0, 0.5, 0.95], [1.0, 1.0, 0.99], False),
        ([0.0, 0.95, 0.2], [1.0, 1.0, 0.5], True),
        ([0.4, 0.5, 0.95], [1.0, 1.0, 1.0], False),
        ([0.0, 0.5, 0.89], [1.0, 1.0, 1.0], False),
        ([0.0, 0.5, np.nan], [1.0, 1.0, 1.0], False),
    ],
)
def test_kernels_must_be_on_the_line_while_the_loss_stands(smoke, near, loss, holds):
    claim, _ = smoke("c10")
    good = [0.0, 1.0, 1.0], [1.0, 1.0, 1.0]
    data = {name: (("seed", "record"), [a, b]) for name, a, b in zip(("near", "loss"), good, (near, loss), strict=True)}
    assert claim.check({CLASSES: xr.Dataset(data)}).holds is holds


@pytest.mark.parametrize(
    ("small", "usual", "accuracy", "holds"),
    [(4, 16, 0.1, True), (7, 16, 0.1, False), (4, 9, 0.1, False), (4, 16, 0.3, False), (np.nan, 16, 0.1, False)],
)
def test_lines_are_few_from_small_weights_only(smoke, small, usual, accuracy, holds):
    claim, _ = smoke("c10")

    def ended(lines):
        counts = np.array([[[16.0, 16, 16], [2, 16, 1]], [[16.0, 16, 16], [lines, lines, 1]]])
        counts[0, 1, :2] = lines if lines > 8 else 2
        return xr.Dataset(
            {
                "effective_neurons": (("seed", "record", "layer", "threshold"), counts[..., None]),
                "accuracy": (("seed", "record"), [[0.1, accuracy]] * 2),
            },
            {"threshold": [0.95]},
        )

    assert claim.check({SMALL: ended(small), LECUN: ended(usual)}).holds is holds


def test_the_mean_kernel_is_the_predicted_one(smoke):
    _, evidence = smoke("c10")
    data = evidence[PAIR]
    cosines = data["trained"].values @ data["predicted"].values
    assert (cosines > 0.95).all()
    assert np.isclose(np.linalg.norm(data["predicted"]), 1, atol=1e-5)
