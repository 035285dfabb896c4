"""The door: names against files, options that do not apply, files that cannot be."""

import subprocess
import sys

import pytest

from simplebias.core.errors import InputError, StorageError
from simplebias.data import read


def test_a_file_goes_before_a_sample(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read("co2").size == 2225
    (tmp_path / "co2").write_text("x,y\n1,2\n")
    with pytest.raises(InputError, match="a file ending in"):
        read("co2")
    with pytest.raises(StorageError, match="does not exist"):
        read("./photo")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("c02", ("does not exist", "co2, digits, photo", "did you mean 'co2'")),
        ("nowhere/data.csv", ("does not exist", "nowhere/data.csv", "check the path")),
        ("data.csv", ("data.csv", "check the path")),
        ("x" * 5000 + ".csv", ("cannot read",)),
    ],
)
def test_missing_files(source, words):
    with pytest.raises(StorageError) as caught:
        read(source)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(("source", "word"), [("", "co2"), ("https://a.org/b.csv", "Download"), ("a\x00b", "co2")])
def test_sources_that_cannot_be(source, word):
    with pytest.raises(InputError, match=word):
        read(source)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("a.xlsx", "Save the sheet as CSV"),
        ("a.txt", "rename it to end in .csv"),
        ("a.mp3", "WAV"),
        ("a.pkl", "numpy.savez"),
        ("a", "Convert"),
        ("a.gif", ".png"),
    ],
)
def test_unknown_endings(tmp_path, name, word):
    (tmp_path / name).write_text("anything")
    with pytest.raises(InputError) as caught:
        read(tmp_path / name)
    assert name in str(caught.value)
    assert word in str(caught.value)


def test_a_folder_named_like_a_file(tmp_path):
    (tmp_path / "f.csv").mkdir()
    with pytest.raises(StorageError, match="is a folder"):
        read(tmp_path / "f.csv")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("co2", {"size": 3}),
        ("photo", {"limit": 3}),
        ("photo", {"header": False}),
        ("digits", {"inputs": "a"}),
        ("digits", {"size": 3}),
    ],
)
def test_options_that_do_not_apply(name, options):
    option = next(iter(options))
    with pytest.raises(InputError, match=f"--{option} for .*{name}"):
        read(name, **options)


@pytest.mark.parametrize("options", [{"limit": 0}, {"limit": -5}, {"size": 0}])
def test_options_out_of_range(options):
    with pytest.raises(InputError, match="whole number > 0"):
        read("photo", **options)


def test_permission_denied(tmp_path, monkeypatch):
    path = tmp_path / "secret.csv"
    path.write_text("x,y\n1,2\n2,3\n")

    def deny(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(type(path), "read_bytes", deny)
    with pytest.raises(StorageError, match=r"secret\.csv: permission denied: make it readable"):
        read(path)


def test_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "t.csv").write_text("x,y\n1,2\n2,3\n")
    assert read("~/t.csv").size == 2


def test_import_is_light():
    code = "import sys, simplebias.data; print([m for m in ('polars', 'PIL', 'scipy.io', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
