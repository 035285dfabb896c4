"""Functions that vanish on the boundary of a combination where those of its members vanish on theirs (R-functions).

`both(a, b)` is positive where a and b are, `either(a, b)` where one is. They are smooth but where a = b = 0, and have
slope one where a member has slope one and the other does not vanish: `both(a, b) ≈ a` for small a and b > 0.
"""

import jax.numpy as jnp

from simplebias.core.types import Scalar


def both(a: Scalar, b: Scalar) -> Scalar:
    """`a + b - (a² + b²)^½`, without the difference of nearly equal numbers; for the intersection."""
    square = a**2 + b**2
    safe = square > 0
    root = jnp.sqrt(jnp.where(safe, square, 1.0))
    total = a + b
    positive = total > 0
    quotient = 2 * a * b / jnp.where(positive & safe, total + root, 1.0)
    return jnp.where(safe, jnp.where(positive, quotient, total - root), 0.0)


def either(a: Scalar, b: Scalar) -> Scalar:
    """`a + b + (a² + b²)^½`; for the union."""
    return -both(-a, -b)
