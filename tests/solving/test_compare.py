"""Runs side by side: common times, one line for each network, and advice that follows from the errors."""

import importlib

import jax
import numpy as np
import pytest
import xarray as xr

from simplebias.core.errors import InputError
from simplebias.core.run import Run
from simplebias.pde import Box, Poisson, zero
from simplebias.solving import compare
from simplebias.solving.compare import gathered

FREQUENCIES = np.array([1.0, 5.0])


def solved(errors, seconds, *, ways=True):
    x = np.linspace(0, 1, 11)
    data = xr.Dataset(
        {
            "points": (("point", "input"), x[:, None]),
            "solution": (("point", "output"), (1 + errors[-1]) * np.sin(x)[:, None]),
            "exact": (("point", "output"), np.sin(x)[:, None], {"role": "target", "kind": "exact"}),
            "error": ("record", errors),
            "error_by_frequency": ("frequency", np.array([errors[-1], 2 * errors[-1]])),
            "relative_l2": errors[-1],
        },
        {
            "step": ("record", np.arange(len(errors))),
            "seconds": ("record", np.asarray(seconds, float)),
            "frequency": FREQUENCIES,
            "power": ("frequency", [1.0, 0.5]),
        },
    )
    if ways:
        data["baseline_error"] = ("method", [errors[-1], 1e-9, np.nan])
        data["baseline_seconds"] = ("method", [seconds[-1], 0.1, np.nan])
        data = data.assign_coords(method=["this", "random features", "finite differences"])
    return Run(data, provenance={"solve": {"ready": "tones", "seconds": seconds[-1], "parameters": 100}}, step=9)


def test_errors_stand_at_common_times():
    run = gathered({"fast": solved([1.0, 0.1], [1, 2]), "slow": solved([1.0, 0.5, 0.2], [1.5, 3, 6], ways=False)})
    error = run.data["error"]
    assert error.dims == ("case", "seconds")
    np.testing.assert_array_equal(error["seconds"], [1, 1.5, 2, 3, 6])
    np.testing.assert_array_equal(error.sel(case="fast"), [1, 1, 0.1, np.nan, np.nan])  # it had ended
    np.testing.assert_array_equal(error.sel(case="slow"), [np.nan, 1, 1, 0.5, 0.2])
    assert run.data["method"].values.tolist() == ["fast", "slow", "random features", "finite differences"]
    np.testing.assert_array_equal(run.data["baseline_error"], [0.1, 0.2, 1e-9, np.nan])
    assert run.data["solution"].dims == ("case", "point")


def test_the_advice_is_the_best_way_of_all(tmp_path):
    runs = {"multi-scale": solved([1.0, 1e-4], [1, 2]), "plain": solved([1.0, 0.5], [1, 2], ways=False)}
    run = gathered(runs, out=tmp_path / "both")
    summary = run.provenance["summary"]
    assert summary["title"] == "Tones: multi-scale and plain side by side"
    assert "multi-scale 1.0e-04; plain 0.5" in summary["headline"]
    assert "Take random features" in summary["advice"]
    tables = {table["title"]: table["rows"] for table in summary["tables"]}
    assert [row[:3] for row in tables["Networks"]] == [["multi-scale", "100", "1.0e-04"], ["plain", "100", "0.5"]]
    assert tables["Error per frequency"][1] == ["5", "33 %", "2.0e-04", "1"]
    assert (tmp_path / "both" / "report.html").is_file()
    assert Run.load(tmp_path / "both").data["error"].dims == ("case", "seconds")
    alone = gathered({name: solved([1.0, last], [1, 2], ways=False) for name, last in (("a", 0.5), ("b", 0.01))})
    assert alone.provenance["summary"]["advice"] == "Take b: the error of a is 50 times as large."


def test_each_case_gets_its_options_and_baselines_come_once(monkeypatch):
    asked = []

    def solve(problem, **options):
        asked.append(options)
        return solved([1.0, 0.1], [1, 2])

    monkeypatch.setattr(importlib.import_module("simplebias.solving.compare"), "solve", solve)
    problem = Poisson(Box(0, 1), zero)
    compare(problem, key=jax.random.key(0), budget=3)
    assert [(one["network"], one["budget"], one["baselines"]) for one in asked] == [
        ("multi-scale", 3, True),
        ("plain", 3, False),
    ]
    assert asked[0]["reference"] is asked[1]["reference"]  # found once for all
    with pytest.raises(InputError, match="network in both, case 'plain'"):
        compare(problem, cases={"plain": {"network": "plain"}}, network="plain", key=jax.random.key(0))
    with pytest.raises(InputError, match="at least one case"):
        compare(problem, cases={}, key=jax.random.key(0))
