"""The run that `solve` hands back: stages joined, errors measured, methods without training beside, on disk at once."""

import dataclasses
import math
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from simplebias.core.compilation import quick_jit
from simplebias.core.errors import InputError, Outcome, StorageError
from simplebias.core.keys import apart
from simplebias.core.run import (
    DATA,
    WEIGHTS,
    Run,
    load_network,
    provenance,
    save_networks,
    writable,
    write_description,
)
from simplebias.core.storage import read_marker, storage_errors
from simplebias.core.task import Task, task_loss
from simplebias.core.types import FREQUENCY, INPUT, OUTPUT, POINT, RECORD, Key, Network
from simplebias.pde import Problem, ready, solution_errors
from simplebias.pde.problems import at_points
from simplebias.solving.choices import STAGES, Choices, choose
from simplebias.solving.drawings import drawings, input_names
from simplebias.solving.looks import Places, seconds_since
from simplebias.solving.power import with_power
from simplebias.solving.references import Reference, baselines
from simplebias.solving.summary import number_in, summarise

CONVERGED = 1e-2
"""Size of the residual, over that of what is given, below which a training counts as converged."""
STILL = 1e-3
"""Change of an energy over the last half of the records below which a training counts as at rest."""
EARLY = 0.1
"""The same, above which a training that other points ended was ended early."""
UNSOLVED = 0.5
"""Size of the residual above which the least energy that was found is not that of the solution."""
TRAINED = "trained network (this run)"


@dataclasses.dataclass(frozen=True, eq=False)
class Ended:
    """A training that is over.

    Args:
        choices: what was trained.
        looks: where it was looked at.
        task: the loss at fixed points.
        runs: of its stages.
        late: whether the time was over.
    """

    choices: Choices
    looks: Places
    task: Task
    runs: tuple[Run, ...]
    late: bool

    @property
    def outcome(self) -> Outcome:
        """How it ended: a training that the clock ended was stopped, one that a person ended interrupted."""
        last = self.runs[-1].outcome
        return Outcome.STOPPED if last == Outcome.INTERRUPTED and self.late else last


def store(
    ended: Ended,
    reference: Reference,
    described: dict[str, Any],
    *,
    baselines: bool,
    began: float,
    key: Key,
    out: str | Path | None,
) -> Run:
    """Put everything into one run and, where there is a folder, on disk.

    Args:
        ended: the training.
        reference: what it is held against.
        described: the specification.
        baselines: whether methods without training are run.
        began: when `solve` began with the network, the reference found.
        key: randomness of what is measured.
        out: the folder, or None.

    Returns:
        The run.
    """
    choices, network = ended.choices, ended.runs[-1].network
    drawn, validated, featured = apart(key, 3)
    data = _joined(ended, began)
    seconds = time.time() - began
    converged, check = _converged(ended, data, validated)
    data = data.merge(_values(ended, reference))
    data = with_power(data.assign(_figures(ended, reference)), ended.looks, choices.problem)
    if baselines and reference.solution is not None:
        data = data.merge(_beside(ended, reference, data, seconds, featured))
    task: Any = ended.task
    shown = drawings(choices.problem, network, points=np.asarray(task.probe)[:2000], key=drawn)
    data = data.merge(shown, compat="override")
    run = Run(data, network, ended.choices.solution, ended.outcome, provenance(described), ended.runs[-1].step)
    run.provenance["solve"] = described | {
        "reference": reference.kind,
        "reference_seconds": reference.seconds,
        "converged": converged,
        "validation": check,
        "seconds": seconds,
        "notes": [reference.note] if reference.note else [],
    }
    run.provenance["solve"]["line"] = result_line(run)
    run.provenance["summary"] = summarise(run)
    if out is not None:
        _write(run, Path(out))
    return run


def result_line(run: Run) -> str:
    """What came out, in one line.

    Args:
        run: of `solve`.

    Returns:
        Text; it says where the training has not converged, and which error is not known.

    Example:
        >>> made = {"ready": "two-scale", "problem": "Poisson", "parameters": 673, "seconds": 12.0, "converged": False,
        ...     "loss": "residual", "boundary": "hard", "method": "gauss-newton"}
        >>> result_line(Run(xr.Dataset({"relative_l2": 0.5}), provenance={"solve": made}))
        'two-scale: relative L2 error 5.0e-01, not converged, in 12 s (673 parameters, residual, hard, gauss-newton)'
    """
    made, data = run.provenance["solve"], run.data
    error = number_in(data, "relative_l2")
    words = f"relative L2 error {error:.1e}" if math.isfinite(error) else "error not known"
    if not made["converged"]:
        words += ", not converged"
    if run.outcome in (Outcome.INTERRUPTED, Outcome.DIVERGED):
        words += f", {run.outcome.name.lower()}"
    how = ", ".join([f"{made['parameters']} parameters", made["loss"], made["boundary"], made["method"]])
    return f"{made['ready'] or made['problem']}: {words}, in {made['seconds']:.0f} s ({how})"


def load_solution(path: str | Path, problem: Problem | None = None) -> Network:
    """The solution of a run on disk, to be called at new points.

    Args:
        path: folder of a run of `solve`.
        problem: what was solved; not needed for a ready problem.

    Returns:
        A function of one point that gives `(1,)`, in float64 under `jax.enable_x64`.

    Raises:
        StorageError: if there is no such run.
        InputError: for a problem that is not named and not given, or a network that was the user's own.

    Example:
        >>> u = load_solution("runs/waves")  # doctest: +SKIP
    """
    made = read_marker(Path(path)).get("provenance", {}).get("solve")
    if made is None:
        raise StorageError(f"{path} is no finished run of solve: resume it first")
    if problem is None:
        if made["ready"] is None:
            raise InputError("the problem that was solved", "none", "Give problem=; only ready ones are known by name.")
        problem = ready(made["ready"])
    if not made["network"]:
        raise InputError("a run with a network that solve made", "one of the user's own", "Use Run.load(path, like=…).")
    options = {"network": made["network"]["kind"], "parameters": made["network"]["parameters"]}
    options |= {name: made[name] for name in ("scales", "loss", "boundary", "method")}
    with jax.enable_x64(True):
        like = choose(problem, **options, key=jax.random.key(0)).solution
        return load_network(Path(path) / WEIGHTS, like)


def _joined(ended: Ended, began: float) -> xr.Dataset:
    """Records of all stages behind one another; steps go on counting."""
    parts, offset = [], 0
    for stage, run in zip(ended.choices.stages, ended.runs, strict=False):  # the last may not have begun
        data = run.data.drop_vars(["outcome", "diverged_at", "stopped_at"])
        data = data.assign_coords(
            step=(RECORD, data["step"].values + offset, data["step"].attrs),
            seconds=(RECORD, seconds_since(data["clock"].values, began), {"units": "s", "long_name": "wall clock"}),
            stage=(RECORD, np.full(data.sizes[RECORD], STAGES.index(stage)), {"stages": list(STAGES)}),
        )
        parts.append(data.drop_vars("clock"))
        offset += run.step
    joined: Any = xr.concat(parts, RECORD, combine_attrs="override") if len(parts) > 1 else parts[0]
    last = ended.runs[-1].data
    words = {name: last[name].attrs for name in ("outcome", "diverged_at", "stopped_at")}
    found: dict[str, Any] = {name: ((), last[name].values, words[name]) for name in words}
    found["outcome"] = ((), np.int32(ended.outcome), words["outcome"])
    return joined.assign(found)


def _converged(ended: Ended, data: xr.Dataset, key: Key) -> tuple[bool, dict[str, float]]:
    """Whether the equation holds at points that were not trained on; an energy rests, and is that of other points."""
    losses = data["loss"].values
    if not np.isfinite(losses).all():
        return False, {"loss": float(losses[-1])}
    if ended.choices.loss == "residual":
        size = _residual(ended, key)
        return bool(size < CONVERGED), {"relative residual": size}
    half, size = losses[len(losses) // 2 :], max(abs(losses[-1]), 1e-300)
    change = float(abs(half[0] - half[-1]) / size)
    other: Any = ended.choices.validation(ended.task.size, key=key)
    energies = [float(compiled_loss(ended.runs[-1].network, task, key=key)) for task in (ended.task, other)]
    gap = float(abs(energies[0] - energies[1]) / size)
    stopped = ended.runs[-1].outcome == Outcome.STOPPED and not ended.late
    rests = change < (EARLY if stopped else STILL)
    check = {"relative change of the energy": change, "gap to other points": gap}
    if ended.choices.problem.linear and ended.choices.problem.smooth and not ended.choices.peaked:
        check["relative residual"] = _residual(ended, key)
    solved = check.get("relative residual", 0.0) < UNSOLVED
    return bool(rests and gap < CONVERGED and solved), check


def _residual(ended: Ended, key: Key) -> float:
    """Root mean square of the residual at new points, over that of what is given."""
    boundary = "penalty" if ended.choices.boundary == "nitsche" else ended.choices.boundary
    like = dataclasses.replace(ended.choices, loss="residual", boundary=boundary)
    task: Any = like.task(max(ended.task.size, 512), key=key)
    return float(jnp.sqrt(compiled_loss(ended.runs[-1].network, task, key=key) / like.size))


def _values(ended: Ended, reference: Reference) -> xr.Dataset:
    """The solution and the reference where they were looked at."""
    looks, problem = ended.looks, ended.choices.problem
    u = np.asarray(at_points(ended.runs[-1].network, looks.inside))
    names = input_names(problem.domain.inputs)
    variables: dict[str, Any] = {
        "points": ((POINT, INPUT), np.asarray(looks.inside)),
        "solution": ((POINT, OUTPUT), u, {"over": POINT, "role": "network", "long_name": "solution"}),
        "boundary_points": (("boundary_point", INPUT), np.asarray(looks.edge)),
    }
    if looks.exact is not None:
        words = {"over": POINT, "role": "target", "kind": reference.kind, "long_name": f"{reference.kind} solution"}
        variables["exact"] = ((POINT, OUTPUT), looks.exact[:, None], words)
    if looks.index is not None:
        variables["lattice_index"] = ((POINT, INPUT), looks.index, {"shape": list(looks.shape)})
    return xr.Dataset(variables, coords={INPUT: names, OUTPUT: ["u"], "input_unit": (INPUT, [""] * len(names))})


compiled_loss = quick_jit(task_loss)


def _figures(ended: Ended, reference: Reference) -> dict[str, Any]:
    """Final errors as numbers, and by frequency."""
    problem, network = ended.choices.problem, ended.runs[-1].network
    found: dict[str, Any] = {}
    if reference.solution is not None:
        errors = solution_errors(network, problem, reference=reference.solution)
        words = {"relative_l2": "L2", "relative_max": "largest", "relative_h1": "H1"}
        found |= {
            name: ((), getattr(errors, name), {"long_name": f"relative error, {word}"}) for name, word in words.items()
        }
        found["boundary_max"] = ((), errors.boundary, {"long_name": "largest error on the boundary, relative"})
    last = ended.runs[-1].data
    if "frequency_error" in last:
        words = {"over": FREQUENCY, "scale": "log", "panel": "error per frequency", "section": "Frequencies"}
        words |= {"long_name": "trained network", "units": "1"}
        found["error_by_frequency"] = (FREQUENCY, last["frequency_error"].values[-1], words)
    return found


def _beside(ended: Ended, reference: Reference, data: xr.Dataset, seconds: float, key: Key) -> xr.Dataset:
    """The trained network and the methods without training, one row each."""
    problem, looks = ended.choices.problem, ended.looks
    assert looks.exact is not None
    others = baselines(problem, np.asarray(looks.inside), looks.exact, reference, key=key)
    words = {"over": "method", "marks": "categories"}
    rows = [(TRAINED, float(data["error"].values[-1]), seconds, ended.choices.parameters)]
    rows += [(one.method, one.error, one.seconds, one.parameters) for one in others]
    names, errors, times, counts = zip(*rows, strict=True)
    variables = {
        "baseline_error": ("method", np.array(errors), words | {"long_name": "relative L2 error"}),
        "baseline_seconds": ("method", np.array(times), words | {"long_name": "time", "units": "s"}),
        "baseline_parameters": ("method", np.array(counts, float), {"long_name": "unknowns"}),
    }
    return xr.Dataset(variables, coords={"method": list(names)})


def _write(run: Run, out: Path) -> None:
    """Write the run into its folder, which is its own already."""
    with storage_errors(out / DATA, "write"):
        writable(run.data).to_zarr(out / DATA, mode="w", zarr_format=3, consolidated=False)
    save_networks(out, run.network, run.initial)
    write_description(out, run)
    run.path = out
