"""What can go wrong, said once and with its remedy: outcomes of a training, and the checks made at the doors.

Every public function checks the user's data once, at the door, with the functions below. Inside a `jit` or `vmap` the
values are unknown, so only shapes are checked there.
"""

import enum
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from simplebias.core.types import Array, ArrayLike


class SimplebiasError(Exception):
    """Base of all errors that simplebias raises on purpose."""


class InputError(SimplebiasError, ValueError):
    """Data or an option cannot be used: the message says what was expected, what was got and the remedy.

    Args:
        expected: what would have been right, with the name of the option.
        got: what came instead.
        remedy: a sentence that says what to do, where that is not plain.

    Example:
        >>> raise InputError("finite values", "NaN in row 3", "Remove or fill it.")
        Traceback (most recent call last):
        simplebias.core.errors.InputError: expected finite values; got NaN in row 3. Remove or fill it.
    """

    def __init__(self, expected: str, got: str, remedy: str = ""):
        self.expected, self.got, self.remedy = expected, got, remedy
        super().__init__(f"expected {expected}; got {got}." + (f" {remedy}" if remedy else ""))

    def __reduce__(self) -> tuple:
        """Comes whole out of a worker process."""
        return type(self), (self.expected, self.got, self.remedy)


class StorageError(SimplebiasError, OSError):
    """A folder or file cannot be read or written: the message names it and the remedy."""


class DivergenceError(SimplebiasError, ArithmeticError):
    """A training diverged. `run` holds everything that was recorded up to then."""

    def __init__(self, message: str, run: Any = None):
        self.run = run
        super().__init__(message)


class Outcome(enum.IntEnum):
    """How a training ended. `str(outcome)` is a sentence with the remedy where there is one.

    Example:
        >>> print(Outcome.INTERRUPTED)
        interrupted before the last step; resume to go on
    """

    COMPLETED = 0
    STOPPED = 1
    INTERRUPTED = 2
    DIVERGED = 3

    def __str__(self) -> str:
        return _OUTCOMES[self]


_OUTCOMES = {
    Outcome.COMPLETED: "all steps were taken",
    Outcome.STOPPED: "the stopping criterion was met",
    Outcome.INTERRUPTED: "interrupted before the last step; resume to go on",
    Outcome.DIVERGED: (
        "the loss became NaN or infinite; use a smaller learning rate, a smaller initial scale, or scale the data"
    ),
}


def is_traced(array: Any) -> bool:
    """Whether `array` is being traced by JAX, so that its values cannot be looked at.

    Args:
        array: anything.

    Returns:
        True inside `jit`, `vmap`, `grad` and the like.

    Example:
        >>> is_traced(jnp.ones(2)), bool(jax.jit(lambda x: jnp.asarray(is_traced(x)))(jnp.ones(2)))
        (False, True)
    """
    return isinstance(array, Tracer)


def as_array(array: ArrayLike, name: str = "array") -> Array:
    """Turn a NumPy, JAX or PyTorch array (or nested numbers) into a floating or complex JAX array.

    Args:
        array: what the user gave. PyTorch tensors are detached and copied to the host.
        name: what to call it in an error.

    Returns:
        A JAX array; integers and booleans become floats, floats keep their precision where JAX is set to allow it.

    Raises:
        InputError: if `array` is not numeric.

    Example:
        >>> as_array([1, 2]).dtype
        dtype('float32')
    """
    if isinstance(array, jax.Array):
        return array if jnp.issubdtype(array.dtype, jnp.inexact) else array.astype(float)
    if hasattr(array, "detach"):
        array = array.detach().cpu()
        array = (array.float() if "bfloat16" in str(array.dtype) else array).numpy()
    try:
        numeric = np.asarray(array)
    except ValueError as error:
        raise InputError(f"{name} as a rectangular array of numbers", f"ragged data ({error})") from error
    if numeric.dtype.kind not in "fcbiu":
        raise InputError(
            f"{name} as numbers", f"values of type {numeric.dtype}", "Convert text to numbers or leave it out."
        )
    if numeric.dtype.kind in "biu":
        numeric = numeric.astype(float)
    # Its own copy, as JAX may look at the memory of what it is given; jnp.asarray compiles a program for each shape.
    return jax.device_put(np.array(numeric))


def check_finite(array: Array, name: str) -> None:
    """Refuse NaN and infinity, naming the first bad row.

    Raises:
        InputError: if any entry is not finite (never while traced).

    Example:
        >>> check_finite(jnp.asarray([[1.0], [jnp.nan]]), "values")
        Traceback (most recent call last):
        simplebias.core.errors.InputError: expected finite values; got 1 NaN or infinite values, first in row 1. \
Remove or fill them.
    """
    if is_traced(array):
        return
    bad = ~np.isfinite(np.asarray(array))
    if bad.any():
        row = int(np.argwhere(bad)[0][0]) if bad.ndim else 0
        raise InputError(
            f"finite {name}", f"{int(bad.sum())} NaN or infinite values, first in row {row}", "Remove or fill them."
        )


def as_points(points: ArrayLike, name: str = "points") -> Array:
    """Points as `(points, inputs)`; a 1-D array is one input per point.

    Returns:
        A real floating JAX array.

    Raises:
        InputError: if empty, of more than two dimensions, complex, or not finite.

    Example:
        >>> as_points([0.0, 0.5, 1.0]).shape
        (3, 1)
    """
    array = as_array(points, name)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or array.size == 0:
        raise InputError(f"{name} of shape (points, inputs) with at least one entry", f"shape {tuple(array.shape)}")
    if jnp.iscomplexobj(array):
        raise InputError(f"real {name}", f"complex values of type {array.dtype}", "Split them into two columns.")
    check_finite(array, name)
    return array


def as_values(values: ArrayLike, count: int, name: str = "values") -> Array:
    """Values as `(points, outputs)` with as many rows as there are points.

    Returns:
        A real floating JAX array.

    Raises:
        InputError: if the number of rows differs from `count`, or anything that `as_points` refuses.

    Example:
        >>> as_values([0.0, 1.0], 2).shape
        (2, 1)
    """
    array = as_points(values, name)
    if array.shape[0] != count:
        raise InputError(f"{name} with {count} rows, one per point", f"{array.shape[0]} rows")
    return array


def check_positive(value: Any, name: str, *, integer: bool = False, zero: bool = False) -> None:
    """Refuse a number that is not positive (or, with `zero`, negative), not finite, or not whole where it must be.

    Raises:
        InputError: naming the option, what was expected and what was got.

    Example:
        >>> check_positive(0, "width", integer=True)
        Traceback (most recent call last):
        simplebias.core.errors.InputError: expected width as a whole number > 0; got 0.
    """
    kind = "a whole number" if integer else "a number"
    bound = "≥ 0" if zero else "> 0"
    try:
        number = np.nan if isinstance(value, str) else float(value)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{name} as {kind} {bound}", repr(value)) from None
    wrong = not np.isfinite(number) or number < 0 or (number == 0 and not zero) or (integer and number != int(number))
    if wrong:
        raise InputError(f"{name} as {kind} {bound}", repr(value))


def check_choice(value: str, name: str, choices: Any) -> None:
    """Refuse a name that is not among `choices`, listing them and the nearest.

    Raises:
        InputError: if `value` is not one of `choices`.

    Example:
        >>> check_choice("relo", "activation", ["relu", "tanh"])
        Traceback (most recent call last):
        simplebias.core.errors.InputError: expected activation as one of relu, tanh; got 'relo'. Did you mean 'relu'?
    """
    import difflib

    names = [str(choice) for choice in choices]
    if value not in names:
        near = difflib.get_close_matches(str(value), names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise InputError(f"{name} as one of {', '.join(names)}", repr(value), hint.strip())
