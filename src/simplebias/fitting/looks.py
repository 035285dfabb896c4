"""What is recorded while a network is fitted: the errors of both networks, by frequency where there is a spectrum."""

import dataclasses
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import xarray as xr

from simplebias.core.schedule import log_steps
from simplebias.core.snapshot import Record, Snapshot, evaluate
from simplebias.core.types import BAND, Array
from simplebias.observation.findings import record_dimension
from simplebias.observation.instruments import VIEWS, Instruments, choose_for_outputs
from simplebias.observation.options import Options
from simplebias.observation.preparation import Prepared

COMPARED = ("loss", "validation_loss", "band_error", "filter_error")
"""Records that are taken of the plain network too."""
PLAIN = "plain_"
"""Lead of their names."""


class OfPlain(eqx.Module):
    """A measure of the plain network beside the fitted one."""

    function: Any
    points: Array

    def __call__(self, snapshot: Snapshot) -> Array:
        """The measure of the plain network."""
        plain = snapshot.network.plain
        return self.function(dataclasses.replace(snapshot, outputs=evaluate(plain, self.points), network=plain))


def looks(prepared: Prepared, options: Options, *, plain: bool) -> Instruments:
    """Records of a fit.

    Args:
        prepared: what is trained.
        options: resolved options of the observation.
        plain: whether a plain network is trained too.

    Returns:
        Measures and constants.
    """
    often, rarely = log_steps(options.records), log_steps(VIEWS)
    chosen = choose_for_outputs(prepared, often, rarely, window=options.window)
    if plain:
        where = jnp.asarray(prepared.points, float)
        for name in [name for name in COMPARED if name in chosen.records]:
            record = chosen.records[name]
            said = dict(record.measure.attributes)
            said["long_name"] = f"{said.get('long_name', name.replace('_', ' '))}, plain network"
            words = f"{record.measure.description} Of the plain network.".strip()
            measure = dataclasses.replace(
                record.measure, function=OfPlain(record.measure.function, where), attributes=said, description=words
            )
            chosen.records[PLAIN + name] = Record(measure, at=record.at)
    return chosen


def ends(data: xr.Dataset) -> xr.Dataset:
    """Relative error of each band at the end, of both networks, as one figure; nothing without bands.

    Args:
        data: of the run.

    Returns:
        Variables over the bands.
    """
    found = {}
    for name, words, role in ((PLAIN + "band_error", "plain network", "target"), ("band_error", "this fit", "network")):
        if name in data:
            errors = data[name].isel({record_dimension(data, name): -1})
            attributes = {
                "over": BAND,
                "marks": "categories",
                "panel": "Error of each band at the end",
                "section": "Frequencies",
                "long_name": words,
                "axis": "relative error",
                "scale": "log",
                "role": role,
                "description": "Relative error of each band of frequencies at the end of the training.",
            }
            found[f"{name}_at_end"] = ((BAND,), np.maximum(errors.values, 1e-12), attributes)
    return xr.Dataset(found)


__all__ = ["COMPARED", "PLAIN", "OfPlain", "ends", "looks"]
