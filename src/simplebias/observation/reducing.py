"""From a run or a file of weights to small networks: the orchestration behind `simplebias reduce`."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from simplebias.condensation import Reduction, reduce, refit
from simplebias.core.errors import InputError, Outcome, StorageError, check_choice, check_positive
from simplebias.core.run import INITIAL, WEIGHTS, Run, load_network, provenance
from simplebias.core.storage import MARKER, claim_folder, read_marker
from simplebias.core.task import Classification, Regression, Task
from simplebias.data import Sample, read
from simplebias.observation.gathering import finite_members, plain_member
from simplebias.observation.observe import make_networks, precision, read_again
from simplebias.observation.options import Options
from simplebias.observation.preparation import fingerprint, prepare
from simplebias.observation.reduction_page import reduction_data, summarise_reductions
from simplebias.observation.retraining import retrain
from simplebias.observation.weights import blank, describe, read_safetensors, refuse_pickle, write_safetensors
from simplebias.training import Gradient, optimiser


@dataclasses.dataclass(frozen=True)
class Source:
    """Networks to reduce, and the data that belong to them.

    Args:
        name: what to call them.
        networks: by label: the seed of a member, or `""` for a single one.
        specification: of the run they come from; empty for a file of weights.
        notes: what was left out, in words.
    """

    name: str
    networks: dict[str, Any]
    specification: Mapping[str, Any]
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Material:
    """The data that a reduction is measured on.

    Args:
        training: a task, or points without targets; None for no data at all.
        validation: the same of held-out points; None for none.
        updater: how the run was trained; None where that is unknown.
        notes: what was done to the data, in words.
    """

    training: Task | Any = None
    validation: Task | None = None
    updater: Any = None
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Reduced:
    """One network, and what became of it.

    Args:
        label: seed of the member, or `""`.
        reduction: of like neurons, within the tolerance.
        lossy: a refit: that asked for, or the one offered where the network is not condensed; None for neither.
        chosen: what is written: the refit if it was asked for, and trained on if that was asked for.
        retrained: losses before and after training on, None without.
    """

    label: str
    reduction: Reduction
    lossy: Reduction | None
    chosen: Any
    retrained: tuple[float, float] | None


def reduce_run(
    source: str | Path,
    data: str | Path | Sample | None = None,
    *,
    tolerance: float | int = 0.01,
    by: str = "weights",
    keep: float | int | Sequence[int] | None = None,
    retrain_steps: int = 0,
    seed: int | None = None,
    activation: str | None = None,
    out: str | Path | None = None,
    progress: bool | None = None,
) -> Run:
    """Reduce the networks of a run made by `observe`, or of a file of weights, and tell what changed.

    Args:
        source: folder of a run made by `observe` or by this function; its `weights.eqx` or `initial.eqx`; or a
            `.safetensors` file with a chain of linear layers, as PyTorch writes an MLP.
        data: a shipped sample, a file or a Sample; by default the run's own data. A run's scaling is applied to it;
            beside a file of weights, inputs are taken as they are read.
        tolerance: most relative change of the output.
        by: "weights" or "outputs", see `simplebias.reduce`.
        keep: a share of the neurons, their number in each layer, or numbers: a lossy refit instead, see
            `simplebias.condensation.refit`.
        retrain_steps: train the small network on for so many steps.
        seed: this member of an ensemble alone.
        activation: of a `.safetensors` file that does not say it.
        out: a new or empty folder for the small networks and the report.
        progress: show a progress bar of the training; None to show it on a terminal only.

    Returns:
        A run: `run.network` is a tuple of the small networks, `run.data` holds the curves, `run.provenance["summary"]`
        says in words and tables what changed.

    Raises:
        InputError: for options or data that do not fit, weights that are not finite, a pickle.
        StorageError: for files and folders that cannot be used.

    No example: it takes a folder of a run; docs/how-to-choose.md shows it.
    """
    check_positive(tolerance, "tolerance", zero=True)
    check_choice(by, "by", ("weights", "outputs"))
    check_positive(retrain_steps, "retrain", integer=True, zero=True)
    plan = {"tolerance": float(tolerance), "by": by, "keep": keep, "retrain": int(retrain_steps)}
    marked = _marked(Path(source))
    name = ((marked or {}).get("options") or {}).get("precision", "float32")
    with precision(str(name)):
        found = open_networks(Path(source), activation=activation, seed=seed)
        material, card = material_of(found, data)
        if retrain_steps and not isinstance(material.training, Task):
            raise InputError(
                "data with targets to train on", "none", "Give --data with targets, or leave out --retrain."
            )
        specification = {
            "verb": "reduce",
            "source": str(Path(source).resolve()),
            "reduction": plan,
            "networks": {},
            "data": card,
            "options": found.specification.get("options"),
        }
        if out is not None:
            claim_folder(Path(out), specification)  # before the work
        members = [_reduce_one(label, one, material, plan, progress) for label, one in found.networks.items()]
        specification["networks"] = {one.label: describe(one.chosen) for one in members}
        run = Run(
            data=reduction_data(members, material),
            network=tuple(one.chosen for one in members),
            outcome=Outcome.COMPLETED,
            provenance=provenance(specification),
        )
        run.provenance["summary"] = summarise_reductions(found, members, material, plan)
        if out is not None:
            _write(run, members, Path(out))
    return run


def open_networks(path: Path, *, activation: str | None = None, seed: int | None = None) -> Source:
    """Read the networks of a run or of a file.

    Args:
        path: see `reduce_run`.
        activation: of a `.safetensors` file that does not say it.
        seed: this member alone.

    Returns:
        The networks with the specification of their run.

    Raises:
        InputError: for a file of another kind, or a seed that is not there.
        StorageError: for a folder that is no run, and damaged files.
    """
    if not path.exists():
        raise StorageError(f"cannot read {path}: it does not exist: name the folder of a run or a .safetensors file")
    refuse_pickle(path)
    if path.suffix.lower() == ".safetensors":
        if seed is not None:
            raise InputError("a run's folder with --seed", f"{path}, which holds one network")
        return Source(path.stem, {"": read_safetensors(path, activation)}, {})
    folder, file = (path, WEIGHTS) if path.is_dir() else (path.parent, path.name)
    if path.is_file() and (file not in {WEIGHTS, INITIAL} or not (folder / MARKER).is_file()):
        raise InputError(
            "the folder of a run, its weights.eqx beside its run.json, or a .safetensors file", f"{path}",
            "Files of weights alone do not say which network they are of.",
        )  # fmt: skip
    if activation is not None:
        raise InputError("--activation with a .safetensors file alone", f"a run, {path}, which knows its own")
    return _of_run(folder, file, seed)


def _marked(path: Path) -> Mapping[str, Any] | None:
    folder = path if path.is_dir() else path.parent
    is_run = path.suffix.lower() != ".safetensors" and (folder / MARKER).is_file()
    return read_marker(folder).get("provenance", {}).get("specification", {}) if is_run else None


def _of_run(folder: Path, file: str, seed: int | None) -> Source:
    specification = read_marker(folder).get("provenance", {}).get("specification", {})
    notes: tuple[str, ...] = ()
    if specification.get("verb") == "reduce":
        descriptions = specification.get("networks", {})
        like = tuple(blank(one) for one in descriptions.values())
        found = dict(zip(descriptions, load_network(folder / file, like), strict=True))
    elif specification.get("verb") == "observe":
        networks, seeds = _ensemble(folder, file, specification)
        finite = finite_members(networks)
        if not finite.any() and seed is None:
            raise InputError("finite weights", f"NaN or infinite weights in all members of {folder}", "They diverged.")
        kept = np.flatnonzero(finite) if seed is None else range(len(seeds))
        found = {str(seeds[int(place)]): plain_member(networks, int(place)) for place in kept}
        notes = (f"{(~finite).sum()} members that diverged are left out",) if seed is None and not finite.all() else ()
    elif specification.get("verb") == "fit":
        found = {str(specification["fit"]["seed"]): read_safetensors(folder / "weights.safetensors")}
    else:
        raise InputError(
            "a run made by simplebias observe, fit or reduce", f"{folder}, made otherwise",
            "In Python: simplebias.reduce(run.network, data).",
        )  # fmt: skip
    if seed is not None:
        check_choice(str(seed), "seed", list(found))
        found = {str(seed): found[str(seed)]}
    return Source(folder.name, found, specification, notes)


def _ensemble(folder: Path, file: str, specification: Mapping[str, Any]) -> tuple[Any, Sequence[int]]:
    """The trained ensemble of an observation, and its seeds."""
    options = Options.from_dict(specification["options"])
    assert options.seeds is not None
    data = Run.load(folder).data
    inputs = data.sizes.get("input") or len(data["input"])
    outputs = len(data["output"])
    sizes = _Sizes(np.empty((1, inputs)), np.empty((1, outputs)))
    like = make_networks(sizes, options, jax.random.split(jax.random.key(0), len(options.seeds)))  # pyright: ignore[reportArgumentType]
    return load_network(folder / file, like), options.seeds


@dataclasses.dataclass(frozen=True)
class _Sizes:
    points: np.ndarray
    targets: np.ndarray


def material_of(found: Source, data: str | Path | Sample | None) -> tuple[Material, dict[str, Any]]:
    """The data to measure on: the run's own, or others under the run's scaling.

    Args:
        found: the networks.
        data: other data, None for the run's own.

    Returns:
        The material, and what the specification keeps of it.

    Raises:
        InputError: for data that do not fit the networks.
    """
    specification = found.specification
    options = specification.get("options")
    network = next(iter(found.networks.values()))
    inputs, outputs = network.layers[0].weight.shape[1], network.layers[-1].weight.shape[0]
    own = dict(specification.get("data") or {})
    if options is None:
        given = read(**own["read"]) if data is None and own.get("read") else data
        return _plain_material(given, inputs, outputs)
    sample = None if data is None else _sample(data)
    if sample is not None and fingerprint(sample) == own.get("fingerprint"):
        base = sample
    else:
        base = read_again({"data": own} | {"verb": "observe"})
    chosen = Options.from_dict(options)
    prepared = prepare(base, chosen)
    dtype = jnp.result_type(float)
    assert chosen.learning_rate is not None
    updater = Gradient(optimiser(chosen.optimiser, chosen.learning_rate), chosen.batch_size or None)
    if sample is None or base is sample:
        rows, targets = prepared.validation, prepared.labels if prepared.labels is not None else prepared.targets
        held = _task(prepared.points[rows], targets[rows], outputs, dtype) if len(rows) else None
        return Material(prepared.task(dtype), held, updater, prepared.notes), own
    _check_inputs(sample, inputs)
    shift, stretch = _scaling(base.points, prepared.points)
    points = (sample.points - shift) / stretch
    note = f"{sample.size} points of {sample.name}, scaled as those of the run"
    return Material(jnp.asarray(points, dtype), None, updater, (note,)), own


def _sample(data: str | Path | Sample) -> Sample:
    return data if isinstance(data, Sample) else read(data)


def _check_inputs(sample: Sample, inputs: int) -> None:
    if sample.points.shape[1] != inputs:
        raise InputError(
            f"data with {inputs} inputs, as the network has", f"{sample.points.shape[1]} in {sample.name}",
            "Choose the columns, or other data.",
        )  # fmt: skip


def _scaling(raw: np.ndarray, scaled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shift and stretch of each input, read off the data that were scaled with them; 1 where an input is constant."""
    low, high = raw.argmin(axis=0), raw.argmax(axis=0)
    every = np.arange(raw.shape[1])
    width, narrow = raw[high, every] - raw[low, every], scaled[high, every] - scaled[low, every]
    varies = (width > 0) & (narrow > 0)
    common = np.median((width / np.where(varies, narrow, 1))[varies])
    stretch = np.where(varies, width / np.where(varies, narrow, 1), common)
    return raw[low, every] - scaled[low, every] * stretch, stretch


def _task(points: np.ndarray, targets: np.ndarray, outputs: int, dtype: Any) -> Task:
    if targets.ndim == 1:
        return Classification(points.astype(dtype), targets, classes=outputs)
    return Regression(points.astype(dtype), targets.astype(dtype))


def _plain_material(data: str | Path | Sample | None, inputs: int, outputs: int) -> tuple[Material, dict[str, Any]]:
    """Data beside a file of weights: as they are read."""
    if data is None:
        return Material(), {}
    sample = _sample(data)
    _check_inputs(sample, inputs)
    dtype = jnp.result_type(float)
    card = {"name": sample.name, "fingerprint": fingerprint(sample), "read": sample.read_with}
    notes = (*sample.notes, "inputs are taken as they were read: give data scaled as in the training")
    fits = len(sample.class_names) == outputs if sample.labels is not None else sample.values.shape[1] == outputs  # pyright: ignore[reportOptionalMemberAccess]
    if not fits:
        words = "the targets do not fit the outputs of the network: no loss is told"
        return Material(jnp.asarray(sample.points, dtype), None, None, (*notes, words)), card
    targets = sample.labels if sample.labels is not None else sample.values
    assert targets is not None
    return Material(_task(sample.points, np.asarray(targets), outputs, dtype), None, None, notes), card


def _reduce_one(
    label: str, network: Any, material: Material, plan: Mapping[str, Any], progress: bool | None
) -> Reduced:
    data = material.training
    reduction = reduce(network, data, tolerance=plan["tolerance"], by=plan["by"])
    lossy, chosen = reduction.offer, reduction
    if plan["keep"] is not None:
        lossy = chosen = refit(network, data, keep=_keep(plan["keep"], reduction.widths[0]))
    if not plan["retrain"]:
        return Reduced(label, reduction, lossy, chosen.network, None)
    steps, key = plan["retrain"], jax.random.key(0)
    again = retrain(chosen, data, steps=steps, key=key, updater=material.updater, progress=progress)
    return Reduced(label, reduction, lossy, again.network, again.losses)


def _keep(keep: float | int | Sequence[int], widths: Sequence[int]) -> Any:
    """What `refit` takes: a share, or a number for each layer, of one number for all."""
    if isinstance(keep, int) and not isinstance(keep, bool):
        check_positive(keep, "keep", integer=True)
        return tuple(min(keep, width) for width in widths)
    return keep


def _write(run: Run, members: Sequence[Reduced], folder: Path) -> None:
    run.save(folder)
    for one in members:
        name = f"weights-seed-{one.label}.safetensors" if len(members) > 1 else "weights.safetensors"
        write_safetensors(folder / name, one.chosen)
    run.report()
