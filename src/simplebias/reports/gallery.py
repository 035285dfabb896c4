"""A gallery of claims: an index with verdicts and small drawings, and a page for each claim, from plain data.

The pages of one folder share one copy of the drawing script beside them and load nothing else.
"""

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from simplebias.core.errors import InputError, StorageError, check_choice, check_positive
from simplebias.core.storage import storage_errors, write_atomic
from simplebias.reports.kinds import Figure
from simplebias.reports.markup import (
    Citations,
    figure_block,
    flattened,
    frame,
    key_table,
    raw,
    resource,
    text,
)
from simplebias.reports.thumbnails import thumbnail

FORMAT = 1
"""Version of the layout of a gallery's folder."""
GALLERY = "gallery.json"
"""The file that makes a folder a gallery."""
SCRIPT = "plotly.min.js"
VERDICTS = {"true": "✓ true", "false": "✗ false", "error": "! error"}
"""What a verdict is called on a page."""


class Row(NamedTuple):
    """One figure that was measured, and what is accepted.

    Example:
        >>> Row("steps to learn frequency 1", "32", "< 60", ok=True).ok
        True
    """

    what: str
    measured: str
    accepted: str
    ok: bool


@dataclasses.dataclass(frozen=True)
class Exhibit:
    """A claim that was put to the test. All texts are plain.

    Args:
        id: of the claim, such as `f01`: small letters, digits, `-` and `_`; names its page.
        title: a few words.
        sentence: the claim.
        verdict: `true`, `false`, or `error` where the check itself failed.
        rows: what was measured against what is accepted.
        source: keys of the bibliography.
        setting: what was trained on what, in words.
        counter_example: where the claim is known to fail, in words.
        seconds: time taken.
        scale: `smoke`, `standard` or `full`.
        figures: to be shown; the first one stands small in the index.
        provenance: as a Run has it.

    Raises:
        InputError: for an id that cannot name a file, an unknown verdict, or a negative time.
    """

    id: str
    title: str
    sentence: str
    verdict: Literal["true", "false", "error"]
    rows: Sequence[Row | tuple[str, str, str, bool]] = ()
    source: Sequence[str] = ()
    setting: str = ""
    counter_example: str = ""
    seconds: float = 0.0
    scale: str = ""
    figures: Sequence[Figure] = ()
    provenance: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,60}", self.id) or self.id in {"index", "gallery"}:
            raise InputError("id of a claim in small letters, digits, - and _", repr(self.id))
        check_choice(self.verdict, "verdict", VERDICTS)
        check_positive(self.seconds, "seconds", zero=True)


def write_gallery(exhibits: Sequence[Exhibit], folder: str | Path) -> Path:
    """Write a page for each claim and an index of all claims in the folder, those of earlier calls included.

    Args:
        exhibits: claims put to the test.
        folder: new, empty, or a gallery made earlier.

    Returns:
        The index, `folder/index.html`.

    Raises:
        InputError: if two exhibits have the same id.
        StorageError: if the folder holds something else, is damaged, or cannot be written.

    Example:
        >>> import tempfile
        >>> claim = Exhibit("f01", "Low first", "Low comes first.", "true", [("steps", "3", "< 5", True)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     sorted(path.name for path in write_gallery([claim], folder).parent.iterdir())
        ['f01.html', 'f01.json', 'gallery.json', 'index.html', 'plotly.min.js']
    """
    from plotly.offline import get_plotlyjs

    ids = [exhibit.id for exhibit in exhibits]
    if len(set(ids)) < len(ids):
        raise InputError("each claim once", f"ids {', '.join(ids)}")
    folder = _claim(Path(folder))
    write_atomic(folder / SCRIPT, get_plotlyjs())
    for exhibit in exhibits:
        write_atomic(folder / f"{exhibit.id}.html", claim_page(exhibit))
        write_atomic(folder / f"{exhibit.id}.json", json.dumps(_entry(exhibit), indent=1, ensure_ascii=False))
    index = folder / "index.html"
    write_atomic(index, index_page(_entries(folder)))
    return index


def _claim(folder: Path) -> Path:
    """Make the folder, never taking one that holds something else."""
    if folder.exists() and not folder.is_dir():
        raise StorageError(f"{folder} is a file: name a folder")
    with storage_errors(folder, "make the folder"):
        folder.mkdir(parents=True, exist_ok=True)
        filled = any(folder.iterdir())
    marker = folder / GALLERY
    if not filled:
        write_atomic(marker, json.dumps({"format": FORMAT, "made_by": "simplebias"}))
        return folder
    if not marker.is_file():
        raise StorageError(f"{folder} holds other files and no gallery: name an empty or new folder")
    if _read(marker).get("format", 0) > FORMAT:
        raise StorageError(f"{folder} was written by a newer simplebias: upgrade simplebias, or name another folder")
    return folder


def _read(path: Path) -> dict[str, Any]:
    with storage_errors(path, "read"):
        written = path.read_text(encoding="utf-8", errors="replace")
    try:
        content = json.loads(written)
    except ValueError as error:
        raise StorageError(f"{path} is damaged ({error}): remove it and reproduce the claim again") from error
    if not isinstance(content, dict):
        raise StorageError(f"{path} is damaged (no object): remove it and reproduce the claim again")
    return content


def _entry(exhibit: Exhibit) -> dict[str, Any]:
    """What the index needs, and the verdict with its figures for other programs."""
    kept = {name: getattr(exhibit, name) for name in ("id", "title", "sentence", "verdict", "seconds", "scale")}
    rows = [dict(zip(Row._fields, row, strict=True)) for row in exhibit.rows]
    small = thumbnail(exhibit.figures[0]) if exhibit.figures else ""
    return kept | {"rows": rows, "started": str(exhibit.provenance.get("started", "")), "thumbnail": small}


def _entries(folder: Path) -> list[dict[str, Any]]:
    entries = []
    for path in sorted(folder.glob("*.json")):
        if path.name == GALLERY:
            continue
        entry = _read(path)
        needed = {"id", "title", "sentence", "verdict", "seconds", "scale", "thumbnail"}
        if needed - entry.keys() or entry["verdict"] not in VERDICTS or entry["id"] != path.stem:
            raise StorageError(f"{path} is damaged (not a claim): remove it and reproduce the claim again")
        entries.append(entry)
    return entries


def index_page(entries: Sequence[Mapping[str, Any]]) -> str:
    """The index of a gallery.

    Args:
        entries: of all claims, as stored beside their pages.

    Returns:
        HTML.
    """
    counts = {name: sum(entry["verdict"] == name for entry in entries) for name in VERDICTS}
    said = [f"{counts['true']} of {len(entries)} claims hold"]
    said += [f"{counts['false']} came out false"] if counts["false"] else []
    said += [f"{counts['error']} could not be checked"] if counts["error"] else []
    rows = "".join(_index_row(entry) for entry in entries)
    cards = "".join(_card(entry) for entry in entries)
    body = f"""<div class="page"><header>
<p class="kicker"><span><b>simplebias</b></span><span>gallery of claims</span></p>
<h1>What holds, measured</h1><p class="headline">{", ".join(said)}.</p></header>
<main id="main"><section><div class="scroll" tabindex="0" role="region" aria-label="Verdicts"><table>
<thead><tr><th scope="col">claim</th><th scope="col">sentence</th><th scope="col">verdict</th>
<th scope="col">scale</th><th scope="col" class="number">time</th></tr></thead><tbody>{rows}</tbody></table></div>
<ul class="cards">{cards}</ul></section></main>
<footer><p>Made by simplebias. These pages hold everything they show and load nothing.</p></footer></div>"""
    return frame("Claims – simplebias", body, [])


def _badge(verdict: str) -> str:
    return f'<span class="verdict {text(verdict)}">{text(VERDICTS[verdict])}</span>'


def _index_row(entry: Mapping[str, Any]) -> str:
    name = text(entry["id"])
    return (
        f'<tr><th scope="row"><a href="{name}.html">{name}</a></th><td>{text(entry["sentence"])}</td>'
        f"<td>{_badge(entry['verdict'])}</td><td>{text(entry['scale'])}</td>"
        f'<td class="number">{text(duration(entry["seconds"]))}</td></tr>'
    )


def _card(entry: Mapping[str, Any]) -> str:
    name = text(entry["id"])
    return (
        f'<li><a href="{name}.html">{entry["thumbnail"]}{_badge(entry["verdict"])}<h3>{text(entry["title"])}</h3></a>'
        f'<p>{text(entry["sentence"])}</p><p class="note">{name} · {text(duration(entry["seconds"]))}</p></li>'
    )


def duration(seconds: float) -> str:
    """A time for people.

    Returns:
        Seconds, minutes or hours.

    Example:
        >>> duration(4.26), duration(125.0), duration(7260.0)
        ('4.3 s', '2 min 5 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def claim_page(exhibit: Exhibit) -> str:
    """The page of one claim.

    Args:
        exhibit: the claim put to the test.

    Returns:
        HTML that needs `plotly.min.js` beside it.
    """
    citations = Citations()
    marks = citations.mark(exhibit.source)
    facts = [f"claim {exhibit.id}", exhibit.scale, duration(exhibit.seconds)]
    facts.append(str(exhibit.provenance.get("started", ""))[:10])
    kicker = "".join(f"<span>{text(fact)}</span>" for fact in facts if fact)
    told = _paragraph("Setting", exhibit.setting) + _paragraph("Where it fails", exhibit.counter_example)
    sections = [_measured(exhibit), f'<section><div class="columns">{told}</div></section>' if told else ""]
    if exhibit.figures:
        blocks = "\n".join(figure_block(figure, rank, citations) for rank, figure in enumerate(exhibit.figures, 1))
        sections.append(f"<section><h2>Figures</h2>{blocks}</section>")
    sections += [_provenance(exhibit.provenance), citations.listed()]
    body = f"""<div class="page"><header>
<p class="kicker"><span><b><a href="index.html">simplebias</a></b></span>{kicker}</p>
<h1>{text(exhibit.title)}</h1><p class="headline">{text(exhibit.sentence)}{marks}</p>
<p class="headline">{_badge(exhibit.verdict)}</p></header>
<main id="main">{"".join(sections)}</main>
<footer><p><a href="index.html">All claims</a></p></footer></div>"""
    return frame(f"{exhibit.title} – simplebias", body, [resource("page.js")], beside=[SCRIPT])


def _measured(exhibit: Exhibit) -> str:
    if not exhibit.rows:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{text(row[0])}</th><td>{text(row[1])}</td><td>{text(row[2])}</td>'
        f"<td>{_badge('true' if row[3] else 'false')}</td></tr>"
        for row in exhibit.rows
    )
    return (
        '<section><h2>Measured against accepted</h2><div class="scroll" tabindex="0" role="region"'
        ' aria-label="Measured against accepted"><table><thead><tr><th scope="col">what</th>'
        '<th scope="col">measured</th><th scope="col">accepted</th><th scope="col">verdict</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div></section>"
    )


def _paragraph(heading: str, words: str) -> str:
    return f"<div><h2>{heading}</h2><p>{text(words)}</p></div>" if words else ""


def _provenance(made: Mapping[str, Any]) -> str:
    how = [(name, str(made.get(name, ""))) for name in ("command", "started", "machine")]
    how += [(str(name), str(version)) for name, version in (made.get("versions") or {}).items()]
    specification = made.get("specification") or {}
    left, right = key_table("How it was made", how), key_table("Specification", flattened(specification))
    if not left and not right:
        return ""
    fold = raw(specification, "Specification as JSON") if specification else ""
    return f'<section><h2>Provenance</h2><div class="columns"><div>{left}</div><div>{right}{fold}</div></div></section>'
