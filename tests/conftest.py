"""Strict JAX under test: shapes in annotations are checked, warnings are errors."""

import gc
import re
from pathlib import Path

import jax
import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

# The doors (observation, cli) are left out: they take whatever a user gives and must answer themselves.
ROOMS = ("core", "data", "networks", "training", "frequency", "condensation", "landscape", "pde", "reports", "claims")
install_import_hook([f"simplebias.{room}" for room in ROOMS], "beartype.beartype")
# The first call of a jitted function compiles, so times say nothing; equal examples on every machine.
settings.register_profile("house", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("house")


@pytest.fixture(autouse=True, scope="module")
def few_programs():
    """What was compiled is forgotten after a file before Linux has no more places in memory for it.

    A compiled program takes about six, a process has 65,530, and XLA dies where there are none left.
    """
    yield
    places, limit = Path("/proc/self/maps"), Path("/proc/sys/vm/max_map_count")
    if limit.exists() and places.read_bytes().count(b"\n") > int(limit.read_text()) / 2:
        jax.clear_caches()
        gc.collect()


@pytest.fixture
def key():
    return jax.random.key(20240501)


@pytest.fixture
def float64():
    with jax.enable_x64(True):
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Tests of one file go to one worker, so that nothing is compiled or trained by both; of claims, those of one."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            found = re.match(r"tests/claims/.*[_\[]([fclp]\d\d)(?![0-9a-z])", nodeid)
            return found[1] if found else nodeid.partition("::")[0]

    return ByFile(config, log)
