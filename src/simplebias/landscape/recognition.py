"""Whether two networks, of any widths, are the same function and have the same features, symmetries removed."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, as_points, check_positive
from simplebias.core.snapshot import evaluate
from simplebias.core.types import ArrayLike, Float, Network
from simplebias.landscape.hessian import in_precision
from simplebias.landscape.surface import finite, widened
from simplebias.networks import MLP, TwoLayer, chain_of
from simplebias.networks.activations import Activation


@dataclasses.dataclass(frozen=True)
class Sameness:
    """How far two networks are apart. Made by `same_function`.

    No example: see `same_function`.

    Args:
        outputs: largest difference of outputs at the points, relative to the root of their mean square.
        features: largest difference of weights of the networks without their symmetries, relative to the largest
            weight; infinite where they have different widths then, None for networks without such a form.
        tolerance: below which both count as none.
    """

    outputs: float
    features: float | None
    tolerance: float

    @property
    def outputs_agree(self) -> bool:
        """Whether they are the same function on the points."""
        return self.outputs <= self.tolerance

    @property
    def features_agree(self) -> bool:
        """Whether their neurons are the same too, but for symmetries, copies and neurons without effect."""
        return self.features is not None and self.features <= self.tolerance


def same_function(first: Network, second: Network, points: ArrayLike, *, tolerance: float | int = 1e-6) -> Sameness:
    """Whether two networks of any widths are the same function on points, and have the same features.

    Features are compared by `essential_neurons`, so that a network and its embedding in a wider one agree.

    Args:
        first: maps one point to one output.
        second: another, with as many inputs and outputs.
        points: `(points, inputs)`.
        tolerance: relative, of outputs and weights.

    Returns:
        Both distances, and whether they are within the tolerance.

    Raises:
        InputError: for bad points, outputs that are not finite, or of another number.

    Example:
        >>> import jax
        >>> from simplebias.networks import split
        >>> network = TwoLayer(1, 1, 3, key=jax.random.key(0))
        >>> found = same_function(network, split(network, 1, 0, (0.3, 0.7)), np.linspace(-1, 1, 9))
        >>> found.outputs_agree, found.features_agree
        (True, True)
    """
    check_positive(tolerance, "tolerance")
    with in_precision("float64"):
        rows = jnp.asarray(as_points(points), jnp.float64)
        one, other = (
            finite(np.asarray(evaluate(widened(network), rows)), "output", "The network has diverged.")
            for network in (first, second)
        )
    if one.shape != other.shape:
        raise InputError(f"networks with {one.shape[1]} outputs", f"{other.shape[1]} outputs")
    size = max(float(np.sqrt(np.mean(x**2))) for x in (one, other))
    outputs = float(np.abs(one - other).max()) / (size or 1.0)
    features = None
    if isinstance(first, MLP | TwoLayer) and isinstance(second, MLP | TwoLayer):
        features = _apart(*(essential_neurons(network, tolerance=tolerance) for network in (first, second)))
    return Sameness(outputs, features, float(tolerance))


def essential_neurons(network: MLP | TwoLayer, *, tolerance: float | int = 1e-6) -> list[Float[np.ndarray, "_ _"]]:
    """Neurons of each layer with symmetries removed: what is left does not depend on how the network is written.

    In each hidden layer from the first: neurons that read nothing become biases where the next layer has one; the sign
    of neurons of an odd or even activation and the length of those of a homogeneous one are fixed; neurons alike are
    merged, their output weights summed; those whose output weights vanish are left out; the rest is ordered.

    Args:
        network: a TwoLayer or MLP.
        tolerance: below which weights, relative to the largest, count as zero or as equal.

    Returns:
        For each layer, the output layer last, the weights of its neurons with the bias as last column.

    Raises:
        InputError: for another network, or weights that are not finite.

    Example:
        >>> import jax
        >>> from simplebias.networks import add_null
        >>> network = TwoLayer(2, 1, 3, key=jax.random.key(0))
        >>> [layer.shape for layer in essential_neurons(add_null(network, 1, 4))]
        [(3, 3), (1, 4)]
    """
    if not isinstance(network, MLP | TwoLayer):
        raise InputError("a TwoLayer or MLP", f"a {type(network).__name__}", "Compare outputs alone.")
    chain = chain_of(network)
    weights, biases = list(chain.weights), list(chain.biases)
    found = []
    for layer in range(len(weights) - 1):
        with_bias = network.layers[layer + 1].bias is not None
        rows, columns, constant = _essential(
            np.c_[weights[layer], biases[layer]], weights[layer + 1], chain.activation, float(tolerance), with_bias
        )
        weights[layer + 1], biases[layer + 1] = columns, biases[layer + 1] + constant
        found.append(rows)
    return [*found, np.c_[weights[-1], biases[-1]]]


def _essential(
    rows: np.ndarray, columns: np.ndarray, activation: Activation, tolerance: float, with_bias: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows and columns of one layer without symmetries, and what is added to the next layer's bias."""
    near = tolerance * max(float(np.abs(rows).max(initial=0.0)), 1e-300)
    constant = np.zeros(len(columns))
    idle = np.abs(rows[:, :-1]).max(axis=1, initial=0.0) <= near
    if with_bias and idle.any():
        with in_precision("float64"):
            values = np.asarray(activation(jnp.asarray(rows[idle, -1], jnp.float64)))
        constant, rows, columns = columns[:, idle] @ values, rows[~idle], columns[:, ~idle]
    rows, columns = _signed(rows, columns, activation, near)
    merged: list[np.ndarray] = []
    shares: list[np.ndarray] = []
    for row, column in zip(rows, columns.T, strict=True):
        same = next((k for k, other in enumerate(merged) if np.abs(other - row).max() <= 10 * near), None)
        if same is None:
            merged.append(row)
            shares.append(column)
        else:
            shares[same] = shares[same] + column
    left = tolerance * max(float(np.abs(columns).max(initial=0.0)), 1e-300)
    kept = [k for k, share in enumerate(shares) if np.abs(share).max() > left]
    kept.sort(key=lambda k: tuple(np.round(merged[k] / (1e3 * near)).tolist()))
    width = rows.shape[1]
    return (
        np.array([merged[k] for k in kept]).reshape(len(kept), width),
        np.array([shares[k] for k in kept]).reshape(len(kept), len(columns)).T,
        constant,
    )


def _signed(
    rows: np.ndarray, columns: np.ndarray, activation: Activation, near: float
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of which the first entry that is not zero is positive, or of length 1, where the activation allows it."""
    if activation.degree is not None:
        lengths = np.linalg.norm(rows, axis=1)
        lengths = np.where(lengths > near, lengths, 1.0)
        rows, columns = rows / lengths[:, None], columns * lengths**activation.degree
    if activation.parity is not None and len(rows):
        leading = np.argmax(np.abs(rows) > near, axis=1)
        signs = np.where(rows[np.arange(len(rows)), leading] < 0, -1.0, 1.0)
        rows = rows * signs[:, None]
        columns = columns * signs if activation.parity == "odd" else columns
    return rows, columns


def _apart(first: list[np.ndarray], second: list[np.ndarray]) -> float:
    if [one.shape for one in first] != [one.shape for one in second]:
        return float("inf")
    pairs = zip(first, second, strict=True)
    gaps = [np.abs(a - b).max(initial=0.0) / max(np.abs(a).max(initial=0.0), 1e-300) for a, b in pairs]
    return float(max(gaps, default=0.0))


__all__ = ["Sameness", "essential_neurons", "same_function"]
