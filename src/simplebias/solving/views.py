"""Functions on a domain as spectra: lattices over its bounding box, or lines along each input in many dimensions.

A view has places and, for values there, the power at wave vectors: all of them on a lattice (one to three inputs), the
component along the line on lines. Values are tapered, for their ends do not fit together. A function that cannot be had
outside of the domain is faded out towards the boundary instead.
"""

import functools
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError
from simplebias.core.types import Key
from simplebias.pde import Domain
from simplebias.pde.problems import Constant, at_points

LATTICE = {1: (4096, 16384), 2: (256, 1024), 3: (48, 96)}
"""Places along each input of a lattice, by the number of inputs: at first, and at most."""
LINES, ALONG, FARTHEST = 12, 256, 2048
"""In more dimensions, lines along each input, and places on a line at first and at most."""
WILD = 3.0
"""How many times larger than inside a function may be outside of the domain, to be used there."""
FADE = 0.15
"""Distance from the boundary, over the shortest side of the box, in which such a function is faded out."""


def hann(count: int) -> np.ndarray:
    """Hann's taper as weights that sum to one, periodic: a whole number of cycles has power at its neighbours only.

    Args:
        count: of places.

    Returns:
        `(count,)`.

    Example:
        >>> hann(4).tolist()
        [0.0, 0.25, 0.5, 0.25]
    """
    weights = np.hanning(count + 1)[:-1]
    return weights / weights.sum()


class View:
    """Places in the bounding box of a domain, and what their values look like by frequency.

    Args:
        domain: where.
        places: along each input, or along each line.
        key: random key of the lines in more than three dimensions.
    """

    def __init__(self, domain: Domain, places: int, *, key: Key):
        self.domain, self.places = domain, places
        self.low, high = (np.asarray(end, float) for end in domain.bounds)
        self.sides, self.inputs = high - self.low, len(self.low)
        self.on_lattice = self.inputs <= 3
        ticks = np.arange(places) / places
        if self.on_lattice:
            unit = np.stack(np.meshgrid(*[ticks] * self.inputs, indexing="ij"), axis=-1).reshape(-1, self.inputs)
            self.points = self.low + self.sides * unit
            self.shape: tuple[int, ...] = (places,) * self.inputs
        else:
            through = np.asarray(domain.sample(LINES * self.inputs, key=key), float)
            lines = np.repeat(through.reshape(self.inputs, LINES, 1, self.inputs), places, axis=2)
            for axis in range(self.inputs):
                lines[axis, ..., axis] = self.low[axis] + self.sides[axis] * ticks
            self.points, self.shape = lines.reshape(-1, self.inputs), (self.inputs, LINES, places)
        self.inside = domain.contains(self.points)

    @functools.cached_property
    def frequencies(self) -> list[np.ndarray]:
        """Frequencies along each input, from 0, cycles per unit."""
        return [np.arange(self.places // 2 + 1) / side for side in self.sides]

    @functools.cached_property
    def squares(self) -> np.ndarray:
        """`|ξ|²` of what `power` gives; on lines the square of the component along the line."""
        squares = [frequencies**2 for frequencies in self.frequencies]
        if not self.on_lattice:
            return np.stack(squares)
        return functools.reduce(lambda total, one: total[..., None] + one, squares)

    def power(self, values: np.ndarray) -> np.ndarray:
        """Power at wave vectors, of both signs along each input together; the mean is left out.

        Args:
            values: at the points, `(points,)`.

        Returns:
            In the shape of `squares`: on a lattice `(frequencies, …)`, one axis for each input, else `(inputs,
            frequencies)`, averaged over lines.
        """
        block, taper = (values - values.mean()).reshape(self.shape), hann(self.places)
        if not self.on_lattice:
            found = np.fft.rfft(_untrended(block) * taper, axis=2)
            return np.mean(np.abs(found) ** 2, axis=1)
        for axis in range(self.inputs):
            block = block * taper.reshape([-1 if other == axis else 1 for other in range(self.inputs)])
        found = np.abs(np.fft.rfftn(block)) ** 2
        for axis in range(self.inputs - 1):  # the last has one sign already
            half, found = self.places // 2, np.moveaxis(found, axis, 0)
            folded = found[: half + 1].copy()
            folded[1:half] += found[:half:-1]
            found = np.moveaxis(folded, 0, axis)
        return found

    def along(self, power: np.ndarray, axis: int) -> np.ndarray:
        """Power along one input, summed over the components along the others."""
        return power.sum(axis=tuple(other for other in range(self.inputs) if other != axis)) if self.on_lattice else (
            power[axis]
        )  # fmt: skip

    def unresolved(self, power: np.ndarray) -> float:
        """Share of the power in the upper half of the frequencies along any input."""
        total = power.sum()
        uppers = [self.along(power, axis)[self.places // 4 :].sum() for axis in range(self.inputs)]
        return float(max(uppers) / total) if total > 0 else 0.0

    def values(self, function: Callable, name: str) -> np.ndarray:
        """A function of one point at the points; where it cannot be had outside of the domain, faded out.

        Args:
            function: of one point, that gives one number.
            name: what to call it in an error.

        Returns:
            `(points,)`, in float64 on the host.

        Raises:
            InputError: for values inside the domain that are not finite.
        """
        found = evaluate(function, self.points)
        within, beyond = found[self.inside], found[~self.inside]
        if not np.isfinite(within).all():
            where = self.points[self.inside][np.flatnonzero(~np.isfinite(within))[0]]
            at = ", ".join(f"{number:.4g}" for number in where)
            raise InputError(
                f"a finite {name} in the domain", f"{found[self.inside][~np.isfinite(within)][0]} at ({at})",
                "Write it so that no point divides by zero, or take the point out of the domain.",
            )  # fmt: skip
        if not len(within):
            raise InputError("a domain with an interior that a lattice meets", "none", "Check its bounds and holes.")
        if np.isfinite(beyond).all() and (not len(beyond) or np.abs(beyond).max() <= WILD * np.abs(within).max()):
            return found
        mean = within.mean()
        return np.where(self.inside, (np.nan_to_num(found) - mean) * self._faded, 0.0) + mean

    @functools.cached_property
    def _faded(self) -> np.ndarray:
        depth = evaluate(self.domain.signed_distance, self.points) / (FADE * self.sides.min())
        return np.sin(0.5 * np.pi * np.clip(depth, 0, 1)) ** 2


def _untrended(lines: np.ndarray) -> np.ndarray:
    """Values on lines without their mean and their waves of half a cycle, which no spectrum of the line tells."""
    turn = np.pi * np.arange(lines.shape[-1]) / lines.shape[-1]
    base = np.linalg.qr(np.stack([np.ones_like(turn), np.sin(turn), np.cos(turn)], axis=1))[0]
    return lines - (lines @ base) @ base.T


def evaluate(function: Callable, points: np.ndarray) -> np.ndarray:
    """A function of one point at many points.

    Args:
        function: of one point, that gives one number.
        points: `(points, inputs)`.

    Returns:
        `(points,)`, in float64 on the host.
    """
    if isinstance(function, Constant):
        return np.full(len(points), function.value)
    return np.asarray(at_points(function, jnp.asarray(points, float)), float).reshape(-1)


def view_of(domain: Domain, needs: Callable[[View], np.ndarray], *, key: Key) -> tuple[View, np.ndarray]:
    """A view fine enough for a function, and the power it found.

    Args:
        domain: where.
        needs: the power of what is to be seen, in the shape of the view's `squares`.
        key: random key of the lines in more than three dimensions.

    Returns:
        The coarsest view that resolves it, or the finest there is.
    """
    places, most = LATTICE.get(len(domain.bounds[0]), (ALONG, FARTHEST))
    while True:
        view = View(domain, places, key=key)
        power = needs(view)
        if places >= most or view.unresolved(power) < 1e-4:
            return view, power
        places *= 2
