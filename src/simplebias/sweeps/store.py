"""The store of a sweep: one zarr v3 group whose chunks are bundles. It is the only state, and is never half written.

A bundle is written variable by variable, its outcomes last; a bundle without outcomes was not computed. Chunks are
written to a file of their own that then takes its name, so that a process killed at any moment leaves a store that can
be gone on with.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from simplebias.core.errors import Outcome, StorageError
from simplebias.core.run import provenance, readable, writable
from simplebias.core.snapshot import Measure
from simplebias.core.storage import FORMAT, claim_folder, read_marker, specification_hash, storage_errors, write_atomic
from simplebias.sweeps.cells import UNTIL
from simplebias.sweeps.layout import Layout, lay_out
from simplebias.sweeps.specification import Specification

MARKER = "sweep.json"
CELLS = "cells.zarr"
CELL = "cell"
WAITING = -1
"""Outcome of a cell that was not computed."""
_OUTCOME, _STEPS, _LOSS = "outcome", "steps", "loss"


class Store:
    """The folder of a sweep.

    Args:
        path: the folder, with a store in it.

    Raises:
        StorageError: if there is no sweep, it is damaged, or a newer version wrote it.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        described = read_marker(self.path, MARKER)
        try:
            self.specification = Specification.from_dict(described["provenance"]["specification"])
        except (KeyError, TypeError, ValueError) as error:
            raise StorageError(f"{self.path / MARKER} is damaged ({error}): restore it from a copy") from error
        self.provenance: dict[str, Any] = described["provenance"]
        self.layout: Layout = lay_out(self.specification)

    @classmethod
    def make(
        cls,
        path: str | Path,
        specification: Specification,
        measures: Mapping[str, Measure],
        shapes: Mapping[str, tuple[int, ...]],
        *,
        resume: bool,
    ) -> "Store":
        """Open the folder of a sweep, a new one if there is none.

        Args:
            path: the folder.
            specification: the sweep.
            measures: what is kept of each cell.
            shapes: largest shape of each measure.
            resume: whether a sweep of the same specification may be gone on with.

        Returns:
            The store.

        Raises:
            StorageError: if the folder holds anything else, or another sweep.
        """
        path, plain = Path(path), specification.to_dict()
        if not claim_folder(path, plain, resume=resume, marker=MARKER):
            described = {
                "format": FORMAT,
                "specification_hash": specification_hash(plain),
                "provenance": provenance(plain),
            }
            write_atomic(path / MARKER, json.dumps(described, indent=1, default=str))
        if not (path / CELLS).exists():
            _write_blank(path, specification, measures, shapes)
        return cls(path)

    def write(self, number: int, values: Mapping[str, np.ndarray]) -> None:
        """Write what a bundle came to.

        Args:
            number: of the bundle.
            values: for each variable the values of its cells, outcomes among them.

        Raises:
            StorageError: if it cannot be written.
        """
        import zarr

        with storage_errors(self.path / CELLS, "write"):
            group = zarr.open_group(self.path / CELLS, mode="r+")
            first = number * self.layout.size
            for name in sorted(values, key=lambda one: one == _OUTCOME):
                array, given = group[name], np.asarray(values[name])
                assert isinstance(array, zarr.Array)
                whole = np.full((self.layout.size, *array.shape[1:]), array.fill_value, array.dtype)
                whole[slice(len(given)), *(slice(length) for length in given.shape[1:])] = given
                array[first : first + self.layout.size] = whole

    def waiting(self) -> list[int]:
        """Numbers of the bundles that were not computed.

        Returns:
            The numbers, in the order of the layout.

        Raises:
            StorageError: if the store is damaged.
        """
        first = self._outcomes(slice(None, None, self.layout.size))
        return [one.number for one in self.layout.bundles if first[one.number] == WAITING]

    def has(self, number: int) -> bool:
        """Whether a bundle was computed.

        Args:
            number: of the bundle.

        Returns:
            Whether it was.

        Raises:
            StorageError: if the store is damaged.
        """
        first = number * self.layout.size
        return bool(self._outcomes(slice(first, first + 1))[0] != WAITING)

    def _outcomes(self, rows: slice) -> np.ndarray:
        import zarr

        try:
            return np.asarray(zarr.open_group(self.path / CELLS, mode="r")[_OUTCOME][rows])  # type: ignore[index]
        except Exception as error:
            raise StorageError(f"{self.path / CELLS} is damaged ({error}): run again in another folder") from error

    def open(self) -> xr.Dataset:
        """All cells as one dataset, along the axes of the sweep.

        Returns:
            Measures, loss, steps and outcome; cells not computed are NaN, their outcome -1. The attribute `until` is
            the criterion, where there is one.

        Raises:
            StorageError: if the store is damaged.
        """
        try:
            flat = readable(xr.open_zarr(self.path / CELLS, zarr_format=3, consolidated=False, chunks=None).load())
        except Exception as error:
            raise StorageError(f"{self.path / CELLS} is damaged ({error}): run again in another folder") from error
        axes = self.specification.axes
        sorted_cells = flat.isel({CELL: self.layout.row})
        arrays = {}
        for name, variable in sorted_cells.data_vars.items():
            shape = (*self.specification.shape, *variable.shape[1:])
            arrays[name] = ((*axes, *variable.dims[1:]), variable.values.reshape(shape), variable.attrs)
        coordinates = {name: values for name, values in flat.coords.items() if CELL not in values.dims}
        plain = {name: list(values) for name, values in axes.items()}
        until = {} if self.specification.until is None else {UNTIL: self.specification.until}
        return xr.Dataset(arrays, coords=coordinates | plain, attrs=flat.attrs | until)


def open_sweep(path: str | Path) -> xr.Dataset:
    """What a sweep came to so far, as one labelled dataset.

    Args:
        path: the folder of the sweep, finished or not.

    Returns:
        Measures, loss, steps and outcome along the axes; cells not computed are NaN, their outcome -1.

    Raises:
        StorageError: if there is no sweep, or it is damaged.

    Example:
        >>> open_sweep("nowhere")
        Traceback (most recent call last):
        simplebias.core.errors.StorageError: no sweep in nowhere: the folder does not exist; check the path
    """
    return Store(path).open()


def _write_blank(
    path: Path, specification: Specification, measures: Mapping[str, Measure], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    """The store before anything was computed, under another name until it is whole."""
    layout = lay_out(specification)
    data = _blank(layout, specification, measures, shapes)
    chunks = {name: {"chunks": (layout.size, *data[name].shape[1:])} for name in data.data_vars}
    temporary = path / f".{CELLS}.{os.getpid()}.tmp"
    with storage_errors(path / CELLS, "write"):
        data.to_zarr(temporary, mode="w", zarr_format=3, consolidated=False, encoding=chunks)
        os.replace(temporary, path / CELLS)


def _blank(
    layout: Layout, specification: Specification, measures: Mapping[str, Measure], shapes: Mapping[str, tuple[int, ...]]
) -> xr.Dataset:
    """The store before anything was computed."""
    meanings = ", ".join(f"{one.value} {one.name.lower()}" for one in Outcome)
    real = np.dtype(specification.precision)
    variables: dict[str, Any] = {
        _OUTCOME: (CELL, np.full(layout.rows, WAITING, np.int8), {"description": f"-1 not computed, {meanings}"}),
        _STEPS: (CELL, np.zeros(layout.rows, np.int32), {"long_name": "steps taken", "units": "step"}),
        _LOSS: (CELL, np.full(layout.rows, np.nan, real), {"long_name": "last loss", "scale": "log"}),
    }
    coordinates: dict[str, Any] = {}
    for name, measure in measures.items():
        blank = np.full((layout.rows, *shapes[name]), np.nan, real)
        attributes = {"units": measure.unit, "description": measure.description, **measure.attributes}
        variables[name] = ((CELL, *measure.dims), blank, attributes)
        for dim, values in measure.coords.items():
            if len(values) == shapes[name][measure.dims.index(dim)]:
                coordinates[dim] = list(values)
    return writable(xr.Dataset(variables, coords=coordinates))
