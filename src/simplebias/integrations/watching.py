"""Watch a PyTorch model in any training loop: two lines in, a Run and a report out, and the training stays the same."""

import dataclasses
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import nn

from simplebias.condensation import (
    cosine_similarity_measure,
    effective_features_measure,
    effective_neurons_measure,
    feature_measure,
    relative_change_measure,
)
from simplebias.core.errors import InputError, Outcome, check_choice, check_positive
from simplebias.core.run import Run, provenance, write_description
from simplebias.core.snapshot import Record
from simplebias.integrations.layers import Layer, layers_of, linked, weights_of
from simplebias.integrations.looking import PENDING, Book, Look, precision
from simplebias.integrations.modules import evaluated, kept_randomness, read_output, untouched, unwrapped
from simplebias.integrations.probes import make_probes
from simplebias.integrations.processes import agreed, rank
from simplebias.integrations.stopping import EarlyStop, as_rule
from simplebias.integrations.summary import summarise_watch
from simplebias.integrations.timing import plan
from simplebias.integrations.writers import Writer, pictures, scalars
from simplebias.observation.instruments import DRAWN_NEURONS, choose_for_outputs

FLUSH = 10.0
"""Seconds between two writes to disk."""


class Watch:
    """What `watch` gives: call `step` in the loop, ask `should_stop`, and find `run` afterwards.

    Args:
        model: see `watch`, also for the other options.
        points: the probe points.
        values: what the model is to give there.
        out: folder of the run.
        validation: points and values that are held out.
        kind: what the model's outputs are.
        read: takes the tensor of outputs out of what the model returns.
        layers: names of layers to show.
        drawn: the layer whose neurons are drawn one by one.
        coordinates: where in space the points are.
        names: of the coordinates.
        steps: of the whole training.
        limit: most probe points.
        window: taper before the Fourier transform.
        stop: when `should_stop` says yes.
        writers: other places that scalars and figures go to.
        overhead: share of the loop's time that measuring may take.
        report: whether to write `report.html`.

    Example:
        >>> model = nn.Linear(1, 2)
        >>> with Watch(model, torch.rand(20, 1), torch.rand(20, 2)) as watch:
        ...     watch.step(0.5)
        >>> watch.run.step, str(watch.run.outcome)
        (1, 'all steps were taken')
    """

    def __init__(
        self,
        model: nn.Module,
        points: Any,
        values: Any,
        *,
        out: str | Path | None = None,
        validation: tuple[Any, Any] | None = None,
        kind: str = "auto",
        read: Callable[[Any], torch.Tensor] = read_output,
        layers: Sequence[str] | None = None,
        drawn: str | None = None,
        coordinates: Any = None,
        names: Sequence[str] | None = None,
        steps: int | None = None,
        limit: int | None = None,
        window: str = "auto",
        stop: EarlyStop | str | None = None,
        writers: Sequence[Writer] = (),
        overhead: float | int = 0.05,
        report: bool | None = None,
    ):
        check_positive(overhead, "overhead", zero=True)
        self.run: Run | None = None
        self.seconds = {"entry": 0.0, "loop": 0.0, "exit": 0.0}
        self._model, self._stop, self._read, self._overhead = unwrapped(model), as_rule(stop), read, float(overhead)
        self._given = (points, values, kind, validation, coordinates, limit, names)
        self._layers_wanted, self._drawn, self._steps, self._window = layers, drawn, steps, window
        self._out, self._report, self._writers = None if out is None else Path(out), report, tuple(writers)
        self._silent = rank() != 0
        self._step, self._next, self._loss = 0, np.iinfo(np.int64).max, None
        self._book: Book | None = None
        self._decided: tuple[int, str] = (-1, "")
        self._broken = ""

    def __enter__(self) -> "Watch":
        if self._silent:
            return self
        began = time.perf_counter()
        with kept_randomness(self._model):
            self._begin()
        assert self._book is not None
        self._next = self._book.next_after(0)
        self._entered = time.perf_counter()
        self.seconds["entry"] = self._entered - began
        return self

    def step(self, loss: Any = None) -> None:
        """Say that the loop has taken one step, after `optimiser.step()`.

        Args:
            loss: of this step, a number or a tensor; read only at the steps that are recorded.
        """
        self._step += 1
        self._loss = loss
        if self._step >= self._next:
            self._guarded(self._look)

    @property
    def should_stop(self) -> bool:
        """Whether the model has learned what there is to learn, by the rule `stop`; a loop may then end.

        With several processes all must ask at the same step: the first decides for all.
        """
        answer = False
        if not self._silent and self._book is not None and not self._broken:
            self._guarded(self._decide)
            answer = bool(self._decided[1])
        return agreed(answer)

    @property
    def reason(self) -> str:
        """Why to stop, in a sentence; empty where `should_stop` never said so."""
        return self._decided[1]

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._silent or self._book is None:
            return
        began = time.perf_counter()
        try:
            with kept_randomness(self._model):
                self._end(error)
        except Exception as fault:
            if error is None:
                raise
            warnings.warn(f"the run could not be written: {fault}", stacklevel=2)
        finally:
            self.seconds["exit"] = time.perf_counter() - began

    def _begin(self) -> None:
        model, (points, values, kind, validation, coordinates, limit, names) = self._model, self._given
        with untouched(model):
            _check_shapes(model)
            self._probes = make_probes(
                model, points, values, lambda inputs: evaluated(model, inputs, self._read),
                kind=kind, validation=validation, coordinates=coordinates, limit=limit, names=names,
            )  # fmt: skip
            layers = layers_of(model, self._layers_wanted)
            drawn = self._drawn_name = self._drawn_layer(layers)
            shown = linked(model, layers, self._probes.inputs)
            # only the drawn layer is shown with what reads it: others would be copied for nothing
            self._layers = tuple(one if one.name == drawn else dataclasses.replace(one, reader=None) for one in shown)
            outputs = evaluated(model, self._probes.inputs, self._read)
            self._double = outputs.dtype == np.float64
            weights = weights_of(self._layers, double=self._double)
        look = Look(0, self._probes.measured(outputs), weights, float("nan"))
        often, rarely, seldom, total = plan(self._steps)
        with precision(self._double):
            instruments = choose_for_outputs(self._probes.prepared, often, rarely, window=self._window)
            self._book = Book(instruments, self._neuron_records(drawn, rarely, seldom), total, self._double)
            self._book.open(look, self._out, self._provenance())
        self._tell(-1)

    def _drawn_layer(self, layers: Sequence[Layer]) -> str:
        names = [layer.name for layer in layers]
        if self._drawn is None:
            return names[0]
        check_choice(self._drawn, "drawn", names)
        return self._drawn

    def _neuron_records(self, drawn: str, rarely: Any, seldom: Any) -> dict[str, Record]:
        names = [layer.name for layer in self._layers]
        records = {
            "effective_neurons": Record(effective_neurons_measure(names), at=rarely),
            "relative_change": Record(relative_change_measure(names), at=rarely),
        }
        first = next(layer for layer in self._layers if layer.name == drawn)
        rows, bias = first.read()
        if rows.shape[1] == 1 and bias is not None:
            amplitude = "w" if first.reader is None else "aw"
            records["features"] = Record(feature_measure(drawn, kind=amplitude), at=rarely)
            if first.reader is not None:
                odd = None if first.activation else False
                records["effective_features"] = Record(effective_features_measure(drawn, odd=odd), at=rarely)
        records["cosine_similarity"] = Record(cosine_similarity_measure(drawn, limit=DRAWN_NEURONS), at=seldom)
        return records

    def _seen(self, *, weighed: bool) -> Look:
        """What there is to see now, the weights where they are wanted."""
        with untouched(self._model):
            outputs = self._probes.measured(evaluated(self._model, self._probes.inputs, self._read))
            weights = weights_of(self._layers, double=self._double) if weighed else ()
        loss = self._loss.detach() if isinstance(self._loss, torch.Tensor) else self._loss
        loss = float("nan") if loss is None else float(loss)
        return Look(self._step, outputs, weights, loss)

    def _guarded(self, act: Callable[[], None]) -> None:
        """Do something in the loop whose failure is not to end the user's training."""
        began = time.perf_counter()
        try:
            with kept_randomness():
                act()
        except Exception as fault:
            self._broken, self._next = f"{type(fault).__name__}: {fault}", np.iinfo(np.int64).max
            words = f"watching ended at step {self._step} ({self._broken}); the training goes on"
            warnings.warn(words, stacklevel=3)
        self.seconds["loop"] += time.perf_counter() - began

    def _look(self) -> None:
        book, began = self._book, time.perf_counter()
        assert book is not None
        self._next = book.next_after(self._step)
        book.add(self._seen(weighed=book.weighs(self._step)))
        now = time.perf_counter()
        spent = self.seconds["loop"] + now - began
        left = self._overhead * (now - self._entered - spent) - spent
        if left > 0 or book.waiting > PENDING:
            self._work(None if book.waiting > PENDING else now + left)

    def _work(self, until: float | None) -> None:
        assert self._book is not None
        first = self._book.reached
        self._book.measure(until)
        self._tell(first)
        self._book.flush(every=FLUSH)

    def _decide(self) -> None:
        assert self._book is not None
        latest = self._book.pending[-1].step if self._book.pending else self._book.reached
        if self._decided[1] or latest == self._decided[0]:
            return
        self._work(None)
        self._decided = (latest, self._stop.reached(self._book))

    def _tell(self, after: int) -> None:
        """Pass what was measured since a step on to the writers."""
        assert self._book is not None
        if self._writers:
            for step, numbers in scalars(self._book, after):
                for writer in self._writers:
                    writer.scalars(numbers, step)

    def _end(self, error: BaseException | None) -> None:
        book = self._book
        assert book is not None
        look = None
        recorded = book.pending[-1].step if book.pending else book.reached
        outcome = Outcome.COMPLETED if error is None else Outcome.INTERRUPTED
        if self._decided[1] and error is None:
            outcome = Outcome.STOPPED
        if not self._broken and (self._step > recorded or not book.is_whole(self._step)):
            self._next = np.iinfo(np.int64).max
            try:
                look = self._seen(weighed=True)
            except Exception as fault:
                self._broken = f"{type(fault).__name__}: {fault}"
        last = look or (book.pending[-1] if book.pending else None)
        if last is not None and not np.isfinite(last.outputs).all():
            outcome = Outcome.DIVERGED
        first = book.reached
        with precision(self._double):
            self.run = book.close(look, outcome)
            self._tell(first)
            self._finish(self.run)

    def _finish(self, run: Run) -> None:
        widths = [len(layer.read()[0]) for layer in self._layers]
        notes = [f"watching ended early ({self._broken})"] if self._broken else []
        notes += [f"stopped: {self.reason}"] if self.reason else []
        summary, more = summarise_watch(run, self._probes, self._layers, widths, self._drawn_name, notes)
        self._book.keep(more) if self._book is not None else None
        run.provenance["summary"] = summary
        page = None
        if run.path is not None:
            write_description(run.path, run)
            if self._report is not False:
                page = run.report()
        for writer in self._writers:
            for name, picture in pictures(run).items():
                writer.picture(name, picture, run.step)
            if page is not None:
                writer.page(page)
            writer.close()

    def _provenance(self) -> dict[str, Any]:
        prepared, model = self._probes.prepared, self._model
        specification = {
            "verb": "watch",
            "model": type(model).__name__,
            "weights": sum(weight.numel() for weight in model.parameters()),
            "outputs": self._probes.kind,
            "layers": [layer.name for layer in self._layers],
            "probe_points": len(prepared.points),
        }
        made = provenance(specification)
        made["versions"]["torch"] = torch.__version__
        sample = prepared.sample
        made["data"] = {
            "name": sample.name,
            "source": sample.source,
            "notes": list(prepared.notes),
            "points": sample.size,
            "inputs": list(sample.input_names)[:100],
            "outputs": list(sample.class_names or sample.output_names),
        }
        return made


def _check_shapes(model: nn.Module) -> None:
    """Refuse layers whose sizes are still to be found out by a first call."""
    lazy = [name for name, weight in model.named_parameters() if isinstance(weight, nn.UninitializedParameter)]
    if lazy:
        raise InputError("a model whose weights have shapes", f"lazy ones ({lazy[0]})", "Call it once before.")


def watch(model: nn.Module, points: Any, values: Any, *, out: str | Path | None = None, **options: Any) -> Watch:
    """Watch a PyTorch model in your own training loop: what it learns when, and how its neurons gather.

    At steps evenly spaced in the logarithm the model is evaluated at the probe points and its weights are copied; from
    these come the losses, the errors of each band of frequencies, effective neurons and their similarity. The data grow
    on disk, and `report.html` is written at the end, also when the loop raises. The model comes out exactly as it went
    in: training with and without `watch` gives the same weights, bit for bit.

    Args:
        model: any module; in `torch.compile`, DataParallel or DistributedDataParallel (the first process watches) the
            module inside is looked at, in the precision of its weights, whatever autocast is on.
        points: probe points, a row for each, as the model takes them: a tensor or array, a tuple of them, or a mapping
            of names to them for a model called with keywords.
        values: what the model is to give there: targets `(points, outputs)` or `(points,)`; for classes whole numbers
            `(points,)` or one-hot rows.
        out: folder to keep the run in; None for in memory only.
        options: those of `Watch`. `validation=(points, values)` are held out. `kind` says what the outputs are,
            "values", "logits" or "probabilities", where it is not found out rightly. `read` takes the tensor out of
            what the model returns. `layers` names the layers to show, `drawn` the one whose neurons are drawn one by
            one. `coordinates` says where in space the points are where the inputs do not. `steps`, the length of the
            training, makes looks a little denser at its end. `stop` is the rule of `should_stop`. `overhead` is the
            share of the loop's time that measuring may take: what takes longer waits for the end.

    Returns:
        A context manager with `step(loss)`, `should_stop` and, after the block, `run`.

    Raises:
        InputError: for a model or data that cannot be used.
        StorageError: if the folder cannot be used.

    Example:
        >>> model = nn.Sequential(nn.Linear(1, 20), nn.Tanh(), nn.Linear(20, 1))
        >>> optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
        >>> x = torch.linspace(-1, 1, 64)[:, None]
        >>> y = torch.sin(3 * x)
        >>> with watch(model, x, y) as watching:
        ...     for step in range(5):
        ...         loss = ((model(x) - y) ** 2).mean()
        ...         optimiser.zero_grad()
        ...         loss.backward()
        ...         optimiser.step()
        ...         watching.step(loss)
        >>> watching.run.data["band_error"].dims
        ('seed', 'record', 'band')
    """
    return Watch(model, points, values, out=out, **options)
