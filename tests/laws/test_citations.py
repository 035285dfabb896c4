"""Laws of sources: every paper that is named anywhere can be cited."""

import ast
import re
from pathlib import Path

import pytest

import simplebias
from simplebias.core.citation import bibliography

SOURCE = Path(simplebias.__file__).parent
ROOT = SOURCE.parent.parent
FILES = sorted(SOURCE.rglob("*.py"))
DOCUMENTS = [file for file in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))] if file.is_file()]
PREPRINT = re.compile(r"arXiv:\s*\d{4}\.\d{4,5}")


@pytest.mark.parametrize("file", [*FILES, *DOCUMENTS], ids=lambda file: file.name)
def test_every_preprint_that_is_named_is_in_the_bibliography(file):
    for preprint in PREPRINT.findall(file.read_text(encoding="utf-8")):
        assert bibliography([preprint])


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCE)))
def test_every_key_of_a_measure_is_in_the_bibliography(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.keyword) and node.arg == "references":
            for constant in ast.walk(node.value):
                if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                    assert bibliography([constant.value])
