"""Multiplicity of any activation, found from its derivatives at 0: it decides along how many lines neurons condense."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, check_positive
from simplebias.core.types import Array
from simplebias.networks import Activation
from simplebias.networks import activation as find_activation

NEAR = 1e-9
"""Distance from 0 at which both sides are asked for a derivative: where they differ it does not exist."""
AROUND = np.logspace(-3, 0, 13)
"""Distances from 0 at which the size of a derivative is taken, to tell what is zero."""


def find_function(activation: Any) -> Callable[[Array], Any]:
    """The function of a name or an activation, any other callable as it is."""
    if isinstance(activation, str):
        return find_activation(activation)
    if not callable(activation):
        raise InputError("the name of an activation, or a function of an array", repr(activation))
    return activation


def derivative(function: Callable[[Array], Any], order: int) -> Callable[[Array], Any]:
    """Derivative of a function that acts component-wise, by forward differentiation."""
    for _ in range(order):
        function = _derive(function)
    return function


def _derive(function: Callable[[Array], Any]) -> Callable[[Array], Any]:
    return lambda x: jax.jvp(function, (x,), (jnp.ones_like(x),))[1]


def leading_term(
    activation: str | Activation | Callable[[Array], Array], *, largest: int = 8
) -> tuple[int, float] | None:
    """Multiplicity p and `σ⁽ᵖ⁾(0) / (p - 1)!`, the factor of `xᵖ⁻¹` in σ′ near 0; None where there is none."""
    check_positive(largest, "largest", integer=True)
    function = find_function(activation)
    places = jnp.asarray(np.concatenate([[0.0, NEAR, -NEAR], AROUND, -AROUND]), jnp.result_type(float))
    tolerance = math.sqrt(float(jnp.finfo(places.dtype).eps))
    for order in range(1, int(largest) + 1):
        values = np.asarray(jax.jit(derivative(function, order))(places), float)
        if values.shape != places.shape:
            raise InputError("a function that acts component-wise", f"shape {values.shape} from {places.shape}")
        zero = tolerance * np.abs(values[np.isfinite(values)]).max(initial=0.0)
        if not np.isfinite(values[:3]).all() or np.ptp(values[:3]) > zero:
            return None
        if abs(values[0]) > zero:
            return order, float(values[0]) / math.factorial(order - 1)
    raise InputError(
        f"an activation with a derivative at 0, up to order {largest}, that does not vanish",
        "none",
        "Raise `largest`, unless the function is constant near 0.",
    )


def multiplicity(activation: str | Activation | Callable[[Array], Array], *, largest: int = 8) -> int | None:
    """Order p of the first derivative of σ at 0 that does not vanish, p ≥ 1; σ(0) itself does not count.

    At small initial weights neurons of one input condense on at most p lines. A derivative exists if both sides of 0
    and 0 itself agree; it vanishes if it is below `√ε` times its largest size within 1 of 0, ε being the precision.

    Args:
        activation: the name of an activation, an Activation, or any function that acts component-wise and that JAX
            can differentiate.
        largest: highest order to look at.

    Returns:
        p; None where the derivative in question does not exist at 0, as for ReLU, or JAX's rules do not give it.

    Raises:
        InputError: for an unknown name, a function of another shape, or if all derivatives up to `largest` vanish.

    References:
        Zhou, Zhou, Luo, Xu, Towards understanding the condensation of neural networks at initial training,
        arXiv:2105.11686.

    Example:
        >>> multiplicity("x2tanh"), multiplicity(lambda x: x - jnp.sin(x)), multiplicity("relu")
        (3, 3, None)
    """
    found = leading_term(activation, largest=largest)
    return None if found is None else found[0]


__all__ = ["derivative", "find_function", "leading_term", "multiplicity"]
