"""What is named is found, in the order in which it is named, and what is unknown is said to be unknown."""

import functools
import re
import sys
import types

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
import xarray as xr

import simplebias
from simplebias.core import citation
from simplebias.core.citation import SOFTWARE, Reference, bibliography, cite, parse_bibtex
from simplebias.core.errors import InputError
from simplebias.core.run import Run
from simplebias.core.snapshot import Measure, Record

BY_KEY, BY_EPRINT = citation._library()


def keys(bibtex: str) -> list[str]:
    return re.findall(r"^@\w+\{([^,]+),", bibtex, re.MULTILINE)


def measured(snapshot):
    """The mean, as in arXiv:2007.07497 and arXiv:1901.06523, again arXiv:2007.07497v2."""
    return snapshot.outputs.mean()


class Fitted(eqx.Module):
    """A network of arXiv:1905.10264."""

    def __call__(self, x):
        return x


def test_a_function_names_its_papers_in_order_and_once():
    assert keys(cite(measured)) == ["luo2020phase", "xu2019frequency"]


@pytest.mark.parametrize(
    "wrap",
    [jax.jit, eqx.filter_jit, functools.partial, jax.tree_util.Partial, lambda f: functools.wraps(f)(lambda x: x)],
)
def test_wrapping_a_function_keeps_its_papers(wrap):
    assert keys(cite(wrap(measured))) == keys(cite(measured))


def test_classes_and_their_instances():
    assert keys(cite(Fitted)) == keys(cite(Fitted())) == ["zhang2019explicitizing"]


def test_modules_and_what_stands_in_them():
    module = types.ModuleType("simplebias.invented", "After arXiv:2105.11686.")

    def silent():
        """No paper here."""

    silent.__module__ = module.__name__
    sys.modules[module.__name__] = module
    try:
        assert keys(cite(module)) == keys(cite(silent)) == ["zhou2021condensation"]
    finally:
        del sys.modules[module.__name__]


def test_a_measure_names_its_references_first():
    measure = Measure(measured, references=("xu2018training",))
    assert keys(cite(measure)) == ["xu2018training", "luo2020phase", "xu2019frequency"]
    assert keys(cite(Record(measure))) == keys(cite(measure))
    partial = Measure(
        jax.tree_util.Partial(lambda scale, s: scale * s.outputs, jnp.ones(())), references=("xu2018training",)
    )
    assert keys(cite(partial)) == ["xu2018training"]


def test_a_run_names_what_was_measured_and_what_made_it():
    data = xr.Dataset({"loss": ((), 1.0, {"references": "xu2019frequency luo2020phase"}), "other": ((), 2.0)})
    assert keys(cite(Run(data))) == ["xu2019frequency", "luo2020phase", *SOFTWARE]


def test_nothing_named_is_nothing_cited():
    assert cite(len) == ""
    assert cite(test_nothing_named_is_nothing_cited) == ""


def test_a_key_or_a_preprint_is_found():
    assert keys(simplebias.cite("xu2019frequency")) == keys(cite("arXiv:1901.06523")) == ["xu2019frequency"]
    assert bibliography(["arXiv:1901.06523", "xu2019frequency"]) == [BY_KEY["xu2019frequency"]]


@pytest.mark.parametrize("unknown", ["nobody1900nothing", "arXiv:9999.99999", ""])
def test_the_unknown_is_refused(unknown):
    with pytest.raises(InputError, match=r"references\.bib"):
        bibliography([unknown])


def test_a_paper_that_is_not_in_the_file_is_not_passed_over():
    def wrong():
        """See arXiv:9999.99999."""

    with pytest.raises(InputError, match=r"9999\.99999"):
        cite(wrong)


# ---- the file

PROGRAMME = """
1807.01251 1901.06523 1905.10264 1905.07777 1906.09235 2010.08153 2007.14313 2101.00747
2002.07989 2105.11675 2201.07395 2007.07497 2105.11686 2105.14573 2111.15527 2207.05952
2205.12101 2303.06561 2205.13283 2305.09947 2007.11207 2009.14597 2112.06660 1910.11710
"""


def test_the_file_has_what_the_package_rests_on():
    assert set(PROGRAMME.split()) <= BY_EPRINT.keys()
    assert set(SOFTWARE) <= BY_KEY.keys()


@pytest.mark.parametrize("reference", BY_KEY.values(), ids=BY_KEY.keys())
def test_every_entry_is_whole(reference: Reference):
    fields = parse_bibtex(reference.bibtex)[reference.key]
    family = re.sub(r"[^a-z]", "", fields["author"].split(" and ")[0].split(",")[0].lower())
    assert re.fullmatch(rf"(?:{family}|{family.removeprefix('google')}){fields['year']}[a-z]+", reference.key)
    assert reference.url.startswith("https://")
    assert "{" not in reference.text
    assert fields["year"] in reference.text
    assert "\n" not in reference.text
    if "eprint" in fields:
        assert reference.url == f"https://arxiv.org/abs/{fields['eprint']}"
        assert fields["year"][2:] == fields["eprint"][:2]


def test_no_preprint_comes_twice():
    with_eprint = [reference for reference in BY_KEY.values() if "eprint" in reference.bibtex]
    assert len(with_eprint) == len(BY_EPRINT)


def test_a_readable_line():
    assert bibliography(["xu2020deep"])[0].text == (
        "Zhi-Qin John Xu, Hanxu Zhou (2020). Deep Frequency Principle Towards Understanding Why Deeper Learning Is"
        " Faster. arXiv:2007.14313"
    )


def test_the_parser_refuses_what_it_does_not_read():
    entry = "@misc{a2020word,\n  title = {T},\n}\n"
    assert parse_bibtex("% comment\n" + entry)["a2020word"]["bibtex"] == entry.strip()
    with pytest.raises(InputError, match="twice"):
        parse_bibtex(entry + entry)
    with pytest.raises(InputError, match="another layout"):
        parse_bibtex("@misc{a2020word, title = {T}}\n")
