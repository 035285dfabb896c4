"""A page is whole, well-formed, small enough, loads nothing, and is safe from whatever users write."""

import base64
import hashlib
import html.parser
import inspect
import json
import re

import numpy as np
import pytest
import xarray as xr

from simplebias.core.errors import InputError, StorageError
from simplebias.core.run import Run
from simplebias.reports import figures, write_report
from simplebias.reports.markup import Citations, flattened, table
from simplebias.reports.page import LIMIT, page

EMPTY = {"meta", "link", "img", "br", "hr", "input", "area", "base", "col", "embed", "source", "track", "wbr"}
SHAPES = {"rect", "circle", "polyline", "image"}


class Reader(html.parser.HTMLParser):
    """Checks that elements nest, and keeps them with their attributes and the text of scripts."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.scripts, self.words, self.wrong = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY | SHAPES:
            self.wrong.append(f"<{tag}/>")

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}>")

    def handle_data(self, data):
        (self.scripts if self.open and self.open[-1] == "script" else self.words).append(data)

    @property
    def ids(self):
        return [attrs["id"] for _, attrs in self.elements if "id" in attrs]


def parsed(written):
    reader = Reader()
    reader.feed(written)
    reader.close()
    return reader


@pytest.fixture(scope="module")
def pages(runs):
    return {name: page(run) for name, run in runs.items()}


def test_every_page_is_well_formed_and_small(pages):
    for name, written in pages.items():
        reader = parsed(written)
        assert reader.wrong == [], name
        assert reader.open == [], name
        assert len(reader.ids) == len(set(reader.ids)), name
        assert len(written.encode()) <= LIMIT, name


def test_nothing_is_loaded(pages):
    for name, written in pages.items():
        for tag, attrs in parsed(written).elements:
            address = attrs.get("src") or attrs.get("href") or attrs.get("srcset") or ""
            if tag == "a":
                assert address.startswith(("#", "https://")), name
            else:
                assert not address or address.startswith("data:image/png;base64,"), (name, tag, address)
        style = written[written.index("<style>") : written.index("</style>")]
        assert "url(" not in style
        assert "@import" not in style


def test_the_policy_allows_just_the_scripts_of_the_page(pages):
    reader = parsed(pages["line"])
    (policy,) = [a["content"] for tag, a in reader.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    assert re.search(r"script-src [^;]*unsafe-inline", policy) is None
    written = re.findall(r"<script>(.*?)</script>", pages["line"], re.DOTALL)
    assert len(written) == 2  # Plotly's own, once, and the page's
    for script in written:
        assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy


def test_hostile_names_are_only_text(pages):
    reader = parsed(pages["hostile"])
    assert not [attrs for tag, attrs in reader.elements if tag == "img" or any(key.startswith("on") for key in attrs)]
    assert sum(tag == "script" for tag, _ in reader.elements) == 2 + len(figures_of(reader))
    shown = "".join(reader.words)
    assert shown.count("</script><img src=x onerror=alert(1)> %{x} <b>ü Ω") > 10
    for figure in figures_of(reader):
        assert "<img" not in figure
        written = json.dumps(json.loads(figure), ensure_ascii=False)
        assert "<img" not in written  # Plotly would read it as HTML
        assert "%{x} <b>" not in written
        assert "&lt;img" in written or "onerror" not in written


def figures_of(reader):
    return [script for script in reader.scripts if script.startswith('{"data"')]


def test_every_figure_has_words_and_a_caption_place(pages, runs):
    reader = parsed(pages["line"])
    drawn = figures(runs["line"])
    plots = [attrs for tag, attrs in reader.elements if attrs.get("class") == "plot"]
    assert [plot["aria-label"] for plot in plots] == [figure.alternative for figure in drawn]
    assert all(plot["role"] == "img" for plot in plots)
    assert sum(tag == "figcaption" for tag, _ in reader.elements) == len(drawn)
    assert ("html", {"lang": "en"}) in reader.elements
    assert "viewport" in [attrs.get("name") for _, attrs in reader.elements]
    assert [tag for tag, _ in reader.elements].count("h1") == 1
    assert {attrs.get("scope") for tag, attrs in reader.elements if tag == "th"} == {"col", "row"}
    assert any(tag == "noscript" for tag, _ in reader.elements)


def test_links_inside_the_page_lead_somewhere(pages):
    for written in pages.values():
        reader = parsed(written)
        targets = {a["href"][1:] for tag, a in reader.elements if tag == "a" and a["href"].startswith("#")}
        assert targets <= set(reader.ids)


def test_the_first_screen_says_what_when_and_what_to_do(pages, runs):
    words = " ".join(parsed(pages["line"]).words)
    summary = runs["line"].provenance["summary"]
    for part in (summary["title"], summary["headline"], summary["advice"], "What to do", "Training loss", "63 %"):
        assert part in words
    assert "Effective neurons, layer 1, cosine > 0.95" in words


def test_provenance_and_sources_are_shown(pages, runs):
    words = " ".join(parsed(pages["line"]).words)
    made = runs["line"].provenance
    for part in (
        made["specification_hash"],
        made["versions"]["jax"],
        made["machine"],
        "public domain",
        "network › width",
    ):
        assert part in words
    assert "Frequency Principle: Fourier Analysis" in words  # cited by a measure
    assert "@misc{xu2019frequency" in words


def test_divergence_is_told_with_its_remedy(pages):
    words = " ".join(parsed(pages["diverged"]).words)
    assert "1 of 2 networks diverged at step 300" in words
    assert "smaller learning rate" in words
    assert "diverged" not in " ".join(parsed(pages["single seed"]).words)


def test_a_crowded_run_is_thinned_to_the_limit(runs, monkeypatch):
    full = len(page(runs["long line"]).encode())
    script = len(page(runs["empty"]).encode())
    tight = script + (full - script) // 3
    written = page(runs["long line"], limit=tight)
    assert len(written.encode()) <= tight
    assert "figures draw about" in written
    monkeypatch.setattr("simplebias.reports.page.DETAILS", (0.05,))
    least = page(runs["long line"], limit=script + 20_000)
    assert len(least.encode()) <= script + 20_000
    assert "figures were left out" in least


def test_report_from_a_run(runs, tmp_path):
    path = write_report(runs["line"], tmp_path / "report.html")
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]
    write_report(runs["single seed"], str(path))  # an earlier report may be replaced
    assert "one seed" in path.read_text(encoding="utf-8")


def test_other_files_are_left_alone(runs, tmp_path):
    notes = tmp_path / "notes.html"
    notes.write_text("<p>mine</p>")
    with pytest.raises(StorageError, match="not a report"):
        write_report(runs["empty"], notes)
    assert notes.read_text() == "<p>mine</p>"
    with pytest.raises(StorageError, match="is a folder"):
        write_report(runs["empty"], tmp_path)
    with pytest.raises(StorageError, match="does not exist"):
        write_report(runs["empty"], tmp_path / "missing" / "report.html")


def test_only_runs_are_drawn(tmp_path):
    with pytest.raises(InputError, match="a Run"):
        inspect.unwrap(write_report)(xr.Dataset(), tmp_path / "report.html")  # without the type checks of tests


def test_summary_may_be_partial(tmp_path):
    data = xr.Dataset({"loss": (("record",), np.ones(3))}, {"step": ("record", [0, 1, 2])})
    run = Run(data, provenance={"summary": {"tables": [{"columns": ["a"], "rows": [[]]}]}, "data": {"name": "x"}})
    assert parsed(page(run)).wrong == []


def test_citations_are_numbered_once():
    citations = Citations()
    first = citations.mark(["xu2019frequency", "nobody2000", "arXiv:1901.06523"])
    assert first == ' <a href="#ref-1">[1]</a> <a href="#ref-2">[2]</a>'
    assert citations.mark(["nobody2000"]) == ' <a href="#ref-2">[2]</a>'
    assert citations.listed().count("<li ") == 2


def test_specification_as_rows():
    rows = flattened({"a": {"b_c": [1, 2], "d": True}, "e": None})
    assert rows == [("a › b c", "1, 2"), ("a › d", "yes"), ("e", "–")]


def test_numbers_in_tables_stand_right():
    written = table(["band", "step"], [["low", "1,200"], ["high", "not yet"]])
    assert written.count('class="number"') == 3
    assert 'class="number"' not in table(["band", "step"], [["low", "soon"]])
