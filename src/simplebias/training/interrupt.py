"""Ctrl-C that loses nothing."""

import signal
import threading
from types import TracebackType
from typing import Any


class Interrupt:
    """Notices Ctrl-C without losing a step: the first asks the loop to stop, a second one stops at once.

    Outside the main thread, where Python lets nobody listen, it never asks.

    Example:
        >>> with Interrupt() as interrupt:
        ...     interrupt.wanted
        False
    """

    def __init__(self) -> None:
        self.wanted = False
        self._listens = False
        self._old: Any = None

    def __enter__(self) -> "Interrupt":
        self._listens = threading.current_thread() is threading.main_thread()
        if self._listens:
            self._old = signal.signal(signal.SIGINT, self._notice)
        return self

    def _notice(self, number: int, frame: Any) -> None:
        if self.wanted:
            raise KeyboardInterrupt
        self.wanted = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listens:
            signal.signal(signal.SIGINT, signal.SIG_DFL if self._old is None else self._old)
