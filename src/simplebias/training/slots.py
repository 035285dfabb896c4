"""Many trainings of one shape through a few slots: a network that rests makes room for the next one.

Every slot has a step of its own, its own data and its own updater; all are stepped by one compiled program. So nobody
waits for the slowest, and a thousand trainings take the memory of a few.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp

from simplebias.core.snapshot import member, take_snapshot
from simplebias.core.task import Task
from simplebias.core.types import Array, Bool, Int, Key, Network, Points, PyTree, Scalar
from simplebias.training.state import Fixed, Member, Plan, advance, begin, rebuild
from simplebias.training.updater import Updater


class Begin(NamedTuple):
    """One training before its first step.

    Args:
        network: what is trained.
        updater: how to step.
        key: randomness of the training.
        until: loss below which it stops; None to take all steps.
        task: what it learns; None where all learn the same, which is then held once.

    Example:
        >>> from simplebias.networks import TwoLayer
        >>> from simplebias.training import NormalisedFlow
        >>> key = jax.random.key(0)
        >>> Begin(TwoLayer(1, 1, 5, key=key), NormalisedFlow(), key, until=1e-6).until
        1e-06
    """

    network: Network
    updater: Updater
    key: Key
    until: float | None = None
    task: Task | None = None


Build: TypeAlias = Callable[[PyTree], Begin]
"""From the numbers of one cell to its training. Only arrays may differ between cells, not shapes nor anything fixed."""


class Own(eqx.Module):
    """What belongs to the training in one slot.

    Args:
        static: the part of the network that is no array.
        updater: how to step.
        until: loss below which it stops, None to take all steps.
        task: what it learns, None where all learn the same.
    """

    static: PyTree
    updater: Updater
    until: Scalar | None
    task: Task | None


class Slots(eqx.Module):
    """Networks in training, one in each slot; every array but the shared ones has a leading axis of slots.

    Args:
        own: how each is trained, with its task where it has one of its own.
        members: their states.
        fixed: what does not change of each.
        step: steps taken by each.
        task: what those without a task of their own learn.
        points: where snapshots look.

    No example: `simplebias.sweeps.sweep` fills and steps them.
    """

    own: Own
    members: Member
    fixed: Fixed
    step: Int[Array, " slots"]
    task: Task
    points: Points

    def resting(self, steps: int | Array) -> Bool[Array, " slots"]:
        """Which have met the criterion, diverged, or taken so many steps."""
        return self.members.rests | (self.step >= steps)

    def plan(self, own: Own) -> Plan:
        """The plan of one slot."""
        return _plan(own, self.task, self.points)


def fill(
    build: Build,
    numbers: PyTree,
    task: Task,
    points: Points,
    old: Slots | None = None,
    replace: Bool[Array, " slots"] | None = None,
) -> Slots:
    """Start networks in the slots that are named, and leave the others as they are.

    Args:
        build: makes a training from the numbers of one cell; the same object for cells of one shape.
        numbers: arrays with a leading axis of slots.
        task: what is learned by those without a task of their own.
        points: where snapshots look.
        old: the slots before; None to start all.
        replace: `(slots,)`, where to start.

    Returns:
        The slots.
    """
    fresh = _start(build, numbers, task, points)  # drawing is what takes long to compile: one program for both uses
    return fresh if old is None or replace is None else _chosen(replace, fresh, old)


@eqx.filter_jit
def _start(build: Build, numbers: PyTree, task: Task, points: Points) -> Slots:
    def start(one: PyTree) -> tuple[Own, Member, Fixed]:
        made = build(one)
        static = eqx.filter(made.network, eqx.is_array, inverse=True)
        until = None if made.until is None else jnp.asarray(made.until, points.dtype)
        own = Own(static, made.updater, until, made.task)
        key = jax.random.fold_in(made.key, 0)  # as `train` does with one network: its steps draw the same
        return own, *begin(_plan(own, task, points), made.network, key)

    own, members, fixed = eqx.filter_vmap(start)(numbers)
    return Slots(own, members, fixed, jnp.zeros(members.loss.shape, jnp.int32), task, points)


@eqx.filter_jit
def _chosen(replace: Bool[Array, " slots"], fresh: Slots, old: Slots) -> Slots:
    def choose(new: Any, before: Any) -> Any:
        return jax.vmap(jax.lax.select)(replace, new, before) if eqx.is_array(new) else new

    parts = (fresh.own, fresh.members, fresh.fixed, fresh.step), (old.own, old.members, old.fixed, old.step)
    own, members, fixed, step = jax.tree.map(choose, *parts)
    return Slots(own, members, fixed, step, old.task, old.points)


def _plan(own: Own, task: Task, points: Points) -> Plan:
    return Plan(own.static, own.updater, task if own.task is None else own.task, points, {}, own.until)


@eqx.filter_jit
def go(slots: Slots, steps: Int[Array, ""], enough: Int[Array, ""], most: Int[Array, ""]) -> Slots:
    """Step all slots until `enough` of them rest, or `most` steps more were taken.

    Args:
        slots: the slots.
        steps: of a whole training.
        enough: how many have to rest.
        most: steps at most.

    Returns:
        The slots; those that rest are as they were when they came to rest.
    """
    alone = slots.step.shape[0] == 1  # a batch of one would turn plain matrix products into slower batched ones
    owned, fixed = slots.own, slots.fixed

    def one(own: Own, member: Member, kept: Fixed, step: Array) -> tuple[Member, Array]:
        moved = advance(slots.plan(own), member, kept, step)
        over = step >= steps
        moved = jax.tree.map(lambda old, new: jnp.where(over, old, new), member, moved)
        return moved, jnp.where(over | moved.rests, step, step + 1)

    def body(carry: tuple[Member, Array, Array]) -> tuple[Member, Array, Array]:
        members, step, taken = carry
        if alone:
            first = (member(part, 0) for part in (owned, members, fixed, step))
            members, step = jax.tree.map(lambda x: x[None], one(*first))
        else:
            members, step = eqx.filter_vmap(one)(owned, members, fixed, step)
        return members, step, taken + 1

    def goes_on(carry: tuple[Member, Array, Array]) -> Array:
        members, step, taken = carry
        return (taken < most) & (jnp.sum(members.rests | (step >= steps)) < enough)

    members, step, _ = jax.lax.while_loop(goes_on, body, (slots.members, slots.step, jnp.zeros((), jnp.int32)))
    return Slots(owned, members, fixed, step, slots.task, slots.points)


@eqx.filter_jit
def look(
    slots: Slots, measures: Mapping[str, Callable[..., Any]], slot: Int[Array, ""] | None = None
) -> dict[str, Array]:
    """What the measures see in every slot, or in one.

    Args:
        slots: the slots.
        measures: functions of a Snapshot.
        slot: number of the only slot to look at, so that dear measures are not taken of networks still in training.

    Returns:
        For each measure an array, with a leading axis of slots if it was taken of all.
    """

    def one(own: Own, member: Member, kept: Fixed, step: Array) -> dict[str, Array]:
        network = rebuild(slots.plan(own), member, kept)
        snapshot = take_snapshot(network, slots.points, step=step, initial=kept.initial)
        return {name: jnp.asarray(measure(snapshot)) for name, measure in measures.items()}

    parts = (slots.own, slots.members, slots.fixed, slots.step)
    if slot is None:
        return eqx.filter_vmap(one)(*parts)
    return one(*member(parts, slot))


__all__ = ["Begin", "Build", "Slots", "fill", "go", "look"]
