"""l05: a wider network trains more easily, though it condenses to the same small one."""

import numpy as np
import xarray as xr

from simplebias.claims.claim import Claim, Criterion, Evidence, Scale, Verdict
from simplebias.claims.judge import compare
from simplebias.claims.ladder import TARGET_WORDS, WIDTH, train_widths
from simplebias.core.types import RECORD, SEED

LADDER = "four kinks, many widths"
FIRST = 101


def run(scale: Scale) -> Evidence:
    """Many seeds of each width on one target that four neurons can be."""
    widths = scale.choose((1, 8, 30), (1, 2, 4, 8, 15, 30, 100), (1, 2, 3, 4, 6, 8, 15, 30, 100, 300, 1000))
    seeds = range(FIRST, FIRST + scale.choose(12, 16, 48))
    data = train_widths(widths, list(seeds), 60_000).drop_vars("outputs")
    data["final"] = final_losses(data)
    return {LADDER: data}


def final_losses(data: xr.Dataset) -> xr.DataArray:
    """log10 of the loss at the end, `(seed, width)`."""
    last = data["loss"].isel({RECORD: -1}).transpose(SEED, WIDTH)
    attributes = {"over": WIDTH, "long_name": "log10 of the final loss", "section": "Loss"}
    attributes["description"] = "Wider networks end lower, though each condenses to a few orientations."
    places = {WIDTH: data[WIDTH].values}
    return xr.DataArray(np.log10(last.values), places, (SEED, WIDTH), attrs=attributes)


def check(evidence: Evidence) -> Verdict:
    """Row 32 of the acceptance, that width pays, and that the widest network is small in effect."""
    if LADDER not in evidence:
        return Verdict()
    data = evidence[LADDER]
    medians = np.median(final_losses(data).values, axis=0)
    rises = np.diff(medians)
    every = ", ".join(map(str, data[WIDTH].values))
    shown = ", ".join(f"{one:.2f}" for one in medians)
    wide = data["effective_features"].transpose(WIDTH, SEED, RECORD, ...).values[-1, :, -1].ravel()
    return Verdict((
        Criterion(
            f"median log10 of the final loss at widths {every}", shown, "no rise above 0.1", bool((rises <= 0.1).all())
        ),
        compare("the same, of the widest less the narrowest", [medians[-1] - medians[0]], "<", -1),
        compare(f"effective orientations at the end of width {int(data[WIDTH].values[-1])}", wide, "<", 8),
    ))


CLAIM = Claim(
    id="l05",
    title="Wider trains more easily",
    sentence=(
        "A wider network leaves plateaus at which narrow ones stay, and ends at a lower loss, though it condenses to "
        "the same small network."
    ),
    source=("zhang2021embedding", "zhang2021hierarchical"),
    setting=(
        f"{TARGET_WORDS}; ReLU, weights of std 1e-3 / √m, no output bias, gradient descent at 0.05 for 60,000 steps. "
        "Seeds 101, 102, 103 and so on to 112 (116 at standard, 148 at full scale); medians over them."
    ),
    fails_when=(
        "Single runs are not ordered: some of width 15 end where the median of width 2 does, and beyond width 100 more "
        "neurons bring nothing here within these steps."
    ),
    run=run,
    check=check,
    cover=(LADDER, "Log10 of the final loss"),
)
