"""Anti-symmetric initialisation: two copies of a network whose sum starts as the zero function."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.linalg import block_diag

from simplebias.core.errors import InputError
from simplebias.core.snapshot import Neurons
from simplebias.core.types import Array, Float, Key, Output


def _join(first: Neurons, second: Neurons) -> Neurons:
    bias = None if first.bias is None or second.bias is None else jnp.concatenate([first.bias, second.bias])
    if first.output_weights is None or second.output_weights is None:
        outgoing = None
    else:
        outgoing = jnp.concatenate([first.output_weights, second.output_weights], axis=1)
    rows = jnp.concatenate([first.input_weights, second.input_weights])
    return Neurons(rows, bias, outgoing, first.activation, first.name)


class AntiSymmetric(eqx.Module):
    """`f = N(θ₁) + N(θ₂)` where θ₂ starts as θ₁ with the output layer negated, so that `f ≡ 0` at step 0.

    Both copies are trained. It removes the initial function, so that what is seen is the bias of training alone. There
    is no factor √½: the tangent kernel is twice that of one copy. While training with dropout the copies get masks of
    their own.

    Args:
        network: a network with a method `negated()`, such as TwoLayer, MLP and ResNet.

    Raises:
        InputError: if the network has no such method.

    References:
        Zhang, Xu, Luo, Ma, A type of generalization error induced by initialization in deep neural networks,
        arXiv:1905.07777.

    Example:
        >>> from simplebias.networks import TwoLayer
        >>> network = AntiSymmetric(TwoLayer(1, 1, 50, key=jax.random.key(0)))
        >>> float(network(jnp.ones(1))[0])
        0.0
    """

    first: Any
    second: Any

    def __init__(self, network: Any):
        if not hasattr(network, "negated"):
            raise InputError(
                "a network with a method negated()",
                f"a {type(network).__name__}",
                "Write one that returns a copy with the output layer negated.",
            )
        self.first, self.second = network, network.negated()

    def __call__(self, point: Array, *, key: Key | None = None) -> Output:
        """Sum of the two copies at one point."""
        keys = (None, None) if key is None else tuple(jax.random.split(key))
        return self.first(point, key=keys[0]) + self.second(point, key=keys[1])

    def features(self, point: Array, *, key: Key | None = None) -> tuple[Float[Array, " _"], ...]:
        """Hidden features of both copies, joined layer by layer."""
        keys = (None, None) if key is None else tuple(jax.random.split(key))
        pairs = zip(self.first.features(point, key=keys[0]), self.second.features(point, key=keys[1]), strict=True)
        return tuple(jnp.concatenate(pair) for pair in pairs)

    @property
    def largest_derivative(self) -> int | None:
        """Highest order of which the derivative in the inputs is a function; None where every order is."""
        return getattr(self.first, "largest_derivative", None)

    def neurons(self) -> tuple[Neurons, ...]:
        """Neurons of both copies, joined layer by layer: twice the width.

        Beyond the first layer the neurons of one copy see only that copy; their rows are set below each other all the
        same, so that they can be compared.

        Returns:
            For each hidden layer the neurons of the first copy, then those of the second.
        """
        return tuple(_join(*pair) for pair in zip(self.first.neurons(), self.second.neurons(), strict=True))

    def joined(self) -> Any:
        """One network of twice the width that computes the same: the copies side by side, nothing between them.

        Returns:
            A network of the class of the copies.
        """
        if hasattr(self.first, "joined"):
            copies = self.first.joined(), self.second.joined()
            return eqx.tree_at(lambda one: (one.first, one.second), self, copies).joined()
        pairs = list(zip(self.first.layers, self.second.layers, strict=True))
        layers = []
        for place, (one, other) in enumerate(pairs):
            last = place == len(pairs) - 1
            side_by_side = jnp.concatenate if place == 0 else jnp.hstack if last else lambda parts: block_diag(*parts)
            bias = None
            if one.bias is not None:
                bias = one.bias + other.bias if last else jnp.concatenate([one.bias, other.bias])
            layers.append(dataclasses.replace(one, weight=side_by_side([one.weight, other.weight]), bias=bias))
        return eqx.tree_at(lambda network: network.layers, self.first, tuple(layers))
