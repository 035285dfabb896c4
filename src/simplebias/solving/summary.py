"""What a solved equation says in words: how large the error is, by which frequency, and what else would have done."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from simplebias.core.run import Run
from simplebias.core.types import FREQUENCY

GOOD = 1e-2
"""Relative L2 error above which the advice is what to try next."""
NOTICEABLE = 1e-3
"""Share of the solution's power from which on the error of a frequency is told."""
SHOWN = 10
"""Frequencies in the table."""
METHODS, ERROR, SECONDS, PARAMETERS = "method", "baseline_error", "baseline_seconds", "baseline_parameters"
FIGURES = (
    ("relative_l2", "relative L2"),
    ("relative_max", "relative L∞"),
    ("relative_h1", "relative H1"),
    ("boundary_max", "boundary"),
)


def summarise(run: Run) -> dict[str, Any]:
    """Headline, tables and advice of a run made by `solve`.

    Args:
        run: with the variables that `solve` records.

    Returns:
        `title`, `headline`, `advice`, `notes` and `tables`, all plain data, as `run.provenance["summary"]` keeps them.

    No example: `solve` calls it.
    """
    made = run.provenance.get("solve", {})
    tables = [_errors(run.data, made), _ways(run.data), _frequencies(run.data)]
    return {
        "title": f"{capital(made.get('ready') or made.get('problem') or 'A problem')}, solved by a network",
        "headline": _headline(run.data, made),
        "advice": _advice(run.data, made),
        "notes": [str(note) for note in made.get("notes", ())] + _notes(made),
        "tables": [one for one in tables if one is not None],
    }


def figure(value: float) -> str:
    """An error for people: two digits, powers of ten where it is small.

    Args:
        value: not negative.

    Returns:
        Text.

    Example:
        >>> figure(0.0123), figure(3.14e-7), figure(float("nan"))
        ('0.012', '3.1e-07', 'unknown')
    """
    if not np.isfinite(value):
        return "unknown"
    return f"{value:.2g}" if 1e-3 <= value < 100 or value == 0 else f"{value:.1e}"


def capital(words: str) -> str:
    """Words with a capital first."""
    return words[:1].upper() + words[1:]


def number_in(data: xr.Dataset, name: str) -> float:
    """A single number of the data, NaN where there is none of that name."""
    return float(data[name].values) if name in data else float("nan")


def _headline(data: xr.Dataset, made: dict[str, Any]) -> str:
    error, reference = number_in(data, "relative_l2"), made.get("reference")
    spent = f"in {time_words(float(made.get('seconds', float('nan'))))}"
    beside = "" if reference in (None, "exact") else f", measured against {reference}"
    if np.isfinite(error):
        words = f"The relative L2 error is {figure(error)} {spent}{beside}."
    elif "loss" in data and data["loss"].size:
        ended = figure(float(data["loss"].values[-1]))
        words = f"No exact solution or reference is known: the loss ended at {ended} {spent}."
    else:
        words = "No exact solution or reference is known."
    worst = _worst(data)
    if worst is not None:
        words += (
            f" The largest error by frequency is at {worst[0]:.3g} cycles per unit, {figure(worst[1])} of its size."
        )
    if made.get("converged") is False:
        words += " The training has not converged."
    return words


def _worst(data: xr.Dataset) -> tuple[float, float] | None:
    """The frequency of the largest relative error, among those the solution has."""
    if "error_by_frequency" not in data:
        return None
    errors = np.asarray(data["error_by_frequency"].values, float)
    carried = np.isfinite(errors) & (power_shares(data) >= NOTICEABLE)
    if not carried.any():
        return None
    place = int(np.argmax(np.where(carried, errors, -np.inf)))
    return float(data[FREQUENCY].values[place]), float(errors[place])


def power_shares(data: xr.Dataset) -> np.ndarray:
    """Share of the solution's power at each frequency, equal ones where it is not known."""
    if "power" not in data:
        return np.full(data.sizes[FREQUENCY], 1 / data.sizes[FREQUENCY])
    power = np.nan_to_num(np.asarray(data["power"].values, float))
    return power / power.sum() if power.sum() > 0 else np.zeros(len(power))


def time_words(seconds: float) -> str:
    """A time for people."""
    if not np.isfinite(seconds):
        return "an unknown time"
    if seconds < 90:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


def _errors(data: xr.Dataset, made: dict[str, Any]) -> dict[str, Any] | None:
    found = [(words, number_in(data, name)) for name, words in FIGURES]
    rows = [[words, figure(value)] for words, value in found if np.isfinite(value)]
    if not rows:
        return None
    reference = made.get("reference")
    note = "Against the exact solution." if reference == "exact" else f"Against {reference}." if reference else ""
    return table("Error", ["norm", "error"], rows, note)


def _ways(data: xr.Dataset) -> dict[str, Any] | None:
    """The trained network beside what needs no training."""
    if ERROR not in data:
        return None
    rows = []
    for place, name in enumerate(data[METHODS].values):
        error, seconds = float(data[ERROR].values[place]), _at(data, SECONDS, place)
        parameters = _at(data, PARAMETERS, place)
        told = [figure(error) if np.isfinite(error) else "–", time_words(seconds) if np.isfinite(seconds) else "–"]
        rows.append([str(name), *told, f"{parameters:,.0f}" if np.isfinite(parameters) else "–"])
    note = "– : cannot be used here."
    missing = any("–" in row[1:] for row in rows)
    return table("Other ways", ["way", "relative L2", "time", "unknowns"], rows, note if missing else "")


def _at(data: xr.Dataset, name: str, place: int) -> float:
    return float(data[name].values[place]) if name in data else float("nan")


def _frequencies(data: xr.Dataset) -> dict[str, Any] | None:
    if "error_by_frequency" not in data:
        return None
    errors, shares = np.asarray(data["error_by_frequency"].values, float), power_shares(data)
    strongest, left = strongest_frequencies(errors, shares)
    if not len(strongest):
        return None
    rows = [
        [f"{float(data[FREQUENCY].values[k]):.3g}", percent(float(shares[k])), figure(float(errors[k]))]
        for k in strongest
    ]
    note = f"{left} more frequencies have less power." if left else ""
    return table("Error per frequency", ["cycles per unit", "share of power", "relative error"], rows, note)


def strongest_frequencies(errors: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, int]:
    """Which frequencies to tell, those of most power in their order, and how many more have a noticeable one."""
    carried = np.flatnonzero(np.isfinite(errors) & (shares >= NOTICEABLE))
    strongest = np.sort(carried[np.argsort(-shares[carried], kind="stable")[:SHOWN]])
    return strongest, len(carried) - len(strongest)


def percent(share: float) -> str:
    """A share for people."""
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], note: str) -> dict[str, Any]:
    """A table as plain data, for the terminal and the page."""
    return {"title": title, "columns": list(columns), "rows": [list(row) for row in rows], "note": note}


def _better(data: xr.Dataset) -> tuple[str, float, float] | None:
    """The other way with the least error, if it is at least as good as the network and not slower."""
    if ERROR not in data or SECONDS not in data:
        return None
    errors, seconds = np.asarray(data[ERROR].values, float), np.asarray(data[SECONDS].values, float)
    others = np.flatnonzero(np.isfinite(errors[1:])) + 1
    if not len(others) or not np.isfinite(errors[0]):
        return None
    best = int(others[np.argmin(errors[others])])
    if errors[best] > errors[0] or not seconds[best] <= seconds[0]:
        return None
    return str(data[METHODS].values[best]), float(errors[best]), float(seconds[best])


def _advice(data: xr.Dataset, made: dict[str, Any]) -> str:
    better = _better(data)
    error = number_in(data, "relative_l2")
    if better is not None:
        name, least, seconds = better
        return (
            f"Do not train a network for this: {name} {'reaches' if not name.endswith('s') else 'reach'} "
            f"{figure(least)} in {time_words(seconds)}."
        )
    if made.get("converged") is False or (np.isfinite(error) and error > GOOD):
        worst = _worst(data)
        if worst is not None and worst[1] > GOOD and np.pi * worst[0] > max(made.get("scales") or [np.inf]):
            return f"Give it more time (--seconds), or scales that reach {worst[0]:.3g} cycles per unit (--scales)."
        return "Give it more time (--seconds), or another --network, --loss or --boundary."
    if not np.isfinite(error):
        return "Hold it against another method or a finer network before you rely on it: no error is known."
    return "Nothing to change: the network is at least as good as the other ways tried here."


def _notes(made: dict[str, Any]) -> list[str]:
    """How it was solved, in words."""
    notes = []
    method = [str(made[name]) for name in ("method", "loss", "boundary") if made.get(name)]
    if method:
        size = f", {made['parameters']:,} parameters" if made.get("parameters") else ""
        rows = f", {made['rows']:,} rows" if made.get("rows") else ""
        notes.append(f"how: {', '.join(method)}{size}{rows}")
    if made.get("scales"):
        notes.append(f"scales: {', '.join(f'{scale:g}' for scale in made['scales'])}")
    return notes
