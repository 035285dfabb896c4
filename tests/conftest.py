"""Strict JAX under test: shapes in annotations are checked, warnings are errors."""

import jax
import pytest
from jaxtyping import install_import_hook

install_import_hook("simplebias", "beartype.beartype")


@pytest.fixture
def key():
    return jax.random.key(20240501)


@pytest.fixture
def float64():
    with jax.enable_x64(True):
        yield
