"""The one training loop: ensembles, records at their own schedules, progress, interruption and exact resumption.

The host asks for short blocks of compiled steps (`state.run_block`); between two blocks it stores what was recorded,
moves the progress bar, and notices Ctrl-C. How steps are split into blocks never changes what is computed.
"""

import dataclasses
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr

from simplebias.core.errors import DivergenceError, InputError, Outcome, as_points, check_positive
from simplebias.core.recorder import Recorder, Slot, plan_slots
from simplebias.core.run import Run, provenance, save_networks
from simplebias.core.snapshot import Record, neurons_of
from simplebias.core.storage import claim_folder
from simplebias.core.task import Task
from simplebias.core.types import SEED, ArrayLike, Key, PyTree
from simplebias.training.checkpoint import load_checkpoint, save_checkpoint
from simplebias.training.measures import loss_measure
from simplebias.training.progress import Progress
from simplebias.training.state import Member, Plan, begin, record_shapes, run_block
from simplebias.training.updater import Gradient, Updater

BLOCK_STOPS = 8
"""Stops of one compiled block."""
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
    seeds: Sequence[int] | None = None,
    points: ArrayLike | None = None,
    until: float | None = None,
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
        >>> from simplebias.networks import TwoLayer
        >>> x = np.linspace(-1, 1, 32)
        >>> net = TwoLayer(1, 1, 16, key=jax.random.key(0))
        >>> run = train(net, Regression(x, np.sin(3 * x)), updater=optax.adam(1e-2), steps=300, key=jax.random.key(1))
        >>> bool(run.data["loss"][-1] < run.data["loss"][0])
        True
    """
    check_positive(steps, "steps", integer=True, zero=True)
    records = {"loss": Record(loss_measure(task))} if measures is None else dict(measures)
    loop = _Loop.prepare(network, task, key, _as_updater(updater), int(steps), records, seeds, points, until, constants)
    described = dict(specification) if specification is not None else _describe(network, task, loop, steps)
    loop.run.provenance = provenance(described) | dict(details or {})
    if out is not None:
        loop.open(Path(out), described, resume=resume)
    elif resume:
        raise InputError("out=FOLDER of the run to resume", "resume=True without a folder")
    with _Interrupt() as interrupt, Progress(loop.steps, start=loop.step, visible=progress) as bar:
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
    return Gradient(optax.adam(1e-3) if updater is None else updater)


def _describe(network: PyTree, task: Task, loop: "_Loop", steps: int) -> dict[str, Any]:
    arrays = jax.tree.leaves(eqx.filter(network, eqx.is_array))
    return {
        "network": type(network).__name__,
        "shapes": [list(array.shape) for array in arrays],
        "task": type(task).__name__,
        "size": task.size,
        "seeds": [int(seed) for seed in loop.seeds],
        "steps": int(steps),
        "records": {name: record.steps(int(steps)).tolist() for name, record in loop.recorder.records.items()},
    }


class _Interrupt:
    """Notices Ctrl-C without losing a step: the first asks the loop to stop, a second one stops at once."""

    def __init__(self) -> None:
        self.wanted = False
        self._old: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._old = signal.signal(signal.SIGINT, self._notice)
        return self

    def _notice(self, number: int, frame: Any) -> None:
        if self.wanted:
            raise KeyboardInterrupt
        self.wanted = True

    def __exit__(self, *_: object) -> None:
        if self._old is not None:
            signal.signal(signal.SIGINT, self._old)


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
    initial: tuple[Any, ...]
    first_network: PyTree
    keys: Key
    seeds: np.ndarray
    single: bool
    steps: int
    recorder: Recorder
    slots: dict[str, Slot]
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
        seeds: Sequence[int] | None,
        points: ArrayLike | None,
        until: float | None,
        constants: xr.Dataset | None,
    ) -> Self:
        """Check the network, lay out the records, and make the state before the first step."""
        networks, labels = _as_ensemble(network, seeds)
        slots = plan_slots(records, steps)
        grouped: dict[str, dict[str, Any]] = {}
        for name, slot in slots.items():
            grouped.setdefault(slot.dimension, {})[name] = records[name].measure.function
        probe = task.probe if points is None else as_points(points)
        threshold = None if until is None else jnp.asarray(until)
        static = eqx.filter(networks, eqx.is_inexact_array, inverse=True)
        plan = Plan(static, updater, task, probe, grouped, threshold)
        keys = jax.vmap(lambda seed: jax.random.fold_in(key, seed))(jnp.asarray(labels))
        members = eqx.filter_vmap(lambda n, k: begin(plan, n, k))(networks, keys)
        initial = eqx.filter_vmap(neurons_of)(networks)
        shapes = record_shapes(plan, members, initial)
        single = seeds is None
        recorder = Recorder(records, slots, shapes, None if single else labels, constants)
        run = Run(data=recorder.data, initial=network)
        by_dimension = {slot.dimension: slot for slot in slots.values()}
        return cls(plan, members, initial, networks, keys, labels, single, steps, recorder, by_dimension, run)

    def open(self, path: Path, specification: Mapping[str, Any], *, resume: bool) -> None:
        """Keep the run in a folder; when resuming, go back to its last checkpoint."""
        continues = claim_folder(path, specification, resume=resume)
        self.run.path = path
        self.recorder.attach(path, fresh=not continues)
        state = load_checkpoint(path, (self.members, np.asarray(0))) if continues else None
        if state is not None:
            self.members, self.step = state[0], int(state[1])
            self.looked = True
        if not continues:
            save_networks(path, None, self._unpack(self.first_network))
            self.recorder.flush(self._described(Outcome.INTERRUPTED))

    def go(self, bar: Progress, interrupt: _Interrupt) -> None:
        """Take all steps that are left, block by block."""
        while not (self.looked and self.step >= self.steps) and not interrupt.wanted:
            block = self._next_block()
            began = time.monotonic()
            at = jnp.asarray(self.step, jnp.int32)
            due = {name: jnp.asarray(flags) for name, flags in block.due.items()}
            members, values = run_block(
                self.plan, self.members, self.initial, self.keys, at, jnp.asarray(block.stops, jnp.int32), due
            )
            losses = np.asarray(members.loss)
            self._keep(block, values)
            taken, first = int(block.stops[-1]) - self.step, not self.looked
            self.members, self.step, self.looked = members, int(block.stops[-1]), True
            if taken and not first:
                self.rate = taken / (time.monotonic() - began)
            bar.show(self.step, self.rate, losses)
            if self._all_over():
                break
            if self.run.path is not None and time.monotonic() - self.saved > SAVE_SECONDS:
                self._save(Outcome.INTERRUPTED)

    def _next_block(self) -> _Block:
        """The next stops: those of the records, and between far ones some more to keep a block short."""
        budget = max(1, int((self.rate or 100.0) * BLOCK_SECONDS))
        wanted = self._wanted()
        stops = wanted[:BLOCK_STOPS]
        reachable = stops[stops <= self.step + budget]
        if not len(reachable):
            reachable = np.array([min(self.step + budget, self.steps)])
        stops = np.pad(reachable, (0, BLOCK_STOPS - len(reachable)), mode="edge")
        fresh = np.arange(BLOCK_STOPS) < len(reachable)
        due = {name: np.isin(stops, slot.steps) & fresh for name, slot in self.slots.items()}
        return _Block(stops, due)

    def _wanted(self) -> np.ndarray:
        """Steps at which a record is due or the training ends, from here on."""
        every = np.unique(np.concatenate([*(slot.steps for slot in self.slots.values()), [self.steps]]))
        return every[every >= self.step] if not self.looked else every[every > self.step]

    def _keep(self, block: _Block, values: Mapping[str, Mapping[str, Any]]) -> None:
        """Hand the values that were due to the recorder."""
        for dimension, flags in block.due.items():
            rows = np.flatnonzero(flags)
            if not len(rows):
                continue
            first = int(np.searchsorted(self.slots[dimension].steps, block.stops[rows[0]]))
            for name, value in values[dimension].items():
                kept = np.asarray(value)[:, rows]
                self.recorder.put(name, first, kept[0] if self.single else kept)

    def _all_over(self) -> bool:
        """Whether no member has anything left to do."""
        over = (np.asarray(self.members.diverged_at) >= 0) | (np.asarray(self.members.stopped_at) >= 0)
        return bool(over.all())

    def _outcomes(self) -> np.ndarray:
        """How each member ended."""
        ended = Outcome.COMPLETED if self.step >= self.steps else Outcome.INTERRUPTED
        outcomes = np.where(np.asarray(self.members.stopped_at) >= 0, int(Outcome.STOPPED), int(ended))
        return np.where(np.asarray(self.members.diverged_at) >= 0, int(Outcome.DIVERGED), outcomes)

    def _described(self, outcome: Outcome) -> Run:
        self.run.step, self.run.outcome = self.step, outcome
        return self.run

    def _save(self, outcome: Outcome) -> None:
        """Write data, then the checkpoint that belongs to them."""
        self.recorder.flush(self._described(outcome))
        if self.run.path is not None:
            save_checkpoint(self.run.path, (self.members, np.asarray(self.step)))
        self.saved = time.monotonic()

    def _unpack(self, networks: PyTree) -> PyTree:
        if not self.single:
            return networks
        return jax.tree.map(lambda x: x[0] if eqx.is_array(x) else x, networks)

    def finish(self, *, throw: bool) -> Run:
        """Write what there is, and say how it ended."""
        outcomes = self._outcomes()
        worst = Outcome(int(outcomes[0])) if len(set(outcomes.tolist())) == 1 else self._summary(outcomes)
        self.run.network = self._unpack(eqx.combine(self.members.parameters, self.plan.static))
        dims = () if self.single else (SEED,)
        ends = {"outcome": outcomes, "diverged_at": np.asarray(self.members.diverged_at),
                "stopped_at": np.asarray(self.members.stopped_at)}  # fmt: skip
        self._save(worst)
        if self.run.path is not None:
            save_networks(self.run.path, self.run.network, None)
            write_ends(self.run.path, ends, dims)
        data = self.recorder.completed(self.step)
        self.run.data = data.assign({name: (dims, value[0] if self.single else value) for name, value in ends.items()})
        diverged = np.flatnonzero(np.asarray(self.members.diverged_at) >= 0)
        if throw and len(diverged):
            steps = ", ".join(str(int(self.members.diverged_at[i])) for i in diverged)
            raise DivergenceError(f"training diverged at step {steps}: {Outcome.DIVERGED}", self.run)
        return self.run

    @staticmethod
    def _summary(outcomes: np.ndarray) -> Outcome:
        for outcome in (Outcome.INTERRUPTED, Outcome.COMPLETED):
            if (outcomes == int(outcome)).any():
                return outcome
        return Outcome.STOPPED


def _as_ensemble(network: PyTree, seeds: Sequence[int] | None) -> tuple[PyTree, np.ndarray]:
    """The network with a leading axis of members, and the members' labels."""
    arrays = jax.tree.leaves(eqx.filter(network, eqx.is_array))
    floating = jax.tree.leaves(eqx.filter(network, eqx.is_inexact_array))
    if not callable(network) or not floating:
        raise InputError(
            "a callable network with floating-point arrays as parameters, such as an Equinox module",
            f"{type(network).__name__}",
            "Wrap a function and its parameters in jax.tree_util.Partial.",
        )
    if seeds is None:
        return jax.tree.map(lambda x: x[None] if eqx.is_array(x) else x, network), np.array([0])
    labels = np.asarray(seeds)
    if (
        labels.ndim != 1
        or labels.size == 0
        or len(set(labels.tolist())) != len(labels)
        or labels.dtype.kind not in "iu"
    ):
        raise InputError("seeds as different whole numbers", repr(seeds))
    if any(array.ndim == 0 or array.shape[0] != len(labels) for array in arrays):
        raise InputError(
            f"a network whose arrays have a leading axis of {len(labels)} members, one per seed",
            f"shapes {[tuple(array.shape) for array in arrays][:4]}",
            "Make it with simplebias.networks.ensemble.",
        )
    return network, labels


def write_ends(path: Path, ends: Mapping[str, np.ndarray], dims: tuple[str, ...]) -> None:
    """Add to the stored data how each member ended."""
    from simplebias.core.run import DATA
    from simplebias.core.storage import storage_errors

    variables = {name: (dims, value if dims else value[0]) for name, value in ends.items()}
    with storage_errors(path / DATA, "write"):
        xr.Dataset(variables).to_zarr(path / DATA, mode="a", zarr_format=3, consolidated=False)
