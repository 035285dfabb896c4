"""Training by SciPy's minimisers, with the records, the folder and the outcome of `train`.

SciPy holds the loop here: it asks for the loss (and its gradient) at any parameters, and tells when an iteration is
over.
"""

import dataclasses
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from simplebias.core.errors import InputError, Outcome, check_choice, check_positive
from simplebias.core.run import Run, provenance
from simplebias.core.snapshot import Measure, Record, member
from simplebias.core.task import Task
from simplebias.core.types import Array, ArrayLike, Key, PyTree, Scalar
from simplebias.training.interrupt import Interrupt
from simplebias.training.ledger import Ledger
from simplebias.training.measures import loss_measure
from simplebias.training.progress import Progress
from simplebias.training.state import Fixed, Member, Plan, observe_member

METHODS = {"cg": "CG", "bfgs": "BFGS", "l-bfgs": "L-BFGS-B", "powell": "Powell"}
"""Names of the methods here and in SciPy."""
MOST_FOR_POWELL = 20
"""Parameters up to which Powell's method is no adventure."""
SAVE_SECONDS = 20.0
"""How often the folder is brought up to date."""
EVALUATIONS = "evaluations"
"""Name of the record of calls of the loss."""


def minimise(
    network: PyTree,
    task: Task,
    *,
    key: Key,
    method: str = "l-bfgs",
    steps: int = 1000,
    measures: Mapping[str, Record] | None = None,
    seeds: ArrayLike | None = None,
    points: ArrayLike | None = None,
    until: float | int | None = None,
    out: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    specification: Mapping[str, Any] | None = None,
    details: Mapping[str, Any] | None = None,
    constants: xr.Dataset | None = None,
    resume: bool = False,
    progress: bool | None = None,
    throw: bool = True,
) -> Run:
    """Train by conjugate gradients, BFGS, L-BFGS or Powell's method, all of SciPy; the run is one as of `train`.

    A step is an iteration of the method: a line search for the first three, a search along every direction for
    Powell's, which uses no gradient. Members of an ensemble are trained one after the other. Besides the measures the
    run has `evaluations`, how often a member's loss was asked for. Loss and gradient are computed in the network's
    precision and handed to SciPy in float64; in float32 a line search ends where the loss no longer resolves it (about
    1e-7 of its size), for more see `jax.enable_x64`. The batch is full; a task that draws points, and dropout, draw
    the same at every evaluation. For L-BFGS inside the compiled loop, whole ensembles at once, give
    `updater=optax.lbfgs()` to `train`.

    A method may end before `steps`: because it finds no descent or has converged (outcome `STOPPED`, its own words in
    `run.provenance["minimise"]`). SciPy's state cannot be stored: a run that was interrupted keeps all its records,
    and when it is resumed, members that had ended are kept and the one that was broken off is trained again from its
    start, so that the result is that of an uninterrupted run.

    Args:
        network: any callable PyTree that maps one point to one output; with `seeds`, one whose arrays have a leading
            axis of members.
        task: what to learn.
        key: randomness of the task, if it has any.
        method: `cg`, `bfgs`, `l-bfgs` or `powell`. BFGS keeps a matrix of parameters × parameters; Powell asks for the
            loss some 30 times per parameter in a step and is for about 20 parameters.
        steps: how many iterations at most.
        measures: names of records, each a measure with its schedule; the training loss by default.
        seeds: labels of the ensemble's members; None for one network.
        points: where snapshots look; the task's points by default.
        until: stop a member when its loss falls below this.
        out: a new or empty folder to keep the run in.
        options: of SciPy's method, such as `{"gtol": 1e-8}`.
        specification: what is run, as plain data; hashed to recognise the run again.
        details: further plain data for the provenance.
        constants: labelled data that belong to the run and do not change.
        resume: continue the run in `out`.
        progress: show a progress bar; None to show it on a terminal only.
        throw: raise when a member diverges; otherwise only mark it in `run.data["outcome"]`.

    Returns:
        The run. After Ctrl-C it holds what there was, with outcome `INTERRUPTED`; records that a member did not reach
        are NaN where they are floating.

    Raises:
        InputError: for an unknown method or option, a network without floating arrays, or arguments out of range.
        StorageError: if the folder cannot be used.
        DivergenceError: if the loss became NaN or infinite and `throw` is set; it carries the run.

    References:
        SciPy (`virtanen2019scipy`). That low frequencies come first under these methods: arXiv:2101.00747.

    Example:
        >>> import jax, numpy as np
        >>> from simplebias.core.task import Regression
        >>> from simplebias.networks import TwoLayer
        >>> x = np.linspace(-1, 1, 32)
        >>> net = TwoLayer(1, 1, 8, activation="tanh", key=jax.random.key(0))
        >>> run = minimise(net, Regression(x, np.sin(3 * x)), method="bfgs", steps=60, key=jax.random.key(1))
        >>> bool(run.data["loss"][-1] < 1e-3)
        True
    """
    check_choice(method, "method", METHODS)
    check_positive(steps, "steps", integer=True, zero=True)
    records = {"loss": Record(loss_measure(task))} if measures is None else dict(measures)
    if EVALUATIONS in records:
        raise InputError(f"records called otherwise than {EVALUATIONS!r}", "one of that name", "Rename it.")
    schedule = next(iter(records.values())).at if records else [0, int(steps)]
    records[EVALUATIONS] = Record(_evaluations(method), at=schedule)
    ledger = Ledger.prepare(network, task, key, None, int(steps), records, seeds, points, until, constants)
    if "maxiter" in (options or {}):
        raise InputError("the number of iterations as steps=", "maxiter in options")
    how = {"method": method, "options": dict(options or {})}
    _check_parameters(ledger.members.parameters, method)
    described = ledger.describe(network, task, how, key) if specification is None else specification
    ledger.run.provenance = provenance(described) | dict(details or {}) | {"minimise": how | {"ended": {}}}
    if out is not None:
        earlier = ledger.open(Path(out), described, resume=resume)
        ledger.run.provenance["minimise"]["ended"] |= earlier.get("minimise", {}).get("ended", {})
    elif resume:
        raise InputError("out=FOLDER of the run to resume", "resume=True without a folder")
    with Interrupt() as interrupt, Progress(ledger.steps * len(ledger.labels), visible=progress) as bar:
        for index in range(len(ledger.labels)):
            if not interrupt.wanted and not _has_ended(ledger, index):
                _Descent.begin(ledger, index, interrupt, bar).go(method, how["options"])
                ledger.save(Outcome.INTERRUPTED)
    return ledger.finish(throw=throw)


def _evaluations(method: str) -> Measure:
    what = "loss" if method == "powell" else "loss and gradient"
    # SciPy's calls are counted by the host: the function says no more than the type
    return Measure(lambda snapshot: jnp.zeros((), jnp.int32), unit="evaluations", description=f"calls of the {what}")


def _check_parameters(parameters: PyTree, method: str) -> None:
    """Refuse what SciPy cannot minimise over, and warn of what takes for ever."""
    leaves = jax.tree.leaves(parameters)
    if any(jnp.iscomplexobj(leaf) for leaf in leaves):
        raise InputError("real parameters", "complex ones", "Train by `train`, or keep their parts apart.")
    count = sum(leaf[0].size for leaf in leaves)
    if method == "powell" and count > MOST_FOR_POWELL:
        warnings.warn(
            f"Powell's method searches along all {count} directions in every iteration, some {30 * count} evaluations "
            f"of the loss, and often stalls above {MOST_FOR_POWELL} parameters: take a smaller network or `bfgs`",
            stacklevel=3,
        )


def _has_ended(ledger: Ledger, index: int) -> bool:
    return bool(ledger.rest_at[index] >= 0 or ledger.reached[index] >= ledger.steps > 0)


class _Halt(Exception):
    """Leaves SciPy's loop from inside: Ctrl-C, divergence, or a loss that is low enough."""


@dataclasses.dataclass
class _Descent:
    """One member on its way down.

    Args:
        ledger: of the run.
        index: of the member.
        fixed: what of it does not change.
        start: it before the first step.
        interrupt: whether to stop.
        bar: shows how far it is.
        calls: of the loss so far.
        here: its parameters after the last iteration, as SciPy holds them.
        loss: its loss there.
        began: when it began, in seconds.
        saved: when the folder was last brought up to date.
    """

    ledger: Ledger
    index: int
    fixed: Fixed
    start: Member
    interrupt: Interrupt
    bar: Progress
    calls: int = 0
    here: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0))
    loss: float = np.nan
    began: float = dataclasses.field(default_factory=time.monotonic)
    saved: float = dataclasses.field(default_factory=time.monotonic)

    @classmethod
    def begin(cls, ledger: Ledger, index: int, interrupt: Interrupt, bar: Progress) -> "_Descent":
        """A member at its start, also where a resumed run had it farther."""
        network = ledger.run.initial
        if not ledger.single:
            network = member(network, index)
        fixed = jax.tree.map(lambda x: x[index], ledger.fixed)
        parameters = jax.tree.map(jnp.asarray, eqx.filter(network, eqx.is_inexact_array))
        start = dataclasses.replace(jax.tree.map(lambda x: x[index], ledger.members), parameters=parameters)
        ledger.reached[index] = 0
        return cls(ledger, index, fixed, start, interrupt, bar)

    def go(self, method: str, options: Mapping[str, Any]) -> None:
        """All iterations; whatever ends them, what was reached is in the ledger."""
        self.here = _ravel(self.start.parameters)
        gradient = method != "powell"
        try:
            self.loss = float(_value(self.ledger.plan, self.fixed, self.start.parameters, self._flat(self.here)))
            self._arrived(0)
            message = self._call_scipy(METHODS[method], options, self._ask(gradient), gradient)
        except _Halt as halt:
            message = str(halt)
        else:
            if self.ledger.reached[self.index] < self.ledger.steps:
                self._end("stopped_at")
        self._keep_state()
        label = str(int(self.ledger.labels[self.index]))
        self.ledger.run.provenance["minimise"]["ended"][label] = message

    def _call_scipy(self, method: str, options: Mapping[str, Any], ask: Callable, gradient: bool) -> str:
        if self.ledger.steps == 0:
            return "no iteration was asked for"
        from scipy.optimize import OptimizeWarning, minimize

        most = {"maxfun": np.iinfo(np.int32).max} if method == "L-BFGS-B" else {}
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", RuntimeWarning)  # of line searches through infinite losses
            warnings.filterwarnings("error", "Unknown solver options", OptimizeWarning)
            try:
                result = minimize(
                    ask,
                    self.here.copy(),
                    jac=gradient,
                    method=method,
                    callback=lambda intermediate_result: self._iterated(intermediate_result),
                    options={**most, **options, "maxiter": self.ledger.steps},
                )
            except OptimizeWarning as warning:
                raise InputError(f"options that SciPy's {method} has", str(warning)) from None
        if not all(np.isfinite(result[part]).all() for part in ("fun", "x", "jac") if part in result):
            self.here, self.loss = np.array(result.x, np.float64), float(result.fun)
            self._end("diverged_at")
            raise _Halt("the loss or its gradient became NaN or infinite")
        return str(result.message)

    def _ask(self, gradient: bool) -> Callable[[np.ndarray], Any]:
        """The function that SciPy minimises."""
        plan, fixed, like = self.ledger.plan, self.fixed, self.start.parameters

        def ask(place: np.ndarray) -> Any:
            if self.interrupt.wanted:
                raise _Halt("interrupted")
            self.calls += 1
            flat = self._flat(place)
            if not gradient:
                value = float(_value(plan, fixed, like, flat))
                return value if np.isfinite(value) else np.inf
            value, slope = _value_and_gradient(plan, fixed, like, flat)
            return float(value), np.asarray(slope, np.float64)

        return ask

    def _flat(self, place: np.ndarray) -> Array:
        """A place as SciPy holds it, in the precision of the network."""
        return jnp.asarray(place, jnp.result_type(*jax.tree.leaves(self.start.parameters)))

    def _iterated(self, result: Any) -> None:
        """An iteration is over."""
        self.here, self.loss = np.array(result.x, np.float64), float(result.fun)
        self._arrived(int(self.ledger.reached[self.index]) + 1)

    def _arrived(self, step: int) -> None:
        """Keep what is due at this step, and see whether it is to be the last."""
        ledger = self.ledger
        ledger.reached[self.index] = step
        if not np.isfinite(self.loss) or not np.isfinite(self.here).all():
            self._end("diverged_at")
            raise _Halt("the loss became NaN or infinite")
        self._record(step)
        if ledger.plan.until is not None and self.loss < float(ledger.plan.until):
            self._end("stopped_at")
            raise _Halt("the loss fell below the threshold")
        elapsed = max(time.monotonic() - self.began, 1e-9)
        self.bar.show(self.index * ledger.steps + step, step / elapsed if step else None, [self.loss])
        if ledger.run.path is not None and time.monotonic() - self.saved > SAVE_SECONDS:
            self._keep_state()
            ledger.save(Outcome.INTERRUPTED)
            self.saved = time.monotonic()

    def _record(self, step: int, *, last: bool = False) -> None:
        """Keep the values due at a step, or, of a member that rests, at all steps from there on."""
        ledger, member = self.ledger, None
        for slot, names in ledger.plan.measures.items():
            steps = ledger.recorder.slots[next(iter(names))].steps
            first = int(np.searchsorted(steps, step))
            count = len(steps) - first if last else int(first < len(steps) and steps[first] == step)
            if not count:
                continue
            member = self._member() if member is None else member
            values = _observed(ledger.plan, member, self.fixed, jnp.asarray(step, jnp.int32), slot)
            for name, value in values.items():
                array = np.asarray(self.calls if name == EVALUATIONS else value)
                self._put(name, first, np.broadcast_to(array, (count, *array.shape)))

    def _put(self, name: str, first: int, values: np.ndarray) -> None:
        recorder = self.ledger.recorder
        if self.ledger.single:
            return recorder.put(name, first, values)
        kept = recorder.data[name].values[:, first : first + len(values)].copy()
        kept[self.index] = values
        return recorder.put(name, first, kept)

    def _member(self) -> Member:
        """The member as it is now."""
        parameters = _unravel(self._flat(self.here), self.start.parameters)
        return dataclasses.replace(
            self.start, parameters=parameters, loss=jnp.asarray(self.loss, self.start.loss.dtype)
        )

    def _keep_state(self) -> None:
        """Put the member as it is now among the others."""
        ledger, now = self.ledger, self._member()
        now = dataclasses.replace(
            now,
            diverged_at=ledger.members.diverged_at[self.index],
            stopped_at=ledger.members.stopped_at[self.index],
        )
        ledger.members = jax.tree.map(lambda all_of_them, one: all_of_them.at[self.index].set(one), ledger.members, now)

    def _end(self, how: str) -> None:
        """Say that the member rests from now on, and let its later records be those of now."""
        at = int(self.ledger.reached[self.index])
        marks = getattr(self.ledger.members, how).at[self.index].set(at)
        self.ledger.members = eqx.tree_at(lambda members: getattr(members, how), self.ledger.members, marks)
        self._record(at, last=True)


def _ravel(parameters: PyTree) -> np.ndarray:
    return np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in jax.tree.leaves(parameters)])


def _unravel(flat: Array, like: PyTree) -> PyTree:
    """The parts of a vector as the arrays of a tree."""
    leaves, structure = jax.tree.flatten(like)
    ends = np.cumsum([leaf.size for leaf in leaves])
    parts = jnp.split(flat, ends[:-1])
    shaped = [part.reshape(leaf.shape).astype(leaf.dtype) for part, leaf in zip(parts, leaves, strict=True)]
    return jax.tree.unflatten(structure, shaped)


def _loss(flat: Array, plan: Plan, fixed: Fixed, like: PyTree) -> Scalar:
    batch_key, loss_key = jax.random.split(fixed.key)  # the same at every call: SciPy wants a function
    network = eqx.combine(_unravel(flat, like), fixed.buffers, plan.static)
    return plan.task.loss(network, plan.task.batch(None, key=batch_key), key=loss_key)


@eqx.filter_jit
def _value(plan: Plan, fixed: Fixed, like: PyTree, flat: Array) -> Scalar:
    return _loss(flat, plan, fixed, like)


@eqx.filter_jit
def _value_and_gradient(plan: Plan, fixed: Fixed, like: PyTree, flat: Array) -> tuple[Scalar, Array]:
    return jax.value_and_grad(_loss)(flat, plan, fixed, like)


_observed = eqx.filter_jit(observe_member)
