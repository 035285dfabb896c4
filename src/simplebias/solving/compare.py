"""Several networks on one equation, side by side in one run and one page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr

from simplebias.core.errors import InputError, Outcome
from simplebias.core.run import Run, provenance
from simplebias.core.types import CASE, FREQUENCY, OUTPUT, POINT, Key
from simplebias.pde import Problem
from simplebias.solving.references import find_reference
from simplebias.solving.solve import named_problem, solve
from simplebias.solving.summary import (
    FIGURES,
    capital,
    figure,
    number_in,
    percent,
    power_shares,
    strongest_frequencies,
    table,
    time_words,
)

PLAIN_AND_MULTISCALE: dict[str, dict[str, Any]] = {
    "multi-scale": {"network": "multi-scale"},
    "plain": {"network": "plain"},
}
"""What is compared where nothing else is asked for."""
SHARED = ("points", "exact", "lattice_index", "boundary_points", "outline", "training_points", "power")
"""Variables that are the same for all networks."""
MOMENTS = 300
"""Times at which errors are compared."""


def compare(
    problem: Problem | str,
    *,
    cases: Mapping[str, Mapping[str, Any]] | None = None,
    key: Key,
    out: str | Path | None = None,
    report: bool | None = None,
    **options: Any,
) -> Run:
    """Solve one equation with several networks, each with the same options, key and time.

    Args:
        problem: what is to be solved, or the name of a ready problem.
        cases: options of `solve` for each, by its name; a multi-scale and a plain network of equal size by default.
        key: random key, the same for each.
        out: folder to keep the run in.
        report: whether to write `report.html`; by default when there is a folder.
        options: further ones of `solve`, for all.

    Returns:
        A run whose data have a dimension `case`: `error` over `seconds`, `error_by_frequency`, `solution`, and figures
        at the end; `run.network` holds the solutions by name.

    Raises:
        InputError: for no cases, an option that is given twice, or as `solve`.
        StorageError: if the folder holds something already.

    No example: it solves twice what `solve` shows once; docs/solving.md has one.
    """
    chosen = PLAIN_AND_MULTISCALE if cases is None else cases
    if not chosen:
        raise InputError(
            "at least one case to compare", "none", "Leave cases out for a multi-scale and a plain network."
        )
    for name, own in chosen.items():
        if twice := sorted(own.keys() & options.keys()):
            raise InputError("options of a case or of all", f"{', '.join(twice)} in both, case {name!r}")
    asked = options.pop("baselines", True)
    if not any("reference" in own for own in chosen.values()):
        with jax.enable_x64(True):
            options["reference"] = find_reference(named_problem(problem)[0], options.get("reference", "auto"))
    runs = {
        name: solve(problem, key=key, baselines=asked and place == 0, **options, **own)
        for place, (name, own) in enumerate(chosen.items())
    }
    return gathered(runs, out=out, report=report)


def gathered(runs: Mapping[str, Run], *, out: str | Path | None = None, report: bool | None = None) -> Run:
    """Runs of `solve` on one problem as one run.

    Args:
        runs: by name, those of the same problem.
        out: folder to keep it in.
        report: whether to write `report.html`; by default when there is a folder.

    Returns:
        The run.

    Raises:
        StorageError: if the folder holds something already.

    No example: `compare` calls it.
    """
    first = next(iter(runs.values()))
    data = first.data[[name for name in SHARED if name in first.data]]
    data = data.assign_coords({CASE: list(runs)})
    data = data.assign({name: variable for part in (_over_time, _ends, _ways) for name, variable in part(runs).items()})
    made = {name: one.provenance.get("solve", {}) for name, one in runs.items()}
    outcome = max((one.outcome for one in runs.values()), default=Outcome.COMPLETED)
    run = Run(
        data,
        network={name: one.network for name, one in runs.items()},
        outcome=outcome,
        provenance=provenance({"verb": "compare", "cases": made}),
        step=max(one.step for one in runs.values()),
    )
    run.provenance |= {"solve": made, "summary": summarise_comparison(data, made)}
    if out is not None:
        run.save(out)
        if report is not False:
            run.report()
    return run


def _over_time(runs: Mapping[str, Run]) -> dict[str, xr.DataArray]:
    """The error of each at common times, as it last was."""
    known = {name: one.data for name, one in runs.items() if "error" in one.data and "seconds" in one.data.coords}
    if len(known) < len(runs):
        return {}
    times = np.unique(np.concatenate([one["seconds"].values for one in known.values()]))
    times = times[times > 0]
    times = times[np.unique(np.linspace(0, len(times) - 1, min(MOMENTS, len(times))).astype(int))]
    errors = np.full((len(known), len(times)), np.nan)
    for row, one in enumerate(known.values()):
        place = np.searchsorted(one["seconds"].values, times, side="right") - 1
        errors[row] = np.where(place >= 0, one["error"].values[place], np.nan)
        errors[row, times > one["seconds"].values[-1]] = np.nan
    seconds = xr.DataArray(times, dims="seconds", attrs={"long_name": "time", "units": "s", "scale": "log"})
    attributes = {"over": "seconds", "scale": "log", "long_name": "relative L2 error", "section": "Loss"}
    attributes |= {"panel": "error over time", "description": "The error of each network at the same time."}
    found = xr.DataArray(errors, {CASE: list(known), "seconds": seconds}, (CASE, "seconds"), attrs=attributes)
    return {"error": found}


def _ends(runs: Mapping[str, Run]) -> dict[str, xr.DataArray]:
    """Solutions, errors by frequency and figures at the end."""
    found, names = {}, {CASE: list(runs)}
    data = [one.data for one in runs.values()]
    solutions = np.stack([one["solution"].isel({OUTPUT: 0}).values for one in data])
    found["solution"] = xr.DataArray(solutions, names, (CASE, POINT), attrs={"over": POINT, "long_name": "solution"})
    if all("error_by_frequency" in one for one in data):
        attributes = {"over": FREQUENCY, "scale": "log", "long_name": "relative error", "section": "Frequencies"}
        attributes |= {"panel": "error per frequency", "description": "Relative error of each frequency at the end."}
        frequencies = data[0]["error_by_frequency"].coords[FREQUENCY]
        errors = np.stack([one["error_by_frequency"].values for one in data])
        found["error_by_frequency"] = xr.DataArray(
            errors, names | {FREQUENCY: frequencies}, (CASE, FREQUENCY), attrs=attributes
        )
    for name, _ in FIGURES:
        if all(name in one for one in data):
            found[name] = xr.DataArray([float(one[name]) for one in data], names, CASE)
    return found


def _ways(runs: Mapping[str, Run]) -> dict[str, xr.DataArray]:
    """The networks beside what needs no training."""
    first = next(iter(runs.values())).data
    others = first["baseline_error"].sizes["method"] - 1 if "baseline_error" in first else 0
    methods = [*runs, *(first["method"].values[1:].tolist() if others else [])]
    common = {"over": "method", "marks": "categories"}
    trained = {
        "baseline_error": [number_in(one.data, "relative_l2") for one in runs.values()],
        "baseline_seconds": [_made(one, "seconds") for one in runs.values()],
        "baseline_parameters": [_made(one, "parameters") for one in runs.values()],
    }
    found = {}
    for name, values in trained.items():
        rest = first[name].values[1:].tolist() if others and name in first else [np.nan] * others
        attributes = common if name != "baseline_parameters" else {}
        found[name] = xr.DataArray(np.array([*values, *rest], float), {"method": methods}, "method", attrs=attributes)
    found["baseline_error"].attrs["trained"] = len(runs)
    return found


def _made(run: Run, name: str) -> float:
    value = run.provenance.get("solve", {}).get(name)
    return float("nan") if value is None else float(value)


def summarise_comparison(data: xr.Dataset, made: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Headline, tables and advice of networks side by side.

    Args:
        data: as `gathered` makes them.
        made: `provenance["solve"]` of each run, by name.

    Returns:
        As `simplebias.solving.summary.summarise`.

    No example: `gathered` calls it.
    """
    names = [str(name) for name in data[CASE].values]
    first = made.get(names[0], {})
    what = capital(str(first.get("ready") or first.get("problem") or "a problem"))
    tables = [_cases_table(data, names), _ways_table(data, len(names)), _frequency_table(data, names)]
    notes = [f"{name}: {made[name]['line']}" for name in names if made.get(name, {}).get("line")]
    return {
        "title": f"{what}: {' and '.join(names)} side by side",
        "headline": _headline(data, names),
        "advice": _advice(data, names),
        "notes": notes,
        "tables": [one for one in tables if one is not None],
    }


def _errors(data: xr.Dataset) -> np.ndarray:
    return np.asarray(data["relative_l2"].values, float) if "relative_l2" in data else np.full(data.sizes[CASE], np.nan)


def _headline(data: xr.Dataset, names: list[str]) -> str:
    errors = _errors(data)
    if not np.isfinite(errors).any():
        return "No exact solution or reference is known to tell which is better."
    told = "; ".join(f"{name} {figure(error)}" for name, error in zip(names, errors, strict=True))
    return f"Relative L2 error at the end: {told}."


def _advice(data: xr.Dataset, names: list[str]) -> str:
    errors = _errors(data)
    if not np.isfinite(errors).any():
        return "Give exact= to the problem, or a reference, to tell them apart."
    order = np.argsort(np.where(np.isfinite(errors), errors, np.inf))
    best, worst = int(order[0]), int(order[-1])
    ways = np.asarray(data["baseline_error"].values, float)[len(names) :]
    if len(ways) and np.isfinite(ways).any() and np.nanmin(ways) <= errors[best]:
        way = str(data["method"].values[len(names) + int(np.nanargmin(ways))])
        return f"Take {way}: its error is {figure(float(np.nanmin(ways)))}, and it needs no training."
    if len(names) < 2 or not np.isfinite(errors[worst]) or errors[worst] < 1.5 * errors[best]:
        return f"Take {names[best]}."
    return f"Take {names[best]}: the error of {names[worst]} is {errors[worst] / errors[best]:.2g} times as large."


def _cases_table(data: xr.Dataset, names: list[str]) -> dict[str, Any]:
    norms = [(name, words) for name, words in FIGURES if name in data]
    rows = []
    for place, name in enumerate(names):
        seconds = float(data["baseline_seconds"].values[place])
        parameters = float(data["baseline_parameters"].values[place])
        told = [figure(float(data[norm].values[place])) for norm, _ in norms]
        size = f"{parameters:,.0f}" if np.isfinite(parameters) else "–"
        rows.append([name, size, *told, time_words(seconds) if np.isfinite(seconds) else "–"])
    return table(
        "Networks",
        ["network", "parameters", *(words.removeprefix("relative ") for _, words in norms), "time"],
        rows,
        "",
    )


def _ways_table(data: xr.Dataset, trained: int) -> dict[str, Any] | None:
    rows = [
        [str(data["method"].values[k]), figure(float(error)), time_words(float(data["baseline_seconds"].values[k]))]
        for k, error in enumerate(data["baseline_error"].values)
        if k >= trained and np.isfinite(error)
    ]
    return table("Without training", ["way", "relative L2", "time"], rows, "") if rows else None


def _frequency_table(data: xr.Dataset, names: list[str]) -> dict[str, Any] | None:
    if "error_by_frequency" not in data:
        return None
    errors, shares = np.asarray(data["error_by_frequency"].values, float), power_shares(data)
    rows = [
        [
            f"{float(data[FREQUENCY].values[k]):.3g}",
            percent(float(shares[k])),
            *(figure(float(e)) for e in errors[:, k]),
        ]
        for k in strongest_frequencies(errors[0], shares)[0]
    ]
    return table("Error per frequency", ["cycles per unit", "share of power", *names], rows, "") if rows else None
