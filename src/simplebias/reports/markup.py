"""Pieces of HTML that pages share: text made safe, tables, figures with their words, references, the page's frame.

Everything a user may have written passes through `text`. The page forbids itself any connection and any script but
its own, by a Content-Security-Policy with the hashes of its scripts.
"""

import base64
import hashlib
import html
import importlib.resources
import json
import string
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from simplebias.core.citation import Reference, bibliography
from simplebias.core.errors import InputError
from simplebias.reports.kinds import Figure
from simplebias.reports.packing import pack


def text(content: object) -> str:
    """Text of anybody, safe in an element and in a quoted attribute.

    Returns:
        The text escaped.

    Example:
        >>> text('<b "x">')
        '&lt;b &quot;x&quot;&gt;'
    """
    return html.escape(str(content), quote=True)


def resource(name: str) -> str:
    """A file of this room: the frame of the page, its style or its script."""
    return (importlib.resources.files("simplebias.reports") / name).read_text(encoding="utf-8")


def frame(title: str, body: str, scripts: Sequence[str], *, beside: Sequence[str] = ()) -> str:
    """A whole page.

    Args:
        title: of the window, plain text.
        body: HTML.
        scripts: to be run, in order, inlined.
        beside: file names of scripts in the same folder, run before.

    Returns:
        The page.
    """
    from simplebias import __version__

    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    folder = "'self' file: " if beside else ""
    policy = (
        f"default-src 'none'; script-src {folder}{hashes}; style-src 'unsafe-inline'; img-src data: blob:;"
        " base-uri 'none'; form-action 'none'"
    )
    tags = [f'<script src="{text(name)}"></script>' for name in beside]
    tags += [f"<script>{script}</script>" for script in scripts]
    return string.Template(resource("page.html")).substitute(
        version=text(__version__),
        policy=policy,
        title=text(title),
        style=resource("style.css"),
        body=body,
        scripts="\n".join(tags),
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "", note: str = "") -> str:
    """A table with a heading row; the first cell of each row names it. All plain text.

    Returns:
        HTML.

    Example:
        >>> '<th scope="row">low</th>' in table(["band", "step"], [["low", "12"]])
        True
    """
    rows = [[str(cell) for cell in row] for row in rows]
    numeric = [bool(rows) and all(_numeric(row[k]) for row in rows if k < len(row)) for k in range(len(columns))]
    mark = [' class="number"' if right and k else "" for k, right in enumerate(numeric)]
    head = "".join(f'<th scope="col"{mark[k]}>{text(name)}</th>' for k, name in enumerate(columns))
    body = "\n".join(
        "<tr>"
        + f'<th scope="row">{text(row[0])}</th>'
        + "".join(f"<td{mark[k] if k < len(mark) else ''}>{text(cell)}</td>" for k, cell in enumerate(row[1:], 1))
        + "</tr>"
        for row in rows
        if row
    )
    caption = f"<caption>{text(title)}</caption>" if title else ""
    below = f'<p class="note">{text(note)}</p>' if note else ""
    label = f' role="region" aria-label="{text(title or "table")}"'
    return (
        f'<div><div class="scroll" tabindex="0"{label}><table>{caption}<thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>{below}</div>"
    )


def _numeric(cell: str) -> bool:
    kept = cell.strip().replace("−", "-").replace(",", "").removesuffix("%").strip()
    if kept in {"", "-", "–", "—", "not yet", "never"}:
        return True
    try:
        float(kept)
    except ValueError:
        return False
    return True


def key_table(title: str, pairs: Iterable[tuple[str, str]]) -> str:
    """A table of names and values, empty values left out."""
    rows = "".join(
        f'<tr><th scope="row">{text(name)}</th><td>{text(value)}</td></tr>' for name, value in pairs if str(value) != ""
    )
    return f'<table class="keys"><caption>{text(title)}</caption><tbody>{rows}</tbody></table>' if rows else ""


def flattened(tree: Mapping[str, Any], lead: str = "") -> list[tuple[str, str]]:
    """A specification as names and values, nested names joined.

    Returns:
        Names and values in the order of the tree.

    Example:
        >>> flattened({"network": {"width": 100, "bias": None}})
        [('network › width', '100'), ('network › bias', '–')]
    """
    pairs: list[tuple[str, str]] = []
    for key, value in tree.items():
        name = f"{lead} › {key}" if lead else str(key).replace("_", " ")
        if isinstance(value, Mapping):
            pairs += flattened(value, name)
        else:
            pairs.append((name.replace("_", " "), _value(value)))
    return pairs


def _value(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        shown = ", ".join(_value(part) for part in value[:12])
        return shown + (f", … ({len(value)} in all)" if len(value) > 12 else "")
    return str(value)


def raw(content: Any, summary: str) -> str:
    """Something as JSON in a fold."""
    written = json.dumps(content, indent=1, ensure_ascii=False, default=str)
    return f"<details><summary>{text(summary)}</summary><pre>{text(written)}</pre></details>"


class Citations:
    """Numbers references in the order in which they are cited.

    Example:
        >>> citations = Citations()
        >>> citations.mark(["xu2019frequency"])
        ' <a href="#ref-1">[1]</a>'
    """

    def __init__(self):
        self.cited: list[Reference] = []

    def mark(self, keys: Iterable[str]) -> str:
        """Links to references; an unknown key stands for itself."""
        numbers = []
        for key in dict.fromkeys(keys):
            reference = _reference(key)
            if reference not in self.cited:
                self.cited.append(reference)
            numbers.append(self.cited.index(reference) + 1)
        return "".join(f' <a href="#ref-{number}">[{number}]</a>' for number in dict.fromkeys(numbers))

    def listed(self) -> str:
        """A section with all that was cited, each with its BibTeX."""
        if not self.cited:
            return ""
        items = "".join(f'<li id="ref-{rank}">{_entry(one)}</li>' for rank, one in enumerate(self.cited, 1))
        return f'<section id="references"><h2>References</h2><ol class="references">{items}</ol></section>'


def _reference(key: str) -> Reference:
    try:
        return bibliography([key])[0]
    except InputError:
        return Reference(key=key, text=key, bibtex="", url="")


def _entry(reference: Reference) -> str:
    words = text(reference.text)
    if reference.url.startswith("https://"):
        words = f'{words} <a href="{text(reference.url)}" rel="noreferrer">open</a>'
    if reference.bibtex:
        words += f"<details><summary>BibTeX</summary><pre>{text(reference.bibtex)}</pre></details>"
    return words


def figure_block(figure: Figure, rank: int, citations: Citations) -> str:
    """A figure with its title, words, data and caption.

    Args:
        figure: the figure.
        rank: its number on the page.
        citations: of the page.

    Returns:
        HTML.
    """
    marks = citations.mark(figure.references)
    caption = f"<p>{text(figure.caption)}{marks}</p>" if figure.caption or marks else ""
    height = int(figure.plotly.get("layout", {}).get("height", 380))
    return (
        f'<figure class="interactive" id="figure-{rank}">\n'
        f"<h3>{text(figure.title)}<span>Figure {rank}</span></h3>\n"
        f'<div class="plot" role="img" aria-label="{text(figure.alternative)}" style="min-height:{min(height, 420)}px">'
        '<p class="waiting">Drawing …</p></div>\n'
        f'<script type="application/json">{pack(figure.plotly)}</script>\n'
        f"<figcaption>{caption}<details><summary>In words</summary><p>{text(figure.alternative)}</p></details>"
        "</figcaption>\n</figure>"
    )
