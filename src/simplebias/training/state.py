"""What a training carries from step to step, and the compiled block of steps and records that moves it on."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from simplebias.core.snapshot import Neurons, take_snapshot
from simplebias.core.task import Task
from simplebias.core.types import Array, Int, Key, Points, PyTree, Scalar
from simplebias.training.updater import Updater


class Member(eqx.Module):
    """The state of one network in training.

    Args:
        parameters: its floating arrays.
        state: of the updater.
        loss: the last loss seen.
        diverged_at: the step whose loss was first not finite, -1 if none.
        stopped_at: the step at which the stopping criterion was first met, -1 if not.
    """

    parameters: PyTree
    state: PyTree
    loss: Scalar
    diverged_at: Int[Array, ""]
    stopped_at: Int[Array, ""]


class Plan(eqx.Module):
    """Everything a block needs that does not change.

    Args:
        static: the part of the network that is no floating array.
        updater: how to step.
        task: what to learn.
        points: where snapshots look.
        measures: for each slot (record dimension) the functions of its records.
        until: loss at which a member stops, None to take all steps.
    """

    static: PyTree
    updater: Updater
    task: Task
    points: Points
    measures: dict[str, dict[str, Any]]
    until: Scalar | None


def begin(plan: Plan, network: PyTree, key: Key) -> Member:
    """The state of one network before the first step."""
    parameters = eqx.filter(network, eqx.is_inexact_array)
    dtype = jnp.result_type(*jax.tree.leaves(parameters))
    never = jnp.asarray(-1, jnp.int32)
    state = plan.updater.init(parameters, plan.task, key=key)
    return Member(parameters, state, jnp.asarray(jnp.nan, dtype), never, never)


def _advance(plan: Plan, member: Member, step: Int[Array, ""], key: Key) -> Member:
    """One step of one member; a member that has met the criterion stays as it is."""
    parameters, state, loss = plan.updater.update(
        member.parameters, plan.static, plan.task, member.state, step=step, key=key
    )
    loss = loss.astype(member.loss.dtype)
    diverged_at = jnp.where((member.diverged_at < 0) & ~jnp.isfinite(loss), step, member.diverged_at)
    moved = Member(parameters, state, loss, diverged_at, member.stopped_at)
    if plan.until is None:
        return moved
    stopped_at = jnp.where((member.stopped_at < 0) & (loss < plan.until), step, member.stopped_at)
    rests = stopped_at >= 0
    kept = Member(member.parameters, member.state, jnp.where(member.stopped_at >= 0, member.loss, loss),
                  member.diverged_at, stopped_at)  # fmt: skip
    moved = eqx.tree_at(lambda m: m.stopped_at, moved, stopped_at)
    return jax.tree.map(lambda old, new: jnp.where(rests, old, new), kept, moved)


def _observe(
    plan: Plan, member: Member, initial: tuple[Neurons, ...], step: Int[Array, ""], slot: str
) -> dict[str, Array]:
    """The values of the records of one slot."""
    network = eqx.combine(member.parameters, plan.static)
    snapshot = take_snapshot(network, plan.points, step=step, initial=initial)
    return {name: jnp.asarray(measure(snapshot)) for name, measure in plan.measures[slot].items()}


@eqx.filter_jit
def run_block(
    plan: Plan,
    members: Member,
    initial: tuple[Neurons, ...],
    keys: Key,
    step: Int[Array, ""],
    stops: Int[Array, " stops"],
    due: dict[str, Array],
) -> tuple[Member, dict[str, dict[str, Array]]]:
    """Take steps from stop to stop and look where a record is due; one compilation for the whole training.

    The step is never batched, so under `vmap` a condition on it stays a condition and nobody pays for both branches.

    Args:
        plan: what does not change.
        members: states with a leading axis of members.
        initial: neurons at step 0, with a leading axis of members.
        keys: a key for each member.
        step: steps taken so far.
        stops: steps at which to stop, not decreasing.
        due: for each slot, at which stops its records are due.

    Returns:
        The new states, and for each slot and record values `(members, stops, ...)`, zero where not due.
    """

    def of_member(member: Member, start: tuple[Neurons, ...], key: Key) -> tuple[Member, dict[str, dict[str, Array]]]:
        def to_stop(carry: tuple[Member, Array], stop: tuple[Array, dict[str, Array]]) -> tuple[Any, Any]:
            state, at = carry
            state = jax.lax.fori_loop(at, stop[0], lambda i, m: _advance(plan, m, i, key), state)
            values = {}
            for slot, is_due in stop[1].items():
                look = lambda s, slot=slot: _observe(plan, s, start, stop[0], slot)
                shapes = jax.eval_shape(look, state)
                blank = lambda s, shapes=shapes: jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
                values[slot] = jax.lax.cond(is_due, look, blank, state)
            return (state, stop[0]), values

        (member, _), values = jax.lax.scan(to_stop, (member, step), (stops, due))
        return member, values

    if keys.shape[0] == 1:  # a batch of one would turn plain matrix products into slower batched ones
        first = jax.tree.map(lambda x: x[0], (members, initial, keys))
        return jax.tree.map(lambda x: x[None], of_member(*first))
    return jax.vmap(of_member)(members, initial, keys)


def record_shapes(plan: Plan, members: Member, initial: tuple[Neurons, ...]) -> dict[str, tuple[tuple[int, ...], Any]]:
    """Shape and dtype of one value of each record, found without computing anything."""
    shapes = {}
    for slot in plan.measures:
        values = eqx.filter_eval_shape(
            lambda m, i, slot=slot: jax.vmap(lambda a, b: _observe(plan, a, b, jnp.asarray(0), slot))(m, i),
            members,
            initial,
        )
        shapes |= {name: (tuple(value.shape[1:]), value.dtype) for name, value in values.items()}
    return shapes
