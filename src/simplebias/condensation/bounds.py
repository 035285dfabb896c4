"""How much a network's output can change where its neurons were merged, for all inputs of a ball."""

import dataclasses

import numpy as np

from simplebias.networks import Activation, Chain, NeuronGroup

TAPS = 3.0
"""Root of the number of patches that a pixel is in, so the most by which patches are longer than their picture."""

SLOPES = {
    "relu": 1.0,
    "leaky_relu": 1.0,
    "identity": 1.0,
    "tanh": 1.0,
    "sigmoid": 0.25,
    "softplus": 1.0,
    "gelu": 1.13,
    "silu": 1.1,
    "elu": 1.0,
    "cos": 1.0,
    "srelu": 1.0,
    "phi": 2.0,
    "s2relu": 1.571,
    "xtanh": 1.2,
}
"""Lipschitz constants of activations, rounded up."""


@dataclasses.dataclass(frozen=True)
class Edit:
    """What became of the neurons of one group.

    Args:
        group: the neurons.
        assignment: `(old,)`: new neuron that speaks for each old one, -1 where it is dropped.
        factors: `(old,)`: each old neuron's extended input weight is about this times that of its new one.
        coefficients: `(old,)`: each old neuron's output is about this times that of its new one.
        constants: for each consumer `(old,)`, added to that.
        by_weights: whether the factors are meant; False where neurons were merged by their outputs.
    """

    group: NeuronGroup
    assignment: np.ndarray
    factors: np.ndarray
    coefficients: np.ndarray
    constants: tuple[np.ndarray, ...]
    by_weights: bool

    @property
    def count(self) -> int:
        """Neurons that are left."""
        return int(self.assignment.max()) + 1


def slope_bound(activation: Activation) -> float:
    """Lipschitz constant of an activation, infinite where none is known."""
    family, _, parameter = activation.name.partition(":")
    if family == "sin":
        return float(parameter or 1)
    if family == "ricker":
        a = float(parameter or 1)
        return np.pi**0.25 / (15 * a**2) * 1.3802
    return SLOPES.get(activation.name, np.inf)


def output_bound(old: Chain, new: Chain, edits: tuple[Edit, ...], radius: float, *, epsilon: float = 0.0) -> float:
    """Bound on `‖f(x) - f′(x)‖₂` over all `‖x‖₂ ≤ radius`.

    With L the slope of σ and r the largest norm of what a layer reads, a neuron of extended weight e whose new one has
    e′ adds `L ‖e - ρ e′‖ √(r² + 1)` to the error `L |W| v` that the layer before hands on. Of a kernel the norm over
    all pixels counts: the patches of a picture of norm r have norm 3 r at most, a bias adds up over P pixels to √P, a
    convolution hands on at most the sum of its |weights| of a channel, and max-pooling lengthens nothing.

    Args:
        old: the network.
        new: the network after the edits.
        edits: of each group of neurons.
        radius: of the ball of inputs, in their units.
        epsilon: rounding unit of the arithmetic; 0 for the bound in exact arithmetic.

    Returns:
        The bound; infinite where none is known.
    """
    slope = slope_bound(old.activation)
    if not np.isfinite(slope) or not all(edit.by_weights for edit in edits):
        return np.inf
    start = float(abs(old.apply(np.zeros(1))[0]))
    reach, old_reach, errors, sizes = float(radius), float(radius), np.zeros(_sources(old, 0)), 0
    edit, expanded = None, 0
    for layer in range(len(old.weights) - 1):
        now = edits[0] if old.shortcut else edits[layer]
        weight, bias = _expand(old, layer, edit, expanded)
        passed = _gains(old, layer) @ errors
        passed = np.minimum(passed, _norm(old, layer, errors))
        here = _residuals(now, layer, (weight, bias), (new.weights[layer], new.biases[layer]), reach, old, slope)
        here = here + slope * passed
        if epsilon:
            here = here + slope * epsilon * (
                _rounding(old, layer, old_reach)
                + np.append(_rounding(new, layer, reach), 0.0)[now.assignment] * np.abs(now.coefficients)
            )
        errors = here + (errors if old.shortcut and layer else 0)
        sizes = _reach(new, layer, reach, slope, start) + (sizes if old.shortcut and layer else 0)
        reach = float(np.linalg.norm(sizes))
        old_sizes = _reach(old, layer, old_reach, slope, start)
        old_reach = float(np.linalg.norm(old_sizes)) + (old_reach if old.shortcut and layer else 0)
        edit, expanded = now, layer
    return _last(old, new, edit, expanded, errors, reach, (epsilon, old_reach))


def _expand(old: Chain, layer: int, edit: Edit | None, place: int) -> tuple[np.ndarray, np.ndarray]:
    """A layer's weights and biases in terms of the new neurons it reads."""
    if edit is None:
        return old.weights[layer], old.biases[layer]
    kept, read = edit.assignment >= 0, old.slices(layer)
    new = np.zeros((*read.shape[:2], edit.count))
    columns = read[:, :, kept] * edit.coefficients[kept]
    np.add.at(new.T, edit.assignment[kept], columns.T)
    constants = edit.constants[place if old.shortcut else 0]
    return new.reshape(len(read), -1), old.biases[layer] + read.sum(axis=1) @ constants


def _residuals(edit, layer, old, new, reach, chain, slope) -> np.ndarray:
    """What each old neuron differs by from what speaks for it, if both read the same."""
    kept = edit.assignment >= 0
    (weight, bias), (rows, shifts) = old, new
    out = np.zeros(len(bias))
    places, factors = edit.assignment[kept], edit.factors[kept]
    differences = np.column_stack([
        weight[kept] - factors[:, None] * rows[places],
        bias[kept] - factors * shifts[places],
    ])
    spread, places = _geometry(chain, layer)
    out[kept] = slope * np.linalg.norm(differences, axis=1) * np.hypot(spread * reach, places)
    if (~kept).any():
        before = edit.constants[layer - 1] if chain.shortcut and layer else 0
        steps = (edit.constants[layer if chain.shortcut else 0] - before)[~kept]
        constants = np.abs(chain.apply(bias[~kept]) - steps)
        out[~kept] = slope * np.linalg.norm(weight[~kept], axis=1) * spread * reach + places * constants
    return out


def _sources(chain: Chain, layer: int) -> int:
    """Neurons, channels or inputs that a layer reads."""
    columns = chain.weights[layer].shape[1]
    return columns // round(TAPS**2) if layer < len(chain.pictures) else columns


def _geometry(chain: Chain, layer: int) -> tuple[float, float]:
    """How much longer all that a neuron reads is than what there is, and the norm of a one at each of its places."""
    sliding = layer < len(chain.pictures)
    return (TAPS, float(np.sqrt(chain.pictures[layer].pixels))) if sliding else (1.0, 1.0)


def _gains(chain: Chain, layer: int) -> np.ndarray:
    """Most that each neuron gets of each neuron before it, `(targets, sources)`, in norms over their places."""
    if not layer:
        weight = chain.weights[0]
        return np.abs(weight).reshape(len(weight), -1, _sources(chain, 0)).sum(axis=1)
    read = np.abs(chain.slices(layer))
    return read.sum(axis=1) if layer < len(chain.pictures) else np.linalg.norm(read, axis=1)


def _norm(chain: Chain, layer: int, errors: np.ndarray) -> float:
    weight = chain.weights[layer].reshape(len(chain.weights[layer]), -1, len(errors))
    used = np.any(weight != 0, axis=(0, 1))
    if not used.any() or not errors.any():
        return 0.0
    spread, _ = _geometry(chain, layer)
    return spread * _spectral(weight[:, :, used].reshape(len(weight), -1)) * float(np.linalg.norm(errors[used]))


def _spectral(weight: np.ndarray) -> float:
    gram = weight @ weight.T if len(weight) < weight.shape[1] else weight.T @ weight
    return float(np.sqrt(max(np.linalg.eigvalsh(gram)[-1], 0)) * (1 + 1e-12)) if gram.size else 0.0


def _reach(chain: Chain, layer: int, reach: float, slope: float, start: float) -> np.ndarray:
    """Largest |σ| of each neuron."""
    _, places = _geometry(chain, layer)
    return start * places + slope * _fed(chain, layer, reach)


def _rounding(chain: Chain, layer: int, reach: float) -> np.ndarray:
    return (chain.weights[layer].shape[1] + 8) * _fed(chain, layer, reach)


def _fed(chain: Chain, layer: int, reach: float) -> np.ndarray:
    """Largest norm of what each neuron is fed."""
    spread, places = _geometry(chain, layer)
    return np.linalg.norm(chain.weights[layer], axis=1) * spread * reach + places * np.abs(chain.biases[layer])


def _last(old, new, edit, place, errors, reach, rounding) -> float:
    last = len(old.weights) - 1
    weight, bias = _expand(old, last, edit, place)
    carried = min(float(np.linalg.norm(_gains(old, last) @ errors)), _norm(old, last, errors))
    stored = _spectral(weight - new.weights[-1]) * reach + float(np.linalg.norm(bias - new.biases[-1]))
    epsilon, old_reach = rounding
    if not epsilon:
        return carried + stored
    sums = np.linalg.norm(_rounding(old, last, old_reach)), np.linalg.norm(_rounding(new, last, reach))
    return float(carried + stored + epsilon * sum(sums))
