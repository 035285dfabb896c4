"""The figures of a run: each variable is drawn by the kind that its dimensions call for."""

import dataclasses

from simplebias.core.errors import InputError
from simplebias.core.run import Run
from simplebias.reports import (
    cases,
    fits,
    groups,
    landscapes,
    layered,
    local,
    neurons,
    noise,
    other_ways,
    phases,
    plain_curves,
    plateaus,
    predicted,
    solutions,
    spectra,
    training_curves,
)
from simplebias.reports.kinds import KINDS, SECTIONS, Figure, kind_of
from simplebias.reports.reading import read

FILES = (
    fits,
    spectra,
    noise,
    layered,
    local,
    training_curves,
    groups,
    neurons,
    predicted,
    phases,
    plateaus,
    landscapes,
    plain_curves,
    cases,
    solutions,
    other_ways,
)
"""The files with kinds of figures; importing one registers its kinds."""


def figures(run: Run, *, detail: float = 1.0) -> list[Figure]:
    """Draw everything in a run, chosen by the dimensions of its variables and never by their names.

    Args:
        run: labelled data over training; nothing of its network is used.
        detail: share of the usual number of points, steps and rows to draw, in (0, 1]; less makes a smaller page.

    Returns:
        Figures in the order of a page: the fit, frequencies, loss, neurons, and the rest.

    Raises:
        InputError: if `run` is not a Run, or `detail` is out of range.

    Example:
        >>> import numpy as np, xarray as xr
        >>> data = xr.Dataset({"loss": (("seed", "record"), np.ones((1, 3)))}, {"step": ("record", [0, 1, 10])})
        >>> [figure.title for figure in figures(Run(data))]
        ['Loss over training']
    """
    if not isinstance(run, Run):
        raise InputError(
            "a Run", f"an object of type {type(run).__name__}", "Read one with simplebias.Run.load(folder)."
        )
    if not 0 < detail <= 1:
        raise InputError("detail in (0, 1]", repr(detail))
    reading = read(run, detail)
    variables = (*reading.variables, *reading.plain)
    kinds = {variable.name: kind_of(variable) for variable in variables}
    found = [
        dataclasses.replace(figure, section=figure.section or kind.section)
        for kind in sorted(KINDS, key=lambda kind: kind.place)
        if (mine := [variable for variable in variables if kinds[variable.name] is kind])
        for figure in kind.draw(reading, mine)
    ]
    return sorted(
        found, key=lambda figure: SECTIONS.index(figure.section) if figure.section in SECTIONS else len(SECTIONS)
    )
