"""The package as a whole: cheap to import, complete, and everything public explained."""

import importlib
import pkgutil
import subprocess
import sys

import pytest

import simplebias

HEAVY = ("torch", "matplotlib", "plotly", "ray", "pandas", "xarray", "zarr", "jax", "scipy", "polars")


def loaded_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(answer.stdout.split())


def test_the_package_costs_nothing_until_it_is_used():
    assert not loaded_after("import simplebias") & {*HEAVY}


@pytest.mark.parametrize("room", ["core", "data", "networks", "training", "frequency", "condensation"])
def test_the_lower_rooms_load_neither_torch_nor_anything_that_draws(room):
    if importlib.util.find_spec(f"simplebias.{room}") is None:
        pytest.skip("not built yet")
    loaded = loaded_after(f"import simplebias.{room}")
    assert not loaded & {"torch", "matplotlib", "plotly", "ray", "lightning", "tensorboard"}
    assert not loaded & {"scipy.stats", "scipy.cluster", "scipy.spatial"}, "a second at every start of the program"


def test_a_measure_needs_no_xarray():
    assert not loaded_after("from simplebias import Measure, cite, log_steps") & {"xarray", "zarr", "pandas", "torch"}


@pytest.mark.parametrize("name", simplebias.__all__)
def test_every_public_name_is_there(name):
    assert getattr(simplebias, name) is not None
    assert name in dir(simplebias)


def test_public_names_are_sorted_and_said_once():
    assert list(simplebias.__all__) == sorted({*simplebias.__all__}, key=lambda name: (name.islower(), name))


def test_what_does_not_exist_is_said_to_be_missing():
    with pytest.raises(AttributeError, match="nothing_like_this"):
        _ = simplebias.nothing_like_this


def test_every_module_can_be_imported_alone():
    """No import cycle hides behind the order in which the tests import."""
    names = [module.name for module in pkgutil.walk_packages(simplebias.__path__, "simplebias.")]
    code = """
import importlib, sys
def ours():
    return {name for name in sys.modules if name.startswith("simplebias")}
for name in sys.argv[1:]:
    room = ".".join(name.split(".")[:2])  # is imported before each module in it, so once for all of them
    if room not in sys.modules:
        for other in ours():
            del sys.modules[other]
        importlib.import_module(room)
    before = ours()
    importlib.import_module(name)
    for other in ours() - before:
        del sys.modules[other]
"""
    modules = [name for name in names if not name.endswith("__main__")]
    modules.sort(key=lambda name: name.split(".")[:2])
    answer = subprocess.run([sys.executable, "-c", code, *modules], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


def test_the_package_data_is_there():
    from importlib.resources import files

    assert (files("simplebias.core") / "references.bib").is_file()
    assert (files("simplebias") / "py.typed").is_file()
