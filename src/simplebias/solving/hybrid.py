"""A network first, classical sweeps after it: each removes the frequencies that the other is slow at."""

import dataclasses
import time
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr

from simplebias.core.errors import InputError, Outcome, check_choice, check_positive
from simplebias.core.run import Run, provenance
from simplebias.core.task import Task
from simplebias.core.types import FREQUENCY, INPUT, OUTPUT, RECORD, ArrayLike, Key, Network
from simplebias.pde import Lattice, Residual, Ritz, solve_direct
from simplebias.pde.finite_differences import as_lattice
from simplebias.pde.problems import Problem
from simplebias.pde.sines import sine_coefficients
from simplebias.solving.hybrid_costs import Sweeps, operations
from simplebias.training.state import Fixed, Member, Plan, begin, rebuild, run_block
from simplebias.training.updater import Gradient, Updater

METHODS = ("jacobi", "multigrid")
"""What may follow the network."""
MODES = 12
"""Sine modes of the solution that are recorded, and as many of the lowest."""
ROWS = 4096
"""Points of the lattice at which the network is looked at together."""


def hybrid(
    problem: Problem,
    intervals: ArrayLike,
    network: Network,
    *,
    method: str = "jacobi",
    damping: float | int = 1.0,
    tolerance: float | int = 1e-4,
    task: Task | None = None,
    updater: Updater | optax.GradientTransformation | None = None,
    steps: int = 10_000,
    look: int = 50,
    patience: int = 10,
    crossover: int | None = None,
    alone: float | int | None = None,
    cost: str = "seconds",
    key: Key,
) -> Run:
    """Train a network, hand its values on a lattice to classical sweeps, and choose when by the error per frequency.

    Sweeps remove high frequencies in few passes and low ones in many, `N²` for the lowest of N intervals; a network
    that minimises an energy learns low ones first. Every so many steps the error of each sine mode is read off the
    residual of the network's values on the lattice, and with the factor of each mode it is foretold how many sweeps
    would remove it. Training ends when so much has been spent that no later crossing can be cheaper than the best seen
    so far, or when the foretold cost has fallen by less than training cost in the last `patience` looks. The sweeps
    then start from the values with the least foretold cost: those of an earlier look where Adam had jumped away, or
    zero where the network never paid.

    Args:
        problem: elliptic, on a box.
        intervals: of the lattice, along each input.
        network: to be trained, one that meets the boundary by itself (`HardBoundary`) where the task says nothing else.
        method: `jacobi` or `multigrid`, after which little is left for a network to gain.
        damping: of Jacobi.
        tolerance: error from the discrete solution to be reached, largest over the lattice, as a share of the
            solution's largest value.
        task: what the network learns; by default the Ritz energy, or the residual where there is none, at the points of
            the lattice, at most 4000.
        updater: how to step, or an Optax optimiser; Adam at 1e-3 by default.
        steps: of training at most.
        look: steps from one look to the next.
        patience: looks over which the foretold cost must fall by what they cost.
        crossover: the step at which to cross, whatever is foretold; chosen by default.
        alone: go on training afterwards, up to so many times the total cost, to see when the network gets there alone:
            as near to the discrete solution, or to the exact one where it is known. Of the looks only the last counts.
        cost: "seconds" of processors, without compilation, or "operations", as the compiler counts them, which are the
            same on every machine.
        key: random key of training.

    Returns:
        A run. Its records are the looks and then those of the sweeps: `relative_error` of sine modes and `error` from
        the discrete solution, `spent` (cost so far), `foretold` (cost of sweeps from there; NaN among them). Beside
        them stand `target`, `final`, `crossover` (the step whose values were handed over, 0 for none), `sweeps`,
        `sweeps_from_zero` (foretold), `network_cost`, `sweeps_cost`, `total_cost`, `classical_cost` (foretold, from
        zero) and `alone_cost` (infinite where the network did not get there, NaN where it was not tried). `run.network`
        is the network that was handed over.

    Raises:
        InputError: for a problem without a lattice, or options out of range.

    References:
        Xu, Zhang, Luo, Xiao, Ma, arXiv:1901.06523.

    Example:
        >>> from simplebias.networks import MLP
        >>> from simplebias.pde import HardBoundary, poisson_tones
        >>> problem = poisson_tones()
        >>> network = HardBoundary(MLP(1, 1, 40, 2, key=jax.random.key(0)), problem.domain)
        >>> run = hybrid(problem, 100, network, tolerance=0.01, steps=300, cost="operations", key=jax.random.key(1))
        >>> bool(run.data["error"][-1] <= 0.01 * abs(run.data["target"]).max())
        True
    """
    elliptic, lattice = as_lattice(problem, intervals)
    check_choice(method, "method", METHODS)
    check_choice(cost, "cost", ("seconds", "operations"))
    for name, value in (("steps", steps), ("look", look), ("patience", patience)):
        check_positive(value, name, integer=True)
    check_positive(tolerance, "tolerance")
    if not (0 < damping <= 1):
        raise InputError("damping in (0, 1]", repr(damping))
    target = solve_direct(problem, lattice.intervals).reshape(lattice.shape)
    sweeps = Sweeps(elliptic, lattice, method, float(damping), float(tolerance))
    learned = _default_task(problem, lattice, key) if task is None else task
    chosen = updater if isinstance(updater, Updater) else Gradient(optax.adam(1e-3) if updater is None else updater)
    training = _Training.start(network, learned, chosen, lattice, key, cost)
    modes = _modes(lattice, target)
    if cost == "seconds":
        sweeps.measure(target, modes)
    else:
        sweeps.count()
    if crossover is None:
        looks = _train(training, sweeps, int(steps), int(look), int(patience))
    else:
        check_positive(crossover, "crossover", integer=True)
        looks = _until(training, sweeps, int(crossover), int(look))
    run = _finish(looks, sweeps, target, modes, cost)
    if alone is not None:
        check_positive(alone, "alone")
        run.data["alone_cost"] = run.data["alone_cost"].copy(
            data=_alone(training, problem, target, look, sweeps.tolerance, float(alone) * float(run.data["total_cost"]))
        )
    return run


def _alone(
    training: "_Training", problem: Problem, target: np.ndarray, look: int, tolerance: float, most: float
) -> float:
    """What it costs to train until the network itself is as near as sweeps were asked to come."""
    bound = tolerance * np.abs(target).max()
    aims = [target]
    if problem.exact is not None:
        aims.append(np.asarray(problem.exact_values(training.lattice.points), float).reshape(target.shape))
    while training.spent < most:
        training.go(look)
        trained = training.spent
        values = training.values()
        error = min(float(np.abs(values - aim).max()) for aim in aims)
        if error <= bound:
            return training.spent
        if not np.isfinite(error) or bool(training.members.rests[0]):
            break
        training.spent = trained
    return np.inf


@dataclasses.dataclass
class _Training:
    """A network that is trained a few steps at a time, its values on the lattice, and what it has cost."""

    plan: Plan
    members: Member
    fixed: Fixed
    lattice: Lattice
    price: float | None
    step: int = 0
    spent: float = 0.0

    @classmethod
    def start(
        cls, network: Network, task: Task, updater: Updater, lattice: Lattice, key: Key, cost: str
    ) -> "_Training":
        """Before the first step, compiled."""
        static = eqx.filter(network, eqx.is_array, inverse=True)
        plan = Plan(static, updater, task, task.probe, {}, None)
        member, fixed = begin(plan, network, key)
        price = None
        if cost == "operations":
            rest = eqx.combine(fixed.buffers, static)
            price = operations(updater, member.parameters, rest, task, member.state, key)
        members, fixed = jax.tree.map(lambda leaf: leaf[None], (member, fixed))
        training = cls(plan, members, fixed, lattice, price)
        training.go(0)
        training.spent = 0.0
        return training

    def go(self, count: int) -> None:
        """So many steps."""
        started = time.process_time()
        stops = jnp.asarray([self.step + count])
        self.members, _ = run_block(self.plan, self.members, self.fixed, jnp.asarray(self.step), stops, {})
        jax.block_until_ready(self.members.loss)
        self.step += count
        self.spent += time.process_time() - started if self.price is None else count * self.price

    @property
    def network(self) -> Network:
        """As it is now."""
        member, fixed = jax.tree.map(lambda leaf: leaf[0], (self.members, self.fixed))
        return rebuild(self.plan, member, fixed)

    def values(self) -> np.ndarray:
        """On the lattice, in its shape; looking counts as time."""
        started = time.process_time()
        found = np.asarray(_look(self.network, jnp.asarray(self.lattice.points, dtype=float)), float)
        self.spent += time.process_time() - started if self.price is None else 0.0
        return found.reshape(self.lattice.shape)


@eqx.filter_jit
def _look(network: Network, points: Any) -> Any:
    return jax.lax.map(network, points, batch_size=min(ROWS, points.shape[0]))


@dataclasses.dataclass
class _Look:
    """What a look at the network found: its values, what was spent, what sweeps from here are foretold to cost."""

    step: int
    values: np.ndarray
    spent: float
    foretold: float
    network: Network | None


def _first(training: _Training, sweeps: Sweeps) -> list[_Look]:
    """The look at zero, before there is a network; that at a network is compiled."""
    zero = np.zeros(training.lattice.shape)
    training.values()
    training.spent = 0.0
    return [_Look(0, zero, 0.0, sweeps.needed(zero) * sweeps.price, None)]


def _next(training: _Training, sweeps: Sweeps, count: int) -> _Look | None:
    """The look after so many steps, None where the network diverged."""
    training.go(count)
    values = training.values()
    if not np.isfinite(values).all():
        return None
    foretold = sweeps.needed(values) * sweeps.price
    return _Look(training.step, values, training.spent, foretold, training.network)


def _train(training: _Training, sweeps: Sweeps, steps: int, look: int, patience: int) -> list[_Look]:
    """Looks up to the crossing."""
    looks = _first(training, sweeps)
    least = [looks[0].foretold]
    while training.step < steps:
        found = _next(training, sweeps, min(look, steps - training.step))
        if found is None:
            break
        looks.append(found)
        least.append(min(least[-1], found.foretold))
        slow = False
        if len(looks) > patience and least[-1] < 0.5 * least[0]:
            slow = least[-1 - patience] - least[-1] < looks[-1].spent - looks[-1 - patience].spent
        if slow or training.spent >= min(one.spent + one.foretold for one in looks):
            break
    return looks


def _until(training: _Training, sweeps: Sweeps, crossover: int, look: int) -> list[_Look]:
    """Looks up to a given step, the last of which is where to cross."""
    looks = _first(training, sweeps)
    while training.step < crossover:
        found = _next(training, sweeps, min(look, crossover - training.step))
        if found is None:
            break
        looks.append(found)
    return [*(dataclasses.replace(one, foretold=np.inf) for one in looks[1:-1]), looks[-1]]


def _scalars(
    best: _Look,
    sweeps: Sweeps,
    target: np.ndarray,
    unit: str,
    made: int,
    last: float,
    classical: float,
    unit_of_sweeps: str,
) -> dict[str, tuple[Any, str, str]]:
    """Value, description and unit of what is one number."""
    from_zero = sweeps.needed(np.zeros_like(target))
    return {
        "crossover": (best.step, "step of training whose values were handed over", ""),
        "sweeps": (made, f"{unit_of_sweeps} after it", ""),
        "sweeps_from_zero": (from_zero, "foretold without a network", ""),
        "network_cost": (last, "cost of training", unit),
        "sweeps_cost": (classical, "cost of what came after it", unit),
        "total_cost": (last + classical, "cost of both", unit),
        "classical_cost": (from_zero * sweeps.price, "foretold without a network", unit),
        "alone_cost": (np.nan, "cost of training until the network alone gets there", unit),
    }


def _described(sweeps: Sweeps, cost: str) -> dict[str, Any]:
    """What was run, as plain data."""
    return {
        "problem": sweeps.problem.name,
        "intervals": list(sweeps.lattice.intervals),
        "method": sweeps.method,
        "damping": sweeps.damping,
        "tolerance": sweeps.tolerance,
        "cost": cost,
    }


def _finish(looks: list[_Look], sweeps: Sweeps, target: np.ndarray, modes: np.ndarray, cost: str) -> Run:
    """Sweeps from the cheapest look, and everything with labels."""
    best = min(looks, key=lambda one: one.foretold)
    count = 4 * sweeps.needed(best.values) + 200
    started = time.process_time()
    swept = sweeps.run(best.values, target, count, modes)
    seconds, last = time.process_time() - started, looks[-1].spent
    made = int(swept["step"].values[-1])
    classical = seconds if cost == "seconds" else made * sweeps.price
    errors = np.stack([one.values - target for one in looks])
    places = tuple(modes.T - 1)
    sizes = np.abs(np.asarray(sine_coefficients(target)))[places]
    amplitudes = np.stack([np.abs(np.asarray(sine_coefficients(error)))[places] for error in errors])
    relative = np.concatenate([amplitudes / sizes, np.abs(swept["mode_error"].values) / sizes])
    largest = np.concatenate([np.abs(errors).reshape(len(looks), -1).max(axis=1), swept["error"].values])
    steps = np.concatenate([[one.step for one in looks], looks[-1].step + swept["step"].values])
    spent = np.concatenate([[one.spent for one in looks], last + swept["step"].values / max(made, 1) * classical])
    foretold = np.concatenate([[one.foretold for one in looks], np.full(len(swept["step"]), np.nan)])
    unit = "s" if cost == "seconds" else "operations"
    said = f"a step is one of training up to {looks[-1].step}, then one of the {swept['step'].attrs['units']}"
    log = {"scale": "log", "references": "xu2019frequency", "units": ""}
    met = int(swept["stopped_at"]) >= 0
    scalars = _scalars(best, sweeps, target, unit, made, last, classical, swept["step"].attrs["units"])
    variables: dict[str, Any] = {
        "relative_error": (
            (RECORD, FREQUENCY),
            relative,
            log | {"long_name": "relative error", "description": f"Error of each sine mode; {said}."},
        ),
        "error": (RECORD, largest, log | {"panel": "error", "description": f"Largest error over the lattice; {said}."}),
        "spent": (RECORD, spent, {"units": unit, "panel": "cost", "description": f"Cost so far; {said}."}),
        "foretold": (RECORD, foretold, {"units": unit, "panel": "cost", "description": "Cost of sweeps from there."}),
        "points": swept["points"],
        "target": swept["target"],
        "final": swept["final"],
    } | {name: ((), value, {"description": text, "units": of}) for name, (value, text, of) in scalars.items()}
    coords: dict[str, Any] = {
        "step": (RECORD, steps, {"units": "steps"}),
        FREQUENCY: swept[FREQUENCY],
        "power": swept["power"],
        OUTPUT: swept[OUTPUT],
        INPUT: swept[INPUT],
    }
    data = xr.Dataset(variables, coords, {"method": sweeps.method})
    outcome = Outcome.STOPPED if met else Outcome.COMPLETED
    return Run(data, best.network, None, outcome, provenance(_described(sweeps, cost)), int(steps[-1]))


def _modes(lattice: Lattice, target: np.ndarray) -> np.ndarray:
    """The strongest modes of the solution and the lowest that have any power, by frequency."""
    rows = lattice.modes
    size = np.abs(np.asarray(sine_coefficients(target)))[tuple(rows.T - 1)]
    known = np.flatnonzero(size > 1e-6 * size.max())
    strongest = known[np.argsort(-size[known], kind="stable")[:MODES]]
    return rows[np.unique(np.concatenate([strongest, known[:MODES]]))]


def _default_task(problem: Problem, lattice: Lattice, key: Key) -> Task:
    count = int(np.prod(lattice.shape))
    points = lattice.points if count <= 4000 else problem.domain.sample(4000, key=jax.random.fold_in(key, 1))
    loss = Ritz if problem.has_energy else Residual
    return loss(problem, points, boundary="hard")


__all__ = ["hybrid"]
