"""From a look at a model to a growing Run: what was seen is kept as it is, and measured when there is time."""

import contextlib
import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from simplebias.core.errors import Outcome
from simplebias.core.recorder import Recorder, Slot, plan_slots
from simplebias.core.run import DATA, Run, completed, is_record, step_name, write_description
from simplebias.core.snapshot import Measure, Record, Snapshot
from simplebias.core.storage import claim_folder, storage_errors
from simplebias.integrations.layers import Weights
from simplebias.observation.gathering import keep
from simplebias.observation.instruments import Instruments

PENDING = 256 * 2**20
"""Bytes of looks that may wait to be measured."""


@dataclasses.dataclass(frozen=True)
class Look:
    """What was seen of the model at one step.

    Args:
        step: the step.
        outputs: as measures take them, `(points, outputs)`.
        weights: of the layers, empty where no record asks for them at this step.
        loss: of the training, NaN where it was not told.
    """

    step: int
    outputs: np.ndarray
    weights: tuple[Weights, ...]
    loss: float

    @property
    def size(self) -> int:
        """Bytes."""
        return self.outputs.nbytes + sum(one.size for one in self.weights)


LOSS = Measure(
    lambda snapshot: jnp.zeros(()),  # never called: the training loop tells it
    description="Loss that the training loop told, of the batch before the step.",
    attributes={"panel": "loss", "scale": "log", "long_name": "loss told by the training loop"},
)


class Book:
    """The records of a watched training: looks come in, labelled data come out.

    Args:
        instruments: what is recorded of outputs.
        neurons: what is recorded of weights.
        total: the longest training planned for.
        double: whether measures compute in float64.

    No example: `watch` keeps one.
    """

    def __init__(self, instruments: Instruments, neurons: Mapping[str, Record], total: int, double: bool):
        self.instruments, self.double = instruments, double
        self.neurons = dict(neurons)
        told = Record(LOSS, at=next(iter(instruments.records.values())).at)
        self.records = {**instruments.records, "training_loss": told, **neurons}
        self.slots = plan_slots(self.records, total)
        self.pending: list[Look] = []
        self.run = Run(data=xr.Dataset())
        self.recorder: Recorder | None = None
        self.initial: tuple[Weights, ...] = ()
        self.reached = 0
        self.expected = 0.0  # seconds that measuring a look takes
        groups: dict[str, dict[str, Any]] = {}
        for name in instruments.records:
            groups.setdefault(self.slots[name].dimension, {})[name] = self.records[name].measure.function
        self._groups = groups
        self._steps = np.unique(np.concatenate([slot.steps for slot in self.slots.values()]))
        self._weighed = np.unique(np.concatenate([self.slots[name].steps for name in neurons]))

    def next_after(self, step: int) -> int:
        """The next step to look at."""
        place = np.searchsorted(self._steps, step, side="right")
        return int(self._steps[place]) if place < len(self._steps) else np.iinfo(np.int64).max

    def weighs(self, step: int) -> bool:
        """Whether weights are recorded at a step."""
        return step in self._weighed

    def is_whole(self, step: int) -> bool:
        """Whether every record has a look at a step."""
        return all(step in slot.steps for slot in self.slots.values())

    def open(self, look: Look, path: Path | None, provenance: dict[str, Any]) -> None:
        """Lay out the data by the look before the first step, in a folder if there is one.

        Raises:
            StorageError: if the folder cannot be used.
        """
        if path is not None:
            claim_folder(path, provenance["specification"])
        self.initial = look.weights
        found = self._measured(look, {name: slot.dimension for name, slot in self.slots.items()})
        shapes = {name: (value.shape, value.dtype) for name, value in found.items()}
        constants = self.instruments.constants()
        self.recorder = Recorder(self.records, self.slots, shapes, np.arange(1), constants)
        self.run = Run(data=self.recorder.data, provenance=provenance, path=path, outcome=Outcome.INTERRUPTED)
        self._keep(look.step, found)
        if path is not None:
            write_description(path, self.run)
            self.recorder.attach(path, fresh=True)
            self.recorder.flush(self.run)

    def add(self, look: Look) -> None:
        """Take a look; it is measured later."""
        self.pending.append(look)

    @property
    def waiting(self) -> int:
        """Bytes of looks that wait."""
        return sum(look.size for look in self.pending)

    def measure(self, until: float | None = None) -> bool:
        """Measure the looks that wait, oldest first.

        Args:
            until: `time.perf_counter()` at which to have done, as far as the time of the last ones foretells it; None
                for all.

        Returns:
            Whether none is left.
        """
        while self.pending and (until is None or time.perf_counter() + self.expected < until):
            look, began = self.pending.pop(0), time.perf_counter()
            wanted = {name: slot.dimension for name, slot in self.slots.items() if look.step in slot.steps}
            self._keep(look.step, self._measured(look, wanted))
            self.expected = max(time.perf_counter() - began, 0.9 * self.expected)
        return not self.pending

    def flush(self, every: float = 0.0) -> None:
        """Write to disk, if there is a folder and the last time is so many seconds ago."""
        assert self.recorder is not None
        self.run.step = self.reached
        self.recorder.flush(self.run, every=every)

    def close(self, look: Look | None, outcome: Outcome) -> Run:
        """Measure what waits and the last look, which no schedule knew of, and say how the training ended.

        Args:
            look: at the last step; None if that was recorded, or there is none to be had.
            outcome: how the training ended.

        Returns:
            The run.
        """
        assert self.recorder is not None
        self.measure()
        if look is not None:
            self._move_next(look.step)
            self._keep(look.step, self._measured(look, {name: slot.dimension for name, slot in self.slots.items()}))
        ends = {"outcome": int(outcome)} | ({"diverged_at": self.reached} if outcome is Outcome.DIVERGED else {})
        ends |= {"stopped_at": self.reached} if outcome is Outcome.STOPPED else {}
        for name, value in ends.items():
            self.recorder.set(name, np.array([value], np.int32))
        self.run.outcome = outcome
        self.flush()
        self.run.data = self.recorder.completed(self.reached)
        return self.run

    def keep(self, more: xr.Dataset) -> None:
        """Add labelled data to the finished run, in its folder too, where records wait that were never reached."""
        assert self.recorder is not None
        data = self.recorder.data
        missing = {name: (0, data.sizes[name] - size) for name, size in more.sizes.items() if is_record(name)}
        whole = Run(data=data, path=self.run.path)
        keep(whole, more.pad(missing, constant_values=0))
        self.run.data = completed(whole.data, self.reached)

    def _move_next(self, step: int) -> None:
        """Let the first record of each dimension that was not reached be at the last step."""
        assert self.recorder is not None
        for name, slot in self.slots.items():
            place = int(np.searchsorted(slot.steps, step))
            if place < len(slot.steps):
                moved = slot.steps.copy()
                moved[place] = step
                self.slots[name] = Slot(slot.dimension, moved)
        self.recorder.slots = dict(self.slots)
        coordinates = {step_name(slot.dimension): slot for slot in self.slots.values()}
        data = self.recorder.data
        self.recorder.data = data.assign_coords({
            name: (slot.dimension, slot.steps, data[name].attrs) for name, slot in coordinates.items()
        })
        if self.run.path is not None:
            import zarr

            with storage_errors(self.run.path / DATA, "write"):
                group = zarr.open_group(self.run.path / DATA, mode="r+", zarr_format=3)
                for name, slot in coordinates.items():
                    group[name][...] = slot.steps  # pyright: ignore[reportIndexIssue, reportArgumentType]

    def _keep(self, step: int, found: Mapping[str, np.ndarray]) -> None:
        assert self.recorder is not None
        for name, value in found.items():
            place = int(np.searchsorted(self.slots[name].steps, step))
            if place < len(self.slots[name].steps):
                self.recorder.put(name, place, value[None, None])
        self.reached = max(self.reached, step)

    def _measured(self, look: Look, wanted: Mapping[str, str]) -> dict[str, np.ndarray]:
        """Values of the records that are wanted of a look."""
        with precision(self.double):
            outputs = jnp.asarray(look.outputs, float)
            found: dict[str, Any] = {}
            if "training_loss" in wanted:
                found["training_loss"] = np.asarray(look.loss, outputs.dtype)
            for dimension, functions in self._groups.items():
                if any(wanted.get(name) == dimension for name in functions):
                    found |= _take(functions, outputs)
            if look.weights and any(name in wanted for name in self.neurons):
                shown, initial = (tuple(one.shown() for one in each) for each in (look.weights, self.initial))
                snapshot = Snapshot(look.step, outputs, shown, None, initial)
                for name, record in self.neurons.items():
                    if name in wanted:
                        found[name] = finite_or_nan(record.measure, snapshot)
            return {name: np.asarray(value) for name, value in found.items()}


@eqx.filter_jit
def _take(functions: dict[str, Any], outputs: Any) -> dict[str, Any]:
    snapshot = Snapshot(0, outputs)
    return {name: function(snapshot) for name, function in functions.items()}


def finite_or_nan(measure: Measure, snapshot: Snapshot) -> np.ndarray:
    """A measure of neurons, whose weights may be NaN once a training has diverged."""
    whole = all(bool(np.isfinite(np.asarray(one.extended)).all()) for one in snapshot.neurons)
    if whole:
        return np.asarray(measure(snapshot))
    value = np.asarray(measure(dataclasses.replace(snapshot, neurons=snapshot.initial)))
    return np.full_like(value, np.nan, dtype=np.result_type(value, np.float32))


def precision(double: bool) -> contextlib.AbstractContextManager:
    """Compute in float64 inside this block, or in float32."""
    return jax.enable_x64(double)
