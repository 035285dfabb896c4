"""The one training loop: ensembles, records at their own schedules, progress, interruption and exact resumption.

The host asks for short blocks of compiled steps (`state.run_block`); between two blocks it stores what was recorded,
moves the progress bar, and notices Ctrl-C. How steps are split into blocks never changes what is computed.
"""

import dataclasses
import functools
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
import xarray as xr

from simplebias.core.errors import InputError, Outcome, check_positive
from simplebias.core.run import Run, provenance
from simplebias.core.snapshot import Record
from simplebias.core.task import Task
from simplebias.core.types import ArrayLike, Key, PyTree
from simplebias.training.interrupt import Interrupt
from simplebias.training.ledger import Ledger
from simplebias.training.measures import loss_measure
from simplebias.training.progress import Progress
from simplebias.training.state import first_steps, run_block
from simplebias.training.updater import Gradient, Updater

BLOCK_STOPS = 32
"""Most stops of one compiled block."""
BLOCK_BYTES = 2**26
"""About how much memory the records of one block may take."""
BLOCK_SECONDS = 0.3
"""About how long a block takes, so that Ctrl-C and the progress bar answer."""
SAVE_SECONDS = 20.0
"""How often a checkpoint is written while training."""


def train(
    network: PyTree,
    task: Task,
    *,
    key: Key,
    updater: Updater | optax.GradientTransformation | None = None,
    steps: int = 10_000,
    measures: Mapping[str, Record] | None = None,
    seeds: ArrayLike | None = None,
    points: ArrayLike | None = None,
    until: float | int | None = None,
    seconds: float | int | None = None,
    out: str | Path | None = None,
    specification: Mapping[str, Any] | None = None,
    details: Mapping[str, Any] | None = None,
    constants: xr.Dataset | None = None,
    resume: bool = False,
    progress: bool | None = None,
    throw: bool = True,
) -> Run:
    """Train a network, or an ensemble of them at once, and keep what the measures see.

    Args:
        network: any callable PyTree that maps one point `(inputs,)` to one output, such as an Equinox module; with
            `seeds`, one whose arrays have a leading axis of members (see `simplebias.networks.ensemble`).
        task: what to learn.
        key: randomness of training (mini-batches, dropout). The key of a member depends on its seed, that of a step
            on the step, so members and resumed trainings repeat exactly.
        updater: how to step, or an Optax optimiser; Adam at 1e-3 on the full batch by default.
        steps: how many steps.
        measures: names of records, each a measure with its schedule; the training loss by default.
        seeds: labels of the ensemble's members; None for one network.
        points: where snapshots look, `(points, inputs)`; the task's points by default.
        until: stop a member when its loss falls below this; the others go on.
        seconds: wall-clock time after which no further block of steps is begun, compiling included; the outcome is
            then `INTERRUPTED`, and the run may be resumed.
        out: a new or empty folder to keep the run in while it grows.
        specification: what is run, as plain data; hashed to recognise the run again.
        details: further plain data for the provenance.
        constants: labelled data that belong to the run and do not change.
        resume: continue the run in `out`.
        progress: show a progress bar; None to show it on a terminal only.
        throw: raise when a member diverges; otherwise only mark it in `run.data["outcome"]`.

    Returns:
        The run. After Ctrl-C it holds what there was, with outcome `INTERRUPTED`.

    Raises:
        InputError: for a network without floating arrays, arguments out of range, or an ensemble of the wrong size.
        StorageError: if the folder cannot be used, or the disk is full (what was written stays intact).
        DivergenceError: if the loss became NaN or infinite and `throw` is set; it carries the run.

    Example:
        >>> import jax, numpy as np, optax
        >>> from simplebias.core.task import Regression
        >>> from simplebias.networks import TwoLayer
        >>> x = np.linspace(-1, 1, 32)
        >>> net = TwoLayer(1, 1, 16, key=jax.random.key(0))
        >>> run = train(net, Regression(x, np.sin(3 * x)), updater=optax.adam(1e-2), steps=300, key=jax.random.key(1))
        >>> bool(run.data["loss"][-1] < run.data["loss"][0])
        True
    """
    check_positive(steps, "steps", integer=True, zero=True)
    if seconds is not None:
        check_positive(seconds, "seconds")
    end = np.inf if seconds is None else time.monotonic() + seconds
    records = {"loss": Record(loss_measure(task))} if measures is None else dict(measures)
    loop = _Loop.prepare(network, task, key, _as_updater(updater), int(steps), records, seeds, points, until, constants)
    ledger = loop.ledger
    described = ledger.describe(network, task, ledger.plan.updater, key) if specification is None else specification
    ledger.run.provenance = provenance(described) | dict(details or {})
    if out is not None:
        ledger.open(Path(out), described, resume=resume)
        loop.looked = loop.step > 0
    elif resume:
        raise InputError("out=FOLDER of the run to resume", "resume=True without a folder")
    with Interrupt() as interrupt, Progress(ledger.steps, start=loop.step, visible=progress) as bar:
        loop.go(bar, interrupt, end)
    return ledger.finish(throw=throw)


def resume(path: str | Path, network: PyTree, task: Task, *, key: Key, **options: Any) -> Run:
    """Continue an interrupted run; the result is the same, bit for bit, as that of an uninterrupted one.

    Args:
        path: the run's folder.
        network: the network as it was before training.
        task: the same task.
        key: the same key.
        options: the other arguments of `train`, as they were.

    Returns:
        The run.

    Raises:
        StorageError: if there is no such run, or it was made with another specification.

    Example:
        >>> run = resume("runs/mine", network, task, key=key, steps=1000)  # doctest: +SKIP
    """
    return train(network, task, key=key, out=path, resume=True, **options)


def _as_updater(updater: Updater | optax.GradientTransformation | None) -> Updater:
    if isinstance(updater, Updater):
        return updater
    return Gradient(_default_optimiser() if updater is None else updater)


@functools.cache
def _default_optimiser() -> optax.GradientTransformation:
    """Always the same object, so that its step is compiled once."""
    return optax.adam(1e-3)


@dataclasses.dataclass
class _Block:
    """Stops of one call of the compiled block, and which slots are due at each."""

    stops: np.ndarray
    due: dict[str, np.ndarray]


@dataclasses.dataclass
class _Loop:
    """One training while it runs: its books, its stops, and how fast it goes."""

    ledger: Ledger
    stops: np.ndarray
    width: int
    looked: bool = False
    rate: float | None = None
    errors: dict[str, float] = dataclasses.field(default_factory=dict)
    saved: float = dataclasses.field(default_factory=time.monotonic)

    @classmethod
    def prepare(
        cls,
        network: PyTree,
        task: Task,
        key: Key,
        updater: Updater,
        steps: int,
        records: Mapping[str, Record],
        *rest: Any,
    ) -> "_Loop":
        """Open the books (`Ledger.prepare` has all arguments) and lay out the stops."""
        ledger = Ledger.prepare(network, task, key, updater, steps, records, *rest)
        width = int(np.clip(BLOCK_BYTES // max(ledger.record_bytes, 1), 1, BLOCK_STOPS))
        slots = ledger.recorder.slots.values()
        stops = np.unique(np.concatenate([*(slot.steps for slot in slots), [steps]]))
        return cls(ledger, stops, width)

    @property
    def step(self) -> int:
        """Steps taken, the same for all members."""
        return self.ledger.step

    @step.setter
    def step(self, value: int) -> None:
        self.ledger.reached[:] = value

    @functools.cached_property
    def first(self) -> int:
        """Steps of the first program; no block has others besides."""
        return first_steps(self.ledger.plan, self.ledger.members)

    @property
    def over(self) -> bool:
        """Whether nothing is left to do: all steps are taken, or every member rests."""
        return self.looked and (self.step >= self.ledger.steps or bool(np.all(self.ledger.rest_at >= 0)))

    def go(self, bar: Progress, interrupt: Interrupt, end: float) -> None:
        """Take all steps that are left, block by block, until the clock says that it is enough."""
        ledger = self.ledger
        while not self.over and not interrupt.wanted and not (self.looked and time.monotonic() >= end):
            block = self._next_block()
            began, compiles = time.monotonic(), not self.looked or self.step == self.first
            at, stops = jax.device_put((np.int32(self.step), block.stops.astype(np.int32)))
            due = jax.device_put(block.due)
            members, values = run_block(ledger.plan, ledger.members, ledger.fixed, at, stops, due)
            losses = np.asarray(members.loss)
            before, ledger.members, self.looked = self.step, members, True
            self.step = self._reached(int(block.stops[-1]))
            self._keep(block, values)
            if not compiles and self.step > before:
                self.rate = (self.step - before) / (time.monotonic() - began)
            bar.show(self.step, self.rate, losses, looks=self.errors)
            if ledger.run.path is not None and time.monotonic() - self.saved > SAVE_SECONDS:
                ledger.save(Outcome.INTERRUPTED)
                self.saved = time.monotonic()

    def _next_block(self) -> _Block:
        """The next stops: those of the records, and between far ones some more to keep a block short."""
        budget = max(1, int((self.rate or 0.0) * BLOCK_SECONDS))
        if self.step < self.first:
            budget = min(budget, self.first - self.step)
        first = np.searchsorted(self.stops, self.step, side="right" if self.looked else "left")
        wanted = self.stops[first : first + self.width]
        reachable = wanted[wanted <= self.step + budget]
        if not len(reachable):
            reachable = np.array([self.step + budget])
        stops = np.pad(reachable, (0, self.width - len(reachable)), mode="edge")
        fresh = np.arange(self.width) < len(reachable)
        due = {slot.dimension: np.isin(stops, slot.steps) & fresh for slot in self.ledger.recorder.slots.values()}
        return _Block(stops, due)

    def _reached(self, stop: int) -> int:
        """The step reached: where every member rests, that of the last one to rest."""
        rest_at = self.ledger.rest_at
        return int(rest_at.max()) if np.all(rest_at >= 0) else stop

    def _keep(self, block: _Block, values: Mapping[str, Mapping[str, Any]]) -> None:
        """Hand the values that were due to the recorder."""
        recorder = self.ledger.recorder
        for dimension, flags in block.due.items():
            rows = np.flatnonzero(flags & (block.stops <= self.step))
            for name, value in values[dimension].items() if len(rows) else ():
                first = int(np.searchsorted(recorder.slots[name].steps, block.stops[rows[0]]))
                kept = np.asarray(value)[:, rows]
                recorder.put(name, first, kept[0] if self.ledger.single else kept)
                if self.ledger.single and "error" in name and kept.shape == (1, len(rows)):
                    self.errors[name] = float(kept[0, -1])
