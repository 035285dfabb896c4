"""A value, its slopes and its Laplacian carried together through the operations of a function, at one or many points.

The function is traced once, for one point. For many points each of its operations is then done on all of them, with
the points in the last axis: weights times columns is the order in which matrix products are fastest, there and back.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal, jaxpr_as_fun

from simplebias.core.trigonometry import simplebias_sincos
from simplebias.core.types import Array

Slopes = tuple[Array, ...] | Array

FEW = 3
"""Inputs up to which slopes are carried one by one, which is faster than all in one array."""
SINCOS = "simplebias_sincos"
"""The name of that function where it is called."""
CALLS = ("jit", "pjit", "closed_call")
"""Operations that are functions of their own, which are entered."""
BESIDE_POINTS: dict[str, Callable[[Array, Any], Array]] = {
    "broadcast_in_dim": lambda array, told: lax.broadcast_in_dim(
        array, (*told["shape"], array.shape[-1]), (*told["broadcast_dimensions"], len(told["shape"]))
    ),
    "convert_element_type": lambda array, told: lax.convert_element_type(array, told["new_dtype"]),
    "neg": lambda array, told: -array,
    "reduce_sum": lambda array, told: jnp.sum(array, axis=told["axes"]),
    "reshape": lambda array, told: jnp.reshape(array, (*told["new_sizes"], array.shape[-1])),
    "slice": lambda array, told: lax.slice(
        array,
        (*told["start_indices"], 0),
        (*told["limit_indices"], array.shape[-1]),
        None if told["strides"] is None else (*told["strides"], 1),
    ),
    "squeeze": lambda array, told: lax.squeeze(array, told["dimensions"]),
    "transpose": lambda array, told: lax.transpose(array, (*told["permutation"], len(told["permutation"]))),
}
"""Linear operations of one array beside a last axis of points, which `jax.vmap` would bring to the front."""
LINEAR = frozenset((*BESIDE_POINTS, "copy", "cumsum", "dynamic_slice", "gather", "rev"))
"""Operations that are linear in their first operand."""
AFFINE = frozenset(["dynamic_update_slice", "pad", "scatter", "scatter-add", "select_n", "split"])
"""Operations without curvature in all their operands together."""
CIRCULAR = frozenset(("acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "sin", "sinh", "tan"))
EXPONENTIAL = frozenset(("erf", "erf_inv", "erfc", "exp", "exp2", "expm1", "log", "log1p", "logistic"))
ELEMENTWISE = CIRCULAR | EXPONENTIAL | {"integer_pow", "rsqrt", "sqrt", "square"}
"""Functions of one number, done on each of an array."""


class Carried(NamedTuple):
    """What depends on the point; for many, every array ends in an axis of all points, or of one where they are alike.

    Attributes:
        value: of any shape.
        slopes: along each input, arrays like the value, or all of them stacked in one; None for zero.
        laplacian: an array like the value; None for zero.
    """

    value: Array
    slopes: Slopes | None = None
    laplacian: Array | None = None


Operand = Any
"""A `Carried`, or an array or number where it does not depend on the point."""


class _Operation(NamedTuple):
    """One of those that a function was traced into: its name and parameters, and itself as a function of arrays.

    `bind` is for the operations that are known here by name; `alone` for any, and gives a list of results.
    """

    name: str
    told: dict[str, Any]
    bind: Callable[..., Array]
    alone: Callable[..., list[Array]]


def carried(function: Callable[..., Array], points: Array, *beside: Array, many: bool) -> Operand:
    """A function with its slopes and its Laplacian.

    Args:
        function: maps one point `(inputs,)`, and what is beside it, to an array.
        points: one, `(inputs,)`, or many, `(inputs, points)`.
        *beside: what else the function takes for each point, such as a random key, with the axis of points last.
        many: which of both.

    Returns:
        What the function gives, with the axis of points last where there are many; a plain array, without that axis,
        where it does not depend on the point.

    Example:
        >>> found = carried(lambda x: x[0] * x[1] ** 2, jnp.array([[1.0, 2.0], [3.0, 4.0]]), many=True)
        >>> found.value.tolist(), [slope.tolist() for slope in found.slopes], found.laplacian.tolist()
        ([9.0, 32.0], [[9.0, 16.0], [6.0, 16.0]], [2.0, 4.0])
    """
    shapes = [jax.ShapeDtypeStruct(one.shape[:-1] if many else one.shape, one.dtype) for one in (points, *beside)]
    traced: ClosedJaxpr = jax.make_jaxpr(function)(*shapes)
    units = jnp.eye(points.shape[0], dtype=points.dtype)
    slopes = units[..., None] if many else units
    start = Carried(points, tuple(slopes) if len(units) <= FEW else slopes)
    (found,) = _Carrier(many).through(traced.jaxpr, traced.consts, [start, *map(Carried, beside)])
    return found


class _Carrier:
    """Goes through the operations of a function; those that have a rule of their own have a method of their name."""

    def __init__(self, many: bool):
        self.many = many

    def through(self, jaxpr: Jaxpr, constants: Sequence[Any], inputs: Sequence[Operand]) -> list[Operand]:
        """What a traced function gives for operands."""
        known: dict[Any, Any] = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*constants, *inputs), strict=True))
        read = lambda one: one.val if isinstance(one, Literal) else known[one]
        for operation in jaxpr.eqns:
            results = self._done(_as_operation(jaxpr, operation), [read(one) for one in operation.invars])
            known.update(zip(operation.outvars, results, strict=True))
        return [read(one) for one in jaxpr.outvars]

    def _done(self, operation: _Operation, operands: list[Any]) -> list[Operand]:
        name, told = operation.name, operation.told
        moving = [isinstance(one, Carried) for one in operands]
        if not any(moving):
            return list(operation.alone(*operands))
        if not any(isinstance(one, Carried) and one.slopes is not None for one in operands):
            return [Carried(one) for one in self._mapped(operation, operands)[0]]
        if name in CALLS:
            if told.get("name") == SINCOS:
                return self._sine_and_cosine(operands[0])
            inner = told["jaxpr" if "jaxpr" in told else "call_jaxpr"]
            return self.through(inner.jaxpr, inner.consts, operands)
        if hasattr(self, f"_of_{name}"):
            return [getattr(self, f"_of_{name}")(operation, *operands)]
        if name in LINEAR and moving[0] and sum(moving) == 1:
            if self.many and name in BESIDE_POINTS:
                return [_on_all(lambda one: BESIDE_POINTS[name](one, told), operands[0])]
            return [self._linear(lambda one: operation.bind(one, *operands[1:]), operands[0])]
        if name in ELEMENTWISE:
            return [self._elementwise(operation.bind, operands[0])]
        return self._general(operation, operands)

    def _linear(self, function: Callable[[Array], Array], operand: Carried) -> Carried:
        """A linear function of one operand at one point."""
        return _on_all(jax.vmap(function, in_axes=-1, out_axes=-1) if self.many else function, operand)

    def _plain(self, array: Any) -> Array:
        """An array that does not depend on the point, to be put beside one that does."""
        return jnp.asarray(array)[..., None] if self.many and jnp.ndim(array) else jnp.asarray(array)

    def _count(self, operands: Sequence[Any]) -> int:
        return max(one.value.shape[-1] for one in operands if isinstance(one, Carried))

    def _mapped(
        self, operation: _Operation, operands: Sequence[Any]
    ) -> tuple[list[Array], Callable[..., Any], list[Any]]:
        """Results at all points, the operation as a function of arrays, and those."""
        function = operation.alone
        values = [one.value if isinstance(one, Carried) else one for one in operands]
        if self.many:
            count, axes = self._count(operands), tuple(-1 if isinstance(one, Carried) else None for one in operands)
            wide = lambda one: jnp.broadcast_to(one, (*one.shape[:-1], count))
            values = [one if axis is None else wide(one) for one, axis in zip(values, axes, strict=True)]
            function = jax.vmap(function, in_axes=axes, out_axes=-1)
        return function(*values), function, values

    def _general(self, operation: _Operation, operands: Sequence[Any]) -> list[Operand]:
        """Any operation, by what JAX knows of its derivatives."""
        results, function, values = self._mapped(operation, operands)
        moving = [n for n, one in enumerate(operands) if isinstance(one, Carried) and one.slopes is not None]
        smooth = [n for n, one in enumerate(results) if jnp.issubdtype(one.dtype, jnp.inexact)]
        start = tuple(values[n] for n in moving)

        def called(*changed: Array) -> list[Array]:
            full = list(values)
            for place, one in zip(moving, changed, strict=True):
                full[place] = one
            found = function(*full)
            return [found[n] for n in smooth]

        def pushed(*tangents: Array | None) -> list[Array]:
            return jax.jvp(called, start, _filled(tangents, start))[1]

        def bend(*tangents: Array) -> list[Array]:
            along = _filled(tangents, start)
            return jax.jvp(lambda *at: jax.jvp(called, at, along)[1], start, along)[1]

        slopes: Any = _each(pushed, *(operands[n].slopes for n in moving))
        laplacians = [operands[n].laplacian for n in moving]
        second = [None] * len(smooth) if all(one is None for one in laplacians) else pushed(*laplacians)
        if operation.name not in AFFINE:
            bends: Any = _each(bend, *(operands[n].slopes for n in moving))
            second = [_sum(one, _total(_of(bends, place))) for place, one in enumerate(second)]
        found: list[Operand] = [Carried(one) for one in results]
        for place, n in enumerate(smooth):
            found[n] = Carried(results[n], _of(slopes, place), second[place])
        return found

    def _of_add(self, operation: _Operation, left: Any, right: Any) -> Carried:
        if isinstance(left, Carried) and isinstance(right, Carried):
            slopes = _added(left.slopes, right.slopes)
            return Carried(left.value + right.value, slopes, _sum(left.laplacian, right.laplacian))
        one, other = (left, right) if isinstance(left, Carried) else (right, left)
        return one._replace(value=one.value + self._plain(other))

    _of_add_any = _of_add

    def _of_sub(self, operation: _Operation, left: Any, right: Any) -> Carried:
        minus = _on_all(jnp.negative, right) if isinstance(right, Carried) else jnp.negative(right)
        return self._of_add(operation, left, minus)

    def _of_mul(self, operation: _Operation, left: Any, right: Any) -> Carried:
        if not (isinstance(left, Carried) and isinstance(right, Carried)):
            one, other = (left, right) if isinstance(left, Carried) else (right, left)
            factor = self._plain(other)
            return _on_all(lambda array: array * factor, one)
        (ours, our_second), (theirs, their_second) = _times(left, right.value), _times(right, left.value)
        second = _sum(our_second, their_second)
        if left.slopes is not None and right.slopes is not None:
            second = _sum(second, 2 * _total(_each(jnp.multiply, left.slopes, right.slopes)))
        return Carried(left.value * right.value, _added(ours, theirs), second)

    def _of_div(self, operation: _Operation, left: Any, right: Any) -> Operand:
        if isinstance(right, Carried):
            return self._general(operation, [left, right])[0]
        divisor = self._plain(right)
        return _on_all(lambda array: array / divisor, left)

    def _of_tanh(self, operation: _Operation, inner: Carried) -> Carried:
        value = jnp.tanh(inner.value)

        def derivatives(value: Array) -> tuple[Array, Array]:
            slope = 1 - value * value
            return slope, -2 * value * slope

        return self._bent(inner, value, derivatives, value)

    def _sine_and_cosine(self, inner: Carried) -> list[Operand]:
        sine, cosine = simplebias_sincos(inner.value)
        first = self._bent(inner, sine, lambda sine, cosine: (cosine, -sine), sine, cosine)
        return [first, self._bent(inner, cosine, lambda sine, cosine: (-sine, -cosine), sine, cosine)]

    def _elementwise(self, function: Callable[[Array], Array], inner: Carried) -> Carried:
        ones = (jnp.ones_like(inner.value),)
        once = lambda at: jax.jvp(function, (at,), ones)
        (value, slope), (_, bend) = jax.jvp(once, (inner.value,), ones)
        return self._bent(inner, value, lambda slope, bend: (slope, bend), slope, bend)

    def _bent(self, inner: Carried, value: Array, known: Callable[..., tuple[Array, Array]], *arrays: Array) -> Carried:
        """A function of each number: `σ(h), σ'(h) J, σ'(h) L + σ''(h) Σ J²`; σ' and σ'' are known from arrays."""

        def pushed(slopes: Slopes, laplacian: Array | None, *arrays: Array) -> tuple[Slopes, Array | None]:
            slope, bend = known(*arrays)
            second = bend * _total(_each(jnp.square, slopes))
            straight = None if laplacian is None else slope * laplacian
            return _each(lambda one: slope * one, slopes), _sum(straight, second)

        # Nothing between is kept for reverse mode: with many points it is quicker to multiply again than to read it.
        pushed = jax.checkpoint(pushed) if self.many else pushed
        assert inner.slopes is not None
        return Carried(value, *pushed(inner.slopes, inner.laplacian, *arrays))

    def _of_concatenate(self, operation: _Operation, *operands: Any) -> Carried:
        """Parts without slopes get zeros."""
        parts = [one if isinstance(one, Carried) else Carried(self._plain(one)) for one in operands]
        ends = (self._count(parts),) if self.many else ()
        shapes = [(*(one.value.shape[:-1] if self.many else one.value.shape), *ends) for one in parts]
        zero, moving = jnp.zeros((), parts[0].value.dtype), [n for n, one in enumerate(parts) if one.slopes is not None]

        def joined(arrays: Sequence[Array | None]) -> Array:
            full = [jnp.broadcast_to(zero if a is None else a, shape) for a, shape in zip(arrays, shapes, strict=True)]
            return lax.concatenate(full, operation.told["dimension"])

        def slope(*given: Array) -> Array:
            known = dict(zip(moving, given, strict=True))
            return joined([known.get(n) for n in range(len(parts))])

        slopes = _each(slope, *(parts[n].slopes for n in moving))
        second = [one.laplacian for one in parts]
        bent = any(one is not None for one in second)
        return Carried(joined([one.value for one in parts]), slopes, joined(second) if bent else None)

    def _of_dot_general(self, operation: _Operation, left: Any, right: Any) -> Operand:
        """Of one that depends on the point and one that does not; many points stay last, a single one comes first."""
        if isinstance(left, Carried) and isinstance(right, Carried):
            return self._general(operation, [left, right])[0]
        told, first = operation.told, isinstance(left, Carried)
        (lefts, rights), batched = told["dimension_numbers"]
        one, matrix, ours, its = (left, right, lefts, rights) if first else (right, left, rights, lefts)
        whole = one.value.ndim - self.many == len(ours)  # nothing of it is left but the points
        swapped = first == self.many
        if batched != ((), ()) or isinstance(told["precision"], tuple) or (swapped and not whole):
            return self._linear(lambda x: operation.bind(x, right) if first else operation.bind(left, x), one)
        last = self.many or not (first or whole)
        product = functools.partial(operation.bind, dimension_numbers=((its, ours) if last else (ours, its), ((), ())))
        return _on_all(lambda array: product(matrix, array) if last else product(array, matrix), one)


def _as_operation(jaxpr: Jaxpr, equation: Any) -> _Operation:
    primitive, told = equation.primitive, equation.params
    places = {one: n for n, one in enumerate(equation.invars) if not isinstance(one, Literal)}

    def alone(*operands: Any) -> list[Array]:
        parts = {"invars": list(places), "outvars": equation.outvars, "eqns": [equation], "effects": equation.effects}
        closed = ClosedJaxpr(jaxpr.replace(constvars=[], **parts), ())
        return list(jaxpr_as_fun(closed)(*(operands[n] for n in places.values())))

    return _Operation(primitive.name, told, functools.partial(primitive.bind, **told), alone)


def _on_all(function: Callable[[Array], Array], operand: Carried) -> Carried:
    """A linear function of all that is carried."""
    slopes = None if operand.slopes is None else _each(function, operand.slopes)
    laplacian = None if operand.laplacian is None else function(operand.laplacian)
    return Carried(function(operand.value), slopes, laplacian)


def _each(function: Callable[..., Any], *slopes: Any) -> Any:
    """A function of the slopes along one input, for all inputs."""
    return tuple(map(function, *slopes)) if isinstance(slopes[0], tuple) else jax.vmap(function)(*slopes)


def _of(found: Any, place: int) -> Slopes:
    """One of several results that there are for each input."""
    return tuple(one[place] for one in found) if isinstance(found, tuple) else found[place]


def _total(slopes: Slopes) -> Array:
    """The sum over the inputs."""
    return functools.reduce(jnp.add, slopes) if isinstance(slopes, tuple) else jnp.sum(slopes, axis=0)


def _added(ours: Slopes | None, theirs: Slopes | None) -> Slopes | None:
    if ours is None or theirs is None:
        return theirs if ours is None else ours
    return _each(jnp.add, ours, theirs)


def _sum(one: Array | None, other: Array | None) -> Array | None:
    return other if one is None else one if other is None else one + other


def _filled(tangents: Sequence[Array | None], like: Sequence[Array]) -> tuple[Array, ...]:
    zero = lambda one: jnp.zeros((), one.dtype)
    pairs = zip(tangents, like, strict=True)
    return tuple(jnp.broadcast_to(zero(one) if tangent is None else tangent, one.shape) for tangent, one in pairs)


def _times(operand: Carried, factor: Array) -> tuple[Slopes | None, Array | None]:
    slopes = None if operand.slopes is None else _each(lambda one: one * factor, operand.slopes)
    return slopes, None if operand.laplacian is None else operand.laplacian * factor


__all__ = ["FEW", "Carried", "carried"]
