"""Laws of names: what is public is exported once, explained, shown by an example, and called by the field's words."""

import ast
import dataclasses
import enum
import importlib
import inspect
import re
import typing
from pathlib import Path

import pytest

import simplebias

FOLDERS = {file.parent.name: file for file in Path(simplebias.__file__).parent.glob("*/__init__.py")}
ROOMS = sorted(FOLDERS.keys() - {"cli"})
FORBIDDEN = {"freq", "k_max", "mode_number", "grid", "x_eval", "hidden", "hidden_size", "metric", "metrics", "history"}
"""Words of which another was chosen (the table of words in CONTRIBUTING.md)."""

SCIENCES = {"data", "networks", "training", "frequency", "condensation", "landscape"}
"""Rooms in which a scale is that of random numbers; elsewhere it is that of a claim or of an axis."""


def room(name: str):
    return importlib.import_module(f"simplebias.{name}")


def exported(name: str) -> list[str]:
    """`__all__` as it is written, so that one broken room does not hide the others."""
    for node in ast.parse(FOLDERS[name].read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return ast.literal_eval(node.value)
    return []


PUBLIC = [(name, public) for name in ROOMS for public in exported(name)]


def needs_example(thing: typing.Any) -> bool:
    """Functions do, and classes that do something.

    Errors, enumerations, contracts and abstract bases are shown by what uses them, mere records by what returns them.
    """
    if not inspect.isclass(thing):
        return inspect.isroutine(thing)
    if issubclass(thing, BaseException | enum.Enum) or getattr(thing, "_is_protocol", False):
        return False
    acts = [name for name, member in vars(thing).items() if inspect.isfunction(member) and not name.startswith("_")]
    record = dataclasses.is_dataclass(thing) and not acts and "__call__" not in vars(thing)
    return not record and not inspect.isabstract(thing)


def is_ours(thing: object) -> bool:
    return str(getattr(thing, "__module__", "")).startswith("simplebias.")


def signature(thing: typing.Any) -> inspect.Signature | None:
    try:
        return inspect.signature(thing)
    except (TypeError, ValueError):
        return None


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_says_what_it_is_and_exports_sorted_names(name):
    module = room(name)
    assert module.__doc__
    assert module.__all__, f"simplebias.{name} exports nothing"
    exported = list(module.__all__)
    assert len(exported) == len({*exported})
    kind = {public: 0 if public.isupper() else 1 if public[0].isupper() else 2 for public in exported}
    assert exported == sorted(exported, key=lambda public: (kind[public], public)), (
        "ruff's order: CONSTANTS, Classes, rest"
    )


@pytest.mark.parametrize(("name", "public"), PUBLIC)
def test_a_public_name_exists_and_is_explained(name, public):
    thing = getattr(room(name), public)
    if not (inspect.isclass(thing) or inspect.isroutine(thing)) or not is_ours(thing):
        return
    document = inspect.getdoc(thing) or ""
    assert document, f"simplebias.{name}.{public} has no docstring"
    assert document.split("\n")[0].endswith((".", "…", "?")), "the first line is a sentence"
    if needs_example(thing):
        assert ">>>" in document or "No example:" in document, (
            f"simplebias.{name}.{public} shows no example; add one, or say why not in a line that begins 'No example:'"
        )


@pytest.mark.parametrize(("name", "public"), PUBLIC)
def test_parameters_bear_the_words_of_the_house(name, public):
    thing = getattr(room(name), public)
    found = signature(thing) if callable(thing) and is_ours(thing) else None
    if found is None:
        return
    for parameter in found.parameters.values():
        word = parameter.name
        assert word not in FORBIDDEN, f"{public}({word}=) has another word here"
        if name in SCIENCES:
            assert not re.fullmatch(r"scale|sigma|spread", word), f"{public}({word}=) must say std or var"


@pytest.mark.parametrize(("name", "public"), PUBLIC)
def test_randomness_is_explicit_and_by_keyword(name, public):
    thing = getattr(room(name), public)
    found = signature(thing) if inspect.isroutine(thing) and is_ours(thing) else None
    key = found.parameters.get("key") if found else None
    if key is not None and public != "predict":
        assert key.kind is inspect.Parameter.KEYWORD_ONLY, f"{public}(…, key) takes its key by position"
        assert key.default in {inspect.Parameter.empty, None}, f"{public} has a random key of its own"
