"""A gallery shows verdicts, keeps earlier results, and never takes a folder that is not its own."""

import json

import pytest

from simplebias.core.errors import InputError, StorageError
from simplebias.reports import Exhibit, Row, figures, write_gallery
from simplebias.reports.thumbnails import thumbnail

from .test_page import parsed

NASTY = "</script><img src=x onerror=alert(1)>"


def exhibit(name, verdict="true", drawn=(), **changes):
    content = {
        "title": f"Claim {name}",
        "sentence": f"Sentence of {name}.",
        "rows": [Row("steps", "32", "< 60", verdict == "true")],
        "source": ("xu2019frequency",),
        "setting": "A small network.",
        "counter_example": "With large weights.",
        "seconds": 75.0,
        "scale": "smoke",
        "figures": drawn,
    }
    return Exhibit(name, verdict=verdict, **(content | changes))


def test_index_and_pages(runs, tmp_path):
    drawn = figures(runs["digits"])
    index = write_gallery(
        [exhibit("f01", drawn=drawn), exhibit("f02", "false"), exhibit("c01", "error")], tmp_path / "g"
    )
    names = {path.name for path in index.parent.iterdir()}
    pages = {f"{claim}.{end}" for claim in ("f01", "f02", "c01") for end in ("html", "json")}
    assert names == pages | {"index.html", "plotly.min.js", "gallery.json"}
    words = " ".join(parsed(index.read_text(encoding="utf-8")).words)
    assert "1 of 3 claims hold, 1 came out false, 1 could not be checked." in words
    assert "1 min 15 s" in words
    own = " ".join(parsed((index.parent / "f01.html").read_text(encoding="utf-8")).words)
    for part in ("Sentence of f01.", "< 60", "32", "A small network.", "With large weights.", "Frequency Principle"):
        assert part in own


def test_pages_load_only_the_script_beside_them(runs, tmp_path):
    index = write_gallery(
        [exhibit("f01", drawn=figures(runs["grey picture"]), sentence=NASTY, title=NASTY)], tmp_path / "g"
    )
    for path in (index, index.parent / "f01.html"):
        written = path.read_text(encoding="utf-8")
        reader = parsed(written)
        assert reader.wrong == []
        assert not any(tag == "img" for tag, _ in reader.elements)
        sources = {attrs["src"] for _, attrs in reader.elements if "src" in attrs}
        assert sources <= {"plotly.min.js"}
        links = {attrs["href"] for tag, attrs in reader.elements if tag == "a"}
        assert all(link.startswith(("#", "https://arxiv.org/")) or (path.parent / link).is_file() for link in links)
        assert len(written) < 1_000_000


def test_earlier_claims_stay(tmp_path):
    folder = tmp_path / "g"
    write_gallery([exhibit("f01"), exhibit("f02")], folder)
    kept = (folder / "f02.html").read_bytes()
    index = write_gallery([exhibit("f01", "false")], folder).read_text(encoding="utf-8")
    assert (folder / "f02.html").read_bytes() == kept
    assert "1 of 2 claims hold, 1 came out false." in index
    assert json.loads((folder / "f01.json").read_text())["rows"] == [
        {"what": "steps", "measured": "32", "accepted": "< 60", "ok": False}
    ]


def test_other_folders_are_left_alone(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")
    with pytest.raises(StorageError, match="holds other files"):
        write_gallery([exhibit("f01")], mine)
    assert [path.name for path in mine.iterdir()] == ["notes.txt"]
    with pytest.raises(StorageError, match="is a file"):
        write_gallery([exhibit("f01")], mine / "notes.txt")


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"id": "f02"}'])
def test_damaged_results_are_named(tmp_path, content):
    folder = tmp_path / "g"
    write_gallery([exhibit("f01")], folder)
    (folder / "f02.json").write_text(content)
    with pytest.raises(StorageError, match=r"f02\.json is damaged"):
        write_gallery([exhibit("f01")], folder)


def test_newer_galleries_are_refused(tmp_path):
    folder = tmp_path / "g"
    write_gallery([exhibit("f01")], folder)
    (folder / "gallery.json").write_text('{"format": 99}')
    with pytest.raises(StorageError, match="newer simplebias"):
        write_gallery([exhibit("f01")], folder)


@pytest.mark.parametrize("name", ["../f01", "F 1", "", "index", "a/b", "gallery"])
def test_ids_must_be_able_to_name_a_file(name):
    with pytest.raises(InputError, match="id of a claim"):
        exhibit(name)


def test_a_claim_stands_once(tmp_path):
    with pytest.raises(InputError, match="each claim once"):
        write_gallery([exhibit("f01"), exhibit("f01")], tmp_path / "g")
    with pytest.raises(InputError, match="seconds"):
        exhibit("f01", seconds=-1.0)


def test_every_figure_can_be_drawn_small(run):
    for figure in figures(run):
        small = thumbnail(figure)
        assert parsed(small).wrong == []
        assert "nan" not in small
        assert len(small) < 60_000


def test_small_lines_follow_the_data(runs):
    (figure,) = [one for one in figures(runs["no ensemble"]) if one.title.startswith("Loss")]
    points = thumbnail(figure).split('points="')[1].split('"')[0].split()
    heights = [float(point.split(",")[1]) for point in points]
    assert heights[0] < heights[-1]  # the loss falls; downwards is larger in SVG
