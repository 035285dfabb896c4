"""Put claims to the test: run, judge, draw, one after the other, whatever becomes of each."""

import dataclasses
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import xarray as xr

from simplebias.claims.claim import Claim, Evidence, Scale, Verdict
from simplebias.claims.registry import find_claims
from simplebias.core.errors import check_choice
from simplebias.core.run import Run, is_record, provenance, step_name
from simplebias.reports import Exhibit, Figure, Row, figures, write_gallery

RECORDS = 120
"""Records of one variable that figures get, evenly spaced in the logarithm of the step."""


def reproduce(
    ids: Iterable[str] | None = None,
    *,
    scale: str = "standard",
    out: str | Path | None = None,
    on_start: Callable[[Claim], None] | None = None,
    on_verdict: Callable[[Exhibit], None] | None = None,
) -> list[Exhibit]:
    """Run claims of the literature on this machine and hold what is measured against what is accepted.

    A claim that cannot be run gets the verdict `error` with the message, and the others go on. The gallery is written
    after each claim, so that an interruption loses none that is done.

    Args:
        ids: such as `["f01", "c01"]`; all claims by default.
        scale: `smoke` (seconds), `standard` (minutes) or `full` (the size of the papers).
        out: a folder for the gallery, new, empty or a gallery of an earlier call, of which other claims are kept; no
            gallery by default.
        on_start: called with each claim before it is run.
        on_verdict: called with each exhibit when it is there.

    Returns:
        An exhibit for each claim: verdict, what was measured against what is accepted, figures, time taken.

    Raises:
        InputError: for an unknown id or scale.
        StorageError: if the folder cannot be used.

    Example:
        >>> [exhibit.verdict for exhibit in reproduce(["f04"], scale="smoke")]
        ['true']
    """
    chosen = find_claims(ids)
    check_choice(str(scale), "scale", list(Scale))
    if out is not None:
        write_gallery([], out)  # a folder that cannot be used is refused now, not after the work
    exhibits = []
    for claim in chosen:
        if on_start is not None:
            on_start(claim)
        exhibits.append(put_to_test(claim, Scale(scale)))
        if out is not None:
            write_gallery(exhibits[-1:], out)
        if on_verdict is not None:
            on_verdict(exhibits[-1])
    return exhibits


def put_to_test(claim: Claim, scale: Scale) -> Exhibit:
    """Run one claim and judge it; whatever it raises becomes its verdict.

    Args:
        claim: the claim.
        scale: how much to run.

    Returns:
        The exhibit.
    """
    began, made = time.monotonic(), provenance({"claim": claim.id, "scale": str(scale)})
    evidence: Evidence = {}
    try:
        evidence = claim.run(scale)
        verdict = claim.check(evidence)
    except Exception as error:  # any: one claim must not stop the others
        verdict = Verdict(error=f"could not be decided: {type(error).__name__}: {error}")
    seconds = time.monotonic() - began
    try:
        drawn = draw(evidence, claim.cover)
    except Exception as error:
        drawn = []
        if not verdict.error:
            verdict = Verdict(verdict.criteria, f"figures could not be drawn: {type(error).__name__}: {error}")
    return _exhibit(claim, scale, verdict, seconds, drawn, made)


def draw(evidence: Evidence, cover: tuple[str, str] = ("", "")) -> list[Figure]:
    """The figures of every experiment, chosen by the dimensions of its data.

    Args:
        evidence: of a claim.
        cover: experiment and first words of the title of the figure to put first.

    Returns:
        The figures, each with the name of its experiment.
    """
    drawn = [
        (
            cover != (name, one.title[: len(cover[1])]),
            dataclasses.replace(one, title=f"{one.title}: {name}", section=name),
        )
        for name, data in evidence.items()
        for one in figures(Run(thinned(data)))
    ]
    return [one for _, one in sorted(drawn, key=lambda pair: pair[0])]


def thinned(data: xr.Dataset) -> xr.Dataset:
    """Fewer records, evenly spaced in the logarithm of the step: checks want many, figures few."""
    kept = {}
    for dimension in filter(is_record, data.dims):
        steps = data[step_name(str(dimension))].values
        wanted = np.concatenate([[0], np.geomspace(1, max(steps.max(), 1), RECORDS)])
        kept[dimension] = np.unique(np.abs(steps[:, None] - wanted).argmin(axis=0))
    return data.isel(kept)


def _exhibit(claim: Claim, scale: Scale, verdict: Verdict, seconds: float, drawn: list[Figure], made: dict) -> Exhibit:
    rows = [Row(one.what, one.measured, one.accepted, one.holds) for one in verdict.criteria]
    if verdict.error:
        rows.append(Row("the claim itself", verdict.error, "to be decided", False))
    return Exhibit(
        id=claim.id,
        title=claim.title,
        sentence=claim.sentence,
        verdict=verdict.word,
        rows=rows,
        source=claim.source,
        setting=claim.setting,
        counter_example=claim.fails_when,
        seconds=seconds,
        scale=str(scale),
        figures=drawn,
        provenance=made,
    )
