"""Documents cannot rot: their code runs, their links lead somewhere, the names they say exist.

In README.md and docs/*.md every block marked `python` runs, and every line `$ simplebias ...` of a block marked
`console`; the blocks of one file run in their order, in one namespace and one temporary folder. Python blocks with
`>>>` must show what they print. A comment `<!-- not run: reason -->` on the line above a block leaves it out, and
`<!-- run with OPTIONS: reason -->` above a console block adds options to its commands.
"""

import dataclasses
import doctest
import importlib
import re
import runpy
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from simplebias.cli import app

ROOT = Path(__file__).parent.parent
DOCUMENTS = [file for file in [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))] if file.is_file()]
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>[\w-]*)[^\n]*\n(?P<code>.*?)^(?P=indent)```\s*$", re.MULTILINE | re.DOTALL
)
LEFT_OUT = re.compile(r"<!-- not run: [^\n]+ -->\s*\Z")
RUN_WITH = re.compile(r"<!-- run with (?P<options>[^\n:]+): [^\n]+ -->\s*\Z")


@dataclasses.dataclass
class Block:
    """A piece of code in a document."""

    language: str
    code: str
    line: int
    options: tuple[str, ...] = ()


def blocks(text: str) -> list[Block]:
    """The blocks of a document that are to be run."""
    found = []
    for match in FENCE.finditer(text):
        before = text[: match.start()]
        if match["language"] in {"python", "console"} and not LEFT_OUT.search(before):
            more = RUN_WITH.search(before)
            options = tuple(shlex.split(more["options"])) if more else ()
            code = "".join(line.removeprefix(match["indent"]) for line in match["code"].splitlines(keepends=True))
            found.append(Block(match["language"], code, before.count("\n") + 2, options))
    return found


def commands(code: str) -> list[list[str]]:
    """The calls of simplebias in a console block."""
    joined = code.replace("\\\n", " ")
    lines = [line[2:] for line in joined.splitlines() if line.startswith("$ ")]
    return [words for line in lines if (words := shlex.split(line, comments=True))[:1] == ["simplebias"]]


def run_python(block: Block, name: str, namespace: dict) -> None:
    if ">>>" in block.code:
        parsed = doctest.DocTestParser().get_doctest(block.code, namespace, name, name, block.line - 1)
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
        failed = runner.run(parsed, clear_globs=False).failed
        assert failed == 0, f"{name}, line {block.line}: see the output above"
        namespace.update(parsed.globs)
    else:
        exec(compile("\n" * (block.line - 1) + block.code, name, "exec"), namespace)


def run_console(block: Block, name: str) -> None:
    for words in commands(block.code):
        answer = CliRunner().invoke(app, [*words[1:], *block.options])
        assert answer.exit_code == 0, f"{name}, line {block.line}: {shlex.join(words)}\n{answer.output}"


def cases() -> list:
    found = []
    for file in DOCUMENTS:
        to_run = blocks(file.read_text(encoding="utf-8"))
        slow = (
            [pytest.mark.slow] if any(commands(block.code) for block in to_run if block.language == "console") else []
        )
        if to_run:
            found.append(pytest.param(file, to_run, id=file.name, marks=slow))
    return found


@pytest.mark.filterwarnings("ignore:::lightning")  # of Lightning about itself
@pytest.mark.parametrize(("file", "to_run"), cases())
def test_the_code_of_a_document_runs(file, to_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if any("lightning" in block.code for block in to_run):  # which imports torchvision, which may miss operators
        runpy.run_path(str(ROOT / "tests" / "integrations" / "conftest.py"))["declare_operators"]()
    namespace = {"__name__": "__main__"}
    for block in to_run:
        if block.language == "python":
            run_python(block, file.name, namespace)
        else:
            run_console(block, file.name)


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.name)
def test_links_within_the_project_lead_somewhere(file):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", FENCE.sub("", file.read_text(encoding="utf-8"))):
        if not re.match(r"[a-z]+:", target):
            assert (file.parent / target).exists(), f"{file.name} links to {target}"


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.name)
def test_names_and_files_that_a_document_says_exist(file):
    said = re.findall(r"`([^`\n]+)`", FENCE.sub("", file.read_text(encoding="utf-8")))
    for words in said:
        if match := re.match(r"simplebias((?:\.\w+)+)", words):
            assert resolves(match[1][1:].split(".")), f"{file.name} says {words}"
        if re.fullmatch(r"(src|tests|docs|requirements)/[\w./-]+\w", words):
            assert (ROOT / words).exists(), f"{file.name} says {words}"


def resolves(parts: list[str]) -> bool:
    """Whether `simplebias.a.b` is a module or an attribute of one."""
    thing = importlib.import_module("simplebias")
    for depth, part in enumerate(parts, 1):
        if not hasattr(thing, part):
            try:
                importlib.import_module(".".join(["simplebias", *parts[:depth]]))
            except ImportError:
                return False
        thing = getattr(thing, part)
    return True


# ---- the machinery itself

EXAMPLE = """
# Title
```python
x = 1
```
<!-- not run: it takes a day -->
```python
raise SystemExit
```
1. a list
   ```python
   x += 1
   ```
<!-- run with --seeds 1 --width 9: it takes an hour -->
```console
$ simplebias observe co2 \\
    --steps 10  # quick
ignored output
$ ls
```
```sh
rm -rf /
```
"""


def test_blocks_are_found_with_their_lines():
    found = blocks(EXAMPLE)
    assert [(block.language, block.line) for block in found] == [("python", 4), ("python", 12), ("console", 16)]
    assert found[1].code == "x += 1\n"
    assert [block.options for block in found] == [(), (), ("--seeds", "1", "--width", "9")]
    assert commands(found[2].code) == [["simplebias", "observe", "co2", "--steps", "10"]]


def test_blocks_share_a_namespace_and_failures_are_failures():
    namespace: dict = {}
    for block in blocks(EXAMPLE)[:2]:
        run_python(block, "EXAMPLE", namespace)
    assert namespace["x"] == 2
    run_python(Block("python", ">>> x + 1\n3\n", 1), "EXAMPLE", namespace)
    with pytest.raises(AssertionError, match="line 7"):
        run_python(Block("python", ">>> x\n5\n", 7), "EXAMPLE", namespace)
    with pytest.raises(ZeroDivisionError):
        run_python(Block("python", "1 / 0\n", 1), "EXAMPLE", namespace)


def test_names_resolve_or_not():
    assert resolves(["core", "Measure"])
    assert resolves(["core", "schedule", "log_steps"])
    assert not resolves(["core", "nothing"])
