"""One progress bar over the cells of a sweep, with rate and time left; quiet when nobody looks."""

import sys
import time
from types import TracebackType
from typing import Any


class CellProgress:
    """A progress bar over cells.

    Args:
        cells: total number of cells.
        visible: None to show it only on a terminal.
    """

    def __init__(self, cells: int, *, visible: bool | None = None):
        self.cells, self.visible = cells, sys.stderr.isatty() if visible is None else visible
        self.done, self.began, self._first = 0, time.monotonic(), 0
        self._bar: Any = None

    def __enter__(self) -> "CellProgress":
        if self.visible:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("sweep"),
                BarColumn(),
                TextColumn("{task.completed:,.0f}/{task.total:,.0f} cells"),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(compact=True, elapsed_when_finished=True),
                console=Console(stderr=True),
                transient=False,
            )
            self._bar.start()
            self._task = self._bar.add_task("sweep", total=self.cells, rate="compiling")
        return self

    def add(self, cells: int) -> None:
        """Show that so many cells more are done; the first call tells those of an earlier run."""
        self.done += cells
        if self._bar is None:
            return
        seconds = time.monotonic() - self.began
        if cells == self.done:
            self._first = cells
        fresh = self.done - self._first
        rate = f"{fresh / seconds:.2g} trainings/s" if fresh and seconds > 0 else "compiling"
        self._bar.update(self._task, completed=self.done, rate=rate)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
