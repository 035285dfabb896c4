"""Networks that meet the values on the boundary by themselves."""

import math
from typing import Any

import equinox as eqx

from simplebias.core.errors import InputError
from simplebias.core.snapshot import Neurons, ShowsNeurons, wants_key
from simplebias.core.sobolev import ShowsSmoothness
from simplebias.core.types import Key, Network, Output, Point, Scalar
from simplebias.pde.domains import Box
from simplebias.pde.geometry import Domain
from simplebias.pde.problems import Field


class HardBoundary(eqx.Module):
    """A network that meets values on the boundary exactly, `u(x) = lift(x) + B(x) N(x)`, with B zero on the boundary.

    Args:
        network: N, with one output.
        domain: where. B is its `smooth_distance`; for a box `Π (x - low)(high - x)`, divided by its largest value.
        factor: another B, of one point: zero on the boundary and nowhere else inside.
        lift: a function with the values on the boundary, of one point; zero by default.

    Raises:
        InputError: unless the domain is one, or if there is neither a domain nor a factor.

    Example:
        >>> import jax.numpy as jnp
        >>> from simplebias.pde import Box
        >>> solution = HardBoundary(lambda x: jnp.ones(1), Box(-1, 1))
        >>> [float(solution(jnp.array([x]))[0]) for x in (-1.0, 0.0, 0.5)]
        [0.0, 1.0, 0.75]
    """

    network: Network
    domain: Domain | None
    factor: Field | None = eqx.field(static=True)
    lift: Field | None = eqx.field(static=True)

    def __init__(
        self, network: Network, domain: Domain | None = None, *, factor: Field | None = None, lift: Field | None = None
    ):
        if domain is None and factor is None:
            raise InputError("a domain or a factor", "neither", "Write HardBoundary(network, problem.domain).")
        if domain is not None and not isinstance(domain, Domain):
            raise InputError("a domain", repr(domain), "Take a Box, a Ball, a Difference ….")
        self.network, self.domain, self.factor, self.lift = network, domain, factor, lift

    def __call__(self, point: Point, *, key: Key | None = None) -> Output:
        """Output at one point; `key` is for a network that drops neurons."""
        inner = self.network(point, key=key) if wants_key(self.network) else self.network(point)
        product = self._factor(point) * inner
        return product if self.lift is None else product + self.lift(point)

    def _factor(self, point: Point) -> Scalar:
        if self.factor is not None:
            return self.factor(point)
        if isinstance(self.domain, Box):
            return self.domain.vanishing(point) / math.prod((side / 2) ** 2 for side in self.domain.sides)
        assert self.domain is not None
        return self.domain.smooth_distance(point)

    @property
    def largest_derivative(self) -> int | None:
        """That of the network; None where it does not say."""
        return self.network.largest_derivative if isinstance(self.network, ShowsSmoothness) else None

    @property
    def activation(self) -> Any:
        """That of the network, for messages."""
        return getattr(self.network, "activation", None)

    def neurons(self) -> tuple[Neurons, ...]:
        """Neurons of the network, its last output weights before the factor."""
        return tuple(self.network.neurons()) if isinstance(self.network, ShowsNeurons) else ()


__all__ = ["HardBoundary"]
