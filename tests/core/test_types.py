"""The vocabulary: one name per dimension, one dimension per name."""

from simplebias.core import types

DIMENSIONS = {name: value for name, value in vars(types).items() if name.isupper()}


def test_a_dimension_is_named_as_its_constant():
    assert {name: name.lower() for name in DIMENSIONS} == DIMENSIONS


def test_everything_said_is_exported():
    assert types.__all__ == [
        *sorted(name for name in types.__all__ if name.isupper()),
        *types.__all__[len(DIMENSIONS) :],
    ]
    assert set(DIMENSIONS) <= set(types.__all__)
    assert all(hasattr(types, name) for name in types.__all__)
