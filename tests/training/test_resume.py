"""A training that was broken off and resumed ends like one that was not, to the last bit."""

import os
import random
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import optax
import pytest

from simplebias.core.errors import InputError, StorageError
from simplebias.core.run import Run
from simplebias.core.schedule import every
from simplebias.core.snapshot import Measure, Record
from simplebias.core.storage import read_marker
from simplebias.core.task import Regression
from simplebias.networks import TwoLayer
from simplebias.training import Gradient, loop, resume, train
from simplebias.training.interrupt import Interrupt

CHILD = Path(__file__).with_name("child.py")
FILES = ("weights.eqx", "initial.eqx", "checkpoint.eqx")

POINTS = np.linspace(-1, 1, 20)
TASK = Regression(POINTS, np.sin(4 * POINTS))
UPDATER = Gradient(optax.adam(1e-2), batch_size=6)
MEASURES = {
    "mean": Record(Measure(lambda s: s.outputs.mean()), at=every(3)),
    "outputs": Record(Measure(lambda s: s.outputs, dims=("point", "output")), at=[0, 10, 61, 120]),
}


def go(out, key, **options):
    options = {"updater": UPDATER, "steps": 120, "measures": MEASURES} | options
    return train(TwoLayer(1, 1, 6, key=key), TASK, key=key, out=out, **options)


class After(Interrupt):
    """Asks to stop after some blocks, as Ctrl-C does."""

    def __init__(self, blocks):
        self.blocks = blocks

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    @property
    def wanted(self):
        self.blocks -= 1
        return self.blocks < 0


def break_off(monkeypatch, blocks, out, key, **options):
    with monkeypatch.context() as patch:
        patch.setattr(loop, "Interrupt", lambda: After(blocks))
        patch.setattr(loop, "BLOCK_STOPS", 4)
        return go(out, key, **options)


def assert_same(one, other):
    assert Run.load(one).data.identical(Run.load(other).data)
    for name in FILES:
        assert (one / name).read_bytes() == (other / name).read_bytes()
    markers = [read_marker(path) for path in (one, other)]
    for name in ("step", "outcome", "specification_hash"):
        assert markers[0][name] == markers[1][name]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    run = go(folder, jax.random.key(0))
    assert run.outcome.name == "COMPLETED"
    return folder


@pytest.mark.parametrize("blocks", [0, 1, 4])
def test_a_run_broken_off_and_resumed_is_the_whole_run(monkeypatch, tmp_path, whole, blocks):
    out, key = tmp_path / "run", jax.random.key(0)
    broken = break_off(monkeypatch, blocks, out, key)
    assert broken.outcome.name == "INTERRUPTED"
    assert broken.step < 120
    assert broken.data["step"].max() <= broken.step
    assert Run.load(out).data.identical(broken.data)
    break_off(monkeypatch, 1, out, key, resume=True)
    run = resume(out, TwoLayer(1, 1, 6, key=key), TASK, key=key, updater=UPDATER, steps=120, measures=MEASURES)
    assert_same(out, whole)
    assert run.data.identical(Run.load(whole).data)
    assert (run.outcome.name, run.step) == ("COMPLETED", 120)


def test_a_finished_run_is_returned_as_it_is(whole):
    before = {name: (whole / name).read_bytes() for name in FILES}
    stored, marker = Run.load(whole).data, read_marker(whole)
    run = go(whole, jax.random.key(0), resume=True)
    assert run.data.identical(stored)
    assert {name: (whole / name).read_bytes() for name in FILES} == before
    assert read_marker(whole)["provenance"]["started"] == marker["provenance"]["started"]
    assert Run.load(whole, TwoLayer(1, 1, 6, key=jax.random.key(9))).data.identical(stored)


def test_a_stopped_and_a_diverged_run_resume_to_themselves(tmp_path):
    key = jax.random.key(0)
    for name, options in {"s": {"until": 0.4}, "d": {"updater": optax.sgd(1e4), "throw": False}}.items():
        run = go(tmp_path / name, key, **options)
        assert run.step < 120
        again = go(tmp_path / name, key, resume=True, **options)
        assert again.data.identical(run.data)
        assert (again.step, again.outcome) == (run.step, run.outcome)


def test_without_a_checkpoint_a_run_starts_again(monkeypatch, tmp_path, whole):
    out, key = tmp_path / "run", jax.random.key(0)
    break_off(monkeypatch, 3, out, key)
    (out / "checkpoint.eqx").unlink()
    (out / "initial.eqx").unlink()
    go(out, key, resume=True)
    assert_same(out, whole)


@pytest.mark.parametrize("size", [0, 100, -1])
def test_a_damaged_checkpoint_is_refused_with_a_remedy(monkeypatch, tmp_path, whole, size):
    out, key = tmp_path / "run", jax.random.key(0)
    break_off(monkeypatch, 3, out, key)
    checkpoint = out / "checkpoint.eqx"
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[:size])
    with pytest.raises(StorageError, match=r"checkpoint\.eqx .*damaged.*remove it"):
        go(out, key, resume=True)
    checkpoint.unlink()
    go(out, key, resume=True)
    assert_same(out, whole)


@pytest.mark.parametrize(
    "options",
    [
        {"updater": Gradient(optax.adam(1.1e-2), batch_size=6)},
        {"updater": Gradient(optax.adam(1e-2), batch_size=7)},
        {"updater": Gradient(optax.rmsprop(1e-2), batch_size=6)},
        {"steps": 121},
        {"until": 1e-3},
        {"measures": None},
        {"specification": {"mine": 1}},
    ],
)
def test_resuming_with_another_specification_is_refused(whole, options):
    with pytest.raises(StorageError, match="another specification"):
        go(whole, jax.random.key(0), resume=True, **options)


def test_resuming_with_other_data_network_or_key_is_refused(whole):
    key = jax.random.key(0)
    options = {"updater": UPDATER, "steps": 120, "measures": MEASURES}
    for network, task, other in [
        (TwoLayer(1, 1, 6, key=jax.random.key(1)), TASK, key),
        (TwoLayer(1, 1, 6, key=key), Regression(POINTS, np.sin(4.001 * POINTS)), key),
        (TwoLayer(1, 1, 6, key=key), TASK, jax.random.key(1)),
    ]:
        with pytest.raises(StorageError, match="another specification"):
            resume(whole, network, task, key=other, **options)


def test_nothing_is_overwritten_and_nothing_resumed_from_nothing(tmp_path, whole):
    key = jax.random.key(0)
    with pytest.raises(StorageError, match="already holds a run"):
        go(whole, key)
    with pytest.raises(StorageError, match="nothing to resume"):
        go(tmp_path / "none", key, resume=True)
    with pytest.raises(InputError, match="folder"):
        go(None, key, resume=True)


def start(folder, mode):
    environment = os.environ | {"JAX_PLATFORMS": "cpu"}
    return subprocess.Popen([sys.executable, CHILD, folder, mode], stdout=subprocess.PIPE, text=True, env=environment)


@pytest.fixture(scope="module")
def child(tmp_path_factory):
    """What the child does, done here without a break: its folder, and the function that goes on with another."""
    folder = tmp_path_factory.mktemp("child") / "run"
    go_on = runpy.run_path(str(CHILD))["go"]
    assert go_on(folder).outcome.name == "COMPLETED"
    return folder, go_on


def test_ctrl_c_saves_and_resumes(tmp_path, child):
    whole, go_on = child
    out = tmp_path / "run"
    said = start(out, "interrupt").communicate(timeout=300)[0]
    assert said.startswith("INTERRUPTED")
    assert Run.load(out).step == int(said.split()[1])
    go_on(out, resume=True)
    assert_same(out, whole)


def test_killed_at_random_moments_it_resumes(tmp_path, child):
    whole, go_on = child
    out = tmp_path / "run"
    for _ in range(2):
        process = start(out, "run")
        while not (out / "run.json").exists():
            assert process.poll() is None
            time.sleep(0.002)
        time.sleep(random.uniform(0, 1.5))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=300)
    go_on(out, resume=True)
    assert_same(out, whole)


def test_a_full_disk_is_said_and_loses_nothing(tmp_path, child):
    whole, go_on = child
    out = tmp_path / "run"
    said = start(out, "full").communicate(timeout=300)[0]
    assert said.startswith("StorageError")
    assert "resume" in said
    kept = Run.load(out)
    assert kept.outcome.name == "INTERRUPTED"
    assert not np.isnan(kept.data["outputs"]).any()
    go_on(out, resume=True)
    assert_same(out, whole)


def test_a_folder_whose_claim_was_killed_can_be_used(tmp_path, whole):
    out = tmp_path / "run"
    out.mkdir()
    (out / ".run.json.4711.tmp").write_text("{")
    go(out, jax.random.key(0))
    assert_same(out, whole)
    (tmp_path / "mine.tmp").write_text("")
    with pytest.raises(StorageError, match="other files"):
        go(tmp_path, jax.random.key(0))


def test_an_updater_with_a_random_key_in_its_state_is_resumed(monkeypatch, tmp_path):
    key = jax.random.key(0)
    noisy = Gradient(optax.noisy_sgd(0.05, key=jax.random.key(1)))
    go(tmp_path / "whole", key, updater=noisy)
    break_off(monkeypatch, 3, tmp_path / "run", key, updater=noisy)
    go(tmp_path / "run", key, updater=noisy, resume=True)
    assert_same(tmp_path / "run", tmp_path / "whole")
