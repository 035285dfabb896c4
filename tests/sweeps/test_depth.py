"""Phase diagrams of deep networks: the cell is the network it says, and layers have slopes and theory of their own."""

import numpy as np
import pytest
import xarray as xr

from simplebias.core.errors import InputError, Outcome
from simplebias.networks import layer_boundaries, layer_slopes
from simplebias.sweeps import PhaseDiagram, Specification, phase_diagram, sweep

GAMMA, WIDTHS = [1.0, 1.5, 2.0, 3.0, 3.5], [100, 300, 1000]


def test_all_layers_of_a_cell_have_the_same_std_and_their_product_is_kappa():
    kind = PhaseDiagram()
    cell = {**kind.settings, "gamma": 2.4, "width": 200, "depth": 3, "antisymmetric": False}
    network = kind.build(kind.shape(cell), None)(kind.numbers(cell)).network
    first, *hidden, last = network.layers
    assert [layer.weight.shape for layer in network.layers] == [(200, 1), (200, 200), (200, 200), (1, 200)]
    assert [layer.bias is None for layer in network.layers] == [False, True, True, True]
    stds = [float(np.std(layer.weight)) for layer in hidden]
    np.testing.assert_allclose(stds, 200 ** (-2.4 / 4), rtol=0.02)
    np.testing.assert_allclose([np.std(first.bias), np.std(last.weight)], stds[0], rtol=0.2)


def test_gamma_prime_of_deep_networks_is_refused():
    kind = PhaseDiagram()
    with pytest.raises(InputError, match="gamma_prime = 0"):
        kind.numbers({**kind.settings, "depth": 2, "gamma_prime": 0.1})
    with pytest.raises(InputError, match="depth"):
        kind.numbers({**kind.settings, "depth": 0})


def test_a_sweep_of_three_layers_learns_and_has_two_layers_of_changes():
    grid = Specification(
        {"gamma": [1.5, 2.5], "width": [10, 15, 20], "seed": 2},
        settings={"depth": 2},
        measures=("relative_change",),
        experiment="phase",
        until=1e-3,
        steps=2000,
    )
    data = sweep(grid)
    assert (data["outcome"] == Outcome.STOPPED).all()
    assert data["relative_change"].sizes["layer"] == 2
    change = data["relative_change"].mean(["seed", "width"])
    assert (change.sel(gamma=2.5) > change.sel(gamma=1.5)).all()
    assert phase_diagram(data)["slope"].dims == ("gamma", "gamma_prime", "layer")


def test_layers_have_slopes_boundaries_and_theory_of_their_own():
    slopes = np.array([layer_slopes(gamma, 2) for gamma in GAMMA])
    change = np.exp(slopes[:, None, :] * np.log(WIDTHS)[:, None])
    data = xr.Dataset(
        {"relative_change": (("gamma", "width", "layer"), change)},
        {"gamma": GAMMA, "width": WIDTHS, "layer": [1, 2]},
    )
    diagram = phase_diagram(data)
    np.testing.assert_allclose(diagram["slope"][:, 0], slopes, atol=1e-12)
    np.testing.assert_allclose(diagram["predicted_slope"][:, 0], slopes)
    np.testing.assert_allclose(diagram["predicted_boundary"][0], layer_boundaries(2))
    np.testing.assert_allclose(diagram["boundary"][0], layer_boundaries(2), atol=1e-9)
    assert "named" not in diagram
    both = xr.concat([data, data], "gamma_prime").assign_coords(gamma_prime=[0.0, 0.2])
    assert phase_diagram(both)["predicted_slope"].isnull().any(["gamma", "layer"]).values.tolist() == [False, True]
