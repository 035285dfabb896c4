"""Outlines, training points and sections are those of the domain and the solution; words follow from figures."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from simplebias.core.run import Run
from simplebias.pde import Ball, Box, Poisson, square_with_discs, zero
from simplebias.solving.drawings import drawings
from simplebias.solving.summary import summarise


def test_the_outline_has_a_curve_for_each_hole():
    problem = Poisson(square_with_discs(), zero)
    found = drawings(problem, lambda x: x[:1], points=np.zeros((5000, 2)), key=jax.random.key(0))
    outline = found["outline"].values
    assert np.isnan(outline[:, 0]).sum() == 5  # between the square and five discs
    places = jnp.asarray(outline[~np.isnan(outline[:, 0])])
    assert jnp.abs(jax.jit(jax.vmap(problem.domain.signed_distance))(places)).max() < 1e-5
    assert found.sizes["training_point"] <= 2000


@pytest.mark.parametrize("inputs", [3, 10])
def test_sections_lie_in_the_domain_and_go_through_the_largest_value(inputs):
    problem = Poisson(Ball([0.0] * inputs, 1.0), zero, exact=lambda x: 1 - jnp.sum(x**2))
    found = drawings(problem, lambda x: 1.01 * (1 - jnp.sum(x**2))[None], key=jax.random.key(0))
    solution, exact = found["section_solution"], found["section_exact"]
    assert solution.dims == ("section", "row", "column")
    assert solution.sizes["section"] == 3
    np.testing.assert_allclose(solution, 1.01 * exact, rtol=1e-5)
    outside = np.isnan(solution.values)
    assert 0.1 < outside.mean() < 0.9
    assert float(solution.min()) >= 0  # where the ball is, u is not below zero
    one_plane = solution.isel(section=0)
    rows, columns = np.nonzero(~np.isnan(one_plane.values))
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=1)  # a disc


def solved(**made):
    data = xr.Dataset(
        {
            "loss": ("record", [1.0, 1e-3]),
            "relative_l2": ((), 2e-3),
            "relative_max": ((), 3e-3),
            "error_by_frequency": ("frequency", [1e-3, 0.2, 5.0]),
            "power": ("frequency", [1.0, 0.5, 1e-9]),
            "baseline_error": ("method", [2e-3, 1e-9, np.nan]),
            "baseline_seconds": ("method", [30.0, 0.1, np.nan]),
        },
        {"frequency": [0.5, 1.5, 4.0], "method": ["this network", "random features", "finite differences"]},
    )
    return Run(data, provenance={"solve": {"problem": "tones", "reference": "exact", "seconds": 30.2} | made})


def test_the_summary_tells_the_error_its_frequency_and_what_would_have_been_better():
    summary = summarise(solved())
    assert summary["title"] == "Tones, solved by a network"
    assert "0.002 in 30 s" in summary["headline"]
    assert "at 1.5 cycles per unit, 0.2" in summary["headline"]  # at 4 the solution has no power
    assert "random features reach 1.0e-09 in 0.1 s" in summary["advice"]
    tables = {table["title"]: table["rows"] for table in summary["tables"]}
    assert tables["Error"] == [["relative L2", "0.002"], ["relative L∞", "0.003"]]
    assert tables["Other ways"][2] == ["finite differences", "–", "–", "–"]
    assert [row[0] for row in tables["Error per frequency"]] == ["0.5", "1.5"]


def test_the_advice_follows_from_the_figures():
    run = solved()
    run.data["baseline_error"][1] = 0.1
    assert "Nothing to change" in summarise(run)["advice"]
    run.data["relative_l2"] = ((), 0.3)
    run.provenance["solve"] |= {"converged": False, "scales": [1, 2]}
    assert "scales that reach 1.5" in summarise(run)["advice"]
    assert "not converged" in summarise(run)["headline"]
    unknown = Run(run.data[["loss"]], provenance={"solve": {"problem": "mine", "seconds": 3.0}})
    assert "No exact solution" in summarise(unknown)["headline"]
    assert "no error is known" in summarise(unknown)["advice"]


def test_one_input_needs_no_drawing():
    assert not drawings(Poisson(Box(0, 1), zero), lambda x: x, key=jax.random.key(0)).data_vars
