"""Every criterion of f08 can come out false."""

import numpy as np
import pytest
import xarray as xr

from simplebias.claims.f08_critical_decay import CLAIM, LINE, PLANE


def line(**changes):
    """Evidence as the theory has it: energy `M^(α-1)` below α = 1, heights that settle above."""
    tops, alphas = np.array([10.0, 1e2, 1e3, 1e4]), np.array([0.5, 2.0, 4.0])
    height = np.stack([0.01 * (tops / 10) ** -0.6, np.full(4, 1 / np.cosh(np.pi)), np.full(4, 0.353)])
    energy = np.stack([tops**-0.5, np.ones(4), np.ones(4)])
    values = {"height": height, "energy": energy} | changes
    return xr.Dataset({k: (("alpha", "highest"), v) for k, v in values.items()}, {"alpha": alphas, "highest": tops})


def plane(one=(0.0076, 0.0014, 0.0003), four=(0.157, 0.134, 0.1325)):
    coords = {"alpha": [1.0, 4.0], "highest": [2.0, 8.0, 32.0]}
    return xr.Dataset({"height": (("alpha", "highest"), np.array([one, four]))}, coords)


def failed(evidence):
    return [one.what for one in CLAIM.check(evidence).criteria if not one.holds]


def test_what_the_theory_says_holds():
    assert CLAIM.check({LINE: line(), PLANE: plane()}).holds


@pytest.mark.parametrize(
    ("name", "row", "values", "word"),
    [
        ("height", 1, [0.0863, 0.0863, 0.0900, 0.0863], "sech"),
        ("height", 0, [0.01, 0.005, 0.002, 0.001], "h\\(0\\) falls"),
        ("height", 0, [0.0001, 0.001, 0.01, 0.1], "h\\(0\\) falls"),
        ("height", 2, [0.353, 0.353, 0.353, 0.340], "change"),
        ("energy", 0, [1.0, 1.0, 1.0, 1.0], "energy"),
        ("energy", 0, [1.0, 0.5, 0.2, 0.02], "energy"),
    ],
)
def test_each_figure_is_bounded(name, row, values, word):
    data = line()
    data[name].values[row] = values
    (what,) = failed({LINE: data})
    assert word.replace("\\", "") in what


def test_exponents_taken_for_each_other_are_false():
    data = line()
    assert len(failed({LINE: data.assign(height=data["height"].copy(data=data["height"].values[::-1]))})) == 2


def test_two_inputs_are_bounded_too():
    assert len(failed({PLANE: plane(one=(0.0076, 0.005, 0.004))})) == 1
    assert len(failed({PLANE: plane(four=(0.157, 0.145, 0.1325))})) == 1
    assert len(failed({PLANE: plane(one=(0.157, 0.134, 0.1325), four=(0.0076, 0.0014, 0.0003))})) == 2
