"""f09 comes out false where derivatives do not help, help too much or too little, or the control jumps too."""

import numpy as np
import pytest
import xarray as xr

from simplebias.claims.equations import DATA, RESIDUAL, RITZ
from simplebias.claims.f09_derivatives_in_the_loss import JUMP, PLAIN, SOBOLEV, TURNED, derivatives_in


def learned_at(second, sixteenth, *, last=4000, seeds=3):
    """A run in which sine modes 2 and 16 are learned at these steps."""
    steps = np.arange(0, last + 1, 5)
    error = np.ones((seeds, len(steps), 2))
    for place, step in enumerate((second, sixteenth)):
        error[:, steps >= step, place] = 0.01
    coords = {"step": ("record", steps), "frequency": [0.5, 4.0], "seed": range(seeds)}
    return xr.Dataset({"relative_error": (("seed", "record", "frequency"), error)}, coords)


@pytest.mark.parametrize(
    ("loss", "second", "sixteenth", "holds"),
    [
        (DATA, 30, np.inf, True),
        (DATA, 30, 1500, True),
        (DATA, 30, 1000, False),
        (DATA, 5, 300, False),  # a first step below 10 counts as 10
        (DATA, 200, np.inf, False),  # the run is too short to tell
        (DATA, np.inf, np.inf, False),
        (RITZ, 30, 500, True),
        (RITZ, 30, 100, False),
        (RITZ, 30, 1500, False),
        (RITZ, 30, np.inf, False),
        (RITZ, np.inf, 30, False),
        (RESIDUAL, 30, 100, True),
        (RESIDUAL, 30, 20, True),
        (RESIDUAL, 30, 350, False),
        (RESIDUAL, 30, np.inf, False),
        (RESIDUAL, np.inf, 30, False),
    ],
)
def test_each_loss_has_its_window(smoke, loss, second, sixteenth, holds):
    claim, _ = smoke("f09")
    assert claim.check({derivatives_in(loss): learned_at(second, sixteenth)}).holds is holds


def test_losses_taken_for_each_other_are_false(smoke):
    claim, _ = smoke("f09")
    true = {DATA: learned_at(30, np.inf), RITZ: learned_at(30, 500), RESIDUAL: learned_at(30, 100)}
    assert claim.check({derivatives_in(loss): data for loss, data in true.items()}).holds
    for moved in ((RITZ, DATA, RESIDUAL), (RESIDUAL, RITZ, DATA), (DATA, RESIDUAL, RITZ)):
        evidence = {derivatives_in(a): true[b] for a, b in zip(true, moved, strict=True)}
        assert not claim.check(evidence).holds


def test_slopes_that_do_not_help_are_false(smoke):
    claim, evidence = smoke("f09")
    assert claim.check({name: evidence[name] for name in (PLAIN, SOBOLEV)}).holds
    assert not claim.check({PLAIN: evidence[SOBOLEV], SOBOLEV: evidence[PLAIN]}).holds
    assert not claim.check({PLAIN: evidence[PLAIN], SOBOLEV: evidence[PLAIN]}).holds
    error = evidence[SOBOLEV]["relative_error"].copy(deep=True)
    error.values[1] = 1.0  # one seed never learns
    assert not claim.check({PLAIN: evidence[PLAIN], SOBOLEV: evidence[SOBOLEV].assign(relative_error=error)}).holds


@pytest.mark.parametrize(
    ("control", "changed", "holds"),
    [
        ((1, 3), (20, 100), True),
        ((1, 3), (20, 14), False),
        ((1, 11), (200, 900), False),
        ((1, np.nan), (20, 20), False),
    ],
)
def test_a_jump_counts_against_its_control_seed_by_seed(smoke, control, changed, holds):
    claim, _ = smoke("f09")
    rising = lambda peaks: (("seed", "record"), [[1e-3, 1e-3 * peak, 5e-4] for peak in peaks])
    data = xr.Dataset({"control": rising(control), "changed": rising(changed)})
    assert claim.check({JUMP: data}).holds is holds


def equal_tones(second, fortieth):
    """Runs in which sine modes 2 and 40 are learned at these steps."""
    data = learned_at(second, fortieth)
    return data.assign_coords(frequency=[0.5, 10.0])


@pytest.mark.parametrize(
    ("loss", "second", "fortieth", "holds"),
    [
        (DATA, 0, np.inf, True),
        (DATA, 0, 3900, True),
        (DATA, 3900, 0, False),
        (DATA, 0, 0, False),
        (RESIDUAL, np.inf, 0, True),
        (RESIDUAL, 3900, 0, True),
        (RESIDUAL, 3000, 0, False),
        (RESIDUAL, 0, np.inf, False),
    ],
)
def test_the_order_turns_only_with_derivatives(smoke, loss, second, fortieth, holds):
    claim, _ = smoke("f09")
    assert claim.check({TURNED[loss]: equal_tones(second, fortieth)}).holds is holds
