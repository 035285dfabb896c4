"""Compiling with less effort: for programs that run once or twice, or are mostly linear algebra."""

import functools
import os
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax

LESS = {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 1}
"""What XLA leaves out: half of the time of compiling; matrix products and factorisations stay as fast."""
LEAST = LESS | {"xla_backend_optimization_level": 0}
"""The same, and no loop is vectorised: a third of that time again, into programs that take 1.3 to 2 times as long."""


def quick_jit(function: Callable[..., Any], *, least: bool = True) -> Callable[..., Any]:
    """`equinox.filter_jit` with less effort on CPUs.

    Args:
        function: of arrays and other things.
        least: whether with as little as can be, for programs that run a few times; else half of it.

    Returns:
        The same, compiled when it is first called.

    Example:
        >>> import jax.numpy as jnp
        >>> quick_jit(lambda x: x + 1)(jnp.ones(2)).tolist()
        [2.0, 2.0]
    """

    @functools.cache
    def compiled() -> Callable[..., Any]:
        options: Any = {"compiler_options": _options(least)}
        return eqx.filter_jit(function, **options)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return compiled()(*args, **kwargs)

    return call


def saves() -> bool:
    """Whether compiling with less effort is another thing than compiling, here and with the user's own options.

    Returns:
        False on other devices than CPUs, and where the user has chosen how XLA optimises.

    Example:
        >>> import jax.numpy as jnp
        >>> quick_jit(jnp.square, least=saves())(jnp.ones(2)).tolist()
        [1.0, 1.0]
    """
    return _options(True) is not None


@functools.cache
def _options(least: bool) -> dict[str, Any] | None:
    """What this XLA knows of the options; none where the user has chosen some, or where it is not for a CPU."""
    if jax.default_backend() != "cpu" or any(name in os.environ.get("XLA_FLAGS", "") for name in LESS):
        return None
    try:
        jax.jit(lambda x: x, compiler_options=LESS)(0.0)
    except Exception:  # options come and go with versions of XLA
        return None
    return LEAST if least else LESS


__all__ = ["quick_jit", "saves"]
