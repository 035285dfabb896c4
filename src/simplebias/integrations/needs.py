"""Packages that only some users have: loaded when first needed, and told with the remedy where they are missing."""

import importlib
from types import ModuleType

from simplebias.core.errors import InputError


def need(name: str, remedy: str = "pip install simplebias[torch]") -> ModuleType:
    """A package, or words on how to get it.

    Args:
        name: of the module.
        remedy: the command that installs it.

    Returns:
        The module.

    Raises:
        InputError: if it is not installed.
        ModuleNotFoundError: if it is, and misses another one.

    Example:
        >>> need("no_such_package", "pip install it")
        Traceback (most recent call last):
        simplebias.core.errors.InputError: expected the package no_such_package; got an environment without it. \
Install it with: pip install it
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise
        missing = f"the package {name.partition('.')[0]}"
        raise InputError(missing, "an environment without it", f"Install it with: {remedy}") from error
