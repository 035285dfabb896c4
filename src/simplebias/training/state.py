"""What a training carries from step to step, and the compiled block of steps and records that moves it on."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.compilation import quick_jit, saves
from simplebias.core.errors import InputError
from simplebias.core.snapshot import Neurons, neurons_of, take_snapshot
from simplebias.core.task import Task
from simplebias.core.types import Array, ArrayLike, Bool, Int, Key, Points, PyTree, Scalar, UInt
from simplebias.training.updater import Updater

FIRST_WORK, FIRST_STEPS = 1e8, (8, 256)
"""Rows times parameters of the steps that take about as long more as compiling takes less; fewest and most steps."""


class Member(eqx.Module):
    """The state of one network in training.

    Args:
        parameters: its floating arrays.
        state: of the updater.
        loss: the last loss seen.
        diverged_at: the step at which the loss was first not finite, -1 if none.
        stopped_at: the step at which the stopping criterion was first met, -1 if not.
    """

    parameters: PyTree
    state: PyTree
    loss: Scalar
    diverged_at: Int[Array, ""]
    stopped_at: Int[Array, ""]

    @property
    def rests(self) -> Bool[Array, "*members"]:
        """Whether it (or each of several) has met the criterion or diverged, and takes no more steps."""
        return (self.diverged_at >= 0) | (self.stopped_at >= 0)


class Fixed(eqx.Module):
    """What belongs to one network and does not change.

    Args:
        key: of its training.
        buffers: its arrays that are not floating, such as integer tables.
        initial: its neurons at step 0.
    """

    key: Key
    buffers: PyTree
    initial: tuple[Neurons, ...]


class Plan(eqx.Module):
    """What all members share and does not change.

    Args:
        static: the part of the network that is no array.
        updater: how to step; None where something else than the loop does.
        task: what to learn.
        points: where snapshots look.
        measures: for each slot (record dimension) the functions of its records.
        until: loss below which a member stops, None to take all steps.
    """

    static: PyTree
    updater: Updater | None
    task: Task
    points: Points
    measures: dict[str, dict[str, Any]]
    until: Scalar | None


def begin(plan: Plan, network: PyTree, key: Key) -> tuple[Member, Fixed]:
    """One network before the first step, taken apart into what changes and what does not."""
    parameters = eqx.filter(network, eqx.is_inexact_array)
    buffers = eqx.filter(network, lambda leaf: eqx.is_array(leaf) and not eqx.is_inexact_array(leaf))
    fixed = Fixed(key, buffers, neurons_of(network))
    carried = () if plan.updater is None else plan.updater.init(parameters, plan.task, key=key)
    state = jax.tree.map(_settled, carried)
    unseen = jnp.asarray(jnp.nan, jnp.finfo(jnp.result_type(*jax.tree.leaves(parameters))).dtype)
    never = jnp.asarray(-1, jnp.int32)
    return Member(parameters, state, unseen, never, never), fixed


@quick_jit
def begin_all(
    plan: Plan, network: PyTree, labels: UInt[Array, " members"], key: Key, *, single: bool
) -> tuple[Member, Fixed]:
    """All members before the first step, by one program instead of one for each of their arrays.

    Args:
        plan: what they share.
        network: with a leading axis of members, but for a single one.
        labels: of the members, `(members,)`; the key of each depends on its own.
        key: of the training.
        single: whether there is one member, without an axis.

    Returns:
        Their states and what does not change, each with a leading axis of members.
    """
    if single:
        network = jax.tree.map(lambda leaf: leaf[None] if eqx.is_array(leaf) else leaf, network)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, labels)
    return eqx.filter_vmap(lambda member, own: begin(plan, member, own))(network, keys)


def _settled(leaf: Any) -> Array:
    """An array whose type no later step can change: not a Python number, not weakly typed."""
    array = jnp.asarray(leaf)
    return array if jnp.issubdtype(array.dtype, jax.dtypes.prng_key) else jnp.asarray(array, array.dtype)


def rebuild(plan: Plan, member: Member, fixed: Fixed) -> PyTree:
    """The network as it is now."""
    return eqx.combine(member.parameters, fixed.buffers, plan.static)


def advance(plan: Plan, member: Member, fixed: Fixed, step: Int[Array, ""]) -> Member:
    """One step; a member that rests, or finds now that it has to, stays as it is."""
    assert plan.updater is not None
    static = eqx.combine(fixed.buffers, plan.static)
    parameters, state, loss = plan.updater.update(
        member.parameters, static, plan.task, member.state, step=step, key=fixed.key
    )
    loss = loss.astype(member.loss.dtype)
    diverges = ~member.rests & ~jnp.isfinite(loss)
    enough = jnp.asarray(False) if plan.until is None else loss < plan.until
    stops = ~member.rests & ~diverges & (enough | plan.updater.settled(state))
    stays = member.rests | diverges | stops
    parameters, state = jax.tree.map(
        lambda old, new: jnp.where(stays, old, new), (member.parameters, member.state), (parameters, state)
    )
    return Member(
        parameters,
        state,
        jnp.where(member.rests, member.loss, loss),
        jnp.where(diverges, step, member.diverged_at),
        jnp.where(stops, step, member.stopped_at),
    )


def observe_member(plan: Plan, member: Member, fixed: Fixed, step: Int[Array, ""], slot: str) -> dict[str, Array]:
    """The values of the records of one slot (record dimension) for one network at one step."""
    snapshot = take_snapshot(rebuild(plan, member, fixed), plan.points, step=step, initial=fixed.initial)
    return {name: jnp.asarray(measure(snapshot)) for name, measure in plan.measures[slot].items()}


_observed = eqx.filter_jit(observe_member)  # traced once, whoever asks for its shapes and how many times


def run_block(
    plan: Plan,
    members: Member,
    fixed: Fixed,
    step: Int[Array, ""],
    stops: Int[Array, " stops"],
    due: dict[str, Bool[Array, " stops"]],
) -> tuple[Member, dict[str, dict[str, Array]]]:
    """Take steps from stop to stop and look where a record is due; one compilation for the whole training.

    Members are mapped inside the loops, so the step is the same plain number for all of them: a condition on it stays
    a condition, and the steps end when every member rests.

    Args:
        plan: what all members share.
        members: states with a leading axis of members.
        fixed: what does not change, with a leading axis of members.
        step: steps taken so far.
        stops: steps at which to stop, not decreasing.
        due: for each slot, at which stops its records are due.

    Returns:
        The new states, and for each slot and record values `(members, stops, ...)`, zero where not due.
    """
    if plan.updater is None or not plan.updater.heavy:
        return _thoroughly(plan, members, fixed, step, stops, due)
    at_first = int(step) < first_steps(plan, members)
    return (_at_first if at_first else _quickly)(plan, members, fixed, step, stops, due)


def first_steps(plan: Plan, members: Member) -> int:
    """How many steps are taken by a program that is made sooner than that of the steps after them, and is slower.

    Which of the two takes a step depends on its number alone, so that a training repeats to the last bit. No block of
    steps may have some of both kinds.

    Args:
        plan: with the updater; few steps of a heavy one may be enough, while of others there are thousands.
        members: with their parameters; the more there are, the sooner the faster program has made up for its making.

    Returns:
        The number, 0 for all in one program.
    """
    if plan.updater is None or not plan.updater.heavy or not saves():
        return 0
    work = plan.task.size * sum(leaf.size for leaf in jax.tree.leaves(members.parameters))
    return int(np.clip(FIRST_WORK // max(work, 1), *FIRST_STEPS))


def _run_block(
    plan: Plan, members: Member, fixed: Fixed, step: Int[Array, ""], stops: Array, due: dict[str, Array]
) -> tuple[Member, dict[str, dict[str, Array]]]:
    alone = fixed.key.shape[0] == 1  # a batch of one would turn plain matrix products into slower batched ones

    def each(function: Callable[[Member, Fixed], Any]) -> Callable[[Member, Fixed], Any]:
        return function if alone else jax.vmap(function)

    def to_stop(carry: tuple[Member, Array], stop: tuple[Array, dict[str, Array]]) -> tuple[Any, Any]:
        end, due_now = stop
        state, _ = jax.lax.while_loop(
            lambda now: (now[1] < end) & ~jnp.all(now[0].rests),
            lambda now: (each(lambda member, own: advance(plan, member, own, now[1]))(now[0], fixed), now[1] + 1),
            carry,
        )
        values = {}
        for slot, is_due in due_now.items():
            look = lambda state, slot=slot: each(lambda member, own: _observed(plan, member, own, end, slot))(
                state, fixed
            )
            shapes = jax.eval_shape(look, state)
            blank = lambda state, shapes=shapes: jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
            values[slot] = jax.lax.cond(is_due, look, blank, state)
        return (state, end), values

    if alone:
        members, fixed = jax.tree.map(lambda x: x[0], (members, fixed))
    (members, _), values = jax.lax.scan(to_stop, (members, step), (stops, due))
    if alone:
        return jax.tree.map(lambda x: x[None], (members, values))
    return members, jax.tree.map(lambda x: jnp.moveaxis(x, 0, 1), values)


_thoroughly = eqx.filter_jit(_run_block)
_at_first, _quickly = quick_jit(_run_block), quick_jit(_run_block, least=False)


def member_labels(network: PyTree, seeds: ArrayLike | None) -> np.ndarray:
    """Labels of the members, of a network that can be trained and has an axis of them where there are seeds.

    Args:
        network: what the user gave.
        seeds: labels of its members, or None where it is a single one.

    Returns:
        The labels, 0 for the one member without seeds.

    Raises:
        InputError: for a network that cannot be trained, seeds that are no labels, or a wrong number of members.
    """
    arrays = jax.tree.leaves(eqx.filter(network, eqx.is_array))
    floating = jax.tree.leaves(eqx.filter(network, eqx.is_inexact_array))
    if not callable(network) or not floating:
        raise InputError(
            "a callable network with floating-point arrays as parameters, such as an Equinox module",
            f"{type(network).__name__}",
            "Wrap a function and its parameters in jax.tree_util.Partial.",
        )
    if seeds is None:
        return np.array([0])
    labels = np.asarray(seeds)
    whole = labels.ndim == 1 and labels.size > 0 and labels.dtype.kind in "iu"
    if not whole or labels.min() < 0 or labels.max() >= 2**32 or len(np.unique(labels)) != len(labels):
        raise InputError("seeds as different whole numbers from 0 to 2³² - 1", repr(seeds))
    if any(array.ndim == 0 or array.shape[0] != len(labels) for array in arrays):
        raise InputError(
            f"a network whose arrays have a leading axis of {len(labels)} members, one per seed",
            f"shapes {[tuple(array.shape) for array in arrays][:4]}",
            "Make it with simplebias.networks.ensemble.",
        )
    return labels


def record_shapes(plan: Plan, members: Member, fixed: Fixed) -> dict[str, tuple[tuple[int, ...], Any]]:
    """Shape and dtype of one value of each record, found without computing anything."""
    member, own = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), (members, fixed))
    shapes = {}
    for slot in plan.measures:
        values = jax.eval_shape(
            lambda m, f, slot=slot: _observed(plan, m, f, jnp.asarray(0, jnp.int32), slot), member, own
        )
        shapes |= {name: (tuple(value.shape), value.dtype) for name, value in values.items()}
    return shapes
