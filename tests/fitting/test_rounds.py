"""Fits in rounds, by hand-given scales and by time."""

import importlib
import types

import numpy as np
import pytest
from typer.testing import CliRunner

import simplebias
from simplebias.cli import app
from simplebias.core.errors import StorageError
from simplebias.data import read
from simplebias.fitting import fit, read_model, resume_fit

SMALL = {"width": 24, "steps": 120, "records": 6, "progress": False, "report": False}

fitting = importlib.import_module("simplebias.fitting.fit")


def test_adaptive_scales_grow_the_network_and_resume(tmp_path, monkeypatch):
    monkeypatch.setattr(fitting, "ROUNDS", 2)
    path = tmp_path / "line.npz"
    x = np.linspace(0, 1, 200)
    np.savez(path, x=x, y=np.sin(60 * x) + np.sin(5 * x))
    options = SMALL | {"width": 12, "steps": 20, "depth": 2, "scales": "adaptive", "plain": False}
    options |= {"records": 2, "validation": 0}
    run = fit(read(path), out=tmp_path / "run", **options)
    assert [len(layer.weight) for layer in run.network.fitted.layers] == [12, 12, 1]
    assert (tmp_path / "run" / "round-1" / "run.json").is_file()
    again = resume_fit(tmp_path / "run", progress=False)
    assert np.array_equal(again.network.fitted.layers[0].weight, run.network.fitted.layers[0].weight)
    assert read_model(tmp_path / "run").inputs
    with pytest.raises(StorageError, match="already holds"):
        fit(read(path), out=tmp_path / "run", **options)


def test_scales_by_hand_and_a_time_from_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x = np.linspace(0, 1, 40)
    np.savez("line.npz", x=x, y=np.sin(9 * x))
    ticks = iter(range(100))
    monkeypatch.setattr(fitting, "time", types.SimpleNamespace(perf_counter=lambda: next(ticks)))  # a second each
    options = ["--scales", "1,8", "--seconds", "3", "--width", "6", "--depth", "1", "--no-plain", "--validation", "0"]
    said = CliRunner().invoke(app, ["fit", "line.npz", "--out", "run", *options])
    assert said.exit_code == 0, said.output
    assert "scales 1, 8" in said.output
    run = simplebias.Run.load("run")
    assert run.provenance["steps"] == run.step == 3 * fitting.TIMED
    assert run.provenance["specification"]["fit"]["scales"] == [1, 8]
