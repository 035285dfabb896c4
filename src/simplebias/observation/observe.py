"""The main job: train an ensemble of networks on real data and see what it learned when, and how simple it stayed."""

import contextlib
import json
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, Outcome, as_array, as_points, as_values
from simplebias.core.run import Run, write_description
from simplebias.core.storage import read_marker, write_atomic
from simplebias.core.types import ArrayLike, Network
from simplebias.data import Sample, complete, read
from simplebias.networks import build, ensemble
from simplebias.observation.gathering import gather, keep
from simplebias.observation.instruments import choose
from simplebias.observation.options import Options, as_seeds
from simplebias.observation.prediction import foretell, prediction_notes
from simplebias.observation.preparation import Prepared, fingerprint, prepare
from simplebias.observation.summary import summarise
from simplebias.training import Gradient, optimiser, train

SPECIFICATION = "specification.json"
"""The file of a run's folder that says how to run it again."""


def observe(
    points: ArrayLike | Sample | str | Path,
    values: ArrayLike | None = None,
    *,
    labels: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    report: bool | None = None,
    progress: bool | None = None,
    seeds: int | Sequence[int] | None = None,
    **options: Any,
) -> Run:
    """Train an ensemble of networks on data and record what it learned when, and how simple it stayed.

    Args:
        points: inputs `(points, inputs)` or `(points,)`; or a `Sample`, the name of a shipped sample, or a file.
        values: targets `(points, outputs)` or `(points,)` for regression.
        labels: whole numbers `(points,)` for classification, instead of values.
        names: names of the inputs, for arrays.
        out: folder to keep the run in: data as they grow, weights, specification, `report.html`.
        resume: continue the interrupted run in `out`.
        report: whether to write `report.html`; by default when there is a folder.
        progress: show a progress bar; None to show it on a terminal only.
        seeds: how many members the ensemble has, or their seeds.
        options: fields of `simplebias.observation.Options`: network, width, depth, activation, init, optimiser, …

    Returns:
        The run: `run.data` is an `xarray.Dataset`; `run.provenance["summary"]` says in words and tables what was
        learned when; `run.report(path)` draws it.

    Raises:
        InputError: for data or options that cannot be used.
        StorageError: for files and folders that cannot be used.

    Example:
        >>> import numpy as np
        >>> x = np.linspace(-1, 1, 64, endpoint=False)
        >>> run = observe(x, np.sin(np.pi * x) + np.sin(5 * np.pi * x), width=32, depth=1, steps=200, seeds=2)
        >>> run.data["band_error"].dims
        ('seed', 'record', 'band')
    """
    sample = _as_sample(points, values, labels, names)
    chosen = Options.from_dict({**options, "seeds": as_seeds(seeds)}).resolved(sample)
    with precision(chosen.precision):
        return _observe(sample, chosen, out=out, resume=resume, report=report, progress=progress)


def resume_observation(folder: str | Path, *, progress: bool | None = None, **changed: Any) -> Run:
    """Continue an interrupted observation from its folder alone.

    Args:
        folder: the run's folder.
        progress: show a progress bar; None to show it on a terminal only.
        changed: nothing may change; options given here that differ from the run's are refused.

    Returns:
        The run, bit for bit that of an uninterrupted observation.

    Raises:
        StorageError: if there is no run, or it is damaged.
        InputError: if an option differs, or the run was made from arrays in memory.

    No example: it takes an interrupted run in a folder; docs/conventions.md says what is in it.
    """
    specification = read_marker(Path(folder))["provenance"]["specification"]
    options = specification.get("options")
    if options is None:
        raise InputError("a run made by observe", f"{folder}, made by train", "Resume it with simplebias.resume.")
    for name, value in changed.items():
        if value is not None and _plain(value) != options.get(name):
            raise InputError(
                f"the run's own option {name}={options.get(name)!r} on resuming", f"{value!r}", "Leave the option out."
            )
    sample = read_again(specification)
    return observe(sample, out=folder, resume=True, progress=progress, **options)


def read_again(specification: dict[str, Any]) -> Sample:
    """The data of a specification.

    Args:
        specification: of a run made by `observe`.

    Returns:
        The data.

    Raises:
        InputError: if they were arrays in memory, or have changed since.

    No example: it takes what `observe` keeps in `run.provenance["specification"]`.
    """
    data = specification["data"]
    if data.get("read") is None:
        raise InputError(
            "a run whose data came from a file or a shipped sample", "a run made from arrays in memory",
            "Call simplebias.observe(points, values, out=folder, resume=True) with the same arrays.",
        )  # fmt: skip
    sample = read(**data["read"])
    if fingerprint(sample) != data["fingerprint"]:
        raise InputError(
            f"the data the run began with, {data['read']['source']}", "other content", "Restore the file, or run anew."
        )
    return sample


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


@contextlib.contextmanager
def precision(name: str) -> Generator[None, None, None]:
    """Compute in float32 or float64 inside this block."""
    with jax.enable_x64(name == "float64"):
        yield


def _as_sample(points: Any, values: Any, labels: Any, names: Sequence[str] | None) -> Sample:
    """The data as a Sample, whatever they came as."""
    if isinstance(points, Sample):
        return points
    if isinstance(points, str | Path):
        return read(points)
    if (values is None) == (labels is None):
        raise InputError("values (regression) or labels (classification)", "neither" if values is None else "both")
    where = np.asarray(as_points(points), float)
    inputs = (
        tuple(names) if names else tuple(f"x{i + 1}" for i in range(where.shape[1])) if where.shape[1] > 1 else ("x",)
    )
    if len(inputs) != where.shape[1]:
        raise InputError(f"{where.shape[1]} names, one per input", repr(inputs))
    common: dict[str, Any] = {"input_names": inputs, "input_units": ("",) * len(inputs), "source": "arrays in memory"}
    if labels is not None:
        given = np.asarray(as_array(labels, "labels"))
        classes = np.unique(given)
        number = np.searchsorted(classes, given)
        class_names = tuple(f"{c:g}" for c in classes)
        common |= {"output_names": ("class",), "output_units": ("",)}
        made = Sample("arrays", where, labels=number, class_names=class_names, **common)
    else:
        targets = np.asarray(as_values(values, len(where)), float)
        outputs = ("y",) if targets.shape[1] == 1 else tuple(f"y{i + 1}" for i in range(targets.shape[1]))
        made = Sample(
            "arrays", where, values=targets, output_names=outputs, output_units=("",) * len(outputs), **common
        )
    return complete(made)


def _specification(sample: Sample, options: Options) -> dict[str, Any]:
    """What is run, as plain data: enough to run it again."""
    data = {"name": sample.name, "fingerprint": fingerprint(sample), "read": getattr(sample, "read_with", None)}
    return {"verb": "observe", "data": data, "options": options.to_dict()}


def make_networks(prepared: Prepared, options: Options, keys: jax.Array) -> Network:
    """An ensemble of networks, one for each key."""
    inputs, outputs = prepared.points.shape[1], prepared.targets.shape[1]

    def make(key: jax.Array) -> Network:
        return build(
            options.network,
            inputs,
            outputs,
            width=options.width or 1,
            depth=options.depth,
            activation=options.activation,
            initialisation=options.rule(),
            dropout=options.dropout,
            antisymmetric=options.antisymmetric,
            scales=options.scales,
            key=key,
        )

    return ensemble(make, keys)


def _observe(
    sample: Sample,
    options: Options,
    *,
    out: str | Path | None,
    resume: bool,
    report: bool | None,
    progress: bool | None,
) -> Run:
    prepared = prepare(sample, options)
    instruments = choose(prepared, options)
    assert options.seeds is not None
    assert options.learning_rate is not None
    assert options.steps is not None
    root = jax.random.key(0)
    keys = jax.vmap(lambda seed: jax.random.fold_in(root, seed))(jnp.asarray(options.seeds))
    dtype = jnp.result_type(float)
    specification = _specification(sample, options)
    networks = make_networks(prepared, options, keys)
    foretold = foretell(networks, prepared, options)
    run = train(
        networks,
        prepared.task(dtype),
        key=jax.random.key(1),
        updater=Gradient(optimiser(options.optimiser, options.learning_rate), options.batch_size or None),
        steps=options.steps,
        measures=instruments.records,
        seeds=options.seeds,
        points=prepared.points.astype(dtype),
        out=out,
        specification=specification,
        details={"data": _data_card(prepared)},
        constants=instruments.constants().assign(foretold.data_vars).assign_attrs(foretold.attrs),
        resume=resume,
        progress=progress,
        throw=False,
    )
    if run.outcome is not Outcome.INTERRUPTED:
        keep(run, gather(run, prepared, options))
    summary = summarise(run, prepared, options)
    run.provenance["summary"] = summary | {"notes": [*summary["notes"], *prediction_notes(run.data)]}
    if run.path is not None:
        write_atomic(run.path / SPECIFICATION, json.dumps(specification, indent=1))
        write_description(run.path, run)
    if run.path is not None and report is not False:
        run.report()
    return run


def _data_card(prepared: Prepared) -> dict[str, Any]:
    sample = prepared.sample
    return {
        "name": sample.name,
        "source": sample.source,
        "licence": sample.licence,
        "notes": list(prepared.notes),
        "path": None if sample.path is None else str(sample.path),
        "points": sample.size,
        "inputs": list(sample.input_names),
        "outputs": list(sample.output_names),
    }


__all__ = ["observe", "precision", "read_again", "resume_observation"]
