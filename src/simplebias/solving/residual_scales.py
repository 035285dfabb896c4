"""Scales that a network in training lacks: look at its residual, add scales, go on."""

import math
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import check_positive
from simplebias.core.types import Array, Key, Network, Scalar
from simplebias.pde import Problem
from simplebias.solving.rings import peaked
from simplebias.solving.scales import SAMPLES, first_layer_std, octaves, radial_power, typical_operator
from simplebias.solving.views import View, evaluate

COARSE = {1: 2048, 2: 128, 3: 32}
"""Places along each input at which a residual is looked at, in more dimensions 128 on a line."""


def added_scales(
    problem: Problem,
    network: Network,
    scales: Sequence[float | int],
    *,
    weight_std: float | int | None = None,
    minimum: float | int = 0.1,
    tolerance: float | int = 1e-4,
    key: Key,
) -> tuple[float, ...]:
    """Scales that a network in training lacks, by the spectrum of its residual: look, add scales, go on.

    The residual `-∇·(a∇u) + c u - f` of the network is the operator's image of its error, so the error is estimated
    from it as the solution is from the source. Where a wave of the error needs a scale that is more than an octave
    from every scale there is, that scale is missing.

    Args:
        problem: what is solved.
        network: as it is now, of one point.
        scales: those it has.
        weight_std: std of the first layer's weights that the scales multiply; `1/√inputs` by default.
        minimum: least size of the error's gradient that matters, over its largest.
        tolerance: size of the error's gradient, over that of the network, below which nothing is added.
        key: random key of the points.

    Returns:
        Scales to be added, rising; none where nothing is missing.

    Raises:
        InputError: for a network whose residual is not finite, or parameters out of range.

    References:
        Huang, You, Zhou, arXiv:2410.00053, who look at the spectrum of the network itself.

    Example:
        >>> from simplebias.pde import Box, Poisson
        >>> problem = Poisson(Box(0, 1), lambda x: (20 * jnp.pi)**2 * jnp.sin(20 * jnp.pi * x[0]))
        >>> added_scales(problem, lambda x: x * (1 - x), (2.0, 4.0), key=jax.random.key(0))
        (32.0,)
    """
    for value, name in ((minimum, "minimum"), (tolerance, "tolerance"), *((one, "a scale") for one in scales)):
        check_positive(value, name)
    inputs = problem.domain.inputs
    place, lines = jax.random.split(key)
    view = View(problem.domain, COARSE.get(inputs, 128), key=lines)
    operator = typical_operator(problem, key=place)
    residual = view.values(NetworkResidual(problem, network), "residual of the network")
    power = view.power(residual) * (2 * np.pi) ** 2 * view.squares / operator.symbol(view.squares) ** 2
    inner = np.asarray(problem.domain.sample(SAMPLES, key=place), float)
    gradients = np.mean(evaluate(_SquaredSlope(network), inner))
    if power.sum() <= tolerance**2 * gradients:
        return ()
    radii, found = radial_power(view, power)
    needed = octaves(peaked(radii, found, minimum**2 * found.max()), view.sides, first_layer_std(weight_std, inputs))
    near = lambda one: any(abs(math.log2(one / have)) <= 1 + 1e-9 for have in scales)
    return tuple(one for one in needed if not near(one))


class NetworkResidual(eqx.Module):
    """The residual of a network in an equation, a function of one point, by forward derivatives.

    Args:
        problem: the equation.
        network: of one point, with one output.

    Example:
        >>> from simplebias.pde import Box, Poisson
        >>> residual = NetworkResidual(Poisson(Box(0, 1), lambda x: 2 + 0 * x[0]), lambda x: x * (1 - x))
        >>> float(residual(jnp.array([0.3])))
        0.0
    """

    problem: Problem
    network: Network

    def __call__(self, point: Array) -> Scalar:
        """Left side minus right side of the equation."""
        parts = self.problem.parts(lambda where: jnp.atleast_1d(self.network(where)), point)
        return self.problem.residual(point, *(one[0] for one in parts))


class _SquaredSlope(eqx.Module):
    """`|∇u|²` of a network at one point."""

    network: Network

    def __call__(self, point: Array) -> Scalar:
        return jnp.sum(jax.jacfwd(self.network)(point) ** 2)
