"""Callbacks that watch a model in loops of others: Lightning, the Trainer of Hugging Face, Keras 3."""

import atexit
from typing import Any

from simplebias.core.errors import InputError
from simplebias.integrations.needs import need


class _Watching:
    """A watch that a callback opens and closes, at the latest when the program ends."""

    def __init__(self, points: Any, values: Any, options: dict[str, Any]):
        self.given, self.options, self.watch, self._last = (points, values), options, None, 0

    def open(self, model: Any, begun: int = 0) -> None:
        from simplebias.integrations.watching import Watch

        self.close(None)
        self.watch, self._last = Watch(model, *self.given, **self.options), begun
        self.watch.__enter__()
        atexit.register(self.close, None)

    def step(self, reached: int, loss: Any) -> None:
        """Tell the watch of a step, once where gradients of several batches make one."""
        if self.watch is not None and reached > self._last:
            self._last = reached
            self.watch.step(loss)

    def stops(self, wanted: bool) -> bool:
        return bool(wanted and self.watch is not None and self.watch.should_stop)

    def close(self, error: BaseException | None) -> None:
        watch, self.watch = self.watch, None
        if watch is not None:
            atexit.unregister(self.close)
            watch.__exit__(None if error is None else type(error), error, None)
            self.run = watch.run

    run: Any = None


def lightning_callback(points: Any, values: Any, *, stop_early: bool = False, **options: Any) -> Any:
    """A Lightning callback that watches the module while it is fitted.

    Args:
        points: probe points, as `watch` takes them.
        values: what the module is to give there.
        stop_early: whether to end the fit when `Watch.should_stop` says so.
        options: those of `watch`: `out`, `validation`, `stop`, …

    Returns:
        A `lightning.pytorch.Callback`; its `run` is there after the fit.

    Raises:
        InputError: if Lightning is not installed.

    No example: it needs Lightning; docs/conventions.md says what is in a run.
    """
    try:
        base: Any = need("lightning.pytorch", "pip install lightning").Callback
    except InputError:
        base = need("pytorch_lightning", "pip install lightning").Callback

    class LightningWatch(base):
        """Watches the module that is fitted."""

        def __init__(self) -> None:
            base.__init__(self)
            self._watching = _Watching(points, values, options)

        @property
        def run(self) -> Any:
            """The run, after the fit."""
            return self._watching.run

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            """Look at the module before its first step."""
            self._watching.open(pl_module, trainer.global_step)

        def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            """Tell the watch of a step of the optimiser."""
            loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
            self._watching.step(trainer.global_step, loss)
            if self._watching.stops(stop_early):
                trainer.should_stop = True

        def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
            """Write what there is."""
            self._watching.close(exception)

        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            """Write the run and its report."""
            self._watching.close(None)

    return LightningWatch()


def trainer_callback(points: Any, values: Any, *, stop_early: bool = False, **options: Any) -> Any:
    """A callback for the Trainer of Hugging Face that watches its model.

    Where the training raises, the run is written when the program ends, or by `close()` of the callback.

    Args:
        points: probe points, such as the mapping that a tokenizer returns.
        values: what the model is to give there.
        stop_early: whether to end the training when `Watch.should_stop` says so.
        options: those of `watch`: `out`, `validation`, `read`, `stop`, …

    Returns:
        A `transformers.TrainerCallback`; its `run` is there after the training.

    Raises:
        InputError: if transformers is not installed.

    No example: it needs transformers; docs/conventions.md says what is in a run.
    """
    base: Any = need("transformers", "pip install transformers accelerate").TrainerCallback

    class TrainerWatch(base):
        """Watches the model of a Trainer."""

        def __init__(self) -> None:
            self._watching, self._loss, self._waits = _Watching(points, values, options), None, False

        @property
        def run(self) -> Any:
            """The run, after the training."""
            return self._watching.run

        def close(self) -> None:
            """Write what there is, after a training that raised."""
            self._watching.close(RuntimeError("the training did not end"))

        def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **others: Any) -> None:
            """Look at the model before its first step."""
            self._watching.open(model, state.global_step)

        def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> Any:
            """Tell the watch of a step of the optimiser, or wait for its loss where one is about to be logged."""
            self._waits = control.should_log
            return control if self._waits else self._told(state, control)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **others: Any) -> Any:
            """Take the loss, which the Trainer tells here alone, after the end of the step."""
            self._loss = (logs or {}).get("loss", self._loss)
            waited, self._waits = self._waits, False
            return self._told(state, control) if waited else control

        def _told(self, state: Any, control: Any) -> Any:
            self._watching.step(state.global_step, self._loss)
            if self._watching.stops(stop_early):
                control.should_training_stop = True
            return control

        def on_train_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
            """Write the run and its report."""
            self._watching.close(None)

    return TrainerWatch()


def keras_callback(points: Any, values: Any, *, stop_early: bool = False, **options: Any) -> Any:
    """A Keras 3 callback that watches the model, with PyTorch as Keras' backend.

    Args:
        points: probe points, as `watch` takes them.
        values: what the model is to give there.
        stop_early: whether to end the fit when `Watch.should_stop` says so.
        options: those of `watch`: `out`, `validation`, `stop`, …

    Returns:
        A `keras.callbacks.Callback`; its `run` is there after the fit.

    Raises:
        InputError: if Keras is not installed, or has another backend.

    No example: it needs Keras; docs/conventions.md says what is in a run.
    """
    keras = need("keras", "pip install keras")
    if keras.backend.backend() != "torch":
        raise InputError(
            "Keras with PyTorch as its backend", f"{keras.backend.backend()}", "Set KERAS_BACKEND=torch before import."
        )
    base: Any = keras.callbacks.Callback

    class KerasWatch(base):
        """Watches the model that is fitted."""

        def __init__(self) -> None:
            base.__init__(self)
            self._watching, self._taken = _Watching(points, values, options), 0

        @property
        def run(self) -> Any:
            """The run, after the fit."""
            return self._watching.run

        def close(self) -> None:
            """Write what there is, after a fit that raised."""
            self._watching.close(RuntimeError("the fit did not end"))

        def on_train_begin(self, logs: Any = None) -> None:
            """Look at the model before its first step."""
            self._taken = 0
            self._watching.open(self.model)

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            """Tell the watch of a step."""
            self._taken += 1
            self._watching.step(self._taken, (logs or {}).get("loss"))
            if self._watching.stops(stop_early):
                self.model.stop_training = True

        def on_train_end(self, logs: Any = None) -> None:
            """Write the run and its report."""
            self._watching.close(None)

    return KerasWatch()
