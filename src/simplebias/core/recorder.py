"""Labelled arrays that fill while a training runs, in memory and, where a folder is given, on disk as they grow."""

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from simplebias.core.errors import InputError, Outcome
from simplebias.core.run import DATA, Run, completed, is_record, step_name, writable, write_description
from simplebias.core.snapshot import Record
from simplebias.core.storage import storage_errors
from simplebias.core.types import RECORD, SEED


@dataclasses.dataclass
class Slot:
    """Where the values of one record go: its record dimension and the steps along it."""

    dimension: str
    steps: np.ndarray


def plan_slots(records: Mapping[str, Record], total: int) -> dict[str, Slot]:
    """Give every record its dimension: equal schedules share one, the first record's is plain `record`.

    Args:
        records: what to keep and when.
        total: number of steps of the training.

    Returns:
        A slot for each name.

    Example:
        >>> from simplebias.core.snapshot import Measure
        >>> mean = Measure(lambda snapshot: snapshot.outputs.mean())
        >>> slots = plan_slots({"loss": Record(mean, at=[0, 1, 2]), "kernel": Record(mean, at=[0, 2])}, 2)
        >>> {name: slot.dimension for name, slot in slots.items()}
        {'loss': 'record', 'kernel': 'record_kernel'}
    """
    schedules: dict[bytes, list[str]] = {}
    steps = {name: np.asarray(record.steps(total)) for name, record in records.items()}
    for name, values in steps.items():
        schedules.setdefault(values.tobytes(), []).append(name)
    dimensions = {
        name: RECORD if rank == 0 else f"{RECORD}_{names[0]}"
        for rank, names in enumerate(schedules.values())
        for name in names
    }
    return {name: Slot(dimensions[name], steps[name]) for name in records}


def check_dims(name: str, dims: tuple[str, ...], shape: tuple[int, ...]) -> None:
    """Refuse a measure whose labels do not fit what it returns.

    Raises:
        InputError: if there is not one dimension name per axis, or the record is called like one of them.
    """
    if len(dims) != len(shape):
        raise InputError(f"one name in dims for each axis of the measure {name!r}, which has shape {shape}", f"{dims}")
    if name in dims:
        raise InputError(f"a record called otherwise than its dimensions {dims}", repr(name), "Rename the record.")


SPLIT = "Give one of the measures a dimension of its own."
ENDS = {
    "outcome": "how the member ended: 0 completed, 1 stopped, 2 interrupted, 3 diverged",
    "diverged_at": "step at which the loss was first not finite, -1 if it never was",
    "stopped_at": "step at which the stopping criterion was first met, -1 if it never was",
}
"""What every run says of each member besides its records."""


class Recorder:
    """Holds the growing data of one run.

    Args:
        records: measures and schedules.
        slots: from `plan_slots`.
        shapes: for each name, shape and dtype of one value of one member.
        members: number of members of the ensemble, None without an ensemble axis.
        constants: data that do not grow, kept beside the records.

    Example:
        >>> from simplebias.core.snapshot import Measure
        >>> records = {"loss": Record(Measure(lambda snapshot: snapshot.outputs.mean()), at=[0, 10])}
        >>> recorder = Recorder(records, plan_slots(records, 10), {"loss": ((), np.dtype(np.float32))}, None)
        >>> recorder.put("loss", 0, np.array([2.0], np.float32))
        >>> recorder.completed(5)["loss"].values.tolist()
        [2.0]
    """

    def __init__(
        self,
        records: Mapping[str, Record],
        slots: Mapping[str, Slot],
        shapes: Mapping[str, tuple[tuple[int, ...], np.dtype]],
        members: np.ndarray | None,
        constants: xr.Dataset | None = None,
    ):
        self.records, self.slots, self.members = dict(records), dict(slots), members
        self.data = self._merge(self._allocate(shapes), xr.Dataset() if constants is None else constants)
        self.path: Path | None = None
        self._dirty: dict[str, tuple[int, int] | None] = {}
        self._flushed = time.monotonic()

    def _allocate(self, shapes: Mapping[str, tuple[tuple[int, ...], np.dtype]]) -> xr.Dataset:
        leading = (() if self.members is None else (SEED,), () if self.members is None else (len(self.members),))
        variables: dict[str, Any] = {}
        coords: dict[str, Any] = {} if self.members is None else {SEED: (SEED, np.asarray(self.members))}
        for name, record in self.records.items():
            slot, measure = self.slots[name], record.measure
            shape, dtype = shapes[name]
            check_dims(name, measure.dims, shape)
            dims = (*leading[0], slot.dimension, *measure.dims)
            blank = np.full((*leading[1], len(slot.steps), *shape), np.nan if dtype.kind in "fc" else 0, dtype)
            attributes = dict(measure.attributes) | {"units": measure.unit, "description": measure.description}
            if measure.references:
                attributes["references"] = " ".join(measure.references)
            variables[name] = (dims, blank, attributes)
            coords[step_name(slot.dimension)] = (slot.dimension, slot.steps, {"units": "steps"})
            for key, value in measure.coords.items():
                array = np.asarray(value)
                if key in coords and not np.array_equal(coords[key][1], array):
                    raise InputError(f"the same coordinate {key!r} in all measures", f"another one in {name!r}", SPLIT)
                coords[key] = (key, array)
        for name in {*coords, *ENDS} & {*self.records}:
            raise InputError("a record called otherwise than what a run holds anyhow", repr(name), "Rename the record.")
        for name, description in ENDS.items():
            blank = np.full(leading[1], int(Outcome.INTERRUPTED) if name == "outcome" else -1, np.int32)
            variables[name] = (leading[0], blank, {"description": description})
        try:
            return xr.Dataset(variables, coords=coords)
        except ValueError as error:
            raise InputError("the same size of a dimension in all measures", str(error), SPLIT) from error

    def _merge(self, growing: xr.Dataset, constants: xr.Dataset) -> xr.Dataset:
        twice = {*constants.variables} & {*growing.data_vars}
        if twice:
            raise InputError("records called otherwise than the constants", f"{sorted(map(str, twice))} in both")
        try:
            return xr.merge([constants, growing], join="exact", compat="equals", combine_attrs="override")
        except ValueError as error:
            raise InputError("constants with the dimensions and coordinates of the records", str(error)) from error

    def put(self, name: str, first: int, values: np.ndarray) -> None:
        """Keep consecutive values of a record.

        Args:
            name: of the record.
            first: index of the first value along the record dimension.
            values: `(members, count, ...)`, or `(count, ...)` without an ensemble.
        """
        axis = 0 if self.members is None else 1
        last = first + values.shape[axis]
        index = (slice(first, last),) if axis == 0 else (slice(None), slice(first, last))
        self.data[name].values[index] = values
        low, high = self._dirty.get(name) or (first, last)
        self._dirty[name] = (min(low, first), max(high, last))

    def set(self, name: str, values: np.ndarray) -> None:
        """Say how members ended.

        Args:
            name: one of `ENDS`.
            values: `(members,)`, or a scalar without an ensemble.
        """
        self.data[name].values[...] = values
        self._dirty[name] = None

    def attach(self, path: Path, *, fresh: bool) -> None:
        """Write to the folder `path` from now on.

        Args:
            path: a folder claimed for this run.
            fresh: whether to make a new store; otherwise the existing one is read and continued.

        Raises:
            StorageError: if the store cannot be written.
        """
        self.path = path
        with storage_errors(path / DATA, "write"):
            if fresh:
                data = writable(self.data)
                data.to_zarr(path / DATA, mode="w", zarr_format=3, consolidated=False, encoding=self._chunks())
            else:
                stored = Run.load(path).data
                for name in self.records:
                    self.put(name, 0, stored[name].values)
                self._dirty.clear()

    def _chunks(self) -> dict[str, dict[str, tuple[int, ...]]]:
        chunks = {}
        for name in self.records:
            array = self.data[name]
            sizes = [
                min(size, 32) if is_record(dim) else size for dim, size in zip(array.dims, array.shape, strict=True)
            ]
            chunks[name] = {"chunks": tuple(max(size, 1) for size in sizes)}
        return chunks

    def flush(self, run: Run, *, every: float = 0.0) -> None:
        """Write what is new to disk, then say in `run.json` how far it goes.

        Args:
            run: step, outcome and provenance to write.
            every: do nothing if the last flush was less than so many seconds ago.

        Raises:
            StorageError: if the disk is full or the folder cannot be written; nothing in memory is lost.
        """
        if self.path is None or time.monotonic() - self._flushed < every:
            return
        import zarr

        with storage_errors(self.path / DATA, "write"):
            group = zarr.open_group(self.path / DATA, mode="r+", zarr_format=3)
            for name, rows in self._dirty.items():
                axis = 0 if self.members is None else 1
                index = ... if rows is None else (slice(None),) * axis + (slice(*rows),)
                group[name][index] = self.data[name].values[index]  # pyright: ignore[reportIndexIssue, reportArgumentType]
        self._dirty.clear()
        write_description(self.path, run)
        self._flushed = time.monotonic()

    def completed(self, step: int) -> xr.Dataset:
        """The data up to `step`."""
        return completed(self.data, step)
