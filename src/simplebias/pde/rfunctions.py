"""Functions that vanish on the boundary of a combination where those of its members vanish on theirs (R-functions).

`both(a, b)` is positive where a and b are, `either(a, b)` where one is. They are smooth but where a = b = 0, and have
slope one where a member has slope one and the other does not vanish: `both(a, b) ≈ a` for small a and b > 0.
"""

from collections.abc import Callable, Sequence

import jax.numpy as jnp

from simplebias.core.types import Array, Scalar


def both(a: Array, b: Array) -> Array:
    """`a + b - (a² + b²)^½`, without the difference of nearly equal numbers; for the intersection."""
    square = a**2 + b**2
    safe = square > 0
    root = jnp.sqrt(jnp.where(safe, square, 1.0))
    total = a + b
    positive = total > 0
    quotient = 2 * a * b / jnp.where(positive & safe, total + root, 1.0)
    return jnp.where(safe, jnp.where(positive, quotient, total - root), 0.0)


def either(a: Array, b: Array) -> Array:
    """`a + b + (a² + b²)^½`; for the union."""
    return -both(-a, -b)


def fold(join: Callable[[Array, Array], Array], values: Sequence[Scalar]) -> Scalar:
    """Values joined by twos, then the results by twos …: a chain of a hundred would take minutes to compile."""
    row = jnp.stack(list(values))
    while len(row) > 1:
        half = len(row) // 2
        row = jnp.concatenate([join(row[:half], row[half : 2 * half]), row[2 * half :]])
    return row[0]
