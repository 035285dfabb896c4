"""A short text that is equal for equal arrays, networks, tasks and updaters, so that a run is resumed as it began."""

import dataclasses
import functools
import hashlib
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np


def fingerprint(*subjects: Any) -> str:
    """A hash of the content of arrays and of all that holds them.

    Of a function it sees the name and what it was made with (the values it closes over and its defaults), which tells
    `optax.adam(1e-3)` from `optax.adam(1e-2)`; not its code.

    Args:
        subjects: networks, tasks, updaters, keys, arrays, or plain data.

    Returns:
        Sixteen hexadecimal digits, the same in every process.

    Example:
        >>> import optax
        >>> fingerprint(optax.adam(1e-3)) == fingerprint(optax.adam(1e-3)) != fingerprint(optax.adam(1e-2))
        True
    """
    digest = hashlib.sha256()
    for part in _parts(subjects, ()):
        digest.update(part)
        digest.update(b"\0")
    return digest.hexdigest()[:16]


def _parts(subject: Any, above: tuple[int, ...]) -> Iterator[bytes]:
    """What a subject is made of, in a fixed order; `above` keeps cycles from being followed for ever."""
    if subject is None or isinstance(subject, bool | int | float | complex | str | bytes):
        yield repr(subject).encode()
        return
    if eqx.is_array(subject):
        yield from _of_array(subject)
        return
    yield _name(subject).encode()
    if id(subject) not in above:
        for part in _inside(subject):
            yield from _parts(part, (*above, id(subject)))


def _of_array(array: Any) -> Iterator[bytes]:
    if isinstance(array, jax.Array) and jnp.issubdtype(array.dtype, jax.dtypes.prng_key):
        array = jax.random.key_data(array)
    values = np.asarray(array)
    yield f"{values.dtype} {values.shape}".encode()
    yield values.tobytes()


def _name(subject: Any) -> str:
    named = subject if hasattr(subject, "__qualname__") else type(subject)
    return f"{getattr(named, '__module__', '')}.{named.__qualname__}"


def _inside(subject: Any) -> list[Any]:
    if isinstance(subject, Mapping):
        return [part for pair in sorted(subject.items(), key=lambda pair: str(pair[0])) for part in pair]
    if isinstance(subject, list | tuple):
        return list(subject)
    if dataclasses.is_dataclass(subject) and not isinstance(subject, type):
        return [getattr(subject, field.name, None) for field in dataclasses.fields(subject)]
    if isinstance(subject, functools.partial):
        return [subject.func, subject.args, subject.keywords]
    if callable(subject) and inspect.isroutine(inspect.unwrap(subject)):
        return _of_function(subject)
    return []


def _of_function(function: Any) -> list[Any]:
    inner = inspect.unwrap(function)
    cells = getattr(inner, "__closure__", None) or ()
    names = ("__defaults__", "__kwdefaults__", *(["__self__"] if inspect.ismethod(inner) else []))
    return [*(cell.cell_contents for cell in cells if _is_filled(cell)), *(getattr(inner, n, None) for n in names)]


def _is_filled(cell: Any) -> bool:
    """Whether a variable that a function closes over has a value yet."""
    return cell != type(cell)()
