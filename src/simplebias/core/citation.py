"""What to cite: the papers that docstrings and measures name, as BibTeX and as readable lines.

Docstrings name a paper as `arXiv:NNNN.NNNNN`, measures by a key of `references.bib`, which lies beside this file.
"""

import dataclasses
import functools
import importlib.resources
import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from simplebias.core.errors import InputError

SOFTWARE = ("bradbury2018jax", "kidger2021equinox", "deepmind2020optax", "hoyer2017xarray", "miles2020zarr")
"""Keys of the programs that every Run was made with."""

_ARXIV = re.compile(r"arXiv:\s*(\d{4}\.\d{4,5})", re.IGNORECASE)
_ENTRY = re.compile(r"^@\w+\{(?P<key>[^,\s]+),\n(?P<body>.*?)^\}$", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^\s*(?P<name>\w+)\s*=\s*\{(?P<value>.*)\},?$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Reference:
    """One entry of the bibliography.

    Args:
        key: first author, year, a word.
        text: one readable line.
        bibtex: the entry, ready to paste.
        url: where to read it.

    Example:
        >>> bibliography(["kidger2021equinox"])[0].url
        'https://arxiv.org/abs/2111.00254'
    """

    key: str
    text: str
    bibtex: str
    url: str


def cite(subject: Any) -> str:
    """BibTeX of the works that an object rests on.

    Args:
        subject: a function, class, module, network, Measure, Record or Run of simplebias, or a key. Papers are those
            that its docstring names as `arXiv:NNNN.NNNNN` (where it names none, those of its module), the references
            of a Measure, and for a Run those of all its data and of the programs that made it.

    Returns:
        The entries in the order in which they are named, without repetition; empty where no work is named.

    Raises:
        InputError: if a work is named that the bibliography does not hold.

    Example:
        >>> print(cite("xu2019frequency").splitlines()[0])
        @misc{xu2019frequency,
    """
    return "\n\n".join(reference.bibtex for reference in bibliography(_named(subject)))


def bibliography(keys: Iterable[str]) -> list[Reference]:
    """References for keys of `references.bib` or for preprints written as `arXiv:NNNN.NNNNN`.

    Args:
        keys: in any order; repetitions are dropped.

    Returns:
        The references in the order of their first mention.

    Raises:
        InputError: if a key is unknown.

    Example:
        >>> print(bibliography(["arXiv:2007.07497"])[0].text[:60])
        Tao Luo, Zhi-Qin John Xu, Zheng Ma, Yaoyu Zhang (2020). Phas
    """
    by_key, by_eprint = _library()
    found: dict[str, Reference] = {}
    for key in keys:
        preprint = _ARXIV.fullmatch(key.strip())
        reference = by_eprint.get(preprint[1]) if preprint else by_key.get(key)
        if reference is None:
            raise InputError(
                "a work in simplebias/core/references.bib", repr(key), "Correct the key, or add an entry to that file."
            )
        found.setdefault(reference.key, reference)
    return list(found.values())


def parse_bibtex(text: str) -> dict[str, dict[str, str]]:
    r"""Read entries laid out as in `references.bib`: one field a line, the closing brace on a line of its own.

    Args:
        text: the content of the file; what stands between entries is comment.

    Returns:
        For each key its fields, and the entry itself under `bibtex`.

    Raises:
        InputError: if a key comes twice or an `@` opens no entry of this layout.

    Example:
        >>> parse_bibtex("@misc{a2020word,\n  title = {{On {B}}},\n}")["a2020word"]["title"]
        '{On {B}}'
    """
    entries: dict[str, dict[str, str]] = {}
    for match in _ENTRY.finditer(text):
        key = match["key"]
        if key in entries:
            raise InputError("each key once", f"{key!r} twice", "Rename or remove one of the entries.")
        fields = {field["name"].lower(): field["value"] for field in _FIELD.finditer(match["body"])}
        entries[key] = fields | {"bibtex": match[0]}
    opened = len(re.findall(r"^\s*@", text, re.MULTILINE))
    if opened != len(entries):
        raise InputError(
            "entries with one field a line and a closing brace on its own", f"{opened - len(entries)} of another layout"
        )
    return entries


@functools.cache
def _library() -> tuple[Mapping[str, Reference], Mapping[str, Reference]]:
    text = (importlib.resources.files("simplebias.core") / "references.bib").read_text(encoding="utf-8")
    by_key, by_eprint = {}, {}
    for key, fields in parse_bibtex(text).items():
        by_key[key] = Reference(key=key, text=_readable(fields), bibtex=fields["bibtex"], url=fields["url"])
        if "eprint" in fields:
            by_eprint[fields["eprint"]] = by_key[key]
    return by_key, by_eprint


def _readable(fields: Mapping[str, str]) -> str:
    authors = [" ".join(reversed(name.split(", "))) for name in fields["author"].split(" and ")]
    names = ", ".join(authors).replace(", others", " and others")
    where = f"arXiv:{fields['eprint']}" if "eprint" in fields else fields["url"]
    return f"{names} ({fields['year']}). {fields['title']}. {where}".replace("{", "").replace("}", "")


def _named(subject: Any) -> Iterator[str]:
    if isinstance(subject, str):
        yield subject
        return
    if hasattr(subject, "measure"):  # a Record
        subject = subject.measure
    subject = inspect.unwrap(getattr(subject, "func", subject))
    yield from getattr(subject, "references", ())
    yield from _in_docstring(getattr(subject, "function", subject))
    variables = getattr(getattr(subject, "data", None), "variables", None)
    if variables is not None:  # a Run
        for variable in variables.values():
            yield from str(variable.attrs.get("references", "")).split()
        yield from SOFTWARE


def _in_docstring(subject: Any) -> list[str]:
    subject = inspect.unwrap(getattr(subject, "func", subject))
    known = inspect.ismodule(subject) or inspect.isclass(subject) or inspect.isroutine(subject)
    described = subject if known else type(subject)
    named = _ARXIV.findall(inspect.getdoc(described) or "")
    if not named and str(getattr(described, "__module__", "")).startswith("simplebias."):
        named = _ARXIV.findall(sys.modules[described.__module__].__doc__ or "")
    return [f"arXiv:{eprint}" for eprint in named]
