"""`simplebias solve`: what it passes on, prints and writes, and what it refuses; solving has tests of its own."""

import pytest
import xarray as xr
from typer.testing import CliRunner

import simplebias
import simplebias.solving
from simplebias.cli import app
from simplebias.cli.solve import parse_scales
from simplebias.core.errors import InputError, Outcome
from simplebias.solving.summary import summarise

MINE = """
from simplebias.pde import Box, Poisson

problem = Poisson(Box(0, 3), lambda x: 2 + 0 * x[0], exact=lambda x: x[0] * (3 - x[0]))
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    return lambda *arguments: runner.invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def asked(monkeypatch):
    """What the command asks of `solve` and `compare`, which answer with a run at once."""
    found = []

    def answer(verb, outcome=Outcome.COMPLETED):
        def solve(problem, *, key, out, **options):
            found.append((verb, problem, out, options))
            data = xr.Dataset({"loss": ("record", [1.0, 1e-3]), "relative_l2": 2e-3}, {"step": ("record", [0, 9])})
            made = {"problem": str(problem), "seconds": 3.0, "reference": "exact", "converged": True}
            run = simplebias.Run(data, outcome=outcome, provenance={"solve": made}, step=9)
            run.provenance["summary"] = summarise(run)
            run.save(out)
            return run

        return solve

    monkeypatch.setattr(simplebias.solving, "solve", answer("solve"))
    monkeypatch.setattr(simplebias.solving, "compare", answer("compare", Outcome.DIVERGED))
    return found


def test_a_ready_problem_with_options(run, asked, tmp_path):
    arguments = ["--seconds", "5", "--scales", "1,2", "--loss", "ritz", "--boundary", "hard", "--no-baselines"]
    result = run("solve", "two-scale", *arguments)
    assert result.exit_code == 0, result.output
    for words in ("Two-scale, solved by a network", "relative L2", "0.002", "Advice", "runs/two-scale-1/report.html"):
        assert words in result.output
    assert (tmp_path / "runs" / "two-scale-1" / "report.html").is_file()
    verb, problem, out, options = asked[0]
    assert (verb, problem, str(out)) == ("solve", "two-scale", "runs/two-scale-1")
    wanted = {"budget": 5.0, "scales": (1.0, 2.0), "loss": "ritz", "boundary": "hard", "baselines": False}
    assert options == wanted | {"throw": False}


def test_a_file_side_by_side_that_diverges(run, asked, tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    result = run("solve", "mine.py", "--compare", "--iterations", "7")
    assert result.exit_code == 3
    assert "diverged" in result.stderr
    verb, problem, out, options = asked[0]
    assert (verb, problem.domain.volume, out.name, options["iterations"]) == ("compare", 3, "mine-compared-1", 7)


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
        (["two-scale", "--seconds", "0"], ["seconds as a number > 0"]),
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
    assert parse_scales("auto") == "auto"
