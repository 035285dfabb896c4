"""Bundles handed to an executor: threads, local processes or a cluster. Each worker writes its piece of the store."""

import concurrent.futures
import contextlib
import multiprocessing
import os
import queue
import signal
import sys
import threading
import uuid
from collections.abc import Callable, Generator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from multiprocessing.connection import Connection, wait
from threading import Event
from typing import Any

import jax

from simplebias.core.errors import SimplebiasError, StorageError
from simplebias.sweeps.bundles import run_bundle
from simplebias.sweeps.store import Store
from simplebias.training.interrupt import Interrupt

RESTARTS = 3
"""How often lost local processes are replaced."""
Done = Callable[[int], None]
LISTEN_SECONDS = 0.2
"""How often Ctrl-C is listened for."""


class WorkersLost(SimplebiasError, RuntimeError):
    """Processes that computed a sweep died again and again. What was computed is in the store.

    Args:
        reason: what the executor says.

    Example:
        >>> str(WorkersLost("all of them died")).split(":")[0]
        'workers were lost (all of them died)'
    """

    def __init__(self, reason: str):
        super().__init__(
            f"workers were lost ({reason}): mostly they want memory, so give a smaller `memory`, fewer workers or "
            "larger machines; their logs may say more. What was computed is kept, and resuming goes on with the rest"
        )


def compute(path: str, number: int, memory: float, stop: Event | None = None, start: str = "") -> int:
    """Compute one bundle of the sweep in a folder and write it: what a worker is asked to do.

    A bundle that is there already, from a worker that was lost after it had written it, is not computed again.

    Args:
        path: the folder.
        number: of the bundle.
        memory: bytes that the trainings of this worker may take; a worker of Dask shares them among its threads.
        stop: set to give up.
        start: differs from sweep to sweep, as Dask takes calls of equal arguments for one.

    Returns:
        The number.

    Example:
        >>> compute("runs/phase-1", 0, 1e9)  # doctest: +SKIP
        0
    """
    store = Store(path)
    if store.has(number):
        return number
    bundle = store.layout.bundles[number]
    values = run_bundle(store.specification, bundle, memory=memory / _side_by_side(), stop=stop)
    if values is not None:
        store.write(number, values)
    return number


def _side_by_side() -> int:
    """How many bundles the worker in which this runs computes at once: a worker of Dask may have several threads."""
    distributed: Any = sys.modules.get("distributed")
    try:
        return 1 if distributed is None else distributed.get_worker().state.nthreads
    except ValueError:  # Dask is loaded, but this is none of its workers
        return 1


def with_threads(store: Store, waiting: list[int], memory: float, done: Done, interrupt: Interrupt) -> None:
    """Have all waiting bundles computed by threads of this process, which share what is compiled."""
    devices, stop = _devices(), Event()
    free: queue.SimpleQueue = queue.SimpleQueue()
    for device in devices:
        free.put(device)

    def on_a_device(*task: Any) -> int:
        device = free.get()
        try:
            with jax.default_device(device):
                return compute(*task)
        finally:
            free.put(device)

    share = memory / len(devices) if devices[0] is None else memory
    with concurrent.futures.ThreadPoolExecutor(len(devices)) as pool:
        try:
            drive(store, waiting, pool, share, done, interrupt, task=on_a_device, stop=stop)
        finally:
            stop.set()


def _devices() -> list[Any]:
    """Where bundles are computed at once: on each GPU or TPU; on CPU None, JAX's default, for each core we may use."""
    if jax.default_backend() != "cpu":
        return jax.local_devices()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return [None] * cores


def with_processes(
    store: Store, waiting: list[int], workers: int, memory: float, done: Done, interrupt: Interrupt
) -> None:
    """Have all waiting bundles computed by local processes, replacing those that are killed."""
    context = multiprocessing.get_context("spawn")
    for attempt in range(RESTARTS + 1):
        reader, writer = context.Pipe(duplex=False)
        with (
            reader,
            concurrent.futures.ProcessPoolExecutor(
                workers, mp_context=context, initializer=_begin_worker, initargs=(reader,)
            ) as pool,
            writer,  # closed first, which ends the processes
        ):
            try:
                # not cancelled: a pool whose processes end stumbles over futures that are
                drive(store, waiting, pool, memory / workers, done, interrupt, cancel=False)
                return
            except WorkersLost:
                waiting = store.waiting()
                if interrupt.wanted:
                    return
                if attempt == RESTARTS:
                    raise


def _begin_worker(alive: Connection) -> None:
    """What a local process does first: leave Ctrl-C to its parent, and see to it that it ends when that one does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def end() -> None:
        wait([alive])  # nothing is ever sent: the other end was closed, or its process killed
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()


def drive(
    store: Store,
    waiting: list[int],
    pool: Executor,
    memory: float,
    done: Done,
    interrupt: Interrupt,
    *,
    task: Callable[..., int] = compute,
    stop: Event | None = None,
    cancel: bool = True,
) -> None:
    """Submit bundles and wait for them, listening for Ctrl-C; a first error ends the sweep."""
    path, start = str(store.path.absolute()), uuid.uuid4().hex
    left: set[Future] = set()
    try:
        with _our_words():
            left |= {pool.submit(task, path, number, memory, stop, start) for number in waiting}
            while left and not interrupt.wanted:
                ready, left = concurrent.futures.wait(left, LISTEN_SECONDS, concurrent.futures.FIRST_COMPLETED)
                for future in ready:
                    done(future.result())
    finally:
        for future in left if cancel else ():
            future.cancel()


@contextlib.contextmanager
def _our_words() -> Generator[None, None, None]:
    """What workers and executors raise, said so that it helps."""
    try:
        yield
    except StorageError as error:
        error.add_note("If a worker said so: workers on other machines must see the folder under the same path.")
        raise
    except (BrokenExecutor, CancelledError) as error:
        raise WorkersLost(str(error) or "the executor was shut down") from error
    except Exception as error:
        distributed: Any = sys.modules.get("distributed")
        if distributed is not None and isinstance(error, distributed.KilledWorker):
            raise WorkersLost(str(error)) from error
        raise
