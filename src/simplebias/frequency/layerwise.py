"""Inputs and sensitivities of each layer, from which a tangent kernel follows without a Jacobian.

The gradient of an output by the weights of an affine layer `z = m W a + c b` is `(m δ aᵀ, c δ)` with the sensitivity
`δ = ∂f/∂z`. A layer's share of the tangent kernel is therefore `(δ·δ') (m² a·a' + c²)`, and two rows of numbers for
each layer and point hold all of it. Sensitivities are derivatives by zeros that are added to `z`.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from simplebias.core.errors import is_traced
from simplebias.core.types import Array, Int, Network, Point
from simplebias.networks import Affine

Rows = tuple[Array, ...]


class _Tap(eqx.Module):
    """A layer that adds zeros to its result and notes its input.

    It has no weights to be used otherwise than by calling it: `weight` has a shape and no values. Any other use of a
    parameter, or a tap that was changed on the way, is an error, and the network is then no case for this method.
    """

    layer: Any
    added: Array
    note: Callable[..., None] = eqx.field(static=True)

    @property
    def weight(self) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(self.layer.weight.shape, self.layer.weight.dtype)

    def __call__(self, x: Array, **options: Any) -> Array:
        self.note(self.layer, self.added, x)
        return self.layer(x, **options) + self.added


def _is_layer(thing: Any) -> bool:
    if not isinstance(thing, Affine | eqx.nn.Linear):
        return False
    weight = thing.weight
    return eqx.is_inexact_array(weight) and weight.ndim == 2 and "scalar" not in _ends(thing)


def _ends(layer: Any) -> tuple[Any, Any]:
    return getattr(layer, "in_features", None), getattr(layer, "out_features", None)


def affine_layers(network: Network) -> list[Any]:
    """The affine layers of a network in the order of its PyTree."""
    return [leaf for leaf in jax.tree.leaves(network, is_leaf=_is_layer) if _is_layer(leaf)]


def _factors(layer: Any) -> tuple[float, float]:
    """Squares of the multipliers of weights and bias."""
    weight, bias = (layer.multiplier, layer.bias_multiplier) if isinstance(layer, Affine) else (1.0, 1.0)
    return weight**2, 0.0 if layer.bias is None else bias**2


def _tapped(network: Network, added: Sequence[Array], point: Point) -> tuple[Array, Rows]:
    """Flat output with `added` in each layer, and each layer's input."""
    layers, notes = affine_layers(network), {}

    def note_for(index: int) -> Callable[..., None]:
        def note(layer: Any, zeros: Array, x: Array) -> None:
            same = zeros is added[index] and layer.weight is layers[index].weight and layer.bias is layers[index].bias
            if index in notes or not same or x.ndim != 1:
                raise ValueError("a layer is called twice, or not as it is")
            notes[index] = x

        return note

    taps = iter([_Tap(layer, added[index], note_for(index)) for index, layer in enumerate(layers)])
    outputs = jax.tree.map(lambda leaf: next(taps) if _is_layer(leaf) else leaf, network, is_leaf=_is_layer)(point)
    return jnp.ravel(outputs), tuple(notes[index] for index in range(len(layers)))


def _zeros(network: Network) -> Rows:
    return tuple(jnp.zeros(layer.weight.shape[0], layer.weight.dtype) for layer in affine_layers(network))


class Kind(NamedTuple):
    """What tracing a network tells: its outputs, their dtype, and whether `contract_layers` gives its kernel."""

    outputs: int
    dtype: Any
    layerwise: bool


def kind_of(network: Network, point: jax.ShapeDtypeStruct) -> Kind:
    """Trace a network, once for each structure, shape and dtype.

    It is layerwise if all parameters sit in affine layers that are each called once on one vector.

    Args:
        network: in inference mode.
        point: shape and dtype of one point.

    Returns:
        Its kind.
    """
    leaves, structure = jax.tree.flatten(network)
    shapes = [jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) if eqx.is_array(leaf) else leaf for leaf in leaves]
    try:
        return _kind(structure, tuple((type(shape), shape) for shape in shapes), point)
    except TypeError:  # something in it has no hash
        return _kind.__wrapped__(structure, tuple((type(shape), shape) for shape in shapes), point)


@functools.lru_cache(maxsize=64)
def _kind(structure: Any, leaves: tuple[tuple[type, Any], ...], point: jax.ShapeDtypeStruct) -> Kind:
    network = jax.tree.unflatten(structure, [leaf for _, leaf in leaves])
    arrays, static = eqx.partition(network, lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct))
    outputs = jax.eval_shape(lambda a, x: jnp.ravel(eqx.combine(a, static)(x)), arrays, point)

    def trace(arrays: Any, point: Array) -> tuple[Rows, Rows]:
        whole = eqx.combine(arrays, static)
        rest = [leaf for leaf in jax.tree.leaves(whole, is_leaf=_is_layer) if not _is_layer(leaf)]
        if any(eqx.is_inexact_array(leaf) for leaf in rest):
            raise TypeError("a parameter that is in no affine layer")
        inputs = _tapped(whole, _zeros(whole), point)[1]
        if not inputs or any(type(x) is not type(point) for x in inputs):
            raise TypeError("no layers, or one that is called within another transformation, such as a vmap")
        return layer_rows(whole, jnp.stack([point, point]), jnp.asarray(0))

    try:
        program = jax.make_jaxpr(trace)(arrays, point)
    except Exception:  # whatever a network cannot do with taps in it: it works without them, so it is of another kind
        return Kind(outputs.size, outputs.dtype, False)
    left = any(is_traced(constant) for constant in program.consts)  # inputs that left a loop or a branch
    return Kind(outputs.size, outputs.dtype, not left)


def layer_rows(network: Network, points: Array, output: Int[Array, ""]) -> tuple[Rows, Rows]:
    """Inputs `(points, sources)` and sensitivities `(points, targets)` of each layer, for one output.

    Args:
        network: in inference mode.
        points: `(points, inputs)`.
        output: index of the output whose sensitivities are wanted.

    Returns:
        Inputs and sensitivities, each as one array for each layer.
    """

    def one(point: Point) -> tuple[Rows, Rows]:
        outputs, back, inputs = jax.vjp(lambda added: _tapped(network, added, point), _zeros(network), has_aux=True)
        (sensitivities,) = back(jnp.zeros_like(outputs).at[output].set(1))
        return inputs, sensitivities

    return jax.vmap(one)(points)


def contract_layers(network: Network, rows: tuple[Rows, Rows], columns: tuple[Rows, Rows]) -> Array:
    """`Σ_l (D_l D_l'ᵀ) ⊙ (m_l² A_l A_l'ᵀ + c_l²)` over the layers.

    Args:
        network: whose layers tell the multipliers.
        rows: what `layer_rows` gives for the points along the rows.
        columns: the same for those along the columns.

    Returns:
        `(rows, columns)`.
    """
    total = jnp.zeros((), rows[0][0].dtype)
    for layer, *arrays in zip(affine_layers(network), *rows, *columns, strict=True):
        inputs, sensitivities, inputs_other, sensitivities_other = arrays
        weight, bias = _factors(layer)
        total = total + (sensitivities @ sensitivities_other.T) * (weight * (inputs @ inputs_other.T) + bias)
    return total
