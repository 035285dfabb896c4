"""The door of sweeps: what to compute and where, and what it came to."""

import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import Executor
from pathlib import Path

import jax
import numpy as np
import xarray as xr

from simplebias.core.errors import InputError, Outcome, check_positive
from simplebias.sweeps.bundles import MEMORY, measured_shapes
from simplebias.sweeps.executors import drive, with_processes, with_threads
from simplebias.sweeps.layout import lay_out
from simplebias.sweeps.specification import Specification
from simplebias.sweeps.store import CELLS, WAITING, Store
from simplebias.training.interrupt import Interrupt
from simplebias.training.progress import Progress


def sweep(
    specification: Specification,
    *,
    out: str | Path | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    memory: float | int = MEMORY,
    resume: bool = False,
    progress: bool | None = None,
) -> xr.Dataset:
    """Train a network in every cell of a grid, and keep what is measured at the end of each training.

    Cells of one shape are compiled once and trained side by side, each until it meets the criterion, diverges or has
    taken all steps; its place is then taken by the next. A cell that diverges is marked and loses nothing else.

    Args:
        specification: what to do.
        out: a new or empty folder for the store, which is written bundle by bundle; None to keep nothing on disk.
        executor: where bundles are computed: any `concurrent.futures.Executor`, also one of a cluster
            (`dask.distributed.Client(...).get_executor()`), whose workers see the folder. By default threads of this
            process: one for each core, or one for each GPU.
        workers: instead of an executor, so many local processes.
        memory: bytes that all trainings at once may take on this machine, on each of its GPUs, or on each worker of an
            executor.
        resume: go on with the sweep in `out`.
        progress: show a progress bar over cells; None to show it on a terminal only.

    Returns:
        One dataset along the axes: loss, steps, outcome and every measure. After Ctrl-C cells that were not computed
        have outcome -1; `resume` goes on with them.

    Raises:
        InputError: for options that do not go together.
        StorageError: if the folder holds anything else, or another sweep.
        WorkersLost: if workers die again and again; what was computed is kept.

    Example:
        >>> grid = Specification({"gamma": [0.5, 1.75], "width": [50], "seed": 2}, experiment="phase", until=1e-3)
        >>> data = sweep(grid)
        >>> data["loss"].dims, bool((data["loss"] < 1e-3).all())
        (('gamma', 'width', 'seed'), True)
    """
    check_positive(memory, "memory")
    if executor is not None and workers is not None:
        raise InputError("an executor or a number of workers", "both")
    if workers is not None:
        check_positive(workers, "workers", integer=True)
    if out is None and resume:
        raise InputError("out=FOLDER of the sweep to resume", "resume=True without a folder")
    if out is None:
        with tempfile.TemporaryDirectory() as folder:
            return sweep(
                specification, out=Path(folder) / "sweep", executor=executor, workers=workers, memory=memory,
                progress=progress,
            )  # fmt: skip
    store = _store(specification, Path(out), resume=resume)
    waiting = store.waiting()
    sizes = {bundle.number: len(bundle.cells) for bundle in store.layout.bundles}
    cells, left = sum(sizes.values()), sum(sizes[number] for number in waiting)
    with Progress(cells, start=cells - left, visible=progress, title="sweep", unit="cells") as bar:
        done = _Done(bar, sizes)
        with Interrupt() as interrupt:
            if executor is not None:
                drive(store, waiting, executor, float(memory), done, interrupt)
            elif workers is not None:
                with_processes(store, waiting, workers, float(memory), done, interrupt)
            else:
                with_threads(store, waiting, float(memory), done, interrupt)
    return store.open()


class _Done:
    """Tells the progress bar of bundles that are done."""

    def __init__(self, bar: Progress, sizes: Mapping[int, int]):
        self.bar, self.sizes, self.cells, self.began = bar, sizes, 0, time.monotonic()

    def __call__(self, number: int) -> None:
        self.cells += self.sizes[number]
        self.bar.show(self.bar.start + self.cells, self.cells / (time.monotonic() - self.began))


def sweep_status(path: str | Path) -> dict[str, int]:
    """How far a sweep has come.

    Args:
        path: the folder of the sweep.

    Returns:
        Number of cells by outcome, `waiting` for those not computed.

    Raises:
        StorageError: if there is no sweep, or it is damaged.

    Example:
        >>> sweep_status("runs/phase-1")  # doctest: +SKIP
        {'waiting': 12, 'stopped': 150}
    """
    values, counts = np.unique(Store(path).open()["outcome"].values, return_counts=True)
    names = {WAITING: "waiting"} | {one.value: one.name.lower() for one in Outcome}
    return {names[int(value)]: int(count) for value, count in zip(values, counts, strict=True)}


def _store(specification: Specification, out: Path, *, resume: bool) -> Store:
    """The store, a new one with room for the largest shape of every measure."""
    if (out / CELLS).exists():
        return Store.make(out, specification, {}, {}, resume=resume)
    largest: dict[str, tuple[int, ...]] = {}
    measures = {}
    with jax.enable_x64(specification.precision == "float64"):
        for shape in lay_out(specification).shapes:
            measures, sizes = measured_shapes(specification, shape)
            for name, size in sizes.items():
                largest[name] = tuple(map(max, size, largest.get(name, size)))
    return Store.make(out, specification, measures, largest, resume=resume)
