"""Where bundles are computed changes nothing: processes killed at any moment, workers lost, a cluster, devices."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import distributed
import psutil
import pytest

from simplebias.core.errors import InputError, StorageError
from simplebias.sweeps import Specification, WorkersLost, sweep, sweep_status
from simplebias.sweeps import executors as places
from simplebias.sweeps.store import CELLS, Store

# eight bundles of a tenth of a second: time to see the first one done and to kill before the last
GRID = Specification(
    {"gamma": [0.5, 1.5], "width": [20], "seed": 4},
    measures=("relative_change",),
    experiment="phase",
    steps=20_000,
    bundle=1,
)
# a user's script; in one process it has two devices, each used by one thread
SCRIPT = """
import sys, threading
from simplebias.sweeps import Specification, bundles, executors, sweep
import jax
if __name__ == "__main__":
    folder, grid, workers = sys.argv[1], Specification(**eval(sys.argv[2])), int(sys.argv[3]) or None
    executors._devices = jax.local_devices
    compute, go, both, calls = executors.compute, bundles.go, threading.Barrier(2), []
    def compute_on_both(*task):
        calls.append(task)
        if len(calls) <= 2:
            both.wait(60)
        return compute(*task)
    def go_and_tell(*args):
        slots = go(*args)
        print(*[device.id for device in slots.step.devices()], flush=True)
        return slots
    if workers is None:
        executors.compute, bundles.go = compute_on_both, go_and_tell
    sweep(grid, out=folder, workers=workers)
"""


@pytest.fixture(scope="module")
def undisturbed():
    return sweep(GRID)


def wait_for(folder, fewer):
    """Wait until fewer bundles than these wait; how many do."""
    store, end = None, time.monotonic() + 60
    while time.monotonic() < end:
        if store is None and (folder / CELLS).exists():
            store = Store(folder)
        if store is not None and (left := len(store.waiting())) < fewer:
            assert left > 0, "all was done before anything could be killed"
            return left
        time.sleep(0.03)
    raise AssertionError("nothing was computed in a minute")


@pytest.mark.parametrize("workers", [0, 1])
def test_killed_with_all_it_had_started_it_ends_with_the_same_dataset(workers, undisturbed, tmp_path):
    script, folder, devices = tmp_path / "script.py", tmp_path / "out", set()
    script.write_text(SCRIPT)
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2"
    command = [sys.executable, str(script), str(folder), repr(GRID.to_dict()), str(workers)]
    with subprocess.Popen(command, env=os.environ | {"XLA_FLAGS": flags}, stdout=subprocess.PIPE, text=True) as main:
        while not workers and devices != {"0", "1"}:
            assert main.stdout is not None
            devices.add(main.stdout.readline().strip())
        left = wait_for(folder, 8)
        started = psutil.Process(main.pid).children(recursive=True)
        main.kill()
    gone, alive = psutil.wait_procs(started, timeout=60)
    assert not alive
    assert len(gone) >= workers
    assert 0 < sweep_status(folder)["waiting"] <= left
    assert sweep(GRID, out=folder, resume=True).identical(undisturbed)


def test_lost_processes_are_replaced_and_an_interrupt_ends_them(undisturbed, tmp_path, monkeypatch):
    folder, interrupt, seen = tmp_path / "out", SimpleNamespace(wanted=False), []
    monkeypatch.setattr("simplebias.sweeps.execute.Interrupt", lambda: _Open(interrupt))

    def disturb():
        left = wait_for(folder, 8)
        (worker,) = (one for one in psutil.Process().children() if "spawn_main" in " ".join(one.cmdline()))
        worker.send_signal(signal.SIGINT)  # as a shell does on Ctrl-C: the parent's business
        left = wait_for(folder, left)
        seen.append(worker.is_running())
        worker.kill()
        seen.append(wait_for(folder, len(Store(folder).waiting())))
        interrupt.wanted = True

    thread = threading.Thread(target=disturb)
    thread.start()
    half = sweep(GRID, out=folder, workers=1)
    thread.join()
    assert seen[0]
    assert 0 < int((half["outcome"] == -1).sum()) <= seen[1]
    assert not [one for one in psutil.Process().children() if "spawn_main" in " ".join(one.cmdline())]
    interrupt.wanted = False
    assert sweep(GRID, out=folder, resume=True).identical(undisturbed)


class _Open:
    """An interrupt that the test asks for."""

    def __init__(self, interrupt):
        self.interrupt = interrupt

    def __enter__(self):
        return self.interrupt

    def __exit__(self, *error):
        pass


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes of two threads each, on this machine."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=2, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
        ) as made,
        distributed.Client(made) as client,
    ):
        yield made, client


def test_a_worker_of_a_cluster_killed_in_mid_sweep_changes_nothing(cluster, undisturbed, tmp_path):
    _, client = cluster
    folder = tmp_path / "out"

    def disturb():
        wait_for(folder, 8)
        os.kill(min(client.run(os.getpid).values()), signal.SIGKILL)

    thread = threading.Thread(target=disturb)
    thread.start()
    found = sweep(GRID, out=folder, executor=client.get_executor())
    thread.join()
    assert found.identical(undisturbed)


def test_threads_of_a_worker_share_its_memory_and_calls_are_never_taken_for_earlier_ones(cluster, tmp_path):
    _, client = cluster
    assert client.submit(places._side_by_side).result() == 2
    assert places._side_by_side() == 1
    calls = []
    with ThreadPoolExecutor(1) as pool:
        for _ in range(2):
            store = Store.make(tmp_path / "out", GRID, {}, {}, resume=(tmp_path / "out").exists())
            places.drive(store, [0], pool, 1.0, print, SimpleNamespace(wanted=False), task=lambda *a: calls.append(a))
    assert calls[0] != calls[1]
    assert calls[0][0] == str((tmp_path / "out").absolute())


def test_workers_that_die_again_and_again_are_told_in_one_message(cluster, tmp_path):
    made, client = cluster
    made.scheduler.allowed_failures = 0
    store = Store.make(tmp_path / "out", GRID, {}, {}, resume=False)
    quiet = SimpleNamespace(wanted=False)
    with pytest.raises(WorkersLost, match=r"workers were lost .*smaller `memory`.* resuming goes on"):
        places.drive(store, [0], client.get_executor(), 1.0, print, quiet, task=lambda *_: os._exit(1))


@pytest.mark.parametrize("error", [InputError("one", "two", "Three."), StorageError("gone"), ZeroDivisionError("0")])
def test_an_error_of_a_worker_comes_as_it_is(error, cluster, tmp_path):
    _, client = cluster
    store = Store.make(tmp_path / "out", GRID, {}, {}, resume=False)

    def fail(*_):
        raise error

    with pytest.raises(type(error), match=str(error)):
        places.drive(store, [0], client.get_executor(), 1.0, print, SimpleNamespace(wanted=False), task=fail)
