"""Which scales a network needs for an equation, before training and during it, by spectra of what is given.

What is given shows which frequencies the solution has, before anything is solved: the source through the operator, a
coefficient through the gradient it bends, the values on the boundary as they are, a wave number by itself.
"""

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from simplebias.core.errors import InputError, check_positive
from simplebias.core.keys import apart
from simplebias.core.types import FREQUENCY, INPUT, Key
from simplebias.frequency import ScaleAdvice
from simplebias.pde import Problem
from simplebias.solving.rings import Ring, around_boundary, peaked, stands_out
from simplebias.solving.spectrum import Spectrum
from simplebias.solving.views import View, evaluate, view_of

FEATURE_SHARE = 0.4
"""Std of Fourier features over the highest frequency, as in `simplebias.frequency.suggest_scales`."""
MINIMUM, SHARE = 0.01, 0.999
"""Least size that matters, and power that is held, unless others are asked for."""
JUMPS, JUMPS_SHARE = 0.2, 0.95
"""Least size that matters and most power that is held where coefficients jump: no number of scales reaches a jump."""
SAMPLES = 512
"""Points of the interior by which coefficients, gradients and residuals are measured."""


@dataclasses.dataclass(frozen=True, eq=False)
class TypicalOperator:
    """Typical sizes of the coefficients: `-∇·(diffusion ∇u) + reaction u`."""

    diffusion: float
    reaction: float
    wavenumber: float
    sides: np.ndarray

    def symbol(self, squares: np.ndarray) -> np.ndarray:
        """What the operator multiplies a wave of `|ξ|²` with, in modulus, no less than half a mode off resonance."""
        found = np.abs(self.diffusion * (2 * np.pi) ** 2 * squares + self.reaction)
        least = 0.5 * self.lowest if self.reaction >= 0 else math.sqrt(-self.reaction) * np.pi / self.sides.max()
        return np.maximum(found, least)

    @property
    def lowest(self) -> float:
        """What it multiplies the lowest mode of the box with."""
        return float(self.diffusion * np.sum((np.pi / self.sides) ** 2) + abs(self.reaction))


def problem_scales(
    problem: Problem,
    *,
    count: int | None = None,
    weight_std: float | int | None = None,
    minimum: float | int = MINIMUM,
    share: float | int = SHARE,
    key: Key,
) -> ScaleAdvice:
    """Frequencies that the solution of an equation must have, by what is given, and scales for them.

    For `-∇·(a∇u) + c u = f` with u = g on the boundary, waves of u are estimated by the size of their gradient,

        |2πξ û|  ≈  |2πξ f̂| / (ā|2πξ|² + c̄),     G |δâ| / ā,     U |2πξ δĉ| / (ā|2πξ|² + c̄),     |2πξ|^½ |ĝ|,

    from the source, the coefficients (G and U are the gradient and size of what the source and the boundary make
    alone) and the boundary, where g lives only near it. For one input `1/a` takes the place of a, for more its
    logarithm. A wave number or a reaction adds its own frequency. The spectra are taken on the bounding box: on a
    lattice for up to three inputs, on random lines through the domain along each input in more, where only the
    component along a line is seen. A source without variation asks for the lowest scale alone.

    Scales are `2/L, 4/L, …`, L the longest side: the smallest one at least `π|ξ| / weight_std` for each frequency of
    enough size, the others left out. Networks take scales for all inputs alike; `bandwidth` and `feature_std` tell
    inputs apart.

    Args:
        problem: what is to be solved.
        count: number of scales, in even steps of their logarithm; by default as many as there are octaves in use.
        weight_std: std of the first layer's weights that the scales multiply; `1/√inputs`, as by "lecun", by default.
        minimum: least size of a gradient that matters, over the largest, 0 to 1.
        share: share of the gradient's power that must be held, 0 to 1.
        key: random key of the points.

    Returns:
        The advice; `data["power"]` is that of the estimated gradient over `input` and `frequency`.

    Raises:
        InputError: for a source, coefficient or boundary that is not finite, or parameters out of range.

    References:
        Multi-scale networks of arXiv:2007.11207, coefficients `A(x/ε)` of arXiv:2009.14597; a residual that is looked
        at in between of arXiv:2410.00053.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from simplebias.pde import Box, Poisson
        >>> tones = lambda x: jnp.sin(2 * jnp.pi * x[0]) + 62.5 * jnp.sin(50 * jnp.pi * x[0])
        >>> advice = problem_scales(Poisson(Box(0, 1), tones), key=jax.random.key(0))
        >>> advice.bandwidth.tolist(), advice.scales
        ([25.0], (2.0, 4.0, 128.0))
    """
    check_positive(minimum, "minimum")
    check_positive(share, "share")
    if minimum > 1 or share > 1:
        raise InputError("minimum and share up to 1", f"minimum={minimum}, share={share}")
    return _advise(*_look(problem, key), count, weight_std, minimum, share)


def scales_and_spectrum(problem: Problem, *, key: Key) -> tuple[ScaleAdvice, Spectrum | None]:
    """The advice of `problem_scales` by its defaults, and the waves it comes from where their vectors are known.

    Args:
        problem: what is to be solved.
        key: random key of the points.

    Returns:
        Both; None in place of the waves for more than three inputs.

    Raises:
        InputError: for a source, coefficient or boundary that is not finite.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from simplebias.pde import Box, Poisson
        >>> wave = Poisson(Box((0, 0), (1, 1)), lambda x: jnp.sin(6 * jnp.pi * x[0]) * jnp.sin(8 * jnp.pi * x[1]))
        >>> _, waves = scales_and_spectrum(wave, key=jax.random.key(0))
        >>> waves.vectors[waves.power.argmax()].tolist(), waves.share
        ([3.0, 4.0], 1.0)
    """
    seen, edge = _look(problem, key)
    return _advise(seen, edge, None, None, MINIMUM, SHARE), _spectrum(seen, edge)


def scales_for(problem: Problem, *, count: int | None = None, key: Key, **options: Any) -> tuple[float, ...]:
    """Scales of a multi-scale network for an equation.

    Args:
        problem: what is to be solved.
        count: number of scales; by default as many as there are octaves in use.
        key: random key of the points.
        options: further ones of `problem_scales`.

    Returns:
        The scales, rising, in inverse units of the input.

    Raises:
        InputError: as `problem_scales`.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from simplebias.pde import Box, Poisson
        >>> wave = Poisson(Box(0, 1), lambda x: jnp.sin(20 * jnp.pi * x[0]))
        >>> scales_for(wave, key=jax.random.key(0)), scales_for(wave, count=3, key=jax.random.key(0))
        ((2.0, 32.0), (2.0, 8.0, 32.0))
    """
    return problem_scales(problem, count=count, key=key, **options).scales


class _Seen:
    """The gradient of the solution by frequency, as the source and the coefficients let expect it.

    Args:
        problem: what is to be solved.
        key: random key of the points.
    """

    def __init__(self, problem: Problem, *, key: Key):
        self.problem, self.operator = problem, typical_operator(problem, key=key)
        self.inner = np.asarray(problem.domain.sample(SAMPLES, key=key), float)
        source = np.asarray(problem.source_values(self.inner), float)
        held = np.asarray(problem.boundary_values(problem.domain.sample_boundary(64, key=key).points), float)
        sides = self.operator.sides
        self.size = abs(source.mean()) / self.operator.lowest + abs(held.mean())
        self.least = (np.pi / sides.max()) * (abs(source.mean()) / self.operator.lowest + float(np.ptp(held)))
        self.view, self.power = view_of(problem.domain, self._power, key=key)

    def _power(self, view: View) -> np.ndarray:
        """Power of the gradient, from the source and then from each coefficient."""
        angular, symbol = (2 * np.pi) ** 2 * view.squares, self.operator.symbol(view.squares)
        source = view.power(view.values(self.problem.source, "source"))
        power = source * angular / symbol**2
        gradient = math.sqrt(power.sum() + self.least**2)
        size = math.sqrt(np.sum(source / symbol**2) + self.size**2)
        for name, values in self._coefficients(view):
            if name == "reaction":
                power = power + size**2 * view.power(values) * angular / symbol**2
            else:
                power = power + gradient**2 * view.power(values)
        self.gradient = math.sqrt(power.sum() + self.least**2)
        return power

    def _coefficients(self, view: View) -> Iterator[tuple[str, np.ndarray]]:
        """Coefficients that vary, the diffusion as what the gradient is proportional to."""
        for name in ("diffusion", "reaction"):
            field = getattr(self.problem, name, None)
            if field is None:
                continue
            values = view.values(field, name)
            if np.ptp(values) <= 1e-5 * np.abs(values).max():
                continue
            if name == "diffusion":
                positive = np.maximum(values, 1e-9 * np.abs(values).max())
                values = positive.mean() / positive if view.inputs == 1 else np.log(positive)
                values = values / (np.mean(values) if view.inputs == 1 else 1.0)
            yield name, values


def _look(problem: Problem, key: Key) -> tuple[_Seen, list[Ring]]:
    """What is seen inside, and around the boundary."""
    place, around = apart(key, 2)
    return _Seen(problem, key=place), around_boundary(problem, key=around)


def _notes(seen: _Seen) -> list[str]:
    """What the view cannot tell."""
    notes = []
    if seen.view.unresolved(seen.power) > 1e-3:
        highest = min(frequencies[-1] for frequencies in seen.view.frequencies) / 2
        notes.append(f"The source or a coefficient has detail beyond {highest:.3g} cycles per unit, or jumps.")
    if not seen.view.on_lattice:
        notes.append("By lines along each input: frequencies along them, of several together less than their size.")
    return notes


def typical_operator(problem: Problem, *, key: Key) -> TypicalOperator:
    """Typical coefficients: the diffusion by its geometric mean, the reaction by its mean."""
    inner = np.asarray(problem.domain.sample(SAMPLES, key=key), float)
    low, high = problem.domain.bounds
    diffusion, reaction = getattr(problem, "diffusion", None), getattr(problem, "reaction", None)
    around = 1.0 if diffusion is None else float(np.exp(np.mean(np.log(np.abs(evaluate(diffusion, inner)) + 1e-30))))
    held = 0.0 if reaction is None else float(evaluate(reaction, inner).mean())
    return TypicalOperator(around, held, math.sqrt(abs(held) / around), np.asarray(high - low, float))


def _advise(
    seen: _Seen,
    edge: list[Ring],
    count: int | None,
    weight_std: float | int | None,
    minimum: float,
    share: float,
) -> ScaleAdvice:
    """What is large enough, along each input and in all, and the scales for it."""
    view, operator, notes = seen.view, seen.operator, _notes(seen)
    if not seen.problem.smooth:
        minimum, share = max(minimum, JUMPS), min(share, JUMPS_SHARE)
    radii, found = radial_power(view, seen.power)
    largest = max(found.max(initial=0.0), *(ring.power.max(initial=0.0) for ring in edge), seen.least**2)
    nothing = largest == 0
    if nothing:
        notes.append("Neither a source nor values on the boundary: the solution is zero.")
    least = minimum**2 * largest
    matter = peaked(radii, found, least)
    caps, cap = _caps(seen, least)
    waves = [(peaked(ring.frequencies, ring.power, least), ring.tangent) for ring in edge]
    rings = [(np.minimum(found, cap), np.minimum(found[:, None] * along, caps)) for found, along in waves]
    # a reaction makes layers, or waves, of its own length
    layer = operator.wavenumber / (2 * np.pi) if not nothing else 0.0
    bandwidth = np.zeros(view.inputs)
    for axis, frequencies in enumerate(view.frequencies):
        power = view.along(seen.power, axis)
        large = np.concatenate([peaked(frequencies, power, least), *(along[:, axis] for _, along in rings)])
        sharp = np.where(stands_out(power, 0.0), power, 0.0)
        held = frequencies[min(np.searchsorted(np.cumsum(sharp), share * sharp.sum()), len(power) - 1)]
        held = held if sharp.sum() > largest * (1 - share) else 0.0
        lowest = 0.0 if nothing else 0.5 / view.sides[axis]
        bandwidth[axis] = max(large.max(initial=0.0), held, layer, lowest)
    every = np.concatenate([
        matter,
        *(found for found, _ in rings),
        [layer],
        [] if view.on_lattice else [np.linalg.norm(bandwidth)],
    ])
    every = np.append(every, bandwidth.max())
    std = first_layer_std(weight_std, view.inputs)
    scales = octaves(every, view.sides, std) if count is None else _even(every, view.sides, std, count)
    return ScaleAdvice(bandwidth, 0.0, scales, FEATURE_SHARE * bandwidth, _data(view, seen.power), tuple(notes))


def _spectrum(seen: _Seen, edge: list[Ring]) -> Spectrum | None:
    """Waves on the lattice, and their share of all that is known of the gradient."""
    view = seen.view
    if not view.on_lattice:
        return None
    vectors = np.stack(np.meshgrid(*view.frequencies, indexing="ij"), axis=-1).reshape(-1, view.inputs)
    inside, around = float(seen.power.sum()), float(sum(ring.power.sum() for ring in edge))
    return Spectrum(vectors, seen.power.ravel(), inside / (inside + around) if inside else 0.0)


def _caps(seen: _Seen, least: float) -> tuple[np.ndarray, float]:
    """Highest frequencies of the boundary's function where it can be had all over the box, along inputs and in all.

    Along a short curve the same function has frequencies of the curve besides its own.

    Returns:
        `(inputs,)`, and one number; infinite where nothing is known.
    """
    view, none = seen.view, (np.full(seen.view.inputs, np.inf), np.inf)
    if not view.on_lattice:
        return none
    try:
        values = view.values(seen.problem.boundary, "boundary")
    except InputError:  # it is asked for on the boundary alone
        return none
    power = view.power(values) * 2 * np.pi * np.sqrt(view.squares) / view.sides.max()
    along = [peaked(each, view.along(power, axis), least) for axis, each in enumerate(view.frequencies)]
    highest = np.array([found.max(initial=0.5 / side) for found, side in zip(along, view.sides, strict=True)])
    return highest, float(peaked(*radial_power(view, power), least).max(initial=highest.max()))


def radial_power(view: View, power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Power over `|ξ|`, in steps of the finest frequency."""
    step = min(frequencies[1] for frequencies in view.frequencies)
    shells = np.rint(np.sqrt(view.squares) / step).astype(int).ravel()
    found = np.bincount(shells, power.ravel())
    return step * np.arange(len(found)), found


def first_layer_std(weight_std: float | int | None, inputs: int) -> float:
    """The std of the first layer's weights, `1/√inputs` by default."""
    if weight_std is not None:
        check_positive(weight_std, "weight_std")
    return float(weight_std or 1 / math.sqrt(inputs))


def octaves(frequencies: np.ndarray, sides: np.ndarray, std: float) -> tuple[float, ...]:
    """The lowest scale, and of its doublings those that some frequency needs."""
    longest, reach = sides.max(), np.pi * frequencies[frequencies > 0] / std
    powers = np.unique([0, *np.maximum(np.ceil(np.log2(reach * longest / 2) - 1e-9), 0).astype(int)])
    return tuple(float(f"{2.0 ** (1 + power) / longest:.3g}") for power in powers.tolist())


def _even(frequencies: np.ndarray, sides: np.ndarray, std: float, count: int) -> tuple[float, ...]:
    """So many scales, from the lowest to the highest that is needed, or up from the lowest by doubling."""
    check_positive(count, "count", integer=True)
    found = octaves(frequencies, sides, std)
    low, high = found[0], found[-1]
    top = high if high > low or count == 1 else low * 2.0 ** (count - 1)
    return (float(f"{top:.3g}"),) if count == 1 else spread(low, top, count)


def spread(low: float, high: float, count: int) -> tuple[float, ...]:
    """So many scales from one to another, each the same number of times the one before.

    Args:
        low: the lowest.
        high: the highest.
        count: how many.

    Returns:
        The scales, to three digits.

    Example:
        >>> spread(2.0, 32.0, 3)
        (2.0, 8.0, 32.0)
    """
    return tuple(float(f"{one:.3g}") for one in np.geomspace(low, high, count).tolist())


def _data(view: View, power: np.ndarray) -> xr.Dataset:
    every = np.unique(np.concatenate([frequencies[1:] for frequencies in view.frequencies]))
    table = np.full((view.inputs, len(every)), np.nan)
    for axis, frequencies in enumerate(view.frequencies):
        table[axis, np.searchsorted(every, frequencies[1:])] = view.along(power, axis)[1:]
    found = xr.DataArray(table, {INPUT: np.arange(view.inputs), FREQUENCY: every}, (INPUT, FREQUENCY))
    found.attrs = {"description": "Power of the solution's gradient along each input, estimated"}
    found[FREQUENCY].attrs["units"] = "cycles per unit"
    return xr.Dataset({"power": found})
