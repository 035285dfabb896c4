"""One bundle of a sweep: its cells trained through slots under one compiled program, and measured."""

import dataclasses
import functools
from collections.abc import Hashable
from threading import Event, Lock
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import Outcome
from simplebias.core.snapshot import Measure, neurons_of
from simplebias.core.task import Task
from simplebias.sweeps.experiments import experiment
from simplebias.sweeps.layout import Bundle, lay_out
from simplebias.sweeps.measures import make_measures
from simplebias.sweeps.specification import Specification
from simplebias.training import Build, Slots
from simplebias.training.slots import fill, go, look

MEMORY = 2**30
"""Bytes that the slots of one bundle may take, by default."""
SLOTS = 16
"""Most slots of a bundle: more of them would step no faster."""
CACHE = 2**19
"""Bytes of parameters in all slots together: what a core's cache does not hold steps at half the speed."""
COPIES = 6
"""Arrays of the size of a network's parameters that a training holds at once, besides gradients at single points."""
EAGER = 0.25
"""Share of the slots that rest before new networks take their places."""
STEPS = 2000
"""Steps after which a block ends, so that a process that is asked to stop answers."""


@functools.lru_cache(maxsize=64)
def slots_of(specification: Specification, shape: Hashable, memory: float = MEMORY) -> int:
    """How many networks of a shape are trained side by side, by the memory they take and what a cache holds of it.

    Args:
        specification: the sweep.
        shape: of the cells.
        memory: bytes.

    Returns:
        From 1 to `SLOTS`, no more than a full bundle has cells: one program serves all bundles of a shape.

    Example:
        >>> from simplebias.sweeps.layout import lay_out
        >>> grid = Specification({"width": [100, 8000, 10_000_000], "seed": 20}, experiment="phase")
        >>> [slots_of(grid, one) for one in lay_out(grid).shapes]
        [1, 2, 16]
    """
    kind, layout = experiment(specification.experiment), lay_out(specification)
    made = eqx.filter_eval_shape(kind.build(shape, None), _numbers(specification, layout.first(shape)))
    leaves = jax.tree.leaves(eqx.filter(made.network, lambda leaf: hasattr(leaf, "shape")))
    taken = sum(leaf.size * leaf.dtype.itemsize for leaf in leaves)
    most = int(memory / max(taken * (COPIES + kind.task(shape).size), 1))
    cells = max(len(bundle.cells) for bundle in layout.bundles if bundle.shape == shape)
    return max(1, min(most, CACHE // max(taken, 1), SLOTS, cells))


@functools.lru_cache(maxsize=64)
def measures_of(specification: Specification, shape: Hashable) -> dict[str, Measure]:
    """The measures of a sweep for cells of a shape.

    Args:
        specification: the sweep.
        shape: of the cells.

    Returns:
        Measures by name.
    """
    kind = experiment(specification.experiment)
    numbers = _numbers(specification, lay_out(specification).first(shape))
    depth = eqx.filter_eval_shape(lambda n: len(neurons_of(kind.build(shape, None)(n).network)), numbers)
    return make_measures(specification.measures, kind.task(shape), int(depth))


def measured_shapes(specification: Specification, shape: Hashable) -> tuple[dict[str, Measure], dict[str, tuple]]:
    """Measures of cells of a shape, and the shape of one value of each, found without computing anything.

    Args:
        specification: the sweep.
        shape: of the cells.

    Returns:
        Measures and shapes by name.
    """
    parts, cell = _Parts.of(specification, shape), lay_out(specification).first(shape)
    shapes = eqx.filter_eval_shape(lambda: look(parts.start([cell]), parts.measures))
    return measures_of(specification, shape), {name: tuple(value.shape[1:]) for name, value in shapes.items()}


def run_bundle(
    specification: Specification, bundle: Bundle, *, memory: float = MEMORY, stop: Event | None = None
) -> dict[str, np.ndarray] | None:
    """Train the cells of a bundle and measure each when it ends.

    Cells go through a few slots: where a network has met the criterion, diverged or taken all steps, it is measured and
    the next one takes its place. What a cell comes to does not depend on its neighbours beyond rounding.

    Args:
        specification: the sweep.
        bundle: cells of one shape.
        memory: bytes that the slots may take.
        stop: set by another thread to give up.

    Returns:
        Outcome, steps, loss and every measure, each with a leading axis of cells; None if it was given up.
    """
    with jax.enable_x64(specification.precision == "float64"):
        parts = _Parts.of(specification, bundle.shape)
        queue = _Queue(parts, list(bundle.cells), slots_of(specification, bundle.shape, memory))
        with _once(bundle.shape):
            queue.begin()
        return queue.run(stop or Event())


_LOCKS: dict[Hashable, Lock] = {}


def _once(shape: Hashable) -> Lock:
    """A lock for a shape, so that two threads do not compile it at once."""
    return _LOCKS.setdefault(shape, Lock())


@dataclasses.dataclass(frozen=True)
class _Parts:
    """What all cells of a bundle share."""

    specification: Specification
    build: Build
    measures: dict[str, Any]
    task: Task

    @classmethod
    def of(cls, specification: Specification, shape: Hashable) -> "_Parts":
        kind = experiment(specification.experiment)
        functions = {name: measure.function for name, measure in measures_of(specification, shape).items()}
        return cls(specification, kind.build(shape, specification.until), functions, kind.task(shape))

    def start(self, cells: Any, old: Slots | None = None, replace: Any = None) -> Slots:
        """Slots with networks of these cells."""
        rows = [_numbers(self.specification, cell) for cell in cells]
        numbers = jax.tree.map(lambda *values: jnp.asarray(np.stack(values)), *rows)
        return fill(self.build, numbers, self.task, self.task.probe, old, replace)


def _numbers(specification: Specification, cell: int) -> dict[str, np.ndarray]:
    return experiment(specification.experiment).numbers(specification.cell(cell))


class _Queue:
    """Cells that wait, those in slots, and what the finished ones came to."""

    def __init__(self, parts: _Parts, cells: list[int], width: int):
        self.parts, self.cells, self.width = parts, cells, width
        # which of the bundle's cells each slot holds, -1 for none
        self.place = [slot if slot < len(cells) else -1 for slot in range(width)]
        self.following, self.values = width, {}
        self.slots: Slots | None = None

    def begin(self) -> None:
        """Fill the slots, and have everything compiled."""
        self.slots = self.parts.start(self._held())
        self._go(self.slots, enough=self.width, most=0)

    def run(self, stop: Event) -> dict[str, np.ndarray] | None:
        """Train all cells."""
        slots, steps = self.slots, self.parts.specification.steps
        assert slots is not None
        while any(place >= 0 for place in self.place):
            if stop.is_set():
                return None
            resting = np.asarray(slots.resting(steps))
            busy = sum(place >= 0 for place in self.place)
            idle = sum(place < 0 and bool(rests) for place, rests in zip(self.place, resting, strict=True))
            slots = self._go(slots, enough=idle + max(1, int(EAGER * busy)), most=STEPS)
            resting = np.asarray(slots.resting(steps))
            done = [slot for slot in range(self.width) if resting[slot] and self.place[slot] >= 0]
            if done:
                self._keep(slots, done)
                slots = self._refill(slots, done)
        return self.values

    def _go(self, slots: Slots, *, enough: int, most: int) -> Slots:
        numbers = (self.parts.specification.steps, enough, most)
        return go(slots, *(jnp.asarray(number, jnp.int32) for number in numbers))

    def _held(self) -> list[int]:
        """The cell in each slot; where there is none, some cell that is trained for nothing."""
        return [self.cells[max(place, 0)] for place in self.place]

    def _keep(self, slots: Slots, done: list[int]) -> None:
        members = slots.members
        looks = [look(slots, self.parts.measures, jnp.asarray(slot, jnp.int32)) for slot in done]
        seen = {name: np.stack([np.asarray(one[name]) for one in looks]) for name in self.parts.measures}
        outcome = np.where(
            np.asarray(members.diverged_at) >= 0,
            Outcome.DIVERGED,
            np.where(np.asarray(members.stopped_at) >= 0, Outcome.STOPPED, Outcome.COMPLETED),
        )
        ended = {"outcome": outcome.astype(np.int8), "steps": np.asarray(slots.step), "loss": np.asarray(members.loss)}
        seen |= {name: value[done] for name, value in ended.items()}
        for name, value in seen.items():
            kept = self.values.setdefault(name, np.zeros((len(self.cells), *value.shape[1:]), value.dtype))
            kept[[self.place[slot] for slot in done]] = value

    def _refill(self, slots: Slots, done: list[int]) -> Slots:
        replace = np.zeros(self.width, bool)
        for slot in done:
            fresh = self.following < len(self.cells)
            self.place[slot] = self.following if fresh else -1
            self.following += fresh
            replace[slot] = fresh
        return self.parts.start(self._held(), slots, jnp.asarray(replace)) if replace.any() else slots
