import numpy as np
import pytest

import simplebias
from simplebias.core.run import Run

X = np.linspace(-10, 10, 120)
OPTIONS = {"width": 16, "depth": 2, "steps": 120, "seeds": 2, "progress": False}


def noisy(std=0.3):
    return np.sin(X / 2) + std * np.random.default_rng(3).standard_normal(len(X))


def stopping(run):
    (found,) = [one for one in run.provenance["summary"]["tables"] if one["title"] == "When to stop"]
    return {row[0]: row for row in found["rows"]}


@pytest.fixture(scope="module")
def run():
    return simplebias.observe(X, noisy(), **OPTIONS)


def test_the_step_of_the_noise_floor_stands_beside_that_of_the_validation_loss(run):
    rows = stopping(run)
    assert {"lowest validation loss", "by spectrum (noise floor)"} <= rows.keys()
    errors = run.data["estimated_error"].values
    middle = np.median(run.data["step"].values[errors.argmin(axis=1)])
    where = rows["by spectrum (noise floor)"][1]
    assert where == ("the last record" if middle >= 120 else f"step {middle:.0f}")


def test_the_floor_is_kept_in_units_of_the_target(run):
    wanted = 0.3 / noisy().std()
    assert abs(float(run.data["noise_std"][0]) / wanted - 1) < 0.25
    assert run.data["mirror_spectrum"].dims == ("seed", "record_outputs", "mirror_frequency", "output")
    assert run.data["mirror_frequency"].attrs["units"] == "cycles"


def test_noise_alone_is_said_to_be_so():
    run = simplebias.observe(X, np.random.default_rng(1).standard_normal(len(X)), **OPTIONS)
    assert stopping(run)["by spectrum (noise floor)"][1] == "step 0"
    assert "noise alone" in run.provenance["summary"]["advice"]


@pytest.mark.parametrize("values", [np.sin(X / 2), np.stack([X, X], axis=1).sum(axis=1)])
def test_without_noise_nothing_is_said(values):
    run = simplebias.observe(X, values, **(OPTIONS | {"steps": 20}))
    assert "by spectrum (noise floor)" not in stopping(run)
    assert "noise_std" not in run.data


def test_the_floor_is_read_again(run, tmp_path):
    run.save(tmp_path / "run")
    np.testing.assert_array_equal(Run.load(tmp_path / "run").data["noise_std"], run.data["noise_std"])
