import numpy as np
import xarray as xr

from simplebias.core.run import Run
from simplebias.reports.figures import figures


def made_up(std=0.2):
    frequencies = np.arange(200) / 40
    noise = 0.2 * np.random.default_rng(0).standard_normal(200)
    target = 20.0 / (1 + np.arange(200.0)) ** 2 + noise
    learned = np.stack([0 * target, np.where(np.arange(200) < 30, target, 0.001), target])
    dims = ("record", "mirror_frequency", "output")
    return xr.Dataset(
        {
            "mirror_spectrum": (dims, learned[..., None], {"target": "mirror_target", "description": "Coefficients."}),
            "mirror_target": (dims[1:], target[:, None]),
            "noise_std": (("output",), [std]),
        },
        coords={"step": ("record", [0, 10, 100]), "mirror_frequency": frequencies},
    )


def test_data_network_and_floor_are_drawn_over_training():
    (figure,) = figures(Run(made_up()))
    data, floor, network = figure.plotly["data"]
    assert [one["name"] for one in (data, floor, network)] == ["data", "noise, std 0.2", "network"]
    np.testing.assert_allclose(floor["y"], 0.2)
    np.testing.assert_allclose(network["y"], data["y"])
    assert [frame["name"] for frame in figure.plotly["frames"]] == ["0", "10", "100"]
    assert "100% of the upper half's power" in figure.alternative
    assert (data["x"] > 0).all()


def test_without_noise_there_is_no_floor():
    (figure,) = figures(Run(made_up(std=0.0)))
    assert len(figure.plotly["data"]) == 2
    assert "No noise floor" in figure.alternative


def test_the_order_of_dimensions_does_not_matter():
    data = made_up()
    turned = data.transpose(*reversed(list(data.dims)))
    assert figures(Run(turned))[0].alternative == figures(Run(data))[0].alternative
