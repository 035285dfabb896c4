"""Dropout of networks that are called on one point: what each hidden layer does with its outputs in training."""

import functools
from collections.abc import Callable, Sequence

import equinox as eqx
import jax.numpy as jnp

from simplebias.core.errors import InputError, check_positive
from simplebias.core.types import Array, Key
from simplebias.networks.masks import kept, mask_words


def make_dropout(rate: float | int) -> eqx.nn.Dropout:
    """The field of a network that holds its rate, checked, and whether it is off."""
    check_positive(rate, "dropout", zero=True)
    if rate >= 1:
        raise InputError("dropout as a rate below 1", repr(rate), "It is the share of neurons that is dropped.")
    return eqx.nn.Dropout(float(rate))


def drops(dropout: eqx.nn.Dropout, layers: int, key: Key | None) -> list[Callable[[Array], Array]]:
    """What dropout does to the outputs of each hidden layer; the last are not divided: output weights are fewer."""
    if survivor_factor(dropout) == 1:
        return [lambda h: h] * layers
    if key is None:
        raise InputError(
            "a key for dropout", "none", "Call network(point, key=key), or eqx.nn.inference_mode(network) to evaluate."
        )
    words, factors = mask_words(key, layers), [survivor_factor(dropout)] * (layers - 1) + [1.0]

    def drop(h: Array, layer: int) -> Array:
        larger = h if factors[layer] == 1 else h * factors[layer]
        return jnp.where(kept(words[layer], 1 - dropout.p, h.shape[0], layer=layer), larger, 0)

    return [functools.partial(drop, layer=layer) for layer in range(layers)]


def survivor_factor(dropout: eqx.nn.Dropout) -> float:
    """What survivors are multiplied by, `1 / (1 - rate)`; 1 where nothing is dropped."""
    return 1.0 if dropout.p == 0 or dropout.inference else 1 / (1 - float(dropout.p))


def divided(features: Sequence[Array], dropout: eqx.nn.Dropout) -> tuple[Array, ...]:
    """Features of which the last are divided too, as a reader of features expects."""
    factor = survivor_factor(dropout)
    return tuple(features) if factor == 1 else (*features[:-1], features[-1] * factor)


__all__ = ["divided", "drops", "make_dropout", "survivor_factor"]
