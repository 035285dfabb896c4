"""One progress bar with rate, time left, current losses and errors; quiet when nobody looks."""

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any


class Progress:
    """A progress bar over the steps of a training, or other work.

    Args:
        steps: total number of steps.
        start: steps already taken.
        visible: None to show it only on a terminal.
        title: the word in front.
        unit: what is counted.
    """

    def __init__(
        self,
        steps: int,
        *,
        start: int = 0,
        visible: bool | None = None,
        title: str = "training",
        unit: str = "steps",
    ):
        self.steps, self.start, self.title, self.unit = steps, start, title, unit
        self.visible = sys.stderr.isatty() if visible is None else visible
        self._bar: Any = None

    def __enter__(self) -> "Progress":
        if self.visible:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.completed:,.0f}/{task.total:,.0f} " + self.unit),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(compact=True, elapsed_when_finished=True),
                TextColumn("{task.fields[losses]}"),
                console=Console(stderr=True),
                transient=False,
            )
            self._bar.start()
            self._task = self._bar.add_task(
                self.title, total=self.steps, completed=self.start, rate="compiling", losses=""
            )
        return self

    def show(
        self, step: int, rate: float | None, losses: Any = (), *, looks: Mapping[str, float] | None = None
    ) -> None:
        """Show the step reached, steps per second, the losses of the members, and what was measured last, if any."""
        if self._bar is None:
            return
        rate_text = "" if rate is None else f"{rate:,.0f} {self.unit}/s" if rate >= 10 else f"{rate:.2f} {self.unit}/s"
        values = [f"{float(loss):.2e}" for loss in losses]
        shown = " ".join(values[:3]) + (f" … {len(values)} members" if len(values) > 3 else "")
        words = [f"loss {shown}"] if values else []
        words += [f"{name.replace('_', ' ')} {value:.1e}" for name, value in (looks or {}).items()]
        self._bar.update(self._task, completed=step, rate=rate_text, losses=", ".join(words))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
