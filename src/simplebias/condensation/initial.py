"""The initial stage at small weights: how orientations move, which lines attract them, and what was measured.

For points x̃ = (x, 1) and residuals e = f - y, a neuron `a σ(w·x̃)` follows `ẇ = -(a/n) Σ_i e_i σ′(w·x̃_i) x̃_i`, the flow
of `1/(2n) Σ e²`. While weights are small, σ′ is `c xᵖ⁻¹` with p the multiplicity, so for `w = r u` of length r

    ṙ = a c rᵖ⁻¹ φ(u),   u̇ ∝ a c (F - (u·F) u),   F(u) = -(1/n) Σ_i e_i (u·x̃_i)ᵖ⁻¹ x̃_i,   φ(u) = u·F(u),

and neurons turn to the maxima of `a c φ` on the sphere, which are `predicted_directions`. With `Regression`, whose
loss is the mean square over points and outputs, all this is `2 / outputs` times as fast and the lines are the same.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from simplebias.condensation.features import extend, row_norms, unit_rows
from simplebias.condensation.multiplicities import derivative, find_function, leading_term
from simplebias.core.errors import InputError, as_points, as_values, check_positive, is_traced
from simplebias.core.snapshot import Neurons
from simplebias.core.types import DIRECTION, NEURON, Array, ArrayLike, Float, Key
from simplebias.networks import Activation

SAME_LINE = 0.999
"""Cosine above which two ends of the iteration are one line."""


class Directions(NamedTuple):
    """Lines that attract orientations at the initial stage; each is two opposite directions.

    Args:
        lines: `(lines, features)` unit vectors of extended input weights.
        rates: `(lines,)`: `|c| |φ|`, negative where neurons on the line shrink. For p = 1 weights grow as
            `exp(rate t)`, else `ṙ = |a| rᵖ⁻¹ rate`; t as for the loss `1/(2n) Σ e²`.
        output_signs: `(lines,)`: sign of the output weight of neurons that turn to `+line`. Those of the other sign
            turn to `-line` if p is odd; if p is even both ends attract this sign only. 1 for several outputs.
        multiplicity: p.
        converged: share of starts of the iteration that came to an end; 1 for p = 1 and 2, which need none.

    Example:
        >>> found = predicted_directions([[1.0], [2.0]], [-1.0, -1.0], "xtanh", bias=False)
        >>> found.lines.tolist(), found.rates.tolist(), found.output_signs.tolist()
        ([[1.0]], [5.0], [1.0])
    """

    lines: Float[Array, "lines features"]
    rates: Float[Array, " lines"]
    output_signs: Float[Array, " lines"]
    multiplicity: int
    converged: float


def direction_field(
    weights: Neurons | ArrayLike,
    points: ArrayLike,
    residuals: ArrayLike,
    activation: str | Activation | Callable[[Array], Array],
) -> Float[Array, "neurons features"]:
    """Velocity of extended input weights per unit of output weight, `-(1/n) Σ_i e_i σ′(w·x̃_i) x̃_i`.

    Neurons of a negative output weight move against it. Its part across w turns the neuron, its part along w lets it
    grow.

    Args:
        weights: `(neurons, inputs + 1)`, or `(neurons, inputs)` without a bias, or Neurons: where to look.
        points: `(points, inputs)`; for deeper layers, outputs of the layer before.
        residuals: `(points,)`, outputs minus targets. For several outputs give `residuals @ output_weights[:, k]`.
        activation: name, Activation, or a function that acts component-wise.

    Returns:
        `(neurons, inputs + 1)` or without the bias, as `weights`.

    Raises:
        InputError: for shapes that do not fit, empty or non-finite data, or an unknown activation.

    References:
        Zhou, Zhou, Luo, Xu, Towards understanding the condensation of neural networks at initial training,
        arXiv:2105.11686.

    Example:
        >>> direction_field([[0.0, 0.0]], [[1.0], [3.0]], [-1.0, -1.0], "tanh").tolist()
        [[2.0, 1.0]]
    """
    rows, inputs = extend(weights, "weights"), as_points(points)
    if rows.shape[1] - inputs.shape[1] not in {0, 1}:
        raise InputError(
            f"weights of {inputs.shape[1]} inputs, with or without a bias", f"{rows.shape[1]} columns of weights"
        )
    errors = _one_output(residuals, len(inputs))
    bias = rows.shape[1] > inputs.shape[1]
    extended = jnp.concatenate([inputs, jnp.ones_like(inputs[:, :1])], axis=1) if bias else inputs
    slopes = derivative(find_function(activation), 1)(rows @ extended.T)
    return -(slopes * errors) @ extended / len(extended)


def _one_output(residuals: ArrayLike, count: int) -> Array:
    errors = as_values(residuals, count, "residuals")
    if errors.shape[1] != 1:
        raise InputError("residuals of one output", f"{errors.shape[1]} outputs", "Combine them by output weights.")
    return errors[:, 0]


def predicted_directions(
    points: ArrayLike,
    residuals: ArrayLike,
    activation: str | Activation | Callable[[Array], Array],
    *,
    bias: bool = True,
    starts: int = 300,
    steps: int = 5000,
    key: Key | None = None,
) -> Directions:
    """Lines on which neurons condense while weights are small and residuals hardly change.

    - p = 1: one line, ±Σ e x̃ (of several outputs the leading right singular vector of `Z = -(1/n) Σ e x̃ᵀ`).
      The values of a layer of attention without shortcuts are such neurons, of the mean of each sequence as point.
    - p = 2: at most two lines, the eigenvectors of `-(1/n) Σ e x̃ x̃ᵀ` with the largest and smallest eigenvalue.
    - p ≥ 3: the maxima of φ, and for even p its minima, found by `u ← s u + F(u)`, normalised, from random starts,
      with a shift s that keeps the iteration stable. In a plane there are at most p; of more inputs there may be more.

    Args:
        points: `(points, inputs)`; for deeper layers, outputs of the layer before.
        residuals: `(points,)` or `(points, outputs)`, outputs minus targets: `-values` where outputs are still small.
            With an output bias the mean is fitted first: subtract it.
        activation: name, Activation, or a function that acts component-wise.
        bias: whether neurons have a bias.
        starts: of the iteration, for p ≥ 3; few starts can miss a line with a small region of attraction.
        steps: at most of the iteration.
        key: of the starts, needed for p ≥ 3.

    Returns:
        The lines, fastest first; the largest entry of each is positive where the sign means nothing.

    Raises:
        InputError: for bad data, several outputs with p ≥ 2, an activation without multiplicity such as ReLU, or
            residuals that attract to no line.

    References:
        p = 1 and one input: Zhou, Zhou, Luo, Xu, arXiv:2105.11686; kernels of convolutions: arXiv:2305.09947;
        attention: Chen, Luo, arXiv:2510.06954. More inputs with p ≥ 2: derived from the equations above; the bound of
        2p directions can fail there.

    Example:
        >>> found = predicted_directions([[-1.0], [1.0]], [0.0, -1.0], "tanh")
        >>> [round(one, 4) for one in found.lines[0].tolist()], round(float(found.rates[0]), 4)
        ([0.7071, 0.7071], 0.7071)
    """
    for count, name in ((starts, "starts"), (steps, "steps")):
        check_positive(count, name, integer=True)
    inputs = as_points(points)
    errors = as_values(residuals, len(inputs), "residuals")
    if is_traced(inputs) or is_traced(errors):
        raise InputError("data with known numbers", "data traced by jit or vmap", "Predict outside of jit.")
    order, factor = _leading_term(activation)
    if order > 1:
        errors = _one_output(errors, len(inputs))
    errors, extended = np.asarray(errors), np.asarray(inputs)
    extended = np.concatenate([extended, np.ones_like(extended[:, :1])], axis=1) if bias else extended
    if order == 1:
        lines, rates, signs, converged = _by_singular_vector(extended, errors)
    elif order == 2:
        lines, rates, signs, converged = _by_eigenvectors(extended, errors)
    else:
        lines, rates, signs, converged = _by_iteration(extended, errors, order, int(starts), int(steps), key)
    if not len(lines):
        raise InputError(
            "residuals that attract neurons to a line", "none", "They are zero, cancel, or do not turn weights."
        )
    turned = 1.0 if order == 1 and errors.shape[1] > 1 else np.sign(factor)
    fastest = np.argsort(-rates, kind="stable")
    found = (np.asarray(one[fastest], inputs.dtype) for one in (lines, abs(factor) * rates, turned * signs))
    lines, rates, signs = map(jnp.asarray, found)
    return Directions(lines, rates, signs, order, converged)


def _leading_term(activation: str | Activation | Callable[[Array], Array]) -> tuple[int, float]:
    found = leading_term(activation)
    if found is None:
        raise InputError(
            "an activation with a multiplicity",
            "one with a kink at 0",
            "Follow `direction_field` instead: where neurons turn depends on which points reach them.",
        )
    return found


_Found = tuple[np.ndarray, np.ndarray, np.ndarray, float]


def _by_singular_vector(extended: np.ndarray, errors: np.ndarray) -> _Found:
    pull = -np.asarray(errors.T @ extended, float) / len(extended)
    left, sizes, right = np.linalg.svd(pull, full_matrices=False)
    rounding = np.finfo(extended.dtype).eps * np.mean(np.linalg.norm(errors, axis=1) * np.linalg.norm(extended, axis=1))
    if sizes[0] <= rounding:
        return _nothing(extended)
    line = right[:1] * np.sign(left[0, 0]) if len(pull) == 1 else _upright(right[:1])
    return line, sizes[:1], np.ones(1), 1.0


def _by_eigenvectors(extended: np.ndarray, errors: np.ndarray) -> _Found:
    matrix = -np.asarray((extended * errors[:, None]).T @ extended, float) / len(extended)
    values, vectors = np.linalg.eigh(matrix)
    rounding = np.finfo(extended.dtype).eps * np.abs(values).max() * len(values)
    if (len(values) > 1 and values[-1] - values[0] <= rounding) or not values.any():
        return _nothing(extended)
    if len(values) == 1:
        return np.ones((1, 1)), np.abs(values), np.sign(values), 1.0
    ends = np.array([-1, 0])
    return _upright(vectors.T[ends]), values[ends] * [1, -1], np.array([1.0, -1.0]), 1.0


def _by_iteration(
    extended: np.ndarray, errors: np.ndarray, order: int, starts: int, steps: int, key: Key | None
) -> _Found:
    if key is None:
        raise InputError("a key for the starts of the iteration", "none", "Give key=jax.random.key(0).")
    longest, largest = np.abs(extended).max(), np.abs(errors).max()
    if not longest * largest > 0:
        return _nothing(extended)
    rows, weights = extended / longest, errors / largest
    begin = jax.random.normal(key, (starts, rows.shape[1]), rows.dtype)
    found, shares = [], []
    for sign in (1, -1) if order % 2 == 0 else (1,):
        parts = _climb(begin, rows, sign * weights, order, steps)
        ends, heights, arrived = (np.asarray(part, float) for part in parts)
        kept = (arrived > 0) & (np.abs(heights) > np.finfo(rows.dtype).eps ** 0.75)
        ends, heights = ends[kept], heights[kept]
        found += [(ends[one], heights[one], float(sign)) for one in _distinct(ends, heights, order % 2 == 0)]
        shares.append(arrived.mean())
    if not found:
        return _nothing(extended)
    lines, rates, signs = (np.array(part) for part in zip(*found, strict=True))
    size = float(longest) ** order * float(largest)
    return lines if order % 2 else _upright(lines), rates * size, signs, float(np.mean(shares))


def _nothing(extended: np.ndarray) -> _Found:
    return np.empty((0, extended.shape[1])), np.empty(0), np.empty(0), 1.0


@functools.partial(jax.jit, static_argnames=("order", "steps"))
def _climb(begin: Array, rows: Array, weights: Array, order: int, steps: int) -> tuple[Array, Array, Array]:
    """Ends of the shifted power iteration, φ there, and whether the iteration came to rest."""
    lengths, count = jnp.sum(rows**2, axis=1), len(rows)
    tolerance = float(jnp.finfo(rows.dtype).eps) ** 0.75 * jnp.mean(jnp.abs(weights) * lengths ** (order / 2))

    def force(units):
        return -((units @ rows.T) ** (order - 1) * weights) @ rows / count

    def across(units, pull):
        return row_norms(pull - jnp.sum(pull * units, axis=1, keepdims=True) * units)

    def advance(state):
        step, units, pull, _ = state
        bend = jnp.abs(units @ rows.T) ** (order - 2) @ (jnp.abs(weights) * lengths)
        units = unit_rows((order - 1) / (2 * count) * bend[:, None] * units + pull)
        pull = force(units)
        return step + 1, units, pull, across(units, pull) <= tolerance

    begin = unit_rows(begin)
    pull = force(begin)
    start = (0, begin, pull, across(begin, pull) <= tolerance)
    _, ends, pull, arrived = jax.lax.while_loop(lambda s: (s[0] < steps) & ~jnp.all(s[3]), advance, start)
    return ends, jnp.sum(ends * pull, axis=1), arrived


def _distinct(ends: np.ndarray, heights: np.ndarray, opposite: bool) -> list[int]:
    kept: list[int] = []
    for one in np.argsort(-heights, kind="stable"):
        cosines = ends[kept] @ ends[one]
        if not len(kept) or (np.abs(cosines) if opposite else cosines).max() < SAME_LINE:
            kept.append(int(one))
    return kept


def _upright(lines: np.ndarray) -> np.ndarray:
    largest = np.take_along_axis(lines, np.abs(lines).argmax(axis=1, keepdims=True), axis=1)
    return lines * np.where(largest < 0, -1.0, 1.0)


def compare_directions(
    weights: Neurons | ArrayLike, lines: Directions | ArrayLike, *, minimum: float | int = 0.0
) -> xr.Dataset:
    """Cosines of measured orientations with predicted lines.

    Args:
        weights: `(neurons, inputs + 1)`, or Neurons: as trained.
        lines: of `predicted_directions`, or `(lines, inputs + 1)`.
        minimum: neurons with a norm of at most `minimum` times the largest are left out; zero neurons always are.

    Returns:
        Labelled data: `cosine` `(neuron, direction)` with sign, `nearest` line and `norm` of each neuron, `closest`,
        the largest `|cosine|` of each, and two numbers: `within`, the share of neurons with `closest > 0.95`, and
        `captured`, `‖P W‖ / ‖W‖` with P the projection onto the span of the lines. The coordinate `neuron` counts in
        the order of `weights`.

    Raises:
        InputError: for shapes that do not fit, bad numbers, or if no neuron is left.

    References:
        Zhou, Zhou, Luo, Xu, Towards understanding the condensation of neural networks at initial training,
        arXiv:2105.11686.

    Example:
        >>> compared = compare_directions([[2.0, 0.1], [-3.0, 0.0], [0.0, 1.0]], [[1.0, 0.0]])
        >>> compared.cosine.values[:, 0].round(2).tolist(), round(float(compared.within), 2)
        ([1.0, -1.0, 0.0], 0.67)
    """
    check_positive(minimum, "minimum", zero=True)
    rows = extend(weights, "weights")
    axes = extend(lines.lines if isinstance(lines, Directions) else lines, "lines")
    if rows.shape[1] != axes.shape[1]:
        raise InputError(f"lines with {rows.shape[1]} columns", f"{axes.shape[1]} columns")
    norms = np.asarray(row_norms(rows))
    kept = np.flatnonzero(norms > minimum * norms.max())
    if not len(kept):
        raise InputError("neurons with weights that are not zero and above the minimum", "none")
    large = rows[kept]
    cosines = np.clip(np.asarray(unit_rows(large) @ unit_rows(axes).T), -1, 1)
    basis = np.linalg.qr(np.asarray(axes, float).T)[0]
    spread = np.asarray(large, float) / norms.max()
    closest = np.abs(cosines).max(axis=1)
    data = xr.Dataset(
        {
            "cosine": ((NEURON, DIRECTION), cosines, {"long_name": "cosine with predicted line"}),
            "nearest": (NEURON, np.abs(cosines).argmax(axis=1), {"long_name": "nearest predicted line"}),
            "closest": (NEURON, closest, {"long_name": "largest |cosine| with a predicted line"}),
            "norm": (NEURON, norms[kept], {"long_name": "norm of input weight and bias"}),
            "within": float((closest > 0.95).mean()),
            "captured": float(np.linalg.norm(spread @ basis) / np.linalg.norm(spread)),
        },
        {NEURON: kept, DIRECTION: np.arange(len(axes))},
    )
    data.attrs["references"] = ["zhou2021condensation"]
    return data


__all__ = ["Directions", "compare_directions", "direction_field", "predicted_directions"]
