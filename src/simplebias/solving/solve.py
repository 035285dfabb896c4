"""The verb `solve`: a small network trained to high accuracy on an equation, beside methods without training."""

import dataclasses
import functools
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

from simplebias.core.errors import InputError, Outcome, check_positive
from simplebias.core.keys import apart
from simplebias.core.run import Run, provenance, write_description
from simplebias.core.schedule import log_steps
from simplebias.core.snapshot import Record
from simplebias.core.storage import claim_folder
from simplebias.core.task import Task
from simplebias.core.types import ArrayLike, Key, Network
from simplebias.frequency import check_scales
from simplebias.pde import Problem, last_layer, ready
from simplebias.solving.choices import Choices, choose
from simplebias.solving.ending import Ended, compiled_loss, result_line, store
from simplebias.solving.looks import Places, places, records
from simplebias.solving.references import find_reference
from simplebias.training import GaussNewton, Validated, loss_measure, train

LONG = 100_000
"""Steps of Gauss-Newton where the clock ends them."""
ADAM_STEPS = {"adam": 20_000, "both": 1000}
"""Steps of Adam, alone and as a warm-up."""
RATE = 3e-3
"""First learning rate of Adam; it falls to a hundredth along a cosine."""
RECORDS = 150
"""About how many looks are kept of a stage."""
TRAINING = "training"
"""Folder of the stages within that of a run."""


def solve(
    problem: Problem | str,
    *,
    network: str | Network | None = None,
    parameters: int | None = None,
    scales: ArrayLike = "auto",
    method: str = "auto",
    last_layer: bool = False,
    loss: str = "auto",
    boundary: str = "auto",
    points: int | None = None,
    budget: float | int = 60.0,
    iterations: int | None = None,
    reference: Any = "auto",
    baselines: bool = True,
    key: Key,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool | None = None,
    throw: bool = True,
) -> Run:
    """Solve a differential equation by a network, and say how good the solution is and what else would have done.

    By default a small multi-scale network of sines, with scales from the spectra of what is given (`scales_for`), is
    trained by Gauss-Newton in float64 on the squared residual at about three points per parameter. Where coefficients
    jump or have many waves that the source lacks, the equation is not linear, or a source is concentrated, an energy is
    minimised instead, with Nitsche's term or a network that meets the boundary values by itself, so that no penalty
    limits the accuracy. Across a jump the network has a kink. The error is that from the exact solution, or from one by
    finite differences or elements, at points that were not trained on.

    Args:
        problem: what is solved, or the name of a ready problem.
        network: `multi-scale` (the default), `plain` (tanh of the same size), or a network of one output.
        parameters: about how many; by default 450 and 1400 for one input and for three and more, with two inputs from
            350 to 1200 by the waves of the solution (`default_parameters`), 600 for the energy of a concentrated
            source.
        scales: `auto`, or the factors of the inputs.
        method: `gauss-newton`, `adam` (with fresh points at every step), `both` in this order: Adam first; `auto` is
            Gauss-Newton up to 4000 parameters, Adam above.
        last_layer: solve for the last layer by least squares in the end, for a linear problem with the residual; kept
            if the residual at other points is smaller. It helps after Adam, little after Gauss-Newton.
        loss: `residual`, `ritz` or `auto`.
        boundary: `hard`, `penalty`, `nitsche` (for `ritz`) or `auto`.
        points: inside, for each step; by default as many as the parameters ask for.
        budget: seconds of wall-clock time for the training, compiling included; references and baselines are beside.
        iterations: steps of Gauss-Newton, or of Adam alone, after which to stop earlier.
        reference: `auto`, None to have only an exact solution, a function of one point, or what `find_reference` found.
        baselines: whether methods without training are run as well.
        key: randomness of network and points.
        out: a new or empty folder to keep the run in.
        resume: go on with the run in `out`, for another `budget`.
        progress: show a progress bar; None to show it on a terminal only.
        throw: raise when the loss diverges.

    Returns:
        The run: `loss`, `error`, `boundary_error` and `frequency_error` over records with `seconds` and `stage`;
        `points`, `solution`, `exact`; final errors; `baseline_error` and the like over `method`. Its network is the
        solution, a function of one point. `result_line(run)` says it in one line, also where it has not converged.

    Raises:
        InputError: for an unknown name, a problem that cannot be solved so, scales that alias, or options out of range.
        StorageError: if the folder cannot be used.
        DivergenceError: if the loss became NaN or infinite and `throw` is set.

    References:
        Multi-scale networks for equations: arXiv:2007.11207; Gauss-Newton for networks: arXiv:2302.13163.

    Example:
        >>> import jax.numpy as jnp
        >>> from simplebias.pde import Box, Poisson
        >>> wave = lambda x: jnp.sin(4 * jnp.pi * x[0])
        >>> problem = Poisson(Box(0, 1), lambda x: (4 * jnp.pi) ** 2 * wave(x), exact=wave)
        >>> run = solve(problem, parameters=60, iterations=20, baselines=False, key=jax.random.key(0))
        >>> bool(run.data["relative_l2"] < 1e-2)
        True
    """
    check_positive(budget, "budget")
    problem, ready = named_problem(problem)
    for number, name in ((points, "points"), (iterations, "iterations")):
        if number is not None:
            check_positive(number, name, integer=True)
    with jax.enable_x64(True):
        found = find_reference(problem, reference)
        began = time.time()
        options: dict[str, Any] = {"network": network, "parameters": parameters, "scales": scales}
        options |= {"loss": loss, "boundary": boundary, "method": method, "last_layer": bool(last_layer)}
        keys = apart(key, 4)
        choices = choose(problem, **options, key=keys[0])
        looks = places(problem, found, key=keys[1])
        training = _Training(choices, looks, points, iterations, keys[2], out, resume, progress, throw)
        if not isinstance(scales, str):
            training.check_scales()
        described = training.describe(ready, options)
        if out is not None:
            _claim(Path(out), described, resume)
        ended = training.go(began + float(budget))
        return store(ended, found, described, baselines=baselines, began=began, key=keys[3], out=out)


def named_problem(problem: Problem | str) -> tuple[Problem, str | None]:
    """A problem, and its name where it is a ready one that was asked for by name.

    Args:
        problem: itself or its name.

    Returns:
        Both; None for the name of a problem that was given itself.

    Raises:
        InputError: for a name that is not known, or what is no problem.
    """
    if isinstance(problem, Problem):
        return problem, None
    if not isinstance(problem, str):
        raise InputError("a Problem, or the name of a ready one", repr(problem))
    return ready(problem), problem


def _claim(out: Path, described: dict[str, Any], resume: bool) -> None:
    """Make the folder that of this run, with its description, before anything is computed."""
    import xarray as xr

    if not claim_folder(out, described, resume=resume):
        write_description(out, Run(xr.Dataset(), outcome=Outcome.INTERRUPTED, provenance=provenance(described)))


@dataclasses.dataclass
class _Training:
    """The stages of one training.

    Args:
        choices: what is trained, and on what.
        looks: where it is looked at.
        points: inside for each step, or None.
        iterations: most steps of the last stage, or None.
        key: randomness of the points.
        out: folder of the run, or None.
        resume: whether to go on with what is there.
        progress: whether to show a bar.
        throw: whether divergence is an error.
    """

    choices: Choices
    looks: Places
    points: int | None
    iterations: int | None
    key: Key
    out: str | Path | None
    resume: bool
    progress: bool | None
    throw: bool

    @functools.cached_property
    def keys(self) -> tuple[Key, Key, Key]:
        """Randomness of the fixed points, of fresh ones and of the steps."""
        fixed, fresh, trained = apart(self.key, 3)
        return fixed, fresh, trained

    @functools.cached_property
    def task(self) -> Any:
        """The loss at points that are the same in every step; graded ones take a while to be found."""
        return self.choices.task(self.points, key=self.keys[0])

    def check_scales(self) -> None:
        """Refuse scales that the points of the training cannot tell from lower ones; those that are fresh can."""
        if self.choices.method != "adam" and self.choices.description.get("kind") == "multi-scale":
            check_scales(self.task.batch(None, key=self.key).points, self.choices.scales)

    def describe(self, ready: str | None, options: dict[str, Any]) -> dict[str, Any]:
        """What is run, as plain data."""
        plain = {name: value for name, value in options.items() if isinstance(value, str | int | None)}
        return plain | {
            "problem": self.choices.problem.name,
            "ready": ready,
            "linear": self.choices.problem.linear,
            "loss": self.choices.loss,
            "boundary": self.choices.boundary,
            "method": self.choices.method,
            "scales": list(self.choices.scales),
            "parameters": self.choices.parameters,
            "rows": sum(term.size for term in self.task.terms(self.task.batch(None, key=self.key))),  # pyright: ignore
            "network": self.choices.description,
            "key": np.asarray(jax.random.key_data(self.key)).ravel().tolist(),
            "points": self.points,
            "iterations": self.iterations,
        }

    def go(self, end: float) -> Ended:
        """All stages, as long as there is time and nothing breaks them off."""
        fixed, fresh, trained = self.keys
        choices, runs = self.choices, []
        validation = choices.validation(self.points, key=jax.random.fold_in(fixed, 1))
        network = choices.solution
        for stage in choices.stages:
            steps, updater, used = self._stage(stage, fresh, validation)
            left = end - time.time()
            if runs and not self._goes_on(stage, runs[-1].outcome, left):
                break
            if stage == "last-layer":
                network = self._last_layer(network)
            folder = None if self.out is None else Path(self.out) / TRAINING / stage
            looked = {"loss": Record(loss_measure(used), at=log_steps(RECORDS))}
            run = train(
                network,
                used,
                key=trained,
                updater=updater,
                steps=steps,
                measures=looked | records(choices.problem, self.looks, log_steps(RECORDS)),
                points=self.looks.probe,
                seconds=max(left, 1e-3),
                out=folder,
                resume=self.resume and folder is not None and (folder / "run.json").exists(),
                progress=self.progress,
                throw=self.throw,
            )
            runs.append(run)
            network = run.network
        return Ended(choices, self.looks, self.task, tuple(runs), time.time() >= end)

    @staticmethod
    def _goes_on(stage: str, before: Outcome, left: float) -> bool:
        """Whether a stage follows: not after a person broke off, and after the clock did only what takes no time."""
        if stage == "last-layer":
            return before != Outcome.DIVERGED and (before != Outcome.INTERRUPTED or left <= 0)
        return before != Outcome.INTERRUPTED and left > 0

    def _last_layer(self, network: Network) -> Network:
        """The network with the last layer solved for, where that lowers the residual at points of neither."""
        drawn, held_out = jax.random.split(jax.random.fold_in(self.keys[0], 2))
        found = last_layer(network, self.choices.problem, key=drawn)
        task = self.choices.task(self.points, key=held_out)
        before, after = (float(compiled_loss(one, task, key=held_out)) for one in (network, found))
        return found if after < before else network

    def _stage(self, stage: str, key: Key, validation: Task | None) -> tuple[int, Any, Task]:
        """Steps, how to step, and the loss of a stage."""
        if stage == "last-layer":
            return 0, None, self.task
        if stage == "gauss-newton":
            updater = GaussNewton() if validation is None else Validated(GaussNewton(), validation)
            return self.iterations or LONG, updater, self.task
        steps = ADAM_STEPS[self.choices.method]
        if self.choices.method == "adam" and self.iterations is not None:
            steps = self.iterations
        schedule = optax.cosine_decay_schedule(RATE, steps, alpha=0.01)
        return steps, optax.adam(schedule), self.choices.task(self.points, key=key, resample=True)


__all__ = ["result_line", "solve"]
