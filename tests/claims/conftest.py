"""Evidence of every claim at smoke scale, run once for all tests."""

import functools
import re

import pytest

from simplebias.claims import Scale, all_claims


@functools.cache
def _smoke(name):
    (claim,) = [claim for claim in all_claims() if claim.id == name]
    return claim, claim.run(Scale.SMOKE)


@pytest.fixture
def smoke():
    """The claim of an id and its evidence, which is not to be changed in place."""
    return _smoke


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items):
    """Tests of one claim go to one worker, so that no claim is run by both."""
    for item in items:
        if item.path.parent.name == "claims" and (found := re.search(r"[fclp]\d\d", f"{item.path.stem} {item.name}")):
            item.add_marker(pytest.mark.xdist_group(found[0]))
