"""The one training loop: ensembles, records at their own schedules, progress, interruption and exact resumption.

The host asks for short blocks of compiled steps (`state.run_block`); between two blocks it stores what was recorded,
moves the progress bar, and notices Ctrl-C. How steps are split into blocks never changes what is computed.
"""

import dataclasses
import functools
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr

from simplebias.core.errors import DivergenceError, InputError, Outcome, as_points, check_positive
from simplebias.core.recorder import Recorder, plan_slots
from simplebias.core.run import Run, provenance, save_networks, write_description
from simplebias.core.snapshot import Record
from simplebias.core.storage import claim_folder, read_marker
from simplebias.core.task import Task
from simplebias.core.types import ArrayLike, Key, PyTree
from simplebias.training.checkpoint import load_checkpoint, save_checkpoint
from simplebias.training.fingerprint import fingerprint
from simplebias.training.interrupt import Interrupt
from simplebias.training.measures import loss_measure
from simplebias.training.progress import Progress
from simplebias.training.state import Fixed, Member, Plan, as_ensemble, begin, record_shapes, run_block
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
    if until is not None and not np.isfinite(until):
        raise InputError("until as a loss, a finite number", repr(until))
    records = {"loss": Record(loss_measure(task))} if measures is None else dict(measures)
    loop = _Loop.prepare(network, task, key, _as_updater(updater), int(steps), records, seeds, points, until, constants)
    described = _describe(network, task, loop, key) if specification is None else dict(specification)
    loop.run.provenance = provenance(described) | dict(details or {})
    if out is not None:
        loop.open(Path(out), described, resume=resume)
    elif resume:
        raise InputError("out=FOLDER of the run to resume", "resume=True without a folder")
    with Interrupt() as interrupt, Progress(loop.steps, start=loop.step, visible=progress) as bar:
        loop.go(bar, interrupt)
    return loop.finish(throw=throw)


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


def _describe(network: PyTree, task: Task, loop: "_Loop", key: Key) -> dict[str, Any]:
    """What is run, where the caller does not say it: enough to tell a run that is resumed from any other."""
    return {
        "network": type(network).__name__,
        "task": type(task).__name__,
        "size": task.size,
        "seeds": [int(seed) for seed in loop.labels],
        "steps": loop.steps,
        "records": {name: slot.steps.tolist() for name, slot in loop.recorder.slots.items()},
        "fingerprint": fingerprint(network, task, loop.plan.updater, key, loop.plan.points, loop.plan.until),
    }


@dataclasses.dataclass
class _Block:
    """Stops of one call of the compiled block, and which slots are due at each."""

    stops: np.ndarray
    due: dict[str, np.ndarray]


@dataclasses.dataclass
class _Loop:
    """One training while it runs."""

    plan: Plan
    members: Member
    fixed: Fixed
    labels: np.ndarray
    single: bool
    steps: int
    recorder: Recorder
    stops: np.ndarray
    width: int
    run: Run
    step: int = 0
    looked: bool = False
    rate: float | None = None
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
        seeds: ArrayLike | None,
        points: ArrayLike | None,
        until: float | int | None,
        constants: xr.Dataset | None,
    ) -> "_Loop":
        """Check the network, lay out the records, and make the state before the first step."""
        networks, labels = as_ensemble(network, seeds)
        slots = plan_slots(records, steps)
        grouped: dict[str, dict[str, Any]] = {}
        for name, slot in slots.items():
            grouped.setdefault(slot.dimension, {})[name] = records[name].measure.function
        probe = task.probe if points is None else as_points(points)
        static = eqx.filter(networks, eqx.is_array, inverse=True)
        plan = Plan(static, updater, task, probe, grouped, None if until is None else jnp.asarray(float(until)))
        keys = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.asarray(labels, jnp.uint32))
        members, fixed = eqx.filter_vmap(lambda member, own: begin(plan, member, own))(networks, keys)
        shapes = record_shapes(plan, members, fixed)
        recorder = Recorder(records, slots, shapes, None if seeds is None else labels, constants)
        size = len(labels) * sum(math.prod(shape) * dtype.itemsize for shape, dtype in shapes.values())
        width = int(np.clip(BLOCK_BYTES // max(size, 1), 1, BLOCK_STOPS))
        stops = np.unique(np.concatenate([*(slot.steps for slot in slots.values()), [steps]]))
        run = Run(data=recorder.data, initial=network)
        return cls(plan, members, fixed, labels, seeds is None, steps, recorder, stops, width, run)

    def open(self, path: Path, specification: Mapping[str, Any], *, resume: bool) -> None:
        """Keep the run in a folder; when resuming, go back to its last checkpoint, or to the start without one."""
        continues = claim_folder(path, specification, resume=resume)
        self.run.path = path
        state = load_checkpoint(path, (self.members, np.asarray(0))) if continues else None
        if continues:
            self.run.provenance |= _started(read_marker(path))
        else:
            write_description(path, self._described(Outcome.INTERRUPTED))
        if state is None:
            save_networks(path, None, self.run.initial)
        else:
            self.members, self.step = state[0], int(state[1])
            self.looked = self.step > 0
        self.recorder.attach(path, fresh=state is None)

    @property
    def over(self) -> bool:
        """Whether nothing is left to do: all steps are taken, or every member rests."""
        return self.looked and (self.step >= self.steps or bool(np.all(self._rest_at() >= 0)))

    def go(self, bar: Progress, interrupt: Interrupt) -> None:
        """Take all steps that are left, block by block."""
        while not self.over and not interrupt.wanted:
            block = self._next_block()
            began, compiles = time.monotonic(), not self.looked
            at, stops = jnp.asarray(self.step, jnp.int32), jnp.asarray(block.stops, jnp.int32)
            due = {dimension: jnp.asarray(flags) for dimension, flags in block.due.items()}
            members, values = run_block(self.plan, self.members, self.fixed, at, stops, due)
            losses = np.asarray(members.loss)
            before, self.members, self.looked = self.step, members, True
            self.step = self._reached(int(block.stops[-1]))
            self._keep(block, values)
            if not compiles and self.step > before:
                self.rate = (self.step - before) / (time.monotonic() - began)
            bar.show(self.step, self.rate, losses)
            if self.run.path is not None and time.monotonic() - self.saved > SAVE_SECONDS:
                self._save(Outcome.INTERRUPTED)

    def _next_block(self) -> _Block:
        """The next stops: those of the records, and between far ones some more to keep a block short."""
        budget = max(1, int((self.rate or 0.0) * BLOCK_SECONDS))
        first = np.searchsorted(self.stops, self.step, side="right" if self.looked else "left")
        wanted = self.stops[first : first + self.width]
        reachable = wanted[wanted <= self.step + budget]
        if not len(reachable):
            reachable = np.array([self.step + budget])
        stops = np.pad(reachable, (0, self.width - len(reachable)), mode="edge")
        fresh = np.arange(self.width) < len(reachable)
        due = {slot.dimension: np.isin(stops, slot.steps) & fresh for slot in self.recorder.slots.values()}
        return _Block(stops, due)

    def _rest_at(self) -> np.ndarray:
        """The step since which each member rests, -1 if it does not."""
        return np.maximum(np.asarray(self.members.diverged_at), np.asarray(self.members.stopped_at))

    def _reached(self, stop: int) -> int:
        """The step reached: where every member rests, that of the last one to rest."""
        rest_at = self._rest_at()
        return int(rest_at.max()) if np.all(rest_at >= 0) else stop

    def _keep(self, block: _Block, values: Mapping[str, Mapping[str, Any]]) -> None:
        """Hand the values that were due to the recorder."""
        for dimension, flags in block.due.items():
            rows = np.flatnonzero(flags & (block.stops <= self.step))
            for name, value in values[dimension].items() if len(rows) else ():
                first = int(np.searchsorted(self.recorder.slots[name].steps, block.stops[rows[0]]))
                kept = np.asarray(value)[:, rows]
                self.recorder.put(name, first, kept[0] if self.single else kept)

    def _described(self, outcome: Outcome) -> Run:
        self.run.step, self.run.outcome = self.step, outcome
        return self.run

    def _save(self, outcome: Outcome) -> None:
        """Write data, how far they go, and then the checkpoint, so that data never lack what it has passed."""
        for name, values in self._ends().items():
            self.recorder.set(name, np.asarray(values[0]) if self.single else values)
        self.recorder.flush(self._described(outcome))
        if self.run.path is not None:
            save_checkpoint(self.run.path, (self.members, np.asarray(self.step)))
        self.saved = time.monotonic()

    def _ends(self) -> dict[str, np.ndarray]:
        """How each member ended, and where if before the last step."""
        stopped, diverged = np.asarray(self.members.stopped_at), np.asarray(self.members.diverged_at)
        ended = Outcome.COMPLETED if self.step >= self.steps else Outcome.INTERRUPTED
        outcomes = np.where(stopped >= 0, int(Outcome.STOPPED), int(ended))
        outcomes = np.where(diverged >= 0, int(Outcome.DIVERGED), outcomes)
        return {"outcome": outcomes, "diverged_at": diverged, "stopped_at": stopped}

    def _network(self) -> PyTree:
        networks = eqx.combine(self.members.parameters, self.fixed.buffers, self.plan.static)
        return jax.tree.map(lambda x: x[0] if eqx.is_array(x) else x, networks) if self.single else networks

    def _catch_last_step(self) -> None:
        """Mark members that the very last step made infinite, which no step after it could notice."""
        if self.step < self.steps:
            return
        finite = [
            np.isfinite(np.asarray(leaf)).reshape(len(self.labels), -1).all(axis=1)
            for leaf in jax.tree.leaves(self.members.parameters)
        ]
        bad = ~np.all(finite, axis=0) & (self._rest_at() < 0)
        diverged_at = jnp.where(bad, jnp.int32(self.steps), self.members.diverged_at)
        self.members = eqx.tree_at(lambda members: members.diverged_at, self.members, diverged_at)

    def finish(self, *, throw: bool) -> Run:
        """Write what there is, and say how it ended."""
        self._catch_last_step()
        self.run.network = self._network()
        if self.run.path is not None:
            save_networks(self.run.path, self.run.network, None)
        self._save(_summary(self._ends()["outcome"]))
        self.run.data = self.recorder.completed(self.step)
        diverged = self.run.data["diverged_at"].values
        if throw and (diverged >= 0).any():
            steps = ", ".join(str(step) for step in diverged[diverged >= 0].flat)
            raise DivergenceError(f"training diverged at step {steps}: {Outcome.DIVERGED}", self.run)
        return self.run


def _started(marker: Mapping[str, Any]) -> dict[str, Any]:
    """When the run that is resumed began, if its description says so."""
    first = marker.get("provenance", {})
    return {"started": first["started"]} if "started" in first else {}


def _summary(outcomes: np.ndarray) -> Outcome:
    """One outcome for all members: the one that says most about what is left to do."""
    for outcome in (Outcome.INTERRUPTED, Outcome.COMPLETED, Outcome.STOPPED):
        if (outcomes == int(outcome)).any():
            return outcome
    return Outcome.DIVERGED
