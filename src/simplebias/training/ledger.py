"""What every training holds, whoever makes its steps: members, their records, the run's folder, and how each ended.

`train` fills it from its compiled loop and `minimise` from SciPy, so that the runs of both are read alike.
"""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from simplebias.core.errors import DivergenceError, InputError, Outcome, as_points
from simplebias.core.recorder import Recorder, plan_slots
from simplebias.core.run import Run, save_networks, write_description
from simplebias.core.snapshot import Record, count_parameters, member
from simplebias.core.storage import claim_folder, read_marker
from simplebias.core.task import Task
from simplebias.core.types import ArrayLike, Key, PyTree
from simplebias.training.checkpoint import load_checkpoint, save_checkpoint
from simplebias.training.fingerprint import fingerprint
from simplebias.training.state import Fixed, Member, Plan, begin_all, member_labels, record_shapes
from simplebias.training.updater import Updater


@dataclasses.dataclass
class Ledger:
    """The books of one training while it runs.

    Args:
        plan: what all members share.
        members: their states, with a leading axis.
        fixed: what does not change, with a leading axis of members.
        labels: names of the members.
        single: whether there is one network and no ensemble.
        steps: how many steps are to be taken.
        recorder: keeps the records.
        record_bytes: size of one value of all records.
        run: what is handed back.
        reached: steps that each member has taken.
    """

    plan: Plan
    members: Member
    fixed: Fixed
    labels: np.ndarray
    single: bool
    steps: int
    recorder: Recorder
    record_bytes: int
    run: Run
    reached: np.ndarray

    @classmethod
    def prepare(
        cls,
        network: PyTree,
        task: Task,
        key: Key,
        updater: Updater | None,
        steps: int,
        records: Mapping[str, Record],
        seeds: ArrayLike | None,
        points: ArrayLike | None,
        until: float | int | None,
        constants: xr.Dataset | None,
    ) -> "Ledger":
        """Check the network, lay out the records, and make the states before the first step."""
        if until is not None and not np.isfinite(until):
            raise InputError("until as a loss, a finite number", repr(until))
        labels = member_labels(network, seeds)
        slots = plan_slots(records, steps)
        grouped: dict[str, dict[str, Any]] = {}
        for name, slot in slots.items():
            grouped.setdefault(slot.dimension, {})[name] = records[name].measure.function
        probe = task.probe if points is None else as_points(points)
        static = eqx.filter(network, eqx.is_array, inverse=True)
        plan = Plan(static, updater, task, probe, grouped, None if until is None else jnp.asarray(float(until)))
        if updater is not None:
            updater.check(count_parameters(network) // len(labels), task, key=key)
        members, fixed = begin_all(plan, network, jax.device_put(labels.astype(np.uint32)), key, single=seeds is None)
        shapes = record_shapes(plan, members, fixed)
        recorder = Recorder(records, slots, shapes, None if seeds is None else labels, constants)
        size = len(labels) * sum(math.prod(shape) * dtype.itemsize for shape, dtype in shapes.values())
        run = Run(data=recorder.data, initial=network)
        reached = np.zeros(len(labels), np.int64)
        return cls(plan, members, fixed, labels, seeds is None, steps, recorder, size, run, reached)

    def describe(self, network: PyTree, task: Task, how: Any, key: Key) -> dict[str, Any]:
        """What is run, where the caller does not say it: enough to tell a run that is resumed from any other."""
        return {
            "network": type(network).__name__,
            "task": type(task).__name__,
            "size": task.size,
            "seeds": [int(seed) for seed in self.labels],
            "steps": self.steps,
            "records": {name: slot.steps.tolist() for name, slot in self.recorder.slots.items()},
            "fingerprint": fingerprint(network, task, how, key, self.plan.points, self.plan.until),
        }

    def open(self, path: Path, specification: Mapping[str, Any], *, resume: bool) -> Mapping[str, Any]:
        """Keep the run in a folder; when resuming, go back to its last checkpoint, or to the start without one.

        Returns:
            The provenance of the run that is resumed, empty for a new one.
        """
        continues = claim_folder(path, specification, resume=resume)
        self.run.path = path
        state = load_checkpoint(path, (self.members, self.reached)) if continues else None
        earlier = read_marker(path).get("provenance", {}) if continues else {}
        if "started" in earlier:
            self.run.provenance["started"] = earlier["started"]
        if not continues:
            write_description(path, self._described(Outcome.INTERRUPTED))
        if state is None:
            save_networks(path, None, self.run.initial)
        else:
            self.members, self.reached = state[0], np.array(state[1])
        self.recorder.attach(path, fresh=state is None)
        return earlier

    @property
    def step(self) -> int:
        """The step reached by the member that went farthest."""
        return int(self.reached.max())

    @property
    def rest_at(self) -> np.ndarray:
        """The step since which each member rests, -1 if it does not."""
        return np.maximum(np.asarray(self.members.diverged_at), np.asarray(self.members.stopped_at))

    def _described(self, outcome: Outcome) -> Run:
        self.run.step, self.run.outcome = self.step, outcome
        return self.run

    def save(self, outcome: Outcome) -> None:
        """Write data, how far they go, and then the checkpoint, so that data never lack what it has passed."""
        for name, values in self._ends().items():
            self.recorder.set(name, np.asarray(values[0]) if self.single else values)
        self.recorder.flush(self._described(outcome))
        if self.run.path is not None:
            save_checkpoint(self.run.path, (self.members, self.reached))

    def _ends(self) -> dict[str, np.ndarray]:
        """How each member ended, and where if before the last step."""
        stopped, diverged = np.asarray(self.members.stopped_at), np.asarray(self.members.diverged_at)
        ended = np.where(self.reached >= self.steps, int(Outcome.COMPLETED), int(Outcome.INTERRUPTED))
        outcomes = np.where(stopped >= 0, int(Outcome.STOPPED), ended)
        outcomes = np.where(diverged >= 0, int(Outcome.DIVERGED), outcomes)
        return {"outcome": outcomes, "diverged_at": diverged, "stopped_at": stopped}

    def _network(self) -> PyTree:
        updater, parameters = self.plan.updater, self.members.parameters
        parameters = parameters if updater is None else updater.chosen(parameters, self.members.state)
        networks = eqx.combine(parameters, self.fixed.buffers, self.plan.static)
        return member(networks, 0) if self.single else networks

    def _catch_last_step(self) -> None:
        """Mark members that the very last step made infinite, which no step after it could notice."""
        finite = [
            np.isfinite(np.asarray(leaf)).reshape(len(self.labels), -1).all(axis=1)
            for leaf in jax.tree.leaves(self.members.parameters)
        ]
        bad = ~np.all(finite, axis=0) & (self.rest_at < 0) & (self.reached >= self.steps)
        diverged_at = jnp.where(bad, jnp.int32(self.steps), self.members.diverged_at)
        self.members = eqx.tree_at(lambda members: members.diverged_at, self.members, diverged_at)

    def finish(self, *, throw: bool) -> Run:
        """Write what there is, and say how it ended."""
        self._catch_last_step()
        self.run.network = self._network()
        if self.run.path is not None:
            save_networks(self.run.path, self.run.network, None)
        self.save(_summary(self._ends()["outcome"]))
        self.run.data = self.recorder.completed(self.step)
        diverged = self.run.data["diverged_at"].values
        if throw and (diverged >= 0).any():
            steps = ", ".join(str(step) for step in diverged[diverged >= 0].flat)
            raise DivergenceError(f"training diverged at step {steps}: {Outcome.DIVERGED}", self.run)
        return self.run


def _summary(outcomes: np.ndarray) -> Outcome:
    """One outcome for all members: the one that says most about what is left to do."""
    for outcome in (Outcome.INTERRUPTED, Outcome.COMPLETED, Outcome.STOPPED):
        if (outcomes == int(outcome)).any():
            return outcome
    return Outcome.DIVERGED
