"""Verbs that take networks of several kinds: each goes to the room that knows it, which alone is then imported."""

import sys
from typing import Any


def reduce(network: Any, data: Any = None, **options: Any) -> Any:
    """Make a condensed network small: merge neurons that say the same, and drop those that say nothing.

    Args:
        network: a network of `simplebias.networks`, see `simplebias.condensation.reduce`; or a `torch.nn.Module`, see
            `simplebias.torch.reduce`.
        data: points like those the network is for; for a network of this package also a task, or None.
        options: those of the function named: `tolerance` of both; `by` and `radius`, or `keep` of a module.

    Returns:
        A `Reduction`, or a `ReducedModule`: the small network, and the measured change of its output.

    Raises:
        InputError: as that function.

    References:
        Zhang, Zhang, Luo, Xu, Embedding principle of loss landscape of deep neural networks, arXiv:2105.14573.

    Example:
        >>> import jax
        >>> from simplebias.networks import TwoLayer, split
        >>> network = TwoLayer(2, 1, 3, key=jax.random.key(0))
        >>> reduce(split(network, 1, 0, (0.2, 0.3, 0.5)), jax.random.normal(jax.random.key(1), (50, 2))).widths
        ((5,), (3,))
    """
    torch = sys.modules.get("torch")  # whoever has a module has imported it
    if torch is not None and isinstance(network, torch.nn.Module):
        from simplebias.torch import reduce as reduce_module

        return reduce_module(network, data, **options)
    from simplebias.condensation import reduce as reduce_network

    return reduce_network(network, data, **options)
