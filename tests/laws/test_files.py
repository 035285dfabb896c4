"""Laws of files: short, explained, abstract or final, and nothing pickled."""

import ast
from pathlib import Path

import pytest

import simplebias

SOURCE = Path(simplebias.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
IDS = [str(file.relative_to(SOURCE)) for file in FILES]


def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", FILES, ids=IDS)
def test_a_file_is_short_and_says_what_it_is(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 400
    assert ast.get_docstring(tree(file))


@pytest.mark.parametrize("file", FILES, ids=IDS)
def test_a_function_is_short(file):
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body  # without signature and docstring
            length = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
            assert length <= 50, f"{node.name} has {length} lines"


@pytest.mark.parametrize("file", FILES, ids=IDS)
def test_nothing_is_overridden_through_super(file):
    """Classes are abstract or final and change by wrapping; errors alone extend what Python gives them."""
    for node in ast.walk(tree(file)):
        if not isinstance(node, ast.ClassDef) or any("Error" in ast.unparse(base) for base in node.bases):
            continue
        calls = [inner for inner in ast.walk(node) if isinstance(inner, ast.Call)]
        assert "super" not in {ast.unparse(call.func) for call in calls}, node.name


@pytest.mark.parametrize("file", FILES, ids=IDS)
def test_nothing_is_pickled(file):
    for node in ast.walk(tree(file)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        module = node.module if isinstance(node, ast.ImportFrom) else ""
        assert not {"pickle", "dill", "cloudpickle", "joblib"} & {*names, module}
        for keyword in node.keywords if isinstance(node, ast.Call) else []:
            assert keyword.arg != "allow_pickle" or ast.unparse(keyword.value) == "False"
