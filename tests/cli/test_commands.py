import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

import simplebias
from simplebias.cli import app
from simplebias.core.errors import StorageError

QUICK = ["--width", "8", "--depth", "1", "--steps", "20", "--seeds", "2"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    return lambda *arguments: runner.invoke(app, [str(argument) for argument in arguments])


def refused(result, *words):
    assert result.exit_code == 2, result.output
    text = result.stderr
    assert "Traceback" not in text
    for word in words:
        assert word in text, text
    return text


def test_help_names_every_option(run):
    output = run("observe", "--help").output
    for option in ("--network", "--gamma", "--label-noise", "--resume", "--precision", "--out"):
        assert option in output


def test_observe_prints_the_summary_and_says_where_the_report_is(run, tmp_path):
    result = run("observe", "co2", *QUICK)
    assert result.exit_code == 0, result.output
    assert "Advice" in result.output
    assert (tmp_path / "runs" / "co2-1" / "report.html").is_file()
    assert "runs/co2-1/report.html" in result.output
    run("observe", "co2", *QUICK)
    assert (tmp_path / "runs" / "co2-2").is_dir()


def test_a_specification_runs_again_to_the_same_data(run, tmp_path):
    run("observe", "co2", *QUICK, "--out", "a")
    result = run("observe", "--like", "a", "--out", "b")
    assert result.exit_code == 0, result.output
    first, second = simplebias.Run.load(tmp_path / "a"), simplebias.Run.load(tmp_path / "b")
    xr.testing.assert_identical(first.data, second.data)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["DATA"]),
        (["missing.csv"], ["missing.csv"]),
        (["co2", "--width", "0"], ["width"]),
        (["co2", "--optimiser", "sdg"], ["sgd"]),
        (["co2", "--seeds", "a"], ["seeds"]),
        (["co2", "--resume"], ["--out"]),
        (["--resume", "--out", "nowhere"], ["nowhere"]),
        (["--like", "nothing.json"], ["nothing.json"]),
        (["--resume", "--out", "x", "--target", "y"], ["--target"]),
    ],
)
def test_wrong_use_is_told_without_a_traceback(run, arguments, words):
    refused(run("observe", *arguments), *words)


def test_an_unknown_option_is_refused(run):
    result = run("observe", "co2", "--wdith", "3")
    assert result.exit_code == 2
    assert "--wdith" in result.stderr


def test_a_folder_with_something_else_is_left_alone(run, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    refused(run("observe", "co2", *QUICK, "--out", "mine"), "mine", "already holds")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_damaged_runs_are_named(run, tmp_path):
    run("observe", "co2", *QUICK, "--out", "a")
    (tmp_path / "a" / "run.json").write_text("{")
    refused(run("observe", "--resume", "--out", "a"), "run.json", "damaged")
    (tmp_path / "a" / "run.json").write_text('{"format": 99}')
    refused(run("observe", "--resume", "--out", "a"), "99", "upgrade")


@pytest.mark.slow
def test_control_c_saves_and_resume_ends_bit_identical(run, tmp_path):
    steps = 20_000
    command = ["observe", "co2", *QUICK, "--steps", str(steps), "--out"]
    assert run(*command, "whole").exit_code == 0
    often = "import simplebias.cli, simplebias.training.loop as loop; loop.SAVE_SECONDS = 0.1; simplebias.cli.main()"
    process = subprocess.Popen(
        [sys.executable, "-c", often, *command, "cut"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not trained("cut") and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "--resume" in errors
    assert "Traceback" not in errors
    assert 0 < simplebias.Run.load(tmp_path / "cut").step < steps
    done = run("observe", "--resume", "--out", "cut")
    assert done.exit_code == 0
    assert "Advice" in done.stdout
    whole, cut = simplebias.Run.load(tmp_path / "whole"), simplebias.Run.load(tmp_path / "cut")
    xr.testing.assert_identical(whole.data, cut.data)
    for name in ("weights.eqx", "initial.eqx"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "cut" / name).read_bytes()
    assert np.isfinite(cut.data["loss"]).all()


def trained(folder):
    """Whether a run has saved what it learned in its first steps."""
    try:
        return simplebias.Run.load(folder).step > 0
    except StorageError:  # not there, or being written
        return False
