"""`fit`: a network with scales of the data, trained, held against a plain one, and written with its report."""

import dataclasses
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from simplebias.core.errors import InputError, Outcome, check_choice
from simplebias.core.run import Run, provenance, write_description
from simplebias.core.snapshot import count_parameters, evaluate
from simplebias.core.storage import claim_folder, read_marker, write_atomic
from simplebias.core.types import ArrayLike
from simplebias.data import Sample
from simplebias.fitting.frequencies import choose_frequencies
from simplebias.fitting.looks import ends, looks
from simplebias.fitting.model import WEIGHTS, model_of, write_model
from simplebias.fitting.networks import (
    Beside,
    begun,
    grown,
    plain_width,
    sines_at,
    sines_of_scales,
)
from simplebias.fitting.options import FitOptions
from simplebias.fitting.summary import summarise_fit
from simplebias.fitting.updating import Annealed, Both, muon_and_adam
from simplebias.frequency import check_scales
from simplebias.networks import MLP
from simplebias.observation import read_again
from simplebias.observation.gathering import keep
from simplebias.observation.instruments import Instruments
from simplebias.observation.observe import SPECIFICATION, _as_sample, _data_card, _specification, precision
from simplebias.observation.options import Options
from simplebias.observation.preparation import Prepared, prepare
from simplebias.training import Gradient, train

ROUNDS = 3
"""Rounds of adaptive scales."""
TIMED = 20
"""Steps from which the time of a step is found."""


def fit(
    data: ArrayLike | Sample | str | Path,
    values: ArrayLike | None = None,
    *,
    names: Sequence[str] | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    report: bool | None = None,
    progress: bool | None = None,
    **options: Any,
) -> Run:
    """Fit a network to data, at scales found in the data, and tell how well each band of frequencies is fitted.

    The network is of sines, MscaleDNN-1 with a scale for each neuron of the first layer. With `scales="auto"` these
    come from the waves that the target is made of, and training begins where least squares on them end; a plain
    network of as many weights is trained beside it in the same way. All weights are trained: Muon between hidden
    layers, Adam elsewhere, a rate that falls along a cosine. Of all weights on the way those are kept that fit the
    held-out points best.

    Args:
        data: inputs `(points, inputs)` or `(points,)` with `values`; or a `Sample`, the name of a shipped sample, or a
            file: table, picture, recording or arrays.
        values: `(points, outputs)` or `(points,)`.
        names: names of the inputs, for arrays.
        out: folder to keep the fit in: data as they grow, `weights.safetensors`, `report.html`.
        resume: continue the interrupted fit in `out`.
        report: whether to write `report.html`; by default when there is a folder.
        progress: show a progress bar; None to show it on a terminal only.
        options: fields of `simplebias.fitting.FitOptions`: scales, width, depth, steps, seconds, validation, seed, …

    Returns:
        The run: `run.network.fitted` is the network, for scaled data; `run.provenance["summary"]` says in words and
        tables how well it fits; `simplebias.fitting.predict(folder, points)` gives its values.

    Raises:
        InputError: for data or options that cannot be used, classes, and scales that alias.
        StorageError: for files and folders that cannot be used.

    References:
        Multi-scale networks of arXiv:2007.11207; scales from the spectrum of what is left, arXiv:2410.00053.

    Example:
        >>> x = np.random.default_rng(0).uniform(-1, 1, 200)
        >>> run = fit(x, np.sin(40 * np.pi * x) + np.sin(np.pi * x), width=24, steps=100, progress=False)
        >>> bool(run.data["validation_loss"][-1] < 0.01)
        True
    """
    sample = _as_sample(data, values, None, names)
    if sample.labels is not None:
        raise InputError(
            "values to fit", f"classes in {sample.name}", "For classes use simplebias observe, or name a column of "
            "numbers with --target.",
        )  # fmt: skip
    chosen = FitOptions(**_known(options)).resolved(sample)
    with precision(chosen.precision):
        return _Fit.prepare(sample, chosen, out, resume, progress).go(report)


def _known(options: Mapping[str, Any]) -> dict[str, Any]:
    for name in options:
        check_choice(name, "option", [field.name for field in dataclasses.fields(FitOptions)])
    return dict(options)


def resume_fit(folder: str | Path, *, progress: bool | None = None) -> Run:
    """Continue an interrupted fit from its folder alone.

    Args:
        folder: of the fit.
        progress: show a progress bar; None to show it on a terminal only.

    Returns:
        The run, as that of an uninterrupted fit.

    Raises:
        InputError: for the folder of something else, or data that were arrays in memory.
        StorageError: if there is no run, or it is damaged.

    No example: it takes an interrupted fit in a folder.
    """
    specification = read_marker(Path(folder))["provenance"]["specification"]
    if specification.get("verb") != "fit":
        raise InputError("a run made by fit", f"{folder}, made otherwise", "Resume it with what made it.")
    return fit(read_again(specification), out=folder, resume=True, progress=progress, **specification["fit"])


@dataclasses.dataclass
class _Fit:
    """One fit on its way."""

    prepared: Prepared
    options: FitOptions
    watched: Options
    notes: list[str]
    specification: dict[str, Any]
    out: Path | None
    resume: bool
    progress: bool | None

    @classmethod
    def prepare(
        cls, sample: Sample, options: FitOptions, out: str | Path | None, resume: bool, progress: bool | None
    ) -> "_Fit":
        watched = options.observed().resolved(sample)
        prepared = prepare(sample, watched)
        notes = [] if isinstance(options.scales, str) else check_scales(prepared.points, options.scales)
        specification = _specification(sample, watched) | {"verb": "fit", "fit": options.to_dict()}
        made = cls(
            prepared, options, watched, notes, specification, None if out is None else Path(out), resume, progress
        )
        if made.out is not None:
            if not claim_folder(made.out, specification, resume=resume):
                made._describe(made.out)
        elif resume:
            raise InputError("out=FOLDER of the fit to resume", "resume=True without a folder")
        return made

    def _describe(self, out: Path, **more: Any) -> None:
        """Say in the folder what is run, before there is anything to show."""
        told = provenance(self.specification) | more
        write_description(out, Run(xr.Dataset(), outcome=Outcome.INTERRUPTED, provenance=told))

    @property
    def scaled(self) -> tuple[np.ndarray, np.ndarray]:
        """Points and targets that are trained on, scaled."""
        rows = self.prepared.training
        return self.prepared.points[rows], self.prepared.targets[rows]

    def go(self, report: bool | None) -> Run:
        """Train, in rounds where asked, and write what was found."""
        network = self.first()
        steps = self._steps(network)
        adaptive = self.options.scales == "adaptive"
        share = steps // ROUNDS if adaptive else steps
        fitted, plain = network, self.plain(network) if self.options.plain else None
        run = None
        for number in range(1, ROUNDS if adaptive else 1):
            run = self._call(Beside(fitted, None), max(share, 1), self._folder(number), looked_at=False)
            if run.outcome is Outcome.INTERRUPTED:
                return self._finish(run, report)
            fitted = self._more(run.network.fitted)
        if adaptive:
            plain = self.plain(fitted) if self.options.plain else None
        run = self._call(Beside(fitted, plain), steps, self.out)
        return self._finish(run, report)

    def _folder(self, number: int) -> Path | None:
        return None if self.out is None else self.out / f"round-{number}"

    def first(self) -> MLP:
        """The network before training, with its scales."""
        points, targets = self.scaled
        options, key = self.options, jax.random.key(self.options.seed)
        width, depth = int(options.width or 1), int(options.depth or 1)
        inputs, outputs = points.shape[1], targets.shape[1]
        if isinstance(options.scales, str):
            count = max(1, width // ROUNDS) if options.scales == "adaptive" else width
            smooth = bool(options.validation)
            frequencies = choose_frequencies(points, targets, count, smooth=smooth, seed=options.seed)
            network = sines_at(frequencies, outputs, (width,) * (depth - 1), key=key)
        else:
            network = sines_of_scales(inputs, outputs, width, depth, options.scales, key=key)
        return begun(network, points, targets) if inputs == 1 and outputs < width else network

    def _more(self, network: MLP) -> MLP:
        """The network with neurons where the spectrum of what it has left has its power."""
        points, targets = self.scaled
        left = targets - np.asarray(evaluate(network, jnp.asarray(points, network.layers[0].weight.dtype)))
        count = max(1, int(self.options.width or 1) // ROUNDS)
        seed = self.options.seed + len(network.layers[0].weight)
        frequencies = choose_frequencies(points, left, count, smooth=bool(self.options.validation), seed=seed)
        return grown(network, frequencies, key=jax.random.key(seed))

    def plain(self, network: MLP) -> MLP:
        """A plain network of tanh with as many weights."""
        points, targets = self.scaled
        inputs, outputs, depth = points.shape[1], targets.shape[1], int(self.options.depth or 1)
        width = plain_width(count_parameters(network), inputs, outputs, depth)
        return MLP(inputs, outputs, width, depth, activation="tanh", key=jax.random.key(self.options.seed))

    def _steps(self, network: MLP) -> int:
        """Steps to take: those asked for, those of the run that is continued, or as many as the time allows."""
        if self.options.steps is not None:
            return int(self.options.steps)
        assert self.options.seconds is not None
        if self.resume and self.out is not None and (known := read_marker(self.out)["provenance"].get("steps")):
            return int(known)
        both = Beside(network, self.plain(network) if self.options.plain else None)
        self._call(both, TIMED, None, looked_at=False)
        began = time.perf_counter()
        self._call(both, TIMED, None, looked_at=False)
        steps = max(TIMED, int(self.options.seconds * TIMED / (time.perf_counter() - began)))
        if self.out is not None:
            self._describe(self.out, steps=steps)
        return steps

    def _call(self, both: Beside, steps: int, folder: Path | None, *, looked_at: bool = True) -> Run:
        dtype = jnp.result_type(float)
        points, targets = self.scaled
        held = self.prepared.validation
        rate, batch = self.options.learning_rate, self.options.batch_size
        assert rate is not None
        inner = Gradient(muon_and_adam(float(rate)), batch or None)
        known = (jnp.asarray(self.prepared.points[held], dtype), jnp.asarray(self.prepared.targets[held], dtype))
        updater = Annealed(inner, jnp.asarray(steps), *(known if len(held) else (None, None)))
        instruments = looks(self.prepared, self.watched, plain=both.plain is not None) if looked_at else Instruments()
        return train(
            both,
            Both(jnp.asarray(points, dtype), jnp.asarray(targets, dtype)),
            key=jax.random.key(self.options.seed),
            updater=updater,
            steps=steps,
            measures=instruments.records,
            points=self.prepared.points.astype(dtype),
            out=folder,
            specification=self.specification,
            details={"data": _data_card(self.prepared), "steps": steps},
            constants=instruments.constants(),
            resume=folder is not None and (folder / "run.json").is_file(),
            progress=self.progress if looked_at or folder is not None else False,
            throw=False,
        )

    def _finish(self, run: Run, report: bool | None) -> Run:
        summary = summarise_fit(run, self.prepared, self.options, self.notes)
        run.provenance["summary"] = summary
        finished = run.outcome in {Outcome.COMPLETED, Outcome.STOPPED}
        if finished:
            keep(run, ends(run.data))
        if self.out is None:
            return run
        run.path = self.out
        if finished and _finite(run.network):
            write_model(self.out / WEIGHTS, model_of(run.network.fitted, self.prepared))
        write_atomic(self.out / SPECIFICATION, json.dumps(self.specification, indent=1))
        write_description(self.out, run)
        if report is not False:
            run.report()
        return run


def _finite(networks: Any) -> bool:
    leaves = jax.tree.leaves(eqx.filter(networks.fitted, eqx.is_inexact_array))
    return all(bool(jnp.isfinite(leaf).all()) for leaf in leaves)


__all__ = ["fit", "resume_fit"]
