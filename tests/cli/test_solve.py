"""`simplebias solve`: ready problems and files, the numbers it prints, and what it refuses."""

import pytest
from typer.testing import CliRunner

import simplebias
from simplebias.cli import app
from simplebias.cli.solve import parse_scales
from simplebias.core.errors import InputError

QUICK = ["--iterations", "2", "--parameters", "40"]
MINE = """
import jax.numpy as jnp
from simplebias.pde import Box, Poisson

problem = Poisson(Box(0, 1), lambda x: 2 + 0 * x[0], exact=lambda x: x[0] * (1 - x[0]))
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    return lambda *arguments: runner.invoke(app, [str(argument) for argument in arguments])


def test_a_file_is_solved_and_compared(run, tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    result = run("solve", "mine.py", *QUICK, "--no-baselines", "--scales", "1,2")
    assert result.exit_code == 0, result.output
    for words in ("Poisson, solved by a network", "relative L2", "relative H1", "Error per frequency", "Advice"):
        assert words in result.output
    assert (tmp_path / "runs" / "mine-1" / "report.html").is_file()
    kept = simplebias.Run.load(tmp_path / "runs" / "mine-1")
    assert kept.provenance["solve"]["scales"] == [1, 2]
    assert kept.provenance["summary"]["title"] in result.output
    both = run("solve", "mine.py", *QUICK, "--no-baselines", "--compare", "--out", "both")
    assert both.exit_code == 0, both.output
    assert "multi-scale and plain side by side" in both.output
    assert (tmp_path / "both" / "report.html").is_file()
    data = simplebias.Run.load(tmp_path / "both").data
    assert data["solution"].dims == ("case", "point")
    sizes = data["baseline_parameters"].sel(method=["multi-scale", "plain"]).values
    assert abs(sizes[0] - sizes[1]) <= 0.1 * sizes.max()


def test_ready_problems_are_listed(run):
    output = run("solve", "--list").output
    for name in ("two-scale", "holes-15", "poisson-10d-cube"):
        assert name in output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["NAME_OR_FILE", "--list"]),
        (["two-scal"], ["two-scale"]),
        (["missing.py"], ["missing.py", "cannot be read"]),
        (["two-scale", "--scales", "1,b"], ["--scales"]),
        (["two-scale", "--loss", "rits"], ["ritz"]),
        (["helmholtz", "--loss", "ritz"], ["energy"]),
        (["two-scale", "--seconds", "0"], ["budget"]),
    ],
)
def test_wrong_use_is_told_without_a_traceback(run, arguments, words):
    result = run("solve", *arguments)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr


def test_scales_are_a_word_or_numbers():
    assert parse_scales("1, 2.5") == (1.0, 2.5)
    with pytest.raises(InputError, match="--scales"):
        parse_scales("1,,2")
