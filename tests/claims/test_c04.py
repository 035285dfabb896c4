"""c04 is false for slopes of the other sign, of one width more or less, and where other scales make a difference."""

import numpy as np
import pytest
import xarray as xr

from simplebias.claims.c04_phase_diagram import CHANGE, DIAGRAM, EXPONENT, PLACE, RAW, ROWS, SLOPES, WIDTH
from simplebias.sweeps import phase_diagram


def made(slopes, widths=(1000, 4000, 16_000)):
    """Relative changes of given slopes at every place of the acceptance."""
    change = np.asarray(widths)[None] ** np.asarray(slopes)[:, None]
    return xr.Dataset({CHANGE: ((PLACE, WIDTH), change)}, {PLACE: np.arange(len(ROWS)), WIDTH: list(widths)})


THEORY = [-0.5, 0, 0.375, 0.25, 0.3, 0.1, -0.3, 0.05, -0.3, 0]


def failing(claim, evidence):
    return [number for number, one in enumerate(claim.check(evidence).criteria) if not one.holds]


def test_every_row_is_judged_by_itself(smoke):
    claim, _ = smoke("c04")
    assert failing(claim, {SLOPES: made(THEORY)}) == []
    for number, row in enumerate(ROWS):
        low, high = row.accepted
        for bound, step in ((low, -0.01), (high, 0.01)):
            if np.isfinite(bound):
                moved = [*THEORY]
                moved[number] = bound + step
                assert failing(claim, {SLOPES: made(moved)}) == [number]


def test_narrow_networks_leave_three_rows_out(smoke):
    claim, evidence = smoke("c04")
    assert len(claim.check({SLOPES: made(THEORY, (1000, 2000, 4000))}).criteria) == len(ROWS) - 3
    assert evidence[SLOPES].sizes[PLACE] == len(ROWS) - 3


def test_widths_the_other_way_round_are_false(smoke):
    claim, evidence = smoke("c04")
    data = evidence[SLOPES]
    turned = data.assign({CHANGE: data[CHANGE].copy(data=data[CHANGE].values[..., ::-1])})
    wrong = failing(claim, {SLOPES: turned})
    slopes = [row for row in ROWS if row.widest <= 4000]
    assert [number for number, row in enumerate(slopes) if 0 not in np.clip(0, *row.accepted)[None]] == wrong


@pytest.mark.parametrize("name", [CHANGE, "steps"])
def test_other_scales_that_make_a_difference_are_false(smoke, name):
    claim, evidence = smoke("c04")
    data = evidence[RAW].copy(deep=True)
    data[name].loc[{EXPONENT: 0.5, PLACE: data[PLACE][0]}] += 1
    assert claim.check({RAW: data}).word == "false"


def test_a_sign_that_is_wrong_off_the_boundary_is_false(smoke):
    claim, _ = smoke("c04")
    gamma, widths = [0.8, 1.0, 1.2], [1000, 4000, 16_000]
    change = np.asarray(widths)[None] ** np.array([-0.2, 0.0, 0.1])[:, None]
    data = xr.Dataset({CHANGE: (("gamma", WIDTH), change)}, {"gamma": gamma, WIDTH: widths})
    assert claim.check({DIAGRAM: phase_diagram(data)}).word == "true"
    for place in (0, 2):
        other = data.copy(deep=True)
        other[CHANGE][place] = other[CHANGE].values[place, ::-1]
        assert claim.check({DIAGRAM: phase_diagram(other)}).word == "false"
        other[CHANGE][place, 1:] = np.nan
        assert claim.check({DIAGRAM: phase_diagram(other)}).word == "false"
