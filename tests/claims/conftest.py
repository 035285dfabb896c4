"""Evidence of every claim at smoke scale, run once for all tests."""

import functools

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
