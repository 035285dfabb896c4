"""The common experiment on Poisson's equation: a network with a hard boundary, one of three losses, sine by sine."""

from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr

from simplebias.claims.experiment import SEEDS, output_measure, run_ensemble
from simplebias.core.schedule import every, log_steps
from simplebias.core.snapshot import Record
from simplebias.core.task import Regression, Task
from simplebias.core.types import FREQUENCY, INPUT, OUTPUT, POINT, Key, Network, Point, Scalar
from simplebias.networks import MLP, sine
from simplebias.pde import (
    Box,
    HardBoundary,
    Lattice,
    Poisson,
    Residual,
    Ritz,
    poisson_tones,
    sine_coefficients,
    sine_error_measure,
)

MODES = (2, 4, 6, 8, 16)
"""Sine modes looked at: those in which the solution has power."""
TURN_MODES = (2, 10, 40)
"""Modes of the experiment in which the order turns round."""
TURN_STD = 30.0
"""Std of the angular frequencies in its hidden layer; the modes have 3.1, 16 and 63."""
DATA, RITZ, RESIDUAL = "values", "Ritz energy", "squared residual"
"""What is minimised, with no, one and two derivatives."""
NETWORK = "1-200-100-100-1 tanh (LeCun initialisation), multiplied by 1 − x²"


def solve_tones(
    loss: str, *, intervals: int, steps: int, seeds: Sequence[int] = SEEDS, interval: int = 5, views: int = 32
) -> xr.Dataset:
    """Train networks on the four tones of 1901.06523 and follow the error of each sine mode.

    Args:
        loss: `DATA`, `RITZ` or `RESIDUAL`.
        intervals: of the lattice, whose interior points are trained on.
        steps: of Adam at 1e-3 on the full batch.
        seeds: a network each.
        interval: steps between two records of the relative error.
        views: about how many looks at the output.

    Returns:
        `relative_error` and `outputs` over seeds and records, beside points and target.
    """
    return _solve(loss, poisson_tones(), MODES, _network, optax.adam(1e-3), (intervals, steps, seeds, interval, views))


def turn_order(loss: str, *, rate: float, steps: int, seeds: Sequence[int] = SEEDS) -> xr.Dataset:
    """Train networks with fast sines in their one hidden layer on three equal tones, by plain gradient descent.

    Args:
        loss: `DATA` or `RESIDUAL`.
        rate: learning rate.
        steps: on the full batch.
        seeds: a network each.

    Returns:
        As `solve_tones`, for sine modes 2, 10 and 40.
    """
    box = Box(-1, 1)
    problem = Poisson(box, lambda x: _equal(x, 2), exact=lambda x: _equal(x, 0))
    fast = sine(frequency=TURN_STD).name
    make = lambda key: HardBoundary(MLP(1, 1, (400,), activation=fast, key=key), box)
    return _solve(loss, problem, TURN_MODES, make, optax.sgd(rate), (200, steps, seeds, 5, 32))


def _equal(point: Point, order: int) -> Scalar:
    """`Σ_k sin(kπ(x + 1)/2)`, each term times its angular frequency to a power."""
    turns = jnp.asarray(TURN_MODES, point.dtype) * np.pi / 2
    return jnp.sum(turns**order * jnp.sin(turns * (point[0] + 1)))


def _solve(
    loss: str,
    problem: Poisson,
    modes: tuple[int, ...],
    make: Callable[[Key], Network],
    optimiser: optax.GradientTransformation,
    sizes: tuple[int, int, Sequence[int], int, int],
) -> xr.Dataset:
    intervals, steps, seeds, interval, views = sizes
    lattice = Lattice(problem.box, intervals)
    points, target = lattice.points, np.asarray(problem.exact_values(lattice.points))
    tasks: dict[str, Task] = {
        DATA: Regression(points, target),
        RITZ: Ritz(problem, points, boundary="hard"),
        RESIDUAL: Residual(problem, points, boundary="hard"),
    }
    measures = {
        "relative_error": Record(sine_error_measure(lattice, target, modes), at=every(interval)),
        "outputs": Record(output_measure(), at=log_steps(views)),
    }
    amplitudes = np.asarray(sine_coefficients(target[:, 0]))[np.array(modes) - 1]
    constants = xr.Dataset(
        {"points": ((POINT, INPUT), points), "target": ((POINT, OUTPUT), target, {"description": "exact solution"})},
        coords={
            OUTPUT: ["u"],
            INPUT: ["x"],
            "input_unit": (INPUT, [""]),
            FREQUENCY: (FREQUENCY, lattice.frequencies(np.array(modes)), {"units": "cycles per unit"}),
            "power": (FREQUENCY, amplitudes**2, {"description": "power of the solution"}),
        },
    )
    done = run_ensemble(
        make,
        tasks[loss],
        updater=optimiser,
        steps=steps,
        measures=measures,
        seeds=seeds,
        constants=constants,
        points=points,
    )
    return done.data


def mode_error(data: xr.Dataset, k: int) -> xr.DataArray:
    """Relative error of sine mode k on (-1, 1), of frequency k / 4."""
    return data["relative_error"].sel({FREQUENCY: k / 4}, method="nearest")


def _network(key: Key) -> Network:
    return HardBoundary(MLP(1, 1, (200, 100, 100), activation="tanh", key=key), poisson_tones().domain)
