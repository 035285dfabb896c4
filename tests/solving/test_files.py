"""Problems from files: found by name or alone; what is wrong is said with its line."""

import pytest

from simplebias.core.errors import InputError, StorageError
from simplebias.solving.files import problem_from_file

HEAD = "from simplebias.pde import Box, Poisson\n\n\ndef source(x):\n    return 2 + 0 * x[0]\n\n\n"


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "mine.py"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_the_only_problem_or_the_one_of_the_name(file):
    assert problem_from_file(file(HEAD + "heat = Poisson(Box(0, 2), source)\n")).domain.volume == 2
    two = HEAD + "other = Poisson(Box(0, 2), source)\nproblem = Poisson(Box(0, 3), source)\n"
    assert problem_from_file(file(two)).domain.volume == 3
    again = HEAD + "heat = Poisson(Box(0, 2), source)\nsame = heat\n"
    assert problem_from_file(file(again)).domain.volume == 2


def test_a_file_may_import_its_neighbours(file, tmp_path):
    (tmp_path / "neighbour_of_mine.py").write_text("LENGTH = 4\n")
    path = file(HEAD + "from neighbour_of_mine import LENGTH\nheat = Poisson(Box(0, LENGTH), source)\n")
    assert problem_from_file(path).domain.volume == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\n", ["none in it", "Poisson(simplebias.pde.Box(0, 1)"]),
        (HEAD + "a = Poisson(Box(0, 1), source)\nb = Poisson(Box(0, 2), source)\n", ["2: a, b", "'problem'"]),
        ("x = 1\ny = x +\n", ["invalid syntax, line 2"]),
        ("x = 1\n\n\ny = x / 0\n", ["line 4: ZeroDivisionError: division by zero"]),
        (HEAD + "def wrong(x):\n    return 1 / x\n\n\nwrong(0)\n", ["line 9: ZeroDivisionError"]),
        (HEAD + "a = Poisson(Box(1, 0), source)\n", ["line 8: InputError: expected a box with an interior"]),
        ("raise SystemExit('no')\n", ["line 1: SystemExit: no"]),
    ],
)
def test_what_is_wrong_with_a_file(file, text, words):
    with pytest.raises(InputError) as caught:
        problem_from_file(file(text))
    for word in words:
        assert word in str(caught.value)


def test_a_file_that_is_not_there_or_no_text(tmp_path):
    with pytest.raises(StorageError, match=r"nothing\.py cannot be read"):
        problem_from_file(tmp_path / "nothing.py")
    (tmp_path / "binary.py").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StorageError, match="no text"):
        problem_from_file(tmp_path / "binary.py")
