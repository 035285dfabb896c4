"""What `solve` decides where the user leaves it open: the loss, how the boundary is met, points, and the network."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, check_choice, check_positive
from simplebias.core.keys import apart
from simplebias.core.snapshot import count_parameters
from simplebias.core.task import Task
from simplebias.core.types import Key, Network, Point, Points, Scalar
from simplebias.frequency import ScaleAdvice
from simplebias.pde import Ball, Box, HardBoundary, Lattice, Problem, Residual, Ritz, graded_points
from simplebias.pde.collocation import check_linear
from simplebias.pde.last_layer import find_last_layer
from simplebias.solving.interfaces import DISTANCES, Interface, Kinked, find_interface
from simplebias.solving.networks import NETWORKS, default_parameters, small_network
from simplebias.solving.scales import scales_and_spectrum, spread
from simplebias.solving.sources import finer_than_source, near_source, sizes
from simplebias.solving.spectrum import Spectrum

LOSSES = ("auto", "residual", "ritz")
BOUNDARIES = ("auto", "hard", "penalty", "nitsche")
METHODS = ("auto", "gauss-newton", "adam", "both")
STAGES = ("adam", "gauss-newton", "last-layer")
"""Stages of a training in their order; a method is one of the first two, or both."""
LARGEST = 4000
"""Parameters up to which a matrix of all of them is made."""
INSIDE, EDGE = 2.6, 0.5
"""Points inside and on the boundary for each parameter."""
ENERGY_POINTS = 8
"""Points inside for each parameter where an energy is an integral over them."""
GRADED = 32
"""The same, where they are dense near a concentrated source."""
FINER = 1.7
"""Points of the rule that tells when an energy begins to fit its points, over those of the training."""
PEAK = 30.0
"""Mean fourth power of a source, over its mean square squared, above which points are drawn near it; sines: 1.5."""
KINKED, KINKED_POINTS = 400, 20
"""Parameters of a network with a kink, and points for each: the hardest is known already."""
FEW = 600
"""Parameters where points are many for each."""
FEWEST = 4
"""Scales where there are several: between far ones some help to train."""
LEFT_OUT = 2
"""Highest scales that are left out where an energy is of a concentrated source: the second layer makes what little of
them there is, and given from the start they lower the energy between the points, where it is not counted."""
NITSCHE = 8.0
"""β of Nitsche's term, over the highest angular frequency of the scales."""


@dataclasses.dataclass(frozen=True)
class Choices:
    """All that a training needs, and why it is as it is.

    Args:
        problem: what is solved.
        solution: a network, or one made to meet the boundary values.
        loss: `residual` or `ritz`.
        boundary: `hard`, `penalty` or `nitsche`.
        method: `gauss-newton`, `adam` or `both`.
        last_layer: whether the last layer is solved for in the end.
        scales: of the network.
        size: mean square of the source, or of the values on the boundary, by which a residual is measured.
        peaked: whether the source is so concentrated that even points would miss it.
        description: of the network, as plain data; empty for one that was given.
    """

    problem: Problem
    solution: Network
    loss: str
    boundary: str
    method: str
    last_layer: bool
    scales: tuple[float, ...]
    size: float
    peaked: bool
    description: dict[str, Any]

    @property
    def parameters(self) -> int:
        """How many numbers are trained."""
        return count_parameters(self.solution)

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages of the method, in their order."""
        trained = STAGES[:2] if self.method == "both" else (self.method,)
        return (*trained, "last-layer") if self.last_layer else trained

    def task(self, points: int | None, *, key: Key, resample: bool = False) -> Task:
        """The loss at points: the same in every step, or others.

        Args:
            points: inside; by default as many as the parameters ask for.
            key: random key of the points.
            resample: whether each step has others.

        Returns:
            The task.
        """
        if self.loss == "ritz":
            return self._energy(points, key, resample)
        count = max(int(INSIDE * self.parameters), 256) if points is None else points
        options: dict[str, Any] = {"boundary": self.boundary, "key": key, "resample": resample}
        if self.boundary != "hard":
            options["boundary_count"] = max(int(EDGE / INSIDE * count), 64)
        if self.peaked and not resample:
            return Residual(self.problem, near_source(self.problem, count, key=key), **options)
        return Residual(self.problem, count=count, **options)

    def validation(self, points: int | None, *, key: Key) -> Task | None:
        """The energy by other points, where it is one that the points of the training could be made to underestimate.

        Args:
            points: inside, of the training.
            key: random key of the points.

        Returns:
            The task; None where the loss is a residual, which is seen to be small or not.
        """
        if self.loss != "ritz":
            return None
        return self._energy(int(FINER * self._energy_count(points)), key, False)

    def _energy_count(self, points: int | None) -> int:
        if points is not None:
            return points
        each = KINKED_POINTS if self._kinked else GRADED if self._graded else ENERGY_POINTS
        return max(each * self.parameters, 2048)

    @property
    def _graded(self) -> bool:
        """Whether points are to be dense near the source."""
        return (self.peaked or self._kinked) and self.problem.domain.inputs <= 3

    @property
    def _kinked(self) -> bool:
        """Whether the network has the kinks of a solution where a coefficient jumps."""
        inner = self.solution.network if isinstance(self.solution, HardBoundary) else self.solution
        return isinstance(inner, Kinked)

    def _energy(self, points: int | None, key: Key, resample: bool) -> Ritz:
        domain = self.problem.domain
        count = self._energy_count(points)
        options: dict[str, Any] = {"boundary": self.boundary, "key": key}
        if self.boundary != "hard":
            options["boundary_count"] = max(count // 8, 64)
            highest = 2 * np.pi * max(self.scales, default=1.0)
            options["boundary_weight"] = NITSCHE * highest if self.boundary == "nitsche" else 1e3
        if self._graded and not resample:
            jumps = (self.problem.source, self.problem.diffusion) if self._kinked else ()  # pyright: ignore
            places, weights = graded_points(
                domain, self.problem.source, count, jumps=jumps, key=key if self._kinked else None
            )
            return Ritz(self.problem, places, weights=weights, **options)
        if isinstance(domain, Box) and domain.inputs <= 2 and not resample:
            return Ritz(self.problem, _midpoints(domain, count), **options)
        return Ritz(self.problem, count=count, resample=resample, **options)


def choose(
    problem: Problem,
    *,
    network: str | Network | None,
    parameters: int | None,
    scales: Any,
    loss: str,
    boundary: str,
    method: str,
    last_layer: bool = False,
    key: Key,
) -> Choices:
    """Decide what is left open.

    Args:
        problem: what is solved.
        network: `multi-scale`, `plain`, or a network of the user's own.
        parameters: about how many.
        scales: `auto`, or numbers.
        loss: `auto`, `residual` or `ritz`.
        boundary: `auto`, `hard`, `penalty` or `nitsche`.
        method: `auto`, `gauss-newton`, `adam` or `both`.
        last_layer: whether to solve for the last layer in the end.
        key: random key of the network.

    Returns:
        The choices.

    Raises:
        InputError: for names that are none, and combinations that do not go together.
    """
    for value, name, known in ((loss, "loss", LOSSES), (boundary, "boundary", BOUNDARIES), (method, "method", METHODS)):
        check_choice(value, name, known)
    drawn, placed = apart(key, 2)
    square, held, peak = sizes(problem, key=placed)
    peaked = peak > PEAK
    fine = loss == "auto" and not last_layer and finer_than_source(problem, key=placed)
    loss = _loss(problem, peaked or fine) if loss == "auto" else loss
    boundary = _boundary(problem, loss, held, peaked) if boundary == "auto" else boundary
    if loss == "residual" and boundary == "nitsche":
        raise InputError(
            "boundary='penalty' or 'hard' with loss='residual'", "'nitsche'", "Nitsche's is for loss='ritz'."
        )
    if last_layer:
        _check_last_layer(problem, loss)
    found, advice, spectrum = _scales(problem, scales, placed)
    if advice is not None and loss == "ritz" and peaked and len(found) >= FEWEST + LEFT_OUT:
        found = found[:-LEFT_OUT]
    surface = find_interface(problem, key=jax.random.key(0)) if loss == "ritz" else None
    if parameters is None and (network is None or isinstance(network, str)):
        parameters = KINKED if surface else _parameters(problem, loss == "ritz" and (peaked or fine), advice)
    made, description = _network(problem, network, parameters, found, None if surface else spectrum, surface, drawn)
    solution = _hard(made, problem) if boundary == "hard" else made
    if last_layer:
        find_last_layer(solution)  # a network without one is refused before it is trained
    if method == "auto":
        method = "gauss-newton" if count_parameters(solution) <= LARGEST else "adam"
    return Choices(
        problem, solution, loss, boundary, method, last_layer, found, square or held or 1.0, peaked, description
    )


def _check_last_layer(problem: Problem, loss: str) -> None:
    """Least squares are of the residual, and at once for equations that are linear."""
    check_linear(problem, "last_layer=True")
    if loss != "residual":
        raise InputError("loss='residual' with last_layer=True", repr(loss), "Least squares minimise the residual.")


def _loss(problem: Problem, blind: bool) -> str:
    """The residual where it is linear, everywhere defined and not blind to most of the solution, else the energy."""
    # The square of a residual sees little but a concentrated source; the solution needs the rest as well.
    if blind and problem.has_energy and problem.domain.inputs <= 3:
        return "ritz"
    if problem.smooth and (problem.linear or not problem.has_energy):
        return "residual"
    if not problem.has_energy:
        raise InputError("a problem with an energy or with smooth coefficients", problem.name, "Smooth the jumps.")
    return "ritz"


def _boundary(problem: Problem, loss: str, held: float, peaked: bool) -> str:
    """Hard where a smooth function vanishes on the boundary and the values are zero, or are two numbers."""
    domain = problem.domain
    if domain.inputs == 1 and isinstance(domain, Box):
        return "hard"
    if held == 0 and loss == "ritz" and peaked and domain.inputs <= 3:
        return "hard"  # one derivative is asked of the smooth distance, which may have corners
    if held == 0 and (isinstance(domain, Ball) or (isinstance(domain, Box) and domain.inputs <= 3)):
        return "hard"
    return "penalty" if loss == "residual" else "nitsche"


def _hard(network: Network, problem: Problem) -> HardBoundary:
    if isinstance(network, HardBoundary):
        return network
    domain = problem.domain
    if domain.inputs == 1 and isinstance(domain, Box):
        return HardBoundary(network, domain, lift=Line(problem))
    edge = problem.boundary_values(domain.sample_boundary(256, key=jax.random.key(0)).points)
    if np.any(np.asarray(edge) != 0):
        raise InputError(
            "values of zero on the boundary for boundary='hard'",
            "others",
            "Take 'penalty', or give a HardBoundary with lift=.",
        )
    return HardBoundary(network, domain)


@dataclasses.dataclass(frozen=True)
class Line:
    """The straight line between the two boundary values of an interval.

    Args:
        problem: on an interval.
    """

    problem: Problem

    def __call__(self, point: Point) -> Scalar:
        """Its value at one point."""
        (low,), (high,) = self.problem.box.low, self.problem.box.high
        place = (point[0] - low) / (high - low)
        ends = [self.problem.boundary(jnp.array([end], point.dtype)) for end in (low, high)]
        return (1 - place) * ends[0] + place * ends[1]


def _scales(problem: Problem, scales: Any, key: Key) -> tuple[tuple[float, ...], ScaleAdvice | None, Spectrum | None]:
    """Scales, and what they were found from, where they were not given."""
    if isinstance(scales, str):
        check_choice(scales, "scales", ("auto",))
        advice, spectrum = scales_and_spectrum(problem, key=key)
        found = advice.scales
        return spread(found[0], found[-1], FEWEST) if 1 < len(found) < FEWEST else found, advice, spectrum
    found = tuple(float(one) for one in np.atleast_1d(np.asarray(scales, float)))
    if not all(np.isfinite(one) and one > 0 for one in found):
        raise InputError("scales='auto' or numbers above zero", repr(scales))
    return found, None, None


def _parameters(problem: Problem, few: bool, advice: ScaleAdvice | None) -> int:
    low, high = problem.domain.bounds
    found = default_parameters(problem.domain.inputs, None if advice is None else advice.bandwidth, high - low)
    return min(found, FEW) if few else found


def _network(
    problem: Problem,
    network: Any,
    parameters: int | None,
    scales: tuple[float, ...],
    spectrum: Spectrum | None,
    surface: Interface | None,
    key: Key,
) -> tuple[Network, dict[str, Any]]:
    if network is not None and not isinstance(network, str):
        if not callable(network):
            raise InputError(f"a network, or one of {NETWORKS}", repr(network))
        if parameters is not None:
            raise InputError("no parameters= beside a network", repr(parameters), "Its size is its own.")
        return network, {}
    if parameters is not None:
        check_positive(parameters, "parameters", integer=True)
    kind = network or "multi-scale"
    options = {"kind": kind, "parameters": parameters}
    inputs = problem.domain.inputs + (0 if surface is None else DISTANCES)
    made = small_network(inputs, scales, spectrum=spectrum, key=key, **options)
    if surface is not None:
        made = Kinked(made, surface)
    return made, options | {"inputs": problem.domain.inputs, "scales": list(scales)}


def _midpoints(box: Box, count: int) -> Points:
    """Centres of even cells: as a mean of a smooth function the error falls with the square of their size."""
    cells = max(int(np.ceil(count ** (1 / box.inputs))), 2)
    fine = Lattice(box, 2 * cells).ticks
    along = [tick[1::2] for tick in fine]
    return jnp.asarray(np.stack(np.meshgrid(*along, indexing="ij"), axis=-1).reshape(-1, box.inputs), dtype=float)
