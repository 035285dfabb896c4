"""Recovery of a target from few samples: networks from tiny weights, each member on samples of its own."""

from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.types import Array, Float, Key, Network, Output, Point, PyTree, Scalar


class Products(eqx.Module):
    """`f(x) = θ₀ + θ₁ x₁ + θ₂ θ₃ x₂`, or with `linear` `θ₀ + θ₁ x₁ + θ₂ x₂`: the same functions, other parameters.

    Args:
        weights: θ.
        linear: whether the last coefficient is a parameter.
    """

    weights: Float[Array, " weights"]
    linear: bool = eqx.field(static=True, default=False)

    def __call__(self, point: Point) -> Output:
        """Value at one point."""
        weights = self.weights
        last = weights[2] if self.linear else weights[2] * weights[3]
        return (weights[0] + weights[1] * point[0] + last * point[1])[None]


def recover(
    make: Callable[[Key], Network],
    points: np.ndarray,
    values: np.ndarray,
    order: np.ndarray,
    counts: Sequence[int],
    seeds: Sequence[int],
    *,
    rate: float,
    steps: int,
    until: float,
    test: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Errors after full gradient descent on the mean square of the first so many samples.

    Of samples a task has one set for all members of an ensemble; here each member has its own, and one compilation
    serves all of them.

    Args:
        make: gives the network of one key.
        points: `(seeds, samples, inputs)`.
        values: `(seeds, samples)`.
        order: `(seeds, samples)`: in which samples are seen.
        counts: how many are seen.
        seeds: of the networks.
        rate: learning rate.
        steps: at most.
        until: mean squared error over the samples seen at which a member stops.
        test: points and values as above, of the error.

    Returns:
        Root mean squared error at the test points, `(seeds, counts)`.
    """
    keys = jax.vmap(jax.random.key)(jnp.asarray(seeds))
    networks = eqx.filter_vmap(make)(keys)
    parameters, static = eqx.partition(networks, eqx.is_inexact_array)
    ranks = np.argsort(order, axis=1)
    seen = jnp.asarray(ranks[:, None, :] < np.asarray(counts)[:, None], jnp.result_type(float))

    arrays = [jnp.asarray(one) for one in (points, values, seen, *test)]
    return np.asarray(_all_members(static, (rate, steps, until), parameters, *arrays))


@eqx.filter_jit
def _all_members(
    static: PyTree,
    how: tuple[float, int, float],
    parameters: PyTree,
    points: Array,
    values: Array,
    seen: Array,
    *test: Array,
) -> Array:
    def of_seed(parameters: PyTree, points: Array, values: Array, seen: Array, *test: Array) -> Array:
        return jax.vmap(lambda mask: _descend(parameters, static, points, values, mask, *how, test))(seen)

    return jax.vmap(of_seed)(parameters, points, values, seen, *test)


def _descend(
    parameters: PyTree,
    static: PyTree,
    points: Array,
    values: Array,
    mask: Array,
    rate: float,
    steps: int,
    until: float,
    test: tuple[Array, ...],
) -> Scalar:
    def loss(candidate: PyTree) -> Scalar:
        errors = jax.vmap(eqx.combine(candidate, static))(points)[:, 0] - values
        return jnp.sum(mask * errors**2) / jnp.sum(mask)

    def step(state: tuple) -> tuple:
        now, count, _ = state
        size, slope = jax.value_and_grad(loss)(now)
        return jax.tree.map(lambda p, g: p - rate * g, now, slope), count + 1, size

    going = lambda state: (state[1] < steps) & ~(state[2] < until)
    final, _, _ = jax.lax.while_loop(going, step, (parameters, 0, jnp.asarray(jnp.inf, points.dtype)))
    errors = jax.vmap(eqx.combine(final, static))(test[0])[:, 0] - test[1]
    return jnp.sqrt(jnp.mean(errors**2))
