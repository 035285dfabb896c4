"""A run as one page: a single HTML file that needs no connection, for a screen, a phone and print."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simplebias.core.citation import SOFTWARE
from simplebias.core.errors import InputError, Outcome, StorageError
from simplebias.core.run import Run
from simplebias.core.storage import storage_errors, write_atomic
from simplebias.reports.figures import figures
from simplebias.reports.glance import learned_when, tiles
from simplebias.reports.kinds import Figure
from simplebias.reports.markup import (
    Citations,
    figure_block,
    flattened,
    frame,
    key_table,
    raw,
    resource,
    table,
    text,
)
from simplebias.reports.reading import Reading, read

LIMIT = 6_000_000
"""Size of a page in bytes; figures are thinned until it fits."""
DETAILS = (1.0, 0.5, 0.25, 0.1, 0.05)
"""Shares of the usual number of points to try."""
GENERATOR = '<meta name="generator" content="simplebias'
"""Marks a page as made here, so that it may be written over."""


def write_report(run: Run, path: str | Path) -> Path:
    """Write a run as one self-contained page of at most 6 MB that opens without a network connection.

    At the top stands `run.provenance["summary"]` (title, headline, advice, notes, tables), then the figures that the
    dimensions of the data call for, the data's source and licence, provenance and references.

    Args:
        run: the run; its networks are not used.
        path: the file; an earlier report there is replaced, anything else is left alone.

    Returns:
        The file written.

    Raises:
        InputError: if `run` is not a Run.
        StorageError: if the file cannot be written or holds something else.

    Example:
        >>> import tempfile, numpy as np, xarray as xr
        >>> data = xr.Dataset({"loss": (("seed", "record"), np.ones((1, 3)))}, {"step": ("record", [0, 1, 10])})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_report(Run(data), Path(folder) / "report.html").name
        'report.html'
    """
    if not isinstance(run, Run):
        raise InputError(
            "a Run", f"an object of type {type(run).__name__}", "Read one with simplebias.Run.load(folder)."
        )
    path = Path(path)
    _claim(path)
    write_atomic(path, page(run))
    return path


def _claim(path: Path) -> None:
    if path.is_dir():
        raise StorageError(f"{path} is a folder: name a file, such as {path / 'report.html'}")
    if path.exists():
        with storage_errors(path, "read"), open(path, encoding="utf-8", errors="replace") as file:
            ours = GENERATOR in file.read(2000)
        if not ours:
            raise StorageError(f"{path} is not a report made by simplebias: it is left as it is; name another file")


def page(run: Run, *, limit: int = LIMIT) -> str:
    """The page of a run as text.

    Args:
        run: the run.
        limit: bytes; figures draw fewer points until the page fits, at last the largest are left out.

    Returns:
        HTML.
    """
    from plotly.offline import get_plotlyjs

    scripts = [get_plotlyjs(), resource("page.js")]
    for detail in DETAILS:
        drawn = figures(run, detail=detail)
        written = _whole(run, drawn, scripts, detail, 0)
        if len(written.encode()) <= limit:
            return written
    sizes = [len(figure_block(figure, rank, Citations()).encode()) for rank, figure in enumerate(drawn)]
    excess = len(written.encode()) - limit
    order = np.argsort(sizes)[::-1]
    count = int(np.searchsorted(np.cumsum(np.sort(sizes)[::-1]), excess)) + 1
    kept = [figure for rank, figure in enumerate(drawn) if rank not in order[:count]]
    return _whole(run, kept, scripts, DETAILS[-1], len(drawn) - len(kept))


def _whole(run: Run, drawn: Sequence[Figure], scripts: Sequence[str], detail: float, left_out: int) -> str:
    summary, reading, citations = run.provenance.get("summary") or {}, read(run, detail), Citations()
    title = str(summary.get("title") or "A network in training")
    sections = [("summary", "Summary", _summary(summary)), *_drawn(drawn, citations)]
    sections.append(("provenance", "Data and provenance", _provenance(run)))
    sections = [entry for entry in sections if entry[2]]
    links = "".join(f'<a href="#{name}">{text(heading)}</a>' for name, heading, _ in sections)
    body = "\n".join(
        f'<section id="{name}"><h2>{text(heading)}</h2>\n{content}\n</section>' for name, heading, content in sections
    )
    notice = _budget(detail, left_out)
    programs = citations.mark(SOFTWARE)
    header = _header(run, reading, summary, title)
    footer = (
        f"<footer><p>{notice}Made by simplebias with free programs{programs}."
        " This page holds everything it shows and loads nothing.</p></footer>"
    )
    whole = (
        f'<div class="page">{header}\n<nav aria-label="Sections">{links}</nav>\n<main id="main">{body}\n'
        f"{citations.listed()}</main>{footer}</div>"
    )
    return frame(f"{title} – simplebias", whole, scripts)


def _budget(detail: float, left_out: int) -> str:
    if detail >= 1:
        return ""
    words = f"To keep this page below {LIMIT / 1e6:.0f} MB, figures draw about {100 * detail:.0f} % of the usual points"
    words += f", and {left_out} figures were left out. " if left_out else ". "
    return words + "The run itself holds all data. "


def _header(run: Run, reading: Reading, summary: Mapping[str, Any], title: str) -> str:
    headline = f'<p class="headline">{text(summary["headline"])}</p>' if summary.get("headline") else ""
    advice = ""
    if summary.get("advice"):
        advice = f'<div class="advice"><h2>What to do</h2><p>{text(summary["advice"])}</p></div>'
    learned = learned_when(reading)
    first = f'<div class="glance">{learned}{advice}</div>' if learned or advice else ""
    lead = f"{_kicker(run, reading)}<h1>{text(title)}</h1>{headline}{_warning(run)}"
    return f"<header>{lead}{first}{tiles(reading)}</header>"


def _kicker(run: Run, reading: Reading) -> str:
    seeds = run.data.sizes.get("seed", 1)
    facts = [f"{run.step:,} steps" if run.step else "", f"{seeds} seeds" if seeds > 1 else "one seed"]
    facts.append(str(run.provenance.get("started", ""))[:10])
    spans = "".join(f"<span>{text(fact)}</span>" for fact in facts if fact)
    return f'<p class="kicker"><span><b>simplebias</b></span>{spans}</p>'


def _warning(run: Run) -> str:
    """What went wrong, with the remedy."""
    notes = []
    outcome, when = run.data.get("outcome"), run.data.get("diverged_at")
    if outcome is not None and outcome.dims == ("seed",):
        bad = np.flatnonzero(outcome.values == int(Outcome.DIVERGED))
        steps = [str(when.values[k]) for k in bad] if when is not None and when.dims == ("seed",) else []
        if len(bad):
            at = f" at step {', '.join(steps)}" if steps else ""
            notes.append(f"{len(bad)} of {outcome.size} networks diverged{at}: {Outcome.DIVERGED}.")
    elif run.outcome == Outcome.DIVERGED:
        notes.append(f"The training diverged: {Outcome.DIVERGED}.")
    if run.outcome == Outcome.INTERRUPTED:
        notes.append(f"The training was {Outcome.INTERRUPTED}.")
    return f'<p class="notice" role="note">{text(" ".join(notes))}</p>' if notes else ""


def _summary(summary: Mapping[str, Any]) -> str:
    tables = "\n".join(
        table(
            [str(name) for name in one.get("columns", ())],
            one.get("rows", ()),
            title=str(one.get("title", "")),
            note=str(one.get("note") or ""),
        )
        for one in summary.get("tables", ())
    )
    notes = "".join(f"<li>{text(note)}</li>" for note in summary.get("notes", ()))
    return (f'<div class="tables">{tables}</div>' if tables else "") + (f"<ul>{notes}</ul>" if notes else "")


def _drawn(drawn: Sequence[Figure], citations: Citations) -> list[tuple[str, str, str]]:
    sections: dict[str, list[str]] = {}
    for rank, figure in enumerate(drawn, 1):
        sections.setdefault(figure.section or "Figures", []).append(figure_block(figure, rank, citations))
    return [(f"part-{rank}", name, "\n".join(blocks)) for rank, (name, blocks) in enumerate(sections.items(), 1)]


def _provenance(run: Run) -> str:
    made = run.provenance
    data = made.get("data") or {}
    about = [(name, str(data.get(name) or "")) for name in ("name", "source", "licence", "path")]
    notes = "".join(f"<li>{text(note)}</li>" for note in data.get("notes") or ())
    how = [
        ("command", str(made.get("command", ""))),
        ("started", str(made.get("started", ""))),
        ("machine", str(made.get("machine", ""))),
        *[(str(name), str(version)) for name, version in (made.get("versions") or {}).items()],
        ("hash of the specification", str(made.get("specification_hash", ""))),
    ]
    specification = made.get("specification") or {}
    left = key_table("Data", about) + (f"<ul>{notes}</ul>" if notes else "") + key_table("How it was made", how)
    right = key_table("Specification", flattened(specification))
    if specification:
        right += raw(specification, "Specification as JSON, to run it again")
    return f'<div class="columns"><div>{left}</div><div>{right}</div></div>' if left or right else ""
