"""What a fit says in words: how well each band of frequencies is fitted, against a plain network of as many weights."""

from typing import Any

import numpy as np
import xarray as xr

from simplebias.core.errors import Outcome
from simplebias.core.run import Run
from simplebias.core.snapshot import count_parameters
from simplebias.core.types import BAND, FILTER_WIDTH, PART
from simplebias.fitting.looks import PLAIN
from simplebias.fitting.options import FitOptions
from simplebias.observation.findings import LEARNED, NOTICEABLE, record_dimension
from simplebias.observation.preparation import Prepared
from simplebias.observation.wording import number, percent, table

OVERFIT = 3.0
"""Held-out error over that of trained points from which on the summary speaks of it."""


def summarise_fit(run: Run, prepared: Prepared, options: FitOptions, notes: list[str]) -> dict[str, Any]:
    """Headline, tables and one line of advice.

    Args:
        run: the fit, finished or not.
        prepared: what was trained.
        options: with what.
        notes: on the scales.

    Returns:
        `title`, `headline`, `advice`, `notes` and `tables`, all plain data.

    No example: `fit` calls it, and keeps what it returns in `run.provenance["summary"]`.
    """
    parts = _parts(run.data)
    scales = options.scales if isinstance(options.scales, str) else ", ".join(f"{one:g}" for one in options.scales)
    layers = " × ".join(str(len(layer.weight)) for layer in run.network.fitted.layers[:-1])
    weights = count_parameters(run.network.fitted)
    words = [f"network of sines, {layers} neurons, {number(weights)} weights, scales {scales}"]
    if run.network.plain is not None:
        plain = run.network.plain.layers
        words.append(
            f"plain network: tanh, {' × '.join(str(len(layer.weight)) for layer in plain[:-1])} neurons, "
            f"{number(count_parameters(run.network.plain))} weights, trained beside it in the same way"
        )
    if len(prepared.validation):
        words.append("the weights that fit the held-out points best are kept, of each network by itself")
    if options.scales == "adaptive":
        words.append("curves over steps are those of the last round, after all scales were added")
    return {
        "title": f"{prepared.sample.name}: a fit at the scales of the data",
        "headline": f"{_overall(run.data, prepared)} {_failed(parts)}".strip(),
        "advice": _advice(run, parts, options),
        "notes": [*prepared.notes, *words, *notes, *_outcome(run)],
        "tables": [one for one in (_band_table(parts, run.data), _fit_table(run.data, prepared)) if one is not None],
    }


def _last(data: xr.Dataset, name: str) -> xr.DataArray | None:
    """Values of a record at the end; None if there is none."""
    if name not in data:
        return None
    return data[name].isel({record_dimension(data, name): -1})


def _parts(data: xr.Dataset) -> dict[str, np.ndarray]:
    """Label, share of power, and relative error of both networks, for each band or each part of a filter."""
    if "band_error" in data:
        fitted, plain = _last(data, "band_error"), _last(data, f"{PLAIN}band_error")
        labels, shares = np.asarray(data[BAND].values, str), np.asarray(data["share"].values)
    elif "filter_error" in data:
        found = [_last(data, name) for name in ("filter_error", f"{PLAIN}filter_error")]
        fitted, plain = (None if one is None else one.stack(piece=(FILTER_WIDTH, PART)) for one in found)
        assert fitted is not None
        kept, pieces = data["filter_share"].values, fitted["piece"].values
        labels = np.array([f"{part} part, filter variance {width:.3g}" for width, part in pieces])
        shares = np.array([kept[k // 2] if part == "low" else 1 - kept[k // 2] for k, (_, part) in enumerate(pieces)])
    else:
        return {}
    parts = {"label": labels, "share": shares, "fitted": np.asarray(fitted)}
    return parts if plain is None else parts | {"plain": np.asarray(plain)}


def _band_table(parts: dict[str, np.ndarray], data: xr.Dataset) -> dict[str, Any] | None:
    if not parts:
        return None
    compared = "plain" in parts
    rows = []
    for place, (label, share) in enumerate(zip(parts["label"], parts["share"], strict=True)):
        if share < 1e-12:
            continue
        row = [str(label), percent(float(share)), _error(parts["fitted"][place], share)]
        rows.append([*row, _error(parts["plain"][place], share), _gain(parts, place)] if compared else row)
    columns = ["frequency band" if "band_error" in data else "part", "share of power", "relative error"]
    note = f"relative error at the end, on all points; ✗: carries power and is not fitted, {LEARNED:g} or above"
    return table(
        "How well each band is fitted", [*columns, "plain network", "times better"][: len(rows[0])], rows, note
    )


def _short(value: float) -> str:
    return f"{value:.2g}" if np.isfinite(value) else "not finite"


def _error(value: float, share: float) -> str:
    """An error, marked where the band is not fitted though it carries power."""
    return _short(value) + (" ✗" if share >= NOTICEABLE and not value < LEARNED else "")


def _gain(parts: dict[str, np.ndarray], place: int) -> str:
    ratio = parts["plain"][place] / max(parts["fitted"][place], 1e-30)
    return "–" if not np.isfinite(ratio) else "> 1000" if ratio > 1000 else f"{ratio:.2g}"


def _rms(data: xr.Dataset, name: str) -> float:
    found = _last(data, name)
    return float("nan") if found is None else float(np.sqrt(float(np.asarray(found))))


def _overall(data: xr.Dataset, prepared: Prepared) -> str:
    """The error in a sentence, that of held-out points where there are some."""
    held = "validation_loss" in data
    name = "validation_loss" if held else "loss"
    fitted, plain = _rms(data, name), _rms(data, PLAIN + name)
    where = "held-out points" if held else "the points"
    words = f"The fit misses {where} by {percent(fitted)} of the spread of the values (root mean square over std)"
    if np.isfinite(plain):
        words += f", a plain network of as many weights by {percent(plain)}"
    if prepared.sample.lattice is not None:
        peak = np.ptp(prepared.sample.values, axis=0).max() if prepared.sample.values is not None else 1.0
        words += f"; {_decibels(fitted * float(prepared.stretch.mean()), float(peak)):.1f} dB"
    return f"{words}."


def _decibels(rms: float, peak: float) -> float:
    """Peak signal-to-noise ratio of pixels, of which the brightest is `peak` above the darkest."""
    return float(20 * np.log10(peak / rms)) if rms > 0 else float("inf")


def _failed(parts: dict[str, np.ndarray]) -> str:
    """Which bands are not fitted, in words."""
    if not parts:
        return ""
    carried = parts["share"] >= NOTICEABLE
    missing = carried & ~(parts["fitted"] < LEARNED)
    if not carried.any():
        return ""
    if not missing.any():
        return f"Every band that carries power is fitted to a relative error below {LEARNED:g}."
    labels = parts["label"][missing]
    listed = ", ".join(labels[:3]) + (f" and {len(labels) - 3} more" if len(labels) > 3 else "")
    worst = float(np.nanmax(parts["fitted"][missing])) if np.isfinite(parts["fitted"][missing]).any() else float("nan")
    words = f"Not fitted: {listed} (relative error up to {_short(worst)})"
    if "plain" in parts:
        both = parts["plain"][missing] >= LEARNED
        words += ", nor by the plain network" if both.all() else ""
    return f"{words}."


def _advice(run: Run, parts: dict[str, np.ndarray], options: FitOptions) -> str:
    """What to do next, in a sentence."""
    if run.outcome is Outcome.DIVERGED:
        return f"{Outcome.DIVERGED}."
    if run.outcome is Outcome.INTERRUPTED:
        return "Resume it to go on."
    loss, held = _rms(run.data, "loss"), _rms(run.data, "validation_loss")
    missing = parts["label"][(parts["share"] >= NOTICEABLE) & ~(parts["fitted"] < LEARNED)] if parts else []
    where = str(run.path) if run.path is not None else "FOLDER"
    use = f"Values at new points: simplebias predict {where} POINTS."
    if np.isfinite(held) and held > OVERFIT * loss and held > 0.03:
        return (
            f"Held-out points are missed {held / loss:.2g} times as far as trained ones: what is left there is noise, "
            f"or detail finer than the points; more steps or neurons will not help, more points will. {use}"
        )
    if len(missing):
        finer = "" if options.scales in ("auto", "adaptive") else "let scales be auto, "
        return f"To fit {missing[0]} as well, {finer}train longer or widen the network. {use}"
    return use


def _fit_table(data: xr.Dataset, prepared: Prepared) -> dict[str, Any]:
    """Root mean square errors in the units of the data."""
    rows = []
    for name, words in (("loss", "points trained on"), ("validation_loss", "points held out")):
        if name in data:
            compared = [_in_units(_rms(data, name), prepared)]
            compared += [_in_units(_rms(data, PLAIN + name), prepared)] if PLAIN + name in data else []
            rows.append([words, *compared])
    columns = ["root mean square error", "this fit", "plain network"]
    several = len(prepared.stretch) > 1
    note = "in units of each output's std" if several else f"in units of {prepared.sample.output_names[0]}"
    return table("The fit", columns[: len(rows[0])] if rows else columns, rows, note)


def _in_units(rms: float, prepared: Prepared) -> str:
    return f"{rms * float(prepared.stretch[0]):.3g}" if len(prepared.stretch) == 1 else f"{rms:.3g}"


def _outcome(run: Run) -> list[str]:
    if run.outcome in {Outcome.DIVERGED, Outcome.INTERRUPTED}:
        return [f"step {number(run.step)}: {run.outcome}"]
    return []


__all__ = ["summarise_fit"]
