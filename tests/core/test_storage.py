"""Files old or new but never torn; folders never taken from somebody else; every failure a sentence with a remedy."""

import errno
import json
import os
import subprocess
import sys
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simplebias.core.errors import StorageError
from simplebias.core.storage import (
    FORMAT,
    MARKER,
    claim_folder,
    read_marker,
    specification_hash,
    storage_errors,
    write_atomic,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def python(code: str, *arguments: str, **options) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), *arguments], text=True, **options)


def make_run(folder, **changes):
    folder.mkdir(parents=True, exist_ok=True)
    description = {"format": FORMAT, "specification_hash": specification_hash({"seed": 1})} | changes
    (folder / MARKER).write_text(json.dumps(description))
    return folder


# ---- hashes


@given(st.dictionaries(st.text(max_size=5), json_values, max_size=5))
def test_the_hash_does_not_see_the_order(specification):
    turned = dict(reversed(specification.items()))
    assert specification_hash(turned) == specification_hash(specification)


@given(st.dictionaries(st.text(max_size=5), json_values, max_size=5))
def test_the_hash_sees_a_change(specification):
    assert specification_hash(specification | {"another": 1}) != specification_hash(specification | {"another": 2})


def test_the_hash_is_the_same_in_another_process():
    code = "from simplebias.core.storage import specification_hash as h; print(h({'b': [1, 2.5], 'a': 'x'}))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert answer == specification_hash({"a": "x", "b": [1, 2.5]})


# ---- writing


@given(st.binary(max_size=200) | st.text(st.characters(codec="utf-8"), max_size=200))
def test_what_is_written_is_read(content):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "file"
        write_atomic(file, b"before")
        write_atomic(file, content)
        assert file.read_bytes() == (content if isinstance(content, bytes) else content.encode())
        assert [entry.name for entry in Path(folder).iterdir()] == ["file"]


def test_a_killed_writer_leaves_the_old_or_the_new(tmp_path):
    """Eight writers are killed at different moments; after each the file is one of the two contents, whole."""
    answer = python(
        """
        import os, signal, sys, time
        from pathlib import Path
        from simplebias.core.storage import write_atomic
        file, contents = Path(sys.argv[1]), [bytes([letter]) * 2_000_000 for letter in b"ab"]
        write_atomic(file, contents[0])
        for attempt in range(8):
            child = os.fork()
            while child == 0:
                for content in contents:
                    write_atomic(file, content)
            time.sleep(0.02 + 0.007 * attempt)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            print(contents.index(file.read_bytes()))
        """,
        str(tmp_path / "file"),
        stdout=subprocess.PIPE,
    )
    output, _ = answer.communicate(timeout=120)
    assert answer.returncode == 0
    assert len(output.split()) == 8


def test_a_failed_write_keeps_the_old_and_leaves_nothing(tmp_path, monkeypatch):
    file = tmp_path / "file"
    write_atomic(file, "old")

    def fail(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match=r"cannot write .*file: the disk is full.*resume"):
        write_atomic(file, "new")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_full_disk(tmp_path):
    """A real limit of the system on the size of files, in a process of its own."""
    answer = python(
        """
        import resource, sys
        from pathlib import Path
        from simplebias.core.errors import StorageError
        from simplebias.core.storage import write_atomic
        file = Path(sys.argv[1])
        write_atomic(file, b"old")
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        try:
            write_atomic(file, b"x" * 1_000_000)
        except StorageError as error:
            print(error)
        """,
        str(tmp_path / "file"),
        stdout=subprocess.PIPE,
    )
    output, _ = answer.communicate(timeout=60)
    assert answer.returncode == 0
    assert "cannot write" in output
    assert "intact" in output
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.ENOENT, errno.EIO]
)
def test_every_failure_names_the_file(tmp_path, code):
    with (
        pytest.raises(StorageError, match=r"cannot read .*data\.csv: ..."),
        storage_errors(tmp_path / "data.csv", "read"),
    ):
        raise OSError(code, os.strerror(code))


def test_a_missing_folder(tmp_path):
    with pytest.raises(StorageError, match="does not exist"):
        write_atomic(tmp_path / "nowhere" / "file", "text")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StorageError, match="permission denied"):
            write_atomic(tmp_path / "file", "text")
        with pytest.raises(StorageError, match="permission denied"):
            claim_folder(tmp_path / "run", {})
    finally:
        tmp_path.chmod(0o700)


# ---- folders


def test_a_new_and_an_empty_folder_are_claimed(tmp_path):
    assert claim_folder(tmp_path / "a" / "b", {}) is False
    assert (tmp_path / "a" / "b").is_dir()
    assert claim_folder(tmp_path / "a" / "b", {}) is False


def test_a_run_is_continued_only_when_asked_and_only_the_same(tmp_path):
    run = make_run(tmp_path / "run")
    assert claim_folder(run, {"seed": 1}, resume=True) is True
    with pytest.raises(StorageError, match="--resume"):
        claim_folder(run, {"seed": 1})
    with pytest.raises(StorageError, match="another specification"):
        claim_folder(run, {"seed": 2}, resume=True)


@pytest.mark.parametrize("resume", [False, True])
def test_what_belongs_to_somebody_else_stays_as_it_is(tmp_path, resume):
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / ".hidden").write_text("dear")
    with pytest.raises(StorageError, match="other files"):
        claim_folder(folder, {}, resume=resume)
    file = tmp_path / "file"
    file.write_text("dear")
    with pytest.raises(StorageError, match="is a file"):
        claim_folder(file, {}, resume=resume)
    assert (folder / ".hidden").read_text() == file.read_text() == "dear"
    assert len(list(folder.iterdir())) == 1


def test_nothing_to_resume_makes_no_folder(tmp_path):
    with pytest.raises(StorageError, match="nothing to resume"):
        claim_folder(tmp_path / "new", {}, resume=True)
    assert not (tmp_path / "new").exists()


def test_paths_that_no_folder_can_have(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to(tmp_path / "missing")
    for path in (tmp_path / "file" / "sub", tmp_path / ("x" * 300), tmp_path / "dangling"):
        with pytest.raises(StorageError, match=r"cannot (use|make) the folder"):
            claim_folder(path, {})
    with pytest.raises(StorageError):
        read_marker(tmp_path / ("x" * 300))


# ---- run.json


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", "null", "{}", '{"format": null}', '{"format": "one"}', '{"format": Infinity}', "\x00\xff"],
)
def test_a_damaged_description_is_refused_with_a_remedy(tmp_path, text):
    (tmp_path / MARKER).write_text(text)
    with pytest.raises(StorageError, match=r"run\.json is damaged .* restore it"):
        read_marker(tmp_path)


def test_a_newer_format_is_refused_and_untouched(tmp_path):
    run = make_run(tmp_path / "run", format=FORMAT + 1)
    before = (run / MARKER).read_bytes()
    with pytest.raises(StorageError, match="upgrade simplebias"):
        read_marker(run)
    with pytest.raises(StorageError, match="upgrade simplebias"):
        claim_folder(run, {"seed": 1}, resume=True)
    assert (run / MARKER).read_bytes() == before


def test_no_run(tmp_path):
    with pytest.raises(StorageError, match="does not exist"):
        read_marker(tmp_path / "missing")
    with pytest.raises(StorageError, match=r"it has no run\.json"):
        read_marker(tmp_path)
