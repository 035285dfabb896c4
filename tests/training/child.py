"""A training in a process of its own, to be interrupted, killed, or run out of disk: `child.py FOLDER MODE`."""

import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path

import jax
import numpy as np
import optax

from simplebias.core.errors import StorageError
from simplebias.core.schedule import every
from simplebias.core.snapshot import Measure, Record
from simplebias.core.task import Regression
from simplebias.networks import TwoLayer, ensemble
from simplebias.training import Gradient, loop, loss_measure, train

STEPS = 6000
UPDATER = Gradient(optax.adam(1e-3), batch_size=7)  # one object, so that a process compiles once
OUTPUTS = Measure(lambda snapshot: snapshot.outputs, dims=("point", "output"))


def go(folder, **options):
    points = np.linspace(-1, 1, 30)
    task = Regression(points, np.sin(5 * points))
    networks = ensemble(lambda key: TwoLayer(1, 1, 10, dropout=0.1, key=key), jax.random.split(jax.random.key(0), 2))
    measures = {"loss": Record(loss_measure(task)), "outputs": Record(OUTPUTS, at=every(40))}
    return train(networks, task, updater=UPDATER, steps=STEPS, measures=measures,
                 seeds=[0, 1], key=jax.random.key(5), out=folder, **options)  # fmt: skip


def when_under_way(folder, act):
    """Acts a moment after the first checkpoint, from another thread."""

    def wait():
        while not (folder / "checkpoint.eqx").exists():
            time.sleep(0.005)
        time.sleep(0.01)
        act()

    threading.Thread(target=wait, daemon=True).start()


def main(folder, mode):
    loop.SAVE_SECONDS = 0.0
    resume = (folder / "run.json").exists()
    if mode == "interrupt":
        when_under_way(folder, lambda: os.kill(os.getpid(), signal.SIGINT))
    if mode == "full":
        when_under_way(folder, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (700, resource.RLIM_INFINITY)))
    try:
        run = go(folder, resume=resume)
    except StorageError as error:
        print(f"StorageError: {error}")
    else:
        print(run.outcome.name, run.step)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
