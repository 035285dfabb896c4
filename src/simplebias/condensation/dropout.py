"""Dropout of the last hidden layer, and what it adds to the loss: R1 exactly, R2 by sampling, the losses L1 to L4.

A neuron is kept with probability p and then divided by p, or dropped with probability `rate = 1 - p`. For
`Regression`, R_S the mean square over points and outputs,

    E R_drop = R_S + R1,    R1 = (rate / p) Σ_j ‖a_j‖² mean_i h_j(x_i)² / outputs,

with h_j the neuron's output and a_j its output weights; twice the R1 of the paper, whose loss has a factor ½. R1 stays
as the learning rate ε falls. What is left of a finite one is `R2 = (ε / 4) E ‖∇R_drop‖²`, the correction of gradient
descent averaged over masks. The mean of descent with independent masks follows, up to ε³, the flow of R_S + R1 and of
that part of R2 alone which has no variance, `(ε / 4) ‖∇E R_drop‖²`: tests sum over all masks.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from simplebias.core.errors import InputError, as_array, as_points, check_choice, check_positive
from simplebias.core.keys import numbered_key
from simplebias.core.snapshot import evaluate
from simplebias.core.task import Regression, Task, check_outputs
from simplebias.core.types import Array, ArrayLike, Float, Int, Key, Network, Points, Scalar, Values
from simplebias.networks.masks import keep_mask

LOSSES = ("drop", "L1", "L2", "L3", "L4")
"""`drop` is R_drop with a mask of its own for each point; L1 = R_S + R1, L2 = R_S + R̃2, L3 = R_drop - R̃2 and
L4 = R_drop - R1, with R̃2 by the one mask of the step."""


class Penalty(NamedTuple):
    """A penalty by sampling.

    Args:
        value: mean over the samples.
        standard_error: of that mean.
        samples: how many masks were drawn.

    No example: returned by `dropout_gradient_penalty`.
    """

    value: Scalar
    standard_error: Scalar
    samples: int


def dropout_rate(rate: float | int | None, keep_probability: float | int | None) -> float:
    """The share that is dropped, from exactly one of both names."""
    if (rate is None) == (keep_probability is None):
        raise InputError("either rate or keep_probability", "both" if rate is not None else "neither")
    if rate is not None:
        check_positive(rate, "rate", zero=True)
        if rate >= 1:
            raise InputError("rate, the share of neurons dropped, below 1", repr(rate))
        return float(rate)
    check_positive(keep_probability, "keep_probability")
    if float(keep_probability or 0) > 1:
        raise InputError("keep_probability up to 1", repr(keep_probability))
    return 1 - float(keep_probability or 0)


def dropout_penalty(
    features: ArrayLike,
    output_weights: ArrayLike,
    *,
    rate: float | int | None = None,
    keep_probability: float | int | None = None,
) -> Scalar:
    """R1: what dropout of the last hidden layer adds on average to the mean squared error, exactly.

    `R1 = (rate / p) Σ_j ‖a_j‖² mean_i h_j(x_i)² / outputs`: an ℓ₂ penalty on the output of each neuron, so that many
    neurons of one orientation cost less than the same function from neurons of many. One mask for all points or one for
    each give the same R1. For `(1/2n) Σ (f - y)²` it is `outputs / 2` times this.

    Args:
        features: `(points, neurons)`, outputs of the last hidden layer without dropout.
        output_weights: `(outputs, neurons)`, or `(neurons,)` for one output.
        rate: share of neurons dropped; or
        keep_probability: share of neurons kept, the p of the paper.

    Returns:
        A number ≥ 0 in squared units of the targets.

    Raises:
        InputError: unless one of rate and keep probability is given, in range; for shapes that do not fit or NaN.

    References:
        Zhang, Xu, Implicit regularization of dropout, arXiv:2207.05952.

    Example:
        >>> float(dropout_penalty([[1.0, 2.0]], [3.0, 1.0], keep_probability=0.5))
        13.0
    """
    share = dropout_rate(rate, keep_probability)
    values = as_points(features, "features")
    given = as_array(output_weights, "output weights")
    weights = as_points(given[None] if given.ndim == 1 else given, "output weights")
    if weights.shape[1] != values.shape[1]:
        raise InputError(f"output weights of {values.shape[1]} neurons", f"{weights.shape[1]}")
    return _penalty(values, weights, share)


def _penalty(features: Array, weights: Array, rate: float) -> Array:
    squares = jnp.mean(features**2, axis=0) * jnp.mean(weights**2, axis=0)
    return rate / (1 - rate) * jnp.sum(squares)


class LastLayerDropout(Task):
    """Regression with dropout of the last hidden layer, or with what it adds to the loss, term by term.

    The network itself is used without dropout of its own, so what is recorded is the mean network. It needs `features`
    and an affine output layer `layers[-1]`, as TwoLayer, MLP and ResNet have.

    - `"drop"`: `R_drop`, with masks of their own for each point.
    - `"L1" = R_S + R1`, `"L2" = R_S + R̃2`, `"L3" = R_drop - R̃2`, `"L4" = R_drop - R1`, where `R̃2 = (ε / 4) ‖∇R_drop‖²`
      is taken by the mask of the step. Training on L1 or L4 tells which term condenses.

    Args:
        task: the data.
        loss_kind: one of `LOSSES`.
        rate: share of neurons dropped; or
        keep_probability: share of neurons kept.
        learning_rate: ε, for L2 and L3.

    Raises:
        InputError: for another task, an unknown loss, a probability out of range, or a missing learning rate.

    References:
        Zhang, Xu, Implicit regularization of dropout, arXiv:2207.05952.

    Example:
        >>> from simplebias.networks import TwoLayer
        >>> task = LastLayerDropout(Regression([0.0, 1.0], [0.0, 1.0]), "L1", keep_probability=0.9)
        >>> network = TwoLayer(1, 1, 100, key=jax.random.key(0))
        >>> bool(task.loss(network, task.batch(None, key=None), key=None) > 0)
        True
    """

    task: Regression
    loss_kind: str = eqx.field(static=True)
    rate: float = eqx.field(static=True)
    learning_rate: float | None = eqx.field(static=True)

    def __init__(
        self,
        task: Task,
        loss_kind: str = "drop",
        *,
        rate: float | int | None = None,
        keep_probability: float | int | None = None,
        learning_rate: float | int | None = None,
    ):
        if not isinstance(task, Regression):
            raise InputError("a Regression", f"a {type(task).__name__}", "R1 is exact for squared errors alone.")
        check_choice(loss_kind, "loss_kind", LOSSES)
        if loss_kind in {"L2", "L3"} or learning_rate is not None:
            if learning_rate is None:
                raise InputError(f"a learning rate for {loss_kind}", "none", "R2 is in proportion to it.")
            check_positive(learning_rate, "learning_rate")
        self.task, self.loss_kind = task, loss_kind
        self.rate = dropout_rate(rate, keep_probability)
        self.learning_rate = None if learning_rate is None else float(learning_rate)

    @property
    def size(self) -> int:
        """Number of points."""
        return self.task.size

    @property
    def probe(self) -> Points:
        """The training points."""
        return self.task.probe

    def batch(self, rows: Int[Array, " rows"] | None, *, key: Key | None) -> tuple[Points, Values]:
        """The given rows of points and values."""
        return (
            (self.task.points, self.task.values) if rows is None else (self.task.points[rows], self.task.values[rows])
        )

    def loss(self, network: Network, batch: tuple[Points, Values], *, key: Key | None) -> Scalar:
        """The chosen loss; `key` draws the masks, where there are any."""
        kind = self.loss_kind
        if kind == "drop":
            return self._dropped(network, batch, key)
        if kind == "L1":
            return self._plain(network, batch) + self._first(network, batch)
        if kind == "L2":
            return self._plain(network, batch) + self._second(network, batch, key)
        rest = self._second(network, batch, key) if kind == "L3" else self._first(network, batch)
        return self._dropped(network, batch, key) - rest

    def _plain(self, network: Network, batch: tuple[Points, Values]) -> Array:
        points, values = batch
        outputs = evaluate(network, points)
        check_outputs(outputs, values.shape)
        return jnp.mean((outputs - values) ** 2)

    def _first(self, network: Network, batch: tuple[Points, Values]) -> Array:
        return _penalty(last_features(network, batch[0]), network.layers[-1].effective_weight, self.rate)

    def _dropped(self, network: Network, batch: tuple[Points, Values], key: Key | None) -> Array:
        points, values = batch
        features = last_features(network, points)
        if self.rate > 0:
            if key is None:
                raise InputError("a key for the masks", "none", "Give key=jax.random.key(0).")
            keys, size = numbered_key(key, jnp.arange(len(features)), word=0), features.shape[1:]
            kept = jax.vmap(lambda one: keep_mask(one, 1 - self.rate, size))(keys)
            features = jnp.where(kept, features / (1 - self.rate), 0)
        outputs = jax.vmap(network.layers[-1])(features)
        check_outputs(outputs, values.shape)
        return jnp.mean((outputs - values) ** 2)

    def _second(self, network: Network, batch: tuple[Points, Values], key: Key | None) -> Array:
        gradient = eqx.filter_grad(self._dropped)(network, batch, key)
        return (self.learning_rate or 0.0) / 4 * _square(gradient)


def last_features(network: Network, points: Points) -> Float[Array, "points neurons"]:
    """Outputs of the last hidden layer without dropout; the network must have them and an affine output layer."""
    layers = getattr(network, "layers", None)
    if not hasattr(network, "features") or not layers or not hasattr(layers[-1], "effective_weight"):
        raise InputError(
            "a network with features() and an affine output layer",
            f"a {type(network).__name__}",
            "Use TwoLayer, MLP or ResNet.",
        )
    quiet = eqx.nn.inference_mode(network)
    return jax.vmap(lambda point: quiet.features(point)[-1])(points)


def _square(gradient: Any) -> Array:
    return sum((jnp.sum(leaf**2) for leaf in jax.tree.leaves(gradient)), jnp.zeros(()))


def dropout_gradient_penalty(
    network: Network, task: Task, *, learning_rate: float | int, samples: int = 100, key: Key
) -> Penalty:
    """R2: `(ε / 4) E ‖∇R_drop‖²`, the mean over random masks of the squared norm of the gradient, by sampling.

    The correction for a finite learning rate ε of gradient descent; it vanishes with ε, unlike R1. It depends on
    whether a mask is drawn for each point or for the whole batch, and here it is for each point.

    Args:
        network: any network; its arrays of floats are the parameters.
        task: whose loss on all data is random by its key: a `LastLayerDropout` of kind "drop", or any task if the
            network drops neurons itself.
        learning_rate: ε.
        samples: number of masks, at least 2.
        key: of the masks.

    Returns:
        The mean, its standard error and the number of samples.

    Raises:
        InputError: for a learning rate that is not positive or too few samples.

    References:
        Zhang, Xu, Implicit regularization of dropout, arXiv:2207.05952.

    Example:
        >>> from simplebias.networks import TwoLayer
        >>> network = TwoLayer(1, 1, 10, dropout=0.1, key=jax.random.key(0))
        >>> task = Regression([0.0, 1.0], [0.0, 1.0])
        >>> found = dropout_gradient_penalty(network, task, learning_rate=0.1, samples=20, key=jax.random.key(1))
        >>> bool(found.value > found.standard_error)
        True
    """
    check_positive(learning_rate, "learning_rate")
    check_positive(samples, "samples", integer=True)
    if samples < 2:
        raise InputError("at least two samples", repr(samples), "One has no standard error.")
    squares = _sample(network, task, jax.random.split(key, int(samples))) * (learning_rate / 4)
    return Penalty(jnp.mean(squares), jnp.std(squares, ddof=1) / samples**0.5, int(samples))


@eqx.filter_jit
def _sample(network: Network, task: Task, keys: Array) -> Array:
    batch_key, _ = jax.random.split(keys[0])
    batch = task.batch(None, key=batch_key)
    return jax.lax.map(lambda key: _square(eqx.filter_grad(task.loss)(network, batch, key=key)), keys)


__all__ = [
    "LOSSES",
    "LastLayerDropout",
    "Penalty",
    "dropout_gradient_penalty",
    "dropout_penalty",
    "dropout_rate",
    "last_features",
]
